"""The proof of a sending on its page: who may take it, when, as which files, and with which figures."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from service.core.proof import sheet
from service.core.vocabulary import CampaignStatus, DeliveryState
from service.models.campaign import Campaign
from service.models.delivery import Delivery
from tests.parts import require
from tests.parts.paper import Paper
from tests.web.conftest import Browser
from tests.web.test_campaigns_sending import end, settled, tabs
from tests.web.world import World

EVIL = '<script>alert("x")</script>'


def ended(world: World, status: CampaignStatus = CampaignStatus.SENT) -> Campaign:
    """A sending that has ended: three envoyés, one of them back in error, one refused, one not sent."""
    accepted = DeliveryState.ACCEPTED
    campaign = settled(world, accepted, accepted, accepted, DeliveryState.REFUSED, DeliveryState.SKIPPED)
    with world.begin() as session:
        row = session.get_one(Delivery, world.deliveries(campaign.id)[0].id)
        row.bounced_at, row.bounce_code, row.bounce_reason = world.wiring.now(), "5.1.1", "L’adresse n’existe pas."
        session.commit()
    end(world, campaign, status)
    return campaign


@pytest.mark.parametrize("status", [CampaignStatus.SENT, CampaignStatus.STOPPED])
def test_the_table_has_the_figures_of_the_page(signed_in: Browser, world: World, status: CampaignStatus) -> None:
    campaign = ended(world, status)
    page = signed_in.get(f"/messages/{campaign.id}").text
    assert page.count("Télécharger la preuve d’envoi") == 2
    answer = signed_in.get(f"/messages/{campaign.id}/preuve.csv")
    assert answer.headers["Content-Disposition"] == f'attachment; filename="preuve-envoi-{campaign.id}.csv"'
    proof, shown = sheet.read(answer.data), tabs(page)
    assert shown == {
        "tous": proof.totals.planned,
        "envoyes": proof.totals.accepted,
        "revenus": proof.totals.bounced,
        "en-erreur": proof.totals.refused,
        "non-envoyes": proof.totals.skipped,
    }
    assert proof.is_stopped == (status is CampaignStatus.STOPPED)
    assert answer.headers["Cache-Control"] == "no-store"


def test_the_paper_is_given_as_a_file_with_the_hash_of_the_table(
    signed_in: Browser, world: World, tmp_path: Path
) -> None:
    campaign = ended(world)
    answer = signed_in.get(f"/messages/{campaign.id}/preuve.pdf")
    if answer.status_code == 503:
        require("apt install" not in answer.text, "WeasyPrint's libraries or its font are not installed")
    assert (answer.status_code, answer.content_type) == (200, "application/pdf")
    (tmp_path / "preuve.pdf").write_bytes(answer.data)
    fingerprint = sheet.check(signed_in.get(f"/messages/{campaign.id}/preuve.csv").data)
    assert fingerprint in Paper(tmp_path / "preuve.pdf").text(1, 1)


def test_only_who_may_send_takes_the_proof(client: Browser, writer: Browser, world: World) -> None:
    campaign = ended(world)
    assert "preuve.pdf" not in writer.get(f"/messages/{campaign.id}").text
    for name in ("preuve.pdf", "preuve.csv"):
        assert writer.get(f"/messages/{campaign.id}/{name}").status_code == 403
        assert client.get(f"/messages/{campaign.id}/{name}").status_code == 303


def test_a_sending_under_way_has_no_proof_yet_and_says_what_to_do(signed_in: Browser, world: World) -> None:
    campaign = settled(world, DeliveryState.ACCEPTED, DeliveryState.PENDING)
    assert "preuve" not in signed_in.get(f"/messages/{campaign.id}").text
    for name in ("preuve.pdf", "preuve.csv"):
        answer = signed_in.get(f"/messages/{campaign.id}/{name}")
        assert answer.status_code == 409
        assert "Attendez la fin de l’envoi" in answer.text
        assert signed_in.get(f"/messages/987/{name}").status_code == 404


def test_names_and_subjects_that_are_code_are_words_in_the_files(
    signed_in: Browser, world: World, tmp_path: Path
) -> None:
    world.member("=HYPERLINK(0)", EVIL, "a@membre.example", to="nouvelles")
    campaign = world.launched(subject=f"=1+1 {EVIL}")
    with world.begin() as session:
        for row in world.deliveries(campaign.id):
            session.get_one(Delivery, row.id).state = DeliveryState.ACCEPTED
        session.commit()
    end(world, campaign)
    table = signed_in.get(f"/messages/{campaign.id}/preuve.csv").data.decode("utf-8-sig")
    assert f'"\'=HYPERLINK(0) {EVIL}"'.replace('"x"', '""x""') in table
    assert not re.search(r'(?m)(?:^|;)"[=+@-]', table)
    answer = signed_in.get(f"/messages/{campaign.id}/preuve.pdf")
    if answer.status_code == 503:
        require("apt install" not in answer.text, "WeasyPrint's libraries or its font are not installed")
    (tmp_path / "preuve.pdf").write_bytes(answer.data)
    assert '<script>alert("x")</script>' in Paper(tmp_path / "preuve.pdf").text(1, 1)
