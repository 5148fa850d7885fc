"""What became of one mail, in the words of the people who sent it? From states and reply codes to French."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from service.core import french, oauth, sasl
from service.core.conversation import OUT_OF_PLACE
from service.core.reading import severity
from service.core.verdicts import Stage
from service.core.vocabulary import DeliveryState, DoubtReason, SkipReason


@dataclass(frozen=True, slots=True)
class Explanation:
    """What became of a mail, and why when there is something to say."""

    state: str
    reason: str = ""


# Why a mail is refused that its server has put off for days.
GIVEN_UP = "given_up"
_STATES = {
    DeliveryState.PENDING: "à envoyer",
    DeliveryState.HANDING: "en cours d’envoi",
    DeliveryState.DEFERRED: "à réessayer",
    DeliveryState.ACCEPTED: "envoyé",
    DeliveryState.REFUSED: "en erreur",
    DeliveryState.SKIPPED: "non envoyé",
    DeliveryState.IN_DOUBT: "en doute",
}

_SKIPPED = {
    SkipReason.OPTED_OUT: "A choisi de ne plus recevoir ces messages.",
    SkipReason.SUPPRESSED: "Adresse écartée : son serveur ne la connaît pas, ou la personne s’est opposée à nos messages.",
    SkipReason.UNKNOWN: "Adresse écartée : son serveur ne la connaît pas.",
    SkipReason.RETURNED: "Adresse écartée : trop de messages en sont revenus en erreur, à des jours différents.",
    SkipReason.OBJECTED: "La personne s’est opposée à nos messages.",
    SkipReason.SHARED_ADDRESS: "Adresse partagée : un seul message part à cette adresse.",
    SkipReason.NO_ADDRESS: "N’a pas d’adresse e-mail.",
    SkipReason.STOPPED: "L’envoi a été arrêté avant.",
    SkipReason.LEFT: "N’est plus sociétaire.",
}

_IN_DOUBT = {
    DoubtReason.CONNECTION_LOST: "La connexion a été coupée avant la réponse du serveur",
    DoubtReason.PROCESS_ENDED: "L’envoi a été coupé à cet instant",
    DoubtReason.LOG_LOST: "Le service d’envoi s’est arrêté brutalement",
    DoubtReason.LEASE_ENDED: "Le service d’envoi n’a plus donné de nouvelles",
}

# A reply without an enhanced code still names its fault by its number (RFC 5321 section 4.2.3).
_PLAIN_CODES = {
    551: "Le destinataire a changé d’adresse.",
    552: "La boîte aux lettres est pleine ou le message est trop gros.",
    553: "Le serveur n’accepte pas cette adresse.",
}


def of_skip(reason: SkipReason) -> str:
    """Say why somebody is not written to."""
    return _SKIPPED[reason]


def of_delivery(
    state: DeliveryState,
    *,
    why: str = "",
    code: int | None = None,
    enhanced: str | None = None,
    reply: str = "",
    bounced_for: str | None = None,
    doubts: int = 0,
    tried_for: timedelta | None = None,
) -> Explanation:
    """Say what became of a mail.

    `bounced_for` is the reason of the report that brought it back, None without one; `doubts` is how many attempts ended
    without an answer; `tried_for` is the time from the first attempt to the last word, None where it is not known.
    """
    if bounced_for is not None and state is DeliveryState.ACCEPTED:
        return Explanation("revenu en erreur", bounced_for or "Le message est revenu sans dire pourquoi.")
    is_given_up = state is DeliveryState.REFUSED and why == GIVEN_UP
    reason = _of_giving_up(tried_for) if is_given_up else _reason(state, why, code, enhanced, reply)
    if doubts and state is not DeliveryState.IN_DOUBT:
        reason = f"{reason} {_AFTER_DOUBT.get(state, _MAY_HAVE_LEFT)}".strip()
    return Explanation(_STATES[state], reason)


_MAY_HAVE_LEFT = "Un premier essai est resté en doute : le message est peut-être arrivé."
_AFTER_DOUBT = {
    DeliveryState.ACCEPTED: "Envoyé de nouveau après un doute : le message est peut-être arrivé deux fois.",
    DeliveryState.PENDING: "Repart après un doute : le message est peut-être déjà arrivé.",
    DeliveryState.HANDING: "Repart après un doute : le message est peut-être déjà arrivé.",
}


def to_tell(names: Sequence[str], *, is_reader: bool, of_reply: bool) -> str:
    """Say whom to call about a fault, by name where the team knows them; `is_reader` where the reader is one of them."""
    if is_reader and not names:
        return "c’est à vous, qui administrez Pli, d’agir" + (
            " d’après ce que le serveur a répondu" if of_reply else ""
        )
    known = [*names, "vous"] if is_reader else list(names)
    whom = f"la personne qui administre Pli ({known[0]})" if known else "la personne qui administre Pli"
    if len(known) > 1:
        whom = f"une personne qui administre Pli ({', '.join(known[:-1])} ou {known[-1]})"
    return f"prévenez {whom}" + (" et montrez-lui ce que le serveur a répondu" if of_reply else "")


def of_trouble(trouble: str, *, launched: bool, is_refused: bool = False, tell: str = "") -> Explanation:
    """Say what holds a sending back: before the launch the reason is a sentence of ours, after it the relay's own words.

    `is_refused` where the relay refused the message itself, so that nothing leaves by itself any more; `tell` is
    whom to call (`to_tell`).
    """
    if not launched:
        return Explanation("Ce message n’est pas parti.", trouble)
    known = (one for words, one in _KNOWN_TROUBLES.items() if words in trouble)
    told = _REFUSED if is_refused else next(known, _RELAY)
    return Explanation(told.state, told.reason.format(tell=tell or to_tell((), is_reader=False, of_reply=True)))


_RELAY = Explanation(
    "Le serveur d’envoi ne répond pas, ou refuse pour l’instant.",
    "Les messages qui attendent repartiront seuls. Si cela dure plus d’une heure, {tell}.",
)

_REFUSED = Explanation(
    "Le serveur d’envoi a refusé ce message plusieurs fois de suite : l’envoi s’est mis en pause.",
    "Rien ne repart seul : {tell}. Si c’est le texte qui est refusé, arrêtez cet envoi et reprenez le texte dans un "
    "nouveau brouillon ; sinon reprenez l’envoi une fois la cause réglée.",
)

_NO_ACCESS = Explanation(
    "Votre messagerie ne laisse plus Pli envoyer : son accord est à redonner.",
    "Les messages qui attendent repartiront seuls, une fois l’accord redonné par la commande "
    "« ./pli mail connect » : {tell}.",
)

_NO_MECHANISM = Explanation(
    "Le serveur d’envoi n’accepte pas la façon dont Pli s’identifie.",
    "Les messages qui attendent repartiront seuls, une fois corrigé le réglage « SMTP_URL » : {tell}.",
)
_KNOWN_TROUBLES = {oauth.NO_ACCESS: _NO_ACCESS, sasl.NO_MECHANISM: _NO_MECHANISM}


def verbatim(words: str) -> str:
    """Give what a server said, of words that we noted without its code; empty where they are ours alone."""
    said = words.removeprefix(OUT_OF_PLACE)
    return said if _REPLY.match(said) else ""


def of_words(trouble: str) -> str:
    """Give the relay's reply, verbatim, of what a turn noted of it; where it gave none, say in French what happened.

    A turn notes the stage, the code if any, and the words: the relay's behind a code, else ours and the system's.
    """
    _, _, said = trouble.partition(" ")
    code, _, words = said.partition(" ")
    if _REPLY.match(said):
        return said
    if code or words.startswith(OUT_OF_PLACE):
        return verbatim(words) or "Le serveur a répondu autre chose que ce que demande SMTP."
    return verbatim(words) or next((told for signs, told in _NO_REPLY if signs.search(words)), _UNTOLD)


_REPLY = re.compile(r"[2-5]\d\d\b")
_UNTOLD = "La connexion au serveur d’envoi a échoué, sans réponse de sa part."
# The words of smtplib, of the system and of our gateways. The first that fits tells: the order matters.
_NO_REPLY = tuple(
    (re.compile(signs, re.IGNORECASE), told)
    for signs, told in (
        (oauth.NO_ACCESS, "L’accord de votre messagerie est à redonner : ./pli mail connect."),
        (r"asked for a token", "Le fournisseur de votre messagerie n’a pas répondu à notre demande d’accès."),
        (r"no STARTTLS|STARTTLS extension", "Le serveur ne propose pas STARTTLS : rien ne part sans chiffrement."),
        (rf"{sasl.NO_MECHANISM}: it offers AUTH [^,]*(?:{'|'.join(sasl.OF_BEFORE_TLS)})",
         "Le serveur ne propose qu’un ancien mode de connexion, que Pli n’emploie pas : il faut un port avec PLAIN ou LOGIN."),
        (rf"{sasl.NO_MECHANISM}|AUTH extension|authentication method", "Le serveur ne propose aucune connexion par mot de passe."),
        (r"certificate", "Le certificat du serveur n’est pas valable."),
        (r"SSL|TLS", "La connexion chiffrée au serveur n’a pas pu être établie."),
        (r"gaierror|name or service|name resolution", "Le nom du serveur d’envoi est introuvable."),
        (r"connection ?refused", "Le serveur d’envoi n’accepte pas de connexion à cette adresse."),
        (r"unreachable|no route", "Le serveur d’envoi n’est pas joignable par le réseau."),
        (r"time(?:d )?-?out|said nothing for|in time", "Le serveur n’a pas répondu à temps."),
        (r"disconnected|closed|was lost|ended the connection|took leave|reset|broken ?pipe",
         "Le serveur a coupé la connexion sans dire pourquoi."),
    )
)  # fmt: skip


def _reason(state: DeliveryState, why: str, code: int | None, enhanced: str | None, reply: str) -> str:
    match state:
        case DeliveryState.REFUSED if why == Stage.WRITING:
            return (
                "Le message n’a pas pu être écrit pour cette personne : vérifiez son adresse et son nom sur sa fiche."
            )
        case DeliveryState.REFUSED | DeliveryState.DEFERRED:
            return _of_reply(code, enhanced, reply)
        case DeliveryState.SKIPPED:
            return _SKIPPED[SkipReason(why)] if why in set(SkipReason) else ""
        case DeliveryState.IN_DOUBT:
            return _of_doubt(why)
        case _:
            return ""


def _of_giving_up(tried_for: timedelta | None) -> str:
    """Say for how long it was tried: RETRY_DAYS may have been another when it was."""
    days = tried_for.days if tried_for is not None else 0
    lasted = french.count(days, "jour", "jours") if days > 0 else "plusieurs jours"
    return f"Le serveur du destinataire n’a pas pu recevoir le message pendant {lasted} : nous avons cessé d’essayer."


@dataclass(frozen=True, slots=True)
class Cut:
    """Where the sending of a mail in doubt was cut, and the last words of the server, verbatim; empty without any."""

    step: str
    reply: str


_CUT_AT = {
    DoubtReason.CONNECTION_LOST: "Message entier transmis ; la connexion s’est coupée avant la réponse.",
    DoubtReason.PROCESS_ENDED: "Fin du message en cours de transmission ; notre service d’envoi s’est arrêté.",
    DoubtReason.LOG_LOST: "Étape inconnue : notre service d’envoi s’est arrêté, et la fin de son journal manque.",
    DoubtReason.LEASE_ENDED: "Étape inconnue : notre service d’envoi ne répond plus, son journal est hors d’atteinte.",
}


def of_cut(why: str, *, code: int | None, reply: str) -> Cut:
    """Say at which step a mail in doubt was cut, and what the server said last; our own words on it are left out."""
    if reply.startswith(OUT_OF_PLACE):
        step = "Message entier transmis ; le serveur a répondu autre chose que ce qui était attendu."
        return Cut(step, verbatim(reply))
    said = f"{code} {reply}".strip() if code is not None else ""
    if why in set(DoubtReason):
        return Cut(_CUT_AT[DoubtReason(why)], said)
    return Cut(_of_doubt(why), said)


def _of_doubt(why: str) -> str:
    """Say why nobody knows whether it arrived; of one that was kept back afterwards, why it was."""
    if why in set(SkipReason):
        return f"Le message est peut-être parti au premier essai. {_SKIPPED[SkipReason(why)]}"
    if why in set(DoubtReason):
        return f"{_IN_DOUBT[DoubtReason(why)]} : le message est peut-être parti."
    return "Le message est peut-être parti."


def _of_reply(code: int | None, enhanced: str | None, reply: str) -> str:
    """Say what a server answered; its words and its enhanced code say more than the bare number (RFC 3463)."""
    if code is None and not reply:
        return "Le serveur n’a pas répondu."
    temporary = code is not None and code < 500
    status = enhanced or ("4." if temporary else "")
    verdict = severity.judge(status, reply, "soft" if temporary else "hard")
    if not enhanced and code in _PLAIN_CODES and verdict == severity.judge("", "", "hard"):
        return _PLAIN_CODES[code]
    return verdict.reason
