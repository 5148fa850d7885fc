"""From the launch to the last settled row, with a relay in memory."""

from __future__ import annotations

import email
import email.policy
from dataclasses import replace
from datetime import date, timedelta

import pytest
from sqlalchemy import func, select

from service.actions import campaigns, lists, members, sending
from service.actions.office import Sender
from service.core import addresses, tokens
from service.core.pacing import Retries
from service.core.refusals import Conflict, Forbidden, Refusal
from service.core.tokens import read_link_token
from service.core.verdicts import Outcome, Stage, Verdict
from service.core.vocabulary import (
    CampaignStatus,
    Channel,
    DeliveryState,
    LeavingReason,
    LinkPurpose,
    MailKind,
    Role,
)
from service.models.campaign import Campaign, CampaignMould
from service.models.delivery import Delivery
from service.models.mailing_list import Suppression
from service.models.member import Contact
from service.models.staff import Staff
from service.ports import Envelope
from tests.builders import SECRET, MemoryLog, Tray, World, table

DOWN = Outcome(Verdict.RELAY_DOWN, Stage.CONNECT, None, "connection refused")
UNKNOWN = Outcome(Verdict.REFUSED, Stage.RCPT, 550, "5.1.1 no such user")
LATER = Outcome(Verdict.DEFERRED, Stage.RCPT, 450, "4.2.0 try again")
LOST = Outcome(Verdict.IN_DOUBT, Stage.DOT, None, "connection lost")


def row(world: World, number: int, address: str) -> Delivery:
    with world.sessions() as session:
        return session.scalars(
            select(Delivery).where(Delivery.campaign_id == number, Delivery.address == address)
        ).one()


def test_everybody_receives_one_mail_of_his_own(world: World, launched: int) -> None:
    tray = Tray()
    assert sending.send_campaign(world.wire(tray), launched) is False
    assert sorted(one.recipient for one in tray.envelopes) == [f"membre{n}@exemple{n % 3}.example" for n in range(5)]
    assert world.status(launched) is CampaignStatus.SENT
    assert (world.figures(launched).planned, world.figures(launched).accepted) == (5, 5)
    assert len({email.message_from_bytes(one.message)["Message-ID"] for one in tray.envelopes}) == 5


def test_d16_the_tokens_of_a_mail_lead_back_to_its_row(world: World, launched: int) -> None:
    tray = Tray()
    sending.send_campaign(world.wire(tray), launched)
    envelope = tray.envelopes[0]
    mail = email.message_from_bytes(envelope.message, policy=email.policy.default)
    sent = row(world, launched, envelope.recipient)
    assert tokens.find_address_token(mail["Reply-To"].addresses[0].addr_spec, SECRET) == sent.id
    assert tokens.find_address_token(envelope.sender, SECRET) == sent.id
    assert tokens.read_address_token(envelope.envid, SECRET) == sent.id
    link = mail["List-Unsubscribe"].strip("<>").rpartition("/")[2]
    assert read_link_token(link, LinkPurpose.UNSUBSCRIBE, SECRET).id == sent.id


def test_r10_a_second_click_sends_nothing_more(world: World, launched: int, boss: Staff) -> None:
    with pytest.raises(Conflict):
        world.send(launched, boss)
    assert world.figures(launched).planned == 5


def test_r10_two_clocks_launch_once(world: World, author: Staff, boss: Staff) -> None:
    number = world.approved(author, boss, "nouvelles")
    world.send(number, boss, at=world.clock() + timedelta(hours=1))
    world.clock.forward(hours=1)
    results = []
    for _ in range(2):
        with world.sessions() as session:
            launching = sending.launching(world.office, session.get_one(Campaign, number))
        with world.sessions.begin() as session:
            results.append(campaigns.launch(session, session.get_one(Campaign, number), launching, now=world.clock()))
    assert results == [True, False]
    assert world.figures(number).planned == 5


def test_the_audience_of_an_hour_is_frozen_at_that_hour(world: World, author: Staff, boss: Staff) -> None:
    number = world.approved(author, boss, "nouvelles")
    world.send(number, boss, at=world.clock() + timedelta(hours=1))
    world.members(8, "nouvelles")
    assert world.status(number) is CampaignStatus.SCHEDULED
    assert world.figures(number).planned == 8


def test_an_hour_gone_by_is_refused(world: World, author: Staff, boss: Staff) -> None:
    number = world.approved(author, boss, "nouvelles")
    with pytest.raises(Refusal, match="passée"):
        world.send(number, boss, at=world.clock())
    assert world.status(number) is CampaignStatus.APPROVED


def test_nothing_leaves_during_the_hold(world: World, author: Staff, boss: Staff) -> None:
    number = world.approved(author, boss, "nouvelles")
    world.send(number, boss, hold=120)
    tray = Tray()
    sending.send_campaign(world.wire(tray), number)
    assert world.status(number) is CampaignStatus.SCHEDULED
    assert tray.envelopes == []
    world.clock.forward(seconds=121)
    with world.sessions.begin() as session:
        assert campaigns.begin(session, session.get_one(Campaign, number), now=world.clock())
    sending.send_campaign(world.wire(tray), number)
    assert len(tray.envelopes) == 5


def test_what_was_not_approved_does_not_leave(world: World, author: Staff, boss: Staff) -> None:
    number = world.draft(author, "nouvelles")
    with pytest.raises(Conflict):
        world.send(number, boss)
    with pytest.raises(Refusal, match="pourquoi"):
        world.send(number, boss, reason="urgent")
    world.send(number, boss, reason="Le délai légal tombe ce soir à minuit.")
    assert world.status(number) is CampaignStatus.SENDING


def test_who_may_not_send_does_not_send(world: World, author: Staff, boss: Staff) -> None:
    number = world.approved(author, boss, "nouvelles")
    with pytest.raises(Forbidden):
        world.send(number, author)


def test_a_text_changed_after_the_rendering_is_not_launched(world: World, author: Staff, boss: Staff) -> None:
    number = world.approved(author, boss, "nouvelles")
    other = world.approved(author, boss, "nouvelles", body="Tout autre chose, {prénom}.")
    with world.sessions() as session:
        wrong = sending.launching(world.office, session.get_one(Campaign, other))
    with pytest.raises(Conflict, match="changé"), world.sessions.begin() as session:
        campaigns.send(
            session,
            session.get_one(Campaign, number),
            wrong,
            by=session.merge(boss),
            at=None,
            hold=timedelta(),
            secret=SECRET,
            now=world.clock(),
        )
    assert world.figures(number).planned == 5
    with world.sessions() as session:
        assert session.scalar(select(func.count(Delivery.id))) == 0
        assert session.scalar(select(func.count(CampaignMould.campaign_id))) == 0


def test_d7_of_500_that_wait_who_unsubscribes_receives_nothing(world: World, author: Staff, boss: Staff) -> None:
    """With windows as large as they get: what counts is the claim, and a window in hand lasts a second at most."""
    gone = {"membre250@exemple1.example", "membre499@exemple1.example"}
    world.members(500, "nouvelles")
    number = world.approved(author, boss, "nouvelles")
    world.send(number, boss)

    def leave(envelope: Envelope) -> None:
        if envelope.recipient != "membre0@exemple0.example":
            return
        with world.sessions.begin() as session:
            home = lists.find(session, "nouvelles")
            for address in gone:
                contact = session.scalars(Contact.at(address)).one()
                lists.leave(session, home, contact, channel=Channel.ONE_CLICK, wording="stop", now=world.clock())

    tray = Tray(before=leave)
    sending.send_campaign(world.wire(tray, connections=4, window=50), number)
    assert not gone & {envelope.recipient for envelope in tray.envelopes}
    assert (len(tray.envelopes), world.figures(number).skipped) == (498, 2)
    assert row(world, number, min(gone)).state is DeliveryState.SKIPPED
    assert world.status(number) is CampaignStatus.SENT


@pytest.mark.parametrize(("days", "sent"), [(0, 4), (1, 5)], ids=["today", "tomorrow"])
def test_who_left_the_cooperative_after_the_launch_is_not_written_to_but_until_that_day(
    world: World, launched: int, days: int, sent: int
) -> None:
    with world.sessions.begin() as session:
        today = session.scalar(select(func.current_date()))
        on = (today if isinstance(today, date) else date.fromisoformat(str(today))) + timedelta(days=days)
        members.leave(
            session, members.find(session, "S0003"), on=on, reason=LeavingReason.RETRAIT, by=None, now=world.clock()
        )
    tray = Tray()
    sending.send_campaign(world.wire(tray), launched)
    assert len(tray.envelopes) == sent
    assert world.figures(launched).skipped == 5 - sent
    assert world.status(launched) is CampaignStatus.SENT


def test_a_suppressed_address_is_left_out_of_a_newsletter_and_not_of_a_convocation(
    world: World, author: Staff, boss: Staff
) -> None:
    with world.sessions.begin() as session:
        session.add(
            Suppression(
                address_hmac=addresses.fingerprint("membre1@exemple1.example", SECRET),
                reason="opposition",
                at=world.clock(),
            )
        )
    tray = Tray()
    for slug, kind in (("nouvelles", MailKind.COMMUNIQUE), (lists.STATUTORY, MailKind.AG_CONVOCATION)):
        number = world.approved(author, boss, slug, kind=kind)
        world.send(number, boss)
        sending.send_campaign(world.wire(tray), number)
    assert [one.recipient for one in tray.envelopes].count("membre1@exemple1.example") == 1
    assert len(tray.envelopes) == 9


def test_a_shared_address_gets_one_newsletter_and_each_member_his_convocation(world: World, boss: Staff) -> None:
    world.mailing_list()
    author = world.staff("Jeanne")
    world.take_in(
        table(
            ("Prénom", "Nom", "E-mail"), ("Camille", "Roy", "roy@lilas.example"), ("Paul", "Roy", "roy@lilas.example")
        ),
        "nouvelles",
    )
    tray = Tray()
    newsletter = world.approved(author, boss, "nouvelles")
    convocation = world.approved(author, boss, lists.STATUTORY, kind=MailKind.AG_CONVOCATION)
    for number in (newsletter, convocation):
        world.send(number, boss)
        sending.send_campaign(world.wire(tray), number)
    assert (world.figures(newsletter).accepted, world.figures(newsletter).skipped) == (1, 1)
    assert (world.figures(convocation).accepted, world.figures(convocation).skipped) == (2, 0)


def test_d6_a_statutory_mail_carries_no_unsubscribe_header(world: World, author: Staff, boss: Staff) -> None:
    number = world.approved(author, boss, lists.STATUTORY, kind=MailKind.AG_CONVOCATION)
    world.send(number, boss)
    tray = Tray()
    sending.send_campaign(world.wire(tray), number)
    mail = email.message_from_bytes(tray.envelopes[0].message)
    assert (mail["List-Unsubscribe"], mail["List-Unsubscribe-Post"], mail["Precedence"]) == (None, None, None)


def test_each_answer_of_the_relay_has_its_state(world: World, launched: int) -> None:
    tray = Tray(
        {"membre1@exemple1.example": UNKNOWN, "membre2@exemple2.example": LATER, "membre3@exemple0.example": LOST}
    )
    sending.send_campaign(world.wire(tray), launched)
    figures = world.figures(launched)
    assert (figures.accepted, figures.refused, figures.deferred, figures.in_doubt) == (2, 1, 1, 1)
    refused = row(world, launched, "membre1@exemple1.example")
    assert (refused.code, refused.enhanced, refused.reply) == (550, "5.1.1", "5.1.1 no such user")
    assert world.status(launched) is CampaignStatus.SENDING


def test_d18_d8_a_deferred_mail_leaves_later_under_the_same_name_and_date(world: World, launched: int) -> None:
    address = "membre2@exemple2.example"
    seen: list[tuple[str, str]] = []

    def note(envelope: Envelope) -> None:
        if envelope.recipient == address:
            mail = email.message_from_bytes(envelope.message)
            seen.append((mail["Message-ID"], mail["Date"]))

    sending.send_campaign(world.wire(Tray({address: LATER}, before=note)), launched)
    world.clock.forward(minutes=14)
    sending.send_campaign(world.wire(Tray(before=note)), launched)
    assert len(seen) == 1
    world.clock.forward(minutes=2)
    sending.send_campaign(world.wire(Tray(before=note)), launched)
    assert len(seen) == 2
    assert seen[0] == seen[1]
    assert world.status(launched) is CampaignStatus.SENT


@pytest.mark.parametrize("days", [5, 2])
def test_d18_a_mail_deferred_for_days_is_given_up_and_says_for_how_many(world: World, launched: int, days: int) -> None:
    made = world.wire(Tray({"membre2@exemple2.example": LATER}))
    made = replace(made, process=replace(made.process, retries=Retries(give_up_after=timedelta(days=days))))
    for _ in range(6 * days + 6):
        sending.send_campaign(made, launched)
        world.clock.forward(hours=4)
    given_up = row(world, launched, "membre2@exemple2.example")
    assert (given_up.state, given_up.why, given_up.enhanced) == (DeliveryState.REFUSED, "given_up", "4.4.7")
    assert f"pendant {days}\u00a0jours" in given_up.told.reason
    assert world.status(launched) is CampaignStatus.SENT


def test_a_relay_that_is_down_keeps_every_row_waiting_and_says_so(world: World, launched: int) -> None:
    down = Tray({f"membre{n}@exemple{n % 3}.example": DOWN for n in range(5)})
    assert sending.send_campaign(world.wire(down), launched) is False
    assert world.figures(launched).pending == 5
    assert "connection refused" in world.campaign(launched).trouble
    assert row(world, launched, "membre0@exemple0.example").attempts == 0
    sending.send_campaign(world.wire(Tray()), launched)
    assert world.campaign(launched).trouble == ""
    assert world.status(launched) is CampaignStatus.SENT


def test_a_turn_that_is_over_gives_back_what_it_did_not_send(world: World, launched: int) -> None:
    tray = Tray()
    assert sending.send_campaign(world.wire(tray, go_on=lambda: len(tray.envelopes) < 2), launched) is True
    assert (world.figures(launched).accepted, world.figures(launched).pending) == (2, 3)
    sending.send_campaign(world.wire(tray, log=MemoryLog("here/2")), launched)
    assert len(tray.envelopes) == 5


@pytest.mark.parametrize("name", ["La Coopérative", "Coop « Les, Amis »", 'Éa "x" \\', "a\\b, c", "Simple", ""])
def test_d10_the_name_of_the_sender_is_encoded_once(world: World, boss: Staff, name: str) -> None:
    named = replace(world.office.usual, sender=Sender(name, "vie@passerelles.example"))
    world.office = replace(world.office, usual=named)
    world.mailing_list("essai")
    world.members(1, "essai")
    number, tray = world.approved(boss, world.staff("Luce", Role.ADMIN), "essai"), Tray()
    world.send(number, boss)
    sending.send_campaign(world.wire(tray), number)
    (sender,) = email.message_from_bytes(tray.envelopes[0].message, policy=email.policy.default)["From"].addresses
    assert (sender.display_name, sender.addr_spec) == (name, "vie@passerelles.example")
