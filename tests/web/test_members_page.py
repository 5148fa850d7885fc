"""Are members found, and is what is done to one of them recorded as the page said?"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime

import pytest
from sqlalchemy import select

from service.actions import deliveries, lists
from service.core.reading import severity
from service.core.vocabulary import Channel, DeliveryState, MatchedBy
from service.models.bounce_score import BounceScore
from service.models.delivery import Delivery
from service.models.journal import JournalEntry
from service.models.mailing_list import SCORE, Suppression
from service.models.member import Contact, Member
from service.models.question import Asking, Question
from service.web.staff import home
from tests.web.conftest import Browser
from tests.web.world import World


def test_an_empty_register_teaches_how_to_begin(signed_in: Browser) -> None:
    answer = signed_in.get("/societaires")
    assert "Le registre est vide." in answer.text
    assert 'href="/societaires/import"' in answer.text


@pytest.mark.parametrize("words", ["elodie", "LEFEVRE élo", "S-7", "elodie.lefevre@membre", "fèv"])
def test_a_search_ignores_accents_and_case(signed_in: Browser, world: World, words: str) -> None:
    world.member("Élodie", "Lefèvre", "elodie.lefevre@membre.example", number="S-7")
    world.member("Camille", "Roy")
    answer = signed_in.get("/societaires", query_string={"q": words})
    assert "Élodie Lefèvre" in answer.text
    assert "Camille Roy" not in answer.text
    assert "1\u00a0sociétaire" in answer.text


@pytest.mark.parametrize(
    ("name", "typed"), [("Yıldız", "yildiz"), ("Łukasz", "lukasz"), ("Sørensen", "SORENSEN"), ("Œuvrard", "oeuv")]
)
def test_letters_of_other_languages_are_found_as_they_are_typed_here(
    signed_in: Browser, world: World, name: str, typed: str
) -> None:
    world.member("Deniz", name)
    assert f"Deniz {name}" in signed_in.get("/societaires", query_string={"q": typed}).text


def test_a_search_without_result_says_what_to_try(signed_in: Browser, world: World) -> None:
    world.member()
    assert "Personne ne correspond" in signed_in.get("/societaires?q=_").text


def test_the_college_filters_and_the_pages_keep_the_search(signed_in: Browser, world: World) -> None:
    for number in range(52):
        world.member("Anne", f"Nom{number:02}", college="Salariés")
    world.member("Zoé", "Autre", college="Collectivités")
    first = signed_in.get("/societaires", query_string={"college": "Salariés", "q": "anne"})
    assert "1 à 50 sur 52" in first.text
    assert "Nom51" not in first.text
    assert 'href="/societaires?college=Salari%C3%A9s&amp;q=anne&amp;page=2"' in first.text
    second = signed_in.get("/societaires?college=Salariés&q=anne&page=2")
    assert "Nom51" in second.text
    assert "Zoé" not in second.text
    for odd in ("0", "-1", "9999999", "x", "²"):
        assert signed_in.get(f"/societaires?page={odd}").status_code == 200


def test_one_member_shows_what_he_receives_got_and_wrote(signed_in: Browser, world: World) -> None:
    member = world.member(to="nouvelles", shares=3, member_since=date(2019, 5, 1))
    world.launched(subject="Bonnes nouvelles")
    with world.begin() as session, session.begin():
        question = Question(created_at=world.wiring.now())
        session.add(question)
        session.flush()
        session.add(
            Asking(
                question_id=question.id,
                first_question_id=question.id,
                contact_id=member.contacts[0].id,
                matched_by=MatchedBy.TOKEN,
                text="Quelle place pour nous ?",
                asked_at=world.wiring.now(),
            )
        )
    page = signed_in.get(f"/societaires/{member.id}").text
    for words in ("Camille Roy", "3\u00a0parts", "sociétaire depuis le 1er\u00a0mai 2019", "<li>Nouvelles</li>"):
        assert words in page
    assert "Bonnes nouvelles" in page
    assert "attend son tour" in page
    assert f'href="/reponses/{question.id}">Quelle place pour nous\u202f?</a>' in page


def test_a_changed_address_is_used_from_now_on(signed_in: Browser, world: World) -> None:
    member = world.member()
    path = f"/societaires/{member.id}/contacts/{member.contacts[0].id}/adresse"
    assert 'value="camille.roy@membre.example"' in signed_in.get(path).text
    refused = signed_in.send(path, {"email": "pas une adresse"})
    assert refused.status_code == 422
    assert 'value="pas une adresse"' in refused.text
    assert "<title>Erreur\u00a0: " in refused.text
    answer = signed_in.send(path, {"email": "neuve@membre.example", "member_id": "999"}, follow_redirects=True)
    assert "Les prochains messages iront à neuve@membre.example" in answer.text
    assert "La confirmation part à camille.roy@membre.example et à neuve@membre.example." in answer.text
    with world.begin() as session:
        assert session.scalars(select(Contact)).one().email == "neuve@membre.example"
        entry = session.scalars(select(JournalEntry).order_by(JournalEntry.id.desc())).first()
        assert (entry.act, entry.staff_id) == ("contact.address", 2)  # type: ignore[union-attr]


def test_a_contact_of_somebody_else_is_not_changed(signed_in: Browser, world: World) -> None:
    mine, other = world.member(), world.member("Paul", "Faure")
    answer = signed_in.send(f"/societaires/{mine.id}/contacts/{other.contacts[0].id}/adresse", {"email": "x@y.example"})
    assert answer.status_code == 404


def test_a_departure_says_its_effect_before_it_is_recorded(signed_in: Browser, world: World) -> None:
    member = world.member(to="nouvelles", member_since=date(2020, 1, 1))
    path = f"/societaires/{member.id}/depart"
    for typed, said in (
        ("on=&reason=deces", "Donnez le jour du départ."),
        ("on=2026-02-30&reason=deces", "Donnez le jour du départ."),
        ("on=2026-03-01&reason=ennui", "Choisissez le motif du départ."),
        ("on=2019-12-31&reason=retrait", "choisissez une date d’après."),
    ):
        refused = signed_in.get(f"{path}?{typed}")
        assert (refused.status_code, said in refused.text) == (422, True)
    check = signed_in.get(f"{path}?on=2021-03-01&reason=retrait").text
    assert "a quitté la coopérative le <strong>lundi 1er\u00a0mars 2021" in check
    assert _member(world).left_on is None
    answer = signed_in.send(path, {"on": "2021-03-01", "reason": "retrait"}, follow_redirects=True)
    assert "n’est plus sociétaire" in answer.text
    assert (_member(world).left_on, _member(world).left_reason) == (date(2021, 3, 1), "retrait")
    assert "0" in signed_in.get("/listes/nouvelles").text
    assert signed_in.send(path, {"on": "2026-03-02", "reason": "retrait"}).status_code == 409


def test_a_departure_to_come_is_told_as_such_and_stops_nothing_before(signed_in: Browser, world: World) -> None:
    member = world.member(to="nouvelles")
    path = f"/societaires/{member.id}/depart"
    check = signed_in.get(f"{path}?on=2190-03-01&reason=retrait").text
    assert "quittera la coopérative le" in check
    assert "Jusqu’à la veille, rien ne change." in check
    answer = signed_in.send(path, {"on": "2190-03-01", "reason": "retrait"}, follow_redirects=True).text
    assert "quittera la coopérative le lundi 1er\u00a0mars 2190" in answer
    assert "Quittera la coopérative le 1er\u00a0mars 2190." in answer
    listed = signed_in.get("/societaires").text
    assert "partira le 1er\u00a0mars 2190" in listed
    assert "n’est plus sociétaire" not in listed


def test_a_death_to_come_is_remarked_before_it_is_recorded(signed_in: Browser, world: World) -> None:
    path = f"/societaires/{world.member().id}/depart"
    said = "Ce jour est à venir, et le motif est un décès\u00a0: vérifiez la date."
    assert said in signed_in.get(f"{path}?on=2190-03-01&reason=deces").text
    assert said not in signed_in.get(f"{path}?on=2021-03-01&reason=deces").text
    assert said not in signed_in.get(f"{path}?on=2190-03-01&reason=retrait").text


@pytest.mark.parametrize("day", ["2021-03-01", "2190-03-01"])
def test_a_departure_is_cancelled_and_the_journal_says_by_whom(signed_in: Browser, world: World, day: str) -> None:
    member = world.member()
    path = f"/societaires/{member.id}"
    assert signed_in.send(f"{path}/depart/annuler").status_code == 409
    signed_in.send(f"{path}/depart", {"on": day, "reason": "retrait"})
    assert "Annuler ce départ" in signed_in.get(path).text
    answer = signed_in.send(f"{path}/depart/annuler", follow_redirects=True).text
    assert "Le départ est annulé" in answer
    assert "Annuler ce départ" not in answer
    assert (_member(world).left_on, _member(world).left_reason) == (None, None)
    with world.begin() as session:
        entry = session.scalars(select(JournalEntry).order_by(JournalEntry.id.desc())).first()
        assert entry is not None
        assert (entry.act, entry.staff_id, entry.subject_id) == ("member.stay", 2, member.id)


def test_an_address_that_fails_is_listed_until_it_is_changed_or_works_again(
    signed_in: Browser, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    member = world.member(to="nouvelles")
    world.member("Paul", "Faure", to="nouvelles")
    for subject, state in (
        ("Un", DeliveryState.REFUSED),
        ("Deux", DeliveryState.ACCEPTED),
        ("Trois", DeliveryState.REFUSED),
        ("Quatre", DeliveryState.REFUSED),
    ):
        campaign = world.launched(subject=subject)
        with world.begin() as session, session.begin():
            for row in session.scalars(Delivery.of_campaign(campaign.id)):
                row.state = state if row.contact_id == member.contacts[0].id else DeliveryState.ACCEPTED
                row.why, row.code, row.enhanced = "rcpt", 550, "5.1.1"
        failing = signed_in.get("/societaires?adresses=en-erreur").text
        assert ("Camille Roy" in failing) is (state is DeliveryState.REFUSED), subject
        assert "Paul Faure" not in failing
        assert ("ne fonctionne plus" in signed_in.get(f"/societaires/{member.id}").text) is (
            state is DeliveryState.REFUSED
        )
        assert ("1\u00a0adresse ne fonctionne plus" in signed_in.get("/").text) is (state is DeliveryState.REFUSED)
    monkeypatch.setattr(home, "MANY", 0)
    assert "Plus de 0\u00a0adresse ne fonctionne plus" in signed_in.get("/").text
    path = f"/societaires/{member.id}/contacts/{member.contacts[0].id}/adresse"
    signed_in.send(path, {"email": "neuve@membre.example"})
    assert "Toutes les adresses fonctionnent" in signed_in.get("/societaires?adresses=en-erreur").text


@pytest.mark.parametrize(
    ("why", "code", "enhanced", "reply", "is_gone"),
    [
        ("rcpt", 550, "5.1.1", "no such user", True),
        ("rcpt", 550, "5.1.10", "RESOLVER.ADR.RecipientNotFound", True),
        ("rcpt", 550, "5.2.1", "mailbox disabled", True),
        ("rcpt", 550, None, "User unknown in virtual alias table", True),
        ("rcpt", 550, None, "blocked using a list", False),
        ("rcpt", 552, "5.2.2", "mailbox full", False),
        ("rcpt", 550, "5.7.1", "rejected by policy", False),
        ("dot", 550, "5.7.26", "unauthenticated", False),
        ("dot", 554, "5.6.0", "content rejected", False),
        ("given_up", 451, "4.4.7", "try again", False),
        ("writing", None, None, "", False),
    ],
)
def test_d19_an_address_is_called_dead_only_when_its_server_says_so(
    signed_in: Browser, world: World, why: str, code: int | None, enhanced: str | None, reply: str, is_gone: bool
) -> None:
    """What is refused for the message, or for what somebody thinks of us, says nothing of the address."""
    member = world.member(to="nouvelles")
    campaign = world.launched()
    with world.begin() as session, session.begin():
        for row in session.scalars(Delivery.of_campaign(campaign.id)):
            row.state, row.why, row.code, row.enhanced, row.reply = DeliveryState.REFUSED, why, code, enhanced, reply
    assert ("Camille Roy" in signed_in.get("/societaires?adresses=en-erreur").text) is is_gone
    assert ("ne fonctionne plus" in signed_in.get(f"/societaires/{member.id}").text) is is_gone
    assert ("ne fonctionne plus" in signed_in.get("/").text) is is_gone


@pytest.mark.parametrize(
    ("status", "words", "is_gone"),
    [
        ("5.1.1", "550 no such user", True),
        ("5.4.4", "host not found", True),
        ("5.2.2", "mailbox full", False),
        ("5.7.1", "spam", False),
        ("4.4.7", "expired", False),
    ],
)
def test_d19_a_report_calls_an_address_dead_only_when_it_says_so(
    signed_in: Browser, world: World, status: str, words: str, is_gone: bool
) -> None:
    world.member(to="nouvelles")
    campaign = world.launched()
    with world.begin() as session, session.begin():
        for row in session.scalars(Delivery.of_campaign(campaign.id)):
            row.state = DeliveryState.ACCEPTED
            reason = severity.judge(status, words).reason
            deliveries.record_bounce(row, status=status, reason=reason, words=words, now=world.wiring.now())
    assert ("Camille Roy" in signed_in.get("/societaires?adresses=en-erreur").text) is is_gone
    assert ("ne fonctionne plus" in signed_in.get("/").text) is is_gone


def test_d19_an_address_that_its_server_does_not_know_is_told_on_the_page_and_written_to_again_by_one_button(
    signed_in: Browser, world: World
) -> None:
    member, other = world.member(to="nouvelles"), world.member("Paul", "Faure", to="nouvelles")
    campaign = world.launched()
    with world.begin() as session, session.begin():
        row = session.scalars(Delivery.of_campaign(campaign.id)).first()
        assert row is not None
        row.state, row.why, row.code = DeliveryState.REFUSED, "rcpt", 550
        row.enhanced, row.reply = "5.1.1", "5.1.1 <b>no such user</b>"
        barred = Suppression(
            address_hmac=row.address_hmac, reason="5.1.1", at=datetime(2026, 3, 12, 23, 30, tzinfo=UTC)
        )
        session.add(barred)
    path = f"/societaires/{member.id}"
    page = signed_in.get(path).text
    assert "a répondu le 13\u00a0mars 2026 que la boîte n’existe pas." in page
    assert "ne lui sont plus envoyés\u202f; les convocations le sont toujours." in page
    assert "<code>550 5.1.1 &lt;b&gt;no such user&lt;/b&gt;</code>" in page
    assert "n’existe pas" not in signed_in.get(f"/societaires/{other.id}").text
    draft = world.submitted()
    sending_page = signed_in.get(f"/messages/{draft.id}/envoyer").text
    assert "1 — Adresse écartée\u00a0: son serveur ne la connaît pas" in sending_page
    again = f"{path}/contacts/{member.contacts[0].id}/reecrire"
    assert "iront de nouveau à camille.roy@membre.example" in signed_in.send(again, follow_redirects=True).text
    assert "n’existe pas" not in signed_in.get(path).text
    assert signed_in.send(again).status_code == 409
    assert "Adresse écartée" not in signed_in.get(f"/messages/{draft.id}/envoyer").text


def test_d19_an_address_that_a_report_barred_is_told_in_the_words_of_its_server(
    signed_in: Browser, world: World
) -> None:
    member = world.member(to="nouvelles")
    campaign = world.launched()
    with world.begin() as session, session.begin():
        row = session.scalars(Delivery.of_campaign(campaign.id)).one()
        row.state, row.reply = DeliveryState.ACCEPTED, "2.0.0 Ok: queued"
        row.bounced_at, row.bounce_code = datetime(2026, 3, 13, 8, 0, tzinfo=UTC), "5.1.1"
        row.bounce_reason, row.bounce_words = "L’adresse n’existe pas.", "550 5.1.1 <b>no such user</b>"
        session.add(Suppression(address_hmac=row.address_hmac, reason="5.1.1", at=row.bounced_at))
    page = signed_in.get(f"/societaires/{member.id}").text
    assert "a répondu le 13\u00a0mars 2026 que la boîte n’existe pas." in page
    assert "<code>550 5.1.1 &lt;b&gt;no such user&lt;/b&gt;</code>" in page
    assert "queued" not in page


def test_mail_that_comes_back_again_and_again_is_counted_on_the_page_and_bars_at_last(
    signed_in: Browser, world: World
) -> None:
    member = world.member(to="nouvelles")
    campaign, today = world.launched(), world.wiring.now().date()
    with world.begin() as session, session.begin():
        row = session.scalars(Delivery.of_campaign(campaign.id)).one()
        session.add(BounceScore(address_hmac=row.address_hmac, points=2, last_on=today, reason="La boîte est pleine."))
    path = f"/societaires/{member.id}"
    page = signed_in.get(path).text
    assert "2\u00a0messages refusés ou revenus en erreur, le dernier le" in page
    assert "La boîte est pleine." in page
    with world.begin() as session, session.begin():
        session.add(
            Suppression(address_hmac=row.address_hmac, reason=SCORE, at=datetime(2026, 3, 13, 8, 0, tzinfo=UTC))
        )
    page = signed_in.get(path).text
    assert "Trop de messages à cette adresse ont été refusés ou sont revenus en erreur" in page
    assert "si elle existe bien" not in page, "nobody said that it does not"
    assert "réécrivez-lui quand sa boîte reçoit de nouveau" in page
    assert "s’est opposée" not in page
    again = f"{path}/contacts/{member.contacts[0].id}/reecrire"
    assert "iront de nouveau à camille.roy@membre.example" in signed_in.send(again, follow_redirects=True).text
    assert "revenus en erreur" not in signed_in.get(path).text


def test_what_a_member_writes_is_never_markup(signed_in: Browser, world: World) -> None:
    member = world.member("<script>alert(1)</script>", "Roy", college='"><img src=x>', notes={"<b>": "<i>"})
    for path in (f"/societaires/{member.id}", "/societaires", f"/societaires/{member.id}/depart"):
        assert "<script>alert" not in signed_in.get(path).text
        assert "<img" not in signed_in.get(path).text


def test_a_list_that_was_left_is_not_shown_as_received(signed_in: Browser, world: World) -> None:
    member = world.member(to="nouvelles")
    with world.begin() as session, session.begin():
        found = lists.find(session, "nouvelles")
        contact = session.get_one(Contact, member.contacts[0].id)
        lists.leave(session, found, contact, channel=Channel.STAFF, wording="", now=world.wiring.now())
    assert "Aucune liste." in signed_in.get(f"/societaires/{member.id}").text


def _member(world: World) -> Member:
    with world.begin() as session:
        return session.scalars(select(Member)).one()


def test_accents_change_nothing_in_the_order_of_names(signed_in: Browser, world: World) -> None:
    for family in ("Ville", "Éditions", "Abeille", "Œuvres", "ouvrier", "Zèbre"):
        world.member("Anne", family, college=family)
    page = signed_in.get("/societaires").text
    names = ["Anne Abeille", "Anne Éditions", "Anne Œuvres", "Anne ouvrier", "Anne Ville", "Anne Zèbre"]
    assert re.findall(r'<a href="/societaires/\d+">([^<]*)</a>', page) == names
    assert re.findall(r'<option value="([^"]+)"', page) == [
        "Abeille",
        "Éditions",
        "Œuvres",
        "ouvrier",
        "Ville",
        "Zèbre",
    ]


def test_a_name_that_begins_with_a_vowel_is_elided(signed_in: Browser, world: World) -> None:
    member = world.member("Ulysse", "Roy")
    assert "Changer l’adresse d’Ulysse Roy" in signed_in.get(f"/societaires/{member.id}/contacts/1/adresse").text
    page = signed_in.get(f"/societaires/{member.id}/depart?on=2026-11-01&reason=retrait").text
    assert "Confirmer le départ d’Ulysse Roy" in page
