"""Which signs of a body are slips: fields that do not exist, links and buttons that would stay plain words?"""

from __future__ import annotations

import re
from collections.abc import Iterator

from service.core.writing import fields, markdown

# [words](address), an address with one pair of brackets in it at most; « \\[ » is a bracket on purpose.
_LINK = re.compile(r"(?<!\\)\[((?:[^\[\]\\\n]|\\.|\n(?!\s*\n))*)\]\(([^()\n]*(?:\([^()\n]*\)[^()\n]*)*)\)")
_BUTTON = re.compile(r"(?<!\\)\[\s*bouton\s*:[^\n]*", re.IGNORECASE)
_OPEN_LINK = re.compile(r"(?<!\\)\[([^\[\]\n]*)\]\(\s*<?(?:https?:|www\.|mailto:)[^\n]*", re.IGNORECASE)
_LABEL = re.compile(r"\s*bouton\s*:\s*", re.IGNORECASE)
_TITLE = re.compile(r"(?<!\s)\s+(?:\"[^\"]*\"|'[^']*')$")
_MAILBOX = re.compile(r"[^\s@:/]+@[^\s@/]+\.[^\s@/.]+")
_SITE = re.compile(r"[^\s@:/.]+(?:\.[^\s@:/.]+)+(?:[:/?#]\S*)?")
_WITHOUT_STROKES = re.compile(r"(https?):?/*(?=[^\s/:])", re.IGNORECASE)
_ADVICE = "Une adresse commence par https://, et ne contient pas d’espace\u202f; pour de simples crochets, tapez \\[ au lieu de [."
_SHOWN = 60


def of_body(text: str) -> list[str]:
    """Says in French what is wrong with the fields, links and buttons of a body; empty when all is well."""
    return list(dict.fromkeys([*fields.faults(text), *_links(text), *_buttons_in_a_line(text)]))


def _links(text: str) -> Iterator[str]:
    complete = {found.start() for found in _LINK.finditer(text)}
    for found in _LINK.finditer(text):
        yield from _fault(found[1], found[2])
    buttons = [found for found in _BUTTON.finditer(text) if found.start() not in complete]
    for found in buttons:
        yield (
            f"Le bouton «\u00a0{_short(found[0])}\u00a0» n’est pas complet. Écrivez-le seul sur sa ligne\u00a0: "
            "[bouton: Texte](https://…)."
        )
    known = complete | {found.start() for found in buttons}
    for found in _OPEN_LINK.finditer(text):
        if found.start() not in known:
            yield f"Le lien «\u00a0{_short(found[1])}\u00a0» n’est pas fermé\u00a0: il manque une parenthèse après l’adresse."


def _fault(words: str, typed: str) -> Iterator[str]:
    address = _TITLE.sub("", typed.strip()).strip("<>")
    if not words.strip() or (_LABEL.match(words) and not _LABEL.sub("", words, count=1).strip()):
        yield f"Le lien vers «\u00a0{_short(address)}\u00a0» n’a pas de mots à lire\u00a0: écrivez-les entre les crochets."
    # A field in an address is told by `fields.faults`.
    if "{" in address or markdown.is_address(address):
        return
    label = _short(_LABEL.sub("", words, count=1))
    kind = "Le bouton" if _LABEL.match(words) else "Le lien"
    if not address:
        yield f"{kind} «\u00a0{label}\u00a0» n’a pas d’adresse. Écrivez-la entre les parenthèses, avec https:// au début."
        return
    meant = _meant(address)
    advice = f"Vouliez-vous {meant}\u202f?" if meant else _ADVICE
    yield f"{kind} «\u00a0{label}\u00a0» ne mène nulle part\u00a0: l’adresse «\u00a0{_short(address)}\u00a0» n’est pas complète. {advice}"


def _meant(address: str) -> str:
    """Guess the address that was meant; empty when it could be anything."""
    if _MAILBOX.fullmatch(address):
        return f"mailto:{address}"
    if _WITHOUT_STROKES.match(address):
        meant = _WITHOUT_STROKES.sub(lambda found: f"{found[1].lower()}://", address, count=1)
        return meant if markdown.is_address(meant) else ""
    meant = f"https://{address.lstrip('/')}"
    return meant if _SITE.fullmatch(address.lstrip("/")) and markdown.is_address(meant) else ""


def _buttons_in_a_line(text: str) -> Iterator[str]:
    """A button amid a paragraph would be a link that reads « bouton: … »."""
    for words in markdown.link_texts(markdown.read(text)):
        label = _LABEL.match(words)
        if label and label.end() < len(words):
            yield (
                f"Le bouton «\u00a0{_short(words[label.end() :])}\u00a0» doit être seul sur sa ligne, "
                "avec une ligne vide avant et après."
            )


def _short(words: str) -> str:
    said = " ".join(words.split())
    return said if len(said) <= _SHOWN else f"{said[:_SHOWN]}…"
