"""Is the table of a proof the same bytes for the same content, checked by anybody, safe in a spreadsheet, read back whole?"""

from __future__ import annotations

import csv
import hashlib
import io
import subprocess
import tracemalloc
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.core.proof import sheet
from service.core.proof.content import FORM, Proof, Row, line, lines
from service.core.refusals import Refusal
from tests.builders_of_proofs import proof, row

PINNED = "fcb4513ccb11f952f48a5520243fc851ce4269832aa69bb93a8625d033cd63fd"
# What Pli wrote before form 2, to the byte: never write it anew.
FORM_1 = Path(__file__).with_name("form_1.csv")
FINGERPRINT_1 = "5142673c6109dee99da58dec7ac2a0ca6f8a826ea0d355d87ac3ef1dcd0d49e7"
WORDS = st.text(st.characters(codec="utf-8"), max_size=30)
INSTANTS = st.integers(1_600_000_000, 2_200_000_000).map(lambda seconds: datetime.fromtimestamp(seconds, UTC))


@st.composite
def rows(draw: st.DrawFn) -> Row:
    return row(
        name=line(draw(WORDS)),
        address=line(draw(WORDS)),
        reply=line(draw(WORDS)),
        code=draw(st.none() | st.integers(200, 599)),
        bounced_at=draw(st.none() | INSTANTS),
        decided_by=line(draw(WORDS)),
        decided_at=draw(st.none() | INSTANTS),
    )


@given(st.lists(rows(), max_size=3), WORDS, WORDS)
def test_what_is_written_is_read_back_whole(recipients: list[Row], subject: str, text: str) -> None:
    written = proof(*recipients, subject=line(subject), text=lines(text), replaces="ab" * 32)
    assert sheet.read(sheet.write(written)) == written


def test_what_stands_above_the_recipients_is_read_without_them_and_without_a_copy_of_the_file() -> None:
    told = proof(*(row(number) for number in range(3000)), replaces="ab" * 32)
    file = sheet.write(told)
    tracemalloc.start()
    try:
        assert sheet.read_facts(file) == replace(told, rows=())
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most < len(file) / 4
    assert sheet.read_facts(FORM_1.read_bytes()) == replace(sheet.read(FORM_1.read_bytes()), rows=())
    with pytest.raises(Refusal):
        sheet.read_facts(file.replace("envoyé".encode(), b"envoye"))


@pytest.mark.parametrize("begin", ["=", "+", "-", "@", "\t=", "'=", "＝", "＠"])
def test_no_cell_is_a_formula(begin: str) -> None:
    file = sheet.write(proof(row(name=f"{begin}cmd|' /C calc'!A0", reply="@SUM(1+1)"), subject="=1+1"))
    table = csv.reader(io.StringIO(file.decode("utf-8-sig"), newline=""), delimiter=";")
    cells = [cell for one in table for cell in one]
    assert [cell for cell in cells if cell.startswith(("=", "+", "-", "@", "\t", "＝", "＠"))] == []
    assert f"'{begin}cmd|' /C calc'!A0" in cells


def test_a_cell_cannot_end_its_row_or_its_column() -> None:
    hostile = 'x";"y"\r\n"z'
    kept = proof(row(), text=lines(hostile), approved_body=hostile.replace("\r", ""))
    assert sheet.read(sheet.write(kept)) == kept


def test_the_hash_of_the_first_line_is_that_of_the_other_lines_to_any_machine(tmp_path: Path) -> None:
    file = tmp_path / "preuve.csv"
    file.write_bytes(sheet.write(proof(row())))
    told = subprocess.run(
        ["/bin/sh", "-c", sheet.CHECK.format(name=file.name)], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert told.stdout.split()[0] == sheet.sha256(proof(row()))
    assert told.stdout.split()[0].encode() in file.read_bytes().partition(b"\n")[0]


def test_the_form_never_changes_unseen() -> None:
    """The hash of one fixed proof: whoever changes the form makes every earlier proof another one to recompute."""
    assert sheet.sha256(proof(row())) == PINNED


def test_any_change_of_the_content_is_another_hash() -> None:
    one = proof(row())
    others = [
        replace(one, text="Autre."),
        replace(one, replaces="ab" * 32),
        replace(one, agreement=replace(one.agreement, by="Autre")),
        replace(one, totals=replace(one.totals, bounced=1)),
        proof(row(code=251)),
        proof(row(settled_at=one.finished_at + timedelta(seconds=1))),
        proof(row(), row()),
    ]
    assert len({sheet.sha256(each) for each in [one, *others]}) == 1 + len(others)


def test_a_file_that_was_changed_is_refused_with_both_hashes() -> None:
    file = sheet.write(proof(row()))
    assert sheet.check(file) == sheet.sha256(proof(row()))
    changed = file.replace("envoyé".encode(), b"envoye")
    with pytest.raises(Refusal, match="a été modifié") as refused:
        sheet.check(changed)
    assert sheet.sha256(proof(row())) in refused.value.sentence
    assert hashlib.sha256(changed.partition(b"\n")[2]).hexdigest() in refused.value.sentence


@pytest.mark.parametrize("file", [b"", b"Nom;Email\n", b"\xef\xbb\xbfNom\n", b"\xff\xfe\x00"])
def test_a_file_that_is_no_proof_is_refused(file: bytes) -> None:
    with pytest.raises(Refusal, match="n’est pas une preuve d’envoi"):
        sheet.check(file)


def test_a_file_of_form_1_is_read_checked_and_written_again_to_the_byte() -> None:
    file = FORM_1.read_bytes()
    assert sheet.check(file) == FINGERPRINT_1
    kept = sheet.read(file)
    assert (kept.form, kept.campaign, kept.replaces, len(kept.rows)) == ("1", 12, "", 5)
    assert kept.rows[3].detail.endswith("L’équipe a décidé de ne pas le renvoyer.")
    assert {(one.decided_by, one.decided_at) for one in kept.rows} == {("", None)}
    assert sheet.write(kept) == file
    assert sheet.sha256(kept) == FINGERPRINT_1
    today = replace(kept, form=FORM)
    assert sheet.read(sheet.write(today)) == today
    assert sheet.sha256(today) != FINGERPRINT_1


@pytest.mark.parametrize(
    "content",
    [
        b'"autre";"forme"\r\n"";""\r\n',
        b"",
        b"\r\n",
        '"preuve d’envoi, forme";"3"\r\n'.encode(),
        '"preuve d’envoi, forme";"2"\r\n'.encode(),
        # The facts of form 1 under the number of the next.
        FORM_1.read_bytes().partition(b"\n")[2].replace(b'"1"', b'"2"', 1),
    ],
)
def test_a_proof_of_another_form_is_not_guessed_at(content: bytes) -> None:
    head = f'"SHA-256";"{hashlib.sha256(content).hexdigest()}"\r\n'.encode()
    with pytest.raises(ValueError, match="another form"):
        sheet.read(b"\xef\xbb\xbf" + head + content)


def test_the_last_fact_dates_the_content() -> None:
    end: Proof = proof(row())
    later = end.finished_at + timedelta(days=2)
    assert end.last_fact_at == end.finished_at
    for name in ("settled_at", "bounced_at", "complained_at", "answered_at", "decided_at"):
        known: dict[str, Any] = {name: later}
        assert proof(row(), row(**known)).last_fact_at == later, name
