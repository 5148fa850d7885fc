"""`./pli bench counters`: do claims, figures and pages take as long for a million recipients as for ten thousand?

One campaign that is nine tenths sent, in which one mail in fifty came back and one in a hundred was refused, on a database
whose commits are durable. Each act is done some times and taken back; a row is the median, and what the largest sending
takes beside the smallest.
"""

from __future__ import annotations

import re
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from statistics import median

import click
from flask.testing import FlaskClient
from sqlalchemy import text

from bench.parts import load, machine
from bench.report import kept, lined_up, tabled
from bench.world import multiply, seed
from service.actions import campaigns, claims, fronts
from service.models.campaign import Campaign
from service.setting_values import ROOT
from service.web.app import create_app
from service.wiring import Wiring
from tests.builders import PASSWORD
from tests.parts.postgres import postgres_server
from tests.web.world import wired

PAGE = ROOT / "docs" / "benchmarks.md"
TITLE = "Claims, figures and pages"
_FEW = 50
_WINDOW = 400
_AT = "https://courrier.passerelles.example"


@dataclass
class Line:
    """One act on one database: the milliseconds that it takes, by the number of recipients."""

    name: str
    took: dict[int, float] = field(default_factory=dict)

    @property
    def ratio(self) -> float:
        """What the largest sending takes beside the smallest."""
        return self.took[max(self.took)] / self.took[min(self.took)]


@click.command("counters")
@click.option("--recipients", default="10000,100000,1000000", show_default=True, help="Several sizes with commas.")
@click.option("--rounds", default=15, show_default=True, type=click.IntRange(min=1), help="How often each act is done.")
@click.option("--databases", default="sqlite,postgresql", show_default=True, help="Which databases, with commas.")
@click.option("--write", is_flag=True, help="Write the table into docs/benchmarks.md.")
def counters(recipients: str, rounds: int, databases: str, write: bool) -> None:
    """Measure what must not grow with a sending. A minute: --recipients 10000,100000."""
    sizes = sorted(int(size) for size in recipients.split(","))
    at = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")  # noqa: TID251 (the clock of the sitting)
    fact = f"{at}, {machine()}; load before: {load():.1f}; medians of {rounds}, in milliseconds"
    lines: dict[str, Line] = {}
    for kind in databases.split(","):
        for size in sizes:
            with _sending(kind, size) as wiring:
                for name, act in _acts(wiring, size).items():
                    line = lines.setdefault(f"{name}, {kind}", Line(f"{name}, {kind}"))
                    line.took[size] = _timed(act, rounds)
                    click.echo(f"{line.name}, {size:,}: {line.took[size]:.2f} ms", err=True)
    rows = table(list(lines.values()), sizes)
    click.echo("\n".join([fact, *lined_up(rows)]))
    if write:
        PAGE.write_text(kept(PAGE, TITLE, [f"- {fact}", "", *tabled(rows)]), encoding="utf-8")
        click.echo(f"Written: {PAGE.relative_to(ROOT)}")


def table(lines: Sequence[Line], sizes: Sequence[int]) -> list[Sequence[str]]:
    """Give the lines as words, below their headings."""
    headings = ("act", *(f"{size:,}" for size in sizes), "largest beside smallest")
    return [
        headings,
        *((one.name, *(f"{one.took[size]:.2f}" for size in sizes), f"{one.ratio:.2g} ×") for one in lines),
    ]


@contextmanager
def _sending(kind: str, size: int) -> Iterator[Wiring]:
    """Have a campaign of so many recipients under way, in a database of its own."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="pli-bench-")))
        url = f"sqlite:///{folder / 'pli.db'}"
        if kind == "postgresql":
            url = stack.enter_context(stack.enter_context(postgres_server(durable=True)).fresh_database())
        seed(url, _FEW)
        wiring = wired(folder, DATABASE_URL=url)
        stack.callback(wiring.engine.dispose)
        multiply(wiring.engine, _FEW, size)
        if kind == "postgresql":
            with wiring.engine.connect() as connection:
                # What autovacuum does within its minute; nobody analyses SQLite.
                connection.execution_options(isolation_level="AUTOCOMMIT").execute(text("VACUUM ANALYZE"))
        # The clock has done so all along: once a second, in some milliseconds.
        with wiring.sessions.begin() as session:
            fronts.advance(session)
        yield wiring


def _acts(wiring: Wiring, size: int) -> dict[str, Callable[[], object]]:
    client = _signed_in(wiring)

    def figures() -> None:
        with wiring.reading() as session:
            campaigns.figures(session, session.get_one(Campaign, 1))

    def claim(after: int) -> None:
        with wiring.sessions() as session:
            taken = claims.claim(session, 1, owner="bench/1", limit=_WINDOW, after=after, now=wiring.now())
            if len(taken.tickets) != _WINDOW:
                raise RuntimeError(f"{len(taken.tickets)} rows were claimed")

    def finish() -> None:
        with wiring.sessions() as session:
            campaigns.finish(session, 1, now=wiring.now())

    def page(path: str, **headers: str) -> Callable[[], None]:
        def get() -> None:
            answer = client.get(path, base_url=_AT, headers=headers)
            if answer.status_code != 200:
                raise RuntimeError(f"{path} answers {answer.status_code}")

        return get

    return {
        f"claim of {_WINDOW} rows": partial(claim, size * 9 // 10),
        f"first claim of {_WINDOW} rows by a process": partial(claim, 0),
        "the clock looks who works": partial(_unheard, wiring),
        "the clock moves the front": partial(_front, wiring),
        "figures": figures,
        "end of a campaign": finish,
        "progress page": page("/messages/1"),
        "its fragment": page("/messages/1", **{"HX-Request": "true"}),
        **{
            f"tab « {tray} »": page(f"/messages/1?etat={tray.value}") for tray in campaigns.Tray if tray.value != "tous"
        },
        "page 100 of the recipients": page("/messages/1?page=100"),
        "home": page("/"),
        "list of messages": page("/messages"),
    }


def _unheard(wiring: Wiring) -> None:
    with wiring.sessions() as session:
        if len(campaigns.unheard(session, now=wiring.now() + timedelta(hours=1))) != 1:
            raise RuntimeError("nobody is to be called although rows wait")


def _front(wiring: Wiring) -> None:
    with wiring.sessions() as session:
        fronts.advance(session)


def _signed_in(wiring: Wiring) -> FlaskClient:
    app = create_app(wiring)
    client = app.test_client()
    form = client.get("/connexion", base_url=_AT).text
    proof = re.search(r'name="csrf_token" value="([^"]+)"', form)
    if proof is None:
        raise RuntimeError("the sign-in page has no form")
    typed = {"email": "paul@passerelles.example", "password": PASSWORD, "csrf_token": proof[1]}
    client.post("/connexion", data=typed, base_url=_AT)
    return client


def _timed(act: Callable[[], object], rounds: int) -> float:
    """Do something some times, once before in vain; return the median in milliseconds."""
    act()
    took = []
    for _ in range(rounds):
        began = time.perf_counter()
        act()
        took.append((time.perf_counter() - began) * 1000)
    return median(took)
