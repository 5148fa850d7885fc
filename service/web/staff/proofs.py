"""The proof of a sending, as files: PDF to read, CSV to check and sort."""

from __future__ import annotations

from flask import Blueprint, request
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from service.actions import drafts, seals
from service.core.proof import sheet
from service.core.proof.content import Proof
from service.core.vocabulary import MailClass
from service.models.campaign import Campaign
from service.models.proof import CampaignProof
from service.web.http import senders_only, session, wiring

pages = Blueprint("proofs", __name__)


@pages.get("/messages/<int:campaign_id>/preuve.pdf")
@senders_only
def paper(campaign_id: int) -> ResponseReturnValue:
    """Give the proof as it stands, or as it was sealed, on paper."""
    found = _asked(campaign_id)
    # The database is free for others while the paper is printed.
    session().rollback()
    return _file(f"{found.file_name}.pdf", "application/pdf", wiring().printer().pdf(found))


@pages.get("/messages/<int:campaign_id>/preuve.csv")
@senders_only
def table(campaign_id: int) -> ResponseReturnValue:
    """Give the same as a table."""
    found = _asked(campaign_id)
    return _file(f"{found.file_name}.csv", "text/csv; charset=utf-8", sheet.write(found))


def sealed_of(session: Session, campaign: Campaign) -> tuple[CampaignProof, int] | None:
    """Return the sealed proof of a sending and how many witnesses got it; None without one."""
    if campaign.mail_class is not MailClass.STATUTORY:
        return None
    kept = seals.last_sealed(session, campaign)
    return None if kept is None else (kept, seals.witnesses_told(session, kept))


def _asked(campaign_id: int) -> Proof:
    return seals.proof_of(session(), drafts.get(session(), campaign_id), sealed="scellee" in request.args)


def _file(name: str, content_type: str, content: bytes) -> ResponseReturnValue:
    return content, 200, {"Content-Disposition": f'attachment; filename="{name}"', "Content-Type": content_type}
