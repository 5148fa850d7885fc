"""`pli inbox`: what a reading by hand tells, and that one bad message stops nothing."""

from __future__ import annotations

import json
from pathlib import Path
from urllib.parse import quote

import pytest
from click.testing import CliRunner

from service import schema
from service.cli import inbox as command
from service.core.reading import parsing
from service.core.reading.parsing import Message
from tests.parts.dovecot import Postbox
from tests.web.world import wired


def test_a_message_that_cannot_be_read_is_told_and_the_next_one_is_read(
    tmp_path: Path, dovecot: Postbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = f"imap://{quote(dovecot.user)}:{quote(dovecot.password)}@{dovecot.host}:{dovecot.port}/INBOX"
    wiring = wired(tmp_path, IMAP_URL=address)
    schema.upgrade(wiring.engine)
    parse = parsing.parse

    def stumble(raw: bytes) -> Message:
        if b"Luce" in raw:
            raise RuntimeError("a fault of ours about Luce")
        return parse(raw)

    monkeypatch.setattr(parsing, "parse", stumble)
    monkeypatch.setattr(command, "wire", lambda _: wiring)
    dovecot.deliver(b"From: luce@membre.example\r\n\r\nLuce\r\n")
    dovecot.deliver(b"From: pub@ailleurs.example\r\n\r\nAchetez\r\n")
    done = CliRunner().invoke(command.inbox, ["poll", "--once", "--json"])
    counted = json.loads(done.stdout)
    assert (done.exit_code, counted["read"], counted["left_in_place"], counted["not_read"]) == (0, 1, 1, 1)
    assert "message 1 could not be read (RuntimeError at" in done.stderr
    assert "Luce" not in done.output
    again = json.loads(CliRunner().invoke(command.inbox, ["poll", "--once", "--json"]).stdout)
    assert (again["read"], again["not_read"]) == (0, 0)
    wiring.engine.dispose()
