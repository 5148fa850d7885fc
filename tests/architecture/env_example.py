"""What must `.env.example` say? `python -m tests.architecture.env_example` writes it from the table of the settings."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from service.settings import SETTINGS, Need, Setting

FILE = Path(__file__).parents[2] / ".env.example"
_HEAD = """\
# The settings of Pli, all of them. Copy this file to .env and take the # from the lines that you fill in.
# The environment wins over .env; an empty value counts as unset. Names and examples come from service/settings.py:
# this file is written by `python -m tests.architecture.env_example`.
"""
_WHO = {
    Need.SENDING: "who sends",
    Need.WRITING: "who renders a mail",
    Need.READING: "who reads the inbox",
    Need.KEYS: "who makes or checks a token",
    Need.WEB: "the web",
}


def text() -> str:
    """Give the whole file."""
    return "\n".join([_HEAD, *(line for setting in SETTINGS for line in _lines(setting))])


def _lines(setting: Setting) -> Iterator[str]:
    yield f"# {setting.purpose[0].upper()}{setting.purpose[1:]}."
    if setting.need:
        yield f"# Needed by {', '.join(who for need, who in _WHO.items() if need & setting.need)}."
    if setting.default:
        yield f"# Without it: {setting.default}."
    yield f"#{setting.name}={setting.example}"
    yield ""


if __name__ == "__main__":
    FILE.write_text(text(), encoding="utf-8")
