"""Is every job of the bell a short one that exists, and do the Procfile's workers serve its queue?"""

from __future__ import annotations

import ast
import inspect
import os
import secrets
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click
import pytest
from redis import Redis
from rq import Worker

from service.cli.main import pli
from service.ports import SENDING
from service.wiring import JOBS
from tests.parts import await_that
from tests.parts.valkey import ValkeyServer
from workers import jobs

ROOT = Path(__file__).parents[2]
SHORT = 8


def _procfile() -> dict[str, list[str]]:
    lines = (ROOT / "Procfile").read_text(encoding="utf-8").splitlines()
    named = [line.partition(":") for line in lines if line.strip() and not line.startswith("#")]
    return {name.strip(): command.split() for name, _, command in named}


def _statements(function: ast.AST) -> int:
    return sum(isinstance(node, ast.stmt) for node in ast.walk(function)) - 1


def test_every_job_exists_and_no_other_function_stands_there() -> None:
    ours = [name for name, one in inspect.getmembers(jobs, inspect.isfunction) if one.__module__ == jobs.__name__]
    assert set(ours) == set(JOBS)


@pytest.mark.parametrize("job", JOBS)
def test_a_job_takes_ids_and_leaves_the_work_to_the_actions(job: str) -> None:
    function = getattr(jobs, job)
    assert {parameter.annotation for parameter in inspect.signature(function).parameters.values()} == {"int"}
    [definition] = ast.parse(inspect.getsource(function)).body
    assert _statements(definition) <= SHORT


def test_the_procfile_names_commands_that_exist() -> None:
    procfile = _procfile()
    assert set(procfile) == {"release", "web", "worker", "inbox", "clock"}
    context = click.Context(pli)
    for command in procfile.values():
        launcher, name, *_ = command
        assert (launcher, pli.get_command(context, name) is not None) == ("./pli", True), command


def test_the_workers_of_the_procfile_serve_the_queue_of_every_job(valkey: ValkeyServer, tmp_path: Path) -> None:
    with _workers_of_the_procfile(valkey.url, tmp_path):
        server = Redis.from_url(valkey.url)
        await_that(lambda: len(Worker.all(connection=server)) > 1, "two workers are there", seconds=60.0)
        served = [worker.queue_names() for worker in Worker.all(connection=server)]
        server.close()
    assert set(JOBS.values()) <= {queue for queues in served for queue in queues}
    assert any(SENDING not in queues for queues in served), "Answers would wait behind a campaign (decision 0010)."
    assert all(queues[-1] == SENDING for queues in served if SENDING in queues), "A campaign would go before answers."


@contextmanager
def _workers_of_the_procfile(redis_url: str, data_dir: Path) -> Iterator[None]:
    """Run what the Procfile's worker line says, on a server of this test, and end it with all that it started."""
    settings = {
        "DATA_DIR": str(data_dir),
        "REDIS_URL": redis_url,
        "SMTP_URL": "smtp://127.0.0.1:1?tls=none",
        "IMAP_URL": "imap://vie%40passerelles.example:x@127.0.0.1:1/INBOX",
        "SENDER": "Les Passerelles <vie@passerelles.example>",
        "PUBLIC_URL": "https://courrier.passerelles.example",
        "SECRET_KEY": secrets.token_hex(32),
        "PATH": os.defpath,
    }
    command = [sys.executable, "-m", "service", *_procfile()["worker"][1:]]
    with (data_dir / "log").open("wb") as log:
        process = subprocess.Popen(command, cwd=ROOT, env=settings, stdout=log, stderr=log)
    try:
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)
