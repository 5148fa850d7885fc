"""What the measures say: medians of pairs, their spread, and the page that keeps them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from bench.parts import Measure

Pair = tuple[Measure, Measure]


@dataclass
class Row:
    """One sender at one size: its measures, each beside one of its reference that was made just before or after it."""

    key: str
    name: str
    reference: str
    recipients: int
    pairs: list[Pair] = field(default_factory=list)

    @property
    def rate(self) -> float:
        """Mails a second, the median."""
        return median(mine.rate for mine, _ in self.pairs)

    @property
    def ratios(self) -> list[float]:
        """How fast beside its reference, a pair each, the slowest first."""
        return sorted(mine.rate / theirs.rate for mine, theirs in self.pairs)

    @property
    def ratio(self) -> float:
        """How fast beside its reference, the median of the pairs."""
        return median(self.ratios)

    @property
    def memory(self) -> float:
        """The largest sending process of any round, in megabytes."""
        return max(mine.memory or 0.0 for mine, _ in self.pairs)

    @property
    def cpu(self) -> float:
        """Microseconds of the processor a mail, of the sending processes alone, the median."""
        return median((mine.cpu or 0.0) / mine.mails * 1e6 for mine, _ in self.pairs)

    @property
    def start(self) -> float | None:
        """Seconds from the bell to the first claim, the median."""
        starts = [mine.start for mine, _ in self.pairs if mine.start is not None]
        return median(starts) if starts else None


HEADINGS = ("sender", "mails", "mails/s", "beside", "spread", "memory", "CPU a mail", "start")


def table(rows: Iterable[Row]) -> list[Sequence[str]]:
    """Give the rows as words."""
    return [
        (
            row.name,
            f"{row.recipients:,}",
            f"{row.rate:,.0f}",
            f"{row.ratio:.3g} × {row.reference}",
            f"{row.ratios[0]:.3g}–{row.ratios[-1]:.3g}",
            f"{row.memory:.0f} MB",
            f"{row.cpu:.0f} µs",
            "" if row.start is None else f"{row.start:.2f} s",
        )
        for row in rows
    ]


def beside(rows: Iterable[Row], others: Iterable[str]) -> list[str]:
    """Say how many times faster ours was than each other sender that it was the reference of, and the spread of it."""
    return [
        f"{row.reference}, beside {row.name} with {row.recipients:,}: "
        f"{1 / row.ratio:.3g} times as fast ({1 / row.ratios[-1]:.3g}–{1 / row.ratios[0]:.3g})"
        for row in rows
        if row.key in others
    ]


def page(facts: Sequence[str], rows: Sequence[Row], remarks: Sequence[str]) -> list[str]:
    """Write what was sent, as a part of the page."""
    return [
        *(f"- {fact}" for fact in facts),
        "",
        *tabled([HEADINGS, *table(rows)]),
        "",
        *(f"- {remark}" for remark in remarks),
    ]


def tabled(rows: Sequence[Sequence[str]]) -> list[str]:
    """Write a table in Markdown; the first row holds the headings."""
    headings, *others = (f"| {' | '.join(words)} |" for words in rows)
    return [headings, f"|{'---|' * len(rows[0])}", *others]


def lined_up(rows: Sequence[Sequence[str]]) -> list[str]:
    """Write a table for a terminal."""
    widths = [max(len(words[place]) for words in rows) for place in range(len(rows[0]))]
    return ["  ".join(word.ljust(width) for word, width in zip(words, widths, strict=True)).rstrip() for words in rows]


def kept(path: Path, title: str, lines: Sequence[str]) -> str:
    """Give the page with one part written anew; what other benchmarks wrote stays."""
    parts = {}
    if path.exists():
        for part in path.read_text(encoding="utf-8").split("\n## ")[1:]:
            name, _, body = part.partition("\n")
            parts[name] = body.strip("\n")
    parts[title] = "\n".join(lines)
    told = "".join(f"\n## {name}\n\n{body}\n" for name, body in sorted(parts.items()))
    return f"# Benchmarks\n\nWritten by `./pli bench NAME`; what each measures, and how, stands in `bench/`.\n{told}"
