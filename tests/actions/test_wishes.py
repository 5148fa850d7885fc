"""What a mail asks for: the mail alone changes nothing, one press of the team does it, and the address on file is told (S3)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

import pytest
from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from service.actions import authorships, lists, questions, wishes
from service.actions.questions import Hand, Overtaken
from service.core.refusals import Conflict, Refusal
from service.core.vocabulary import (
    Channel,
    ClosedAs,
    DeliveryState,
    Granted,
    LeavingReason,
    MailKind,
    MatchedBy,
    QuestionStatus,
)
from service.models.delivery import Delivery
from service.models.granted_wish import GrantedWish
from service.models.mailing_list import MailingList, SubscriptionChange
from service.models.member import Contact
from service.models.question import Question
from service.models.staff import Staff
from tests.actions.test_answers import mail_of, text_of
from tests.actions.test_questions import acts, asked, hand
from tests.builders import World

Act = Callable[[Session, int, Hand], object]
NEW = "camille@neuve.example"


@pytest.fixture
def jeanne(world: World) -> Staff:
    """Who acts, beside a member who reads three lists."""
    world.take_in("Prénom;Nom;E-mail\nCamille;Roy;camille@membre.example", "communiques", "rdv", "convocations")
    return world.staff("Jeanne")


def wrote(world: World, words: str = "Ne m’écrivez plus.", *, same: bool = True) -> int:
    """Have Camille write, or somebody in her name."""
    told = {
        "from_address": "camille@membre.example" if same else "autre@ailleurs.example",
        "message_id": "<m@membre.example>",
    }
    number = asked(world, words, same=same, **told)
    if not same:
        with world.sessions.begin() as session:
            session.get_one(Question, number).askings[0].contact_id = camille(session).id
    return number


def camille(session: Session) -> Contact:
    return session.scalars(select(Contact)).one()


def receives(world: World) -> list[str]:
    with world.sessions() as session:
        return [one.slug for one in lists.read_by(session, camille(session))]


def receipts(world: World) -> list[Delivery]:
    with world.sessions() as session:
        return list(session.scalars(select(Delivery).where(Delivery.kind == MailKind.RECEIPT).order_by(Delivery.id)))


def stop(world: World) -> Act:
    return lambda session, number, by: wishes.stop_mail(session, number, world.office, by)


def move(world: World, email: str = NEW) -> Act:
    return lambda session, number, by: wishes.change_address(session, number, email, world.office, by)


def depart(world: World, reason: LeavingReason = LeavingReason.RETRAIT) -> Act:
    return lambda session, number, by: wishes.note_departure(
        session, number, on=date(2026, 12, 1), reason=reason, office=world.office, hand=by
    )


def press(world: World, act: Act, number: int, by: Staff, version: int = 1) -> None:
    with world.sessions.begin() as session:
        act(session, number, hand(world, by, version))


def stands(world: World, number: int) -> tuple[QuestionStatus, str]:
    with world.sessions() as session:
        question = session.get_one(Question, number)
        return question.status, question.closed_as


def test_a_mail_alone_changes_nothing(world: World, jeanne: Staff) -> None:
    wrote(world)
    assert receives(world) == ["communiques", "rdv", "convocations"]
    assert receipts(world) == []


def test_one_press_stops_all_that_one_can_leave_with_the_mail_as_its_source(world: World, jeanne: Staff) -> None:
    number = wrote(world)
    press(world, stop(world), number, jeanne)
    assert receives(world) == ["convocations"]
    assert stands(world, number) == (QuestionStatus.CLOSED, ClosedAs.UNSUBSCRIBE.value)
    with world.sessions() as session:
        changes = list(session.scalars(select(SubscriptionChange).where(SubscriptionChange.subscribed.is_(False))))
        assert {one.channel for one in changes} == {Channel.MAIL}
        assert {one.wording for one in changes} == {f"Demandé par son message (réponse {number}), fait par l’équipe"}
        done = session.scalars(select(GrantedWish)).one()
        assert (done.granted, done.staff_id, done.asking.question_id) == (Granted.UNSUBSCRIBED, jeanne.id, number)
    (receipt,) = receipts(world)
    mail = mail_of(world, receipt.id)
    assert mail["To"] == "Camille Roy <camille@membre.example>"
    assert mail["In-Reply-To"] == "<m@membre.example>"
    assert mail["Auto-Submitted"] == "auto-generated"
    said = text_of(mail)
    assert "> Ne m’écrivez plus." in said
    assert "Communiqués, Rendez-vous du vendredi" in " ".join(said.split())
    assert "Vous n’avez rien demandé" in said


def test_a_new_address_is_told_to_the_one_that_was_known_before(world: World, jeanne: Staff) -> None:
    """Who writes in somebody's name cannot move his mail unseen."""
    number = wrote(world, f"Ma nouvelle adresse : {NEW}", same=False)
    press(world, move(world, f" {NEW} "), number, jeanne)
    with world.sessions() as session:
        assert camille(session).email == NEW
    receipt, _ = receipts(world)
    assert receipt.address == "camille@membre.example"
    said = text_of(mail_of(world, receipt.id))
    assert NEW in said
    assert "écrit depuis une autre adresse que la vôtre" in " ".join(said.split())
    assert "Ma nouvelle adresse" not in said
    assert receipt.in_reply_to == ""


def test_the_new_address_is_told_too_and_nothing_of_what_was_written(world: World, jeanne: Staff) -> None:
    """It was typed: where it is somebody else's, he reads that it was noted, says so, and has read no more."""
    number = wrote(world, f"Je suis malade, écrivez à {NEW}")
    press(world, move(world), number, jeanne)
    before, after = receipts(world)
    assert (before.address, after.address) == ("camille@membre.example", NEW)
    assert "> Je suis malade" in text_of(mail_of(world, before.id))
    mail = mail_of(world, after.id)
    said = " ".join(text_of(mail).split())
    assert f"nos prochains messages iront à cette adresse, {NEW}." in said
    assert "malade" not in said
    assert "camille@membre.example" not in said
    assert "Vous n’avez rien demandé" in said
    assert mail["In-Reply-To"] is None
    press(world, move(world), number, jeanne)
    assert len(receipts(world)) == 2, "whatever the presses"


def test_where_no_address_was_known_the_new_one_alone_is_told(world: World, jeanne: Staff) -> None:
    number = wrote(world)
    with world.sessions.begin() as session:
        camille(session).email = None
    press(world, move(world), number, jeanne)
    assert [one.address for one in receipts(world)] == [NEW]


def test_a_departure_is_noted_and_told(world: World, jeanne: Staff) -> None:
    number = wrote(world, "Je quitte la coopérative.")
    press(world, depart(world), number, jeanne)
    with world.sessions() as session:
        member = camille(session).member
        assert (member.left_on, member.left_reason) == (date(2026, 12, 1), "retrait")
    (receipt,) = receipts(world)
    assert "mardi 1er décembre 2026" in " ".join(text_of(mail_of(world, receipt.id)).split())


def test_of_a_death_nobody_is_written_to(world: World, jeanne: Staff) -> None:
    number = wrote(world, "Ma mère est décédée.")
    press(world, depart(world, LeavingReason.DECES), number, jeanne)
    assert stands(world, number) == (QuestionStatus.CLOSED, ClosedAs.DEPARTURE.value)
    assert receipts(world) == []


def test_a_request_on_ones_data_is_promised_an_answer_within_a_month(world: World, jeanne: Staff) -> None:
    number = wrote(world, "Quelles données avez-vous sur moi ?")
    with world.sessions.begin() as session:
        wishes.take_data_request(session, number, world.office, hand(world, jeanne))
    with world.sessions.begin() as session:
        wishes.take_data_request(session, number, world.office, hand(world, jeanne))
        assert [one.id for one in questions.data_requests(session)] == [number]
    (receipt,) = receipts(world)
    assert "avant le jeudi 24 décembre 2026" in " ".join(text_of(mail_of(world, receipt.id)).split())
    assert stands(world, number)[0] is QuestionStatus.TO_ANSWER


@pytest.mark.parametrize("act", [stop, move, depart])
def test_a_second_press_does_it_once_and_tells_once(world: World, jeanne: Staff, act: Callable[[World], Act]) -> None:
    number = wrote(world)
    press(world, act(world), number, jeanne)
    press(world, act(world), number, jeanne)
    told = ["camille@membre.example", NEW] if act is move else ["camille@membre.example"]
    assert [one.address for one in receipts(world)] == told
    with world.sessions() as session:
        assert session.scalar(select(func.count()).select_from(GrantedWish)) == 1


@pytest.mark.parametrize("act", [stop, move, depart])
def test_who_has_not_seen_the_last_change_does_nothing(
    world: World, jeanne: Staff, act: Callable[[World], Act]
) -> None:
    number, paul = wrote(world), world.staff("Paul")
    with world.sessions.begin() as session:
        questions.assign(session, number, session.merge(paul), hand(world, paul))
    with pytest.raises(Overtaken):
        press(world, act(world), number, jeanne)
    assert receives(world) == ["communiques", "rdv", "convocations"]
    assert receipts(world) == []
    with world.sessions() as session:
        assert (camille(session).email, camille(session).member.left_on) == ("camille@membre.example", None)


def test_what_was_put_away_under_its_label_can_still_be_done(world: World, jeanne: Staff) -> None:
    number = wrote(world)
    with world.sessions.begin() as session:
        questions.close(session, number, ClosedAs.UNSUBSCRIBE, hand(world, jeanne))
    press(world, stop(world), number, jeanne, version=2)
    assert receives(world) == ["convocations"]


def test_what_cannot_be_done_is_refused_whole(world: World, jeanne: Staff) -> None:
    number = wrote(world)
    for wrong in ("camille", "camille@membre.example", "élo@x.example"):
        with pytest.raises(Refusal) as refused:
            press(world, move(world, wrong), number, jeanne)
        assert refused.value.field == "adresse"
    press(world, stop(world), number, jeanne)
    again = wrote(world)
    with pytest.raises(Refusal, match="ne reçoit déjà plus"):
        press(world, stop(world), again, jeanne)
    stranger = asked(world, "Désabonnez-moi", from_address="x@ailleurs.example")
    with pytest.raises(Conflict, match="Nous ne savons pas quel sociétaire"):
        press(world, stop(world), stranger, jeanne)
    assert stands(world, stranger)[0] is QuestionStatus.TO_SORT


def resume(world: World, number: int, by: Staff, version: int = 2) -> list[str]:
    with world.sessions.begin() as session:
        return [one.slug for one in wishes.resume_mail(session, number, hand(world, by, version)).back]


def test_a_stop_is_undone_in_one_press_and_the_receipt_never_leaves(world: World, jeanne: Staff) -> None:
    number = wrote(world, "Je reçois tout en double.")
    press(world, stop(world), number, jeanne)
    world.clock.forward(minutes=1)
    assert resume(world, number, jeanne) == ["communiques", "rdv"]
    assert receives(world) == ["communiques", "rdv", "convocations"]
    assert stands(world, number) == (QuestionStatus.TO_SORT, "")
    assert acts(world)[-1] == ("question.resume_mail", jeanne.id)
    (receipt,) = receipts(world)
    assert receipt.state is DeliveryState.SKIPPED
    with world.sessions() as session:
        last = session.scalars(select(SubscriptionChange).order_by(SubscriptionChange.id.desc())).first()
        assert last is not None
        assert (last.subscribed, last.channel) == (True, Channel.STAFF)
        assert last.wording == f"Arrêt annulé par l’équipe (réponse {number})"
        done = session.scalars(select(GrantedWish)).one()
        assert (done.undone_at, done.undone_by) == (world.clock(), jeanne.id)
        assert wishes.receipts_of(session, done) == []
    assert resume(world, number, jeanne) == [], "a second press changes nothing"


@pytest.mark.parametrize("state", [DeliveryState.ACCEPTED, DeliveryState.HANDING, DeliveryState.IN_DOUBT])
def test_who_was_told_already_is_not_written_to_twice(world: World, jeanne: Staff, state: DeliveryState) -> None:
    number = wrote(world)
    press(world, stop(world), number, jeanne)
    with world.sessions.begin() as session:
        session.execute(update(Delivery).where(Delivery.kind == MailKind.RECEIPT).values(state=state))
    world.clock.forward(minutes=1)
    resume(world, number, jeanne)
    world.clock.forward(minutes=1)
    press(world, stop(world), number, jeanne, version=3)
    assert receives(world) == ["convocations"]
    assert [one.state for one in receipts(world)] == [state]
    assert stands(world, number) == (QuestionStatus.CLOSED, ClosedAs.UNSUBSCRIBE.value)


def test_a_stop_that_is_made_again_after_its_receipt_was_kept_back_is_told_once(world: World, jeanne: Staff) -> None:
    number = wrote(world)
    for version in (1, 3):
        press(world, stop(world), number, jeanne, version=version)
        world.clock.forward(minutes=1)
        if version == 1:
            resume(world, number, jeanne)
            world.clock.forward(minutes=1)
    press(world, stop(world), number, jeanne, version=9)
    assert receives(world) == ["convocations"]
    assert [one.state for one in receipts(world)] == [DeliveryState.SKIPPED, DeliveryState.PENDING]
    assert "plus ces messages" in " ".join(text_of(mail_of(world, receipts(world)[1].id)).split())


@pytest.mark.parametrize("channel", [Channel.LINK, Channel.ONE_CLICK, Channel.MAIL], ids=["link", "click", "complaint"])
def test_what_the_member_has_left_himself_since_stays_left(world: World, jeanne: Staff, channel: Channel) -> None:
    number = wrote(world)
    press(world, stop(world), number, jeanne)
    world.clock.forward(minutes=1)
    with world.sessions.begin() as session:
        for _ in range(2):
            lists.leave(
                session,
                lists.find(session, "rdv"),
                camille(session),
                channel=channel,
                wording="Je pars",
                now=world.clock(),
            )
    assert resume(world, number, jeanne) == ["communiques"]
    assert receives(world) == ["communiques", "convocations"]
    with world.sessions() as session:
        own = select(func.count()).where(SubscriptionChange.wording == "Je pars")
        assert session.scalar(own) == 1, "the same said twice is one"


def test_where_nothing_is_left_to_undo_it_is_refused_whole(world: World, jeanne: Staff) -> None:
    number = wrote(world)
    with pytest.raises(Conflict, match="Rien n’a été arrêté"):
        resume(world, number, jeanne, version=1)
    press(world, stop(world), number, jeanne)
    with pytest.raises(Overtaken):
        resume(world, number, jeanne, version=1)
    world.clock.forward(minutes=1)
    with world.sessions.begin() as session:
        for slug in ("communiques", "rdv"):
            lists.leave(
                session, lists.find(session, slug), camille(session), channel=Channel.LINK, wording="Je pars",
                now=world.clock(),
            )  # fmt: skip
    with pytest.raises(Refusal, match="son choix reste"):
        resume(world, number, jeanne)
    assert receives(world) == ["convocations"]
    assert stands(world, number) == (QuestionStatus.CLOSED, ClosedAs.UNSUBSCRIBE.value)
    assert [one.state for one in receipts(world)] == [DeliveryState.PENDING]


def test_a_stop_is_undone_after_the_team_said_that_somebody_else_wrote(world: World, jeanne: Staff) -> None:
    """Just then it is wanted: whose mail was stopped has never asked for it."""
    number = wrote(world)
    with world.sessions.begin() as session:
        (asking,) = session.get_one(Question, number).askings
        asking.contact_id, asking.matched_by = camille(session).id, MatchedBy.SENDER
        message = asking.inbound_message_id or 0
    press(world, stop(world), number, jeanne)
    world.clock.forward(minutes=1)
    with world.sessions.begin() as session:
        authorships.say(session, number, message, False, hand(world, jeanne, 2))
    assert resume(world, number, jeanne, version=3) == ["communiques", "rdv"]
    assert receives(world) == ["communiques", "rdv", "convocations"]
    assert [one.state for one in receipts(world)] == [DeliveryState.SKIPPED]
    with world.sessions.begin() as session:
        done = session.scalars(select(GrantedWish)).one()
        done.undone_at, done.contact_id = None, None
    with pytest.raises(Conflict, match="a été effacée"):
        resume(world, number, jeanne, version=4)


def test_a_link_and_a_complaint_do_not_fill_the_record_by_turns(world: World, jeanne: Staff) -> None:
    number = wrote(world)
    press(world, stop(world), number, jeanne)
    for times in range(6):
        world.clock.forward(minutes=1)
        with world.sessions.begin() as session:
            lists.leave(
                session, lists.find(session, "rdv"), camille(session),
                channel=(Channel.LINK, Channel.MAIL, Channel.ONE_CLICK)[times % 3], wording=f"Je pars {times}",
                now=world.clock(),
            )  # fmt: skip
    with world.sessions() as session:
        left = select(SubscriptionChange.channel).join(MailingList, MailingList.id == SubscriptionChange.list_id)
        changes = session.scalars(left.where(MailingList.slug == "rdv", ~SubscriptionChange.subscribed))
        assert list(changes) == [Channel.MAIL, Channel.LINK], "what the team noted, and what he said after it"
