"""What became of everybody, when the rows of a sending and the messages at the relay are laid side by side (I1, I2)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from service.actions import campaigns
from service.actions.campaigns import Tray
from service.core.vocabulary import DeliveryState
from service.models.campaign import Campaign
from service.models.delivery import Delivery
from tests.builders import World
from tests.parts.smtp_sink import Received

_UNSENT = (DeliveryState.PENDING, DeliveryState.DEFERRED, DeliveryState.HANDING)
_MAY_BE_ABSENT = (*_UNSENT, DeliveryState.IN_DOUBT, DeliveryState.SKIPPED, DeliveryState.REFUSED)


@dataclass(frozen=True, slots=True)
class Account:
    """Rows by state, the addresses of the copies beyond one, and the addresses in doubt."""

    states: Counter[DeliveryState]
    copies: Counter[str]
    in_doubt: frozenset[str]

    @property
    def extra(self) -> int:
        """How many copies were made beyond one."""
        return sum(self.copies.values()) - len(self.copies)

    @property
    def open(self) -> int:
        """How many rows are still to be sent."""
        return sum(self.states[state] for state in _UNSENT)


def account(world: World, campaign_id: int, messages: Sequence[Received]) -> Account:
    """Lay the rows of a sending and the messages at the relay side by side, as `account_in` does."""
    with world.sessions() as session:
        return account_in(session, campaign_id, messages)


def account_in(session: Session, campaign_id: int, messages: Sequence[Received]) -> Account:
    """Lay rows and messages side by side; fails where somebody is missing unseen, or a row says what is not so.

    Looks at I1 (the sum; nobody neither in the sink nor visibly waiting, in doubt or skipped; no accepted row without
    its mail), I2 (a second copy carries the same Message-ID), I3 (nobody outside the audience) and that the page of
    the rows in doubt shows each of them.
    """
    campaign = session.get_one(Campaign, campaign_id)
    figures = campaigns.figures(session, campaign)
    rows = session.scalars(select(Delivery).where(Delivery.campaign_id == campaign_id)).all()
    shown = {row.address for row in session.scalars(campaigns.recipients(session, campaign, Tray.IN_DOUBT))}
    copies = Counter(one.recipient for one in messages)
    states = Counter(row.state for row in rows)
    assert figures.planned == len(rows) == sum(getattr(figures, state.value) for state in DeliveryState)
    assert {state.value: getattr(figures, state.value) for state in states} == {s.value: n for s, n in states.items()}
    absent = [row for row in rows if not copies[row.address]]
    assert [row.id for row in absent if row.state not in _MAY_BE_ABSENT] == [], "accepted, and not at the relay"
    held = [
        row.id for row in rows if copies[row.address] and row.state in (DeliveryState.PENDING, DeliveryState.DEFERRED)
    ]
    assert held == [], "at the relay, and waiting to be sent again"
    assert set(copies) <= {row.address for row in rows}, "somebody outside the audience was written to"
    ids = {row.address: row.message_id for row in rows}
    assert [one.recipient for one in messages if message_id(one) != ids[one.recipient]] == [], "another Message-ID"
    in_doubt = frozenset(row.address for row in rows if row.state is DeliveryState.IN_DOUBT)
    assert shown == in_doubt
    return Account(states, copies, in_doubt)


def message_id(message: Received) -> str:
    """Give the Message-ID of a message as the relay has it."""
    head, _, _ = message.data.partition(b"\r\n\r\n")
    return head.partition(b"\r\nMessage-ID: ")[2].partition(b"\r\n")[0].decode()
