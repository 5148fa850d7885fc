"""Drafts: write a campaign, correct it, ask for a second reader, approve it. Any edit voids the approval (S11)."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from service.actions import audiences, deliveries, journal, lists, readiness
from service.actions import staff as team
from service.core.refusals import Conflict, Forbidden, NotFound, Refusal
from service.core.vocabulary import CAMPAIGN_KINDS, CampaignStatus, MailClass, MailKind
from service.models.campaign import Approval, Campaign, CampaignTarget, CampaignVersion
from service.models.event import Event
from service.models.journal import JournalEntry
from service.models.staff import Staff

SUBJECT_LENGTH = 200
BODY_LENGTH = 200_000
REASON_LENGTH = 1000
_EDITABLE = (CampaignStatus.DRAFT, CampaignStatus.SUBMITTED, CampaignStatus.APPROVED)


@dataclass(frozen=True, slots=True)
class Correction:
    """Who asked for a correction, in which words, when."""

    by: str
    reason: str
    at: datetime


def get(session: Session, campaign_id: int) -> Campaign:
    """Return the campaign of this number. Refuses an unknown one."""
    campaign = session.get(Campaign, campaign_id)
    if campaign is None:
        raise NotFound(f"Il n’y a pas de message numéro {campaign_id}.")
    return campaign


def hold(session: Session, campaign: Campaign) -> None:
    """Take a campaign for oneself until the commit, and look at it anew: somebody may have acted meanwhile."""
    fresh = ["status", "mail_class", "due_at", "launched_at", "started_at", "versions", "approvals"]
    session.refresh(campaign, attribute_names=fresh, with_for_update=True)


def create(
    session: Session,
    *,
    kind: MailKind,
    subject: str,
    preheader: str,
    body: str,
    list_slugs: list[str],
    author: Staff,
    now: datetime,
    event_id: int | None = None,
) -> Campaign:
    """Write a new campaign. Refuses a kind that is none, an unknown list or event, and a text that cannot be sent."""
    if kind not in CAMPAIGN_KINDS:
        raise Refusal("Choisissez un communiqué, une invitation, une convocation ou un compte-rendu.", field="kind")
    if event_id is not None and session.get(Event, event_id) is None:
        raise NotFound(f"Il n’y a pas d’événement numéro {event_id}.")
    campaign = Campaign(kind=kind, status=CampaignStatus.DRAFT, author=author, event_id=event_id, created_at=now)
    _target(session, campaign, list_slugs)
    _write(campaign, subject, preheader, body, by=author, now=now)
    session.add(campaign)
    session.flush()
    journal.note(session, "campaign.create", now=now, by=author.id, subject="campaign", subject_id=campaign.id)
    return campaign


def edit(
    session: Session,
    campaign: Campaign,
    *,
    subject: str,
    preheader: str,
    body: str,
    list_slugs: list[str],
    by: Staff,
    seen_version: int,
    now: datetime,
) -> None:
    """Change the text or the lists. Refuses after the sending began, and when somebody else wrote in the meantime."""
    hold(session, campaign)
    if not is_editable(campaign):
        raise Conflict(
            "Ce message est déjà parti ou programmé : il ne peut plus changer. Vous pouvez en écrire un nouveau."
        )
    if campaign.version.number != seen_version:
        raise Conflict(
            "Ce brouillon a été modifié entre-temps. Votre texte est gardé ci-dessous : comparez, puis enregistrez."
        )
    same_lists = [target.mailing_list.slug for target in campaign.targets] == list_slugs
    before = campaign.version.content_hash
    if not same_lists:
        campaign.targets.clear()
        session.flush()
        _target(session, campaign, list_slugs)
    _write(campaign, subject, preheader, body, by=by, now=now)
    if campaign.version.content_hash == before:
        return
    void_approval(session, campaign, now=now)
    campaign.status = CampaignStatus.DRAFT


def submit(session: Session, campaign: Campaign, *, by: Staff, secret: bytes, now: datetime) -> None:
    """Ask for a second reader. Refuses what must not be sent: an empty audience, a field that is empty for somebody."""
    hold(session, campaign)
    if campaign.status is not CampaignStatus.DRAFT:
        raise Conflict("La relecture de ce message est déjà demandée.")
    readiness.require(session, campaign, secret=secret)
    campaign.status, campaign.submitted_at = CampaignStatus.SUBMITTED, now
    journal.note(session, "campaign.submit", now=now, by=by.id, subject="campaign", subject_id=campaign.id)


def may_discard(campaign: Campaign) -> bool:
    """Whether a draft may be deleted: nobody was asked to read it, so that nothing of it is a proof."""
    return campaign.status is CampaignStatus.DRAFT and campaign.submitted_at is None and not campaign.approvals


def discard(session: Session, campaign: Campaign, *, by: Staff, now: datetime) -> None:
    """Delete a draft with all its versions. Refuses one that somebody was asked to read."""
    hold(session, campaign)
    if not may_discard(campaign):
        raise Conflict("Ce message a déjà été relu ou envoyé : il ne se supprime plus.")
    number, versions = campaign.id, [version.id for version in campaign.versions]
    deliveries.let_go(session, "campaign_version", versions, now=now)
    session.execute(delete(CampaignVersion).where(CampaignVersion.campaign_id == number))
    session.execute(delete(CampaignTarget).where(CampaignTarget.campaign_id == number))
    session.execute(delete(Campaign).where(Campaign.id == number))
    session.expunge(campaign)
    journal.note(session, "campaign.discard", now=now, by=by.id, subject="campaign", subject_id=number)


def wrote(campaign: Campaign, person: Staff) -> bool:
    """Whether this person wrote the message as it stands: somebody else must read it (S11)."""
    return person.id in (campaign.author_id, campaign.version.staff_id)


def is_editable(campaign: Campaign) -> bool:
    """Whether the text may still change: not once it is scheduled or sent."""
    return campaign.status in _EDITABLE


def approve(
    session: Session, campaign: Campaign, *, by: Staff, secret: bytes, now: datetime, seen_version: int | None = None
) -> Approval:
    """Agree to the exact text and audience. Refuses the author, who may not send, and a text that changed since it was shown (S11)."""
    hold(session, campaign)
    team.require_sender(by)
    if campaign.status is not CampaignStatus.SUBMITTED:
        raise Conflict(
            "Ce message n’attend pas de relecture : elle n’a pas été demandée, ou le texte a changé depuis. Redemandez-la."
        )
    if wrote(campaign, by):
        raise Forbidden("Vous avez écrit ce message : une autre personne doit le relire.")
    if seen_version not in (None, campaign.version.number):
        raise Conflict("Le texte a changé pendant votre relecture : relisez-le, puis donnez votre accord.")
    return agree(session, campaign, by=by, secret=secret, now=now)


def send_back(session: Session, campaign: Campaign, *, by: Staff, reason: str, now: datetime) -> None:
    """Ask the author for a correction: the message is a draft again, and the reason is kept in the journal."""
    hold(session, campaign)
    team.require_sender(by)
    if campaign.status is not CampaignStatus.SUBMITTED:
        raise Conflict("Ce message n’attend pas de relecture : il n’y a rien à renvoyer à son auteur.")
    if len(reason) > REASON_LENGTH:
        raise Refusal(f"Gardez {REASON_LENGTH} caractères au plus pour dire ce qui est à corriger.", field="reason")
    campaign.status = CampaignStatus.DRAFT
    journal.note(
        session,
        "campaign.send_back",
        now=now,
        by=by.id,
        subject="campaign",
        subject_id=campaign.id,
        reason=reason.strip(),
    )


def correction_asked(session: Session, campaign: Campaign) -> Correction | None:
    """Return the correction that a reader asked for, as long as nobody has asked for a reading again."""
    last = session.scalar(
        select(JournalEntry)
        .where(
            JournalEntry.subject == "campaign",
            JournalEntry.subject_id == campaign.id,
            JournalEntry.act.in_(("campaign.send_back", "campaign.submit")),
        )
        .order_by(JournalEntry.id.desc())
        .limit(1)
    )
    if last is None or last.act != "campaign.send_back":
        return None
    reader = session.get(Staff, last.staff_id) if last.staff_id is not None else None
    return Correction(
        reader.name if reader else "Une personne de l’équipe", str(last.detail.get("reason", "")), last.at
    )


def agree(
    session: Session, campaign: Campaign, *, by: Staff, secret: bytes, now: datetime, reason: str = ""
) -> Approval:
    """Record the agreement, freeze the legal class, and bind both to the version as it stands."""
    readiness.require(session, campaign, secret=secret)
    approval = Approval(
        version=campaign.version,
        content_hash=campaign.version.content_hash,
        audience_size=audiences.count(session, campaign, secret=secret).receiving,
        staff=by,
        without_review=bool(reason),
        reason=reason,
        at=now,
    )
    campaign.approvals.append(approval)
    campaign.mail_class = campaign.home_list.mail_class
    campaign.status = CampaignStatus.APPROVED
    session.flush()
    act = "campaign.approve_alone" if reason else "campaign.approve"
    journal.note(
        session,
        act,
        now=now,
        by=by.id,
        subject="campaign",
        subject_id=campaign.id,
        version=campaign.version.number,
        reason=reason,
    )
    return approval


def void_approval(session: Session, campaign: Campaign, *, now: datetime) -> None:
    """Take back an approval whose text is no longer the one that was read."""
    approval = campaign.approval
    if approval is not None:
        approval.voided_at = now
        journal.note(session, "campaign.approval_void", now=now, subject="campaign", subject_id=campaign.id)


def require_lengths(subject: str, preheader: str, body: str) -> None:
    """Refuse a text that is longer than a mail should be, and a subject of more than one line."""
    if len(subject) > SUBJECT_LENGTH:
        raise Refusal(f"L’objet fait {len(subject)} caractères : gardez-en {SUBJECT_LENGTH} au plus.", field="subject")
    if len(preheader) > SUBJECT_LENGTH:
        raise Refusal(
            f"La première ligne fait {len(preheader)} caractères : gardez-en {SUBJECT_LENGTH} au plus.",
            field="preheader",
        )
    if len(body) > BODY_LENGTH:
        raise Refusal(
            f"Le message fait {len(body)} caractères : gardez-en {BODY_LENGTH} au plus, et joignez le reste en document.",
            field="body",
        )
    if any(ord(character) < 32 for character in subject + preheader):
        raise Refusal("L’objet et la première ligne tiennent chacun sur une seule ligne.", field="subject")


def content_hash(campaign: Campaign, subject: str, preheader: str, body: str) -> str:
    """Give the fingerprint of what a reader agrees to: this text, and to whom it goes; other lists are another version."""
    slugs = [target.mailing_list.slug for target in campaign.targets]
    return hashlib.sha256(json.dumps([subject, preheader, body, slugs], ensure_ascii=False).encode()).hexdigest()


def _target(session: Session, campaign: Campaign, list_slugs: list[str]) -> None:
    if not list_slugs:
        raise Refusal("Choisissez au moins une liste de destinataires.", field="list")
    chosen = [lists.find(session, slug) for slug in dict.fromkeys(list_slugs)]
    home = chosen[0]
    if campaign.kind is MailKind.AG_CONVOCATION and home.mail_class is not MailClass.STATUTORY:
        raise Refusal("Une convocation part à une liste statutaire, pour que personne ne l’ait quittée.", field="list")
    if any((one.mail_class is MailClass.STATUTORY) != (home.mail_class is MailClass.STATUTORY) for one in chosen):
        raise Refusal(
            "Un message statutaire ne part pas avec un autre : choisissez soit la liste des convocations, soit les autres.",
            field="list",
        )
    campaign.targets.extend(CampaignTarget(mailing_list=one, position=position) for position, one in enumerate(chosen))


def _write(campaign: Campaign, subject: str, preheader: str, body: str, *, by: Staff, now: datetime) -> None:
    require_lengths(subject, preheader, body)
    # NUL comes from a file alone, and PostgreSQL keeps none.
    body = body.replace("\r\n", "\n").replace("\r", "\n").replace("\0", "")
    hashed = content_hash(campaign, subject, preheader, body)
    if campaign.versions and campaign.version.content_hash == hashed:
        return
    number = campaign.version.number + 1 if campaign.versions else 1
    campaign.versions.append(
        CampaignVersion(
            number=number, subject=subject, preheader=preheader, body=body, content_hash=hashed, staff_id=by.id, at=now
        )
    )
