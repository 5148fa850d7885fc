"""`pli mail connect`: what is printed, what is kept, and what is said when the agreement is not given."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import create_engine, text

from service import db, schema
from service.cli.main import pli
from service.core import oauth
from service.core.refusals import Refusal
from service.core.sealing import Vault
from service.core.verdicts import Verdict
from service.ports import Envelope
from service.settings import Need
from service.wiring import wire
from tests.parts.desk import carry
from tests.parts.scripted_smtp import ScriptedRelay, scripted_relay
from tests.parts.token_endpoint import Provider, provider

SECRET = "only for the tests, thirty-two characters and more"
DEVICE = {"device_code": "d-1", "user_code": "ABCD-EFGH", "verification_uri": "https://p.example/device", "interval": 0}


@pytest.fixture
def granting(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Provider]:
    """A provider on loopback in the place of the real one, and an installation that names it."""
    settings = {
        "PLI_ENV_FILE": str(tmp_path / "none"),
        "DATABASE_URL": f"sqlite:///{tmp_path}/pli.db",
        "DATA_DIR": str(tmp_path),
        "SECRET_KEY": SECRET,
        "SMTP_URL": "smtp://vie%40passerelles.example@127.0.0.1:1025?tls=none&auth=xoauth2",
        "OAUTH_PROVIDER": "microsoft",
        "OAUTH_CLIENT_ID": "id-1",
    }
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(time, "sleep", lambda _: None)
    engine = db.connect(settings["DATABASE_URL"])
    schema.upgrade(engine)
    engine.dispose()
    with provider() as made:
        monkeypatch.setattr(oauth, "client", lambda *_, **__: made.client())
        yield made


def run(given: str = "") -> Result:
    return CliRunner().invoke(pli, ["mail", "connect"], input=given)


def kept(tmp_path: Path) -> list[str]:
    engine = create_engine(f"sqlite:///{tmp_path}/pli.db")
    with engine.connect() as connection:
        rows = [bytes(row) for row in connection.scalars(text("SELECT refresh FROM mail_grant"))]
    engine.dispose()
    assert not any(b"long" in row for row in rows)
    return [Vault.of(SECRET.encode(), "oauth").open(row) for row in rows]


def test_a_code_is_shown_and_what_was_granted_is_kept_sealed(granting: Provider, tmp_path: Path) -> None:
    granting.answers[:] = [(200, DEVICE), (400, {"error": "authorization_pending"})]
    granting.answers.append((200, {"access_token": "first", "refresh_token": "long-1", "expires_in": 3600}))
    done = run()
    assert done.exit_code == 0, done.output
    assert "https://p.example/device" in done.output
    assert "ABCD-EFGH" in done.output
    assert "long-1" not in done.output
    assert kept(tmp_path) == ["long-1"]
    granting.answers[:] = [(200, DEVICE), (200, {"access_token": "second", "refresh_token": "long-2"})]
    assert run().exit_code == 0
    assert kept(tmp_path) == ["long-2"]


@pytest.mark.parametrize(
    ("answers", "says"),
    [
        ([(200, DEVICE), (400, {"error": "authorization_declined"})], "authorization_declined"),
        ([(401, {"error": "invalid_client"})], "invalid_client"),
        ([(200, DEVICE), (200, {"access_token": "first"})], "d’une heure"),
        ([(500, {})], "ne répond pas"),
    ],
)
def test_without_a_lasting_agreement_nothing_is_kept(
    granting: Provider, tmp_path: Path, answers: list[tuple[int, object]], says: str
) -> None:
    granting.answers[:] = answers
    refused = run().exception
    assert isinstance(refused, Refusal)
    assert says in refused.sentence
    assert kept(tmp_path) == []


def test_where_no_code_is_given_out_the_address_of_the_browser_is_pasted(
    granting: Provider, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(oauth, "client", lambda *_, **__: granting.client(device=False))
    monkeypatch.setattr("secrets.token_urlsafe", lambda _: "s-1")
    granting.grants("first", "long-1")
    done = run(f"{oauth.REDIRECT}?state=s-1&code=4%2Fabc\n")
    assert done.exit_code == 0, done.output
    (address,) = [line for line in done.output.splitlines() if line.startswith("http")]
    assert parse_qs(urlsplit(address).query)["state"] == ["s-1"]
    assert granting.asked[0]["code"] == "4/abc"
    assert kept(tmp_path) == ["long-1"]
    refused = run(f"{oauth.REDIRECT}?state=s-2&code=4%2Fabc\n").exception
    assert isinstance(refused, Refusal)
    assert len(granting.asked) == 1


def test_a_relay_with_a_password_has_nothing_to_connect(granting: Provider, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SMTP_URL", "smtp://127.0.0.1:1025?tls=none")
    refused = run().exception
    assert isinstance(refused, Refusal)
    assert "auth=xoauth2" in refused.sentence
    assert granting.asked == []


def test_an_inbox_alone_that_takes_tokens_is_connected(
    granting: Provider, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("SMTP_URL", "smtp://127.0.0.1:1025?tls=none")
    monkeypatch.setenv("IMAP_URL", "imap://vie%40passerelles.example@127.0.0.1:1143/INBOX?auth=xoauth2")
    granting.answers[:] = [(200, DEVICE), (200, {"access_token": "first", "refresh_token": "long-1"})]
    assert run().exit_code == 0
    assert kept(tmp_path) == ["long-1"]


def test_what_was_connected_sends(granting: Provider, monkeypatch: pytest.MonkeyPatch) -> None:
    granting.answers[:] = [(200, DEVICE), (200, {"access_token": "first", "refresh_token": "long-1"})]
    assert run().exit_code == 0
    with scripted_relay(ScriptedRelay(tokens={"first"})) as relay:
        url = f"smtp://vie%40passerelles.example@127.0.0.1:{relay.port}?tls=none&auth=xoauth2"
        monkeypatch.setenv("SMTP_URL", url)
        wiring = wire(Need.STORES | Need.KEYS | Need.SENDING)
        desk = carry(
            wiring.outbox(), [Envelope(1, "vie@passerelles.example", "m1@membre.example", b"A: b\r\n\r\nc\r\n")]
        )
        wiring.engine.dispose()
    assert desk.verdicts() == [Verdict.ACCEPTED]
    assert relay.took == ["m1@membre.example"]
    assert [command[:12] for command in relay.commands if command.startswith(b"AUTH")] == [b"AUTH XOAUTH2"]
