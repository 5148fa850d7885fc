"""Which addresses did this mail not reach, and why? Reports first, then what one header or one text says."""

from __future__ import annotations

import email
import email.policy
import logging
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from flufl.bounce import all_failures

from service.core.reading import headers, reports, severity
from service.core.reading.headers import Headers
from service.core.reading.parsing import Message
from service.core.reading.severity import Severity

Action = Literal["failed", "delayed", "delivered"]

# The library logs a traceback with the mail in it each time one of its detectors stumbles; we go on without it.
logging.getLogger("flufl.bounce").setLevel(logging.CRITICAL)

_ACTIONS: dict[str, Action] = {
    "failed": "failed",
    "failure": "failed",
    "delayed": "delayed",
    "delivered": "delivered",
    "relayed": "delivered",
    "expanded": "delivered",
}
_DELAYED = "Le message est retardé\u00a0; le serveur essaie encore.".replace("\u00a0;", "\u202f;")
_DELIVERED = "Le message a été remis."
_WORDS_BEFORE = 200
_WORDS_AFTER = 700
# The library looks at each line a hundred times.
_READ_BYTES = 256 * 1024
_READ_LINES = 5_000
# What a server says stands at the top; all that is looked for in the text is looked for here.
_READ_LETTERS = 64 * 1024
_MOST_IDS = 20
_IN_TEXT = re.compile(r"^[> \t]*Message-ID:\s*(<[^<>\s]{1,998}>)", re.IGNORECASE | re.MULTILINE)
_MAIL_SYSTEM = re.compile(
    r"(?:mailer.?daemon|mail.?daemon|postmaster|mdaemon|mail.?delivery|microsoftexchange\w*|bounces?|exchange|smtp|daemon"
    r"|mail.?system|mailsystem|mailadmin|mail)(?:[+._-].*)?"
)
FAILURE_SUBJECT = re.compile(
    r"undeliver|returned mail|returned to sender|delivery (?:status|failure|failed|has failed|report|notification|problem)"
    r"|failure notice|mail delivery|message delivery|not delivered|could not (?:be )?(?:deliver|send)|delivering|rejected mail"
    r"|non.?remis|non.?distribu|non.?délivr|échec de (?:la )?(?:remise|distribution|livraison)|nondeliverable|unzustellbar"
    r"|no se (?:pudo|puede) entregar|mancata consegna|notifica di|user unknown|mail system error|bounce",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Bounce:
    """What became of one recipient; `reason` is a French sentence, message ids keep their angle brackets.

    `is_reported` says that the fields of a report name it (RFC 3464), and not words that a program recognised; `words` are
    then those of the server, verbatim, and else none. `is_by_policy` says that the failure speaks of us, by what stands in
    the report or the notice alone: our sentence is no word of a server.
    """

    address: str
    action: Action
    status: str
    severity: Severity
    reason: str
    original_message_ids: tuple[str, ...]
    envelope_id: str
    is_reported: bool = False
    words: str = ""
    is_by_policy: bool = False


@dataclass(frozen=True, slots=True)
class _Finding:
    """A recipient as one source named it, before the verdict."""

    address: str
    action: Action
    status: str
    words: str
    otherwise: Severity = "hard"
    envelope_id: str = ""
    is_reported: bool = False


@dataclass(frozen=True, slots=True)
class _Words:
    """The top of a notice, folded once however many addresses it names, and the first status code in it."""

    text: str
    folded: str
    status: str

    @staticmethod
    def of(message: Message) -> _Words:
        text = message.text[:_READ_LETTERS]
        found = severity.STATUS.search(text)
        return _Words(text, text.lower(), found[1] if found else "")

    def about(self, address: str) -> str:
        """What stands around the address, not the returned letter below: its words are ours."""
        at = max(self.folded.find(address), 0)
        return self.text[max(at - _WORDS_BEFORE, 0) : at + _WORDS_AFTER]


def read(message: Message) -> tuple[Bounce, ...]:
    """Names each recipient of a delivery notice once, from the surest source that names any; () when it is none.

    At most 200 of one source, and 20 message ids: a notice made to name thousands takes no longer.
    """
    sources: tuple[Callable[[Message], tuple[_Finding, ...]], ...] = (_by_report, _by_header, _by_known_wording)
    findings = next((found for source in sources if (found := source(message))), ())
    ids = _original_ids(message)
    first = {finding.address: finding for finding in reversed(findings)}
    return tuple(_bounce(finding, ids) for finding in reversed(first.values()))


def comes_from_a_mail_system(message: Message) -> bool:
    """Says whether a machine that carries mail wrote this: its sender, an empty return path or a report tells it."""
    return (
        bool(_MAIL_SYSTEM.fullmatch(message.from_address.partition("@")[0]))
        or "mailer-daemon" in message.from_name.lower()
        or not message.from_address
        or has_empty_return_path(message)
        or message.report_type == "delivery-status"
        or bool(message.headers.header("x-failed-recipients"))
    )


def has_empty_return_path(message: Message) -> bool:
    """Says whether the mail left with the null sender « <> » (RFC 5321, 4.5.5)."""
    return any(value.replace(" ", "") == "<>" for value in message.headers.all("return-path"))


def _by_report(message: Message) -> tuple[_Finding, ...]:
    """The fields of RFC 3464; Original-Recipient is the address that we wrote to."""
    found = []
    for report in reports.delivery_reports(message):
        envelope_id = report.message.header("original-envelope-id")
        for fields in report.recipients:
            finding = _reported(fields, envelope_id)
            if finding is not None:
                found.append(finding)
    return tuple(found)


def _reported(fields: Headers, envelope_id: str) -> _Finding | None:
    named = [reports.typed_value(fields.header(name)) for name in ("original-recipient", "final-recipient")]
    address = next((found[0] for value in named if (found := headers.addresses(value))), "")
    action = _ACTIONS.get(fields.header("action").split(" ")[0].strip().lower())
    if not address or action is None:
        return None
    words = reports.diagnosis(fields.header("diagnostic-code"))
    stated = severity.STATUS.search(fields.header("status"))
    precise = severity.STATUS.search(words)
    vague = stated is None or stated[1].endswith(".0.0")
    status = precise if vague and precise else stated
    return _Finding(address, action, status[1] if status else "", words, envelope_id=envelope_id, is_reported=True)


def _by_header(message: Message) -> tuple[_Finding, ...]:
    """X-Failed-Recipients of Exim and Google."""
    named = headers.addresses(message.headers.header("x-failed-recipients"))
    words = _Words.of(message)
    return tuple(
        _Finding(address, "failed", words.status, words.about(address)) for address in named[: reports.MOST_RECIPIENTS]
    )


def _by_known_wording(message: Message) -> tuple[_Finding, ...]:
    """flufl.bounce knows the wordings of many servers: taken for recipients, asked only about mail of mail systems."""
    if not (comes_from_a_mail_system(message) or FAILURE_SUBJECT.search(message.subject)):
        return ()
    temporary, permanent = _known_failures(b"".join(message.raw[:_READ_BYTES].splitlines(keepends=True)[:_READ_LINES]))
    words = _Words.of(message)
    return (
        *(_Finding(address, "failed", words.status, words.about(address)) for address in permanent),
        *(
            _Finding(address, "delayed", words.status, words.text, "soft")
            for address in temporary
            if address not in permanent
        ),
    )


def _known_failures(raw: bytes) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The library raises on odd mail (it says so); then it knows nothing about it."""
    try:
        temporary, permanent = all_failures(email.message_from_bytes(raw, policy=email.policy.compat32))
        named = [
            tuple(sorted(found for each in group if (found := each.decode("ascii", "ignore").strip(" <>").lower())))
            for group in (temporary, permanent)
        ]
    except Exception:
        return (), ()
    return named[0][: reports.MOST_RECIPIENTS], named[1][: reports.MOST_RECIPIENTS]


def _original_ids(message: Message) -> tuple[str, ...]:
    returned = headers.message_ids(reports.returned_headers(message).header("message-id"))
    return (returned or tuple(dict.fromkeys(_IN_TEXT.findall(message.text))))[:_MOST_IDS]


def _bounce(finding: _Finding, ids: tuple[str, ...]) -> Bounce:
    verdict = severity.judge(finding.status, finding.words, finding.otherwise)
    if finding.action == "delayed":
        verdict = severity.Verdict("soft", _DELAYED)
    if finding.action == "delivered":
        verdict = severity.Verdict("soft", _DELIVERED)
    return Bounce(
        address=finding.address,
        action=finding.action,
        status=finding.status,
        severity=verdict.severity,
        reason=verdict.reason,
        original_message_ids=ids,
        envelope_id=finding.envelope_id,
        is_reported=finding.is_reported,
        words=finding.words if finding.is_reported else "",
        is_by_policy=finding.action == "failed" and severity.is_policy(finding.status, finding.words),
    )
