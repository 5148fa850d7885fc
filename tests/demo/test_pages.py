"""The mailboxes as a visitor of the demo sees them, and the answer that he sends from them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from flask.testing import FlaskClient

from service.core.reading import parsing
from service.demo.mailboxes import Mailboxes
from service.demo.pages import World, create_app
from tests.parts.smtp_sink import Sink

NOW = datetime(2026, 11, 24, 18, 5, tzinfo=UTC)
ADDRESS = "idriss.tangara@bus-des-possibles.example"
HTML = (
    b"From: Les Passerelles <vie@passerelles.example>\r\nReply-To: vie+abc@passerelles.example\r\n"
    b"Return-Path: <retours+abc@passerelles.example>\r\nSubject: Des nouvelles\r\nMessage-ID: <un@passerelles.example>\r\n"
    b"Date: Tue, 24 Nov 2026 18:00:00 +0000\r\nMIME-Version: 1.0\r\nContent-Type: text/html; charset=utf-8\r\n\r\n"
    b"<html><head><title>x</title></head><body><p>Bonjour</p><script>alert(1)</script></body></html>\r\n"
)


@pytest.fixture
def mailboxes(tmp_path: Path) -> Mailboxes:
    return Mailboxes.of(tmp_path)


@pytest.fixture
def client(mailboxes: Mailboxes, sink: Sink) -> Iterator[FlaskClient]:
    world = World(mailboxes, sink.port, "http://127.0.0.1:8000", ZoneInfo("Europe/Paris"), lambda: NOW)
    with create_app(world).test_client() as client:
        yield client


@pytest.fixture
def letter(mailboxes: Mailboxes) -> str:
    mailboxes.deliver(ADDRESS, HTML)
    return f"/boites/{ADDRESS}/{mailboxes.received(ADDRESS)[0].key}"


def test_everyone_is_listed_with_what_is_unread_until_it_is_opened(client: FlaskClient, letter: str) -> None:
    assert client.get("/").text.count("non lu</span>") == 1
    assert "Des nouvelles" in client.get(f"/boites/{ADDRESS}").text
    opened = client.get(letter)
    assert "mardi 24\u00a0novembre, 19\u00a0h" in opened.text
    assert "non lu" not in client.get("/").text


def test_the_mail_is_shown_in_a_sandbox_that_runs_and_fetches_nothing(client: FlaskClient, letter: str) -> None:
    assert '<iframe class="sheet" sandbox="allow-popups allow-popups-to-escape-sandbox"' in client.get(letter).text
    html = client.get(f"{letter}/html")
    policy = html.headers["Content-Security-Policy"]
    assert policy.startswith("sandbox allow-popups")
    assert "default-src 'none'" in policy
    assert "allow-scripts" not in policy
    assert '<head><base target="_blank">' in html.text


def test_the_source_names_the_headers_that_matter_and_escapes_the_rest(client: FlaskClient, letter: str) -> None:
    page = client.get(f"{letter}?vue=source").text
    assert "vie+abc@passerelles.example" in page
    assert "&lt;script&gt;alert(1)" in page
    assert "<script" not in page


@pytest.mark.parametrize(
    ("how", "sender", "recipient"),
    [
        ("AS_USUAL", ADDRESS, "vie+abc@passerelles.example"),
        ("FROM_ANOTHER_ADDRESS", "idriss.tangara@boite-perso.example", "vie+abc@passerelles.example"),
        ("BY_A_MACHINE", "", "retours+abc@passerelles.example"),
    ],
)
def test_an_answer_leaves_by_smtp_and_is_kept_among_the_sent(
    client: FlaskClient, letter: str, sink: Sink, mailboxes: Mailboxes, how: str, sender: str, recipient: str
) -> None:
    done = client.post(f"{letter}/reponse", data={"text": "Et le budget ?", "how": how})
    assert done.status_code == 302
    (sent,) = sink.messages
    assert (sent.sender, sent.recipient) == (sender, recipient)
    assert parsing.parse(sent.data).in_reply_to == "<un@passerelles.example>"
    assert len(mailboxes.sent(ADDRESS)) == 1
    assert "Envoyés" in client.get(f"/boites/{ADDRESS}").text
    assert 'role="status"' in client.get(done.location).text


def test_an_empty_answer_is_refused_and_nothing_leaves(client: FlaskClient, letter: str, sink: Sink) -> None:
    refused = client.post(f"{letter}/reponse", data={"text": " ", "how": "AS_USUAL"})
    assert refused.status_code == 422
    assert "Écrivez quelques mots" in refused.text
    assert sink.messages == []


def test_a_form_of_another_site_does_nothing(client: FlaskClient, letter: str, sink: Sink) -> None:
    refused = client.post(f"{letter}/reponse", data={"text": "x"}, headers={"Sec-Fetch-Site": "cross-site"})
    assert refused.status_code == 403
    assert sink.messages == []


def test_an_address_can_exist_no_more_and_again(client: FlaskClient, mailboxes: Mailboxes) -> None:
    client.post(f"/boites/{ADDRESS}/existence", data={"gone": "oui"})
    assert mailboxes.is_gone(ADDRESS)
    assert "refuse tout message" in client.get(f"/boites/{ADDRESS}").text
    client.post(f"/boites/{ADDRESS}/existence", data={"gone": "non"})
    assert not mailboxes.is_gone(ADDRESS)


@pytest.mark.parametrize(
    "path", ["/boites/nobody@nowhere.example", f"/boites/{ADDRESS}/none", "/boites/..%2f..%2fetc/x"]
)
def test_what_does_not_exist_is_not_found(client: FlaskClient, path: str) -> None:
    assert client.get(path).status_code == 404
