"""What is to be looked at once more before a message leaves, on the page that sends it and on the one that rereads it."""

from __future__ import annotations

from datetime import timedelta

from service.core.vocabulary import EventKind
from service.models.campaign import Campaign
from service.models.event import Event
from tests.web.conftest import Browser
from tests.web.world import World

BODY = "Bonjour {prénom},\n\nRendez-vous le mercredi 1er janvier 2027 (lieu à compléter). [ici](https://exemple.example/a)\n"


def test_slips_of_the_hand_are_told_with_the_way_to_their_field_and_keep_nothing_from_leaving(
    writer: Browser, signed_in: Browser, world: World
) -> None:
    world.member(to="nouvelles")
    campaign = world.submitted(subject="VENEZ NOMBREUSES ET NOMBREUX", body=BODY)
    page = writer.get(f"/messages/{campaign.id}/envoyer").text
    assert "À regarder avant l’envoi" in page
    assert (
        "Vous écrivez «\u00a0mercredi 1er janvier 2027\u00a0»\u00a0: le 1er\u00a0janvier 2027 est un vendredi." in page
    )
    assert "Il reste «\u00a0à compléter\u00a0» dans le texte" in page
    assert "Le lien «\u00a0ici\u00a0» ne dit pas où il mène" in page
    assert f'href="/messages/{campaign.id}/ecrire#subject"' in page
    assert f'href="/messages/{campaign.id}/ecrire#body"' in page
    read_again = signed_in.get(f"/messages/{campaign.id}/relecture").text
    assert "Il reste «\u00a0à compléter\u00a0» dans le texte" in read_again
    assert "/ecrire#" not in read_again
    signed_in.send(f"/messages/{campaign.id}/relecture", {"avis": "accord", "version": "1"})
    assert "Envoyer à 1\u00a0personne" in signed_in.get(f"/messages/{campaign.id}/envoyer").text


def test_a_message_without_any_says_so_in_a_line(writer: Browser, world: World) -> None:
    world.member(to="nouvelles")
    page = writer.get(f"/messages/{world.campaign().id}/envoyer").text
    assert "Rien d’oublié" in page
    assert "À regarder" not in page


def test_the_words_of_a_meeting_are_compared_with_its_day(writer: Browser, world: World) -> None:
    world.member(to="nouvelles")
    campaign = world.campaign(body="Bonjour,\n\nÀ vendredi, le 27 mai 2027.\n")
    now = world.wiring.now()
    with world.wiring.sessions.begin() as session:
        # Half past midnight in Paris: the day before in UTC.
        at = now.replace(year=2027, month=5, day=27, hour=22, minute=30)
        event = Event(slug="rdv", kind=EventKind.RDV, title="RDV", starts_at=at, ends_at=at + timedelta(hours=1), zone="Europe/Paris", created_at=now)  # fmt: skip
        session.add(event)
        session.flush()
        session.get_one(Campaign, campaign.id).event_id = event.id
    page = writer.get(f"/messages/{campaign.id}/envoyer").text
    assert "La rencontre a lieu le vendredi 28\u00a0mai 2027" in page


def test_the_same_words_twice_in_a_month_are_remarked(writer: Browser, world: World) -> None:
    world.member(to="nouvelles")
    first, second = world.campaign(), world.campaign()
    with world.wiring.sessions.begin() as session:
        session.get_one(Campaign, first.id).launched_at = world.wiring.now() - timedelta(days=29)
    said = "Un message de même objet et de même texte est parti le"
    assert said in writer.get(f"/messages/{second.id}/envoyer").text
    with world.wiring.sessions.begin() as session:
        session.get_one(Campaign, first.id).launched_at = world.wiring.now() - timedelta(days=31)
    assert said not in writer.get(f"/messages/{second.id}/envoyer").text
