"""One message as it came: the original in a frame where nothing acts, its files given to keep and never opened here."""

from __future__ import annotations

import base64
from collections.abc import Iterable

import pytest
from sqlalchemy import select

from service.core.vocabulary import InboundKind, InboundState
from service.models.inbound_message import InboundMessage
from tests.web.conftest import Browser
from tests.web.test_questions import number, received
from tests.web.world import World

PDF = b"%PDF-1.7 le plan"
PAGE = "<p>Bonjour <b>à tous</b></p><script>alert(1)</script><a href='https://mal.example/x'>Ma banque</a>"


def raw(html: str = PAGE, files: Iterable[tuple[str, bytes]] = (("plan d’été.pdf", PDF),)) -> bytes:
    """A letter in HTML with files beside it."""
    parts = [f"Content-Type: text/html; charset=utf-8\r\n\r\n{html}".encode()]
    parts += [
        f'Content-Disposition: attachment; filename="{name}"\r\nContent-Transfer-Encoding: base64\r\n\r\n'.encode()
        + base64.b64encode(content)
        for name, content in files
    ]
    top = "From: Camille <camille@membre.example>\r\nTo: vie@passerelles.example\r\nDate: Tue, 24 Nov 2026 09:00:00 +0100\r\nContent-Type: multipart/mixed; boundary=z\r\n\r\n"
    return top.encode() + b"".join(b"--z\r\n" + part + b"\r\n" for part in parts) + b"--z--\r\n"


def letter(world: World, content: bytes | None, **details: object) -> int:
    """Have a message come in; give its number."""
    received(world, "Bonjour à tous", **{"raw": content, "size": len(content or b""), **details})  # type: ignore[arg-type]
    with world.begin() as session:
        return session.scalars(select(InboundMessage.id).order_by(InboundMessage.id.desc())).first() or 0


def test_the_original_stands_in_a_frame_where_nothing_acts(signed_in: Browser, world: World) -> None:
    one = letter(world, raw())
    page = signed_in.get(f"/reponses/courrier/{one}").text
    assert f'<iframe sandbox="" title="Le message d’origine" src="/reponses/courrier/{one}/original"></iframe>' in page
    assert "https://mal.example/x" in page
    assert 'href="https://mal.example' not in page
    shown = signed_in.get(f"/reponses/courrier/{one}/original")
    assert "Bonjour <b>à tous</b>" in shown.text
    assert "alert(1)" not in shown.text
    assert "mal.example" not in shown.text


def test_the_original_carries_a_policy_of_its_own(signed_in: Browser, world: World) -> None:
    """S2: sandbox, nothing from anywhere, images in the letter alone, and no style but ours."""
    one = letter(world, raw())
    answer = signed_in.get(f"/reponses/courrier/{one}/original")
    policy = answer.headers["Content-Security-Policy"]
    assert policy.startswith("sandbox; default-src 'none'; img-src data:; style-src 'sha256-")
    assert "unsafe" not in policy
    assert "allow" not in policy
    assert answer.headers["X-Frame-Options"] == "SAMEORIGIN"


def test_a_file_is_given_to_keep_under_its_name_and_never_opened(signed_in: Browser, world: World) -> None:
    """S13: attachment, nosniff, sandbox; the type is what the bytes say, and of what acts none."""
    question = number(received(world, raw=raw(files=[("plan d’été.pdf", PDF), ("../photo.jpg", PAGE.encode())])))
    page = signed_in.get(f"/reponses/{question}").text
    assert "Pièces jointes" in page
    assert "PDF, 16\u00a0octets" in page
    assert "Son nom dit «\u00a0image JPEG\u00a0», son contenu est autre\u00a0: page web." in page
    assert "Ouvrir ce fichier peut faire agir votre ordinateur" in page
    given = signed_in.get("/reponses/courrier/1/pieces/1")
    assert given.data == PDF
    assert given.headers["Content-Disposition"].startswith("attachment; filename=")
    assert "filename*=UTF-8''plan%20d%E2%80%99%C3%A9t%C3%A9.pdf" in given.headers["Content-Disposition"]
    assert given.headers["Content-Type"] == "application/pdf"
    assert given.headers["X-Content-Type-Options"] == "nosniff"
    assert given.headers["Content-Security-Policy"].startswith("sandbox; default-src 'none'")
    hostile = signed_in.get("/reponses/courrier/1/pieces/2")
    assert hostile.headers["Content-Type"] == "application/octet-stream"
    assert hostile.headers["Content-Disposition"] == "attachment; filename=photo.jpg"


@pytest.mark.parametrize("position", ["0", "3", "999999"])
def test_only_what_is_listed_is_given(signed_in: Browser, world: World, position: str) -> None:
    letter(world, raw())
    assert signed_in.get(f"/reponses/courrier/1/pieces/{position}").status_code == 404


def test_what_is_kept_no_more_or_too_heavy_says_so(signed_in: Browser, world: World) -> None:
    gone = letter(world, None)
    heavy = letter(world, b"Subject: x\r\n\r\n", head_only=True, size=31_000_000, kind=InboundKind.UNREADABLE)
    assert "n’est plus gardé" in signed_in.get(f"/reponses/courrier/{gone}").text
    page = signed_in.get(f"/reponses/courrier/{heavy}").text
    assert "trop lourd pour être gardé ici" in page
    assert "31\u00a0Mo" in page
    for one in (gone, heavy):
        assert signed_in.get(f"/reponses/courrier/{one}/original").status_code == 404
        assert signed_in.get(f"/reponses/courrier/{one}/pieces/0").status_code == 404


def test_mail_that_stayed_in_the_mailbox_or_is_not_read_yet_is_not_shown(signed_in: Browser, world: World) -> None:
    for state in (InboundState.LEFT_IN_PLACE, InboundState.STORED, InboundState.MISSED):
        one = letter(world, raw(), state=state)
        for path in ("", "/original", "/pieces/1"):
            assert signed_in.get(f"/reponses/courrier/{one}{path}").status_code == 404
    assert signed_in.get("/reponses/courrier/987").status_code == 404


def test_automatic_mail_can_be_read_as_it_came(signed_in: Browser, world: World) -> None:
    one = letter(world, raw(), kind=InboundKind.AUTO_REPLY)
    assert f'href="/reponses/courrier/{one}"' in signed_in.get("/reponses").text
    assert signed_in.get(f"/reponses/courrier/{one}").status_code == 200


def test_nobody_reads_a_message_or_takes_a_file_without_signing_in(client: Browser, world: World) -> None:
    """S13: the staff session is the key, no address of a file is."""
    letter(world, raw())
    for path in ("", "/original", "/pieces/1"):
        assert client.get(f"/reponses/courrier/1{path}").status_code == 303


def test_a_message_is_read_again_and_the_page_shows_what_changed(signed_in: Browser, world: World) -> None:
    question = number(received(world, "<b>Coupé</b>", raw=b"From: a@membre.example\r\n\r\nQuelle <i>place</i> ?\r\n"))
    page = signed_in.send("/reponses/courrier/1/relire").text
    assert "Ce message a été lu de nouveau" in page
    assert "&lt;b&gt;Coupé&lt;/b&gt;" in page
    assert "Quelle &lt;i&gt;place&lt;/i&gt; ?" in page
    assert "Quelle &lt;i&gt;place&lt;/i&gt; ?" in signed_in.get(f"/reponses/{question}").text
    assert "Rien n’a changé." in signed_in.send("/reponses/courrier/1/relire").text
    assert signed_in.get("/reponses/courrier/1/relire").status_code == 405
    assert signed_in.send("/reponses/courrier/987/relire").status_code == 404
    gone = letter(world, None)
    assert signed_in.send(f"/reponses/courrier/{gone}/relire").status_code == 409
