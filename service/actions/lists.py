"""Mailing lists: make one, subscribe, leave, come back; each change is recorded with its channel and wording (P9)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime
from typing import Any, cast

from sqlalchemy import CursorResult, Select, insert, literal, select
from sqlalchemy.orm import Session

from service.actions import journal
from service.actions.lengths import require_fits
from service.core.refusals import Conflict, NotFound, Refusal
from service.core.vocabulary import Channel, MailClass
from service.models.mailing_list import MailingList, Subscription, SubscriptionChange
from service.models.member import Contact

STATUTORY = "convocations"
# What a new installation has: a list is what one can leave, so there is one for each kind of message (contract).
DEFAULTS = (
    ("communiques", "Communiqués", MailClass.COOPERATIVE),
    ("rdv", "Rendez-vous du vendredi", MailClass.COOPERATIVE),
    ("comptes-rendus", "Comptes-rendus", MailClass.COOPERATIVE),
    (STATUTORY, "Convocations aux assemblées", MailClass.STATUTORY),
)
_SLUG = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*\Z")


def ensure_defaults(session: Session, *, now: datetime) -> None:
    """Make the lists that a new installation has; a later start changes nothing."""
    if session.scalar(select(MailingList.id).limit(1)) is None:
        session.add_all(
            MailingList(slug=slug, name=name, mail_class=mail_class, created_at=now)
            for slug, name, mail_class in DEFAULTS
        )


# The page /listes/nouvelle is the form that makes a list.
_ADDRESS_OF_A_NEW_ONE = "nouvelle"


def create(
    session: Session, slug: str, *, name: str, mail_class: MailClass, now: datetime, by: int | None = None
) -> MailingList:
    """Make a list. Refuses a slug that is taken or holds anything but lower-case letters, digits and single hyphens."""
    if not _SLUG.match(slug) or len(slug) > 64:
        raise Refusal(
            "L’identifiant d’une liste s’écrit en minuscules sans accent, chiffres et tirets : « vie-cooperative ».",
            field="slug",
        )
    if slug == _ADDRESS_OF_A_NEW_ONE or session.scalar(MailingList.named(slug)):
        raise Conflict(f"La liste « {slug} » existe déjà. Choisissez un autre identifiant.", field="slug")
    if not name.strip():
        raise Refusal("Donnez un nom à la liste : les sociétaires le lisent au pied de chaque message.", field="name")
    require_fits(name.strip(), MailingList.name, called="Le nom de la liste", field="name")
    made = MailingList(slug=slug, name=name.strip(), mail_class=mail_class, created_at=now)
    session.add(made)
    session.flush()
    journal.note(session, "list.create", now=now, by=by, subject="list", subject_id=made.id)
    return made


def find(session: Session, slug: str) -> MailingList:
    """Return the list of this slug. Refuses an unknown one with the slugs that exist."""
    found = session.scalar(MailingList.named(slug))
    if found is None:
        known = ", ".join(session.scalars(select(MailingList.slug).order_by(MailingList.slug))) or "aucune"
        raise NotFound(f"La liste « {slug} » n’existe pas. Listes existantes : {known}.")
    return found


def everything(session: Session) -> list[MailingList]:
    """List the lists, the oldest first."""
    return list(session.scalars(select(MailingList).order_by(MailingList.id)))


def read_by(session: Session, contact: Contact) -> list[MailingList]:
    """List what a contact receives now, the oldest list first."""
    query = (
        select(MailingList)
        .join(Subscription, Subscription.list_id == MailingList.id)
        .where(Subscription.contact_id == contact.id, Subscription.left_at.is_(None))
    )
    return list(session.scalars(query.order_by(MailingList.id)))


def subscribe(
    session: Session,
    mailing_list: MailingList,
    contact_ids: Sequence[int],
    *,
    channel: Channel,
    wording: str,
    now: datetime,
) -> int:
    """Subscribe contacts who were never on this list (who left it stays out); return how many were added."""
    added = 0
    for start in range(0, len(contact_ids), 500):
        # One statement for all of them: others wait for the database while a whole register joins a list.
        joining = _joining(mailing_list, contact_ids[start : start + 500])
        change = {
            "subscribed": literal(True),
            "channel": literal(channel, SubscriptionChange.channel.type),
            "wording": literal(wording),
            "at": literal(now, SubscriptionChange.at.type),
        }
        told = joining.add_columns(*change.values())
        session.execute(insert(SubscriptionChange).from_select(["contact_id", "list_id", *change], told))
        subscribed = joining.add_columns(literal(now, Subscription.since.type))
        done = session.execute(insert(Subscription).from_select(["contact_id", "list_id", "since"], subscribed))
        added += cast("CursorResult[Any]", done).rowcount
    return added


def leave(
    session: Session, mailing_list: MailingList, contact: Contact, *, channel: Channel, wording: str, now: datetime
) -> None:
    """Take a contact off a list, at once (D7); twice is the same as once. Refuses a statutory list.

    Who says it himself after a mail had taken him off is noted once more: undoing that one must not undo his.
    """
    if not mailing_list.mail_class.can_be_left:
        raise Refusal("Les convocations aux assemblées sont envoyées à tous les sociétaires : la loi nous le demande.")
    _change(session, mailing_list, contact, subscribed=False, channel=channel, wording=wording, now=now)


def come_back(
    session: Session, mailing_list: MailingList, contact: Contact, *, channel: Channel, wording: str, now: datetime
) -> None:
    """Put a contact back on a list that he left."""
    _change(session, mailing_list, contact, subscribed=True, channel=channel, wording=wording, now=now)


def come_back_after(
    session: Session, contact: Contact, *, left_at: datetime, channel: Channel, wording: str, now: datetime
) -> list[MailingList]:
    """Put a contact back on the lists that the team took him off at an instant, because his mail seemed to ask for it.

    A list that he has left himself since stays left.
    """
    taken_off = select(SubscriptionChange.list_id).where(
        SubscriptionChange.contact_id == contact.id,
        SubscriptionChange.at == left_at,
        SubscriptionChange.channel == Channel.MAIL,
        ~SubscriptionChange.subscribed,
    )
    back = []
    for one in session.scalars(select(MailingList).where(MailingList.id.in_(taken_off)).order_by(MailingList.id)).all():
        last = _last_change(session, one, contact)
        if last is not None and (last.at, last.channel, last.subscribed) == (left_at, Channel.MAIL, False):
            come_back(session, one, contact, channel=channel, wording=wording, now=now)
            back.append(one)
    return back


def is_reader(session: Session, mailing_list: MailingList, contact: Contact) -> bool:
    """Whether a contact reads a list now."""
    standing = _standing(session, mailing_list, contact)
    return standing is not None and standing.left_at is None


def has_left(session: Session, mailing_list: MailingList, contact: Contact) -> bool:
    """Whether a contact said no to a list."""
    standing = _standing(session, mailing_list, contact)
    return standing is not None and standing.left_at is not None


def _joining(mailing_list: MailingList, contact_ids: Sequence[int]) -> Select[int, int]:
    """Select those of these contacts who were never on a list."""
    ever = select(Subscription.contact_id).where(Subscription.list_id == mailing_list.id)
    return (
        select(Contact.id, literal(mailing_list.id))
        .where(Contact.id.in_(contact_ids), Contact.id.not_in(ever))
        .order_by(Contact.id)
    )


def _change(
    session: Session,
    mailing_list: MailingList,
    contact: Contact,
    *,
    subscribed: bool,
    channel: Channel,
    wording: str,
    now: datetime,
) -> None:
    standing = _standing(session, mailing_list, contact)
    if standing is None:
        # He was written to through another list of the same campaign: his opposition must still hold for this one.
        standing = Subscription(contact_id=contact.id, list_id=mailing_list.id, since=now, left_at=now)
        session.add(standing)
    elif subscribed == (standing.left_at is None):
        last = _last_change(session, mailing_list, contact)
        if subscribed or last is None or (last.channel, last.wording) == (channel, wording):
            return
        # What the team noted because of a mail may be undone, and must not undo what he says himself, or by a complaint:
        # that is noted after it, once. Nothing else is: a link and a complaint would alternate without end.
        if last.channel is not Channel.MAIL or last.at != standing.left_at:
            return
    else:
        standing.left_at = None if subscribed else now
    session.add(
        SubscriptionChange(
            contact_id=contact.id,
            list_id=mailing_list.id,
            subscribed=subscribed,
            channel=channel,
            wording=wording,
            at=now,
        )
    )
    session.flush()


def _last_change(session: Session, mailing_list: MailingList, contact: Contact) -> SubscriptionChange | None:
    changes = select(SubscriptionChange).where(
        SubscriptionChange.contact_id == contact.id, SubscriptionChange.list_id == mailing_list.id
    )
    return session.scalar(changes.order_by(SubscriptionChange.id.desc()).limit(1))


def _standing(session: Session, mailing_list: MailingList, contact: Contact) -> Subscription | None:
    return session.scalar(
        select(Subscription).where(Subscription.contact_id == contact.id, Subscription.list_id == mailing_list.id)
    )
