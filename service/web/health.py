"""Is everything that mail needs at work? For a supervisor, not for people."""

from __future__ import annotations

from datetime import timedelta

from flask import Blueprint, jsonify
from flask.typing import ResponseReturnValue
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from service.actions import inbox, pulse
from service.web import http

_COUNTED_FOR = timedelta(days=7)
pages = Blueprint("health", __name__)


@pages.get("/health")
@http.public
def show() -> ResponseReturnValue:
    """Say whether database, Redis and clock are well: 200, else 503 (contract).

    The mailbox is told beside them and does not decide: its server is somebody else's, and mail goes out without it. So is
    how many messages of the last week carried a token that was not believed (D16).
    """
    state = {"database": _database(), "redis": http.wiring().queue.answers(), "clock": False}
    state["clock"] = state["database"] and pulse.is_beating(http.session(), pulse.CLOCK, now=http.wiring().now())
    well = all(state.values())
    if http.wiring().settings.imap is not None:
        state["inbox"] = state["database"] and pulse.is_beating(http.session(), pulse.INBOX, now=http.wiring().now())
    said: dict[str, object] = {name: "ok" if is_well else "down" for name, is_well in state.items()}
    if state.get("inbox") is not None and state["database"]:
        said["refused_tokens"] = inbox.refused_tokens(http.session(), since=http.wiring().now() - _COUNTED_FOR)
    return jsonify(status="ok" if well else "down", **said), 200 if well else 503


def _database() -> bool:
    try:
        http.session().execute(text("SELECT 1"))
    except SQLAlchemyError:
        http.session().rollback()
        return False
    return True
