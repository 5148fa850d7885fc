"""A report that comes before we know that the mail left, days later, twice, or about another house's mail (R17)."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from service.actions import sending
from service.core import tokens
from service.core.vocabulary import DeliveryState, InboundState, MatchedBy
from service.models.delivery import Delivery
from service.ports import Envelope
from tests.actions.test_inbox import arrive, report
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
    to = world.office.usual.returns.envelope_sender_for(sent.id)
    world.clock.forward(days=3)
    arrive(world, report(to=to, status="5.1.1"))
    world.clock.forward(days=1)
    arrive(world, report(to=to, status="5.7.1"), report(to=to, status="5.1.1"))
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
