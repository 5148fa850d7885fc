"""Is what was typed still there, whichever way one leaves the writing page?"""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from tests.journeys.test_browser import browser, person
from tests.parts import await_that, free_port, listens
from tests.parts.dovecot import Postbox
from tests.parts.installation import installation
from tests.parts.smtp_sink import Sink

__all__ = ["browser"]  # the fixture


@pytest.mark.parametrize("scripts", [True, False], ids=["with scripts", "without scripts"])
def test_what_is_typed_is_kept_whichever_way_one_leaves(
    tmp_path: Path, sink: Sink, dovecot: Postbox, browser: Browser, scripts: bool
) -> None:
    port = free_port()
    site = f"http://127.0.0.1:{port}"
    database = f"sqlite:///{tmp_path}/data/pli.db"
    with installation(tmp_path, database, sink, dovecot, BIND=f"127.0.0.1:{port}", PUBLIC_URL=site) as pli:
        pli.seeded(2)
        pli.start("web")
        await_that(lambda: listens(port), "the pages are served", 60)
        with person(browser, site, "jeanne", scripts=scripts) as jeanne:
            writing = begin(jeanne)
            leave_by_a_button(jeanne, writing, "‹ Messages", "**/messages")
            leave_by_a_button(jeanne, writing, "2. Vérifier et envoyer", "**/envoyer*")
            if scripts:
                leave_by_a_link(jeanne, writing)
                leave_by_going_back(jeanne, writing)
                stay_with_what_cannot_be_saved(jeanne)
                leave_by_signing_out(jeanne)


def begin(page: Page) -> str:
    """Begin a draft; give the address where it is written."""
    page.get_by_role("link", name="Écrire un message").first.click()
    page.get_by_role("button", name="Commencer à écrire").click()
    page.wait_for_url("**/ecrire")
    return page.url


def leave_by_a_button(page: Page, writing: str, label: str, leads_to: str) -> None:
    page.fill("textarea[name=body]", f"Parti par {label}")
    page.locator("button.link", has_text=label.removeprefix("‹ ")).first.click()
    page.wait_for_url(leads_to)
    assert kept(page, writing) == f"Parti par {label}"


def leave_by_a_link(page: Page, writing: str) -> None:
    page.fill("textarea[name=body]", "Parti par la barre")
    page.get_by_role("link", name="Listes").click()
    page.wait_for_url("**/listes")
    assert kept(page, writing) == "Parti par la barre"


def stay_with_what_cannot_be_saved(page: Page) -> None:
    page.fill("input[name=subject]", "x" * 201)
    page.get_by_role("link", name="Listes").click()
    page.get_by_role("heading", name="Il y a un problème").wait_for()
    assert page.input_value("input[name=subject]") == "x" * 201
    page.fill("input[name=subject]", "Assez court")
    page.get_by_role("button", name="Enregistrer", exact=True).click()
    page.get_by_text("Enregistré.").wait_for()


def leave_by_going_back(page: Page, writing: str) -> None:
    page.fill("textarea[name=body]", "Parti en arrière")
    page.go_back()
    # The browser sends what was typed when the page is already gone.
    await_that(lambda: kept(page, writing) == "Parti en arrière", "what was typed is kept", 10)


def leave_by_signing_out(page: Page) -> None:
    page.fill("textarea[name=body]", "Parti pour de bon")
    with page.expect_request(lambda request: request.method == "POST" and request.url.endswith("/ecrire")) as saved:
        page.get_by_role("button", name="Se déconnecter").click()
    page.wait_for_url("**/connexion*")
    answer = saved.value.response()
    assert answer is not None
    assert answer.status == 204


def kept(page: Page, writing: str) -> str:
    page.goto(writing)
    return page.input_value("textarea[name=body]")
