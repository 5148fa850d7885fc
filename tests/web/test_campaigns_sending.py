"""A sending on its way: the figures are the rows', pausing and stopping do what they say, and nothing moves on a GET."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest

from service.actions import campaigns, pulse
from service.core.vocabulary import CampaignStatus, DeliveryState
from service.models.campaign import Campaign
from service.models.delivery import Delivery
from tests.web.conftest import Browser
from tests.web.world import World

HTMX = {"HX-Request": "true"}


def settled(world: World, *states: DeliveryState, **details: object) -> Campaign:
    """A launched campaign with one member a state."""
    for number, _ in enumerate(states):
        world.member(f"Membre{number}", "Roy", to="nouvelles")
    campaign = world.launched()
    with world.begin() as session:
        for row, state in zip(world.deliveries(campaign.id), states, strict=True):
            kept = session.get_one(Delivery, row.id)
            kept.state, kept.settled_at = state, world.wiring.now()
            for name, value in details.items():
                setattr(kept, name, value)
        session.commit()
    return campaign


def end(world: World, campaign: Campaign, status: CampaignStatus = CampaignStatus.SENT) -> None:
    with world.begin() as session:
        kept = session.get_one(Campaign, campaign.id)
        kept.status, kept.finished_at = status, world.wiring.now()
        session.commit()


def status(world: World, campaign: Campaign) -> str:
    with world.begin() as session:
        return session.get_one(Campaign, campaign.id).status.value


def tabs(page: str) -> dict[str, int]:
    """What the tabs of recipients say: state in the address → number shown."""
    found = re.findall(r'href="/messages/\d+\?etat=([\w-]+)"[^>]*>([\d\u202f]+) ', page)
    return {word: int(count.replace("\u202f", "")) for word, count in found}


def test_the_tabs_count_what_the_figures_count(signed_in: Browser, world: World) -> None:
    campaign = settled(
        world,
        DeliveryState.ACCEPTED,
        DeliveryState.ACCEPTED,
        DeliveryState.PENDING,
        DeliveryState.DEFERRED,
        DeliveryState.HANDING,
        DeliveryState.REFUSED,
        DeliveryState.IN_DOUBT,
        DeliveryState.SKIPPED,
    )
    page = signed_in.get(f"/messages/{campaign.id}").text
    with world.begin() as session:
        figures = campaigns.figures(session, session.get_one(Campaign, campaign.id))
    assert tabs(page) == {
        "tous": figures.planned,
        "a-envoyer": figures.pending + figures.handing + figures.deferred,
        "envoyes": figures.accepted,
        "en-erreur": figures.refused,
        "en-doute": figures.in_doubt,
        "non-envoyes": figures.skipped,
    }
    assert "2 sur 8" in page


@pytest.mark.parametrize("tray", campaigns.Tray)
def test_each_tab_lists_as_many_people_as_it_counts(signed_in: Browser, world: World, tray: campaigns.Tray) -> None:
    campaign = settled(
        world, DeliveryState.ACCEPTED, DeliveryState.ACCEPTED, DeliveryState.PENDING, DeliveryState.REFUSED
    )
    with world.begin() as session:
        session.get_one(Delivery, world.deliveries(campaign.id)[0].id).bounced_at = world.wiring.now()
        session.commit()
    page = signed_in.get(f"/messages/{campaign.id}?etat={tray.value}").text
    assert page.count('<th scope="row">') == tabs(page).get(tray.value, 0)


def test_a_failure_is_told_in_words(signed_in: Browser, world: World) -> None:
    campaign = settled(world, DeliveryState.REFUSED, code=550, enhanced="5.1.1", reply="5.1.1 User unknown", why="rcpt")
    page = signed_in.get(f"/messages/{campaign.id}").text
    assert "L’adresse n’existe pas." in page
    assert "User unknown" not in page


def test_somebody_is_found_among_the_recipients(signed_in: Browser, world: World) -> None:
    campaign = settled(world, DeliveryState.ACCEPTED, DeliveryState.ACCEPTED)
    page = signed_in.get(f"/messages/{campaign.id}?cherche=membre1").text
    assert "Membre1 Roy" in page
    assert "Membre0 Roy" not in page


def test_a_sending_under_way_is_asked_for_again_until_it_is_over(signed_in: Browser, world: World) -> None:
    campaign = settled(world, DeliveryState.PENDING)
    assert 'hx-trigger="every 2s"' in signed_in.get(f"/messages/{campaign.id}").text
    moving = signed_in.get(f"/messages/{campaign.id}", headers=HTMX)
    assert moving.status_code == 200
    assert "<html" not in moving.text
    end(world, campaign)
    assert signed_in.get(f"/messages/{campaign.id}", headers=HTMX).status_code == 286
    assert "hx-trigger" not in signed_in.get(f"/messages/{campaign.id}").text


def test_a_pause_holds_back_and_a_resumption_goes_on(signed_in: Browser, world: World) -> None:
    campaign = settled(world, DeliveryState.PENDING)
    assert signed_in.send(f"/messages/{campaign.id}/pause").status_code == 303
    assert status(world, campaign) == "paused"
    assert "Reprendre l’envoi" in signed_in.get(f"/messages/{campaign.id}").text
    assert signed_in.send(f"/messages/{campaign.id}/pause").status_code == 409
    signed_in.send(f"/messages/{campaign.id}/reprendre")
    assert status(world, campaign) == "sending"


@pytest.mark.parametrize(
    ("in_hand", "said"),
    [
        (0, "Rien ne part avant que vous le repreniez."),
        (1, "1 message déjà pris en main part encore ; rien d’autre ne part avant que vous le repreniez."),
        (2, "2 messages déjà pris en main partent encore ; rien d’autre ne part avant que vous le repreniez."),
    ],
)
def test_a_pause_tells_of_what_leaves_all_the_same(signed_in: Browser, world: World, in_hand: int, said: str) -> None:
    campaign = settled(world, *[DeliveryState.HANDING] * in_hand, DeliveryState.PENDING, DeliveryState.ACCEPTED)
    signed_in.send(f"/messages/{campaign.id}/pause")
    page = signed_in.get(f"/messages/{campaign.id}").text.replace("\u00a0", " ").replace("\u202f", " ")
    assert f"L’envoi est en pause. {said}" in page
    assert ("déjà pris en main" in page.partition('id="phrase"')[2]) is bool(in_hand)


def test_stopping_says_its_effect_first_and_has_exactly_that_effect(signed_in: Browser, world: World) -> None:
    campaign = settled(
        world,
        DeliveryState.ACCEPTED,
        DeliveryState.ACCEPTED,
        DeliveryState.PENDING,
        DeliveryState.PENDING,
        DeliveryState.PENDING,
    )
    asked = signed_in.get(f"/messages/{campaign.id}/arreter").text
    assert "parti à <strong>2\u00a0personnes</strong>" in asked
    assert "Les 3 autres ne le recevront pas." in asked
    assert status(world, campaign) == "sending", "asking changes nothing"
    signed_in.send(f"/messages/{campaign.id}/arreter")
    assert status(world, campaign) == "stopped"
    page = signed_in.get(f"/messages/{campaign.id}").text
    assert "parti à 2\u00a0personnes." in page
    assert "3\u00a0personnes ne l’ont pas reçu" in page
    assert [row.state for row in world.deliveries(campaign.id)].count(DeliveryState.SKIPPED) == 3
    assert signed_in.send(f"/messages/{campaign.id}/arreter").status_code == 409


@pytest.mark.parametrize(
    ("states", "said"),
    [
        ("accepted handing handing pending in_doubt", "Une personne ne le recevra pas. 2 messages déjà pris en main partent encore."),
        ("accepted handing pending pending", "Les 2 autres ne le recevront pas. 1 message déjà pris en main part encore."),
        ("accepted handing", "1 personne. 1 message déjà pris en main part encore."),
    ],
)  # fmt: skip
def test_stopping_says_that_what_is_in_hand_still_leaves(
    signed_in: Browser, world: World, states: str, said: str
) -> None:
    campaign = settled(world, *map(DeliveryState, states.split()))
    asked = signed_in.get(f"/messages/{campaign.id}/arreter").text
    told = re.sub(r"<[^>]*>", "", asked).replace("\u00a0", " ").replace("\u202f", " ")
    assert said in re.sub(r"\s+", " ", told)


def test_during_the_hold_the_whole_sending_can_be_called_back(signed_in: Browser, world: World) -> None:
    campaign = settled(world, DeliveryState.PENDING, DeliveryState.PENDING)
    with world.begin() as session:
        kept = session.get_one(Campaign, campaign.id)
        kept.status, kept.due_at = CampaignStatus.SCHEDULED, world.wiring.now() + timedelta(seconds=100)
        session.commit()
    page = signed_in.get(f"/messages/{campaign.id}").text
    assert re.search(r"Départ dans 1\u00a0min\u00a0\d\d", page)
    assert "Annuler l’envoi définitivement" in page
    assert "Personne ne recevra ce message" in page
    signed_in.send(f"/messages/{campaign.id}/arreter")
    page = signed_in.get(f"/messages/{campaign.id}").text
    assert "Rien n’est parti." in page
    assert "Reprendre ce texte dans un nouveau brouillon" in page


def test_a_relay_that_is_down_is_told_in_french_with_what_to_do(signed_in: Browser, world: World) -> None:
    campaign = settled(world, DeliveryState.PENDING)
    with world.begin() as session:
        session.get_one(Campaign, campaign.id).trouble = "connect  SMTPServerDisconnected: <b>closed</b>"
        session.commit()
    page = signed_in.get(f"/messages/{campaign.id}").text
    assert "Le serveur d’envoi ne répond pas" in page
    assert "Les messages qui attendent repartiront seuls" in page
    assert "Le serveur a coupé la connexion sans dire pourquoi." in page
    assert "Disconnected" not in page
    assert "closed" not in page


def test_a_worker_that_is_not_there_is_told_and_one_at_work_is_not(signed_in: Browser, world: World) -> None:
    campaign = settled(world, DeliveryState.PENDING)
    assert "Rien ne part" not in signed_in.get(f"/messages/{campaign.id}").text, "it has just begun"
    with world.begin() as session:
        session.get_one(Campaign, campaign.id).started_at = world.wiring.now() - timedelta(minutes=5)
        session.commit()
    assert "Rien ne part" in signed_in.get(f"/messages/{campaign.id}").text
    with world.begin() as session:
        pulse.beat(session, pulse.WORKER, now=world.wiring.now())
        session.commit()
    assert "Rien ne part" not in signed_in.get(f"/messages/{campaign.id}").text


def test_what_is_in_doubt_is_shown_and_never_called_sent(signed_in: Browser, world: World) -> None:
    campaign = settled(world, DeliveryState.ACCEPTED, DeliveryState.IN_DOUBT, why="connection_lost")
    end(world, campaign)
    page = signed_in.get(f"/messages/{campaign.id}").text
    assert "1\u00a0message est en doute" in page
    assert "1 sur 2" in page


def test_the_report_tells_what_is_known_and_says_what_is_not_measured(signed_in: Browser, world: World) -> None:
    campaign = settled(world, DeliveryState.ACCEPTED, DeliveryState.REFUSED, answered_at=world.wiring.now())
    end(world, campaign)
    page = signed_in.get(f"/messages/{campaign.id}").text
    assert "Nous ne mesurons pas les ouvertures, par respect des personnes." in page
    assert "<strong>2</strong> réponses" in page
    listed = signed_in.get("/messages").text
    assert "envoyé à 1 sur 2 · 2\u00a0réponses · 1 en erreur" in listed


def test_a_message_that_has_left_can_be_read_by_writers_and_held_back_by_senders_alone(
    writer: Browser, world: World
) -> None:
    campaign = settled(world, DeliveryState.PENDING)
    page = writer.get(f"/messages/{campaign.id}").text
    assert "0 sur 1" in page
    assert "Mettre en pause" not in page
    assert writer.get(f"/messages/{campaign.id}/arreter").status_code == 403
    assert writer.get(f"/messages/{campaign.id}/ecrire").status_code == 409


def test_an_unknown_message_is_no_fault_of_ours(signed_in: Browser) -> None:
    for path in ("", "/ecrire", "/envoyer", "/relecture", "/apercu", "/arreter"):
        assert signed_in.get(f"/messages/987{path}").status_code == 404
