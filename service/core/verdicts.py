"""What an SMTP reply says of a message, and whose fault it is (sending.md, "Whose fault")."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

# RFC 3463 section 2: class "." subject "." detail.
_ENHANCED = re.compile(r"\A\s*([245]\.\d{1,3}\.\d{1,3})\b")

# Codes that speak of the sender or of the relay whatever the stage (requirements.md, D19).
_OF_THE_RELAY = frozenset({"5.4.5", "5.7.60", "4.3.1", "4.3.2", "5.3.2"})

# RFC 4954 section 6 (530 authentication required, 534, 535, 538) and RFC 5321 section 4.2.3 (503 bad sequence):
# the conversation with the relay is at fault, never the message or the member.
_OF_THE_CONVERSATION = frozenset({503, 530, 534, 535, 538})

# A relay that does not know us refuses every member alike; Exchange says "SendAs" under 5.2.0 (D19).
_RELAY_WORDS = re.compile(
    r"send ?as ?denied|relay(ing)? (access )?(is )?(denied|not (permitted|allowed))|unable to relay", re.IGNORECASE
)

# Greylisting speaks of one recipient's server, though some give it a rate code (4.7.x).
_GREYLISTED = re.compile(r"gr[ea]y-?list|postgrey", re.IGNORECASE)


class Stage(StrEnum):
    """The command that a reply answers; WRITING comes before the first."""

    WRITING = "writing"
    CONNECT = "connect"
    MAIL = "mail"
    RCPT = "rcpt"
    DATA = "data"
    DOT = "dot"


class Verdict(StrEnum):
    """What becomes of the row."""

    ACCEPTED = "accepted"
    REFUSED = "refused"
    DEFERRED = "deferred"
    RELAY_DOWN = "relay_down"
    IN_DOUBT = "in_doubt"


# Made once a mail: frozen, it would take three times as long to make.
@dataclass(slots=True)
class Outcome:
    """The relay's answer to one message, kept as proof; `code` is None when the relay said nothing."""

    verdict: Verdict
    stage: Stage
    code: int | None = None
    text: str = ""
    # When it was heard, by the clock of this machine; the sending process says so, the machine of the conversation has no clock.
    at: datetime | None = None

    @property
    def enhanced(self) -> str | None:
        """The RFC 3463 status code that the reply begins with."""
        found = _ENHANCED.match(self.text)
        return found[1] if found else None

    @property
    def reply(self) -> str:
        """The whole reply, as a person is shown it: its code and its words."""
        return f"{self.code} {self.text}".strip() if self.code is not None else self.text

    @property
    def keep_connection(self) -> bool:
        """Whether the next message may go over the same connection."""
        return self.verdict in (Verdict.ACCEPTED, Verdict.REFUSED, Verdict.DEFERRED) and self.code != 421


def judge(stage: Stage, code: int, text: str) -> Outcome:
    """Read one reply: only RCPT speaks of the member; connect and MAIL, and some codes anywhere, speak of the relay."""
    outcome = Outcome(Verdict.ACCEPTED, stage, code, text)
    if _is_yes(stage, code):
        return outcome
    if not 400 <= code <= 599:
        verdict = _out_of_place(stage)
    elif code == 421 and stage is Stage.DOT:
        verdict = Verdict.DEFERRED
    elif _is_of_the_relay(outcome, code):
        verdict = Verdict.RELAY_DOWN
    elif code >= 500:
        verdict = Verdict.REFUSED
    else:
        verdict = Verdict.DEFERRED
    return Outcome(verdict, stage, code, text)


def _is_yes(stage: Stage, code: int) -> bool:
    return code == 354 if stage is Stage.DATA else 200 <= code < 300


def _out_of_place(stage: Stage) -> Verdict:
    """A reply that is neither yes nor no: nobody knows what became of a message whose dot has gone."""
    return Verdict.IN_DOUBT if stage is Stage.DOT else Verdict.RELAY_DOWN


def _is_of_the_relay(outcome: Outcome, code: int) -> bool:
    if outcome.stage in (Stage.CONNECT, Stage.MAIL) or code == 421 or code in _OF_THE_CONVERSATION:
        return True
    if outcome.stage is Stage.RCPT and _GREYLISTED.search(outcome.text):
        return False
    of_a_rate = outcome.enhanced is not None and outcome.enhanced.startswith("4.7.")
    return outcome.enhanced in _OF_THE_RELAY or of_a_rate or _RELAY_WORDS.search(outcome.text) is not None
