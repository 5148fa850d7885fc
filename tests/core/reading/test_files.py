"""The files that came with a letter: each told by its own bytes, under a name that is what it looks like (S13)."""

from __future__ import annotations

import base64
import io
import zipfile

import pytest
from hypothesis import given
from hypothesis import strategies as some

from service.core.reading import files, headers
from service.core.reading.files import Attached


def carrying(*parts: tuple[str, bytes], text: str = "Bonjour") -> bytes:
    """A message with these (header lines, bytes) beside its text."""
    pieces = [b"Content-Type: text/plain; charset=utf-8\r\n\r\n" + text.encode()]
    pieces += [
        f"{lines}\r\nContent-Transfer-Encoding: base64\r\n\r\n".encode() + base64.b64encode(content)
        for lines, content in parts
    ]
    raw = b"From: a@membre.example\r\nContent-Type: multipart/mixed; boundary=z\r\n\r\n"
    return raw + b"".join(b"--z\r\n" + piece + b"\r\n" for piece in pieces) + b"--z--\r\n"


def named(name: str, content: bytes, declared: str = "application/octet-stream") -> Attached:
    (one,) = files.of(
        carrying((f'Content-Type: {declared}\r\nContent-Disposition: attachment; filename="{name}"', content))
    )
    return one


def zipped(*names: str) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        for name in names:
            archive.writestr(name, "x")
    return made.getvalue()


def test_a_file_is_told_by_its_bytes_and_given_whole() -> None:
    raw = carrying(('Content-Type: text/html; name="plan.pdf"', b"%PDF-1.7 " + bytes(range(256))))
    (one,) = files.of(raw)
    assert (one.name, one.kind.words, one.kind.content_type, one.size, one.says) == (
        "plan.pdf", "PDF", "application/pdf", 265, "",
    )  # fmt: skip
    assert files.given(raw, one.position) == (one, b"%PDF-1.7 " + bytes(range(256)))


def test_the_words_of_a_letter_are_no_file_of_it() -> None:
    raw = carrying(("Content-Type: image/png", b"\x89PNG\r\n\x1a\n"))
    (one,) = files.of(raw)
    assert one.name == "piece-2.png"
    assert files.given(raw, 0) is None
    assert files.given(raw, 2) is None
    assert files.given(raw, -1) is None


@pytest.mark.parametrize(
    ("name", "content", "words", "acts", "says"),
    [
        ("facture.pdf", b"MZ\x90\0", "programme", True, "PDF"),
        ("photo.jpg", b"<html><script>alert(1)</script>", "page web", True, "image JPEG"),
        ("image.png", b"<svg onload=alert(1)>", "dessin SVG", True, "image PNG"),
        ("lisez.txt", b"#!/bin/sh\nrm", "programme", True, "texte"),
        ("virus.js", b"alert(1)", "programme", True, ""),
        (".htaccess", b"AddHandler x", "programme", True, ""),
        ("budget.xlsx", zipped("xl/workbook.xml"), "tableau Excel", False, ""),
        ("budget.xlsm", zipped("xl/workbook.xml", "xl/vbaProject.bin"), "tableau Excel avec macros", True, ""),
        ("photos.zip", zipped("a.jpg"), "archive ZIP", False, ""),
        ("statuts.docx", zipped("word/document.xml"), "document Word", False, ""),
        ("statuts.odt", zipped("a") + b"application/vnd.oasis.opendocument.text", "document OpenDocument", False, ""),
        ("vieux.doc", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "document Office", False, ""),
        ("notes.txt", "Été".encode(), "texte", False, ""),
        ("rien.pdf", b"", "fichier vide", False, ""),
        ("bizarre", b"\0\1\2", "fichier", False, ""),
    ],
)
def test_a_name_that_lies_and_a_file_that_acts_are_told(
    name: str, content: bytes, words: str, acts: bool, says: str
) -> None:
    one = named(name, content)
    assert (one.kind.words, one.kind.acts, one.says) == (words, acts, says)
    assert not (acts and one.kind.content_type != "application/octet-stream"), (
        "nothing that acts says to a browser what it is"
    )


def test_a_letter_passed_on_is_one_file() -> None:
    (one,) = files.of(carrying(("Content-Type: message/rfc822", b"Subject: Avant\r\n\r\nOui")))
    assert (one.kind.words, one.name) == ("message", "piece-2.eml")


@pytest.mark.parametrize(
    ("typed", "safe"),
    [
        ("../../etc/passwd", "passwd"),
        ("C:\\Windows\\system.ini", "system.ini"),
        ("\u200b.htaccess", "htaccess"),
        ("\u2060\u200d..\u200b.profile", "profile"),
        ("facture\u202efdp.exe", "facturefdp.exe"),
        ("a\r\nContent-Type: text/html\r\n\r\n", "html"),
        ("nul.txt", "_nul.txt"),
        ("CON", "_CON"),
        ("x" * 300 + ".pdf", "x" * 116 + ".pdf"),
        ('a"b<c>d|e?f*g:h', "a_b_c_d_e_f_g_h"),
        (" . . ", ""),
        ("été à Noël.pdf", "été à Noël.pdf"),
    ],
)
def test_a_name_is_what_it_looks_like(typed: str, safe: str) -> None:
    assert headers.file_name(typed) == safe


@given(some.text(max_size=200))
def test_no_name_leaves_its_folder_hides_or_is_endless(typed: str) -> None:
    safe = headers.file_name(typed)
    assert len(safe) <= 120
    assert not set(safe) & set('/\\<>:"|?*\0\r\n\u200b\u202e')
    assert not safe.startswith(".")
    assert headers.file_name(safe) == safe


@given(some.binary(max_size=300))
def test_no_bytes_raise(raw: bytes) -> None:
    for one in files.of(raw):
        assert files.given(raw, one.position) is not None
    files.kind_of(raw, "x.pdf")
