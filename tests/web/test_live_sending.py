"""The page of a sending tells anew what moves: does what somebody has opened stay open under his eyes?"""

from __future__ import annotations

from pathlib import Path

from service import schema
from service.core.vocabulary import CampaignStatus, Role
from service.models.campaign import Campaign
from service.web.app import create_app
from tests.parts import free_port
from tests.parts.browser import chromium
from tests.web.test_accessibility import served
from tests.web.world import PASSWORD, SENDER, WRITER, World, wired

SAID = "Ce que le serveur a répondu"


def test_the_words_of_the_server_stay_open_when_the_figures_come_anew(tmp_path: Path) -> None:
    port = free_port()
    wiring = wired(tmp_path, PUBLIC_URL=f"http://127.0.0.1:{port}")
    schema.upgrade(wiring.engine)
    world = World(wiring)
    world.staff(WRITER, "Jeanne", Role.REDACTEUR)
    world.staff(SENDER, "Paul", Role.VALIDEUR)
    world.mailing_list()
    world.member(to="nouvelles")
    number = world.launched().id
    with world.begin() as session:
        campaign = session.get_one(Campaign, number)
        campaign.status, campaign.trouble = CampaignStatus.SENDING, "451 4.7.1 Try again later"
        session.commit()
    with served(create_app(wiring), port), chromium() as browser:
        page = browser.new_page()
        page.goto(f"http://127.0.0.1:{port}/connexion")
        page.fill("input[name=email]", SENDER)
        page.fill("input[name=password]", PASSWORD)
        page.click("button.primary")
        page.goto(f"http://127.0.0.1:{port}/messages/{number}")
        page.click(f"summary:has-text('{SAID}')")
        for _ in range(2):
            with page.expect_response(lambda answer: f"/messages/{number}" in answer.url):
                pass
            page.wait_for_timeout(200)
        assert page.locator("#suivi details[open] > summary").first.inner_text() == SAID
    wiring.engine.dispose()
