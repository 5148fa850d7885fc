"""Do the import contracts hold, and is each of them caught when somebody breaks it?"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]

# For each contract of pyproject.toml: a file, and the line that breaks this contract when it stands in that file.
BREAKS = {
    "Layers: upper may import lower, never the reverse, never sideways": (
        "service/models/base.py",
        "import service.wiring",
    ),
    "Entry points are independent: nothing in the service imports the workers": (
        "service/db.py",
        "import workers.clock",
    ),
    "The workers stand beside web, cli and demo": ("workers/clock.py", "import service.cli.main"),
    "Core is pure: no framework, no wire, no database, no environment": ("service/core/names.py", "import os"),
    "Inside core: the words < writing < reading": (
        "service/core/writing/mould.py",
        "import service.core.reading.kinds",
    ),
    "Actions call only earlier actions": ("service/actions/journal.py", "import service.actions.inbox"),
    "The wire belongs to the gateways": ("service/actions/lists.py", "import redis"),
    "Flask stays in the web": ("service/settings.py", "import flask"),
}


def test_the_import_contracts_are_kept() -> None:
    assert set(_verdicts(ROOT).values()) == {"KEPT"}


def test_each_contract_is_caught_when_it_is_broken(tmp_path: Path) -> None:
    for folder in ("service", "workers"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    for file, line in BREAKS.values():
        path = tmp_path / file
        path.write_text(f"{path.read_text(encoding='utf-8')}\n{line}\n", encoding="utf-8")
    assert _verdicts(tmp_path) == dict.fromkeys(_contracts(), "BROKEN")


def test_each_contract_has_its_break_here() -> None:
    assert list(BREAKS) == _contracts()


def _contracts() -> list[str]:
    configuration = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    return [contract["name"] for contract in configuration["tool"]["importlinter"]["contracts"]]


def _verdicts(folder: Path) -> dict[str, str]:
    """Run import-linter in a folder; say of each contract whether it is KEPT or BROKEN."""
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"]
    told = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False).stdout
    found = dict(re.findall(r"(?m)^(.+?)[ ]+(KEPT|BROKEN)\s*$", told))
    assert found, f"lint-imports said nothing of the contracts:\n{told}"
    return found
