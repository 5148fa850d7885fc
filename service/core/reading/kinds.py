"""What is this incoming message? Small named rules in a fixed order; the first that answers decides and says why."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from service.core.reading import absences, bounces, calendar, replies, reports, wishes
from service.core.reading.ours import Ours
from service.core.reading.parsing import Message
from service.core.vocabulary import InboundKind


@dataclass(frozen=True, slots=True)
class Recognised:
    """The kind of a message and the reason that staff read, one French line."""

    kind: InboundKind
    reason: str


_SUBJECT_TAGS = r"^\s*(?:\[[^\]]{1,40}\]\s*)*"
_AUTOMATIC_SUBJECT = re.compile(
    _SUBJECT_TAGS
    + r"(?:auto(?:matic)?[ :-]*(?:reply|response|antwort|réponse)|\[?ooo\]?(?=\W)|notification automatique"
    r"|accusé de réception automatique"
    r"|auto(?:matische)?[ -]?antwort"
    r"|réponse auto(?:matique)?(?: à votre (?:message|mail|e-?mail|courriel|demande))?|reponse automatique"
    r"|message automatique|répondeur|rép\.? auto|absence du bureau|absent(?:\(e\)|·e|\.e|-e|e)? du bureau|(?:message|notification|avis|réponse) d.absence"
    r"|out of (?:the )?office|away from (?:my )?(?:desk|office|mail)|on vacation|vacation (?:reply|message)|abwesen(?:heits\w*|d|heit)"
    r"|außer haus|nicht im büro|respuesta automática|fuera de (?:la )?oficina|risposta automatica|fuori sede"
    r"|resposta automática|automatisch antwoord|afwezig\w*|automatiskt svar|autosvar|automaattinen vastaus"
    r"|automatyczna odpowiedź|автоответ)\s*(?:[:\-–—(\[!]|$|re\b|r[ée]\b)",
    re.IGNORECASE,
)
# By the form of their names: each program has its own. X-Auto-Response-Suppress is a wish, and people's mail has it.
_AUTOMATIC_HEADER = re.compile(
    r"x-(?:.{1,30}-)?auto-?(?:repl(?:y|ied)|respon(?:d|se|ders?)|generated|answer)(?:-(?!suppress).{1,30})?|x-(?:.{1,30}-)?vacation(?:-.{1,30})?"
    r"|x-fc-machinegenerated|x-cron-env|x-ms-exchange-generated-message-source"
)
_NOBODY = re.compile(
    r"(?:no.?reply|do.?not.?reply|donot.?reply|ne.?pas.?repondre|pas.?de.?reponse|mailer.?daemon|postmaster)(?:[+._-].*)?"
)
_SAYS_AUTOMATIC = re.compile(
    r"^\W*(?:ceci est un[e]? (?:réponse|message|e-?mail|courriel|mail)(?: envoyée?)? automatique|this is an auto(?:matic|mated)"
    r"|(?:ce|cet) (?:message|e-?mail|courriel) (?:est|a été) (?:envoyé|généré) automatiquement)",
    re.IGNORECASE | re.MULTILINE,
)
_READ_SUBJECT = re.compile(
    r"^(?:(?:non )?lu|(?:not )?read|(?:un)?gelesen|leído|letto|gelezen|accusé de (?:lecture|réception)|read receipt|return receipt)\s*[(:]",
    re.IGNORECASE,
)
# A person who has read something does not begin like that.
_OF_OUR_MAIL = re.compile(
    r"\W*(?:(?:votre|your|ihre|uw|su|il suo) (?:message|document|courriel|e-?mail|mail|nachricht|mensaje|messaggio|bericht)\b"
    r"|(?:le message|the message|c.est un accusé|ceci est un accusé|this is a (?:return|read) receipt|accusé de)\b)",
    re.IGNORECASE,
)
_SAYS_READ = re.compile(
    r"\ba été (?:lu|affiché|ouvert)|supprimé sans (?:être|avoir été) lu|deleted without being read"
    r"|was received by:|was (?:read|displayed)|has been (?:read|displayed)|wurde gelesen",
    re.IGNORECASE,
)
_Rule = Callable[[Message, Ours], Recognised | None]


def recognise(message: Message, ours: Ours) -> Recognised:
    """Gives the kind of a message by the first rule that knows it; whatever no rule knows is a question."""
    for rule in _RULES:
        recognised = rule(message, ours)
        if recognised is not None:
            return recognised
    return Recognised(InboundKind.QUESTION, "Message écrit par une personne.")


def _own(message: Message, ours: Ours) -> Recognised | None:
    """Our own mail, or a copy of it that comes back; a report about it is none."""
    if message.report_type or _is_mail_daemon(message):
        return None
    if message.from_address in ours.addresses:
        return Recognised(InboundKind.OWN, "Envoyé depuis une adresse de la coopérative.")
    sent_by_us = message.message_id.rstrip(">").rpartition("@")[2].lower() in ours.domains
    machine_made = message.headers.header("list-id") or message.headers.header("x-auto-response-suppress")
    if sent_by_us and machine_made:
        return Recognised(InboundKind.OWN, "Un de nos messages nous est revenu.")
    return None


def _complaint(message: Message, ours: Ours) -> Recognised | None:
    """RFC 5965, and Microsoft's older form."""
    if not reports.is_complaint(message):
        return None
    named = next(iter(reports.complained_about(message)), "")
    who = f"le destinataire ({named})" if named else "le destinataire"
    return Recognised(InboundKind.COMPLAINT, f"Signalé comme indésirable par {who}, transmis par sa messagerie.")


def _delivery(message: Message, ours: Ours) -> Recognised | None:
    """RFC 3464, then what is known of mail systems that send no report.

    A mail that is delayed is a bounce without effect (decision 0018): those who label mail call it one.
    """
    if _AUTOMATIC_SUBJECT.search(message.subject) and not _has_part(message, "message/delivery-status"):
        return None
    found = {bounce.action: bounce for bounce in reversed(bounces.read(message))}
    if failed := found.get("failed"):
        return Recognised(InboundKind.BOUNCE, f"Revenu en erreur de {failed.address}\u00a0: {failed.reason}")
    if delayed := found.get("delayed"):
        return Recognised(InboundKind.BOUNCE, f"{delayed.reason} Destinataire\u00a0: {delayed.address}.")
    if delivered := found.get("delivered"):
        return Recognised(InboundKind.DELIVERY_NOTICE, f"Avis pour {delivered.address}\u00a0: {delivered.reason}")
    return _of_a_mail_system(message)


def _of_a_mail_system(message: Message) -> Recognised | None:
    """What a notice that names nobody announces in its subject."""
    if bounces.tells_of_success(message) and bounces.comes_from_a_mail_system(message):
        return Recognised(InboundKind.DELIVERY_NOTICE, "Un serveur de messagerie dit que le message est arrivé.")
    if bounces.is_a_notice(message):
        return Recognised(InboundKind.BOUNCE, "Revenu en erreur, sans adresse reconnue.")
    return None


def _read_receipt(message: Message, ours: Ours) -> Recognised | None:
    """RFC 8098, and receipts that programs write as plain text."""
    reported = message.report_type == "disposition-notification" or _has_part(
        message, "message/disposition-notification"
    )
    opening = message.text[:600]
    written = _READ_SUBJECT.match(message.subject) and _OF_OUR_MAIL.match(opening) and _SAYS_READ.search(opening)
    return Recognised(InboundKind.READ_RECEIPT, "Accusé de lecture.") if reported or written else None


def _calendar_reply(message: Message, ours: Ours) -> Recognised | None:
    """RFC 5546: the answer to an invitation; an invitation that a member sends is a question."""
    answer = calendar.read(message)
    if answer is None:
        return None
    return Recognised(
        InboundKind.CALENDAR_REPLY,
        "Une autre date est proposée, en réponse à une invitation d’agenda."
        if answer.proposes_otherwise
        else "Réponse à une invitation d’agenda.",
    )


def _automatic_reply(message: Message, ours: Ours) -> Recognised | None:
    """RFC 3834, the headers of common programs, and subjects of those that set none.

    X-Auto-Response-Suppress alone is no sign: people's own Exchange sets it on what they write.
    """
    said = replies.cut(message.text, message.html).reply
    signs = (
        (_says_automatic(message), "l’en-tête le dit"),
        (_has_machine_precedence(message, ours), "envoi en nombre ou par une machine"),
        (bool(_AUTOMATIC_SUBJECT.search(message.subject)), "l’objet le dit"),
        (bounces.has_empty_return_path(message), "aucune adresse de retour"),
        (bool(_NOBODY.fullmatch(message.from_address.partition("@")[0])), "l’expéditeur ne lit pas les réponses"),
        (bool(_SAYS_AUTOMATIC.search(said[:1500])), "le texte le dit"),
        (absences.is_absence(message.subject, said), "le texte ne dit qu’une absence"),
        (
            absences.is_challenge(message.subject, said, "href" in message.html),
            "un filtre demande de prouver qui écrit",
        ),
        (absences.is_acknowledgement(said), "un logiciel d’assistance a pris note"),
    )
    why = next((reason for sign, reason in signs if sign), "")
    return Recognised(InboundKind.AUTO_REPLY, f"Réponse automatique\u00a0: {why}.") if why else None


def _unsubscribe_wish(message: Message, ours: Ours) -> Recognised | None:
    """Only a subject or a whole letter that says nothing else; it leads to a link to confirm, never to silence."""
    reply = replies.cut(message.text, message.html).reply
    if wishes.is_wish(message.subject, reply):
        return Recognised(InboundKind.UNSUBSCRIBE, "Demande de désinscription.")
    return None


def _unreadable(message: Message, ours: Ours) -> Recognised | None:
    why = message.error or (
        "" if message.headers.fields else "Ce message n’a aucun en-tête\u00a0: ce n’est pas un courriel."
    )
    return Recognised(InboundKind.UNREADABLE, why) if why else None


_RULES: tuple[_Rule, ...] = (
    _own,
    _complaint,
    _delivery,
    _read_receipt,
    _calendar_reply,
    _automatic_reply,
    _unsubscribe_wish,
    _unreadable,
)


def _is_mail_daemon(message: Message) -> bool:
    return bool(re.fullmatch(r"(?:mailer.?daemon|postmaster)", message.from_address.partition("@")[0]))


def _has_part(message: Message, content_type: str) -> bool:
    return any(part.content_type == content_type for part in message.parts)


def _says_automatic(message: Message) -> bool:
    stated = re.split(r"[;\s(]", message.headers.header("auto-submitted").strip().lower())[0]
    values = [value.lower() for name, value in message.headers.fields if _AUTOMATIC_HEADER.fullmatch(name)]
    return stated not in {"", "no"} or any(value not in {"", "no", "false"} for value in values)


def _has_machine_precedence(message: Message, ours: Ours) -> bool:
    precedence = message.headers.header("precedence").strip().lower()
    list_id = message.headers.header("list-id").lower()
    ours_too = any(domain in list_id for domain in ours.domains)
    return precedence in {"auto_reply", "auto-reply", "bulk", "junk"} or (precedence == "list" and not ours_too)
