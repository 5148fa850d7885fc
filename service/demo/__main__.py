"""`python -m service.demo`: what `pli demo` becomes; it imports little, so that the page is there soon."""

from __future__ import annotations

import sys

import click

from service.core import french
from service.core.refusals import Refusal
from service.demo import run
from service.setting_values import ROOT


@click.command()
@click.option("--port", default=8000, show_default=True, type=click.IntRange(1024, 65534), help="And the next one.")
@click.option("--data", default=".demo", show_default=True, help="The folder where the demo lives.")
@click.option("--fresh", is_flag=True, help="Forget what earlier demos of this folder left.")
def demo(port: int, data: str, fresh: bool) -> None:
    """Show everything, with nothing to install or configure."""
    run.run(run.Place(ROOT / data, port), fresh=fresh)


try:
    demo(prog_name="pli demo")
except Refusal as refusal:
    click.echo(french.typeset(refusal.sentence), err=True)
    sys.exit(1)
