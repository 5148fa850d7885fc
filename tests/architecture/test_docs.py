"""Is what the docs name still there: files, links, commands, decisions?"""

from __future__ import annotations

import re
from pathlib import Path

import click
import pytest

from service.cli.main import pli

ROOT = Path(__file__).parents[2]
DOCS = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")),
    *sorted((ROOT / "docs").rglob("*.md")),
]
# What the launcher does by itself, in sh.
LAUNCHER = {"test", "check", "bench"}
_FOLDERS = r"service|workers|tests|templates|docs|bench|\.ci"
# A path may hold a word in capitals (NAME, NOUN) that stands for any: it is left out.
_PATH = re.compile(rf"`((?:{_FOLDERS})/[a-z0-9_./-]*[a-z0-9_/])`")
_LINK = re.compile(r"\]\((?!https?:|#|mailto:)([^)#\s]+)")


def _name(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("doc", DOCS, ids=_name)
def test_every_file_and_link_that_a_page_names_is_there(doc: Path) -> None:
    text = doc.read_text(encoding="utf-8")
    named = [ROOT / path for path in _PATH.findall(text)] + [doc.parent / link for link in _LINK.findall(text)]
    assert [_name(path.resolve()) for path in named if not path.exists()] == []


@pytest.mark.parametrize("doc", DOCS, ids=_name)
def test_every_command_that_a_page_names_is_there(doc: Path) -> None:
    named = re.findall(r"\./pli ((?:[a-z]+ ?)+)", doc.read_text(encoding="utf-8"))
    assert [words for words in named if not _is_command(words.split())] == []


def test_every_decision_has_its_number_once_and_its_three_parts() -> None:
    decisions = sorted((ROOT / "docs" / "decisions").glob("*.md"))
    assert [path.name[:4] for path in decisions] == [f"{number:04}" for number in range(1, len(decisions) + 1)]
    for path in decisions:
        text = path.read_text(encoding="utf-8")
        assert text.startswith(f"# {path.name[:4]} — ")
        parts = [text.find(f"**{part}.**") for part in ("Context", "Decision", "Consequence")]
        assert -1 not in parts, path.name
        assert parts == sorted(parts), path.name


def test_the_licence_is_the_whole_text_of_the_agpl() -> None:
    text = (ROOT / "LICENSE").read_text(encoding="utf-8")
    assert "GNU AFFERO GENERAL PUBLIC LICENSE" in text
    assert [number for number in range(18) if f"\n  {number}. " not in text] == []
    assert "END OF TERMS AND CONDITIONS" in text


def _is_command(words: list[str]) -> bool:
    """Whether the first word is a command, and the second one too where the first is a group."""
    if words[0] in LAUNCHER:
        return True
    found = pli.get_command(click.Context(pli), words[0])
    if isinstance(found, click.Group) and len(words) > 1:
        return found.get_command(click.Context(found), words[1]) is not None
    return found is not None
