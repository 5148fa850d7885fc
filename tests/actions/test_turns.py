"""What one turn of a sending process says of the relay, and when it is no word on the campaign."""

from __future__ import annotations

import pytest

from service.actions import campaigns, claims, sending
from service.core.verdicts import Outcome, Stage, Verdict
from service.core.vocabulary import Wait
from service.models.campaign import Campaign
from tests.builders import MemoryLog, Tray, World

TOO_MANY = Outcome(Verdict.RELAY_DOWN, Stage.CONNECT, 421, "4.7.0 Too many connections")
BROKEN = Outcome(Verdict.RELAY_DOWN, Stage.MAIL, 451, "4.3.0 disk full")
FIRST, SECOND, THIRD = (f"membre{n}@exemple{n}.example" for n in range(3))


def held_by_another(world: World, number: int) -> None:
    """Somebody else has the first row in hand."""
    with world.sessions.begin() as session:
        assert claims.claim(session, number, owner="here/first", limit=1, after=0, now=world.clock()).tickets


def turn(world: World, number: int, script: dict[str, Outcome]) -> Campaign:
    """A helper's turn; give the campaign as it stands after it."""
    sending.send_campaign(world.wire(Tray(script), log=MemoryLog("here/second")), number)
    return world.campaign(number)


def test_a_helper_that_is_not_let_in_while_another_sends_says_nothing_of_the_relay(world: World, launched: int) -> None:
    held_by_another(world, launched)
    campaign = turn(world, launched, {SECOND: TOO_MANY})
    assert (campaign.trouble, campaign.waits_for, campaign.resumes_at, campaign.failures) == ("", None, None, 0)
    # Its row waits for the one that sends.
    assert (world.figures(launched).pending, world.figures(launched).handing) == (4, 1)


def test_a_helper_that_is_not_let_in_wipes_nothing_of_what_the_relay_said_before(world: World, launched: int) -> None:
    known = turn(world, launched, {FIRST: BROKEN})
    held_by_another(world, launched)
    campaign = turn(world, launched, {SECOND: TOO_MANY})
    assert campaign.trouble == known.trouble == "mail 451 4.3.0 disk full"
    assert (campaign.resumes_at, campaign.failures) == (known.resumes_at, 1)


@pytest.mark.parametrize("other", ["nobody", "one that is gone", "one at another campaign"])
def test_who_is_not_let_in_alone_says_that_the_relay_is_down(
    world: World, launched: int, other: str, request: pytest.FixtureRequest
) -> None:
    if other == "one that is gone":
        held_by_another(world, launched)
        world.end_leases()
    elif other == "one at another campaign":
        another = world.approved(request.getfixturevalue("author"), request.getfixturevalue("boss"), "nouvelles")
        world.send(another, request.getfixturevalue("boss"))
        held_by_another(world, another)
    campaign = turn(world, launched, {SECOND if other == "one that is gone" else FIRST: TOO_MANY})
    assert (campaign.waits_for, campaign.failures) == (Wait.RELAY, 1)
    assert "Too many connections" in campaign.trouble


@pytest.mark.parametrize("script", [{SECOND: BROKEN}, {THIRD: TOO_MANY}], ids=["let in", "has served"])
def test_who_was_let_in_says_what_he_met_whoever_sends_beside_him(
    world: World, launched: int, script: dict[str, Outcome]
) -> None:
    held_by_another(world, launched)
    assert turn(world, launched, script).waits_for is Wait.RELAY


def test_the_clock_rings_again_once_nobody_is_at_work(world: World, launched: int) -> None:
    """What was not noted holds nobody up: the rows of who was not let in are asked for again."""
    held_by_another(world, launched)
    turn(world, launched, {SECOND: TOO_MANY})
    world.end_leases()
    with world.sessions() as session:
        assert [one.id for one in campaigns.unheard(session, now=world.clock())] == [launched]
