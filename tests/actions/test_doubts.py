"""Mail that may have left: once more by itself where it must arrive, else as the staff decide, and never unseen."""

from __future__ import annotations

import email
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import select, text, update

from service.actions import campaigns, claims, doubts, sending, settling
from service.actions.doubts import Choice
from service.core.refusals import Conflict, Forbidden
from service.core.send_log import Leg, Story
from service.core.verdicts import Outcome, Stage, Verdict
from service.core.vocabulary import AFTER_DOUBT, CampaignStatus, DeliveryState, DoubtReason, MailClass, SkipReason
from service.models.campaign import Campaign
from service.models.delivery import Delivery
from service.models.journal import JournalEntry
from service.models.member import Member
from service.models.staff import Staff
from service.ports import Envelope, LostLog
from tests.builders import MemoryLog, Tray, World
from tests.parts import await_that

LOST = Outcome(Verdict.IN_DOUBT, Stage.DOT, None, "The relay closed the connection.")
ACCEPTED = Outcome(Verdict.ACCEPTED, Stage.DOT, 250, "2.0.0 kept")
WHO = "membre2@exemple2.example"


@pytest.fixture
def convocation(world: World, author: Staff, boss: Staff) -> int:
    """A statutory mail to three members, of which the second is in doubt."""
    world.mailing_list("assemblees", MailClass.STATUTORY)
    world.members(3, "assemblees")
    number = world.approved(author, boss, "assemblees")
    world.send(number, boss)
    carry(world, number, Tray({WHO: LOST}))
    return number


@pytest.fixture
def communique(world: World, launched: int) -> int:
    """A mail to five members that they may leave, of which the third is in doubt."""
    carry(world, launched, Tray({WHO: LOST}))
    return launched


def carry(world: World, number: int, tray: Tray, owner: str = "here/1") -> list[Envelope]:
    """Send what is due, and give what reached the relay."""
    sending.send_campaign(world.wire(tray, log=MemoryLog(owner)), number)
    return tray.envelopes


def retried(world: World) -> int:
    with world.sessions.begin() as session:
        return doubts.retry(session, now=world.clock())


def row(world: World) -> Delivery:
    """The mail that was in doubt."""
    with world.sessions() as session:
        return session.scalars(select(Delivery).where(Delivery.address == WHO)).one()


def claimed(world: World, number: int, owner: str) -> claims.Ticket:
    with world.sessions.begin() as session:
        (ticket,) = claims.claim(session, number, owner=owner, limit=9, after=0, now=world.clock()).tickets
    return ticket


def told(world: World, ticket: claims.Ticket, outcome: Outcome | None, owner: str = "here/1") -> None:
    with world.sessions.begin() as session:
        settling.settle(session, [(ticket, outcome)], owner=owner, now=world.clock())


def decided(world: World, number: int, choice: Choice, by: Staff, **options: object) -> int:
    with world.sessions.begin() as session:
        campaign = session.get_one(Campaign, number)
        return doubts.decide(session, campaign, choice, by=session.merge(by), now=world.clock(), **options)  # type: ignore[arg-type]


def undecided(world: World, number: int) -> doubts.Undecided:
    with world.sessions() as session:
        return doubts.undecided(session, session.get_one(Campaign, number), now=world.clock())


def duties(world: World) -> list[tuple[int, int]]:
    with world.sessions() as session:
        return [(one.campaign.id, one.rows) for one in doubts.duties(session, now=world.clock())]


def acts(world: World) -> list[str]:
    with world.sessions() as session:
        return [one.act for one in session.scalars(select(JournalEntry)) if one.act.startswith("campaign.doubts")]


def test_statutory_mail_in_doubt_leaves_once_more_after_a_quarter_of_an_hour_and_a_second_doubt_waits(
    world: World, convocation: int
) -> None:
    """R2, I2 and D8: the same Message-ID and Date; the campaign is open again meanwhile."""
    first = row(world)
    assert (world.status(convocation), first.doubts) == (CampaignStatus.SENT, 1)
    world.clock.forward(minutes=14, seconds=59)
    assert retried(world) == 0
    assert duties(world) == []  # nobody has to do anything
    world.clock.forward(seconds=1)
    assert (retried(world), retried(world)) == (1, 0)
    assert (world.status(convocation), world.figures(convocation).pending) == (CampaignStatus.SENDING, 1)
    (again,) = carry(world, convocation, Tray({WHO: LOST}))
    mail = email.message_from_bytes(again.message)
    assert (again.recipient, mail["Message-ID"], first.doubts) == (WHO, first.message_id, 1)
    assert row(world).handed_at == first.handed_at
    assert mail["Date"] == "Tue, 24 Nov 2026 12:00:00 +0000"
    assert (row(world).state, row(world).doubts) == (DeliveryState.IN_DOUBT, 2)
    assert world.status(convocation) is CampaignStatus.SENT
    world.clock.forward(days=1)
    assert retried(world) == 0
    assert duties(world) == [(convocation, 1)]
    assert acts(world) == ["campaign.doubts_retried"]


def test_a_mail_that_can_be_left_never_leaves_again_by_itself(world: World, communique: int) -> None:
    world.clock.forward(hours=1)
    assert retried(world) == 0
    assert (row(world).state, duties(world)) == (DeliveryState.IN_DOUBT, [(communique, 1)])


def test_a_mail_that_answers_one_person_leaves_once_more_unless_what_caused_it_is_gone(
    world: World, author: Staff
) -> None:
    number = world.draft(author, "nouvelles")
    with world.sessions.begin() as session:
        campaign = session.get_one(Campaign, number)
        by = session.merge(author)
        ordered = [
            sending.order_test(session, world.office, campaign, by=by, fields={"prénom": "Camille"}, now=at).id
            for at in (world.clock(), world.clock() + timedelta(seconds=1))
        ]
    world.clock.forward(seconds=2)
    for one in ordered:
        sending.send_single(world.wire(Tray({author.email: LOST})), one)
    with world.sessions.begin() as session:
        session.get_one(Delivery, ordered[1]).subject_id = None
    world.clock.forward(minutes=15)
    assert retried(world) == 1
    tray = Tray()
    for one in ordered:
        sending.send_single(world.wire(tray), one)
    with world.sessions() as session:
        assert [session.get_one(Delivery, one).state for one in ordered] == ["accepted", "in_doubt"]
    assert len(tray.envelopes) == 1


def test_a_doubt_older_than_five_days_waits_for_the_staff(world: World, convocation: int) -> None:
    world.clock.forward(days=5)
    assert retried(world) == 0
    assert duties(world) == [(convocation, 1)]


def test_two_clocks_give_a_row_back_once(world: World, convocation: int) -> None:
    """R10."""
    world.clock.forward(minutes=15)
    with ThreadPoolExecutor(2) as pool:
        assert sum(pool.map(lambda _: retried(world), range(2))) == 1
    assert acts(world) == ["campaign.doubts_retried"]


def test_a_campaign_is_not_called_sent_while_somebody_gives_back_a_row_in_doubt(world: World, convocation: int) -> None:
    """I1: rows in doubt hold no campaign open, so that who finishes it must wait for who gives them back."""
    with world.sessions.begin() as session:
        session.get_one(Campaign, convocation).status = CampaignStatus.SENDING
    world.clock.forward(minutes=15)

    def finish(_: object) -> bool:
        with world.sessions.begin() as session:
            return campaigns.finish(session, convocation, now=world.clock())

    with ThreadPoolExecutor(1) as pool:
        with world.sessions.begin() as session:
            assert doubts.retry(session, now=world.clock()) == 1
            finished = pool.submit(finish, None)
            if world.engine.dialect.name == "postgresql":
                await_that(lambda: waits_for_a_lock(world), "the one who finishes waits")
        assert finished.result() is False
    assert world.status(convocation) is CampaignStatus.SENDING


def waits_for_a_lock(world: World) -> bool:
    with world.sessions() as session:
        waiting = text("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'")
        return bool(session.scalar(waiting))


def test_a_late_word_counts_until_the_row_is_claimed_anew(world: World, convocation: int) -> None:
    """The old worker wakes after the retry was decided, before and after another takes the row."""
    with world.sessions.begin() as session:
        session.execute(update(Delivery).where(Delivery.address == WHO).values(lease_owner="here/9"))
        old = claims.ticket_of(session.scalars(select(Delivery).where(Delivery.address == WHO)).one())
        settling.settle(session, [(old, LOST)], owner="here/9", now=world.clock())
    world.clock.forward(minutes=15)
    assert retried(world) == 1
    told(world, old, ACCEPTED)
    assert (row(world).state, row(world).doubts, row(world).why) == (DeliveryState.ACCEPTED, 0, "")
    assert carry(world, convocation, Tray()) == []
    assert world.status(convocation) is CampaignStatus.SENT
    told(world, old, LOST)  # and what it says last counts
    world.clock.forward(minutes=15)
    assert (row(world).doubts, retried(world)) == (1, 1)
    new = claimed(world, convocation, "here/2")
    told(world, old, ACCEPTED)
    assert (row(world).state, row(world).lease_owner, row(world).doubts) == (DeliveryState.HANDING, "here/2", 1)
    told(world, new, None, owner="here/2")
    told(world, old, ACCEPTED)
    assert (row(world).state, row(world).doubts) == (DeliveryState.PENDING, 1)


def test_a_log_that_turns_up_late_ends_the_doubt_of_a_row_that_waits_again(world: World, convocation: int) -> None:
    world.clock.forward(minutes=15)
    retried(world)
    leg = Leg(row(world).id, row(world).lease_epoch)
    with world.sessions.begin() as session:
        settling.take_in(session, LostLog("here/1", Story({leg: ACCEPTED}), complete=True), now=world.clock())
    assert (row(world).state, row(world).doubts) == (DeliveryState.ACCEPTED, 0)


def test_a_retry_that_a_relay_puts_off_is_no_second_doubt(world: World, convocation: int) -> None:
    later = Outcome(Verdict.DEFERRED, Stage.RCPT, 450, "4.2.0 Greylisted")
    world.clock.forward(minutes=15)
    retried(world)
    carry(world, convocation, Tray({WHO: later}))
    assert (row(world).state, row(world).doubts) == (DeliveryState.DEFERRED, 1)
    world.clock.forward(hours=1)
    assert len(carry(world, convocation, Tray())) == 1
    assert (row(world).state, row(world).doubts) == (DeliveryState.ACCEPTED, 1)


def test_nothing_of_a_stopped_campaign_leaves_again_and_what_waited_to_is_in_doubt_not_skipped(
    world: World, convocation: int, boss: Staff
) -> None:
    world.clock.forward(minutes=15)
    retried(world)
    with world.sessions.begin() as session:
        stopped = campaigns.stop(
            session, session.get_one(Campaign, convocation), by=session.merge(boss), now=world.clock()
        )
    assert stopped == 0
    assert (row(world).state, row(world).why) == (DeliveryState.IN_DOUBT, SkipReason.STOPPED)
    world.clock.forward(days=1)
    assert (retried(world), duties(world)) == (0, [])
    with pytest.raises(Conflict):
        decided(world, convocation, Choice.RESEND, boss)


def test_a_stop_while_the_retry_is_at_the_wire_leaves_in_doubt_what_comes_back(
    world: World, convocation: int, boss: Staff
) -> None:
    world.clock.forward(minutes=15)
    retried(world)
    ticket = claimed(world, convocation, "here/2")
    with world.sessions.begin() as session:
        campaigns.stop(session, session.get_one(Campaign, convocation), by=session.merge(boss), now=world.clock())
    told(world, ticket, None, owner="here/2")
    assert (row(world).state, row(world).doubts) == (DeliveryState.IN_DOUBT, 1)


def test_who_left_meanwhile_is_not_written_to_again_and_stays_in_doubt(world: World, convocation: int) -> None:
    with world.sessions.begin() as session:
        session.get_one(Member, row(world).member_id).left_on = world.clock().date() - timedelta(days=300)
    for _ in range(2):
        world.clock.forward(minutes=15)
        retried(world)
        assert carry(world, convocation, Tray()) == []
    assert (row(world).state, row(world).why) == (DeliveryState.IN_DOUBT, SkipReason.LEFT)
    assert acts(world) == ["campaign.doubts_retried"]
    assert duties(world) == []


def test_the_staff_send_again_to_everybody_in_doubt(world: World, communique: int, boss: Staff) -> None:
    """R2: other mail only when the staff say so; the same Message-ID; everyone is at the relay in the end (I1)."""
    assert world.status(communique) is CampaignStatus.SENT
    assert decided(world, communique, Choice.RESEND, boss, seen=undecided(world, communique).seen) == 1
    assert (world.status(communique), row(world).why) == (CampaignStatus.SENDING, AFTER_DOUBT)
    (again,) = carry(world, communique, Tray())
    assert email.message_from_bytes(again.message)["Message-ID"] == row(world).message_id
    assert (world.figures(communique).accepted, world.status(communique)) == (5, CampaignStatus.SENT)
    assert (acts(world), duties(world)) == (["campaign.doubts_resend"], [])


def test_what_the_staff_leave_in_doubt_stays_so_and_is_no_duty_any_more(
    world: World, communique: int, boss: Staff
) -> None:
    assert decided(world, communique, Choice.LEAVE, boss) == 1
    assert (row(world).state, row(world).doubts, duties(world)) == (DeliveryState.IN_DOUBT, 1, [])
    assert decided(world, communique, Choice.RESEND, boss) == 0
    assert acts(world) == ["campaign.doubts_leave"]
    # A late answer still tells what became of it.
    with world.sessions() as session:
        ticket = claims.ticket_of(session.get_one(Delivery, row(world).id))
    told(world, ticket, LOST)
    assert duties(world) == []
    told(world, ticket, ACCEPTED)
    assert (row(world).state, row(world).doubts) == (DeliveryState.ACCEPTED, 0)


def test_what_is_decided_is_what_was_seen(world: World, communique: int, boss: Staff) -> None:
    seen = undecided(world, communique).seen
    decided(world, communique, Choice.RESEND, boss, seen=seen)
    carry(world, communique, Tray({WHO: LOST}))
    assert undecided(world, communique).rows == 1  # as many, and yet another doubt
    for only in (None, row(world).id):
        with pytest.raises(Conflict):
            decided(world, communique, Choice.RESEND, boss, seen=seen, only=only)
    assert row(world).state is DeliveryState.IN_DOUBT
    assert decided(world, communique, Choice.LEAVE, boss, seen=undecided(world, communique).seen) == 1


def test_a_row_whose_process_may_still_tell_its_answer_is_not_decided_on(
    world: World, launched: int, boss: Staff
) -> None:
    with world.sessions.begin() as session:
        claims.claim(session, launched, owner="elsewhere/1", limit=2, after=0, now=world.clock())
    world.end_leases()
    with world.sessions.begin() as session:
        settling.recover(session, now=world.clock())
    found = undecided(world, launched)
    assert (found.rows, found.too_early, found.not_before) == (0, 2, world.clock() + doubts.ANSWERED_WITHIN)
    assert decided(world, launched, Choice.RESEND, boss) == 0
    first = Leg(1, 1)
    with world.sessions.begin() as session:
        settling.take_in(session, LostLog("elsewhere/1", Story({first: None}), complete=True), now=world.clock())
        assert session.get_one(Delivery, 1).why == DoubtReason.PROCESS_ENDED
    assert undecided(world, launched).rows == 1  # its log is there, and tells no answer
    world.clock.forward(minutes=10)
    assert undecided(world, launched).rows == 2
    assert decided(world, launched, Choice.RESEND, boss) == 2


def test_only_who_may_send_decides(world: World, communique: int, author: Staff) -> None:
    for choice in Choice:
        with pytest.raises(Forbidden):
            decided(world, communique, choice, author)
    assert row(world).state is DeliveryState.IN_DOUBT
