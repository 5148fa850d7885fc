"""A report that comes before we know that the mail left, days later, twice, or about another house's mail (R17)."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from service.actions import sending
from service.core import tokens
from service.core.vocabulary import DeliveryState, InboundState, MatchedBy
from service.models.bounce_score import BounceScore
from service.models.delivery import Delivery
from service.models.mailing_list import Suppression
from service.ports import Envelope
from tests.actions.test_inbox import Box, arrive, report
from tests.actions.test_traces import POSTFIX, stating, taken_as
from tests.builders import Tray, World


def row_of(world: World, number: int) -> Delivery:
    with world.sessions() as session:
        return session.get_one(Delivery, number)


def test_r17_a_report_that_arrives_before_we_commit_that_the_mail_left_is_kept_beside_its_state(
    world: World, launched: int
) -> None:
    seen: list[DeliveryState] = []

    def come_back(envelope: Envelope) -> None:
        """The relay takes the mail, gives it up and reports, all before it has answered us."""
        if not seen:
            seen.append(row_of(world, envelope.id).state)
            arrive(world, report(to=envelope.sender, about=envelope.recipient, status="5.2.2"))

    sending.send_campaign(world.wire(Tray(before=come_back)), launched)
    assert seen == [DeliveryState.HANDING]
    with world.sessions() as session:
        back = session.scalars(select(Delivery).where(Delivery.bounced_at.is_not(None))).one()
    assert (back.state, back.bounce_code, back.attempts) == (DeliveryState.ACCEPTED, "5.2.2", 1)
    figures = world.figures(launched)
    assert (figures.accepted, figures.bounced, figures.planned) == (5, 1, 5)


def test_r17_a_report_three_days_late_counts_once_however_often_it_comes(world: World, sent: Delivery) -> None:
    to, box = world.office.usual.returns.envelope_sender_for(sent.id), Box()
    world.clock.forward(days=3)
    arrive(world, report(to=to, status="5.1.1"), box=box)
    world.clock.forward(days=1)
    later = arrive(world, report(to=to, status="5.7.1"), report(to=to, status="5.1.1", words="550 again"), box=box)
    assert [row.delivery_id for row in later] == [sent.id, sent.id]
    assert row_of(world, sent.id).bounce_code == "5.1.1"
    assert row_of(world, sent.id).state is DeliveryState.ACCEPTED
    assert world.figures(sent.campaign_id or 0).bounced == 1


@pytest.mark.parametrize("how", ["address", "envelope id", "returned header"])
def test_r17_a_report_on_the_mail_of_another_house_marks_nothing_and_is_no_fault(
    world: World, sent: Delivery, how: str
) -> None:
    """Its tokens are as ours, of the same numbers, under another secret."""
    token = tokens.address_token(sent.id, b"the secret of another house, 32 and more")
    raw = {
        "address": report(to=f"retours+{token}@passerelles.example"),
        "envelope id": report(envelope_id=token),
        "returned header": report(
            returned=f"Reply-To: vie+{token}@passerelles.example\r\nMessage-ID: <c1.d1@ailleurs.example>"
        ),
    }[how]
    (row,) = arrive(world, raw)
    assert (row.matched_by, row.state, row.delivery_id) == (MatchedBy.NOTHING, InboundState.LEFT_IN_PLACE, None)
    assert row_of(world, sent.id).bounced_at is None
    assert world.figures(sent.campaign_id or 0).bounced == 0


def barred_for(world: World) -> list[str]:
    with world.sessions() as session:
        return [one.reason for one in session.scalars(select(Suppression))]


def points(world: World) -> list[int]:
    with world.sessions() as session:
        return [one.points for one in session.scalars(select(BounceScore))]


def weak(by: MatchedBy, words: str) -> bytes:
    """A report on the mail to membre1 that anybody could have written; each with words of its own is no copy of another."""
    return stating(POSTFIX.format(1), words=words) if by is MatchedBy.RELAY else report(words=words)


@pytest.mark.usefixtures("author", "boss")
@pytest.mark.parametrize("weaker", [MatchedBy.RELAY, MatchedBy.RECIPIENT])
def test_d16_a_report_that_is_surely_about_a_mail_takes_the_place_of_one_that_may_be(
    world: World, weaker: MatchedBy
) -> None:
    sent = taken_as(world, POSTFIX, "2.0.0 Ok: queued as {}")
    box = Box()
    arrive(world, weak(weaker, "550 5.1.1 Made up"), box=box)
    marked = row_of(world, sent.id)
    assert (marked.bounced_by, marked.bounce_code, marked.bounce_words) == (weaker, None, "550 5.1.1 Made up")
    assert (barred_for(world), points(world)) == ([], [])
    world.clock.forward(days=1)
    named = f"Message-ID: {sent.message_id}"
    surely = report(returned=named, status="5.2.2", words="552 5.2.2 Mailbox full")
    arrive(world, surely, box=box)
    known = row_of(world, sent.id)
    assert (known.bounced_by, known.bounce_code) == (MatchedBy.REFERENCES, "5.2.2")
    assert (known.bounce_words, known.bounce_reason) == ("552 5.2.2 Mailbox full", "La boîte aux lettres est pleine.")
    assert known.bounced_at == world.clock()
    assert (barred_for(world), points(world)) == ([], [1])
    # From now on nothing takes its place, however sure.
    world.clock.forward(days=1)
    by_token = report(to=world.office.usual.returns.envelope_sender_for(sent.id), status="5.1.1")
    others = arrive(world, weak(MatchedBy.RELAY, "550 again"), weak(MatchedBy.RECIPIENT, "550 more"), by_token, box=box)
    assert [row.delivery_id for row in others] == [sent.id] * 3
    assert row_of(world, sent.id).bounced_at == known.bounced_at
    assert (barred_for(world), points(world)) == ([], [1])
    assert world.figures(sent.campaign_id or 0).bounced == 1


@pytest.mark.usefixtures("author", "boss")
def test_d16_what_the_relay_called_a_mail_says_more_of_it_than_its_recipient_alone(world: World) -> None:
    sent = taken_as(world, POSTFIX, "2.0.0 Ok: queued as {}")
    said = ((MatchedBy.RECIPIENT, "550 a"), (MatchedBy.RELAY, "550 b"), (MatchedBy.RECIPIENT, "550 c"))
    assert len(arrive(world, *(weak(by, words) for by, words in said))) == len(said)
    known = row_of(world, sent.id)
    assert (known.bounced_by, known.bounce_words) == (MatchedBy.RELAY, "550 b")
