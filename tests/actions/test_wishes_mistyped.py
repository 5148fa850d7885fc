"""An address that the team typed in a hurry: it may be somebody else's."""

from __future__ import annotations

import pytest

from service.actions import members
from service.core import addresses
from service.core.refusals import Refusal
from service.core.vocabulary import MemberKind
from service.models.member import Contact, Member
from service.models.staff import Staff
from tests.actions.test_answers import mail_of, text_of
from tests.actions.test_wishes import NEW, camille, jeanne, move, press, receipts, wrote
from tests.builders import World

__all__ = ["jeanne"]


def test_a_mistyped_address_that_was_corrected_before_its_mail_left_reads_neither_whose_nor_the_right_one(
    world: World, jeanne: Staff
) -> None:
    number = wrote(world, "Je suis malade, écrivez-moi ailleurs")
    press(world, move(world, "mistyped@ailleurs.example"), number, jeanne)
    with world.sessions.begin() as session:
        members.change_address(session, camille(session), NEW, by=jeanne.id, now=world.clock())
    mistyped = receipts(world)[1]
    mail = mail_of(world, mistyped.id)
    said = " ".join(text_of(mail).split())
    assert "nos prochains messages n’y iront pas" in said.replace("\u00a0", " ")
    assert NEW not in said
    assert "malade" not in said
    assert "Camille" not in f"{said} {mail['To']}"


def test_the_address_of_another_member_is_not_taken(world: World, jeanne: Staff) -> None:
    number = wrote(world)
    with world.sessions.begin() as session:
        other = Member(kind=MemberKind.PERSON, given_name="Solange", family_name="Prat", created_at=world.clock(), updated_at=world.clock())  # fmt: skip
        other.contacts.append(Contact(given_name="Solange", family_name="Prat", email=NEW, email_key=addresses.key(NEW), is_main=True, created_at=world.clock()))  # fmt: skip
        session.add(other)
    with pytest.raises(Refusal, match="est l’adresse de Solange Prat") as refused:
        press(world, move(world, NEW.upper()), number, jeanne)
    assert refused.value.field == "adresse"
    assert receipts(world) == []
