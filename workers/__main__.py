"""`python -m workers NAME`: what `pli worker`, `pli clock` and `pli inbox` become."""

from __future__ import annotations

import click

from service.gateways import queue
from service.kinship import end_with_parent
from service.settings import Need
from service.wiring import wire
from workers import clock, crew, inbox, jobs
from workers.ending import Ending

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
    queue.run_worker(wiring.redis_url, list(queues))


@workers.command("clock")
def run_clock() -> None:
    """Run the clock."""
    wiring = wire(Need.STORES | Need.KEYS | Need.WRITING)
    ending = Ending()
    with wiring.embedded_valkey():
        clock.run(wiring, ending)


@workers.command("inbox")
def run_inbox() -> None:
    """Run the inbox."""
    wiring = wire(Need.STORES | Need.KEYS | Need.READING)
    ending = Ending()
    with wiring.embedded_valkey():
        inbox.run(wiring, ending)


workers(prog_name="pli")
