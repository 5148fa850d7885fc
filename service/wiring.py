"""The composition root: builds database, wire, templates and clock from the settings, and rings the bells after commit."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cached_property
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

import jinja2
import structlog
from sqlalchemy import Engine
from sqlalchemy.orm import Session, sessionmaker

from service import db
from service.actions import bells
from service.actions.mail_access import MailAccess
from service.actions.mailbox import Reader
from service.actions.office import Office, Sender, Stream
from service.actions.pace import Rules
from service.actions.rounds import Rounds
from service.core.reading.ours import Ours
from service.core.tokens import ReturnAddresses
from service.core.writing import rendering
from service.core.writing.letter import House
from service.ports import POSTING, READING, SENDING
from service.setting_values import ROOT, Mailbox, MailServer
from service.settings import Need, Settings, bare_environment, load

if TYPE_CHECKING:
    from service.core.sealing import Vault
    from service.gateways.imap import ImapMailbox
    from service.gateways.oauth import ProviderEndpoint
    from service.gateways.pdf import WeasyPrinter
    from service.gateways.queue import RqQueue
    from service.gateways.send_log import FileSendLog
    from service.gateways.smtp import SmtpOutbox
    from service.ports import LostLog

T = TypeVar("T")

# Each job and the queue that it waits in; a test proves that the Procfile's workers serve them all.
JOBS = {"send": SENDING, "post": POSTING, "read": READING}
SWEEPING = ("read", "post")


@dataclass(frozen=True)
class Wiring:
    """Everything that an entry point needs, built from one set of settings."""

    settings: Settings

    @cached_property
    def engine(self) -> Engine:
        """The database; nothing is opened before the first use."""
        if self.settings.database_url.startswith("sqlite"):
            self.settings.data_dir.mkdir(parents=True, exist_ok=True)
        return db.connect(self.settings.database_url)

    def load_ahead(self) -> None:
        """Load before a fork what each job would load after it (80 ms a job); opens nothing."""
        db.load(self.settings.database_url)
        for name in ("smtp", "send_log"):
            _gateway(name)

    @cached_property
    def sessions(self) -> sessionmaker[Session]:
        """The maker of sessions whose bells ring after the commit."""
        factory = db.sessions(self.engine)
        db.after_commit(factory, self._ring_bells)
        return factory

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """Open a session that only reads."""
        with db.reading(self.sessions) as session:
            yield session

    @contextmanager
    def snapshot(self) -> Iterator[Session]:
        """Open a session that sees the database as of one instant."""
        with db.snapshot(self.sessions) as session:
            yield session

    @cached_property
    def queue(self) -> RqQueue:
        """The doorbell."""
        return cast("RqQueue", _gateway("queue").RqQueue(self.redis_url, JOBS, sweeping=SWEEPING))

    @property
    def redis_url(self) -> str:
        """Where the bell hangs: the server of the settings, else the embedded one."""
        return self.settings.redis_url or str(_gateway("valkey").socket_url(self.settings.data_dir))

    @cached_property
    def office(self) -> Office:
        """What the cooperative's mail has in common."""
        settings = self.settings
        sender = _required(settings.sender, "SENDER")
        house = House(
            name=settings.organisation or sender.domain,
            public_url=settings.public_url,
            postal_address=settings.postal_address,
            telephone=settings.telephone,
            legal_notice=settings.legal_notice,
        )
        return Office(
            house,
            usual=self._stream(sender, settings.bounce_address),
            statutory=self._stream(settings.sender_statutory, settings.bounce_address_statutory),
            transactional=self._stream(settings.sender_transactional, settings.bounce_address_transactional),
            templates=self.templates,
            secret=settings.secret_key,
            signer=settings.dkim,
        )

    def _stream(self, sender: Mailbox | None, bounce_address: str) -> Stream:
        settings = self.settings
        returns = ReturnAddresses(
            settings.reply_to,
            bounce_address,
            settings.secret_key,
            reply_mark=settings.riding.reply_mark,
            bounce_mark=settings.riding.bounce_mark(bounce_address),
        )
        return Stream(_sender(_required(sender, "SENDER")), returns)

    @cached_property
    def templates(self) -> jinja2.Environment:
        """The templates of the mails."""
        return rendering.environment(jinja2.FileSystemLoader(ROOT / "templates" / "emails"))

    @property
    def ours(self) -> Ours:
        """The addresses by which our own mail is known when it comes back."""
        settings = self.settings
        named = settings.sender, settings.sender_statutory, settings.sender_transactional
        senders = [one for one in named if one is not None]
        bounces = settings.bounce_address, settings.bounce_address_statutory, settings.bounce_address_transactional
        known = *(one.address for one in senders), settings.reply_to, *bounces
        return Ours(
            addresses=frozenset(address.lower() for address in known if address),
            domains=frozenset(one.domain for one in senders),
        )

    @property
    def account(self) -> str:
        """How the rows name the inbox."""
        return _account(self.imap)

    @property
    def accounts(self) -> list[str]:
        """How the rows name each mailbox that is read; none where none is set."""
        return [_account(one) for one in (self.settings.imap, self.settings.bounce_imap) if one is not None]

    @property
    def reader(self) -> Reader:
        """How the inbox is read here."""
        return self._reader(self.imap)

    @property
    def rounds(self) -> Rounds:
        """Which folders of the inbox are read."""
        return Rounds(self.sessions, self.reader, self.imap.folder, self.settings.imap_folders, self.now)

    @property
    def bounce_rounds(self) -> Rounds | None:
        """The same of the mailbox where errors come back to; None where that is the inbox."""
        server = self.settings.bounce_imap
        return Rounds(self.sessions, self._reader(server), server.folder, (), self.now) if server is not None else None

    def _reader(self, server: MailServer) -> Reader:
        settings = self.settings
        return Reader(
            account=_account(server),
            ours=self.ours,
            secret=settings.secret_key,
            zone=settings.zone,
            since=settings.inbox_since,
            domain=settings.sender_transactional.domain if settings.sender_transactional else "",
            authserv_id=settings.authserv_id,
        )

    def now(self) -> datetime:
        """The time."""
        return datetime.now(UTC)  # noqa: TID251 (the one clock)

    @property
    def hold(self) -> timedelta:
        """How long a campaign waits before its first mail leaves."""
        return timedelta(seconds=self.settings.send_hold)

    @property
    def rules(self) -> Rules:
        """How fast mail may leave, and in which hours."""
        settings = self.settings
        return Rules(settings.send_rate, settings.domain_rate, settings.domain_connections, settings.quiet_hours)

    @property
    def relay_address(self) -> str:
        """How the relay is remembered; empty where none is set."""
        server = self.settings.smtp
        return f"{server.host}:{server.port}" if server is not None else ""

    def outbox(self, *, pipelining_trusted: bool = True, on_distrust: Callable[[], None] = lambda: None) -> SmtpOutbox:
        """The relay; its connections are opened when there is a message for them."""
        server, relay = _required(self.settings.smtp, "SMTP_URL"), _gateway("relay")
        given = (server.host, server.port, server.user, server.password, server.tls, self.settings.send_connections)
        access = self.mail_access() if server.auth == "xoauth2" else None
        # Behind the mail of a slow domain, that of another would wait although its own server is free (D20).
        apart = self.settings.domain_connections > 0
        made = _gateway("smtp").SmtpOutbox(
            relay.Relay(*given, apart=apart, access=access),
            pipelining_trusted=pipelining_trusted,
            on_distrust=on_distrust,
        )
        return cast("SmtpOutbox", made)

    def mail_access(self) -> MailAccess:
        """Who holds the token of the mailbox that we send through and read."""
        provider = _required(self.settings.oauth, "OAUTH_PROVIDER").provider
        return MailAccess(self.sessions, self.token_endpoint(), self.vault, provider, self.now)

    def token_endpoint(self) -> ProviderEndpoint:
        """The provider that grants access to the mailbox."""
        client = _required(self.settings.oauth, "OAUTH_PROVIDER")
        return cast("ProviderEndpoint", _gateway("oauth").ProviderEndpoint(client))

    @property
    def vault(self) -> Vault:
        """What seals the tokens of the mailbox in the database."""
        made: Vault = import_module("service.core.sealing").Vault.of(self.settings.secret_key, "oauth")
        return made

    def printer(self) -> WeasyPrinter:
        """What prints a proof of sending; a process of its own that sees no setting."""
        made = _gateway("pdf").WeasyPrinter(self.settings.zone, bare_environment())
        return cast("WeasyPrinter", made)

    @property
    def send_logs(self) -> Path:
        """Where the sending processes of this machine write down what leaves."""
        return self.settings.data_dir / "sending"

    def send_log(self) -> FileSendLog:
        """A new log for this sending process."""
        return cast("FileSendLog", _gateway("send_log").FileSendLog(self.send_logs, strict=self.settings.strict))

    def logs_left_behind(self) -> list[AbstractContextManager[LostLog | None]]:
        """The logs of the sending processes of this machine, to be opened one by one; None for one that is alive."""
        return cast("list[AbstractContextManager[LostLog | None]]", _gateway("send_log").left_behind(self.send_logs))

    def mailbox(self) -> ImapMailbox:
        """A new connection to the inbox."""
        return self._mailbox(self.imap)

    def bounce_mailbox(self) -> ImapMailbox:
        """A new connection to the mailbox where errors come back to."""
        return self._mailbox(_required(self.settings.bounce_imap, "BOUNCE_IMAP_URL"))

    def _mailbox(self, server: MailServer) -> ImapMailbox:
        imap = _gateway("imap")
        account = imap.Account(
            server.host, server.port, server.user, server.password, server.tls == "implicit", server.folder
        )
        if server.auth == "xoauth2":
            account = replace(account, access=self.mail_access())
        return cast("ImapMailbox", imap.ImapMailbox(account))

    @property
    def imap(self) -> MailServer:
        """The inbox's server."""
        return _required(self.settings.imap, "IMAP_URL")

    @contextmanager
    def embedded_valkey(self) -> Iterator[None]:
        """Have a part in the embedded Valkey while a long-running process runs; nothing when REDIS_URL names another."""
        if self.settings.redis_url:
            yield
            return
        self.settings.data_dir.mkdir(parents=True, exist_ok=True)
        with _gateway("valkey").EmbeddedValkey(self.settings.data_dir):
            yield

    def _ring_bells(self, session: Session) -> None:
        for bell in bells.taken(session):
            self.queue.ring(bell.job, *bell.ids)


def wire(need: Need) -> Wiring:
    """Read the settings that a command needs and wire the product; sets up the logs. Raises InvalidSettings."""
    wiring = Wiring(load(need))
    _log(wiring.settings.log_level)
    return wiring


def _log(level: str) -> None:
    """One line an act, key=value, ids only; libraries speak through the same door."""
    logging.basicConfig(level=level.upper(), format="%(asctime)s %(levelname)s %(name)s %(message)s")
    # Alembic tells its plumbing at INFO; a migration that fails raises.
    # The wire's libraries write what passes there at DEBUG: addresses and passwords.
    for library in ("alembic", "imapclient", "redis"):
        logging.getLogger(library).setLevel(logging.WARNING)
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            structlog.stdlib.add_log_level,
            structlog.processors.KeyValueRenderer(key_order=["event"]),
        ],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
    )


def _gateway(name: str) -> Any:
    """Load one piece of the wire when it is first used: Redis alone costs a command that needs none half a second."""
    return import_module(f"service.gateways.{name}")


def _account(server: MailServer) -> str:
    return f"{server.user}@{server.host}"


def _sender(mailbox: Mailbox) -> Sender:
    return Sender(mailbox.name, mailbox.address)


def _required(value: T | None, name: str) -> T:
    if value is None:
        raise RuntimeError(f"{name} is not set: the command that asks for it must name it among its needs")
    return value
