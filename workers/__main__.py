"""`python -m workers NAME`: what `pli worker`, `pli clock` and `pli inbox` become."""

from __future__ import annotations

from importlib import import_module

import click

from service.gateways import queue
from service.kinship import end_with_parent
from service.ports import SENDING
from service.settings import Need
from service.wiring import wire
from workers import crew, jobs
from workers.ending import Ending

_SENDS = Need.STORES | Need.KEYS | Need.WRITING | Need.SENDING


@click.group()
def workers() -> None:
    """The processes beside the web."""


@workers.command("worker")
@click.option("--processes", type=int, default=2)
def run_worker(processes: int) -> None:
    """Run the crew of RQ workers."""
    wiring = wire(_SENDS)
    ending = Ending()
    with wiring.embedded_valkey():
        crew.run(wiring, processes, ending)


@workers.command("serve", hidden=True)
@click.argument("parent", type=int)
@click.argument("queues", nargs=-1, required=True)
def serve(parent: int, queues: tuple[str, ...]) -> None:
    """Be one RQ worker of a crew."""
    end_with_parent(parent)
    wiring = wire(_SENDS)
    wiring.load_ahead()
    if SENDING not in queues:
        import_module(jobs.READING_TURN)
    queue.run_worker(wiring.redis_url, list(queues))


@workers.command("clock")
def run_clock() -> None:
    """Run the clock."""
    wiring = wire(Need.STORES | Need.KEYS | Need.WRITING)
    ending = Ending()
    with wiring.embedded_valkey():
        import_module("workers.clock").run(wiring, ending)


@workers.command("inbox")
def run_inbox() -> None:
    """Run the inbox."""
    wiring = wire(Need.STORES | Need.KEYS | Need.READING)
    ending = Ending()
    with wiring.embedded_valkey():
        import_module("workers.inbox").run(wiring, ending)


workers(prog_name="pli")
