"""A question that came by telephone, by the chat or in a meeting, written down by the team."""

from __future__ import annotations

import pytest

from service.core.vocabulary import AskedBy, QuestionStatus
from service.models.question import Question
from tests.web.conftest import Browser
from tests.web.test_questions import received
from tests.web.world import World

GOOD = {"canal": "telephone", "qui": "camille ROY", "question": "Quand est l’assemblée ?"}


@pytest.mark.parametrize(
    ("word", "channel", "told"),
    [
        ("telephone", AskedBy.TELEPHONE, "posée au téléphone"),
        ("tchat", AskedBy.CHAT, "posée par le tchat"),
        ("seance", AskedBy.MEETING, "posée en séance"),
    ],
)
def test_it_stands_among_those_to_answer_with_who_asked_and_how(
    signed_in: Browser, world: World, word: str, channel: AskedBy, told: str
) -> None:
    member = world.member()
    page = signed_in.send("/reponses/ajouter", {**GOOD, "canal": word}, follow_redirects=True).text
    assert told in page
    assert "<h1>Question de Camille Roy (" in page
    assert "Voir le message" in page, "who asked by telephone may be answered by mail"
    with world.begin() as session:
        (question,) = session.query(Question).all()
        (asking,) = question.askings
        assert question.status is QuestionStatus.TO_ANSWER
        assert (asking.channel, asking.text, asking.contact_id) == (channel, GOOD["question"], member.contacts[0].id)
    assert "Quand est l’assemblée" in signed_in.get("/reponses?bac=a-repondre&cherche=ASSEMBLEE").text


def test_it_may_be_of_nobody_known(signed_in: Browser, world: World) -> None:
    page = signed_in.send("/reponses/ajouter", {**GOOD, "qui": ""}, follow_redirects=True)
    assert page.status_code == 200
    assert "Voir le message" not in page.text
    assert signed_in.get("/reponses?bac=a-repondre").status_code == 200


@pytest.mark.parametrize(("name", "value"), [("canal", ""), ("canal", "mail"), ("qui", "personne"), ("question", " ")])
def test_what_is_wrong_is_said_at_its_field_and_nothing_is_lost(
    signed_in: Browser, world: World, name: str, value: str
) -> None:
    world.member()
    answer = signed_in.send("/reponses/ajouter", {**GOOD, name: value})
    assert answer.status_code == 422
    assert f'id="{name}-erreur"' in answer.text
    for other in {"qui", "question"} - {name}:
        assert GOOD[other] in answer.text
    with world.begin() as session:
        assert session.query(Question).count() == 0


def test_two_members_of_one_name_are_told_apart(signed_in: Browser, world: World) -> None:
    world.member(number="1")
    world.member("Camille", "Roy", "autre@membre.example", number="2")
    answer = signed_in.send("/reponses/ajouter", GOOD)
    assert answer.status_code == 422
    assert "Camille Roy (1), Camille Roy (2)" in answer.text


def test_what_comes_by_mail_says_so(signed_in: Browser, world: World) -> None:
    received(world)
    assert "nouveau message" in signed_in.get("/reponses").text
