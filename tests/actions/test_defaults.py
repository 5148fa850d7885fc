"""The bounds and time-outs that the product promises, by name and by source: other tests set their own, to be quick."""

from __future__ import annotations

import os
import time
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest

from service import schema
from service.actions import claims, desk, leases
from service.actions.desk import Process, SendingDesk
from service.core.reading.mime import Limits
from service.gateways.imap import Account, ImapMailbox
from service.gateways.relay import Relay
from service.gateways.send_log import FileSendLog
from service.ports import Envelope
from service.settings import Need, load
from tests.builders import Tray, World
from tests.web.world import wired
from workers import reading, stream

RELAY, READ = Relay("localhost", 25), Limits()


@pytest.mark.parametrize(
    ("found", "promised", "source"),
    [
        (RELAY.dot_timeout, 600.0, "RFC 5321 4.5.3.2.6: 10 minutes for the reply to the final dot"),
        (RELAY.command_timeout, 300.0, "RFC 5321 4.5.3.2.1 to 4.5.3.2.5: 2 to 5 minutes; the longest of them"),
        (RELAY.pipelined_timeout, 60.0, "sending.md: no reply to the next envelope for 60 s after a 250 of the dot"),
        (RELAY.connect_timeout, 30.0, "ours: another connection serves meanwhile"),
        (RELAY.farewell_timeout, 2.0, "ours: a 421 to the dot may still be followed by its answer"),
        (leases.LEASE, timedelta(seconds=120), "sending.md, step 1: expires = database clock + 120 s"),
        (leases.TO_SPARE, timedelta(seconds=30), "sending.md, step 4: with 30 s to spare"),
        (desk.WINDOW, 50, "sending.md, step 2: W = 50"),
        (desk._WINDOW_LASTS, 1.0, "decision 0012: a window lasts a second at most"),
        (desk._REFRESH, 20.0, "ours: four times in the 90 s in which a dot may leave"),
        (reading.SECONDS, 30.0, "issue 3: 30 s to read one message"),
        (reading.MEGABYTES, 300, "S14: 300 MB to read one message"),
        (READ, Limits(size=25 * 2**20, parts=200, depth=20, header_bytes=64 * 1024), "S14: what is read of a message"),
        (
            ImapMailbox(Account("localhost", 143, "vie", ""))._max_size,
            25_000_000,
            "S14: 25 MB are fetched of a message",
        ),
        (load(Need(0), {}).send_hold, 120, "issue 3: a hold of two minutes before the first mail"),
        (load(Need(0), {}).retries.give_up_after, timedelta(days=5), "RFC 5321 4.5.4.1: 4 to 5 days"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_bound_is_what_its_source_says(found: object, promised: object, source: str) -> None:
    assert found == promised, source


def test_a_sending_process_works_with_the_promised_window_and_measures_leases_through_a_sleep(
    tmp_path: Path,
) -> None:
    """CLOCK_MONOTONIC stands still while the machine sleeps (clock_gettime(2)): a lease would outlive it."""
    wiring = wired(tmp_path)
    schema.upgrade(wiring.engine)
    with stream.at_the_wire(wiring) as made:
        uptime = made.process.uptime
        assert isinstance(uptime, partial)
        assert (uptime.func, uptime.args) == (time.clock_gettime, (time.CLOCK_BOOTTIME,))
        assert made.process.window == desk.WINDOW
    assert Process.__dataclass_fields__["window"].default == desk.WINDOW


@pytest.mark.parametrize(("waited", "leaves"), [(89, True), (91, False)])
def test_no_dot_leaves_with_less_than_half_a_minute_on_the_lease(
    world: World, launched: int, waited: int, leaves: bool
) -> None:
    """The lease lasts 120 s; the dot may leave in the first 90 of them, unless it is renewed."""

    class Work:
        def claim(self, session: object, **asked: object) -> claims.Claim:
            return claims.claim(session, launched, **asked)  # type: ignore[arg-type]

        def envelope(self, ticket: claims.Ticket) -> Envelope:
            return Envelope(ticket.id, "vie@passerelles.example", ticket.address, b"x\r\n")

    made = SendingDesk(world.wire(Tray(), connections=5).process, Work())
    envelope = made.take()
    assert envelope is not None
    assert envelope.id in made.hand([envelope.id])
    world.clock.forward(seconds=waited)
    assert made.dot_may_leave(envelope.id) is leaves
    made.close(failed=True)


@pytest.mark.parametrize("strict", [True, False])
def test_a_log_has_its_head_and_its_name_on_the_disk_before_anything_is_claimed_under_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, strict: bool
) -> None:
    """After a power cut a log without its head, or that its folder does not name, would be told as lost."""
    synced: list[str] = []
    fsync = os.fsync

    def noting(file: int) -> None:
        synced.append(Path(f"/proc/self/fd/{file}").readlink().name)
        fsync(file)

    monkeypatch.setattr(os, "fsync", noting)
    log = FileSendLog(tmp_path / "sending", strict=strict)
    assert synced == [f"{log.owner.rpartition('/')[2]}.log", "sending"]
    log.close(settled=True)
