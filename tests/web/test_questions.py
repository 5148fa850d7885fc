"""The question queue: what members wrote, as they wrote it, with what they answered; nothing of it runs, nothing acts."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select, update

from service.actions import deliveries, questions
from service.actions.inbox import FOR_PEOPLE
from service.core.vocabulary import (
    DeliveryState,
    InboundKind,
    InboundState,
    MailFolder,
    MailKind,
    MatchedBy,
    QuestionStatus,
    SenderCheck,
)
from service.models.delivery import Delivery
from service.models.inbound_message import InboundMessage
from service.models.member import Contact
from service.models.question import Asking, Question
from tests.web.conftest import Browser
from tests.web.world import World

HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(2)>"


def received(
    world: World,
    text: str = "Quelle place pour les sociétaires ?",
    *,
    answering: Delivery | None = None,
    kind: InboundKind = InboundKind.QUESTION,
    state: InboundState = InboundState.TREATED,
    same_address: bool = True,
    status: QuestionStatus = QuestionStatus.TO_SORT,
    days_ago: int = 3,
    **details: object,
) -> Question | None:
    """A message of the mailbox, and its question when somebody wrote it."""
    at = world.wiring.now() - timedelta(days=days_ago)
    told: dict[str, object] = {
        "raw": b"x",
        "size": 1,
        "from_address": "camille.roy@membre.example",
        "subject": "Re: Où en sommes-nous ?",
    }
    with world.begin() as session:
        uid = session.query(InboundMessage).count() + 1
        message = InboundMessage(
            account="vie", uidvalidity=1, uid=uid, received_at=at, stored_at=at,
            sha256=str(uid), state=state, kind=kind, reply=text, delivery_id=answering.id if answering else None,
            **{"folder": "INBOX", **told, **details},
        )  # fmt: skip
        session.add(message)
        session.flush()
        made = None
        if kind in FOR_PEOPLE and state is InboundState.TREATED:
            made = questions.open_from_mail(
                session,
                message,
                text=text,
                matched_by=MatchedBy.TOKEN if answering else MatchedBy.SENDER,
                contact_id=answering.contact_id if answering else None,
                campaign_id=answering.campaign_id if answering else None,
                event_id=None,
                same_address=same_address,
                now=at,
            )
            made.status = status
        session.commit()
        return made


def sent(world: World, **text: str) -> Delivery:
    """A mail that has reached Camille."""
    world.member(to="nouvelles")
    campaign = world.launched(**text)
    with world.begin() as session:
        row = session.get_one(Delivery, world.deliveries(campaign.id)[0].id)
        row.state, row.settled_at = DeliveryState.ACCEPTED, world.wiring.now()
        session.commit()
        return row


def number(question: Question | None) -> int:
    assert question is not None
    return question.id


def test_an_empty_queue_teaches_how_it_fills(signed_in: Browser) -> None:
    assert "Personne n’a encore répondu." in signed_in.get("/reponses").text


def test_a_question_says_who_when_and_in_reply_to_what(signed_in: Browser, world: World) -> None:
    received(world, answering=sent(world))
    page = signed_in.get("/reponses").text
    assert "<strong>Camille Roy</strong> · il y a 3\u00a0j" in page
    assert "réponse à « Où en sommes-nous\u202f? »".replace("« ", "«\u00a0").replace(" »", "\u00a0»") in page
    assert "Quelle place pour les sociétaires ?" in page
    assert "autre adresse" not in page


def test_a_reply_from_another_address_is_told_apart(signed_in: Browser, world: World) -> None:
    question = received(world, answering=sent(world), same_address=False, from_address="inconnu@ailleurs.example")
    assert "envoyé depuis une autre adresse" in signed_in.get("/reponses").text
    page = signed_in.get(f"/reponses/{number(question)}").text
    assert "vient d’inconnu@ailleurs.example" in page


@pytest.mark.parametrize(
    ("check", "words"),
    [
        (SenderCheck.FAILED, "le domaine de cette adresse ne le reconnaît pas (DMARC)"),
        (SenderCheck.SEVERAL, "Ce message nomme plusieurs expéditeurs, dont camille.roy@membre.example"),
    ],
)
def test_s3_who_cannot_be_taken_for_the_member_is_told_so(
    signed_in: Browser, world: World, check: SenderCheck, words: str
) -> None:
    question = received(world, answering=sent(world), same_address=False, sender_check=check)
    assert "expéditeur non vérifié" in signed_in.get("/reponses").text
    page = signed_in.get(f"/reponses/{number(question)}").text
    assert "expéditeur non vérifié" in page
    assert words in page
    assert "envoyé depuis une autre adresse" not in page


def test_s3_a_member_who_is_known_by_his_address_alone_is_a_suggestion(signed_in: Browser, world: World) -> None:
    question, member = received(world), world.member()
    with world.begin() as session:
        session.scalars(select(Asking)).one().contact_id = member.contacts[0].id
        session.commit()
    page = signed_in.get(f"/reponses/{number(question)}").text
    assert "Nous le supposons d’après son adresse" in page
    with world.begin() as session:
        session.execute(update(InboundMessage).values(sender_check=SenderCheck.PASSED))
        session.commit()
    assert "Nous le supposons" not in signed_in.get(f"/reponses/{number(question)}").text


@pytest.mark.parametrize(
    ("word", "status"),
    [
        ("a-trier", QuestionStatus.TO_SORT),
        ("a-repondre", QuestionStatus.TO_ANSWER),
        ("a-publier", QuestionStatus.TO_PUBLISH),
        ("publiees", QuestionStatus.PUBLISHED),
        ("classees", QuestionStatus.CLOSED),
    ],
)
def test_each_tray_holds_its_questions_and_counts_them(
    signed_in: Browser, world: World, word: str, status: QuestionStatus
) -> None:
    received(world, "celle du bac", status=status)
    received(world, "une autre", status=next(one for one in QuestionStatus if one is not status))
    page = signed_in.get(f"/reponses?bac={word}").text
    assert "celle du bac" in page
    assert "une autre" not in page
    assert page.count('<span class="count">1</span>') == 2
    assert page.count('<span class="count">0</span>') == 3


def test_a_question_is_found_by_its_words_or_by_who_wrote_it(signed_in: Browser, world: World) -> None:
    received(world, "Où trouver les statuts ?", answering=sent(world))
    received(world, "Merci beaucoup", from_address="paul@membre.example")
    for words in ("statuts", "camille", "ROY statuts"):
        page = signed_in.get("/reponses", query_string={"cherche": words}).text
        assert "Où trouver les statuts" in page, words
        assert "Merci beaucoup" not in page, words
    assert "Rien ne correspond" in signed_in.get("/reponses?cherche=%25").text
    assert "Merci beaucoup" in signed_in.get("/reponses?cherche=paul@membre").text


def test_a_long_queue_is_read_page_by_page(signed_in: Browser, world: World) -> None:
    for rank in range(21):
        received(world, f"question numéro {rank:02}", days_ago=rank)
    first, second = signed_in.get("/reponses").text, signed_in.get("/reponses?page=2").text
    assert "question numéro 00" in first
    assert "question numéro 20" not in first
    assert "question numéro 20" in second


def test_the_thread_shows_the_mail_as_that_person_got_it(signed_in: Browser, world: World) -> None:
    row = sent(world, body="Bonjour {prénom},\n\nVoici les comptes.")
    question = received(
        world, "Et les salaires ?", answering=row, signature="Camille, présidente", quoted="> Voici les comptes."
    )
    page = signed_in.get(f"/reponses/{number(question)}").text
    assert "Bonjour Camille," in page
    assert "Voici les comptes." in page
    assert "<details><summary>Signature</summary>" in page
    assert "<details><summary>Partie citée</summary>" in page
    assert f'href="/societaires/{row.member_id}"' in page
    assert "/d/..." in page, "the personal link of a member is not shown to staff"


def test_hostile_mail_is_words(signed_in: Browser, world: World) -> None:
    question = received(
        world,
        HOSTILE,
        answering=sent(world, subject=HOSTILE),
        subject=HOSTILE,
        signature=HOSTILE,
        quoted=HOSTILE,
        from_address=f'"{HOSTILE}"@x.example',
        same_address=False,
    )
    received(world, kind=InboundKind.AUTO_REPLY, subject=HOSTILE, from_name=HOSTILE, reason=HOSTILE)
    for path in ("/reponses", f"/reponses/{number(question)}", "/reponses?cherche=" + HOSTILE):
        page = signed_in.get(path).text
        assert "<script>alert" not in page, path
        assert "<img src=x" not in page, path
    assert "&lt;script&gt;alert(1)" in signed_in.get("/reponses").text


def test_automatic_mail_is_folded_apart_and_strangers_are_counted(signed_in: Browser, world: World) -> None:
    received(world)
    received(world, kind=InboundKind.AUTO_REPLY, subject="Absente jusqu’à lundi")
    received(world, kind=InboundKind.BOUNCE, subject="Undelivered")
    for _ in range(2):
        received(world, state=InboundState.LEFT_IN_PLACE, subject="Publicité")
    page = signed_in.get("/reponses").text
    assert "<summary>Courrier automatique (2)</summary>" in page
    assert "Absence ou réponse automatique" in page
    assert "Autre courrier (2), laissé dans votre boîte" in page
    assert "Publicité" not in page
    assert page.count("question-row") == 3


def test_every_kind_of_automatic_mail_has_a_name_in_french(signed_in: Browser, world: World) -> None:
    asked_of_people = {InboundKind.QUESTION, InboundKind.UNSUBSCRIBE, InboundKind.UNREADABLE}
    for kind in set(InboundKind) - asked_of_people:
        received(world, kind=kind)
    page = signed_in.get("/reponses").text
    assert "Courrier automatique (7)" in page
    assert "· Autre" not in page


def test_a_message_without_words_is_kept_and_says_so(signed_in: Browser, world: World) -> None:
    question = received(world, "", from_address="")
    assert "Message sans texte" in signed_in.get("/reponses").text
    assert "Adresse inconnue" in signed_in.get(f"/reponses/{number(question)}").text


def test_an_unreadable_message_says_where_to_read_it_and_why(signed_in: Browser, world: World) -> None:
    question = received(world, "", kind=InboundKind.UNREADABLE, reason="Sa lecture s’est arrêtée.", from_address="")
    assert "illisible, à lire dans votre boîte" in signed_in.get("/reponses").text
    page = signed_in.get(f"/reponses/{number(question)}").text
    assert "Illisible, à lire dans votre boîte." in page
    assert "Sa lecture s’est arrêtée." in page
    assert "dans le dossier «\u00a0INBOX\u00a0»" in page
    with world.begin() as session, session.begin():
        session.query(InboundMessage).one().filed_in = MailFolder.FAILED
    page = signed_in.get(f"/reponses/{number(question)}").text
    assert "dans le dossier «\u00a0Échecs\u00a0»" in page


def test_a_message_that_is_too_large_is_told_by_who_wrote_it_and_its_subject(signed_in: Browser, world: World) -> None:
    question = received(
        world, "", kind=InboundKind.UNREADABLE, head_only=True, size=31_000_000, subject="Nos photos <b>"
    )
    page = signed_in.get("/reponses").text
    assert "trop lourd, à lire dans votre boîte" in page
    assert "Objet\u00a0: Nos photos &lt;b&gt;" in page
    page = signed_in.get(f"/reponses/{number(question)}").text
    assert "Trop lourd, à lire dans votre boîte." in page
    assert "Ce message pèse 31\u00a0Mo." in page
    assert "Objet\u00a0: Nos photos &lt;b&gt;" in page
    assert "camille.roy@membre.example" in page


def test_the_page_says_why_a_message_is_here(signed_in: Browser, world: World) -> None:
    question = received(world, reason=f"Quelqu’un a écrit {HOSTILE}", kind=InboundKind.UNSUBSCRIBE)
    page = signed_in.get(f"/reponses/{number(question)}").text
    assert "pourquoi ici\u00a0: Quelqu’un a écrit &lt;script&gt;" in page
    assert "pourquoi ici" not in signed_in.get(f"/reponses/{number(received(world))}").text
    plain = received(world, reason="Message écrit par une personne.")
    assert "pourquoi ici" not in signed_in.get(f"/reponses/{number(plain)}").text


def test_a_page_is_called_by_who_asked_as_people_say_it(signed_in: Browser, world: World) -> None:
    for address, headline in (
        ("hortense@a.example", "Réponse d’hortense@"),
        ("yasmine@a.example", "Réponse de yasmine@"),
    ):
        page = signed_in.get(f"/reponses/{number(received(world, from_address=address))}").text
        assert f"<h1>{headline}" in page
        assert f"<title>{headline}" in page


def test_an_unknown_question_is_no_fault_of_ours(signed_in: Browser) -> None:
    assert signed_in.get("/reponses/987").status_code == 404


def test_nobody_reads_the_answers_without_signing_in(client: Browser, world: World) -> None:
    received(world)
    for path in ("/reponses", "/reponses/1"):
        assert client.get(path).status_code in (302, 303)


def test_the_history_says_when_the_member_was_told_that_his_message_came(signed_in: Browser, world: World) -> None:
    answered = sent(world)
    question = received(world, answering=answered, message_id="<r7@membre.example>", contact_id=answered.contact_id)
    page = f"/reponses/{number(question)}"
    assert "accusé de réception" not in signed_in.get(page).text
    with world.begin() as session:
        told = deliveries.order(
            session,
            key="question_received:x",
            kind=MailKind.ACKNOWLEDGEMENT,
            address=answered.address,
            fields={},
            subject="inbound_message",
            subject_id=1,
            domain="passerelles.example",
            secret=world.wiring.office.secret,
            now=world.wiring.now(),
            contact=session.get_one(Contact, answered.contact_id),
            in_reply_to="<r7@membre.example>",
        )
        session.commit()
        assert "accusé de réception pas encore parti" in signed_in.get(page).text
        told.state, told.settled_at = DeliveryState.ACCEPTED, world.wiring.now()
        session.commit()
    assert "accusé de réception envoyé à l’instant" in signed_in.get(page).text


def test_a_row_begins_with_what_the_member_wrote_between_our_lines(signed_in: Browser, world: World) -> None:
    text = "> Bonjour Camille,\n> Qui vient ?\nMoi, avec joie.\n> Qui apporte à boire ?\nPaul."
    question = received(world, text)
    row = signed_in.get("/reponses").text
    assert "Moi, avec joie.\nPaul." in row
    assert "Bonjour Camille" not in row
    page = signed_in.get(f"/reponses/{number(question)}").text
    assert "&gt; Bonjour Camille,\n&gt; Qui vient ?\nMoi, avec joie.\n&gt; Qui apporte à boire ?\nPaul." in page


def test_a_row_of_quoted_lines_alone_shows_them(signed_in: Browser, world: World) -> None:
    received(world, "> Rien d’autre")
    assert "&gt; Rien d’autre" in signed_in.get("/reponses").text


def test_a_row_says_that_somebody_wants_no_more_mail(signed_in: Browser, world: World) -> None:
    received(world, "Bonjour")
    assert "veut ne plus recevoir" not in signed_in.get("/reponses").text
    received(world, "Stop", kind=InboundKind.UNSUBSCRIBE)
    assert signed_in.get("/reponses").text.count("veut ne plus recevoir") == 1


def test_a_search_that_finds_nothing_in_its_tray_leads_to_the_others(signed_in: Browser, world: World) -> None:
    for text, status in (("Les statuts", QuestionStatus.TO_ANSWER), ("Statuts & règles", QuestionStatus.TO_ANSWER),
                         ("Statuts", QuestionStatus.CLOSED), ("Autre chose", QuestionStatus.TO_PUBLISH)):  # fmt: skip
        received(world, text, status=status)
    page = signed_in.get("/reponses?cherche=statuts").text
    assert '<a href="/reponses?bac=a-repondre&amp;cherche=statuts">2 dans «\u00a0À répondre\u00a0»</a>' in page
    assert '<a href="/reponses?bac=classees&amp;cherche=statuts">1 dans «\u00a0Classées\u00a0»</a>' in page
    assert "dans «\u00a0À publier\u00a0»" not in page
    assert "Statuts &amp; règles" in signed_in.get("/reponses?bac=a-repondre&cherche=%26+statuts").text
    assert 'cherche=%26+statuts">1 dans' in signed_in.get("/reponses?cherche=%26+statuts").text
    for quiet in ("/reponses?cherche=introuvable", "/reponses", "/reponses?bac=a-repondre&cherche=statuts"):
        assert "ailleurs\u00a0:" not in signed_in.get(quiet).text
