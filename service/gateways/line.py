"""One open connection to the relay: bytes in and out without waiting, and how long the relay may be silent."""

from __future__ import annotations

import re
import ssl
from collections.abc import Callable
from time import monotonic

from service.core.conversation import Conversation, Patience
from service.core.parcels import Event, Parcel
from service.core.smtp_text import has_bare_ends
from service.core.verdicts import Outcome, Stage, Verdict
from service.gateways.relay import Offers, Opened, Relay
from service.ports import Envelope

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_LEADING_DOT = re.compile(rb"(?m)^\.")
# More than four replies: a longer buffer is made and given back for each of them.
_READ = 4096
# One TLS record: a write is taken whole or may have been taken.
_RECORD = 16384
# What one system call takes (IOV_MAX of Linux, sendmsg(2)).
_MOST_PIECES = 1024
_WOULD_BLOCK = (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError)


class Line:
    """A conversation on its socket."""

    def __init__(self, opened: Opened, relay: Relay, *, pipelining: bool, dot_may_leave: Callable[[int], bool]) -> None:
        self.sock = opened.sock
        self.conversation = Conversation(pipelining=pipelining and opened.offers.pipelining, apart=relay.apart)
        self.served = 0
        self.wants_to_write = False
        self._offers = opened.offers
        self._relay = relay
        self._is_tls = isinstance(opened.sock, ssl.SSLSocket)
        self._dot_may_leave = dot_may_leave
        self._leaving = 0
        self._heard_at = monotonic()

    def offer(self, envelope: Envelope) -> Outcome | None:
        """Say the envelope of a message; the outcome is why this relay can never carry it. Flush afterwards.

        Refuses (ValueError) what must never reach a wire: an address with a control character, and a bare CR or LF,
        which some relays read as the end of the message (SMTP smuggling, VU#302671).
        """
        parcel = _parcel(envelope, self._offers)
        if isinstance(parcel, Outcome):
            return parcel
        self.conversation.offer(parcel)
        self._heard_at = monotonic()
        return None

    def deliver(self, parcel: Parcel) -> None:
        """Let a body leave. Flush afterwards."""
        self.conversation.deliver(parcel)
        self._leaving = parcel.id

    def flush(self) -> list[Event]:
        """Write what can be written now."""
        conversation = self.conversation
        self.wants_to_write = False
        try:
            while conversation.has_outgoing:
                left = conversation.before_the_dot_ends
                if left is not None and not self._dot_may_leave(self._leaving):
                    return conversation.lost("The lease of this message ended before its final dot.")
                conversation.wrote(self._send_tls(left) if self._is_tls else self._send())
                self._heard_at = monotonic()
        except _WOULD_BLOCK:
            self.wants_to_write = True
        except OSError as error:
            # A 552 or a 421 may have been said before the line was cut.
            return [*self.read(), *conversation.lost(f"The connection was lost ({type(error).__name__}).")]
        return []

    def _send(self) -> int:
        """Give the kernel what there is, in its pieces if none of it has left yet."""
        pieces = self.conversation.pieces
        if 0 < len(pieces) <= _MOST_PIECES:
            return self.sock.sendmsg(pieces)
        return self.sock.send(self.conversation.outgoing)

    def _send_tls(self, left: int | None) -> int:
        """Give one TLS record, which may have been taken if the write fails; the dot goes into the last one of a body."""
        outgoing = self.conversation.outgoing
        if left is not None and left > _RECORD:
            outgoing = outgoing[: left - 1]
        outgoing = outgoing[:_RECORD]
        self.conversation.trying(len(outgoing))
        return self.sock.send(outgoing)

    def read(self) -> list[Event]:
        """Read what the relay has said."""
        events: list[Event] = []
        try:
            conversation = self.conversation
            while data := self.sock.recv(_READ):
                heard = conversation.heard
                events += conversation.receive(data)
                if conversation.heard != heard:
                    self._heard_at = monotonic()
                if not self._is_tls and len(data) < _READ:
                    return events
        except _WOULD_BLOCK:
            return events
        except OSError as error:
            return events + self.conversation.lost(f"The connection was lost ({type(error).__name__}).")
        return events + self.conversation.lost("The relay closed the connection.")

    def watch(self) -> list[Event]:
        """Give the line up when the relay has been silent for too long."""
        allowed = self._patience()
        if allowed is None or monotonic() - self._heard_at < allowed:
            return []
        return self.conversation.stalled(f"The relay said nothing for {allowed:.0f} s.")

    def close(self) -> None:
        """Close the socket, whatever state it is in."""
        self.sock.close()

    def _patience(self) -> float | None:
        relay = self._relay
        match self.conversation.patience:
            case Patience.ENDLESS:
                return relay.command_timeout if self.conversation.has_outgoing else None
            case Patience.COMMAND:
                return relay.command_timeout
            case Patience.DOT:
                return relay.command_timeout if self.conversation.has_outgoing else relay.dot_timeout
            case Patience.BEHIND_A_DOT:
                return relay.pipelined_timeout
            case Patience.FAREWELL:
                return relay.farewell_timeout


def _parcel(envelope: Envelope, offers: Offers) -> Parcel | Outcome:
    """Write a message as the wire needs it, or say why this relay can never carry it."""
    sender, recipient, content = envelope.sender, envelope.recipient, envelope.content
    addresses = sender + recipient
    if _CONTROL.search(addresses):
        raise ValueError("An envelope address holds a control character; validate addresses before sending.")
    if isinstance(content, bytes):
        if has_bare_ends(content):
            raise ValueError("The message holds a bare CR or LF; build it with CRLF line ends (email.policy.SMTP).")
        stuffed = _stuffed(content)
        body, octets, size, is_ascii = [stuffed], len(stuffed), len(content), content.isascii()
    else:
        body, octets, size, is_ascii = content.pieces, content.octets, content.octets, True
    options = ""
    if not addresses.isascii():
        if not offers.smtputf8:
            why = "5.6.7 The relay offers no SMTPUTF8, which this address needs."
            return Outcome(Verdict.REFUSED, Stage.RCPT, None, why)
        options = " SMTPUTF8"
    if offers.size is not None:
        if 0 < offers.size < size:
            why = f"5.3.4 The message has {size} octets; the relay takes {offers.size}."
            return Outcome(Verdict.REFUSED, Stage.DATA, None, why)
        options += f" SIZE={size}"
    if offers.eightbitmime and not is_ascii:
        options += " BODY=8BITMIME"
    notify = ""
    if offers.dsn:
        # Headers are enough: a report names our Message-ID, and the identifier of the envelope is the token of the row.
        options += f" RET=HDRS ENVID={envelope.envid}" if envelope.envid else " RET=HDRS"
        notify = " NOTIFY=FAILURE,DELAY"
    said = f"MAIL FROM:<{sender}>{options}\r\nRCPT TO:<{recipient}>{notify}\r\nDATA\r\n"
    return Parcel(envelope.id, said.encode(), body, octets)


def _stuffed(message: bytes) -> bytes:
    """Double the dot that begins a line, and end the last one (RFC 5321 section 4.5.2)."""
    body = _LEADING_DOT.sub(b"..", message) if b"\n." in message or message.startswith(b".") else message
    return body if body.endswith(b"\r\n") else body + b"\r\n"
