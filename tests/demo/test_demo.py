"""`./pli demo` from its start to its end: the page, a reply that becomes a question, and no process left."""

from __future__ import annotations

import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

import pytest

from service.demo import run
from service.demo.cooperative import SOWN
from service.demo.mailboxes import Mailboxes
from service.setting_values import ROOT
from tests.parts import await_that, commands, free_port, listens

WHO = "firmin.delcassou@maison-des-usages.example"
WORDS = "La maison des usages peut-elle relire le budget ?"
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="processes are found again in /proc")


class Demo:
    """A demo on a folder and ports of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port(neighbours=2)
        self.place = run.Place(folder, self.port)
        self.process: subprocess.Popen[bytes] | None = None

    def command(self, *more: str) -> list[str]:
        return [sys.executable, "-m", "service.demo", "--port", str(self.port), "--data", str(self.folder), *more]

    def start(self) -> None:
        with (self.folder.parent / "said").open("ab") as said:
            # What the demo must not hear: a setting of the real thing.
            hostile = {**os.environ, "SMTP_URL": "smtp://192.0.2.1:25", "DATABASE_URL": "postgresql://192.0.2.1/real"}  # noqa: TID251
            self.process = subprocess.Popen(self.command(), cwd=ROOT, env=hostile, stdout=said, stderr=said)
        process = self.process
        await_that(lambda: listens(self.port) or process.poll() is not None, "the page is served", 90)
        assert process.poll() is None, (self.folder.parent / "said").read_text(encoding="utf-8")

    def pli(self, *words: str) -> str:
        done = commands.run(words, run.environment(self.place))
        assert done.code == 0, done.err
        return done.out

    def questions(self) -> list[str]:
        return [str(json.loads(line)["text"]) for line in self.pli("questions", "list", "--json").splitlines()]

    def count(self, table: str) -> int:
        with closing(sqlite3.connect(self.folder / "pli.db")) as database:
            return int(database.execute(f"SELECT count(*) FROM {table}").fetchone()[0])

    def processes(self) -> list[str]:
        """Whoever works for this demo, or is its Valkey."""
        marks = (f"PLI_ENV_FILE={self.place.settings_file}".encode(), str(self.folder).encode())
        found = []
        for entry in Path("/proc").iterdir():
            with suppress(OSError):
                if not entry.name.isdigit() or int(entry.name) == os.getpid():
                    continue
                line = (entry / "cmdline").read_bytes()
                if marks[0] in (entry / "environ").read_bytes() or marks[1] in line:
                    found.append(f"{entry.name} {line.decode(errors='replace')}")
        return found

    def end(self, number: signal.Signals) -> None:
        if self.process is not None:
            self.process.send_signal(number)
            self.process.wait(60)
            await_that(lambda: not self.processes(), "no process is left", 40)


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[Demo]:
    made = Demo(tmp_path / "demo")
    yield made
    if made.process is not None and made.process.poll() is None:
        made.end(signal.SIGTERM)


def test_a_reply_written_in_a_mailbox_becomes_a_question_and_nothing_stays_behind(demo: Demo) -> None:
    demo.start()
    await_that((demo.folder / SOWN).exists, "the cooperative is settled", 120)
    campaign = json.loads(demo.pli("campaigns", "show", "1", "--json"))
    assert (campaign["status"], campaign["planned"], campaign["accepted"]) == ("sent", 42, 40)
    assert (campaign["refused"], campaign["skipped"], campaign["questions"]) == (1, 1, 4)

    (letter,) = Mailboxes.of(demo.folder).received(WHO)
    form = urllib.parse.urlencode({"text": WORDS, "how": "AS_USUAL"}).encode()
    urllib.request.urlopen(f"{demo.place.mailboxes_url}/boites/{WHO}/{letter.key}/reponse", form).close()
    await_that(lambda: demo.count("question") == 5, "the reply is a question", 30)
    assert WORDS in demo.questions()

    second = subprocess.run(demo.command(), cwd=ROOT, capture_output=True, text=True)
    assert second.returncode == 1
    assert "tourne déjà" in second.stderr

    demo.end(signal.SIGINT)
    assert demo.process is not None
    assert demo.process.returncode == 0

    demo.start()
    demo.end(signal.SIGKILL)


def test_a_folder_with_other_things_is_left_alone(demo: Demo) -> None:
    demo.folder.mkdir()
    (demo.folder / "precious.txt").write_text("x")
    refused = subprocess.run(demo.command("--fresh"), cwd=ROOT, capture_output=True, text=True)
    assert refused.returncode == 1
    assert "contient autre chose" in refused.stderr
    assert (demo.folder / "precious.txt").exists()


def test_a_port_that_is_taken_is_told_with_what_to_type_instead(demo: Demo) -> None:
    with socket.create_server(("127.0.0.1", demo.port + 1)):
        refused = subprocess.run(demo.command(), cwd=ROOT, capture_output=True, text=True)
    assert refused.returncode == 1
    assert f"Le port {demo.port + 1} est déjà pris" in refused.stderr
    assert "./pli demo --port" in refused.stderr
