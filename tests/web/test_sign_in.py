"""Who comes in, who stays out, and when does a session end?"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
import time_machine
from flask import Flask

from service.models.staff import Staff
from service.web.app import create_app
from service.wiring import Wiring
from tests.web.conftest import Browser
from tests.web.world import PASSWORD, SENDER, World


def test_the_right_password_opens_the_page_that_was_asked_for(client: Browser) -> None:
    asked = client.get("/listes?page=2")
    assert (asked.status_code, asked.location) == (303, "/connexion?next=/listes?page%3D2")
    answer = client.send("/connexion", {"email": f" {SENDER.upper()} ", "password": PASSWORD, "next": "/listes?page=2"})
    assert (answer.status_code, answer.location) == (303, "/listes?page=2")
    assert client.get("/").status_code == 200
    assert client.get("/connexion").location == "/"


def test_an_unknown_address_and_a_wrong_password_get_the_same_answer(client: Browser) -> None:
    typed = {"email": SENDER, "password": "pas celui-là du tout"}
    wrong = client.send("/connexion", typed)
    unknown = client.send("/connexion", typed | {"email": "inconnue@passerelles.example"})
    assert wrong.status_code == unknown.status_code == 403
    assert "Cet e-mail et ce mot de passe ne vont pas ensemble" in wrong.text
    assert _bare(wrong.text, SENDER) == _bare(unknown.text, "inconnue@passerelles.example")
    assert client.get("/").status_code == 303


@pytest.mark.parametrize(
    "elsewhere",
    [
        "//ailleurs.example",
        "https://ailleurs.example",
        "/\\ailleurs.example",
        "\\\\ailleurs",
        "/\t/ailleurs",
        "ailleurs",
        "",
    ],
)
def test_signing_in_never_leads_elsewhere(client: Browser, elsewhere: str) -> None:
    answer = client.send("/connexion", {"email": SENDER, "password": PASSWORD, "next": elsewhere})
    assert answer.location == "/"


def test_a_session_begins_anew_at_sign_in(client: Browser) -> None:
    before = client.proof()
    client.sign_in()
    assert client.post("/deconnexion", data={"csrf_token": before}).status_code == 400
    assert client.get("/").status_code == 200


def test_signing_out_ends_the_session(signed_in: Browser) -> None:
    assert signed_in.send("/deconnexion").location == "/connexion"
    assert signed_in.get("/").status_code == 303


def test_a_disabled_account_is_out_at_its_next_request(signed_in: Browser, world: World) -> None:
    with world.wiring.sessions.begin() as session:
        session.scalars(Staff.named(SENDER)).one().disabled_at = world.wiring.now()
    assert signed_in.get("/").status_code == 303
    assert signed_in.send("/connexion", {"email": SENDER, "password": PASSWORD}).status_code == 403


def test_raising_the_session_version_ends_every_session(signed_in: Browser, writer: Browser, world: World) -> None:
    with world.wiring.sessions.begin() as session:
        session.scalars(Staff.named(SENDER)).one().session_version += 1
    assert signed_in.get("/").status_code == 303
    assert writer.get("/").status_code == 200


def test_a_session_ends_after_twelve_hours_without_a_request(client: Browser, world: World) -> None:
    with time_machine.travel(world.wiring.now(), tick=False) as clock:
        client.sign_in()
        for _ in range(3):
            clock.shift(timedelta(hours=11))
            assert client.get("/").status_code == 200
        clock.shift(timedelta(hours=12, minutes=6))
        assert client.get("/").status_code == 303


def test_the_session_cookie_is_secure_and_bound_to_the_host(client: Browser) -> None:
    cookie = client.get("/connexion").headers["Set-Cookie"]
    assert cookie.startswith("__Host-pli=")
    assert all(word in cookie for word in ("Secure", "HttpOnly", "SameSite=Lax", "Path=/"))
    assert "Domain" not in cookie


def test_on_this_machine_without_https_the_cookie_still_works(make_wiring: Callable[..., Wiring]) -> None:
    app = create_app(make_wiring(PUBLIC_URL="http://127.0.0.1:8000"))
    answer = app.test_client().get("/connexion")
    assert "Strict-Transport-Security" not in answer.headers
    # Nobody has an account: no form, no cookie, but what to do.
    assert "./pli staff add" in answer.text
    assert 'name="password"' not in answer.text


def test_a_part_of_a_page_that_asks_by_itself_is_not_filled_with_the_sign_in_page(client: Browser) -> None:
    answer = client.get("/listes", headers={"HX-Request": "true"})
    assert (answer.status_code, answer.text) == (401, "")


def test_nobody_can_register_by_the_page(app: Flask) -> None:
    posts = {rule.rule for rule in app.url_map.iter_rules() if "POST" in (rule.methods or ())}
    assert {rule for rule in posts if "inscription" in rule or "equipe" in rule} == {"/equipe/matin"}


def test_who_may_not_send_still_comes_in(writer: Browser) -> None:
    assert "Bonjour Jeanne" in writer.get("/").text


def _bare(html: str, email: str) -> str:
    return "".join(line for line in html.replace(email, "E-MAIL").splitlines() if "csrf_token" not in line)
