"""Whose fault is a refusal: the member's, the message's, or the relay's?"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.core.verdicts import Outcome, Stage, Verdict, judge


@pytest.mark.parametrize(
    ("stage", "code", "text", "verdict"),
    [
        (Stage.DOT, 250, "2.0.0 Ok: queued as 4F2", Verdict.ACCEPTED),
        (Stage.RCPT, 251, "2.1.5 User not local; will forward", Verdict.ACCEPTED),
        (Stage.DATA, 354, "End data with <CR><LF>.<CR><LF>", Verdict.ACCEPTED),
        # Only RCPT speaks of the member.
        (Stage.RCPT, 550, "5.1.1 No such user", Verdict.REFUSED),
        (Stage.RCPT, 552, "5.2.2 Mailbox full", Verdict.REFUSED),
        (Stage.RCPT, 452, "4.2.2 Mailbox full", Verdict.DEFERRED),
        (Stage.RCPT, 450, "4.2.0 Greylisted, try again in 300 seconds", Verdict.DEFERRED),
        (Stage.RCPT, 450, "4.7.1 Greylisting in action, please come back later", Verdict.DEFERRED),
        (Stage.RCPT, 451, "4.7.1 Postgrey: deferred", Verdict.DEFERRED),
        (Stage.RCPT, 501, "5.1.3 Bad recipient address syntax", Verdict.REFUSED),
        # The dot speaks of the message.
        (Stage.DOT, 554, "5.6.0 Message content rejected", Verdict.REFUSED),
        (Stage.DOT, 552, "5.3.4 Message too big for system", Verdict.REFUSED),
        (Stage.DOT, 550, "5.7.26 This mail is unauthenticated", Verdict.REFUSED),
        (Stage.DOT, 550, "5.7.27 SPF check of the sender did not pass", Verdict.REFUSED),
        (Stage.DOT, 550, "5.7.30 DKIM check did not pass", Verdict.REFUSED),
        (Stage.DOT, 550, "5.7.515 Access denied, authentication level not met", Verdict.REFUSED),
        (Stage.DOT, 451, "4.3.0 Temporary lookup failure", Verdict.DEFERRED),
        (Stage.DOT, 421, "4.3.0 Try again later, closing connection", Verdict.DEFERRED),
        (Stage.DATA, 554, "5.5.1 No valid recipients", Verdict.REFUSED),
        # Everything before RCPT speaks of the relay.
        (Stage.CONNECT, 554, "5.7.1 You are on a blocklist", Verdict.RELAY_DOWN),
        (Stage.CONNECT, 421, "Too many connections", Verdict.RELAY_DOWN),
        (Stage.CONNECT, 535, "5.7.8 Bad credentials", Verdict.RELAY_DOWN),
        (Stage.MAIL, 553, "5.7.1 Sender address rejected: not owned by user", Verdict.RELAY_DOWN),
        (Stage.MAIL, 452, "4.5.3 Too many messages", Verdict.RELAY_DOWN),
        # Quota, rate and sender codes speak of the relay wherever they come.
        (Stage.RCPT, 550, "5.4.5 Daily user sending limit exceeded", Verdict.RELAY_DOWN),
        (Stage.DOT, 554, "5.7.60 SMTP; Client does not have permissions to send as this sender", Verdict.RELAY_DOWN),
        (Stage.DOT, 554, "5.2.0 STOREDRV.Submission.Exception:SendAsDeniedException", Verdict.RELAY_DOWN),
        (Stage.DATA, 451, "4.3.2 System not accepting messages", Verdict.RELAY_DOWN),
        (Stage.RCPT, 452, "4.3.1 Insufficient system storage", Verdict.RELAY_DOWN),
        (Stage.DOT, 450, "4.7.28 Unusual rate of mail", Verdict.RELAY_DOWN),
        (Stage.DOT, 451, "4.7.24 The SPF record of the sending domain has a suspicious entry", Verdict.RELAY_DOWN),
        (Stage.RCPT, 451, "4.7.500 Server busy", Verdict.RELAY_DOWN),
        (Stage.RCPT, 421, "4.7.0 Try again later", Verdict.RELAY_DOWN),
        # A relay that does not know us would refuse every member.
        (Stage.RCPT, 554, "5.7.1 <a@b.example>: Relay access denied", Verdict.RELAY_DOWN),
        (Stage.RCPT, 550, "5.7.54 Unable to relay recipient in non-accepted domain", Verdict.RELAY_DOWN),
        (Stage.RCPT, 530, "5.7.0 Authentication required", Verdict.RELAY_DOWN),
        (Stage.DATA, 503, "5.5.1 Bad sequence of commands", Verdict.RELAY_DOWN),
    ],
)
def test_d19_a_reply_is_judged_by_its_stage_and_its_code(stage: Stage, code: int, text: str, verdict: Verdict) -> None:
    assert judge(stage, code, text) == Outcome(verdict, stage, code, text)


@pytest.mark.parametrize("stage", [Stage.CONNECT, Stage.MAIL, Stage.RCPT, Stage.DATA])
def test_a_reply_out_of_place_before_the_dot_leaves_the_row_pending(stage: Stage) -> None:
    assert judge(stage, 334, "").verdict is Verdict.RELAY_DOWN
    assert judge(stage, -1, "nonsense").verdict is Verdict.RELAY_DOWN


def test_a_yes_to_data_that_does_not_ask_for_the_message_is_out_of_place() -> None:
    assert judge(Stage.DATA, 250, "Ok").verdict is Verdict.RELAY_DOWN


@pytest.mark.parametrize("code", [-1, 354, 399, 600])
def test_a_reply_out_of_place_after_the_dot_leaves_the_row_in_doubt(code: int) -> None:
    assert judge(Stage.DOT, code, "").verdict is Verdict.IN_DOUBT


@given(
    st.sampled_from([one for one in Stage if one is not Stage.WRITING]),
    st.integers(min_value=-1, max_value=999),
    st.text(max_size=40),
)
def test_only_a_2xx_accepts_a_message_and_only_a_reply_to_rcpt_data_or_dot_refuses_one(
    stage: Stage, code: int, text: str
) -> None:
    verdict = judge(stage, code, text).verdict
    if stage is Stage.DOT:
        assert (verdict is Verdict.ACCEPTED) == (200 <= code < 300)
    if verdict is Verdict.REFUSED:
        assert stage in (Stage.RCPT, Stage.DATA, Stage.DOT)
        assert code >= 500
    assert (verdict is Verdict.IN_DOUBT) <= (stage is Stage.DOT)


def test_the_enhanced_code_is_read_from_the_beginning_only() -> None:
    assert judge(Stage.RCPT, 550, " 5.1.10 RESOLVER.ADR.RecipientNotFound").enhanced == "5.1.10"
    assert judge(Stage.RCPT, 550, "No such user (5.1.1)").enhanced is None
    assert judge(Stage.RCPT, 550, "5.1.1000 x").enhanced is None


def test_the_connection_is_kept_after_a_verdict_and_given_up_after_a_421() -> None:
    assert judge(Stage.RCPT, 550, "5.1.1 No such user").keep_connection
    assert judge(Stage.DOT, 250, "Ok").keep_connection
    assert not judge(Stage.DOT, 421, "Closing").keep_connection
    assert not judge(Stage.MAIL, 550, "No").keep_connection
