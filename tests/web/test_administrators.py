"""Whoever reads that something is held up reads whom to call, by name, and what to tell."""

from __future__ import annotations

import pytest

from service.actions import turns
from service.actions.turns import Turn
from service.core.verdicts import Outcome, Stage, Verdict
from service.core.vocabulary import Role
from service.models.pace import Destination
from service.models.staff import Staff
from tests.web.conftest import Browser
from tests.web.world import SENDER, World

DOWN = Outcome(Verdict.RELAY_DOWN, Stage.CONNECT, 421, "4.3.2 Service shutting down")
REFUSED = Outcome(Verdict.REFUSED, Stage.DOT, 554, "5.6.0 Content rejected")


def held_up(world: World, trouble: Outcome) -> str:
    """A sending that a server holds up; where it is shown."""
    world.member(to="nouvelles")
    campaign = world.launched()
    with world.begin() as session, session.begin():
        turns.note(session, campaign.id, Turn(trouble), now=world.wiring.now())
    return f"/messages/{campaign.id}"


@pytest.mark.parametrize("trouble", [DOWN, REFUSED])
def test_what_a_server_holds_up_names_who_looks_after_pli_and_what_to_show(
    signed_in: Browser, world: World, trouble: Outcome
) -> None:
    path = held_up(world, trouble)
    told = "prévenez {} et montrez-lui ce que le serveur a répondu"
    for page in (signed_in.get(path).text, signed_in.get("/").text):
        assert told.format("la personne qui administre Pli") in page, "the team knows of nobody"
    world.staff("ada@passerelles.example", "Ada", Role.ADMIN)
    page = signed_in.get(path).text
    assert told.format("la personne qui administre Pli (Ada)") in page
    assert "Ce que le serveur a répondu" in page
    assert trouble.text in page


def test_d20_a_domain_left_in_peace_says_so_too_to_whoever_may_only_write(
    signed_in: Browser, writer: Browser, world: World
) -> None:
    world.staff("ada@passerelles.example", "Ada", Role.ADMIN)
    with world.begin() as session, session.begin():
        paused = Destination(
            domain="a.example", answers="", paused_at=world.wiring.now(), code="5.7.1", reply="5.7.1 x"
        )
        session.add(paused)
    told = "Prévenez la personne qui administre Pli (Ada) et montrez-lui ce que le serveur a répondu"
    assert f"{told}&#8239;; reprenez quand la cause est réglée." in signed_in.get("/").text
    assert f"{told}." in writer.get("/").text


def test_several_are_named_and_you_are_told_that_it_is_you_and_who_left_is_not_called(
    signed_in: Browser, world: World
) -> None:
    path = held_up(world, DOWN)
    with world.begin() as session, session.begin():
        session.query(Staff).filter_by(email=SENDER).one().role = Role.ADMIN
    page = signed_in.get(path).text
    assert "c’est à vous, qui administrez Pli, d’agir d’après ce que le serveur a répondu." in page
    assert "prévenez" not in page
    ada = world.staff("ada@passerelles.example", "Ada", Role.ADMIN)
    world.staff("lea@passerelles.example", "Léa", Role.ADMIN)
    assert "prévenez une personne qui administre Pli (Ada, Léa ou vous)" in signed_in.get(path).text
    with world.begin() as session, session.begin():
        session.get_one(Staff, ada.id).disabled_at = world.wiring.now()
    assert "prévenez une personne qui administre Pli (Léa ou vous)" in signed_in.get(path).text
