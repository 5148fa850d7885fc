"""The morning mail: at 8 h on working days, what waits for each of the team, where something does; no word of a member in it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from service.actions import bells, deliveries, doubts, drafts, members, pulse, questions
from service.actions import staff as team
from service.actions.office import Office
from service.core import french
from service.core.vocabulary import CampaignStatus, MailClass, MailKind, QuestionStatus
from service.core.workdays import is_working_day
from service.core.writing import markdown, rendering
from service.core.writing.letter import House, Letter
from service.core.writing.mould import Mould
from service.models.campaign import Campaign
from service.models.delivery import Delivery
from service.models.question import Question
from service.models.staff import Staff

AT = time(8)
# Of a machine that was off at 8 h nobody wants the morning in the evening.
_UNTIL = time(12)
# Names the morning that was looked at last.
_LOOKED_AT = "morning"
_MANY = 500
# Days after which addresses in error are told again by themselves.
_RECALLED = 31
# The month that the law gives is nearly over (RGPD, article 12.3).
_SOON = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class _Line:
    """What may wait: how it is counted in words, and where it is dealt with."""

    singular: str
    plural: str
    page: str


_LINES = {
    "to_sort": _Line("message à trier", "messages à trier", "/reponses"),
    "data_requests": _Line(
        "demande RGPD à traiter sous huit jours",
        "demandes RGPD à traiter sous huit jours",
        "/reponses?bac=a-repondre",
    ),
    "to_reread": _Line("message à relire", "messages à relire", "/"),
    "to_correct": _Line("message à corriger", "messages à corriger", "/"),
    "in_doubt": _Line("envoi en doute, à décider", "envois en doute, à décider", "/"),
    "unreachable": _Line("adresse en erreur", "adresses en erreur", "/societaires?adresses=en-erreur"),
}


def is_due(session: Session, zone: ZoneInfo, *, now: datetime) -> bool:
    """Whether this is the morning of a working day, from 8 h to noon, that nobody has looked at."""
    local = now.astimezone(zone)
    if not AT <= local.time() < _UNTIL or not is_working_day(local.date()):
        return False
    last = pulse.last(session, _LOOKED_AT)
    return last is None or last.astimezone(zone).date() != local.date()


def order(session: Session, office: Office, zone: ZoneInfo, *, now: datetime) -> int:
    """Order the morning mail of whom of the team something waits for; return how many. Once a day, whatever comes after 8 h."""
    if not is_due(session, zone, now=now):
        return 0
    pulse.beat(session, _LOOKED_AT, now=now)
    today, written = now.astimezone(zone).date(), 0
    for_all = _waiting_for_all(session, today)
    for person in team.everyone(session):
        if person.disabled_at is not None or not person.wants_mornings:
            continue
        waiting = {**for_all, **_waiting_for(session, person, now=now)}
        if not _is_news(session, person, waiting, today):
            continue
        _order(session, office, person, waiting, today, now=now)
        written += 1
    return written


def mould_of(fields: Mapping[str, str], office: Office) -> Mould:
    """Render the morning mail of one of the team, as it was at 8 h."""
    told = [
        (french.count(int(fields[name]), line.singular, line.plural), line.page)
        for name, line in _LINES.items()
        if fields.get(name, "0") != "0"
    ]
    subject = f"Ce matin : {', '.join(words for words, _ in told[:2])}"
    letter = Letter(MailKind.MORNING, MailClass.TRANSACTIONAL, subject, "", _body(fields, told, office.house))
    sender = str(office.transactional.sender)
    return rendering.compose(letter, office.house, None, templates=office.templates, sender=sender)


def _waiting_for_all(session: Session, today: date) -> dict[str, int]:
    """Count, once, what waits for whoever of the team takes it."""
    return {
        "to_sort": questions.waiting(session)[0],
        "data_requests": _data_requests(session, today),
        "unreachable": members.unreachable_count(session, at_most=_MANY),
    }


def _waiting_for(session: Session, person: Staff, *, now: datetime) -> dict[str, int]:
    """Count what waits for one of the team by what he wrote and may do."""
    submitted = session.scalars(Campaign.standing(CampaignStatus.SUBMITTED)).all()
    returned = session.scalars(Campaign.standing(CampaignStatus.DRAFT).where(Campaign.submitted_at.is_not(None))).all()
    mine = [one for one in returned if drafts.wrote(one, person)]
    may_send = person.role.may_send
    return {
        "to_reread": sum(may_send and not drafts.wrote(one, person) for one in submitted),
        "to_correct": sum(drafts.correction_asked(session, one) is not None for one in mine),
        "in_doubt": len(doubts.duties(session, now=now)) if may_send else 0,
    }


def _data_requests(session: Session, today: date) -> int:
    due = Question.stands(), Question.status == QuestionStatus.TO_ANSWER, Question.due_on <= today + _SOON
    return session.scalar(select(func.count(Question.id)).where(*due)) or 0


def _is_news(session: Session, person: Staff, waiting: Mapping[str, int], today: date) -> bool:
    """Whether something is to be done; addresses in error alone are told again when there are more, or after a month."""
    if any(count for name, count in waiting.items() if name != "unreachable"):
        return True
    # By whole keys, which have an index: of a beginning PostgreSQL would look through all mail.
    lately = [_key(person, (today - timedelta(days=days)).isoformat()) for days in range(1, _RECALLED + 1)]
    mine = select(Delivery.fields).where(Delivery.key.in_(lately))
    last = session.scalar(mine.order_by(Delivery.id.desc()).limit(1)) or {}
    return waiting["unreachable"] > int(last.get("unreachable", "0"))


def _order(
    session: Session, office: Office, person: Staff, waiting: Mapping[str, int], today: date, *, now: datetime
) -> None:
    delivery = deliveries.order(
        session,
        key=_key(person, today.isoformat()),
        kind=MailKind.MORNING,
        address=person.email,
        fields={"to_name": person.name, **{name: str(count) for name, count in waiting.items()}},
        subject="staff",
        subject_id=person.id,
        domain=office.transactional.sender.domain,
        secret=office.secret,
        now=now,
        staff_id=person.id,
    )
    bells.ring(session, "post", delivery.id)


def _key(person: Staff, day: str) -> str:
    return f"morning:{person.id}:{day}"


def _body(fields: Mapping[str, str], told: list[tuple[str, str]], house: House) -> str:
    url = house.public_url
    return "\n\n".join(
        [
            f"Bonjour {markdown.as_typed(fields.get('to_name', ''))},",
            "Voici ce qui attend ce matin :",
            "\n".join(f"- [{words}]({url}{page})" for words, page in told),
            f"Vous ne voulez plus de ce message ? Décochez la case sur [la page de l’équipe]({url}/equipe).",
        ]
    )
