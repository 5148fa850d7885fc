"""What holds for every page, whoever wrote it: who may see it, what it may change, what its answer carries."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator

import pytest
from flask import Flask, request
from sqlalchemy import select
from sqlalchemy.exc import OperationalError
from werkzeug.routing import Rule

from service.core.refusals import Conflict
from service.models.base import Base
from service.web import http
from service.web.app import create_app
from service.wiring import Wiring
from tests.web.conftest import Browser
from tests.web.world import World

# A new page is for the team; one that anybody may see is written here, with why.
PUBLIC = {
    "/connexion": "where one signs in",
    "/d/<token>": "the link is the key (RFC 8058)",
    "/health": "for a supervisor",
    "/static/<path:filename>": "style sheets and scripts",
}
# What acts without the proof that a form is ours (S20).
WITHOUT_PROOF = {"/d/<token>"}


@pytest.fixture
def filled(world: World) -> World:
    """A cooperative where every kind of row that a page may show exists."""
    world.member(to="nouvelles", number="1")
    world.launched()
    return world


def test_every_page_asks_for_a_sign_in_but_those_declared_public(app: Flask, client: Browser, filled: World) -> None:
    seen = set()
    for rule, path in _paths(app, filled):
        answer = client.get(path) if "GET" in _methods(rule) else client.post(path)
        if "GET" in _methods(rule) and rule.rule not in PUBLIC:
            assert answer.status_code == 303, rule.rule
            assert answer.location.startswith("/connexion"), rule.rule
        elif "GET" in _methods(rule):
            assert answer.status_code != 303, rule.rule
            seen.add(rule.rule)
    assert seen == set(PUBLIC)


def test_no_form_acts_without_the_proof_that_it_is_ours(app: Flask, signed_in: Browser, filled: World) -> None:
    before, tried = _fingerprint(filled), set()
    for rule, path in _paths(app, filled):
        for method in _methods(rule) - {"GET", "HEAD", "OPTIONS"}:
            answer = signed_in.open(path, method=method)
            assert (answer.status_code == 400) is (rule.rule not in WITHOUT_PROOF), (rule.rule, method)
            tried.add(rule.rule)
    assert tried >= {"/connexion", "/deconnexion", "/listes", "/d/<token>"}
    assert _fingerprint(filled) == before


def test_no_link_changes_anything(app: Flask, signed_in: Browser, filled: World) -> None:
    before = _fingerprint(filled)
    for rule, path in _paths(app, filled):
        if "GET" in _methods(rule):
            for question in ("", "?q=x&page=2&act=leave&on=2026-01-01&reason=deces&columns=1&retour"):
                assert signed_in.get(path + question).status_code != 500, rule.rule
                signed_in.head(path + question)
                assert _fingerprint(filled) == before, rule.rule


def test_every_answer_carries_the_headers(app: Flask, signed_in: Browser, filled: World) -> None:
    app.testing = False
    answers = [signed_in.get(path) for rule, path in _paths(app, filled) if "GET" in _methods(rule)]
    answers += [signed_in.get("/nulle-part"), signed_in.post("/listes"), signed_in.delete("/listes")]
    answers += [app.test_client().get("/"), app.test_client().get("/d/faux")]
    for answer in answers:
        where, headers = answer.request.path, answer.headers
        policy = headers["Content-Security-Policy"]
        assert "default-src" in policy, where
        assert "base-uri 'none'" in policy, where
        assert "frame-ancestors" in policy, where
        if "sandbox" not in policy:
            assert "unsafe-inline" not in policy, where
            assert "frame-ancestors 'none'" in policy, where
        assert headers["X-Content-Type-Options"] == "nosniff", where
        assert headers["Strict-Transport-Security"].startswith("max-age=63072000"), where
        assert headers["Referrer-Policy"] == ("no-referrer" if where.startswith("/d/") else "same-origin"), where
        if not where.startswith("/static/"):
            assert headers["Cache-Control"] == "no-store", where


def test_a_fault_shows_a_page_in_french_and_no_trace(
    app: Flask, signed_in: Browser, caplog: pytest.LogCaptureFixture
) -> None:
    app.testing = False
    app.config["PROPAGATE_EXCEPTIONS"] = False
    app.view_functions["lists.show_all"] = _broken("secret@membre.example")
    answer = signed_in.get("/listes")
    assert answer.status_code == 500
    assert "Une erreur de notre côté" in answer.text
    assert "Content-Security-Policy" in answer.headers
    for said in (answer.text, caplog.text):
        assert "secret@membre.example" not in said
    assert "ValueError" in caplog.text
    assert "Traceback" not in answer.text


def test_a_database_that_does_not_answer_is_told(app: Flask, signed_in: Browser) -> None:
    app.view_functions["lists.show_all"] = _broken_database
    answer = signed_in.get("/listes")
    assert answer.status_code == 503
    assert "La base de données ne répond pas" in answer.text


def test_what_a_refused_form_had_begun_is_undone(app: Flask, signed_in: Browser, world: World) -> None:
    def begin_then_refuse() -> str:
        http.me().name = "Changé"
        http.session().flush()
        raise Conflict("Trop tard.")

    app.view_functions["lists.create"] = begin_then_refuse
    before = _fingerprint(world)
    answer = signed_in.send("/listes")
    assert (answer.status_code, "Trop tard." in answer.text) == (409, True)
    assert _fingerprint(world) == before


def test_an_error_page_says_what_to_do(client: Browser, signed_in: Browser) -> None:
    assert "Il n’y a rien à cette adresse" in signed_in.get("/nulle-part").text
    assert "restée ouverte trop longtemps" in signed_in.post("/listes").text
    assert signed_in.get("/societaires/999").status_code == 404
    answer = signed_in.delete("/listes")
    assert (answer.status_code, "POST" in answer.headers["Allow"]) == (405, True)


def test_the_visitor_s_address_is_taken_from_our_own_proxies_alone(make_wiring: Callable[..., Wiring]) -> None:
    forged = {"X-Forwarded-For": "203.0.113.9", "X-Forwarded-Proto": "https"}
    for hops, seen in ((0, "127.0.0.1"), (1, "203.0.113.9")):
        app = create_app(make_wiring(TRUSTED_PROXIES=str(hops)))
        app.view_functions["sign_in.show"] = _who_asks
        assert app.test_client().get("/connexion", headers=forged).text == seen


def _broken(words: str) -> Callable[[], str]:
    def view() -> str:
        raise ValueError(words)

    return view


@http.public
def _who_asks() -> str:
    return request.remote_addr or ""


def _broken_database() -> str:
    raise OperationalError("SELECT", {}, Exception("gone"))


def _methods(rule: Rule) -> set[str]:
    return set(rule.methods or ())


def _paths(app: Flask, world: World) -> Iterator[tuple[Rule, str]]:
    """Give each route with an address that exists."""
    campaign = 1
    token = world.wiring.office.unsubscribe_url(world.deliveries(campaign)[0].id, 1).rpartition("/")[2]
    values = {"token": token, "slug": "nouvelles", "filename": "pli.css", "key": "aucune"}
    addresses = app.url_map.bind("localhost")
    for rule in app.url_map.iter_rules():
        arguments = {name: values.get(name, 1) for name in rule.arguments}
        yield rule, addresses.build(rule.endpoint, arguments, method=next(iter(_methods(rule))))


def _fingerprint(world: World) -> str:
    digest = hashlib.sha256()
    with world.wiring.sessions() as session:
        session.connection(execution_options={"read_only": True})
        for table in Base.metadata.sorted_tables:
            digest.update(repr((table.name, session.execute(select(table)).all())).encode())
    return digest.hexdigest()
