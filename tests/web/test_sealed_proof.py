"""The sealed proof of a statutory sending on its page: what was mailed to the witnesses stays what it was."""

from __future__ import annotations

import re

from service.actions import deliveries, seals
from service.core.proof import sheet
from service.core.vocabulary import DeliveryState, DoubtReason, MailClass
from service.models.campaign import Campaign
from service.models.delivery import Delivery
from tests.web.conftest import Browser
from tests.web.test_campaigns_sending import end, settled
from tests.web.world import World
from workers import clock


def sealed(world: World, *witnesses: str) -> Campaign:
    """A statutory sending that has ended and was sealed; each witness has got his mail."""
    campaign = settled(world, DeliveryState.ACCEPTED, DeliveryState.ACCEPTED)
    end(world, campaign)
    with world.begin() as session:
        session.get_one(Campaign, campaign.id).mail_class = MailClass.STATUTORY
        session.commit()
    with world.begin() as session:
        wiring = world.wiring
        seals.seal(
            session,
            campaign.id,
            witnesses=witnesses,
            domain="passerelles.example",
            secret=wiring.settings.secret_key,
            now=wiring.now(),
        )
        for row in session.query(Delivery).where(Delivery.campaign_id.is_(None)):
            row.state = DeliveryState.ACCEPTED
        session.commit()
    return campaign


def test_the_page_says_how_many_witnesses_got_it_and_its_hash(signed_in: Browser, world: World) -> None:
    campaign = sealed(world, "presidente@ailleurs.example", "tresorier@ailleurs.example")
    fingerprint = sheet.check(signed_in.get(f"/messages/{campaign.id}/preuve.csv?scellee=1").data)
    page = signed_in.get(f"/messages/{campaign.id}").text
    assert "envoyée à 2\u00a0témoins" in page
    assert fingerprint in page
    assert "ailleurs.example" not in page


def test_without_witnesses_the_page_says_that_the_proof_never_left(signed_in: Browser, world: World) -> None:
    page = signed_in.get(f"/messages/{sealed(world).id}").text
    assert "scellée dès la fin de l’envoi" in page
    assert "Aucun témoin n’est désigné" in page


def test_a_later_bounce_is_in_the_proof_of_today_alone(signed_in: Browser, world: World) -> None:
    campaign = sealed(world)
    with world.begin() as session:
        row = session.get_one(Delivery, world.deliveries(campaign.id)[0].id)
        deliveries.record_bounce(row, status="5.1.1", reason="L’adresse n’existe pas.", now=world.wiring.now())
        session.commit()
    bounced = [
        sheet.read(signed_in.get(f"/messages/{campaign.id}/preuve.csv{asked}").data).totals.bounced
        for asked in ("", "?scellee=1")
    ]
    assert bounced == [1, 0]


def test_a_sending_that_ended_twice_shows_both_seals_and_gives_both(signed_in: Browser, world: World) -> None:
    """Witnesses hold the first; what was in doubt then has been settled since."""
    campaign = sealed(world, "presidente@ailleurs.example")
    with world.begin() as session:
        session.get_one(Campaign, campaign.id).finished_at = world.wiring.now()
        row = session.get_one(Delivery, world.deliveries(campaign.id)[0].id)
        row.code, row.reply = 250, "2.0.0 kept at last"
        secret = world.wiring.settings.secret_key
        seals.seal(
            session, campaign.id, witnesses=(), domain="passerelles.example", secret=secret, now=world.wiring.now()
        )
        session.commit()
    files = [signed_in.get(f"/messages/{campaign.id}/preuve.csv?scellee={rank}") for rank in (2, 1)]
    hashes = [sheet.check(file.data) for file in files]
    assert hashes[0] != hashes[1]
    page = signed_in.get(f"/messages/{campaign.id}").text
    assert 0 < page.index("cette preuve-ci remplace la précédente") < page.index(hashes[0]) < page.index(hashes[1])
    assert "Preuve précédente, que le témoin a aussi." in page
    for odd in ("0", "3", "", "x", "-1", "1" * 40):
        assert signed_in.get(f"/messages/{campaign.id}/preuve.csv?scellee={odd}").status_code == 404


def test_a_seal_after_a_decision_says_that_it_is_one(signed_in: Browser, world: World) -> None:
    campaign = sealed(world, "presidente@ailleurs.example")
    with world.begin() as session:
        row = session.get_one(Delivery, world.deliveries(campaign.id)[0].id)
        row.state, row.doubts, row.why = DeliveryState.IN_DOUBT, 1, DoubtReason.CONNECTION_LOST
        row.doubted_at = world.wiring.now()
        session.commit()
    shown = signed_in.get(f"/messages/{campaign.id}?etat=en-doute").text
    vu = re.search(r'name="vu" value="(\w+)"', shown)
    assert vu is not None
    form = {"choix": "laisser", "vu": vu[1], "personne": ""}
    assert signed_in.send(f"/messages/{campaign.id}/en-doute", form).status_code == 303
    clock.seal_proofs(world.wiring)
    page = signed_in.get(f"/messages/{campaign.id}").text
    told = page.index("L’équipe a décidé depuis de ne pas renvoyer un ou plusieurs messages en doute")
    assert told < page.index("scellée peu après") < page.index("que le témoin a aussi") < page.index("dès la fin")
    assert "L’envoi a repris" not in page
    proof = sheet.read(signed_in.get(f"/messages/{campaign.id}/preuve.csv?scellee=2").data)
    assert [row.decided_by for row in proof.rows if row.decided_at] == ["Paul"]


def test_a_sending_that_is_not_statutory_has_no_sealed_proof(signed_in: Browser, world: World) -> None:
    campaign = settled(world, DeliveryState.ACCEPTED)
    end(world, campaign)
    assert "scellée" not in signed_in.get(f"/messages/{campaign.id}").text
    assert signed_in.get(f"/messages/{campaign.id}/preuve.csv?scellee=1").status_code == 404
