"""Staff read what a sending waits for, when it goes on, and what they can do (contract: SEND_RATE; D18, D20)."""

from __future__ import annotations

from datetime import timedelta

import pytest

from service.actions import relays
from service.core.vocabulary import CampaignStatus, DeliveryState, MailClass, Wait
from service.models.campaign import Campaign
from service.models.delivery import Delivery
from service.models.pace import Destination
from tests.web.conftest import Browser
from tests.web.test_campaigns_sending import end, settled
from tests.web.world import World


def waiting(world: World, wait: Wait | None, **by: float) -> Campaign:
    campaign = settled(world, DeliveryState.PENDING, DeliveryState.ACCEPTED)
    with world.begin() as session:
        kept = session.get_one(Campaign, campaign.id)
        kept.waits_for, kept.resumes_at = wait, world.wiring.now() + timedelta(**by)
        session.commit()
    return campaign


@pytest.mark.parametrize(
    ("wait", "words"),
    [(Wait.PACE, "est atteint. L’envoi reprend "), (Wait.QUIET, "l’heure calme"), (Wait.RELAY, "Prochain essai ")],
)
def test_a_wait_is_told_with_its_hour(signed_in: Browser, world: World, wait: Wait, words: str) -> None:
    campaign = waiting(world, wait, hours=49)
    page = signed_in.get(f"/messages/{campaign.id}").text
    assert words in page
    resumes = world.wiring.now().astimezone(world.wiring.settings.zone) + timedelta(hours=49)
    assert f"{resumes.day}\u00a0" in page.partition(words)[2][:200]


def test_a_wait_that_is_over_is_told_no_more(signed_in: Browser, world: World) -> None:
    campaign = waiting(world, Wait.PACE, seconds=-1)
    page = signed_in.get(f"/messages/{campaign.id}").text
    assert "1 sur 2" in page.replace("\u00a0", " ")
    assert "est atteint" not in page


def test_d20_a_domain_left_in_peace_is_told_where_somebody_waits_and_one_click_resumes(
    signed_in: Browser, world: World
) -> None:
    campaign = settled(world, DeliveryState.PENDING, DeliveryState.ACCEPTED)
    with world.begin() as session:
        session.add(
            Destination(
                domain="membre.example",
                answers="xxxxx",
                paused_at=world.wiring.now(),
                code="5.7.1",
                reply="5.7.1 <b>reputation</b>",
            )
        )
        session.commit()
    for path in ("/", f"/messages/{campaign.id}"):
        page = signed_in.get(path).text
        assert "Les envois vers membre.example sont en pause" in page
        assert "1\u00a0personne attend" in page
        assert "<b>reputation</b>" not in page
    answer = signed_in.send("/destinations/reprendre", {"domaine": "membre.example", "message": str(campaign.id)})
    assert (answer.status_code, answer.headers["Location"]) == (303, f"/messages/{campaign.id}")
    assert "Les envois vers membre.example reprennent." in signed_in.get(f"/messages/{campaign.id}").text
    assert "sont en pause" not in signed_in.get("/").text
    assert signed_in.send("/destinations/reprendre", {"domaine": "membre.example"}).status_code == 409


def test_d19_d20_a_server_that_knows_nobody_is_told_as_its_own_failure_and_one_that_refuses_us_is_not(
    signed_in: Browser, world: World
) -> None:
    campaign = settled(world, DeliveryState.PENDING, DeliveryState.ACCEPTED)
    for code, reply, denies in (
        ("5.1.1", "5.1.1 User unknown", True),
        ("5.1.2", "5.1.2 Host not found", True),
        ("5.1.1", "5.1.1 Blocked by our spam policy", False),
        ("5.7.1", "5.7.1 reputation", False),
    ):
        with world.begin() as session:
            session.merge(
                Destination(domain="membre.example", answers="", paused_at=world.wiring.now(), code=code, reply=reply)
            )
            session.commit()
        for path in ("/", f"/messages/{campaign.id}"):
            page = signed_in.get(path).text
            assert "Les envois vers membre.example sont en pause" in page
            assert reply in page
            told = "une panne chez lui\u00a0: aucune adresse n’est écartée" in page
            assert (told, "à cause de l’expéditeur" in page) == (denies, not denies), reply


def test_a_domain_left_in_peace_is_not_told_where_nobody_waits(signed_in: Browser, world: World) -> None:
    campaign = settled(world, DeliveryState.ACCEPTED)
    end(world, campaign)
    with world.begin() as session:
        session.add(Destination(domain="membre.example", answers="", paused_at=world.wiring.now(), code="", reply=""))
        session.commit()
    assert "1 sur 1" in signed_in.get(f"/messages/{campaign.id}").text.replace("\u00a0", " ")
    assert "sont en pause" not in signed_in.get(f"/messages/{campaign.id}").text


def test_d18_a_convocation_that_is_late_stands_on_the_home_page(signed_in: Browser, world: World) -> None:
    campaign = settled(world, DeliveryState.DEFERRED)
    with world.begin() as session:
        kept = session.get_one(Campaign, campaign.id)
        kept.status, kept.mail_class = CampaignStatus.SENDING, MailClass.STATUTORY
        (row,) = world.deliveries(campaign.id)
        session.get_one(Delivery, row.id).handed_at = world.wiring.now() - timedelta(hours=25)
        session.commit()
    page = signed_in.get("/").text
    assert "1\u00a0personne attend encore cette convocation" in page
    assert f"/messages/{campaign.id}?etat=a-envoyer" in page


def test_a_relay_that_is_given_one_message_after_the_other_is_told_where_the_team_looks(
    signed_in: Browser, world: World
) -> None:
    """Why a sending is slow, that nothing is lost, and that there is nothing to do; a sending that has ended says nothing."""
    campaign = settled(world, DeliveryState.PENDING, DeliveryState.ACCEPTED)
    slow = "<strong>Les messages partent plus lentement.</strong> Votre serveur d’envoi"
    pages = ("/", f"/messages/{campaign.id}")
    assert [slow in signed_in.get(page).text for page in pages] == [False, False]
    with world.begin() as session, session.begin():
        relays.distrust(session, world.wiring.relay_address, now=world.wiring.now())
    assert [slow in signed_in.get(page).text for page in pages] == [True, True]
    assert slow in signed_in.get(pages[1], headers={"HX-Request": "true"}).text
    end(world, campaign)
    assert slow not in signed_in.get(pages[1]).text
