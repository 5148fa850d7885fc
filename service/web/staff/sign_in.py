"""Who comes in, and who goes out?"""

from __future__ import annotations

from flask import Blueprint, redirect, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import func, select

from service.actions import staff as team
from service.core.refusals import Refusal
from service.models.staff import Staff
from service.web import http

pages = Blueprint("sign_in", __name__)


@pages.get("/connexion")
@http.public
def show() -> ResponseReturnValue:
    """Show the sign-in form, or what to do when nobody has an account yet."""
    if http.signed_in() is not None:
        return redirect("/", 303)
    return _form(None)


@pages.post("/connexion")
@http.public
def enter() -> ResponseReturnValue:
    """Begin a session; an unknown address and a wrong password get the same answer (S7)."""
    # Checking a password takes long: not under the one lock of SQLite's writers.
    with http.wiring().sessions() as reading:
        reading.connection(execution_options={"read_only": True})
        try:
            person = team.sign_in(reading, request.form.get("email", ""), request.form.get("password", ""))
        except Refusal as refusal:
            return _form(refusal), refusal.status
    http.sign_in(person)
    return redirect(_own_path(request.form.get("next", "")), 303)


@pages.post("/deconnexion")
def leave() -> ResponseReturnValue:
    """End the session."""
    http.sign_out()
    return redirect(url_for("sign_in.show"), 303)


def _form(refusal: Refusal | None) -> str:
    return http.page(
        "staff/sign_in.html",
        refusal=refusal,
        has_staff=bool(http.session().scalar(select(func.count()).select_from(Staff))),
        email=request.form.get("email", ""),
        domain=(sender.domain if (sender := http.wiring().settings.sender) else "cooperative.example"),
        next=_own_path(request.values.get("next", "")),
    )


def _own_path(asked: str) -> str:
    """Give the page that was asked for, when it is one of ours; else the home page (S24)."""
    # A browser reads « \ » as « / », and drops tabs and line ends: « /\tevil » may become « //evil ».
    plain = asked.isascii() and asked.isprintable() and "\\" not in asked
    return asked if plain and asked.startswith("/") and not asked.startswith("//") else "/"
