"""How is one message given to the relay, and what did the relay answer? (RFC 5321, RFC 3207, RFC 4954)"""

from __future__ import annotations

import base64
import logging
import re
import smtplib
import socket
import ssl
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Literal

from service.core.verdicts import Outcome, Stage, Verdict, judge
from service.ports import Envelope

log = logging.getLogger(__name__)

_BARE_LINE_END = re.compile(rb"\r(?!\n)|(?<!\r)\n")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_LEADING_DOT = re.compile(rb"(?m)^\.")
# What leaves together with the final dot, so that a small message is one write and one TLS record.
_TAIL = 1024
# The proof keeps what a relay says in a few lines, not what a broken one may pour out.
_LONGEST_TEXT = 2000


@dataclass(frozen=True, slots=True)
class Relay:
    """Where mail leaves and how long each answer may take, in seconds (RFC 5321 section 4.5.3.2)."""

    host: str
    port: int
    user: str = ""
    password: str = field(default="", repr=False)
    tls: Literal["starttls", "implicit", "none"] = "starttls"
    connect_timeout: float = 30.0
    command_timeout: float = 300.0
    dot_timeout: float = 600.0


class SmtpOutbox:
    """One connection to the relay: opened at the first message, reused, opened again after it was lost."""

    def __init__(self, relay: Relay) -> None:
        self._relay = relay
        self._client: smtplib.SMTP | None = None

    def hand(self, envelope: Envelope) -> Outcome:
        """Give one message to the relay and say what it answered; never raises for what a relay may do.

        Refuses (ValueError) a message with a bare CR or LF, which some relays read as the end of the message
        (SMTP smuggling, VU#302671), and an address with a control character.
        """
        if _BARE_LINE_END.search(envelope.message):
            raise ValueError("The message holds a bare CR or LF; build it with CRLF line ends (email.policy.SMTP).")
        if _CONTROL.search(envelope.sender + envelope.recipient):
            raise ValueError("An envelope address holds a control character; validate addresses before sending.")
        reused = self._client is not None
        outcome = self._open_and_converse(envelope)
        if reused and outcome.stage is Stage.MAIL and outcome.code in (None, 421):
            # A relay ends a line that was idle or has carried its share of messages: that is no breakdown.
            outcome = self._open_and_converse(envelope)
        return outcome

    def close(self) -> None:
        """End the connection politely; a relay that is gone already is no error."""
        if self._client is not None:
            with suppress(smtplib.SMTPException, OSError):
                self._client.quit()
            self._drop()

    def _open_and_converse(self, envelope: Envelope) -> Outcome:
        if self._client is None:
            refusal = self._open()
            if refusal is not None:
                return refusal
        outcome = self._converse(envelope)
        if not outcome.keep_connection:
            self._drop()
        return outcome

    def _open(self) -> Outcome | None:
        """Connect, encrypt and authenticate; returns why not, when not."""
        try:
            self._client = self._connect()
            self._greet(self._client)
        except smtplib.SMTPNotSupportedError as error:
            refusal = Outcome(Verdict.RELAY_DOWN, Stage.CONNECT, None, str(error))
        except smtplib.SMTPResponseException as error:
            refusal = Outcome(Verdict.RELAY_DOWN, Stage.CONNECT, error.smtp_code, _as_text(error.smtp_error))
        except (smtplib.SMTPException, OSError, ValueError) as error:
            refusal = Outcome(
                Verdict.RELAY_DOWN, Stage.CONNECT, None, f"{type(error).__name__}: {error}"[:_LONGEST_TEXT]
            )
        else:
            return None
        self._drop()
        log.warning(
            "The relay %s:%d cannot be used (%s); its rows stay pending.",
            self._relay.host,
            self._relay.port,
            refusal.code or "no reply",
        )
        return refusal

    def _connect(self) -> smtplib.SMTP:
        relay = self._relay
        # smtplib asks the DNS for our own name unless told one; the real one is set once the socket says it.
        name = "[127.0.0.1]"
        if relay.tls == "implicit":
            context = ssl.create_default_context()
            return smtplib.SMTP_SSL(
                relay.host, relay.port, local_hostname=name, timeout=relay.connect_timeout, context=context
            )
        return smtplib.SMTP(relay.host, relay.port, local_hostname=name, timeout=relay.connect_timeout)

    def _greet(self, client: smtplib.SMTP) -> None:
        relay, sock = self._relay, _socket_of(client)
        client.local_hostname = _address_literal(sock)
        sock.settimeout(relay.command_timeout)
        # The tail of a message is a small write after a large one: Nagle would hold it for the peer's delayed ACK.
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        client.ehlo_or_helo_if_needed()
        if relay.tls == "starttls":
            if not client.has_extn("starttls"):
                raise smtplib.SMTPNotSupportedError(
                    "The relay offers no STARTTLS; mail never leaves in clear text: set tls=implicit or another port."
                )
            client.starttls(context=ssl.create_default_context())
            client.ehlo_or_helo_if_needed()
        if relay.user:
            self._authenticate(client)

    def _authenticate(self, client: smtplib.SMTP) -> None:
        user, password = self._relay.user, self._relay.password
        if (user + password).isascii():
            client.login(user, password)
            return
        # smtplib's own mechanisms are ASCII only; RFC 4616 says UTF-8.
        secret = base64.b64encode(f"\0{user}\0{password}".encode()).decode("ascii")
        code, text = client.docmd("AUTH", f"PLAIN {secret}")
        if code != 235:
            raise smtplib.SMTPAuthenticationError(code, text)

    def _converse(self, envelope: Envelope) -> Outcome:
        client = self._client
        if client is None:
            raise RuntimeError("The outbox has no connection; hand() opens it first.")
        international = not (envelope.sender + envelope.recipient).isascii()
        if international and not client.has_extn("smtputf8"):
            return Outcome(
                Verdict.REFUSED, Stage.RCPT, None, "5.6.7 The relay offers no SMTPUTF8, which this address needs."
            )
        client.command_encoding = "utf-8" if international else "ascii"
        commands = (
            (Stage.MAIL, "MAIL", f"FROM:<{envelope.sender}>{' SMTPUTF8' if international else ''}"),
            (Stage.RCPT, "RCPT", f"TO:<{envelope.recipient}>"),
            (Stage.DATA, "DATA", ""),
        )
        for stage, verb, arguments in commands:
            outcome = self._ask(client, stage, verb, arguments)
            if outcome.verdict is not Verdict.ACCEPTED:
                return self._reset(client, outcome)
        return self._send(client, envelope.message)

    def _ask(self, client: smtplib.SMTP, stage: Stage, verb: str, arguments: str) -> Outcome:
        try:
            code, text = client.docmd(verb, arguments)
        except smtplib.SMTPResponseException as error:
            return Outcome(Verdict.RELAY_DOWN, stage, error.smtp_code, _as_text(error.smtp_error))
        except (smtplib.SMTPException, OSError) as error:
            return Outcome(
                Verdict.RELAY_DOWN,
                stage,
                None,
                f"The connection was lost before the message left ({type(error).__name__}).",
            )
        return judge(stage, code, _as_text(text))

    def _reset(self, client: smtplib.SMTP, outcome: Outcome) -> Outcome:
        """Clear the transaction after a refusal; a relay that cannot do that loses the connection, not the verdict."""
        if outcome.keep_connection:
            try:
                code, _ = client.docmd("RSET")
            except (smtplib.SMTPException, OSError):
                code = -1
            if code != 250:
                self._drop()
        return outcome

    def _send(self, client: smtplib.SMTP, message: bytes) -> Outcome:
        """Send the body; until the write that holds the final dot begins, a lost line leaves the message unsent."""
        body = _LEADING_DOT.sub(b"..", message)
        if body and not body.endswith(b"\r\n"):
            body += b"\r\n"
        sock, cut = _socket_of(client), max(0, len(body) - _TAIL)
        try:
            sock.sendall(body[:cut])
        except OSError as error:
            return self._last_words(client, Stage.DATA, error)
        try:
            sock.settimeout(self._relay.dot_timeout)
            sock.sendall(body[cut:] + b".\r\n")
            code, text = client.getreply()
            outcome = judge(Stage.DOT, code, _as_text(text))
            sock.settimeout(self._relay.command_timeout)
        except OSError as error:  # every smtplib exception is one
            return self._last_words(client, Stage.DOT, error)
        return outcome

    def _last_words(self, client: smtplib.SMTP, stage: Stage, error: OSError) -> Outcome:
        """Read what the relay had said before it closed the line (a 552 or a 421); without it, say what is known."""
        lost = Verdict.IN_DOUBT if stage is Stage.DOT else Verdict.RELAY_DOWN
        silence = Outcome(lost, stage, None, f"The connection was lost and no reply was read ({type(error).__name__}).")
        if client.sock is None or isinstance(error, TimeoutError | smtplib.SMTPException):
            return silence
        try:
            client.sock.settimeout(5.0)
            code, text = client.getreply()
        except OSError:
            return silence
        # A yes cannot belong to a message that was not written whole.
        return judge(stage, code, _as_text(text)) if code >= 400 else silence

    def _drop(self) -> None:
        if self._client is not None:
            self._client.close()
            self._client = None


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
    return text[:_LONGEST_TEXT]
