"""What tests/install-parts.sh installs, and what it leaves as it was."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.parts import require

SCRIPT = Path(__file__).resolve().parents[1] / "install-parts.sh"
PARTS = [
    ("dovecot-imapd", ["usr/sbin/dovecot", "usr/lib/dovecot/imap"]),
    ("gcc libc6-dev", ["usr/bin/gcc", "usr/include/stdio.h"]),
    ("postgresql", ["usr/lib/postgresql/15/bin/initdb"]),
    ("chromium", ["usr/bin/chromium"]),
    ("fonts-dejavu-core", ["usr/share/fonts/truetype/dejavu/DejaVuSans.ttf"]),
    ("libpangoft2-1.0-0", ["usr/lib/x86_64-linux-gnu/libpangoft2-1.0.so.0"]),
    ("libharfbuzz-subset0", ["usr/lib/x86_64-linux-gnu/libharfbuzz-subset.so.0"]),
    ("poppler-utils", ["usr/bin/pdftotext"]),
]


@dataclass(frozen=True, slots=True)
class Machine:
    """A folder that stands for the file system, with an apt-get that writes down what it was asked."""

    root: Path

    def put(self, path: str, text: str = "") -> Path:
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        file.chmod(0o755)
        return file

    @property
    def policy(self) -> Path:
        return self.root / "usr/sbin/policy-rc.d"

    def asked(self) -> list[str]:
        path = self.root / "asked"
        return path.read_text().splitlines() if path.exists() else []

    def run(self, *arguments: str) -> str:
        done = subprocess.run(
            ["/bin/sh", str(SCRIPT), *arguments],
            env={"PARTS_ROOT": str(self.root), "PATH": f"{self.root}/fake:/usr/bin:/bin"},
            capture_output=True,
            text=True,
            check=True,
        )
        assert done.stdout == ""
        return done.stderr


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    require(Path("/etc/debian_version").exists(), "this is not Debian")
    made = Machine(tmp_path)
    (tmp_path / "usr/sbin").mkdir(parents=True)
    made.put("fake/apt-get", f'#!/bin/sh\necho "$(test -x {made.policy} && echo guarded) $*" >>{tmp_path}/asked\n')
    made.put("fake/id", "#!/bin/sh\necho 0\n")
    made.put("fake/debconf-set-selections", f"#!/bin/sh\ncat >>{tmp_path}/answers\n")
    return made


def test_nothing_is_asked_of_apt_when_nothing_is_missing(machine: Machine) -> None:
    for _, files in PARTS:
        for path in files:
            machine.put(path)
    assert machine.run() == ""
    assert machine.asked() == []


@pytest.mark.parametrize("absent", [name for name, _ in PARTS])
def test_only_what_is_missing_is_installed_and_no_service_starts(machine: Machine, absent: str) -> None:
    for name, files in PARTS:
        for path in files if name != absent else []:
            machine.put(path)
    machine.run()
    update, install = machine.asked()
    assert update.split()[-1] == "update"
    assert install.split()[0] == "guarded"
    assert install.endswith(f"install -y --no-install-recommends {absent}")
    assert not machine.policy.exists()


def test_a_policy_that_was_there_stays(machine: Machine) -> None:
    machine.put("usr/sbin/policy-rc.d", "#!/bin/sh\nexit 0\n")
    machine.run()
    assert machine.asked()
    assert machine.policy.read_text() == "#!/bin/sh\nexit 0\n"


def test_what_cannot_be_installed_together_is_tried_one_by_one_and_the_guard_goes(machine: Machine) -> None:
    machine.put("fake/apt-get", f'#!/bin/sh\necho "$*" >>{machine.root}/asked\nexit 100\n')
    assert machine.run().count("cannot be installed") == len(PARTS) + 1  # two packages make gcc
    assert not machine.policy.exists()


def test_without_root_the_missing_parts_are_named_and_nothing_is_done(machine: Machine) -> None:
    machine.put("fake/id", "#!/bin/sh\necho 1000\n")
    said = machine.run()
    assert all(name in said for name, _ in PARTS)
    assert machine.asked() == []


def test_the_benchmarks_get_their_own_parts_a_postfix_without_configuration_and_nothing_is_removed(
    machine: Machine,
) -> None:
    machine.put("fake/apt-get", f'#!/bin/sh\necho "$*" >>{machine.root}/asked\n')
    machine.put("usr/lib/postgresql/15/bin/initdb")
    machine.run("bench")
    _, install = machine.asked()
    assert "--no-remove" in install
    assert install.endswith("--no-install-recommends postfix npm dovecot-imapd gcc libc6-dev")
    assert (machine.root / "answers").read_text().endswith("No configuration\n")
    assert not machine.policy.exists()
