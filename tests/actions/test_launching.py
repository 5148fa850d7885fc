"""A launch reads its audience while it writes it: in several helpings, each row as it must be, all of them or none."""

from __future__ import annotations

import gc

import pytest
from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError

from service.actions import audiences, deliveries
from service.core import addresses
from service.core.refusals import Refusal
from service.core.vocabulary import DeliveryState, MailClass, MailKind, SkipReason
from service.models.delivery import Delivery
from service.models.member import Contact
from service.models.staff import Staff
from service.models.tally import Tally
from tests.builders import SECRET, World, table

ODD = """Zoé "la" d’Août \\ {x} 'é' 🐝"""
MEMBERS = table(
    ("Numéro", "Prénom", "Nom", "Structure", "E-mail"),
    ("A1", ODD, "Roy", "", "zoe@exemple.example"),
    ("A2", "", "", "La Ruche", "ruche@exemple.example"),
    ("A3", "Sans", "Adresse", "", ""),
    ("A4", "Luc", "Roy", "Le Verger", "Zoe@exemple.example"),
)


@pytest.fixture(autouse=True)
def small_helpings(monkeypatch: pytest.MonkeyPatch) -> None:
    for story in (audiences, deliveries):
        monkeypatch.setattr(story, "BATCH", 2)


def test_each_row_is_frozen_with_what_is_of_its_recipient(world: World, author: Staff, boss: Staff) -> None:
    world.take_in(MEMBERS, "nouvelles")
    number = world.approved(author, boss, "nouvelles", body="Bonjour {prénom|cher membre}")
    world.send(number, boss)
    with world.sessions() as session:
        rows = session.scalars(Delivery.of_campaign(number)).all()
        contacts = session.scalars(select(Contact).order_by(Contact.id)).all()
        assert [row.contact_id for row in rows] == [one.id for one in contacts]
        for row, contact in zip(rows, contacts, strict=True):
            assert (row.member_id, row.address) == (contact.member_id, contact.email or "")
            assert row.address_hmac == (addresses.fingerprint(contact.email, SECRET) if contact.email else "")
            assert row.fields == {
                "prénom": contact.given_name,
                "nom": contact.family_name,
                "structure": contact.member.organisation,
                "collège": contact.member.college,
                "numéro": contact.member.number,
                "to_name": contact.name,
            }
            assert (row.kind, row.mail_class) == (MailKind.COMMUNIQUE, MailClass.NEWSLETTER)
            assert (row.subject, row.subject_id, row.created_at) == ("campaign", number, world.clock())
            is_skipped = row.state is DeliveryState.SKIPPED
            assert (row.why != "", row.settled_at) == (is_skipped, world.clock() if is_skipped else None)
            # What nothing is said of is as it is of any other mail.
            assert (row.attempts, row.doubts, row.lease_epoch, row.reply, row.in_reply_to) == (0, 0, 0, "", "")
        why = {row.fields["numéro"]: row.why for row in rows if row.state is not DeliveryState.PENDING}
        assert why == {"A3": SkipReason.NO_ADDRESS, "A4": SkipReason.SHARED_ADDRESS}
        assert [one.name for one in contacts[-4:]] == [f"{ODD} Roy", "La Ruche", "Sans Adresse", "Luc Roy"]
        assert len({row.message_id for row in rows}) == len(rows) == 9


def test_a_hole_met_after_the_first_helping_is_told_with_all_the_others_and_writes_nobody_down(
    world: World, author: Staff, boss: Staff
) -> None:
    number = world.approved(author, boss, "nouvelles")
    with world.sessions.begin() as session:
        for contact in session.scalars(select(Contact).order_by(Contact.id).offset(3)):
            contact.given_name = ""
    with pytest.raises(Refusal, match=r"vide pour Nom3 \(S0003\), Nom4 \(S0004\)\. "):
        world.send(number, boss)
    with world.sessions() as session:
        assert session.scalar(select(func.count(Delivery.id))) == 0
        assert session.scalar(select(func.count()).select_from(Tally)) == 0
    assert world.campaign(number).launched_at is None


def test_the_tally_is_told_once_a_helping(world: World, author: Staff, boss: Staff) -> None:
    """A row a statement left PostgreSQL as many parts as recipients, each to be read for every figure."""
    number = world.approved(author, boss, "nouvelles")
    world.send(number, boss)
    with world.sessions() as session:
        parts = session.scalars(select(Tally.rows).where(Tally.campaign_id == number)).all()
    assert sorted(parts) == ([5] if world.engine.dialect.name == "sqlite" else [1, 2, 2])


def test_what_the_database_refuses_in_mid_launch_undoes_all_of_it_and_harms_no_later_transaction(
    world: World, author: Staff, boss: Staff, caplog: pytest.LogCaptureFixture
) -> None:
    """The audience is still being read then: its cursor ends with the transaction, whoever keeps the exception."""
    number = world.approved(author, boss, "nouvelles")
    with world.sessions.begin() as session:
        fourth = session.scalars(select(Contact.id).order_by(Contact.id).offset(3)).first()
        values = {"kind": MailKind.COMMUNIQUE, "mail_class": MailClass.NEWSLETTER, "created_at": world.clock()}
        session.add(Delivery(campaign_id=number, contact_id=fourth, message_id="<known@exemple.example>", **values))
    with pytest.raises(IntegrityError) as refused:
        world.send(number, boss)
    with world.sessions() as session:
        assert session.scalar(select(func.count(Delivery.id))) == 1
        # The frames of the exception hold the readers of the audience until here.
        del refused
        gc.collect()
        assert session.scalar(select(func.count(Delivery.id))) == 1
    assert world.campaign(number).launched_at is None
    assert caplog.messages == []
