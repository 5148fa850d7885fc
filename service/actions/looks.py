"""Looks: the statements of a claim, each built once and run for every window of every sending process.

To build one of them and its cache key takes SQLAlchemy a millisecond; to run it, a fifth of that.
"""

from __future__ import annotations

import json
import typing
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from operator import itemgetter
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    Integer,
    Select,
    String,
    Table,
    Text,
    Update,
    and_,
    any_,
    bindparam,
    case,
    cast,
    false,
    func,
    select,
    true,
    update,
)
from sqlalchemy.dialects.postgresql import ARRAY

from service.core.vocabulary import DeliveryState, MailKind, SkipReason
from service.models.base import BigId, Instant
from service.models.campaign import Campaign, CampaignTarget
from service.models.delivery import Delivery
from service.models.mailing_list import Subscription, Suppression
from service.models.member import Contact, Member

WAITING = (DeliveryState.PENDING, DeliveryState.DEFERRED)
_table = typing.cast("Table", Delivery.__table__)
_campaign = bindparam("b_campaign", type_=BigId)
_now = bindparam("b_now", type_=Instant)
_after = bindparam("b_after", type_=BigId)
# Of the campaign: read under a lock, so that who pauses or stops it waits for this transaction.
CAMPAIGN = (
    select(Campaign.status, Campaign.mail_class, Campaign.kind)
    .where(Campaign.id == _campaign)
    .with_for_update(read=True)
)
# What the sender needs of a row, in the order in which `claims` reads it.
_COLUMNS = (
    _table.c.id,
    _table.c.lease_epoch,
    _table.c.address,
    # As text: a window is read at once.
    cast(_table.c.fields, Text).label("fields"),
    _table.c.message_id,
    _table.c.in_reply_to,
    _table.c.attempts,
    _table.c.handed_at,
    select(Contact.link_version).where(Contact.id == _table.c.contact_id).scalar_subquery().label("link_version"),
)
# Where these stand in a row that was found, behind the reason why it must not leave.
_ID, _FIELDS, _HANDED_AT = 1, 4, 8


@lru_cache(maxsize=16)
def fresh(dialect: str, *, can_be_left: bool, closed: frozenset[str] = frozenset()) -> Select[Any]:
    """Lock the next `b_limit` rows of `b_campaign` above `b_after` that wait for their first attempt.

    Those that go to the domains that are `closed` are left where they are; there may be thousands of these.
    """
    is_fresh = (_of_campaign(), _table.c.due_at.is_(None), _table.c.state.in_(WAITING), _table.c.id > _after)
    return _look(dialect, *is_fresh, _is_elsewhere(dialect, closed), can_be_left=can_be_left)


@lru_cache(maxsize=16)
def put_off(dialect: str, *, can_be_left: bool, closed: frozenset[str] = frozenset()) -> Select[Any]:
    """Lock up to `b_limit` rows of `b_campaign` whose own hour had come at `b_now`."""
    is_due = (_of_campaign(), _table.c.due_at <= _now, Delivery.stands(*WAITING))
    return _look(dialect, *is_due, _is_elsewhere(dialect, closed), can_be_left=can_be_left)


def read(connection: Connection, look: Select[Any], asked: Mapping[str, Any]) -> list[tuple[Sequence[Any], Any]]:
    """Run a look, and give each row that it found beside its personal fields."""
    if connection.dialect.name == "sqlite":
        found = json.loads(connection.execute(look, asked).scalar_one())
        for row in found:
            row[_HANDED_AT] = row[_HANDED_AT] and datetime.fromisoformat(row[_HANDED_AT]).replace(tzinfo=UTC)
        return [(row, row[_FIELDS]) for row in sorted(found, key=itemgetter(_ID))]
    rows = connection.execute(look, asked).all()
    # Once a window: a call of the parser's costs more than the few fields of a row.
    return list(zip(rows, json.loads(f"[{','.join([row[_FIELDS] for row in rows])}]"), strict=True))


def _look(dialect: str, *which: ColumnElement[bool], can_be_left: bool) -> Select[Any]:
    look = _locked(select(_why_not(can_be_left=can_be_left).label("why_not"), *_COLUMNS).where(*which))
    if dialect != "sqlite":
        return look
    # One text of all: between two rows the driver lets go of the interpreter, and the thread at the wire takes it.
    columns: list[ColumnElement[Any]] = list(look.subquery("found").c)
    columns[_FIELDS] = func.json(columns[_FIELDS])
    return select(func.json_group_array(func.json_array(*columns)))


def _is_elsewhere(dialect: str, closed: frozenset[str]) -> ColumnElement[bool]:
    """Whether a row goes to none of these destination domains."""
    if not closed:
        return true()
    address = func.lower(_table.c.address)
    of_postgresql = func.split_part(address, "@", 2)
    domain = of_postgresql if dialect == "postgresql" else func.substr(address, func.instr(address, "@") + 1)
    return domain.not_in(sorted(closed))


def _of_campaign() -> ColumnElement[bool]:
    return _table.c.campaign_id == _campaign


def _locked(look: Select[Any]) -> Select[Any]:
    """In the order of their numbers, without those that another process is taking."""
    in_order = look.order_by(_table.c.id).limit(bindparam("b_limit", type_=Integer))
    return in_order.with_for_update(skip_locked=True, of=_table)


def _why_not(*, can_be_left: bool) -> ColumnElement[str]:
    """Why a row must not leave now: its member left the cooperative or the home list, or its address is suppressed (D7).

    Each reason looks up one row by its key, in a scalar subquery: of an EXISTS, PostgreSQL reads the whole table once a
    claim (a hashed subplan), and a claim takes the longer the more members there are.
    """
    gone = select(~Member.is_present()).where(Member.id == _table.c.member_id)
    reasons = [(_is(gone), SkipReason.LEFT.value)]
    if can_be_left:
        home = select(CampaignTarget.list_id).where(
            CampaignTarget.campaign_id == _campaign, CampaignTarget.position == 0
        )
        opted_out = select(Subscription.left_at.is_not(None)).where(
            Subscription.contact_id == _table.c.contact_id, Subscription.list_id == home.scalar_subquery()
        )
        reasons.append((_is(opted_out), SkipReason.OPTED_OUT.value))
        suppressed = Suppression.skips().where(Suppression.address_hmac == _table.c.address_hmac)
        return case(*reasons, else_=func.coalesce(suppressed.scalar_subquery(), ""))
    return case(*reasons, else_="")


def _is(what: Select[bool]) -> ColumnElement[bool]:
    """Whether there is such a row, and it says yes."""
    return func.coalesce(what.scalar_subquery(), false())


def _taking(these: ColumnElement[bool]) -> Update:
    """Mark rows as taken by `b_owner`."""
    return (
        update(_table)
        .where(these)
        .values(
            state=DeliveryState.HANDING,
            attempts=_table.c.attempts + 1,
            handed_at=func.coalesce(_table.c.handed_at, _now),
            lease_owner=bindparam("b_owner"),
            lease_epoch=_table.c.lease_epoch + 1,
        )
    )


_ids = bindparam("b_ids", type_=String)
# Nothing that leaves by itself goes to who died; to whoever writes from that address the team may well answer.
_dead = select(Member.is_dead()).where(Member.id == _table.c.member_id)
_why_not_alone = case((and_(_table.c.kind != MailKind.ANSWER, _is(_dead)), SkipReason.LEFT.value), else_="")
_of_none = select(_why_not_alone.label("why_not"), *_COLUMNS, _table.c.kind, _table.c.subject_id).where(
    _table.c.campaign_id.is_(None),
    _table.c.state.in_(WAITING),
    func.coalesce(_table.c.due_at, _now) <= _now,
)
# The one mail outside any campaign that a bell was rung for, and those that wait beside it. A proof is printed before it is
# taken, which takes its time: each waits for a bell of its own.
SINGLE = _locked(_of_none.where(_table.c.id == bindparam("b_id", type_=BigId)))
SINGLES = _locked(_of_none.where(_table.c.id > _after, _table.c.kind != MailKind.PROOF))
# As one text: the elements of an array of the driver's cost 5 µs each.
_TAKE = _taking(_table.c.id == any_(cast(_ids, ARRAY(BigInteger))))
_TAKE_ON_SQLITE = _taking(_table.c.id.in_(select(func.json_each(_ids).table_valued("value", name="taken").c.value)))


def take(ids: Sequence[int], dialect: str) -> tuple[Update, str]:
    """Give the statement that marks these rows as taken, and its `b_ids`."""
    listed = ",".join(map(str, ids))
    return (_TAKE_ON_SQLITE, f"[{listed}]") if dialect == "sqlite" else (_TAKE, f"{{{listed}}}")
