"""The queue while its page stays open: what htmx asks for every few seconds, and what it gets."""

from __future__ import annotations

import re

from service.core.vocabulary import QuestionStatus
from tests.web.conftest import Browser
from tests.web.test_questions import received
from tests.web.world import World


def seen(page: str) -> dict[str, str]:
    """The headers of htmx's next request: it says what the page shows."""
    found = re.search(r'hx-headers=\'{"Pli-Seen": "(\w+)"}\'', page)
    assert found is not None
    return {"HX-Request": "true", "Pli-Seen": found[1]}


def test_nothing_is_sent_while_nothing_has_changed(signed_in: Browser, world: World) -> None:
    received(world)
    page = signed_in.get("/reponses").text
    again = signed_in.get("/reponses", headers=seen(page))
    assert (again.status_code, again.text) == (204, "")


def test_an_answer_that_came_in_is_sent_with_the_counts_and_nothing_else(signed_in: Browser, world: World) -> None:
    received(world)
    headers = seen(signed_in.get("/reponses").text)
    received(world, "Et la suivante ?")
    part = signed_in.get("/reponses", headers=headers).text
    assert "Et la suivante ?" in part
    assert '<nav id="bacs" aria-label="Bacs" hx-swap-oob="true">' in part
    assert '<span class="count">2</span>' in part
    assert re.search(r'<a id="onglet-reponses" hx-swap-oob="true"[^>]*>Réponses \(2\)</a>', part)
    assert "<html" not in part
    assert "cherche" not in part
    assert signed_in.get("/reponses", headers=seen(part)).status_code == 204


def test_the_first_answer_takes_the_place_of_the_empty_queue(signed_in: Browser, world: World) -> None:
    headers = seen(signed_in.get("/reponses").text)
    received(world, "La toute première")
    part = signed_in.get("/reponses", headers=headers).text
    assert "La toute première" in part
    assert "Personne n’a encore répondu" not in part


def test_the_tray_and_the_search_are_kept(signed_in: Browser, world: World) -> None:
    received(world, "Les statuts", status=QuestionStatus.TO_ANSWER)
    address = "/reponses?bac=a-repondre&cherche=statuts"
    page = signed_in.get(address).text
    assert 'hx-get="/reponses?bac=a-repondre&amp;cherche=statuts"' in page
    received(world, "Les nouveaux statuts", status=QuestionStatus.TO_ANSWER)
    received(world, "Autre chose", status=QuestionStatus.TO_ANSWER)
    part = signed_in.get(address, headers=seen(page)).text
    assert "Les nouveaux statuts" in part
    assert "Autre chose" not in part


def test_the_link_of_each_answer_has_a_name_so_that_the_focus_finds_it_again(signed_in: Browser, world: World) -> None:
    received(world)
    page = signed_in.get("/reponses").text
    links = re.findall(r'<a [^>]*href="/reponses/(\d+)"', page)
    assert links == re.findall(r'<a id="lire-(\d+)"', page) != []


def test_who_is_no_more_signed_in_gets_no_page_in_the_page(client: Browser) -> None:
    answer = client.get("/reponses", headers={"HX-Request": "true", "Pli-Seen": "0"})
    assert (answer.status_code, answer.text) == (401, "")
