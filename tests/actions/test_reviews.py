"""Who is asked by mail to read a message before it leaves, and in which words?"""

from __future__ import annotations

import email
import email.policy

import pytest
from sqlalchemy import select

from service.actions import drafts, reviews, sending
from service.core.refusals import Refusal
from service.core.vocabulary import MailKind, Role
from service.models.campaign import Campaign
from service.models.delivery import Delivery
from service.models.staff import Staff
from tests.builders import MemoryLog, Tray, World


def asked(world: World) -> list[Delivery]:
    with world.sessions() as session:
        return list(
            session.scalars(select(Delivery).where(Delivery.kind == MailKind.REVIEW_ASKED).order_by(Delivery.id))
        )


def ask(world: World, number: int, by: Staff) -> list[str]:
    with world.sessions.begin() as session:
        campaign, who = session.get_one(Campaign, number), session.merge(by)
        return [one.email for one in reviews.ask(session, world.office, campaign, by=who, now=world.clock())]


def test_who_may_agree_gets_the_link_and_nothing_of_the_text(world: World, author: Staff, boss: Staff) -> None:
    number = world.draft(author, "nouvelles")
    assert ask(world, number, author) == [boss.email]
    (mail,) = asked(world)
    tray = Tray()
    sending.send_single(world.wire(tray, log=MemoryLog("here/1")), mail.id)
    read = email.message_from_bytes(tray.envelopes[0].message, policy=email.policy.default)
    assert tray.envelopes[0].recipient == boss.email
    assert read["Subject"] == "À relire\u00a0: «\u00a0Où en sommes-nous\u00a0?\u00a0»"
    assert read["List-Unsubscribe"] is None
    body = read.get_body(("plain",))
    assert body is not None
    said = " ".join(body.get_content().replace("\u00a0", " ").replace("\u202f", " ").split())
    assert f"{author.name} vous demande de relire « Où en sommes-nous ? »" in said
    assert f"https://courrier.passerelles.example/messages/{number}/relecture" in said
    assert "Bonjour Camille" not in said


def test_who_wrote_it_who_asks_who_may_not_send_and_who_left_are_not_asked(
    world: World, author: Staff, boss: Staff
) -> None:
    number = world.draft(author, "nouvelles")
    with world.sessions.begin() as session:
        session.merge(author).role = Role.ADMIN
        for name, role in (("ada", Role.ADMIN), ("ecrit", Role.REDACTEUR), ("parti", Role.ADMIN)):
            one = Staff(
                email=f"{name}@passerelles.example", name=name, role=role, password_hash="", created_at=world.clock()
            )
            one.disabled_at = world.clock() if name == "parti" else None
            session.add(one)
    assert ask(world, number, boss) == ["ada@passerelles.example"]


def test_a_correction_and_a_new_version_are_told_anew_and_the_same_version_once(
    world: World, author: Staff, boss: Staff
) -> None:
    number = world.draft(author, "nouvelles")
    ask(world, number, author)
    for _ in range(2):
        with world.sessions.begin() as session:
            campaign = session.get_one(Campaign, number)
            drafts.send_back(session, campaign, by=session.merge(boss), reason="Une faute.", now=world.clock())
        ask(world, number, author)
    assert len(asked(world)) == 1
    with world.sessions.begin() as session:
        campaign = session.get_one(Campaign, number)
        drafts.send_back(session, campaign, by=session.merge(boss), reason="Une faute.", now=world.clock())
        drafts.edit(session, campaign, subject="Corrigé", preheader="", body="Voici.", list_slugs=["nouvelles"], seen_version=1, by=session.merge(author), now=world.clock())  # fmt: skip
    ask(world, number, author)
    assert len(asked(world)) == 2


def test_what_may_not_be_asked_asks_nobody(world: World, author: Staff, boss: Staff) -> None:
    number = world.draft(author, "nouvelles")
    assert ask(world, number, author) == [boss.email]
    with pytest.raises(Refusal):
        ask(world, number, author)
    assert len(asked(world)) == 1
