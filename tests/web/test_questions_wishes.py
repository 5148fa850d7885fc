"""« Ce n’en est pas une »: each label ends in the act that the member wants, in one press, or says that nothing changed."""

from __future__ import annotations

import pytest
from sqlalchemy import select, update

from service.actions import lists
from service.core.vocabulary import ClosedAs, DeliveryState, MailKind, MatchedBy, QuestionStatus
from service.models.delivery import Delivery
from service.models.member import Contact
from service.models.question import Question
from tests.web.conftest import Browser
from tests.web.test_questions import number, received, sent
from tests.web.test_questions_sorting import stands
from tests.web.world import World

NEW = "camille@neuve.example"


def camille(world: World) -> Contact:
    with world.begin() as session:
        return session.scalars(select(Contact)).one()


def receives(world: World) -> int:
    with world.begin() as session:
        return len(lists.read_by(session, session.scalars(select(Contact)).one()))


def receipts(world: World) -> list[str]:
    with world.begin() as session:
        return list(session.scalars(select(Delivery.address).where(Delivery.kind == MailKind.RECEIPT)))


def asks(world: World, words: str = "Stop", **details: object) -> int:
    return number(received(world, words, answering=sent(world), **details))  # type: ignore[arg-type]


def test_the_queue_stops_the_mail_in_one_press(signed_in: Browser, world: World) -> None:
    question = asks(world)
    assert receives(world) == 1
    answer = signed_in.send(
        f"/reponses/{question}/trier",
        {"decision": "ne-plus-recevoir", "version": "1", "bac": "a-trier"},
        follow_redirects=True,
    )
    assert answer.request.full_path == "/reponses?bac=a-trier"
    assert "Camille Roy ne reçoit plus «\u00a0Nouvelles\u00a0»." in answer.text
    assert "La confirmation part à camille.roy@membre.example." in answer.text
    assert receives(world) == 0
    page = signed_in.get(f"/reponses/{question}").text
    assert "Ne reçoit plus «\u00a0Nouvelles\u00a0» · par Paul" in page
    assert "Faire ce qui est demandé" not in page
    assert "Rien n’a changé" not in page
    with world.begin() as session, session.begin():
        row = session.scalars(select(Delivery).where(Delivery.kind == MailKind.RECEIPT)).one()
        row.state, row.settled_at = DeliveryState.ACCEPTED, world.wiring.now()
    page = signed_in.get(f"/reponses/{question}").text
    assert "Confirmation à camille.roy@membre.example\u00a0: envoyée." in page


@pytest.mark.parametrize("word", ["adresse", "depart"])
def test_what_is_to_be_read_in_the_mail_is_asked_on_its_page(signed_in: Browser, world: World, word: str) -> None:
    question = asks(world)
    answer = signed_in.send(f"/reponses/{question}/trier", {"decision": word, "version": "1", "bac": "a-trier"})
    assert answer.location == f"/reponses/{question}?demande={word}#demande"
    page = signed_in.get(f"/reponses/{question}?demande={word}").text
    assert page.count("<details open>") == 1
    assert "Classer sans rien changer" in page
    assert stands(world, question).status is QuestionStatus.TO_SORT


def test_the_new_address_is_proposed_as_the_mail_names_it_and_changed_in_one_press(
    signed_in: Browser, world: World
) -> None:
    question = asks(world, f"Plus camille.roy@membre.example, mais <{NEW}> désormais.")
    assert f'value="{NEW}"' in signed_in.get(f"/reponses/{question}?demande=adresse").text
    page = signed_in.send(
        f"/reponses/{question}/demande", {"acte": "adresse", "adresse": NEW, "version": "1"}, follow_redirects=True
    ).text
    assert f"les prochains messages de Camille Roy iront à {NEW}" in page
    assert camille(world).email == NEW
    assert receipts(world) == ["camille.roy@membre.example", NEW]
    assert f"La confirmation part à camille.roy@membre.example et à {NEW}." in page
    assert page.count("Confirmation à") == 2


def test_a_departure_is_noted_in_one_press(signed_in: Browser, world: World) -> None:
    question = asks(world)
    form = {"acte": "depart", "le": "2026-11-20", "motif": "retrait", "version": "1"}
    page = signed_in.send(f"/reponses/{question}/demande", form, follow_redirects=True).text
    assert "le départ de Camille Roy est noté, pour le vendredi 20 novembre 2026" in " ".join(page.split())
    assert stands(world, question).closed_as == ClosedAs.DEPARTURE


@pytest.mark.parametrize(
    ("form", "field"),
    [
        ({"acte": "adresse", "adresse": "camille"}, "adresse"),
        ({"acte": "depart", "le": "hier", "motif": "retrait"}, "le"),
        ({"acte": "depart", "le": "2026-11-20", "motif": "vacances"}, "motif"),
    ],
)
def test_what_is_refused_is_told_at_its_field_with_what_was_typed(
    signed_in: Browser, world: World, form: dict[str, str], field: str
) -> None:
    question = asks(world)
    answer = signed_in.send(f"/reponses/{question}/demande", {**form, "version": "1"})
    assert answer.status_code == 422
    assert f'id="{field}-erreur"' in answer.text
    assert "<details open>" in answer.text
    assert receipts(world) == []


def test_a_label_alone_changes_nothing_and_says_so(signed_in: Browser, world: World) -> None:
    question = asks(world)
    page = signed_in.send(
        f"/reponses/{question}/trier",
        {"decision": "ne-plus-recevoir", "seul": "oui", "version": "1"},
        follow_redirects=True,
    ).text
    assert "Rien n’a changé dans sa fiche" in page
    assert "Faire ce qui est demandé" in page, "it can still be done"
    assert receives(world) == 1
    stranger = number(received(world, from_address="x@ailleurs.example"))
    signed_in.send(f"/reponses/{stranger}/trier", {"decision": "ne-plus-recevoir", "version": "1"})
    assert stands(world, stranger).closed_as == ClosedAs.UNSUBSCRIBE
    assert "Faire ce qui est demandé" not in signed_in.get(f"/reponses/{stranger}").text


def test_a_request_on_ones_data_stands_on_the_home_page_with_its_day(signed_in: Browser, world: World) -> None:
    question = asks(world, days_ago=40)
    signed_in.send(f"/reponses/{question}/trier", {"decision": "donnees", "version": "1"})
    page = signed_in.get("/").text
    assert "Demande de Camille Roy sur ses données" in page
    assert "la loi veut une réponse avant le" in page
    assert "ce jour est passé" in page
    assert receipts(world) == ["camille.roy@membre.example"]


def test_who_acts_on_what_another_changed_is_told(signed_in: Browser, writer: Browser, world: World) -> None:
    question = asks(world)
    writer.send(f"/reponses/{question}/confier", {"personne": "moi", "version": "1"})
    answer = signed_in.send(f"/reponses/{question}/demande", {"acte": "ne-plus-recevoir", "version": "1"})
    assert answer.status_code == 409
    assert "Jeanne a changé cette question" in answer.text
    assert receives(world) == 1


def test_a_stop_is_undone_in_one_press_on_the_page(signed_in: Browser, world: World) -> None:
    question = asks(world)
    signed_in.send(f"/reponses/{question}/trier", {"decision": "ne-plus-recevoir", "version": "1"})
    assert "Annuler l’arrêt" in signed_in.get(f"/reponses/{question}").text
    page = signed_in.send(f"/reponses/{question}/demande/annuler", {"version": "2"}, follow_redirects=True).text
    assert "Camille Roy reçoit de nouveau Nouvelles." in page
    assert "elle ne partira pas" in page
    assert "<strong>Annulé</strong> par Paul" in page
    assert "Annuler l’arrêt" not in page
    assert "Faire ce qui est demandé" in page, "it can be done again"
    assert receives(world) == 1
    assert stands(world, question).status is QuestionStatus.TO_SORT
    again = signed_in.send(f"/reponses/{question}/demande/annuler", {"version": "3"}, follow_redirects=True).text
    assert "C’était déjà annulé." in again


def test_a_stop_that_another_acted_on_is_not_undone_unseen(signed_in: Browser, writer: Browser, world: World) -> None:
    question = asks(world)
    signed_in.send(f"/reponses/{question}/trier", {"decision": "ne-plus-recevoir", "version": "1"})
    writer.send(f"/reponses/{question}/confier", {"personne": "moi", "version": "2"})
    answer = signed_in.send(f"/reponses/{question}/demande/annuler", {"version": "2"})
    assert answer.status_code == 409
    assert "Jeanne a changé cette question" in answer.text
    assert receives(world) == 0


def say_who(signed_in: Browser, world: World) -> int:
    """A message that only its From ties to Camille, whose mail the team then stops."""
    question = asks(world)
    with world.begin() as session, session.begin():
        (asking,) = session.get_one(Question, question).askings
        asking.matched_by = MatchedBy.SENDER
    signed_in.send(f"/reponses/{question}/trier", {"decision": "ne-plus-recevoir", "version": "1"})
    return question


def leave_post(world: World) -> None:
    """Have the relay take all mails."""
    with world.begin() as session, session.begin():
        session.execute(update(Delivery).values(state=DeliveryState.ACCEPTED))


def test_a_stop_is_undone_on_the_page_where_somebody_else_wrote(signed_in: Browser, world: World) -> None:
    question = say_who(signed_in, world)
    leave_post(world)
    with world.begin() as session:
        message = session.get_one(Question, question).askings[0].inbound_message_id
    said = signed_in.send(
        f"/reponses/{question}/auteur",
        {"auteur": "non", "message": str(message), "version": "2"},
        follow_redirects=True,
    )
    assert "Annuler l’arrêt" in said.text
    page = signed_in.send(f"/reponses/{question}/demande/annuler", {"version": "3"}, follow_redirects=True).text
    assert "Camille Roy reçoit de nouveau Nouvelles." in page
    assert "prévenez Camille Roy." in page
    assert "répondez à ce message" not in page
    assert receives(world) == 1


def test_a_stop_that_is_made_again_says_that_its_confirmation_had_left(signed_in: Browser, world: World) -> None:
    question = say_who(signed_in, world)
    leave_post(world)
    page = signed_in.send(f"/reponses/{question}/demande/annuler", {"version": "2"}, follow_redirects=True).text
    assert "répondez à ce message pour le lui dire." in page
    form = {"acte": "ne-plus-recevoir", "version": "3"}
    page = signed_in.send(f"/reponses/{question}/demande", form, follow_redirects=True).text
    assert "La confirmation d’un premier arrêt était déjà partie" in page
    assert "rien d’autre ne part." in page
    assert "La confirmation part" not in page
    assert len(receipts(world)) == 1
