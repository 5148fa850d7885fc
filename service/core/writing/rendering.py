"""How do a letter and a theme become a mould? Jinja once, MJML once, then the author's words, never read by either."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import jinja2
import mjml
from markupsafe import Markup

from service.core import french
from service.core.vocabulary import MailClass, MailKind
from service.core.writing import markdown
from service.core.writing.body_html import FONT, print_html
from service.core.writing.body_text import plain, print_text, wrap
from service.core.writing.encoding import SOFT_BREAK, base64_lines, quoted_printable
from service.core.writing.headers import Stamp, headers
from service.core.writing.letter import Attachment, House, Letter, ListIdentity
from service.core.writing.marks import Marked, Marks
from service.core.writing.mould import Mould
from service.core.writing.places import UNSUBSCRIBE_URL, Part, Place, Slot

PREHEADER_LENGTH = 110

_BODY = "body"

# mrml writes attributes through Rust's debug format: only what that format leaves alone goes through as it is.
_UNSAFE_IN_ATTRIBUTE = re.compile(r"[^ !#-%(-;=?-\[\]^_a-~À-ÖØ-öø-ÿŒœŸ’–—…]")


_PLAIN_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9.-]{0,79}")
_CONTENT_TYPE = re.compile(r"[a-z]+/[a-z0-9.+-]+(?:; charset=utf-8)?")


@dataclass(frozen=True, slots=True)
class _Rendered:
    subject: str
    html: str
    text: str


def environment(loader: jinja2.BaseLoader) -> jinja2.Environment:
    """Builds the Jinja environment of the mails: an unknown name is an error, .mjml is escaped, .txt is not."""
    made = jinja2.Environment(
        loader=loader,
        undefined=jinja2.StrictUndefined,
        autoescape=jinja2.select_autoescape(enabled_extensions=("mjml",), disabled_extensions=("txt",), default=True),
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=False,
    )
    made.filters.update(mjattr=mjattr, french=french.typeset, de=french.de, wrap=_wrapped)
    return made


def mjattr(value: str) -> Markup:
    """Writes a value for an MJML attribute or mj-title, where mrml would spoil no-break spaces, quotes and rare letters."""
    composed = unicodedata.normalize("NFC", " ".join(value.split("\n")))
    return Markup(_UNSAFE_IN_ATTRIBUTE.sub(lambda found: f"&#{ord(found[0])};", composed))  # noqa: S704 (escaped here)


def compose(
    letter: Letter,
    house: House,
    list_identity: ListIdentity | None,
    *,
    templates: jinja2.Environment,
    sender: str,
    campaign: int | None = None,
    attachments: Sequence[Attachment] = (),
) -> Mould:
    """Renders a letter once into the mould of all its mails; slips in {fields} stay as typed, `fields.faults` tells them.

    `sender` is the From mailbox; `campaign` numbers the Feedback-ID. Refuses (ValueError) a letter that can be left without a list to leave,
    and a file whose name or type is not plain.
    """
    if letter.mail_class.can_be_left and list_identity is None:
        raise ValueError(f"a {letter.mail_class} mail needs a list to leave: give its ListIdentity")
    marks = Marks()
    rendered = _render(letter, house, list_identity, templates, marks)
    stamp = Stamp(sender, letter.mail_class, list_identity, campaign, house.name, _automation(letter))
    boundary = "=_" + hashlib.sha256(f"{rendered.text}\0{rendered.html}".encode()).hexdigest()[:32]
    alternatives: list[Part] = [
        *_body_part("plain", boundary, _parts(marks.cut(rendered.text), Slot.TEXT)),
        *_body_part("html", boundary, _parts(marks.cut(rendered.html), Slot.HTML)),
        f"--{boundary}--\r\n".encode("ascii"),
    ]
    subject = list(marks.cut(rendered.subject))
    if not attachments:
        return Mould(_joined([*headers(stamp, subject, boundary), *alternatives]))
    outer = f"{boundary}_"
    top = headers(stamp, subject, outer, multipart="mixed")
    return Mould(_joined([*top, *_beside(attachments, outer, boundary, alternatives)]))


def _render(
    letter: Letter, house: House, list_identity: ListIdentity | None, templates: jinja2.Environment, marks: Marks
) -> _Rendered:
    blocks = markdown.read(marks.put(letter.body))
    text_body = print_text(blocks)
    title = french.typeset(" ".join(marks.put(letter.subject).split()))
    preheader = french.typeset(" ".join(marks.put(letter.preheader).split())) or _opening(blocks)
    context: dict[str, object] = {
        "house": house,
        "list": list_identity,
        "mail_class": letter.mail_class,
        "title": title,
        "preheader": preheader,
        "body": marks.mark(_BODY),
        "unsubscribe_url": marks.mark(UNSUBSCRIBE_URL),
        "font": FONT,
    }
    mail = _Mail(templates, letter.kind)
    html = mjml.mjml2html(mail.render("body.mjml", context), fonts={}, disable_comments=True)
    return _Rendered(
        subject=_in_thread(french.typeset_subject(mail.render("subject.txt", context))),
        html=_unescaped_marks(html).replace(marks.mark(_BODY), print_html(blocks, house)),
        text=plain(mail.render("body.txt", {**context, "body": text_body})).strip("\n") + "\n",
    )


def _automation(letter: Letter) -> str:
    """What wrote it: a machine that answers a message, a machine by itself, or a person (RFC 3834 5; D15)."""
    if letter.kind in (MailKind.ACKNOWLEDGEMENT, MailKind.UNSUBSCRIBE_LINK):
        return "auto-replied"
    is_notice = letter.mail_class is MailClass.TRANSACTIONAL and letter.kind is not MailKind.ANSWER
    return "auto-generated" if is_notice else ""


def _in_thread(subject: str) -> str:
    """Keep « Re: » as RFC 5322 3.6.5 writes it: with a space before the colon some readers begin a new thread."""
    return re.sub(r"^Re\s+:", "Re:", " ".join(subject.split(" ")).strip())


@dataclass(frozen=True, slots=True)
class _Mail:
    """The folder of a kind of mail; a kind without one is written as a communiqué."""

    templates: jinja2.Environment
    kind: str

    def render(self, name: str, context: dict[str, object]) -> str:
        template = self.templates.select_template([f"{self.kind}/{name}", f"communique/{name}"])
        return template.render(context)


def _unescaped_marks(html: str) -> str:
    return re.sub(r"&#(98[3-9]\d{3}|99\d{4}|10[0-4]\d{4});", lambda found: chr(int(found[1])), html)


def _opening(blocks: Iterable[markdown.Block]) -> str:
    """The first words of the body, for the author who wrote no preheader; the salutation adds nothing and is passed over."""
    words = ""
    for block in blocks:
        if isinstance(block, markdown.Paragraph) and len(words) < PREHEADER_LENGTH:
            said = "".join(word.text if isinstance(word, markdown.Run) else " " for word in block.words).strip()
            words += "" if not words and said.endswith(",") else f" {said}"
    words = words.strip()
    return words if len(words) <= PREHEADER_LENGTH else words[:PREHEADER_LENGTH].rpartition(" ")[0].rstrip(",;: ") + "…"


def _wrapped(text: str) -> str:
    return "\n".join(wrap(text))


def _parts(pieces: Iterable[str | Marked], slot: Slot) -> Iterable[Part]:
    """Every constant run before a place ends in a soft break, so that no value can make a line too long."""
    run = b""
    for piece in pieces:
        if isinstance(piece, Marked):
            yield run + SOFT_BREAK
            yield Place(piece.name, slot, piece.fallback)
            run = b""
        else:
            run = quoted_printable(piece)
    yield run


def _body_part(subtype: str, boundary: str, parts: Iterable[Part]) -> Iterable[Part]:
    yield (
        f"--{boundary}\r\nContent-Type: text/{subtype}; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n"
    ).encode("ascii")
    yield from parts
    yield b"\r\n"


def _beside(attachments: Iterable[Attachment], outer: str, inner: str, alternatives: Iterable[Part]) -> Iterable[Part]:
    """Wraps the text of a mail and the files beside it (RFC 2183)."""
    yield f'--{outer}\r\nContent-Type: multipart/alternative;\r\n boundary="{inner}"\r\n\r\n'.encode("ascii")
    yield from alternatives
    for file in attachments:
        if not (_PLAIN_NAME.fullmatch(file.name) and _CONTENT_TYPE.fullmatch(file.content_type)):
            raise ValueError(
                f"file {file.name[:80]!r} of type {file.content_type[:80]!r}: give it a plain name and type"
            )
        yield (
            f"--{outer}\r\nContent-Type: {file.content_type}\r\n"
            f'Content-Disposition: attachment; filename="{file.name}"\r\nContent-Transfer-Encoding: base64\r\n\r\n'
        ).encode("ascii")
        yield base64_lines(file.content)
    yield f"--{outer}--\r\n".encode("ascii")


def _joined(parts: Iterable[Part]) -> tuple[Part, ...]:
    joined: list[Part] = []
    for part in parts:
        if isinstance(part, bytes) and joined and isinstance(joined[-1], bytes):
            joined[-1] += part
        else:
            joined.append(part)
    return tuple(joined)
