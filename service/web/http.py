"""What each page leans on: the wiring, the request's one transaction, who is signed in, who may see what."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar

from flask import Response, current_app, g, redirect, render_template, request, url_for
from flask import session as cookie
from flask.typing import ResponseReturnValue
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from service.actions import mailbox, pulse
from service.actions import staff as team
from service.core.vocabulary import QuestionStatus
from service.models.inbound_message import InboundMessage, LoginRefusal
from service.models.question import Question
from service.models.staff import Staff
from service.wiring import Wiring

View = TypeVar("View", bound=Callable[..., Any])
T = TypeVar("T")

_SAFE = ("GET", "HEAD", "OPTIONS")
_STAFF, _SESSION_VERSION, _SEEN = "staff", "version", "seen"
# The age of the cookie's signature is the idle time, which Flask checks: signed anew now and then, not at each request.
_SIGNED_EVERY = 300  # seconds


def wiring() -> Wiring:
    """Return what this application was wired with."""
    made: Wiring = current_app.extensions["pli"]
    return made


def session() -> Session:
    """Return the request's one transaction: committed after an answer below 400, rolled back after any other.

    A GET is never committed, so that no link that a scanner follows changes anything (S5, S20); it takes no lock either.
    """
    if "transaction" not in g:
        g.transaction = wiring().sessions()
        if _only_reads():
            g.transaction.connection(execution_options={"read_only": True})
    transaction: Session = g.transaction
    return transaction


def end_transaction(response: Response) -> Response:
    """Commit what a good answer to a form did, before it is sent; the bells ring after it."""
    if "transaction" in g:
        if not _only_reads() and response.status_code < 400:
            g.transaction.commit()
        else:
            g.transaction.rollback()
    return response


def close_transaction(_error: BaseException | None = None) -> None:
    """Give the connection back, whatever happened."""
    transaction: Session | None = g.pop("transaction", None)
    if transaction is not None:
        transaction.close()


def public(view: View) -> View:
    """Let anybody see a page; every other one asks for a sign-in."""
    return _mark(view, "is_public")


def by_token(view: View) -> View:
    """Let whoever holds the link see a page, which tells nobody its address (S6)."""
    return _mark(public(view), "is_by_token")


def shows_mail(view: View) -> View:
    """Say that a page is a mail by itself, to stand in a frame of ours: its own styles, no script, nothing from elsewhere."""
    return _mark(view, "is_mail")


def foreign(view: View) -> View:
    """Say that an answer holds what a stranger wrote: nothing of it may run, load or lead anywhere (S2, S13)."""
    return _mark(view, "is_foreign")


def only_reads(view: View) -> View:
    """Say that a form asks and changes nothing: on SQLite its transaction then takes no writer's turn."""
    return _mark(view, "only_reads")


def senders_only(view: View) -> View:
    """Refuse who may not approve, send, pause, resume or stop."""

    @wraps(view)
    def guarded(*args: Any, **kwargs: Any) -> Any:
        team.require_sender(me())
        return view(*args, **kwargs)

    return guarded  # type: ignore[return-value]  # the same view, behind its guard


def takes_up_to(size: int, *, too_large: str) -> Callable[[View], View]:
    """Let a form send more than a text: at most `size` bytes, beyond which the page says `too_large`."""
    return lambda view: _mark(_mark(view, "body_limit", size), "too_large", too_large)


def is_marked(mark: str) -> bool:
    """Whether the page that was asked for carries a mark."""
    return bool(marked(mark, False))


def marked(mark: str, otherwise: T) -> T:
    """Return what a mark of the page that was asked for says."""
    found: T = getattr(current_app.view_functions.get(request.endpoint or ""), mark, otherwise)
    return found


def require_sign_in() -> ResponseReturnValue | None:
    """Send whoever is not signed in to the sign-in page, unless the page is public (secure by default)."""
    if request.endpoint in (None, "static") or is_marked("is_public"):
        return None
    if signed_in() is not None:
        _stay()
        return None
    if "HX-Request" in request.headers:
        # A part of a page that asks by itself must not be filled with the sign-in page.
        return "", 401
    asked = request.full_path.rstrip("?") if request.method in _SAFE else ""
    return redirect(url_for("sign_in.show", next=asked or None), 303)


def me() -> Staff:
    """Return who is signed in."""
    person = signed_in()
    if person is None:
        raise RuntimeError(f"{request.endpoint} is public and asks who is signed in")
    return person


def signed_in() -> Staff | None:
    """Return who is signed in; nobody once the account is disabled or its sessions were ended (S17)."""
    if "me" not in g:
        g.me = _known(cookie.get(_STAFF), cookie.get(_SESSION_VERSION))
    person: Staff | None = g.me
    return person


def sign_in(person: Staff) -> None:
    """Begin a session for this person; nothing of the one before is kept (fixation)."""
    cookie.clear()
    cookie[_STAFF], cookie[_SESSION_VERSION] = person.id, person.session_version
    g.me = person


def sign_out() -> None:
    """End this session."""
    cookie.clear()
    g.me = None


def page(template: str, **context: Any) -> str:
    """Render a template of templates/pages with what the layouts need: who is signed in and how many questions wait."""
    person = None if is_marked("is_public") else me()
    return bare_page(template, **{"me": person, "waiting": _waiting_questions() if person else 0, **context})


def unread_mailbox() -> pulse.Silence | None:
    """Return since when nobody has read the mailbox; None while it is read, and where no mailbox is set."""
    if wiring().settings.imap is None:
        return None
    return pulse.silence(session(), pulse.INBOX, now=wiring().now())


def refused_login() -> LoginRefusal | None:
    """Return since when the mailbox does not let us in, and why; None where it does, and without a mailbox."""
    return mailbox.refused_login(session(), wiring().account) if wiring().settings.imap is not None else None


def missed_messages() -> list[InboundMessage]:
    """List some messages that the server of the mailbox has not given for a day."""
    return mailbox.unread_for_a_day(session(), now=wiring().now())


def bare_page(template: str, **context: Any) -> str:
    """Render a template without asking the database anything; `refusal` is what the page must say no to, if anything."""
    settings = wiring().settings
    common = {"organisation": settings.organisation or "Pli", "telephone": settings.telephone, "refusal": None}
    return render_template(template, **{**common, **context})


def _only_reads() -> bool:
    return request.method in _SAFE or is_marked("only_reads")


def _stay() -> None:
    now = int(wiring().now().timestamp())
    if now - int(cookie.get(_SEEN, 0)) > _SIGNED_EVERY:
        cookie[_SEEN] = now


def _waiting_questions() -> int:
    return (
        session().scalar(select(func.count()).where(Question.status == QuestionStatus.TO_SORT, Question.stands())) or 0
    )


def _known(staff_id: object, version: object) -> Staff | None:
    if not isinstance(staff_id, int):
        return None
    person = session().get(Staff, staff_id)
    if person is None or person.disabled_at is not None or person.session_version != version:
        return None
    return person


def _mark(view: View, mark: str, value: object = True) -> View:
    setattr(view, mark, value)
    return view
