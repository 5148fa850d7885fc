"""Does an answer of the demo look like one of the real world to those who read it?"""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import parseaddr

import pytest

from service.core.reading import kinds, parsing, replies
from service.core.reading.ours import Ours
from service.core.vocabulary import InboundKind
from service.demo.cooperative import How, Person
from service.demo.correspondence import Ready, answer

BY = Person("Idriss Tangara", "idriss.tangara@bus.example", "Le Bus des Possibles")
NOW = datetime(2026, 11, 24, 18, 5, tzinfo=UTC)
OURS = Ours(frozenset({"vie@passerelles.example", "retours@passerelles.example"}), frozenset({"passerelles.example"}))
RECEIVED = (
    "Return-Path: <retours+xyz@passerelles.example>\r\nFrom: Les Passerelles <vie@passerelles.example>\r\n"
    "Reply-To: Les Passerelles <vie+abc@passerelles.example>\r\nTo: idriss.tangara@bus.example\r\n"
    "Subject: =?utf-8?q?O=C3=B9_en_sommes-nous_=3F?=\r\nMessage-ID: <un@passerelles.example>\r\n"
    "MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n"
    "Bonjour Idriss,\r\n\r\nQuatre mois de trésorerie.\r\n"
).encode()
WORDS = "Bonjour,\n\nEst-ce assez pour l’été ?\n\nIdriss"


def answered(how: How) -> tuple[Ready, parsing.Message]:
    ready = answer(RECEIVED, WORDS, by=BY, how=how, now=NOW)
    return ready, parsing.parse(ready.message)


def test_an_answer_goes_to_the_reply_address_and_names_what_it_answers() -> None:
    ready, message = answered(How.AS_USUAL)
    assert (ready.sender, ready.recipient) == (BY.address, "vie+abc@passerelles.example")
    assert message.in_reply_to == "<un@passerelles.example>"
    assert message.references == ("<un@passerelles.example>",)
    assert message.subject == "Re: Où en sommes-nous ?"


def test_the_quote_is_cut_off_again_and_the_words_stay() -> None:
    _, message = answered(How.AS_USUAL)
    assert "> Quatre mois de trésorerie." in message.text
    cut = replies.cut(message.text, message.html)
    assert "Quatre mois" not in cut.reply
    assert cut.reply.startswith("Bonjour,\n\nEst-ce assez pour l’été ?")


def test_an_answer_from_another_address_keeps_the_name() -> None:
    ready, message = answered(How.FROM_ANOTHER_ADDRESS)
    assert ready.sender == message.from_address == "idriss.tangara@boite-perso.example"
    assert message.from_name == BY.name


def test_an_absence_answers_the_envelope_from_the_null_sender_and_is_recognised() -> None:
    ready, message = answered(How.BY_A_MACHINE)
    assert (ready.sender, ready.recipient) == ("", "retours+xyz@passerelles.example")
    assert kinds.recognise(message, OURS).kind is InboundKind.AUTO_REPLY


@pytest.mark.parametrize("how", [How.AS_USUAL, How.FROM_ANOTHER_ADDRESS])
def test_what_a_person_writes_is_a_question(how: How) -> None:
    assert kinds.recognise(answered(how)[1], OURS).kind is InboundKind.QUESTION


def test_a_mail_without_reply_address_is_answered_to_its_author() -> None:
    bare = b"From: Someone <a@b.example>\r\nSubject: Re: x\r\n\r\nx\r\n"
    ready = answer(bare, "Merci", by=BY, how=How.AS_USUAL, now=NOW)
    message = parsing.parse(ready.message)
    assert parseaddr(message.headers.header("to"))[1] == ready.recipient == "a@b.example"
    assert message.in_reply_to == ""
    assert message.subject == "Re: x"
