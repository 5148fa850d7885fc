"""A relay on loopback that keeps what it accepts and misbehaves as a test's script says."""

from __future__ import annotations

import base64
import shutil
import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from tests.parts import require

HANG_UP = ""  # as an answer: close the line without a word


@dataclass(frozen=True, slots=True)
class Received:
    """One accepted message: the envelope, and the bytes as they were before dot-stuffing."""

    sender: str
    recipient: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Certificate:
    """A self-signed certificate of localhost and its key, as files."""

    cert: Path
    key: Path

    def context(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.cert, self.key)
        return context


@dataclass
class Sink:
    """What the relay offers, how it answers, and what it got.

    `answers` maps (stage, local part) to a reply: stages connect, ehlo, helo, starttls, mail (of the sender), rcpt, data,
    body (before the dot) and dot (of the recipient); for the first four the local part is empty.
    """

    port: int = 0
    answers: dict[tuple[str, str], str] = field(default_factory=dict)
    certificate: Certificate | None = None
    implicit_tls: bool = False
    credentials: tuple[str, str] | None = None
    mechanisms: tuple[str, ...] = ("PLAIN", "LOGIN")
    extensions: tuple[str, ...] = ("8BITMIME",)
    messages: list[Received] = field(default_factory=list)
    commands: list[str] = field(default_factory=list)
    connections: int = 0


def make_certificate(folder: Path) -> Certificate:
    """Make a self-signed certificate with the openssl command."""
    openssl = shutil.which("openssl")
    require(openssl, "the openssl command is not installed")
    made = Certificate(folder / "cert.pem", folder / "key.pem")
    names = "subjectAltName=DNS:localhost,IP:127.0.0.1"
    command = [str(openssl), "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    options = [
        "-subj",
        "/CN=localhost",
        "-addext",
        names,
        "-days",
        "2",
        "-keyout",
        str(made.key),
        "-out",
        str(made.cert),
    ]
    subprocess.run([*command, *options], check=True, capture_output=True)
    return made


@contextmanager
def smtp_sink() -> Iterator[Sink]:
    """Run a sink in threads of this process until the block ends."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        sink = Sink(port=server.getsockname()[1])
        lines: list[socket.socket] = []
        threads: list[threading.Thread] = []
        doorman = threading.Thread(target=_let_in, args=(server, sink, lines, threads), daemon=True)
        doorman.start()
        try:
            yield sink
        finally:
            with suppress(OSError):
                server.shutdown(socket.SHUT_RDWR)
            doorman.join(10)
            for line in lines:
                with suppress(OSError):
                    line.shutdown(socket.SHUT_RDWR)
            for thread in threads:
                thread.join(10)


def _let_in(server: socket.socket, sink: Sink, lines: list[socket.socket], threads: list[threading.Thread]) -> None:
    while True:
        try:
            line, _ = server.accept()
        except OSError:
            return
        sink.connections += 1
        # Several small answers in a row must not wait for the client's delayed ACK.
        line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        lines.append(line)
        threads.append(threading.Thread(target=_Conversation(sink, line).run, daemon=True))
        threads[-1].start()


class _HungUp(Exception):
    pass


class _Conversation:
    """One connection: a command at a time, in the order of RFC 5321."""

    def __init__(self, sink: Sink, line: socket.socket) -> None:
        self.sink, self.line = sink, line
        self.encrypted = False
        self.sender = self.recipient = ""

    def run(self) -> None:
        try:
            if self.sink.implicit_tls:
                self.encrypt()
            self.file = self.line.makefile("rb")
            self.answer("connect", "", "220 sink.example ESMTP")
            while command := self.file.readline():
                self.obey(command.decode("utf-8").rstrip("\r\n"))
        except (OSError, ValueError, _HungUp):
            pass
        finally:
            if hasattr(self, "file"):
                with suppress(OSError):
                    self.file.close()
            self.line.close()

    def obey(self, command: str) -> None:
        self.sink.commands.append(command)
        verb, _, rest = command.partition(" ")
        act = getattr(self, f"on_{verb.lower()}", None)
        if act is None:
            self.say("502 5.5.2 Unknown command")
        else:
            act(rest)

    def on_ehlo(self, rest: str) -> None:
        offers = list(self.sink.extensions)
        if self.sink.certificate and not self.encrypted:
            offers.append("STARTTLS")
        if self.sink.credentials:
            offers.append(" ".join(["AUTH", *self.sink.mechanisms]))
        self.answer("ehlo", "", "\r\n".join(["250-sink.example", *(f"250-{offer}" for offer in offers), "250 HELP"]))

    def on_helo(self, rest: str) -> None:
        self.answer("helo", "", "250 sink.example")

    def on_starttls(self, rest: str) -> None:
        if not self.answer("starttls", "", "220 2.0.0 Go ahead"):
            return
        self.encrypt()
        self.file.close()
        self.file = self.line.makefile("rb")

    def on_auth(self, rest: str) -> None:
        mechanism, _, initial = rest.partition(" ")
        if mechanism not in self.sink.mechanisms:
            self.say("504 5.5.4 Unrecognized authentication type")
            return
        is_plain = mechanism == "PLAIN"
        given = _decoded(initial).split("\0")[1:] if is_plain else [self.asked("Username:"), self.asked("Password:")]
        self.say("235 2.7.0 Welcome" if tuple(given) == self.sink.credentials else "535 5.7.8 Bad credentials")

    def asked(self, what: str) -> str:
        """Ask for one of the words of LOGIN."""
        self.say(f"334 {base64.b64encode(what.encode()).decode()}")
        self.sink.commands.append(answer := self.file.readline().decode("ascii").rstrip("\r\n"))
        return _decoded(answer)

    def on_mail(self, rest: str) -> None:
        self.sender = rest.partition("<")[2].partition(">")[0]
        self.answer("mail", _local(self.sender), "250 2.1.0 Ok")

    def on_rcpt(self, rest: str) -> None:
        recipient = rest.partition("<")[2].partition(">")[0]
        if self.answer("rcpt", _local(recipient), "250 2.1.5 Ok"):
            self.recipient = recipient

    def on_data(self, rest: str) -> None:
        if not self.recipient:
            self.say("503 5.5.1 No recipient")
            return
        if not self.answer("data", _local(self.recipient), "354 Go on"):
            return
        if self.sink.answers.get(("body", _local(self.recipient))) is not None:
            self.file.readline()
            self.answer("body", _local(self.recipient), "")
            raise _HungUp
        lines: list[bytes] = []
        while (line := self.file.readline()) != b".\r\n":
            if not line:
                raise _HungUp
            lines.append(line.removeprefix(b"."))
        usual = "250 2.0.0 Ok: queued as 42"
        if self.sink.answers.get(("dot", _local(self.recipient)), usual).startswith("2"):
            # Booked before it is said: a test that has read the reply may look at once.
            self.sink.messages.append(Received(self.sender, self.recipient, b"".join(lines)))
        self.answer("dot", _local(self.recipient), usual)
        self.sender = self.recipient = ""

    def on_rset(self, rest: str) -> None:
        self.sender = self.recipient = ""
        self.say("250 2.0.0 Ok")

    def on_noop(self, rest: str) -> None:
        self.say("250 2.0.0 Ok")

    def on_quit(self, rest: str) -> None:
        self.say("221 2.0.0 Bye")
        raise _HungUp

    def answer(self, stage: str, local: str, usual: str) -> bool:
        """Say what the script wants, else the usual; True when that was a yes."""
        reply = self.sink.answers.get((stage, local), usual)
        if reply == HANG_UP:
            raise _HungUp
        self.say(reply)
        if reply.startswith("421"):
            raise _HungUp
        return reply[0] in "23"

    def say(self, reply: str) -> None:
        self.line.sendall(f"{reply}\r\n".encode())

    def encrypt(self) -> None:
        if self.sink.certificate is None:
            raise _HungUp
        self.line = self.sink.certificate.context().wrap_socket(self.line, server_side=True)
        self.encrypted = True


def _decoded(words: str) -> str:
    return base64.b64decode(words, validate=True).decode("utf-8")


def _local(address: str) -> str:
    return address.partition("@")[0]
