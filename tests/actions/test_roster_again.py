"""What a later file corrects: names, addresses and choices of members that the register knows already."""

from __future__ import annotations

import pytest
from sqlalchemy import func, select

from service.actions import lists, members
from service.core.roster.fields import LENGTHS, NAME_LENGTH, Field
from service.models.member import Consent, Member
from tests.builders import World, table

HEADINGS = ("Numéro", "Prénom", "Nom", "Structure", "E-mail")
CONSENT = (*HEADINGS, "accord convocation électronique", "date d'accord", "source de l'accord")


def contacts_of(world: World, number: str) -> list[tuple[str, str, str | None]]:
    with world.sessions() as session:
        found = members.find(session, number).contacts
        return [(contact.given_name, contact.family_name, contact.email) for contact in found]


def contact_ids_of(world: World, number: str) -> list[int]:
    with world.sessions() as session:
        return [contact.id for contact in members.find(session, number).contacts]


def consents(world: World) -> list[bool]:
    with world.sessions() as session:
        return [one.given for one in session.scalars(select(Consent).order_by(Consent.id))]


def change_by_hand(world: World, number: str, email: str) -> None:
    with world.sessions.begin() as session:
        contact = members.find(session, number).contacts[0]
        members.change_address(session, contact, email, by=None, now=world.clock())


def test_a_corrected_name_reaches_the_contact_who_receives_the_mail(world: World) -> None:
    world.take_in(table(HEADINGS, ("1", "", "Durand", "", "a1@x.example")))
    done = world.take_in(table(HEADINGS, ("1", "Jean", "Durand", "", "a1@x.example")))
    again = world.take_in(table(HEADINGS, ("1", "Jean", "Durand", "", "a1@x.example")))
    assert (done.updated, again.unchanged) == (1, 1)
    assert contacts_of(world, "1") == [("Jean", "Durand", "a1@x.example")]


def test_a_name_corrected_in_a_file_without_addresses_reaches_the_only_contact(world: World) -> None:
    world.take_in(table(HEADINGS, ("1", "", "Durand", "", "a1@x.example")))
    world.take_in(table(("Numéro", "Prénom", "Nom"), ("1", "Jean", "Durand")))
    assert contacts_of(world, "1") == [("Jean", "Durand", "a1@x.example")]


def test_an_empty_name_cell_keeps_the_name_of_the_contact(world: World) -> None:
    world.take_in(table(HEADINGS, ("1", "Jean", "Durand", "", "a1@x.example")))
    done = world.take_in(table(HEADINGS, ("1", "", "Durand", "", "a1@x.example")))
    assert done.unchanged == 1
    assert contacts_of(world, "1") == [("Jean", "Durand", "a1@x.example")]


def test_a_further_row_corrects_the_name_of_its_own_contact_only(world: World) -> None:
    first = ("1", "Ana", "Bel", "Asso X", "ana@x.example")
    world.take_in(table(HEADINGS, first, ("1", "L.", "Pic", "", "leo@x.example")))
    done = world.take_in(table(HEADINGS, first, ("1", "Léo", "Pic", "", "leo@x.example")))
    assert (done.updated, done.unchanged) == (1, 1)
    assert contacts_of(world, "1") == [("Ana", "Bel", "ana@x.example"), ("Léo", "Pic", "leo@x.example")]


def test_the_corrected_name_is_found_by_search(world: World) -> None:
    first = ("1", "Ana", "Bel", "Asso X", "ana@x.example")
    world.take_in(table(HEADINGS, first))
    world.take_in(table(HEADINGS, ("1", "Zoé", "Roux", "Asso X", "ana@x.example")))
    with world.sessions() as session:
        assert [one.number for one in session.scalars(members.matching("zoe roux"))] == ["1"]


@pytest.mark.parametrize("chunk", [1, 500])
def test_two_rows_at_one_address_are_the_same_at_every_import(
    world: World, monkeypatch: pytest.MonkeyPatch, chunk: int
) -> None:
    monkeypatch.setattr("service.actions.staging.BATCH", chunk)
    both = ("1", "Jean", "Roy", "", "roy@x.example / jean@x.example")
    rows = (HEADINGS, both, ("1", "Marie", "Roy", "", "roy@x.example / marie@x.example"))
    world.take_in(table(*rows))
    again = world.take_in(table(*rows))
    assert (again.refused, again.unchanged) == ([], 2)
    assert contacts_of(world, "1") == [
        ("Jean", "Roy", "roy@x.example"),
        ("Jean", "Roy", "jean@x.example"),
        ("Marie", "Roy", "marie@x.example"),
    ]


def test_a_name_is_corrected_where_the_address_was_changed_by_hand(world: World) -> None:
    world.take_in(table(HEADINGS, ("1", "", "Durand", "", "old@x.example")))
    change_by_hand(world, "1", "hand@x.example")
    done = world.take_in(table(HEADINGS, ("1", "Jean", "Durand", "", "old@x.example")))
    assert (done.updated, len(done.conflicts)) == (1, 1)
    assert contacts_of(world, "1") == [("Jean", "Durand", "hand@x.example")]


def test_a_new_address_comes_with_the_names_of_its_row(world: World) -> None:
    world.take_in(table(HEADINGS, ("1", "Ana", "Bel", "Asso X", "old@x.example")))
    done = world.take_in(table(HEADINGS, ("1", "Léo", "Pic", "Asso X", "new@x.example")))
    assert (done.rows, done.updated) == (1, 1)
    assert contacts_of(world, "1") == [("Léo", "Pic", "new@x.example")]


@pytest.mark.parametrize("chunk", [1, 500])
@pytest.mark.parametrize("changed_first", [True, False])
def test_the_changed_address_of_a_further_contact_replaces_the_old_one(
    world: World, monkeypatch: pytest.MonkeyPatch, chunk: int, changed_first: bool
) -> None:
    monkeypatch.setattr("service.actions.staging.BATCH", chunk)
    same = ("1", "Ana", "Bel", "Asso X", "m@x.example")
    world.take_in(table(HEADINGS, same, ("1", "Léo", "Pic", "Asso X", "old@x.example")))
    before = contact_ids_of(world, "1")
    changed = ("1", "Zoé", "Roux", "Asso X", "new@x.example")
    rows = [changed, same] if changed_first else [same, changed]
    done = world.take_in(table(HEADINGS, *rows))
    again = world.take_in(table(HEADINGS, *rows))
    assert (done.created, done.updated, done.unchanged, again.unchanged) == (0, 1, 1, 2)
    assert contacts_of(world, "1") == [("Ana", "Bel", "m@x.example"), ("Zoé", "Roux", "new@x.example")]
    assert contact_ids_of(world, "1") == before


def test_two_changed_addresses_go_each_to_the_contact_of_that_name(world: World) -> None:
    world.take_in(table(HEADINGS, ("1", "Ana", "Bel", "X", "a@x.example"), ("1", "Léo", "Pic", "X", "l@x.example")))
    before = contact_ids_of(world, "1")
    world.take_in(table(HEADINGS, ("1", "Léo", "Pic", "X", "l2@x.example"), ("1", "Ana", "Bel", "X", "a2@x.example")))
    assert contacts_of(world, "1") == [("Ana", "Bel", "a2@x.example"), ("Léo", "Pic", "l2@x.example")]
    assert contact_ids_of(world, "1") == before


def test_a_further_contact_that_replaces_nobody_is_added_and_subscribed(world: World) -> None:
    world.mailing_list()
    first = ("1", "Ana", "Bel", "X", "a@x.example")
    world.take_in(table(HEADINGS, first), "nouvelles")
    done = world.take_in(table(HEADINGS, first, ("1", "Léo", "Pic", "X", "l@x.example")), "nouvelles")
    assert (done.updated, done.unchanged) == (1, 1)
    with world.sessions() as session:
        readers = lists.find(session, "nouvelles").readers()
        assert len(list(session.scalars(readers))) == 2


def test_an_address_changed_by_hand_stays_while_another_contact_gets_a_new_one(world: World) -> None:
    world.take_in(table(HEADINGS, ("1", "Ana", "Bel", "X", "a@x.example"), ("1", "Léo", "Pic", "X", "l@x.example")))
    change_by_hand(world, "1", "hand@x.example")
    done = world.take_in(
        table(HEADINGS, ("1", "Léo", "Pic", "X", "l2@x.example"), ("1", "Ana", "Bel", "X", "a@x.example"))
    )
    assert [(one.kept, one.in_file) for one in done.conflicts] == [("hand@x.example", "a@x.example")]
    assert (done.updated, done.unchanged) == (1, 1)
    assert contacts_of(world, "1") == [("Ana", "Bel", "hand@x.example"), ("Léo", "Pic", "l2@x.example")]


def test_the_new_address_may_be_named_the_main_one(world: World) -> None:
    headings = (*HEADINGS, "contact principal")
    same = ("1", "Ana", "Bel", "X", "a@x.example", "")
    world.take_in(table(headings, same))
    world.take_in(table(headings, same, ("1", "Léo", "Pic", "X", "l@x.example", "oui")))
    with world.sessions() as session:
        main = members.find(session, "1").main_contact
        assert main is not None
        assert main.email == "l@x.example"


def test_the_agreement_to_electronic_convocation_is_kept_once(world: World) -> None:
    row = ("S1", "Ana", "Bel", "", "a@x.example", "oui", "03/03/2025", "bulletin")
    world.take_in(table(CONSENT, row))
    world.take_in(table(CONSENT, row))
    with world.sessions() as session:
        consents = list(session.scalars(select(Consent)))
        assert [(one.given, str(one.given_on), one.source) for one in consents] == [(True, "2025-03-03", "bulletin")]


def test_a_choice_may_be_made_again_after_its_contrary(world: World) -> None:
    for said in ("oui", "non", "oui"):
        row = ("1", "Ana", "Bel", "", "a@x.example", said, "03/03/2025", "bulletin")
        world.take_in(table(CONSENT, row))
        world.take_in(table(CONSENT, row))
    assert consents(world) == [True, False, True]


@pytest.mark.parametrize("chunk", [1, 500])
def test_only_the_first_row_of_a_member_speaks_for_the_agreement(
    world: World, monkeypatch: pytest.MonkeyPatch, chunk: int
) -> None:
    monkeypatch.setattr("service.actions.staging.BATCH", chunk)
    rows = [("1", "Ana", "Bel", "X", f"{said}@x.example", said, "03/03/2025", "bulletin") for said in ("oui", "non")]
    world.take_in(table(CONSENT, *rows))
    world.take_in(table(CONSENT, *rows))
    assert consents(world) == [True]


def test_a_file_without_numbers_finds_who_has_one_and_whose_address_a_hand_changed(world: World) -> None:
    world.take_in(table(HEADINGS, ("Z1", "Zoé", "Roy", "", "zoe@x.example")))
    change_by_hand(world, "Z1", "zoe@nouveau.example")
    done = world.take_in(table(("Prénom", "Nom", "E-mail"), ("Zoé", "Roy", "zoe@x.example")))
    assert (done.created, len(done.conflicts)) == (0, 1)
    assert contacts_of(world, "Z1") == [("Zoé", "Roy", "zoe@nouveau.example")]


def test_a_person_named_without_and_with_his_number_is_one_member(world: World) -> None:
    done = world.take_in(
        table(
            HEADINGS,
            ("", "Jean", "Dé", "", "jean@x.example"),
            ("7", "Jean", "Dé", "", "jean2@x.example"),
            ("7", "Jean", "Dé", "", "jean@x.example"),
        )
    )
    with world.sessions() as session:
        assert session.scalar(select(func.count(Member.id))) == 1
    assert not done.refused
    assert {email for _, _, email in contacts_of(world, "7")} == {"jean@x.example", "jean2@x.example"}


def test_no_cell_is_longer_than_its_column() -> None:
    columns = {
        Field.COUNTRY: Member.country,
        Field.CITY: Member.city,
        Field.POSTCODE: Member.postcode,
        Field.PHONE: Member.telephone,
        Field.NUMBER: Member.number,
        Field.COLLEGE: Member.college,
        Field.CATEGORY: Member.category,
        Field.ADDRESS: Member.address,
        Field.ADDRESS_EXTRA: Member.address_extra,
        Field.ORGANISATION: Member.organisation,
        Field.GIVEN_NAME: Member.given_name,
        Field.FAMILY_NAME: Member.family_name,
        Field.CONSENT_SOURCE: Consent.source,
    }
    lengths = {field: column.property.columns[0].type.length for field, column in columns.items()}
    too_long = {field: length for field, length in lengths.items() if LENGTHS.get(field, NAME_LENGTH) > length}
    assert too_long == {}
