"""`python -m workers NAME`: what `pli worker`, `pli clock` and `pli inbox` become."""

from __future__ import annotations

import signal
import sys
from types import FrameType

import click

from service.gateways import queue
from service.settings import Need
from service.wiring import wire
from workers import clock, crew, inbox, jobs
from workers.kinship import end_with_parent

_SENDS = Need.STORES | Need.KEYS | Need.WRITING | Need.SENDING
# Imported here so that each forked work-horse finds them loaded.
_LOADED = jobs


@click.group()
def workers() -> None:
    """The processes beside the web."""


@workers.command("worker")
@click.option("--processes", type=int, default=2)
def run_worker(processes: int) -> None:
    """Run the crew of RQ workers."""
    wiring = wire(_SENDS)
    _end_on_signals()
    with wiring.embedded_valkey():
        crew.run(wiring, processes)


@workers.command("serve", hidden=True)
@click.argument("parent", type=int)
@click.argument("queues", nargs=-1, required=True)
def serve(parent: int, queues: tuple[str, ...]) -> None:
    """Be one RQ worker of a crew."""
    end_with_parent(parent)
    queue.run_worker(wire(_SENDS).redis_url, list(queues))


@workers.command("clock")
def run_clock() -> None:
    """Run the clock."""
    wiring = wire(Need.STORES | Need.KEYS | Need.WRITING)
    _end_on_signals()
    with wiring.embedded_valkey():
        clock.run(wiring)


@workers.command("inbox")
def run_inbox() -> None:
    """Run the inbox."""
    wiring = wire(Need.STORES | Need.KEYS | Need.READING)
    _end_on_signals()
    with wiring.embedded_valkey():
        inbox.run(wiring)


def _end_on_signals() -> None:
    """End from wherever we wait: every transaction is rolled back or committed, never in between."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _end)


def _end(_number: int, _frame: FrameType | None) -> None:
    sys.exit(0)


workers(prog_name="pli")
