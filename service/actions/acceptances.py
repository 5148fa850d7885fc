"""Acceptances: the rows that the relay accepted, nearly all, settled in one statement a window."""

from __future__ import annotations

import json
import typing
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Integer, String, Table, Update, bindparam, cast, false, func, update
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Session
from sqlalchemy.types import TypeEngine

from service.actions.claims import Ticket
from service.core.verdicts import Outcome, Verdict
from service.core.vocabulary import DeliveryState
from service.models.delivery import Delivery

# The row's number and epoch, the code, the enhanced code and the words of the reply.
_Words = tuple[int, int, int | None, str | None, str]
# Stands between two replies on their way to PostgreSQL (the unit separator of ASCII).
_BETWEEN = "\x1f"
_table = typing.cast("Table", Delivery.__table__)


def settle(
    session: Session, told: Sequence[tuple[Ticket, Outcome | None]], *, owner: str, now: datetime
) -> Sequence[tuple[Ticket, Outcome | None]]:
    """Settle the rows of ours that the relay accepted, nearly all, in one statement; return what is left to settle.

    Where one of them was not ours any more all are left: who is settled already is not touched a second time.
    """
    words: list[_Words] = []
    others: list[tuple[Ticket, Outcome | None]] = []
    for one in told:
        ticket, outcome = one
        if outcome is None or outcome.verdict is not Verdict.ACCEPTED:
            others.append(one)
        else:
            words.append((ticket.id, ticket.epoch, outcome.code, outcome.enhanced, outcome.text[:1000]))
    if not words:
        return told
    connection = session.connection()
    is_sqlite = connection.dialect.name == "sqlite"
    said = {"b_told": json.dumps(words, ensure_ascii=False)} if is_sqlite else _in_columns(words)
    statement = _ACCEPT_ON_SQLITE if is_sqlite else _ACCEPT
    done = connection.execute(statement, {**said, "b_owner": owner, "b_now": now})
    return others if done.rowcount == len(words) else told


def _in_columns(words: Sequence[_Words]) -> dict[str, str]:
    """Write what was said as PostgreSQL reads it at once, column by column."""
    numbers, epochs, codes, statuses, replies = zip(*words, strict=True)
    joined = _BETWEEN.join(replies)
    if joined.count(_BETWEEN) >= len(replies):
        # A relay says what it likes.
        joined = _BETWEEN.join([reply.replace(_BETWEEN, " ") for reply in replies])
    return {
        "b_ids": f"{{{','.join(map(str, numbers))}}}",
        "b_epochs": f"{{{','.join(map(str, epochs))}}}",
        "b_codes": f"{{{','.join(['NULL' if code is None else str(code) for code in codes])}}}",
        "b_statuses": _BETWEEN.join([status or "" for status in statuses]),
        "b_replies": joined,
    }


def _acceptance(columns: Sequence[ColumnElement[Any]]) -> Update:
    """What `settling._SETTLE` does to a row of ours that was accepted, for many rows at once."""
    number, epoch, code, enhanced, reply = columns
    # PostgreSQL cannot guess how many rows that lets through. Of the bare comparison it expects one row, since a sample of
    # a campaign that waits shows no owner at all: it then looks for those rows first, and compares each with all the
    # others (480 by 790 in a campaign of 10,000: 110 to 140 ms a window instead of 6 to 14).
    is_ours = func.coalesce(_table.c.lease_owner == bindparam("b_owner"), false())
    return (
        update(_table)
        .where(_table.c.id == number, _table.c.lease_epoch == epoch, is_ours)
        .values(
            state=DeliveryState.ACCEPTED,
            why="",
            due_at=None,
            settled_at=bindparam("b_now"),
            code=code,
            enhanced=enhanced,
            reply=reply,
            doubted_at=None,
            lease_owner=None,
        )
    )


def _numbers(name: str, type_: TypeEngine[int]) -> ColumnElement[Any]:
    return cast(bindparam(name, type_=String), ARRAY(type_))


def _texts(name: str) -> ColumnElement[Any]:
    return func.string_to_array(bindparam(name, type_=String), _BETWEEN, "")


# A few texts, which Python writes at once: the elements of an array of the driver's cost 5 µs each, and PostgreSQL reads a
# row of JSON anew for each of its values. An empty text is read as NULL.
_told = (
    func.unnest(
        _numbers("b_ids", BigInteger()),
        _numbers("b_epochs", Integer()),
        _numbers("b_codes", Integer()),
        _texts("b_statuses"),
        _texts("b_replies"),
    )
    .table_valued("id", "epoch", "code", "enhanced", "reply")
    .render_derived(name="told")
)
_ACCEPT = _acceptance([_told.c.id, _told.c.epoch, _told.c.code, _told.c.enhanced, func.coalesce(_told.c.reply, "")])
_row = func.json_each(bindparam("b_told", type_=String)).table_valued("value", name="told").c.value
_ACCEPT_ON_SQLITE = _acceptance([func.json_extract(_row, f"$[{place}]") for place in range(5)])
