"""The team changes where somebody is written to: both addresses are told, so that nobody's mail moves unseen."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from service.actions import moves
from service.core import addresses
from service.core.refusals import Refusal
from service.core.vocabulary import MailKind
from service.models.delivery import Delivery
from service.models.journal import JournalEntry
from service.models.mailing_list import SCORE, Suppression
from service.models.member import Contact
from service.models.staff import Staff
from tests.actions.test_answers import mail_of, text_of
from tests.builders import SECRET, World

OLD, NEW = "camille@membre.example", "camille@neuve.example"


@pytest.fixture
def jeanne(world: World) -> Staff:
    """Who acts, beside a member who reads a list."""
    world.take_in(f"Prénom;Nom;E-mail\nCamille;Roy;{OLD}", "communiques")
    return world.staff("Jeanne")


def move(world: World, jeanne: Staff, email: str = NEW) -> list[str]:
    with world.sessions.begin() as session:
        contact = session.scalars(select(Contact)).one()
        told = moves.change_address(session, contact, email, world.office, by=jeanne, now=world.clock())
        return [one.address for one in told]


def told(world: World) -> list[Delivery]:
    with world.sessions() as session:
        return list(session.scalars(select(Delivery).where(Delivery.kind == MailKind.MOVE).order_by(Delivery.id)))


def test_both_addresses_are_told_of_a_move_and_each_of_what_concerns_it(world: World, jeanne: Staff) -> None:
    assert move(world, jeanne, f" {NEW} ") == [OLD, NEW]
    before, after = told(world)
    mail = mail_of(world, before.id)
    assert mail["To"] == f"Camille Roy <{OLD}>"
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail["List-Unsubscribe"] is None
    said = " ".join(text_of(mail).split())
    assert said.startswith(f"Bonjour Camille, Nos prochains messages n’iront plus à cette adresse, mais à {NEW}.")
    assert "Ce changement n’est pas le vôtre" in said
    said = " ".join(text_of(mail_of(world, after.id)).split())
    assert f"Nos prochains messages iront à cette adresse, {NEW}." in said
    assert OLD not in said


def test_the_same_address_moves_nothing_and_tells_nobody(world: World, jeanne: Staff) -> None:
    assert move(world, jeanne, OLD.upper()) == []
    assert move(world, jeanne) == [OLD, NEW]
    assert move(world, jeanne) == []
    assert len(told(world)) == 2
    with world.sessions() as session:
        acts = session.scalars(select(JournalEntry.act).where(JournalEntry.act == "contact.address")).all()
    assert len(acts) == 1


def test_back_and_forth_is_told_each_time(world: World, jeanne: Staff) -> None:
    assert [move(world, jeanne, one) for one in (NEW, OLD)] == [[OLD, NEW], [NEW, OLD]]
    assert len(told(world)) == 4


@pytest.mark.parametrize(("reason", "whom"), [("5.1.1", [NEW]), (SCORE, [OLD, NEW]), ("opposition", [OLD, NEW])])
def test_an_address_that_its_server_does_not_know_is_not_told(
    world: World, jeanne: Staff, reason: str, whom: list[str]
) -> None:
    with world.sessions.begin() as session:
        session.add(Suppression(address_hmac=addresses.fingerprint(OLD, SECRET), reason=reason, at=world.clock()))
    assert move(world, jeanne) == whom


def test_who_had_no_address_is_told_at_the_first(world: World, jeanne: Staff) -> None:
    with world.sessions.begin() as session:
        session.scalars(select(Contact)).one().email = None
    assert move(world, jeanne) == [NEW]


def test_an_address_that_cannot_be_written_to_is_refused_and_nobody_is_told(world: World, jeanne: Staff) -> None:
    with pytest.raises(Refusal):
        move(world, jeanne, "pas une adresse")
    assert told(world) == []


WRONG = "camille@autrui.example"


def words_to(world: World, address: str) -> list[str]:
    """What an address is told, with its To; each mail is rendered when it leaves, as things are then."""
    mails = [mail_of(world, one.id) for one in told(world) if one.address == address]
    return [f"{mail['To']} {' '.join(text_of(mail).split())}" for mail in mails]


def test_an_address_that_was_typed_wrong_reads_neither_the_name_nor_the_right_one(world: World, jeanne: Staff) -> None:
    move(world, jeanne, WRONG)
    (first,) = words_to(world, WRONG)
    assert "iront à cette adresse" in first
    world.clock.forward(hours=23)
    assert move(world, jeanne) == [WRONG, NEW]
    last = told(world)[-2]
    mail = mail_of(world, last.id)
    assert (last.address, mail["To"]) == (WRONG, WRONG)
    said = " ".join(text_of(mail).split())
    assert said.startswith("Bonjour, Nos prochains messages n’iront plus à cette adresse, mais à une autre adresse.")
    assert "Répondez à ce message" in said
    assert [one for one in ("Camille", "Roy", NEW, OLD) if one in said] == []


def test_what_leaves_to_a_wrong_address_after_it_was_corrected_names_nobody_in_its_words(
    world: World, jeanne: Staff
) -> None:
    move(world, jeanne, WRONG)
    world.clock.forward(minutes=5)
    move(world, jeanne)
    for said in words_to(world, WRONG):
        assert "mais à une autre adresse." in said
        assert "Bonjour Camille" not in said
        assert NEW not in said
    (of_old,) = words_to(world, OLD)
    assert f"Bonjour Camille, Nos prochains messages n’iront plus à cette adresse, mais à {NEW}." in of_old


def test_an_address_that_stood_for_more_than_a_day_is_told_where_mail_goes(world: World, jeanne: Staff) -> None:
    move(world, jeanne, WRONG)
    world.clock.forward(hours=25)
    move(world, jeanne)
    assert all(f"Bonjour Camille, Nos prochains messages n’iront plus à cette adresse, mais à {NEW}." in said
               for said in words_to(world, WRONG)[1:])  # fmt: skip
    assert len(words_to(world, WRONG)) == 2
