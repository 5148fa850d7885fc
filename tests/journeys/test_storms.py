"""R3, D18: a relay that drops lines, puts off a third of everybody and turns us away in mid-campaign gets everything once."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import update

from service.core.vocabulary import CampaignStatus, DeliveryState
from service.models.delivery import Delivery
from tests.builders import NOON, World
from tests.journeys.test_kills import CONNECTIONS, MEMBERS, campaign
from tests.parts import await_that
from tests.parts.account import Account, account
from tests.parts.installation import installation
from tests.parts.scripted_smtp import Fault, ScriptedRelay, number_in, scripted_relay
from tests.parts.stable import stable

# Lines end so often that those turned away at the door are met in the middle.
SHARE, BUSY_AFTER = 7, 30


def storm(world: World, number: int, every: int) -> dict[int, Fault]:
    """A 450 for one in so many of those who wait, once each."""
    with world.sessions() as session:
        rows = session.scalars(Delivery.of_campaign(number))
        waiting = sorted(row.address for row in rows if row.state is not DeliveryState.ACCEPTED)
    return {number_in(address): Fault.NOT_NOW for address in waiting[::every]}


def let_the_delays_pass(world: World) -> None:
    """As if the hour of the next try had come for everybody who was put off."""
    with world.sessions.begin() as session:
        session.execute(update(Delivery).where(Delivery.due_at.is_not(None)).values(due_at=NOON.replace(year=2020)))


def test_r3_d18_a_storm_of_450_and_421_delays_and_neither_loses_nor_doubles(database: str, tmp_path: Path) -> None:
    """And nobody is tried again before the hour, nor is the campaign begun anew, as in listmonk #2313."""
    with (
        scripted_relay(ScriptedRelay(always=frozenset({Fault.CLOSES_AFTER_ITS_SHARE}), share=SHARE)) as relay,
        installation(tmp_path, database, relay, SEND_CONNECTIONS=str(CONNECTIONS)) as pli,
        stable(pli.environment, tmp_path / "stable.log") as horses,
    ):
        world = pli.seeded(MEMBERS)
        number = campaign(world)
        relay.faults = storm(world, number, every=3)
        relay.busy_after = BUSY_AFTER

        def after_a_turn() -> Account:
            assert horses.run("send", number) == 0
            await_that(lambda: not relay.open_lines, "the relay has read everything")
            found = account(world, number, relay.messages)
            assert (found.extra, found.in_doubt) == (0, frozenset())
            return found

        # Turned away at every door: the rest waits, and staff are told why.
        found = after_a_turn()
        assert BUSY_AFTER <= found.states[DeliveryState.ACCEPTED] < MEMBERS // 2
        assert found.states[DeliveryState.PENDING]
        shown = world.campaign(number)
        assert (shown.status, "421" in shown.trouble) == (CampaignStatus.SENDING, True)
        # It lets us in again, and the campaign goes on where it was: a third is put off, and nobody else.
        relay.busy_after = None
        found = after_a_turn()
        assert found.states == {DeliveryState.ACCEPTED: MEMBERS - MEMBERS // 3, DeliveryState.DEFERRED: MEMBERS // 3}
        assert after_a_turn().states == found.states
        # The second try, of which a third is put off once more, and the third.
        relay.faults = storm(world, number, every=3)
        again = len(relay.faults)
        let_the_delays_pass(world)
        assert after_a_turn().states[DeliveryState.DEFERRED] == again
        assert world.status(number) is CampaignStatus.SENDING
        let_the_delays_pass(world)
        assert after_a_turn().states == {DeliveryState.ACCEPTED: MEMBERS}
        assert (world.status(number), world.campaign(number).trouble) == (CampaignStatus.SENT, "")
