"""What is written down around each final dot is read again, whatever is missing at the end."""

from __future__ import annotations

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from service.core import send_log
from service.core.send_log import Leg
from service.core.verdicts import Outcome, Stage, Verdict

LEGS = st.builds(Leg, st.integers(1, 2**63 - 1), st.integers(1, 1000))
OUTCOMES = st.builds(
    Outcome, st.sampled_from(Verdict), st.sampled_from(Stage), st.none() | st.integers(200, 599), st.text(max_size=300)
)
ACTS = st.lists(st.tuples(LEGS, st.none() | OUTCOMES), max_size=30, unique_by=lambda act: act[0])


def written(acts: list[tuple[Leg, Outcome | None]]) -> list[bytes]:
    records = []
    for leg, outcome in acts:
        records.append(send_log.handed(leg))
        if outcome is not None:
            records.append(send_log.answered(leg, outcome))
    return records


@given(ACTS)
def test_a_log_tells_what_was_written(acts: list[tuple[Leg, Outcome | None]]) -> None:
    story = send_log.read(b"".join(written(acts)) + bytes(5000))
    assert story.whole
    assert set(story.outcomes) == {leg for leg, _ in acts}
    for leg, outcome in acts:
        told = story.outcomes[leg]
        assert (told is None) == (outcome is None)
        if told is not None and outcome is not None:
            assert (told.verdict, told.stage, told.code) == (outcome.verdict, outcome.stage, outcome.code or None)


@given(ACTS, st.data())
def test_a_log_cut_anywhere_tells_no_more_than_was_written_and_says_that_it_is_torn(
    acts: list[tuple[Leg, Outcome | None]], data: st.DataObject
) -> None:
    records = written(acts)
    content = b"".join(records)
    cut = data.draw(st.integers(0, len(content)))
    story = send_log.read(content[:cut])
    between_two_records = cut in {len(b"".join(records[:number])) for number in range(len(records) + 1)}
    assert story.whole is between_two_records
    known = dict(acts)
    assert all(leg in known for leg in story.outcomes)
    assert all(outcome is None or known[leg] is not None for leg, outcome in story.outcomes.items())


@given(ACTS, st.data())
def test_a_flipped_bit_never_makes_an_answer(acts: list[tuple[Leg, Outcome | None]], data: st.DataObject) -> None:
    content = bytearray(b"".join(written(acts)))
    if content:
        place = data.draw(st.integers(0, len(content) - 1))
        content[place] ^= 1 << data.draw(st.integers(0, 7))
    known = dict(acts)
    for leg, outcome in send_log.read(bytes(content)).outcomes.items():
        assert leg in known
        assert outcome is None or known[leg] is not None


def test_the_last_word_on_a_message_counts() -> None:
    leg = Leg(7, 2)
    yes = send_log.answered(leg, Outcome(Verdict.ACCEPTED, Stage.DOT, 250, "2.0.0 Ok"))
    doubt = send_log.answered(leg, Outcome(Verdict.IN_DOUBT, Stage.DOT, None, "out of place"))
    told = send_log.read(send_log.handed(leg) + yes + doubt).outcomes[leg]
    assert told is not None
    assert told.verdict is Verdict.IN_DOUBT


def test_an_attempt_under_another_epoch_is_another_leg() -> None:
    story = send_log.read(send_log.handed(Leg(7, 1)) + send_log.unsent(Leg(7, 1)) + send_log.handed(Leg(7, 2)))
    assert set(story.outcomes) == {Leg(7, 1), Leg(7, 2)}
    assert story.unsent == {Leg(7, 1)}


def test_a_message_that_came_back_unsent_and_left_again_was_handed_over() -> None:
    leg = Leg(7, 1)
    story = send_log.read(send_log.handed(leg) + send_log.unsent(leg) + send_log.handed(leg))
    assert story.outcomes == {leg: None}
    assert story.unsent == frozenset()


def test_r13_a_log_of_a_former_version_is_read() -> None:
    """A process dies under the one and its log is taken in by the other: these bytes never change their meaning."""
    content = bytes.fromhex(
        "9e211158 0000 01 0700000000000000 02000000 0000"  # handed
        "46dac926 0f00 02 0700000000000000 02000000 fa00 05 322e302e30204f6b20c3a974c3a9"  # accepted
        "c6e71188 0000 01 0800000000000000 01000000 0000"
        "3433ebaa 0000 07 0800000000000000 01000000 0000"  # unsent
        "b0061e15 0000 01 0900000000000000 01000000 0000"
    )
    assert send_log.read(content + bytes(100)) == send_log.Story(
        outcomes={
            Leg(7, 2): Outcome(Verdict.ACCEPTED, Stage.DOT, 250, "2.0.0 Ok été"),
            Leg(8, 1): None,
            Leg(9, 1): None,
        },
        unsent=frozenset({Leg(8, 1)}),
    )


@given(st.datetimes(datetime(1971, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC)))  # noqa: DTZ001 (Hypothesis wants them naive)
def test_an_answer_has_the_instant_that_was_written_before_it(at: datetime) -> None:
    first, second, third = (Leg(number, 1) for number in (1, 2, 3))
    yes = Outcome(Verdict.ACCEPTED, Stage.DOT, 250, "2.0.0 Ok")
    content = b"".join(
        [
            send_log.answered(first, yes),
            send_log.heard(at),
            send_log.handed(second),
            send_log.answered(second, yes),
            send_log.answered(third, yes),
        ]
    )
    story = send_log.read(content)
    assert story.whole
    assert [outcome and outcome.at for outcome in story.outcomes.values()] == [None, at, at]
    assert set(story.outcomes) == {first, second, third}
