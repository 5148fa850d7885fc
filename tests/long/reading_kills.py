"""I5 and R7 by hand: `python -m tests.long.reading_kills [STEPS]` kills the inbox process and work-horses at each step in turn.

The product's own processes on a real Dovecot, on SQLite with MOVE and on PostgreSQL with COPY; until a process comes to its
end before its step does, or for so many steps. Prints how many were killed, and fails where a message is not in one place.
"""

from __future__ import annotations

import sys
import tempfile
from collections import Counter
from pathlib import Path
from time import monotonic

from tests.actions.test_mailbox import nothing_is_broken
from tests.long.kills import database
from tests.parts.dovecot import OLD_SERVER, dovecot_server
from tests.parts.reading_kills import House, deadly_house, end_well, kill_horses, kill_inbox
from tests.parts.smtp_sink import smtp_sink
from tests.parts.valkey import valkey_server


def trial(name: str, steps: int) -> str:
    """Kill readers on one database, and say what was done."""
    more = OLD_SERVER if name == "postgresql" else ""
    with (
        tempfile.TemporaryDirectory(prefix="pli-reading-") as made,
        database(name, Path(made)) as url,
        smtp_sink() as relay,
        dovecot_server(more) as server,
        valkey_server() as valkey,
        deadly_house(Path(made), url, relay, server.fresh_postbox(), valkey.url) as house,
    ):
        begun = monotonic()
        told = {"inbox": _inbox(house, steps), "horse": _horses(house, steps)}
        assert nothing_is_broken(house.world)
        lasted, messages = monotonic() - begun, len(house.sent)
    said = "; ".join(f"{who} {count} kills ({kinds})" for who, (count, kinds) in told.items())
    return f"{name}: {said}; {messages} messages, each in one place, none lost, none twice; {lasted:.0f} s"


def _inbox(house: House, steps: int) -> tuple[int, str]:
    killed = kill_inbox(house, range(1, steps + 1))
    end_well(house)
    return killed, _kinds(house, "inbox")


def _horses(house: House, steps: int) -> tuple[int, str]:
    house.pli.start("inbox")
    killed = kill_horses(house, range(1, steps + 1))
    end_well(house)
    return killed, _kinds(house, "horse")


def _kinds(house: House, who: str) -> str:
    kinds = Counter(" ".join(one.split()[:2]) for one in house.told(who))
    return ", ".join(f"{count} {kind}" for kind, count in kinds.most_common(8))


if __name__ == "__main__":
    most = int(sys.argv[1]) if len(sys.argv) > 1 else 200
    for one in ("sqlite", "postgresql"):
        print(trial(one, most), flush=True)
