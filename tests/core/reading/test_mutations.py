"""Two thousand damaged or hostile forms of our samples are read, each to an end, into what both databases can keep (R16)."""

from __future__ import annotations

import unicodedata

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from service.core.reading import authentication, copies
from service.core.reading.content import Content, understand
from service.core.reading.ours import Ours
from service.core.vocabulary import InboundKind
from tests.mutations import MUTATIONS, SAMPLES, mutated

OURS = Ours(frozenset({"vie@passerelles.example"}), frozenset({"passerelles.example"}))
STEPS = st.lists(st.tuples(st.sampled_from(sorted(MUTATIONS)), st.integers(0, 2**32)), min_size=1, max_size=3)


@settings(max_examples=2_000, deadline=None, suppress_health_check=list(HealthCheck))
@given(sample=st.sampled_from(sorted(SAMPLES)), steps=STEPS)
def test_r16_whatever_became_of_a_mail_it_is_read_to_its_end_and_can_be_kept(
    sample: str, steps: list[tuple[str, int]]
) -> None:
    raw = mutated(SAMPLES[sample], steps)
    content = understand(raw, OURS)
    assert content.message is not None
    assert content.recognised.kind in InboundKind
    assert content.recognised.kind is not InboundKind.UNREADABLE or content.recognised.reason
    for text in texts(content):
        assert "\0" not in text
        text.encode()
        assert unicodedata.is_normalized("NFC", text)
    for line in lines(content):
        assert len(line.splitlines()) <= 1, "S9: no header of ours gets a second line from it"
    assert len(copies.key(content.message)) in (0, 64)
    assert copies.key_of_bytes(raw) == copies.key(content.message), "R8: a copy that nobody can read is still known"
    authentication.of(content.message, "mx.passerelles.example")


def texts(content: Content) -> list[str]:
    reply = content.reply
    said = [text for one in content.reported for text in (one.reason, one.words)]
    return [reply.reply, reply.signature, reply.quoted, content.recognised.reason, *said, *lines(content)]


def lines(content: Content) -> list[str]:
    message = content.message
    if message is None:
        return []
    ids = [message.message_id, message.in_reply_to, *message.references]
    told = [text for one in content.reported for text in (one.address, one.status, one.envelope_id)]
    told += [*content.returned_to, *content.returned_ids, *content.relay_names]
    return [message.from_address, message.from_name, message.subject, *message.recipients, *ids, *told]
