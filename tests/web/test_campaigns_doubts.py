"""The people in doubt on the page of a sending: who, where it was cut, and a decision that does what its button says."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest

from service.core.vocabulary import CampaignStatus, DeliveryState, DoubtReason, MailClass
from service.models.campaign import Campaign
from service.models.delivery import Delivery
from service.models.journal import JournalEntry
from tests.web.conftest import Browser
from tests.web.world import World

DOUBTFUL = 3


@pytest.fixture
def sent(world: World) -> Campaign:
    """A sending that is over: one person has it, three are in doubt."""
    for number in range(DOUBTFUL + 1):
        world.member(f"Membre{number}", "Roy", to="nouvelles")
    campaign = world.launched()
    with world.begin() as session, session.begin():
        kept = session.get_one(Campaign, campaign.id)
        kept.status, kept.finished_at = CampaignStatus.SENT, world.wiring.now()
        for number, row in enumerate(session.scalars(Delivery.of_campaign(campaign.id))):
            row.settled_at, row.attempts, row.lease_epoch = world.wiring.now(), 1, 1
            row.state = DeliveryState.IN_DOUBT if number else DeliveryState.ACCEPTED
            if number:
                row.doubts, row.doubted_at, row.why = 1, row.settled_at, DoubtReason.CONNECTION_LOST
                row.code, row.reply = 421, "4.3.2 <b>service closing</b>"
    return campaign


def page(browser: Browser, campaign: Campaign) -> str:
    return browser.get(f"/messages/{campaign.id}?etat=en-doute").text


def seen(text: str, row: Delivery | None = None) -> str:
    """What the buttons on the page carry: for everybody, or for one person."""
    found = re.search(
        rf'name="vu" value="(\w+)"><input type="hidden" name="personne" value="{row.id if row else ""}">', text
    )
    assert found, "no button on the page"
    return found[1]


def post(browser: Browser, campaign: Campaign, choice: str, vu: str, row: Delivery | None = None) -> int:
    form = {"choix": choice, "vu": vu, "personne": str(row.id) if row else ""}
    return browser.send(f"/messages/{campaign.id}/en-doute", form).status_code


def states(world: World, campaign: Campaign) -> list[DeliveryState]:
    return [row.state for row in world.deliveries(campaign.id)]


def changed(world: World, campaign: Campaign, **values: object) -> None:
    with world.begin() as session, session.begin():
        for row in session.scalars(Delivery.of_campaign(campaign.id)):
            for name, value in values.items():
                setattr(row, name, value)


def test_the_page_tells_each_person_the_step_the_last_reply_and_the_effect_of_each_button(
    signed_in: Browser, world: World, sent: Campaign
) -> None:
    text = page(signed_in, sent)
    assert "Renvoyer aux 3\u00a0personnes en doute" in text
    assert "3\u00a0personnes recevront peut-être le message deux fois." in text
    assert "Ne pas renvoyer" in text
    assert text.count("Message entier transmis\u202f; la connexion s’est coupée avant la réponse.") == DOUBTFUL
    assert text.count("<code>421 4.3.2 &lt;b&gt;service closing&lt;/b&gt;</code>") == DOUBTFUL
    assert "membre2.roy@membre.example" in text
    assert "Voir à qui, et décider" in signed_in.get(f"/messages/{sent.id}").text
    assert states(world, sent)[1:] == [DeliveryState.IN_DOUBT] * DOUBTFUL, "looking changes nothing"


def test_sending_again_acts_on_everybody_who_was_shown_and_opens_the_sending_again(
    signed_in: Browser, world: World, sent: Campaign
) -> None:
    assert "3\u00a0personnes en doute" in signed_in.get("/").text
    assert post(signed_in, sent, "renvoyer", seen(page(signed_in, sent))) == 303
    assert states(world, sent) == [DeliveryState.ACCEPTED, *[DeliveryState.PENDING] * DOUBTFUL]
    with world.begin() as session:
        assert session.get_one(Campaign, sent.id).status is CampaignStatus.SENDING
        noted = session.query(JournalEntry).filter_by(act="campaign.doubts_resend").one()
        assert (noted.subject_id, noted.staff_id, noted.detail) == (sent.id, 2, {"rows": DOUBTFUL})
    assert "etat=en-doute" not in signed_in.get("/").text
    assert "peut-être déjà arrivé" in signed_in.get(f"/messages/{sent.id}").text


def test_who_is_left_in_doubt_stays_in_the_tray_and_leaves_the_home_page(
    signed_in: Browser, world: World, sent: Campaign
) -> None:
    assert post(signed_in, sent, "laisser", seen(page(signed_in, sent))) == 303
    assert states(world, sent)[1:] == [DeliveryState.IN_DOUBT] * DOUBTFUL
    text = page(signed_in, sent)
    decided = re.findall(r"Non renvoyé\u00a0: décidé par Paul le [\w\u00a0 ]+ à \d+\u00a0h(?:\u00a0\d+)?\.", text)
    assert len(decided) == DOUBTFUL
    whole_list = signed_in.get(f"/messages/{sent.id}").text
    assert [decided[0] in line for line in whole_list.splitlines() if "Non renvoyé" in line] == [True] * DOUBTFUL
    assert 'name="vu"' not in text
    assert "etat=en-doute" not in signed_in.get("/").text


def test_one_person_may_be_decided_on_alone(signed_in: Browser, world: World, sent: Campaign) -> None:
    row = world.deliveries(sent.id)[2]
    assert post(signed_in, sent, "renvoyer", seen(page(signed_in, sent), row), row) == 303
    assert [one.value for one in states(world, sent)] == ["accepted", "in_doubt", "pending", "in_doubt"]
    assert "Renvoyer aux 2\u00a0personnes en doute" in page(signed_in, sent)


def test_a_list_that_has_changed_is_shown_anew_and_nothing_is_decided(
    signed_in: Browser, world: World, sent: Campaign
) -> None:
    """The number on the button is what is acted upon; as many others are not the same people."""
    vu = seen(page(signed_in, sent))
    changed(world, sent, lease_epoch=2)
    for choice in ("renvoyer", "laisser"):
        answer = signed_in.send(f"/messages/{sent.id}/en-doute", {"choix": choice, "vu": vu, "personne": ""})
        assert answer.status_code == 409
        assert "Rien n’a été décidé" in answer.text
    for odd in ({}, {"choix": "renvoyer"}, {"choix": "?", "vu": vu}, {"choix": "laisser", "personne": "x"}):
        assert signed_in.send(f"/messages/{sent.id}/en-doute", odd).status_code in (409, 422)
    assert states(world, sent)[1:] == [DeliveryState.IN_DOUBT] * DOUBTFUL


def test_only_senders_decide_and_a_get_never_does(
    writer: Browser, signed_in: Browser, world: World, sent: Campaign
) -> None:
    vu = seen(page(signed_in, sent))
    assert 'name="vu"' not in page(writer, sent)
    assert "Une personne qui peut envoyer décidera." in page(writer, sent)
    assert post(writer, sent, "renvoyer", vu) == 403
    assert signed_in.get(f"/messages/{sent.id}/en-doute?choix=renvoyer&vu={vu}").status_code == 405
    assert states(world, sent)[1:] == [DeliveryState.IN_DOUBT] * DOUBTFUL


def test_what_leaves_again_by_itself_is_no_duty_and_says_when(signed_in: Browser, world: World, sent: Campaign) -> None:
    changed(world, sent, mail_class=MailClass.STATUTORY)
    assert "etat=en-doute" not in signed_in.get("/").text
    text = page(signed_in, sent)
    assert "sans décision de votre part, il repart de lui-même à 3\u00a0personnes vers" in text
    assert text.count("Repart vers") == DOUBTFUL
    with world.begin() as session, session.begin():
        session.get_one(Campaign, sent.id).status = CampaignStatus.PAUSED
    text = page(signed_in, sent)
    assert "Repart vers" not in text
    assert "vers" not in text.partition("personnes en doute")[2].partition("</div>")[0]
    assert "ne repartira qu’à la reprise" in text
    with world.begin() as session, session.begin():
        session.get_one(Campaign, sent.id).status = CampaignStatus.SENT
    changed(world, sent, doubts=2)
    assert "3\u00a0personnes en doute" in signed_in.get("/").text


def test_an_answer_that_may_still_come_is_waited_for(signed_in: Browser, world: World, sent: Campaign) -> None:
    changed(world, sent, why=DoubtReason.LEASE_ENDED)
    text = page(signed_in, sent)
    assert "3\u00a0personnes sont en doute depuis peu" in text
    assert 'name="vu"' not in text
    changed(world, sent, doubted_at=world.wiring.now() - timedelta(minutes=11))
    assert "Renvoyer aux 3\u00a0personnes" in page(signed_in, sent)


def test_nothing_leaves_again_of_a_sending_that_was_stopped(signed_in: Browser, world: World, sent: Campaign) -> None:
    vu = seen(page(signed_in, sent))
    with world.begin() as session, session.begin():
        session.get_one(Campaign, sent.id).status = CampaignStatus.STOPPED
    assert "rien n’est renvoyé" in page(signed_in, sent)
    assert 'name="vu"' not in page(signed_in, sent)
    assert post(signed_in, sent, "renvoyer", vu) == 409
