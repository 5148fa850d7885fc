"""The commands that become a long-running process, and what must be ready before one starts."""

from __future__ import annotations

import os
import sys

import click

from service.settings import Need
from service.wiring import wire


def become_worker(*arguments: str) -> None:
    """Become one of the processes in workers/, which this layer never imports."""
    os.execv(sys.executable, [sys.executable, "-m", "workers", *arguments])  # noqa: S606 (our own interpreter)


@click.command("worker")
@click.option(
    "--processes",
    default=2,
    show_default=True,
    type=click.IntRange(min=1),
    help="The first one never sends campaigns: answers do not wait.",
)
def worker(processes: int) -> None:
    """Run the jobs: send campaigns, send single mails, read what came in."""
    wire(Need.STORES | Need.KEYS | Need.WRITING | Need.SENDING)
    become_worker("worker", "--processes", str(processes))


@click.command("clock")
def clock() -> None:
    """Launch what is due, and ring again what nobody heard."""
    wire(Need.STORES | Need.KEYS | Need.WRITING)
    become_worker("clock")


@click.command("web")
def web() -> None:
    """Serve the pages on BIND."""
    wire(Need.STORES | Need.KEYS | Need.WRITING | Need.WEB | Need.SENDING)
    gunicorn = [sys.executable, "-m", "gunicorn", "--config", "python:service.web.gunicorn_conf"]
    os.execv(sys.executable, gunicorn)  # noqa: S606 (our own interpreter)
