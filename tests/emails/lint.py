"""Do the mail templates use only what mrml knows? It drops unknown tags and attributes without a word.

`python -m tests.emails.lint` prints the faults and exits 1 when there is one.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

TEMPLATES = Path(__file__).parents[2] / "templates" / "emails"
FILES_OF_A_MAIL = ("subject.txt", "body.mjml", "body.txt", "sample.json")

_FONT = {"font-family", "font-size", "font-weight", "line-height", "letter-spacing", "color", "align"}
_BOX = {"padding", "padding-top", "padding-bottom", "padding-left", "padding-right", "css-class", "background-color"}
_BORDER = {"border", "border-top", "border-bottom", "border-radius"}

MJML = {
    "mjml": {"lang", "dir"},
    "mj-head": set[str](),
    "mj-title": set[str](),
    "mj-preview": set[str](),
    "mj-raw": set[str](),
    "mj-style": set[str](),
    "mj-attributes": set[str](),
    "mj-all": _FONT | _BOX,
    "mj-class": {"name"} | _FONT | _BOX | _BORDER,
    "mj-body": {"width", "background-color", "css-class"},
    "mj-wrapper": _BOX | _BORDER,
    "mj-section": _BOX | _BORDER,
    "mj-column": _BOX | _BORDER | {"width", "vertical-align"},
    "mj-text": _FONT | _BOX,
    "mj-button": _FONT | _BOX | {"href", "border-radius", "inner-padding", "width"},
    "mj-image": _BOX | {"src", "alt", "width", "height", "href", "align"},
    "mj-divider": _BOX | {"border-width", "border-style", "border-color", "width"},
}

HTML = {
    **{tag: {"style", "class"} for tag in ("h1", "h2", "h3", "p", "ul", "ol", "li", "strong", "blockquote", "span")},
    "a": {"style", "class", "href"},
    "br": set[str](),
    "meta": {"name", "content"},
}
_NEEDS_NO_STYLE = {"br", "meta"}

# These reach mrml as colours that letter.House has checked, or inside a style sheet or text node, which mrml leaves alone.
_SAFE_IN_ATTRIBUTES = {"house.accent", "house.accent_dark", "font", "small", "link"}

_JINJA = re.compile(r"\{\{-?(.*?)-?\}\}|\{%.*?%\}|\{#.*?#\}", re.DOTALL)
_TAG = re.compile(r"<(/?)([A-Za-z][\w-]*)((?:\s+[\w:-]+(?:\s*=\s*(?:\"[^\"]*\"|'[^']*'|[^\s>]+))?)*)\s*(/?)>")
_ATTRIBUTE = re.compile(r"([\w:-]+)(?:\s*=\s*(\"[^\"]*\"|'[^']*'|[^\s>]+))?")


def lint(source: str) -> list[str]:
    """Lists the faults of one .mjml template, in English, each with the tag at fault."""
    found = [
        f"`|safe` in {expression[0]}: mails are escaped"
        for expression in _JINJA.finditer(source)
        if "|safe" in expression[0].replace(" ", "")
    ]
    expressions: list[str] = []

    def number(expression: re.Match[str]) -> str:
        expressions.append((expression[1] or "").strip())
        return f"@{len(expressions) - 1}@" if expression[1] else ""

    bare = _JINJA.sub(number, source)
    for closing, tag, attributes, _ in _TAG.findall(re.sub(r"<mj-style>.*?</mj-style>", "", bare, flags=re.DOTALL)):
        if not closing:
            found += _faults_of_tag(tag, attributes, expressions)
    for title in re.findall(r"<mj-title>(.*?)</mj-title>", bare, re.DOTALL):
        found += _raw_values("mj-title", "its text", title, expressions)
    return found


def lint_folder(root: Path) -> Iterator[str]:
    """Lists the faults of every template under a folder, and the files that a mail lacks."""
    for template in sorted(root.rglob("*.mjml")):
        yield from (f"{template.relative_to(root)}: {fault}" for fault in lint(template.read_text("utf-8")))
    for folder in sorted(path for path in root.iterdir() if path.is_dir() and not path.name.startswith("_")):
        yield from (f"{folder.name}: {name} is missing" for name in FILES_OF_A_MAIL if not (folder / name).is_file())


def _faults_of_tag(tag: str, attributes: str, expressions: list[str]) -> Iterator[str]:
    allowed = MJML.get(tag, HTML.get(tag))
    if allowed is None:
        yield f"<{tag}> is not on the list of tags"
        return
    given = {name: value.strip("\"'") for name, value in _ATTRIBUTE.findall(attributes)}
    yield from (f"<{tag} {name}> is not on the list of attributes" for name in given if name not in allowed)
    for name, value in given.items():
        yield from _raw_values(tag, name, value, expressions)
    if tag == "mjml" and (given.get("lang"), given.get("dir")) != ("fr", "ltr"):
        yield '<mjml> needs lang="fr" dir="ltr"'
    if tag == "mj-image" and "alt" not in given:
        yield "<mj-image> has no alt"
    if tag in HTML and tag not in _NEEDS_NO_STYLE and not given.get("style"):
        yield f"<{tag}> carries no style of its own (La Poste and SFR drop <style>)"


def _raw_values(tag: str, name: str, value: str, expressions: list[str]) -> Iterator[str]:
    for number in re.findall(r"@(\d+)@", value):
        expression = expressions[int(number)]
        if not re.search(r"\|\s*mjattr$", expression) and expression not in _SAFE_IN_ATTRIBUTES:
            yield f"<{tag}> {name}: {{{{ {expression} }}}} must end in |mjattr"


def main() -> int:
    faults = list(lint_folder(TEMPLATES))
    print("\n".join(faults) if faults else "mail templates: no fault")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
