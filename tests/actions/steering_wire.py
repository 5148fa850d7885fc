"""What one turn of a sending process meets in the state machine: a relay in memory, kills, and the world that acts meanwhile."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from hypothesis import strategies as st

from service.core.verdicts import Outcome, Stage, Verdict
from service.ports import Desk, Envelope

WORDS = {
    "yes": Outcome(Verdict.ACCEPTED, Stage.DOT, 250, "2.0.0 kept"),
    "no": Outcome(Verdict.REFUSED, Stage.RCPT, 550, "5.1.1 no such user"),
    "never": Outcome(Verdict.REFUSED, Stage.DOT, 554, "5.6.0 not this message"),
    "later": Outcome(Verdict.DEFERRED, Stage.RCPT, 450, "4.2.0 later"),
    # It drops the line after the dot, with the message or without it: nobody can tell.
    "silence": Outcome(Verdict.IN_DOUBT, Stage.DOT, None, "the line closed"),
    "lost": Outcome(Verdict.IN_DOUBT, Stage.DOT, None, "the line closed, and the message with it"),
    "down": Outcome(Verdict.RELAY_DOWN, Stage.MAIL, 451, "4.3.2 not now"),
}
TAKEN = ("yes", "silence")
# As often as they stand here.
ACTS = (
    "pause",
    *["resume"] * 5,
    "stop",
    *["opt_out"] * 3,
    "tick",
    "edit",
    "sleep",
    *["other_turn"] * 2,
    "lose_log",
    *["send_again"] * 3,
    "leave_in_doubt",
)


class Killed(BaseException):
    """What a process sees of its own kill: nothing runs after it."""


@dataclass(frozen=True)
class Turn:
    """One turn of a sending process: what the relay says, where the process is killed or the world acts, how far it goes."""

    words: tuple[str, ...] = ("yes",)
    kill: str = ""
    at: int = 0
    meanwhile: str = ""
    most: int = 6
    lines: int = 1


TURN = st.builds(
    Turn,
    words=st.lists(st.sampled_from(["yes"] * 9 + ["silence"] + [*WORDS]), min_size=1, max_size=5).map(tuple),
    kill=st.sampled_from(["", "", "", "", "before the dot", "after the dot"]),
    at=st.sampled_from([1, 0, 2, 3]),
    meanwhile=st.sampled_from(["", "", "", *ACTS]),
    most=st.sampled_from([2, 5, 3, 1, 9]),
    lines=st.integers(1, 4),
)


@dataclass
class Wire:
    """A relay in memory that says one word a message; the process may be killed at one, and the world act meanwhile."""

    turn: Turn
    meanwhile: Callable[[], None]
    took: list[Envelope]
    seen: int = field(default=0)

    def run(self, desk: Desk) -> Outcome | None:
        while (envelope := desk.take()) is not None:
            if envelope.id not in desk.hand([envelope.id]):
                desk.unsent(envelope.id)
                continue
            is_here = self.seen == self.turn.at
            said = self.turn.words[self.seen % len(self.turn.words)]
            word = WORDS[said]
            self.seen += 1
            if is_here and self.turn.kill == "before the dot":
                raise Killed
            if is_here:
                self.meanwhile()
            if said in TAKEN:
                self.took.append(envelope)
            if is_here and self.turn.kill == "after the dot":
                raise Killed
            desk.answered(envelope.id, word)
            if word.verdict is Verdict.RELAY_DOWN:
                return word
        desk.hand(())
        return None
