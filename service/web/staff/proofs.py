"""The proof of a sending, as files: PDF to read, CSV to check and sort."""

from __future__ import annotations

from dataclasses import dataclass

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


@dataclass(frozen=True, slots=True)
class Sealed:
    """One sealed proof of a sending: which one it is, the first being 1, and how many witnesses got it.

    `follows_a_decision` where the sending had not ended anew: the team has decided on its doubts since the seal before.
    """

    rank: int
    kept: CampaignProof
    witnesses: int
    follows_a_decision: bool


def sealed_of(session: Session, campaign: Campaign) -> list[Sealed]:
    """List the sealed proofs of a sending, the last first: witnesses may hold an earlier one."""
    if campaign.mail_class is not MailClass.STATUTORY:
        return []
    found = seals.all_sealed(session, campaign)
    ended = [kept.finished_at for kept in found]
    return [
        Sealed(len(found) - place, kept, seals.witnesses_told(session, kept), kept.finished_at in ended[place + 1 :])
        for place, kept in enumerate(found)
    ]


def _asked(campaign_id: int) -> Proof:
    asked = request.args.get("scellee")
    # Nothing that is not the number of a seal finds one.
    rank = int(asked) if asked and asked.isascii() and asked.isdigit() and len(asked) < 9 else 0
    return seals.proof_of(session(), drafts.get(session(), campaign_id), sealed=asked is not None, rank=rank)


def _file(name: str, content_type: str, content: bytes) -> ResponseReturnValue:
    return content, 200, {"Content-Disposition": f'attachment; filename="{name}"', "Content-Type": content_type}
