"""What may a setting hold, and what does it mean? Each reader refuses (ValueError) in words that print no secret."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from email.utils import parseaddr
from ipaddress import ip_address
from pathlib import Path
from typing import Literal
from urllib.parse import SplitResult, parse_qs, unquote, urlsplit
from zoneinfo import ZoneInfo

import idna

from service.core import addresses
from service.core.tokens import ADDRESS_TOKEN_LENGTH, with_token
from service.core.vocabulary import MailFolder

# Where anybody may have a mailbox, in France above all.
_PUBLIC_PROVIDERS = frozenset(
    {
        "gmail.com",
        "googlemail.com",
        "outlook.com",
        "outlook.fr",
        "hotmail.com",
        "hotmail.fr",
        "live.com",
        "live.fr",
        "msn.com",
        "yahoo.com",
        "yahoo.fr",
        "ymail.com",
        "icloud.com",
        "me.com",
        "aol.com",
        "gmx.com",
        "gmx.fr",
        "orange.fr",
        "wanadoo.fr",
        "free.fr",
        "laposte.net",
        "sfr.fr",
        "neuf.fr",
        "bbox.fr",
        "numericable.fr",
        "proton.me",
        "protonmail.com",
    }
)
ROOT = Path(__file__).resolve().parent.parent
Tls = Literal["starttls", "implicit", "none"]
Auth = Literal["password", "xoauth2"]


@dataclass(frozen=True, slots=True)
class MailServer:
    """The far end of SMTP_URL or IMAP_URL."""

    host: str
    port: int
    user: str
    password: str
    tls: Tls
    folder: str = "INBOX"
    auth: Auth = "password"

    def __repr__(self) -> str:
        """Show where it leads, never the secret (S28)."""
        return f"MailServer({self.host}:{self.port}, tls={self.tls})"


@dataclass(frozen=True, slots=True)
class Mailbox:
    """A name and an address."""

    name: str
    address: str

    @property
    def domain(self) -> str:
        """What stands after the @."""
        return self.address.rpartition("@")[2]


# What stands before a token (ADDRESSING).
MARKS = {"plus": "+", "minus": "-", "catchall": ""}


@dataclass(frozen=True, slots=True)
class Riding:
    """How tokens ride on our addresses, by ADDRESSING and ENVELOPE."""

    addressing: str
    envelope: str
    reply_to: str

    @property
    def reply_mark(self) -> str | None:
        """What stands before the token in REPLY_TO; None without one."""
        return MARKS.get(self.addressing)

    def bounce_mark(self, address: str) -> str | None:
        """The same in an address where errors come back to: only the domain of the answers is known to take any address."""
        if self.envelope != "verp":
            return None
        is_elsewhere = address.rpartition("@")[2] != self.reply_to.rpartition("@")[2]
        return "+" if self.addressing == "catchall" and is_elsewhere else MARKS.get(self.addressing, "+")

    def faults(self, *bounces: str) -> list[str]:
        """Tell which addresses have no room for a token before the @."""
        carriers = {self.reply_to: self.reply_mark} | {one: self.bounce_mark(one) for one in bounces}
        marked = [(one, mark) for one, mark in carriers.items() if one and mark is not None]
        return [
            f"{one} is too long to carry a token (64 characters before the @, 27 of them for it): shorten it"
            for one, mark in marked
            if not _takes_token(one, mark)
        ]


def _takes_token(address: str, mark: str) -> bool:
    local = with_token(address, "x" * ADDRESS_TOKEN_LENGTH, mark).rpartition("@")[0]
    return len(local.encode()) <= addresses.LOCAL_PART_OCTETS


def smtp(value: str) -> MailServer:
    """Read SMTP_URL. Refuses (ValueError) what is none."""
    parts = _split(value, {"smtp", "smtps"})
    tls = parse_qs(parts.query).get("tls", ["implicit" if parts.scheme == "smtps" else "starttls"])[0]
    if tls not in ("starttls", "implicit", "none"):
        raise ValueError(f"tls={tls} is not starttls, implicit or none")
    default_port = 465 if tls == "implicit" else 587
    return replace(_server(parts, parts.port or default_port, _as_tls(tls)), auth=_auth(parts))


def imap(value: str) -> MailServer:
    """Read IMAP_URL. Refuses (ValueError) what is none."""
    parts = _split(value, {"imap", "imaps"})
    tls: Tls = "implicit" if parts.scheme == "imaps" else "none"
    folder = unquote(parts.path.strip("/")) or "INBOX"
    server = _server(parts, parts.port or (993 if tls == "implicit" else 143), tls, folder)
    return replace(server, auth=_auth(parts))


def _auth(parts: SplitResult) -> Auth:
    auth = parse_qs(parts.query).get("auth", ["password"])[0]
    if auth not in ("password", "xoauth2"):
        raise ValueError(f"auth={auth} is not password or xoauth2")
    if auth == "xoauth2" and not parts.username:
        raise ValueError("auth=xoauth2 needs the mailbox as its user")
    return "xoauth2" if auth == "xoauth2" else "password"


def _as_tls(word: str) -> Tls:
    return "starttls" if word == "starttls" else "implicit" if word == "implicit" else "none"


def _split(value: str, schemes: set[str]) -> SplitResult:
    # The secret is never printed: a fault names the character that should have been percent-encoded.
    authority = value.partition("://")[2]
    for character in "#?/ ":
        if character in authority.rpartition("@")[0]:
            raise ValueError(f"the user or password holds {character!r}: write it as %{ord(character):02X}")
    if authority.count("@") > 1:
        raise ValueError("the user or password holds '@': write it as %40")
    parts = urlsplit(value)
    try:
        _ = parts.port
    except ValueError:
        # The fault's own words would print what stands there: perhaps the password.
        raise ValueError("what follows the last colon is no port: write user:password@host:port") from None
    if parts.scheme not in schemes or not parts.hostname:
        raise ValueError(
            f"it must begin with {' or '.join(sorted(scheme + '://' for scheme in schemes))} and name a host"
        )
    return parts


def _server(parts: SplitResult, port: int, tls: Tls, folder: str = "INBOX") -> MailServer:
    host = parts.hostname or ""
    if tls == "none" and not is_loopback(host):
        raise ValueError("without TLS only a server on this machine is reached")
    return MailServer(host, port, unquote(parts.username or ""), unquote(parts.password or ""), tls, folder)


def is_loopback(host: str) -> bool:
    """Whether a host is this machine."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def mailbox(value: str) -> Mailbox:
    """Read a name and an address. Refuses (ValueError) what is none."""
    name, address = parseaddr(value)
    return Mailbox(name, addresses.normalise(address or value))


def sender(value: str) -> Mailbox:
    """Read what stands in From. Refuses (ValueError) what is none, and a mailbox of a public provider (D3).

    Their domains are not ours to sign for: what a relay sends from there is refused, or filed as a forgery.
    """
    made = mailbox(value)
    if made.domain in _PUBLIC_PROVIDERS:
        raise ValueError(f"mail from {made.domain} can only leave through it: use an address of your own domain")
    return made


def address_list(value: str) -> tuple[str, ...]:
    """Read addresses joined by commas. Refuses (Refusal) the first that is none."""
    return tuple(addresses.normalise(one) for one in value.split(",") if one.strip())


def folder_list(value: str) -> tuple[str, ...]:
    """Read names of folders joined by commas. Refuses (ValueError) those into which we put away what was read."""
    names = tuple(name.strip() for name in value.split(",") if name.strip())
    for name in names:
        if name.replace(".", "/").rpartition("/")[2] in list(MailFolder):
            raise ValueError(f"{name} is where Pli puts away what it has read")
    return names


def database(value: str) -> str:
    """Read DATABASE_URL; a relative path starts at the folder of pli. Refuses (ValueError) what is none."""
    value = re.sub(r"\Apostgres(ql)?://", "postgresql+psycopg://", value)
    if not value.startswith(("sqlite:///", "postgresql+psycopg://")):
        raise ValueError("it must begin with sqlite:/// or postgresql://")
    if value.startswith("sqlite:///") and not value.startswith("sqlite:////"):
        return f"sqlite:///{ROOT / value.removeprefix('sqlite:///')}"
    return value


def redis(value: str) -> str:
    """Read REDIS_URL. Refuses (ValueError) what is none."""
    if not value.startswith(("redis://", "rediss://", "unix://")):
        raise ValueError("it must begin with redis://, rediss:// or unix://")
    return value


def public_url(value: str) -> str:
    """Read PUBLIC_URL. Refuses (ValueError) what is none."""
    parts = urlsplit(value)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
        raise ValueError("it must look like https://host")
    if parts.scheme == "http" and not is_loopback(parts.hostname):
        raise ValueError("http is for this machine only: use https")
    return value


def dns_name(value: str) -> str:
    """Read a name of the DNS, accents as the DNS has them. Refuses (ValueError) what is none."""
    return idna.encode(value, uts46=True).decode("ascii")


def domain(value: str) -> str:
    """Read a domain that one may own, accents as the DNS has them. Refuses (ValueError) what is none."""
    name = dns_name(value)
    if "." not in name:
        raise ValueError(f"{value} is no domain of one house")
    return name


def key_file(value: str) -> bytes:
    """Read the file that holds a key; a relative path starts at the folder of pli. Refuses (ValueError) what is none."""
    if "PRIVATE KEY" in value:
        raise ValueError("it holds the key itself: put that into a file and name the file")
    try:
        return (ROOT / value).read_bytes()
    except OSError as error:
        # The fault's own words would print what stands there: perhaps the key.
        raise ValueError(f"the file cannot be read: {error.strerror}") from None


def secret(value: str) -> bytes:
    """Read SECRET_KEY. Refuses (ValueError) what is none."""
    if len(value) < 32:
        raise ValueError("it is shorter than 32 characters")
    return value.encode()


def whole(value: str) -> int:
    """Read a whole number. Refuses (ValueError) what is none."""
    if not value.isascii() or not value.isdigit():
        raise ValueError(f"{value} is not a whole number")
    return int(value)


def minutes(value: str) -> tuple[timedelta, ...]:
    """Read minutes, separated by commas. Refuses (ValueError) what is none."""
    found = tuple(timedelta(minutes=whole(word.strip())) for word in value.split(","))
    if not all(found):
        raise ValueError("a delay of no minutes")
    return found


def zone(value: str) -> ZoneInfo:
    """Read the name of a time zone. Refuses (ValueError) what is none."""
    return ZoneInfo(value)


def one_of(*words: str, auto: str = "") -> Callable[[str], str]:
    """Read one of these words; `auto` is what the word auto stands for. Refuses (ValueError) what is none."""

    def choose(value: str) -> str:
        if auto and value == "auto":
            return auto
        if value.lower() not in words:
            raise ValueError(f"{value} is none of {', '.join(words)}")
        return value.lower()

    return choose


def dotenv(path: Path) -> dict[str, str]:
    """Read the lines NAME=VALUE of a file of settings, quotes around a value taken off; nothing of a file that is not there."""
    if not path.is_file():
        return {}
    found = re.findall(r"(?m)^[ \t]*([A-Z][A-Z0-9_]*)[ \t]*=[ \t]*(.*?)[ \t]*$", path.read_text(encoding="utf-8"))
    return {name: re.sub(r"\A(['\"])(.*)\1\Z", r"\2", value) for name, value in found if value}
