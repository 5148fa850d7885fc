"""A message that the relay refuses itself, again and again, stops its campaign (D19)."""

from __future__ import annotations

import pytest

from service.actions import sending
from service.core.verdicts import Outcome, Stage, Verdict
from service.core.vocabulary import CampaignStatus
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
