"""What a process that dies or sleeps in the middle leaves behind, and who takes it up."""

from __future__ import annotations

import pytest
from sqlalchemy import Connection, event, select, update
from sqlalchemy.exc import OperationalError

from service.actions import campaigns, deliveries, sending
from service.core import addresses, explanations
from service.core.vocabulary import CampaignStatus, DeliveryState
from service.models.delivery import Delivery
from service.models.mailing_list import Suppression
from service.ports import Envelope
from tests.builders import SECRET, Tray, World


class Killed(BaseException):
    """What a process sees of its own kill: nothing runs after it."""


def test_a_process_killed_at_the_wire_leaves_one_row_in_doubt_and_loses_nobody(world: World, launched: int) -> None:
    def kill(envelope: Envelope) -> None:
        if envelope.recipient.startswith("membre2@"):
            raise Killed

    tray = Tray(before=kill)
    with pytest.raises(Killed):
        sending.send_campaign(world.stream(tray, owner="here/1"), launched)
    other = Tray()
    sending.send_campaign(world.stream(other, owner="here/2"), launched)
    assert other.envelopes == []  # the lease still holds
    world.clock.forward(seconds=31)
    with world.sessions.begin() as session:
        deliveries.recover(session, now=world.clock())
    sending.send_campaign(world.stream(other, owner="here/2"), launched)
    figures = world.figures(launched)
    assert (figures.accepted, figures.in_doubt, figures.planned) == (4, 1, 5)
    sent = [one.recipient for one in (*tray.envelopes, *other.envelopes)]
    assert len(sent) == len(set(sent)) == 4
    with world.sessions() as session:
        doubtful = select(Delivery.address).where(Delivery.state == DeliveryState.IN_DOUBT)
        assert list(session.scalars(doubtful)) == ["membre2@exemple2.example"]
    assert world.status(launched) is CampaignStatus.SENT


def test_a_process_that_wakes_after_its_lease_sends_nothing_more(world: World, launched: int) -> None:
    other = Tray()

    def sleep(envelope: Envelope) -> None:
        """This process sleeps past its lease with its first mail at the wire, while another does the rest."""
        if not other.envelopes:
            world.clock.forward(seconds=31)
            with world.sessions.begin() as session:
                deliveries.recover(session, now=world.clock())
            sending.send_campaign(world.stream(other, owner="here/2"), launched)

    sleeper = Tray(before=sleep)
    sending.send_campaign(world.stream(sleeper, owner="here/1"), launched)
    sent = [one.recipient for one in (*sleeper.envelopes, *other.envelopes)]
    assert len(sent) == len(set(sent)) == 5
    # The reply that it still read counts for its own row, which was called in doubt meanwhile.
    assert (world.figures(launched).accepted, world.figures(launched).in_doubt) == (5, 0)


def test_the_clock_rings_again_only_for_what_nobody_works_at(world: World, launched: int) -> None:
    def unheard() -> list[int]:
        with world.sessions() as session:
            return [one.id for one in campaigns.unheard(session, now=world.clock())]

    assert unheard() == []  # rung a moment ago
    world.clock.forward(seconds=16)
    assert unheard() == [launched]
    with world.sessions.begin() as session:
        deliveries.claim(session, launched, owner="here/1", limit=2, now=world.clock())
    assert unheard() == []
    world.clock.forward(seconds=31)
    assert unheard() == [launched]


def test_a_row_that_another_process_took_over_cannot_be_handed_over_by_the_first(world: World, launched: int) -> None:
    def claim(owner: str) -> list[deliveries.Ticket]:
        with world.sessions.begin() as session:
            return deliveries.claim(session, launched, owner=owner, limit=1, now=world.clock())

    def hand_over(ticket: deliveries.Ticket, owner: str) -> bool:
        with world.sessions.begin() as session:
            return deliveries.hand_over(session, ticket, owner=owner, now=world.clock()) is not None

    (first,) = claim("here/1")
    world.clock.forward(seconds=31)
    assert not hand_over(first, "here/1")  # nobody else has it, but the lease is over
    (second,) = claim("here/2")
    assert (second.id, second.epoch) == (first.id, first.epoch + 1)
    assert not hand_over(first, "here/1")
    assert not hand_over(first, "here/2")  # the right name under an older epoch
    assert hand_over(second, "here/2")


def test_an_address_suppressed_after_the_launch_is_skipped_at_the_claim(world: World, launched: int) -> None:
    with world.sessions.begin() as session:
        forbidden = addresses.fingerprint("membre3@exemple0.example", SECRET)
        session.add(Suppression(address_hmac=forbidden, reason="complaint", at=world.clock()))
    tray = Tray()
    sending.send_campaign(world.stream(tray), launched)
    assert "membre3@exemple0.example" not in {one.recipient for one in tray.envelopes}
    assert (world.figures(launched).accepted, world.figures(launched).skipped) == (4, 1)


def test_a_reply_is_written_down_even_when_the_database_fails_at_that_instant(world: World, launched: int) -> None:
    failures = []

    def fail(_connection: Connection) -> None:
        event.remove(world.engine, "commit", fail)
        failures.append(1)
        raise OperationalError("COMMIT", {}, Exception("the server closed the connection unexpectedly"))

    def break_the_next_commit(envelope: Envelope) -> None:
        if envelope.recipient.startswith(("membre1@", "membre4@")):
            event.listen(world.engine, "commit", fail)

    tray = Tray(before=break_the_next_commit)
    sending.send_campaign(world.stream(tray), launched)
    assert len(failures) == 2
    assert len({one.recipient for one in tray.envelopes}) == len(tray.envelopes) == 5
    assert (world.figures(launched).accepted, world.status(launched)) == (5, CampaignStatus.SENT)


def test_a_message_that_cannot_be_written_is_refused_alone_and_nobody_doubts_it(world: World, launched: int) -> None:
    with world.sessions.begin() as session:
        broken = Delivery.address == "membre2@exemple2.example"
        session.execute(update(Delivery).where(broken).values(fields={"to_name": "Camille"}))
    tray = Tray()
    sending.send_campaign(world.stream(tray), launched)
    figures = world.figures(launched)
    assert (figures.accepted, figures.refused, figures.in_doubt, len(tray.envelopes)) == (4, 1, 0, 4)
    with world.sessions() as session:
        refused = session.scalars(select(Delivery).where(Delivery.state == DeliveryState.REFUSED)).one()
        told = explanations.of_delivery(refused.state, why=refused.why, code=refused.code, reply=refused.reply)
    assert told.reason.startswith("Le message n’a pas pu être écrit pour cette personne")
