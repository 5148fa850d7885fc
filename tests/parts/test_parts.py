"""Whether the real parts are fresh for each test, and a missing one is said."""

from __future__ import annotations

import random
import socket

import psycopg
import pytest

from tests.parts import free_port, require
from tests.parts.dovecot import DovecotServer


@pytest.mark.parametrize("turn", [1, 2])
def test_each_test_gets_an_empty_database(postgres: str, turn: int) -> None:
    with psycopg.connect(postgres.replace("+psycopg", "")) as connection:
        connection.execute("CREATE TABLE kept (n int)")
        assert connection.execute("SHOW server_encoding").fetchone() == ("UTF8",)


def test_each_postbox_is_another_mailbox(dovecot_of_the_run: DovecotServer) -> None:
    one, two = dovecot_of_the_run.fresh_postbox(), dovecot_of_the_run.fresh_postbox()
    one.deliver(b"Subject: x\r\n\r\n")
    assert (len(one.flags()), two.flags()) == (1, [])


def test_a_missing_part_skips_with_the_reason_and_fails_where_it_must_be_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CI", raising=False)
    require(True, "there")
    with pytest.raises(pytest.skip.Exception, match="no such part"):
        require(None, "no such part")
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match="no such part"):
        require(None, "no such part")


def test_a_free_port_is_not_one_that_a_closed_connection_still_keeps(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        client = socket.create_connection(server.getsockname())
        accepted, _ = server.accept()
        kept = client.getsockname()[1]
        client.close()
        accepted.close()
    drawn = iter([kept, kept - 1, free_port()])
    monkeypatch.setattr(random, "randrange", lambda _low, _high: next(drawn))
    assert free_port(neighbours=2) not in (kept - 1, kept)
