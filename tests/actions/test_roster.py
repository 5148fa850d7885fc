"""What an import does to the register."""

from __future__ import annotations

import pytest
from sqlalchemy import func, select

from service.actions import lists, members
from service.core.refusals import NotFound, Refusal
from service.core.vocabulary import Channel
from service.models.mailing_list import MailingList, SubscriptionChange
from service.models.member import Contact, Member
from tests.builders import World, table

HEADINGS = ("Numéro", "Prénom", "Nom", "Structure", "E-mail")


def addresses_of(world: World, number: str) -> list[str | None]:
    with world.sessions() as session:
        return [contact.email for contact in members.find(session, number).contacts]


def test_creates_then_recognises_the_same_members(world: World) -> None:
    first = world.members(30)
    again = world.members(30)
    assert (first.rows, first.created, first.updated, first.unchanged) == (30, 30, 0, 0)
    assert (again.rows, again.created, again.updated, again.unchanged) == (30, 0, 0, 30)


def test_counts_who_is_absent_and_removes_nobody(world: World) -> None:
    world.members(10)
    done = world.members(7)
    assert done.absent == 3
    with world.sessions() as session:
        assert session.scalar(select(func.count(Member.id))) == 10


def test_a_couple_at_one_address_is_two_members(world: World) -> None:
    done = world.take_in(
        table(
            ("Prénom", "Nom", "E-mail"), ("Camille", "Roy", "roy@lilas.example"), ("Paul", "Roy", "roy@lilas.example")
        )
    )
    assert done.created == 2
    assert done.shared == 1


def test_a_second_row_of_a_number_is_a_further_contact(world: World) -> None:
    rows = (
        HEADINGS,
        ("S1", "Ana", "Bel", "Asso X", "ana@asso.example"),
        ("S1", "Leo", "Pic", "Asso X", "leo@asso.example"),
    )
    done = world.take_in(table(*rows))
    again = world.take_in(table(*rows))
    assert (done.created, done.updated) == (1, 1)
    assert (again.created, again.updated, again.unchanged) == (0, 0, 2)
    with world.sessions() as session:
        contacts = members.find(session, "S1").contacts
        assert [(one.email, one.given_name, one.is_main) for one in contacts] == [
            ("ana@asso.example", "Ana", True),
            ("leo@asso.example", "Leo", False),
        ]


def test_two_addresses_in_a_cell_are_two_contacts(world: World) -> None:
    world.take_in(table(HEADINGS, ("S1", "Ana", "Bel", "", "ana@asso.example / bel@asso.example")))
    assert addresses_of(world, "S1") == ["ana@asso.example", "bel@asso.example"]


def test_the_named_main_contact_takes_the_place_of_the_first(world: World) -> None:
    rows = (
        (*HEADINGS, "contact principal"),
        ("S1", "A", "B", "", "a@x.example", "non"),
        ("S1", "C", "D", "", "c@x.example", "oui"),
    )
    world.take_in(table(*rows))
    with world.sessions() as session:
        main = members.find(session, "S1").main_contact
        assert main is not None
        assert main.email == "c@x.example"


def test_a_new_address_in_the_file_replaces_the_old_one(world: World) -> None:
    world.take_in(table(HEADINGS, ("S1", "Ana", "Bel", "", "old@x.example")))
    done = world.take_in(table(HEADINGS, ("S1", "Ana", "Bel", "", "new@x.example")))
    assert (done.updated, len(done.conflicts)) == (1, 0)
    assert addresses_of(world, "S1") == ["new@x.example"]


def test_one_new_address_of_two_replaces_the_contact_that_the_file_names_no_more(world: World) -> None:
    world.take_in(table(HEADINGS, ("S1", "A", "B", "", "a@x.example"), ("S1", "C", "D", "", "c@x.example")))
    world.take_in(table(HEADINGS, ("S1", "E", "F", "", "e@x.example"), ("S1", "C", "D", "", "c@x.example")))
    assert addresses_of(world, "S1") == ["e@x.example", "c@x.example"]


@pytest.mark.parametrize("in_file", ["old@x.example", "third@x.example"])
def test_an_address_changed_by_hand_wins_over_the_file(world: World, in_file: str) -> None:
    world.take_in(table(HEADINGS, ("S1", "Ana", "Bel", "", "old@x.example")))
    with world.sessions.begin() as session:
        members.change_address(
            session, members.find(session, "S1").contacts[0], "hand@x.example", by=None, now=world.clock()
        )
    done = world.take_in(table(HEADINGS, ("S1", "Ana", "Bel", "", in_file)))
    assert addresses_of(world, "S1") == ["hand@x.example"]
    assert [(one.kept, one.in_file) for one in done.conflicts] == [("hand@x.example", in_file)]


def test_empty_cells_erase_nothing(world: World) -> None:
    world.take_in(table((*HEADINGS, "Ville"), ("S1", "Ana", "Bel", "", "a@x.example", "Lyon")))
    world.take_in(table((*HEADINGS, "Ville"), ("S1", "Ana", "Bel", "", "a@x.example", "")))
    with world.sessions() as session:
        assert members.find(session, "S1").city == "Lyon"


def test_a_number_given_later_joins_the_member_known_by_address_and_name(world: World) -> None:
    world.take_in(table(HEADINGS, ("", "Ana", "Bel", "", "a@x.example")))
    done = world.take_in(table(HEADINGS, ("S9", "Ana", "Bel", "", "a@x.example")))
    assert (done.created, done.updated) == (0, 1)
    assert addresses_of(world, "S9") == ["a@x.example"]


def test_a_member_without_an_address_is_kept(world: World) -> None:
    world.take_in(table(HEADINGS, ("S1", "Ana", "Bel", "", "")))
    assert addresses_of(world, "S1") == [None]


def test_every_new_contact_is_on_the_statutory_list(world: World) -> None:
    world.members(4)
    with world.sessions() as session:
        statutory = lists.find(session, lists.STATUTORY)
        assert len(list(session.scalars(statutory.readers()))) == 4


def test_who_left_a_list_stays_out_at_the_next_import(world: World) -> None:
    world.mailing_list()
    world.members(3, "nouvelles")
    with world.sessions.begin() as session:
        someone = session.scalars(select(Contact)).first()
        assert someone is not None
        lists.leave(
            session, lists.find(session, "nouvelles"), someone, channel=Channel.LINK, wording="stop", now=world.clock()
        )
    world.members(3, "nouvelles")
    with world.sessions() as session:
        assert len(list(session.scalars(lists.find(session, "nouvelles").readers()))) == 2
        listed = session.scalar(MailingList.named("nouvelles"))
        assert listed is not None
        changes = list(
            session.scalars(select(SubscriptionChange.subscribed).where(SubscriptionChange.list_id == listed.id))
        )
        assert sorted(changes) == [False, True, True, True]


def test_an_unknown_list_changes_nothing(world: World) -> None:
    with pytest.raises(NotFound, match="inconnue"):
        world.members(3, "inconnue")
    with world.sessions() as session:
        assert session.scalar(select(func.count(Member.id))) == 0


def test_faulty_rows_are_told_and_the_good_ones_taken(world: World) -> None:
    done = world.take_in(table(HEADINGS, ("S1", "A", "B", "", "a@x.example"), ("S2", "C", "D", "", "pas-une-adresse")))
    assert (done.rows, done.created) == (2, 1)
    assert [(one.row, one.column, one.value) for one in done.refused] == [(3, "email", "pas-une-adresse")]


def test_a_file_that_cannot_be_read_to_its_end_changes_nothing(world: World) -> None:
    broken = 'Prénom;Nom;E-mail\nAna;Bel;a@x.example\nLeo;"Pic;l@x.example\n'
    with pytest.raises(Refusal):
        world.take_in(broken)
    with world.sessions() as session:
        assert session.scalar(select(func.count(Member.id))) == 0


def test_a_chunk_border_separates_the_contacts_of_a_member_without_harm(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("service.actions.staging.BATCH", 1)
    rows = (HEADINGS, ("S1", "A", "B", "", "a@x.example"), ("S1", "C", "D", "", "c@x.example"))
    done = world.take_in(table(*rows))
    again = world.take_in(table(*rows))
    assert (done.created, done.updated, again.unchanged) == (1, 1, 2)
    assert addresses_of(world, "S1") == ["a@x.example", "c@x.example"]


def test_search_finds_names_without_accents(world: World) -> None:
    world.take_in(
        table(HEADINGS, ("S1", "Élodie", "D’Août", "", "elo@x.example"), ("S2", "Bo", "Xi", "", "bo@x.example"))
    )
    with world.sessions() as session:
        assert [one.number for one in session.scalars(members.matching("elodie aout"))] == ["S1"]
        assert [one.number for one in session.scalars(members.matching("BO@X"))] == ["S2"]
        assert not list(session.scalars(members.matching("100%")))
