"""A desk with a list of messages, which remembers what it was told: the sending process's side, without a database."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from time import monotonic

from service.core.verdicts import Outcome, Verdict
from service.ports import Envelope, Outbox


@dataclass
class ListDesk:
    """Gives its envelopes in order, again, a few times, what was not sent; `journal` is what it was told, in order."""

    envelopes: list[Envelope]
    fate: dict[int, Outcome | None] = field(default_factory=dict)
    journal: list[tuple[str, int]] = field(default_factory=list)
    forbidden: frozenset[int] = frozenset()
    end_at: float | None = None
    given: dict[int, Envelope] = field(default_factory=dict)
    tries: Counter[int] = field(default_factory=Counter)

    def take(self) -> Envelope | None:
        if not self.envelopes:
            return None
        envelope = self.envelopes.pop(0)
        self.given[envelope.id] = envelope
        return envelope

    def backlog(self) -> int:
        return len(self.envelopes)

    def rest(self) -> float | None:
        return 0.0 if self.envelopes else None

    def hand(self, ids: Sequence[int]) -> Collection[int]:
        self.journal += [("hand", number) for number in ids]
        return set(ids) - self.forbidden

    def dot_may_leave(self, delivery_id: int) -> bool:
        return True

    def get_ahead(self, count: int) -> None:
        pass

    def answered(self, delivery_id: int, outcome: Outcome) -> None:
        self.journal.append((outcome.verdict.value, delivery_id))
        self.fate[delivery_id] = outcome

    def unsent(self, delivery_id: int) -> None:
        self.journal.append(("unsent", delivery_id))
        self.fate[delivery_id] = None
        self.tries[delivery_id] += 1
        if self.tries[delivery_id] < 5:
            self.envelopes.append(self.given[delivery_id])

    def is_overdue(self) -> bool:
        return self.end_at is not None and monotonic() > self.end_at

    def verdicts(self) -> list[Verdict | None]:
        """What became of each message, in the order of their numbers; None for one that was not sent."""
        return [outcome.verdict if outcome else None for number, outcome in sorted(self.fate.items()) if number]


def carry(outbox: Outbox, envelopes: Iterable[Envelope]) -> ListDesk:
    """Run an outbox on these messages, and give the desk that saw it; its trouble is under number 0."""
    desk = ListDesk(list(envelopes))
    trouble = outbox.run(desk)
    if trouble is not None:
        desk.fate.setdefault(0, trouble)
    return desk
