"""Who wrote what only a From ties to a member: one press on the page of the question, kept, and taken back."""

from __future__ import annotations

import pytest
from sqlalchemy import update

from service.core.vocabulary import MatchedBy, SenderCheck
from service.models.inbound_message import InboundMessage
from service.models.question import Asking, Question
from tests.web.conftest import Browser
from tests.web.test_questions import number, received
from tests.web.world import World

PROPOSAL = "Nous le supposons d’après son adresse"


@pytest.fixture
def question(world: World) -> int:
    """A message that claims to be Camille's."""
    world.member()
    made = number(received(world, matched_by=MatchedBy.SENDER, contact_id=1))
    with world.begin() as session, session.begin():
        session.execute(update(Asking).values(contact_id=1))
    return made


def press(signed_in: Browser, question: int, word: str, version: int) -> str:
    form = {"auteur": word, "message": "1", "version": str(version)}
    return signed_in.send(f"/reponses/{question}/auteur", form, follow_redirects=True).text


def test_it_is_this_person_in_one_press(signed_in: Browser, world: World, question: int) -> None:
    page = signed_in.get(f"/reponses/{question}").text
    assert PROPOSAL in page
    assert "Dites plus haut si c’est bien cette personne, avant d’agir." in page
    page = press(signed_in, question, "oui", 1)
    assert "C’est noté\u00a0: ce message est bien de Camille Roy." in page
    assert "Ce message est bien de Camille Roy, dit Paul," in page
    assert PROPOSAL not in page
    assert "avant d’agir" not in page
    assert "Camille Roy" in signed_in.get("/reponses").text


def test_it_is_not_and_it_leaves_the_page_of_the_member_until_that_is_taken_back(
    signed_in: Browser, world: World, question: int
) -> None:
    assert f"/reponses/{question}" in signed_in.get("/societaires/1").text
    page = press(signed_in, question, "non", 1)
    assert "Ce message n’est pas de Camille Roy, dit Paul," in page
    assert "auteur inconnu" in page
    assert "envoyé depuis une autre adresse" not in page
    assert "Faire ce qui est demandé" not in page
    assert f"/reponses/{question}" not in signed_in.get("/societaires/1").text
    assert "auteur inconnu" in signed_in.get("/reponses").text
    page = press(signed_in, question, "annuler", 2)
    assert PROPOSAL in page
    assert f"/reponses/{question}" in signed_in.get("/societaires/1").text


def test_the_one_that_a_domain_vouches_for_is_no_proposal(signed_in: Browser, world: World, question: int) -> None:
    with world.begin() as session, session.begin():
        session.execute(update(InboundMessage).values(sender_check=SenderCheck.PASSED))
    page = signed_in.get(f"/reponses/{question}").text
    assert PROPOSAL not in page
    assert "C’est bien cette personne" not in page


def test_who_has_the_page_of_before_is_told_and_a_link_does_nothing(
    signed_in: Browser, writer: Browser, world: World, question: int
) -> None:
    assert signed_in.get(f"/reponses/{question}/auteur").status_code == 405
    press(writer, question, "oui", 1)
    assert "Jeanne a changé cette question" in press(signed_in, question, "non", 1)
    for word in ("", "autre"):
        refused = press(signed_in, question, word, 2)
        assert "Dites si c’est bien cette personne qui a écrit." in refused
    with world.begin() as session:
        assert session.get_one(Question, question).askings[0].contact_id == 1
