"""Two people: who wrote may not agree, and what is sent is exactly what was read."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select

from service.core.vocabulary import MailKind, Role
from service.models.campaign import Campaign
from service.models.delivery import Delivery
from service.models.journal import JournalEntry
from service.models.staff import Staff
from tests.web.conftest import Browser
from tests.web.world import WRITER, World


def status(world: World, campaign_id: int) -> str:
    with world.begin() as session:
        return session.get_one(Campaign, campaign_id).status.value


def test_the_writer_asks_and_is_told_that_somebody_else_must_read(writer: Browser, world: World) -> None:
    world.member(to="nouvelles")
    campaign = world.campaign()
    assert "Demander la relecture" in writer.get(f"/messages/{campaign.id}/envoyer").text
    writer.send(f"/messages/{campaign.id}/demander-relecture")
    assert status(world, campaign.id) == "submitted"
    assert (
        "La relecture est demandée. Paul en reçoit le lien par e-mail."
        in writer.get(f"/messages/{campaign.id}/envoyer").text
    )
    told = writer.get(f"/messages/{campaign.id}/relecture").text
    assert "une autre personne doit le relire" in told
    assert "Peut le faire\u00a0: Paul" in told
    assert "J’approuve" not in told


def test_s11_who_has_nobody_else_to_read_again_finds_the_way_to_send_without(
    signed_in: Browser, writer: Browser, world: World
) -> None:
    world.member(to="nouvelles")
    theirs = world.campaign()
    made = signed_in.send("/messages/nouveau", {"kind": "communique", "list": ["nouvelles"]})
    number = int(made.location.split("/")[-2])
    typed = {"subject": "Bonjour", "body": "Voici.", "list": ["nouvelles"], "version": "1", "act": "continuer"}
    signed_in.send(f"/messages/{number}/ecrire", typed)
    page = signed_in.get(f"/messages/{number}/envoyer").text
    assert "Personne d’autre dans l’équipe ne peut relire ce message." in page
    assert '<details class="card alone" open>' in page
    assert '<button class="button quiet">Demander la relecture' in page
    elsewhere = signed_in.get(f"/messages/{theirs.id}/envoyer").text
    assert '<details class="card alone">' in elsewhere, "Jeanne wrote it: Paul can read it"
    assert '<button class="button primary">Demander la relecture' in elsewhere
    world.staff("ada@passerelles.example", "Ada", Role.ADMIN)
    assert '<details class="card alone">' in signed_in.get(f"/messages/{number}/envoyer").text
    with world.begin() as session, session.begin():
        for one in session.query(Staff).filter(Staff.email != WRITER):
            one.disabled_at = world.wiring.now()
    told = writer.get(f"/messages/{theirs.id}/envoyer").text
    assert "ni l’envoyer\u00a0: prévenez la personne qui administre Pli, pour ouvrir" in told
    assert "sans relecture" not in told


def test_an_author_who_may_send_still_cannot_agree_to_his_own_words(signed_in: Browser, world: World) -> None:
    world.member(to="nouvelles")
    made = signed_in.send("/messages/nouveau", {"kind": "communique", "list": ["nouvelles"]})
    number = int(made.location.split("/")[-2])
    typed = {"subject": "Bonjour", "body": "Voici.", "list": ["nouvelles"], "version": "1", "act": "continuer"}
    signed_in.send(f"/messages/{number}/ecrire", typed)
    signed_in.send(f"/messages/{number}/demander-relecture")
    assert "J’approuve" not in signed_in.get(f"/messages/{number}/relecture").text
    forced = signed_in.send(f"/messages/{number}/relecture", {"avis": "accord", "version": "2"})
    assert forced.status_code == 403
    assert status(world, number) == "submitted"


def test_who_may_only_write_can_neither_agree_nor_send(writer: Browser, world: World) -> None:
    world.member(to="nouvelles")
    campaign = world.submitted()
    for path, data in (
        ("relecture", {"avis": "accord", "version": "1"}),
        ("envoyer", {"quand": "maintenant"}),
        ("envoyer", {"quand": "maintenant", "sans-relecture": "oui", "reason": "une très bonne raison"}),
        ("pause", {}),
        ("reprendre", {}),
        ("arreter", {}),
    ):
        assert writer.send(f"/messages/{campaign.id}/{path}", data).status_code == 403, path
    assert status(world, campaign.id) == "submitted"
    assert "Envoyer sans relecture" not in writer.get(f"/messages/{campaign.id}/envoyer").text


def test_a_reader_agrees_to_the_version_that_he_saw_and_to_no_other(
    signed_in: Browser, writer: Browser, world: World
) -> None:
    world.member(to="nouvelles")
    campaign = world.submitted()
    shown = signed_in.get(f"/messages/{campaign.id}/relecture").text
    assert 'name="version" value="1"' in shown
    changed = {"subject": "Autre", "body": "Autre", "list": ["nouvelles"], "version": "1"}
    writer.send(f"/messages/{campaign.id}/ecrire", changed)
    writer.send(f"/messages/{campaign.id}/demander-relecture")
    late = signed_in.send(f"/messages/{campaign.id}/relecture", {"avis": "accord", "version": "1"})
    assert late.status_code == 409
    assert "a changé pendant votre relecture" in late.text
    assert signed_in.send(f"/messages/{campaign.id}/relecture", {"avis": "accord", "version": "2"}).status_code == 303
    assert status(world, campaign.id) == "approved"


def test_a_correction_goes_back_to_the_author_with_its_words(signed_in: Browser, writer: Browser, world: World) -> None:
    world.member(to="nouvelles")
    campaign = world.submitted()
    signed_in.send(f"/messages/{campaign.id}/relecture", {"avis": "correction", "reason": "La date <b>est</b> fausse."})
    assert status(world, campaign.id) == "draft"
    told = writer.get(f"/messages/{campaign.id}/ecrire").text
    assert "Paul demande une correction" in told
    assert "La date &lt;b&gt;est&lt;/b&gt; fausse." in told
    writer.send(f"/messages/{campaign.id}/demander-relecture")
    assert "demande une correction" not in writer.get(f"/messages/{campaign.id}/ecrire").text


def test_an_opinion_must_be_given(signed_in: Browser, world: World) -> None:
    world.member(to="nouvelles")
    campaign = world.submitted()
    assert signed_in.send(f"/messages/{campaign.id}/relecture", {}).status_code == 422


def test_a_message_that_cannot_be_sent_shows_what_to_mend_and_no_button(signed_in: Browser, world: World) -> None:
    world.member(given="", family="Roy", email="roy@membre.example", to="nouvelles")
    campaign = world.campaign(body="Bonjour {prénom},")
    shown = signed_in.get(f"/messages/{campaign.id}/envoyer").text
    assert "Un champ du texte est vide pour" in shown
    assert "Demander la relecture" not in shown
    assert "Envoyer sans relecture" not in shown
    assert signed_in.send(f"/messages/{campaign.id}/demander-relecture").status_code == 422


def test_a_test_goes_to_me_alone_with_the_data_of_the_person_chosen(signed_in: Browser, world: World) -> None:
    member = world.member("Zoé", "Roy", "zoe@membre.example", to="nouvelles")
    campaign = world.campaign()
    answer = signed_in.send(
        f"/messages/{campaign.id}/test", {"pour": str(member.contacts[0].id)}, follow_redirects=True
    )
    assert "Le test part à paul@passerelles.example" in answer.text
    with world.begin() as session:
        ordered = session.scalars(select(Delivery)).all()
        assert [(one.kind, one.address) for one in ordered] == [(MailKind.TEST, "paul@passerelles.example")]
        assert ordered[0].fields["prénom"] == "Zoé"
    assert "en attente du serveur d’envoi" in answer.text


def test_the_button_and_the_sentence_say_to_how_many(signed_in: Browser, world: World) -> None:
    world.member("Camille", to="nouvelles")
    world.member("Paul", "Faure", to="nouvelles")
    world.member("Sans", "Adresse", "", to="nouvelles")
    campaign = world.submitted()
    signed_in.send(f"/messages/{campaign.id}/relecture", {"avis": "accord", "version": "1"})
    shown = signed_in.get(f"/messages/{campaign.id}/envoyer").text
    assert "Envoyer à 2\u00a0personnes" in shown
    assert "<strong>2\u00a0sociétaires</strong>" in shown


def test_sending_writes_one_row_a_person_and_a_second_click_writes_none(signed_in: Browser, world: World) -> None:
    world.member("Camille", to="nouvelles")
    world.member("Paul", "Faure", to="nouvelles")
    campaign = world.submitted()
    signed_in.send(f"/messages/{campaign.id}/relecture", {"avis": "accord", "version": "1"})
    assert signed_in.send(f"/messages/{campaign.id}/envoyer", {"quand": "maintenant"}).status_code == 303
    assert signed_in.send(f"/messages/{campaign.id}/envoyer", {"quand": "maintenant"}).status_code == 409
    assert len(world.deliveries(campaign.id)) == 2
    assert status(world, campaign.id) == "sending"


def test_a_message_leaves_at_the_hour_of_the_cooperative(signed_in: Browser, world: World) -> None:
    world.member(to="nouvelles")
    campaign = world.submitted()
    signed_in.send(f"/messages/{campaign.id}/relecture", {"avis": "accord", "version": "1"})
    day = (world.wiring.now() + timedelta(days=400)).date()
    asked = {"quand": "heure", "date": day.isoformat(), "heure": "09:00"}
    # A date beside « Maintenant » is a doubt: nothing leaves on a guess.
    doubtful = signed_in.send(f"/messages/{campaign.id}/envoyer", {**asked, "quand": "maintenant"})
    assert (doubtful.status_code, "Choisissez l’un ou l’autre" in doubtful.text) == (422, True)
    assert signed_in.send(f"/messages/{campaign.id}/envoyer", asked).status_code == 303
    with world.begin() as session:
        due = session.get_one(Campaign, campaign.id).due_at
    assert due is not None
    assert due.astimezone(world.wiring.settings.zone).isoformat().startswith(f"{day}T09:00")
    page = signed_in.get(f"/messages/{campaign.id}").text
    assert "à 9\u00a0h" in page
    assert "1\u00a0personne le recevrait" in page
    assert "Une personne ne le recevra pas." in signed_in.get(f"/messages/{campaign.id}/arreter").text
    signed_in.send(f"/messages/{campaign.id}/pause")
    assert "En pause. Il devait partir le" in signed_in.get(f"/messages/{campaign.id}").text
    signed_in.send(f"/messages/{campaign.id}/arreter")
    assert "Rien n’est parti." in signed_in.get(f"/messages/{campaign.id}").text
    assert "arrêté avant tout envoi" in signed_in.get("/messages").text


@pytest.mark.parametrize(
    ("day", "hour", "words"),
    [
        ("", "", "Choisissez le jour et l’heure"),
        ("2020-01-01", "09:00", "déjà passée"),
        ("2027-03-28", "02:30", "on avance d’une heure"),
        ("hier", "09:00", "n’est pas une date"),
    ],
)
def test_an_hour_that_cannot_be_is_refused_at_its_field(
    signed_in: Browser, world: World, day: str, hour: str, words: str
) -> None:
    world.member(to="nouvelles")
    campaign = world.submitted()
    signed_in.send(f"/messages/{campaign.id}/relecture", {"avis": "accord", "version": "1"})
    answer = signed_in.send(f"/messages/{campaign.id}/envoyer", {"quand": "heure", "date": day, "heure": hour})
    assert answer.status_code == 422
    assert words in answer.text
    assert 'id="at-erreur"' in answer.text
    assert status(world, campaign.id) == "approved"


def test_without_a_second_reader_a_reason_is_written_and_kept(signed_in: Browser, world: World) -> None:
    world.member(to="nouvelles")
    campaign = world.campaign()
    short = signed_in.send(f"/messages/{campaign.id}/envoyer", {"sans-relecture": "oui", "reason": "vite"})
    assert short.status_code == 422
    assert "pourquoi ce message part sans relecture" in short.text
    assert (
        signed_in.send(f"/messages/{campaign.id}/envoyer", {"sans-relecture": "oui", "reason": ""}).status_code == 422
    )
    why = "Fuite d’eau : les bureaux ferment ce matin."
    assert (
        signed_in.send(f"/messages/{campaign.id}/envoyer", {"sans-relecture": "oui", "reason": why}).status_code == 303
    )
    with world.begin() as session:
        entry = session.scalars(select(JournalEntry).where(JournalEntry.act == "campaign.approve_alone")).one()
        assert entry.detail["reason"] == why
        told = session.scalars(select(Delivery).where(Delivery.kind == MailKind.NOTICE)).all()
        assert [one.address for one in told] == [WRITER], "the others, and not who sends"
    assert "prévient l’équipe (1\u00a0personne)" in signed_in.get(f"/messages/{campaign.id}").text


def test_without_an_approval_nothing_leaves(signed_in: Browser, world: World) -> None:
    world.member(to="nouvelles")
    world.staff("sophie@passerelles.example", "Sophie", Role.ADMIN)
    campaign = world.submitted()
    assert signed_in.send(f"/messages/{campaign.id}/envoyer", {"quand": "maintenant"}).status_code == 409
    assert world.deliveries(campaign.id) == []


def test_a_list_that_changed_since_the_accord_is_told_before_the_button(signed_in: Browser, world: World) -> None:
    world.member(to="nouvelles")
    campaign = world.submitted()
    signed_in.send(f"/messages/{campaign.id}/relecture", {"avis": "accord", "version": "1"})
    told = "Depuis cet accord, les listes ont changé"
    assert told not in signed_in.get(f"/messages/{campaign.id}/envoyer").text
    world.member("Ada", to="nouvelles")
    page = signed_in.get(f"/messages/{campaign.id}/envoyer").text
    assert f"{told}\u00a0: 2\u00a0personnes recevront le message, au lieu de 1." in page
