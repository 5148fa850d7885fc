"""What may fail in the middle of a campaign: the bell's server killed, stopped or emptied, a worker killed, the relay down."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections import Counter
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest

from service.cli import campaigns as command
from service.core.refusals import Refusal
from service.core.vocabulary import CampaignStatus
from service.models.campaign import Campaign
from service.models.staff import Staff
from tests.builders import World
from tests.parts import await_that, free_port
from tests.parts.installation import Installation, installation
from tests.parts.smtp_sink import Sink, smtp_sink
from tests.parts.valkey import ValkeyServer

MEMBERS = 150


def approved(world: World) -> int:
    """A communiqué ready to be sent."""
    with world.sessions() as session:
        author, boss = (
            session.scalars(Staff.named(f"{name}@passerelles.example")).one() for name in ("jeanne", "paul")
        )
    return world.approved(author, boss, "nouvelles")


def is_holder(process: subprocess.Popen[bytes], pli: Installation) -> bool:
    """Whether this process started the embedded server: its child says so."""
    told = Path(f"/proc/{process.pid}/task").glob("*/children")
    children = {int(pid) for path in told for pid in path.read_text().split()}
    return any(
        "valkey-server" in Path(f"/proc/{pid}/cmdline").read_text() for pid in children if Path(f"/proc/{pid}").exists()
    )


def everybody_once(sink: Sink, pli: Installation, number: int) -> None:
    """Each recipient is in the sink once and accepted, or in doubt and shown; nobody twice, nobody missing."""
    copies = Counter(one.recipient for one in sink.messages)
    rows = {row["address"]: row["state"] for row in pli.lines("campaigns", "recipients", number)}
    assert len(rows) == MEMBERS
    assert max(copies.values()) == 1
    assert set(rows.values()) <= {"accepted", "in_doubt"}
    assert {address for address, state in rows.items() if state == "accepted"} <= set(copies)
    assert Counter(rows.values())["in_doubt"] <= 1


def test_r4_the_holder_of_the_embedded_valkey_is_killed_and_another_takes_over(tmp_path: Path, sink: Sink) -> None:
    database = f"sqlite:///{tmp_path}/data/pli.db"
    with installation(tmp_path, database, sink) as pli:
        world = pli.seeded(MEMBERS)
        processes = [pli.start("clock"), pli.start("worker"), pli.start("worker", "--processes", "1")]
        number = approved(world)
        await_that(lambda: any(is_holder(one, pli) for one in processes), "somebody holds the server")
        pli.send(number)
        await_that(lambda: len(sink.messages) > 5, "the campaign is on its way")
        holder = next(one for one in processes if is_holder(one, pli))
        os.kill(holder.pid, signal.SIGKILL)
        holder.wait()
        rest = [one for one in processes if one is not holder]
        await_that(lambda: any(is_holder(one, pli) for one in rest), "another holds the server")
        pli.start("clock")
        pli.await_status(number, "sent", 180)
        everybody_once(sink, pli, number)
        pli.stop()
        assert pli.alive() == []


def test_a_killed_crew_loses_nobody(database: str, tmp_path: Path, sink: Sink) -> None:
    with installation(tmp_path, database, sink) as pli:
        world = pli.seeded(MEMBERS)
        pli.start("clock")
        crew = pli.start("worker")
        number = approved(world)
        pli.send(number)
        await_that(lambda: len(sink.messages) > 5, "the campaign is on its way")
        os.killpg(crew.pid, signal.SIGKILL)
        crew.wait()
        pli.start("worker")
        pli.await_status(number, "sent", 180)
        everybody_once(sink, pli, number)
        everybody_after_a_decision(sink, pli, number)


def everybody_after_a_decision(sink: Sink, pli: Installation, number: int) -> None:
    """Once the staff send again to the people in doubt, everybody has it: at most one copy more a doubt (R1, R2, I2)."""
    doubtful = {row["address"] for row in pli.lines("campaigns", "recipients", number) if row["state"] == "in_doubt"}
    pli.pli("campaigns", "settle", number, "--in-doubt", "resend", "--by", "paul@passerelles.example")
    pli.await_status(number, "sent", 60)
    rows = {row["address"]: row for row in pli.lines("campaigns", "recipients", number)}
    copies = Counter(one.recipient for one in sink.messages)
    assert {row["state"] for row in rows.values()} == {"accepted"}
    assert set(copies) == set(rows)
    assert {address for address, count in copies.items() if count > 1} <= doubtful
    assert max(copies.values()) <= 2
    assert pli.ask("invariants")["ok"]


def test_r4_i7_a_server_that_is_full_then_stopped_then_emptied_in_mid_campaign_loses_nothing(
    postgres: str, tmp_path: Path, sink: Sink, valkey: ValkeyServer
) -> None:
    """No job in it is needed: the clock rings again, and what is sent meanwhile is sent later."""
    with installation(tmp_path, postgres, sink, REDIS_URL=valkey.url) as pli:
        world = pli.seeded(MEMBERS)
        pli.start("clock")
        pli.start("worker")
        first, second = approved(world), approved(world)
        pli.send(first)
        await_that(lambda: len(sink.messages) > 5, "the campaign is on its way")
        with valkey.client() as client:
            client.config_set("maxmemory", 1)
        # Nobody can be told of this one now: the clock will ring for it.
        pli.send(second)
        valkey.stop()
        await_that(lambda: len(sink.messages) >= MEMBERS, "the job at work goes on without the server")
        valkey.start()
        with valkey.client() as client:
            client.flushall()
        for number in (first, second):
            pli.await_status(number, "sent", 180)
        assert len(sink.messages) == 2 * MEMBERS
        assert set(Counter(one.recipient for one in sink.messages).values()) == {2}


def test_a_relay_that_is_down_keeps_everybody_waiting_and_staff_are_told(tmp_path: Path, sink: Sink) -> None:
    database = f"sqlite:///{tmp_path}/data/pli.db"
    closed = f"smtp://127.0.0.1:{free_port()}?tls=none"
    with installation(tmp_path, database, sink, SMTP_URL=closed) as pli:
        world = pli.seeded(3)
        pli.start("clock")
        worker = pli.start("worker")
        number = approved(world)
        pli.send(number)

        def trouble() -> str:
            with world.sessions() as session:
                return session.get_one(Campaign, number).trouble

        await_that(trouble, "the campaign says what the relay complains of", 40)
        assert "connect" in trouble()
        shown = pli.ask("campaigns", "show", number)
        assert (shown["status"], shown["pending"], shown["accepted"]) == ("sending", 3, 0)
        worker.send_signal(signal.SIGTERM)
        worker.wait(40)
        pli.environment["SMTP_URL"] = f"smtp://127.0.0.1:{sink.port}?tls=none"
        pli.start("worker")
        # Who knows that the relay is back does not wait for the hour of the next try.
        pli.pli("campaigns", "pause", number, "--by", "paul@passerelles.example")
        pli.pli("campaigns", "resume", number, "--by", "paul@passerelles.example")
        pli.await_status(number, "sent", 120)
        assert len(sink.messages) == 3


def test_a_wait_without_any_worker_ends_with_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert command.NO_WORKER_AFTER.total_seconds() == 30
    monkeypatch.setattr(command, "NO_WORKER_AFTER", timedelta(seconds=1))
    end = time.monotonic() + 30

    def sleep(seconds: float) -> None:
        assert time.monotonic() < end, "it waits for ever"
        time.sleep(seconds)

    monkeypatch.setattr(command, "time", SimpleNamespace(sleep=sleep))
    with smtp_sink() as sink, installation(tmp_path, f"sqlite:///{tmp_path}/data/pli.db", sink) as pli:
        world = pli.seeded(1)
        number = approved(world)
        for name, value in pli.environment.items():
            monkeypatch.setenv(name, value)
        send = ["send", str(number), "--by", "paul@passerelles.example", "--now", "--wait"]
        # In this process, where 30 seconds are one.
        with pytest.raises(Refusal, match="Aucun processus d’envoi"):
            command.campaigns.main(send, standalone_mode=False)
        assert world.status(number) is CampaignStatus.SENDING
