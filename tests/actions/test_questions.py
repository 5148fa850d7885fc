"""The queue of questions, on both databases: how one is found."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select

from service.actions import questions
from service.core.vocabulary import InboundKind, InboundState, MatchedBy, QuestionStatus
from service.models.inbound_message import InboundMessage
from service.models.member import Contact
from service.models.question import Question
from tests.builders import World


def asked(world: World, text: str = "Quelle place pour les sociétaires ?", *, same: bool = True, **details: str) -> int:
    """Put a message of somebody and its question there; of the member whose address it is, where there is one."""
    told = {"from_address": "membre0@exemple0.example", "subject": "Des nouvelles", "message_id": "<1@x.example>"}
    told |= details
    with world.sessions.begin() as session:
        uid, at = session.query(InboundMessage).count() + 1, world.clock() - timedelta(hours=1)
        message = InboundMessage(
            account="vie", folder="INBOX", uidvalidity=1, uid=uid, received_at=at, stored_at=at, size=1, raw=b"x",
            sha256=str(uid), state=InboundState.TREATED, kind=InboundKind.QUESTION, reply=text, **told,
        )  # fmt: skip
        session.add(message)
        session.flush()
        who = session.scalar(Contact.at("membre0@exemple0.example" if not same else told["from_address"]))
        return questions.open_from_mail(
            session,
            message,
            text=text,
            matched_by=MatchedBy.SENDER if who else MatchedBy.NOTHING,
            contact_id=who.id if who else None,
            campaign_id=None,
            event_id=None,
            same_address=same,
            now=at,
        ).id


def found(world: World, words: str, status: QuestionStatus = QuestionStatus.TO_SORT) -> list[int]:
    with world.sessions() as session:
        return [one.id for one in session.scalars(questions.matching(status, words))]


@pytest.mark.parametrize(
    "words",
    ["STRATEGIE", "stratégie", "Strategie", "ÉTÉ", "ete", "l’été", "l'ete", "oeuvre", "ŒUVRE", "jean-paul", "%"],
)
def test_a_search_ignores_accents_and_case(world: World, words: str) -> None:
    number = asked(world, "Et l’Été ? La STRATÉGIE de l'œuvre, à 5 %…", from_address="Jean-Paul@ailleurs.example")
    asked(world, "Merci beaucoup")
    assert found(world, words) == [number]


def test_a_question_is_found_by_who_asked_as_the_register_or_his_mail_calls_him(world: World) -> None:
    world.take_in("Prénom;Nom;E-mail\nZoé;Lévêque;zoe@membre.example")
    member = asked(world, "Bonjour", from_address="zoe@membre.example")
    stranger = asked(world, "Bonjour", from_address="x@ailleurs.example", from_name="Inès Forêt")
    assert found(world, "leveque ZOE") == [member]
    assert found(world, "foret ines") == [stranger]
    assert found(world, "bonjour LEVEQUE") == [member]
    assert found(world, "bonjour absent") == []


def test_words_of_another_alphabet_are_found_as_they_stand(world: World) -> None:
    number = asked(world, "Здравствуйте")
    asked(world, "Bonjour")
    assert found(world, "Здравствуйте") == [number]


def test_the_signs_of_a_pattern_are_letters_like_others(world: World) -> None:
    asked(world, "aXb")
    number = asked(world, "a_b")
    assert found(world, "a_b") == [number]


def test_the_words_as_asked_are_kept_beside(world: World) -> None:
    number = asked(world, "Et l’Été ?")
    with world.sessions() as session:
        assert session.scalars(select(Question)).one().id == number
        assert session.get_one(Question, number).askings[0].text == "Et l’Été ?"
