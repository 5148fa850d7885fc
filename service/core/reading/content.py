"""What do the bytes of one message say? Its kind, the words of its writer, and of a report what became of whom."""

from __future__ import annotations

from dataclasses import dataclass

from service.core.reading import bounces, kinds, parsing, replies, reports
from service.core.reading.bounces import Bounce
from service.core.reading.kinds import Ours, Recognised
from service.core.reading.parsing import Message
from service.core.reading.replies import Reply
from service.core.vocabulary import InboundKind

_REPORTS = (InboundKind.BOUNCE, InboundKind.DELIVERY_NOTICE)


@dataclass(frozen=True, slots=True)
class Content:
    """What the bytes of a message say."""

    message: Message | None
    recognised: Recognised
    reply: Reply
    # Of a report alone: what became of whom, and where the mail that it returns had its answers and errors sent.
    reported: tuple[Bounce, ...] = ()
    returned_to: tuple[str, ...] = ()


def understand(raw: bytes | None, ours: Ours) -> Content:
    """Read the bytes of a message; None where it was too large to fetch. Never raises, whatever was written."""
    if raw is None:
        return Content(
            None,
            Recognised(InboundKind.UNREADABLE, "Message trop lourd : il est resté dans la boîte."),
            Reply("", "", ""),
        )
    message = parsing.parse(raw)
    recognised, reply = kinds.recognise(message, ours), replies.cut(message.text, message.html)
    if recognised.kind not in _REPORTS:
        return Content(message, recognised, reply)
    return Content(message, recognised, reply, bounces.read(message), reports.returned_to(message))
