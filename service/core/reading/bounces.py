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

from service.core.reading import characters, headers, reports, severity
from service.core.reading.headers import Headers
from service.core.reading.parsing import Message
from service.core.reading.severity import Severity
from service.core.vocabulary import BounceClass

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
_DELAYED = severity.Verdict("soft", "Retardé\u00a0: le serveur essaie encore.", BounceClass.SOFT)
_DELIVERED = severity.Verdict("soft", "Le serveur du destinataire dit l’avoir reçu.", BounceClass.SOFT)
# RFC 5321, 4.2: the codes that servers give, where they stand; not any number of three digits in a sentence.
_SMTP_CODE = re.compile(
    r"""(?:^[\s>"'<*(-]{0,20}|[:;(\["'>]\s{0,3}|\b(?:error|code|reply|said|status|response|returned|with|smtp)\s{1,3})"""
    r"(4[2-57]|5[0-57])\d(?=[ :-]\s*\D)",
    re.IGNORECASE | re.MULTILINE,
)
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
    r"|non.?delivery|failure notice|mail delivery|message delivery|not delivered|could not (?:be )?(?:deliver|send)|delivering|rejected mail"
    r"|non.?remis|non.?distribu|non.?délivr|échec de (?:la )?(?:remise|distribution|livraison)|nondeliverable|unzustellbar"
    r"|no se (?:pudo|puede) entregar|mancata consegna|notifica di|user unknown|mail system error|bounce",
    re.IGNORECASE,
)
_SUCCESS_SUBJECT = re.compile(
    r"success|\b(?:mail|message|delivery) (?:was |has been )?(?:delivered|relayed|expanded)\b|delivery notification.{0,4}relay"
    r"|(?:remise?|distribué|livraison|acheminé).{0,20}(?:réussie?|succès)",
    re.IGNORECASE,
)
# « Unsuccessful delivery » is none.
_NO_SUCCESS = re.compile(r"unsuccess|not (?:success|deliver|relay)|sans succès|without success|fail", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Bounce:
    """What became of one recipient; `reason` is a French sentence, message ids keep their angle brackets.

    `severity` tells whether the server gave up, `bounce_class` what it is about: what is done depends on the class (D19).
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
    bounce_class: BounceClass = BounceClass.SOFT


@dataclass(frozen=True, slots=True)
class _Finding:
    """A recipient as one source named it, before the verdict."""

    address: str
    action: Action
    status: str
    words: str
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


def tells_of_success(message: Message) -> bool:
    """Says whether the subject of a notice announces that the mail arrived; a report in it says so of each recipient."""
    return bool(_SUCCESS_SUBJECT.search(message.subject)) and not _NO_SUCCESS.search(message.subject)


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
    if tells_of_success(message) or not (comes_from_a_mail_system(message) or FAILURE_SUBJECT.search(message.subject)):
        return ()
    temporary, permanent = _known_failures(b"".join(message.raw[:_READ_BYTES].splitlines(keepends=True)[:_READ_LINES]))
    words = _Words.of(message)
    return (
        *(_Finding(address, "failed", words.status, words.about(address)) for address in permanent),
        *(_Finding(address, "delayed", words.status, words.text) for address in temporary if address not in permanent),
    )


def _known_failures(raw: bytes) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The library raises on odd mail (it says so); then it knows nothing about it."""
    try:
        temporary, permanent = all_failures(email.message_from_bytes(raw, policy=email.policy.compat32))
        named = [tuple(sorted(found for each in group if (found := _clean(each)))) for group in (temporary, permanent)]
    except Exception:
        return (), ()
    return named[0][: reports.MOST_RECIPIENTS], named[1][: reports.MOST_RECIPIENTS]


def _clean(named: bytes) -> str:
    """The library gives the bytes as they stood in the mail: a NUL among them is refused by PostgreSQL."""
    return characters.clean_line(named.decode("ascii", "ignore")).strip(" <>").lower()


def _original_ids(message: Message) -> tuple[str, ...]:
    returned = headers.message_ids(reports.returned_headers(message).header("message-id"))
    return (returned or tuple(dict.fromkeys(_IN_TEXT.findall(message.text))))[:_MOST_IDS]


def _bounce(finding: _Finding, ids: tuple[str, ...]) -> Bounce:
    verdict, lasts = _verdict(finding)
    return Bounce(
        address=finding.address,
        action=finding.action,
        status=finding.status,
        severity=lasts,
        reason=verdict.reason,
        original_message_ids=ids,
        envelope_id=finding.envelope_id,
        is_reported=finding.is_reported,
        words=finding.words if finding.is_reported else "",
        is_by_policy=finding.action == "failed" and severity.is_policy(finding.status, finding.words),
        bounce_class=verdict.bounce_class,
    )


def _verdict(finding: _Finding) -> tuple[severity.Verdict, Severity]:
    """What a failure speaks of and how lasting it is, where the two differ (decision 0018).

    A server that gives up without any code gave up for good, and so did one whose code is a bare 5xx (RFC 5321, 4.2.1), unless
    it speaks of a full mailbox, of us or of this one message. A bare 4xx counts as 4.x.x: soft whatever the words.
    """
    if finding.action != "failed":
        verdict = _DELAYED if finding.action == "delayed" else _DELIVERED
        return verdict, verdict.severity
    replied = None if finding.status else _SMTP_CODE.search(finding.words)
    is_temporary = replied is not None and replied[1].startswith("4")
    verdict = severity.judge("4.0.0" if is_temporary else finding.status, finding.words)
    if finding.status or is_temporary:
        return verdict, verdict.severity
    is_final = replied is None or verdict.bounce_class is BounceClass.SOFT
    return verdict, "hard" if is_final else verdict.severity
