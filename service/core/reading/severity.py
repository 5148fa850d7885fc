"""Will this address fail for good, and what was wrong? From the status code (RFC 3463) and the server's words, in French.

flufl.bounce calls a full mailbox or a refused sender permanent; suspending a member on that would be wrong.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from service.core.vocabulary import BounceClass

Severity = Literal["hard", "soft"]

NO_SUCH_DOMAIN = "5.1.2"
# RFC 3463 section 3.2, and what Exchange says under RFC 7505's 5.1.10.
UNKNOWN = frozenset({"5.1.1", "5.1.10", NO_SUCH_DOMAIN})
# Not a piece of an address of IP.
STATUS = re.compile(r"(?<![\d.])([245]\.\d{1,3}\.\d{1,3})(?!\.?\d)")


@dataclass(frozen=True, slots=True)
class Verdict:
    """How lasting a failure is, why, in one French sentence for staff, and what it speaks of: that decides what is done."""

    severity: Severity
    reason: str
    bounce_class: BounceClass


_FULL = Verdict("soft", "La boîte aux lettres est pleine.", BounceClass.MAILBOX_FULL)
_POLICY = Verdict("soft", "Le serveur a refusé le message\u00a0: réputation ou règle anti-spam.", BounceClass.POLICY)
_TOO_BIG = Verdict("soft", "Le message est trop gros pour ce serveur.", BounceClass.CONTENT)
_CONTENT = Verdict("soft", "Le serveur n’a pas accepté la forme ou le contenu du message.", BounceClass.CONTENT)
_UNKNOWN = Verdict("hard", "L’adresse n’existe pas.", BounceClass.HARD)
_DISABLED = Verdict("hard", "La boîte aux lettres est fermée.", BounceClass.HARD)
_NO_HOST = Verdict("hard", "Le domaine de l’adresse n’existe pas ou ne reçoit pas de courrier.", BounceClass.HARD)
_MOVED = Verdict("hard", "Le destinataire a changé d’adresse.", BounceClass.HARD)
_NO_ROOM = Verdict("soft", "Le serveur n’a plus de place sur son disque.", BounceClass.SOFT)
_LOOP = Verdict("soft", "Le message tournait en rond entre des serveurs.", BounceClass.SOFT)
_LATER = Verdict("soft", "Le serveur n’a pas pu recevoir le message pour l’instant.", BounceClass.SOFT)
_REFUSED = Verdict("hard", "Le serveur a refusé le message sans retour possible.", BounceClass.HARD)
_FAILED = Verdict("soft", "Le message est revenu en erreur.", BounceClass.SOFT)

# The words of servers say more than their codes; the order matters (« user is over quota » is not « user unknown »).
_WORDS: tuple[tuple[Verdict, re.Pattern[str]], ...] = (
    # How much we may send is no word about their mailbox, and an unknown sender is no unknown recipient.
    (_POLICY, re.compile(
        r"(?:sending|hourly|daily|outbound|outgoing)[ -](?:message )?(?:limit|quota)"
        r"|\bsender(?:.s)? (?:(?:e-?mail |mail )?address|domain|verif\w*|host|ip|id)\b.{0,40}?(?:reject|refus|den(?:y|ied)|fail|invalid|unknown"
        r"|not (?:exist|found|allowed|valid)|blocked|banned|interdit)|\bsender (?:was |is |has been )?(?:rejected|refused|denied|blocked|banned)"
        r"|domaine (?:de l.)?[eé]metteur|(?:reverse dns|ptr record|helo|ehlo) .{0,40}"
        r"(?:fail|invalid|not found|does not|reject)|client host (?:.{1,80} )?(?:rejected|blocked)|cannot find your", re.IGNORECASE)),
    (_FULL, re.compile(
        r"quota|(?:mail ?box|mail ?folder|in-?box|mail ?drop|mail ?dir|account|mail store)(?:.{0,60}\bis\b)?.{0,12}\bfull\b|full mailbox"
        r"|(?:mail ?box|mail ?folder|in-?box|mail ?drop|account) (?:size )?(?:has )?exceed|out of storage|bo[iî]te.{0,40}\b(?:satur[eé]e|pleine)"
        r"|(?:postfach|speicher\w*)\b.{0,40}\bvoll\b|buz[oó]n.{0,30}\bllen[oa]\b|casella.{0,30}\bpiena\b|postvak.{0,30}\bvol\b"
        r"|exceed\w*.{0,40}\b(?:storage|space)\b|storage (?:limit|allocation)|mailbox size limit|insufficient storage"
        r"|not enough (?:storage|space)|over.?limit|\bpleine\b", re.IGNORECASE)),
    (_NO_ROOM, re.compile(
        r"disk (?:is )?full|disk space|no space left|insufficient (?:disk|system)|out of (?:disk|space)|file ?system (?:is )?full",
        re.IGNORECASE)),
    (_TOO_BIG, re.compile(r"message (?:size|too (?:big|large))|size limit|exceeds.{0,30}size|trop (?:gros|volumineux)", re.IGNORECASE)),
    (_CONTENT, re.compile(
        r"lines? (?:is |are )?too long|content presents|attachments? .{0,40}(?:not (?:allowed|accepted|permitted)|blocked|forbidden|refus)"
        r"|bare (?:lf|cr|newline)|malformed|not rfc.{0,20}compliant|missing .{0,20}header|duplicate header", re.IGNORECASE)),
    (_UNKNOWN, re.compile(
        r"(?:user|recipient|mailbox|address|account|alias|utilisateur|destinataire|adresse)\W.{0,60}?(?:unknown|not (?:found|exist)"
        r"|doesn.?t (?:exist|have)|does ?n.t exist|does not exist|couldn.t be found|(?:was|is)n.t found|no longer|invalid|inconnue?|introuvable"
        r"|n.existe pas|n.est pas r[eé]pertori|undeliverable|(?:is|are) not recogni[sz]ed|possibly incorrect)"
        r"|(?:no such|unknown|invalid|bad|non.?existent|no mailbox|not a (?:known|valid)|unrouteable|unable to find|did not match)"
        r".{0,30}(?:user|recipient|mailbox|address|account|person|local|alias|name)|no mailbox here|not listed in|n.existe pas"
        r"|aucune bo[iî]te|unbekannte[rn]? (?:empf|benutz|adress)|(?:empf[aä]nger|adresse)\b.{0,40}(?:unbekannt|existiert nicht)"
        r"|(?:usuario|destinatario|direcci[oó]n)\b.{0,30}(?:desconocid|no existe)|(?:utente|destinatario|indirizzo)\b.{0,30}(?:sconosciut|non esiste)"
        r"|onbekende (?:gebruiker|ontvanger)|(?:gebruiker|ontvanger|adres)\b.{0,30}(?:onbekend|bestaat niet)",
        re.IGNORECASE | re.DOTALL)),
    (_DISABLED, re.compile(
        r"\b(?:account|mailbox|user|recipient)\b.{0,40}\b(?:disabled|inactive|not active|suspended|closed|deactivated|locked|expired|frozen"
        r"|discontinued|terminated|archived)\b|(?:account|mailbox|user) (?:was |has been |is )?deleted"
        r"|\b(?:disabled|inactive|suspended|deactivated|archived) (?:account|mailbox|user|recipient)"
        r"|désactiv|(?:compte|bo[iî]te|utilisateur)\b.{0,40}\b(?:inacti[fv]e?|suspendue?|ferm[eé]e?|archiv[eé]e?|r[eé]sili[eé]e?)\b"
        r"|(?:konto|postfach)\b.{0,40}(?:gesperrt|deaktiviert)", re.IGNORECASE)),
    (_MOVED, re.compile(r"(?:user|recipient|mailbox|account|person)\b.{0,20}\bmoved\b|user not local|a changé d.adresse", re.IGNORECASE)),
    (_NO_HOST, re.compile(
        r"host (?:unknown|not found)|(?:name or )?domain.{0,20}(?:not found|not exist)|no such (?:host|domain)|nxdomain|null ?mx"
        r"|couldn.t find any host|no (?:mx|mail servers?) (?:record )?(?:found|appear|for)|domain\b.{0,60}couldn.t be found|does not accept mail",
        re.IGNORECASE)),
    (_LOOP, re.compile(r"too many hops|hop count|\bloop(?:s|ing|back)?\b|maximum hops|en boucle", re.IGNORECASE)),
    (_POLICY, re.compile(
        r"spam|blocked|blacklist|block ?list|blocklist|dnsbl|rbl\b|reputation|policy|policies|grey.?list|gray.?list|rate.?limit"
        r"|too many|unsolicited|content rejected|dmarc|\bspf\b|dkim|virus|not authorized|access denied|relay(?:ing)? (?:access )?denied"
        r"|user complaints|unexpected volume|\bbanned\b|ind[eé]sirable|service refus", re.IGNORECASE)),
    # After all that is more precise: « Requested action not taken: mailbox unavailable » is the example of RFC 5321 for 550.
    (_UNKNOWN, re.compile(r"mailbox (?:is )?(?:unavailable|not available)|unavailable mailbox", re.IGNORECASE)),
    (_LATER, re.compile(
        r"timed? ?out|connection refused|temporar|try again|deferred|unreachable|too busy|lost connection|failing for a long time"
        r"|retry time|in the queue too long|message expired", re.IGNORECASE)),
)  # fmt: skip
# A refusal of the message that gives no reason speaks of us, not of the address, unless a code does.
_UNREASONED = re.compile(
    r"(?:mail|message|courriel) (?:was |has been |is |a été )?(?:rejected|refused|rejet[eé]|refus[eé])\b", re.IGNORECASE
)
# By the whole code: 5.4.14, a loop, is no 5.4.1 (RFC 3463 section 2: each part is a number).
_CODES = {
    "4.2.2": _FULL,
    "5.1.2": _NO_HOST,
    "5.1.6": _MOVED,
    "5.1.7": _POLICY,
    "5.1.8": _POLICY,
    "5.2.1": _DISABLED,
    "5.2.2": _FULL,
    "5.2.3": _TOO_BIG,
    "5.3.1": _NO_ROOM,
    "5.3.4": _TOO_BIG,
    "5.4.1": _UNKNOWN,
    "5.4.4": _NO_HOST,
    "5.4.6": _LOOP,
    "5.4.14": _LOOP,
}
# Codes of the sender's address (RFC 3463, 3.2): whatever does not exist there, it is ours.
_OF_THE_SENDER = frozenset({"5.1.7", "5.1.8"})
# What Exchange Online says, under 5.4.1, of an address that its directory does not hold.
_DENIED = re.compile(r"recipient address rejected: access denied", re.IGNORECASE)
# Where the detail says nothing more: class and subject.
_SUBJECTS = {
    "5.1": _UNKNOWN,
    "5.3": _FAILED,
    "5.4": _FAILED,
    "5.5": _FAILED,
    "5.6": _CONTENT,
    "5.7": _POLICY,
    "4.7": _POLICY,
}
_PLAIN_WORDS_END = 6_000


def judge(status: str, words: str, otherwise: Severity = "hard") -> Verdict:
    """Gives the verdict of a failure; a temporary code (4.x.x) is soft whatever the words."""
    words = words[:_PLAIN_WORDS_END]
    said = next((verdict for verdict, pattern in _WORDS if pattern.search(words)), None)
    if said is None and status not in {*_CODES, *UNKNOWN} and _UNREASONED.search(words):
        said = _POLICY
    coded = _CODES.get(status) or _SUBJECTS.get(status.rpartition(".")[0])
    if status in _OF_THE_SENDER or (status == "5.4.1" and said is _POLICY and _DENIED.search(words)):
        said = None
    if status.startswith("4."):
        return said if said is not None and said.severity == "soft" else coded or _LATER
    return said or coded or (_REFUSED if otherwise == "hard" else _FAILED)


def is_unknown(status: str, words: str) -> bool:
    """Whether a server says that there is no such address; the words count more than the code, as everywhere.

    A full mailbox, a rule against us, a fault of the moment are none, though servers say them under 5.1.1 too.
    """
    return status in UNKNOWN and judge(status, words).severity == "hard"


def is_policy(status: str, words: str) -> bool:
    """Whether a failure speaks of the sender (RFC 3463: 5.7.x, security or policy; 5.4.x, routing), never of the address.

    A 5.4.x does unless the words themselves say that there is no such address or domain: a server whose route to us or to
    its own mailboxes is broken says 5.4.1 or 5.4.4 of everybody. 5.6.x speaks of one message, its content or form,
    whatever the words: the next one may pass (D19).
    """
    if status.startswith(("4.", "5.6.")):
        return False
    if status.startswith("5.4."):
        return judge("", words, "soft").severity == "soft"
    verdict = judge(status, words, "hard")
    return verdict.bounce_class is BounceClass.POLICY or (status.startswith("5.7.") and verdict.severity == "soft")


# What speaks of the address itself, in our words and by RFC 3463 (3.2; 3.3 for a mailbox that is closed): only then does
# it « no longer work ». A full mailbox, a rule against us or the content of one message say nothing of it (D19).
OF_THE_ADDRESS = frozenset(one.reason for one in (_UNKNOWN, _DISABLED, _NO_HOST, _MOVED))
CODES_OF_THE_ADDRESS = ("5.1.0", "5.1.1", "5.1.2", "5.1.3", "5.1.6", "5.1.10", "5.2.1")
# Without such a code 550 says so of everything (RFC 5321 4.2.3): words that servers use of an address alone.
WORDS_OF_THE_ADDRESS = (
    *("user unknown", "unknown user", "no such", "does not exist", "doesn't exist", "not found", "no mailbox"),
    *("invalid recipient", "unknown recipient", "recipient unknown", "inconnu", "invalide", "n'existe pas", "disabled"),
)
