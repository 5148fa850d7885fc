"""Which addresses did this mail not reach, and why? Reports first, then what one header or one text says."""

from __future__ import annotations

import email
import email.policy
import logging
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from flufl.bounce import all_failures

from service.core.reading import characters, headers, notices, reports, severity
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
_BY_CLASS: dict[str, Action] = {"5": "failed", "4": "delayed", "2": "delivered"}
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
_WORDS_LEAST = 25
# The library looks at each line a hundred times.
_READ_BYTES = 256 * 1024
_READ_LINES = 5_000
_MOST_IDS = 20
_IN_TEXT = re.compile(r"^[> \t]*Message-ID:\s*(<[^<>\s]{1,998}>)", re.IGNORECASE | re.MULTILINE)
_MAIL_SYSTEM = re.compile(
    r"(?:mailer.?daemon|mail.?daemon|postmaster|mdaemon|mail.?delivery|microsoftexchange\w*|bounces?|exchange|smtp|daemon"
    r"|mail.?system|mailsystem|mailadmin|mail)(?:[+._-].*)?"
)
_SURELY = re.compile(
    r"(?:mailer.?daemon|mail.?daemon|postmaster|mdaemon|mail.?delivery|microsoftexchange\w*)(?:[+._-].*)?"
)
# What a person hands on or answers, and the mark that a gateway puts before it.
_TAG_LENGTH = 15
_HANDED_ON = re.compile(r"\s*(?:(?:re|r|fwd?|tr|aw|wg|rv|i)\s*:\s*)+", re.IGNORECASE)
_REJECTED = re.compile(r"blocked|reject|rejet|refus", re.IGNORECASE)
# What the library leaves of « rfc822;marie@member.example » and « [SMTP:marie@member.example] ».
_TYPE = re.compile(r"^(?:rfc822|smtp|mailto|utf-8)[;:]\s*", re.IGNORECASE)
FAILURE_SUBJECT = re.compile(
    r"undeliver|returned mail|returned to sender|delivery (?:status|failure|failed|has failed|report|notification|problem)"
    r"|non.?delivery|failure notice|mail delivery|message delivery|not delivered|could not (?:be )?(?:deliver|send)|delivering|rejected mail"
    r"|non.?remis|non.?distribu|non.?délivr|échec de (?:la )?(?:remise|distribution|livraison)|nondeliverable|unzustellbar"
    r"|no se (?:pudo|puede) entregar|mancata consegna|notifica di|user unknown|mail system error|bounce"
    r"|message.{0,20} (?:rejeté|refusé|bloqué)|retourné à l.expéditeur|onbestelbaar|niet (?:bezorgd|afgeleverd)|non consegnat|no entregad"
    r"|nicht zugestellt|cannot send message",
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
    """What a notice says of whom it names, folded once however many they are, and the first status code in it."""

    text: str
    status: str
    starts: dict[str, int]

    @staticmethod
    def of(message: Message, named: Sequence[str]) -> _Words:
        text = notices.words(message)
        folded = text.lower()
        found = severity.STATUS.search(text)
        starts = {address: max(folded.find(address), 0) for address in named}
        return _Words(text, found[1] if found else "", starts)

    def about(self, address: str) -> str:
        """What stands around the address; where others are named, what stands between it and the next of them."""
        at = self.starts[address]
        following = min((start for start in self.starts.values() if start > at), default=len(self.text))
        if len(self.starts) > 1 and following - at > len(address) + _WORDS_LEAST:
            return self.text[at : min(following, at + _WORDS_AFTER)]
        return self.text[max(at - _WORDS_BEFORE, 0) : at + _WORDS_AFTER]

    def finding(self, address: str, action: Action) -> _Finding:
        """A code counts for the address that it stands beside, and for the only one wherever it stands."""
        said = self.about(address)
        beside = severity.STATUS.search(said)
        status = (beside[1] if beside else "") if len(self.starts) > 1 else self.status
        return _Finding(address, action, status, said)


def read(message: Message) -> tuple[Bounce, ...]:
    """Names each recipient of a delivery notice once, from the surest source that names any; () when it is none.

    At most 200 of one source, and 20 message ids: a notice made to name thousands takes no longer.
    """
    findings = next((found for source in _SOURCES if (found := source(message))), ())
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


def is_surely_a_mail_system(message: Message) -> bool:
    """Says whether nobody but a machine that carries mail can have written this: no person is called so."""
    return (
        bool(_SURELY.fullmatch(message.from_address.partition("@")[0]))
        or "mailer-daemon" in message.from_name.lower()
        or message.report_type == "delivery-status"
    )


def has_empty_return_path(message: Message) -> bool:
    """Says whether the mail left with the null sender « <> » (RFC 5321, 4.5.5)."""
    return any(value.replace(" ", "") == "<>" for value in message.headers.all("return-path"))


def is_a_notice(message: Message) -> bool:
    """Says whether a mail system tells that a mail did not arrive.

    Who may be a person must say it in the subject, too: « mail@… », an empty return path, the first words of a machine.
    """
    if tells_of_success(message):
        return False
    if is_surely_a_mail_system(message):
        says_so = notices.tells_of_failure(message) or notices.opens_as_a_machine(message)
        return says_so or bool(FAILURE_SUBJECT.search(message.subject))
    returns_a_letter = bool(reports.returned_headers(message).fields) and "?" not in notices.words(message)
    return bool(FAILURE_SUBJECT.search(message.subject) and not _is_handed_on(message)) and (
        comes_from_a_mail_system(message)
        or notices.opens_as_a_machine(message)
        or (returns_a_letter and notices.tells_of_failure(message))
    )


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
    stated = severity.STATUS.search(fields.header("status"))
    action = _action(fields.header("action"), stated[1] if stated else "")
    if not address or action is None:
        return None
    words = reports.diagnosis(fields.header("diagnostic-code"))
    precise = severity.STATUS.search(words)
    vague = stated is None or stated[1].endswith(".0.0")
    status = precise if vague and precise else stated
    return _Finding(address, action, status[1] if status else "", words, envelope_id=envelope_id, is_reported=True)


def _action(stated: str, status: str) -> Action | None:
    """Servers that leave the action out say by their code what became of the mail (RFC 3463, 2)."""
    return _ACTIONS.get(stated.split(" ")[0].strip().lower()) if stated.strip() else _BY_CLASS.get(status[:1])


def _by_header(message: Message) -> tuple[_Finding, ...]:
    """X-Failed-Recipients of Exim and Google."""
    named = headers.addresses(message.headers.header("x-failed-recipients"))[: reports.MOST_RECIPIENTS]
    words = _Words.of(message, named)
    return tuple(words.finding(address, "failed") for address in named)


def _by_fields_in_text(message: Message) -> tuple[_Finding, ...]:
    """The fields of RFC 3464 where a gateway made plain text of a report, or never made one."""
    if not comes_from_a_mail_system(message):
        return ()
    found = (_reported(fields, "") for fields in notices.fields(message))
    return tuple(replace(finding, is_reported=False) for finding in found if finding is not None)


def _by_known_wording(message: Message) -> tuple[_Finding, ...]:
    """flufl.bounce knows the wordings of many servers: taken for recipients, asked only about mail of mail systems."""
    from_a_person = _is_handed_on(message) and not is_surely_a_mail_system(message)
    known = comes_from_a_mail_system(message) or FAILURE_SUBJECT.search(message.subject)
    if tells_of_success(message) or from_a_person or not known:
        return ()
    temporary, permanent = _known_failures(b"".join(message.raw[:_READ_BYTES].splitlines(keepends=True)[:_READ_LINES]))
    late = notices.tells_of_delay(message)
    named = tuple(dict.fromkeys((*permanent, *temporary)))
    failed = frozenset(() if late else named if _REJECTED.search(message.subject) else permanent)
    words = _Words.of(message, named)
    return tuple(words.finding(address, "failed" if address in failed else "delayed") for address in named)


def _by_notice(message: Message) -> tuple[_Finding, ...]:
    """Whom the notice of a mail system names in words that no program has seen before."""
    if not is_a_notice(message):
        return ()
    named = notices.recipients(message)
    words = _Words.of(message, named)
    action: Action = "delayed" if notices.tells_of_delay(message) else "failed"
    return tuple(words.finding(address, action) for address in named)


def _is_handed_on(message: Message) -> bool:
    """« Fwd: Undelivered Mail » is a person's who hands on what he got; « RE: our subject: undeliverable » is none."""
    found, handed_on = FAILURE_SUBJECT.search(message.subject), _HANDED_ON.match(message.subject)
    return found is not None and handed_on is not None and found.start() <= handed_on.end() + _TAG_LENGTH


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
    return _TYPE.sub("", characters.clean_line(named.decode("ascii", "ignore")).strip(" <>")).lower()


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


# The surest first.
_SOURCES: tuple[Callable[[Message], tuple[_Finding, ...]], ...] = (
    _by_report,
    _by_header,
    _by_fields_in_text,
    _by_known_wording,
    _by_notice,
)
