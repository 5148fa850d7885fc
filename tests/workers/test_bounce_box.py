"""Errors that come back to a mailbox of its own: read beside the inbox, whose reading waits for nothing there (R7)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import cast
from urllib.parse import quote

import pytest
from click.testing import CliRunner
from sqlalchemy import select

from service import schema
from service.actions import mailbox
from service.cli import inbox as command
from service.models.inbound_message import InboundMessage
from service.web.app import create_app
from service.wiring import Wiring
from tests.parts import free_port
from tests.parts.dovecot import DovecotServer, Postbox
from tests.web.world import wired
from tests.workers.test_inbox_login import Impatient
from workers.bounce_box import BounceBox
from workers.ending import Ending

LOUD = b"From: MAILER-DAEMON@ailleurs.example\r\nSubject: Undelivered Mail Returned to Sender\r\n\r\nx\r\n"


def address(box: Postbox, *, password: str = "", port: int = 0) -> str:
    return f"imap://{quote(box.user)}:{password or quote(box.password)}@{box.host}:{port or box.port}/INBOX"


def installed(folder: Path, inbox: Postbox, bounces: str) -> Wiring:
    wiring = wired(folder, IMAP_URL=address(inbox), BOUNCE_IMAP_URL=bounces)
    schema.upgrade(wiring.engine)
    return wiring


def stored(wiring: Wiring) -> list[tuple[str, int]]:
    with wiring.reading() as session:
        return sorted((row.account, row.uid) for row in session.scalars(select(InboundMessage)))


def look(box: BounceBox) -> None:
    box.look(cast(Ending, Impatient(1)))


def trouble(wiring: Wiring) -> str:
    """What the home page would say of it."""
    app = create_app(wiring)
    with app.test_request_context("/"):
        found = app.jinja_env.globals["bounce_box_trouble"]()  # type: ignore[operator]
        return "" if found is None else "refused" if found.refused else "silent"


def test_the_mailbox_of_the_errors_is_read_under_its_own_name_and_put_away_apart(
    tmp_path: Path, dovecot: Postbox, dovecot_of_the_run: DovecotServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    returned = dovecot_of_the_run.fresh_postbox()
    wiring = installed(tmp_path, dovecot, address(returned))
    dovecot.deliver(b"Subject: x\r\n\r\nx\r\n")
    returned.deliver(LOUD)
    assert trouble(wiring) == "silent"
    look(BounceBox(wiring))
    assert trouble(wiring) == ""
    assert stored(wiring) == [(f"{returned.user}@127.0.0.1", 1)]
    monkeypatch.setattr(command, "wire", lambda _: wiring)
    returned.deliver(LOUD)
    counted = json.loads(CliRunner().invoke(command.inbox, ["poll", "--once", "--json"]).stdout)
    assert counted["read"] == 3
    assert stored(wiring) == sorted(
        [(f"{dovecot.user}@127.0.0.1", 1), *((f"{returned.user}@127.0.0.1", n) for n in (1, 2))]
    )
    wiring.engine.dispose()


def test_r7_a_password_that_is_refused_there_is_tried_rarely_told_and_forgotten_at_the_next_login(
    tmp_path: Path, dovecot: Postbox, dovecot_of_the_run: DovecotServer
) -> None:
    returned = dovecot_of_the_run.fresh_postbox()
    wiring = installed(tmp_path, dovecot, address(returned, password="faux"))
    box = BounceBox(wiring)
    look(box)
    assert trouble(wiring) == "refused"
    # While it is left alone it is not even asked: the refusal that is forgotten here would be noted again.
    with wiring.sessions.begin() as session:
        mailbox.note_login(session, f"{returned.user}@127.0.0.1")
    look(box)
    assert trouble(wiring) == "silent"
    look(BounceBox(wiring))
    assert trouble(wiring) == "refused"
    mended = wired(tmp_path, IMAP_URL=address(dovecot), BOUNCE_IMAP_URL=address(returned))
    look(BounceBox(mended))
    assert trouble(mended) == ""
    wiring.engine.dispose()
    mended.engine.dispose()


def test_r7_a_server_that_is_away_is_no_fault_of_the_inbox(
    tmp_path: Path, dovecot: Postbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    wiring = installed(tmp_path, dovecot, address(dovecot, port=free_port()))
    monkeypatch.setattr(command, "wire", lambda _: wiring)
    look(BounceBox(wiring))
    assert stored(wiring) == []
    assert trouble(wiring) == "silent"
    dovecot.deliver(b"Subject: x\r\n\r\nx\r\n")
    polled = CliRunner().invoke(command.inbox, ["poll", "--once", "--json"])
    assert (polled.exit_code, json.loads(polled.stdout)["read"]) == (0, 1)
    assert "BOUNCE_IMAP_URL could not be read (ConnectionRefusedError)" in polled.stderr
    wiring.engine.dispose()


def test_an_installation_with_one_mailbox_has_nothing_to_look_at(tmp_path: Path, dovecot: Postbox) -> None:
    wiring = wired(tmp_path, IMAP_URL=address(dovecot))
    schema.upgrade(wiring.engine)
    look(BounceBox(wiring))
    assert trouble(wiring) == ""
    wiring.engine.dispose()
