"""Sealed proofs: what the proof of a statutory sending was when it ended, or was decided on, kept for the witnesses."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from sqlalchemy import func, literal, select
from sqlalchemy.orm import Session, defer

from service.actions import bells, deliveries, journal, proofs
from service.core import addresses, french
from service.core.proof import sheet
from service.core.proof.content import Proof
from service.core.refusals import NotFound
from service.core.vocabulary import DeliveryState, MailKind
from service.models.campaign import Campaign
from service.models.delivery import Delivery
from service.models.doubt_decision import DoubtDecision
from service.models.proof import CampaignProof


def proof_of(session: Session, campaign: Campaign, *, sealed: bool = False, rank: int | None = None) -> Proof:
    """Give the proof of a sending as it stands, or as it was sealed, the last time or the `rank`-th (the first is 1).

    Refuses one that has not ended, or was not sealed so often.
    """
    found = all_sealed(session, campaign)
    if not sealed:
        return _of_today(session, campaign, [kept.sha256 for kept in found])
    place = 0 if rank is None else len(found) - rank
    if found and not 0 <= place < len(found):
        have = french.count(len(found), "preuve scellée", "preuves scellées")
        raise NotFound(f"Cet envoi a {have} : demandez-en une par son numéro, la première est la n° 1.")
    if not found:
        raise NotFound(
            "Cet envoi n’a pas de preuve scellée : elle ne l’est que pour un message statutaire, à la fin de l’envoi. "
            "Demandez la preuve telle qu’elle est aujourd’hui."
        )
    return sheet.read(found[place].content)


def _of_today(session: Session, campaign: Campaign, seals: list[str]) -> Proof:
    """Put together the proof of today: the last seal to the byte, or what takes its place once something came back."""
    last, before = [*seals, "", ""][:2]
    proof = proofs.compose(session, campaign, replaces=before)
    return proof if not last or sheet.sha256(proof) == last else replace(proof, replaces=last)


def all_sealed(session: Session, campaign: Campaign) -> list[CampaignProof]:
    """List the sealed proofs of a sending, the last first: of each of its ends, and of what was decided on its doubts after it.

    Their files, megabytes, are read when they are asked for: the page of a sending is asked for every two seconds.
    """
    without_files = defer(CampaignProof.content), defer(CampaignProof.pdf)
    return list(session.scalars(CampaignProof.of_campaign(campaign.id).options(*without_files)))


def seal(
    session: Session, campaign_id: int, *, witnesses: Sequence[str], domain: str, secret: bytes, now: datetime
) -> CampaignProof | None:
    """Keep the proof of a statutory sending that has ended, and order its mail to each witness: once an end, and once
    more for all that is decided after it within a few minutes.

    None when there is nothing to seal any more: somebody was faster.
    """
    campaign = session.get_one(Campaign, campaign_id, with_for_update=True)
    if campaign.finished_at is None or campaign_id not in session.scalars(CampaignProof.missing(now)).all():
        return None
    last = session.scalar(CampaignProof.of_campaign(campaign_id).with_only_columns(CampaignProof.sha256).limit(1))
    proof = proofs.compose(session, campaign, replaces=last or "")
    kept = CampaignProof(
        campaign_id=campaign_id,
        finished_at=campaign.finished_at,
        # Whoever decides holds the campaign too: the proof above tells this decision and no later one.
        decision_id=session.scalar(select(DoubtDecision.last(literal(campaign_id)))),
        sha256=sheet.sha256(proof),
        content=sheet.write(proof),
        at=now,
    )
    session.add(kept)
    session.flush()
    to_whom = list(dict.fromkeys(witnesses))
    for address in to_whom:
        ordered = deliveries.order(
            session,
            key=f"proof:{kept.id}:{addresses.fingerprint(address, secret)}",
            kind=MailKind.PROOF,
            address=address,
            fields={"to_name": ""},
            subject="campaign_proof",
            subject_id=kept.id,
            domain=domain,
            secret=secret,
            now=now,
        )
        bells.ring(session, "post", ordered.id)
    journal.note(
        session,
        "campaign.seal",
        now=now,
        subject="campaign",
        subject_id=campaign_id,
        sha256=kept.sha256,
        witnesses=len(to_whom),
    )
    return kept


def witnesses_told(session: Session, kept: CampaignProof) -> int:
    """Count the witnesses whose mail the relay has accepted."""
    query = select(func.count()).where(
        Delivery.kind == MailKind.PROOF, Delivery.subject_id == kept.id, Delivery.state == DeliveryState.ACCEPTED
    )
    return session.scalar(query) or 0
