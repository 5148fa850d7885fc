"""A relay on loopback that strikes the process which sends to it, at named steps of the hand-over (requirements.md, R1)."""

from __future__ import annotations

import io
import os
import signal
import socket
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from tests.parts.smtp_sink import Received


class Step(StrEnum):
    """Where the process is struck; each is reached after the one before."""

    LEASE_TAKEN = "lease taken"  # it connects: its rows are claimed, nothing is said
    BEFORE_MAIL = "before MAIL"
    AFTER_RCPT = "after RCPT"
    MID_DATA = "mid-DATA"
    BEFORE_250 = "after the dot, before 250"
    AFTER_250 = "after 250"  # it may or may not have read it
    BEFORE_COMMIT = "after 250, before commit"  # it has read it: its next body comes


@dataclass(frozen=True, slots=True)
class Strike:
    """Strike the first process that reaches `step` once the relay holds so many messages."""

    step: Step
    after: int


@dataclass
class DeadlyRelay:
    """What it is to do, and what it took: a message is booked once its final dot is read, whoever is dead by then."""

    strikes: deque[Strike] = field(default_factory=deque)
    signal: int = signal.SIGKILL
    # What is done instead of sending the signal.
    act: Callable[[], object] | None = None
    pipelining: bool = True
    port: int = 0
    messages: list[Received] = field(default_factory=list)
    struck: list[tuple[Step, int, str]] = field(default_factory=list)  # step, process, recipient at hand
    # While it is not set, no final dot is answered but those of `favoured` recipients.
    answers_dots: threading.Event = field(default_factory=threading.Event)
    favoured: set[str] = field(default_factory=set)
    unanswered: list[str] = field(default_factory=list)
    dots: int = 0
    open_lines: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self.answers_dots.set()

    def reached(self, step: Step, line: socket.socket, recipient: str = "") -> bool:
        """Strike, if it is time and the process at the other end is alive; say whether it was struck."""
        with self._lock:
            if not self.strikes or self.strikes[0].step is not step or len(self.messages) < self.strikes[0].after:
                return False
            process = owner_of(line.getpeername()[1], self.port)
            if process is None or (self.act is None and any(process == old for _, old, _ in self.struck)):
                return False
            self.strikes.popleft()
            self.struck.append((step, process, recipient))
            if self.act is None:
                os.kill(process, self.signal)
            else:
                self.act()
            return True

    def moved(self, lines: int) -> None:
        with self._lock:
            self.open_lines += lines

    def keep_waiting(self, recipient: str) -> None:
        """Return when this recipient's dot is to be answered."""
        with self._lock:
            self.dots += 1
            self.unanswered.append(recipient)
        end = time.monotonic() + 60
        while not self.answers_dots.wait(0.05) and recipient not in self.favoured and time.monotonic() < end:
            pass
        with self._lock:
            self.unanswered.remove(recipient)

    def book(self, message: Received) -> None:
        with self._lock:
            self.messages.append(message)


def owner_of(port: int, peer: int) -> int | None:
    """Find the process that holds the connection on loopback from `port` to `peer`; None when it is gone."""
    ends = f"0100007F:{port:04X}", f"0100007F:{peer:04X}"
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        columns = line.split()
        if tuple(columns[1:3]) == ends and columns[9] != "0":
            return _holder(f"socket:[{columns[9]}]")
    return None


def _holder(link: str) -> int | None:
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if any(_leads_to(one, link) for one in (process / "fd").iterdir()):
                return int(process.name)
    return None


def _leads_to(descriptor: Path, link: str) -> bool:
    with suppress(OSError):
        return str(descriptor.readlink()) == link
    return False


@contextmanager
def deadly_relay(relay: DeadlyRelay) -> Iterator[DeadlyRelay]:
    """Run the relay in threads of this process until the block ends."""
    with socket.socket() as server:
        # A small window: a large body is at the wire for a while, and can be cut in its middle.
        server.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)
        server.bind(("127.0.0.1", 0))
        server.listen(64)
        relay.port = server.getsockname()[1]
        lines: list[socket.socket] = []
        threads: list[threading.Thread] = []
        doorman = threading.Thread(target=_let_in, args=(server, relay, lines, threads), daemon=True)
        doorman.start()
        try:
            yield relay
        finally:
            relay.answers_dots.set()
            with suppress(OSError):
                server.shutdown(socket.SHUT_RDWR)
            doorman.join(10)
            for line in lines:
                with suppress(OSError):
                    line.shutdown(socket.SHUT_RDWR)
            for thread in threads:
                thread.join(10)


def _let_in(
    server: socket.socket, relay: DeadlyRelay, lines: list[socket.socket], threads: list[threading.Thread]
) -> None:
    while True:
        try:
            line, _ = server.accept()
        except OSError:
            return
        line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        lines.append(line)
        relay.moved(+1)
        threads.append(threading.Thread(target=_Conversation(relay, line).run, daemon=True))
        threads[-1].start()


class _Conversation:
    """One connection. What its dead client had written is read to the end, as any relay does."""

    def __init__(self, relay: DeadlyRelay, line: socket.socket) -> None:
        self.relay, self.line = relay, line
        self.sender = self.recipient = ""
        self.has_served = False

    def run(self) -> None:
        try:
            with self.line, self.line.makefile("rb") as file, suppress(OSError, ValueError):
                self.converse(file)
        finally:
            self.relay.moved(-1)

    def converse(self, file: io.BufferedReader) -> None:
        self.relay.reached(Step.LEASE_TAKEN, self.line)
        self.say("220 deadly.example ESMTP")
        while command := file.readline():
            verb, _, rest = command.decode().strip().partition(" ")
            match verb.upper():
                case "EHLO":
                    self.relay.reached(Step.BEFORE_MAIL, self.line)
                    self.say("250-deadly.example\r\n" + "250-PIPELINING\r\n" * self.relay.pipelining + "250 8BITMIME")
                case "MAIL":
                    self.sender = rest.partition("<")[2].partition(">")[0]
                    self.say("250 2.1.0 Ok")
                case "RCPT":
                    self.recipient = rest.partition("<")[2].partition(">")[0]
                    self.relay.reached(Step.AFTER_RCPT, self.line, self.recipient)
                    self.say("250 2.1.5 Ok")
                case "DATA":
                    self.say("354 Go on")
                    self.take(file)
                case _:
                    self.say("221 2.0.0 Bye" if verb.upper() == "QUIT" else "250 2.0.0 Ok")

    def take(self, file: io.BufferedReader) -> None:
        lines = [file.readline()]
        if self.relay.reached(Step.MID_DATA, self.line, self.recipient) and self.relay.signal == signal.SIGKILL:
            raise ConnectionError("the rest is lost with its machine")
        if self.has_served:
            self.relay.reached(Step.BEFORE_COMMIT, self.line, self.recipient)
        while lines[-1] != b".\r\n":
            lines.append(file.readline())
            if not lines[-1]:
                raise ConnectionError("cut in mid-body: nobody is responsible for it")
        data = b"".join(line.removeprefix(b".") for line in lines[:-1])
        self.relay.keep_waiting(self.recipient)
        self.relay.book(Received(self.sender, self.recipient, data))
        self.relay.reached(Step.BEFORE_250, self.line, self.recipient)
        self.say("250 2.0.0 Ok: queued")
        self.relay.reached(Step.AFTER_250, self.line, self.recipient)
        self.has_served = True

    def say(self, reply: str) -> None:
        # Nobody may be there to hear it: what he had written is still to be read.
        with suppress(OSError):
            self.line.sendall(f"{reply}\r\n".encode())
