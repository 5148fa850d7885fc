"""What keeps a message from leaving: told all at once, counted without loading anybody, and looked at again at its hour."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select

from service.actions import audiences, campaigns, drafts, lists, readiness, sending
from service.core import addresses
from service.core.refusals import Conflict, Refusal
from service.core.vocabulary import CampaignStatus, Channel, DeliveryState, MailKind
from service.core.writing import fields
from service.models.campaign import Campaign, CampaignVersion
from service.models.delivery import Delivery
from service.models.journal import JournalEntry
from service.models.mailing_list import Suppression
from service.models.member import Contact, Member
from service.models.staff import Staff
from tests.builders import SECRET, World, table

HEADINGS = ("Prénom", "Nom", "E-mail", "Numéro", "Collège")


def empty_first_name(world: World, address: str) -> None:
    with world.sessions.begin() as session:
        contact = session.scalars(select(Contact).where(Contact.email == address)).one()
        contact.given_name = ""


def mixed_audience(world: World) -> None:
    """Two lists, a shared address, somebody without one, somebody who left, somebody suppressed."""
    world.mailing_list("autre")
    world.take_in(
        table(
            HEADINGS,
            ("Anne", "Faure", "ensemble@exemple.example", "A1", "Salariés"),
            ("Paul", "Faure", "ensemble@exemple.example", "A2", ""),
            ("Sans", "Adresse", "", "A3", ""),
            ("", "Muet", "muet@exemple.example", "A4", ""),
            ("Léo", "Parti", "parti@exemple.example", "A5", ""),
            ("Eva", "Tue", "tue@exemple.example", "A6", ""),
        ),
        "nouvelles",
        "autre",
    )
    with world.sessions.begin() as session:
        left = session.scalars(select(Contact).where(Contact.email == "parti@exemple.example")).one()
        lists.leave(
            session, lists.find(session, "nouvelles"), left, channel=Channel.STAFF, wording="x", now=world.clock()
        )
        silent = session.scalars(select(Contact).where(Contact.email == "tue@exemple.example")).one()
        session.add(
            Suppression(
                address_hmac=addresses.fingerprint(silent.email or "", SECRET), reason="complaint", at=world.clock()
            )
        )


@pytest.mark.parametrize("slugs", [("nouvelles",), ("autre", "nouvelles"), ("convocations",)])
def test_counting_an_audience_says_what_listing_it_says(world: World, author: Staff, slugs: tuple[str, ...]) -> None:
    mixed_audience(world)
    kind = MailKind.AG_CONVOCATION if slugs == ("convocations",) else MailKind.COMMUNIQUE
    number = world.draft(author, *slugs, kind=kind)
    with world.sessions() as session:
        campaign = session.get_one(Campaign, number)
        listed = list(audiences.resolve(session, campaign, secret=SECRET))
        counted = audiences.count(session, campaign, secret=SECRET)
        receiving = [one for one in listed if one.skip is None]
        assert counted.contact_ids == {one.contact_id for one in receiving}
        assert counted.members == len({one.member_id for one in receiving})
        assert counted.everybody == len(listed)
        assert all(counted.left_out[reason] == sum(one.skip is reason for one in listed) for reason in counted.left_out)
        for name in fields.FIELDS:
            gaps = audiences.gaps(session, campaign, counted, [name])
            assert gaps == [one.contact_id for one in listed if audiences.lacks(one, [name])], name


def test_every_fault_is_told_at_once(world: World, author: Staff) -> None:
    world.mailing_list("vide")
    number = world.draft(author, "vide", body="Bonjour {prenon}, [ici](www.exemple.example)")
    with world.sessions.begin() as session:
        campaign = session.get_one(Campaign, number)
        found = [one.sentence for one in readiness.obstacles(session, campaign, secret=SECRET)]
        with pytest.raises(Refusal) as refused:
            drafts.submit(session, campaign, by=session.merge(author), secret=SECRET, now=world.clock())
    assert len(found) == 3
    assert all(sentence in refused.value.sentence for sentence in found)


def test_a_field_emptied_after_the_accord_keeps_a_scheduled_message_from_leaving(
    world: World, author: Staff, boss: Staff
) -> None:
    number = world.approved(author, boss, "nouvelles")
    world.send(number, boss, at=world.clock() + timedelta(hours=3))
    empty_first_name(world, "membre2@exemple2.example")
    world.clock.forward(hours=3)
    with world.sessions() as session:
        launching = sending.launching(world.office, session.get_one(Campaign, number))
    with pytest.raises(Refusal, match=r"vide pour Nom2 \(S0002\)"), world.sessions.begin() as session:
        campaigns.launch(session, session.get_one(Campaign, number), launching, now=world.clock())
    assert world.campaign(number).launched_at is None


def test_a_message_launched_now_is_refused_for_the_same_hole(world: World, author: Staff, boss: Staff) -> None:
    number = world.approved(author, boss, "nouvelles")
    empty_first_name(world, "membre2@exemple2.example")
    with pytest.raises(Refusal, match="vide pour Nom2"):
        world.send(number, boss)
    assert world.status(number) is CampaignStatus.APPROVED


def test_a_list_that_emptied_meanwhile_is_not_sent_to(world: World, author: Staff, boss: Staff) -> None:
    number = world.approved(author, boss, "nouvelles")
    with world.sessions.begin() as session:
        for member in session.scalars(select(Member)):
            member.left_on = world.clock().date() - timedelta(days=900)
    with pytest.raises(Refusal, match="Personne ne recevrait"):
        world.send(number, boss)


def test_resuming_forgets_why_the_launch_was_refused(world: World, author: Staff, boss: Staff) -> None:
    number = world.approved(author, boss, "nouvelles")
    world.send(number, boss, at=world.clock() + timedelta(hours=3))
    with world.sessions.begin() as session:
        campaign = session.get_one(Campaign, number)
        campaigns.hold_back(session, campaign, "Un champ est vide.", now=world.clock())
        campaigns.resume(session, campaign, by=session.merge(boss), now=world.clock())
    assert (world.status(number), world.campaign(number).trouble) == (CampaignStatus.SCHEDULED, "")


def test_a_draft_that_nobody_was_asked_to_read_is_deleted_whole_and_its_test_never_leaves(
    world: World, author: Staff
) -> None:
    number = world.draft(author, "nouvelles")
    with world.sessions.begin() as session:
        campaign, by = session.get_one(Campaign, number), session.merge(author)
        ordered = sending.order_test(session, world.office, campaign, by=by, fields={}, now=world.clock()).id
        drafts.discard(session, campaign, by=by, now=world.clock())
    with world.sessions() as session:
        assert session.get(Campaign, number) is None
        assert session.scalars(select(CampaignVersion)).all() == []
        test = session.get_one(Delivery, ordered)
        assert (test.state, test.subject_id) == (DeliveryState.SKIPPED, None)
        noted = session.scalars(select(JournalEntry).where(JournalEntry.act == "campaign.discard")).one()
        assert (noted.subject_id, noted.staff_id) == (number, author.id)


def test_what_somebody_was_asked_to_read_is_not_deleted(world: World, author: Staff, boss: Staff) -> None:
    number = world.draft(author, "nouvelles")
    with world.sessions.begin() as session:
        campaign = session.get_one(Campaign, number)
        drafts.submit(session, campaign, by=session.merge(author), secret=SECRET, now=world.clock())
        drafts.send_back(session, campaign, by=session.merge(boss), reason="À revoir", now=world.clock())
    with pytest.raises(Conflict), world.sessions.begin() as session:
        drafts.discard(session, session.get_one(Campaign, number), by=session.merge(author), now=world.clock())
    assert world.status(number) is CampaignStatus.DRAFT


def test_the_reason_of_a_refusal_is_kept_whole_however_long_the_names(world: World, author: Staff, boss: Staff) -> None:
    rows = [("", "N" * 200, f"{'a' * 60}{n}@{'b' * 60}.example", "7" * 40 + str(n), "") for n in range(9)]
    world.take_in(table(HEADINGS, *rows), "nouvelles")
    number = world.draft(author, "nouvelles")
    with world.sessions() as session:
        (told,) = readiness.obstacles(session, session.get_one(Campaign, number), secret=SECRET)
    assert "et 6 autres" in told.sentence
    assert len(told.sentence) < 400
