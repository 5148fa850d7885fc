"""Splitting a mail on its page, and the questions that are likely the same, with nothing run of what they hold."""

from __future__ import annotations

from sqlalchemy import select

from service.core.vocabulary import QuestionStatus
from service.models.question import Question
from tests.web.conftest import Browser
from tests.web.test_questions import HOSTILE, number, received
from tests.web.world import World

SAID = f"1. Où en est le budget ?\n\n2. Et les statuts ? {HOSTILE}"


def statuses(world: World) -> list[QuestionStatus]:
    with world.begin() as session:
        return [one.status for one in session.scalars(select(Question).order_by(Question.id))]


def test_a_mail_is_split_at_the_lines_that_are_ticked(signed_in: Browser, world: World) -> None:
    question = number(received(world, SAID))
    assert f'href="/reponses/{question}/separer"' in signed_in.get(f"/reponses/{question}").text
    form = signed_in.get(f"/reponses/{question}/separer").text
    assert form.count('name="debut"') == 1
    assert "&lt;script&gt;" in form
    page = signed_in.send(f"/reponses/{question}/separer", {"debut": "2", "version": "1"}, follow_redirects=True).text
    assert "Ce message est séparé en 2 questions." in page
    assert statuses(world) == [QuestionStatus.TO_SORT] * 2
    assert "Séparer en plusieurs questions" not in signed_in.get(f"/reponses/{question}").text


def test_a_split_is_undone_in_one_press_on_the_page_of_the_mail(signed_in: Browser, world: World) -> None:
    question = number(received(world, SAID))
    signed_in.send(f"/reponses/{question}/separer", {"debut": "2", "version": "1"})
    part = question + 1
    page = signed_in.get(f"/reponses/{question}").text
    assert "Réunir en une seule question" in page
    assert f'<a href="/reponses/{part}">«\u00a02. Et les statuts ? &lt;script&gt;' in page
    assert f'<a href="/reponses/{question}">La question dont celle-ci' in signed_in.get(f"/reponses/{part}").text
    page = signed_in.send(f"/reponses/{question}/reunir", {"version": "2"}, follow_redirects=True).text
    assert "de nouveau une seule question" in page
    assert "Réunir en une seule question" not in page
    assert len(statuses(world)) == 1
    assert signed_in.get(f"/reponses/{part}").status_code == 404


def test_a_split_of_which_a_part_was_noted_upon_stays_and_says_which(signed_in: Browser, world: World) -> None:
    question = number(received(world, SAID))
    signed_in.send(f"/reponses/{question}/separer", {"debut": "2", "version": "1"})
    signed_in.send(f"/reponses/{question + 1}/note", {"note": "Vu"})
    answer = signed_in.send(f"/reponses/{question}/reunir", {"version": "2"})
    assert answer.status_code == 409
    assert "déjà occupée d’une des questions séparées" in answer.text
    assert "Et les statuts" in answer.text
    assert len(statuses(world)) == 2


def test_what_is_refused_is_told_at_the_lines_and_a_change_of_another_on_the_page(
    signed_in: Browser, writer: Browser, world: World
) -> None:
    question = number(received(world, SAID))
    refused = signed_in.send(f"/reponses/{question}/separer", {"version": "1"})
    assert refused.status_code == 422
    assert 'id="debut-erreur"' in refused.text
    writer.send(f"/reponses/{question}/confier", {"personne": "moi", "version": "1"})
    overtaken = signed_in.send(f"/reponses/{question}/separer", {"debut": "2", "version": "1"})
    assert overtaken.status_code == 409
    assert "Jeanne a changé cette question" in overtaken.text
    assert len(statuses(world)) == 1


def test_a_mail_of_one_line_says_that_it_cannot_be_split(signed_in: Browser, world: World) -> None:
    question = number(received(world))
    assert "tient en une ligne" in signed_in.get(f"/reponses/{question}/separer").text
    assert signed_in.get("/reponses/987/separer").status_code == 404


def test_what_is_likely_the_same_is_suggested_in_the_queue_and_on_the_page(signed_in: Browser, world: World) -> None:
    first = number(received(world, f"Quelle place pour les sociétaires dans la stratégie ? {HOSTILE}"))
    second = number(
        received(world, "La place des sociétaires dans la nouvelle stratégie ?", status=QuestionStatus.TO_ANSWER)
    )
    page = signed_in.get("/reponses").text
    assert f'Ressemble à <a id="semblable-{first}-{second}" href="/reponses/{second}">' in page
    page = signed_in.get(f"/reponses/{second}").text
    assert "Questions qui lui ressemblent" in page
    assert f'<a href="/reponses/{first}">Quelle place pour les sociétaires dans la stratégie ? &lt;script&gt;' in page
