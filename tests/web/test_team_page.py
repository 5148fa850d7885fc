"""Does everybody see who is in the team, and what each may do?"""

from __future__ import annotations

from service.models.staff import Staff
from tests.web.conftest import Browser
from tests.web.world import WRITER, World


def test_the_team_is_shown_with_what_each_may_do(writer: Browser, world: World) -> None:
    page = writer.get("/equipe").text
    assert "2\u00a0comptes" in page
    assert page.index("Jeanne") < page.index("Paul")
    assert "<td>Rédaction</td>" in page
    assert "écrit, relit, approuve et envoie" in page
    assert page.count('<span class="tag">vous</span>') == 1


def test_a_closed_account_is_told(signed_in: Browser, world: World) -> None:
    with world.begin() as session, session.begin():
        session.query(Staff).filter_by(email=WRITER).one().disabled_at = world.wiring.now()
    assert signed_in.get("/equipe").text.count("compte fermé") == 1


def test_each_says_for_himself_whether_he_wants_the_morning_mail(
    writer: Browser, signed_in: Browser, world: World
) -> None:
    box = 'name="matin" checked'
    assert box in writer.get("/equipe").text
    writer.send("/equipe/matin", {})
    page = writer.get("/equipe").text
    assert "Le message du matin ne vous est plus envoyé." in page
    assert box not in page
    assert box in signed_in.get("/equipe").text, "of nobody else"
    writer.send("/equipe/matin", {"matin": "on"})
    assert box in writer.get("/equipe").text
