"""The settings: the only reader of the environment; every missing or invalid value is told at once, with an example."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from enum import Flag, auto
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from service import setting_values as values
from service.core import addresses, oauth
from service.core.oauth import Client
from service.core.pace import Pace, QuietHours, pace_of, preset, quiet_hours_of
from service.core.pacing import DEFAULT_RETRIES, Retries
from service.core.refusals import Refusal
from service.setting_values import ROOT, Mailbox, MailServer, Riding

if TYPE_CHECKING:
    from service.core.dkim import Signer

T = TypeVar("T")


class Need(Flag):
    """What a command cannot do without; a setting that nobody needs may stay empty."""

    STORES = auto()
    KEYS = auto()
    WRITING = auto()
    SENDING = auto()
    READING = auto()
    # Both or either: what a provider is asked to grant.
    CONNECTING = auto()
    WEB = auto()


@dataclass(frozen=True, slots=True)
class Setting:
    """One line of `.env.example`: the name, what it is for, an example, the default, and who needs it."""

    name: str
    purpose: str
    example: str
    default: str = ""
    need: Need | None = None


SETTINGS = (
    Setting("DATA_DIR", "where Pli keeps its files; relative paths start at the folder of pli", "data", "data"),
    Setting("DATABASE_URL", "the database; without it SQLite in DATA_DIR", "postgresql+psycopg://pli@127.0.0.1/pli"),
    Setting("REDIS_URL", "Redis or Valkey; without it an embedded Valkey", "redis://127.0.0.1:6379/0"),
    Setting(
        "SMTP_URL",
        "the relay that takes our mail, user and password percent-encoded; tls=starttls, implicit, or none on loopback; "
        "auth=xoauth2 where the mailbox takes no password",
        "smtp://vie%40example.coop:secret@smtp.example.coop:587?tls=starttls",
        need=Need.SENDING,
    ),
    Setting("OAUTH_PROVIDER", "who gives the tokens of auth=xoauth2: microsoft or google", "microsoft"),
    Setting("OAUTH_TENANT", "the organisation at Microsoft, by its domain or number", "example.coop"),
    Setting(
        "OAUTH_CLIENT_ID", "the number of the application that was registered there", "00000000-aaaa-bbbb-cccc-0000"
    ),
    Setting("OAUTH_CLIENT_SECRET", "its secret, where it has one", "a value that they show once"),
    Setting(
        "SENDER",
        "name and address in From; by default the user of IMAP_URL",
        "La Coopérative <vie@example.coop>",
        need=Need.WRITING,
    ),
    Setting("SENDER_STATUTORY", "another From for convocations", "La Coopérative <ag@example.coop>"),
    Setting(
        "SENDER_TRANSACTIONAL",
        "another From for what answers one person, and for what the team is told",
        "La Coopérative <contact@example.coop>",
    ),
    Setting("SEND_CONNECTIONS", "how many connections a sending process opens to the relay, at most", "4", "4"),
    Setting(
        "SEND_RATE",
        "how many mails may leave a minute, an hour, a day (0: as fast as the relay); without it what the provider of "
        "SMTP_URL is known to allow, else 60/min, and 0 on loopback",
        "20/min,150/h,1500/d",
    ),
    Setting("DOMAIN_RATE", "the same to one destination domain; 0 is none", "60/min", "0"),
    Setting("DOMAIN_CONNECTIONS", "mails at the wire for one destination domain at once; 0 is no limit", "2", "0"),
    Setting("QUIET_HOURS", "hours in which no campaign sends but a convocation", "21:00-07:00"),
    Setting(
        "RETRY_DELAYS", "minutes before each new try of a mail that was put off", "15,30,60,120,240", "15,30,60,120,240"
    ),
    Setting("RETRY_DAYS", "days after which a mail that was put off is given up", "5", "5"),
    Setting(
        "DURABILITY",
        "strict: what left is known even after a power cut; relaxed: faster, more mail is in doubt after one",
        "strict",
        "strict",
    ),
    Setting("DKIM_KEY", "the file of the private key that signs our mail; only where the relay does not", "dkim.pem"),
    Setting("DKIM_SELECTOR", "the name under which the DNS publishes the other half of DKIM_KEY", "pli2026"),
    Setting("DKIM_DOMAIN", "the domain that signs; by default that of SENDER", "example.coop"),
    Setting(
        "SEND_HOLD", "seconds before the first mail of a campaign leaves, in which it can be called back", "120", "120"
    ),
    Setting(
        "IMAP_URL",
        "the inbox that members answer to (imap:// on loopback only); auth=xoauth2 where it takes no password",
        "imaps://vie%40example.coop:secret@imap.example.coop:993/INBOX",
        need=Need.READING,
    ),
    Setting(
        "IMAP_FOLDERS",
        "the folders that are read beside the one of IMAP_URL, every few minutes; \\Junk, the default, is the provider's for "
        "junk, whatever its name: only what answers a mail of ours is taken from there",
        "INBOX,\\Junk,Forum",
        "\\Junk",
    ),
    Setting(
        "BOUNCE_IMAP_URL",
        "the mailbox where errors come back to, where that is not the one of IMAP_URL",
        "imaps://retours%40example.coop:secret@imap.example.coop:993/INBOX",
    ),
    Setting(
        "REPLY_TO",
        "the address of the read inbox; by default the user of IMAP_URL",
        "vie@example.coop",
        need=Need.WRITING,
    ),
    Setting(
        "BOUNCE_ADDRESS",
        "where errors come back to, delivered into the same inbox or that of BOUNCE_IMAP_URL; by default REPLY_TO",
        "retours@example.coop",
    ),
    Setting("BOUNCE_ADDRESS_STATUTORY", "another one for convocations", "retours-ag@example.coop"),
    Setting("BOUNCE_ADDRESS_TRANSACTIONAL", "another one for what answers one person", "retours-contact@example.coop"),
    Setting(
        "ADDRESSING",
        "how a token rides on REPLY_TO: plus (vie+TOKEN@), minus (vie-TOKEN@), catchall (TOKEN@, on a domain of its own "
        "whose every address leads into the inbox), or none where the provider refuses them",
        "plus",
        "plus",
    ),
    Setting(
        "ENVELOPE",
        "the envelope sender: verp (token in BOUNCE_ADDRESS) or fixed (BOUNCE_ADDRESS as it is)",
        "verp",
        "verp",
    ),
    Setting(
        "AUTHSERV_ID",
        "the name under which the mailbox's server writes Authentication-Results, as in the header of any mail that came; "
        "without it nothing is known of whether a From is true",
        "mx.example.coop",
    ),
    Setting("INBOX_SINCE", "mail older than this day is left alone", "2026-12-01"),
    Setting(
        "PUBLIC_URL",
        "the address of this service, as members see it",
        "https://courrier.example.coop",
        need=Need.WRITING | Need.WEB,
    ),
    Setting(
        "SECRET_KEY",
        "32 characters at least, kept secret and kept for ever: links already mailed depend on it",
        "the output of: python3 -c 'import secrets; print(secrets.token_hex(32))'",
        need=Need.KEYS,
    ),
    Setting("BIND", "the address the web server listens on", "127.0.0.1:8000", "127.0.0.1:8000"),
    Setting("TRUSTED_PROXIES", "how many proxies in front of the web server are ours", "1", "0"),
    Setting("LOG_LEVEL", "debug, info, warning or error", "info", "info"),
    Setting("TIMEZONE", "the zone of the dates and hours that people read and type", "Europe/Paris", "Europe/Paris"),
    Setting("ORGANISATION", "the cooperative's name; by default the name in SENDER", "La Coopérative"),
    Setting(
        "WITNESSES",
        "addresses, joined by commas, that get the proof of a statutory sending as soon as it ends (the presidency, the treasurer)",
        "presidence@example.org,tresorerie@example.net",
    ),
    Setting("POSTAL_ADDRESS", "printed at the foot of each mail", "12 rue des Lilas, 75000 Ville"),
    Setting("TELEPHONE", "printed at the foot of each mail", "01 00 00 00 00"),
    Setting(
        "LEGAL_NOTICE",
        "legal form, capital, register; printed at the foot of each mail",
        "SCIC SA à capital variable, RCS Ville 000 000 000",
    ),
)


@dataclass(frozen=True, slots=True, repr=False)
class Settings:
    """Everything that the environment decides, checked."""

    data_dir: Path
    database_url: str
    redis_url: str | None
    smtp: MailServer | None
    oauth: Client | None
    sender: Mailbox | None
    sender_statutory: Mailbox | None
    sender_transactional: Mailbox | None
    send_connections: int
    send_rate: Pace
    domain_rate: Pace
    domain_connections: int
    quiet_hours: QuietHours | None
    retries: Retries
    strict: bool
    dkim: Signer | None
    send_hold: int
    imap: MailServer | None
    imap_folders: tuple[str, ...]
    bounce_imap: MailServer | None
    reply_to: str
    bounce_address: str
    bounce_address_statutory: str
    bounce_address_transactional: str
    addressing: str
    envelope: str
    authserv_id: str
    inbox_since: date | None
    public_url: str
    secret_key: bytes
    bind: str
    trusted_proxies: int
    log_level: str
    zone: ZoneInfo
    organisation: str
    witnesses: tuple[str, ...]
    postal_address: str
    telephone: str
    legal_notice: str

    @property
    def riding(self) -> Riding:
        """How tokens ride on our addresses."""
        return Riding(self.addressing, self.envelope, self.reply_to)

    def __repr__(self) -> str:
        """Show nothing: settings hold secrets (S28)."""
        return "Settings(…)"


class InvalidSettings(Exception):
    """Every fault of the settings, a line each."""

    def __init__(self, faults: list[str]) -> None:
        super().__init__("\n".join(faults))
        self.faults = faults


def load(need: Need, environment: Mapping[str, str] | None = None) -> Settings:
    """Read the environment, then `.env`. Raises InvalidSettings with every fault of what is needed."""
    return _Reader(given() if environment is None else environment, need).read()


def given() -> dict[str, str]:
    """Tell what the environment and the file of settings say: the environment wins, an empty value counts as unset."""
    own = {name: value for name, value in os.environ.items() if value.strip()}  # noqa: TID251 (its one reader)
    return {**values.dotenv(env_file()), **own}


def env_file() -> Path:
    """Tell which file holds the settings: `.env` beside pli, unless PLI_ENV_FILE names another (the demo's own)."""
    return ROOT / (os.environ.get("PLI_ENV_FILE") or ".env")  # noqa: TID251 (its one reader)


def bare_environment() -> dict[str, str]:
    """Tell what a program needs of our environment that is no setting: where programs and the home are, the language."""
    return {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}  # noqa: TID251


class _Reader:
    """Reads one setting after the other and gathers what is wrong."""

    def __init__(self, environment: Mapping[str, str], need: Need) -> None:
        self.environment = environment
        self.need = need
        self.faults: list[str] = []

    def read(self) -> Settings:
        data_dir = ROOT / self.text("DATA_DIR")
        smtp = self.parsed("SMTP_URL", values.smtp)
        imap, bounce_imap = self.parsed("IMAP_URL", values.imap), self.parsed("BOUNCE_IMAP_URL", values.imap)
        user = imap.user if imap and "@" in imap.user else ""
        sender = self.parsed("SENDER", values.sender, otherwise=user)
        zone = self.parsed("TIMEZONE", values.zone) or ZoneInfo("Europe/Paris")
        statutory = self.parsed("SENDER_STATUTORY", values.sender) or sender
        transactional = self.parsed("SENDER_TRANSACTIONAL", values.sender) or sender
        reply_to = self.parsed("REPLY_TO", addresses.normalise, otherwise=user) or ""
        bounce = self.parsed("BOUNCE_ADDRESS", addresses.normalise) or reply_to
        settings = Settings(
            data_dir=data_dir,
            database_url=self.parsed("DATABASE_URL", values.database) or f"sqlite:///{data_dir / 'pli.db'}",
            redis_url=self.parsed("REDIS_URL", values.redis),
            smtp=smtp,
            oauth=self.oauth(smtp, imap, bounce_imap),
            sender=sender,
            sender_statutory=statutory,
            sender_transactional=transactional,
            dkim=self.signer(sender, statutory, transactional),
            send_connections=max(1, self.parsed("SEND_CONNECTIONS", values.whole) or 1),
            send_rate=self.parsed("SEND_RATE", pace_of) or _usual_pace(smtp),
            domain_rate=self.parsed("DOMAIN_RATE", pace_of) or Pace(),
            domain_connections=self.parsed("DOMAIN_CONNECTIONS", values.whole) or 0,
            quiet_hours=self.parsed("QUIET_HOURS", partial(quiet_hours_of, zone=zone)),
            retries=Retries(
                self.parsed("RETRY_DELAYS", values.minutes) or DEFAULT_RETRIES.delays,
                timedelta(days=self.parsed("RETRY_DAYS", values.whole) or DEFAULT_RETRIES.give_up_after.days),
            ),
            strict=self.parsed("DURABILITY", values.one_of("strict", "relaxed")) != "relaxed",
            send_hold=self.parsed("SEND_HOLD", values.whole) or 0,
            imap=imap,
            imap_folders=self.parsed("IMAP_FOLDERS", values.folder_list) or (),
            bounce_imap=bounce_imap,
            reply_to=reply_to,
            bounce_address=bounce,
            bounce_address_statutory=self.parsed("BOUNCE_ADDRESS_STATUTORY", addresses.normalise) or bounce,
            bounce_address_transactional=self.parsed("BOUNCE_ADDRESS_TRANSACTIONAL", addresses.normalise) or bounce,
            addressing=self.parsed("ADDRESSING", values.one_of(*values.MARKS, "none", auto="plus")) or "plus",
            envelope=self.parsed("ENVELOPE", values.one_of("verp", "fixed", auto="verp")) or "verp",
            authserv_id=self.text("AUTHSERV_ID"),
            inbox_since=self.parsed("INBOX_SINCE", date.fromisoformat),
            public_url=(self.parsed("PUBLIC_URL", values.public_url) or "").rstrip("/"),
            secret_key=self.parsed("SECRET_KEY", values.secret) or b"",
            bind=self.text("BIND"),
            trusted_proxies=self.parsed("TRUSTED_PROXIES", values.whole) or 0,
            log_level=self.parsed("LOG_LEVEL", values.one_of("debug", "info", "warning", "error")) or "info",
            zone=zone,
            organisation=self.text("ORGANISATION") or (sender.name if sender else ""),
            witnesses=self.parsed("WITNESSES", values.address_list) or (),
            postal_address=self.text("POSTAL_ADDRESS"),
            telephone=self.text("TELEPHONE"),
            legal_notice=self.text("LEGAL_NOTICE"),
        )
        errors = bounce, settings.bounce_address_statutory, settings.bounce_address_transactional
        self.faults += settings.riding.faults(*errors)
        if self.faults:
            raise InvalidSettings(self.faults)
        return settings

    def text(self, name: str) -> str:
        return self.environment.get(name, "").strip() or _setting(name).default

    def oauth(self, smtp: MailServer | None, *inboxes: MailServer | None) -> Client | None:
        """Who gives tokens, where a mailbox asks for them."""
        used = ((Need.SENDING, smtp), *((Need.READING, inbox) for inbox in inboxes))
        if not any(one and one.auth == "xoauth2" and self.need & (need | Need.CONNECTING) for need, one in used):
            return None
        given = self.parsed("OAUTH_PROVIDER", values.one_of("microsoft", "google"), needed=True)
        client_id = self.parsed("OAUTH_CLIENT_ID", str, needed=True)
        # Google has no client without a secret.
        client_secret = self.parsed("OAUTH_CLIENT_SECRET", str, needed=given == "google") or ""
        if given is None or client_id is None:
            return None
        return oauth.client(given, tenant=self.text("OAUTH_TENANT"), client_id=client_id, client_secret=client_secret)

    def signer(self, *senders: Mailbox | None) -> Signer | None:
        """Only who sends reads the key, and only where one is named is cryptography loaded: it takes its time."""
        if not self.need & Need.SENDING or not any(map(self.text, ("DKIM_KEY", "DKIM_SELECTOR", "DKIM_DOMAIN"))):
            return None
        dkim, ours = import_module("service.core.dkim"), [sender.domain for sender in senders if sender]
        selector = self.parsed("DKIM_SELECTOR", values.dns_name, needed=True)
        domain = self.parsed("DKIM_DOMAIN", values.domain, otherwise=ours[0] if ours else "")
        for one in sorted(set(ours)):
            if domain and not dkim.is_aligned(domain, one):
                self.faults.append(f"DKIM_DOMAIN is invalid (a signature of {domain} does not speak for From at {one})")

        def read(path: str) -> Signer:
            made: Signer = dkim.signer(values.key_file(path), selector=selector or "", domain=domain or "")
            return made

        return self.parsed("DKIM_KEY", read, needed=True)

    def parsed(self, name: str, parse: Callable[[str], T], *, otherwise: str = "", needed: bool = False) -> T | None:
        setting, value = _setting(name), self.text(name) or otherwise
        if not value:
            if needed or (setting.need and setting.need & self.need):
                self.faults.append(f"{name} is missing: {setting.purpose}. Example: {name}={setting.example}")
            return None
        try:
            return parse(value)
        except (ValueError, Refusal, ZoneInfoNotFoundError) as error:
            self.faults.append(f"{name} is invalid ({error}): {setting.purpose}. Example: {name}={setting.example}")
            return None


def _usual_pace(relay: MailServer | None) -> Pace:
    return Pace() if relay is None or values.is_loopback(relay.host) else preset(relay.host)


def _setting(name: str) -> Setting:
    return next(setting for setting in SETTINGS if setting.name == name)
