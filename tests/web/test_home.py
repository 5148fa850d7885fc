"""Does the home page say what to do, what is leaving, and what does not work?"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from service.actions import mailbox, pulse, turns
from service.actions.turns import Turn
from service.core.verdicts import Outcome, Stage, Verdict
from service.core.vocabulary import (
    CampaignStatus,
    DeliveryState,
    InboundState,
    MailClass,
    MailKind,
    QuestionStatus,
    RefusedWhat,
    Role,
)
from service.models.campaign import Campaign
from service.models.delivery import Delivery
from service.models.inbound_message import InboundMessage
from service.models.pace import Destination
from service.models.question import Question
from service.web.app import create_app
from service.wiring import Wiring
from tests.web.conftest import Browser
from tests.web.world import World


def test_nothing_to_do_is_a_good_state(signed_in: Browser, world: World) -> None:
    _beat(world)
    page = signed_in.get("/").text
    assert "Tout est à jour." in page
    assert "Rien ne part en ce moment" not in page
    assert "En cours" not in page


def _all_is_well(page: str) -> bool:
    return "Tout est à jour." in page


def test_a_sending_that_somebody_paused_waits_for_the_team_and_says_who_did_it(
    signed_in: Browser, writer: Browser, world: World
) -> None:
    _beat(world)
    world.member(to="nouvelles")
    campaign = world.launched(subject="En route")
    assert _all_is_well(signed_in.get("/").text), "it leaves by itself"
    signed_in.send(f"/messages/{campaign.id}/pause")
    page = signed_in.get("/").text
    assert not _all_is_well(page)
    assert "«\u00a0En route\u00a0» est en pause" in page
    assert "par Paul, à l’instant" in page
    shown = "Mis en pause par {}, à l’instant."
    assert shown.format("vous") in signed_in.get(f"/messages/{campaign.id}").text
    theirs = writer.get(f"/messages/{campaign.id}").text
    assert f"{shown.format('Paul')} Demandez-lui avant de reprendre l’envoi." in theirs
    assert "1\u00a0personne attend" in page
    assert "Une personne qui peut envoyer décidera." not in page
    assert "Une personne qui peut envoyer décidera." in writer.get("/").text
    signed_in.send(f"/messages/{campaign.id}/reprendre")
    assert _all_is_well(signed_in.get("/").text)


def test_d19_a_sending_that_a_server_paused_is_not_said_to_go_on_by_itself(signed_in: Browser, world: World) -> None:
    _beat(world)
    world.member(to="nouvelles")
    campaign = world.launched(subject="En route")
    refused = Outcome(Verdict.REFUSED, Stage.DOT, 554, "5.6.0 <b>no</b>")
    with world.begin() as session, session.begin():
        turns.note(session, campaign.id, Turn(refused), now=world.wiring.now())
    home, page = signed_in.get("/").text, signed_in.get(f"/messages/{campaign.id}").text
    assert not _all_is_well(home)
    for shown in (home, page):
        assert "a refusé ce message plusieurs fois de suite" in shown
        assert "repartiront seuls" not in shown
    assert "554 5.6.0 &lt;b&gt;no&lt;/b&gt;" in page
    signed_in.send(f"/messages/{campaign.id}/reprendre")
    signed_in.send(f"/messages/{campaign.id}/pause")
    assert "a refusé ce message" not in signed_in.get("/").text, "it was Paul this time"


def test_a_sending_whose_relay_cannot_be_used_is_held_up(signed_in: Browser, world: World) -> None:
    _beat(world)
    world.member(to="nouvelles")
    campaign = world.launched(subject="En route")
    down = Outcome(Verdict.RELAY_DOWN, Stage.CONNECT, 421, "4.3.2 no")
    with world.begin() as session, session.begin():
        turns.note(session, campaign.id, Turn(down), now=world.wiring.now())
    page = signed_in.get("/").text
    assert not _all_is_well(page)
    assert "«\u00a0En route\u00a0» ne part plus pour l’instant" in page
    assert "repartiront seuls" in page


def test_what_is_said_above_is_no_state_in_which_all_is_well(signed_in: Browser, world: World) -> None:
    """D20, and the silence of our own processes."""
    elsewhere = "Rien d’autre n’attend que ce qui est dit plus haut."
    page = signed_in.get("/").text
    assert (_all_is_well(page), elsewhere in page) == (False, True), "no process is seen"
    _beat(world)
    assert _all_is_well(signed_in.get("/").text)
    with world.begin() as session, session.begin():
        session.add(Destination(domain="a.example", answers="", paused_at=world.wiring.now(), code="", reply=""))
    page = signed_in.get("/").text
    assert (_all_is_well(page), elsewhere in page) == (False, True)


def test_a_message_to_reread_is_a_duty_of_somebody_else(signed_in: Browser, writer: Browser, world: World) -> None:
    world.member(to="nouvelles")
    world.submitted(subject="Nos comptes")
    assert "Relire «\u00a0Nos comptes\u00a0»" in signed_in.get("/").text
    mine = writer.get("/").text
    assert "Relire «" not in mine
    assert "attend la relecture d’une autre personne" in mine


def test_who_may_not_approve_is_not_asked_to(client: Browser, world: World) -> None:
    world.member(to="nouvelles")
    world.submitted(subject="Nos comptes")
    world.staff("lea@passerelles.example", "Léa", Role.REDACTEUR)
    client.sign_in("lea@passerelles.example")
    assert "Nos comptes" not in client.get("/").text


def test_questions_wait_with_the_age_of_the_oldest(signed_in: Browser, world: World) -> None:
    with world.begin() as session, session.begin():
        for days in (3, 1):
            session.add(Question(status=QuestionStatus.TO_SORT, created_at=world.wiring.now() - timedelta(days=days)))
    page = signed_in.get("/").text
    assert "2\u00a0réponses à lire" in page
    assert "il y a 3\u00a0j" in page
    assert "Réponses (2)" in page


def test_a_convocation_that_came_back_for_good_is_a_duty_with_a_link(signed_in: Browser, world: World) -> None:
    world.member(to="nouvelles")
    campaign = world.launched()
    assert "revenue en erreur" not in signed_in.get("/").text
    with world.begin() as session, session.begin():
        row = session.scalars(Delivery.of_campaign(campaign.id)).one()
        row.mail_class, row.state = MailClass.STATUTORY, DeliveryState.ACCEPTED
        row.bounced_at, row.bounce_reason = world.wiring.now(), "L’adresse n’existe pas."
    page = signed_in.get("/").text
    assert "cette convocation est revenue en erreur pour 1\u00a0personne" in page
    assert f'href="/messages/{campaign.id}?etat=revenus"' in page
    assert signed_in.get(f"/messages/{campaign.id}?etat=revenus").status_code == 200


def test_a_sending_shows_its_progress_and_its_trouble(signed_in: Browser, world: World) -> None:
    world.member(to="nouvelles")
    campaign = world.launched(subject="En route")
    with world.begin() as session, session.begin():
        row = session.get_one(Campaign, campaign.id)
        row.status, row.trouble = CampaignStatus.SENDING, "connect refused"
    page = signed_in.get("/").text
    assert "En route" in page
    assert "0 sur 1" in page
    assert "Le serveur d’envoi ne répond pas" in page
    assert "connect refused" not in page


def test_a_silent_worker_or_clock_is_told(signed_in: Browser, world: World) -> None:
    assert "Le service d’envoi et son horloge ne tournent pas." in signed_in.get("/").text
    _beat(world, clock=timedelta(seconds=31))
    assert "L’horloge des envois ne tourne pas" in signed_in.get("/").text
    _beat(world, worker=timedelta(seconds=31))
    assert "Le service d’envoi ne tourne pas." in signed_in.get("/").text
    _beat(world, worker=timedelta(seconds=20), clock=timedelta(seconds=20))
    assert "Rien ne part" not in signed_in.get("/").text


def test_a_mailbox_that_nobody_reads_is_told_with_what_to_do(world: World, make_wiring: Callable[..., Wiring]) -> None:
    set_up = create_app(make_wiring(IMAP_URL="imap://vie:secret@127.0.0.1:9/INBOX"))
    set_up.test_client_class = Browser
    visitor = set_up.test_client()
    assert isinstance(visitor, Browser)
    visitor.sign_in()
    for path in ("/", "/reponses"):
        assert "Votre boîte n’a pas encore été lue." in visitor.get(path).text
        assert "./pli start" in visitor.get(path).text
    _beat(world, inbox=timedelta(minutes=11))
    for path in ("/", "/reponses"):
        assert "Votre boîte a été lue pour la dernière fois il y a 11\u00a0min" in visitor.get(path).text
    _beat(world, inbox=timedelta(minutes=9))
    for path in ("/", "/reponses"):
        assert "Les réponses n’arrivent pas" not in visitor.get(path).text


def test_r7_a_password_that_the_mailbox_refuses_is_told_at_once_with_why(
    world: World, make_wiring: Callable[..., Wiring]
) -> None:
    wiring = make_wiring(IMAP_URL="imap://vie:secret@127.0.0.1:9/INBOX")
    set_up = create_app(wiring)
    set_up.test_client_class = Browser
    visitor = set_up.test_client()
    assert isinstance(visitor, Browser)
    visitor.sign_in()
    _beat(world)
    with world.begin() as session, session.begin():
        for minutes in (3, 0):
            at = world.wiring.now() - timedelta(minutes=minutes)
            mailbox.note_refusal(session, wiring.account, RefusedWhat.PASSWORD, now=at)
    for path in ("/", "/reponses"):
        page = visitor.get(path).text
        assert "Le serveur de votre boîte refuse le mot de passe (premier refus il y a 3\u00a0min)." in page
        assert "Les réponses n’arrivent pas" in page
        assert "IMAP_URL" in page
        assert "Votre boîte" not in page
    with world.begin() as session, session.begin():
        mailbox.note_login(session, wiring.account)
        mailbox.note_refusal(session, wiring.account, RefusedWhat.AGREEMENT, now=world.wiring.now())
    page = visitor.get("/").text
    assert "refuse le mot de passe" not in page
    assert "Le fournisseur de votre boîte n’en donne plus l’accès à Pli" in page
    assert "./pli mail connect" in page
    with world.begin() as session, session.begin():
        mailbox.note_login(session, wiring.account)
    assert "Les réponses n’arrivent pas" not in visitor.get("/").text


def test_answers_that_the_relay_does_not_take_are_told_after_some_minutes(signed_in: Browser, world: World) -> None:
    said = "Le serveur d’envoi ne prend pas nos messages."

    def waits(minutes: int, state: DeliveryState) -> None:
        at = world.wiring.now() - timedelta(minutes=minutes)
        with world.begin() as session, session.begin():
            session.add(
                Delivery(
                    key=f"k{minutes}{state}", kind=MailKind.ANSWER, mail_class=MailClass.TRANSACTIONAL, subject="x", subject_id=1,
                    address="a@membre.example", address_hmac="", fields={}, message_id=f"<{minutes}{state}@x.example>",
                    state=state, created_at=at, rung_at=at,
                )
            )  # fmt: skip

    _beat(world)
    waits(2, DeliveryState.PENDING)
    waits(60, DeliveryState.ACCEPTED)
    waits(61, DeliveryState.DEFERRED)
    assert said not in signed_in.get("/").text
    waits(10, DeliveryState.PENDING)
    waits(5, DeliveryState.PENDING)
    page = signed_in.get("/").text
    assert said in page
    assert "2\u00a0réponses et confirmations attendent depuis" in page
    assert "Tout est à jour" not in page


def test_where_no_mailbox_is_set_nothing_is_said_of_it(signed_in: Browser) -> None:
    for path in ("/", "/reponses"):
        assert "Les réponses n’arrivent pas" not in signed_in.get(path).text


def test_i5_a_message_that_the_mailbox_has_not_given_for_a_day_is_told_on_both_pages(
    signed_in: Browser, world: World
) -> None:
    _miss(world, hours=23)
    for path in ("/", "/reponses"):
        assert "n’a pas pu être lu" not in signed_in.get(path).text
    _miss(world, hours=25, size=2400)
    for path in ("/", "/reponses"):
        page = signed_in.get(path).text
        assert "Un message n’a pas pu être lu dans votre boîte." in page
        assert "dans le dossier «\u00a0INBOX\u00a0», arrivé le " in page
        assert "3\u00a0Ko" in page
        assert "vu pour la première fois" not in page
    _miss(world, hours=30)
    page = signed_in.get("/").text
    assert "Des messages n’ont pas pu être lus dans votre boîte." in page
    assert "vu pour la première fois" in page


def _miss(world: World, *, hours: int, size: int = 0) -> None:
    at = world.wiring.now() - timedelta(hours=hours)
    with world.begin() as session, session.begin():
        session.add(
            InboundMessage(
                account="vie",
                folder="INBOX",
                uidvalidity=1,
                uid=hours,
                received_at=at,
                stored_at=at,
                size=size,
                raw=None,
                sha256="",
                state=InboundState.MISSED,
                attempts=9,
                next_attempt_at=at,
            )
        )


def test_what_the_cooperative_has_not_told_yet_is_an_advice(
    signed_in: Browser, world: World, make_wiring: Callable[..., Wiring]
) -> None:
    page = signed_in.get("/").text
    assert "LEGAL_NOTICE" in page
    assert "POSTAL_ADDRESS" not in page
    full = create_app(make_wiring(LEGAL_NOTICE="SCIC SA"))
    full.test_client_class = Browser
    visitor = full.test_client()
    assert isinstance(visitor, Browser)
    visitor.sign_in()
    assert "Conseil" not in visitor.get("/").text


def _beat(
    world: World,
    *,
    worker: timedelta = timedelta(0),
    clock: timedelta = timedelta(0),
    inbox: timedelta = timedelta(0),
) -> None:
    with world.begin() as session, session.begin():
        pulse.beat(session, pulse.WORKER, now=world.wiring.now() - worker)
        pulse.beat(session, pulse.CLOCK, now=world.wiring.now() - clock)
        pulse.beat(session, pulse.INBOX, now=world.wiring.now() - inbox)
