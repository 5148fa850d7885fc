"""Mail that comes back day after day bars its address at last; what speaks of us, or comes twice a day, does not (issue 4)."""

from __future__ import annotations

import hashlib
import threading
from datetime import timedelta
from functools import partial

import pytest
from sqlalchemy import select

from service.actions import convocations, inbox, members, scores, sending, suppressions
from service.core import addresses
from service.core.verdicts import Outcome, Stage, Verdict
from service.core.vocabulary import DeliveryState, InboundState, MailClass, Role, SkipReason
from service.models.bounce_score import BounceScore
from service.models.campaign import Campaign
from service.models.delivery import Delivery
from service.models.inbound_message import InboundMessage
from service.models.mailing_list import SCORE, Suppression
from service.models.member import Contact
from tests.actions.test_inbox import READER, report
from tests.actions.test_races import until_it_waits
from tests.builders import SECRET, Tray, World

ADDRESS = "membre1@exemple1.example"
FULL = {"status": "5.2.2"}
FULL_BOX = "La boîte aux lettres est pleine."


@pytest.fixture
def house(world: World) -> World:
    world.mailing_list()
    world.members(3, "nouvelles")
    world.staff("Jeanne")
    world.staff("Paul", Role.ADMIN)
    return world


def refusal() -> Outcome:
    """What a relay says at once where it asks the server of the mailbox, or is it."""
    return Outcome(Verdict.REFUSED, Stage.RCPT, 552, "5.2.2 Mailbox full")


def sent_to(world: World, address: str = ADDRESS, slug: str = "nouvelles", said: Outcome | None = None) -> Delivery:
    """One more mail to a member, which the relay takes unless it says something else; the last of them."""
    number = world.approved(*world.colleagues(), slug)
    world.send(number, world.colleagues()[1])
    sending.send_campaign(world.wire(Tray({address: said} if said is not None else {})), number)
    with world.sessions() as session:
        query = Delivery.of_campaign(number).where(Delivery.address == address)
        return session.scalars(query).one()


def returned(world: World, delivery: Delivery, said: dict[str, str] = FULL, *, days_later: int = 0) -> None:
    """A report on this mail arrives today, and is read then or later."""
    raw = report(to=world.office.usual.returns.envelope_sender_for(delivery.id), **said)
    with world.sessions.begin() as session:
        row = InboundMessage(
            account="vie@imap", folder="INBOX", uidvalidity=7, uid=delivery.id, received_at=world.clock(), size=len(raw),
            stored_at=world.clock(), raw=raw, sha256=hashlib.sha256(raw).hexdigest(), state=InboundState.STORED,
        )  # fmt: skip
        session.add(row)
        session.flush()
        number = row.id
    read = inbox.read(world.sessions, READER, number, now=lambda: world.clock() + timedelta(days=days_later))
    assert read is not None
    assert read.delivery_id == delivery.id


def points(world: World) -> list[int]:
    with world.sessions() as session:
        return [one.points for one in session.scalars(select(BounceScore))]


def barred(world: World) -> list[str]:
    with world.sessions() as session:
        return [one.reason for one in session.scalars(select(Suppression))]


def come_back_daily(world: World, days: int) -> None:
    for _ in range(days):
        returned(world, sent_to(world))
        world.clock.forward(days=1)


def test_mail_that_comes_back_on_five_days_bars_its_address_and_staff_write_to_it_again(house: World) -> None:
    come_back_daily(house, scores.THRESHOLD - 1)
    assert (points(house), barred(house)) == ([scores.THRESHOLD - 1], [])
    come_back_daily(house, 1)
    assert barred(house) == [SCORE]
    skipped = sent_to(house)
    assert (skipped.state, skipped.why) == (DeliveryState.SKIPPED, SkipReason.RETURNED)
    boss = house.colleagues()[1]
    with house.sessions.begin() as session:
        contact = session.scalars(Contact.at(addresses.key(ADDRESS))).one()
        found = suppressions.barred(session, [contact], secret=SECRET)[contact.id]
        assert (found.is_scored, found.code) == (True, "")
        suppressions.lift(session, contact, by=session.merge(boss), secret=SECRET, now=house.clock())
    assert (points(house), barred(house)) == ([], [])
    assert sent_to(house).state is DeliveryState.ACCEPTED


def test_a_day_counts_once_however_much_comes_back_and_whenever_it_is_read(house: World) -> None:
    first, second, third = sent_to(house), sent_to(house), sent_to(house)
    returned(house, first)
    returned(house, second)
    assert points(house) == [1]
    house.clock.forward(days=1)
    returned(house, third, days_later=30)
    assert points(house) == [2]


def test_what_is_long_ago_counts_for_nothing(house: World) -> None:
    come_back_daily(house, scores.THRESHOLD - 1)
    house.clock.forward(days=scores.STALE_AFTER.days)
    come_back_daily(house, 1)
    assert (points(house), barred(house)) == ([1], [])


def test_a_mail_that_is_refused_at_once_counts_as_one_that_comes_back_and_the_two_of_a_day_count_once(
    house: World,
) -> None:
    for _ in range(scores.THRESHOLD - 1):
        sent_to(house, said=refusal())
        sent_to(house, said=refusal())
        house.clock.forward(days=1)
    assert (points(house), barred(house)) == ([scores.THRESHOLD - 1], [])
    returned(house, sent_to(house))
    assert (points(house), barred(house)) == ([scores.THRESHOLD], [SCORE])
    with house.sessions() as session:
        contact = session.scalars(Contact.at(addresses.key(ADDRESS))).one()
        assert scores.of(session, [contact], secret=SECRET, today=house.clock().date())[contact.id].reason == FULL_BOX


def test_the_staff_read_the_last_words_of_a_server_that_refused_too_often(house: World) -> None:
    for _ in range(scores.THRESHOLD):
        sent_to(house, said=refusal())
        house.clock.forward(days=1)
    assert barred(house) == [SCORE]
    with house.sessions() as session:
        contact = session.scalars(Contact.at(addresses.key(ADDRESS))).one()
        found = suppressions.barred(session, [contact], secret=SECRET)[contact.id]
        assert (found.is_scored, found.words) == (True, "552 5.2.2 Mailbox full")


def test_a_refusal_counts_on_the_day_on_which_it_was_heard_and_one_of_long_ago_for_nothing(house: World) -> None:
    for days in (0, scores.STALE_AFTER.days, scores.STALE_AFTER.days + 1):
        house.clock.forward(days=days)
        sent_to(house, said=refusal())
        with house.sessions() as session:
            (score,) = session.scalars(select(BounceScore)).all()
            assert score.last_on == house.clock().date()
    assert points(house) == [1]


@pytest.mark.parametrize(
    ("said", "found"),
    [
        (Outcome(Verdict.DEFERRED, Stage.RCPT, 452, "4.2.2 Mailbox full"), [1]),
        (Outcome(Verdict.DEFERRED, Stage.RCPT, 450, "4.7.1 Greylisted"), []),
        (Outcome(Verdict.DEFERRED, Stage.DOT, 451, "4.2.2 Mailbox full"), []),
        (Outcome(Verdict.RELAY_DOWN, Stage.RCPT, 451, "4.3.2 System not accepting messages"), []),
    ],
    ids=["of the mailbox", "of us", "of the message", "of the relay"],
)
def test_a_mail_that_is_given_up_after_days_counts_once_where_its_last_answer_speaks_of_the_address(
    house: World, said: Outcome, found: list[int]
) -> None:
    first = sent_to(house, said=said)
    assert first.state is not DeliveryState.REFUSED
    assert points(house) == []
    house.clock.forward(days=6)
    with house.sessions.begin() as session:
        campaign = session.get_one(Campaign, first.campaign_id)
        campaign.resumes_at = campaign.waits_for = None
    sending.send_campaign(house.wire(Tray({ADDRESS: said})), first.campaign_id or 0)
    with house.sessions() as session:
        assert session.get_one(Delivery, first.id).state is DeliveryState.REFUSED
    assert points(house) == found


@pytest.mark.parametrize(
    "said",
    [
        {"status": "5.7.1"},
        {"status": "5.7.1", "words": "550 5.7.1 user unknown"},
        {"status": "5.4.1"},
        {"status": "4.7.1"},
        {"status": "5.6.1"},
        {"status": "5.2.2", "about": "ailleurs@transfert.example"},
    ],
    ids=["policy", "policy, in other words", "routing", "rate", "content", "another address"],
)
def test_d20_what_speaks_of_us_or_of_somebody_else_counts_for_nothing(house: World, said: dict[str, str]) -> None:
    returned(house, sent_to(house), said)
    assert points(house) == []


def test_two_reports_on_two_days_that_are_read_at_the_same_moment_count_as_two(house: World) -> None:
    first, second = sent_to(house), sent_to(house)
    other = threading.Thread(target=partial(returned, house, second))
    with house.sessions.begin() as session:
        score = scores._locked(session, first.address_hmac, (house.clock() - timedelta(days=1)).date())
        score.points = 1
        session.flush()
        other.start()
        until_it_waits(session, other)
    other.join()
    assert points(house) == [2]


def test_a_convocation_that_came_back_for_good_is_listed_until_its_reader_has_another_address(house: World) -> None:
    house.mailing_list("assemblee", MailClass.STATUTORY)
    house.members(3, "assemblee")
    full, gone = sent_to(house, "membre2@exemple2.example", "assemblee"), sent_to(house, slug="assemblee")
    returned(house, full, {**FULL, "about": full.address})
    assert listed(house) == []
    returned(house, gone, {"status": "5.1.1"})
    assert listed(house) == [(gone.campaign_id, 1)]
    with house.sessions.begin() as session:
        contact = session.get_one(Contact, gone.contact_id)
        members.change_address(session, contact, "nouvelle@exemple1.example", by=None, now=house.clock())
    assert listed(house) == []


def listed(world: World) -> list[tuple[int | None, int]]:
    with world.sessions() as session:
        return [(one.campaign.id, one.people) for one in convocations.returned(session)]
