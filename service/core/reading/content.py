"""What do the bytes of one message say? Its kind, the words of its writer, and of a report what became of whom."""

from __future__ import annotations

from dataclasses import dataclass

from service.core.reading import bounces, kinds, parsing, replies, reports
from service.core.reading.bounces import Bounce
from service.core.reading.kinds import Recognised
from service.core.reading.ours import Ours
from service.core.reading.parsing import Message
from service.core.reading.replies import Reply
from service.core.vocabulary import InboundKind

_TOO_LARGE = Recognised(InboundKind.UNREADABLE, "Message trop lourd : il est à lire dans votre boîte.")
# What is what it is whatever its body says; all else that is too large is for somebody to read.
_TOLD_BY_THE_HEADER = (InboundKind.OWN, InboundKind.AUTO_REPLY)
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
    # Of a complaint: the Message-ID of the mail that it returns.
    returned_ids: tuple[str, ...] = ()
    # Of a report: what relays called the mail that it is about.
    relay_names: tuple[str, ...] = ()


def understand(raw: bytes | None, ours: Ours, *, head_only: bool = False) -> Content:
    """Read the bytes of a message, its header alone where it was too large. Never raises, whatever was written.

    A former version kept nothing (None) of what was too large.
    """
    if raw is None:
        return Content(None, _TOO_LARGE, Reply("", "", ""))
    message = parsing.parse(raw)
    if head_only:
        said = kinds.recognise(message, ours)
        return Content(message, said if said.kind in _TOLD_BY_THE_HEADER else _TOO_LARGE, Reply("", "", ""))
    recognised, reply = kinds.recognise(message, ours), replies.cut(message.text, message.html)
    if recognised.kind is InboundKind.COMPLAINT:
        known = reports.returned_headers(message).all("message-id")
        return Content(
            message, recognised, reply, returned_to=reports.returned_to(message), returned_ids=tuple(known[:1])
        )
    if recognised.kind not in _REPORTS:
        return Content(message, recognised, reply)
    return Content(
        message,
        recognised,
        reply,
        bounces.read(message),
        reports.returned_to(message),
        relay_names=reports.relay_names_in(message),
    )
