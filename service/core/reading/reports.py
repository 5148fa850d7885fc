"""What do the machine-readable parts of a report say? RFC 3464 fields by recipient, and the headers of the returned mail."""

from __future__ import annotations

import re
from dataclasses import dataclass

from service.core import relay_names
from service.core.reading import characters, headers
from service.core.reading.headers import Headers
from service.core.reading.parsing import Message, Part

_BLOCKS = re.compile(rb"\n[ \t]*\r?\n")
# A mail of ours goes to one person; a report made to name thousands costs no more than one of this many.
MOST_RECIPIENTS = 200
_RETURNED = (
    "message/rfc822",
    "message/global",
    "text/rfc822-headers",
    "message/rfc822-headers",
    "message/global-headers",
)
_FEEDBACK = "message/feedback-report"
# Both are required of each report (RFC 5965, 3.1).
_FEEDBACK_FIELD = re.compile(r"^Feedback-Type:[ \t]*[a-z-]{3,20}[ \t]*$", re.IGNORECASE | re.MULTILINE)
_FEEDBACK_VERSION = re.compile(r"^Version:[ \t]*[\d.]{1,5}[ \t]*$", re.IGNORECASE | re.MULTILINE)
_COMPLAINT_SUBJECT = re.compile(
    r"\W*(?:complaint about message from\b|e-?mail feedback report\b|(?:\w+ )?(?:abuse|spam) (?:report|complaint)\b)",
    re.IGNORECASE,
)
_MARK = "x-hmxmroriginalrecipient"
_QUEUE_ID = "x-postfix-queue-id"
_HEADER_BYTES = 64 * 1024
_MOST_RETURNED = 20


@dataclass(frozen=True, slots=True)
class DeliveryReport:
    """A delivery status: the fields about the message, then those of each recipient (RFC 3464, 2.1)."""

    message: Headers
    recipients: tuple[Headers, ...]


def delivery_reports(message: Message) -> tuple[DeliveryReport, ...]:
    """Reads the delivery status parts of a message, until 200 recipients are named."""
    found: list[DeliveryReport] = []
    named = 0
    for part in message.parts:
        if part.content_type in {"message/delivery-status", "message/global-delivery-status"}:
            found.append(_report(part, MOST_RECIPIENTS - named))
            named += len(found[-1].recipients)
        if named >= MOST_RECIPIENTS:
            break
    return tuple(found)


def returned_headers(message: Message) -> Headers:
    """Gives the headers of the mail that a report returns, whole or in extract; none when it returns none."""
    for part in message.parts:
        if part.content_type in _RETURNED:
            start = len(part.payload) - len(part.payload.lstrip())
            block = headers.split(part.payload, start, len(part.payload), _HEADER_BYTES)
            return block.decoded()
    return Headers()


def returned_to(message: Message) -> tuple[str, ...]:
    """Gives where the mail that a report returns had its answers and its errors sent: one of ours has its token there."""
    returned = returned_headers(message)
    named = (headers.addresses(value) for name in ("return-path", "reply-to") for value in returned.all(name))
    return tuple(dict.fromkeys(address for found in named for address in found))[:_MOST_RETURNED]


def relay_names_in(message: Message) -> tuple[str, ...]:
    """Gives what relays called the mail that a report is about: Postfix says its queue id, and each relay stamped its own."""
    stated = (report.message.header(_QUEUE_ID) for report in delivery_reports(message))
    stamped = map(relay_names.in_received, returned_headers(message).all("received"))
    return tuple(dict.fromkeys(name for name in (*stated, *stamped) if name))[:_MOST_RETURNED]


def is_complaint(message: Message) -> bool:
    """Says whether a mail is a complaint: an abuse report (RFC 5965), or Microsoft's form, whose mark it puts on the mail."""
    reported = message.report_type == "feedback-report" or any(part.content_type == _FEEDBACK for part in message.parts)
    return reported or bool(_marked(message)) or _is_written_complaint(message)


def complained_about(message: Message) -> tuple[str, ...]:
    """Gives who complained, as far as a complaint says: the recipient that it states, () where his provider hides him.

    An address in a complaint proves nothing: only our token or Message-ID in it ties it to a mail of ours (S3).
    """
    reported = (
        value
        for part in message.parts
        if part.content_type == _FEEDBACK
        for name in ("original-rcpt-to", "removal-recipient")
        for value in _fields(part.payload).all(name)
    )
    named = (address for value in (*reported, *_marked(message)) for address in headers.addresses(value))
    return tuple(dict.fromkeys(named))[:_MOST_RETURNED]


def _is_written_complaint(message: Message) -> bool:
    """The fields of RFC 5965 as plain text; or the words of a desk above the mail that it hands on, when its mark was lost."""
    if _FEEDBACK_FIELD.search(message.text[:_HEADER_BYTES]) and _FEEDBACK_VERSION.search(message.text[:_HEADER_BYTES]):
        return True
    nobody = any(value.replace(" ", "") == "<>" for value in message.headers.all("return-path"))
    return nobody and bool(_COMPLAINT_SUBJECT.match(message.subject) and returned_headers(message).fields)


def _marked(message: Message) -> tuple[str, ...]:
    """Microsoft's mark stands on the mail that it hands on, or on the copy in it."""
    return (*message.headers.all(_MARK), *returned_headers(message).all(_MARK))


def _report(part: Part, most: int) -> DeliveryReport:
    blocks = [_fields(piece) for piece in _BLOCKS.split(part.payload, MOST_RECIPIENTS) if piece.strip()]
    about = [block for block in blocks if not _names_recipient(block)]
    recipients = [block for block in blocks if _names_recipient(block)]
    return DeliveryReport(about[0] if about else Headers(), tuple(recipients[:most]))


def _names_recipient(block: Headers) -> bool:
    return bool(block.header("final-recipient") or block.header("original-recipient"))


def _fields(piece: bytes) -> Headers:
    piece = piece.lstrip(b"\r\n")
    return headers.split(piece, 0, len(piece), _HEADER_BYTES).decoded()


def typed_value(field: str) -> str:
    """Gives what follows the type in « rfc822; marie@member.example » (RFC 3464, 2.1.2)."""
    return diagnosis(field).strip("<> ")


def diagnosis(field: str) -> str:
    """Gives the words of a server in « smtp; 550 5.1.1 User unknown », verbatim on one line (RFC 3464, 2.3.6)."""
    _, separator, value = field.partition(";")
    return characters.clean_line(value if separator else field).strip()
