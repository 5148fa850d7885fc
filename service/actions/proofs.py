"""Proofs of sending: what a campaign was, who agreed to it, and what became of each mail, put together from the rows."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from service.core import explanations
from service.core.conversation import OUT_OF_PLACE
from service.core.proof.content import Agreement, Proof, Row, Totals, line, lines, optional_second, second
from service.core.refusals import Conflict
from service.core.vocabulary import OPEN_STATES, CampaignStatus, DeliveryState, MailClass, MailKind
from service.core.writing.fields import FIELDS
from service.core.writing.mould import Mould
from service.core.writing.places import UNSUBSCRIBE_URL
from service.models.campaign import Approval, Campaign, CampaignMould
from service.models.delivery import Delivery
from service.models.doubt_decision import DoubtDecision
from service.models.journal import JournalEntry
from service.models.staff import Staff

_KINDS = {
    MailKind.COMMUNIQUE: "Communiqué",
    MailKind.RDV_INVITATION: "Invitation au rendez-vous",
    MailKind.AG_CONVOCATION: "Convocation à l’assemblée",
    MailKind.COMPTE_RENDU: "Compte-rendu",
}
_CLASSES = {
    MailClass.NEWSLETTER: "lettre d’information",
    MailClass.COOPERATIVE: "vie de la coopérative",
    MailClass.STATUTORY: "message statutaire",
}
_NOT_SENT_AGAIN = "L’équipe a décidé de ne pas le renvoyer."
_SOMEBODY = "une personne de l’équipe"
_PERSONAL_LINK = "https://pli.invalid/lien-personnel"
_ENDED = (CampaignStatus.SENT, CampaignStatus.STOPPED)


@dataclass(frozen=True, slots=True)
class Decision:
    """Who of the team decided not to send a mail in doubt again, and when."""

    by: str
    at: datetime


def decisions(session: Session, campaign: Campaign, delivery_ids: list[int] | None = None) -> dict[int, Decision]:
    """Tell the last decision on each mail of a campaign, or on each of these, that was left in doubt at some time."""
    told = session.execute(DoubtDecision.told(campaign.id, delivery_ids))
    return {number: Decision(name or _SOMEBODY, at) for number, at, name in told}


def is_ready(campaign: Campaign) -> bool:
    """Whether the sending has ended, so that there is something to prove."""
    return campaign.status in _ENDED and campaign.launched_at is not None and campaign.finished_at is not None


def compose(session: Session, campaign: Campaign, *, replaces: str = "") -> Proof:
    """Put together the proof of a sending as it stands now, in the place of the one whose fingerprint it `replaces`.

    Refuses one that has not ended, or that never began.
    """
    approval, stored = campaign.approval, session.get(CampaignMould, campaign.id)
    _require_ended(campaign)
    if approval is None or stored is None or campaign.launched_at is None or campaign.finished_at is None:
        raise Conflict("Cet envoi a été arrêté avant d’être lancé : rien n’est parti, il n’y a rien à prouver.")
    mould = Mould.from_bytes(stored.content)
    totals, rows = _counted(session, campaign, mould)
    version, by_name = approval.version, {name: f"{{{name}}}" for name in FIELDS}
    text = mould.text({**by_name, UNSUBSCRIBE_URL: _PERSONAL_LINK}).replace(_PERSONAL_LINK, "[lien personnel]")
    return Proof(
        campaign=campaign.id,
        kind=_KINDS.get(campaign.kind, campaign.kind.value),
        mail_class=_CLASSES.get(campaign.mail_class or campaign.home_list.mail_class, ""),
        sender=line(mould.header("From", by_name)),
        subject=line(mould.subject(by_name)),
        text=lines(text).strip("\n"),
        mail_sha256=stored.sha256,
        approved_subject=version.subject,
        approved_preheader=version.preheader,
        approved_body=version.body,
        lists=line(", ".join(target.mailing_list.name for target in campaign.targets)),
        list_slugs=",".join(target.mailing_list.slug for target in campaign.targets),
        author=line(campaign.author.name),
        agreement=_agreement(approval),
        sent_by=_who(session, campaign, "campaign.send"),
        frozen_at=second(campaign.launched_at),
        started_at=optional_second(campaign.started_at),
        finished_at=second(campaign.finished_at),
        is_stopped=campaign.status is CampaignStatus.STOPPED,
        stopped_by=_who(session, campaign, "campaign.stop") if campaign.status is CampaignStatus.STOPPED else "",
        totals=totals,
        rows=rows,
        replaces=replaces,
    )


def _require_ended(campaign: Campaign) -> None:
    if campaign.status not in _ENDED:
        raise Conflict(
            "Cet envoi n’est pas terminé : la preuve s’établit une fois le message envoyé ou l’envoi arrêté. "
            "Attendez la fin de l’envoi, puis recommencez."
        )


def _agreement(approval: Approval) -> Agreement:
    return Agreement(
        by=line(approval.staff.name),
        at=second(approval.at),
        without_review=approval.without_review,
        reason=line(approval.reason),
        content_hash=approval.content_hash,
    )


def _who(session: Session, campaign: Campaign, act: str) -> str:
    """Name who did an act last, from the journal."""
    last = (
        select(JournalEntry)
        .where(JournalEntry.subject == "campaign", JournalEntry.subject_id == campaign.id, JournalEntry.act == act)
        .order_by(JournalEntry.id.desc())
        .limit(1)
    )
    entry = session.scalar(last)
    person = session.get(Staff, entry.staff_id) if entry is not None and entry.staff_id is not None else None
    return line(person.name) if person is not None else _SOMEBODY


def _counted(session: Session, campaign: Campaign, mould: Mould) -> tuple[Totals, tuple[Row, ...]]:
    """Read the rows once, and count them: one query, so that the totals are those of the very rows beside them.

    Refuses while a mail is still at the wire of a sending that was just stopped.
    """
    states: dict[DeliveryState, int] = dict.fromkeys(DeliveryState, 0)
    rows: list[Row] = []
    bounced = complained = 0
    names = sorted(mould.fields)
    decided = decisions(session, campaign)
    for delivery in _read(session, campaign.id):
        states[delivery.state] += 1
        accepted = delivery.state is DeliveryState.ACCEPTED
        bounced += accepted and delivery.bounced_at is not None
        complained += accepted and delivery.complained_at is not None
        rows.append(_row(delivery, names, decided.get(delivery.id)))
    if any(states[state] for state in OPEN_STATES):
        raise Conflict("Un message est encore entre les mains du serveur d’envoi. Recommencez dans quelques minutes.")
    totals = Totals(
        planned=len(rows),
        accepted=states[DeliveryState.ACCEPTED],
        refused=states[DeliveryState.REFUSED],
        in_doubt=states[DeliveryState.IN_DOUBT],
        skipped=states[DeliveryState.SKIPPED],
        bounced=bounced,
        complained=complained,
    )
    return totals, tuple(rows)


def _read(session: Session, campaign_id: int) -> Iterator[Delivery]:
    query = Delivery.of_campaign(campaign_id).execution_options(yield_per=1000)
    with closing(session.scalars(query)) as found:
        yield from found


def _row(delivery: Delivery, names: list[str], decision: Decision | None) -> Row:
    told = delivery.told
    fields = delivery.fields
    # Without a code no server said anything: what we noted of a line that was cut are our words, and theirs no hour.
    is_out_of_place = delivery.reply.startswith(OUT_OF_PLACE)
    words = explanations.verbatim(delivery.reply) if is_out_of_place else delivery.reply
    is_answered = delivery.code is not None or (is_out_of_place and words != "")
    # A row that was put off and then kept back, or left in doubt, has the words of an earlier attempt and this hour of its own.
    is_the_last_word = delivery.state in (DeliveryState.ACCEPTED, DeliveryState.REFUSED) or is_out_of_place
    # A late word may have ended the doubt since, whoever had decided to leave it.
    decided = decision if delivery.is_left_in_doubt else None
    left = f" {_NOT_SENT_AGAIN}" if delivery.is_left_in_doubt else ""
    return Row(
        name=line(fields.get("to_name")),
        structure=line(fields.get("structure")),
        number=line(fields.get("numéro")),
        address=delivery.address,
        # Every row has one from the launch on; of a mail that no server ever saw it would name nothing.
        message_id=delivery.message_id if delivery.handed_at is not None or delivery.doubts else "",
        state=told.state,
        detail=line(told.reason + left),
        tried_at=optional_second(delivery.handed_at),
        code=delivery.code,
        reply=line(words) if is_answered else "",
        settled_at=optional_second(delivery.settled_at) if is_answered and is_the_last_word else None,
        attempts=delivery.attempts,
        bounced_at=optional_second(delivery.bounced_at),
        bounce_code=line(delivery.bounce_code),
        bounce_reason=line(delivery.bounce_reason),
        complained_at=optional_second(delivery.complained_at),
        answered_at=optional_second(delivery.answered_at),
        fields=line(" ; ".join(f"{name} : {fields.get(name, '')}" for name in names)),
        decided_by=line(decided.by) if decided is not None else "",
        decided_at=second(decided.at) if decided is not None else None,
    )
