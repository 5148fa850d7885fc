"""What every answer carries against misuse: headers, the session cookie, the check that a form is ours."""

from __future__ import annotations

from datetime import timedelta

from flask import Flask, Response, request
from flask_wtf.csrf import CSRFProtect
from werkzeug.middleware.proxy_fix import ProxyFix

from service.core.reading import originals
from service.settings import Settings
from service.web import http
from service.web.http import View

IDLE = timedelta(hours=12)
_FORM = 2 * 2**20  # bytes

_OURS_ONLY = "default-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; img-src 'self' data:"
# A mail carries its styles in itself; it runs nothing and loads nothing but our own images (S2).
_MAIL = "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
# What a stranger wrote has not even styles, but for ours.
_FOREIGN = f"sandbox; default-src 'none'; img-src data:; style-src '{originals.STYLE_HASH}'; base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
_TWO_YEARS = 63_072_000  # seconds

_csrf = CSRFProtect()


def protect(app: Flask, settings: Settings) -> None:
    """Put the guards in place; call it before any blueprint is registered."""
    https = settings.public_url.startswith("https://")
    app.config.update(
        SECRET_KEY=settings.secret_key,
        SESSION_COOKIE_NAME="__Host-pli" if https else "pli",
        SESSION_COOKIE_SECURE=https,
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        PERMANENT_SESSION_LIFETIME=IDLE,
        # A form is good as long as its session: a text written for two hours must not be refused.
        WTF_CSRF_TIME_LIMIT=None,
        # Some browsers never send a Referer; the token and SameSite already tell our forms from others.
        WTF_CSRF_SSL_STRICT=False,
    )
    app.before_request(_limit_body)
    _csrf.init_app(app)
    if settings.trusted_proxies:
        hops = settings.trusted_proxies
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=hops, x_proto=hops, x_host=hops)  # type: ignore[method-assign]
    app.before_request(http.require_sign_in)

    @app.after_request
    def add_headers(response: Response) -> Response:
        """Add the headers to every answer, errors and redirects too (S6, S22)."""
        _add_headers(response)
        if https:
            response.headers["Strict-Transport-Security"] = f"max-age={_TWO_YEARS}"
        return response


def _add_headers(response: Response) -> None:
    is_mail, is_foreign = http.is_marked("is_mail"), http.is_marked("is_foreign")
    by_token = http.is_marked("is_by_token")
    headers = response.headers
    headers["Content-Security-Policy"] = _FOREIGN if is_foreign else _MAIL if is_mail else _OURS_ONLY
    headers["X-Frame-Options"] = "SAMEORIGIN" if is_mail or is_foreign else "DENY"
    headers["X-Content-Type-Options"] = "nosniff"
    headers["Cross-Origin-Opener-Policy"] = "same-origin"
    headers["Referrer-Policy"] = "no-referrer" if by_token else "same-origin"
    if request.endpoint != "static":
        headers["Cache-Control"] = "no-store"
        headers["X-Robots-Tag"] = "noindex"


def without_proof(view: View) -> View:
    """Let a form without our proof act: only for a page whose address is itself the key."""
    _csrf.exempt(view)
    return view


def _limit_body() -> None:
    """Take no more than the page expects, before anything reads it."""
    request.max_content_length = http.marked("body_limit", _FORM)
