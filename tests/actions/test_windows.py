"""Windows: how many rows a sending process takes at a time, and when."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from sqlalchemy import func, select, update

from service.actions import claims, lists, sending, settling
from service.actions.claims import Claim
from service.actions.clerk import Clerk
from service.actions.desk import SendingDesk
from service.core.verdicts import Outcome, Stage, Verdict
from service.core.vocabulary import CampaignStatus, Channel, DeliveryState
from service.models.campaign import Campaign
from service.models.delivery import Delivery
from service.models.member import Contact
from service.models.staff import Staff
from service.ports import Desk, Envelope
from tests.builders import MemoryLog, Tray, World

DOWN = Outcome(Verdict.RELAY_DOWN, Stage.CONNECT, None, "connection refused")


def begun(world: World, boss: Staff, members: int) -> int:
    """A campaign to so many, which may leave now."""
    world.mailing_list("beaucoup")
    world.members(members, "beaucoup")
    number = world.approved(world.staff("Ines"), boss, "beaucoup")
    world.send(number, boss)
    return number


@pytest.mark.parametrize(
    ("pace", "sizes"),
    [
        # 2 in 0.02 s: eight times as many at most; then five eighths of what two connections may hold beside what is at
        # the wire, since the next window is taken while three fifths of this one are left.
        (0.01, [2, 16, 60, 60, 60]),
        # 2 in 0.6 s are as they should be.
        (0.3, [2, 2, 2]),
        # A window that lasts longer is halved.
        (0.8, [2, 1, 1]),
    ],
)
def test_a_window_grows_to_what_leaves_in_half_a_second_and_shrinks_when_it_lasts_longer(
    world: World, boss: Staff, monkeypatch: pytest.MonkeyPatch, pace: float, sizes: list[int]
) -> None:
    number = begun(world, boss, 300)
    asked: list[int] = []
    claim = claims.claim

    def asking(*arguments: Any, limit: int, **others: Any) -> Claim:
        asked.append(limit)
        return claim(*arguments, limit=limit, **others)

    monkeypatch.setattr(claims, "claim", asking)
    tray = Tray(before=lambda _: world.clock.forward(seconds=pace))
    sending.send_campaign(world.wire(tray, connections=2, window=50, go_on=lambda: len(asked) < len(sizes)), number)
    assert asked[: len(sizes)] == sizes


def test_the_next_window_is_taken_while_this_one_leaves(
    world: World, boss: Staff, monkeypatch: pytest.MonkeyPatch
) -> None:
    number, tray, begin, asked = begun(world, boss, 150), Tray(), Clerk.begin, []

    def beginning(clerk: Clerk, act: Any) -> Any:
        asked.append(len(tray.envelopes))
        return begin(clerk, act)

    monkeypatch.setattr(Clerk, "begin", beginning)
    sending.send_campaign(world.wire(tray, connections=2, window=40), number)
    # The wire is not known at first: 2, then 16, of which 10 are left; then 47 at a time, of which 28 are.
    assert asked[:5] == [0, 2, 18 - 10, 18 + 19, 65 + 19]
    assert world.figures(number).accepted == 150


class Pipelined(Tray):
    """A relay with two mails a connection at the wire, as ours has: a body that leaves, and an envelope behind it."""

    def run(self, desk: Desk) -> Outcome | None:
        at_the_wire: deque[Envelope] = deque()
        while True:
            while len(at_the_wire) < 4 and (envelope := desk.take()) is not None:
                at_the_wire.append(envelope)
            if not at_the_wire:
                desk.hand(())
                return None
            first = at_the_wire.popleft()
            assert first.id in desk.hand([first.id])
            self.before(first)
            desk.answered(first.id, Outcome(Verdict.ACCEPTED, Stage.DOT, 250, "2.0.0 kept"))


@pytest.mark.parametrize("window", [20, 50])
def test_no_more_rows_are_in_hand_than_a_window_a_connection(world: World, boss: Staff, window: int) -> None:
    """What a machine that is lost leaves in doubt (sending.md)."""
    number, in_hand = begun(world, boss, 300), []

    def count(_: Envelope) -> None:
        with world.sessions() as session:
            query = select(func.count()).where(Delivery.state == DeliveryState.HANDING)
            in_hand.append(session.scalar(query) or 0)

    sending.send_campaign(world.wire(Pipelined(before=count), connections=2, window=window), number)
    assert world.figures(number).accepted == 300
    assert window < max(in_hand) <= 2 * window


@pytest.mark.parametrize(("connections", "window"), [(2, 20), (1, 50)])
def test_d7_of_who_leaves_while_mail_leaves_no_more_are_written_to_than_a_window_a_connection(
    world: World, boss: Staff, connections: int, window: int
) -> None:
    """What is in hand is not looked at again: within a second by the clock, and by number within this."""
    number, left_at = begun(world, boss, 300), 120

    def everybody_leaves(envelope: Envelope) -> None:
        if envelope.id == left_at:
            with world.sessions.begin() as session:
                home = lists.find(session, "beaucoup")
                for contact in session.scalars(select(Contact)).all():
                    lists.leave(session, home, contact, channel=Channel.ONE_CLICK, wording="stop", now=world.clock())

    relay = Tray(before=everybody_leaves)
    # On SQLite who leaves waits for his turn to write: the window that is taken beside the wire comes before or after him.
    sending.send_campaign(world.wire(relay, connections=connections, window=window), number)
    after = len(relay.envelopes) - left_at
    assert 0 < after <= connections * window
    assert world.figures(number).skipped == 300 - len(relay.envelopes)


class Silent(Tray):
    """A relay that says nothing for a while, once, when a window has been taken beside the wire and nobody has asked for it."""

    def __init__(self, meanwhile: Callable[[SendingDesk], None], *, empty: bool) -> None:
        super().__init__(before=self._stall)
        self.meanwhile, self.empty, self.stalled_at = meanwhile, empty, 0

    def run(self, desk: Desk) -> Outcome | None:
        assert isinstance(desk, SendingDesk)
        self.desk = desk
        return super().run(desk)

    def _stall(self, _: Envelope) -> None:
        ahead = self.desk._ahead
        if not self.stalled_at and ahead is not None and not (self.empty and self.desk.backlog()):
            ahead.done.result()
            self.stalled_at = len(self.envelopes) + 1
            self.meanwhile(self.desk)


def test_the_lease_is_renewed_while_a_window_waits_to_be_asked_for(world: World, boss: Staff) -> None:
    """sending.md: the final dot may take ten minutes; a process that lives keeps its rows."""
    number, doubts = begun(world, boss, 300), []

    def silence(desk: SendingDesk) -> None:
        for _ in range(65):
            world.clock.forward(seconds=2)
            desk.hand(())
            with world.sessions.begin() as session:
                settling.recover(session, now=world.clock())
        doubts.append(world.figures(number).in_doubt)

    sending.send_campaign(world.wire(Silent(silence, empty=False), connections=2, window=40), number)
    assert (doubts, world.figures(number).accepted) == ([0], 300)


def test_a_window_that_waited_is_given_back_before_its_first_mail(world: World, boss: Staff) -> None:
    number = begun(world, boss, 300)

    def silence(desk: SendingDesk) -> None:
        with world.sessions.begin() as session:
            session.get_one(Campaign, number).status = CampaignStatus.PAUSED
        world.clock.forward(seconds=18)
        desk.hand(())

    relay = Silent(silence, empty=True)
    sending.send_campaign(world.wire(relay, connections=2, window=40), number)
    assert len(relay.envelopes) == relay.stalled_at > 0


def test_help_is_asked_for_once_and_only_when_the_relay_serves(world: World, boss: Staff) -> None:
    number, calls = begun(world, boss, 60), []
    tray = Tray()
    wire = world.wire(tray, connections=2, window=10)
    wire = replace(wire, process=replace(wire.process, more_hands=lambda: calls.append(len(tray.envelopes))))
    down = replace(wire, outbox=Tray(script={f"membre{n}@exemple{n % 3}.example": DOWN for n in range(60)}))
    sending.send_campaign(down, number)
    assert calls == []
    sending.send_campaign(wire, number)
    assert calls == [2]


@dataclass
class Strict(MemoryLog):
    """A strict log: tells when it is written and when its disk is waited for."""

    acts: list[str] = field(default_factory=list)

    def write(self, records: Sequence[bytes], *, durably: bool) -> bool:
        super().write(records, durably=durably)
        self.acts += ["log"] * durably
        return durably

    def sync(self) -> None:
        self.acts.append("synced")


def test_the_next_message_is_written_while_the_relay_reads_what_the_disk_has_by_then(
    world: World, boss: Staff, monkeypatch: pytest.MonkeyPatch
) -> None:
    number, tray, log, write = begun(world, boss, 5), Tray(), Strict("here/1"), sending._envelope

    def writing(*arguments: Any) -> Envelope:
        log.acts.append("message")
        return write(*arguments)

    monkeypatch.setattr(sending, "_envelope", writing)
    sending.send_campaign(world.wire(tray, log=log, window=10, connections=5), number)
    assert log.acts == ["message", *["log", "synced", "message"] * 4, "log", "synced"]
    assert [envelope.id for envelope in tray.envelopes] == [1, 2, 3, 4, 5]


def test_a_message_that_was_written_ahead_is_written_anew_when_its_window_has_waited(world: World, boss: Staff) -> None:
    number = begun(world, boss, 3)

    def wait(envelope: Envelope) -> None:
        if envelope.id == 1:
            # A member's links are called back, and the relay is slow: nothing old may leave after that.
            with world.sessions.begin() as session:
                session.execute(update(Contact).values(link_version=7))
            world.clock.forward(seconds=4)

    tray = Tray(before=wait)
    sending.send_campaign(world.wire(tray, log=Strict("here/1"), window=10, connections=3), number)
    links = [world.office.unsubscribe_url(envelope.id, 7).encode() for envelope in tray.envelopes]
    said = [re.sub(rb"=\r\n", b"", envelope.message) for envelope in tray.envelopes]
    assert [link in message for link, message in zip(links, said, strict=True)] == [False, True, True]
