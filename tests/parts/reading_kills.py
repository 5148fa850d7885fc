"""The product's own inbox process and work-horses, killed at one step after the other, on a real Dovecot (I5, R7)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from redis import Redis
from rq import Queue, Worker
from rq.worker import WorkerStatus
from sqlalchemy import select, update

from service.core.vocabulary import InboundState, MailFolder
from service.models.inbound_message import InboundMessage
from service.models.question import Asking
from service.ports import POSTING, READING
from service.setting_values import ROOT
from service.settings import Need, load
from service.wiring import Wiring
from tests.builders import World
from tests.parts import await_that
from tests.parts.dovecot import Postbox
from tests.parts.installation import Installation, Relay, installation
from workers import clock

DONE = "Trait&AOk-s"
_LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
_FROM = {"question": "membre1@exemple1.example", "pub": "pub@ailleurs.example"}


@dataclass
class House:
    """An installation whose readers die as they are told, and what was sent to its mailbox."""

    pli: Installation
    world: World
    wiring: Wiring
    box: Postbox
    sent: list[str] = field(default_factory=list)

    def deliver(self, *words: str) -> None:
        """Let a mail of each of these kinds come, of its own number."""
        for word in words:
            name = f"{word}-{len(self.sent)}"
            self.sent.append(name)
            head = f"From: {_FROM[word]}\r\nSubject: {name}\r\nMessage-ID: <{name}@exemple1.example>\r\n"
            self.box.deliver(f"{head}\r\nEt {name} ?\r\n".encode())

    def order(self, who: str, step: int | str) -> None:
        """Have the next `inbox` process, or the next work-horse (`horse`), die at this step, or at this moment."""
        path = self.pli.folder / who
        path.with_suffix(".new").write_text(str(step))
        path.with_suffix(".new").rename(path)

    def told(self, who: str) -> list[str]:
        """What each that died was about to do, or had just done."""
        told = (self.pli.folder / who).with_suffix(".told")
        return told.read_text().splitlines() if told.exists() else []

    def take(self, who: str) -> None:
        """Take an order back that nobody has taken."""
        (self.pli.folder / who).unlink(missing_ok=True)

    def is_quiet(self) -> bool:
        """Whether no bell hangs and no work-horse is at work."""
        with closing(Redis.from_url(self.pli.environment["REDIS_URL"])) as redis:
            waiting = sum(Queue(name, connection=redis).count for name in (READING, POSTING))
            return not waiting and all(one.get_state() == WorkerStatus.IDLE for one in Worker.all(connection=redis))

    def ring(self) -> None:
        """Do what the clock does once the pauses of what was lost with its bell, or its reader, are over."""
        with self.world.sessions.begin() as session:
            stored = InboundMessage.state == InboundState.STORED
            session.execute(update(InboundMessage).where(stored).values(rung_at=_LONG_AGO))
            begun = InboundMessage.attempts > 0
            session.execute(update(InboundMessage).where(stored, begun).values(next_attempt_at=_LONG_AGO))
        clock._in_a_transaction(self.wiring, clock.ring_inbox)

    def asked(self) -> list[str]:
        """The subject of each question that was opened, as often as it was."""
        with self.world.sessions() as session:
            query = select(InboundMessage.subject).join(Asking, Asking.inbound_message_id == InboundMessage.id)
            return list(session.scalars(query))

    def rows(self) -> list[InboundMessage]:
        with self.world.sessions() as session:
            return list(session.scalars(select(InboundMessage).order_by(InboundMessage.id)))

    def is_settled(self) -> bool:
        """Whether everything was read, and what is ours put away; cheap, since it is asked again and again."""
        rows = self.rows()
        done = (row.filed_at is not None or row.state is InboundState.LEFT_IN_PLACE for row in rows)
        return len(rows) == len(self.sent) and all(done)

    def one_place_each(self) -> None:
        """Each message lies in one folder and is one row; each question was opened once, and nothing else was."""
        questions = Counter(name for name in self.sent if name.startswith("question"))
        others = Counter(name for name in self.sent if name not in questions)
        assert Counter(_subjects(self.box, DONE)) == questions
        assert Counter(_subjects(self.box, "INBOX")) == others
        assert Counter(self.asked()) == questions
        rows = self.rows()
        assert Counter(row.subject for row in rows) == questions + others
        assert {row.filed_in for row in rows if row.subject in questions} == {MailFolder.DONE}
        assert {row.state for row in rows} == {InboundState.TREATED, InboundState.LEFT_IN_PLACE}
        assert not [row.id for row in rows if row.copy_of is not None]


def kill_inbox(house: House, steps: Iterable[int | str]) -> int:
    """Kill one inbox process at each of these steps or moments, each with new mail before it; return how many were killed.

    A step that a process never came to ends it.
    """
    killed = 0
    for step in steps:
        house.deliver("question", "pub")
        house.order("inbox", step)
        process = house.pli.start("inbox")
        await_that(lambda: process.poll() is not None or house.is_settled(), f"the inbox process at step {step}")  # noqa: B023 (at once)
        if process.poll() is None:
            process.terminate()
            process.wait(40)
            return killed
        killed += 1
        assert len(house.told("inbox")) == killed, (house.pli.folder / "inbox.log").read_text()[-3000:]
        house.ring()
    return killed


def kill_horses(house: House, steps: Iterable[int]) -> int:
    """Kill one work-horse at each of these steps, each with a new question before it; return how many were killed.

    A step that no work-horse came to in three attempts ends it: one that found nothing to read may have had the order.
    """
    killed = 0
    for step in steps:
        if not any(_kill_horse(house, step) for _ in range(3)):
            break
        killed += 1
    return killed


def _kill_horse(house: House, step: int) -> bool:
    before = len(house.told("horse"))
    await_that(house.is_quiet, "no work-horse is at work")
    house.order("horse", step)
    house.deliver("question")
    name = house.sent[-1]
    await_that(lambda: len(house.told("horse")) > before or name in house.asked(), f"a work-horse at step {step}")
    house.take("horse")
    await_that(house.is_quiet, "the worker knows that its work-horse is dead")
    is_killed = len(house.told("horse")) > before
    if name not in house.asked():
        house.ring()
    await_that(lambda: name in house.asked(), f"the question of step {step} is read")
    return is_killed


@contextmanager
def deadly_house(folder: Path, database: str, relay: Relay, box: Postbox, redis_url: str) -> Iterator[House]:
    """Run the worker of such an installation until the block ends."""
    deadly = {
        "PYTHONPATH": str(ROOT / "tests" / "parts" / "deadly"),
        "DEADLY_INBOX": str(folder / "inbox"),
        "DEADLY_HORSE": str(folder / "horse"),
    }
    with installation(folder, database, relay, box, REDIS_URL=redis_url, **deadly) as pli:
        world = pli.seeded(3)
        wiring = Wiring(load(Need.STORES | Need.KEYS | Need.WRITING, pli.environment))
        pli.start("worker")
        try:
            yield House(pli, world, wiring, box)
        finally:
            wiring.queue.close()
            wiring.engine.dispose()


def end_well(house: House) -> None:
    """Let one inbox process do what is left, and look at where everything is."""
    process = house.pli.start("inbox")

    def is_settled() -> bool:
        house.ring()
        return house.is_settled()

    await_that(is_settled, "all is read and put away", 120)
    process.terminate()
    process.wait(40)
    house.one_place_each()


def _subjects(box: Postbox, folder: str) -> list[str]:
    return [
        raw.partition(b"Subject: ")[2].split()[0].decode()
        for name in box.folders()
        if name.removeprefix("INBOX.") == folder
        for raw in box.texts(f'"{name}"')
    ]
