"""What does a person read when a page cannot be shown?"""

from __future__ import annotations

import logging
import sys
from dataclasses import dataclass
from types import TracebackType

from flask import Flask, request
from flask.typing import ResponseReturnValue
from flask_wtf.csrf import CSRFError
from sqlalchemy.exc import OperationalError
from werkzeug.exceptions import HTTPException, RequestEntityTooLarge

from service.core.places import places
from service.core.refusals import Refusal
from service.web import http

log = logging.getLogger(__name__)

# What a browser may still send after we said no, so that it reads our answer instead of a broken line.
_DRAINED = 100 * 2**20  # bytes


@dataclass(frozen=True, slots=True)
class _Told:
    title: str
    sentence: str


_PAGES = {
    400: _Told(
        "Demande incomplète", "Votre navigateur a envoyé une demande incomplète. Revenez à la page et réessayez."
    ),
    403: _Told(
        "Accès réservé", "Votre compte ne permet pas de voir cette page. Demandez à une personne qui peut envoyer."
    ),
    404: _Told("Page introuvable", "Il n’y a rien à cette adresse. Vérifiez-la, ou repartez de l’accueil."),
    405: _Told("Cette page ne s’ouvre pas ainsi", "Revenez à la page précédente et utilisez ses boutons."),
    409: _Told("Ce n’est plus possible", "La page a changé depuis que vous l’avez ouverte. Rechargez-la."),
    413: _Told("Envoi trop lourd", "Ce que vous avez envoyé est trop lourd pour cette page. Rien n’a été enregistré."),
    422: _Told("Ce n’est pas possible", "La demande n’a pas été acceptée."),
    500: _Told(
        "Une erreur de notre côté",
        "La page n’a pas pu être préparée. Rien n’a été changé. Réessayez dans un instant ; si cela recommence, prévenez la "
        "personne qui administre Pli : elle trouvera l’erreur dans le journal du service.",
    ),
    503: _Told(
        "La base de données ne répond pas",
        "Rien n’a été changé et aucun message n’est perdu. Réessayez dans un instant.",
    ),
}
_DEAD_LINK = "Ce lien ne fonctionne pas"
_STALE_FORM = _Told(
    "Cette page est restée ouverte trop longtemps",
    "Pour votre sécurité, le formulaire n’a pas été enregistré. Revenez à la page précédente, copiez votre texte s’il y en "
    "a un, rechargez la page, puis recommencez.",
)


def register(app: Flask) -> None:
    """Answer every refusal and fault with a page in French, never with a trace (S22)."""
    app.register_error_handler(Refusal, _refused)
    app.register_error_handler(CSRFError, lambda _error: _shown(400, _STALE_FORM))
    app.register_error_handler(RequestEntityTooLarge, _too_large)
    app.register_error_handler(OperationalError, _database_away)
    app.register_error_handler(HTTPException, _http)
    app.register_error_handler(500, lambda _error: _shown(500, _PAGES[500]))


def tell(kind: type[BaseException] | None, trace: TracebackType | None) -> None:
    """Log the kind of a fault and the lines of ours that it went through: a message or a frame may hold addresses (P10)."""
    name = f"{kind.__module__}.{kind.__qualname__}" if kind else "unknown"
    log.error("The page %s (%s) failed: %s at %s", request.endpoint, request.method, name, places(trace))


def _refused(refusal: Refusal) -> ResponseReturnValue:
    title = _PAGES.get(refusal.status, _PAGES[422]).title
    if refusal.status == 404 and http.is_marked("is_by_token"):
        title = _DEAD_LINK
    return _shown(refusal.status, _Told(title, refusal.sentence))


def _http(error: HTTPException) -> ResponseReturnValue:
    if error.response is not None or error.code is None or error.code < 400:
        return error
    told = _PAGES.get(error.code, _PAGES[400 if error.code < 500 else 500])
    body, status = _shown(error.code, told)
    kept = {name: value for name, value in error.get_headers() if name in ("Allow", "Retry-After")}
    return body, status, kept


def _too_large(error: RequestEntityTooLarge) -> ResponseReturnValue:
    _drain()
    instead = http.marked("too_large", "")
    return _shown(413, _Told(_PAGES[413].title, instead) if instead else _PAGES[413])


def _database_away(error: OperationalError) -> ResponseReturnValue:
    tell(type(error), sys.exc_info()[2])
    return _shown(503, _PAGES[503])


def _shown(status: int, told: _Told) -> tuple[str, int]:
    template = "member/error.html" if http.is_marked("is_by_token") else "error.html"
    settings = http.wiring().settings
    return (
        http.bare_page(template, title=told.title, sentence=told.sentence, contact=settings.reply_to, status=status),
        status,
    )


def _drain() -> None:
    stream, left = request.environ["wsgi.input"], _DRAINED
    while left > 0 and (chunk := stream.read(min(65_536, left))):
        left -= len(chunk)
