"""Two people act on one message at the same moment: one of them is told (R10)."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from service.actions import campaigns, deliveries, denials, drafts, seals, sending
from service.core.refusals import Conflict
from service.core.vocabulary import MailClass
from service.models.campaign import Campaign
from service.models.delivery import Delivery
from service.models.pace import Destination
from service.models.staff import Staff
from tests.actions.test_inbox import arrive, report
from tests.actions.test_proofs import CUT, carried, left
from tests.actions.test_seals import mails, seal
from tests.builders import SECRET, Tray, World


def test_who_edits_while_another_sends_waits_and_is_refused(world: World, author: Staff, boss: Staff) -> None:
    number = world.approved(author, boss, "nouvelles")
    results: list[Exception | None] = []

    def edit() -> None:
        try:
            with world.sessions.begin() as session:
                campaign = session.get_one(Campaign, number)
                drafts.edit(
                    session,
                    campaign,
                    subject="Un autre objet",
                    preheader="",
                    body="Un autre texte.",
                    list_slugs=["nouvelles"],
                    by=session.merge(author),
                    seen_version=1,
                    now=world.clock(),
                )
            results.append(None)
        except Conflict as refusal:
            results.append(refusal)

    with world.sessions() as session:
        launching = sending.launching(world.office, session.get_one(Campaign, number))
    editor = threading.Thread(target=edit)
    with world.sessions.begin() as session:
        campaign = session.get_one(Campaign, number)
        drafts.hold(session, campaign)
        editor.start()
        until_it_waits(session, editor)
        campaigns.send(
            session,
            campaign,
            launching,
            by=session.merge(boss),
            at=None,
            hold=timedelta(),
            secret=SECRET,
            now=world.clock(),
        )
    editor.join()
    assert [type(result) for result in results] == [Conflict]
    with world.sessions() as session:
        assert session.get_one(Campaign, number).version.subject == "Où en sommes-nous ?"


def until_it_waits(session: Session, editor: threading.Thread) -> None:
    """On PostgreSQL until the other one stands at our lock; on SQLite its BEGIN waits for our commit anyway."""
    if session.get_bind().dialect.name == "sqlite":
        return
    waiting = text("SELECT count(*) FROM pg_locks WHERE NOT granted")
    while editor.is_alive() and not session.execute(waiting).scalar():
        time.sleep(0.01)


def test_d16_of_two_reports_on_one_mail_that_are_read_at_the_same_moment_the_first_counts(
    world: World, launched: int
) -> None:
    sending.send_campaign(world.wire(Tray()), launched)
    with world.sessions() as session:
        number = session.scalars(Delivery.of_campaign(launched).limit(1)).one().id
    later = report(to=world.office.usual.returns.envelope_sender_for(number), status="5.7.1", words="550 5.7.1 Listed")
    other = threading.Thread(target=arrive, args=(world, later))
    with world.sessions.begin() as session:
        # As who reads a report does: his turn, then the row. The later one can bar nobody, and waits for the row alone.
        denials.take_turn(session)
        row = session.get_one(Delivery, number, with_for_update=True)
        other.start()
        until_it_waits(session, other)
        deliveries.record_bounce(row, status="5.1.1", reason="L’adresse n’existe pas.", now=world.clock())
    other.join()
    with world.sessions() as session:
        assert session.get_one(Delivery, number).bounce_code == "5.1.1"
        assert session.scalars(select(Destination.domain)).all() == []


def test_r10_of_two_clicks_at_the_same_moment_one_sends(world: World, author: Staff, boss: Staff) -> None:
    number = world.approved(author, boss, "nouvelles")

    def click() -> None:
        world.send(number, boss)

    assert sorted(map(_name, _at_once(click, click, click))) == ["", "Conflict", "Conflict"]
    assert (world.figures(number).planned, world.figures(number).pending) == (5, 5)


def test_r10_of_two_clocks_and_a_click_at_the_same_moment_one_launches(
    world: World, author: Staff, boss: Staff
) -> None:
    number = world.approved(author, boss, "nouvelles")
    world.send(number, boss, at=world.clock() + timedelta(hours=1))
    world.clock.forward(hours=1)
    launched: list[bool] = []

    def tick() -> None:
        with world.sessions() as session:
            launching = sending.launching(world.office, session.get_one(Campaign, number))
        with world.sessions.begin() as session:
            campaign = session.get_one(Campaign, number)
            launched.append(campaigns.launch(session, campaign, launching, now=world.clock()))
            campaigns.begin(session, campaign, now=world.clock())

    def click() -> None:
        world.send(number, boss)

    assert sorted(map(_name, _at_once(tick, click, tick))) == ["", "", "Conflict"]
    assert sorted(launched) == [False, True]
    assert (world.figures(number).planned, world.figures(number).pending) == (5, 5)


def test_r10_of_two_approvals_at_the_same_moment_one_counts_and_one_launch_follows(
    world: World, author: Staff, boss: Staff
) -> None:
    number = world.draft(author, "nouvelles")
    with world.sessions.begin() as session:
        drafts.submit(
            session, session.get_one(Campaign, number), by=session.merge(author), secret=SECRET, now=world.clock()
        )

    def approve_and_send() -> None:
        with world.sessions.begin() as session:
            drafts.approve(
                session, session.get_one(Campaign, number), by=session.merge(boss), secret=SECRET, now=world.clock()
            )
        world.send(number, boss)

    assert sorted(map(_name, _at_once(approve_and_send, approve_and_send))) == ["", "Conflict"]
    with world.sessions() as session:
        assert len(session.get_one(Campaign, number).approvals) == 1
    assert world.figures(number).planned == 5


def test_r10_of_two_clocks_that_seal_a_decision_at_the_same_moment_one_does(
    world: World, author: Staff, boss: Staff
) -> None:
    world.mailing_list("assemblee", MailClass.STATUTORY)
    world.members(5, "assemblee")
    number = world.approved(author, boss, "assemblee")
    world.send(number, boss)
    carried(world, number, membre1=CUT)

    def tick() -> None:
        seal(world, number, "presidente@ailleurs.example")

    assert list(map(_name, _at_once(tick, tick))) == ["", ""]
    left(world, number, boss)
    assert list(map(_name, _at_once(tick, tick, tick))) == ["", "", ""]
    with world.sessions() as session:
        assert len(seals.all_sealed(session, session.get_one(Campaign, number))) == 2
    assert len(mails(world)) == 2


def _at_once(*acts: Callable[[], None]) -> list[Exception | None]:
    """Let several people act at the same moment; give what each was told, None for a yes."""
    gate = threading.Barrier(len(acts))

    def act(one: Callable[[], None]) -> Exception | None:
        gate.wait(30)
        try:
            one()
        except Exception as error:
            return error
        return None

    with ThreadPoolExecutor(len(acts)) as pool:
        return list(pool.map(act, acts))


def _name(told: Exception | None) -> str:
    return "" if told is None else type(told).__name__
