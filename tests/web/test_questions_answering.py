"""Answering on the pages: written, seen as it will leave, sent by one press, and told when it has left."""

from __future__ import annotations

import html
import re

from sqlalchemy import select

from service.core.vocabulary import DeliveryState, MailKind, QuestionStatus
from service.models.delivery import Delivery
from tests.web.conftest import Browser
from tests.web.test_questions import HOSTILE, number, received, sent
from tests.web.world import World


def to_answer(world: World, text: str = "Quelle place ?", **details: object) -> int:
    return number(received(world, text, answering=sent(world), status=QuestionStatus.TO_ANSWER, **details))  # type: ignore[arg-type]


def written(browser: Browser, question: int, text: str = "Une vraie place.", version: str = "1") -> str:
    """Write an answer; give the page of its mail."""
    answer = browser.send(f"/reponses/{question}/reponse", {"reponse": text, "version": version}, follow_redirects=True)
    assert answer.status_code == 200
    return answer.text


def carried(page: str) -> dict[str, str]:
    return {name: html.unescape(value) for name, value in re.findall(r'name="(version|vu)" value="([^"]*)"', page)}


def mails(world: World) -> list[Delivery]:
    with world.begin() as session:
        return list(session.scalars(select(Delivery).where(Delivery.kind == MailKind.ANSWER)))


def test_the_exact_mail_is_shown_before_it_leaves_and_is_sent_once(signed_in: Browser, world: World) -> None:
    question = to_answer(world)
    page = written(signed_in, question)
    for words in (
        "camille.roy@membre.example",
        "Re: Où en sommes-nous",
        "Bonjour Camille,",
        "&gt; Quelle place",
        "Une vraie place.",
    ):
        assert words in page
    assert "Répondre à Camille Roy" in page
    assert mails(world) == []
    for _ in range(2):
        answer = signed_in.send(f"/reponses/{question}/reponse/envoyer", carried(page), follow_redirects=True)
        assert answer.status_code == 200
    assert len(mails(world)) == 1
    assert "attend son tour" in answer.text
    with world.begin() as session, session.begin():
        row = session.scalars(select(Delivery).where(Delivery.kind == MailKind.ANSWER)).one()
        row.state, row.settled_at = DeliveryState.ACCEPTED, world.wiring.now()
    page = signed_in.get(f"/reponses/{question}").text
    assert re.search(r"envoyée le [a-z]+ [0-9]+[^<]* à [0-9]+\u00a0h", page)
    assert "· par Paul" in page
    assert ">Voir le message<" not in page
    assert "À publier" in page
    assert signed_in.get(f"/reponses/{question}/reponse").status_code == 303


def test_to_look_at_the_mail_sends_nothing_and_its_html_runs_nothing(signed_in: Browser, world: World) -> None:
    question = to_answer(world, HOSTILE, subject=HOSTILE)
    page = written(signed_in, question, HOSTILE)
    answer = signed_in.get(f"/reponses/{question}/reponse/apercu")
    assert answer.headers["Content-Security-Policy"].startswith("sandbox;")
    for shown in (page, answer.text):
        assert "<script>alert" not in shown
        assert "<img src=x" not in shown
    assert mails(world) == []


def test_an_answer_to_another_address_says_where_it_goes(signed_in: Browser, world: World) -> None:
    question = to_answer(world, same_address=False, from_address="inconnu@ailleurs.example")
    told = "La réponse part à camille.roy@membre.example, l’adresse de Camille Roy dans le registre"
    assert told in signed_in.get(f"/reponses/{question}").text
    page = written(signed_in, question)
    assert told in page
    assert "Re:" not in page
    signed_in.send(f"/reponses/{question}/reponse/envoyer", carried(page))
    assert [one.address for one in mails(world)] == ["camille.roy@membre.example"]


def test_who_cannot_be_answered_is_told_why(signed_in: Browser, world: World) -> None:
    question = number(received(world, "Bonjour", from_address="", status=QuestionStatus.TO_ANSWER))
    page = signed_in.get(f"/reponses/{question}").text
    assert "Ce message n’a pas d’adresse à laquelle répondre." in page
    assert ">Voir le message<" not in page


def test_what_two_write_at_once_is_not_lost(signed_in: Browser, writer: Browser, world: World) -> None:
    question = to_answer(world)
    written(writer, question, "La version de Jeanne")
    answer = signed_in.send(f"/reponses/{question}/reponse", {"reponse": "La version de Paul", "version": "1"})
    assert answer.status_code == 409
    assert "Jeanne a changé cette question" in answer.text
    assert "La version de Paul" in answer.text
    assert "La version de Jeanne" in signed_in.get(f"/reponses/{question}").text


def test_an_empty_answer_is_refused_at_its_field(signed_in: Browser, world: World) -> None:
    question = to_answer(world)
    answer = signed_in.send(f"/reponses/{question}/reponse", {"reponse": " ", "version": "1"})
    assert answer.status_code == 422
    assert 'id="reponse-erreur"' in answer.text
    assert signed_in.get(f"/reponses/{question}/reponse").status_code == 404
