"""Is every setting told to the person who installs Pli, and does every example do?"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from service.settings import SETTINGS, InvalidSettings, Need, load
from tests.architecture import env_example
from tests.parts.dkim_zone import pem

EVERYTHING = ~Need(0)
ROOT = Path(__file__).parents[2]


def test_the_example_file_is_the_table_of_settings() -> None:
    assert env_example.FILE.read_text(encoding="utf-8") == env_example.text(), (
        "Run: .venv/bin/python -m tests.architecture.env_example"
    )


def test_the_example_file_names_every_setting_once_and_no_other() -> None:
    named = re.findall(r"(?m)^#?([A-Z][A-Z0-9_]*)=", env_example.FILE.read_text(encoding="utf-8"))
    assert named == [setting.name for setting in SETTINGS]


def test_the_examples_together_are_valid_settings(tmp_path: Path) -> None:
    # The one example that has to exist.
    key = tmp_path / "dkim.pem"
    key.write_bytes(pem("rsa-sha256"))
    settings = load(EVERYTHING, {**{setting.name: setting.example for setting in SETTINGS}, "DKIM_KEY": str(key)})
    assert settings.dkim
    assert settings.public_url == "https://courrier.example.coop"


def test_each_setting_that_is_needed_is_asked_for_when_it_is_missing() -> None:
    with pytest.raises(InvalidSettings) as refused:
        load(EVERYTHING, {})
    asked_for = {fault.partition(" ")[0] for fault in refused.value.faults}
    assert asked_for == {setting.name for setting in SETTINGS if setting.need}


def test_only_the_settings_read_the_environment() -> None:
    readers = {
        str(path.relative_to(ROOT))
        for folder in ("service", "workers")
        for path in (ROOT / folder).rglob("*.py")
        if re.search(
            r"\bos\.(environ|getenv)\b|\bfrom os import .*\b(environ|getenv)\b", path.read_text(encoding="utf-8")
        )
    }
    assert readers == {"service/settings.py"}
