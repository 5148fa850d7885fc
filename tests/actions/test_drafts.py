"""Writing, rereading and approving a campaign."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select

from service.actions import audiences, campaigns, drafts, lists
from service.core.refusals import Conflict, Forbidden, Refusal
from service.core.vocabulary import CampaignStatus, Channel, MailClass, MailKind, Role, SkipReason
from service.models.campaign import Campaign
from service.models.journal import JournalEntry
from service.models.member import Contact
from service.models.staff import Staff
from tests.builders import SECRET, World, table


@pytest.fixture
def reader(world: World) -> Staff:
    return world.staff("Paul", Role.VALIDEUR)


def submit(world: World, number: int, by: Staff) -> None:
    with world.sessions.begin() as session:
        drafts.submit(
            session, session.get_one(Campaign, number), by=session.merge(by), secret=SECRET, now=world.clock()
        )


def approve(world: World, number: int, by: Staff) -> None:
    with world.sessions.begin() as session:
        drafts.approve(
            session, session.get_one(Campaign, number), by=session.merge(by), secret=SECRET, now=world.clock()
        )


def edit(
    world: World,
    number: int,
    by: Staff,
    *,
    body: str = "Autre texte.",
    slugs: tuple[str, ...] = ("nouvelles",),
    seen: int = 1,
) -> None:
    with world.sessions.begin() as session:
        drafts.edit(
            session,
            session.get_one(Campaign, number),
            subject="Où en sommes-nous ?",
            preheader="",
            body=body,
            list_slugs=list(slugs),
            by=session.merge(by),
            seen_version=seen,
            now=world.clock(),
        )


def test_another_person_approves_and_the_class_is_frozen(world: World, author: Staff, reader: Staff) -> None:
    number = world.approved(author, reader, "nouvelles")
    campaign = world.campaign(number)
    assert (campaign.status, campaign.mail_class) == (CampaignStatus.APPROVED, MailClass.NEWSLETTER)


def test_the_author_cannot_approve_even_with_the_right_to_send(world: World, author: Staff) -> None:
    boss = world.staff("Nour", Role.ADMIN)
    number = world.draft(boss, "nouvelles")
    submit(world, number, boss)
    with pytest.raises(Forbidden):
        approve(world, number, boss)


def test_who_may_not_send_may_not_approve(world: World, author: Staff) -> None:
    number = world.draft(author, "nouvelles")
    submit(world, number, author)
    with pytest.raises(Forbidden):
        approve(world, number, world.staff("Zoe"))


def test_who_wrote_the_last_version_cannot_approve_it(world: World, author: Staff, reader: Staff) -> None:
    number = world.draft(author, "nouvelles")
    edit(world, number, reader)
    submit(world, number, author)
    with pytest.raises(Forbidden):
        approve(world, number, reader)


@pytest.mark.parametrize("change", [{"body": "Autre."}, {"slugs": ("nouvelles", "communiques")}])
def test_any_edit_voids_the_approval(world: World, author: Staff, reader: Staff, change: dict[str, str]) -> None:
    number = world.approved(author, reader, "nouvelles")
    edit(world, number, author, **{"body": "Bonjour {prénom},\n\nUne nouvelle.\n", **change})  # type: ignore[arg-type]
    with world.sessions() as session:
        campaign = session.get_one(Campaign, number)
        assert campaign.status is CampaignStatus.DRAFT
        assert campaign.approval is None


def test_saving_the_same_text_voids_nothing(world: World, author: Staff, reader: Staff) -> None:
    number = world.approved(author, reader, "nouvelles")
    edit(world, number, author, body="Bonjour {prénom},\n\nUne nouvelle.\n")
    assert world.status(number) is CampaignStatus.APPROVED


def test_an_edit_of_an_older_version_is_refused(world: World, author: Staff) -> None:
    number = world.draft(author, "nouvelles")
    edit(world, number, author, body="Deux.", seen=1)
    with pytest.raises(Conflict):
        edit(world, number, author, body="Trois.", seen=1)


def test_a_field_empty_for_somebody_blocks_with_his_name(world: World, author: Staff) -> None:
    world.take_in(table(("Numéro", "Structure", "E-mail"), ("S77", "Asso X", "contact@asso.example")), "nouvelles")
    number = world.draft(author, "nouvelles")
    with pytest.raises(Refusal, match="Asso X"):
        submit(world, number, author)
    edit(world, number, author, body="Bonjour {prénom|cher sociétaire},")
    submit(world, number, author)
    assert world.status(number) is CampaignStatus.SUBMITTED


@pytest.mark.parametrize("body", ["Bonjour {prenon}", "", "   \n "])
def test_what_cannot_be_sent_is_refused_at_submit(world: World, author: Staff, body: str) -> None:
    number = world.draft(author, "nouvelles", body=body)
    with pytest.raises(Refusal):
        submit(world, number, author)


def test_an_empty_audience_is_refused(world: World, author: Staff) -> None:
    with pytest.raises(Refusal, match="Personne"):
        submit(world, world.draft(author, "communiques"), author)


def test_a_convocation_needs_a_statutory_list(world: World, author: Staff) -> None:
    with pytest.raises(Refusal, match="statutaire"):
        world.draft(author, "nouvelles", kind=MailKind.AG_CONVOCATION)
    assert world.draft(author, lists.STATUTORY, kind=MailKind.AG_CONVOCATION)


def test_a_statutory_list_does_not_mix_with_another(world: World, author: Staff) -> None:
    with pytest.raises(Refusal):
        world.draft(author, "nouvelles", lists.STATUTORY)


@pytest.mark.parametrize("kind", [MailKind.TEST])
def test_a_mail_that_is_no_campaign_is_refused(world: World, author: Staff, kind: MailKind) -> None:
    with pytest.raises(Refusal):
        world.draft(author, "nouvelles", kind=kind)


def test_who_left_the_home_list_leaves_the_shared_address_to_the_other(world: World, author: Staff) -> None:
    couple = table(
        ("Prénom", "Nom", "E-mail"), ("Camille", "Roy", "roy@lilas.example"), ("Paul", "Roy", "roy@lilas.example")
    )
    for slug in ("seule", "ensemble"):
        world.mailing_list(slug)
        world.take_in(couple, slug)
    with world.sessions.begin() as session:
        camille = session.scalars(Contact.at("roy@lilas.example")).first()
        assert camille is not None
        lists.leave(
            session, lists.find(session, "seule"), camille, channel=Channel.LINK, wording="stop", now=world.clock()
        )
    number = world.draft(author, "seule", "ensemble")
    with world.sessions() as session:
        audience = list(audiences.resolve(session, session.get_one(Campaign, number), secret=SECRET))
    assert [(one.name, one.skip) for one in audience] == [("Camille Roy", SkipReason.OPTED_OUT), ("Paul Roy", None)]


def test_the_journal_holds_no_text_and_no_address(world: World, author: Staff, reader: Staff) -> None:
    world.approved(author, reader, "nouvelles", body="Un secret bien gardé. {prénom}")
    with world.sessions() as session:
        told = " ".join(f"{one.act} {one.detail}" for one in session.scalars(select(JournalEntry)))
    assert "campaign.approve" in told
    assert "secret" not in told
    assert "@" not in told


def test_other_lists_are_another_version_that_a_reader_must_see(world: World, author: Staff, reader: Staff) -> None:
    world.mailing_list("autres")
    world.members(3, "autres")
    number = world.draft(author, "nouvelles")
    submit(world, number, author)
    edit(world, number, author, body="Bonjour {prénom},\n\nUne nouvelle.\n", slugs=("autres",))
    submit(world, number, author)
    with world.sessions() as session:
        campaign, by = session.get_one(Campaign, number), session.merge(reader)
        with pytest.raises(Conflict, match="a changé pendant votre relecture"):
            drafts.approve(session, campaign, by=by, secret=SECRET, now=world.clock(), seen_version=1)


def test_what_a_page_did_not_show_is_not_sent_without_a_reader(world: World, author: Staff, reader: Staff) -> None:
    number = world.draft(author, "nouvelles")
    edit(world, number, author, body="Tout autre chose.")
    with pytest.raises(Conflict, match="depuis que vous avez ouvert cette page"), world.sessions.begin() as session:
        campaigns.send(
            session,
            session.get_one(Campaign, number),
            None,
            by=session.merge(reader),
            at=world.clock() + timedelta(hours=1),
            hold=timedelta(),
            secret=SECRET,
            now=world.clock(),
            without_review="Le délai légal tombe ce soir.",
            seen_version=1,
        )
