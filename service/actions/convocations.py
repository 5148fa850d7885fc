"""Convocations: whom does the law ask us to convene, and whose address does not exist? They need a letter or a call."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from service.actions import members
from service.core.vocabulary import MailClass
from service.models.campaign import Campaign
from service.models.delivery import Delivery
from service.models.member import Contact, Member


@dataclass(frozen=True, slots=True)
class Returned:
    """A statutory sending, and how many people it came back from for good."""

    campaign: Campaign
    people: int


def returned(session: Session) -> list[Returned]:
    """List the statutory sendings that came back from present members for good, until each of them has another address."""
    query = (
        select(Campaign, func.count(Delivery.id))
        .join(Delivery, Delivery.campaign_id == Campaign.id)
        .join(Contact, Contact.id == Delivery.contact_id)
        .join(Member, Member.id == Contact.member_id)
        .where(
            Delivery.mail_class == MailClass.STATUTORY,
            members.came_back_as_gone(),
            Contact.email == Delivery.address,
            Member.is_present(),
        )
        .group_by(Campaign.id)
        .order_by(Campaign.id)
    )
    return [Returned(campaign, people) for campaign, people in session.execute(query)]
