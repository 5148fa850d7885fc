"""Which lines of a letter are the message it answers? Ordered rules; when unsure a line stays the writer's."""

from __future__ import annotations

import re
from collections.abc import Iterator

from service.core.reading.marks import Line, Mark, put

_WROTE = (
    r"(?:a écrit|a ecrit|à écrit|avez écrit|wrote|writes|schrieb|geschrieben|escribió|escribio|ha scritto|scrisse"
    r"|escreveu|schreef|het volgende geschreven|skrev|kirjoitti|napisał\(?a?\)?|napsal\(?a?\)?|írta|yazdı|yazmış|написал\(?а?\)?|пишет"
    r"|a scris|va escriure)"
)
_QUOTED = re.compile(r"[ \t\u00a0]{0,4}>")
# « X <x@y », wrapped before the bracket that closes the address: « >: » or « > a écrit : » is no quoted line.
_OPEN_BRACKET = re.compile(r"<[^<>]*(?:<[^<>]*>\s*)?")
_CLOSED_BELOW = re.compile(rf"\s*>\s*(?:{_WROTE}\s*)?[:：]\s*", re.IGNORECASE)
# A link in brackets whose end was wrapped: one word that closes the bracket.
_OPEN_LINK = re.compile(r".*[(<\[]https?://[^\s()<>\[\]]+", re.IGNORECASE)
_END_OF_LINK = re.compile(r"[^\s()<>\[\]]+[)>\]][.,]?\s*")
_BLANKS = re.compile(r"[\s\u00a0\u202f\u200b]+")
_UNSEEN = dict.fromkeys(map(ord, "\u200b\u200e\u200f\u2060"))
_ATTRIBUTION_LINES = 4
_ADDRESS_LINES = 2
_ATTRIBUTION_LENGTH = 400
_WRAPPED = 60

_DATE = r"(?:\d{4}|\d{1,2}[/.-]\d{1,2}|\d{1,2}\s?[:h]\s?\d{2})"
# A quick look that spares the slow patterns below, which all want a date.
_ANY_DATE = re.compile(_DATE, re.IGNORECASE)
_ENDS_WROTE = re.compile(rf"{_WROTE}$", re.IGNORECASE)
# « Le ven. 26 mai 2023 à 10:12, X <x@y> a écrit : », "On …, X wrote:", "Am … schrieb X:"
_OPENS = (
    r"[\W_]*(?:le|on|am|el|il|em|op|den|d|dne|dnia|w dniu|ven|no dia|dia|at|from|de|date|lun|mar|mer|jeu|sam|dim"
    r"|(?:lun|mar|mercre|jeu|vendre|same)di|dimanche|mon|tue|wed|thu|fri|sat|sun"
    r"|(?:mon|tues|wednes|thurs|fri|satur|sun)day|in data|op|\d{1,4}|\w{1,6}[.,]{0,2} \d{1,2})\b"
)
_OPENING = re.compile(_OPENS, re.IGNORECASE)
_DATE_FIRST = re.compile(rf"(?=.*{_DATE}){_OPENS}.{{4,}}\b{_WROTE}\b[^:]{{0,120}}[:：]?", re.IGNORECASE)
# « X <x@y> a écrit le 26 mai 2023 à 10:12 : »
_NAME_FIRST = re.compile(rf".{{2,}}\b{_WROTE}\b.{{0,60}}{_DATE}.{{0,40}}:", re.IGNORECASE)
# Any other language: an address and a date, then a colon right before the quote.
_ANY_LANGUAGE = re.compile(rf"(?=.*{_DATE}){_OPENS}.*[\w.+-]+@[\w.-]+.*:", re.IGNORECASE)
_DATED_ADDRESS = re.compile(rf"(?=.*\d{{1,2}}[:.h]\d{{2}}.*<){_OPENS}.*<[^<>@\s]+@[^<>@\s]+>:", re.IGNORECASE)
_ENDS_ADDRESS = re.compile(r"> ?:$")
# « 2023/5/26 X <x@y> », as Gmail wrote it in many languages; only right above a quote with marks.
_YEAR_FIRST = re.compile(r"(?:19|20)\d{2}[/.-]\d{1,2}[/.-]\d{1,2} .{0,120}<[^<>@\s]+@[^<>@\s]+>:?")
_SURE = re.compile(
    r"[\w.+-]+@[\w.-]+|\d{1,2}\s?[:h]\s?\d{2}\b|\d{1,2}/\d{1,2}/\d{2}|\d{4}-\d{2}-\d{2}|\b(?:19|20)\d{2}\b"
)

_SEPARATOR = re.compile(
    r"[\s>]*(?:[-_=*]{2,}|—+)\s*(?:message d.origine|message original|message initial|mail original|e-?mail d.origine"
    r"|courriel d.origine|courrier d.origine|message transféré|message transfere|message réexpédié|original message"
    r"|original e?-?mail|original appointment|forwarded message|forwarded mail|reply message|reply to message"
    r"|ursprüngliche nachricht|ursprüngliche e-mail|mensaje original|mensaje reenviado|messaggio originale"
    r"|messaggio inoltrato|mensagem original|oorspronkelijk bericht|originalmeddelande|oprindelig (?:meddelelse|besked)"
    r"|opprinnelig melding|oryginalna wiadomość|původní zpráva)\s*(?:[-_=*]{2,}|—+).{0,80}",
    re.IGNORECASE,
)
# « ---- X wrote ---- », between dashes on both sides, as Samsung and Zoho write it.
_DASHED = re.compile(rf"-{{2,}}\s?\S.{{0,100}}\b{_WROTE}\s?:?\s?-{{2,}}", re.IGNORECASE)
_BEGIN_FORWARD = re.compile(r"(?:début du message (?:réexpédié|transféré)|begin forwarded message)\s*:", re.IGNORECASE)
# Possessive (3,}+), because a long line of dashes would be tried in every way to part it.
_RULE = re.compile(r"\s*(?:[-_]{7,}+|[-_]{3,}+ ?[\w .'’-]{1,40} ?[-_]{3,}+|_{10,}|-{20,}|={20,}|\*{20,})\s*")

_FROM = r"de|from|von|van|da|från|fra|od|от|expéditeur|lähettäjä|kimden|发件人|寄件者|差出人"
_SENT = (
    r"envoyé|envoyé le|sent|gesendet|verzonden|enviado|enviado el|enviada em|inviato|skickat|sendt|wysłano|lähetetty"
    r"|отправлено|发送时间|送信日時"
)
_DAY = rf"(?P<sent>{_SENT})|message du|date|datum|data|fecha|dato|дата|日期|寄件日期"
_TO = r"à|a|to|an|aan|para|till|til|do|destinataire|кому|收件人|收件者|宛先"
_SUBJECT = r"objet|subject|sujet|betreff|onderwerp|asunto|oggetto|assunto|ämne|emne|temat|тема|主题|主旨|件名"
_COPY = r"cc|copie|copie à|bcc|cci|kopie|kopia|copia|répondre à|reply-to|importance|priorité|pièces jointes|attachments"
_FIELD = re.compile(
    rf"[\s>*|]*(?:(?P<from>{_FROM})|(?P<day>{_DAY})|(?P<to>{_TO})|(?P<subject>{_SUBJECT})|(?P<copy>{_COPY}))"
    r"\s*(?:\*\s*)?[:：]\*?(?P<value>.*)",
    re.IGNORECASE,
)
_DATED = re.compile(r"\b(?:19|20)\d{2}\b|\d{1,2}[/.]\d{1,2}[/.]\d{2}|\d{1,2}\s?[:h]\s?\d{2}")
_TIMED = re.compile(r"(?=.*\b(?:19|20)\d{2}\b).*\b\d{1,2}\s?[:h]\s?\d{2}")
# The date of RFC 5322 (3.3), which programs write and people do not.
_WIRE_DATE = re.compile(r"\s*\w{3}, \d{1,2} \w{3} \d{4} \d{2}:\d{2}:\d{2} [+-]\d{4}\b.*")
_ADDRESS = re.compile(r"(?:[^<>@]*<)?[^\s<>@]+@[^\s<>@]+>?", re.IGNORECASE)
_BLOCK_LINES = 14
_CONTINUATIONS = 3


def mark(lines: list[Line]) -> list[Line]:
    """Marks the quoted lines, what introduces them, and the unmarked quote that runs to the end of the letter."""
    result = list(lines)
    for rule in (_mark_quoted, _mark_attributions, _unmark_lonely, _mark_tail):
        rule(result)
    return result


def _mark_quoted(lines: list[Line]) -> None:
    """A line with « > » is quoted, and so is an empty one between two of them."""
    for number, line in enumerate(lines):
        if line.mark is Mark.OWN and _QUOTED.match(line.text) and not _closes_address(lines, number):
            put(Mark.QUOTE, lines, number, number + 1)
    before = -1
    for number, line in enumerate(lines):
        if line.mark is Mark.QUOTE:
            gap = lines[before + 1 : number] if before >= 0 else []
            if gap and all(each.blank for each in gap):
                put(Mark.QUOTE, lines, before + 1, number)
            before = number
        elif _wraps_on(lines, number):
            put(Mark.QUOTE, lines, number, number + 1)
            before = number
        elif not line.blank:
            before = -1


def _closes_address(lines: list[Line], number: int) -> bool:
    above = " ".join(line.text for line in lines[max(0, number - _ADDRESS_LINES) : number])[-_ATTRIBUTION_LENGTH:]
    at = above.find("<")
    return (
        at >= 0
        and bool(_CLOSED_BELOW.fullmatch(lines[number].text))
        and bool(_OPEN_BRACKET.fullmatch(above, at))
        and not lines[number - 1].blank
    )


def _wraps_on(lines: list[Line], number: int) -> bool:
    """A long quoted line whose end was wrapped without its mark: it goes on in small letters, and the quote follows."""
    if not 0 < number < len(lines) - 1 or lines[number].blank or lines[number - 1].mark is not Mark.QUOTE:
        return False
    before, text = lines[number - 1].text.rstrip(), lines[number].text
    if _OPEN_LINK.fullmatch(before) and _END_OF_LINK.fullmatch(text):
        return True
    breaks = len(before) >= _WRAPPED and before[-1] not in ".?!:;…" and not text[0].isupper() and not text[0].isspace()
    return breaks and bool(_QUOTED.match(lines[number + 1].text))


def _mark_attributions(lines: list[Line]) -> None:
    texts = [_BLANKS.sub(" ", line.text.translate(_UNSEEN)).strip() if line.own else "" for line in lines]
    for start, line in enumerate(lines):
        if not line.own or not _may_introduce(texts[start]):
            continue
        end, sure = _attribution(lines, texts, start)
        if not end:
            continue
        following = next((lines[number].mark for number in range(end, len(lines)) if not lines[number].blank), None)
        if following is Mark.QUOTE or (following is None and sure):
            put(Mark.ATTRIBUTION, lines, start, end)
        elif following is Mark.OWN and sure:
            put(Mark.TAIL, lines, start, len(lines))


def _may_introduce(text: str) -> bool:
    return len(text) <= _ATTRIBUTION_LENGTH and bool(_OPENING.match(text) or _is_name_first(text))


def _is_name_first(sentence: str) -> bool:
    return bool(_ANY_DATE.search(sentence) and _NAME_FIRST.fullmatch(sentence))


def _attribution(lines: list[Line], texts: list[str], start: int) -> tuple[int, bool]:
    """Finds where the introduction that begins here ends (0: there is none), and whether it needs no quote."""
    for end, joined in _beginnings(lines, texts, start):
        if _introduces(joined):
            return end, bool(_SURE.search(joined)) and (joined.endswith((":", "：", "--")) or "@" in joined)
        if _ENDS_ADDRESS.search(joined) and _DATED_ADDRESS.fullmatch(joined):
            return end, True
        followed = next((each.mark is Mark.QUOTE for each in lines[end : end + 2] if not each.blank), False)
        if followed and (_YEAR_FIRST.fullmatch(joined) or (joined.endswith(":") and _ANY_LANGUAGE.fullmatch(joined))):
            return end, False
    return 0, False


def _beginnings(lines: list[Line], texts: list[str], start: int) -> Iterator[tuple[int, str]]:
    """Gives what stands here as one sentence: the first line, the first two… as far as an introduction may go."""
    joined, read = "", 0
    for end in range(start + 1, len(lines) + 1):
        if lines[end - 1].blank and _address_follows(lines, end):
            continue
        joined, read = f"{joined} {texts[end - 1]}".strip(), read + 1
        if not lines[end - 1].own or read > _ATTRIBUTION_LINES or len(joined) > _ATTRIBUTION_LENGTH:
            return
        yield end, joined


def _address_follows(lines: list[Line], number: int) -> bool:
    """Some programs (Polymail) put the address between brackets by itself, below a blank line."""
    return number < len(lines) and lines[number].text.strip() == "<"


def _introduces(sentence: str) -> bool:
    """A sentence of the writer that tells that someone wrote ends otherwise (« le CA a écrit que… »)."""
    sentence = sentence.strip("-_*> ")
    if not _ANY_DATE.search(sentence):
        return False
    ends = sentence.endswith((":", "：")) or _ENDS_WROTE.search(sentence)
    return bool(ends) and bool(_DATE_FIRST.fullmatch(sentence) or _NAME_FIRST.fullmatch(sentence))


def _unmark_lonely(lines: list[Line]) -> None:
    """One line with « > » in the whole letter, introduced by nothing, is the writer's (« > 50 % des voix ? »)."""
    quoted = [number for number, line in enumerate(lines) if line.mark in {Mark.QUOTE, Mark.ATTRIBUTION}]
    if len(quoted) == 1 and _QUOTED.match(lines[quoted[0]].text):
        put(Mark.OWN, lines, quoted[0], quoted[0] + 1)


def _mark_tail(lines: list[Line]) -> None:
    """What follows the head of a message is quoted to the end, unless the quote has marks: then they tell its end."""
    for number, line in enumerate(lines):
        if not line.own:
            continue
        length = 1 if _separates(line.text) else _head_length(lines, number)
        if not length:
            continue
        start = _with_rule_above(lines, number)
        quote = _marked_quote_below(lines, number + length)
        put(Mark.ATTRIBUTION if quote else Mark.TAIL, lines, start, quote or len(lines))
        if not quote:
            return


def _marked_quote_below(lines: list[Line], start: int) -> int:
    """Finds the quote with marks that stands right below a head (0: there is none)."""
    number = start
    while number < len(lines) and (lines[number].blank or (length := _head_length(lines, number))):
        number += 1 if lines[number].blank else length
    return number if number < len(lines) and lines[number].mark is Mark.QUOTE else 0


def _separates(text: str) -> bool:
    return any(pattern.fullmatch(text.strip()) for pattern in (_SEPARATOR, _DASHED, _BEGIN_FORWARD))


def _head_length(lines: list[Line], start: int) -> int:
    """De / Envoyé / À / Objet: enough of them in a row with a true date, so that a writer's own list is none (0)."""
    seen: dict[str, str] = {}
    loose, length, sent = 0, 0, False
    for number, line in enumerate(lines[start : start + _BLOCK_LINES], 1):
        field = _FIELD.fullmatch(line.text.translate(_UNSEEN))
        if field is None and (not seen or line.blank or loose == _CONTINUATIONS):
            break
        loose = 0 if field else loose + 1
        if field:
            length = number
            seen.setdefault(_label(field), field["value"])
            sent = sent or field["sent"] is not None
    return length if _heads_a_message(seen, sent=sent) else 0


def _label(field: re.Match[str]) -> str:
    return next(name for name in ("from", "day", "to", "subject", "copy") if field[name] is not None)


def _heads_a_message(seen: dict[str, str], *, sent: bool) -> bool:
    dated = bool(_DATED.search(seen.get("day", "")))
    addressed = "@" in seen.get("from", "")
    proofs = (dated, addressed, "subject" in seen)
    if "from" in seen and len(seen) >= 3 and sum(proofs) >= 2:
        return True
    return _is_short_head(seen, sent=sent)


def _is_short_head(seen: dict[str, str], *, sent: bool) -> bool:
    """Two or three fields prove a message when their values have the forms of programs: an address, a date with time."""
    names = list(seen)
    day = seen.get("day", "")
    other = seen.get("from", seen.get("to", "")).strip()
    if names[:2] in (["from", "day"], ["day", "from"], ["day", "to"]) and _ADDRESS.fullmatch(other):
        return bool(_WIRE_DATE.fullmatch(day) or ("from" in seen and _TIMED.match(day)))
    return sent and names[:3] == ["from", "day", "to"] and bool(_TIMED.match(day))


def _with_rule_above(lines: list[Line], number: int) -> int:
    above = number
    while above > 0 and lines[above - 1].mark is Mark.OWN and lines[above - 1].blank:
        above -= 1
    return above - 1 if above > 0 and lines[above - 1].own and _RULE.fullmatch(lines[above - 1].text) else number
