"""The journal's chain."""

from __future__ import annotations

from sqlalchemy import text

from service.actions import journal
from service.models.journal import JournalEntry
from tests.builders import World


def write_three(world: World) -> None:
    with world.sessions.begin() as session:
        for number in range(3):
            journal.note(
                session, "member.leave", now=world.clock(), by=1, subject="member", subject_id=number, reason="retrait"
            )


def test_a_whole_chain_verifies(world: World) -> None:
    write_three(world)
    with world.sessions() as session:
        assert journal.broken_at(session) is None


def test_a_changed_entry_is_found_even_when_the_trigger_was_lifted(world: World) -> None:
    write_three(world)
    with world.sessions.begin() as session:
        sqlite = session.get_bind().dialect.name == "sqlite"
        session.execute(text("DROP TRIGGER journal_no_update" if sqlite else "ALTER TABLE journal DISABLE TRIGGER ALL"))
        session.execute(text("UPDATE journal SET act = 'nothing' WHERE id = 2"))
    with world.sessions() as session:
        assert journal.broken_at(session) == 2


def test_a_removed_entry_is_found(world: World) -> None:
    write_three(world)
    with world.sessions.begin() as session:
        sqlite = session.get_bind().dialect.name == "sqlite"
        session.execute(text("DROP TRIGGER journal_no_delete" if sqlite else "ALTER TABLE journal DISABLE TRIGGER ALL"))
        session.execute(text("DELETE FROM journal WHERE id = 2"))
    with world.sessions() as session:
        assert journal.broken_at(session) == 3


def test_the_chain_survives_a_round_trip_of_its_instants(world: World) -> None:
    world.clock.forward(microseconds=123456)
    write_three(world)
    with world.sessions() as session:
        assert session.get_one(JournalEntry, 1).at == world.clock()
        assert journal.broken_at(session) is None
