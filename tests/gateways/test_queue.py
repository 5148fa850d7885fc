"""What the doorbell carries, and whether whoever answers it outlives its server."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from service.gateways.queue import RqQueue
from service.ports import READING, SENDING
from tests.parts import await_that
from tests.parts.valkey import ValkeyServer, is_alive

ROOT = Path(__file__).resolve().parents[2]
JOBS = {"send": SENDING, "note": READING, "fail": READING, "hold": READING}

# The jobs of this test under the product's own name: the queue only knows `workers.jobs`.
JOBS_MODULE = """
import os, pathlib, time
here = pathlib.Path(__file__).parent.parent
def note(*ids):
    with (here / "notes").open("a") as notes:
        notes.write(f"{os.getpid()} {ids}\\n")
send = note
def fail(*ids):
    member = "luce@membre.example"
    raise KeyError(f"no delivery for {member}")
def hold(*ids):
    (here / "held").touch()
    while not (here / "released").exists():
        time.sleep(0.02)
    note(*ids)
"""

RUN = "import logging, sys; logging.basicConfig(level=10); from service.gateways.queue import run_worker; run_worker(sys.argv[1], ['sending', 'reading'])"


# One that looks after its job every second, not every half a minute.
ATTENTIVE = """
import functools, logging, sys
logging.basicConfig(level=10)
from service.gateways import queue
queue._BellWorker.__init__ = functools.partialmethod(queue._BellWorker.__init__, job_monitoring_interval=1)
queue.run_worker(sys.argv[1], ["sending", "reading"])
"""


@dataclass
class Workshop:
    """A worker in a process of its own, and what its jobs wrote down."""

    folder: Path
    process: subprocess.Popen[bytes]

    def notes(self) -> list[str]:
        """The ids of the jobs done, in order."""
        path = self.folder / "notes"
        return [line.partition(" ")[2] for line in path.read_text().splitlines()] if path.exists() else []

    def log(self) -> str:
        return (self.folder / "log").read_text()

    def await_log(self, words: str) -> None:
        await_that(lambda: words in self.log(), f"the worker says {words!r}")

    def stop(self) -> int:
        self.process.terminate()
        return self.process.wait(30)


# A signal comes while a line is being logged: handlers swallow every Exception of that moment.
SIGNALLED_IN_A_LINE = """
import logging, os, signal, sys
class Interrupted(logging.Formatter):
    def format(self, record):
        if "operation for" in str(record.msg):
            os.kill(os.getpid(), signal.SIGTERM)
        return super().format(record)
logging.basicConfig(level=10)
logging.getLogger().handlers[0].setFormatter(Interrupted())
from service.gateways.queue import run_worker
run_worker(sys.argv[1], ["sending"])
"""


@contextmanager
def worker(url: str, folder: Path, program: str = RUN) -> Iterator[Workshop]:
    (folder / "workers").mkdir()
    (folder / "workers" / "__init__.py").touch()
    (folder / "workers" / "jobs.py").write_text(JOBS_MODULE)
    with (folder / "log").open("wb") as log:
        environment = {"PYTHONPATH": f"{folder}:{ROOT}"}
        process = subprocess.Popen(
            [sys.executable, "-c", program, url], stdout=log, stderr=log, cwd=folder, env=environment
        )
    try:
        yield Workshop(folder, process)
    finally:
        process.kill()
        process.wait()


@contextmanager
def bell(server: ValkeyServer) -> Iterator[RqQueue]:
    queue = RqQueue(server.url, JOBS)
    try:
        yield queue
    finally:
        queue.close()


def test_a_bell_carries_the_jobs_name_and_ids_as_json_and_nothing_that_outlives_it(valkey: ValkeyServer) -> None:
    with bell(valkey) as queue, valkey.client() as client:
        assert queue.ring("send", 7)
        assert queue.ring("note", 8, 9)
        facts = {}
        for name in (SENDING, READING):
            (job,) = client.lrange(f"rq:queue:{name}", 0, -1)
            facts[name] = client.hgetall(f"rq:job:{job.decode()}")
    assert json.loads(zlib.decompress(facts[SENDING][b"data"])) == ["workers.jobs.send", None, [7], {}]
    assert json.loads(zlib.decompress(facts[READING][b"data"])) == ["workers.jobs.note", None, [8, 9], {}]
    assert (facts[SENDING][b"timeout"], facts[READING][b"timeout"]) == (b"-1", b"120")
    assert {(fact[b"result_ttl"], fact[b"failure_ttl"]) for fact in facts.values()} == {(b"0", b"86400")}


def test_only_jobs_told_of_can_be_rung(valkey: ValkeyServer) -> None:
    with bell(valkey) as queue, pytest.raises(ValueError, match="No job is called"):
        queue.ring("os.system", 1)


def test_a_sweeping_job_is_rung_for_once_until_it_begins(valkey: ValkeyServer) -> None:
    queue = RqQueue(valkey.url, JOBS, sweeping=["note"])
    with valkey.client() as client:
        assert [queue.ring("note", number) for number in (1, 2, 3)] == [True] * 3
        (job,) = client.lrange(f"rq:queue:{READING}", 0, -1)
        assert json.loads(zlib.decompress(client.hget(f"rq:job:{job.decode()}", "data")))[2] == [1]
        client.delete(f"rq:queue:{READING}")
        assert queue.ring("note", 4)
        assert client.llen(f"rq:queue:{READING}") == 1
    queue.close()


def test_the_same_bell_rings_as_often_as_it_is_rung(valkey: ValkeyServer) -> None:
    with bell(valkey) as queue, valkey.client() as client:
        assert [queue.ring("send", 7) for _ in range(3)] == [True] * 3
        assert client.llen("rq:queue:sending") == 3


def test_without_a_server_the_bell_is_left_to_the_clock(valkey: ValkeyServer, caplog: pytest.LogCaptureFixture) -> None:
    with bell(valkey) as queue:
        valkey.stop()
        assert queue.ring("send", 7) is False
        assert "the clock will ring it" in caplog.text
        valkey.start()
        assert queue.ring("send", 7) is True


def test_a_worker_runs_jobs_in_a_child_and_leaves_nothing_of_them(valkey: ValkeyServer, tmp_path: Path) -> None:
    with worker(valkey.url, tmp_path) as shop, bell(valkey) as queue, valkey.client() as client:
        queue.ring("note", 1, 2)
        queue.ring("send", 3)
        await_that(lambda: sorted(shop.notes()) == ["(1, 2)", "(3,)"], "both jobs are done")
        assert str(shop.process.pid) not in (tmp_path / "notes").read_text()
        await_that(lambda: not client.keys("rq:job:*"), "the jobs are forgotten")
        assert shop.stop() == 0


def test_a_failed_job_leaves_its_class_and_ids_and_nothing_that_was_in_it(valkey: ValkeyServer, tmp_path: Path) -> None:
    with worker(valkey.url, tmp_path) as shop, bell(valkey) as queue, valkey.client() as client:
        queue.ring("fail", 12)
        await_that(lambda: client.zcard("rq:failed:reading"), "the job has failed")
        shop.await_log("builtins.KeyError")
        kept = [client.dump(key) for key in client.keys("*")] + [
            str(client.xrange(key)).encode() for key in client.keys("rq:results:*")
        ]
        assert kept
        assert not [value for value in kept if value and b"membre" in value]
        assert "membre.example" not in shop.log()
        queue.ring("note", 13)
        await_that(shop.notes, "the next job is done")


def test_help_is_asked_for_where_a_worker_has_nothing_else_to_do(valkey: ValkeyServer, tmp_path: Path) -> None:
    with bell(valkey) as queue:
        assert not queue.ring_the_idle("note", 1), "nobody listens"
        with worker(valkey.url, tmp_path) as shop:
            await_that(lambda: queue.ring_the_idle("note", 2), "a worker is idle")
            await_that(lambda: shop.notes() == ["(2,)"], "the job is done")
            queue.ring("hold", 3)
            await_that((tmp_path / "held").exists, "the job is at work")
            assert not queue.ring_the_idle("note", 4), "he has something else to do"
            (tmp_path / "released").touch()
            await_that(lambda: shop.notes() == ["(2,)", "(3,)"], "the job is done")
        valkey.stop()
        assert not queue.ring_the_idle("note", 5), "no server answers"


def test_a_worker_outlives_its_server(valkey: ValkeyServer, tmp_path: Path) -> None:
    with worker(valkey.url, tmp_path) as shop, bell(valkey) as queue:
        queue.ring("note", 1)
        await_that(shop.notes, "the first job is done")
        valkey.stop()
        shop.await_log("retrying in 2 seconds")
        valkey.start()
        queue.ring("note", 2)
        await_that(lambda: shop.notes() == ["(1,)", "(2,)"], "the second job is done")
        assert shop.process.poll() is None


def test_a_worker_outlives_a_server_that_goes_away_during_a_job(valkey: ValkeyServer, tmp_path: Path) -> None:
    with worker(valkey.url, tmp_path) as shop, bell(valkey) as queue:
        queue.ring("hold", 1)
        await_that((tmp_path / "held").exists, "the job is at work")
        valkey.stop()
        (tmp_path / "released").touch()
        await_that(shop.notes, "the job is done")
        valkey.start()
        queue.ring("note", 2)
        await_that(lambda: shop.notes() == ["(1,)", "(2,)"], "the next job is done")


def test_a_worker_outlives_a_server_that_forgets_everything(valkey: ValkeyServer, tmp_path: Path) -> None:
    with worker(valkey.url, tmp_path) as shop, bell(valkey) as queue, valkey.client() as client:
        queue.ring("hold", 1)
        await_that((tmp_path / "held").exists, "the job is at work")
        client.flushall()
        (tmp_path / "released").touch()
        await_that(shop.notes, "the job is done")
        client.flushall()
        queue.ring("note", 2)
        await_that(lambda: shop.notes() == ["(1,)", "(2,)"], "the next job is done")
        assert shop.stop() == 0


def test_r4_a_worker_outlives_a_server_that_is_full(valkey: ValkeyServer, tmp_path: Path) -> None:
    """It refuses every write, as Redis does under `noeviction`, or when it cannot write to its disk."""
    with worker(valkey.url, tmp_path, ATTENTIVE) as shop, bell(valkey) as queue, valkey.client() as client:
        queue.ring("hold", 1)
        await_that((tmp_path / "held").exists, "the job is at work")
        client.config_set("maxmemory", 1)
        assert queue.ring("note", 2) is False
        shop.await_log("goes on without a server (OutOfMemoryError)")
        (tmp_path / "released").touch()
        await_that(shop.notes, "the job is done")
        shop.await_log("it starts again")
        client.config_set("maxmemory", 0)
        assert queue.ring("note", 3) is True
        await_that(lambda: shop.notes() == ["(1,)", "(3,)"], "the next job is done")
        assert shop.stop() == 0


def test_a_worker_that_starts_before_its_server_waits_for_it(valkey: ValkeyServer, tmp_path: Path) -> None:
    valkey.stop()
    with worker(valkey.url, tmp_path) as shop, bell(valkey) as queue:
        shop.await_log("it starts again")
        valkey.start()
        queue.ring("note", 1)
        await_that(shop.notes, "the job is done")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_worker_without_a_server_ends_when_asked(valkey: ValkeyServer, tmp_path: Path, number: int) -> None:
    with worker(valkey.url, tmp_path) as shop:
        shop.await_log("Listening")
        valkey.stop()
        shop.await_log("retrying")
        shop.process.send_signal(number)
        assert shop.process.wait(30) == 0


def test_a_worker_asked_to_stop_in_the_middle_of_a_line_of_its_log_ends(valkey: ValkeyServer, tmp_path: Path) -> None:
    with worker(valkey.url, tmp_path, SIGNALLED_IN_A_LINE) as shop:
        assert shop.process.wait(30) == 0


def test_a_worker_asked_to_stop_finishes_the_job_at_work(valkey: ValkeyServer, tmp_path: Path) -> None:
    with worker(valkey.url, tmp_path) as shop, bell(valkey) as queue:
        queue.ring("hold", 1)
        await_that((tmp_path / "held").exists, "the job is at work")
        shop.process.terminate()
        shop.await_log("warm shut down")
        (tmp_path / "released").touch()
        assert shop.process.wait(30) == 0
        assert shop.notes() == ["(1,)"]
        assert not is_alive(shop.process.pid)
