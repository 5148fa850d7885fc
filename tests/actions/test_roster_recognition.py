"""Whom the rows of a members file name: nobody is taken for somebody else or doubled, and the same file finds the same."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from service.actions import members
from service.actions.roster import Imported
from service.models.member import Contact, Member
from tests.builders import World, table

HEADINGS = ("Numéro", "Prénom", "Nom", "Structure", "E-mail")
Row = tuple[str, ...]


def people(world: World) -> list[tuple[str | None, str, list[str]]]:
    """Give each member with his number, his name and who reads for him where."""
    with world.sessions() as session:
        found = session.scalars(select(Member).order_by(Member.id)).all()
        return [
            (one.number, one.name, [f"{contact.name} {contact.email}" for contact in one.contacts]) for one in found
        ]


def taken_twice(world: World, *rows: Row) -> Imported:
    """Import a file, and see that the same file again changes nothing and tells the same."""
    first, written = world.take_in(table(HEADINGS, *rows)), people(world)
    again = world.take_in(table(HEADINGS, *rows))
    assert (again.created, again.updated, again.changes) == (0, 0, [])
    assert (again.remarks, again.refused, again.conflicts) == (first.remarks, first.refused, first.conflicts)
    assert people(world) == written
    return first


def change_by_hand(world: World, old: str, new: str) -> None:
    with world.sessions.begin() as session:
        contact = session.scalars(select(Contact).where(Contact.email == old)).one()
        members.change_address(session, contact, new, by=None, now=world.clock())


def test_the_structure_that_a_number_gets_is_found_by_name_in_the_same_file(world: World) -> None:
    world.take_in(table(HEADINGS, ("1", "", "Pic", "", "a@x.example")))
    done = taken_twice(world, ("1", "", "Pic", "Asso X", ""), ("", "", "Pic", "Asso X", "a@x.example"))
    assert (done.created, people(world)) == (0, [("1", "Asso X", ["Pic a@x.example"])])


def test_the_old_structure_of_a_number_named_alone_is_another_member(world: World) -> None:
    world.take_in(table(HEADINGS, ("1", "Ana", "Bel", "Asso X", "a@x.example")))
    done = taken_twice(world, ("1", "Ana", "Bel", "Régie Y", ""), ("", "Léo", "Pic", "Asso X", "a@x.example"))
    assert [(one.column, one.before, one.after) for one in done.changes] == [("structure", "Asso X", "Régie Y")]
    assert people(world) == [("1", "Régie Y", ["Ana Bel a@x.example"]), (None, "Asso X", ["Léo Pic a@x.example"])]


@pytest.mark.parametrize("known", [True, False])
def test_the_member_of_a_number_is_found_by_name_at_each_of_his_addresses(world: World, known: bool) -> None:
    if known:
        world.take_in(table(HEADINGS, ("1", "Ana", "Bel", "", "old@x.example")))
    taken_twice(
        world,
        ("", "Ana", "Bel", "", "b@x.example / c@x.example"),
        ("1", "Ana", "Bel", "", ""),
        ("1", "Léo", "Pic", "", "b@x.example"),
    )
    assert [number for number, _, _ in people(world)] == ["1"]
    assert {"Ana Bel c@x.example", "Léo Pic b@x.example"} <= set(people(world)[0][2])


@pytest.mark.parametrize("chunk", [1, 500])
def test_many_rows_without_a_number_find_their_numbers_in_any_batch(
    world: World, monkeypatch: pytest.MonkeyPatch, chunk: int
) -> None:
    monkeypatch.setattr("service.actions.staging.BATCH", chunk)
    monkeypatch.setattr("service.actions.recognition.BATCH", chunk)
    numbered = [(str(one), "", f"Nom{one}", "", "") for one in range(6)]
    further = [(str(one), "", "Pic", "", f"m{one}@x.example") for one in range(6)]
    alone = [("", "", f"Nom{one}", "", f"m{one}@x.example") for one in range(6)]
    taken_twice(world, *alone, *numbered, *further)
    assert [(number, name) for number, name, _ in people(world)] == [(str(one), f"Nom{one}") for one in range(6)]


def test_a_person_alone_is_the_structure_for_which_he_reads_at_all_his_addresses(world: World) -> None:
    world.take_in(table(HEADINGS, ("1", "Ana", "Bel", "Asso X", "a@x.example"), ("1", "Ana", "Bel", "", "b@x.example")))
    done = taken_twice(world, ("", "Ana", "Bel", "", "a@x.example / b@x.example"))
    assert (done.created, done.unchanged) == (0, 1)
    done = taken_twice(world, ("", "Ana", "Bel", "", "a@x.example / hers@x.example"))
    assert (done.created, [name for _, name, _ in people(world)]) == (1, ["Asso X", "Ana Bel"])


def test_the_name_that_a_structure_takes_from_a_contact_is_somebody_else_alone(world: World) -> None:
    world.take_in(table(HEADINGS, ("", "", "Bel", "Asso X", "a@x.example")))
    taken_twice(world, ("", "Ana", "Pic", "Asso X", "a@x.example"), ("", "", "Bel", "", "a@x.example"))
    assert people(world) == [(None, "Asso X", ["Ana Pic a@x.example"]), (None, "Bel", ["Bel a@x.example"])]


@pytest.mark.parametrize("number", ["", "1"])
def test_a_whole_name_in_one_cell_is_the_two_names_that_are_known(world: World, number: str) -> None:
    world.take_in(table(HEADINGS, (number, "Ana", "Bel", "", "a@x.example")))
    done = taken_twice(world, (number, "", "Ana Bel", "", "a@x.example"))
    assert (done.unchanged, people(world)) == (1, [(number or None, "Ana Bel", ["Ana Bel a@x.example"])])


def test_a_file_with_the_address_of_the_hand_and_the_one_before_keeps_one_contact(world: World) -> None:
    world.take_in(table(HEADINGS, ("1", "Ana", "Bel", "Asso X", "old@x.example")))
    change_by_hand(world, "old@x.example", "hand@x.example")
    done = taken_twice(
        world, ("1", "Ana", "Bel", "Asso X", "hand@x.example"), ("1", "Léo", "Pic", "Asso X", "old@x.example")
    )
    assert [(one.row, one.kept, one.in_file) for one in done.conflicts] == [(3, "hand@x.example", "old@x.example")]
    assert people(world) == [("1", "Asso X", ["Ana Bel hand@x.example"])]
