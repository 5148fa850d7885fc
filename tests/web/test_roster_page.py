"""Does a members file come into the register by the page, with nothing done before the last button?"""

from __future__ import annotations

import io
import os
import re
from datetime import timedelta

import openpyxl
import pytest
from sqlalchemy import func, select, text

from service.actions import lists, members
from service.models.member import Contact, Member
from tests.web.conftest import Browser
from tests.web.world import World

FILE = (
    "Sociétaires au 1er novembre;;;;\n\n"
    "Numéro;Prénom;Nom;E-mail;Remarque\n"
    "1;Camille;Roy;camille@membre.example;vient en train\n"
    "2;Paul;Faure;paul.membre.example;\n"
    "3;Anne;Leroy;anne@membre.example;\n"
)


def test_a_file_is_imported_in_three_pages(signed_in: Browser, world: World) -> None:
    page = _upload(signed_in, FILE.encode())
    columns = signed_in.get(page).text
    assert "les en-têtes ont été trouvés à la ligne 3" in columns
    assert _selected(columns) == ["numéro", "prénom", "nom", "email", ""]
    preview = signed_in.get(f"{page}/apercu?{_query(columns)}").text
    assert "2\u00a0nouveaux" in preview
    assert "1\u00a0à corriger" in preview
    assert re.search(r"<th scope=\"row\" class=\"number\">.*5</th><td>email</td><td>paul.membre.example</td>", preview)
    assert "Importer 2\u00a0sociétaires" in preview
    assert _count(world) == 0
    answer = signed_in.send(page, _hidden(preview), follow_redirects=True)
    assert "C’est fait" in answer.text
    assert "1\u00a0ligne reste à corriger" in answer.text
    with world.begin() as session:
        camille = members.find(session, "1")
        assert camille.notes == {"Remarque": "vient en train"}
        assert [one.slug for one in lists.read_by(session, camille.contacts[0])] == ["nouvelles"]
    assert not list((world.wiring.settings.data_dir / "imports").iterdir())


def test_who_is_absent_is_proposed_and_kept_and_a_changed_address_wins(signed_in: Browser, world: World) -> None:
    world.member("Zoé", "Absente", number="9")
    changed = world.member("Camille", "Roy", number="1")
    with world.begin() as session, session.begin():
        contact = session.get_one(Contact, changed.contacts[0].id)
        members.change_address(session, contact, "choisie@membre.example", by=None, now=world.wiring.now())
    page = _upload(signed_in, FILE.encode())
    preview = signed_in.get(f"{page}/apercu").text
    assert "1\u00a0absent du fichier" in preview
    assert "1\u00a0différence" in preview
    assert "choisie@membre.example" in preview
    assert f"/societaires/{_id_of(world, '9')}/depart" in preview
    signed_in.send(page)
    with world.begin() as session:
        assert members.find(session, "9").left_on is None
        assert members.find(session, "1").contacts[0].email == "choisie@membre.example"


def test_a_column_may_be_said_to_be_something_else(signed_in: Browser, world: World) -> None:
    page = _upload(signed_in, b"A;B;C\n1;Roy;roy@membre.example\n")
    refused = signed_in.get(f"{page}/apercu")
    assert refused.status_code == 422
    assert "Il manque la colonne" in refused.text
    chosen = {"columns": "1", "column-0": "numéro", "column-1": "nom", "column-2": "email"}
    twice = signed_in.get(f"{page}/apercu", query_string=chosen | {"column-0": "nom"})
    assert (twice.status_code, 'href="#column-1"' in twice.text) == (422, True)
    assert _selected(twice.text) == ["nom", "nom", "email"]
    signed_in.send(page, chosen | {"list": "nouvelles"})
    with world.begin() as session:
        assert members.find(session, "1").family_name == "Roy"


def test_the_sheet_of_a_workbook_is_chosen(signed_in: Browser) -> None:
    book = openpyxl.Workbook()
    book.active.title = "Notes"  # type: ignore[union-attr]
    book.active.append(["rien", "ici"])  # type: ignore[union-attr]
    sheet = book.create_sheet("Membres")
    for row in (["Nom", "Email"], ["Roy", "roy@membre.example"]):
        sheet.append(row)
    kept = io.BytesIO()
    book.save(kept)
    page = _upload(signed_in, kept.getvalue(), "membres.xlsx")
    assert "<option selected>Membres</option>" in signed_in.get(page).text
    assert "<option selected>Notes</option>" in signed_in.get(f"{page}?sheet=Notes").text
    assert "<option selected>Membres</option>" in signed_in.get(f"{page}?sheet=Aucune").text
    assert "1\u00a0nouveau" in signed_in.get(f"{page}/apercu?sheet=Membres").text


def test_the_rows_to_correct_come_back_as_a_file(signed_in: Browser) -> None:
    page = _upload(signed_in, FILE.encode())
    answer = signed_in.get(f"{page}/a-corriger.csv")
    assert answer.headers["Content-Disposition"] == 'attachment; filename="a-corriger.csv"'
    lines = answer.data.decode("utf-8-sig").splitlines()
    assert lines[0].startswith("motif du refus;Numéro")
    assert len(lines) == 2
    assert "paul.membre.example" in lines[1]


@pytest.mark.parametrize(
    ("content", "name", "said"),
    [
        (b"", "vide.csv", "Le fichier est vide"),
        (b"\n\n;;\n", "vide.csv", "Le fichier est vide"),
        (b"%PDF-1.7 x", "membres.pdf", "n’est pas un tableau"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"0" * 600, "membres.xls", "vieux format Excel"),
        (b"PK\x03\x04 not a workbook", "membres.xlsx", "classeur"),
        (None, "", "Choisissez d’abord un fichier"),
    ],
)
def test_a_file_that_is_none_is_refused_with_the_way_out(
    signed_in: Browser, world: World, content: bytes | None, name: str, said: str
) -> None:
    data = {} if content is None else {"file": (io.BytesIO(content), name)}
    answer = signed_in.send("/societaires/import", data, content_type="multipart/form-data")
    assert answer.status_code == 422
    assert said in answer.text
    assert 'id="file-erreur"' in answer.text
    assert _count(world) == 0


def test_a_file_in_an_old_encoding_is_read(signed_in: Browser, world: World) -> None:
    page = _upload(signed_in, "Prénom;Nom;Email\nÉlodie;Lefèvre;e@membre.example\n".encode("cp1252"))
    signed_in.send(page)
    with world.begin() as session:
        assert session.scalars(select(Member)).one().name == "Élodie Lefèvre"


def test_a_file_over_20_mb_is_refused_with_the_command(signed_in: Browser, world: World) -> None:
    head = b'--edge\r\nContent-Disposition: form-data; name="file"; filename="m.csv"\r\n\r\nNom;Email\n'
    body = head + b"x" * 21 * 2**20 + b"\r\n--edge--\r\n"
    answer = signed_in.post("/societaires/import", data=body, content_type="multipart/form-data; boundary=edge")
    assert answer.status_code == 413
    assert "./pli members import FICHIER" in answer.text
    assert not (world.wiring.settings.data_dir / "imports").exists()


def test_a_kept_file_is_private_to_its_session_and_goes_after_an_hour(
    signed_in: Browser, writer: Browser, world: World
) -> None:
    page = _upload(signed_in, FILE.encode())
    folder = world.wiring.settings.data_dir / "imports"
    kept = next(folder.iterdir())
    assert kept.stat().st_mode & 0o777 == 0o600
    assert writer.get(page).status_code == 404
    assert writer.send(page).status_code == 404
    assert signed_in.get("/societaires/import/..%2Fpli.db").status_code == 404
    old = (world.wiring.now() - timedelta(hours=1, minutes=1)).timestamp()
    os.utime(kept, (old, old))
    _upload(writer, FILE.encode())
    assert not kept.exists()
    gone = signed_in.get(page)
    assert (gone.status_code, "Choisissez-le de nouveau" in gone.text) == (404, True)


def test_a_file_that_waited_too_long_is_refused_when_it_is_opened(signed_in: Browser, world: World) -> None:
    page = _upload(signed_in, FILE.encode())
    kept = next((world.wiring.settings.data_dir / "imports").iterdir())
    old = (world.wiring.now() - timedelta(hours=1, minutes=1)).timestamp()
    os.utime(kept, (old, old))
    for answer in (signed_in.get(f"{page}/apercu"), signed_in.send(page)):
        assert (answer.status_code, "Choisissez-le de nouveau" in answer.text) == (404, True)
    assert (kept.exists(), _count(world)) == (False, 0)


def test_a_preview_and_a_reading_keep_nobody_from_the_database(signed_in: Browser, world: World) -> None:
    with world.begin() as writer:
        writer.execute(text("UPDATE member SET city = city"))
        # Somebody writes all the while: a preview that wrote would wait for him for ever.
        writer.commit()
        page = _upload(signed_in, FILE.encode())
        writer.execute(text("UPDATE member SET city = city"))
        assert "2\u00a0nouveaux" in signed_in.get(f"{page}/apercu").text
        assert signed_in.get(f"{page}/a-corriger.csv").status_code == 200


def test_the_preview_leads_from_each_figure_to_its_list(signed_in: Browser, world: World) -> None:
    world.member("Zoé", "Absente", number="9")
    world.member("Camille", "Roy", number="1", city="Nantes")
    rows = (
        "Numéro;Prénom;Nom;E-mail;Ville;Parts\n1;Camille;Roy;camille.roy@membre.example;<b>Lyon;3\n"
        "1;Camille;Roy;autre@membre.example;;4\n2;Léo;Pic;leo@membre.example;;\n3;Ana;Bel;faux;;\n"
    )
    page = _upload(signed_in, rows.encode())
    preview = signed_in.get(f"{page}/apercu").text
    for figure, there in (
        ("1\u00a0à corriger", "a-corriger"),
        ("1\u00a0absent du fichier", "absents"),
        ("2\u00a0mis à jour", "changements"),
        ("1\u00a0remarque", "a-verifier"),
    ):
        assert f'<a href="#{there}">{figure}</a>' in preview
        assert f'id="{there}"' in preview
    assert re.search(r'data-label="Colonne">ville</td>\s*<td data-label="Avant">Nantes</td>', preview)
    assert re.search(r'data-label="Après">&lt;b&gt;Lyon ', preview)
    assert "La ligne 2 dit autre chose" in preview
    assert "1\u00a0nouveau" in preview


def test_the_button_counts_members_and_not_rows(signed_in: Browser) -> None:
    def rows(structure: str, city: str) -> bytes:
        of_two = (f"1;Ana;Bel;{structure};{name}@x.example;{city}\n" for name in ("ana", "leo"))
        return ("Numéro;Prénom;Nom;Structure;E-mail;Ville\n" + "".join(of_two)).encode()

    page = _upload(signed_in, rows("Asso X", ""))
    assert re.search(r"Importer 1\s+sociétaire\s*<", signed_in.get(f"{page}/apercu").text)
    signed_in.send(page)
    changed = rows("Asso X", "Lyon").replace(b"leo@", b"zoe@")
    preview = signed_in.get(f"{_upload(signed_in, changed)}/apercu").text
    assert "2\u00a0mis à jour" in preview
    assert re.search(r"Mettre à jour 1\s+fiche\s*<", preview)


def test_the_file_to_correct_holds_the_rows_of_another_structure_too(signed_in: Browser) -> None:
    rows = "Numéro;Structure;E-mail\n1;Asso X;a@x.example\n1;Régie Y;b@y.example\n"
    page = _upload(signed_in, rows.encode())
    assert "déjà celui d’Asso X" in signed_in.get(f"{page}/apercu").text
    lines = signed_in.get(f"{page}/a-corriger.csv").data.decode("utf-8-sig").splitlines()
    assert [line.endswith(";1;Régie Y;b@y.example") for line in lines] == [False, True]


def test_importing_twice_changes_nothing_more(signed_in: Browser, world: World) -> None:
    for expected in ("2\u00a0nouveaux", "2\u00a0inchangés"):
        page = _upload(signed_in, FILE.encode())
        assert expected in signed_in.send(page, follow_redirects=True).text
    assert signed_in.send(page).status_code == 404
    assert _count(world) == 2


def _upload(browser: Browser, content: bytes, name: str = "membres.csv") -> str:
    data = {"file": (io.BytesIO(content), name)}
    answer = browser.send("/societaires/import", data, content_type="multipart/form-data")
    assert answer.status_code == 303, answer.text
    return str(answer.location)


def _selected(html: str) -> list[str]:
    return re.findall(r'<option value="([^"]*)" selected>', html)


def _query(html: str) -> str:
    chosen = "&".join(f"column-{index}={word}" for index, word in enumerate(_selected(html)))
    return f"columns=1&sheet=&list=nouvelles&{chosen}"


def _hidden(html: str) -> dict[str, str]:
    return dict(re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)">', html))


def _count(world: World) -> int:
    with world.begin() as session:
        return session.scalar(select(func.count()).select_from(Member)) or 0


def _id_of(world: World, number: str) -> int:
    with world.begin() as session:
        return members.find(session, number).id
