"""Which line introduces a quote? « Le 26 mai 2023 à 10:12, X a écrit : » in many languages, broken over lines or not."""

from __future__ import annotations

import re
from collections.abc import Iterator

from service.core.reading import heads
from service.core.reading.marks import Line, Mark, put

WROTE = (
    r"(?:a écrit|a ecrit|à écrit|avez écrit|wrote|writes|schrieb|schreibt|geschrieben|escribió|escribio|escribía|ha scritto|scrisse"
    r"|scrive|escreveu|schreef|schrijft|het volgende geschreven|skrev|skriver|kirjoitti|napisał\(?a?\)?|pisze|napsal\(?a?\)?"
    r"|napísal\(?a?\)?|írta|yazdı|yazmış|написал\(?а?\)?|пишет|пише|написав|έγραψε|a scris|va escriure|ha escrit|napisa[ol]a? je|je napisa[ol]"
    r"|rakstīja|parašė|kirjutas|đã viết|menulis)"
)
# Below a quote mark the languages that put no colon or verb of that form: « X 于…写道： », « X님이 작성: », « كتب ».
_WROTE_ELSEWHERE = r"写道|寫道|님이 작성|のメール|تمت كتابة|كتب|כתב\w*|מאת"
_BLANKS = re.compile(r"[\s\u00a0\u202f\u200b]+")
_LINES = 4
_LONGEST = 400
# As it stands in HTML, where lines are broken and indented.
_WITH_BLANKS = 2_000
_TAIL = 40

_DATE = r"(?:\d{4}|\d{1,2}[/.-]\d{1,2}|\d{1,2}\s?[:h]\s?\d{2})"
# A quick look that spares the slow patterns below, which all want a date.
_ANY_DATE = re.compile(_DATE, re.IGNORECASE)
_ENDS_WROTE = re.compile(rf"{WROTE}$", re.IGNORECASE)
# « Le ven. 26 mai 2023 à 10:12, X <x@y> a écrit : », "On …, X wrote:", "Am … schrieb X:"
_OPENS = (
    r"[\W_]*(?:le|on|am|el|il|em|op|den|d(?!['’])|dne|dnia|w dniu|ven|no dia|dia|at|from|de|date|lun|mar|mer|jeu|sam|dim"
    r"|(?:lun|mar|mercre|jeu|vendre|same)di|dimanche|mon|tue|wed|thu|fri|sat|sun"
    r"|(?:mon|tues|wednes|thurs|fri|satur|sun)day|in data|în|στις|vào|missatge de|في|בתאריך|\d{1,4}|\w{1,6}[.,]{0,2} \d{1,2})\b"
)
_OPENING = re.compile(_OPENS, re.IGNORECASE)
_DATE_FIRST = re.compile(rf"(?=.*{_DATE}){_OPENS}.{{4,}}\b{WROTE}\b[^:]{{0,120}}[:：]?", re.IGNORECASE)
# « X <x@y> a écrit le 26 mai 2023 à 10:12 : »
_NAME_FIRST = re.compile(rf".{{2,}}\b{WROTE}\b.{{0,60}}{_DATE}.{{0,40}}:", re.IGNORECASE)
# Any other language: an address and a date, then a colon right before the quote.
_ANY_LANGUAGE = re.compile(rf"(?=.*{_DATE}){_OPENS}.*[\w.+-]+@[\w.-]+.*[:：]", re.IGNORECASE)
_DATED_ADDRESS = re.compile(rf"(?=.*\d{{1,2}}[:.h]\d{{2}}.*<){_OPENS}.*<[^<>@\s]+@[^<>@\s]+>:", re.IGNORECASE)
_ENDS_ADDRESS = re.compile(r"> ?:$")
# What programs write in other languages, with date, hour and address: it needs no marks below.
_HOUR = r"\d{1,2}[:.]\d{2}"
_AT = r"[<(]\s?[^<>()@\s]+@[^<>()@\s]+\s?[>)]"
_SURE_FORMS = re.compile(
    rf"(?:19|20)\d{{2}}\s?[年년].{{0,40}}{_HOUR}.{{0,100}}{_AT}\s?(?:님이 작성)?\s?[:：]"
    rf"|.{{1,80}}{_AT} 于 ?(?:19|20)\d{{2}}年.{{0,40}}写道[:：]"
    rf"|.{{1,80}}{_AT},? .{{0,40}}{_HOUR} tarihinde(?: şunu)? yazdı:"
    rf"|.{{1,80}}{_AT} ezt írta \(időpont: .{{0,40}}{_HOUR}\):"
    rf"|missatge de .{{1,80}}{_AT} del dia .{{0,40}}{_HOUR}:"
    rf"|.{{0,60}}{_HOUR}.{{0,20}} (?:تمت كتابة ما يلي بواسطة|מאת) .{{1,80}}{_AT}:"
    rf"|.{{0,60}}{_HOUR}.{{0,20}},? ο χρήστης .{{1,80}}{_AT} έγραψε:"
    rf"|\d{{1,2}}\.? \w{{3,10}}\.? (?:19|20)\d{{2}}, {_HOUR} (?:de|von|by|da|van|por) [^\s<>@]+@[^\s<>@]+ ?:"
    rf"|\w{{3,9}} \d{{1,2}}, (?:19|20)\d{{2}}, {_HOUR} by [^\s<>@]+@[^\s<>@]+ ?:",
    re.IGNORECASE,
)
# « 2023/5/26 X <x@y> », as Gmail wrote it in many languages; only right above a quote with marks.
_YEAR_FIRST = re.compile(r"(?:19|20)\d{2}[/.-]\d{1,2}[/.-]\d{1,2} .{0,120}<[^<>@\s]+@[^<>@\s]+>:?")
# « ---- X wrote ---- », between dashes on both sides, as Samsung and Zoho write it.
_DASHED = re.compile(rf"-{{2,}}\s?\S.{{0,100}}\b{WROTE}\s?:?\s?-{{2,}}", re.IGNORECASE)

# Right above a quote with marks, an address is enough, or a name and the verb: Horde, Gnus.
_QUOTING = re.compile(
    rf"(?:quoting|citando|zitat von|citerar|citat|citando a|citation de|en réponse à|selon|aan het citeren) .{{2,80}}:"
    rf"|.{{2,80}}\b(?:{WROTE}|a dit|said|says)\s?:",
    re.IGNORECASE,
)
_ADDRESSED = re.compile(rf"(?=.*(?:{_DATE}|{WROTE}|{_WROTE_ELSEWHERE})).*{_AT}.*(?:[:：]|{WROTE})", re.IGNORECASE)
# Who tells something of himself writes a sentence, even with an address and a date.
_TOLD = re.compile(
    r"\b(?:(?<!napisao )(?<!napisala )je|j['’]\w+|nous|vous|m['’]\w+|moi|mes|notre|votre|we|you|us|my|our|your|ich|wir|sie|uns|mir|mich|yo|ik|wij|io)\b",
    re.IGNORECASE,
)
_MAIL = re.compile(r"[\w.+-]+@[\w.-]+")
# Without an address: a day and an hour as clocks write it, then a name (« la mairie a écrit » is a sentence).
_NAMED = re.compile(
    r"(?=.*(?:\b\d{4}\b|\d{1,2}[/.-]\d{1,2}[/.-]\d{2})).*?\d{1,2}[:.]\d{2}(?:[:.]\d{2})?(?:\s?[APap]\.?[Mm]\.?\b)?"
    r"(?:\s(?:Uhr|\(?[A-Z]{2,4}(?:[+-][\d:]{1,5})?\)?|[+-]\d{4}))?[,;]?\s(?:heeft |schrieb |schreef |skrev )?"
    r"(?!(?:Uhr|UTC|GMT|CES?T|[AP]M)\b)[\"“«'(<*]?[A-ZÀ-ÖØ-Þ0-9].{0,120}"
)
# A line that ends a sentence is no beginning of the introduction that stands below it.
_ENDS = ("?", "!", ":", "：", ".")
_ENDS_SENTENCE = re.compile(r"(?:[?!:：]|\w{6,}\.)$")
# Words of the writer on the same line as the introduction (« d’accord --- On 12 May, x@y wrote: »).
_SHARED = re.compile(r"\W*\w.*\W(?:on|le|am|el|il|op)\s.*\d.*@", re.IGNORECASE)
_CITES = re.compile(r"\s*[«\"“„]")


def mark(lines: list[Line]) -> None:
    """Marks what introduces the quotes with marks, and the unmarked quote that a sure introduction begins, in place."""
    texts = [_said(line) for line in lines]
    for start, line in enumerate(lines):
        if not line.own or not _may_introduce(texts[start]):
            continue
        end, sure = _introduction(lines, texts, start)
        if not end:
            continue
        following = next((lines[number] for number in range(end, len(lines)) if not lines[number].blank), None)
        if (following is not None and following.mark is Mark.QUOTE) or (following is None and sure):
            put(Mark.ATTRIBUTION, lines, start, end)
        elif following is not None and following.mark is Mark.OWN and sure and not _CITES.match(following.text):
            put(Mark.TAIL, lines, start, len(lines))
    _mark_above_quotes(lines, texts)


def is_of_a_program(text: str) -> bool:
    """Says whether a text is an introduction as only programs write it, so that what follows is quoted without marks."""
    if len(text) > _WITH_BLANKS:
        return False
    said = _BLANKS.sub(" ", heads.visible(text)).strip()
    return len(said) <= _LONGEST and bool(_SURE_FORMS.fullmatch(said) or (_introduces(said) and _is_sure(said)))


def is_dashed(text: str) -> bool:
    """Says whether a line is « ---- X wrote ---- »."""
    return _DASHED.fullmatch(text.strip()) is not None


def _said(line: Line) -> str:
    return _BLANKS.sub(" ", heads.visible(line.text)).strip() if line.own else ""


def _may_introduce(text: str) -> bool:
    return len(text) <= _LONGEST and bool(_OPENING.match(text) or _is_name_first(text) or _MAIL.search(text))


def _is_name_first(sentence: str) -> bool:
    return bool(_ANY_DATE.search(sentence) and _NAME_FIRST.fullmatch(sentence))


def _introduction(lines: list[Line], texts: list[str], start: int) -> tuple[int, bool]:
    """Finds where the introduction that begins here ends (0: there is none), and whether it needs no quote."""
    for end, joined in _beginnings(lines, texts, start):
        if "@" in joined and _SURE_FORMS.fullmatch(joined):
            return end, True
        if _introduces(joined):
            return end, _is_sure(joined)
        if _ENDS_ADDRESS.search(joined) and _DATED_ADDRESS.fullmatch(joined):
            return end, True
        followed = next((each.mark is Mark.QUOTE for each in lines[end : end + 2] if not each.blank), False)
        if followed and (
            _YEAR_FIRST.fullmatch(joined) or (joined.endswith((":", "：")) and _ANY_LANGUAGE.fullmatch(joined))
        ):
            return end, False
    return 0, False


def _beginnings(lines: list[Line], texts: list[str], start: int) -> Iterator[tuple[int, str]]:
    """Gives what stands here as one sentence: the first line, the first two… as far as an introduction may go."""
    joined, read = "", 0
    for end in range(start + 1, len(lines) + 1):
        if lines[end - 1].blank and _address_follows(lines, end):
            continue
        if lines[end - 1].blank or (read and joined.endswith(_ENDS) and _ENDS_SENTENCE.search(joined[-20:])):
            return
        joined, read = f"{joined} {texts[end - 1]}".strip(), read + 1
        if not lines[end - 1].own or read > _LINES or len(joined) > _LONGEST:
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
    ends = sentence.endswith((":", "：")) or _ENDS_WROTE.search(sentence[-_TAIL:])
    return bool(ends) and bool(_DATE_FIRST.fullmatch(sentence) or _NAME_FIRST.fullmatch(sentence))


def _is_sure(sentence: str) -> bool:
    """Where no mark tells the quote, the sentence must be one of a program: an address, or the hour and a name."""
    if _MAIL.search(sentence):
        return not _TOLD.search(_MAIL.sub("", sentence).replace("vous a écrit", ""))
    return sentence.endswith((":", "：", "--")) and bool(_NAMED.fullmatch(sentence)) and not _TOLD.search(sentence)


def _mark_above_quotes(lines: list[Line], texts: list[str]) -> None:
    """Right above a quote with marks less is needed: the fewest lines that name who wrote are its introduction."""
    for number, line in enumerate(lines):
        if line.mark is not Mark.QUOTE or (number and lines[number - 1].mark is Mark.QUOTE):
            continue
        end = number
        while end > 0 and lines[end - 1].mark is Mark.OWN and lines[end - 1].blank:
            end -= 1
        for start in range(end - 1, max(-1, end - 1 - _LINES), -1):
            if not lines[start].own:
                break
            if _names_who_wrote(lines, " ".join(texts[start:end]), start, number):
                put(Mark.ATTRIBUTION, lines, start, end)
                break


def _names_who_wrote(lines: list[Line], sentence: str, start: int, quote: int) -> bool:
    if not sentence.endswith((":", "：")) and not _ENDS_WROTE.search(sentence[-_TAIL:]):
        return False
    if len(sentence) > _LONGEST or _TOLD.search(_MAIL.sub("", sentence)) or _SHARED.match(sentence):
        return False
    if _ADDRESSED.fullmatch(sentence) or (_MAIL.search(sentence) and _QUOTING.fullmatch(sentence)):
        return True
    # A name without an address: the writer may cite somebody in the middle of his letter.
    below = next((each for each in lines[quote:] if each.mark is not Mark.QUOTE and not each.blank), None)
    alone = (
        not any(each.own for each in lines[:start])
        and not any(each.own and not each.blank for each in lines[start + 1 : quote])
    ) or below is None
    return alone and sentence[:1].isupper() and len(sentence) <= 80 and bool(_QUOTING.fullmatch(sentence))
