"""The web application on a real SQLite database, and who visits it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from service.core.vocabulary import Role
from service.web.app import create_app
from service.wiring import Wiring
from tests.web.world import PASSWORD, SENDER, WRITER, World, copy_database, wired


@pytest.fixture
def make_wiring(empty_database: Path, tmp_path: Path) -> Iterator[Callable[..., Wiring]]:
    """Wires the product with the settings given, on a database of this test."""
    made: list[Wiring] = []

    def make(**settings: str) -> Wiring:
        if not (tmp_path / "pli.db").exists():
            copy_database(empty_database, tmp_path)
        made.append(wired(tmp_path, **settings))
        return made[-1]

    yield make
    for wiring in made:
        wiring.engine.dispose()


@pytest.fixture
def world(make_wiring: Callable[..., Wiring]) -> World:
    """The cooperative with its two staff members and one list."""
    built = World(make_wiring())
    built.staff(WRITER, "Jeanne", Role.REDACTEUR)
    built.staff(SENDER, "Paul", Role.VALIDEUR)
    built.mailing_list()
    return built


@pytest.fixture
def app(world: World) -> Flask:
    """The application; an exception that no page expects fails the test."""
    made = create_app(world.wiring)
    made.testing = True
    return made


class Browser(FlaskClient):
    """A visitor over HTTPS who sends a page's own proof with its forms."""

    def open(self, *args: Any, **kwargs: Any) -> TestResponse:
        kwargs.setdefault("base_url", "https://courrier.passerelles.example")
        # A file that is served is closed with its answer.
        kwargs.setdefault("buffered", True)
        return super().open(*args, **kwargs)

    def proof(self) -> str:
        """The token that our forms carry, read from a page."""
        found = re.search(r'name="csrf_token" value="([^"]+)"', self.get("/connexion", follow_redirects=True).text)
        assert found, "no form on the page"
        return found[1]

    def send(self, path: str, data: Mapping[str, Any] | None = None, **options: Any) -> TestResponse:
        """Post a form as a page of ours would."""
        return self.post(path, data={**(data or {}), "csrf_token": self.proof()}, **options)

    def sign_in(self, email: str = SENDER, password: str = PASSWORD) -> None:
        """Come in."""
        answer = self.send("/connexion", {"email": email, "password": password})
        assert answer.status_code == 303, "the sign-in was refused"


@pytest.fixture
def client(app: Flask) -> Browser:
    """A visitor who is not signed in."""
    app.test_client_class = Browser
    visitor = app.test_client()
    assert isinstance(visitor, Browser)
    return visitor


@pytest.fixture
def signed_in(client: Browser) -> Browser:
    """Paul, who may send."""
    client.sign_in()
    return client


@pytest.fixture
def writer(app: Flask) -> Browser:
    """Jeanne, who writes and may not send."""
    app.test_client_class = Browser
    visitor = app.test_client()
    assert isinstance(visitor, Browser)
    visitor.sign_in(WRITER)
    return visitor
