"""Does a letter end in a closing formula and a name? Only whole lines count, and only where no sentence follows."""

from __future__ import annotations

import re

from service.core.reading.marks import Line

_FORMULA = (
    # French
    r"(?:(?:bien|très|tres) )?(?:cordialement|amicalement|sincèrement|respectueusement|fraternellement|solidairement"
    r"|coopérativement|affectueusement)(?: (?:vôtres?|votre|à (?:vous|toi|tous|toutes et (?:à )?tous)|et solidairement))?"
    r"|(?:bien )?(?:cdlt|cdt|cordlt)|bien à (?:vous|toi|tous|toutes et tous)|amitiés(?: coopératives)?"
    r"|(?:avec )?(?:mes|nos )?(?:meilleures |sincères |cordiales |amicales |respectueuses )?salutations"
    r"(?: (?:les meilleures|cordiales|amicales|distinguées|respectueuses|coopératives|sincères|solidaires))?"
    r"|(?:dans l.attente de [^.?!]{3,60}, )?(?:je vous prie|nous vous prions|veuillez|recevez|je vous adresse)[^.?!]{0,120}"
    r"(?:salutations|sentiments|considération|respects)[^.?!]{0,40}"
    # English
    r"|(?:with )?(?:(?:my |our )?(?:very )?(?:best|kind|kindest|warm|warmest|many) )?regards|sincerely(?: yours)?"
    r"|yours(?: (?:sincerely|truly|faithfully))?|(?:with )?best wishes|all the best|cheers|best|warmly|cordially|respectfully"
    # German
    r"|mit (?:freundlichen|freundlichem|besten|herzlichen|lieben) (?:grüßen|grüssen|gruessen|gruß|gruss)"
    r"|(?:freundliche|viele|liebe|beste|herzliche|schöne) (?:grüße|grüsse|gruesse)|gruß|gruss|grüße|mfg|lg|vg"
    r"|hochachtungsvoll"
    # Spanish, Portuguese, Italian, Romanian, Catalan
    r"|(?:un )?(?:cordial )?saludos?(?: cordial(?:es)?)?|atentamente|(?:un )?(?:fuerte )?abra[zç]os?"
    r"|(?:com os )?(?:melhores )?cumprimentos|atenciosamente|(?:(?:cordiali|distinti|tanti|cari) )?saluti|cordialmente"
    r"|cu stimă|salutacions(?: cordials)?|atentament"
    # Dutch
    r"|(?:met )?(?:vriendelijke|hartelijke|beste) groet(?:en)?|groet(?:en|jes)?|mvg|hoogachtend"
    # The Nordic languages
    r"|(?:med )?(?:(?:de )?(?:venlige?|vennlige?|vänliga?|kærlige?|bedste|beste|bästa|varma|mange|många) )?"
    r"(?:hilsen|hilsner|hilsninger|hälsning|hälsningar)|mvh|vh|kh|dbh|ystävällisin terveisin|(?:parhain )?terveisin"
    # Polish, Czech, Hungarian, Russian, Ukrainian, Turkish
    r"|(?:serdecznie )?pozdrawiam(?: serdecznie)?|(?:serdeczne )?pozdrowienia|z (?:wyrazami szacunku|poważaniem|powazaniem)"
    r"|s pozdravem|(?:szívélyes |tisztelettel )?üdvözlettel|tisztelettel|с уважением|з повагою|saygılarımla"
)
_CLOSING = re.compile(rf"[\s*_]*(?:{_FORMULA})[\s,.!;*_]*", re.IGNORECASE)
_NAME = r"(?:[^\W\d_a-zà-öø-ÿ][\w.'’-]*|de|d[eu]|van|von|der|la|le|da|el)"
# « Cordialement, Odile » on one line.
_WITH_NAME = re.compile(rf"[\s*_]*(?i:{_FORMULA})[,.]? {_NAME}(?: {_NAME}){{0,3}}[\s.*_]*")
# « -Odile », « /Odile », « — Odile »: the dash clings, or is a long one, since a list puts a blank after a hyphen.
_DASH_NAME = re.compile(rf"\s*(?:[-/~]|[–—]\s?){_NAME}(?: {_NAME}){{0,3}}\s*")
_ITEM = re.compile(r"\s*(?:[-*•–—/]|\d{1,2}[.)])\s?\S")
_MOST_LINES = 8
_LONGEST_LINE = 90
# What says that a line is a sentence: then it may be a post-scriptum, and everything stays the writer's.
_SENTENCE = re.compile(
    r"\?|^\W*(?:p\.? ?-? ?s|n\.? ?b)\b|\b(?:je|j['’]\w+|nous|vous|on|il|elle|ils|elles|est|sont|sera|suis|merci|pour|avec"
    r"|pouvez|veuillez|pas|ne|que|qui|i|i['’]\w+|we|you|is|are|was|will|please|thanks|not|ich|wir|sie|bitte|nicht"
    r"|bonjour|hello|rendez-vous)\b",
    re.IGNORECASE,
)


def find(lines: list[Line], start: int, end: int) -> int:
    """Finds where the closing of the stretch `start` to `end` begins, words of the writer being above it (-1: none)."""
    written = [number for number in range(start, end) if not lines[number].blank]
    for place in range(len(written) - 1, max(0, len(written) - _MOST_LINES - 2), -1):
        text = lines[written[place]].text
        if len(text) > 2 * _LONGEST_LINE:
            return -1
        below = [lines[number].text for number in written[place + 1 :]]
        if is_formula(text):
            return written[place] if all(_is_of_a_card(each) for each in below) else -1
        if not below and _signs(lines, text, written[place - 1], written[place]):
            return written[place]
    return -1


def is_formula(text: str) -> bool:
    """Says whether a line is a closing formula, with or without a name behind it."""
    return len(text) <= 2 * _LONGEST_LINE and bool(_CLOSING.fullmatch(text) or _WITH_NAME.fullmatch(text))


def _signs(lines: list[Line], text: str, above: int, number: int) -> bool:
    """A name behind a dash signs below a blank line; below a colon or another such line it is a list or an answer."""
    before = lines[above].text.rstrip()
    parted = number - above > 1 and not before.endswith((":", ",")) and not _ITEM.match(before)
    return bool(_DASH_NAME.fullmatch(text)) and parted


def _is_of_a_card(text: str) -> bool:
    return len(text) <= _LONGEST_LINE and not _SENTENCE.search(text) and not _ITEM.match(text)
