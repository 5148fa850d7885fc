"""What a worker has loaded before it forks: each job would else load it anew, 80 ms for a mail of 30 µs."""

from __future__ import annotations

import subprocess
import sys

_SAY = """
import sys
from service.settings import Need
from service.wiring import wire
from workers import jobs
wiring = wire(Need.STORES)
if sys.argv[1] == "ahead":
    wiring.load_ahead()
from service.models.delivery import Delivery
print("psycopg" in sys.modules, "service.gateways.smtp" in sys.modules, Delivery.__mapper__.configured)
"""


def test_the_driver_the_wire_and_the_mappers_are_there_and_no_connection_is_opened() -> None:
    """Nobody listens at that address: who opened a connection would fail."""
    assert said("ahead") == "True True True"
    assert said("not") == "False False False"


def test_who_sends_holds_nothing_of_what_reads_mail() -> None:
    """13 MB of the hundred that a sending process may take."""
    ask = (
        "import sys, service.wiring, workers.crew, workers.jobs\n"
        "print({'lxml', 'icalendar', 'service.core.reading.kinds'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", ask], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == "set()"


def said(when: str) -> str:
    """Ask in a process of its own, where nothing is loaded yet."""
    environment = {"DATABASE_URL": "postgresql+psycopg://app@127.0.0.1:9/none"}
    done = subprocess.run(
        [sys.executable, "-c", _SAY, when], env=environment, capture_output=True, text=True, check=True, timeout=60
    )
    return done.stdout.strip()
