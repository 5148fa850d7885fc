"""What is the matter with the mailboxes that Pli reads, beside the one that members write to?"""

from __future__ import annotations

from dataclasses import dataclass

from service.actions import mailbox, pulse, room
from service.models.inbound_message import LoginRefusal, MailboxRoom
from service.web.http import session, wiring


@dataclass(frozen=True, slots=True)
class BounceBoxTrouble:
    """The mailbox where errors come back to is not read: its server refuses us, or nobody has read it lately."""

    refused: LoginRefusal | None


def bounce_box_trouble() -> BounceBoxTrouble | None:
    """Tell why the mailbox of the errors is not read; None while it is, and where it is no mailbox of its own."""
    rounds = wiring().bounce_rounds
    if rounds is None:
        return None
    refused = mailbox.refused_login(session(), rounds.reader.account)
    if refused is None and pulse.is_beating(session(), pulse.BOUNCES, now=wiring().now()):
        return None
    return BounceBoxTrouble(refused)


def nearly_full_mailboxes() -> list[MailboxRoom]:
    """List the mailboxes that Pli reads and that will soon take no more mail."""
    return room.nearly_full(session(), wiring().accounts)
