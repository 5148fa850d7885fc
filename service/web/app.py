"""The web application: guards, filters, error pages and the pages' blueprints, put together."""

from __future__ import annotations

from types import TracebackType

from flask import Flask
from jinja2 import StrictUndefined

from service.setting_values import ROOT
from service.web import errors, filters, health, http, requests, security
from service.web.member import unsubscribe
from service.web.staff import (
    administrators,
    campaigns,
    holdups,
    home,
    lists,
    mailboxes,
    members,
    questions,
    roster,
    sign_in,
    team,
)
from service.wiring import Wiring

BLUEPRINTS = (
    sign_in.pages,
    home.pages,
    campaigns.pages,
    questions.pages,
    lists.pages,
    holdups.pages,
    # Before the members: /societaires/import is no member's number.
    roster.pages,
    members.pages,
    team.pages,
    unsubscribe.pages,
    health.pages,
)
_YEAR = 31_536_000  # seconds


class _Web(Flask):
    """Flask that never writes the message of an exception to its log."""

    def log_exception(
        self,
        exc_info: tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None],
    ) -> None:
        errors.tell(exc_info[0], exc_info[2])


def create_app(wiring: Wiring) -> Flask:
    """Make the application that serves the staff pages, the members' pages and /health."""
    app = _Web("service.web", template_folder=str(ROOT / "templates" / "pages"))
    app.extensions["pli"] = wiring
    # The addresses of static files carry their fingerprint.
    app.config["SEND_FILE_MAX_AGE_DEFAULT"] = _YEAR
    app.jinja_env.undefined = StrictUndefined
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    # Before any blueprint: an address is read as it was registered.
    requests.register(app)
    security.protect(app, wiring.settings)
    filters.register(app, zone=wiring.settings.zone, now=wiring.now)
    app.jinja_env.globals["whom_to_tell"] = administrators.whom_to_tell
    app.jinja_env.globals["bounce_box_trouble"] = mailboxes.bounce_box_trouble
    app.jinja_env.globals["nearly_full_mailboxes"] = mailboxes.nearly_full_mailboxes
    errors.register(app)
    app.after_request(http.end_transaction)
    app.teardown_request(http.close_transaction)
    for pages in BLUEPRINTS:
        app.register_blueprint(pages)
    return app
