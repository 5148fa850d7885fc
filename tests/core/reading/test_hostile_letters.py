"""Letters made to block the reading cost no more per line than others, and lose no word."""

from __future__ import annotations

import functools
import sys
import tracemalloc
from collections import Counter
from collections.abc import Callable
from types import FrameType

import pytest

from service.core.reading import introductions
from service.core.reading.kinds import recognise
from service.core.reading.ours import Ours
from service.core.reading.parsing import parse
from service.core.reading.replies import cut
from service.core.vocabulary import InboundKind

LINES = 20_000
OURS = Ours(frozenset({"vie@passerelles.example"}), frozenset({"passerelles.example"}))
BLOCK = "De : Odile <odile@membre.example>\nEnvoyé : vendredi 26 mai 2023 10:12\nObjet : Rendez-vous"
REPEATED = [
    "Envoyé de mon iPhone\n",
    "> a\nb\n",
    "> a\n\n",
    "> a\n--\nb\n",
    "On a wrote:\n",
    "On 26 May 2023, at 10:12, Odile wrote:\n> a\n",
    "_____\nmailing list\n",
    "Ce message\n",
    "De : a\n",
]


def words(*texts: str) -> Counter[str]:
    return Counter(word for text in texts for word in text.split())


def calls(act: Callable[[], object]) -> int:
    """Counts the calls of functions, which tell the work on any machine as seconds do not."""
    count = 0

    def note(_frame: FrameType, _event: str, _value: object) -> None:
        nonlocal count
        count += 1

    before = sys.getprofile()
    sys.setprofile(note)
    try:
        act()
    finally:
        sys.setprofile(before)
    return count


def test_lines_beyond_twenty_thousand_cost_next_to_nothing_and_stay_with_what_is_above_them() -> None:
    quote = "Merci.\n\n" + "> a\n" * LINES
    few, many = (calls(functools.partial(cut, quote + "> b\n" * more)) for more in (0, LINES))
    assert many < 1.3 * few
    found = cut(quote + "fin\n")
    assert (found.reply, found.quoted[-4:]) == ("Merci.", "\nfin")


@pytest.mark.parametrize("piece", REPEATED)
def test_a_letter_twice_as_long_is_about_twice_the_work(piece: str) -> None:
    once, twice = (calls(functools.partial(cut, piece * count)) for count in (150, 300))
    assert twice < 2.3 * once


@pytest.mark.parametrize("piece", REPEATED)
def test_a_letter_of_very_many_lines_loses_no_word(piece: str) -> None:
    text = piece * (LINES // piece.count("\n"))
    found = cut(text)
    assert words(found.reply, found.signature, found.quoted) == words(text)


@pytest.mark.parametrize(
    "text",
    [
        f"{'_' * 200_000}!\n{BLOCK}",
        f"De{' ' * 200_000}x",
        "<http:// " * 50_000,
        "-" * 200_000 + "x" * 100,
        "Le 26/05/2023 " * 20_000,
    ],
)
def test_one_very_long_line_loses_no_word(text: str) -> None:
    found = cut(text)
    assert words(found.reply, found.signature, found.quoted) == words(text)


@pytest.mark.parametrize(
    "html",
    [
        '<p style="margin-top: 99999em">Non</p>' * 30,
        '<p style="padding-left: 99999em">Non</p>' * 300,
        f"<table><tr><td>{'a' * 30_000}</td></tr>{'<tr><td>b</td></tr>' * 3_000}</table>",
        f"<table><tr><td>{'a<br>' * 6_000}</td>{'<td>b</td>' * 3_000}</tr></table>",
    ],
    ids=["margin", "indent", "wide column", "tall row"],
)
def test_a_letter_of_a_few_words_stays_one_however_it_is_laid_out(html: str) -> None:
    tracemalloc.start()
    try:
        assert "Oui" in cut("", f"Oui{html}").reply
        assert tracemalloc.get_traced_memory()[1] < 10_000_000
    finally:
        tracemalloc.stop()


def test_what_a_letter_hides_stays_hidden_and_its_own_line_ends_stay() -> None:
    html = '<p style="color:red;DISPLAY : none">caché</p><div style="margin:2em;white-space:pre-wrap">un\ndeux</div>'
    assert cut("", html).reply == "un\ndeux"


def test_a_small_table_keeps_its_rows() -> None:
    html = "<table><tr><td>Lundi</td><td>oui</td></tr><tr><td>Mardi</td><td>non</td></tr></table>"
    assert [line.split() for line in cut("", html).reply.splitlines()] == [["Lundi", "oui"], ["Mardi", "non"]]


def test_a_letter_of_very_many_tags_is_read_without_them_and_loses_no_word() -> None:
    few, many = (calls(functools.partial(cut, "", "<p>mot" * count)) for count in (2_000, 150_000))
    assert many < 10 * few
    assert cut("", "<p>mot" * 150_000).reply.split() == ["mot"] * 150_000


def test_very_many_blockquotes_do_not_each_read_all_that_stands_above_them(monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[int] = []
    is_of_a_program = introductions.is_of_a_program

    def note(text: str) -> bool:
        read.append(len(text))
        return is_of_a_program(text)

    monkeypatch.setattr(introductions, "is_of_a_program", note)
    once, twice = (html_work(count, read) for count in (200, 400))
    assert twice < 2.3 * once


def html_work(count: int, read: list[int]) -> int:
    """Counts the letters above blockquotes that are looked at."""
    read.clear()
    html = f"<div>{'mot ' * count}{'<blockquote></blockquote>' * count}</div>"
    assert cut("", html).reply.split() == ["mot"] * count
    return sum(read)


def test_a_long_text_above_a_blockquote_is_no_introduction(monkeypatch: pytest.MonkeyPatch) -> None:
    introduction = "Le ven. 26 mai 2023 à 10:12, Léa Prunier <lea@membre.example> a écrit :"
    assert introductions.is_of_a_program(introduction)
    monkeypatch.setattr(introductions, "_BLANKS", None)
    assert not introductions.is_of_a_program(introduction + " " * 2_000)


@pytest.mark.parametrize("opening", ["<script ", "<style ", "<!-- "])
def test_scripts_and_comments_without_end_do_not_hide_the_letter(opening: str) -> None:
    assert "Bonjour" in cut("", "<div>" * 200 + opening * 50_000 + "><p>Bonjour").reply


def test_scripts_and_comments_leave_a_letter_that_is_too_deep() -> None:
    unseen = "<SCRIPT a>un</Script ><!-- deux <script> --><title>trois</title><!-->quatre-->"
    assert cut("", "<div>" * 200 + f"Bonjour{unseen}fin").reply == "Bonjourfin"


def test_very_many_flowed_lines_are_joined() -> None:
    raw = b"Content-Type: text/plain; format=flowed; delsp=yes\n\n" + b"a \n" * 200_000
    assert parse(raw).text == "a" * 200_000


def test_very_many_tags_in_a_subject_do_not_block_the_reading() -> None:
    message = parse(b"From: odile@membre.example\nSubject: " + b"[a] " * 2_000 + b"Question\n\nQui vote ?")
    assert recognise(message, OURS).kind is InboundKind.QUESTION


def test_tags_before_an_automatic_subject_do_not_hide_it() -> None:
    message = parse(b"From: odile@membre.example\nSubject: [a] [b]  [c] Absence du bureau : juin\n\nQui vote ?")
    assert recognise(message, OURS).kind is InboundKind.AUTO_REPLY
