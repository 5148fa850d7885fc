"""The pages of the demo's mailboxes: who has mail, a mail as received, and the answer that goes back by SMTP."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime
from zoneinfo import ZoneInfo

from flask import Flask, Response, abort, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from service.core import french
from service.core.reading import parsing
from service.demo import correspondence
from service.demo.cooperative import How, Person, people
from service.demo.mailboxes import Kept, Mailboxes
from service.setting_values import ROOT

_POLICY = "default-src 'none'; style-src 'self'; frame-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
# The mail as a cautious mail program shows it: no script, nothing fetched, links in a new tab.
_MAIL_POLICY = (
    "sandbox allow-popups allow-popups-to-escape-sandbox; default-src 'none'; style-src 'unsafe-inline'; "
    "img-src data:; form-action 'none'; frame-ancestors 'self'"
)
_VIEWS = ("mail", "texte", "source")
_HEADERS = (
    ("From", "qui écrit"),
    ("To", "à qui"),
    ("Reply-To", "où va la réponse ; le code après le + la rattache au message"),
    ("Return-Path", "où reviennent les erreurs"),
    ("Message-ID", "le nom du message, que la réponse citera"),
    ("In-Reply-To", "le message auquel celui-ci répond"),
    ("List-Id", "la liste"),
    ("List-Unsubscribe", "se désinscrire depuis le logiciel de messagerie"),
    ("List-Unsubscribe-Post", "… en un clic (RFC 8058)"),
    ("Auto-Submitted", "écrit par une machine"),
)


@dataclass(frozen=True, slots=True)
class World:
    """What the pages need: the mailboxes, the port of the post office, the address of Pli, the hour."""

    mailboxes: Mailboxes
    smtp_port: int
    public_url: str
    zone: ZoneInfo
    now: Callable[[], datetime]

    def here(self) -> datetime:
        """The hour on the wall."""
        return self.now().astimezone(self.zone)


@dataclass(frozen=True, slots=True)
class Letter:
    """A mail as its page shows it."""

    key: str
    is_read: bool
    message: parsing.Message
    date: datetime | None

    def headers(self) -> list[tuple[str, str, str]]:
        """List the headers that matter: name, meaning, value."""
        found = [(name, meaning, self.message.headers.header(name.lower())) for name, meaning in _HEADERS]
        return [one for one in found if one[2]]

    def source(self) -> str:
        """Give the bytes as a person can read them."""
        return self.message.raw.decode("utf-8", "replace").replace("\r\n", "\n")


def create_app(world: World) -> Flask:
    """Build the pages; they listen on loopback only and hold nothing but the demo's invented mail."""
    app = Flask("demo", template_folder=ROOT / "templates/pages/demo", static_folder=ROOT / "service/demo/static")
    app.jinja_env.globals.update(public_url=world.public_url)
    app.jinja_env.filters.update(typeset=french.typeset, moment=lambda at: _moment(at, world.zone))
    app.before_request(_refuse_other_sites)
    app.after_request(_secure)
    _add_lists(app, world)
    _add_letters(app, world)
    return app


def _add_lists(app: Flask, world: World) -> None:
    @app.get("/")
    def home() -> str:
        known = people()
        others = sorted(set(world.mailboxes.addresses()) - {one.address for one in known})
        rows = [*known, *(_stranger(address) for address in others)]
        return render_template("home.html", rows=[_row(world.mailboxes, one) for one in rows])

    @app.get("/boites/<address>")
    def box(address: str) -> str:
        person = _person(world.mailboxes, address)
        return render_template(
            "box.html",
            person=person,
            received=[_letter(one) for one in world.mailboxes.received(address)],
            sent=[_letter(one) for one in world.mailboxes.sent(address)] if world.mailboxes.has(address) else [],
            gone=world.mailboxes.is_gone(address),
        )

    @app.post("/boites/<address>/existence")
    def existence(address: str) -> AnyResponse:
        person = _person(world.mailboxes, address)
        world.mailboxes.mark_gone(person.address, gone=request.form.get("gone") == "oui")
        return redirect(url_for("box", address=address))


def _add_letters(app: Flask, world: World) -> None:
    @app.get("/boites/<address>/<key>")
    def letter(address: str, key: str) -> str:
        kept = _kept(world.mailboxes, address, key)
        if not kept.is_read:
            world.mailboxes.mark_read(address, key)
        return _letter_page(world, address, kept)

    @app.get("/boites/<address>/<key>/html")
    def letter_html(address: str, key: str) -> Response:
        html = _letter(_kept(world.mailboxes, address, key)).message.html
        page = Response(_in_new_tabs(html), mimetype="text/html")
        page.headers["Content-Security-Policy"] = _MAIL_POLICY
        return page

    @app.post("/boites/<address>/<key>/reponse")
    def answer(address: str, key: str) -> AnyResponse | tuple[str, int]:
        kept = _kept(world.mailboxes, address, key)
        text, how = request.form.get("text", ""), _how(request.form.get("how", ""))
        if not text.strip() and how is not How.BY_A_MACHINE:
            return _letter_page(world, address, kept, error="Écrivez quelques mots, puis envoyez.", text=text), 422
        person = _person(world.mailboxes, address)
        ready = correspondence.answer(kept.raw, text, by=person, how=how, now=world.here())
        correspondence.hand_in(ready, world.smtp_port)
        world.mailboxes.keep_sent(address, ready.message)
        gone = "absence" if how is How.BY_A_MACHINE else "reponse"
        return redirect(url_for("letter", address=address, key=key, partie=gone))


def _letter_page(world: World, address: str, kept: Kept, *, error: str = "", text: str = "") -> str:
    view = request.args.get("vue", "")
    shown = _letter(kept)
    view = view if view in _VIEWS else "mail"
    if view == "mail" and not shown.message.html:
        view = "texte"
    return render_template(
        "letter.html",
        person=_person(world.mailboxes, address),
        letter=shown,
        view=view,
        views=_VIEWS,
        ways=How,
        gone_by=request.args.get("partie", ""),
        error=error,
        text=text,
    )


def _refuse_other_sites() -> None:
    """A page of another site must not answer in a member's name (the browser says where a form comes from)."""
    if request.method == "POST" and request.headers.get("Sec-Fetch-Site", "same-origin") not in ("same-origin", "none"):
        abort(403)


def _secure(response: Response) -> Response:
    response.headers.setdefault("Content-Security-Policy", _POLICY)
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Referrer-Policy"] = "same-origin"
    response.headers["Cache-Control"] = "no-store"
    return response


def _row(mailboxes: Mailboxes, person: Person) -> tuple[Person, int, bool]:
    return person, mailboxes.unread(person.address), mailboxes.is_gone(person.address)


def _person(mailboxes: Mailboxes, address: str) -> Person:
    found = next((one for one in people() if one.address == address), None)
    if found is None and not mailboxes.has(address):
        abort(404)
    return found or _stranger(address)


def _stranger(address: str) -> Person:
    """Somebody whom the visitor of the demo has imported himself."""
    return Person(address.partition("@")[0].replace(".", " ").title(), address, "Autre adresse")


def _kept(mailboxes: Mailboxes, address: str, key: str) -> Kept:
    kept = mailboxes.find(address, key)
    if kept is None:
        abort(404)
    return kept


def _letter(kept: Kept) -> Letter:
    message = parsing.parse(kept.raw)
    return Letter(kept.key, kept.is_read, message, _date(message.headers.header("date")))


def _date(text: str) -> datetime | None:
    try:
        return parsedate_to_datetime(text)
    except ValueError:
        return None


def _how(name: str) -> How:
    return How[name] if name in How.__members__ else How.AS_USUAL


def _moment(at: datetime | None, zone: ZoneInfo) -> str:
    if at is None:
        return ""
    local = at.astimezone(zone)
    return f"{french.date_in_words(local.date(), with_year=False)}, {french.hour(local.time())}"


def _in_new_tabs(html: str) -> str:
    """A link of the mail opens beside it, as in a mail program."""
    base = '<base target="_blank">'
    found = re.search(r"<head[^>]*>", html, re.IGNORECASE)
    return f"{html[: found.end()]}{base}{html[found.end() :]}" if found else base + html
