"""`./pli bench memory`: does a sending process stay as small for a large audience as for a small one?

The largest resident set of the process that holds the connections, by the kernel (VmHWM), with a real RQ worker on
PostgreSQL and on SQLite. Not in `./pli bench send`: 300,000 recipients take a minute to launch and to send.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import click

from bench.ours import Way, bench
from bench.parts import compiled_sink, load, machine, sink
from bench.report import kept, lined_up, tabled
from service.setting_values import ROOT

PAGE = ROOT / "docs" / "benchmarks.md"
TITLE = "Memory of a sending process"
_WAYS = {
    "PostgreSQL, relaxed, 1 process of 32 connections": Way("postgresql", connections=32),
    "SQLite, relaxed, 1 process of 32 connections": Way("sqlite", connections=32),
}


@click.command("memory")
@click.option("--recipients", default="100000,300000", show_default=True, help="How many; several sizes with commas.")
@click.option("--write/--no-write", default=False, show_default=True, help="Write docs/benchmarks.md.")
def memory(recipients: str, write: bool) -> None:
    """Measure the memory of a sending process at several sizes of the audience."""
    sizes = sorted(int(size) for size in recipients.split(","))
    at = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")  # noqa: TID251 (the clock of the sitting)
    fact = f"{at}, {machine()}; load before: {load():.1f}; one measure each"
    with tempfile.TemporaryDirectory(prefix="pli-bench-") as name:
        rows = _measured(Path(name), sizes)
    for line in [fact, *lined_up(rows)]:
        click.echo(line)
    if write:
        PAGE.write_text(kept(PAGE, TITLE, [f"- {fact}", "", *tabled(rows)]), encoding="utf-8")
        click.echo(f"Written: {PAGE.relative_to(ROOT)}")


def _measured(folder: Path, sizes: Sequence[int]) -> list[tuple[str, ...]]:
    program = compiled_sink(folder)
    rows = [("sending process", *(f"{size:,} recipients" for size in sizes))]
    with bench(folder) as ours:
        for name, way in _WAYS.items():
            largest = []
            for size in sizes:
                with sink(program, size) as relay:
                    largest.append(ours.send(way, size, relay.port).memory or 0.0)
                click.echo(f"{name}, {size:,}: {largest[-1]:.0f} MB", err=True)
            rows.append((name, *(f"{one:.0f} MB" for one in largest)))
    return rows
