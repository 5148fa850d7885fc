"""Will this address fail for good? From the status code (RFC 3463) and the words of the server to hard or soft, in French.

flufl.bounce calls a full mailbox or a refused sender permanent; suspending a member on that would be wrong.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

Severity = Literal["hard", "soft"]

NO_SUCH_DOMAIN = "5.1.2"
# RFC 3463 section 3.2, and what Exchange says under RFC 7505's 5.1.10.
UNKNOWN = frozenset({"5.1.1", "5.1.10", NO_SUCH_DOMAIN})
STATUS = re.compile(r"\b([245]\.\d{1,3}\.\d{1,3})\b")


@dataclass(frozen=True, slots=True)
class Verdict:
    """How lasting a failure is, and why, in one French sentence for staff."""

    severity: Severity
    reason: str


_FULL = Verdict("soft", "La boîte aux lettres est pleine.")
_POLICY = Verdict("soft", "Le serveur a refusé le message\u00a0: réputation ou règle anti-spam.")
_TOO_BIG = Verdict("soft", "Le message est trop gros pour ce serveur.")
_CONTENT = Verdict("soft", "Le serveur n’a pas accepté la forme ou le contenu du message.")
_UNKNOWN = Verdict("hard", "L’adresse n’existe pas.")
_DISABLED = Verdict("hard", "La boîte aux lettres est fermée.")
_NO_HOST = Verdict("hard", "Le domaine de l’adresse n’existe pas ou ne reçoit pas de courrier.")
_MOVED = Verdict("hard", "Le destinataire a changé d’adresse.")
_LATER = Verdict("soft", "Le serveur n’a pas pu recevoir le message pour l’instant.")
_REFUSED = Verdict("hard", "Le serveur a refusé le message sans retour possible.")
_FAILED = Verdict("soft", "Le message est revenu en erreur.")

# The words of servers say more than their codes; the order matters (« user is over quota » is not « user unknown »).
_WORDS: tuple[tuple[Verdict, re.Pattern[str]], ...] = (
    (_FULL, re.compile(r"quota|mailbox (?:is )?full|full mailbox|over.?limit|insufficient (?:disk|storage)|bo[iî]te pleine|pleine", re.IGNORECASE)),
    (_TOO_BIG, re.compile(r"message (?:size|too (?:big|large))|size limit|exceeds.{0,30}size|trop (?:gros|volumineux)", re.IGNORECASE)),
    (_UNKNOWN, re.compile(
        r"(?:user|recipient|mailbox|address|account|alias|utilisateur|destinataire|adresse)\W.{0,60}?(?:unknown|not (?:found|exist)"
        r"|doesn.?t (?:exist|have)|does ?n.t exist|does not exist|no longer|invalid|inconnue?|introuvable|n.existe pas|undeliverable)"
        r"|(?:no such|unknown|invalid|bad|non.?existent|no mailbox|not a (?:known|valid)|unrouteable|unable to find|did not match)"
        r".{0,30}(?:user|recipient|mailbox|address|account|person|local|alias|name)|no mailbox here|not listed in|n.existe pas",
        re.IGNORECASE | re.DOTALL)),
    (_DISABLED, re.compile(r"(?:account|mailbox|user).{0,40}(?:disabled|inactive|suspended|closed|deactivated|locked|expired)|désactiv", re.IGNORECASE)),
    (_NO_HOST, re.compile(r"host (?:unknown|not found)|(?:name or )?domain.{0,20}(?:not found|not exist)|no such (?:host|domain)|nxdomain|null ?mx", re.IGNORECASE)),
    (_POLICY, re.compile(
        r"spam|blocked|blacklist|block ?list|blocklist|dnsbl|rbl\b|reputation|policy|policies|grey.?list|gray.?list|rate.?limit"
        r"|too many|unsolicited|content rejected|dmarc|\bspf\b|dkim|virus|not authorized|access denied|relay(?:ing)? (?:access )?denied", re.IGNORECASE)),
    (_LATER, re.compile(r"timed? ?out|connection refused|temporar|try again|deferred|unreachable|loop|too busy|lost connection", re.IGNORECASE)),
)  # fmt: skip
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
    "5.3.4": _TOO_BIG,
    "5.4.1": _UNKNOWN,
    "5.4.4": _NO_HOST,
}
# Where the detail says nothing more: class and subject.
_SUBJECTS = {
    "5.1": _UNKNOWN,
    "5.3": _FAILED,
    "5.4": _FAILED,
    "5.5": _FAILED,
    "5.6": _CONTENT,
    "5.7": _POLICY,
}
_PLAIN_WORDS_END = 6_000


def judge(status: str, words: str, otherwise: Severity = "hard") -> Verdict:
    """Gives the verdict of a failure; a temporary code (4.x.x) is soft whatever the words."""
    words = words[:_PLAIN_WORDS_END]
    said = next((verdict for verdict, pattern in _WORDS if pattern.search(words)), None)
    coded = _CODES.get(status) or _SUBJECTS.get(status.rpartition(".")[0])
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
    return verdict is _POLICY or (status.startswith("5.7.") and verdict.severity == "soft")


# What speaks of the address itself, in our words and by RFC 3463 (3.2; 3.3 for a mailbox that is closed): only then does
# it « no longer work ». A full mailbox, a rule against us or the content of one message say nothing of it (D19).
OF_THE_ADDRESS = frozenset(one.reason for one in (_UNKNOWN, _DISABLED, _NO_HOST, _MOVED))
CODES_OF_THE_ADDRESS = ("5.1.0", "5.1.1", "5.1.2", "5.1.3", "5.1.6", "5.1.10", "5.2.1")
# Without such a code 550 says so of everything (RFC 5321 4.2.3): words that servers use of an address alone.
WORDS_OF_THE_ADDRESS = (
    *("user unknown", "unknown user", "no such", "does not exist", "doesn't exist", "not found", "no mailbox"),
    *("invalid recipient", "unknown recipient", "recipient unknown", "inconnu", "invalide", "n'existe pas", "disabled"),
)
