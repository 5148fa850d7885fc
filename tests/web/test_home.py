"""Does the home page say what to do, what is leaving, and what does not work?"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from service.actions import pulse
from service.core.vocabulary import CampaignStatus, QuestionStatus, Role
from service.models.campaign import Campaign
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


def test_where_no_mailbox_is_set_nothing_is_said_of_it(signed_in: Browser) -> None:
    for path in ("/", "/reponses"):
        assert "Les réponses n’arrivent pas" not in signed_in.get(path).text


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
