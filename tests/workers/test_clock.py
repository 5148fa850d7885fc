"""What the clock does at an hour, on a real database file: the launch, and what happens when one cannot be made."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select, update

from service.actions import pulse, sending
from service.core.vocabulary import CampaignStatus, InboundState, MailClass, MailKind, Role, Wait
from service.gateways import waiting_files
from service.models.campaign import Campaign
from service.models.delivery import Delivery
from service.models.front import Front
from service.models.inbound_message import InboundMessage
from service.models.staff import Staff
from service.wiring import Wiring
from tests.builders import Tray, World
from tests.web.world import wired
from workers import clock
from workers.ending import Ending


@pytest.fixture
def wiring(migrated_sqlite: str, tmp_path: Path) -> Iterator[Wiring]:
    made = wired(tmp_path, DATABASE_URL=migrated_sqlite)
    yield made
    made.engine.dispose()


@pytest.fixture
def world(wiring: Wiring) -> World:
    made = World(wiring.sessions)
    made.clock.at = wiring.now() - timedelta(hours=2)
    made.mailing_list()
    made.members(3, "nouvelles")
    return made


def scheduled(world: World) -> int:
    """A campaign whose hour came an hour ago."""
    with world.sessions() as session:
        people = {one.name: one for one in session.scalars(select(Staff))}
    author = people.get("Jeanne") or world.staff("Jeanne")
    boss = people.get("Paul") or world.staff("Paul", Role.ADMIN)
    number = world.approved(author, boss, "nouvelles")
    world.send(number, boss, at=world.clock() + timedelta(hours=1))
    return number


def rows(wiring: Wiring, number: int) -> int:
    with wiring.sessions() as session:
        return len(list(session.scalars(Delivery.of_campaign(number))))


def test_a_campaign_leaves_at_its_hour(wiring: Wiring, world: World) -> None:
    number = scheduled(world)
    clock.launch_due(wiring)
    clock._try("begin_due", lambda: clock._in_a_transaction(wiring, clock.begin_due))
    assert (world.status(number), rows(wiring, number)) == (CampaignStatus.SENDING, 3)


def test_a_campaign_that_cannot_be_launched_is_paused_with_the_reason_and_holds_back_no_other(
    wiring: Wiring, world: World
) -> None:
    changed, good = scheduled(world), scheduled(world)
    with wiring.sessions.begin() as session:
        approval = session.get_one(Campaign, changed).approval
        assert approval is not None
        approval.content_hash = "0" * 64
    clock.launch_due(wiring)
    assert (world.status(changed), rows(wiring, changed)) == (CampaignStatus.PAUSED, 0)
    assert "relecture" in world.campaign(changed).trouble
    assert rows(wiring, good) == 3


def test_a_rendering_that_fails_stops_neither_the_clock_nor_the_others(
    wiring: Wiring, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken, good = scheduled(world), scheduled(world)
    launching = sending.launching

    def fail(office: object, campaign: Campaign) -> object:
        if campaign.id == broken:
            raise UnicodeError("a fault of ours")
        return launching(wiring.office, campaign)

    monkeypatch.setattr(sending, "launching", fail)
    clock.launch_due(wiring)
    assert (world.status(broken), rows(wiring, broken)) == (CampaignStatus.SCHEDULED, 0)
    assert rows(wiring, good) == 3


@pytest.mark.parametrize(("seen", "is_shortened"), [(timedelta(hours=5), True), (timedelta(seconds=-1), False)])
def test_r12_the_clock_notices_that_it_was_put_back_and_nothing_waits_for_its_former_hours(
    wiring: Wiring, world: World, seen: timedelta, *, is_shortened: bool
) -> None:
    number, now = scheduled(world), wiring.now()
    with wiring.sessions.begin() as session:
        campaign = session.get_one(Campaign, number)
        campaign.status, campaign.waits_for, campaign.failures = CampaignStatus.SENDING, Wait.RELAY, 1
        campaign.resumes_at = now + timedelta(hours=5)
        pulse.beat(session, pulse.CLOCK, now=now + seen)
    with wiring.sessions.begin() as session:
        clock.beat(wiring, session)
    resumes_at = world.campaign(number).resumes_at
    assert resumes_at is not None
    assert (resumes_at < now + timedelta(hours=1)) is is_shortened
    with wiring.sessions() as session:
        assert not pulse.was_put_back(session, pulse.CLOCK, now=wiring.now())


class OneTick(Ending):
    """A wish to end that is heard after one tick, without a signal."""

    def __init__(self) -> None:
        self.has_slept = False

    @property
    def asked(self) -> bool:
        return self.has_slept

    def sleep(self, seconds: float) -> None:
        self.has_slept = True


def test_the_clock_looks_after_the_fronts_of_the_campaigns_at_each_tick(wiring: Wiring, world: World) -> None:
    """I1: mail that lies behind a front is found again."""
    number = scheduled(world)
    clock.launch_due(wiring)
    with wiring.sessions.begin() as session:
        session.execute(update(Front).values(passed_id=3))

    clock.run(wiring, OneTick())
    with wiring.sessions() as session:
        assert session.scalar(select(Front.of(number))) == 0


def test_p8_other_mail_is_forgotten_at_a_tick(wiring: Wiring, world: World) -> None:
    with wiring.sessions.begin() as session:
        for uid, days in ((1, 31), (2, 29)):
            at = wiring.now() - timedelta(days=days)
            session.add(
                InboundMessage(
                    account="vie", folder="INBOX", uidvalidity=1, uid=uid, received_at=at, stored_at=at, treated_at=at,
                    size=1, sha256=str(uid), state=InboundState.LEFT_IN_PLACE, from_name="Luce", subject="Devis",
                )
            )  # fmt: skip
    clock.run(wiring, OneTick())
    with wiring.sessions() as session:
        assert session.scalars(select(InboundMessage.uid)).all() == [2]


def test_members_files_that_nobody_imported_are_swept(wiring: Wiring) -> None:
    waiting = waiting_files.folder(wiring.settings.data_dir)
    clock.sweep_imports(wiring)
    waiting.mkdir()
    for name, minutes in (("old", 61), ("young", 59)):
        (waiting / name).write_bytes(b"Nom;Email")
        at = (wiring.now() - timedelta(minutes=minutes)).timestamp()
        os.utime(waiting / name, (at, at))
    clock.sweep_imports(wiring)
    assert [path.name for path in waiting.iterdir()] == ["young"]


def test_the_proof_of_a_convocation_is_sealed_and_ordered_for_the_witnesses_within_a_tick(
    migrated_sqlite: str, tmp_path: Path
) -> None:
    witnesses = "presidente@ailleurs.example, tresorier@ailleurs.example"
    wiring = wired(tmp_path, DATABASE_URL=migrated_sqlite, WITNESSES=witnesses)
    world = World(wiring.sessions)
    world.mailing_list("assemblee", MailClass.STATUTORY)
    world.members(2, "assemblee")
    author, boss = world.staff("Jeanne"), world.staff("Paul", Role.ADMIN)
    number = world.approved(author, boss, "assemblee")
    world.send(number, boss)
    clock.seal_proofs(wiring)
    assert ordered(wiring) == []
    sending.send_campaign(world.wire(Tray()), number)
    for _ in range(2):
        clock.seal_proofs(wiring)
        assert ordered(wiring) == ["presidente@ailleurs.example", "tresorier@ailleurs.example"]
    wiring.engine.dispose()


def ordered(wiring: Wiring) -> list[str]:
    with wiring.sessions() as session:
        query = select(Delivery.address).where(Delivery.kind == MailKind.PROOF).order_by(Delivery.id)
        return list(session.scalars(query))
