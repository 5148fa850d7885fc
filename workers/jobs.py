"""The jobs that a bell asks for: ids in, a few lines, all the work in the actions."""

from __future__ import annotations

from importlib import import_module

from service import db
from service.actions import sending
from service.settings import Need
from service.wiring import wire
from workers.stream import at_the_wire

_SENDS = Need.STORES | Need.KEYS | Need.WRITING | Need.SENDING
_READS = Need.STORES | Need.KEYS | Need.READING
READING_TURN = "workers.reading"


def send(campaign_id: int) -> None:
    """Send what is due of a campaign, for a minute at most, then let others have their turn."""
    wiring = wire(_SENDS)
    with at_the_wire(wiring, campaign_id) as wire_end:
        if sending.send_campaign(wire_end, campaign_id):
            wiring.queue.ring("send", campaign_id)


def post(delivery_id: int) -> None:
    """Send one mail that stands outside any campaign, and others that wait, for a minute at most."""
    wiring = wire(_SENDS)
    with at_the_wire(wiring) as wire_end:
        if sending.send_single(wire_end, delivery_id):
            wiring.queue.ring("post", delivery_id)


def read(message_id: int) -> None:
    """Read one incoming message, and others that wait."""
    wiring = wire(_READS)
    db.end_sleeping_transactions(wiring.engine)
    # What reads mail takes 13 MB, which no sending process should hold; a worker that never sends has it loaded before.
    import_module(READING_TURN).take_turn(wiring, message_id)
