"""Which lists are there, who reads each, and how is one made?"""

from __future__ import annotations

from dataclasses import dataclass

from flask import Blueprint, flash, redirect, request
from flask.typing import ResponseReturnValue

from service.actions import lists as mailing_lists
from service.core.refusals import Refusal
from service.core.vocabulary import MailClass
from service.models.mailing_list import MailingList, Subscription
from service.web import http, pagination

pages = Blueprint("lists", __name__)

# What a member may do about a list, in words; the legal class behind it is P3.
CLASSES = (
    (MailClass.COOPERATIVE, "Vie de la coopérative", "Pour les sociétaires. Chacun peut ne plus la recevoir."),
    (MailClass.NEWSLETTER, "Lettre d’information", "Pour qui s’y abonne. Chacun peut ne plus la recevoir."),
    (
        MailClass.STATUTORY,
        "Messages statutaires",
        "Convocations : la loi demande de les envoyer à tous les sociétaires.",
    ),
)
CLASS_WORDS = {mail_class: words for mail_class, words, _ in CLASSES}


@dataclass(frozen=True, slots=True)
class Row:
    """A list and how many read it."""

    mailing_list: MailingList
    readers: int


@pages.get("/listes")
def show_all() -> str:
    """Show the lists."""
    session = http.session()
    rows = [Row(one, session.scalar(Subscription.count_of(one.id)) or 0) for one in mailing_lists.everything(session)]
    return http.page("staff/lists/index.html", rows=rows, words=CLASS_WORDS)


@pages.get("/listes/nouvelle")
def new() -> str:
    """Show the form of a new list."""
    return _form(None)


@pages.post("/listes")
def create() -> ResponseReturnValue:
    """Make a list."""
    asked = request.form
    try:
        made = mailing_lists.create(
            http.session(),
            asked.get("slug", "").strip(),
            name=asked.get("name", ""),
            mail_class=_mail_class(asked.get("class", "")),
            now=http.wiring().now(),
            by=http.me().id,
        )
    except Refusal as refusal:
        return _form(refusal), refusal.status
    flash(f"La liste « {made.name} » est créée.")
    return redirect(f"/listes/{made.slug}", 303)


@pages.get("/listes/<slug>")
def show(slug: str) -> str:
    """Show who reads a list."""
    found = mailing_lists.find(http.session(), slug)
    readers = pagination.cut(http.session(), found.readers())
    return http.page("staff/lists/show.html", list=found, readers=readers, words=CLASS_WORDS)


def _mail_class(word: str) -> MailClass:
    known = {one.value: one for one in CLASS_WORDS}
    if word not in known:
        raise Refusal("Dites ce que contient la liste : choisissez l’une des trois sortes.", field="class")
    return known[word]


def _form(refusal: Refusal | None) -> str:
    return http.page("staff/lists/new.html", refusal=refusal, classes=CLASSES, typed=request.form)
