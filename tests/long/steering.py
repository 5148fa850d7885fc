"""R15 by hand: `python -m tests.long.steering [EXAMPLES [STEPS]]` prints what the run came to, on each database."""

from __future__ import annotations

import sys

from tests.actions.steering_machine import run
from tests.parts.postgres import PostgresServer, postgres_server


def told(name: str, examples: int, steps: int, server: PostgresServer | None = None) -> None:
    """Run half of the examples on one database, and print the figures."""
    print(name)
    for what, count in sorted(run((examples + 1) // 2, steps, server=server).items()):
        print(f"{what:>20} {count}", flush=True)


if __name__ == "__main__":
    examples, steps = (int(given) for given in (sys.argv[1:] + ["300", "40"][len(sys.argv) - 1 :])[:2])
    told("sqlite", examples, steps)
    with postgres_server() as running:
        told("postgresql", examples, steps, running)
