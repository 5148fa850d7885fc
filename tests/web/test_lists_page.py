"""Are lists shown with their readers, and is one made with the words of the law?"""

from __future__ import annotations

from service.core.vocabulary import MailClass
from tests.web.conftest import Browser
from tests.web.world import World


def test_lists_are_shown_in_words_with_how_many_read_them(signed_in: Browser, world: World) -> None:
    world.mailing_list("convocations", "Convocations", MailClass.STATUTORY)
    world.member(to="nouvelles")
    page = signed_in.get("/listes").text
    assert "Vie de la coopérative" in page
    assert "Messages statutaires" in page
    assert '<td class="number" data-label="Inscrits">1</td>' in page
    one = signed_in.get("/listes/nouvelles").text
    assert "camille.roy@membre.example" in one
    assert "1\u00a0inscrit" in one
    assert "la loi demande" in signed_in.get("/listes/convocations").text


def test_an_empty_list_teaches(signed_in: Browser) -> None:
    assert "Personne n’est encore inscrit à cette liste." in signed_in.get("/listes/nouvelles").text


def test_the_readers_of_a_long_list_come_in_pages(signed_in: Browser, world: World) -> None:
    for number in range(51):
        world.member("Anne", f"Nom{number:02}", to="nouvelles")
    assert "Nom50" not in signed_in.get("/listes/nouvelles").text
    assert "Nom50" in signed_in.get("/listes/nouvelles?page=2").text


def test_a_list_is_made(signed_in: Browser) -> None:
    typed = {"name": "Lettre du lundi", "slug": "lettre", "class": "newsletter"}
    answer = signed_in.send("/listes", typed, follow_redirects=True)
    assert "La liste «\u00a0Lettre du lundi\u00a0» est créée." in answer.text
    assert answer.request.path == "/listes/lettre"


def test_a_refused_list_keeps_what_was_typed(signed_in: Browser) -> None:
    good = {"name": "Lettre", "slug": "lettre", "class": "newsletter"}
    for wrong, field in (
        ({"slug": "Ça va"}, "slug"),
        ({"slug": "nouvelles"}, "slug"),
        ({"name": " "}, "name"),
        ({"class": "transactional"}, "class"),
    ):
        answer = signed_in.send("/listes", good | wrong)
        assert answer.status_code in (409, 422)
        assert f'id="{field}-erreur"' in answer.text
        assert f'<a href="#{field}">' in answer.text
        assert 'value="newsletter" checked' in answer.text or field == "class"
    assert signed_in.get("/listes/inconnue").status_code == 404
