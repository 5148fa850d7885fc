"""A relay on loopback that follows RFC 5321 and 2920, and misbehaves where a script says so."""

from __future__ import annotations

import asyncio
import base64
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from enum import Enum, auto
from functools import partial

from tests.parts.smtp_sink import Certificate, Received


class Fault(Enum):
    """What the relay does wrong, at the message whose number it is told."""

    DATA_WITHOUT_RECIPIENT = auto()  # RCPT refused, DATA answered 354, and the lone dot 250
    DROPS_WHAT_FOLLOWS_THE_DOT = auto()  # announces PIPELINING and forgets the rest of its buffer
    EXTRA_REPLY = auto()  # one 250 too many after the dot's
    REPLY_IN_TWO_PACKETS = auto()  # a multi-line 250, cut in its middle
    LEAVES_AT_THE_DOT = auto()  # 421 instead of an answer
    LEAVES_AND_ANSWERS = auto()  # 421, then 250 to the same dot
    LEAVES_DURING_THE_BODY = auto()  # 421 for idleness while the body comes
    TOO_LARGE_AND_RESET = auto()  # 552 in mid-body, then RST
    CLOSES_AFTER_THE_DOT = auto()  # took the message, said nothing
    SAYS_MORE_THAN_220 = auto()  # clear text behind "220 Ready to start TLS"
    NO_SUCH_LOGIN_AGAIN = auto()  # AUTH refused from the second connection on
    CLOSES_AFTER_ITS_SHARE = auto()  # the line ends after each `share` messages
    NOT_NOW = auto()  # 450 to RCPT
    ANSWERS_TOO_LATE = auto()  # took the message, and says 250 when nobody is there any more
    TARPIT = auto()  # took the message, and says so one byte at a time, without an end
    HANGS_AT_TLS = auto()  # "220 Ready to start TLS", and nothing more


@dataclass
class ScriptedRelay:
    """What it offers, where it misbehaves, and what it took: a message is booked when the relay is responsible for it."""

    faults: dict[int, Fault] = field(default_factory=dict)
    always: frozenset[Fault] = frozenset()
    pipelining: bool = True
    share: int = 3
    # How many lines it serves at once; to one more it says 421 at its first MAIL.
    most: int = 1000
    greets_for_ever: bool = False
    # Once it has taken so many, it turns every new line away with 421.
    busy_after: int | None = None
    open_lines: int = 0
    certificate: Certificate | None = None
    # The access tokens that XOAUTH2 takes; any other gets a challenge, then 535.
    tokens: set[str] = field(default_factory=set)
    port: int = 0
    took: list[str] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    connections: int = 0
    commands: list[bytes] = field(default_factory=list)
    # What was said behind a final dot before that was answered, where it was dropped.
    dropped: list[bytes] = field(default_factory=list)

    @property
    def messages(self) -> list[Received]:
        """What it took, as other relays of the tests keep it."""
        return [Received("", *one) for one in zip(self.took, self.bodies, strict=True)]

    def fault(self, number: int) -> Fault | None:
        """What goes wrong with this message, once."""
        return self.faults.pop(number, None)


def number_in(recipient: str) -> int:
    """The number by which a fault is told at which message to happen: all the digits of its address."""
    return int("".join(filter(str.isdigit, recipient)) or 0)


class _Hangup(Exception):
    pass


@contextmanager
def scripted_relay(relay: ScriptedRelay) -> Iterator[ScriptedRelay]:
    """Run the relay in a thread of this process until the block ends."""
    begun = threading.Event()
    ending: list[Callable[[], object]] = []

    async def serve() -> None:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        ending.append(lambda: loop.call_soon_threadsafe(stop.set))
        server = await asyncio.start_server(partial(_serve, relay), "127.0.0.1", 0)
        relay.port = server.sockets[0].getsockname()[1]
        begun.set()
        async with server:
            await stop.wait()

    thread = threading.Thread(target=lambda: asyncio.run(serve()), daemon=True)
    thread.start()
    begun.wait(10)
    try:
        yield relay
    finally:
        ending[0]()
        thread.join(10)


async def _serve(relay: ScriptedRelay, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    relay.connections += 1
    relay.open_lines += 1
    conversation = _Conversation(relay, reader, writer, relay.connections)
    try:
        with suppress(_Hangup, ConnectionError, asyncio.IncompleteReadError, ssl.SSLError):
            await conversation.run()
        writer.close()
        with suppress(ConnectionError, ssl.SSLError):
            await writer.wait_closed()
    finally:
        relay.open_lines -= 1
        # Whatever was cut off, nothing of it stays open.
        writer.transport.abort()


class _Conversation:
    def __init__(
        self, relay: ScriptedRelay, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int
    ) -> None:
        self.relay, self.reader, self.writer, self.number = relay, reader, writer, number
        self.encrypted = self.is_too_many = False
        self.recipient = ""
        self.fault: Fault | None = None
        self.taken = 0

    async def run(self) -> None:
        self.is_too_many = self.relay.open_lines > self.relay.most
        while self.relay.greets_for_ever:
            await self.say("220-patience")
            await asyncio.sleep(0.05)
        if self.relay.busy_after is not None and len(self.relay.took) >= self.relay.busy_after:
            await self.say("421 4.3.2 Too busy")
            raise _Hangup
        await self.say("220 relay.example ESMTP")
        while command := (await self.reader.readuntil(b"\n")).strip():
            self.relay.commands.append(command)
            verb = command[:4].upper()
            if verb in (b"EHLO", b"STAR", b"AUTH"):
                await self.greet(verb, command)
            elif verb == b"QUIT":
                await self.say("221 2.0.0 Bye")
                return
            else:
                await self.obey(verb, command.decode())

    async def greet(self, verb: bytes, command: bytes) -> None:
        if verb == b"EHLO":
            offers = ["PIPELINING"] if self.relay.pipelining else []
            offers += ["STARTTLS"] if self.relay.certificate and not self.encrypted else []
            offers += ["AUTH PLAIN XOAUTH2"]
            await self.say("\r\n".join(["250-relay.example", *(f"250-{offer}" for offer in offers), "250 8BITMIME"]))
        elif verb == b"STAR":
            await self.encrypt()
        elif Fault.NO_SUCH_LOGIN_AGAIN in self.relay.always and self.number > 1:
            await self.say("535 5.7.8 No such login")
        elif b"XOAUTH2" in command and not self.bears_a_token(command):
            await self.say("334 eyJzdGF0dXMiOiI0MDAifQ==")
            assert await self.reader.readuntil(b"\n") == b"\r\n"
            await self.say("535 5.7.3 Authentication unsuccessful")
        else:
            await self.say("235 2.7.0 Welcome")

    def bears_a_token(self, command: bytes) -> bool:
        user, bearer, *rest = base64.b64decode(command.rpartition(b" ")[2]).decode().split("\x01")
        assert (user, rest) == ("user=vie@passerelles.example", ["", ""])
        return bearer.removeprefix("auth=Bearer ") in self.relay.tokens

    async def encrypt(self) -> None:
        injected = Fault.SAYS_MORE_THAN_220 in self.relay.always
        await self.say("220 Ready to start TLS" + ("\r\n250 an offer made in clear text" if injected else ""))
        if Fault.HANGS_AT_TLS in self.relay.always:
            while await self.reader.read(4096):
                pass
            raise _Hangup
        assert self.relay.certificate
        await self.writer.start_tls(self.relay.certificate.context())
        self.encrypted = True

    async def obey(self, verb: bytes, command: str) -> None:
        if verb == b"MAIL":
            self.recipient, self.fault = "", None
            if self.is_too_many:
                # Late enough for the others to have begun.
                await asyncio.sleep(0.3)
                await self.say("421 4.7.0 Too many connections")
                raise _Hangup
            await self.say("250 2.1.0 Ok")
        elif verb == b"RCPT":
            self.recipient = command.partition("<")[2].partition(">")[0]
            self.fault = self.relay.fault(number_in(self.recipient))
            refused = self.fault is Fault.DATA_WITHOUT_RECIPIENT
            not_now = self.fault is Fault.NOT_NOW
            usual = "450 4.2.0 Not now" if not_now else "250 2.1.5 Ok"
            await self.say("550 5.1.1 No such user" if refused else usual)
        elif verb == b"DATA" and self.fault is Fault.NOT_NOW:
            await self.say("503 5.5.1 No recipient")
        elif verb == b"DATA":
            await self.say("354 Go on")
            await self.body()
        else:
            await self.say("250 2.0.0 Ok")

    async def body(self) -> None:
        if self.fault in (Fault.LEAVES_DURING_THE_BODY, Fault.TOO_LARGE_AND_RESET):
            await self.interrupt()
        lines: list[bytes] = []
        while not lines or lines[-1] != b".\r\n":
            lines.append(await self.reader.readuntil(b"\n"))
        content = b"".join(lines)
        if self.fault is Fault.DROPS_WHAT_FOLLOWS_THE_DOT:
            # What was pipelined behind the dot is in our buffer by now, or comes within this time.
            with suppress(TimeoutError):
                self.relay.dropped.append(await asyncio.wait_for(self.reader.read(65536), 0.2))
        await self.answer(content)

    async def interrupt(self) -> None:
        await self.reader.read(10)
        if self.fault is Fault.LEAVES_DURING_THE_BODY:
            await self.say("421 4.4.2 Idle for too long")
            raise _Hangup
        await self.say("552 5.3.4 Too large")
        sock = self.writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        raise _Hangup

    async def answer(self, content: bytes) -> None:
        fault, self.fault = self.fault, None
        if fault is Fault.LEAVES_AT_THE_DOT:
            await self.say("421 4.3.2 Closing")
            raise _Hangup
        if fault is not Fault.DATA_WITHOUT_RECIPIENT:
            self.relay.took.append(self.recipient)
            self.relay.bodies.append(content)
        if fault is Fault.CLOSES_AFTER_THE_DOT:
            raise _Hangup
        while fault is Fault.ANSWERS_TOO_LATE and await self.reader.read(4096):
            pass
        while fault is Fault.TARPIT:
            for byte in "250-":
                await self.say(byte, end="")
                await asyncio.sleep(0.02)
            await self.say("patience")
        if fault is Fault.REPLY_IN_TWO_PACKETS:
            await self.say("250-2.0.0 Ok\r\n250 as ", end="")
            await asyncio.sleep(0.05)
            await self.say("42")
            return
        before = "421 4.3.2 Closing\r\n" if fault is Fault.LEAVES_AND_ANSWERS else ""
        after = "\r\n250 2.0.0 Ok again" if fault is Fault.EXTRA_REPLY else ""
        await self.say(f"{before}250 2.0.0 Ok{after}")
        self.taken += 1
        if Fault.CLOSES_AFTER_ITS_SHARE in self.relay.always and self.taken == self.relay.share:
            raise _Hangup

    async def say(self, reply: str, *, end: str = "\r\n") -> None:
        self.writer.write(f"{reply}{end}".encode())
        await self.writer.drain()
