"""`./pli bench send`: how fast does mail leave, beside postfix's smtp-source and the usual senders?

Every sender sends the same mail of 28 KB to the same sink on loopback, one connection or several. Each measure of ours is
made right before or after one of smtp-source, and each of another sender right before or after one of ours, so that a
machine which is slow for a minute is slow for both; a row is the median of its pairs. Ours count from the first claim to
the last durable settle, with real RQ workers and a database whose commits are durable; smtp-source counts as a whole
process; the others without their start.
"""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import click

from bench.ours import Bench, Way, bench
from bench.parts import Measure, compiled_sink, has_smtp_source, load, machine, sink, smtp_source, syncs_a_second
from bench.peers import PEERS, Peers
from bench.report import HEADINGS, Row, beside, kept, lined_up, page, table
from bench.world import OCTETS, example
from service.setting_values import ROOT
from service.settings import SETTINGS

PAGE = ROOT / "docs" / "benchmarks.md"
TITLE = "Sending"
# What is in hand grows with the connections, and with it what one transaction settles and takes: two processes of 32 were
# 1.1 times as fast as two of 16 (60,000 mails, the median of five pairs), which were 1.2 times as fast as two of 8; 48 and 64
# gave little more. Strict gathers the bodies of 16 under one fdatasync. SEND_CONNECTIONS is 4 unless it is set.
OURS = {
    "pg2": ("Pli, PostgreSQL, relaxed, 2 processes of 32 connections", Way("postgresql", processes=2, connections=32)),
    "pg1": ("Pli, PostgreSQL, relaxed, 1 process of 32 connections", Way("postgresql", connections=32)),
    "sqlite1": ("Pli, SQLite, relaxed, 1 process of 32 connections", Way("sqlite", connections=32)),
    "pg1-strict": ("Pli, PostgreSQL, strict, 1 process of 16 connections", Way("postgresql", 1, "strict", 16)),
    "sqlite1-strict": ("Pli, SQLite, strict, 1 process of 16 connections", Way("sqlite", 1, "strict", 16)),
    # What who sets nothing has: kind to the relay first.
    "default": ("Pli, SQLite, strict, 1 process of 4 connections: nothing set", Way("sqlite", 1, "strict", 4)),
}
SIGNED = {
    "pg2-dkim": ("Pli, PostgreSQL, relaxed, 2 processes of 32 connections, ed25519 DKIM", "pg2"),
    "sqlite1-dkim": ("Pli, SQLite, relaxed, 1 process of 32 connections, ed25519 DKIM", "sqlite1"),
}
# A relay that answers each final dot after 20 ms: there the number of connections decides.
SLOW, SLOW_CONNECTIONS = 20, 20
SLOW_ROW = "slow"
# The row of ours that the other senders are measured beside.
FASTEST = "pg2"
_SIZES = (
    "another sender works mail by mail and is given what it sends in some ten seconds; ours beside it sends the largest "
    "number, since of a smaller one a part leaves before the windows have grown"
)
_SLOW_MAILS = 10_000


@dataclass(frozen=True, slots=True)
class Sitting:
    """What all the measures of one sitting share."""

    folder: Path
    ours: Bench
    peers: Peers
    sink: Path
    message: Path
    document: Path


@click.command("send")
@click.option("--recipients", default="10000,100000", show_default=True, help="How many; several sizes with commas.")
@click.option("--rounds", default=5, show_default=True, type=click.IntRange(min=1), help="How many pairs a row.")
@click.option("--rows", default="", help=f"Which rows, with commas: {', '.join([*OURS, *SIGNED, SLOW_ROW, *PEERS])}.")
@click.option(
    "--write/--no-write", default=None, help="Write docs/benchmarks.md; by default when every row is measured."
)
def send(recipients: str, rounds: int, rows: str, write: bool | None) -> None:
    """Measure how fast mail leaves. A minute: --recipients 2000 --rounds 1 --rows pg2,sqlite1,nodemailer."""
    if not has_smtp_source():
        raise click.ClickException("smtp-source is not here: install postfix (no service of it is needed).")
    signed = list(SIGNED) if _can_sign() else []
    wanted = [key for key in rows.split(",") if key] or [*OURS, *signed, SLOW_ROW, *PEERS]
    unknown = set(wanted) - {*OURS, *signed, SLOW_ROW, *PEERS}
    if unknown:
        raise click.UsageError(f"No row is called {', '.join(sorted(unknown))}.")
    sizes = sorted(int(size) for size in recipients.split(","))
    with tempfile.TemporaryDirectory(prefix="pli-bench-") as name:
        folder = Path(name)
        with bench(folder) as ours:
            sitting = Sitting(folder, ours, Peers(folder), compiled_sink(folder), *example(folder))
            facts = _facts(sitting, rounds)
            measured = _measure_all(sitting, wanted, sizes, rounds)
            facts += [
                f"launching {size:,} recipients on {database}: {seconds:.1f} s"
                for (database, size), seconds in sorted(ours.launched.items())
            ]
    remarks = beside(measured, PEERS)
    _print(facts, measured, remarks)
    if write if write is not None else not rows:
        PAGE.write_text(kept(PAGE, TITLE, page(facts, measured, remarks)), encoding="utf-8")
        click.echo(f"Written: {PAGE.relative_to(ROOT)}")


def _facts(sitting: Sitting, rounds: int) -> list[str]:
    at = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")  # noqa: TID251 (the clock of the sitting)
    syncs = syncs_a_second(sitting.folder)
    return [
        f"{at}, {machine()}; load before: {load():.1f}",
        f"mails of {sitting.message.stat().st_size:,} octets (asked: {OCTETS:,}); the disk makes {syncs:,.0f} small writes durable a second",
        f"each row is the median of {rounds} pairs: ours beside smtp-source, another sender beside ours",
        _SIZES,
    ]


def _measure_all(sitting: Sitting, wanted: Sequence[str], sizes: Sequence[int], rounds: int) -> list[Row]:
    rows, ours = [], OURS | {key: _signed(sitting, *row) for key, row in SIGNED.items() if key in wanted}
    for size in sizes:
        for key in wanted:
            if key in ours:
                name, way = ours[key]
                row = Row(key, name, "smtp-source -s 8", size)
                rows.append(_pairs(row, _ours(sitting, way, size), _source(sitting, 8, size), rounds))
    if SLOW_ROW in wanted:
        size = min(_SLOW_MAILS, sizes[-1])
        name = f"Pli, PostgreSQL, relaxed, 1 process, {SLOW_CONNECTIONS} connections; the relay answers after {SLOW} ms"
        row = Row(SLOW_ROW, name, f"smtp-source -s {SLOW_CONNECTIONS}", size)
        mine = _ours(sitting, Way("postgresql", connections=SLOW_CONNECTIONS), size, delay=SLOW)
        rows.append(_pairs(row, mine, _source(sitting, SLOW_CONNECTIONS, size, delay=SLOW), rounds))
    for key in wanted:
        if key in PEERS:
            peer, (name, way) = PEERS[key], OURS[FASTEST]
            mails = min(peer.most, sizes[-1])
            row = Row(key, peer.name, f"{name}, {sizes[-1]:,} mails", mails)
            theirs = partial(_received, sitting, mails, partial(sitting.peers.send, sitting.document, key, mails))
            rows.append(_pairs(row, theirs, _ours(sitting, way, sizes[-1]), rounds))
    return rows


def _ours(sitting: Sitting, way: Way, mails: int, *, delay: int = 0) -> Callable[[], Measure]:
    return partial(_received, sitting, mails, partial(sitting.ours.send, way, mails), delay=delay)


def _source(sitting: Sitting, sessions: int, mails: int, *, delay: int = 0) -> Callable[[], Measure]:
    """Give smtp-source as many mails as ours, and at least as many as keep it busy for a second or so."""
    mails = mails if delay else max(mails, 10_000)

    def act(port: int) -> Measure:
        return smtp_source(port, mails, sitting.message, sessions=sessions)

    return partial(_received, sitting, mails, act, delay=delay)


def _received(sitting: Sitting, mails: int, act: Callable[[int], Measure], *, delay: int = 0) -> Measure:
    """Measure one sending into a sink of its own."""
    with sink(sitting.sink, mails, delay=delay) as relay:
        return act(relay.port)


def _can_sign() -> bool:
    """Whether this Pli signs mail by itself."""
    return any(setting.name == "DKIM_KEY" for setting in SETTINGS)


def _signed(sitting: Sitting, name: str, key: str) -> tuple[str, Way]:
    """Give one of our ways a key of the benchmark's own."""
    pem = sitting.folder / "dkim.pem"
    if not pem.exists():
        subprocess.run(["openssl", "genpkey", "-algorithm", "ed25519", "-out", str(pem)], check=True)
    return name, replace(OURS[key][1], settings=(("DKIM_KEY", str(pem)), ("DKIM_SELECTOR", "bench")))


def _pairs(row: Row, act: Callable[[], Measure], reference: Callable[[], Measure], rounds: int) -> Row:
    """Measure a row and its reference in turns, the one first and then the other."""
    for number in range(rounds):
        if number % 2:
            mine, theirs = act(), reference()
        else:
            theirs, mine = reference(), act()
        row.pairs.append((mine, theirs))
        click.echo(
            f"{row.name}, {row.recipients:,}: {mine.rate:,.0f}/s, {row.reference} {theirs.rate:,.0f}/s: {mine.rate / theirs.rate:.3g}",
            err=True,
        )
    return row


def _print(facts: Sequence[str], rows: Sequence[Row], remarks: Sequence[str]) -> None:
    for line in [*facts, *lined_up([HEADINGS, *table(rows)]), *remarks]:
        click.echo(line)
