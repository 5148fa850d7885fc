"""`pli invariants`: a world that the product made breaks none, and each fault that is planted is found, on both databases."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import delete, insert, select, text, update
from sqlalchemy.orm import Session

from service import db
from service.actions import doubts, invariants, lists, sending
from service.actions.doubts import Choice
from service.actions.invariants import Check
from service.core import addresses
from service.core.verdicts import Outcome, Stage, Verdict
from service.core.vocabulary import (
    CampaignStatus,
    Channel,
    DeliveryState,
    InboundKind,
    InboundState,
    MailFolder,
    MatchedBy,
    QuestionStatus,
)
from service.models.campaign import Approval, Campaign, CampaignMould, CampaignVersion
from service.models.delivery import Delivery
from service.models.front import Front
from service.models.inbound_message import InboundMessage, MailboxCursor
from service.models.journal import JournalEntry
from service.models.mailing_list import Suppression
from service.models.member import Contact
from service.models.question import Asking, Question
from service.models.staff import Staff
from service.models.tally import Tally
from tests.builders import SECRET, Tray, World

LOST = Outcome(Verdict.IN_DOUBT, Stage.DOT, None, "The relay closed the connection.")
WHO, IN_DOUBT = "membre2@exemple2.example", 3


@pytest.fixture
def busy(world: World, launched: int) -> World:
    """A campaign that was sent, with somebody in doubt who leaves the list afterwards, and an answer to it."""
    sending.send_campaign(world.wire(Tray({WHO: LOST})), launched)
    with world.sessions.begin() as session:
        leave(session, world, IN_DOUBT, timedelta(0))
        answer(session, world, uid=1, delivery_id=1)
        session.get_one(Delivery, 1).answered_at = world.clock()
    return world


def leave(session: Session, world: World, number: int, later: timedelta) -> None:
    """Whom this mail went to leaves the list, so much later than now."""
    contact = session.get_one(Contact, session.get_one(Delivery, number).contact_id)
    home, now = lists.find(session, "nouvelles"), world.clock() + later
    lists.leave(session, home, contact, channel=Channel.LINK, wording="x", now=now)


def answer(session: Session, world: World, *, uid: int, delivery_id: int | None, **details: object) -> Asking:
    """A message that a member wrote, the question that it opened, and how far the mailbox was read."""
    at = world.clock()
    values = {
        "account": "a",
        "folder": "INBOX",
        "uidvalidity": 1,
        "uid": uid,
        "received_at": at,
        "stored_at": at,
        "size": 9,
        "raw": b"From: x",
        "sha256": hashlib.sha256(str(uid).encode()).hexdigest(),
        "state": InboundState.TREATED,
        "kind": InboundKind.QUESTION,
        "delivery_id": delivery_id,
    }
    message = InboundMessage(**{**values, **details})
    question = Question(status=QuestionStatus.TO_SORT, created_at=at)
    cursor = session.scalar(select(MailboxCursor))
    if cursor is None:
        session.add(MailboxCursor(account="a", folder="INBOX", uidvalidity=1, last_uid=uid, read_at=at))
    else:
        cursor.last_uid = uid
    session.add_all([message, question])
    session.flush()
    of_campaign = session.get_one(Delivery, delivery_id).campaign_id if delivery_id else None
    ids = {"question_id": question.id, "first_question_id": question.id, "inbound_message_id": message.id}
    asking = Asking(**ids, campaign_id=of_campaign, text="?", matched_by=MatchedBy.TOKEN, asked_at=at)
    session.add(asking)
    session.flush()
    return asking


def found(world: World) -> dict[str, list[tuple[str, int, list[int]]]]:
    """What is broken in one state of the database."""
    with db.snapshot(world.sessions) as session:
        return told(invariants.check(session))


def told(checks: list[Check]) -> dict[str, list[tuple[str, int, list[int]]]]:
    """By invariant: rows of which table break it, how many, and which."""
    assert [check.name for check in checks] == [f"I{number}" for number in range(1, 10)]
    return {
        check.name: [(fault.rule.table, fault.found, fault.examples) for fault in check.faults]
        for check in checks
        if not check.ok
    }


def test_a_world_that_the_product_made_breaks_none(busy: World, boss: Staff) -> None:
    assert found(busy) == {}
    with busy.sessions.begin() as session:
        campaign, by = session.get_one(Campaign, 1), session.merge(boss)
        doubts.decide(session, campaign, Choice.RESEND, by=by, now=busy.clock())
    assert found(busy) == {}
    # He left the list meanwhile: nothing is sent, and he stays in doubt.
    sending.send_campaign(busy.wire(Tray()), 1)
    assert found(busy) == {}
    with busy.sessions() as session:
        assert session.get_one(Delivery, IN_DOUBT).state is DeliveryState.IN_DOUBT


def test_what_cannot_be_seen_from_the_database_is_said(world: World) -> None:
    with db.snapshot(world.sessions) as session:
        checks = {check.name: check for check in invariants.check(session)}
    assert all(check.beyond for check in checks.values())
    assert [name for name, check in checks.items() if not check.rules] == ["I6"]


def test_the_rules_are_looked_at_in_one_state_of_the_database(busy: World) -> None:
    """What others commit meanwhile is not seen: a campaign under way breaks no rule between two queries."""
    with db.snapshot(busy.sessions) as session:
        assert told(invariants.check(session)) == {}
        with busy.sessions.begin() as other:
            of(other, 2, state=DeliveryState.PENDING)
        assert told(invariants.check(session)) == {}
    assert set(found(busy)) == {"I1"}


Plant = Callable[[Session, World], object]
PLANTED: dict[str, tuple[Plant, str, str, list[int]]] = {}


def plants(name: str, table: str, *ids: int) -> Callable[[Plant], Plant]:
    """Register a fault: the invariant that it breaks, and the rows that must be named."""

    def register(plant: Plant) -> Plant:
        PLANTED[plant.__name__] = (plant, name, table, list(ids))
        return plant

    return register


def of(session: Session, number: int, **values: object) -> None:
    session.execute(update(Delivery).where(Delivery.id == number).values(values))


@plants("I1", "delivery", 2)
def a_state_that_is_none(session: Session, world: World) -> None:
    session.execute(text("UPDATE delivery SET state = 'lost' WHERE id = 2"))


@plants("I1", "campaign", 1)
def a_row_that_waits_in_a_campaign_called_sent(session: Session, world: World) -> None:
    of(session, 2, state=DeliveryState.PENDING)


@plants("I1", "campaign", 1)
def a_row_that_waits_in_a_stopped_campaign(session: Session, world: World) -> None:
    session.get_one(Campaign, 1).status = CampaignStatus.STOPPED
    of(session, 2, state=DeliveryState.DEFERRED)


@plants("I1", "campaign", 1)
def somebody_of_the_frozen_audience_is_missing(session: Session, world: World) -> None:
    session.execute(delete(Delivery).where(Delivery.id == 2))


@plants("I1", "delivery", 2, 3)
def an_end_without_its_hour(session: Session, world: World) -> None:
    for number in (2, 3):
        of(session, number, settled_at=None)


@plants("I1", "delivery", 2)
def a_mail_that_left_and_was_never_handed_over(session: Session, world: World) -> None:
    of(session, 2, handed_at=None)


@plants("I2", "delivery", 2)
def a_doubt_that_is_not_counted(session: Session, world: World) -> None:
    of(session, 2, state=DeliveryState.IN_DOUBT)


@plants("I2", "delivery", 3)
def more_doubts_than_attempts(session: Session, world: World) -> None:
    of(session, 3, doubts=9)


@plants("I2", "delivery", 2)
def a_newsletter_that_left_again_by_itself(session: Session, world: World) -> None:
    of(session, 2, doubts=1)


@plants("I2", "delivery", 3)
def two_mails_of_a_campaign_to_one_address(session: Session, world: World) -> None:
    same = session.get_one(Delivery, 2).address_hmac
    of(session, 3, address_hmac=same)


@plants("I3", "delivery", 2)
def somebody_who_was_added_after_the_launch(session: Session, world: World) -> None:
    of(session, 2, created_at=world.clock() + timedelta(seconds=1))


@plants("I3", "delivery", 2)
def a_mail_to_somebody_who_had_left_the_list(session: Session, world: World) -> None:
    leave(session, world, 2, timedelta(minutes=-2))


@plants("I3", "delivery", 2)
def a_mail_that_was_tried_again_after_somebody_left(session: Session, world: World) -> None:
    leave(session, world, 2, timedelta(0))
    of(session, 2, settled_at=world.clock() + timedelta(minutes=16), attempts=2)


@plants("I3", "delivery", 2)
def a_mail_to_a_suppressed_address(session: Session, world: World) -> None:
    barred = addresses.fingerprint(session.get_one(Delivery, 2).address, SECRET)
    session.add(Suppression(address_hmac=barred, reason="complaint", at=world.clock() - timedelta(minutes=2)))


@plants("I4", "campaign", 1)
def a_mail_that_is_not_kept(session: Session, world: World) -> None:
    session.execute(delete(CampaignMould))


@plants("I4", "campaign", 1)
def a_kept_mail_that_was_changed(session: Session, world: World) -> None:
    session.execute(update(CampaignMould).values(content=b"x"))


@plants("I4", "campaign", 1)
def an_approval_that_does_not_stand(session: Session, world: World) -> None:
    session.execute(update(Approval).values(voided_at=world.clock()))


@plants("I4", "campaign", 1)
def a_text_that_was_changed_after_it_was_agreed_to(session: Session, world: World) -> None:
    session.execute(update(CampaignVersion).values(body="Autre chose"))


@plants("I5", "inbound_message", 2)
def a_missed_message_that_nobody_asks_for_again(session: Session, world: World) -> None:
    asked = answer(session, world, uid=9, delivery_id=None, state=InboundState.MISSED, kind=None, raw=None)
    session.delete(asked)


@plants("I5", "inbound_message", 1)
def a_message_in_no_place(session: Session, world: World) -> None:
    session.execute(text("UPDATE inbound_message SET state = 'nowhere'"))
    session.execute(delete(Asking))


@plants("I5", "inbound_message", 1)
def a_message_in_two_places(session: Session, world: World) -> None:
    session.execute(update(InboundMessage).values(state=InboundState.LEFT_IN_PLACE))


@plants("I5", "inbound_message", 1)
def an_answer_that_nobody_sees(session: Session, world: World) -> None:
    session.execute(delete(Asking))


@plants("I5", "inbound_message", 2)
def the_same_message_asked_twice(session: Session, world: World) -> None:
    first = session.get_one(InboundMessage, 1)
    answer(session, world, id=2, uid=2, delivery_id=1, sha256=first.sha256)


@plants("I5", "inbound_message", 1)
def a_message_of_a_stranger_that_was_moved(session: Session, world: World) -> None:
    row = session.get_one(InboundMessage, 1)
    row.matched_by, row.filed_in = MatchedBy.NOTHING, MailFolder.DONE


@plants("I5", "inbound_message", 1)
def a_message_that_will_be_fetched_again(session: Session, world: World) -> None:
    session.execute(update(MailboxCursor).values(last_uid=0))


@plants("I7", "delivery", 2)
def a_row_at_the_wire_that_nobody_takes_back(session: Session, world: World) -> None:
    session.get_one(Campaign, 1).status = CampaignStatus.SENDING
    of(session, 2, state=DeliveryState.HANDING)


@plants("I7", "delivery", 2)
def a_lease_on_a_row_that_is_not_at_the_wire(session: Session, world: World) -> None:
    of(session, 2, lease_owner="here/1")


@plants("I7", "delivery", 2)
def a_row_that_waits_where_no_clock_looks(session: Session, world: World) -> None:
    session.get_one(Campaign, 1).status = CampaignStatus.APPROVED
    of(session, 2, state=DeliveryState.PENDING)


@plants("I7", "campaign", 1)
def a_campaign_scheduled_for_no_hour(session: Session, world: World) -> None:
    campaign = session.get_one(Campaign, 1)
    campaign.status, campaign.due_at = CampaignStatus.SCHEDULED, None


@plants("I8", "campaign", 1)
def a_page_that_cannot_tell_its_figures(session: Session, world: World) -> None:
    session.execute(text("UPDATE delivery SET state = 'lost' WHERE id = 2"))


@plants("I8", "campaign", 1)
def a_tally_that_forgot_a_row(session: Session, world: World) -> None:
    session.execute(update(Tally).where(Tally.state == DeliveryState.ACCEPTED).values(rows=Tally.rows - 1))


@plants("I7", "delivery", 2)
def a_mail_that_waits_behind_the_front(session: Session, world: World) -> None:
    session.execute(update(Front).values(passed_id=2))
    of(session, 2, state=DeliveryState.PENDING, settled_at=None)


@plants("I8", "delivery", 1)
def an_answer_that_is_not_counted(session: Session, world: World) -> None:
    of(session, 1, answered_at=None)


@plants("I8", "asking", 1)
def a_question_that_counts_for_another_campaign(session: Session, world: World) -> None:
    session.execute(update(Asking).values(campaign_id=None))


@plants("I9", "journal", 5)
def an_entry_of_the_journal_that_nobody_chained(session: Session, world: World) -> None:
    last = session.scalars(select(JournalEntry).order_by(JournalEntry.id.desc())).first()
    assert last is not None
    forged = {"at": world.clock(), "act": "x", "detail": {}, "previous_hash": last.hash, "hash": "0" * 64}
    PLANTED["an_entry_of_the_journal_that_nobody_chained"][3][:] = [last.id + 1]
    session.execute(insert(JournalEntry).values(subject="", **forged))


@plants("I9", "campaign", 2)
def a_launch_that_the_journal_does_not_tell(session: Session, world: World) -> None:
    session.execute(
        insert(Campaign).values(
            kind="communique",
            status=CampaignStatus.STOPPED,
            author_id=1,
            created_at=world.clock(),
            launched_at=world.clock(),
        )
    )


def test_each_fault_that_is_planted_is_found(busy: World) -> None:
    """One world, and one transaction a fault, which is taken back."""
    missed, fired = [], set()
    for name, (plant, invariant, table, ids) in PLANTED.items():
        with busy.sessions() as session:
            plant(session, busy)
            session.flush()
            checks = invariants.check(session)
            session.rollback()
        broken = told(checks)
        fired |= {fault.rule.broken for check in checks for fault in check.faults}
        if (table, len(ids), ids) not in broken.get(invariant, []):
            missed.append((name, broken))
    assert missed == []
    assert found(busy) == {}
    assert fired == {rule.broken for rule in invariants.RULES}
