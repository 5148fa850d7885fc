"""How does a member's mail program answer? The ways of the real world, as messages ready to be sent by SMTP."""

from __future__ import annotations

import smtplib
from dataclasses import dataclass
from datetime import datetime
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, formataddr, make_msgid, parseaddr

from service.core.reading import parsing
from service.demo.cooperative import How, Person

_ABSENCE = (
    "Bonjour,\n\nJe suis absente du bureau et lirai votre message à mon retour, lundi. "
    "En cas d’urgence, écrivez au secrétariat.\n\n{name}\n"
)


@dataclass(frozen=True, slots=True)
class Ready:
    """A message and its envelope."""

    sender: str
    recipient: str
    message: bytes


def answer(raw: bytes, text: str, *, by: Person, how: How, now: datetime) -> Ready:
    """Write the answer to a mail as received; `now` carries the zone of the person who answers."""
    original = parsing.parse(raw)
    if how is How.BY_A_MACHINE:
        return _absence(original, by=by, now=now)
    address = _other_address(by.address) if how is How.FROM_ANOTHER_ADDRESS else by.address
    recipient = parseaddr(original.headers.header("reply-to") or original.from_address)[1]
    message = _begun(original, sender=formataddr((by.name, address)), recipient=recipient, now=now)
    message.set_content(f"{text.strip()}\n\n{_quoted(original, now)}", cte="quoted-printable")
    return Ready(address, recipient, message.as_bytes())


def hand_in(ready: Ready, port: int) -> None:
    """Give a message to the post office of the demo, as any mail program would."""
    with smtplib.SMTP("127.0.0.1", port, local_hostname="courriel.example", timeout=10) as line:
        line.sendmail(ready.sender, [ready.recipient], ready.message, mail_options=["BODY=8BITMIME"])


def _absence(original: parsing.Message, *, by: Person, now: datetime) -> Ready:
    """A responder answers the envelope, from the null sender, and says that it is one (RFC 3834 sections 3 and 4)."""
    recipient = parseaddr(original.headers.header("return-path"))[1] or original.from_address
    message = _begun(original, sender=formataddr((by.name, by.address)), recipient=recipient, now=now)
    message.replace_header("Subject", f"Absence du bureau : {original.subject}")
    message["Auto-Submitted"] = "auto-replied"
    message.set_content(_ABSENCE.format(name=by.name), cte="quoted-printable")
    return Ready("", recipient, message.as_bytes())


def _begun(original: parsing.Message, *, sender: str, recipient: str, now: datetime) -> EmailMessage:
    message = EmailMessage(policy=SMTP)
    subject = original.subject
    message["From"] = sender
    message["To"] = recipient
    message["Subject"] = subject if subject.lower().startswith("re") else f"Re: {subject}"
    message["Date"] = format_datetime(now)
    message["Message-ID"] = make_msgid(domain="courriel.example")
    if original.message_id:
        message["In-Reply-To"] = original.message_id
        message["References"] = " ".join([*original.references, original.message_id])
    return message


def _quoted(original: parsing.Message, now: datetime) -> str:
    lines = "\n".join(f"> {line}".rstrip() for line in original.text.splitlines())
    return f"Le {now:%d/%m/%Y} à {now:%H:%M}, {original.from_name or original.from_address} a écrit :\n{lines}\n"


def _other_address(address: str) -> str:
    """The private address of somebody who reads his professional mail there."""
    return f"{address.partition('@')[0]}@boite-perso.example"
