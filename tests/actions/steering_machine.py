"""R15: pause, resume, stop, edit, opt-out, worker turns, crashes, sleeps and clock ticks in any order, on a real SQLite."""

from __future__ import annotations

import random
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
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
from service.actions import campaigns, drafts, lists, sending, settling
from service.core.refusals import Refusal
from service.core.verdicts import Outcome, Stage, Verdict
from service.core.vocabulary import CampaignStatus, Channel, DeliveryState, Role
from service.models.campaign import Campaign
from service.models.delivery import Delivery
from service.models.member import Contact
from service.models.staff import Staff
from service.ports import Desk, Envelope
from tests.builders import MemoryLog, World

MEMBERS = 9
WORDS = {
    "yes": Outcome(Verdict.ACCEPTED, Stage.DOT, 250, "2.0.0 kept"),
    "no": Outcome(Verdict.REFUSED, Stage.RCPT, 550, "5.1.1 no such user"),
    "never": Outcome(Verdict.REFUSED, Stage.DOT, 554, "5.6.0 not this message"),
    "later": Outcome(Verdict.DEFERRED, Stage.RCPT, 450, "4.2.0 later"),
    "silence": Outcome(Verdict.IN_DOUBT, Stage.DOT, None, "the line closed"),
    "down": Outcome(Verdict.RELAY_DOWN, Stage.MAIL, 451, "4.3.2 not now"),
}
AT_THE_RELAY = (Verdict.ACCEPTED, Verdict.IN_DOUBT)
# As often as they stand here.
ACTS = ("pause", *["resume"] * 5, "stop", *["opt_out"] * 3, "tick", "edit", "sleep", *["other_turn"] * 2, "lose_log")
# So many may leave the list, every other one: somebody is left to write to.
FICKLE = 4


class Killed(BaseException):
    """What a process sees of its own kill: nothing runs after it."""


@dataclass(frozen=True)
class Turn:
    """One turn of a sending process: what the relay says, where the process is killed or the world acts, how far it goes."""

    words: tuple[str, ...] = ("yes",)
    kill: str = ""
    at: int = 0
    meanwhile: str = ""
    most: int = 6
    lines: int = 1


_TURN = st.builds(
    Turn,
    words=st.lists(st.sampled_from(["yes"] * 9 + [*WORDS]), min_size=1, max_size=5).map(tuple),
    kill=st.sampled_from(["", "", "", "", "before the dot", "after the dot"]),
    at=st.sampled_from([1, 0, 2, 3]),
    meanwhile=st.sampled_from(["", "", "", *ACTS]),
    most=st.sampled_from([2, 5, 3, 1, 9]),
    lines=st.integers(1, 4),
)


@dataclass
class Wire:
    """A relay in memory that says one word a message; the process may be killed at one, and the world act meanwhile."""

    turn: Turn
    meanwhile: Callable[[], None]
    took: list[Envelope]
    seen: int = field(default=0)

    def run(self, desk: Desk) -> Outcome | None:
        while (envelope := desk.take()) is not None:
            if envelope.id not in desk.hand([envelope.id]):
                desk.unsent(envelope.id)
                continue
            is_here = self.seen == self.turn.at
            word = WORDS[self.turn.words[self.seen % len(self.turn.words)]]
            self.seen += 1
            if is_here and self.turn.kill == "before the dot":
                raise Killed
            if is_here:
                self.meanwhile()
            if word.verdict in AT_THE_RELAY:
                self.took.append(envelope)
            if is_here and self.turn.kill == "after the dot":
                raise Killed
            desk.answered(envelope.id, word)
            if word.verdict is Verdict.RELAY_DOWN:
                return word
        desk.hand(())
        return None


class Steering(RuleBasedStateMachine):
    """One campaign, from its approval to its end, and all that may befall it."""

    template: Path | None = None
    # What a run came to, over all its examples.
    told: ClassVar[Counter[str]] = Counter()

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="pli-steering-"))
        self.world = World(db.sessions(db.connect(f"sqlite:///{self._database()}")))
        self.number = self.processes = 0
        self.took: list[Envelope] = []
        self.crashed: list[MemoryLog] = []
        self.left_at: dict[str, int] = {}  # who left the list, and how many messages were at the relay by then
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

    @rule()
    def read_again(self) -> None:
        with suppress(Refusal):
            self.world.agree(self.number, self.author, self.boss)

    @rule(seconds=st.sampled_from([1, 30, 600, 3600, 86_400]))
    def wait(self, seconds: int) -> None:
        self.world.clock.forward(seconds=seconds)
        self._tick()

    @rule(given=_TURN)
    def work(self, given: Turn) -> None:
        self._work(given)

    @rule(given=_TURN)
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

    def _tick(self) -> None:
        """The clock of the workers: take in logs, recover, begin, finish."""
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
        assert not at_relay & {row.address for row in lost}

    @invariant()
    def i2_nobody_has_two_copies(self) -> None:
        assert max(Counter(one.recipient for one in self.took).values(), default=0) <= 1

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
        self.world.engine.dispose()
        shutil.rmtree(self.folder)

    def _campaign(self) -> Campaign:
        with self.world.sessions() as session:
            campaign = session.get_one(Campaign, self.number)
            assert campaign.versions
            return campaign

    def _rows(self, session: Session) -> list[Delivery]:
        return list(session.scalars(Delivery.of_campaign(self.number)))

    def _database(self) -> Path:
        """A copy of a small world: migrating a new one for each example would take most of the time."""
        cls = type(self)
        if cls.template is None:
            cls.template = Path(tempfile.mkdtemp(prefix="pli-steering-")) / "pli.db"
            engine = db.connect(f"sqlite:///{cls.template}")
            schema.upgrade(engine)
            world = World(db.sessions(engine))
            world.mailing_list()
            world.members(MEMBERS, "nouvelles")
            world.staff("Jeanne")
            world.staff("Paul", Role.ADMIN)
            engine.dispose()
        return Path(shutil.copy(cls.template, self.folder / "pli.db"))


def run(examples: int, steps: int, *, derandomize: bool = False) -> Counter[str]:
    """Run so many examples of so many steps at most, the same each time when asked; return what they came to."""
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
    try:
        run_state_machine_as_test(Steering, settings=bounded)
    finally:
        if Steering.template is not None:
            shutil.rmtree(Steering.template.parent)
            Steering.template = None
    return Steering.told
