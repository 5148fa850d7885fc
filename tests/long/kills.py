"""R1 by hand, with the real workers: `python -m tests.long.kills [KILLS [MEMBERS]]` kills, judges, and prints figures.

The whole product is at work (`pli clock`, `pli worker`, embedded Valkey); a communiqué and a convocation are sent on SQLite
and on PostgreSQL, and the work-horse at the other end of the line is killed at each step in turn.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import cycle, islice
from pathlib import Path
from time import monotonic

from service.core.vocabulary import DeliveryState, MailKind
from tests.journeys.test_kills import CONNECTIONS, campaign, strikes
from tests.parts import await_that
from tests.parts.account import account
from tests.parts.deadly_relay import DeadlyRelay, Step, deadly_relay
from tests.parts.installation import installation
from tests.parts.postgres import postgres_server


@contextmanager
def database(name: str, folder: Path) -> Iterator[str]:
    if name == "sqlite":
        yield f"sqlite:///{folder}/data/pli.db"
    else:
        with postgres_server() as server, server.fresh_database() as url:
            yield url


def trial(kind: MailKind, name: str, kills: int, members: int) -> str:
    """Send one campaign under fire, and say what became of it; fails where somebody is missing or doubled unseen."""
    steps = tuple(islice(cycle(Step), kills))
    with (
        tempfile.TemporaryDirectory(prefix="pli-kills-") as made,
        database(name, Path(made)) as url,
        deadly_relay(DeadlyRelay(strikes(steps, members))) as relay,
        installation(Path(made), url, relay, SEND_CONNECTIONS=str(CONNECTIONS)) as pli,
    ):
        world = pli.seeded(members)
        pli.start("clock")
        pli.start("worker")
        begun, number = monotonic(), campaign(world, kind, members)
        pli.await_status(number, "sent", 60 + 30 * kills)
        lasted = monotonic() - begun
        await_that(lambda: not relay.open_lines, "the relay has read what the dead had written", 60)
        found = account(world, number, relay.messages)
        pli.pli("campaigns", "settle", number, "--in-doubt", "resend", "--by", "paul@passerelles.example")
        pli.await_status(number, "sent", 120)
        after = account(world, number, relay.messages)
    assert after.states == {DeliveryState.ACCEPTED: members}
    assert len(after.copies) == members
    assert {recipient for recipient, copies in after.copies.items() if copies > 1} <= found.in_doubt
    assert len(found.in_doubt) <= len(relay.struck) * CONNECTIONS
    assert after.extra <= len(relay.struck) * CONNECTIONS
    states = ", ".join(f"{state.value} {count}" for state, count in sorted(found.states.items()))
    return (
        f"{kind.value:15} {name:10} {len(relay.struck)} kills, {members} recipients: {states}; at the relay "
        f"{len(found.copies)}, copies beyond one {found.extra}; after « renvoyer » "
        f"{len(after.copies)}, beyond one {after.extra}; {lasted:.0f} s"
    )


if __name__ == "__main__":
    kills, members = (int(given) for given in (sys.argv[1:] + ["20", "400"][len(sys.argv) - 1 :])[:2])
    for name in ("sqlite", "postgresql"):
        for kind in (MailKind.COMMUNIQUE, MailKind.AG_CONVOCATION):
            print(trial(kind, name, kills, members), flush=True)
