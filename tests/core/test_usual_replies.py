"""What a relay nearly always says is taken at once, as it would be reply by reply."""

from __future__ import annotations

from hypothesis import example, given, settings
from hypothesis import strategies as st

from service.core.conversation import Conversation
from service.core.parcels import Ready
from service.core.smtp_replies import LONGEST, ReplyReader
from tests.core.test_conversation import ENVELOPE, GO, OK, parcel


class OneByOne(ReplyReader):
    """A reader that never takes four replies at once."""

    def all_yes(self, data: bytes) -> bytes | None:
        return None


USUAL = (OK + ENVELOPE).encode()
# One reply more than is owed; words that look like an end, a longer reply, a NUL, no UTF-8; a reply that is too long.
NEARLY_USUAL = [
    USUAL + OK.encode(),
    b"250 a\r\r\n250 b\r250 c\r\n250 \r\r\n354 \r\r\n",
    b"250-a\r\n" + USUAL,
    b"250 \0\xff\r\n250 b\r\n250 c\r\n354 d\r\n",
    b"250 " + b"x" * LONGEST + b"\r\n250 b\r\n250 c\r\n354 d\r\n",
]


@st.composite
def what_is_said(draw: st.DrawFn) -> bytes:
    """What a relay may say in one breath: the usual four replies, these with one octet changed or cut short, others."""
    kind = draw(st.sampled_from(["usual", "usual", "changed", "cut", "nearly", "others"]))
    at = draw(st.integers(0, len(USUAL) - 1))
    match kind:
        case "changed":
            octet = draw(st.sampled_from([b"", *(bytes([octet]) for octet in b"\r\n -\0.12345x\xff")]))
            return USUAL[:at] + octet + USUAL[at + draw(st.integers(0, 1)) :]
        case "cut":
            return draw(st.sampled_from([USUAL[:at], USUAL[at:]]))
        case "nearly":
            return draw(st.sampled_from(NEARLY_USUAL))
        case "others":
            replies = st.sampled_from(
                [OK, GO, "252 x\r\n", "421 x\r\n", "550 x\r\n", "450 x\r\n", "250-x\r\n", "x\r\n"]
            )
            return "".join(draw(st.lists(replies, max_size=5))).encode()
        case _:
            return USUAL


@settings(max_examples=300, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 400), what_is_said()), max_size=8), st.booleans())
@example([(400, b"250-a\r\n"), (400, USUAL)], True)
@example([(400, b"25"), (400, USUAL)], True)
@example([(10, USUAL)], True)
def test_what_is_nearly_always_said_is_taken_at_once_as_it_would_be_one_by_one(
    turns: list[tuple[int, bytes]], pipelining: bool
) -> None:
    quick, slow = Conversation(pipelining=pipelining), Conversation(pipelining=pipelining)
    slow._reader = OneByOne()
    for number, (size, said) in enumerate([(400, ENVELOPE.encode()), *turns]):
        told = []
        for one in (quick, slow):
            if one.wants_parcel:
                one.offer(parcel(number))
            one.trying(min(size + 5, len(one.outgoing)))
            one.wrote(min(size, len(one.outgoing)))
            events = one.receive(said)
            for event in events:
                if isinstance(event, Ready) and one.ended is None:
                    one.deliver(event.parcel)
            told.append((events, state_of(one)))
        assert told[0] == told[1]


def state_of(one: Conversation) -> dict[str, object]:
    return {**vars(one), "_reader": vars(one._reader)}
