"""`pli inbox classify`: one JSON line a file, in the order given, without any setting; a bad file stops nothing."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from service.cli.inbox import inbox
from service.core.reading import parsing
from service.core.reading.parsing import Message
from service.setting_values import ROOT

SAMPLES = ROOT / "tests" / "samples"


def classified(*arguments: object) -> list[dict[str, Any]]:
    done = CliRunner().invoke(inbox, ["classify", *map(str, arguments)])
    assert (done.exit_code, done.stderr) == (0, "")
    return [json.loads(line) for line in done.stdout.splitlines()]


def written(folder: Path, body: bytes) -> Path:
    path = folder / "body"
    path.write_bytes(body)
    return path


def test_each_file_gives_one_line_in_the_order_given() -> None:
    samples = {
        "reply_gmail": "question",
        "bounce_unknown": "bounce",
        "notice_delayed": "bounce",
        "complaint": "complaint",
        "read_receipt": "read_receipt",
        "calendar_reply": "calendar_reply",
        "absence": "auto_reply",
        "bounce_postfix": "bounce",
        "bounce_exchange": "bounce",
        "absence_exchange": "auto_reply",
    }
    paths = [SAMPLES / f"{name}.eml" for name in samples]
    rows = classified(*paths)
    assert [row["path"] for row in rows] == [str(path) for path in paths]
    assert [row["kind"] for row in rows] == list(samples.values())


def test_a_bounce_names_who_and_why_and_a_reply_its_own_words_apart() -> None:
    bounce, reply = classified(SAMPLES / "bounce_unknown.eml", SAMPLES / "reply_gmail.eml")
    assert bounce["bounces"] == [
        {
            "address": "basile.ormeau@membre.example",
            "action": "failed",
            "status": "5.1.1",
            "severity": "hard",
            "reason": "L’adresse n’existe pas.",
        }
    ]
    assert reply["bounces"] == []
    assert reply["reply"]
    assert reply["quoted"]
    assert "@" in reply["from"]
    assert set(reply) == set(bounce) == {
        "path", "kind", "reply", "signature", "quoted", "from", "subject", "bounces", "calendar", "error",
    }  # fmt: skip


def test_a_delay_is_told_as_one() -> None:
    (row,) = classified(SAMPLES / "notice_delayed.eml")
    (bounce,) = row["bounces"]
    assert (bounce["action"], bounce["status"], bounce["severity"]) == ("delayed", "4.4.1", "soft")


def test_an_answer_to_an_invitation_gives_its_fields_under_calendar() -> None:
    answer, reply = classified(SAMPLES / "calendar_attached.eml", SAMPLES / "reply_gmail.eml")
    assert (answer["kind"], reply["calendar"]) == ("calendar_reply", None)
    assert answer["calendar"] == {
        "method": "REPLY",
        "uid": "rdv-2023-05@passerelles.example",
        "attendee": "odile.tamarin@membre.example",
        "partstat": "DECLINED",
        "sequence": 2,
        "dtstamp": "2023-05-20T08:00:00+00:00",
        "recurrence_id": "",
        "comment": "",
    }


@pytest.mark.parametrize(
    ("form", "body"),
    [
        ("text", "Qui vote à l’été ?\n\nLe 26/05/2023 10:12, Odile <o@membre.example> a écrit :\n> Bonjour"),
        ("html", "<p>Qui vote à l’été ?</p><blockquote type=cite>Bonjour</blockquote>"),
    ],
)
@pytest.mark.parametrize("charset", ["utf-8", "cp1252"])
def test_a_body_alone_is_read_in_any_charset(tmp_path: Path, form: str, body: str, charset: str) -> None:
    (row,) = classified("--input", form, written(tmp_path, body.encode(charset)))
    assert (row["kind"], row["reply"], row["from"], row["subject"]) == ("question", "Qui vote à l’été ?", "", "")
    assert "Bonjour" in row["quoted"]


def test_a_file_that_cannot_be_read_says_so_and_the_rest_goes_on(tmp_path: Path) -> None:
    missing, folder, good = classified(tmp_path / "absent.eml", tmp_path, SAMPLES / "reply_gmail.eml")
    assert (missing["kind"], missing["reply"], missing["error"]) == ("unreadable", "", "Ce fichier n’existe pas.")
    assert (folder["kind"], folder["error"]) == ("unreadable", "Ce fichier ne se lit pas.")
    assert (good["kind"], good["error"]) == ("question", None)


def test_a_message_that_our_reading_stumbles_on_says_so_and_the_rest_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    parse = parsing.parse

    def stumble(raw: bytes) -> Message:
        if b"basile.ormeau" in raw:
            raise RuntimeError("a fault of ours about basile.ormeau")
        return parse(raw)

    monkeypatch.setattr(parsing, "parse", stumble)
    bad, good = classified(SAMPLES / "bounce_unknown.eml", SAMPLES / "reply_gmail.eml")
    assert bad["kind"] == "unreadable"
    assert "RuntimeError" in bad["error"]
    assert "basile" not in bad["error"]
    assert good["kind"] == "question"


def test_it_needs_no_setting_and_makes_no_file(tmp_path: Path) -> None:
    run = subprocess.run(
        [sys.executable, "-m", "service", "inbox", "classify", str(SAMPLES / "reply_gmail.eml")],
        env={"PATH": os.defpath, "PYTHONPATH": str(ROOT), "DATA_DIR": str(tmp_path / "data")},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (run.returncode, run.stderr) == (0, "")
    assert json.loads(run.stdout)["kind"] == "question"
    assert list(tmp_path.iterdir()) == []
