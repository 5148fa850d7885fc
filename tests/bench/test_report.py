"""What the benchmark makes of its measures, and what its sink counts."""

from __future__ import annotations

import shutil
import smtplib
import socket
import time
from pathlib import Path

import pytest

from bench import parts
from bench.counters import Line
from bench.counters import table as lines_of
from bench.parts import Measure
from bench.report import Row, beside, kept, page, table
from tests.parts import require


def row(key: str, *rates: tuple[float, float]) -> Row:
    """A row of pairs, each given as its own and its reference's mails a second."""
    pairs = [(Measure(1000, 1000 / mine, 40.0, 0.1), Measure(1000, 1000 / theirs)) for mine, theirs in rates]
    return Row(key, key.upper(), "smtp-source -s 8", 1000, pairs)


def test_a_row_is_the_median_of_its_pairs_and_tells_their_spread() -> None:
    # A slow minute halves both: the median of the rates would say 500 of 1,000.
    measured = row("pg2", (900, 1000), (300, 500), (400, 500))
    assert measured.ratio == pytest.approx(0.8)
    assert measured.rate == pytest.approx(400)
    assert table([measured])[0][3:5] == ("0.8 × smtp-source -s 8", "0.6–0.9")


def test_ours_is_compared_with_each_other_sender_pair_by_pair() -> None:
    # A slow minute halves both: each pair is a quotient of its own.
    django = row("django", (5, 200), (20, 400), (10, 600))
    django.reference = "Pli, 100,000 mails"
    told = "Pli, 100,000 mails, beside DJANGO with 1,000: 40 times as fast (20–60)"
    assert beside([row("pg2", (300, 1000)), django], ["django"]) == [told]
    assert beside([row("pg2", (300, 1000))], ["django"]) == []


def test_the_page_has_a_line_a_row() -> None:
    written = page(["a fact"], [row("pg2", (900, 1000))], ["a remark"])
    assert "| PG2 | 1,000 | 900 | 0.9 × smtp-source -s 8 | 0.9–0.9 | 40 MB | 100 µs |  |" in written


def test_a_benchmark_writes_its_part_of_the_page_and_leaves_the_others(tmp_path: Path) -> None:
    written = tmp_path / "benchmarks.md"
    for title, lines in (("Sending", ["old"]), ("Claims", ["a", "b"]), ("Sending", ["new", "", "| x |"])):
        written.write_text(kept(written, title, lines), encoding="utf-8")
    parts = written.read_text(encoding="utf-8").split("\n## ")
    assert parts[0].startswith("# Benchmarks\n")
    assert parts[1:] == ["Claims\n\na\nb\n", "Sending\n\nnew\n\n| x |\n"]


def test_an_act_is_compared_between_the_largest_sending_and_the_smallest() -> None:
    one = Line("figures", {100: 2.0, 1000: 3.0, 10: 4.0})
    assert lines_of([one], [10, 100, 1000])[1] == ("figures", "4.00", "2.00", "3.00", "0.75 ×")


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    require(shutil.which("gcc"), "gcc is not installed")
    return parts.compiled_sink(tmp_path_factory.mktemp("sink"))


@pytest.mark.parametrize("delay", [0, 5])
def test_the_sink_counts_each_mail_and_each_recipient_once(program: Path, delay: int) -> None:
    with parts.sink(program, 3, delay=delay) as relay, smtplib.SMTP("127.0.0.1", relay.port, "localhost") as line:
        for text in ("a", "..b\r\n.\r\nQUIT", "x" * 300_000):
            line.sendmail("a@exemple.example", ["b@exemple.example"], f"Subject: s\r\n\r\n{text}")
    assert relay.taken["messages"] == relay.taken["recipients"] == 3
    assert relay.taken["connections"] == 1


@pytest.mark.parametrize(
    "body", [b"", b"a\r\n", b"\r\n", b"a\r\n..\r\n\r\n", b"a\n.\nb\r\n.c\r\n", b"x" * 100 + b"\r\n"]
)
def test_the_sink_finds_the_end_of_a_body_however_it_is_cut(program: Path, body: bytes) -> None:
    behind = b"MAIL FROM:<a@exemple.example>\r\nRCPT TO:<b@exemple.example>\r\nDATA\r\n"
    whole = body + b".\r\n" + behind
    with (
        parts.sink(program, len(whole)) as relay,
        socket.create_connection(("127.0.0.1", relay.port), 5) as line,
        line.makefile("rb") as replies,
    ):
        line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        assert replies.readline().startswith(b"220 ")
        line.sendall(behind)
        for cut in range(1, len(whole)):
            assert [replies.readline()[:3] for _ in range(3)] == [b"250", b"250", b"354"]
            line.sendall(whole[:cut])
            # So that the pieces come one by one; nothing is asserted of the time.
            time.sleep(0.0005)
            line.sendall(whole[cut:])
            assert replies.readline()[:3] == b"250"
        line.sendall(body + b".\r\n")
        assert [replies.readline()[:3] for _ in range(4)] == [b"250", b"250", b"354", b"250"]
    assert relay.taken["octets"] == len(whole) * (len(body) + 3)


def test_a_sink_that_took_another_number_is_no_measure(program: Path) -> None:
    def sends_one() -> None:
        with parts.sink(program, 2) as relay, smtplib.SMTP("127.0.0.1", relay.port, "localhost") as line:
            line.sendmail("a@exemple.example", ["b@exemple.example"], "Subject: s\r\n\r\nt")

    with pytest.raises(RuntimeError, match="2 mails were sent"):
        sends_one()
