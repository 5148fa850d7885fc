"""R15: pause, resume, stop, edit, opt-out, worker turns, crashes, sleeps, clock ticks and decisions on doubts in any order, on a real database."""

from __future__ import annotations

import random
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import select
from sqlalchemy.orm import Session

from service import db, schema
from service.actions import campaigns, doubts, drafts, fronts, lists, sending, settling, violations
from service.actions.doubts import Choice
from service.core.refusals import Refusal
from service.core.vocabulary import CampaignStatus, Channel, DeliveryState, Role
from service.models.campaign import Campaign
from service.models.delivery import Delivery
from service.models.member import Contact
from service.models.staff import Staff
from service.ports import Envelope
from tests.actions.steering_wire import ACTS, TURN, Killed, Turn, Wire
from tests.builders import MemoryLog, World
from tests.parts.postgres import PostgresServer

MEMBERS = 9
# So many may leave the list, every other one: somebody is left to write to.
FICKLE = 4


class Steering(RuleBasedStateMachine):
    """One campaign, from its approval to its end, and all that may befall it."""

    template: str | None = None
    # None is SQLite.
    server: PostgresServer | None = None
    # What a run came to, over all its examples.
    told: ClassVar[Counter[str]] = Counter()

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="pli-steering-"))
        self.ends = ExitStack()
        self.ends.callback(shutil.rmtree, self.folder)
        self.world = World(db.sessions(db.connect(self._database())))
        self.ends.callback(self.world.engine.dispose)
        self.number = self.processes = 0
        self.took: list[Envelope] = []
        self.crashed: list[MemoryLog] = []
        self.left_at: dict[str, int] = {}  # who left the list, and how many messages were at the relay by then
        self.resent: set[str] = set()  # whom the team had written to again after a doubt
        self.approved_version = 0
        self.depth = 0

    @initialize(is_sent=st.sampled_from([True, True, True, False]))
    def write(self, is_sent: bool) -> None:
        self.told["examples"] += 1
        with self.world.sessions() as session:
            self.author, self.boss = session.scalars(select(Staff).order_by(Staff.id)).all()
        self._another(is_sent=is_sent)

    @rule()
    def send(self) -> None:
        with suppress(Refusal):
            self.world.send(self.number, self.boss, hold=1)
            self.approved_version = len(self._campaign().versions)

    @rule(act=st.sampled_from(ACTS), chance=st.integers(0, 1000))
    def do(self, act: str, chance: int) -> None:
        self._act(act, random.Random(chance))

    @rule(
        given=TURN, act=st.sampled_from(["send_again", "send_again", "leave_in_doubt", ""]), chance=st.integers(0, 1000)
    )
    def work_and_decide(self, given: Turn, act: str, chance: int) -> None:
        """The relay drops the line after the dot, with the message and without; the team decides, mostly between two turns."""
        self._work(replace(given, words=("silence", "yes", "lost")))
        self._act(act, random.Random(chance))

    @rule()
    def read_again(self) -> None:
        with suppress(Refusal):
            self.world.agree(self.number, self.author, self.boss)

    @rule(seconds=st.sampled_from([1, 30, 600, 3600, 86_400]))
    def wait(self, seconds: int) -> None:
        self.world.clock.forward(seconds=seconds)
        self._tick()

    @rule(given=TURN)
    def work(self, given: Turn) -> None:
        self._work(given)

    @rule(given=TURN)
    def work_more(self, given: Turn) -> None:
        """Twice among the rules: the most happens while somebody works."""
        self._work(given)

    def _work(self, given: Turn) -> None:
        self._tick()
        status = self._campaign().status
        if status in (CampaignStatus.SENT, CampaignStatus.STOPPED):
            self._another(is_sent=True)
        elif status in (CampaignStatus.DRAFT, CampaignStatus.SUBMITTED, CampaignStatus.APPROVED):
            self.read_again()
            self._launch()
        self._turn(given)

    def _another(self, *, is_sent: bool) -> None:
        """Write the next campaign: nothing can befall one that has ended."""
        self.told["campaigns"] += 1
        self._forget()
        self.number = self.world.draft(self.author, "nouvelles", body="Bonjour {prénom}, texte-1.")
        self.world.agree(self.number, self.author, self.boss)
        if is_sent:
            self._launch()

    def _launch(self) -> None:
        self.send()
        self.world.clock.forward(seconds=1)
        self._tick()

    def _forget(self) -> None:
        self.told["messages"] += len(self.took)
        self.took.clear()
        self.left_at = dict.fromkeys(self.left_at, 0)
        self.resent.clear()

    def _turn(self, given: Turn) -> None:
        self.processes += 1
        self.told[f"turns while {self._campaign().status.value}"] += 1
        log = MemoryLog(f"here/{self.processes}")
        wire = Wire(given, lambda: self._act(given.meanwhile, random.Random(given.most)), self.took)
        process = self.world.wire(wire, log=log, connections=given.lines, go_on=lambda: wire.seen < given.most)  # type: ignore[arg-type]
        try:
            sending.send_campaign(process, self.number)
        except Killed:
            self.crashed.append(log)
            self.told["kills"] += 1

    def _act(self, act: str, chance: random.Random) -> None:
        """What may happen at any moment, in the middle of somebody's turn too."""
        with suppress(Refusal):
            match act:
                case "pause" | "resume" | "stop":
                    with self.world.sessions.begin() as session:
                        steer = {"pause": campaigns.pause, "resume": campaigns.resume, "stop": campaigns.stop}[act]
                        steer(session, session.get_one(Campaign, self.number), by=self.boss, now=self.world.clock())
                    self.told[act] += 1
                case "edit":
                    self._edit()
                case "send_again" | "leave_in_doubt":
                    self._decide(Choice.RESEND if act == "send_again" else Choice.LEAVE, chance)
                case "opt_out":
                    self._opt_out(2 * chance.randrange(FICKLE))
                case "tick":
                    self._tick()
                case "sleep":
                    self.world.end_leases()
                    self._tick()
                case "lose_log" if self.crashed:
                    self.crashed.pop()
                    self.world.end_leases()
                    # Nobody can read it: only the clock frees what it told of.
                    self._tick()
                case "other_turn" if self.depth == 0:
                    self.depth += 1
                    self._turn(Turn(most=chance.randrange(1, 6), lines=chance.randrange(1, 4)))
                    self.depth -= 1

    def _decide(self, choice: Choice, chance: random.Random) -> None:
        """The team decides on all that is in doubt, as its page shows it, or on one person."""
        now = self.world.clock()
        with self.world.sessions.begin() as session:
            campaign = session.get_one(Campaign, self.number)
            seen = doubts.undecided(session, campaign, now=now).seen
            doubtful = [row.id for row in self._rows(session) if doubts.may_be_decided(row, now=now)]
            only = chance.choice(doubtful) if doubtful and chance.randrange(2) else None
            whole = None if only else seen
            rows = doubts.decide(session, campaign, choice, by=self.boss, now=now, only=only, seen=whole)
            assert rows == (len(doubtful) if only is None else 1)
            if choice is Choice.RESEND:
                self.resent |= {row.address for row in self._rows(session) if row.id in {*doubtful} & {only or row.id}}
            self.told[f"{choice.value} after a doubt"] += rows

    def _tick(self) -> None:
        """The clock of the workers: take in logs, recover, begin, finish, move the front."""
        now = self.world.clock()
        with self.world.sessions.begin() as session:
            for log in self.crashed:
                settling.take_in(session, log.lost(), now=now)
        self.crashed.clear()
        with self.world.sessions.begin() as session:
            settling.recover(session, now=now)
        with self.world.sessions.begin() as session:
            campaign = session.get_one(Campaign, self.number)
            campaigns.begin(session, campaign, now=now)
            campaigns.finish(session, self.number, now=now)
            fronts.advance(session, worth=1)

    def _edit(self) -> None:
        with self.world.sessions.begin() as session:
            campaign = session.get_one(Campaign, self.number)
            version = len(campaign.versions)
            drafts.edit(
                session,
                campaign,
                subject="Un autre objet",
                preheader="",
                body=f"Bonjour {{prénom}}, texte-{version + 1}.",
                list_slugs=["nouvelles"],
                by=session.merge(self.author),
                seen_version=version,
                now=self.world.clock(),
            )

    def _opt_out(self, member: int) -> None:
        address = f"membre{member}@exemple{member % 3}.example"
        with self.world.sessions.begin() as session:
            contact = session.scalars(Contact.at(address)).one()
            lists.leave(
                session,
                lists.find(session, "nouvelles"),
                contact,
                channel=Channel.ONE_CLICK,
                wording="stop",
                now=self.world.clock(),
            )
            rows = session.scalars(select(Delivery).where(Delivery.address == address)).all()
        # What was claimed before may be at the wire.
        if not any(row.state is DeliveryState.HANDING for row in rows):
            self.left_at.setdefault(address, len(self.took))
        self.told["left"] += 1

    @invariant()
    def i1_everybody_is_in_one_state_and_the_sum_is_the_audience(self) -> None:
        if not self.number:
            return
        self.told["steps"] += 1
        with self.world.sessions() as session:
            rows, campaign = self._rows(session), session.get_one(Campaign, self.number)
            figures = campaigns.figures(session, campaign)
        if campaign.launched_at is None:
            assert not rows
            return
        states = Counter(row.state for row in rows)
        assert figures.planned == len(rows) == len({row.contact_id for row in rows}) <= MEMBERS
        waiting = states[DeliveryState.PENDING] + states[DeliveryState.DEFERRED]
        if campaign.status is CampaignStatus.SENT:
            assert waiting + states[DeliveryState.HANDING] == 0
        if campaign.status is CampaignStatus.STOPPED:
            assert waiting == 0
        if not self.crashed:
            assert states[DeliveryState.HANDING] == 0
        at_relay = {one.recipient for one in self.took}
        assert {row.address for row in rows if row.state is DeliveryState.ACCEPTED} <= at_relay
        lost = [row for row in rows if row.state in (DeliveryState.PENDING, DeliveryState.DEFERRED)]
        assert not at_relay & {row.address for row in lost if not row.doubts}

    @invariant()
    def i2_a_copy_beyond_one_is_of_somebody_whom_the_team_had_written_to_again(self) -> None:
        copies = Counter(one.recipient for one in self.took)
        assert {recipient for recipient, count in copies.items() if count > 1} <= self.resent
        if not copies:
            return
        with self.world.sessions() as session:
            rows = self._rows(session)
        for row in rows:
            # Each attempt but the last is counted as a doubt; a last one that nobody has told of yet may have arrived.
            may_be_last = row.state in (DeliveryState.ACCEPTED, DeliveryState.HANDING)
            assert copies[row.address] <= row.doubts + may_be_last

    @invariant()
    def i7_nothing_waits_where_no_claim_looks(self) -> None:
        with self.world.sessions() as session:
            behind = session.scalars(select(Delivery.id).where(violations.passed_by())).all()
        assert not behind

    @invariant()
    def i3_nobody_outside_the_audience_and_nobody_who_left_before(self) -> None:
        if not self.number:
            return
        with self.world.sessions() as session:
            audience = {row.address for row in self._rows(session)}
        assert {one.recipient for one in self.took} <= audience
        for address, before in self.left_at.items():
            assert address not in {one.recipient for one in self.took[before:]}

    @invariant()
    def i4_what_is_at_the_relay_is_the_text_that_was_approved(self) -> None:
        for one in self.took:
            assert f"texte-{self.approved_version}.".encode() in one.message

    def teardown(self) -> None:
        self._forget()
        self.ends.close()

    def _campaign(self) -> Campaign:
        with self.world.sessions() as session:
            campaign = session.get_one(Campaign, self.number)
            assert campaign.versions
            return campaign

    def _rows(self, session: Session) -> list[Delivery]:
        return list(session.scalars(Delivery.of_campaign(self.number)))

    def _database(self) -> str:
        """A copy of a small world: migrating a new one for each example would take most of the time."""
        if self.template is None:
            raise RuntimeError("no small world was made")
        if self.server is not None:
            return self.ends.enter_context(self.server.fresh_database(copied_from=self.template))
        return f"sqlite:///{shutil.copy(self.template, self.folder / 'pli.db')}"


def run(examples: int, steps: int, *, server: PostgresServer | None = None, derandomize: bool = False) -> Counter[str]:
    """Run so many examples of so many steps at most, the same each time when asked; return what they came to.

    On SQLite, or on databases of this server.
    """
    bounded = settings(
        max_examples=examples,
        stateful_step_count=steps,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        database=None,
        derandomize=derandomize,
        # Shrinking a red example takes minutes, and twenty steps can be read.
        phases=(Phase.generate,),
    )
    Steering.told.clear()
    with _small_world(server) as Steering.template:
        Steering.server = server
        run_state_machine_as_test(Steering, settings=bounded)
    return Steering.told


@contextmanager
def _small_world(server: PostgresServer | None) -> Iterator[str]:
    """Make the database that the examples begin with, and name it as who copies it does."""
    with ExitStack() as stack:
        if server is None:
            template = f"{stack.enter_context(tempfile.TemporaryDirectory(prefix='pli-steering-'))}/pli.db"
            url = f"sqlite:///{template}"
        else:
            url = stack.enter_context(server.fresh_database())
            template = url.rpartition("/")[2]
        engine = db.connect(url)
        schema.upgrade(engine)
        world = World(db.sessions(engine))
        world.mailing_list()
        world.members(MEMBERS, "nouvelles")
        world.staff("Jeanne")
        world.staff("Paul", Role.ADMIN)
        engine.dispose()
        yield template
