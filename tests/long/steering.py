"""R15 by hand: `python -m tests.long.steering [EXAMPLES [STEPS]]` prints what the run came to."""

from __future__ import annotations

import sys

from tests.actions.steering_machine import run

if __name__ == "__main__":
    examples, steps = (int(given) for given in (sys.argv[1:] + ["300", "40"][len(sys.argv) - 1 :])[:2])
    for what, count in sorted(run(examples, steps).items()):
        print(f"{what:>10} {count}")
