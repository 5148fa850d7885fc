"""The commands of the register: what they print on each stream, what they write, and what a trial leaves alone."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from service import db
from service.cli.members import members
from service.core.refusals import Refusal
from tests.builders import World

FILE = (
    "Numéro;Prénom;Nom;Structure;E-mail;Ville\n"
    "S0000;Prénom0;Nom0;;membre0@exemple0.example;Lyon\n"
    "S9;Léo;Pic;Asso X;leo@asso.example;\n"
    "S9;Zoé;Roux;Régie Y;zoe@regie.example;\n"
    "S10;Ana;Bel;;pas-une-adresse;\n"
)


@pytest.fixture
def url(migrated_sqlite: str) -> str:
    return migrated_sqlite


@pytest.fixture
def world(url: str) -> Iterator[World]:
    engine = db.connect(url)
    made = World(db.sessions(engine))
    made.defaults()
    made.members(3)
    yield made
    engine.dispose()


@pytest.fixture
def pli(url: str, tmp_path: Path, world: World) -> Any:
    def run(*arguments: object) -> Result:
        environment = {"DATABASE_URL": url, "DATA_DIR": str(tmp_path)}
        return CliRunner().invoke(members, [str(one) for one in arguments], env=environment, catch_exceptions=True)

    return run


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "membres.csv"
    path.write_text(FILE, encoding="utf-8")
    return path


def test_a_trial_tells_all_writes_the_refused_rows_and_changes_nothing(pli: Any, file: Path, tmp_path: Path) -> None:
    refused = tmp_path / "a-corriger.csv"
    run = pli("import", file, "--dry-run", "--refused", refused, "--json")
    told = json.loads(run.stdout)
    assert (run.exit_code, told["rows"], told["created"], told["updated"], told["absent"]) == (0, 4, 1, 1, 2)
    assert [(one["row"], one["column"]) for one in told["refused"]] == [(4, "numéro"), (5, "email")]
    assert [(one["row"], one["name"], one["column"], one["before"], one["after"]) for one in told["changes"]] == [
        (2, "Prénom0 Nom0", "ville", "", "Lyon")
    ]
    assert "Ligne 2, Prénom0 Nom0, ville\u00a0: (vide) → Lyon" in run.stderr
    assert "Absents du fichier\u00a0: Prénom1 Nom1, Prénom2 Nom2." in run.stderr
    assert "Essai, rien n’est changé" in run.stderr
    lines = refused.read_text(encoding="utf-8-sig").splitlines()
    assert lines[0].startswith("motif du refus;Numéro")
    assert [line.split(";")[1] for line in lines[1:]] == ["S9", "S10"]
    assert len(pli("list", "--json").stdout.splitlines()) == 3


def test_the_import_does_what_the_trial_told(pli: Any, file: Path) -> None:
    trial = json.loads(pli("import", file, "--dry-run", "--json").stdout)
    run = pli("import", file, "--json")
    assert json.loads(run.stdout) == trial
    assert "Essai" not in run.stderr
    assert "→" not in run.stderr
    again = json.loads(pli("import", file, "--json").stdout)
    assert (again["created"], again["updated"], again["changes"]) == (0, 0, [])


def test_a_remark_is_said_and_its_row_is_taken(pli: Any, tmp_path: Path) -> None:
    path = tmp_path / "membres.csv"
    path.write_text("Numéro;Nom;E-mail;Parts\n7;Bel;a@x.example;1\n7;Bel;b@x.example;2\n", encoding="utf-8")
    run = pli("import", path, "--json")
    assert "Ligne 3, parts (prise, à vérifier)\u00a0: La ligne 2 dit autre chose" in run.stderr
    assert [(one["row"], one["column"], one["value"]) for one in json.loads(run.stdout)["remarks"]] == [
        (3, "parts", "2")
    ]


def test_the_refused_rows_never_overwrite_the_file(pli: Any, file: Path) -> None:
    run = pli("import", file, "--refused", file)
    assert isinstance(run.exception, Refusal)
    assert file.read_text(encoding="utf-8") == FILE


def test_refused_rows_that_cannot_be_written_are_told_with_what_became_of_the_import(pli: Any, file: Path) -> None:
    run = pli("import", file, "--dry-run", "--refused", file.parent / "nulle" / "part.csv")
    assert "C’était un essai : rien n’est changé." in str(run.exception)


@pytest.mark.parametrize(
    ("day", "said"), [("2001-02-03", "a quitté la coopérative le"), ("2190-02-03", "quittera la coopérative le")]
)
def test_a_departure_is_told_as_past_or_to_come(pli: Any, day: str, said: str) -> None:
    run = pli("leave", "S0001", "--on", day, "--why", "retrait", "--json")
    told = json.loads(run.stdout)
    assert (run.exit_code, told["number"], told["left_on"]) == (0, "S0001", day)
    assert said in run.stderr
    assert isinstance(pli("leave", "S0001", "--on", day, "--why", "retrait").exception, Refusal)


def test_a_death_to_come_is_remarked(pli: Any) -> None:
    assert "vérifiez la date" in pli("leave", "S0001", "--on", "2190-02-03", "--why", "deces").stderr
    assert "vérifiez la date" not in pli("leave", "S0002", "--on", "2190-02-03", "--why", "retrait").stderr
