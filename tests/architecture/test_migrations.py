"""Do the migrations make, from nothing, the very schema that the models describe, on both databases?"""

from __future__ import annotations

import importlib
import pkgutil
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from sqlalchemy import Connection, Engine, inspect, text

import service.models
from service import schema
from service.core.names import fold
from service.models.base import Base

MIGRATIONS = Path(schema.__file__).parent / "migrations"

for _module in pkgutil.iter_modules(service.models.__path__, "service.models."):
    importlib.import_module(_module.name)


def test_the_migrations_and_the_models_make_the_same_schema(empty_database: Engine) -> None:
    Base.metadata.create_all(empty_database)
    from_models, programs = _schema(empty_database), _programs_of_the_tally(empty_database)
    Base.metadata.drop_all(empty_database)
    assert _programs_of_the_tally(empty_database) == []
    schema.upgrade(empty_database)
    assert _schema(empty_database) == from_models
    assert _programs_of_the_tally(empty_database) == programs != []
    with empty_database.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), Base.metadata) == []


def test_the_schema_comes_down_to_nothing_and_up_again(empty_database: Engine) -> None:
    schema.upgrade(empty_database)
    before = _schema(empty_database)
    with empty_database.connect() as connection:
        command.downgrade(_configuration(connection), "base")
    assert set(_schema(empty_database)) <= {"alembic_version"}
    assert _programs(empty_database) == []
    schema.upgrade(empty_database)
    assert _schema(empty_database) == before


def test_a_second_upgrade_changes_nothing(empty_database: Engine) -> None:
    schema.upgrade(empty_database)
    before = _schema(empty_database)
    schema.upgrade(empty_database)
    assert _schema(empty_database) == before


def test_a_database_without_the_schema_of_this_version_is_told_apart(empty_database: Engine) -> None:
    with empty_database.connect() as connection:
        assert not schema.is_current(connection)
    schema.upgrade(empty_database)
    with empty_database.connect() as connection:
        assert schema.is_current(connection)


def test_0014_makes_the_questions_that_are_there_findable(empty_database: Engine) -> None:
    schema.upgrade(empty_database)
    with empty_database.connect() as connection:
        command.downgrade(_configuration(connection), "0012")
    with empty_database.begin() as connection:
        connection.execute(
            text("INSERT INTO question (id, status, closed_as, created_at) VALUES (1, 'to_sort', '', '2026-11-24')")
        )
        for number in (1, 2):
            connection.execute(
                text(
                    "INSERT INTO asking (id, question_id, first_question_id, from_address, matched_by, text, position, "
                    "same_address, asked_at) VALUES (:id, 1, 1, 'A-B@x.example', 'nothing', 'L’Été, ŒUVRE !', 0, "
                    "true, '2026-11-24')"
                ),
                {"id": number},
            )
    schema.upgrade(empty_database)
    with empty_database.connect() as connection:
        folded = connection.scalars(text("SELECT folded FROM asking")).all()
    assert folded == ["l ete oeuvre a b@x.example"] * 2
    assert folded[0] == fold("L’Été, ŒUVRE ! A-B@x.example")


def test_0017_knows_what_was_read_by_its_bytes_and_what_asked_stands_for_its_copies(empty_database: Engine) -> None:
    schema.upgrade(empty_database)
    with empty_database.connect() as connection:
        command.downgrade(_configuration(connection), "0014")
    with empty_database.begin() as connection:
        for number, state, sha256 in ((1, "treated", "a"), (2, "treated", "a"), (3, "left_in_place", "a")):
            connection.execute(
                text(
                    "INSERT INTO inbound_message (id, account, folder, uidvalidity, uid, received_at, stored_at, size, "
                    "sha256, state, attempts, reason, from_address, from_name, subject, message_id, reply, signature, quoted) "
                    "VALUES (:id, 'a', 'INBOX', 1, :id, '2026-11-24', '2026-11-24', 1, :sha, :state, 1, '', '', '', '', '', "
                    "'', '', '')"
                ),
                {"id": number, "state": state, "sha": sha256},
            )
        connection.execute(
            text("INSERT INTO question (id, status, closed_as, created_at) VALUES (1, 'to_sort', '', '2026-11-24')")
        )
        connection.execute(
            text(
                "INSERT INTO asking (id, question_id, first_question_id, inbound_message_id, from_address, matched_by, text, "
                "position, same_address, asked_at) VALUES (1, 1, 1, 2, '', 'nothing', '', 0, true, '2026-11-24')"
            )
        )
    schema.upgrade(empty_database)
    with empty_database.connect() as connection:
        known = connection.execute(text("SELECT id, content_key, copy_of FROM inbound_message ORDER BY id")).all()
    assert [tuple(row) for row in known] == [(1, "a", 2), (2, "a", None), (3, None, None)]


def test_coming_down_from_0022_gives_each_question_back_who_asked_it(empty_database: Engine) -> None:
    schema.upgrade(empty_database)
    with empty_database.begin() as connection:
        for number, into in ((1, None), (2, 1)):
            connection.execute(
                text(
                    "INSERT INTO question (id, status, closed_as, created_at, merged_into) "
                    "VALUES (:id, 'to_sort', '', '2026-11-24', :into)"
                ),
                {"id": number, "into": into},
            )
            connection.execute(
                text(
                    "INSERT INTO asking (id, question_id, first_question_id, from_address, matched_by, text, position, "
                    "same_address, asked_at) VALUES (:id, 1, :id, '', 'nothing', 'Oui ?', 0, true, '2026-11-24')"
                ),
                {"id": number},
            )
    with empty_database.connect() as connection:
        command.downgrade(_configuration(connection), "0021")
    with empty_database.connect() as connection:
        assert connection.scalars(text("SELECT question_id FROM asking ORDER BY id")).all() == [1, 2]


@pytest.mark.parametrize(
    ("down_to", "left"),
    [
        ("0025", {"review_asked"}),
        ("0023", {"review_asked", "move"}),
        ("0020", {"review_asked", "move", "receipt"}),
        ("0019", {"review_asked", "move", "receipt", "morning"}),
        ("0016", {"review_asked", "move", "receipt", "morning", "question_received", "unsubscribe_link"}),
    ],
)
def test_coming_down_leaves_no_kind_of_mail_that_the_older_version_cannot_read_and_none_of_them_waiting(
    empty_database: Engine, down_to: str, left: set[str]
) -> None:
    kinds = ("review_asked", "move", "receipt", "morning", "question_received", "unsubscribe_link")
    states = ("pending", "handing", "accepted")
    schema.upgrade(empty_database)
    with empty_database.begin() as connection:
        for kind in kinds:
            for state in states:
                _insert_mail(connection, kind, state)
    with empty_database.connect() as connection:
        command.downgrade(_configuration(connection), down_to)
    with empty_database.connect() as connection:
        query = text("SELECT subject, kind, state, settled_at IS NOT NULL, due_at IS NULL FROM delivery ORDER BY id")
        rows = [tuple(row) for row in connection.execute(query)]
    became = {"pending": "skipped", "handing": "in_doubt", "accepted": "accepted"}
    for kind in kinds:
        mine = [row[1:3] for row in rows if row[0] == kind]
        assert mine == [("notice", became[state]) if kind in left else (kind, state) for state in states]
    assert all(row[3:] == (True, True) for row in rows if row[0] in left)


def test_coming_down_leaves_no_reason_of_a_skip_that_the_older_version_cannot_tell(empty_database: Engine) -> None:
    whys = ("suppressed", "suppressed_unknown", "suppressed_returned", "suppressed_objected", "opted_out")
    schema.upgrade(empty_database)
    with empty_database.begin() as connection:
        for why in whys:
            _insert_mail(connection, why, "skipped")
        connection.execute(text("UPDATE delivery SET why = subject"))
    with empty_database.connect() as connection:
        command.downgrade(_configuration(connection), "0021")
    with empty_database.connect() as connection:
        became = list(connection.scalars(text("SELECT why FROM delivery ORDER BY id")))
    assert became == ["suppressed"] * 4 + ["opted_out"]


@pytest.mark.parametrize(
    ("down_to", "left"),
    [
        ("0018", ["references", "references", "staff", "token"]),
        ("0017", ["references", "references", "nothing", "token"]),
    ],
)
def test_coming_down_leaves_no_tie_that_the_older_version_cannot_read(
    empty_database: Engine, down_to: str, left: list[str]
) -> None:
    schema.upgrade(empty_database)
    with empty_database.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO question (id, status, closed_as, created_at, is_private, version) "
                "VALUES (1, 'to_sort', '', '2026-11-24', false, 1)"
            )
        )
        for number, by in enumerate(("relay", "recipient", "staff", "token"), 1):
            _insert_tied(connection, number, by)
    with empty_database.connect() as connection:
        command.downgrade(_configuration(connection), down_to)
    with empty_database.connect() as connection:
        for table in ("inbound_message", "asking"):
            assert list(connection.scalars(text(f"SELECT matched_by FROM {table} ORDER BY id"))) == left


def test_0025_knows_by_our_own_sentence_which_marks_of_a_former_version_were_not_sure(empty_database: Engine) -> None:
    said = {
        "relay": "Fermée. L’avis d’échec cite le numéro donné au message par le relais : l’adresse n’est pas écartée pour autant.",
        "recipient": "Fermée. L’avis d’échec cite cette adresse, sans dire de quel message il parle.",
        "sure": "La boîte aux lettres est fermée.",
    }
    schema.upgrade(empty_database)
    with empty_database.connect() as connection:
        command.downgrade(_configuration(connection), "0021")
    with empty_database.begin() as connection:
        for by, reason in said.items():
            _insert_mail(connection, by, "accepted")
            marked = "UPDATE delivery SET bounced_at = '2026-11-25', bounce_reason = :reason WHERE kind = :by"
            connection.execute(text(marked), {"reason": reason, "by": by})
        _insert_mail(connection, "never back", "accepted")
    schema.upgrade(empty_database)
    with empty_database.connect() as connection:
        known = connection.scalars(text("SELECT bounced_by FROM delivery ORDER BY id"))
        assert list(known) == ["relay", "recipient", None, None]


def _insert_mail(connection: Connection, kind: str, state: str) -> None:
    settled = "'2026-11-24'" if state == "accepted" else "NULL"
    due = "'2026-11-25'" if state == "pending" else "NULL"
    connection.execute(
        text(
            "INSERT INTO delivery (kind, mail_class, subject, address, address_hmac, fields, message_id, in_reply_to, "
            "created_at, state, why, attempts, reply, lease_epoch, bounce_reason, settled_at, due_at) VALUES "
            f"(:kind, 'transactional', :kind, '', '', '{{}}', :id, '', '2026-11-24', :state, '', 0, '', 0, '', {settled}, {due})"
        ),
        {"kind": kind, "state": state, "id": f"<{kind}.{state}@x.example>"},
    )


def _insert_tied(connection: Connection, number: int, by: str) -> None:
    connection.execute(
        text(
            "INSERT INTO inbound_message (id, account, folder, uidvalidity, uid, received_at, stored_at, size, sha256, state, "
            "attempts, reason, from_address, from_name, subject, message_id, reply, signature, quoted, matched_by) VALUES "
            "(:id, 'a', 'INBOX', 1, :id, '2026-11-24', '2026-11-24', 1, :by, 'treated', 1, '', '', '', '', '', '', '', '', :by)"
        ),
        {"id": number, "by": by},
    )
    connection.execute(
        text(
            "INSERT INTO asking (id, question_id, first_question_id, inbound_message_id, from_address, matched_by, text, "
            "position, same_address, asked_at) VALUES (:id, 1, 1, :id, '', :by, '', 0, true, '2026-11-24')"
        ),
        {"id": number, "by": by},
    )


def _schema(engine: Engine) -> dict[str, dict[str, Any]]:
    """Describe each table as the database tells it, in an order that does not depend on how it was made."""
    inspector = inspect(engine)
    return {
        table: {
            "columns": sorted(
                (one["name"], str(one["type"]), one["nullable"], str(one["default"]))
                for one in inspector.get_columns(table)
            ),
            "key": inspector.get_pk_constraint(table),
            "references": _sorted(inspector.get_foreign_keys(table)),
            "indexes": _sorted(inspector.get_indexes(table)),
            "unique": _sorted(inspector.get_unique_constraints(table)),
            "checks": _sorted(inspector.get_check_constraints(table)),
        }
        for table in sorted(inspector.get_table_names())
        if table != "alembic_version"
    }


def _sorted(found: list[Any]) -> list[str]:
    return sorted(
        str({**one, "dialect_options": {name: str(value) for name, value in one.get("dialect_options", {}).items()}})
        for one in found
    )


def _programs(engine: Engine) -> list[str]:
    """Name the triggers and functions of ours that are left in the database."""
    query = (
        "SELECT name FROM sqlite_master WHERE type = 'trigger'"
        if engine.dialect.name == "sqlite"
        else "SELECT proname FROM pg_proc WHERE pronamespace = 'public'::regnamespace"
    )
    with engine.connect() as connection:
        return list(connection.scalars(text(query)))


def _programs_of_the_tally(engine: Engine) -> list[str]:
    """Tell the triggers of delivery word for word, and on PostgreSQL what they call."""
    query = (
        "SELECT sql FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'delivery' ORDER BY name"
        if engine.dialect.name == "sqlite"
        else "SELECT told FROM ("
        "SELECT pg_get_triggerdef(oid) AS told FROM pg_trigger WHERE NOT tgisinternal AND tgname LIKE 'delivery_%' "
        "UNION SELECT pg_get_functiondef(oid) FROM pg_proc WHERE proname LIKE 'delivery_%' "
        "UNION SELECT sequencename FROM pg_sequences WHERE sequencename = 'tally_part') AS all_of_it ORDER BY told"
    )
    with engine.connect() as connection:
        return list(connection.scalars(text(query)))


def _configuration(connection: Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["connection"] = connection
    return config
