"""The pace of sending: how many mails may be taken for the wire now, in all and for each destination domain (D20).

What answers a person is counted and never held back. The rows of `pace_use` are shared by every sending process.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session

from service.actions import leases
from service.core.addresses import domain_of
from service.core.pace import LONGEST, SLOT, Allowance, Pace, QuietHours, Use, slot_of
from service.core.vocabulary import MailClass, Wait
from service.models.base import insert_or
from service.models.delivery import Delivery
from service.models.lease import Lease
from service.models.pace import Destination, PaceUse

# The lock of whoever counts, on PostgreSQL: a number of our own. SQLite has one writer.
_LOCK = 7_412_001
# A destination that takes so many mails at once has room again when one of them is answered.
A_MOMENT = timedelta(milliseconds=50)
_ALL = ""
_PAUSED = select(Destination.domain).where(Destination.paused_at.is_not(None))
_A_FEW = 50


@dataclass(frozen=True, slots=True)
class Rules:
    """What the settings say of the pace: in all, to one destination domain, and in which hours."""

    pace: Pace = field(default_factory=Pace)
    domain_pace: Pace = field(default_factory=Pace)
    # Mails that may be at the wire for one destination domain at once; 0 is no limit.
    domain_connections: int = 0
    quiet: QuietHours | None = None

    @property
    def count_domains(self) -> bool:
        """Whether mails are counted by destination domain."""
        return bool(self.domain_pace.caps or self.domain_connections)

    @property
    def count_all(self) -> bool:
        """Whether mails are counted at all."""
        return bool(self.pace.caps) or self.count_domains


FREE = Rules()


@dataclass(frozen=True, slots=True)
class Gate:
    """What may be taken in one claim, and when more may."""

    count: int
    again_at: datetime | None = None
    waits_for: Wait | None = None
    # Destination domains of which nothing may be taken.
    closed: frozenset[str] = frozenset()
    # When one of those that are closed for a moment opens again.
    opens_at: datetime | None = None
    _room: Mapping[str, Allowance] = field(default_factory=dict)
    _otherwise: int | None = None

    def surplus(self, rows: Iterable[tuple[int, str]]) -> set[int]:
        """Of these rows, each with its address, name those that their destination has no room for."""
        if not self._room and self._otherwise is None:
            return set()
        taken: Counter[str] = Counter()
        over: set[int] = set()
        for number, address in rows:
            domain = domain_of(address)
            taken[domain] += 1
            allowance = self._room.get(domain)
            most = self._otherwise if allowance is None else allowance.count
            if most is not None and taken[domain] > most:
                over.add(number)
        return over


def open_gate(session: Session, rules: Rules, *, mail_class: MailClass | None, wanted: int, now: datetime) -> Gate:
    """Say what a campaign may take now; whoever counts holds the lock until his transaction ends.

    Statutory mail knows no quiet hours: a legal deadline does not sleep.
    """
    if rules.quiet is not None and mail_class is not MailClass.STATUTORY and (until := rules.quiet.until(now)):
        return Gate(0, until, Wait.QUIET)
    paused = frozenset(session.connection().execute(_PAUSED).scalars())
    if not rules.count_all:
        return Gate(wanted, closed=paused)
    _take_turn(session)
    uses = _uses(session, rules, now)
    if rules.pace.caps:
        allowance = rules.pace.allowance(uses.get(_ALL, ()), now=now)
        if allowance.count == 0:
            return Gate(0, allowance.again_at, Wait.PACE)
        wanted = min(wanted, allowance.count)
    if not rules.count_domains:
        return Gate(wanted, closed=paused)
    # What a destination has no room for is put back: a small claim puts little back.
    wanted = min(wanted, _A_FEW)
    room = _rooms(session, rules, uses, now)
    full = {domain: allowance for domain, allowance in room.items() if allowance.count <= 0}
    return Gate(
        wanted,
        closed=paused | frozenset(full),
        opens_at=_opening(full, now),
        _room=room,
        _otherwise=_empty_room(rules, now),
    )


def book(session: Session, rules: Rules, addresses: Iterable[str], *, now: datetime) -> None:
    """Count mails that are taken for the wire."""
    if not rules.count_all:
        return
    _take_turn(session)
    slot = slot_of(now)
    for domain, count in sorted(_by_domain(addresses, rules).items()):
        taken = insert_or(session, PaceUse).values(domain=domain, began=slot, count=count)
        known = {"count": PaceUse.count + count}
        session.execute(taken.on_conflict_do_update(index_elements=[PaceUse.domain, PaceUse.began], set_=known))


def give_back(session: Session, rules: Rules, taken: Iterable[tuple[str, datetime]]) -> None:
    """Take mails that never left out of the count, each out of the slot that it was taken in."""
    if not rules.count_all:
        return
    by_slot: dict[datetime, list[str]] = {}
    for address, at in taken:
        by_slot.setdefault(slot_of(at), []).append(address)
    if by_slot:
        _take_turn(session)
    for slot, addresses in sorted(by_slot.items()):
        for domain, count in sorted(_by_domain(addresses, rules).items()):
            given = update(PaceUse).where(PaceUse.domain == domain, PaceUse.began == slot, PaceUse.count >= count)
            less = given.values(count=PaceUse.count - count)
            session.execute(less.execution_options(synchronize_session=False))


def sweep(session: Session, *, now: datetime) -> None:
    """Forget what no cap looks back to."""
    session.execute(delete(PaceUse).where(PaceUse.began < now - LONGEST - SLOT))


def _take_turn(session: Session) -> None:
    """Who counts waits for who counts: nothing of `pace_use` is touched by two transactions at once."""
    if session.get_bind().dialect.name == "postgresql":
        session.execute(select(func.pg_advisory_xact_lock(_LOCK)))


def _opening(full: Mapping[str, Allowance], now: datetime) -> datetime | None:
    """Say when one of the destinations that are full has room again; one that is full at the wire may have it soon."""
    return min((one.again_at or now + A_MOMENT for one in full.values()), default=None)


def _uses(session: Session, rules: Rules, now: datetime) -> dict[str, list[Use]]:
    which = PaceUse.began > now - LONGEST - SLOT
    if not rules.count_domains:
        which &= PaceUse.domain == _ALL
    found: dict[str, list[Use]] = {}
    for domain, began, count in session.execute(select(PaceUse.domain, PaceUse.began, PaceUse.count).where(which)):
        found.setdefault(domain, []).append(Use(began, count))
    return found


def _rooms(session: Session, rules: Rules, uses: Mapping[str, Sequence[Use]], now: datetime) -> dict[str, Allowance]:
    """Say for each destination that was written to lately how many more mails it may get now."""
    at_the_wire: Counter[str] = Counter()
    if rules.domain_connections:
        out = select(Delivery.address).join(Lease, leases.is_out())
        at_the_wire.update(domain_of(address) for address in session.scalars(out))
    rooms: dict[str, Allowance] = {}
    for domain in {*uses, *at_the_wire} - {_ALL}:
        room = Allowance(_A_LOT)
        if rules.domain_pace.caps:
            room = rules.domain_pace.allowance(uses.get(domain, ()), now=now)
        if rules.domain_connections and room.count > 0:
            room = Allowance(min(room.count, rules.domain_connections - at_the_wire[domain]))
        rooms[domain] = room
    return rooms


def _empty_room(rules: Rules, now: datetime) -> int:
    """Say how many mails a destination may get that was not written to lately."""
    most = rules.domain_pace.allowance((), now=now).count if rules.domain_pace.caps else _A_LOT
    return min(most, rules.domain_connections or most)


def _by_domain(addresses: Iterable[str], rules: Rules) -> Counter[str]:
    domains = Counter(domain_of(address) for address in addresses)
    counted = Counter({_ALL: domains.total()})
    return counted + domains if rules.count_domains else counted


_A_LOT = 1_000_000
