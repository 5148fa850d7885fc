"""Writing a message: nothing typed is lost, whatever happens, and the page says who will receive it."""

from __future__ import annotations

from sqlalchemy import select

from service.actions import lists
from service.core.vocabulary import Channel, MailClass
from service.models.campaign import Campaign
from service.models.member import Contact
from tests.web.conftest import Browser
from tests.web.world import World


def draft(world: World, campaign_id: int) -> Campaign:
    with world.begin() as session:
        campaign = session.get_one(Campaign, campaign_id)
        # Loaded while the session is open.
        assert campaign.version.number >= 1
        assert campaign.approval is None or campaign.approval.version_id
        assert all(target.mailing_list.id for target in campaign.targets)
        return campaign


def typed(campaign: Campaign, **changed: object) -> dict[str, object]:
    """What the writing page of this campaign sends back."""
    told = {
        "subject": "Où en sommes-nous ?",
        "preheader": "",
        "body": "Bonjour,",
        "list": ["nouvelles"],
        "version": "1",
    }
    return {**told, "act": "enregistrer", **changed}


def test_without_a_message_the_page_teaches_what_a_message_is(signed_in: Browser) -> None:
    shown = signed_in.get("/messages").text
    assert "Aucun message pour l’instant." in shown
    assert 'href="/messages/nouveau"' in shown


def test_a_new_message_is_a_draft_to_write(signed_in: Browser, world: World) -> None:
    answer = signed_in.send("/messages/nouveau", {"kind": "communique", "list": ["nouvelles"]})
    assert answer.status_code == 303
    assert answer.location.endswith("/ecrire")
    assert signed_in.get(answer.location).status_code == 200
    assert "Message sans objet" in signed_in.get("/messages").text


def test_only_what_works_is_offered_and_accepted(signed_in: Browser) -> None:
    assert "Convocation à" not in signed_in.get("/messages/nouveau").text
    answer = signed_in.send("/messages/nouveau", {"kind": "ag_convocation", "list": ["nouvelles"]})
    assert answer.status_code == 422


def test_a_message_without_a_list_is_refused_at_the_lists(signed_in: Browser) -> None:
    answer = signed_in.send("/messages/nouveau", {"kind": "communique"})
    assert answer.status_code == 422
    assert 'href="#list"' in answer.text
    assert "Choisissez au moins une liste" in answer.text


def test_what_is_saved_is_what_was_typed(signed_in: Browser, world: World) -> None:
    campaign = world.campaign()
    body = "Bonjour {prénom},\r\n\r\n## Ce qui est décidé\r\n- **un** point"
    answer = signed_in.send(
        f"/messages/{campaign.id}/ecrire", typed(campaign, subject="Nouvel objet", preheader="Avant", body=body)
    )
    assert answer.status_code == 303
    version = draft(world, campaign.id).version
    assert (version.subject, version.preheader) == ("Nouvel objet", "Avant")
    assert version.body == body.replace("\r\n", "\n")
    assert version.number == 2


def test_a_refused_text_is_given_back_whole(signed_in: Browser, world: World) -> None:
    campaign = world.campaign()
    answer = signed_in.send(f"/messages/{campaign.id}/ecrire", typed(campaign, subject="x" * 201, body="à garder"))
    assert answer.status_code == 422
    assert "x" * 201 in answer.text
    assert "à garder" in answer.text
    assert 'id="subject-erreur"' in answer.text
    assert draft(world, campaign.id).version.number == 1


def test_two_writers_lose_nothing(signed_in: Browser, writer: Browser, world: World) -> None:
    campaign = world.campaign()
    writer.send(f"/messages/{campaign.id}/ecrire", typed(campaign, body="Le texte de Jeanne"))
    answer = signed_in.send(f"/messages/{campaign.id}/ecrire", typed(campaign, body="Le texte de Paul"))
    assert answer.status_code == 409
    assert "Le texte de Jeanne" in answer.text
    assert "Le texte de Paul" in answer.text
    assert draft(world, campaign.id).version.body == "Le texte de Jeanne"
    again = signed_in.send(f"/messages/{campaign.id}/ecrire", typed(campaign, body="Les deux textes", version="2"))
    assert again.status_code == 303
    assert draft(world, campaign.id).version.body == "Les deux textes"


def test_an_unknown_field_is_told_under_the_text_that_holds_it(signed_in: Browser, world: World) -> None:
    campaign = world.campaign(body="Bonjour {prenon},")
    shown = signed_in.get(f"/messages/{campaign.id}/ecrire").text
    under_body = shown.partition('id="body-remarques"')[2].partition("</div>")[0]
    assert "{prenon} n’existe pas. Vouliez-vous {prénom}" in under_body
    live = signed_in.send(f"/messages/{campaign.id}/remarques", typed(campaign, subject="Pour {nim}", body="{prénom}"))
    assert "{nim} n’existe pas" in live.text.partition('id="subject-remarques"')[2].partition("</div>")[0]
    assert "<p" not in live.text.partition('id="body-remarques"')[2].partition("</div>")[0]


def test_the_page_counts_exactly_who_receives_and_says_why_others_do_not(signed_in: Browser, world: World) -> None:
    world.member("Camille", "Roy", to="nouvelles")
    world.member("Paul", "Faure", "ensemble@membre.example", to="nouvelles")
    world.member("Anne", "Faure", "ensemble@membre.example", to="nouvelles")
    world.member("Sans", "Adresse", "", to="nouvelles")
    world.member("Hors", "Liste")
    campaign = world.campaign()
    shown = signed_in.get(f"/messages/{campaign.id}/ecrire").text
    panel = shown.partition('id="destinataires"')[2].partition("</div>")[0]
    assert "2\u00a0personnes recevront" in panel
    assert "2\u00a0personnes ne le recevront pas" in panel
    assert "1 — Adresse partagée" in panel
    assert "1 — N’a pas d’adresse e-mail" in panel


def test_a_statutory_list_says_why_fewer_receive_than_are_on_it(signed_in: Browser, world: World) -> None:
    """Two contacts of one member are on the list; one mail goes to the main one."""
    world.mailing_list("assemblee", "Assemblée", MailClass.STATUTORY)
    member = world.member()
    with world.begin() as session, session.begin():
        second = Contact(member_id=member.id, email="b@membre.example", email_key="b@membre.example", is_main=False)
        second.created_at = world.wiring.now()
        session.add(second)
        session.flush()
        ids = list(session.scalars(select(Contact.id).where(Contact.member_id == member.id)))
        on = lists.find(session, "assemblee")
        lists.subscribe(session, on, ids, channel=Channel.IMPORT, wording="pour le test", now=world.wiring.now())
    draft = world.campaign(to="assemblee")
    said = "2\u00a0inscrits, statutaire\u00a0: un seul message par sociétaire, à son contact principal"
    for address in ("/messages/nouveau", f"/messages/{draft.id}/ecrire"):
        page = signed_in.get(address).text
        assert page.count(said) == 1
        assert page.count("contact principal") == 1, "of no other list"
    assert "<strong>1\u00a0personne recevra</strong>" in page


def test_choosing_other_lists_counts_anew_and_saves_nothing(signed_in: Browser, world: World) -> None:
    world.mailing_list("autre", "Une autre")
    world.member("Camille", "Roy", to="autre")
    campaign = world.campaign()
    assert "Personne ne recevrait" in signed_in.get(f"/messages/{campaign.id}/ecrire").text
    live = signed_in.send(f"/messages/{campaign.id}/destinataires", typed(campaign, list=["autre"])).text
    assert "1\u00a0personne recevra" in live
    assert "Choisissez au moins une liste" in signed_in.send(f"/messages/{campaign.id}/destinataires", {}).text
    assert [one.slug for one in (target.mailing_list for target in draft(world, campaign.id).targets)] == ["nouvelles"]


def test_looking_for_a_reader_keeps_what_was_typed_and_saves_nothing(signed_in: Browser, world: World) -> None:
    world.member("Camille", "Roy", to="nouvelles")
    world.member("Élodie", "Faure", to="nouvelles")
    campaign = world.campaign()
    answer = signed_in.send(
        f"/messages/{campaign.id}/ecrire",
        typed(campaign, body="Pas encore enregistré", act="chercher", cherche="elodie"),
    )
    options = answer.text.partition('<select id="pour"')[2].partition("</select>")[0]
    assert "Élodie Faure" in options
    assert "Camille" not in options
    assert "Pas encore enregistré" in answer.text
    assert draft(world, campaign.id).version.number == 1


def test_the_home_list_stays_the_home_list_when_the_text_is_saved(signed_in: Browser, world: World) -> None:
    world.mailing_list("autre", "Une autre")
    campaign = world.campaign(to="autre")
    signed_in.send(f"/messages/{campaign.id}/ecrire", typed(campaign, list=["autre", "nouvelles"]))
    shown = signed_in.get(f"/messages/{campaign.id}/ecrire").text
    assert shown.index('value="autre"') < shown.index('value="nouvelles"')


def test_editing_an_approved_message_warns_first_and_voids_the_approval_after(signed_in: Browser, world: World) -> None:
    world.member(to="nouvelles")
    campaign = world.submitted()
    signed_in.send(f"/messages/{campaign.id}/relecture", {"avis": "accord", "version": "1"})
    assert draft(world, campaign.id).approval is not None
    assert "l’accord de Paul sera annulé" in signed_in.get(f"/messages/{campaign.id}/ecrire").text
    answer = signed_in.send(
        f"/messages/{campaign.id}/ecrire", typed(campaign, body="Autre chose"), follow_redirects=True
    )
    assert "L’accord est annulé" in answer.text
    assert draft(world, campaign.id).approval is None


def test_hostile_words_stay_words_on_every_page_of_a_message(signed_in: Browser, world: World) -> None:
    hostile = '"><script>alert(1)</script><img src=x onerror=alert(2)>'
    world.member(given=hostile, family="Roy", email="c@membre.example", to="nouvelles")
    campaign = world.campaign(subject=hostile, body=hostile)
    pages = [f"/messages/{campaign.id}/{page}" for page in ("ecrire", "envoyer", "relecture")]
    for path in ["/messages", *pages]:
        shown = signed_in.get(path).text
        assert "<script>alert" not in shown, path
        assert "<img src=x" not in shown, path


def test_a_message_is_written_again_from_an_old_one(signed_in: Browser, world: World) -> None:
    world.member(to="nouvelles")
    old = world.launched(body="À reprendre")
    answer = signed_in.send(f"/messages/{old.id}/repartir")
    assert answer.status_code == 303
    new = draft(world, int(answer.location.split("/")[-2]))
    assert new.id != old.id
    assert (new.version.body, new.status.value) == ("À reprendre", "draft")
