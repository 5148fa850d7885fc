"""Which lines of a letter are a signature? What programs add, what stands after « -- », and confidentiality notices."""

from __future__ import annotations

import re

from service.core.reading import closings, footers, heads
from service.core.reading.marks import Line, Mark, put

# The exact delimiter of RFC 3676 (4.3) and the same as programs trim it.
_DELIMITER = re.compile(r"--[ \u00a0]?\s*")
_LONGEST = 12
# Written after the program had signed.
_POSTSCRIPT = re.compile(r"\W*(?:p\.?\s?-?\s?s\b|n\.?\s?b\b|post-?scriptum)\W", re.IGNORECASE)
_NOTICE = re.compile(
    r"(?:(?:ce|le présent) (?:message|courriel|courrier|mail|e-?mail)|cet e-?mail|cette (?:communication|transmission)|ces informations"
    r"|les informations|avertissement|avis (?:de confidentialité|important|légal)|mention légale|confidentialité"
    r"|this (?:e-?mail|message|communication|transmission)|the (?:information|contents?)|(?:important |legal )?notice|disclaimer"
    r"|confidential(?:ity)?|privileged|diese[rs]? (?:e-?mail|nachricht|mail)|der inhalt|die (?:information|in dieser)|vertraulich\w*|hinweis"
    r"|est[ea] (?:mensaje|correo|e-?mail|comunicación|mensagem)|aviso|la información|las informaciones|as informações"
    r"|quest[oa] (?:messaggio|e-?mail|comunicazione)|il presente (?:messaggio)|le informazioni|ai sensi|avviso|nota di riservatezza"
    r"|dit (?:e-?mail|bericht)\w*|deze (?:e-?mail|boodschap)|de (?:informatie|inhoud))\b",
    re.IGNORECASE,
)
_CONFIDENTIAL = re.compile(
    r"confiden|privilégi|privileged|destinataire (?:visé|prévu)|intended recipient|vertraulich|riservat|vertrouwelijk",
    re.IGNORECASE,
)
# Who asks us for discretion says « confidentiel » too; a notice also speaks of who gets it, by error, with what files.
_MISDIRECTED = re.compile(
    r"destinatair|expéditeur|erreur|pièces? jointe|exclusi|recipient|addresse|intended|attachment|\berror\b|adressat|empfänger"
    r"|irrtüm|anhäng|destinat|adjunt|remitente|errore|allegat|mittente|geadresseerd|bijlage|afzender|bestemd",
    re.IGNORECASE,
)
_PLACE = re.compile(r"https?://|www\.|@", re.IGNORECASE)
_LINK = re.compile(r"\s*<?(?:https?://|www\.)\S+\s*", re.IGNORECASE)
_LIST = re.compile(r"mailing.?list|liste de diffusion|listinfo|/sympa|vous recevez ce message", re.IGNORECASE)
_LIST_FOOTER_LINES = 5
_RULE = re.compile(r"\s*[_*=—-]{3,}\s*")


def mark(lines: list[Line]) -> list[Line]:
    """Marks signatures in each stretch of the writer's lines; a doubtful one stays with the reply."""
    result = list(lines)
    start = 0
    while start < len(result):
        end = _end_of_stretch(result, start)
        if end > start:
            _mark_delimited(result, start, end)
            _mark_endings(result, start, end)
        start = max(end, start + 1)
    # What a program marked in the HTML, its footer, or « -- » signs already: the closing above was typed, and is kept.
    if not any(line.mark is Mark.SIGNATURE for line in lines) and not any(map(_signs, result)):
        _mark_closing(result)
    return result


def _end_of_stretch(lines: list[Line], start: int) -> int:
    end = start
    while end < len(lines) and lines[end].mark is Mark.OWN:
        end += 1
    return end


def _signs(line: Line) -> bool:
    return line.mark is Mark.SIGNATURE and bool(_DELIMITER.fullmatch(line.text) or footers.is_footer(line.text))


def _mark_closing(lines: list[Line]) -> None:
    """A closing formula and a name end the last of the writer's words, and only these."""
    last = _last_own(lines, 0, len(lines))
    start = last
    while start > 0 and lines[start - 1].mark is Mark.OWN:
        start -= 1
    first = closings.find(lines, start, last + 1) if last >= 0 else -1
    if first >= 0:
        put(Mark.SIGNATURE, lines, first, last + 1)


def _mark_delimited(lines: list[Line], start: int, end: int) -> None:
    """After the last « -- » of a stretch all is signature, unless too long follows for one."""
    for number in range(end - 1, start - 1, -1):
        if _DELIMITER.fullmatch(lines[number].text):
            after = [line for line in lines[number + 1 : end] if not line.blank]
            if len(after) <= _LONGEST:
                last = next((each for each in range(number, end) if _POSTSCRIPT.match(lines[each].text)), end)
                put(Mark.SIGNATURE, lines, number, last)
            return


def _mark_endings(lines: list[Line], start: int, end: int) -> None:
    """Takes footers of programs and notices off the end, one after the other."""
    paragraph = end
    last = _last_own(lines, start, end)
    while last >= start:
        first = _footer(lines, last)
        if first < 0 and last < paragraph:
            # A paragraph that was no notice is none without its last lines either: each is read once.
            paragraph = _start_of_paragraph(lines, start, last)
            first = paragraph if paragraph > start and _is_notice(lines[paragraph : last + 1]) else -1
        if first < 0:
            first = _list_footer(lines, start, last)
        if first < 0:
            return
        put(Mark.SIGNATURE, lines, first, last + 1)
        last = _last_own(lines, start, first)


def _last_own(lines: list[Line], start: int, end: int) -> int:
    """Finds the last of the writer's words before `end`; what comes before `start` tells that there are none."""
    last = end - 1
    while last >= start and not lines[last].own:
        last -= 1
    return last


def _footer(lines: list[Line], last: int) -> int:
    text = lines[last].text
    if footers.is_footer(text):
        return last
    # Where to get the program, on a line of its own below what it says.
    if last > 0 and _LINK.fullmatch(text) and lines[last - 1].own and footers.is_footer(lines[last - 1].text):
        return last - 1
    below = last + 1 < len(lines) and lines[last + 1].mark is Mark.SIGNATURE and not lines[last + 1].blank
    is_rule = _RULE.fullmatch(text) and not heads.is_to_fill_in(lines, last)
    return last if is_rule and ("--" not in text[:2] or below) else -1


def _start_of_paragraph(lines: list[Line], start: int, last: int) -> int:
    first = last
    while first > start and lines[first - 1].own:
        first -= 1
    return first


def _is_notice(lines: list[Line]) -> bool:
    paragraph = " ".join(line.text for line in lines)
    if "?" in paragraph or not _NOTICE.match(paragraph.lstrip(" *_\t")):
        return False
    return bool(_CONFIDENTIAL.search(paragraph) and _MISDIRECTED.search(paragraph))


def _list_footer(lines: list[Line], start: int, last: int) -> int:
    """What a mailing list adds below a rule: its name and its address on the web."""
    for number in range(last, max(start, last - _LIST_FOOTER_LINES) - 1, -1):
        if re.fullmatch(r"\s*_{2,}\s*", lines[number].text):
            footer = " ".join(line.text for line in lines[number : last + 1])
            return number if _LIST.search(footer) and _PLACE.search(footer) else -1
    return -1
