"""Other mail: what answers nothing of ours and was left in the mailbox; one click takes one of it in."""

from __future__ import annotations

from flask import Blueprint, flash, redirect, url_for
from flask.typing import ResponseReturnValue

from service.actions import mailbox
from service.models.inbound_message import InboundMessage
from service.web import pagination
from service.web.http import me, page, session, wiring

pages = Blueprint("other_mail", __name__)

_PER_PAGE = 20


@pages.get("/reponses/autre-courrier")
def show() -> str:
    """List who wrote, about what and when; more is not kept of it."""
    found = pagination.cut(session(), InboundMessage.other_mail(), size=_PER_PAGE)
    kept_for = mailbox.OTHER_MAIL_KEPT.days
    return page("staff/questions/other_mail.html", found=found, inbox=wiring().settings.imap, kept_for=kept_for)


@pages.post("/reponses/autre-courrier/<int:message_id>/prendre")
def take_in(message_id: int) -> ResponseReturnValue:
    """Have one of it fetched and read."""
    mailbox.take_in(session(), message_id, by=me(), now=wiring().now())
    flash(
        "Pli va chercher ce message dans votre boîte. Il sera dans « À trier » d’ici quelques minutes, s’il y est encore."
    )
    return redirect(url_for("questions.other_mail.show"), 303)
