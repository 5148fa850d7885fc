"""Which headers does a mail of this class carry? One each, nothing that names the recipient (D6, D8, D14, D15)."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass

from service.core.vocabulary import MailClass
from service.core.writing import places
from service.core.writing.encoding import is_plain, mailbox, subject_words
from service.core.writing.letter import ListIdentity
from service.core.writing.marks import Marked
from service.core.writing.places import Part, Place, Slot
from service.core.writing.printable import one_line

_MAILBOX = re.compile(r'\s*"?(.*?)"?\s*<([^<>\s]+)>\s*')
# A sign of a quoted name behind its backslash (RFC 5322 section 3.2.4).
_QUOTED = re.compile(r'\\([\\"])')


@dataclass(frozen=True, slots=True)
class Stamp:
    """What the headers say beside the letter: who sends, in which class, from which list and campaign."""

    sender: str
    mail_class: MailClass
    list_identity: ListIdentity | None
    campaign: int | None
    house_name: str
    # What Auto-Submitted says (RFC 3834 5): nothing of what a person wrote, be it to one reader or to all.
    automation: str = ""


def headers(
    stamp: Stamp, subject: Iterable[str | Marked], boundary: str, *, multipart: str = "alternative"
) -> list[Part]:
    """Lists the headers of a mail, each line ended, with the blank line that ends them; `mixed` carries files beside the text."""
    return [
        b"Date: ",
        Place(places.DATE, Slot.DATE),
        b"\r\nFrom: " + _sender(stamp.sender) + b"\r\nReply-To: ",
        Place(places.REPLY_TO, Slot.ADDRESS),
        b"\r\nTo: ",
        Place(places.TO, Slot.MAILBOX),
        b"\r\nSubject:",
        *_subject(list(subject)),
        b"\r\nMessage-ID: ",
        Place(places.MESSAGE_ID, Slot.MESSAGE_ID),
        b"\r\n",
        Place(places.IN_REPLY_TO, Slot.THREAD),
        b"MIME-Version: 1.0\r\n",
        *_list_headers(stamp),
        *_automation(stamp),
        f'Content-Type: multipart/{multipart};\r\n boundary="{boundary}"\r\n\r\n'.encode("ascii"),
    ]


def sender_id(house_name: str) -> str:
    """Names the sender in Feedback-ID: 5 to 15 letters, the same as long as the cooperative keeps its name (Google's rule)."""
    letters = "".join(c for c in unicodedata.normalize("NFKD", house_name).casefold() if c.isascii() and c.isalnum())
    if len(letters) < 5:
        letters += "coop" + hashlib.sha256(house_name.encode("utf-8", "replace")).hexdigest()[:6]
    return letters[:15]


def _sender(sender: str) -> bytes:
    found = _MAILBOX.fullmatch(sender)
    name, address = (found[1], found[2]) if found else ("", sender.strip())
    if not address.isascii() or address.count("@") != 1 or not address.isprintable() or " " in address:
        raise ValueError(f"the sender {sender!r} holds no ASCII address: correct SENDER")
    return mailbox(one_line(_QUOTED.sub(r"\1", name)), address).encode("ascii")


def _subject(pieces: list[str | Marked]) -> Iterable[Part]:
    """Plain ASCII stays readable in the source; else, or with a field, all of it is encoded words, side by side."""
    match pieces:
        case [str(words)] if is_plain(words) and "  " not in words and max(map(len, words.split(" "))) <= 60:
            yield _folded(words).encode("ascii")
            return
    for number, piece in enumerate(pieces):
        if isinstance(piece, Marked):
            yield Place(piece.name, Slot.SUBJECT if number else Slot.SUBJECT_START, piece.fallback)
        else:
            yield subject_words(piece, starts=not number).encode("ascii")


def _folded(words: str) -> str:
    lines = [""]
    for word in words.split(" "):
        if len(lines[-1]) + 1 + len(word) > 68:
            lines.append("")
        lines[-1] += f" {word}"
    return "\r\n".join(lines)


def _list_headers(stamp: Stamp) -> Iterable[Part]:
    identity = stamp.list_identity
    if identity is not None:
        yield f"List-Id: {mailbox(one_line(identity.name), f'{identity.slug}.{identity.domain}')}\r\n".encode("ascii")
    if stamp.mail_class.can_be_left:
        yield b"List-Unsubscribe: "
        yield Place(places.UNSUBSCRIBE_URL, Slot.URL)
        yield b"\r\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n"


def _automation(stamp: Stamp) -> Iterable[bytes]:
    """Asks out-of-office machines for silence; a person wrote a campaign or an answer: Auto-Submitted is for our notices only."""
    if stamp.automation:
        yield f"Auto-Submitted: {stamp.automation}\r\n".encode("ascii")
    if stamp.mail_class is MailClass.NEWSLETTER:
        yield b"Precedence: bulk\r\n"
    yield b"X-Auto-Response-Suppress: DR, RN, NRN, OOF, AutoReply\r\n"
    if stamp.campaign is not None:
        yield f"Feedback-ID: {stamp.campaign}:{stamp.mail_class}:pli:{sender_id(stamp.house_name)}\r\n".encode("ascii")
