"""Leaving a text, a draft or a sending: nothing typed is lost, nothing refused is offered, and every page says how to go on."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from sqlalchemy import select

from service.actions import campaigns as sendings
from service.core.vocabulary import CampaignStatus
from service.models.campaign import Campaign
from service.models.journal import JournalEntry
from service.models.member import Contact
from tests.web.conftest import Browser
from tests.web.test_campaigns import draft, typed
from tests.web.world import World


def scheduled_and_refused(world: World) -> Campaign:
    """A message whose launch was refused at its hour, for a first name that went away."""
    member = world.member("Camille", "Roy", to="nouvelles")
    campaign = world.launched()
    with world.begin() as session, session.begin():
        kept = session.get_one(Campaign, campaign.id)
        kept.status, kept.launched_at, kept.due_at = CampaignStatus.SCHEDULED, None, world.wiring.now()
        session.scalars(select(Contact).where(Contact.member_id == member.id)).one().given_name = ""
        sendings.hold_back(session, kept, "Un champ du texte est vide pour Roy.", now=world.wiring.now())
    return campaign


def test_every_way_out_of_the_text_saves_it(signed_in: Browser, world: World) -> None:
    campaign = world.campaign()
    page = signed_in.get(f"/messages/{campaign.id}/ecrire").text
    inside = page.partition("<main")[2].partition("</main>")[0]
    links = re.findall(r'<a [^>]*href="(?!/societaires/import|#)([^"]*)"', inside)
    assert links == [], "these lose what is typed"
    for number, (act, leads_to) in enumerate(
        (("messages", "/messages"), ("continuer", f"/messages/{campaign.id}/envoyer"))
    ):
        assert f'form="ecriture" name="act" value="{act}"' in inside
        answer = signed_in.send(
            f"/messages/{campaign.id}/ecrire", typed(campaign, body=f"Texte {act}", act=act, version=str(number + 1))
        )
        assert (answer.status_code, answer.location.partition("?")[0]) == (303, leads_to)
        assert draft(world, campaign.id).version.body == f"Texte {act}"


def test_enter_in_a_field_saves_and_stays(signed_in: Browser, world: World) -> None:
    page = signed_in.get(f"/messages/{world.campaign().id}/ecrire").text
    first = re.search(r'<button[^>]*form="ecriture"[^>]*>', page)
    assert first
    assert 'value="enregistrer"' in first[0]


def test_a_script_that_saves_before_it_leaves_learns_whether_it_may(
    signed_in: Browser, writer: Browser, world: World
) -> None:
    campaign = world.campaign()
    assert signed_in.send(f"/messages/{campaign.id}/ecrire", typed(campaign, act="quitter")).status_code == 204
    refused = writer.send(f"/messages/{campaign.id}/ecrire", typed(campaign, body="Trop tard", act="quitter"))
    assert refused.status_code == 409
    assert "Trop tard" in refused.text


def test_a_text_typed_for_a_message_that_left_meanwhile_is_kept_in_a_new_draft(
    signed_in: Browser, world: World
) -> None:
    world.member(to="nouvelles")
    campaign = world.launched()
    refused = signed_in.send(f"/messages/{campaign.id}/ecrire", typed(campaign, body="Tapé trop tard"))
    assert refused.status_code == 409
    assert "Tapé trop tard" in refused.text
    assert 'value="enregistrer"' not in refused.text
    assert 'value="nouveau"' in refused.text
    kept = signed_in.send(f"/messages/{campaign.id}/ecrire", typed(campaign, body="Tapé trop tard", act="nouveau"))
    made = draft(world, int(kept.location.split("/")[-2]))
    assert (made.version.body, made.status.value) == ("Tapé trop tard", "draft")
    assert made.id != campaign.id


def test_a_draft_is_deleted_by_a_form_that_says_so_and_the_journal_keeps_it(signed_in: Browser, world: World) -> None:
    campaign = world.campaign()
    page = signed_in.get(f"/messages/{campaign.id}/ecrire").text
    assert "effacés pour toujours" in page
    assert signed_in.get(f"/messages/{campaign.id}/supprimer").status_code == 405
    answer = signed_in.send(f"/messages/{campaign.id}/supprimer", follow_redirects=True)
    assert "Le brouillon est supprimé." in answer.text
    assert signed_in.get(f"/messages/{campaign.id}").status_code == 404
    with world.begin() as session:
        assert (
            session.scalar(select(JournalEntry.subject_id).where(JournalEntry.act == "campaign.discard")) == campaign.id
        )


def test_a_message_that_was_to_be_read_offers_no_deletion_and_refuses_it(signed_in: Browser, world: World) -> None:
    world.member(to="nouvelles")
    campaign = world.submitted()
    assert "/supprimer" not in signed_in.get(f"/messages/{campaign.id}/ecrire").text
    assert signed_in.send(f"/messages/{campaign.id}/supprimer").status_code == 409


def test_a_correction_is_told_on_the_author_s_home_and_nowhere_else(
    signed_in: Browser, writer: Browser, world: World
) -> None:
    world.member(to="nouvelles")
    campaign = world.submitted(subject="Nos comptes")
    assert "Relire le message" not in writer.get(f"/messages/{campaign.id}/envoyer").text
    signed_in.send(f"/messages/{campaign.id}/relecture", {"avis": "correction", "reason": "La date est fausse."})
    mine = writer.get("/").text
    assert "Paul demande une correction de «\u00a0Nos comptes\u00a0»" in mine
    assert "La date est fausse." in mine
    assert f'href="/messages/{campaign.id}/ecrire"' in mine
    assert "demande une correction" not in signed_in.get("/").text
    writer.send(f"/messages/{campaign.id}/demander-relecture")
    assert "demande une correction" not in writer.get("/").text


@pytest.mark.parametrize("words", ["zorglub", "<zorglub>"])
def test_a_search_that_finds_nobody_says_so(signed_in: Browser, world: World, words: str) -> None:
    world.member("Camille", "Roy", to="nouvelles")
    campaign = world.campaign()
    live = signed_in.send(f"/messages/{campaign.id}/lecteurs", typed(campaign, cherche=words)).text
    whole = signed_in.send(f"/messages/{campaign.id}/ecrire", typed(campaign, cherche=words, act="chercher")).text
    for page in (live, whole):
        told = page.partition('id="cherche-resultat"')[2].partition("</p>")[0]
        assert "ne correspond à" in told
        assert "<zorglub>" not in told
        assert "Camille Roy" in page, "whoever can be chosen stays"
    found = signed_in.send(f"/messages/{campaign.id}/lecteurs", typed(campaign, cherche="camille")).text
    assert "ne correspond à" not in found


def test_all_that_must_be_mended_is_listed_at_once(signed_in: Browser, world: World) -> None:
    campaign = world.campaign(subject="", body="Bonjour {prenon}, [bouton: Aller](www.exemple.example)")
    page = signed_in.get(f"/messages/{campaign.id}/envoyer").text
    told = page.partition('class="obstacles"')[2].partition("</ul>")[0]
    assert told.count("<li") == 4
    for words in ("Écrivez un objet", "{prénom}", "Vouliez-vous https://www.exemple.example", "Personne ne recevrait"):
        assert words in told


def test_a_link_that_leads_nowhere_is_remarked_while_it_is_typed(signed_in: Browser, world: World) -> None:
    campaign = world.campaign()
    live = signed_in.send(f"/messages/{campaign.id}/remarques", typed(campaign, body="[bouton: Aller](www.a.example)"))
    assert "Vouliez-vous https://www.a.example" in live.text.partition('id="body-remarques"')[2]


@pytest.mark.parametrize("path", ["ecrire", "envoyer", "relecture"])
def test_a_stopped_message_says_that_it_was_stopped_and_offers_its_text(
    signed_in: Browser, world: World, path: str
) -> None:
    world.member(to="nouvelles")
    campaign = world.launched(body="À reprendre")
    signed_in.send(f"/messages/{campaign.id}/arreter")
    page = signed_in.get(f"/messages/{campaign.id}/{path}")
    assert page.status_code == 409
    assert "L’envoi de ce message a été arrêté" in page.text
    assert "plus rapide" not in page.text
    for shown in (page.text, signed_in.get(f"/messages/{campaign.id}").text):
        assert f'action="/messages/{campaign.id}/repartir"' in shown
        assert "Reprendre ce texte dans un nouveau brouillon" in shown
        assert "définiti" in shown


def test_a_refused_launch_says_why_to_whom_and_when_it_may_go_on(signed_in: Browser, world: World) -> None:
    campaign = scheduled_and_refused(world)
    home = signed_in.get("/").text
    assert "Le serveur d’envoi ne répond pas" not in home
    assert "Un champ du texte est vide pour Roy." in home
    assert "n’est pas parti à son heure" in home
    assert "Tout est à jour" not in home
    page = signed_in.get(f"/messages/{campaign.id}").text
    assert "Un champ du texte est vide pour Roy." in page
    assert re.search(r'<a href="/societaires/\d+">Roy</a>', page)
    assert "C’est corrigé depuis" not in page
    assert "Reprendre l’envoi" not in page, "it would be refused again"
    assert "1 sur 1" not in home
    with world.begin() as session, session.begin():
        session.scalars(select(Contact)).one().given_name = "Camille"
    mended = signed_in.get(f"/messages/{campaign.id}").text
    assert "C’est corrigé depuis" in mended
    assert "Reprendre l’envoi" in mended


def test_asking_a_page_that_keeps_nothing_takes_no_writer_s_turn(signed_in: Browser, world: World) -> None:
    world.member(to="nouvelles")
    campaign = world.campaign()
    with world.begin() as writing:
        # Somebody writes all the while: an import, a sending.
        writing.get_one(Campaign, campaign.id).rung_at = world.wiring.now() + timedelta(seconds=1)
        writing.flush()
        proof = {**typed(campaign), "csrf_token": signed_in.proof()}
        for path in ("remarques", "destinataires", "lecteurs", "apercu"):
            answer = signed_in.post(f"/messages/{campaign.id}/{path}", data=proof)
            assert answer.status_code == 200, path


def test_looking_at_another_reader_s_mail_keeps_the_correction_being_written(signed_in: Browser, world: World) -> None:
    other = world.member("Élodie", "Faure", to="nouvelles")
    campaign = world.submitted()
    with world.begin() as session:
        contact = session.scalars(select(Contact).where(Contact.member_id == other.id)).one()
    answer = signed_in.send(
        f"/messages/{campaign.id}/relecture",
        {"avis": "correction", "reason": "La date est fausse.", "version": "1", "pour": str(contact.id), "voir": "oui"},
    )
    assert answer.status_code == 200
    assert "La date est fausse.</textarea>" in answer.text
    assert f"apercu?pour={contact.id}" in answer.text
    assert draft(world, campaign.id).status is CampaignStatus.SUBMITTED
