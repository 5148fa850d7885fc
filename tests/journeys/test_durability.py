"""What is on the disk when a final dot leaves? The order of write, fdatasync and dot, as the kernel is asked for them."""

from __future__ import annotations

import os
import re
import socket
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from service import db, schema
from service.actions import sending
from service.actions.desk import Process
from service.actions.sending import Sending
from service.core import send_log as records
from service.core.vocabulary import CampaignStatus, Role
from service.gateways import send_log, smtp
from service.gateways.relay import Opened, Relay, open_connection
from service.gateways.send_log import FileSendLog
from service.gateways.smtp import SmtpOutbox
from service.models.delivery import Delivery
from tests.builders import World
from tests.parts.scripted_smtp import ScriptedRelay, scripted_relay

MEMBERS = 60
_TO = re.compile(rb"RCPT TO:<membre(\d+)@")


@dataclass
class Recorder:
    """What the kernel was asked for, in order: ("written", leg), ("synced", 0), ("dot", member)."""

    acts: list[tuple[str, int]] = field(default_factory=list)

    def pwrite(self, file: int, data: bytes, place: int) -> int:
        count = os.pwrite(file, data, place)
        story = records.read(bytes(data).ljust(len(data) + 2000, b"\0"))
        self.acts += [("written", leg.id) for leg, outcome in story.outcomes.items() if outcome is None]
        return count

    def fdatasync(self, file: int) -> None:
        os.fdatasync(file)
        self.acts.append(("synced", 0))

    def __getattr__(self, name: str) -> Any:
        # It stands where the log looks for the module os.
        return getattr(os, name)


class Wire:
    """A socket that tells when the last byte of each final dot was given to the kernel."""

    def __init__(self, sock: socket.socket, recorder: Recorder) -> None:
        self._sock, self._recorder, self._sent = sock, recorder, b""

    def send(self, data: memoryview) -> int:
        return self._note(bytes(data), self._sock.send(data))

    def sendmsg(self, pieces: list[bytes]) -> int:
        return self._note(b"".join(pieces), self._sock.sendmsg(pieces))

    def _note(self, data: bytes, count: int) -> int:
        self._sent += data[:count]
        while (end := self._sent.find(b"\r\n.\r\n")) >= 0:
            body, self._sent = self._sent[:end], self._sent[end + 5 :]
            found = _TO.search(body)
            assert found, "a body without its recipient"
            self._recorder.acts.append(("dot", int(found[1])))
        return count

    def __getattr__(self, name: str) -> Any:
        return getattr(self._sock, name)


@pytest.fixture
def recorder(monkeypatch: pytest.MonkeyPatch) -> Recorder:
    made = Recorder()
    monkeypatch.setattr(send_log, "os", made)

    def opened(relay: Relay) -> Any:
        line = open_connection(relay)
        return Opened(Wire(line.sock, made), line.offers) if isinstance(line, Opened) else line  # type: ignore[arg-type]

    monkeypatch.setattr(smtp, "open_connection", opened)
    return made


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    engine = db.connect(f"sqlite:///{tmp_path}/pli.db")
    schema.upgrade(engine)
    made = World(db.sessions(engine))
    made.mailing_list()
    made.members(MEMBERS, "nouvelles")
    yield made
    engine.dispose()


def send_all(world: World, folder: Path, *, strict: bool) -> dict[int, int]:
    """Send a campaign over four lines; return the row of each member."""
    author, boss = world.staff("Jeanne"), world.staff("Paul", Role.ADMIN)
    number = world.approved(author, boss, "nouvelles")
    world.send(number, boss)
    log = FileSendLog(folder, strict=strict)
    with scripted_relay(ScriptedRelay()) as relay:
        process = Process(
            sessions=world.sessions,
            log=log,
            connections=4,
            now=world.clock,
            uptime=lambda: world.clock().timestamp(),
            go_on=lambda: True,
        )
        outbox = SmtpOutbox(Relay("localhost", relay.port, tls="none", connections=4))
        sending.send_campaign(Sending(process, outbox, world.office), number)
    log.close(settled=True)
    assert world.status(number) is CampaignStatus.SENT
    assert len(relay.took) == MEMBERS
    with world.sessions() as session:
        rows = session.scalars(Delivery.of_campaign(number))
        return {int(row.address.partition("@")[0].removeprefix("membre")): row.id for row in rows}


def test_strict_what_leaves_is_on_the_disk_before_its_final_dot(
    world: World, tmp_path: Path, recorder: Recorder
) -> None:
    rows = send_all(world, tmp_path / "sending", strict=True)
    dots = [place for place, (act, _) in enumerate(recorder.acts) if act == "dot"]
    assert len(dots) == MEMBERS
    for dot in dots:
        written = recorder.acts.index(("written", rows[recorder.acts[dot][1]]))
        assert ("synced", 0) in recorder.acts[written:dot]
    # One for a round of all lines, not one for each message on each line.
    assert recorder.acts.count(("synced", 0)) <= MEMBERS


def test_relaxed_what_leaves_is_written_before_its_final_dot_and_nothing_waits_for_the_disk(
    world: World, tmp_path: Path, recorder: Recorder
) -> None:
    rows = send_all(world, tmp_path / "sending", strict=False)
    dots = [place for place, (act, _) in enumerate(recorder.acts) if act == "dot"]
    assert len(dots) == MEMBERS
    assert all(("written", rows[recorder.acts[dot][1]]) in recorder.acts[:dot] for dot in dots)
    assert ("synced", 0) not in recorder.acts
