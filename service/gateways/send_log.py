"""Where does a sending process write down what leaves, and how are the logs of dead processes found?

One file a process, in a folder of a local disk, under a lock that dies with the process. Its name is the name on the
leases, so that who gets the lock knows whose rows these are.
"""

from __future__ import annotations

import fcntl
import json
import os
import secrets
from collections.abc import Generator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path

from service.core import send_log
from service.ports import LostLog

# The file grows by so much at a time, of zeros: a write inside it changes no size, and a cut shows.
_STEP = 1 << 20
_HEADER = 512


class FileSendLog:
    """The log of this process; `owner` is the name that goes on its leases."""

    def __init__(self, folder: Path, *, strict: bool) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.strict = strict
        self._path, self._file = _create(folder)
        self.owner = _owner(self._path)
        self._size = self._at = 0
        header = {"owner": self.owner, "boot": boot_id(), "strict": strict}
        self._room_for(_HEADER)
        os.pwrite(self._file, json.dumps(header).encode().ljust(_HEADER), 0)
        self._at = _HEADER
        os.fsync(self._file)
        _sync_folder(folder)

    def write(self, records: Sequence[bytes], *, durably: bool) -> bool:
        """Append records; True when `sync` is to be waited for: under `strict`, and when asked."""
        data = b"".join(records)
        self._room_for(len(data))
        written = 0
        while written < len(data):
            written += os.pwrite(self._file, data[written:], self._at + written)
        is_awaited = self.strict and durably
        if is_awaited:
            # The kernel begins to write these octets to the disk and waits for nothing (posix_fadvise(2)).
            os.posix_fadvise(self._file, self._at, len(data), os.POSIX_FADV_DONTNEED)
        self._at += len(data)
        return is_awaited

    def sync(self) -> None:
        """Wait until what was written survives a power cut."""
        os.fdatasync(self._file)

    def close(self, *, settled: bool) -> None:
        """Let go of the log; it is removed only when everything in it is settled durably."""
        if settled:
            self._path.unlink(missing_ok=True)
        os.close(self._file)

    def _room_for(self, octets: int) -> None:
        while self._at + octets > self._size:
            os.posix_fallocate(self._file, self._size, _STEP)
            if self.strict:
                # Written once, its blocks are no news to the file system any more: a sync then writes the records alone.
                os.pwrite(self._file, bytes(_STEP), self._size)
            self._size += _STEP


def left_behind(folder: Path) -> list[AbstractContextManager[LostLog | None]]:
    """List the logs in a folder; each, once opened, is the log of a process that is gone, or None.

    It is locked while it is open, and removed when the block ends without an exception.
    """
    return [_opened(path) for path in sorted(folder.glob("*.log"))] if folder.is_dir() else []


@contextmanager
def _opened(path: Path) -> Generator[LostLog | None, None, None]:
    try:
        file = os.open(path, os.O_RDWR)
    except OSError:
        yield None
        return
    try:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield None
            return
        yield _read(file, path)
        path.unlink(missing_ok=True)
    finally:
        os.close(file)


def machine_id() -> str:
    """What tells this machine from another, for as long as it is installed."""
    with suppress(OSError):
        return Path("/etc/machine-id").read_text(encoding="ascii").strip() or os.uname().nodename
    return os.uname().nodename


def boot_id() -> str:
    """What tells this run of the machine from the one before a power cut."""
    with suppress(OSError):
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    return "unknown"


def _create(folder: Path) -> tuple[Path, int]:
    while True:
        path = folder / f"{secrets.token_hex(8)}.log"
        file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        fcntl.flock(file, fcntl.LOCK_EX)
        if os.fstat(file).st_nlink:
            return path, file
        # Somebody took the empty file for a dead process's, between its creation and its lock.
        os.close(file)


def _owner(path: Path) -> str:
    return f"{machine_id()}/{path.stem}"


def _read(file: int, path: Path) -> LostLog:
    """Read a log: its story, and whether what was handed over without an answer can be told from what was not."""
    size = os.fstat(file).st_size
    content = os.pread(file, size, 0)
    story = send_log.read(content[_HEADER:])
    try:
        header = json.loads(content[:_HEADER])
        owner, durable = str(header["owner"]), bool(header["strict"]) or header["boot"] == boot_id()
    except (ValueError, KeyError, TypeError):
        owner, durable = _owner(path), False
    return LostLog(owner, story, durable and story.whole and size > 0 and size % _STEP == 0)


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
