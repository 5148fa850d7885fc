"""Sorting on the pages: each press does one act, goes back where it was pressed, and loses nothing that was typed."""

from __future__ import annotations

import re

import pytest

from service.core.vocabulary import QuestionStatus
from service.models.question import Question
from tests.web.conftest import Browser
from tests.web.test_questions import number, received, sent
from tests.web.world import World


def stands(world: World, question: int) -> Question:
    with world.begin() as session:
        return session.get_one(Question, question)


def test_one_press_in_the_queue_sorts_and_comes_back_to_the_queue(signed_in: Browser, world: World) -> None:
    question = number(received(world, answering=sent(world)))
    page = signed_in.get("/reponses").text
    assert f'action="/reponses/{question}/trier"' in page
    answer = signed_in.send(
        f"/reponses/{question}/trier", {"decision": "question", "version": "1", "bac": "a-trier"}, follow_redirects=True
    )
    assert answer.request.full_path == "/reponses?bac=a-trier"
    assert "la question de Camille Roy est dans «\u00a0À répondre\u00a0»" in answer.text
    assert "Tout est trié." in answer.text
    assert stands(world, question).status is QuestionStatus.TO_ANSWER


def test_each_label_closes_and_says_what_it_was(signed_in: Browser, world: World) -> None:
    row = sent(world)
    for word, told in (("merci", "Un merci"), ("adresse", "Une nouvelle adresse"), ("autre", "Autre chose")):
        question = number(received(world, answering=row))
        page = signed_in.send(
            f"/reponses/{question}/trier", {"decision": word, "version": "1", "seul": "oui"}, follow_redirects=True
        ).text
        assert f"Classée\u00a0: {told}" in page
        assert ("Faire ce qui est demandé" in page) is (word == "adresse")
        assert ("Ouvrir la fiche de Camille Roy" in page) is (word == "adresse")
        assert "Remettre à trier" in page


def test_a_request_on_ones_data_shows_its_day(signed_in: Browser, world: World) -> None:
    question = number(received(world))
    signed_in.send(f"/reponses/{question}/trier", {"decision": "donnees", "version": "1"})
    for path in (f"/reponses/{question}", "/reponses?bac=a-repondre"):
        page = signed_in.get(path).text
        assert "RGPD\u00a0: réponse avant le" in page
        assert "jamais publiée" in page


def test_it_is_given_to_oneself_in_one_press_and_to_another_by_name(signed_in: Browser, world: World) -> None:
    question = number(received(world))
    page = signed_in.get(f"/reponses/{question}").text
    assert "Me l’attribuer" in page
    page = signed_in.send(
        f"/reponses/{question}/confier", {"personne": "moi", "version": "1"}, follow_redirects=True
    ).text
    assert "confiée à Paul" in page
    assert "Me l’attribuer" not in page
    page = signed_in.send(
        f"/reponses/{question}/confier", {"personne": "1", "version": "2"}, follow_redirects=True
    ).text
    assert "confiée à Jeanne" in page
    assert "confiée à Jeanne" in signed_in.get("/reponses").text
    assert signed_in.send(f"/reponses/{question}/confier", {"personne": "99", "version": "3"}).status_code == 422


def test_who_saves_over_anothers_change_reads_who_and_when_and_loses_nothing(
    signed_in: Browser, writer: Browser, world: World
) -> None:
    question = number(received(world))
    writer.send(f"/reponses/{question}/trier", {"decision": "question", "version": "1"})
    answer = signed_in.send(f"/reponses/{question}/trier", {"decision": "pouvoir", "version": "1", "bac": "a-trier"})
    assert answer.status_code == 409
    assert "Jeanne a changé cette question pendant que cette page était ouverte" in answer.text
    assert re.search("Dernier changement\u00a0: Jeanne, [a-z]+ [0-9]+[^<]* à [0-9]+\u00a0h", answer.text)
    assert '<option value="pouvoir" selected>' in answer.text
    assert 'name="version" value="2"' in answer.text
    assert stands(world, question).status is QuestionStatus.TO_ANSWER


def test_a_note_is_read_by_the_team_and_an_empty_one_is_refused_at_its_field(signed_in: Browser, world: World) -> None:
    question = number(received(world))
    page = signed_in.send(
        f"/reponses/{question}/note", {"note": "<b>Vu</b> avec le conseil"}, follow_redirects=True
    ).text
    assert "&lt;b&gt;Vu&lt;/b&gt; avec le conseil" in page
    refused = signed_in.send(f"/reponses/{question}/note", {"note": " "})
    assert refused.status_code == 422
    assert 'id="note-erreur"' in refused.text
    long = "mot " * 3000
    refused = signed_in.send(f"/reponses/{question}/note", {"note": long})
    assert refused.status_code == 422
    assert long.strip() in refused.text


def test_it_may_be_kept_from_publication_and_given_back(signed_in: Browser, world: World) -> None:
    question = number(received(world))
    page = signed_in.send(
        f"/reponses/{question}/publication", {"prive": "oui", "version": "1"}, follow_redirects=True
    ).text
    assert "Permettre de la publier" in page
    signed_in.send(f"/reponses/{question}/publication", {"prive": "", "version": "2"})
    assert not stands(world, question).is_private


@pytest.mark.parametrize("act", ["trier", "confier", "publication", "note"])
def test_to_look_changes_nothing_and_an_unknown_number_is_no_fault(signed_in: Browser, world: World, act: str) -> None:
    question = number(received(world))
    assert signed_in.get(f"/reponses/{question}/{act}").status_code == 405
    assert signed_in.send(f"/reponses/987/{act}", {"decision": "question", "note": "x"}).status_code == 404
    assert stands(world, question).version == 1
