"""`./pli bench NAME`: one benchmark a name."""

from __future__ import annotations

import click

from bench.counters import counters
from bench.memory import memory
from bench.read import read
from bench.send import send


@click.group()
def bench() -> None:
    """Measure Pli beside others, on one machine in one sitting."""


bench.add_command(send)
bench.add_command(counters)
bench.add_command(memory)
bench.add_command(read)
bench(prog_name="pli bench")
