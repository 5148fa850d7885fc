"""Who wrote: a From gives no right, and is believed as far as our own mail server vouches for it (S3)."""

from __future__ import annotations

from dataclasses import replace

import pytest

from service import db
from service.actions import invariants
from service.core.vocabulary import InboundState, MatchedBy, SenderCheck
from service.models.delivery import Delivery
from service.models.inbound_message import InboundMessage
from tests.actions.test_inbox import READER, arrive, askings, mail, token_address
from tests.builders import World

TRUSTING = replace(READER, authserv_id="mx.passerelles.example")
MEMBER = "Camille <membre1@exemple1.example>"
FAILED = {"Authentication_Results": "mx.passerelles.example; dmarc=fail header.from=exemple1.example"}
PASSED = {"Authentication_Results": "mx.passerelles.example; dmarc=pass header.from=exemple1.example"}
FORGED = {"Authentication_Results": "mx.ailleurs.example; dmarc=fail"}
BOTH = {"From": f"{MEMBER}, Jean <jean@ailleurs.example>"}


def is_answered(world: World, sent: Delivery) -> bool:
    with world.sessions() as session:
        return session.get_one(Delivery, sent.id).answered_at is not None


def one(world: World, raw: bytes) -> InboundMessage:
    (row,) = arrive(world, raw, reader=TRUSTING)
    with db.snapshot(world.sessions) as session:
        assert all(check.ok for check in invariants.check(session) if check.name in ("I5", "I8"))
    return row


@pytest.mark.parametrize(
    ("headers", "check", "same_address"),
    [
        ({}, SenderCheck.UNKNOWN, True),
        (PASSED, SenderCheck.PASSED, True),
        (FORGED, SenderCheck.UNKNOWN, True),
        (FAILED, SenderCheck.FAILED, False),
        (BOTH, SenderCheck.SEVERAL, False),
        ({"From": f"{MEMBER}\r\nFrom: Jean <jean@ailleurs.example>"}, SenderCheck.SEVERAL, False),
        ({"From": "Camille <camille@ailleurs.example>"}, SenderCheck.UNKNOWN, False),
        ({**PASSED, "From": "Camille <camille@ailleurs.example>"}, SenderCheck.PASSED, False),
        # Reply-To says where an answer is wished, not who wrote.
        ({"From": "Jean <jean@ailleurs.example>", "Reply_To": MEMBER}, SenderCheck.UNKNOWN, False),
    ],
    ids=[
        "silent",
        "passed",
        "forged",
        "failed",
        "two authors",
        "two From",
        "elsewhere",
        "passed elsewhere",
        "reply-to",
    ],
)
def test_s3_a_reply_is_the_members_own_where_from_is_his_address_alone_and_nobody_disowns_it(
    world: World, sent: Delivery, headers: dict[str, str], check: SenderCheck, same_address: bool
) -> None:
    row = one(world, mail(To=token_address(world, sent), **headers))
    (asking,) = askings(world)
    assert (row.matched_by, row.sender_check, row.delivery_id) == (MatchedBy.TOKEN, check, sent.id)
    assert (asking.same_address, asking.contact_id) == (same_address, sent.contact_id)
    assert is_answered(world, sent) is same_address


@pytest.mark.parametrize("headers", [FAILED, BOTH], ids=["failed", "two authors"])
def test_s3_a_new_mail_that_cannot_be_the_members_is_kept_for_somebody_to_read_and_bound_to_nobody(
    world: World, sent: Delivery, headers: dict[str, str]
) -> None:
    row = one(world, mail(**headers))
    (asking,) = askings(world)
    assert (row.state, row.matched_by, row.contact_id) == (InboundState.TREATED, MatchedBy.SENDER, None)
    assert (asking.contact_id, asking.same_address, asking.campaign_id) == (None, False, None)


def test_s3_without_a_name_of_our_server_nobodys_verdict_counts(world: World, sent: Delivery) -> None:
    (row,) = arrive(world, mail(To=token_address(world, sent), **FAILED))
    assert (row.sender_check, askings(world)[0].same_address) == (SenderCheck.UNKNOWN, True)
