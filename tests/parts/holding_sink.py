"""A relay on loopback, in asyncio, that holds its answers for one destination domain and counts what is at the wire for each."""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

_READ_AT_MOST = 1 << 20
_A_WHILE = 20.0


@dataclass
class HoldingSink:
    """No final dot of a mail to `held` is answered before so many mails to the others are taken, as `until` says.

    Unless more than `bound` mails to it are at the wire, or nothing happens for a while: what a test is to find must not hang
    it.
    """

    held: str
    until: int
    bound: int
    port: int = 0
    # The recipients in the order in which their mail was taken.
    taken: list[str] = field(default_factory=list)
    at_the_wire: Counter[str] = field(default_factory=Counter)
    most_at_once: Counter[str] = field(default_factory=Counter)
    # Whether somebody waited in vain for what `until` says: it only bounds a hang.
    gave_up: bool = False

    def of(self, domain: str) -> list[int]:
        """The places in the order of all at which mail to a domain was taken."""
        return [place for place, one in enumerate(self.taken) if one.endswith(f"@{domain}")]

    @property
    def is_held(self) -> bool:
        """Whether the answers for one domain are held now."""
        others = len(self.taken) - len(self.of(self.held))
        return not self.gave_up and others < self.until and self.at_the_wire[self.held] <= self.bound


@contextmanager
def holding_sink(sink: HoldingSink) -> Iterator[HoldingSink]:
    """Run the sink in a loop of its own until the block ends."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    relay = _Relay(sink)
    server = asyncio.run_coroutine_threadsafe(relay.open(), loop).result(10)
    try:
        yield sink
    finally:
        asyncio.run_coroutine_threadsafe(relay.close(server), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()


class _Relay:
    def __init__(self, sink: HoldingSink) -> None:
        self.sink, self.changed = sink, asyncio.Condition()
        self.conversations: set[asyncio.Task[None]] = set()

    async def open(self) -> asyncio.Server:
        server = await asyncio.start_server(self.converse, "127.0.0.1", 0, limit=_READ_AT_MOST)
        self.sink.port = server.sockets[0].getsockname()[1]
        return server

    async def close(self, server: asyncio.Server) -> None:
        server.close()
        for one in self.conversations:
            one.cancel()
        await asyncio.gather(*self.conversations, return_exceptions=True)

    async def converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self.conversations.add(task)
        try:
            with suppress(ConnectionError, asyncio.IncompleteReadError):
                writer.write(b"220 holding.example ESMTP\r\n")
                await self.obey(reader, writer)
        finally:
            writer.transport.abort()
            self.conversations.discard(task)

    async def obey(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        recipient = ""
        while command := await reader.readline():
            verb = command[:4].upper()
            if verb == b"EHLO":
                writer.write(b"250-holding.example\r\n250-PIPELINING\r\n250 8BITMIME\r\n")
            elif verb == b"RCPT":
                recipient = command.partition(b"<")[2].partition(b">")[0].decode()
                writer.write(b"250 2.1.5 Ok\r\n")
            elif verb == b"DATA":
                await self.begin(recipient)
                writer.write(b"354 Go on\r\n")
                await reader.readuntil(b"\r\n.\r\n")
                await self.end(recipient)
                writer.write(b"250 2.0.0 Ok: queued as 42\r\n")
            elif verb == b"QUIT":
                return
            else:
                writer.write(b"250 2.0.0 Ok\r\n")

    async def begin(self, recipient: str) -> None:
        domain = recipient.rpartition("@")[2]
        async with self.changed:
            self.sink.at_the_wire[domain] += 1
            self.sink.most_at_once[domain] = max(self.sink.most_at_once[domain], self.sink.at_the_wire[domain])
            self.changed.notify_all()

    async def end(self, recipient: str) -> None:
        """Return when the dot may be answered; what the mail was counted for ends before the answer leaves."""
        domain = recipient.rpartition("@")[2]
        async with self.changed:
            while domain == self.sink.held and self.sink.is_held:
                try:
                    await asyncio.wait_for(self.changed.wait(), _A_WHILE)
                except TimeoutError:
                    self.sink.gave_up = True
            self.sink.at_the_wire[domain] -= 1
            self.sink.taken.append(recipient)
            self.changed.notify_all()
