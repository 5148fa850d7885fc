"""The desk of one sending process: between the rows of the database, the send log and the wire (sending.md)."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from itertools import islice
from typing import Generic, Protocol, TypeVar

from sqlalchemy.orm import Session, sessionmaker

from service.actions import destinations, leases, settling
from service.actions.claims import Claim, Ticket
from service.actions.clerk import Clerk
from service.actions.destinations import Objection
from service.actions.pace import FREE, Rules
from service.core import send_log
from service.core.pacing import DEFAULT_RETRIES, Retries
from service.core.verdicts import Outcome, Stage, Verdict
from service.core.vocabulary import Wait
from service.ports import Envelope, SendLog

T = TypeVar("T")

# Rows in hand a connection, at most: what a machine that is lost leaves in doubt for each.
WINDOW = 50
# So many of them are at the wire: the one whose body leaves, and the one whose envelope is said behind it.
_AT_THE_WIRE = 2
# Seconds that a window may last: a pause, a stop, somebody who leaves the list are heard between two windows.
_WINDOW_LASTS = 1.0
# So many times as many rows as the window before, at most: a relay may have been quick once.
_GROWTH = 8
# Seconds after which a window that the relay is slow with is given back and taken anew, for the same reason.
_WINDOW_IS_OLD = 3.0
# Seconds: leases are renewed, and answers settled, at least so often while the wire is slow.
_REFRESH = 20.0
# So many refusals of the message itself in a row say that something is wrong with the message, not with the members.
_ENOUGH_REFUSALS = 3
_TRIES = 5
# A recipient at whom the relay hangs up each time while it serves the others is put off as any other that it puts off.
_HUNG_UP = Outcome(Verdict.DEFERRED, Stage.MAIL, None, f"The relay hung up {_TRIES} times at this message.")
# A wait for the pace that is shorter than this is waited out on the open connections.
_SHORT_WAIT = timedelta(seconds=15)
# A doubt may come after the answer was settled: a line speaks again within its own next message.
_REMEMBERED = 5000


class Work(Protocol):
    """What the desk serves: a campaign, or one mail outside any."""

    def claim(self, session: Session, *, owner: str, limit: int, after: int, now: datetime, rules: Rules) -> Claim:
        """Take rows for the wire."""

    def envelope(self, ticket: Ticket) -> Envelope:
        """Write one message. Refuses (KeyError, ValueError) what cannot be written."""


@dataclass(frozen=True, slots=True)
class Process:
    """What a sending process works with."""

    sessions: sessionmaker[Session]
    log: SendLog
    connections: int
    now: Callable[[], datetime]
    # Seconds since the machine started, suspend included: a lease must not outlive a sleep (CLOCK_BOOTTIME).
    uptime: Callable[[], float]
    # Whether the next message may leave: False when the turn is over or somebody asked the process to end.
    go_on: Callable[[], bool]
    # Whether the wire must be given up at once.
    must_end: Callable[[], bool] = lambda: False
    window: int = WINDOW
    rules: Rules = FREE
    retries: Retries = DEFAULT_RETRIES
    # Seconds to leave the database to others after a commit: SQLite has one writer.
    pause: float = 0.0
    # Asked once, when the relay has answered for a message: whoever is idle may come and send with us.
    more_hands: Callable[[], None] = lambda: None


@dataclass(frozen=True, slots=True)
class _Flight(Generic[T]):
    """A transaction under way: since when, what it settles, and its end."""

    begun: float
    told: dict[int, tuple[Ticket, Outcome | None]]
    done: Future[tuple[bool, T]]


@dataclass
class SendingDesk:
    """Gives the wire its messages; claims, logs and settles around it."""

    process: Process
    work: Work
    # The refusals of the message itself in a row, the last few, those of the turn before first: a slow pace takes one a turn.
    objections: list[Objection] = field(default_factory=list)
    # Why no more may leave although there is more: the relay refuses the message itself.
    objection: Outcome | None = None
    # Whether the relay answered for a message at all.
    has_served: bool = False
    _queue: deque[Ticket] = field(default_factory=deque)
    # The messages of the first of these, if they are written already.
    _prepared: dict[int, Envelope] = field(default_factory=dict)
    # Rows of ours that nobody has said the last word on; told ones, until they are settled; those settled just now.
    _held: dict[int, Ticket] = field(default_factory=dict)
    _told: dict[int, tuple[Ticket, Outcome | None]] = field(default_factory=dict)
    _settled: deque[Ticket] = field(default_factory=lambda: deque(maxlen=_REMEMBERED))
    _records: list[bytes] = field(default_factory=list)
    # When the answers of this look at the wire were heard: one reading of the clock.
    _heard_at: datetime | None = None
    # Whether the disk has not said yet that it has the last of them, and whether it ever had to.
    _awaits_disk: bool = False
    _is_strict: bool = False
    _tries: dict[int, int] = field(default_factory=dict)
    # How many rows the next window takes: one a connection at first, then as many as leave in a second.
    _size: int = 0
    _asked_at: float = 0.0
    _taken_at: float = 0.0
    # The window that is being taken beside the wire.
    _ahead: _Flight[tuple[Claim, float]] | None = None
    # Whether more hands were asked for.
    _helped: bool = False
    _after: int = 0
    _exhausted: bool = False
    # When more may be taken, where the pace holds rows back.
    _again_at: datetime | None = None
    # What the rows that are left wait for, when that is longer than this turn.
    waits_for: Wait | None = None
    waits_until: datetime | None = None
    # True once a row was no longer ours: this process slept for too long, and sends nothing more (step 10).
    _fenced: bool = False
    # Until when a final dot may leave, by the clock of `uptime`: the end of the lease, with time to spare.
    _lease_until: float = 0.0
    _settled_at: float = 0.0

    def __post_init__(self) -> None:
        self._clerk = Clerk(self.process.sessions, self.process.pause)

    def take(self) -> Envelope | None:
        """Give the next message; another window of rows is taken beside the wire while half of this one is left."""
        given_back = False
        while self._may_go_on():
            if not self._queue and (self._wait() > 0 or not self._refill()):
                return None
            # Once: where the database itself takes seconds, mail must leave all the same.
            if not given_back and self.process.uptime() - self._taken_at > _WINDOW_IS_OLD:
                self._give_back()
                given_back = True
                continue
            # Not while the wire is slow: what is taken early is out of reach of a pause, of who leaves the list.
            if self.process.connections < self._size >= len(self._queue) * 5 // 3 and self._may_ask():
                self._ask()
            ticket = self._queue.popleft()
            try:
                return self._prepared.pop(ticket.id, None) or self.work.envelope(ticket)
            except (KeyError, ValueError) as error:
                # It never left: nobody has to doubt it.
                why = f"The message could not be written: {type(error).__name__}."
                self.answered(ticket.id, Outcome(Verdict.REFUSED, Stage.WRITING, None, why))
        return None

    def backlog(self) -> int:
        """How many more are in hand."""
        return len(self._queue)

    def rest(self) -> float | None:
        """Nothing more once the rows that are due have been looked through; a short wait for the pace is waited out."""
        if not self._may_go_on() or not (self._queue or not self._exhausted):
            return None
        return 0.0 if self._queue else self._wait()

    def hand(self, ids: Sequence[int]) -> Collection[int]:
        """Write down what was answered and what leaves; nothing leaves on a lease that has little left."""
        # A window that has been taken and not been collected renews nothing while the relay is silent.
        is_free = self._ahead is None or self._ahead.done.done()
        if self._held and is_free and self.process.uptime() - self._settled_at > _REFRESH:
            self._settle_and(lambda _: None)
        allowed = [number for number in ids if number in self._held] if self._lease_holds() else []
        self._records += [send_log.handed(self._held[number]) for number in allowed]
        self._heard_at = None
        if self._records:
            self._awaits_disk = self.process.log.write(self._records, durably=bool(allowed)) or self._awaits_disk
            self._records = []
        return allowed

    def dot_may_leave(self, delivery_id: int) -> bool:
        """Whether this row is ours, with time to spare; what is written of it is on the disk by then, if it has to be."""
        if self._awaits_disk:
            self._awaits_disk, self._is_strict = False, True
            self.process.log.sync()
        return delivery_id in self._held and self._lease_holds()

    def get_ahead(self, count: int) -> None:
        """Write the next messages while the relay reads, where the disk would else have to be waited for after them."""
        if not self._is_strict:
            return
        # What cannot be written is met again, and told, by `take`.
        with suppress(KeyError, ValueError):
            for ticket in islice(self._queue, count):
                self._prepared[ticket.id] = self.work.envelope(ticket)

    def answered(self, delivery_id: int, outcome: Outcome) -> None:
        """Note what became of a message, for the log at the next `hand` and for the database at the next window."""
        ticket = self._ticket(delivery_id)
        if ticket is None:
            return
        if self._heard_at is None:
            self._heard_at = self.process.now()
            self._records.append(send_log.heard(self._heard_at))
        outcome.at = self._heard_at
        self._told[delivery_id] = ticket, outcome
        self.has_served = self.has_served or outcome.verdict is not Verdict.RELAY_DOWN
        self._records.append(send_log.answered(ticket, outcome))
        if objection := destinations.objection_of(ticket, outcome):
            self.objections = [*self.objections, objection][-_ENOUGH_REFUSALS:]
            if len(self.objections) == _ENOUGH_REFUSALS and not destinations.is_of_one(self.objections):
                self.objection = outcome
        elif self.objections:
            self.objections = []

    def unsent(self, delivery_id: int) -> None:
        """Take back a message that the relay never had whole; it leaves again at once, a few times."""
        ticket = self._held.pop(delivery_id)
        self._records.append(send_log.unsent(ticket))
        self._tries[delivery_id] = self._tries.get(delivery_id, 0) + 1
        if self._tries[delivery_id] < _TRIES and self._may_go_on():
            self._held[delivery_id] = ticket
            # Behind the others: a recipient at whom the relay hangs up must not stop them.
            self._queue.append(ticket)
        else:
            self._told[delivery_id] = ticket, _HUNG_UP if self._may_go_on() else None

    @property
    def has_more(self) -> bool:
        """Whether rows may be due that this turn did not come to."""
        return not self._exhausted

    def is_overdue(self) -> bool:
        """Whether the wire must be given up at once."""
        return self.process.must_end()

    def close(self, *, failed: bool = False) -> None:
        """Settle what was told, and give back what was not sent.

        After a failure a row may have been handed over and not told: it is left to who reads the log.
        """
        try:
            self._give_back()
            owner, now = self.process.log.owner, self.process.now()
            self._settle_and((lambda _: None) if failed else partial(settling.let_go, owner=owner, now=now))
        finally:
            self._clerk.close()

    def abandon(self) -> None:
        """Settle nothing, since the process is being ended: wait until no transaction of ours can come any more."""
        self._clerk.close()

    def _give_back(self) -> None:
        """Put the rows that no line has taken back where the next look finds them."""
        self._collect()
        if not self._queue:
            return
        for ticket in self._queue:
            self._told[ticket.id] = self._held.pop(ticket.id), None
        self._queue.clear()
        self._prepared.clear()
        self._after, self._exhausted = 0, False

    def _ticket(self, delivery_id: int) -> Ticket | None:
        """Find a row whose fate is told, for the first time or once more."""
        if delivery_id in self._held:
            return self._held.pop(delivery_id)
        for told in (self._told, self._ahead.told if self._ahead else {}):
            if delivery_id in told:
                return told[delivery_id][0]
        return next((ticket for ticket in reversed(self._settled) if ticket.id == delivery_id), None)

    def _may_go_on(self) -> bool:
        return self.objection is None and not self._fenced and self.process.go_on()

    def _lease_holds(self) -> bool:
        return not self._fenced and self.process.uptime() < self._lease_until

    def _refill(self) -> bool:
        """Settle the window before and take the next one; False when nothing is due."""
        while not self._queue and self._may_go_on() and (self._ahead is not None or self._may_ask()):
            if self._ahead is None:
                self._ask()
            self._collect()
        return bool(self._queue)

    def _may_ask(self) -> bool:
        return self._ahead is None and not self._exhausted and not self._wait()

    def _ask(self) -> None:
        """Begin to settle what was told and to take the next window."""
        if self.has_served and not self._helped:
            self._helped = True
            self.process.more_hands()
        self._ahead = self._begin(partial(self._claim, self._next_size()))

    def _collect(self) -> None:
        """Take the window that was asked for in hand, waiting for it."""
        flight, self._ahead = self._ahead, None
        if flight is None:
            return
        claimed, self._taken_at = self._end(flight)
        self._queue.extend(claimed.tickets)
        self._held.update((ticket.id, ticket) for ticket in claimed.tickets)
        # A claim that comes back short says little of the rows before: they are looked through once more.
        self._exhausted = claimed.is_short and self._after == 0
        self._after = 0 if claimed.is_short else claimed.looked_to
        if claimed.again_at is not None:
            self._hold_until(claimed.again_at, claimed.waits_for)

    def _hold_until(self, again_at: datetime, waits_for: Wait | None) -> None:
        """Take nothing before then: here when that is soon, else in another turn."""
        self._exhausted = again_at - self.process.now() > _SHORT_WAIT
        if self._exhausted:
            self.waits_for, self.waits_until = waits_for, again_at
        else:
            self._again_at = again_at

    def _wait(self) -> float:
        """In how many seconds more may be taken."""
        if self._again_at is None:
            return 0.0
        left = (self._again_at - self.process.now()).total_seconds()
        if left <= 0:
            self._again_at = None
        return max(0.0, left)

    def _claim(self, limit: int, session: Session) -> tuple[Claim, float]:
        """Take rows, and say since when they are known to be fit to leave."""
        owner, now, at = self.process.log.owner, self.process.now(), self.process.uptime()
        rules = self.process.rules
        return self.work.claim(session, owner=owner, limit=limit, after=self._after, now=now, rules=rules), at

    def _next_size(self) -> int:
        """Let the window grow while it lasts much less than it may, halve it when it lasts longer."""
        now = self.process.uptime()
        lasted, self._asked_at = now - self._asked_at, now
        if not self._size:
            self._size = self.process.connections
        elif lasted < _WINDOW_LASTS / 2:
            # To what would last half of what it may: each step is a transaction in which the wire waits.
            self._size *= max(2, min(_GROWTH, int(_WINDOW_LASTS / 2 / max(lasted, 0.001))))
        elif lasted > _WINDOW_LASTS:
            self._size //= 2
        # A window and three fifths are in hand when the next one is taken, and two mails a connection at the wire.
        most = max(self.process.connections, (self.process.window - _AT_THE_WIRE) * self.process.connections * 5 // 8)
        self._size = max(1, min(self._size, most))
        return self._size

    def _settle_and(self, act: Callable[[Session], T]) -> T:
        """Settle what was told and do one thing more, here and now."""
        self._collect()
        return self._end(self._begin(act))

    def _begin(self, act: Callable[[Session], T]) -> _Flight[T]:
        """Begin to settle what was told, to hold on to what is still out, and to do one thing more, in one transaction."""
        # What was told is in the log before it is in the database, and in both before it is forgotten here.
        if self._records:
            self.process.log.write(self._records, durably=False)
            self._records = []
        begun, told, self._told = self.process.uptime(), self._told, {}
        transact = partial(self._transact, list(told.values()), bool(self._held), act)
        return _Flight(begun, told, self._clerk.begin(transact))

    def _end(self, flight: _Flight[T]) -> T:
        """Wait for a transaction; the lease counts from before it."""
        try:
            keeps, result = flight.done.result()
        except BaseException:
            self._told = {**flight.told, **self._told}
            raise
        self._fenced = self._fenced or not keeps
        self._settled.extend(ticket for ticket, _ in flight.told.values())
        self._lease_until = flight.begun + (leases.LEASE - leases.TO_SPARE).total_seconds()
        self._settled_at = flight.begun
        return result

    def _transact(
        self,
        told: Sequence[tuple[Ticket, Outcome | None]],
        holds: bool,
        act: Callable[[Session], T],
        session: Session,
    ) -> tuple[bool, T]:
        """Run in the thread of the clerk: nothing of the desk is written here."""
        owner, now = self.process.log.owner, self.process.now()
        keeps = leases.renew(session, owner=owner, now=now) or not holds
        settling.settle(session, told, owner=owner, now=now, rules=self.process.rules, retries=self.process.retries)
        return keeps, act(session)
