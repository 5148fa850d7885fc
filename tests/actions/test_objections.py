"""A message that the relay refuses itself, again and again, stops its campaign (D19)."""

from __future__ import annotations

import pytest

from service.actions import campaigns, sending
from service.core.verdicts import Outcome, Stage, Verdict
from service.core.vocabulary import CampaignStatus
from service.models.campaign import Campaign
from service.models.staff import Staff
from tests.builders import Tray, World

MEMBERS = 5
KEPT = Outcome(Verdict.ACCEPTED, Stage.DOT, 250, "2.0.0 kept")
LATER = Outcome(Verdict.DEFERRED, Stage.RCPT, 450, "4.2.0 Not now")
UNKNOWN = Outcome(Verdict.REFUSED, Stage.RCPT, 550, "5.1.1 User unknown")
CONTENT = Outcome(Verdict.REFUSED, Stage.DOT, 554, "5.6.0 Message content rejected")


@pytest.mark.parametrize("between", [KEPT, UNKNOWN, LATER], ids=lambda outcome: outcome.text)
def test_d19_an_answer_between_refusals_of_the_message_begins_their_count_anew(
    world: World, launched: int, between: Outcome
) -> None:
    """Three in a row stop the campaign, and not four among five."""
    answers = [CONTENT, CONTENT, between, CONTENT, CONTENT]
    assert _answered_by(world, launched, answers) == MEMBERS
    assert world.status(launched) is not CampaignStatus.PAUSED


def test_d19_three_refusals_of_the_message_in_a_row_stop_the_campaign_whatever_came_before(
    world: World, launched: int
) -> None:
    assert _answered_by(world, launched, [CONTENT, KEPT, CONTENT, CONTENT, CONTENT, KEPT]) == MEMBERS
    assert world.status(launched) is CampaignStatus.PAUSED


def _answered_by(world: World, number: int, answers: list[Outcome]) -> int:
    """Let the relay say these in turn; how many it was asked."""
    tray, left = Tray(), iter(answers)
    asked: list[str] = []

    def before(recipient: str) -> None:
        asked.append(recipient)
        tray.script[recipient] = next(left)

    tray.before = lambda envelope: before(envelope.recipient)
    sending.send_campaign(world.wire(tray), number)
    return len(asked)


def test_d19_refusals_are_in_a_row_from_one_turn_to_the_next(world: World, launched: int) -> None:
    """A slow pace takes one recipient a turn: the message would else be refused to everybody, one after the other."""
    assert [_turn(world, launched, CONTENT) for _ in range(MEMBERS)] == [1, 1, 1, 0, 0]
    assert world.status(launched) is CampaignStatus.PAUSED


@pytest.mark.parametrize("between", [KEPT, UNKNOWN, LATER], ids=lambda outcome: outcome.text)
def test_d19_another_answer_in_a_turn_between_begins_the_count_anew(
    world: World, launched: int, between: Outcome
) -> None:
    answers = [CONTENT, CONTENT, between, CONTENT, CONTENT]
    assert [_turn(world, launched, answer) for answer in answers] == [1] * MEMBERS
    assert world.status(launched) is not CampaignStatus.PAUSED


def test_d19_a_turn_in_which_nobody_was_asked_keeps_the_count(world: World, launched: int) -> None:
    assert [_turn(world, launched, CONTENT, most=most) for most in (1, 1, 0, 1)] == [1, 1, 0, 1]
    assert world.status(launched) is CampaignStatus.PAUSED


def test_d19_who_resumes_has_the_message_tried_anew(world: World, launched: int, boss: Staff) -> None:
    assert _turn(world, launched, CONTENT, most=MEMBERS) == 3
    with world.sessions.begin() as session:
        campaigns.resume(session, session.get_one(Campaign, launched), by=session.merge(boss), now=world.clock())
    assert [_turn(world, launched, CONTENT) for _ in range(2)] == [1, 1]
    assert world.status(launched) is not CampaignStatus.PAUSED


def _turn(world: World, number: int, answer: Outcome, *, most: int = 1) -> int:
    """Let the relay say this to everybody in a turn that ends after so many; how many it was asked."""
    asked: list[str] = []
    tray = Tray(dict.fromkeys([f"membre{one}@exemple{one}.example" for one in range(MEMBERS)], answer))
    tray.before = lambda envelope: asked.append(envelope.recipient)
    sending.send_campaign(world.wire(tray, go_on=lambda: len(asked) < most), number)
    return len(asked)
