"""Whom does a notice of a mail system name, and what became of the mail, where only its own words tell it?"""

from __future__ import annotations

import re
from collections.abc import Iterator

from service.core.reading import headers, markup, reports
from service.core.reading.headers import Headers
from service.core.reading.parsing import Message

# What a server says stands at the top; all that is looked for in the text is looked for here.
_READ_LETTERS = 64 * 1024
_READ_LINES = 5_000
_OPENING_LETTERS = 3_000
_FIELDS_LINES = 12
_ADDRESS = r"([^\s<>()\[\],;:\\\"'«»@|]{1,128}@[^\s<>()\[\],;:\\\"'«»@|]{1,254}\w)"
# Where the letter that is returned begins: its words are ours, and its addresses prove nothing.
# Blanks of one line alone: ten thousand empty lines would else be looked at ten thousand times.
_RETURNED = re.compile(
    r"^[- \t*=>|_]{0,80}(?:below this line is a copy|this is a copy of|a copy of (?:the|your)|(?:possibly )?(?:truncated )?original (?:message|headers?)\b"
    r"|message (?:headers?|text) follows?|the headers? of the original|returned message|unsent message|copie du message"
    r"|(?:texte du )?message (?:d.origine|original|initial)|ursprüngliche nachricht|mensaje original|messaggio originale)"
    r"|^(?:Return-Path|Received|DKIM-Signature|MIME-Version|X-[\w-]+): ",
    re.IGNORECASE | re.MULTILINE,
)
# An address that opens a line, or follows a short label: nobody but the recipient stands there in a notice.
_OPENS_A_LINE = re.compile(rf"^[\s>*•–|\[(\"'«<-]*(?:(?:smtp|rfc822|mailto)[:;]\s*)?{_ADDRESS}", re.IGNORECASE)
_LABELLED = re.compile(
    rf"^[^:@\n]{{1,40}}:[\s\[(\"'«<]*(?:(?:smtp|rfc822|mailto)[:;]\s*)?{_ADDRESS}[\s\])\"'»>.,]*(?:\(.*)?$",
    re.IGNORECASE,
)
_OF_ANOTHER = re.compile(
    r"\b(?:from|sender|reply|return|contact|help|support|message.?id|x-[\w-]+|de|exp[eé]diteur|von|absender|remitente|mittente|afzender)\b",
    re.IGNORECASE,
)
_IN_A_SENTENCE = re.compile(
    r"\b(?:deliver(?:ed|y)?|messages?|mail|e-?mails?|courriels?|remis|distribué|délivré|envoyé|adressé|nachricht|mensaje|messaggio|bericht|send)\b"
    rf"[^\n@.]{{0,60}}?\b(?:to|for|à|au|an|aan|a|pour)\b[\s:\"'«<]*{_ADDRESS}",
    re.IGNORECASE,
)
_STAMPED_FOR = re.compile(rf"\bfor <?{_ADDRESS}", re.IGNORECASE)
_NO_RECIPIENT = re.compile(r"(?:mailer.?daemon|postmaster|abuse|hostmaster)@.*")
_FIELD_IN_TEXT = re.compile(r"^[>\s]*(?:original|final)-recipient\s*:", re.IGNORECASE)
_SAYS_FAILED = re.compile(
    r"(?:could|can|was|were|has|have|did)(?: ?not|n.t)(?: yet)?(?: been| be)? (?:successfully )?(?:deliver|sent|reach|accept)|undeliver(?:able|ed)"
    r"|(?:un|not |n.t )able to deliver|deliver\w* (?:has |have )?failed|fail\w* to deliver|(?:fatal|delivery) errors?|error has occurred while"
    r"|problem delivering|error delivering"
    r"|(?:pu|pas) [eê]tre (?:remis|distribu[eé]|d[eé]livr[eé]|achemin[eé]|livr[eé]|envoy[eé])"
    r"|a [eé]t[eé] (?:rejet[eé]|refus[eé]|bloqu[eé])|(?:remise|distribution) .{0,60}a échoué"
    r"|(?:konnte|kann|wurde)\b.{0,40}nicht (?:zugestellt|übermittelt)|no (?:se )?(?:pudo|ha podido|puede)\b.{0,20}entreg"
    r"|non (?:è stato|può essere|ha potuto essere) (?:consegnat|recapitat)|niet (?:worden )?(?:afgeleverd|bezorgd)",
    re.IGNORECASE,
)
_SAYS_DELAYED = re.compile(
    r"\bdelayed\b|not yet (?:been )?deliver|still (?:being retried|undelivered|trying)|will (?:keep trying|retry|continue|be retried)"
    r"|warning message only|simple message d.avertissement|attempts will continue|could not send message for past|delivery incomplete"
    r"|\bretard(?:ée?s?|s)?\b|verzögert|retrasad|ritardo|vertraagd",
    re.IGNORECASE,
)
_GAVE_UP = re.compile(
    r"permanent|given up|giving up|stopped trying|not going to try|will not (?:be retried|continue)|has been removed|returned to (?:the )?sender"
    r"|abandon|définitive|retourné",
    re.IGNORECASE,
)
_OPENS_AS_A_MACHINE = re.compile(
    r"\W*(?:this message was created automatically by|this is the (?:mail|e-?mail) (?:system|delivery)|this is an automatically generated delivery"
    r"|this is a delivery (?:status|failure) notification|hi\. this is the \S+ program|ce message a été créé automatiquement par"
    r"|ceci est le système de messagerie|diese nachricht wurde automatisch vo[nm]|ce message est une notification automatique d.état)",
    re.IGNORECASE,
)


def words(message: Message) -> str:
    """Gives what a notice itself says, at most 64 KB, without the letter that it returns below."""
    text = message.text if message.text.strip() else _as_lines(message.html)
    text = text[:_READ_LETTERS]
    returned = _RETURNED.search(text)
    return text[: returned.start()] if returned and text[: returned.start()].strip() else text


def opens_as_a_machine(message: Message) -> bool:
    """Says whether the first words are those with which a program that carries mail presents itself."""
    return bool(_OPENS_AS_A_MACHINE.match(message.text))


def tells_of_failure(message: Message) -> bool:
    """Says whether the first words tell, in one of six languages, that a mail did not arrive."""
    return bool(_SAYS_FAILED.search(words(message)[:_OPENING_LETTERS]))


def tells_of_delay(message: Message) -> bool:
    """Says whether a notice only warns that a mail is late; a server that gave up says that, too."""
    opening = f"{message.subject}\n{words(message)[:_OPENING_LETTERS]}"
    return bool(_SAYS_DELAYED.search(opening)) and not _GAVE_UP.search(opening)


def fields(message: Message) -> tuple[Headers, ...]:
    """Gives the fields of RFC 3464 that a notice writes as plain text, a group for each recipient."""
    lines = message.text[:_READ_LETTERS].split("\n")[:_READ_LINES]
    starts = [number for number, line in enumerate(lines) if _FIELD_IN_TEXT.match(line)]
    groups = []
    for start in starts[: reports.MOST_RECIPIENTS]:
        block = "\n".join(_around(lines, start)).encode()
        groups.append(headers.split(block, 0, len(block), len(block)).decoded())
    return tuple(groups)


def recipients(message: Message) -> tuple[str, ...]:
    """Names whom a notice says that it did not reach: never who wrote it or whom it was sent to.

    Whom the returned letter was sent to counts most among them; alone it counts where a server stamped it or it was one person.
    """
    told = words(message)
    strangers = {*message.recipients, *message.authors, ""}
    named = [address for address in dict.fromkeys(_named(told)) if address not in strangers]
    stamped, addressed = _sent_to(message, told)
    both = [address for address in named if address in {*stamped, *addressed}]
    alone = [address for address in stamped or addressed if address not in strangers]
    chosen = both or named or (alone[:1] if stamped or len(alone) == 1 else [])
    return tuple(chosen[: reports.MOST_RECIPIENTS])


def _as_lines(html: str) -> str:
    return "\n".join(line.text for line in markup.lines(html)) if html.strip() else ""


def _around(lines: list[str], start: int) -> Iterator[str]:
    """The lines of one group: no empty one among them, and what stands above the name of the recipient too."""
    above = start
    while above > max(start - _FIELDS_LINES, 0) and ":" in lines[above - 1]:
        above -= 1
    for number in range(above, min(start + _FIELDS_LINES, len(lines))):
        line = lines[number].lstrip("> ")
        if not line.strip() or (number > start and _FIELD_IN_TEXT.match(line) and not _same(lines, start, number)):
            return
        yield line


def _same(lines: list[str], start: int, number: int) -> bool:
    """Original and final recipient are two names of one."""
    return lines[start].strip("> ")[:5].lower() != lines[number].strip("> ")[:5].lower()


def _named(told: str) -> Iterator[str]:
    for line in told.split("\n")[:_READ_LINES]:
        found = _OPENS_A_LINE.match(line)
        labelled = None if found else _LABELLED.match(line)
        if labelled and not _OF_ANOTHER.search(line.partition(":")[0]):
            found = labelled
        for each in [found] if found else _IN_A_SENTENCE.finditer(line[:1_000]):
            address = each[1].rstrip(".").lower()
            if not _NO_RECIPIENT.fullmatch(address):
                yield address


def _sent_to(message: Message, told: str) -> tuple[list[str], list[str]]:
    """To whom the returned letter went: servers wrote it into their stamps, the last one on top, and we into To."""
    returned = reports.returned_headers(message)
    if not returned.fields:
        below = message.text[len(told) : _READ_LETTERS].partition("\n")[2].lstrip().encode()
        returned = headers.split(below, 0, len(below), _READ_LETTERS).decoded()
    stamped = [found[1].lower() for value in returned.all("received") if (found := _STAMPED_FOR.search(value))]
    addressed = [address for value in returned.all("to") for address in headers.addresses(value)]
    return stamped, addressed
