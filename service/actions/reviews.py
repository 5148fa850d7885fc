"""Reviews: ask for a second reader, and write to everybody who may be it, with the link to what is to be read (S11)."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.orm import Session

from service.actions import bells, deliveries, drafts
from service.actions import staff as team
from service.actions.office import Office
from service.core.vocabulary import MailClass, MailKind
from service.core.writing import markdown, rendering
from service.core.writing.letter import Letter
from service.core.writing.mould import Mould
from service.models.campaign import Campaign, CampaignVersion
from service.models.staff import Staff


def ask(session: Session, office: Office, campaign: Campaign, *, by: Staff, now: datetime) -> list[Staff]:
    """Ask for a second reader, by mail to all who may agree and who did not ask; return them.

    Refuses what `drafts.submit` refuses. The same version is told once to each.
    """
    drafts.submit(session, campaign, by=by, secret=office.secret, now=now)
    asked = [one for one in readers(session, campaign) if one.id != by.id]
    for one in asked:
        delivery = deliveries.order(
            session,
            key=f"review:{campaign.version.id}:{one.id}",
            kind=MailKind.REVIEW_ASKED,
            address=one.email,
            fields={"to_name": one.name, "asked_by": by.name},
            subject="campaign_version",
            subject_id=campaign.version.id,
            domain=office.transactional.sender.domain,
            secret=office.secret,
            now=now,
            staff_id=one.id,
        )
        bells.ring(session, "post", delivery.id)
    return asked


def readers(session: Session, campaign: Campaign) -> list[Staff]:
    """List who may agree to a message: who may send, and did not write it."""
    return [
        one
        for one in team.everyone(session)
        if one.role.may_send and one.disabled_at is None and not drafts.wrote(campaign, one)
    ]


def mould_of(version: CampaignVersion, asked_by: str, office: Office) -> Mould:
    """Render the mail to a second reader: who asks, for which message, and the link; none of its text."""
    title = version.subject.replace("{", "{{").replace("}", "}}")
    body = (
        f"Bonjour,\n\n{markdown.as_typed(asked_by)} vous demande de relire « {markdown.as_typed(version.subject)} ».\n\n"
        f"[bouton: Relire le message]({office.house.public_url}/messages/{version.campaign_id}/relecture)\n\n"
        "Votre accord porte sur le texte exact que vous lirez : toute modification l’annule. Vous pouvez aussi demander une "
        "correction. Une seule personne suffit : si quelqu’un a déjà répondu, la page vous le dira.\n"
    )
    letter = Letter(MailKind.REVIEW_ASKED, MailClass.TRANSACTIONAL, f"À relire : « {title} »", "", body)
    sender = str(office.transactional.sender)
    return rendering.compose(letter, office.house, None, templates=office.templates, sender=sender)
