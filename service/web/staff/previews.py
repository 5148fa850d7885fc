"""What will one person read? The very mail, filled with his own data, in a frame that runs nothing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from flask import Blueprint, request
from sqlalchemy import select
from sqlalchemy.orm import Session

from service.actions import audiences, drafts, lists, sending
from service.actions.audiences import Recipient
from service.actions.office import Sender
from service.core.refusals import Refusal
from service.core.writing import fields, markdown, places, slips
from service.core.writing.mould import Mould
from service.models.campaign import Campaign, CampaignMould, CampaignTarget, CampaignVersion
from service.models.delivery import Delivery
from service.web.http import only_reads, page, session, shows_mail, wiring

pages = Blueprint("previews", __name__)

TEXT = "texte"
# Gmail shows the first 102 kB of a message and hides the rest (screens.md, section 0).
SHOWN = 102


@dataclass(frozen=True, slots=True)
class Typed:
    """What stands in the form of the writing page, saved or not."""

    subject: str
    preheader: str
    body: str
    lists: list[str]
    version: int

    @classmethod
    def from_form(cls) -> Typed:
        """Read the form of this request."""
        form = request.form
        version = form.get("version", "")
        return cls(
            subject=form.get("subject", "").strip(),
            preheader=form.get("preheader", "").strip(),
            body=form.get("body", "").replace("\r\n", "\n"),
            lists=form.getlist("list"),
            version=int(version) if version.isascii() and version.isdigit() and len(version) < 10 else 0,
        )

    @classmethod
    def from_draft(cls, campaign: Campaign) -> Typed:
        """Read what was saved last."""
        version = campaign.version
        slugs = [target.mailing_list.slug for target in campaign.targets]
        return cls(version.subject, version.preheader, version.body, slugs, version.number)

    @property
    def faults(self) -> dict[str, list[str]]:
        """What is wrong with each text, by its name in the form."""
        return {
            "subject": fields.faults(self.subject),
            "preheader": fields.faults(self.preheader),
            "body": slips.of_body(self.body),
        }


@dataclass(frozen=True, slots=True)
class Preview:
    """One mail as one person will read it, with what stands above it in his mail reader."""

    sender: str
    reply_to: str
    reader: str
    subject: str
    html: str
    text: str
    links: int

    @property
    def kilobytes(self) -> int:
        """The weight of the HTML part, in thousands of bytes, rounded up."""
        return -(-len(self.html.encode()) // 1000)


@contextmanager
def reading() -> Iterator[Session]:
    """Read without holding the database's one write lock (SQLite), which a form's transaction takes: rendering takes its time.

    Only before the first write of a request: the transaction that knows who is signed in ends here.
    """
    session().commit()
    with wiring().sessions() as apart:
        apart.connection(execution_options={"read_only": True})
        yield apart


@pages.get("/messages/<int:campaign_id>/apercu")
@shows_mail
def show(campaign_id: int) -> str:
    """Show the message as it is saved, or as it was sent."""
    campaign = drafts.get(session(), campaign_id)
    reader = chosen_reader(session(), request.args)
    return _shown(see(session(), campaign, reader), request.args.get("vue", ""), [])


@pages.post("/messages/<int:campaign_id>/apercu")
@only_reads
@shows_mail
def show_typed(campaign_id: int) -> str:
    """Show the message as it is typed; nothing is kept."""
    typed, campaign = Typed.from_form(), drafts.get(session(), campaign_id)
    try:
        preview = see(session(), as_typed(session(), campaign, typed), chosen_reader(session(), request.form))
    except Refusal as refusal:
        return page("staff/campaigns/preview.html", preview=None, view="", faults=[refusal.sentence], shown=SHOWN)
    faults = [fault for some in typed.faults.values() for fault in some]
    return _shown(preview, request.form.get("vue", ""), faults)


def see(reading_session: Session, campaign: Campaign, reader: Recipient | None) -> Preview:
    """Give the mail that this person gets, or one whose fields show their names when nobody is chosen."""
    office = wiring().office
    stream = sending.stream_of(office, campaign)
    mould = _sent_mould(reading_session, campaign) or sending.render(
        office, campaign.version, campaign.home_list, campaign
    )
    values = _values(reading_session, campaign, reader)
    return Preview(
        sender=_readable(stream.sender),
        reply_to=stream.returns.reply_to,
        reader=f"{reader.name} <{reader.address}>" if reader else "",
        subject=mould.subject(values),
        html=mould.html(values),
        text=mould.text(values),
        links=len(list(markdown.addresses(markdown.read(campaign.version.body)))),
    )


def as_typed(reading_session: Session, campaign: Campaign, typed: Typed) -> Campaign:
    """Give a campaign that is in no database, with what was typed. Refuses what could not be saved, in the same words."""
    drafts.require_lengths(typed.subject, typed.preheader, typed.body)
    if not typed.lists:
        raise Refusal("Choisissez au moins une liste de destinataires.", field="list")
    chosen = [lists.find(reading_session, slug) for slug in dict.fromkeys(typed.lists)]
    made = Campaign(id=campaign.id, kind=campaign.kind)
    made.targets = [
        CampaignTarget(list_id=one.id, mailing_list=one, position=position) for position, one in enumerate(chosen)
    ]
    made.versions = [
        CampaignVersion(number=typed.version, subject=typed.subject, preheader=typed.preheader, body=typed.body)
    ]
    return made


def chosen_reader(reading_session: Session, asked: dict[str, str]) -> Recipient | None:
    """Give the person whose data fills the preview."""
    number = asked.get("pour", "")
    if not (number.isascii() and number.isdigit() and len(number) < 18):
        return None
    return audiences.one(reading_session, int(number))


def _shown(preview: Preview, view: str, faults: list[str]) -> str:
    return page("staff/campaigns/preview.html", preview=preview, view=view, faults=faults, shown=SHOWN)


def _sent_mould(reading_session: Session, campaign: Campaign) -> Mould | None:
    if campaign.launched_at is None:
        return None
    stored = reading_session.get(CampaignMould, campaign.id)
    return Mould.from_bytes(stored.content) if stored else None


def _values(reading_session: Session, campaign: Campaign, reader: Recipient | None) -> dict[str, str]:
    if reader is None:
        return {name: f"{{{name}}}" for name in fields.FIELDS}
    sent = (
        reading_session.scalar(
            select(Delivery.fields).where(Delivery.campaign_id == campaign.id, Delivery.contact_id == reader.contact_id)
        )
        if campaign.launched_at is not None
        else None
    )
    # The personal link is a key: a preview shows where it stands, not what it opens.
    link = f"{wiring().office.house.public_url}/d/..."
    return {**(sent or reader.fields), places.UNSUBSCRIBE_URL: link}


def _readable(sender: Sender) -> str:
    return f"{sender.name} <{sender.address}>" if sender.name else sender.address
