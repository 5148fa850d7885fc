"""The plan of an import: it tells what will be done, writes nothing, and is what is done."""

from __future__ import annotations

import copy
import io
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from sqlalchemy import create_engine, event, func, select, text
from sqlalchemy.orm import Session, sessionmaker

from service import db
from service.actions import lists, members, roster
from service.actions.roster import Imported, Plan
from service.actions.staging import staged
from service.core.roster import open_sheet, read
from service.models.base import Base
from service.models.mailing_list import SubscriptionChange
from service.models.member import Consent, Contact, Member
from tests.builders import NOON, World, table

HEADINGS = ("Numéro", "Prénom", "Nom", "Structure", "E-mail", "Ville", "contact principal", "accord convocation")
Row = tuple[str, ...]


@contextmanager
def planned(sessions: sessionmaker[Session], rows: str, *slugs: str) -> Iterator[Plan]:
    sheet = open_sheet(io.BytesIO(rows.encode()), "membres.csv")
    with staged(read(sheet)) as gathered:
        with db.reading(sessions) as session:
            made = roster.plan(session, gathered, list_slugs=slugs)
        yield made


def taken(sessions: sessionmaker[Session], rows: str) -> tuple[Imported, Imported]:
    """Import a file; return what was told before, and after."""
    with planned(sessions, rows) as plan, sessions.begin() as session:
        told = copy.deepcopy(plan.done)
        return told, roster.carry_out(session, plan, now=NOON)


def test_a_plan_takes_no_writers_turn_and_tells_what_changes(world: World) -> None:
    world.members(3)
    rows = "Numéro;Prénom;Nom;E-mail;Ville\nS0000;Prénom0;Nom0;neuf@x.example;Lyon\nS9;Léo;Pic;l@x.example;\n"
    with world.sessions.begin() as writer:
        writer.execute(text("UPDATE member SET city = city"))
        # Somebody writes all the while: a plan that wrote would wait for him for ever.
        with planned(world.sessions, rows) as plan:
            done = plan.done
    assert (done.created, done.updated, done.absent) == (1, 1, 2)
    assert [(one.name, one.column, one.before, one.after) for one in done.changes] == [
        ("Prénom0 Nom0", "ville", "", "Lyon"),
        ("Prénom0 Nom0", "email", "membre0@exemple0.example", "neuf@x.example"),
    ]
    assert [name for _, name in done.absentees] == ["Prénom1 Nom1", "Prénom2 Nom2"]
    with world.sessions() as session:
        assert session.scalar(select(func.count(Member.id))) == 3


@pytest.mark.parametrize("moved", [True, False])
def test_a_plan_is_made_again_when_somebody_changed_the_register_meanwhile(world: World, moved: bool) -> None:
    world.take_in(table(("Numéro", "Nom", "E-mail"), ("1", "Bel", "old@x.example")))
    with planned(world.sessions, table(("Numéro", "Nom", "E-mail"), ("1", "Bel", "new@x.example"))) as plan:
        if moved:
            with world.sessions.begin() as session:
                contact = members.find(session, "1").contacts[0]
                members.change_address(session, contact, "hand@x.example", by=None, now=world.clock())
        with world.sessions.begin() as session:
            done = roster.carry_out(session, plan, now=world.clock())
    assert [one.kept for one in done.conflicts] == (["hand@x.example"] if moved else [])
    with world.sessions() as session:
        emails = [contact.email for contact in session.scalars(select(Contact))]
    assert emails == (["hand@x.example"] if moved else ["new@x.example"])


def test_who_joins_a_list_for_the_first_time_is_counted(world: World) -> None:
    world.mailing_list()
    world.members(2)
    rows = "Numéro;Nom\nS0000;Nom0\nS0001;Nom1\n"
    with planned(world.sessions, rows, "nouvelles") as plan:
        assert (plan.done.joining, plan.done.updated) == (2, 0)
        with world.sessions.begin() as session:
            roster.carry_out(session, plan, now=world.clock())
    with planned(world.sessions, rows, "nouvelles") as again:
        assert again.done.joining == 0


mailboxes = [f"{name}@x.example" for name in "abcd"]
cells = st.tuples(
    st.sampled_from(["", "", "1", "2", "3"]),
    st.sampled_from(["", "Ana", "Léo"]),
    st.sampled_from(["Bel", "Pic", "BEL", "Ana Bel", ""]),
    st.sampled_from(["", "", "Asso X", "Régie Y", "Bel"]),
    st.lists(st.sampled_from(mailboxes), max_size=2, unique=True).map(" / ".join),
    st.sampled_from(["", "Lyon", "Nice"]),
    st.sampled_from(["", "oui", "non"]),
    st.sampled_from(["", "oui", "non"]),
).filter(any)
files = st.lists(cells, min_size=1, max_size=7)
hands = st.lists(st.tuples(st.integers(0, 2), st.sampled_from([*mailboxes[:2], "hand@x.example"])), max_size=2)


def row(number: str, person: str, structure: str, emails: str) -> Row:
    """Write what recognition looks at."""
    given, _, family = person.rpartition(" ")
    return (number, given, family, structure, emails, "", "", "")


@settings(max_examples=15, deadline=None)
# Named twice, once with a number and a structure, once by name and address alone.
@example([row("1", "Bel", "", "a@x.example")], [row("1", "Bel", "Asso X", ""), row("", "Bel", "", "a@x.example")], [])
# The structure that the number gets is named again without it, at the address of the person it was.
@example(
    [row("1", "Pic", "", "a@x.example")],
    [row("", "Bel", "", ""), row("1", "Bel", "Asso X", ""), row("", "Bel", "Asso X", "a@x.example")],
    [],
)
# A number gets another structure, and the old one is named alone.
@example([row("1", "Bel", "X", "a@x.example")], [row("1", "Bel", "Y", ""), row("", "Pic", "X", "a@x.example")], [])
# A newcomer with a number is named again at the address of his second contact.
@example(
    [row("9", "Roy", "", "")],
    [row("1", "Bel", "", ""), row("1", "Pic", "", "b@x.example"), row("", "Bel", "", "b@x.example")],
    [],
)
# A structure renames the contact whom another row names alone under his old name.
@example(
    [row("", "Bel", "X", "a@x.example")],
    [row("", "Ana Pic", "X", "a@x.example"), row("", "Bel", "", "a@x.example")],
    [],
)
# The contact that a structure gets is named alone, with one more address at which a later row names the structure.
@example(
    [row("", "Bel", "X", "a@x.example")],
    [row("", "Bel", "", "a@x.example / b@x.example"), row("", "Pic", "X", "b@x.example")],
    [],
)
# The whole name in one cell.
@example([row("", "Ana Bel", "", "a@x.example")], [("", "", "Ana Bel", "", "a@x.example", "", "", "")], [])
# Both the address of the hand and the one before stand in the file, under two names.
@example(
    [row("1", "Bel", "X", "b@x.example")],
    [row("1", "Bel", "X", "a@x.example"), row("1", "Pic", "X", "b@x.example")],
    [(0, "a@x.example")],
)
@example(
    [row("", "Bel", "X", "b@x.example / a@x.example")],
    [row("", "Bel", "X", "a@x.example"), row("", "Bel", "X", "b@x.example")],
    [(1, "hand@x.example"), (0, "a@x.example")],
)
@given(before=files, now=files, by_hand=hands)
def test_what_is_told_is_what_is_done_and_the_same_file_again_changes_nothing(
    before: list[Row], now: list[Row], by_hand: list[tuple[int, str]]
) -> None:
    engine = create_engine("sqlite://")
    event.listen(engine, "connect", db.teach_sqlite)
    Base.metadata.create_all(engine)
    sessions = db.sessions(engine)
    with sessions.begin() as session:
        lists.ensure_defaults(session, now=NOON)
    taken(sessions, table(HEADINGS, *before))
    for which, address in by_hand:
        with sessions.begin() as session:
            for contact in session.scalars(select(Contact).order_by(Contact.id).offset(which).limit(1)):
                members.change_address(session, contact, address, by=None, now=NOON)
    there = _count(sessions)
    told, done = taken(sessions, table(HEADINGS, *now))
    assert told == done
    assert done.rows == done.created + done.updated + done.unchanged + len(done.refused_rows) == len(now)
    assert _count(sessions) == there + done.created
    written = _register(sessions)
    again, _ = taken(sessions, table(HEADINGS, *now))
    assert (again.created, again.updated, again.changes, again.joining) == (0, 0, [], 0)
    assert (again.remarks, again.refused, again.conflicts) == (done.remarks, done.refused, done.conflicts)
    assert (again.shared, again.absent) == (done.shared, done.absent)
    assert _register(sessions) == written
    with sessions() as session:
        mains = select(func.count()).where(Contact.is_main)
        assert session.scalar(mains) == session.scalar(select(func.count(Member.id)))
    engine.dispose()


def _register(sessions: sessionmaker[Session]) -> list[list[tuple[object, ...]]]:
    tables = [Base.metadata.tables[kind.__tablename__] for kind in (Member, Contact, Consent, SubscriptionChange)]
    with sessions() as session:
        return [[tuple(one) for one in session.execute(select(one).order_by(one.c.id))] for one in tables]


def _count(sessions: sessionmaker[Session]) -> int:
    with sessions() as session:
        return session.scalar(select(func.count(Member.id))) or 0
