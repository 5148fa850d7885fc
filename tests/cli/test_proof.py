"""`pli campaigns proof`: with the stores alone it writes the PDF or the CSV of a sending that has ended, or says no."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from service import db
from service.actions import sending
from service.cli.campaigns import campaigns
from service.core.proof import sheet
from service.core.refusals import Refusal
from service.core.vocabulary import MailClass, Role
from tests.actions.test_proofs import CUT, carried, left
from tests.actions.test_seals import seal
from tests.builders import Tray, World
from tests.parts.paper import Paper


@pytest.fixture
def url(migrated_sqlite: str) -> str:
    return migrated_sqlite


@pytest.fixture
def world(url: str) -> Iterator[World]:
    engine = db.connect(url)
    made = World(db.sessions(engine))
    made.mailing_list()
    made.members(3, "nouvelles")
    yield made
    engine.dispose()


@pytest.fixture
def launched(world: World) -> int:
    author, boss = world.staff("Jeanne"), world.staff("Paul", Role.ADMIN)
    number = world.approved(author, boss, "nouvelles")
    world.send(number, boss)
    return number


@pytest.fixture
def pli(url: str, tmp_path: Path) -> Any:
    def run(*arguments: object) -> Result:
        environment = {"DATABASE_URL": url, "DATA_DIR": str(tmp_path)}
        return CliRunner().invoke(campaigns, ["proof", *(str(one) for one in arguments)], env=environment)

    return run


def test_pdf_and_csv_state_the_same_hash_and_a_check_finds_it(
    pli: Any, world: World, launched: int, tmp_path: Path
) -> None:
    sending.send_campaign(world.wire(Tray()), launched)
    table, paper = tmp_path / "preuve.csv", tmp_path / "preuve.pdf"
    first, second = pli(launched, table), pli(launched, paper)
    if isinstance(second.exception, Refusal) and "apt install" in second.exception.sentence:
        pytest.skip(second.exception.sentence)
    assert (first.exit_code, second.exit_code) == (0, 0)
    fingerprint = sheet.check(table.read_bytes())
    for run in (first, second, pli("--check", table)):
        assert fingerprint in run.stderr
        assert run.stdout == ""
    assert fingerprint in Paper(paper).text(1, 1)
    assert sorted(path.name for path in tmp_path.glob("*preuve*")) == ["preuve.csv", "preuve.pdf"]


def test_a_sending_under_way_is_refused_and_nothing_is_written(pli: Any, launched: int, tmp_path: Path) -> None:
    run = pli(launched, tmp_path / "preuve.csv")
    assert isinstance(run.exception, Refusal)
    assert "n’est pas terminé" in run.exception.sentence
    assert not (tmp_path / "preuve.csv").exists()


def test_what_was_not_sealed_cannot_be_written_or_was_changed_is_refused(
    pli: Any, world: World, launched: int, tmp_path: Path
) -> None:
    sending.send_campaign(world.wire(Tray()), launched)
    assert "pas de preuve scellée" in str(pli(launched, tmp_path / "preuve.csv", "--sealed").exception)
    assert "Impossible d’écrire" in str(pli(launched, tmp_path / "nulle" / "preuve.csv").exception)
    pli(launched, tmp_path / "preuve.csv")
    kept = (tmp_path / "preuve.csv").read_bytes()
    (tmp_path / "preuve.csv").write_bytes(kept.replace(b"Nom0", b"Nom9"))
    assert "a été modifié" in str(pli("--check", tmp_path / "preuve.csv").exception)


def test_any_seal_of_a_sending_is_written_and_it_says_how_many_there_are(
    pli: Any, world: World, tmp_path: Path
) -> None:
    world.mailing_list("assemblee", MailClass.STATUTORY)
    world.members(3, "assemblee")
    author, boss = world.staff("Jeanne"), world.staff("Paul", Role.ADMIN)
    number = world.approved(author, boss, "assemblee")
    world.send(number, boss)
    carried(world, number, membre1=CUT)
    first = seal(world, number)
    assert "scellée n°\u00a01 sur 1" in pli(number, tmp_path / "preuve.csv", "--sealed").stderr
    left(world, number, boss)
    second = seal(world, number)
    assert first is not None
    assert second is not None
    for asked, said, kept in (
        (["--sealed"], "preuve scellée n°\u00a02 sur 2", second),
        (["--seal", "1"], "preuve scellée n°\u00a01 sur 2", first),
        (["--seal", "2"], "preuve scellée n°\u00a02 sur 2", second),
        ([], "Preuves scellées de cet envoi\u00a0: 2", second),
    ):
        run = pli(number, tmp_path / "preuve.csv", *asked)
        assert said in run.stderr
        assert sheet.check((tmp_path / "preuve.csv").read_bytes()) == kept.sha256
        assert kept.sha256 in run.stderr
    refused = pli(number, tmp_path / "autre.csv", "--seal", "3").exception
    assert isinstance(refused, Refusal)
    assert "Cet envoi a 2" in refused.sentence
    assert not (tmp_path / "autre.csv").exists()


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["1"],
        ["1", "preuve.txt"],
        ["1", "--check", "pyproject.toml"],
        ["--seal", "1", "--check", "pyproject.toml"],
        ["1", "preuve.csv", "--seal", "0"],
        ["1", "preuve.csv", "--seal", "1", "--sealed"],
    ],
)
def test_what_it_cannot_understand_is_wrong_usage(pli: Any, arguments: list[str]) -> None:
    assert pli(*arguments).exit_code == 2
