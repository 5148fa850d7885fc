"""The hold before the first mail: suspend or call back, each with its effect, and what is said when it was over already."""

from __future__ import annotations

import re
from datetime import timedelta

from service.core.vocabulary import CampaignStatus, DeliveryState
from service.models.campaign import Campaign
from service.models.delivery import Delivery
from tests.web.conftest import Browser
from tests.web.test_campaigns_sending import end, settled, status
from tests.web.world import World

# What the buttons of the hold send, that those of a sending on its way do not.
HELD = {"retenu": "oui"}


def held(world: World) -> Campaign:
    campaign = settled(world, DeliveryState.PENDING, DeliveryState.PENDING)
    with world.begin() as session, session.begin():
        kept = session.get_one(Campaign, campaign.id)
        kept.status, kept.started_at = CampaignStatus.SCHEDULED, None
        kept.due_at = world.wiring.now() + timedelta(seconds=100)
    return campaign


def begun(world: World, first: DeliveryState = DeliveryState.ACCEPTED) -> Campaign:
    """A sending whose hold was over before the button was pressed."""
    campaign = held(world)
    with world.begin() as session, session.begin():
        kept = session.get_one(Campaign, campaign.id)
        kept.status, kept.started_at = CampaignStatus.SENDING, world.wiring.now()
        session.get_one(Delivery, world.deliveries(campaign.id)[0].id).state = first
    return campaign


def read(browser: Browser, path: str) -> str:
    return browser.get(path).text.replace("\u00a0", " ").replace("\u202f", " ")


def test_during_the_hold_both_ways_are_offered_with_their_effect(
    signed_in: Browser, writer: Browser, world: World
) -> None:
    campaign = held(world)
    page = read(signed_in, f"/messages/{campaign.id}")
    forms = re.findall(rf'action="/messages/{campaign.id}/(\w+)">(.*?)</form>\s*<p>(.*?)</p>', page, re.DOTALL)
    assert [path for path, _, _ in forms] == ["pause", "arreter"]
    assert all('name="retenu"' in form for _, form, _ in forms)
    assert "Rien ne part avant que vous repreniez l’envoi." in forms[0][2]
    assert "Personne ne recevra ce message." in forms[1][2]
    assert "Suspendre" not in read(writer, f"/messages/{campaign.id}")


def test_a_sending_suspended_in_its_hold_leaves_when_it_is_taken_up_again(signed_in: Browser, world: World) -> None:
    campaign = held(world)
    signed_in.send(f"/messages/{campaign.id}/pause", HELD)
    page = read(signed_in, f"/messages/{campaign.id}")
    assert status(world, campaign) == "paused"
    assert "L’envoi est en pause. Rien ne part avant que vous le repreniez." in page
    assert "Le délai était passé" not in page
    signed_in.send(f"/messages/{campaign.id}/reprendre")
    assert status(world, campaign) == "scheduled", "what is left of the hold is kept"
    assert {row.state for row in world.deliveries(campaign.id)} == {DeliveryState.PENDING}


def test_to_suspend_when_the_hold_is_over_pauses_and_says_what_has_left(signed_in: Browser, world: World) -> None:
    campaign = begun(world)
    signed_in.send(f"/messages/{campaign.id}/pause", HELD)
    assert status(world, campaign) == "paused"
    assert "Le délai était passé : le message est parti à 1 personne. L’envoi est en pause." in read(
        signed_in, f"/messages/{campaign.id}"
    )


def test_a_pause_of_a_sending_on_its_way_speaks_of_no_hold(signed_in: Browser, world: World) -> None:
    campaign = begun(world)
    signed_in.send(f"/messages/{campaign.id}/pause")
    assert "Le délai était passé" not in read(signed_in, f"/messages/{campaign.id}")


def test_to_call_back_when_the_hold_is_over_ends_nothing_for_good_before_the_effect_was_read(
    signed_in: Browser, world: World
) -> None:
    campaign = begun(world)
    answer = signed_in.send(f"/messages/{campaign.id}/arreter", HELD)
    assert (answer.status_code, answer.location) == (303, f"/messages/{campaign.id}/arreter")
    assert status(world, campaign) == "paused", "nothing more leaves while it is decided"
    page = read(signed_in, f"/messages/{campaign.id}/arreter")
    assert "Le délai était passé : le message est parti à 1 personne. L’envoi est maintenant en pause" in page
    assert "Une personne ne le recevra pas." in page
    # Pressed on a page that was still open.
    assert signed_in.send(f"/messages/{campaign.id}/arreter", HELD).location == f"/messages/{campaign.id}/arreter"
    assert status(world, campaign) == "paused"
    signed_in.send(f"/messages/{campaign.id}/arreter")
    assert status(world, campaign) == "stopped"


def test_to_call_back_what_has_begun_with_nobody_reached_says_no_more_than_that(
    signed_in: Browser, world: World
) -> None:
    campaign = begun(world, DeliveryState.HANDING)
    signed_in.send(f"/messages/{campaign.id}/arreter", HELD)
    assert "Le délai était passé : l’envoi a commencé." in read(signed_in, f"/messages/{campaign.id}/arreter")


def test_when_all_has_left_both_buttons_say_so(signed_in: Browser, world: World) -> None:
    campaign = begun(world)
    end(world, campaign)
    for path in ("pause", "arreter"):
        assert signed_in.send(f"/messages/{campaign.id}/{path}", HELD).status_code == 303
        assert status(world, campaign) == "sent"
        said = read(signed_in, f"/messages/{campaign.id}")
        assert "Le délai était passé : le message est parti à 1 personne. L’envoi est terminé" in said
        assert signed_in.send(f"/messages/{campaign.id}/{path}").status_code == 409


def test_what_somebody_else_called_back_in_its_hold_is_refused_as_ever(signed_in: Browser, world: World) -> None:
    campaign = held(world)
    assert signed_in.send(f"/messages/{campaign.id}/arreter", HELD).status_code == 303
    assert status(world, campaign) == "stopped"
    for path in ("pause", "arreter"):
        assert signed_in.send(f"/messages/{campaign.id}/{path}", HELD).status_code == 409
