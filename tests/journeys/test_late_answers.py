"""R2, D8: the relay takes a message and says so too late, or never: in doubt, shown, and who must have it gets it once more."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from service import db, schema
from service.actions import doubts, sending
from service.actions.desk import Process
from service.actions.doubts import Choice
from service.actions.sending import Sending
from service.core.vocabulary import CampaignStatus, DeliveryState, MailKind, Role
from service.gateways.relay import Relay
from service.gateways.send_log import FileSendLog
from service.gateways.smtp import SmtpOutbox
from service.models.campaign import Campaign
from service.models.staff import Staff
from tests.builders import World
from tests.journeys.test_kills import campaign
from tests.parts import await_that
from tests.parts.account import Account, account
from tests.parts.scripted_smtp import Fault, ScriptedRelay, number_in, scripted_relay

MEMBERS = 12
LATE, NEVER = "membre3@exemple0.example", "membre7@exemple1.example"
FAULTS = {number_in(LATE): Fault.ANSWERS_TOO_LATE, number_in(NEVER): Fault.CLOSES_AFTER_THE_DOT}


@pytest.fixture
def world(database: str, tmp_path: Path) -> Iterator[World]:
    (tmp_path / "data").mkdir()
    engine = db.connect(database)
    schema.upgrade(engine)
    made = World(db.sessions(engine))
    made.mailing_list()
    made.members(MEMBERS, "nouvelles")
    made.staff("Jeanne")
    made.staff("Paul", Role.ADMIN)
    yield made
    engine.dispose()


def turn(world: World, number: int, relay: ScriptedRelay, folder: Path) -> Account:
    """Let a sending process work whose patience for the answer to a dot is short, and look at what it came to."""
    log = FileSendLog(folder, strict=True)
    process = Process(
        sessions=world.sessions,
        log=log,
        connections=2,
        now=world.clock,
        uptime=lambda: world.clock().timestamp(),
        go_on=lambda: True,
    )
    wire = Relay("localhost", relay.port, tls="none", connections=2, dot_timeout=0.4)
    sending.send_campaign(Sending(process, SmtpOutbox(wire), world.office), number)
    log.close(settled=True)
    await_that(lambda: not relay.open_lines, "the relay has said its last words")
    return account(world, number, relay.messages)


def retried(world: World, **later: float) -> int:
    """What the clock gives back at that time."""
    world.clock.forward(**later)
    with world.sessions.begin() as session:
        return doubts.retry(session, now=world.clock())


def test_r2_a_convocation_whose_answer_is_late_leaves_once_more_by_itself_under_its_name(
    world: World, tmp_path: Path
) -> None:
    with scripted_relay(ScriptedRelay(dict(FAULTS))) as relay:
        number = campaign(world, MailKind.AG_CONVOCATION, MEMBERS)
        found = turn(world, number, relay, tmp_path)
        assert found.in_doubt == {LATE, NEVER}
        assert found.copies.keys() >= found.in_doubt
        assert (retried(world, minutes=14), retried(world, minutes=1)) == (0, 2)
        # One of the two is in doubt for the second time now: it is not tried a third time.
        relay.faults[number_in(NEVER)] = Fault.CLOSES_AFTER_THE_DOT
        found = turn(world, number, relay, tmp_path)
        assert found.in_doubt == {NEVER}
        assert {to: count for to, count in found.copies.items() if count > 1} == {LATE: 2, NEVER: 2}
        assert retried(world, days=1) == 0
        for doubtful in (LATE, NEVER):
            first, second = [one.data for one in relay.messages if one.recipient == doubtful]
            assert first == second
        assert world.status(number) is CampaignStatus.SENT


def test_r2_a_communique_whose_answer_is_late_waits_for_the_staff(world: World, tmp_path: Path) -> None:
    with scripted_relay(ScriptedRelay(dict(FAULTS))) as relay:
        number = campaign(world)
        found = turn(world, number, relay, tmp_path)
        assert found.in_doubt == {LATE, NEVER}
        assert world.status(number) is CampaignStatus.SENT
        assert retried(world, minutes=16) == retried(world, days=1) == 0
        assert turn(world, number, relay, tmp_path).extra == 0
        with world.sessions.begin() as session:
            boss = session.scalars(Staff.named("paul@passerelles.example")).one()
            doubts.decide(session, session.get_one(Campaign, number), Choice.RESEND, by=boss, now=world.clock())
        found = turn(world, number, relay, tmp_path)
        assert (found.extra, found.states) == (2, {DeliveryState.ACCEPTED: MEMBERS})
