"""How is a connection to the relay opened: greeted, encrypted, authenticated? (RFC 5321, RFC 3207, RFC 4954)

smtplib does it, on a blocking socket; what follows on that socket is `service.gateways.smtp`'s.
"""

from __future__ import annotations

import logging
import smtplib
import socket
import ssl
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Literal

from service.core import oauth, sasl
from service.core.sasl import Mechanism
from service.core.verdicts import Outcome, Stage, Verdict
from service.ports import Access, AccessRefused

log = logging.getLogger(__name__)

# The proof keeps what a relay says in a few lines, not what a broken one may pour out.
_LONGEST_TEXT = 2000


@dataclass(frozen=True, slots=True)
class Relay:
    """Where mail leaves, over how many connections, and how long each answer may take, in seconds (RFC 5321 4.5.3.2)."""

    host: str
    port: int
    user: str = ""
    password: str = field(default="", repr=False)
    tls: Literal["starttls", "implicit", "none"] = "starttls"
    connections: int = 4
    # Whether no mail is put behind another one on its line, where it would wait for the answer to that one's dot.
    apart: bool = False
    connect_timeout: float = 30.0
    command_timeout: float = 300.0
    dot_timeout: float = 600.0
    # A relay that has answered a dot and is silent on the envelope behind it has dropped that envelope.
    pipelined_timeout: float = 60.0
    farewell_timeout: float = 2.0
    # Who holds the token of a mailbox that takes no password (XOAUTH2).
    access: Access | None = None


@dataclass(frozen=True, slots=True)
class Offers:
    """What the relay announced in its answer to EHLO."""

    pipelining: bool = False
    smtputf8: bool = False
    eightbitmime: bool = False
    dsn: bool = False
    # None without SIZE, 0 where the relay names no limit (RFC 1870).
    size: int | None = None


@dataclass(frozen=True, slots=True)
class Opened:
    """A connection after EHLO, STARTTLS and AUTH; not blocking any more."""

    sock: socket.socket
    offers: Offers


def open_connection(relay: Relay) -> Opened | Outcome:
    """Connect, greet, encrypt and authenticate; the outcome is why not. Never raises for what a relay may do."""
    client: smtplib.SMTP | None = None
    try:
        client = _connect(relay)
        _greet(client, relay)
        return _taken_over(client)
    except AccessRefused as error:
        log.warning("No mail leaves: %s", error)
        refusal = Outcome(Verdict.RELAY_DOWN, Stage.CONNECT, None, str(error))
    except smtplib.SMTPNotSupportedError as error:
        refusal = Outcome(Verdict.RELAY_DOWN, Stage.CONNECT, None, str(error))
    except smtplib.SMTPResponseException as error:
        refusal = Outcome(Verdict.RELAY_DOWN, Stage.CONNECT, error.smtp_code, _as_text(error.smtp_error))
    except (smtplib.SMTPException, OSError, ValueError) as error:
        words = f"{type(error).__name__}: {error}"[:_LONGEST_TEXT]
        refusal = Outcome(Verdict.RELAY_DOWN, Stage.CONNECT, None, words)
    if client is not None:
        client.close()
    # Without a code the words are the system's or ours: staff read them in French alone.
    where, said = f"{relay.host}:{relay.port}", refusal.code or f"no reply, {refusal.text}"
    log.warning("The relay %s cannot be used (%s); its rows stay pending.", where, said)
    return refusal


def _connect(relay: Relay) -> smtplib.SMTP:
    # smtplib asks the DNS for our own name unless told one; the real one is set once the socket says it.
    name = "[127.0.0.1]"
    if relay.tls == "implicit":
        context = ssl.create_default_context()
        return smtplib.SMTP_SSL(
            relay.host, relay.port, local_hostname=name, timeout=relay.connect_timeout, context=context
        )
    return smtplib.SMTP(relay.host, relay.port, local_hostname=name, timeout=relay.connect_timeout)


def _greet(client: smtplib.SMTP, relay: Relay) -> None:
    client.local_hostname = _address_literal(_socket_of(client))
    _hello(client)
    if relay.tls == "starttls":
        if not client.has_extn("starttls"):
            raise smtplib.SMTPNotSupportedError(
                "The relay offers no STARTTLS; mail never leaves in clear text: set tls=implicit or another port."
            )
        # Its own default context checks no certificate. What was said in clear text is forgotten, EHLO is asked again.
        client.starttls(context=ssl.create_default_context())
        _hello(client)
    if relay.user or relay.access is not None:
        _authenticate(client, relay)


def _hello(client: smtplib.SMTP) -> None:
    """Say EHLO, or HELO to who has none (RFC 5321 section 3.2). One that takes leave is asked nothing more: its words count."""
    code, text = client.ehlo()
    if not 200 <= code < 300 and code != 421:
        code, text = client.helo()
    if not 200 <= code < 300:
        raise smtplib.SMTPHeloError(code, text)


def _authenticate(client: smtplib.SMTP, relay: Relay) -> None:
    """Log in by what the relay offers now. smtplib's own login knows ASCII alone, and tries a wrong password twice."""
    offered, has_token = client.esmtp_features.get("auth", ""), relay.access is not None
    mechanism = sasl.choose(offered, has_token=has_token)
    if mechanism is None:
        why = sasl.no_mechanism(offered, has_token=has_token)
        log.warning("%s", why)
        raise smtplib.SMTPNotSupportedError(why)
    if relay.access is not None:
        _bear_token(client, relay.user, relay.access)
        return
    if mechanism is Mechanism.PLAIN:
        said = client.docmd("AUTH", f"PLAIN {sasl.plain(relay.user, relay.password)}")
    else:
        said = _in_turn(client, *sasl.login(relay.user, relay.password))
    if said[0] != 235:
        raise smtplib.SMTPAuthenticationError(*said)


def _in_turn(client: smtplib.SMTP, *answers: str) -> tuple[int, bytes]:
    """Answer each challenge of LOGIN, whatever its words: they are the user and the password in this order."""
    code, text = client.docmd("AUTH", "LOGIN")
    for answer in answers:
        if code != 334:
            break
        code, text = client.docmd(answer)
    return code, text


def _bear_token(client: smtplib.SMTP, user: str, access: Access) -> None:
    """Authenticate by SASL XOAUTH2; a token that is refused is renewed once, since the provider may have ended it."""
    token = access.token()
    if _xoauth2(client, user, token)[0] == 235:
        return
    code, text = _xoauth2(client, user, access.token(refused=token))
    if code != 235:
        raise smtplib.SMTPAuthenticationError(code, text)


def _xoauth2(client: smtplib.SMTP, user: str, token: str) -> tuple[int, bytes]:
    code, text = client.docmd("AUTH", f"XOAUTH2 {oauth.xoauth2(user, token)}")
    # The fault comes as a challenge first: an empty answer ends the exchange with the refusal itself.
    return client.docmd("") if code == 334 else (code, text)


def _taken_over(client: smtplib.SMTP) -> Opened:
    """Take the socket out of smtplib, which must have read all that the relay has said."""
    sock = _socket_of(client)
    sock.setblocking(False)
    # Large writes follow small ones: Nagle would hold a small one for the peer's delayed ACK.
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if client.file is not None and _unread(client.file):
        raise smtplib.SMTPException("the relay spoke out of turn after its greeting")
    offers = Offers(
        pipelining=client.has_extn("pipelining"),
        smtputf8=client.has_extn("smtputf8"),
        eightbitmime=client.has_extn("8bitmime"),
        dsn=client.has_extn("dsn"),
        size=_size_limit(client),
    )
    if client.file is not None:
        client.file.close()
    # smtplib must not close it when it is forgotten.
    client.sock = None
    return Opened(sock, offers)


def _unread(file: object) -> bool:
    peek = getattr(file, "peek", None)
    with suppress(OSError):
        return bool(peek(1)) if peek is not None else False
    return False


def _size_limit(client: smtplib.SMTP) -> int | None:
    if not client.has_extn("size"):
        return None
    limit = client.esmtp_features["size"].strip()
    return int(limit) if limit.isascii() and limit.isdigit() else 0


def _socket_of(client: smtplib.SMTP) -> socket.socket:
    if client.sock is None:
        raise smtplib.SMTPServerDisconnected("The relay closed the connection.")
    return client.sock


def _address_literal(sock: socket.socket) -> str:
    """Our name for EHLO: a machine without a public name gives its address (RFC 5321 section 4.1.4)."""
    address = str(sock.getsockname()[0]).partition("%")[0]
    return f"[IPv6:{address}]" if ":" in address else f"[{address}]"


def _as_text(reply: bytes | str) -> str:
    text = reply.decode("utf-8", "replace") if isinstance(reply, bytes) else reply
    return text.replace("\0", "")[:_LONGEST_TEXT]
