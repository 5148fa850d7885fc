"""R1, I1, I2: the sending process is killed at each step of the hand-over, again and again, in one campaign."""

from __future__ import annotations

from collections import deque
from pathlib import Path

import pytest

from service.core.vocabulary import CampaignStatus, DeliveryState, MailClass, MailKind
from tests.builders import World
from tests.parts import await_that
from tests.parts.account import account
from tests.parts.deadly_relay import DeadlyRelay, Step, Strike, deadly_relay
from tests.parts.installation import installation
from tests.parts.stable import stable

MEMBERS, CONNECTIONS = 120, 4
BODY = "Bonjour {prénom},\n\n" + "Une nouvelle de la coopérative, et ce qu’elle change pour vous.\n\n" * 50
# Twenty, each step at least twice; a process that connects is killed right after another one.
STEPS = (
    *Step,
    Step.MID_DATA,
    Step.BEFORE_250,
    Step.BEFORE_COMMIT,
    *Step,
    Step.AFTER_RCPT,
    Step.BEFORE_250,
    Step.BEFORE_COMMIT,
)
# For the other pairs of a database and a kind of mail.
ONCE, FEW = tuple(Step), 45
AT_ONCE = (Step.LEASE_TAKEN, Step.BEFORE_MAIL)


def strikes(steps: tuple[Step, ...] = STEPS, members: int = MEMBERS) -> deque[Strike]:
    """Spread over the campaign; the first two wait for nothing."""
    made, after = deque[Strike](), 0
    share = members // (len(steps) + 2)
    for step in steps:
        after += 0 if step in AT_ONCE else share
        made.append(Strike(step, after))
    return made


def campaign(world: World, kind: MailKind = MailKind.COMMUNIQUE, members: int = MEMBERS) -> int:
    """A communiqué or a convocation to everybody, on its way."""
    author, boss = world.colleagues()
    slug = "nouvelles"
    if kind is MailKind.AG_CONVOCATION:
        slug = "assemblees"
        world.mailing_list(slug, MailClass.STATUTORY)
        world.members(members, slug)
    number = world.draft(author, slug, body=BODY, kind=kind)
    world.agree(number, author, boss)
    world.send(number, boss)
    return number


@pytest.mark.parametrize(
    ("database", "kind", "steps", "members"),
    [
        ("sqlite", MailKind.COMMUNIQUE, STEPS, MEMBERS),
        ("postgresql", MailKind.AG_CONVOCATION, STEPS, MEMBERS),
        # Each step once: what a database does, and what a kind of mail does, is met twenty times above.
        ("sqlite", MailKind.AG_CONVOCATION, ONCE, FEW),
        ("postgresql", MailKind.COMMUNIQUE, ONCE, FEW),
    ],
    ids=lambda value: f"{len(value)} kills" if isinstance(value, tuple) else None,
    indirect=["database"],
)
def test_r1_kills_at_every_step_lose_nobody_and_write_to_nobody_twice(
    database: str, tmp_path: Path, kind: MailKind, steps: tuple[Step, ...], members: int
) -> None:
    with (
        deadly_relay(DeadlyRelay(strikes(steps, members))) as relay,
        installation(tmp_path, database, relay, SEND_CONNECTIONS=str(CONNECTIONS)) as pli,
    ):
        world = pli.seeded(members)
        number = campaign(world, kind, members)
        with stable(pli.environment, tmp_path / "stable.log") as horses:
            for _ in range(3 * len(steps)):
                horses.run("send", number)
                horses.run("tick")
                if world.status(number) is CampaignStatus.SENT:
                    break
        await_that(lambda: not relay.open_lines, "the relay has read what the dead had written")
        found = account(world, number, relay.messages)
        assert [step for step, _, _ in relay.struck] == list(steps)
        assert found.states.keys() <= {DeliveryState.ACCEPTED, DeliveryState.IN_DOUBT}
        # Who was cut off in mid-body is in doubt, and not at the relay: nobody else is missing.
        cut = {recipient for step, _, recipient in relay.struck if step is Step.MID_DATA}
        assert cut <= found.in_doubt
        assert not cut & found.copies.keys()
        # A doubt for each kill and connection at most, and no copy without one.
        assert len(found.in_doubt) <= len(steps) * CONNECTIONS
        assert found.extra == 0
        pli.pli("campaigns", "settle", number, "--in-doubt", "resend", "--by", "paul@passerelles.example")
        with stable(pli.environment, tmp_path / "stable.log") as horses:
            horses.run("send", number)
        after = account(world, number, relay.messages)
        # Now everybody is at the relay, under the same Message-ID; a second copy is of somebody who was in doubt.
        assert after.states == {DeliveryState.ACCEPTED: members}
        assert len(after.copies) == members
        assert {recipient for recipient, copies in after.copies.items() if copies > 1} <= found.in_doubt
        assert max(after.copies.values()) <= 2
        assert after.extra <= len(steps) * CONNECTIONS
