"""The sealed proofs of a statutory sending: what it was when it ended and was decided on later, as witnesses got it."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import LargeBinary, String, UniqueConstraint, or_, select, text
from sqlalchemy.orm import Mapped
from sqlalchemy.sql import Select

from service.core.vocabulary import OPEN_STATES, CampaignStatus, DeliveryState, MailClass
from service.models.base import PROOF, WORKING, Base, BigId, Instant, column, number, ref
from service.models.campaign import Campaign
from service.models.delivery import Delivery
from service.models.doubt_decision import DoubtDecision
from service.models.tally import Tally

# Who decides on ten mails one by one makes one proof, and one mail a witness: a decision waits so long for the next one.
GATHERED_WITHIN = timedelta(minutes=5)


class CampaignProof(Base):
    """One proof an end, and one of what is decided after it: a sending that was taken up again ends twice."""

    __tablename__ = "campaign_proof"
    __table_args__ = (UniqueConstraint("campaign_id", "finished_at", "decision_id"),)

    id: Mapped[int] = number()
    campaign_id: Mapped[int] = ref("campaign.id", PROOF, index=False)
    finished_at: Mapped[datetime] = column(Instant, PROOF)
    # The last decision on its doubts that it tells (an entry of the journal); 0 before any.
    decision_id: Mapped[int] = column(BigId, PROOF, default=0, server_default=text("0"))
    sha256: Mapped[str] = column(String(64), PROOF)
    # The CSV file, whole: later bounces are in later proofs, never in this one.
    content: Mapped[bytes] = column(LargeBinary, PROOF)
    # Printed once, for all the witnesses; it can be printed again from `content`.
    pdf: Mapped[bytes | None] = column(LargeBinary, WORKING)
    at: Mapped[datetime] = column(Instant, PROOF)

    @staticmethod
    def of_campaign(campaign_id: int) -> Select[CampaignProof]:
        """The sealed proofs of a sending, the last first."""
        return select(CampaignProof).where(CampaignProof.campaign_id == campaign_id).order_by(CampaignProof.id.desc())

    @staticmethod
    def missing(now: datetime) -> Select[int]:
        """The statutory sendings that have ended, with nothing at the wire any more, and are not sealed as they stand.

        A later bounce is no reason to seal anew; what the team decided since is one, once it has decided on everything, or
        on nothing more for five minutes.
        """
        rows = select(Delivery.id).where(Delivery.campaign_id == Campaign.id)
        is_open = Tally.has_open(Campaign.id.expression)
        # One that was called back whole is nobody's business: nothing left the house.
        was_tried = rows.where(Delivery.state.not_in((*OPEN_STATES, DeliveryState.SKIPPED))).exists()
        of_this_end = select(CampaignProof.id).where(
            CampaignProof.campaign_id == Campaign.id, CampaignProof.finished_at == Campaign.finished_at
        )
        is_sealed = of_this_end.where(CampaignProof.decision_id == DoubtDecision.last(Campaign.id.expression)).exists()
        is_undecided = rows.where(Delivery.stands(DeliveryState.IN_DOUBT), Delivery.doubted_at.is_not(None)).exists()
        # What the future says was decided, since the clock was put back, is not waited for.
        is_being_decided = DoubtDecision.made_between(Campaign.id.expression, now - GATHERED_WITHIN, now).exists()
        return (
            select(Campaign.id)
            .where(
                Campaign.status.in_((CampaignStatus.SENT, CampaignStatus.STOPPED)),
                Campaign.mail_class == MailClass.STATUTORY,
                Campaign.launched_at.is_not(None),
                Campaign.finished_at.is_not(None),
                ~is_open,
                was_tried,
                ~is_sealed,
                or_(~of_this_end.exists(), ~is_undecided, ~is_being_decided),
            )
            .order_by(Campaign.id)
        )
