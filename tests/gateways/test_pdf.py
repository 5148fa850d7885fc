"""Is the paper of a proof one that a lawyer can read and keep: tagged, dated by its content, with its table inside?"""

from __future__ import annotations

import re
import socket
import sys
import tracemalloc
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import jinja2
import pytest

from service.core.proof import paper, sheet
from service.core.proof.content import Proof
from service.gateways.pdf import WeasyPrinter
from service.ports import CannotPrint
from service.setting_values import ROOT
from tests.builders_of_proofs import LAUNCH, proof, row
from tests.core.proof.test_sheet import FINGERPRINT_1, FORM_1
from tests.parts import require
from tests.parts.paper import Paper

PARIS = ZoneInfo("Europe/Paris")
PEOPLE = [
    row(1),
    row(2, state="revenu en erreur", detail="L’adresse n’existe pas.", bounced_at=LAUNCH, bounce_code="5.1.1"),
    row(3, state="en erreur", detail="La boîte aux lettres est pleine.", code=552, reply="5.2.2 mailbox full"),
    row(
        4,
        state="non envoyé",
        detail="N’a pas d’adresse e-mail.",
        address="",
        message_id="",
        tried_at=None,
        code=None,
        reply="",
        settled_at=None,
        attempts=0,
    ),
]


def printed(folder: Path, told: Proof) -> Paper:
    """Print for real; without the libraries the test is skipped with the reason."""
    file = folder / "preuve.pdf"
    file.write_bytes(pdf_of(WeasyPrinter(PARIS), told))
    return Paper(file)


def pdf_of(printer: WeasyPrinter, told: Proof) -> bytes:
    try:
        return printer.pdf(told)
    except CannotPrint as refusal:
        if "apt install" in refusal.sentence:
            require(False, refusal.sentence)
        raise


def written(told: Proof, listed: int = paper.LISTED) -> str:
    """The paper before it is printed, spaces of all kinds as one."""
    templates = paper.environment(jinja2.FileSystemLoader(ROOT / "templates" / "proof"))
    return " ".join(paper.html(told, environment=templates, zone=PARIS, listed=listed).split())


def test_the_paper_is_tagged_french_dated_by_its_content_and_holds_its_table(tmp_path: Path) -> None:
    told = proof(*PEOPLE)
    made = printed(tmp_path, told)
    info = made.info()
    assert (info["Tagged"], info["Author"]) == ("yes", "Les Passerelles <ag@passerelles.example>")
    assert info["Title"] == "Preuve d’envoi n° 12 : Convocation à l’assemblée générale"
    assert 'pdfuaid:part="1"' in made.asked("pdfinfo", "-meta")
    assert any(re.search(rb"/Lang ?\(fr\)", written) for written in made.objects())
    tags = made.asked("pdfinfo", "-struct")
    assert {"H1", "H2", "LI", "Table", "TH", "TD"} <= set(re.findall(r"(?m)^\s*(\w+)", tags))
    assert "/Headers [" in tags
    fonts = made.asked("pdffonts").splitlines()[2:]
    assert fonts
    assert [line for line in fonts if "DejaVu" not in line or " yes yes yes " not in line] == []
    [table] = made.attached(tmp_path / "inside")
    assert table.name == "preuve-envoi-12.csv"
    assert table.read_bytes() == sheet.write(told)


def test_page_one_says_what_it_proves_what_it_does_not_and_the_hash_of_the_table(tmp_path: Path) -> None:
    told = proof(*PEOPLE)
    made = printed(tmp_path, told)
    first = made.text(1, 1)
    assert sheet.sha256(told) in first
    for words in (
        "Ce que ce document prouve",
        "Ce qu’il ne prouve pas",
        "Ni la réception",
        "relu et approuvé par Paul",
    ):
        assert words in first
    assert "tail -n +2 preuve-envoi-12.csv | sha256sum" in first
    assert "de 12 h 02 à 12 h 09" in first
    rest = made.text(2)
    assert "Bonjour {prénom}," in rest
    for words in ("queued as 00000001", "552 5.2.2 mailbox full", "revenu en erreur", "5.1.1", "N’a pas d’adresse"):
        assert words in rest
    everything = made.text().casefold()
    assert "remis" not in everything
    assert "distribué" not in everything


def test_a_proof_of_form_1_is_printed_with_its_own_table_inside(tmp_path: Path) -> None:
    file = FORM_1.read_bytes()
    made = printed(tmp_path, sheet.read(file))
    assert FINGERPRINT_1 in made.text(1, 1)
    assert "L’équipe a décidé de ne pas le renvoyer." in made.text(2)
    [table] = made.attached(tmp_path / "inside")
    assert table.read_bytes() == file


def test_the_paper_says_who_decided_not_to_send_again_and_when() -> None:
    decided = datetime(2026, 11, 27, 21, 51, 20, tzinfo=UTC)
    left = row(2, state="en doute", detail="Non.", code=None, reply="", decided_by="Ana Morel", decided_at=decided)
    assert written(proof(row(1), left)).count("Décidé par Ana Morel le vendredi 27 novembre 2026 à 22 h 51.") == 1


def test_page_one_says_up_to_which_event_it_tells() -> None:
    """In the content, and so the same whenever it is printed."""
    later = proof(row(), row(2, bounced_at=LAUNCH + timedelta(days=2, minutes=7)))
    assert "jeudi 26 novembre 2026 à 12 h 07, dernier événement pris en compte" in written(later)
    assert "mardi 24 novembre 2026 à 12 h 09, dernier événement pris en compte" in written(proof(row()))


def test_a_sending_within_one_minute_has_one_hour_and_one_past_midnight_two_days() -> None:
    started = datetime(2026, 11, 24, 4, 45, 3, tzinfo=UTC)
    for lasted, told in (
        (timedelta(seconds=50), "le mardi 24 novembre 2026 à 5 h 45, demandé"),
        (timedelta(seconds=60), "le mardi 24 novembre 2026 de 5 h 45 à 5 h 46, demandé"),
        (timedelta(days=1), "du mardi 24 novembre 2026 à 5 h 45 au mercredi 25 novembre 2026 à 5 h 45, demandé"),
    ):
        assert told in written(proof(row(), started_at=started, finished_at=started + lasted))


def test_the_line_under_a_title_is_said_to_be_of_the_text_that_left() -> None:
    said = "elles soulignent un titre"
    assert said in written(proof(row(), text="Ordre du jour\n=============\n\nVenez."))
    assert said not in written(proof(row(), text="Bonjour,\n\n--\nLes Passerelles\n\n- - -\na = b"))


def test_the_paper_has_no_word_of_ours_and_one_word_for_who_is_written_to() -> None:
    words = written(proof(*PEOPLE)).casefold()
    assert [one for one in ("relais", "moule", "personne<", "personnes", "sociétaire") if one in words] == []


def test_page_one_names_the_proof_that_it_replaces(tmp_path: Path) -> None:
    assert "d’empreinte SHA-256 " + "ab" * 32 in printed(tmp_path, proof(*PEOPLE, replaces="ab" * 32)).text(1, 1)
    assert "Remplace" not in written(proof(*PEOPLE))


def test_the_same_content_is_the_same_paper_to_the_byte(tmp_path: Path) -> None:
    told = proof(*PEOPLE)
    assert printed(tmp_path, told).file.read_bytes() == printed(tmp_path, told).file.read_bytes()


def test_each_page_of_the_list_has_the_headings_and_its_number(tmp_path: Path) -> None:
    made = printed(tmp_path, proof(*(row(number) for number in range(1, 81))))
    pages = int(made.info()["Pages"])
    assert pages > 4
    for number in range(3, pages + 1):
        page = made.text(number, number)
        assert "Réponse du serveur" in page
        assert f"Page {number} sur {pages}" in page


@pytest.mark.parametrize("name", ["<script>alert(1)</script>", '<img src="URL">', "</td></table>", "{{ 7*7 }}"])
def test_a_hostile_name_is_words_and_nothing_is_fetched(tmp_path: Path, name: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.0)
        name = name.replace("URL", f"http://127.0.0.1:{server.getsockname()[1]}/x.png")
        made = printed(tmp_path, proof(row(name=name), subject=name, text=name))
        with pytest.raises(BlockingIOError):
            server.accept()
    assert made.text(2).replace(" ", "").count(name.replace(" ", "")) >= 2


def test_the_printing_process_fetches_nothing_even_when_the_paper_asks(tmp_path: Path) -> None:
    """The template is ours and names no address; this is the wall behind it."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.0)
        port = server.getsockname()[1]
        asks = (
            f"<link rel=stylesheet href='http://127.0.0.1:{port}/a.css'><img alt=x src='http://127.0.0.1:{port}/b.png'>"
            f"<style>@font-face {{ font-family: F; src: url(http://127.0.0.1:{port}/f.ttf) }}"
            f"body {{ font-family: 'DejaVu Sans' }} p {{ background: url(file:///etc/passwd) }}</style><p>Bonjour"
        )
        script = (
            "import sys; from datetime import UTC, datetime; from service.gateways import pdf; sys.stdout.buffer.write(pdf._print("
            f"{{'html': {asks!r}, 'name': 'x.csv', 'csv': b'x', 'dated': datetime(2026, 11, 24, tzinfo=UTC), 'identifier': 'x'}}))"
        )
        printer = WeasyPrinter(PARIS, command=(sys.executable, "-c", script))
        (tmp_path / "x.pdf").write_bytes(pdf_of(printer, proof(row())))
        assert "Bonjour" in Paper(tmp_path / "x.pdf").text()
        with pytest.raises(BlockingIOError):
            server.accept()


def test_who_asks_for_the_paper_of_a_large_sending_holds_its_file_and_the_paper_and_no_more() -> None:
    """The recipients are read in the process that prints, which gives its memory back."""
    told = proof(*PEOPLE, *(row(number) for number in range(5, 3000)))
    file, printer = sheet.write(told), WeasyPrinter(PARIS)
    made = pdf_of(printer, told)
    tracemalloc.start()
    try:
        assert printer.pdf_of_file(file) == made
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    # The paper comes in pieces, which are put together.
    assert most < 2 * len(made) + len(file) / 4


def test_beyond_the_limit_only_the_exceptions_are_named_and_it_says_so() -> None:
    told = proof(*PEOPLE, *(row(number) for number in range(5, 30)))
    short = written(told, listed=10)
    assert "Prénom2 Nom2" in short
    assert "Prénom1 Nom1" not in short
    assert "Cette liste ne nomme que les destinataires dont l’état n’est pas « envoyé »" in short
    assert "29 destinataires sont tous dans le fichier CSV joint" in short
    assert "Prénom29 Nom29" in written(told)
    shorter = written(told, listed=2)
    assert "Prénom4 Nom4" not in shorter
    assert "dont 1 autre ne figure que dans le CSV" in shorter


def test_a_stopped_sending_and_one_without_a_second_reader_are_told_on_page_one() -> None:
    told = proof(*PEOPLE, is_stopped=True, stopped_by="Paul")
    assert "arrêté avant la fin</strong> par Paul" in written(told)
    alone = proof(*PEOPLE, agreement=told.agreement.__class__("Paul", LAUNCH, True, "Le local ferme.", "cd" * 32))
    assert "parti sans relecture</strong>, décidé par Paul" in written(alone)
    assert "«&nbsp;Le local ferme.&nbsp;»" in written(alone)


def test_without_the_libraries_it_says_what_to_install(tmp_path: Path) -> None:
    """As on a machine without Pango, where the import fails with the loader's own error."""
    (tmp_path / "weasyprint.py").write_text("raise OSError(\"cannot load library 'libpango-1.0-0'\")")
    with pytest.raises(CannotPrint, match=r"Pango.*apt install libpango-1.0-0.*CSV"):
        WeasyPrinter(PARIS, {"PYTHONPATH": str(tmp_path)}).pdf(proof(row()))


def test_without_any_font_it_says_what_to_install(tmp_path: Path) -> None:
    (tmp_path / "fonts.conf").write_text('<?xml version="1.0"?><fontconfig></fontconfig>')
    printed(tmp_path, proof(row()))
    with pytest.raises(CannotPrint, match=r"police DejaVu Sans.*fonts-dejavu-core"):
        WeasyPrinter(PARIS, {"FONTCONFIG_FILE": str(tmp_path / "fonts.conf")}).pdf(proof(row()))
