"""The demo's post office: SMTP in, IMAP out for the cooperative's inbox, a mailbox on disk for everyone else."""

from __future__ import annotations

import asyncio
import signal
import socket
from argparse import Namespace
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime
from pathlib import Path

from aiosmtpd.smtp import SMTP, Envelope, Session
from proxyprotocol.reader import ProxyProtocolReader
from pymap.backend.dict import DictBackend
from pymap.backend.dict.filter import FilterSet
from pymap.backend.dict.mailbox import MailboxData, MailboxSet
from pymap.imap import IMAPServer
from pymap.parsing.message import AppendMessage

from service.demo.cooperative import DOMAIN, INBOX, INBOX_NAMES
from service.demo.mailboxes import Mailboxes

_LARGEST = 30_000_000  # bytes
_HOST = f"poste.{DOMAIN}"

Answering = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Doors:
    """The listening sockets of the post office, and the password of the cooperative's inbox."""

    smtp: socket.socket
    imap: socket.socket
    password: str


def serve(doors: Doors, folder: Path, mailboxes: Mailboxes, *, now: Callable[[], datetime]) -> None:
    """Take mail in and give it out until SIGTERM or SIGINT."""
    asyncio.run(_serve(doors, folder, mailboxes, now))


class Inbox:
    """The cooperative's inbox: pymap serves it from memory, each mail lies in a file, so that a restart changes no UID."""

    def __init__(self, folder: Path, served: MailboxData) -> None:
        self._folder = folder
        self._served = served
        # pymap draws a new number at each start, which would tell Pli that every message is another one.
        served._uid_validity = 1

    async def load(self) -> None:
        """Serve again what earlier starts have kept, in the order of its arrival."""
        self._folder.mkdir(parents=True, exist_ok=True)
        for file in sorted(self._folder.glob("*.eml")):
            await self._serve(file.read_bytes(), datetime.fromtimestamp(file.stat().st_mtime, UTC))

    async def add(self, raw: bytes, *, at: datetime) -> None:
        """Keep a mail, then tell whoever waits in IDLE."""
        number = len(list(self._folder.glob("*.eml"))) + 1
        begun = self._folder / f"{number:06}.part"
        begun.write_bytes(raw)
        begun.rename(begun.with_suffix(".eml"))
        await self._serve(raw, at)

    async def _serve(self, raw: bytes, at: datetime) -> None:
        await self._served.append(AppendMessage(raw, at, frozenset()))


class Sorting:
    """Who gets what: the cooperative's two addresses fill the inbox, everything else is somebody's own mailbox."""

    def __init__(self, inbox: Inbox, mailboxes: Mailboxes, now: Callable[[], datetime]) -> None:
        self._inbox = inbox
        self._mailboxes = mailboxes
        self._now = now

    async def handle_RCPT(  # noqa: N802  aiosmtpd's name
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """Refuse who is marked as gone, as his own server would (RFC 3463: 5.1.1)."""
        if self._mailboxes.is_gone(address):
            return f"550 5.1.1 <{address}>: Recipient address rejected: User unknown"
        envelope.rcpt_tos.append(address)
        envelope.rcpt_options.extend(options)
        return "250 2.1.5 Ok"

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802
        """Put the mail where it belongs, with what the last server on its way adds (RFC 5321 section 4.4)."""
        content = envelope.original_content or b""
        for address in envelope.rcpt_tos:
            trace = (
                f"Return-Path: <{(envelope.mail_from or '').strip('<>')}>\r\n"
                f"Delivered-To: {address}\r\n"
                f"Received: by {_HOST} with ESMTP; {format_datetime(self._now())}\r\n"
            )
            await self._put(address, trace.encode() + content)
        return "250 2.0.0 Ok: kept"

    async def _put(self, address: str, raw: bytes) -> None:
        local, _, domain = address.lower().rpartition("@")
        if domain == DOMAIN and local.partition("+")[0] in INBOX_NAMES:
            await self._inbox.add(raw, at=self._now())
        else:
            self._mailboxes.deliver(address, raw)


class _WholeAnswers:
    """Sends each answer in one piece: pymap writes it in several, and a client that looks between two gives up."""

    def __init__(self, line: asyncio.StreamWriter) -> None:
        self._line = line
        self._held = bytearray()

    def write(self, data: bytes) -> None:
        """Hold a piece."""
        self._held += data

    async def drain(self) -> None:
        """Send what is held."""
        self._line.write(bytes(self._held))
        self._held.clear()
        await self._line.drain()

    def __getattr__(self, name: str) -> object:
        line: object = getattr(self._line, name)
        return line


async def _serve(doors: Doors, folder: Path, mailboxes: Mailboxes, now: Callable[[], datetime]) -> None:
    loop = asyncio.get_running_loop()
    over = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, over.set)
    inbox, answer = await _open_inbox(folder, doors.password)
    sorting = Sorting(inbox, mailboxes, now)
    async with (
        await loop.create_server(lambda: _smtp(sorting), sock=doors.smtp),
        await asyncio.start_server(answer, sock=doors.imap),
    ):
        await over.wait()


def _smtp(sorting: Sorting) -> SMTP:
    return SMTP(sorting, data_size_limit=_LARGEST, enable_SMTPUTF8=True, hostname=_HOST, ident="Pli demo")


async def _open_inbox(folder: Path, password: str) -> tuple[Inbox, Answering]:
    """Open the cooperative's inbox, and make what answers an IMAP client."""
    backend, config = await DictBackend.init(_options(password))
    config.apply_context()
    served = MailboxSet()
    config.set_cache[INBOX] = (served, FilterSet())
    inbox = Inbox(folder, await served.get_mailbox("INBOX"))
    await inbox.load()
    server = ProxyProtocolReader(config.proxy_protocol).get_callback(IMAPServer(backend.login, config))

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await server(reader, _WholeAnswers(writer))  # type: ignore[arg-type]

    return inbox, answer


def _options(password: str) -> Namespace:
    """What pymap's own command line would say; its demo user is the cooperative."""
    return Namespace(
        demo_data=False,
        demo_user=INBOX,
        demo_password=password,
        host=None,
        port=0,
        debug=False,
        cert=None,
        key=None,
        tls=False,
        passlib_cfg=None,
        proxy_protocol=None,
    )
