"""The writing page: text, lists, and beside them who receives it and what he will read."""

from __future__ import annotations

from dataclasses import dataclass

from flask import Blueprint, flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import select
from sqlalchemy.orm import Session

from service.actions import audiences, drafts
from service.core import explanations
from service.core.refusals import Conflict, Refusal
from service.core.vocabulary import CampaignStatus, SkipReason
from service.core.writing import fields
from service.models.campaign import Campaign, CampaignVersion
from service.models.mailing_list import MailingList, Subscription
from service.models.staff import Staff
from service.web.http import me, only_reads, page, session, wiring
from service.web.staff import previews
from service.web.staff.previews import Typed

pages = Blueprint("drafting", __name__)

# Beyond, a telephone cuts the subject (screens.md, S3).
SUBJECT_SHOWN = 60
_READERS = 20


@dataclass(frozen=True, slots=True)
class Audience:
    """Who receives a message, exactly, and how many do not, by reason."""

    receiving: int
    # Fewer than the contacts where a member has several.
    members: int
    left_out: tuple[tuple[str, int], ...]

    @property
    def not_receiving(self) -> int:
        """How many are on the lists and receive nothing."""
        return sum(count for _, count in self.left_out)


@dataclass(frozen=True, slots=True)
class Readers:
    """Who may fill the preview: those found, or everybody when a search finds nobody."""

    people: list[audiences.Recipient]
    words: str
    nobody: bool


@dataclass(frozen=True, slots=True)
class Choice:
    """One list that may be chosen, and how many contacts read it."""

    mailing_list: MailingList
    readers: int


@pages.get("/messages/<int:campaign_id>/ecrire")
def write(campaign_id: int) -> ResponseReturnValue:
    """Show the draft to go on writing it; a message that may not change any more says so, and how to go on."""
    campaign = drafts.get(session(), campaign_id)
    if not drafts.is_editable(campaign):
        return closed(campaign)
    return _page(campaign, Typed.from_draft(campaign))


@pages.post("/messages/<int:campaign_id>/ecrire")
def save(campaign_id: int) -> ResponseReturnValue:
    """Save what was typed, in its place or in a new draft, or look for a reader of the preview without saving."""
    campaign, typed, act = drafts.get(session(), campaign_id), Typed.from_form(), request.form.get("act", "")
    if act == "chercher":
        return _page(campaign, typed)
    had_approval = campaign.approval is not None
    try:
        if act == "nouveau":
            return _go_on(anew(campaign, typed), act)
        drafts.edit(
            session(),
            campaign,
            subject=typed.subject,
            preheader=typed.preheader,
            body=typed.body,
            list_slugs=typed.lists,
            by=me(),
            seen_version=typed.version,
            now=wiring().now(),
        )
    except Refusal as refusal:
        session().rollback()
        return _not_saved(drafts.get(session(), campaign_id), typed, refusal)
    flash(_saved(had_approval and campaign.approval is None))
    return _go_on(campaign, act)


@pages.post("/messages/<int:campaign_id>/supprimer")
def discard(campaign_id: int) -> ResponseReturnValue:
    """Delete a draft that nobody was asked to read."""
    drafts.discard(session(), drafts.get(session(), campaign_id), by=me(), now=wiring().now())
    flash("Le brouillon est supprimé.")
    return redirect(url_for("campaigns.show_all"), 303)


@pages.post("/messages/<int:campaign_id>/remarques")
@only_reads
def remark(campaign_id: int) -> str:
    """Say, while it is typed, what is wrong with the texts; nothing is kept."""
    drafts.get(session(), campaign_id)
    return page("staff/campaigns/_remarks.html", typed=Typed.from_form(), subject_shown=SUBJECT_SHOWN)


@pages.post("/messages/<int:campaign_id>/destinataires")
@only_reads
def count(campaign_id: int) -> str:
    """Say who would receive it as soon as a list is chosen; nothing is kept."""
    audience = _audience_typed(session(), drafts.get(session(), campaign_id), Typed.from_form())
    return page("staff/campaigns/_audience.html", audience=audience)


@pages.post("/messages/<int:campaign_id>/lecteurs")
@only_reads
def find_readers(campaign_id: int) -> str:
    """List the people of the audience whose name was typed, for the preview."""
    found = _readers(session(), drafts.get(session(), campaign_id), Typed.from_form())
    return page("staff/campaigns/_readers.html", found=found, reader=_reader_number())


def closed(campaign: Campaign) -> ResponseReturnValue:
    """Say why a message may not change any more, and offer its text for a new draft."""
    return page("staff/campaigns/closed.html", campaign=campaign), Conflict.status


def anew(old: Campaign, typed: Typed) -> Campaign:
    """Begin a draft with a text, of the kind and event of another message."""
    made = drafts.create(
        session(),
        kind=old.kind,
        subject=typed.subject,
        preheader=typed.preheader,
        body=typed.body,
        list_slugs=typed.lists,
        author=me(),
        event_id=old.event_id,
        now=wiring().now(),
    )
    flash("Un nouveau brouillon garde ce texte. L’ancien message ne change pas.")
    return made


def audience_of(reading_session: Session, campaign: Campaign) -> Audience:
    """Count who receives a campaign as it stands, and why others do not."""
    census = audiences.count(reading_session, campaign, secret=wiring().office.secret)
    reasons = census.left_out
    return Audience(
        receiving=census.receiving,
        members=census.members,
        left_out=tuple((explanations.of_skip(reason), reasons[reason]) for reason in SkipReason if reason in reasons),
    )


def list_choices(reading_session: Session, first: list[str]) -> list[Choice]:
    """List what may be chosen: the chosen ones first, in their order, since the first of them is the home list."""
    everything = reading_session.scalars(select(MailingList).order_by(MailingList.id)).all()
    rank = {slug: place for place, slug in enumerate(first)}
    return [
        Choice(one, reading_session.scalar(Subscription.count_of(one.id)) or 0)
        for one in sorted(everything, key=lambda one: rank.get(one.slug, len(rank)))
    ]


def _page(
    campaign: Campaign, typed: Typed, refusal: Refusal | None = None, theirs: CampaignVersion | None = None
) -> str:
    version = campaign.version
    return page(
        "staff/campaigns/write.html",
        campaign=campaign,
        typed=typed,
        choices=list_choices(session(), typed.lists),
        audience=_audience_typed(session(), campaign, typed),
        found=_readers(session(), campaign, typed),
        reader=_reader_number(),
        view=request.values.get("vue", ""),
        saved_by=session().get(Staff, version.staff_id),
        correction=drafts.correction_asked(session(), campaign) if campaign.status is CampaignStatus.DRAFT else None,
        may_change=drafts.is_editable(campaign),
        may_discard=drafts.may_discard(campaign),
        known_fields=fields.FIELDS,
        subject_shown=SUBJECT_SHOWN,
        refusal=refusal,
        theirs=theirs,
        theirs_by=session().get(Staff, theirs.staff_id) if theirs else None,
    )


def _go_on(campaign: Campaign, act: str) -> ResponseReturnValue:
    """Lead where the button says; a script that saves before it leaves only wants to know that it may."""
    match act:
        case "quitter":
            return "", 204
        case "messages":
            return redirect(url_for("campaigns.show_all"), 303)
        case "continuer":
            step = "approvals.show"
        case _:
            step = "drafting.write"
    return redirect(url_for(f"campaigns.{step}", campaign_id=campaign.id, pour=request.form.get("pour") or None), 303)


def _not_saved(campaign: Campaign, typed: Typed, refusal: Refusal) -> ResponseReturnValue:
    """Give back everything that was typed; when somebody else saved meanwhile, both texts."""
    version = campaign.version
    if typed.version == version.number or not drafts.is_editable(campaign):
        return _page(campaign, typed, refusal), refusal.status
    mine = Typed(typed.subject, typed.preheader, typed.body, typed.lists, version.number)
    return _page(campaign, mine, refusal, theirs=version), refusal.status


def _saved(approval_void: bool) -> str:
    return "Enregistré. L’accord est annulé : demandez de nouveau la relecture." if approval_void else "Enregistré."


def _audience_typed(reading_session: Session, campaign: Campaign, typed: Typed) -> Audience | None:
    try:
        return audience_of(reading_session, previews.as_typed(reading_session, campaign, typed))
    except Refusal:
        return None


def _readers(reading_session: Session, campaign: Campaign, typed: Typed) -> Readers:
    """List the first of the audience who match the search; without a search, whoever is chosen already stays on the list."""
    words = request.form.get("cherche", "").strip()
    try:
        asked = previews.as_typed(reading_session, campaign, typed)
    except Refusal:
        return Readers([], words, nobody=False)
    found = audiences.some(reading_session, asked, words=words, limit=_READERS)
    nobody = bool(words) and not found
    if nobody:
        found = audiences.some(reading_session, asked, limit=_READERS)
    chosen = previews.chosen_reader(reading_session, request.values)
    if chosen is not None and not (words and not nobody) and all(one.contact_id != chosen.contact_id for one in found):
        found.insert(0, chosen)
    return Readers(found, words, nobody)


def _reader_number() -> str:
    return request.values.get("pour", "")
