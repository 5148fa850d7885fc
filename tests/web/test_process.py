"""Does `pli web` serve, end in time, and leave nothing behind?"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest

from service.gateways.valkey import socket_path
from tests.parts import await_that, free_port, listens

ROOT = Path(__file__).resolve().parents[2]


class Web:
    """`pli web` on a port and a data folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.port = folder, free_port()
        settings = {
            "DATA_DIR": str(folder),
            "SECRET_KEY": "k" * 64,
            "PUBLIC_URL": f"http://127.0.0.1:{self.port}",
            "BIND": f"127.0.0.1:{self.port}",
            "SENDER": "Les Passerelles <vie@passerelles.example>",
            "REPLY_TO": "vie@passerelles.example",
            "SMTP_URL": "smtp://127.0.0.1:9?tls=none",
        }
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}  # noqa: TID251
        self._environment = kept | settings
        subprocess.run([*self._pli, "db", "upgrade"], env=self._environment, cwd=ROOT, check=True, capture_output=True)
        self.process = subprocess.Popen(
            [*self._pli, "web"],
            env=self._environment,
            cwd=ROOT,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        await_that(lambda: listens(self.port), "the web server listens")

    @property
    def _pli(self) -> list[str]:
        return [sys.executable, "-m", "service"]

    def health(self) -> str:
        with pytest.raises(HTTPError) as answer, urlopen(f"http://127.0.0.1:{self.port}/health"):
            pass
        with answer.value as body:
            return body.read().decode()

    def members(self) -> list[int]:
        """List the processes that belong to it, the Valkey server too."""
        found = []
        for path in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):
                told = (path / "environ").read_bytes() + (path / "cmdline").read_bytes()
                if str(self.folder).encode() in told and (path / "stat").read_text().split()[-50] != "Z":
                    found.append(int(path.name))
        return found


@pytest.fixture
def web(tmp_path: Path) -> Iterator[Web]:
    running = Web(tmp_path)
    yield running
    for pid in running.members():
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    running.process.wait()


def test_it_serves_with_its_own_valkey_and_ends_with_it(web: Web) -> None:
    await_that(lambda: '"redis":"ok"' in web.health(), "the pages reach the embedded Valkey")
    assert socket_path(web.folder).exists()
    # The master, two workers, the Valkey server.
    assert len(web.members()) == 4
    web.process.send_signal(signal.SIGTERM)
    assert web.process.wait(timeout=30) == 0
    assert web.members() == []
    assert not socket_path(web.folder).exists()


def test_a_killed_master_leaves_no_process(web: Web) -> None:
    await_that(lambda: '"redis":"ok"' in web.health(), "the pages reach the embedded Valkey")
    web.process.kill()
    web.process.wait()
    await_that(lambda: not web.members(), "workers and Valkey have ended")
