"""The members file taken into the register: what it changes is compared first, with reads alone, and then written in one go."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import groupby

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from service.actions import enrolment, journal, lists, recognition
from service.actions.enrolment import Batch
from service.actions.staging import Staged, staged
from service.core.roster import MemberRow, RefusedCell, RowRead
from service.core.roster.changes import Comparison, KnownMember, compare
from service.core.roster.report import Change, Difference, Remark
from service.models.journal import JournalEntry
from service.models.mailing_list import MailingList

# What a report repeats of a file of any length; the counts are always whole.
TOLD = 1000
_ACTS = ("member", "contact")


@dataclass(slots=True)
class Imported:
    """What an import does; `rows` counts the data rows of the file, refused ones too.

    `updated` and `unchanged` count rows, the further ones of a newcomer too; `members_updated` counts known members.
    The lists of changes, remarks and absent members stop at TOLD; `changed` and `remarked` count them all.
    """

    rows: int = 0
    created: int = 0
    updated: int = 0
    members_updated: int = 0
    unchanged: int = 0
    absent: int = 0
    changed: int = 0
    remarked: int = 0
    joining: int = 0
    shared: int = 0
    conflicts: list[Difference] = field(default_factory=list)
    changes: list[Change] = field(default_factory=list)
    remarks: list[Remark] = field(default_factory=list)
    absentees: list[tuple[int, str]] = field(default_factory=list)
    refused: list[RefusedCell] = field(default_factory=list)
    refused_rows: list[RowRead] = field(default_factory=list)

    def tell(self, one: Comparison) -> None:
        """Take in what is told of one member."""
        self.changed += len(one.changes)
        self.remarked += len(one.remarks)
        self.changes += one.changes[: TOLD - len(self.changes)]
        self.remarks += one.remarks[: TOLD - len(self.remarks)]
        self.conflicts += one.conflicts


@dataclass(frozen=True, slots=True)
class Plan:
    """What an import would do: the report, and the changes that wait in the staged file; `seen` is the last journal entry."""

    staged: Staged
    done: Imported
    list_slugs: tuple[str, ...]
    seen: int


def plan(session: Session, rows: Staged, *, list_slugs: Sequence[str]) -> Plan:
    """Compare a staged file with the register. Only reads; the preview and the import both show this very report.

    Members are found by number, then by address and name (`recognition.recognise` says how); the same file imported again
    changes nothing and tells the same. An address changed by hand since the last import is kept and reported; a member
    absent from the file is counted, never removed; a list that somebody left stays left.
    """
    targets = _targets(session, list_slugs)
    done = Imported(rows=rows.rows, refused=rows.refused, refused_rows=rows.refused_rows)
    seen = session.scalar(select(func.max(JournalEntry.id))) or 0
    ids = recognition.recognise(session, rows)
    for batch in rows.members():
        _compare_known(session, rows, batch, targets, done)
    for batch in rows.newcomers():
        compared = [compare(of_one, None) for of_one in _by_member(batch)]
        for one in compared:
            _tell_newcomer(done, one)
        # They have no id yet: the row that brings each of them stands for it.
        rows.share((key, -one.rows[0]) for one in compared for key in one.keys)
        rows.write(Batch([one.change for one in compared], {}))
    _look_at_the_others(session, rows, ids, done)
    for told in (done.conflicts, done.changes, done.remarks):
        told.sort(key=lambda one: one.row)
    return Plan(rows, done, tuple(list_slugs), seen)


def carry_out(
    session: Session,
    planned: Plan,
    *,
    now: datetime,
    by: int | None = None,
    told: Callable[[int], None] = lambda _: None,
) -> Imported:
    """Write what was planned; compares again first when the register has changed since. `told` hears of each batch."""
    journal.take_turn(session)
    if _has_moved(session, planned):
        planned.staged.forget_comparison()
        planned = plan(session, planned.staged, list_slugs=planned.list_slugs)
    done, targets = planned.done, _targets(session, planned.list_slugs)
    for batch in planned.staged.to_write(Batch):
        enrolment.write(session, batch, targets, now=now)
        told(len(batch.changes))
    if done.created or done.updated:
        journal.note(session, "members.import", now=now, by=by, created=done.created, updated=done.updated)
    return done


def take_in(
    session: Session, rows: Iterable[RowRead], *, list_slugs: Sequence[str], now: datetime, by: int | None = None
) -> Imported:
    """Plan and carry out in one transaction: for a small file, where nobody waits for the database."""
    with staged(rows) as read:
        return carry_out(session, plan(session, read, list_slugs=list_slugs), now=now, by=by)


def _targets(session: Session, slugs: Sequence[str]) -> list[MailingList]:
    """Give the lists that the members join: the statutory one, and those that were chosen. Refuses an unknown one."""
    chosen = [lists.find(session, slug) for slug in dict.fromkeys(slugs)]
    statutory = session.scalar(MailingList.named(lists.STATUTORY))
    return [statutory, *(one for one in chosen if one.id != statutory.id)] if statutory else chosen


def _compare_known(
    session: Session, rows: Staged, batch: list[tuple[int, MemberRow]], targets: Sequence[MailingList], done: Imported
) -> None:
    ids = list(dict.fromkeys(member_id for member_id, _ in batch))
    known = recognition.known(session, ids)
    compared = [
        _tell_known(done, known[member_id], of_one) for member_id, of_one in zip(ids, _by_member(batch), strict=True)
    ]
    rows.share((key, member_id) for member_id, one in zip(ids, compared, strict=True) for key in one.keys)
    joining = {target.id: recognition.outside(session, target, ids) for target in targets}
    done.joining += sum(map(len, joining.values()))
    changes = [one.change for one in compared if not one.change.is_empty]
    if changes or any(joining.values()):
        rows.write(Batch(changes, joining))


def _by_member(batch: list[tuple[int, MemberRow]]) -> Iterator[list[MemberRow]]:
    for _, rows in groupby(batch, key=lambda one: one[0]):
        yield [row for _, row in rows]


def _tell_known(done: Imported, known: KnownMember, rows: Sequence[MemberRow]) -> Comparison:
    one = compare(rows, known)
    done.updated += len(one.changed_rows)
    done.members_updated += bool(one.changed_rows)
    done.unchanged += len(rows) - len(one.changed_rows)
    done.tell(one)
    return one


def _tell_newcomer(done: Imported, one: Comparison) -> None:
    done.created += 1
    done.updated += one.further_changed
    done.unchanged += len(one.rows) - 1 - one.further_changed
    done.tell(one)


def _look_at_the_others(session: Session, rows: Staged, ids: set[int], done: Imported) -> None:
    """Count those whom the file does not name, and the addresses that members share once it is taken in."""
    rows.share((key, member_id) for key, member_id in recognition.readers(session) if member_id not in ids)
    done.shared = rows.shared()
    for member_id, name in recognition.present(session):
        if member_id not in ids:
            done.absent += 1
            if len(done.absentees) < TOLD:
                done.absentees.append((member_id, name))


def _has_moved(session: Session, planned: Plan) -> bool:
    """Whether somebody was changed since the comparison: each such act is in the journal."""
    acts = session.scalars(select(JournalEntry.act).where(JournalEntry.id > planned.seen))
    return any(act.startswith(_ACTS) for act in acts)
