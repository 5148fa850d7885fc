"""Where the pace, the leases and the answers meet: two processes at once, a settle that runs twice, rows put off again."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import select

from service.actions import campaigns, claims, deliveries, destinations, doubts, proofs, sending, settling
from service.actions.pace import Rules
from service.core.pace import pace_of, quiet_hours_of, slot_of
from service.core.verdicts import Outcome, Stage, Verdict, judge
from service.core.vocabulary import CampaignStatus, DeliveryState, MailKind
from service.models.campaign import Campaign
from service.models.delivery import Delivery
from service.models.pace import Destination, PaceUse
from service.models.staff import Staff
from service.ports import Desk
from tests.builders import SECRET, Tray, World

OK = Outcome(Verdict.ACCEPTED, Stage.DOT, 250, "2.0.0 kept")
BLOCKED = Outcome(Verdict.REFUSED, Stage.RCPT, 550, "5.7.1 refused because of your reputation")
COMPLAINT = judge(Stage.RCPT, 450, "4.7.25 Client host rejected")
LATER = Outcome(Verdict.DEFERRED, Stage.RCPT, 451, "4.2.0 later")
RULES = Rules(pace_of("600/min"))


@pytest.fixture
def ready(world: World, author: Staff, boss: Staff) -> Callable[[list[str]], int]:
    """Launch a message to these addresses."""

    def launch(addresses: list[str]) -> int:
        world.mailing_list("essai")
        rows = [f"P{n};N{n};{address}" for n, address in enumerate(addresses)]
        world.take_in("\n".join(["Prénom;Nom;E-mail", *rows]), "essai")
        number = world.approved(author, boss, "essai")
        world.send(number, boss)
        return number

    return launch


Ready = Callable[[list[str]], int]


def at_once(first: Callable[[threading.Barrier], None], second: Callable[[threading.Barrier], None]) -> list[str]:
    """Run two acts in two threads; the names of what they raise."""
    errors: list[str] = []
    barrier = threading.Barrier(2)

    def run(act: Callable[[threading.Barrier], None]) -> None:
        try:
            act(barrier)
        except Exception as error:
            errors.append(type(error).__name__)

    threads = [threading.Thread(target=run, args=(act,)) for act in (first, second)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    return errors


def test_a_mail_that_is_offered_once_more_is_the_same_to_the_last_byte_d8(world: World, launched: int) -> None:
    bodies: dict[int, list[bytes]] = {}

    class Cutting(Tray):
        def run(self, desk: Desk) -> Outcome | None:
            while (envelope := desk.take()) is not None:
                bodies.setdefault(envelope.id, []).append(bytes(envelope.message))
                desk.hand([envelope.id])
                if len(bodies[envelope.id]) == 1:
                    desk.unsent(envelope.id)
                else:
                    desk.answered(envelope.id, OK)
            desk.hand(())
            return None

    sending.send_campaign(world.wire(Cutting(), window=10), launched)
    assert [len(copies) for copies in bodies.values()] == [2] * 5
    assert all(first == second for first, second in bodies.values())


def test_who_is_complained_of_each_time_is_given_up_after_days_and_the_campaign_ends(
    world: World, ready: Ready
) -> None:
    number = ready(["a@un.example", "b@deux.example"])
    for _ in range(40):
        sending.send_campaign(world.wire(Tray({"a@un.example": COMPLAINT})), number)
        world.clock.forward(hours=4)
    figures = world.figures(number)
    assert (figures.accepted, figures.refused, world.status(number)) == (1, 1, CampaignStatus.SENT)


def test_six_people_who_are_complained_of_do_not_starve_the_others(world: World, ready: Ready) -> None:
    number = ready([f"a{n}@un.example" for n in range(6)] + [f"b{n}@deux.example" for n in range(20)])
    tray = Tray({f"a{n}@un.example": COMPLAINT for n in range(6)})
    for _ in range(12):
        sending.send_campaign(world.wire(tray, connections=4, window=50), number)
        world.clock.at = world.campaign(number).resumes_at or world.clock.at
    assert len(tray.envelopes) == 20


@pytest.mark.parametrize("rules", [Rules(domain_connections=2), Rules(domain_pace=pace_of("60/min"))])
def test_a_throttled_sending_whose_rest_is_put_off_ends_its_turn(world: World, ready: Ready, rules: Rules) -> None:
    number = ready(["a@un.example", "b@deux.example"])
    wire = world.wire(Tray({"a@un.example": LATER}), rules=rules, window=10)
    assert sending.send_campaign(wire, number) is False
    assert (world.figures(number).accepted, world.figures(number).deferred) == (1, 1)


def test_d20_refusals_by_policy_at_the_dot_pause_the_domain_and_not_the_campaign(world: World, ready: Ready) -> None:
    number = ready([f"p{n}@strict.example" for n in range(10)] + [f"p{n}@libre.example" for n in range(10)])
    dot = Outcome(Verdict.REFUSED, Stage.DOT, 550, "5.7.1 refused because of your reputation")
    sending.send_campaign(world.wire(Tray({f"p{n}@strict.example": dot for n in range(10)})), number)
    assert (world.status(number), world.figures(number).accepted) == (CampaignStatus.SENDING, 10)
    with world.sessions() as session:
        assert [one.domain for one in destinations.paused(session)] == ["strict.example"]


def test_d19_refusals_at_the_dot_by_several_domains_stop_the_campaign(world: World, launched: int) -> None:
    dot = Outcome(Verdict.REFUSED, Stage.DOT, 550, "5.7.1 this message looks like spam")
    everybody = {f"membre{n}@exemple{n % 3}.example": dot for n in range(5)}
    sending.send_campaign(world.wire(Tray(everybody)), launched)
    assert (world.status(launched), world.figures(launched).refused) == (CampaignStatus.PAUSED, 3)


def test_what_a_settle_gives_back_is_given_back_once_though_it_runs_twice(world: World, ready: Ready) -> None:
    number = ready([f"p{n}@un.example" for n in range(20)])
    taken = []
    for owner in ("here/1", "there/1"):
        with world.sessions.begin() as session:
            taken.append(
                claims.claim(session, number, owner=owner, limit=5, after=0, now=world.clock(), rules=RULES).tickets
            )
    for _ in range(2):
        with world.sessions.begin() as session:
            settling.settle(session, [(one, None) for one in taken[0]], owner="here/1", now=world.clock(), rules=RULES)
    with world.sessions() as session:
        assert sum(session.scalars(select(PaceUse.count))) == 5


def test_no_minute_holds_more_than_its_cap_though_another_process_gives_back(world: World, ready: Ready) -> None:
    rules = Rules(pace_of("60/min"))
    number = ready([f"p{n}@un.example" for n in range(150)])
    left: list[datetime] = []

    def claim(owner: str) -> claims.Claim:
        with world.sessions.begin() as session:
            return claims.claim(session, number, owner=owner, limit=10, after=0, now=world.clock(), rules=rules)

    hung = claim("here/1").tickets
    world.clock.forward(seconds=50)
    left += [world.clock()] * len(claim("there/1").tickets)
    world.clock.forward(seconds=1)
    with world.sessions.begin() as session:
        settling.settle(session, [(one, None) for one in hung], owner="here/1", now=world.clock(), rules=rules)
    for _ in range(12):
        left += [world.clock()] * len(claim("there/1").tickets)
        world.clock.forward(seconds=5)
    assert max(sum(begin <= one < begin + timedelta(minutes=1) for one in left) for begin in left) <= 60


def test_many_domains_may_be_closed_at_once(world: World, ready: Ready) -> None:
    number = ready(["x@zz.example"])
    with world.sessions.begin() as session:
        slot = slot_of(world.clock())
        session.add_all([PaceUse(domain=f"d{n}.example", began=slot, count=1) for n in range(1200)])
    rules = Rules(domain_pace=pace_of("60/h"))
    with world.sessions.begin() as session:
        claimed = claims.claim(session, number, owner="here/1", limit=5, after=0, now=world.clock(), rules=rules)
    assert [ticket.address for ticket in claimed.tickets] == ["x@zz.example"]


def test_a_domain_that_was_forgotten_is_remembered_again_in_the_same_breath(world: World, ready: Ready) -> None:
    number = ready([f"p{n}@old.example" for n in range(21)] + [f"z{n}@old.example" for n in range(5)])
    with world.sessions.begin() as session:
        session.add(Destination(domain="old.example", answers="x", code="5.7.1", reply=""))
    with world.sessions.begin() as session:
        claimed = claims.claim(session, number, owner="here/1", limit=50, after=0, now=world.clock())
    told = [(ticket, BLOCKED if ticket.address.startswith("z") else OK) for ticket in claimed.tickets]
    with world.sessions.begin() as session:
        settling.settle(session, told, owner="here/1", now=world.clock())
        assert [one.domain for one in destinations.paused(session)] == ["old.example"]


def test_a_single_mail_and_a_campaign_are_counted_in_one_slot_at_once(world: World, ready: Ready) -> None:
    number = ready([f"p{n}@un.example" for n in range(20)])
    with world.sessions.begin() as session:
        single = deliveries.order(
            session,
            key="k",
            kind=MailKind.TEST,
            address="x@deux.example",
            fields={},
            subject="campaign_version",
            subject_id=1,
            domain="passerelles.example",
            secret=SECRET,
            now=world.clock(),
        ).id

    def campaign(barrier: threading.Barrier) -> None:
        with world.sessions.begin() as session:
            claims.claim(session, number, owner="here/1", limit=5, after=0, now=world.clock(), rules=RULES)
            barrier.wait(10)
            time.sleep(0.2)

    def one(barrier: threading.Barrier) -> None:
        barrier.wait(10)
        with world.sessions.begin() as session:
            claims.claim_single(session, single, owner="here/2", now=world.clock(), rules=RULES)

    assert at_once(campaign, one) == []
    with world.sessions() as session:
        assert sum(session.scalars(select(PaceUse.count))) == 6


def test_two_processes_may_meet_the_first_refusal_of_a_domain_at_once(world: World, ready: Ready) -> None:
    number = ready([f"p{n}@un.example" for n in range(20)])
    held = []
    for owner in ("here/1", "here/2"):
        with world.sessions.begin() as session:
            held.append(claims.claim(session, number, owner=owner, limit=5, after=0, now=world.clock()))

    def first(barrier: threading.Barrier) -> None:
        with world.sessions.begin() as session:
            settling.settle(session, [(held[0].tickets[0], BLOCKED)], owner="here/1", now=world.clock())
            barrier.wait(10)
            time.sleep(0.2)

    def second(barrier: threading.Barrier) -> None:
        barrier.wait(10)
        with world.sessions.begin() as session:
            settling.settle(session, [(held[1].tickets[0], BLOCKED)], owner="here/2", now=world.clock())

    assert at_once(first, second) == []
    with world.sessions() as session:
        assert session.scalars(select(Destination.answers)).all() == ["xx"]


def test_the_proof_says_that_a_mail_left_again_after_a_doubt(world: World, author: Staff, boss: Staff) -> None:
    world.members(2, "convocations")
    number = world.approved(author, boss, "convocations", kind=MailKind.AG_CONVOCATION)
    world.send(number, boss)
    doubt = Outcome(Verdict.IN_DOUBT, Stage.DOT, None, "lost")
    sending.send_campaign(world.wire(Tray({"membre0@exemple0.example": doubt})), number)
    world.clock.forward(minutes=16)
    with world.sessions.begin() as session:
        assert doubts.retry(session, now=world.clock()) == 1
    sending.send_campaign(world.wire(Tray()), number)
    with world.sessions() as session:
        proof = proofs.compose(session, session.get_one(Campaign, number))
    (row,) = [one for one in proof.rows if one.attempts == 2]
    assert "doute" in row.detail


def test_quiet_hours_end_in_the_second_of_the_hours_that_come_twice() -> None:
    quiet = quiet_hours_of("22:00-02:30", ZoneInfo("Europe/Paris"))
    assert quiet.until(datetime(2026, 10, 25, 1, 10, tzinfo=UTC)) == datetime(2026, 10, 25, 1, 30, tzinfo=UTC)


def test_a_stopped_sending_waits_for_nothing_any_more(world: World, launched: int, boss: Staff) -> None:
    sending.send_campaign(world.wire(Tray(), rules=Rules(pace_of("600/min,3/h"))), launched)
    assert world.campaign(launched).resumes_at is not None
    with world.sessions.begin() as session:
        campaigns.stop(session, session.get_one(Campaign, launched), by=session.merge(boss), now=world.clock())
    assert (world.campaign(launched).resumes_at, world.campaign(launched).waits_for) == (None, None)
    with world.sessions() as session:
        assert session.scalars(select(Delivery).where(Delivery.state == DeliveryState.PENDING)).all() == []
