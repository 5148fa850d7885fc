"""Room: how full is a mailbox that is read? A full one sends the members' words back to them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import delete, select
from sqlalchemy.orm import Session, sessionmaker

from service.models.inbound_message import MailboxRoom
from service.ports import Cabinet

_ASK_EVERY = timedelta(hours=1)
# From here on the staff are told: a mailbox of 2 GB has 400 MB left, some weeks of attachments.
_NEARLY_FULL = 80  # percent


def measure(sessions: sessionmaker[Session], box: Cabinet, account: str, *, now: datetime) -> None:
    """Ask the server how full the mailbox is, once an hour, and keep what it says; nothing where it does not tell."""
    with sessions() as session:
        session.connection(execution_options={"read_only": True})
        known = session.get(MailboxRoom, account)
    if known is not None and known.asked_at <= now < known.asked_at + _ASK_EVERY:
        return
    percent = box.fullness()
    if percent is None and known is None:
        return
    with sessions.begin() as session:
        if percent is None:
            session.execute(delete(MailboxRoom).where(MailboxRoom.account == account))
        else:
            session.merge(MailboxRoom(account=account, percent=percent, asked_at=now))


def nearly_full(session: Session, accounts: Sequence[str]) -> list[MailboxRoom]:
    """List those of these mailboxes that are nearly full, as their servers said last."""
    query = select(MailboxRoom).where(MailboxRoom.account.in_(accounts), MailboxRoom.percent >= _NEARLY_FULL)
    return list(session.scalars(query.order_by(MailboxRoom.percent.desc(), MailboxRoom.account)))
