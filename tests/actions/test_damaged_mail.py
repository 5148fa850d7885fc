"""Damaged and hostile mail through the inbox itself, on both databases: each message is in one place, none holds up the next (R16, I5)."""

from __future__ import annotations

import hashlib
import random

from sqlalchemy import func, select

from service import db
from service.actions import inbox, invariants
from service.core.vocabulary import InboundState
from service.models.delivery import Delivery
from service.models.inbound_message import InboundMessage, MailboxCursor
from tests.actions.test_inbox import READER, token_address
from tests.builders import World
from tests.mutations import MUTATIONS, SAMPLES, mutated

MESSAGES = 150


def damaged(world: World, sent: Delivery) -> list[bytes]:
    """Our samples, most of them as answers to a mail of ours, each with a few faults; the same ones at every run."""
    chance, names = random.Random(20261128), sorted(MUTATIONS)
    letters = []
    for number in range(MESSAGES):
        steps = [(chance.choice(names), chance.randrange(2**32)) for _ in range(chance.randint(1, 3))]
        to = token_address(world, sent) if number % 4 else "vie@passerelles.example"
        sample = SAMPLES[chance.choice(sorted(SAMPLES))]
        letters.append(f"Delivered-To: {to}\r\n".encode() + mutated(sample, steps))
    return letters


def test_r16_each_of_hundreds_of_damaged_messages_is_read_once_into_one_place(world: World, sent: Delivery) -> None:
    letters = damaged(world, sent)
    with world.sessions.begin() as session:
        at = world.clock()
        session.add(MailboxCursor(account="vie@imap", folder="INBOX", uidvalidity=7, last_uid=MESSAGES, read_at=at))
        for uid, raw in enumerate(letters, start=1):
            session.add(
                InboundMessage(
                    account="vie@imap", folder="INBOX", uidvalidity=7, uid=uid, received_at=at, stored_at=at, raw=raw,
                    size=len(raw), sha256=hashlib.sha256(raw).hexdigest(), state=InboundState.STORED,
                )
            )  # fmt: skip
    read = 0
    while inbox.read_next(world.sessions, READER, now=world.clock) is not None:
        read += 1
    assert read == MESSAGES
    with world.sessions() as session:
        places = dict(session.execute(select(InboundMessage.state, func.count()).group_by(InboundMessage.state)).all())
        kept = {row.uid: row.raw for row in session.scalars(select(InboundMessage)) if row.raw is not None}
    assert set(places) <= {InboundState.TREATED, InboundState.LEFT_IN_PLACE}
    assert places[InboundState.TREATED] > MESSAGES / 2
    assert all(letters[uid - 1] == raw for uid, raw in kept.items()), "the raw message is never changed"
    with db.snapshot(world.sessions) as session:
        assert all(check.ok for check in invariants.check(session) if check.name in ("I5", "I8"))
