"""Complaints: a member told his provider that a mail of ours is unwanted (RFC 5965). Nothing more of that kind reaches him."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.orm import Session

from service.actions import journal, lists
from service.core.vocabulary import Channel
from service.models.campaign import Campaign
from service.models.delivery import Delivery
from service.models.member import Contact

_WORDING = "Message signalé comme indésirable auprès de sa messagerie."


def record(session: Session, delivery: Delivery, *, now: datetime) -> None:
    """Mark a mail that was complained about, and take its reader off the lists that it went to; once.

    Statutory mail goes on: the law asks that each member is convened (P3). Only our token or Message-ID may have named
    the mail: an address in a complaint proves nothing (S3).
    """
    session.refresh(delivery, with_for_update=True)
    if delivery.complained_at is not None:
        return
    delivery.complained_at = now
    journal.note(session, "delivery.complained", now=now, subject="delivery", subject_id=delivery.id)
    campaign = session.get(Campaign, delivery.campaign_id) if delivery.campaign_id is not None else None
    contact = session.get(Contact, delivery.contact_id) if delivery.contact_id is not None else None
    if campaign is None or contact is None:
        return
    for target in campaign.targets:
        if target.mailing_list.mail_class.can_be_left:
            lists.leave(session, target.mailing_list, contact, channel=Channel.MAIL, wording=_WORDING, now=now)
