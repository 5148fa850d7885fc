"""What an import says of rows that do not fit together: refused or remarked, never set aside in silence."""

from __future__ import annotations

from sqlalchemy import select

from service.actions import members
from service.actions.staging import MOST_ROWS
from service.models.member import Consent
from tests.builders import World, table

HEADINGS = ("Numéro", "Prénom", "Nom", "Structure", "E-mail")
MAIN = (*HEADINGS, "contact principal")


def names_of(world: World, number: str) -> list[tuple[str, str | None]]:
    with world.sessions() as session:
        return [(contact.name, contact.email) for contact in members.find(session, number).contacts]


def main_of(world: World, number: str) -> str | None:
    with world.sessions() as session:
        main = members.find(session, number).main_contact
        return main.email if main else None


def change_by_hand(world: World, who: str, email: str) -> None:
    with world.sessions.begin() as session:
        contact = members.find(session, who).contacts[0]
        members.change_address(session, contact, email, by=None, now=world.clock())


def test_another_structure_under_the_same_number_is_refused(world: World) -> None:
    done = world.take_in(
        table(
            HEADINGS,
            ("1", "Ana", "Bel", "Asso X", "a@x.example"),
            ("1", "Léo", "Pic", "Régie Y", "l@y.example"),
            ("1", "Zoé", "Roux", "ASSO  x", "z@x.example"),
        )
    )
    assert [(one.row, one.column, one.value) for one in done.refused] == [(3, "numéro", "1")]
    assert "déjà celui d’Asso X (ligne 2)" in done.refused[0].reason
    assert [row.cells[3] for row in done.refused_rows] == ["Régie Y"]
    assert names_of(world, "1") == [("Ana Bel", "a@x.example"), ("Zoé Roux", "z@x.example")]


def test_another_person_under_the_same_number_is_a_contact_and_remarked(world: World) -> None:
    rows = (
        HEADINGS,
        ("1", "Ana", "Bel", "", "a@x.example"),
        ("1", "Léo", "Pic", "", "l@x.example"),
        ("1", "ANA", "Bél", "", "a2@x.example"),
    )
    for _ in range(2):
        done = world.take_in(table(*rows))
        assert [(one.row, one.column) for one in done.remarks] == [(3, "numéro")]
        assert "Léo Pic est pris pour un contact" in done.remarks[0].reason
    assert [name for name, _ in names_of(world, "1")] == ["Ana Bel", "Léo Pic", "ANA Bél"]


def test_another_person_without_an_address_has_nothing_to_add_and_is_refused(world: World) -> None:
    for structure in ("", "Asso X"):
        done = world.take_in(
            table(HEADINGS, ("1", "Ana", "Bel", structure, "a@x.example"), ("1", "Léo", "Pic", structure, ""))
        )
        assert [(one.row, one.column) for one in done.refused] == [(3, "numéro")]
        assert "pas d’adresse" in done.refused[0].reason


def test_a_structure_that_only_a_later_row_names_is_taken_and_remarked(world: World) -> None:
    done = world.take_in(
        table(HEADINGS, ("1", "Ana", "Bel", "", "a@x.example"), ("1", "Léo", "Pic", "Asso X", "l@x.example"))
    )
    assert [(one.row, one.column) for one in done.remarks] == [(3, "structure")]
    with world.sessions() as session:
        assert members.find(session, "1").name == "Asso X"


def test_the_contact_of_a_member_without_an_address_is_not_taken_by_another_person(world: World) -> None:
    alone, other = ("1", "Ana", "Bel", "", ""), ("1", "Léo", "Pic", "", "l@x.example")
    world.take_in(table(HEADINGS, alone))
    for expected in (1, 0):
        done = world.take_in(table(HEADINGS, alone, other))
        assert (done.changed, names_of(world, "1")) == (expected, [("Ana Bel", None), ("Léo Pic", "l@x.example")])


def test_every_column_that_differs_between_two_rows_of_a_member_is_remarked(world: World) -> None:
    headings = (*HEADINGS, "Collège", "Parts", "Adresse", "Ville", "Remarque")
    rows = (
        headings,
        ("1", "Ana", "Bel", "Asso X", "a@x.example", "Salariés", "3", "1 rue A", "", "train"),
        ("1", "Léo", "Pic", "Asso X", "l@x.example", "SALARIES", "4", "2 rue B", "Lyon", "vélo"),
    )
    for _ in range(2):
        done = world.take_in(table(*rows))
        assert [(one.row, one.column, one.value) for one in done.remarks] == [
            (3, "parts", "4"),
            (3, "adresse", "2 rue B"),
            (3, "Remarque", "vélo"),
        ]
    with world.sessions() as session:
        member = members.find(session, "1")
        assert (member.shares, member.address, member.city, member.notes) == (
            3,
            "1 rue A",
            "Lyon",
            {"Remarque": "train"},
        )


def test_of_two_main_contacts_the_first_counts_and_the_other_is_remarked(world: World) -> None:
    rows = (
        MAIN,
        ("1", "Ana", "Bel", "X", "a@x.example", "oui"),
        ("1", "Léo", "Pic", "X", "l@x.example", "oui"),
    )
    for expected in (1, 0, 0):
        done = world.take_in(table(*rows))
        assert [(one.row, one.column, one.value) for one in done.remarks] == [(3, "contact principal", "oui")]
        assert (done.created, done.changed, main_of(world, "1")) == (expected, 0, "a@x.example")


def test_a_number_on_too_many_rows_is_no_number(world: World) -> None:
    rows = [("1", "Ana", "Bel", "X", f"a{n}@x.example") for n in range(MOST_ROWS + 2)]
    done = world.take_in(table(HEADINGS, *rows))
    assert [one.row for one in done.refused] == [MOST_ROWS + 2, MOST_ROWS + 3]
    assert "vérifiez quelle colonne est le numéro" in done.refused[0].reason


def test_a_file_that_catches_up_with_a_hand_counts_again(world: World) -> None:
    world.take_in(table(HEADINGS, ("1", "Ana", "Bel", "", "old@x.example")))
    change_by_hand(world, "1", "hand@x.example")
    world.take_in(table(HEADINGS, ("1", "Ana", "Bel", "", "hand@x.example")))
    done = world.take_in(table(HEADINGS, ("1", "Ana", "Bel", "", "new@x.example")))
    assert (done.conflicts, names_of(world, "1")) == ([], [("Ana Bel", "new@x.example")])


def test_a_member_without_a_number_is_known_by_the_address_that_a_hand_changed(world: World) -> None:
    rows = table(HEADINGS, ("", "Ana", "Bel", "", "old@x.example"))
    world.take_in(rows)
    change_by_hand(world, "old@x.example", "hand@x.example")
    done = world.take_in(rows)
    assert (done.created, [one.kept for one in done.conflicts]) == (0, ["hand@x.example"])


def test_rows_without_a_number_join_whoever_they_share_an_address_and_a_name_with(world: World) -> None:
    rows = (
        HEADINGS,
        ("", "Ana", "Bel", "", "a@x.example"),
        ("", "Ana", "Bel", "", "b@x.example"),
        ("", "Ana", "Bel", "", "a@x.example / b@x.example / c@x.example"),
        ("9", "Ana", "Bel", "", "a@x.example"),
        ("10", "Ana", "Bel", "", "a@x.example"),
    )
    first, again = world.take_in(table(*rows)), world.take_in(table(*rows))
    assert (first.created, again.created, again.changed) == (2, 0, 0)
    assert [email for _, email in names_of(world, "9")] == ["a@x.example", "b@x.example", "c@x.example"]
    assert [email for _, email in names_of(world, "10")] == ["a@x.example"]


def test_two_rows_of_one_known_member_are_compared_together(world: World) -> None:
    world.take_in(table(HEADINGS, ("1", "Ana", "Bel", "", "a@x.example / b@x.example")))
    done = world.take_in(
        table(HEADINGS, ("1", "Ana", "Bel", "", "a@x.example"), ("", "Ana", "Bel", "", "b@x.example / c@x.example"))
    )
    assert (done.created, done.updated, done.unchanged) == (0, 1, 1)
    assert [email for _, email in names_of(world, "1")] == ["a@x.example", "b@x.example", "c@x.example"]


def test_notes_of_columns_that_the_file_leaves_empty_are_kept(world: World) -> None:
    world.take_in(table((*HEADINGS, "Remarque"), ("1", "Ana", "Bel", "", "a@x.example", "train")))
    world.take_in(table((*HEADINGS, "Allergie"), ("1", "Ana", "Bel", "", "a@x.example", "noix")))
    with world.sessions() as session:
        assert members.find(session, "1").notes == {"Remarque": "train", "Allergie": "noix"}


def test_the_day_and_the_source_of_an_agreement_without_the_choice_are_remarked(world: World) -> None:
    headings = (*HEADINGS, "accord convocation électronique", "date d'accord", "source de l'accord")
    rows = (
        headings,
        ("1", "Ana", "Bel", "", "a@x.example", "", "03/03/2025", "bulletin"),
        ("2", "Léo", "Pic", "", "l@x.example", "oui", "03/03/2025", "bulletin"),
        ("3", "Zoé", "Roux", "", "z@x.example", "", "", ""),
    )
    for _ in range(2):
        done = world.take_in(table(*rows))
        assert [(one.row, one.column, one.value) for one in done.remarks] == [
            (2, "date d'accord", "03/03/2025"),
            (2, "source de l'accord", "bulletin"),
        ]
        assert "accord convocation" in done.remarks[0].reason
    with world.sessions() as session:
        assert [one.member_id for one in session.scalars(select(Consent))] == [members.find(session, "2").id]
