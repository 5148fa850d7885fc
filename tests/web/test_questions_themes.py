"""Themes on the pages: kept by the team, given in the question, chosen in the queue."""

from __future__ import annotations

from service.actions import themes
from tests.web.conftest import Browser
from tests.web.test_questions import HOSTILE, number, received
from tests.web.test_questions_sorting import stands
from tests.web.world import World


def test_a_theme_is_added_given_and_the_queue_narrowed_to_it(writer: Browser, world: World) -> None:
    first, second = number(received(world, "Le budget ?")), number(received(world, "Les statuts ?"))
    assert "Donner ce thème" not in writer.get(f"/reponses/{first}").text
    page = writer.send("/reponses/themes", {"nom": "Finances"}, follow_redirects=True).text
    assert "Le thème «\u00a0Finances\u00a0» est ajouté." in page
    page = writer.send(f"/reponses/{first}/theme", {"theme": "1", "version": "1"}, follow_redirects=True).text
    assert '<span class="tag">Finances</span>' in page
    page = writer.get("/reponses?bac=a-trier&theme=1").text
    assert "Le budget ?" in page
    assert "Les statuts ?" not in page
    assert '<option value="1" selected>Finances</option>' in page
    assert stands(world, second).theme_id is None


def test_what_is_refused_is_told_with_what_was_typed_and_nothing_runs(signed_in: Browser, world: World) -> None:
    signed_in.send("/reponses/themes", {"nom": HOSTILE[:70]})
    page = signed_in.get("/reponses/themes").text
    assert "<script>alert" not in page
    refused = signed_in.send("/reponses/themes", {"nom": "x" * 90})
    assert refused.status_code == 422
    assert f'value="{"x" * 90}"' in refused.text
    assert signed_in.send("/reponses/themes/99", {"nom": "x"}).status_code == 404
    assert signed_in.send("/reponses/themes/1", {"nom": ""}).status_code == 422


def test_a_theme_that_questions_have_is_renamed_and_not_removed(signed_in: Browser, world: World) -> None:
    question = number(received(world))
    signed_in.send("/reponses/themes", {"nom": "Finances"})
    signed_in.send(f"/reponses/{question}/theme", {"theme": "1", "version": "1"})
    assert signed_in.send("/reponses/themes/1", {"acte": "retirer"}).status_code == 409
    page = signed_in.send("/reponses/themes/1", {"nom": "Budget"}, follow_redirects=True).text
    assert "Le thème s’appelle maintenant «\u00a0Budget\u00a0»." in page
    assert "1\u00a0question" in page
    signed_in.send(f"/reponses/{question}/theme", {"theme": "", "version": "2"})
    signed_in.send("/reponses/themes/1", {"acte": "retirer"})
    with world.begin() as session:
        assert themes.everything(session) == []
