"""The main job as two people of the staff live it, in a real browser: write, see, have reread, send, read the answer."""

from __future__ import annotations

import email
import email.policy
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.builders import PASSWORD
from tests.parts import await_that, free_port, listens
from tests.parts.browser import chromium
from tests.parts.dovecot import Postbox
from tests.parts.installation import Installation, installation
from tests.parts.smtp_sink import Received, Sink

SAID = "Quelle place pour les sociétaires dans la stratégie ?"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as running:
        yield running


@contextmanager
def person(browser: Browser, site: str, name: str, *, scripts: bool) -> Iterator[Page]:
    """Somebody of the staff at his own browser, signed in; a request to another host is a fault."""
    context = browser.new_context(java_script_enabled=scripts)
    page = context.new_page()
    foreign: list[str] = []
    page.on(
        "request",
        lambda request: None if request.url.startswith((site, "about:", "data:")) else foreign.append(request.url),
    )
    page.goto(f"{site}/connexion")
    page.fill("input[name=email]", f"{name}@passerelles.example")
    page.fill("input[name=password]", PASSWORD)
    page.get_by_role("button", name="Se connecter").click()
    page.wait_for_url(f"{site}/")
    yield page
    context.close()
    assert foreign == []


@pytest.mark.parametrize("scripts", [True, False], ids=["with scripts", "without scripts"])
def test_two_people_send_a_communique_and_read_the_answer(
    tmp_path: Path, sink: Sink, dovecot: Postbox, browser: Browser, scripts: bool
) -> None:
    port = free_port()
    site = f"http://127.0.0.1:{port}"
    database = f"sqlite:///{tmp_path}/data/pli.db"
    with installation(tmp_path, database, sink, dovecot, BIND=f"127.0.0.1:{port}", PUBLIC_URL=site) as pli:
        pli.seeded(12)
        for command in ("web", "worker", "clock", "inbox"):
            pli.start(command)
        await_that(lambda: listens(port), "the pages are served", 60)
        with person(browser, site, "jeanne", scripts=scripts) as jeanne:
            write(jeanne, scripts=scripts)
            jeanne.get_by_role("button", name="Demander la relecture").click()
        await_that(lambda: sink.messages, "Paul is asked to read it again", 60)
        with person(browser, site, "paul", scripts=scripts) as paul:
            approve_and_send(paul, site, sink.messages[0])
            await_that(lambda: len(sink.messages) == 13, "everybody is written to", 60)
            answer(dovecot, sink)
            pli.await_question()
            paul.goto(f"{site}/reponses")
            assert SAID in paul.inner_text("main")
            assert "réponse à « Nouvelles de novembre »" in " ".join(paul.inner_text("main").split())
        unsubscribe(browser, sink, site, pli, scripts=scripts)


def test_an_answer_appears_while_the_page_is_open_and_moves_neither_focus_nor_what_is_typed(
    tmp_path: Path, sink: Sink, dovecot: Postbox, browser: Browser
) -> None:
    port = free_port()
    site = f"http://127.0.0.1:{port}"
    database = f"sqlite:///{tmp_path}/data/pli.db"
    with installation(tmp_path, database, sink, dovecot, BIND=f"127.0.0.1:{port}", PUBLIC_URL=site) as pli:
        pli.seeded(2)
        for command in ("web", "worker", "inbox"):
            pli.start(command)
        await_that(lambda: listens(port), "the pages are served", 60)
        dovecot.deliver(b"From: pub@ailleurs.example\r\nSubject: Offre\r\n\r\nAchetez\r\n")
        dovecot.deliver(b"From: membre0@exemple0.example\r\n\r\nUne question\r\n")
        pli.await_question()
        with person(browser, site, "jeanne", scripts=True) as jeanne:
            jeanne.goto(f"{site}/reponses?bac=a-trier&cherche=question")
            link = jeanne.get_by_role("link", name="Tout lire")
            jeanne.get_by_label("Chercher").fill("quest")
            link.focus()
            dovecot.deliver(b"From: membre1@exemple1.example\r\n\r\nUne autre question\r\n")
            jeanne.get_by_text("Une autre question").wait_for()
            expect(jeanne.locator("#bac-a-trier")).to_contain_text("2")
            expect(jeanne.locator("#onglet-reponses")).to_have_text("Réponses (2)")
            expect(jeanne.locator("#lire-1")).to_be_focused()
            expect(jeanne.get_by_label("Chercher")).to_have_value("quest")
            # What a stranger wrote, and answers nothing of ours, lies where it lay, unread; the page counts it.
            jeanne.goto(f"{site}/reponses")
            expect(jeanne.locator("main")).to_contain_text("Autre courrier (1), laissé dans votre boîte")
            assert "Achetez" not in jeanne.inner_text("main")
        # What was read is ours, and is put away soon; the stranger's stays.
        assert {flags.partition(" ")[2] for flags in dovecot.flags()} == {"(FLAGS ())"}


def write(page: Page, *, scripts: bool) -> None:
    """Write the message and look at the very mail beside it."""
    page.get_by_role("link", name="Écrire un message").first.click()
    page.get_by_label("Nouvelles").check()
    page.get_by_role("button", name="Commencer à écrire").click()
    page.wait_for_url("**/ecrire")  # the whole page, its scripts too: what is typed before them moves no preview
    page.fill("input[name=subject]", "Nouvelles de novembre")
    with preview(page, scripts=scripts):
        page.fill("textarea[name=body]", "Bonjour {prenon},\n\n## Ce qui est décidé\n\n- Une assemblée en décembre\n")
    if scripts:
        page.get_by_text("Vouliez-vous {prénom}").wait_for()
    with preview(page, scripts=scripts):
        page.fill("textarea[name=body]", "Bonjour {prénom},\n\n## Ce qui est décidé\n\n- Une assemblée en décembre\n")
    mail = page.frame_locator("iframe").frame_locator("iframe")
    mail.get_by_role("heading", name="Ce qui est décidé").wait_for()
    mail.get_by_text("Bonjour Prénom").wait_for()
    page.get_by_role("button", name="Continuer").click()


@contextmanager
def preview(page: Page, *, scripts: bool) -> Iterator[None]:
    """Type, and let the preview follow: by itself, or by its button where there are no scripts.

    Nothing looks into a frame while another takes its place: that ended the browser one time in five.
    """
    with page.expect_response("**/apercu"):
        yield
        if not scripts:
            page.get_by_role("button", name="Actualiser l’aperçu").click()
    page.wait_for_timeout(1000)
    expect(page.locator("iframe")).to_have_count(1)


def approve_and_send(page: Page, site: str, asked: Received) -> None:
    """Follow the link of the mail that asks for it, agree, and press the button that says to how many."""
    assert asked.recipient == "paul@passerelles.example"
    link = re.search(rf"{site}/messages/\d+/relecture", asked.data.decode())
    assert link
    page.goto(link[0])
    page.get_by_label("J’approuve").check()
    page.get_by_role("button", name="Valider").click()
    page.get_by_role("button", name="Envoyer à 12 personnes").click()
    page.wait_for_url(f"{site}/messages/*")
    page.get_by_role("heading", name="Nouvelles de novembre").wait_for()


def answer(box: Postbox, sink: Sink) -> None:
    """Answer as a member's mail program does."""
    received = sink.messages[3]
    mail = email.message_from_bytes(received.data, policy=email.policy.default)
    box.deliver(
        f"From: {received.recipient}\r\nTo: {mail['Reply-To']}\r\nSubject: Re: {mail['Subject']}\r\n"
        f"In-Reply-To: {mail['Message-ID']}\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n{SAID}\r\n".encode()
    )


def unsubscribe(browser: Browser, sink: Sink, site: str, pli: Installation, *, scripts: bool) -> None:
    """Follow the link of a mail: nothing happens before the button, and the list is one reader shorter after it."""
    mail = email.message_from_bytes(sink.messages[5].data)
    context = browser.new_context(java_script_enabled=scripts)
    page = context.new_page()
    page.goto(mail["List-Unsubscribe"].strip("<>"))
    assert len(pli.lines("lists", "members", "nouvelles")) == 12
    page.get_by_role("button", name="Ne plus recevoir").click()
    page.get_by_text("C’est noté").first.wait_for()
    context.close()
    left = {row["address"] for row in pli.lines("lists", "members", "nouvelles")}
    assert len(left) == 11
    assert sink.messages[5].recipient not in left
