"""Reading a message again under today's rules, on both databases: what changes is told, and no question is lost."""

from __future__ import annotations

import pytest
from sqlalchemy import func, select

from service.actions import rereading
from service.actions.rereading import Changes, Words
from service.core.reading import content
from service.core.refusals import Conflict
from service.core.vocabulary import InboundKind, InboundState, QuestionStatus
from service.models.delivery import Delivery
from service.models.inbound_message import InboundMessage
from service.models.journal import JournalEntry
from service.models.question import Asking
from tests.actions.test_inbox import OURS, arrive, mail, token_address
from tests.builders import SECRET, World

SAID = "Quelle place pour nous ?\r\n\r\nLe mar. 24 nov. 2026 à 13:00, Les Passerelles <vie@passerelles.example> a écrit :\r\n> Bonjour"


def reread(world: World, number: int) -> Changes:
    jeanne = world.colleagues()[0]
    with world.sessions() as session:
        told = content.understand(session.get_one(InboundMessage, number).raw, OURS)
    with world.sessions.begin() as session:
        return rereading.apply(session, number, told, secret=SECRET, by=jeanne, now=world.clock())


def as_read_before(world: World, number: int, **older: object) -> None:
    """Have the row as older rules left it."""
    with world.sessions.begin() as session:
        row = session.get_one(InboundMessage, number)
        for name, value in older.items():
            setattr(row, name, value)
        asking = session.scalar(select(Asking).where(Asking.inbound_message_id == number))
        if asking is not None and "reply" in older:
            asking.text = str(older["reply"])


def asked(world: World) -> list[str]:
    with world.sessions() as session:
        return list(session.scalars(select(Asking.text).order_by(Asking.id)))


def test_a_message_that_reads_as_before_changes_nothing(world: World, sent: Delivery) -> None:
    (row,) = arrive(world, mail(SAID, To=token_address(world, sent)))
    assert reread(world, row.id) == Changes(())
    with world.sessions() as session:
        assert session.scalar(select(func.count()).where(JournalEntry.act == "inbox.reread")) == 0


def test_words_that_were_cut_badly_are_mended_in_the_question(world: World, sent: Delivery) -> None:
    (row,) = arrive(world, mail(SAID, To=token_address(world, sent)))
    whole = "Quelle place pour nous ?\n\nLe mar. 24 nov. a écrit :\n> Bonjour"
    as_read_before(world, row.id, reply=whole, quoted="")
    changes = reread(world, row.id)
    assert changes.words[0] == Words("reply", whole, row.reply)
    assert [one.part for one in changes.words] == ["reply", "quoted"]
    assert asked(world) == [row.reply]
    assert reread(world, row.id).are_none


def test_an_answered_question_keeps_the_words_that_were_answered(world: World, sent: Delivery) -> None:
    (row,) = arrive(world, mail(SAID, To=token_address(world, sent)))
    as_read_before(world, row.id, reply="Quelle place")
    with world.sessions.begin() as session:
        session.scalars(select(Asking)).one().question.status = QuestionStatus.TO_PUBLISH
    assert reread(world, row.id).words
    assert asked(world) == ["Quelle place"]


def test_what_was_taken_for_automatic_and_is_somebodys_becomes_a_question(world: World, sent: Delivery) -> None:
    (row,) = arrive(world, mail("Je suis absent", To=token_address(world, sent), Auto_Submitted="auto-replied"))
    assert asked(world) == []
    with world.sessions.begin() as session:
        stored = session.get_one(InboundMessage, row.id)
        stored.raw = (
            (stored.raw or b"")
            .replace(b"Auto-Submitted: auto-replied\r\n", b"")
            .replace(b"Je suis absent", b"Et nous ?")
        )
    changes = reread(world, row.id)
    assert changes.kind is InboundKind.QUESTION
    assert [one.strip() for one in asked(world)] == ["Et nous ?"]
    with world.sessions() as session:
        asking = session.scalars(select(Asking)).one()
        assert (asking.contact_id, asking.campaign_id) == (sent.contact_id, sent.campaign_id)
    reread(world, row.id)
    assert len(asked(world)) == 1


def test_no_question_is_taken_away(world: World, sent: Delivery) -> None:
    (row,) = arrive(world, mail("Je suis absent", To=token_address(world, sent), Auto_Submitted="auto-replied"))
    with world.sessions.begin() as session:
        stored = session.get_one(InboundMessage, row.id)
        kept, stored.raw = (
            stored.raw,
            (stored.raw or b"").replace(b"Auto-Submitted: auto-replied\r\n", b"").replace(b"absent", b"ravi ?"),
        )
    reread(world, row.id)
    with world.sessions.begin() as session:
        session.get_one(InboundMessage, row.id).raw = kept
    changes = reread(world, row.id)
    assert changes.would_be is InboundKind.AUTO_REPLY
    assert len(asked(world)) == 1
    with world.sessions() as session:
        assert session.get_one(InboundMessage, row.id).kind is InboundKind.QUESTION


@pytest.mark.parametrize("older", [{"raw": None}, {"state": InboundState.LEFT_IN_PLACE}])
def test_what_is_not_kept_is_refused(world: World, sent: Delivery, older: dict[str, object]) -> None:
    (row,) = arrive(world, mail(SAID, To=token_address(world, sent)))
    as_read_before(world, row.id, **older)
    with pytest.raises(Conflict, match="n’est plus gardé"):
        reread(world, row.id)
