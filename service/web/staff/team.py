"""Who is in the team, and what may each do?"""

from __future__ import annotations

from flask import Blueprint, flash, redirect, request
from flask.typing import ResponseReturnValue

from service.actions import staff
from service.core.vocabulary import Role
from service.web import http

pages = Blueprint("team", __name__)

ROLES = {
    Role.REDACTEUR: ("Rédaction", "écrit, demande une relecture"),
    Role.VALIDEUR: ("Validation", "écrit, relit, approuve et envoie"),
    Role.ADMIN: ("Administration", "tout ce que fait la validation, et s’occupe des comptes"),
}


@pages.get("/equipe")
def show_all() -> str:
    """Show the team; accounts are made and closed by the commands `pli staff`."""
    return http.page("staff/team/index.html", people=staff.everyone(http.session()), roles=ROLES)


@pages.post("/equipe/matin")
def choose_mornings() -> ResponseReturnValue:
    """Say whether one wants the morning mail: only for oneself."""
    wants = "matin" in request.form
    staff.want_mornings(http.session(), http.me(), wants, now=http.wiring().now())
    flash("Le message du matin vous est envoyé." if wants else "Le message du matin ne vous est plus envoyé.")
    return redirect("/equipe", 303)
