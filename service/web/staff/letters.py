"""One message of the mailbox as it came: its original in a frame where nothing acts, and the files that came with it (S2, S13)."""

from __future__ import annotations

import io

from flask import Blueprint, send_file
from flask.typing import ResponseReturnValue
from sqlalchemy import select

from service.actions import matches, rereading
from service.actions.rereading import Changes
from service.core.reading import content as contents
from service.core.reading import files, originals, parsing
from service.core.refusals import NotFound, Refusal
from service.core.vocabulary import InboundKind, InboundState
from service.models.inbound_message import InboundMessage
from service.models.question import Asking
from service.web.http import foreign, me, page, session, wiring
from service.web.staff.previews import reading

KINDS = {
    InboundKind.QUESTION: "une réponse de quelqu’un",
    InboundKind.UNSUBSCRIBE: "un souhait de ne plus recevoir nos messages",
    InboundKind.UNREADABLE: "un message illisible",
    InboundKind.BOUNCE: "un message revenu en erreur",
    InboundKind.DELIVERY_NOTICE: "un avis d’un serveur",
    InboundKind.COMPLAINT: "un signalement comme indésirable",
    InboundKind.READ_RECEIPT: "un accusé de lecture",
    InboundKind.CALENDAR_REPLY: "une réponse d’agenda",
    InboundKind.AUTO_REPLY: "une absence ou une réponse automatique",
    InboundKind.OWN: "notre propre courrier",
}

pages = Blueprint("letters", __name__)


@pages.get("/reponses/courrier/<int:message_id>")
def show(message_id: int) -> str:
    """Show who wrote, the original in its frame, where its links lead, and its files."""
    return _shown(message_id)


def _shown(message_id: int, *, changes: Changes | None = None, refusal: Refusal | None = None) -> str:
    message, raw = _kept(message_id)
    letter = parsing.parse(raw) if raw is not None else None
    return page(
        "staff/letters/show.html",
        message=message,
        question_id=session().scalar(
            select(Asking.question_id).where(Asking.inbound_message_id == message_id).order_by(Asking.position)
        ),
        changes=changes,
        kinds=KINDS,
        refusal=refusal,
        letter=letter,
        original=originals.of(letter) if letter is not None and not message.head_only else None,
        attached=files.of(raw) if raw is not None and not message.head_only else (),
    )


@pages.post("/reponses/courrier/<int:message_id>/relire")
def reread(message_id: int) -> ResponseReturnValue:
    """Read the message again under the rules of today, and show what that changes."""
    settings, now = wiring().settings, wiring().now()
    secret, server = settings.secret_key, settings.authserv_id
    with reading() as apart:
        row = apart.get(InboundMessage, message_id)
        raw, head_only, at = (row.raw, row.head_only, row.received_at) if row is not None else (None, False, now)
        content = contents.understand(raw, wiring().ours, head_only=head_only)
        traced = matches.trace(apart, content, secret, at=at)
    try:
        changes = rereading.apply(
            session(), message_id, content, secret=secret, traced=traced, authserv_id=server, by=me(), now=now
        )
    except Refusal as refusal:
        session().rollback()
        return _shown(message_id, refusal=refusal), refusal.status
    return _shown(message_id, changes=changes)


@pages.get("/reponses/courrier/<int:message_id>/original")
@foreign
def show_original(message_id: int) -> str:
    """Show the original by itself, for the frame of the page before."""
    message, raw = _kept(message_id)
    if raw is None or message.head_only:
        raise NotFound("Ce message n’est pas gardé en entier.")
    return originals.of(parsing.parse(raw)).document


@pages.get("/reponses/courrier/<int:message_id>/pieces/<int:position>")
@foreign
def give_file(message_id: int, position: int) -> ResponseReturnValue:
    """Give a file to keep, never to be opened here; its type is what its bytes say."""
    message, raw = _kept(message_id)
    found = files.given(raw, position) if raw is not None and not message.head_only else None
    if found is None:
        raise NotFound("Ce message n’a pas cette pièce jointe.")
    file, content = found
    return send_file(
        io.BytesIO(content), mimetype=file.kind.content_type, as_attachment=True, download_name=file.name, etag=False
    )


def _kept(message_id: int) -> tuple[InboundMessage, bytes | None]:
    """Find a message that was read, with its bytes while they are kept. Refuses one that stayed in the mailbox."""
    message = session().get(InboundMessage, message_id)
    if message is None or message.state is not InboundState.TREATED:
        raise NotFound("Nous n’avons pas ce message. Il est peut-être resté dans votre boîte.")
    return message, message.raw
