"""How does a member leave a list from the mail he received, in one click or on our page, and come back?"""

from __future__ import annotations

from dataclasses import dataclass

from flask import Blueprint, redirect, request
from flask.typing import ResponseReturnValue

from service.actions import lists as mailing_lists
from service.core.refusals import NotFound
from service.core.tokens import read_link_token
from service.core.vocabulary import Channel, LinkPurpose
from service.models.campaign import Campaign
from service.models.delivery import Delivery
from service.models.mailing_list import MailingList
from service.models.member import Contact
from service.web import http
from service.web.security import without_proof

pages = Blueprint("unsubscribe", __name__)

_LEAVE, _COME_BACK = "leave", "come_back"
# What a mail program posts by itself (RFC 8058 3.2).
_ONE_CLICK = b"List-Unsubscribe=One-Click"
_PLAIN = {"Content-Type": "text/plain; charset=utf-8"}


@dataclass(frozen=True, slots=True)
class Choice:
    """Who may leave which list; a test mail has neither."""

    contact: Contact | None = None
    mailing_list: MailingList | None = None


@pages.get("/d/<token>")
@http.by_token
def show(token: str) -> str:
    """Show what can be left; a link that a scanner follows changes nothing (S5)."""
    choice = _choice(token)
    if choice.contact is None or choice.mailing_list is None:
        return http.page("member/test_mail.html")
    found = choice.mailing_list
    return http.page(
        "member/unsubscribe.html",
        token=token,
        list=found,
        sentence=_sentence(found),
        has_left=mailing_lists.has_left(http.session(), found, choice.contact),
        is_back="retour" in request.args,
        others=[one for one in mailing_lists.read_by(http.session(), choice.contact) if one.id != found.id],
    )


@pages.post("/d/<token>")
@without_proof
@http.by_token
def act(token: str) -> ResponseReturnValue:
    """Leave the list, or come back to it. The link is the key: a mail program has neither cookie nor form (RFC 8058)."""
    one_click = _is_one_click()
    choice = _choice(token)
    if choice.contact is None or choice.mailing_list is None:
        return ("Message d’essai : il ne désinscrit personne.", 200, _PLAIN) if one_click else _again(token)
    if one_click or request.form.get("act") == _LEAVE:
        channel = Channel.ONE_CLICK if one_click else Channel.LINK
        _leave(choice.contact, choice.mailing_list, channel)
    elif request.form.get("act") == _COME_BACK:
        _come_back(choice.contact, choice.mailing_list)
        return redirect(f"/d/{token}?retour", 303)
    # A redirect would make some mail programs believe that nothing was done (RFC 8058 3.1).
    return ("C’est noté.", 200, _PLAIN) if one_click else _again(token)


def _is_one_click() -> bool:
    """Whether the body says one-click, as a form, as a multipart form, or bare."""
    # Kept before the form is parsed, so that a body without any type can still be read.
    body = request.get_data(cache=True)
    return request.form.get("List-Unsubscribe") == "One-Click" or body.strip() == _ONE_CLICK


def _choice(token: str) -> Choice:
    """Read the link of one mail. Refuses an altered, revoked or forgotten one, in the same words."""
    session = http.session()
    link = read_link_token(token, LinkPurpose.UNSUBSCRIBE, http.wiring().settings.secret_key)
    delivery = session.get(Delivery, link.id)
    if delivery is not None and delivery.campaign_id is None and link.version == 0:
        return Choice()
    contact = session.get(Contact, delivery.contact_id) if delivery and delivery.contact_id else None
    if delivery is None or contact is None or contact.link_version != link.version:
        raise NotFound(
            "Ce lien n’est pas complet ou n’existe plus. Ouvrez-le depuis le dernier message reçu, ou répondez à ce message."
        )
    return Choice(contact, session.get_one(Campaign, delivery.campaign_id).home_list)


def _leave(contact: Contact, found: MailingList, channel: Channel) -> None:
    mailing_lists.leave(
        http.session(), found, contact, channel=channel, wording=_sentence(found), now=http.wiring().now()
    )


def _come_back(contact: Contact, found: MailingList) -> None:
    wording = f"Recevoir de nouveau « {found.name} »"
    mailing_lists.come_back(
        http.session(), found, contact, channel=Channel.LINK, wording=wording, now=http.wiring().now()
    )


def _sentence(found: MailingList) -> str:
    return f"Ne plus recevoir « {found.name} »"


def _again(token: str) -> ResponseReturnValue:
    return redirect(f"/d/{token}", 303)
