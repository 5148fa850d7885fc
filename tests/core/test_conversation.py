"""What a relay may say, well behaved or not, and what becomes of each message."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.core.conversation import Conversation, Patience
from service.core.parcels import Answered, Event, Parcel, Ready, Unsent
from service.core.smtp_replies import LONGEST
from service.core.verdicts import Outcome, Stage, Verdict

OK = "250 2.0.0 Ok\r\n"
GO = "354 Go on\r\n"
ENVELOPE = OK + OK + GO


def parcel(number: int) -> Parcel:
    said = f"MAIL FROM:<vie@passerelles.example>\r\nRCPT TO:<m{number}@membre.example>\r\nDATA\r\n".encode()
    body = [b"Subject: %d\r\n" % number, b"\r\nBonjour\r\n"]
    return Parcel(number, said, body, sum(map(len, body)))


def whole(number: int) -> bytes:
    """The body of a parcel."""
    return b"".join(parcel(number).body)


def outgoing(conversation: Conversation) -> bytes:
    """What is to be written; in pieces it is the same, until some of it is."""
    pieces = b"".join(conversation.pieces)
    data = bytes(conversation.outgoing)
    assert pieces in (b"", data)
    return data


@dataclass
class Client:
    """A conversation, the parcels it may send, and what it made of them."""

    conversation: Conversation
    waiting: list[Parcel]
    fate: dict[int, Outcome | None] = field(default_factory=dict)
    wrote: bytes = b""

    def go(self) -> bytes:
        """Say what may be said, and return what goes to the wire."""
        if self.waiting and self.conversation.wants_parcel:
            self.conversation.offer(self.waiting.pop(0))
        data = outgoing(self.conversation)
        self.conversation.wrote(len(data))
        self.wrote += data
        return data

    def hear(self, said: str) -> None:
        self.note(self.conversation.receive(said.encode()))

    def note(self, events: Iterable[Event]) -> None:
        for event in events:
            match event:
                case Ready(ready):
                    self.conversation.deliver(ready)
                case Answered(number, outcome):
                    self.fate[number] = outcome
                case Unsent(number):
                    self.fate[number] = None

    def verdicts(self) -> dict[int, Verdict | None]:
        return {number: outcome.verdict if outcome else None for number, outcome in self.fate.items()}


def client(count: int, *, pipelining: bool = True) -> Client:
    return Client(Conversation(pipelining=pipelining), [parcel(number) for number in range(1, count + 1)])


def test_body_and_next_envelope_leave_in_one_write() -> None:
    one = client(2)
    assert one.go().endswith(b"<m1@membre.example>\r\nDATA\r\n")
    one.hear(ENVELOPE)
    assert one.go() == whole(1) + b".\r\n" + parcel(2).envelope
    one.hear(OK + ENVELOPE)
    assert one.go() == whole(2) + b".\r\n"
    one.hear(OK)
    assert one.verdicts() == {1: Verdict.ACCEPTED, 2: Verdict.ACCEPTED}
    one.conversation.quit()
    assert one.go() == b"QUIT\r\n"


def test_d20_where_mails_are_kept_apart_no_envelope_follows_a_body_before_its_answer() -> None:
    one = Client(Conversation(pipelining=True, apart=True), [parcel(1), parcel(2)])
    assert one.go() == parcel(1).envelope
    one.hear(ENVELOPE)
    assert one.go() == whole(1) + b".\r\n"
    assert not one.conversation.wants_parcel
    one.hear(OK)
    assert one.go() == parcel(2).envelope


def test_without_pipelining_each_command_waits_for_its_reply() -> None:
    one = client(2, pipelining=False)
    said = [one.go()]
    for reply in (OK, OK, GO, OK):
        one.hear(reply)
        said.append(one.go())
    commands = [
        b"MAIL FROM:<vie@passerelles.example>\r\n",
        b"RCPT TO:<m1@membre.example>\r\n",
        b"DATA\r\n",
        whole(1) + b".\r\n",
    ]
    assert said == [*commands, b"MAIL FROM:<vie@passerelles.example>\r\n"]


@pytest.mark.parametrize("pipelining", [True, False])
def test_a_refused_recipient_costs_a_reset_and_nothing_else(pipelining: bool) -> None:
    one = client(2, pipelining=pipelining)
    one.go()
    one.hear(OK)
    one.go()
    one.hear("550 5.1.1 No such user\r\n")
    if pipelining:
        one.hear("503 5.5.1 No recipient\r\n")
    one.go()
    for reply in (OK, OK, OK, GO):
        one.hear(reply)
        one.go()
    one.hear(OK)
    assert one.verdicts() == {1: Verdict.REFUSED, 2: Verdict.ACCEPTED}
    assert b"RSET\r\nMAIL FROM:<vie@passerelles.example>\r\n" in one.wrote
    assert whole(1) not in one.wrote


def test_a_relay_that_takes_data_without_a_recipient_gets_a_lone_dot_whose_reply_is_no_verdict() -> None:
    one = client(2)
    one.go()
    one.hear(OK + "550 5.1.1 No such user\r\n" + GO)
    assert one.go().startswith(b".\r\nRSET\r\nMAIL")
    one.hear(OK + OK + ENVELOPE)
    one.go()
    one.hear(OK)
    assert one.verdicts() == {1: Verdict.REFUSED, 2: Verdict.ACCEPTED}
    assert whole(1) not in one.wrote


def test_503_after_a_refused_sender_is_no_verdict_on_the_member() -> None:
    one = client(1)
    one.go()
    one.hear("451 4.3.0 Not now\r\n503 5.5.1 No sender\r\n503 5.5.1 No recipient\r\n")
    assert (one.fate[1] and one.fate[1].stage, one.verdicts()[1]) == (Stage.MAIL, Verdict.RELAY_DOWN)


@pytest.mark.parametrize("cut", range(1, len(OK + ENVELOPE)))
def test_replies_may_be_cut_anywhere(cut: int) -> None:
    one, replies = client(2), OK + ENVELOPE
    one.go()
    one.hear(ENVELOPE)
    one.go()
    one.hear(replies[:cut])
    one.hear(replies[cut:])
    assert one.go().startswith(whole(2))


def test_a_multi_line_reply_is_one_reply_and_kept_whole() -> None:
    one = client(1)
    one.go()
    one.hear(ENVELOPE)
    one.go()
    one.hear("250-2.0.0 Kept\r\n250 as 4")
    assert one.fate == {}
    one.hear("2\r\n")
    assert (one.verdicts()[1], one.fate[1] and one.fate[1].text) == (Verdict.ACCEPTED, "2.0.0 Kept\nas 42")


def test_421_to_the_dot_puts_off_that_message_and_the_next_is_as_if_untried() -> None:
    one = client(2)
    one.go()
    one.hear(ENVELOPE)
    one.go()
    one.hear("421 4.3.2 Closing\r\n")
    assert one.conversation.patience is Patience.FAREWELL
    one.note(one.conversation.lost("closed"))
    assert one.verdicts() == {1: Verdict.DEFERRED, 2: None}


def test_421_and_then_250_to_the_same_dot_is_a_doubt() -> None:
    one = client(2)
    one.go()
    one.hear(ENVELOPE)
    one.go()
    one.hear("421 4.3.2 Closing\r\n" + OK)
    assert one.verdicts() == {1: Verdict.IN_DOUBT, 2: None}


def test_an_idle_relay_that_takes_leave_while_the_body_leaves_never_had_it() -> None:
    one = client(1)
    one.go()
    one.hear(ENVELOPE)
    one.conversation.wrote(10)  # of the body; the dot is still ours
    one.hear("421 4.4.2 Idle for too long\r\n")
    assert one.verdicts() == {1: None}


def test_a_body_refused_before_its_end_is_refused_and_no_dot_follows() -> None:
    one = client(2)
    one.go()
    one.hear(ENVELOPE)
    one.conversation.wrote(10)
    one.hear("552 5.3.4 Too large\r\n")
    assert one.verdicts() == {1: Verdict.REFUSED}
    assert one.conversation.ended is not None


@pytest.mark.parametrize(("given", "verdict"), [(False, None), (True, Verdict.IN_DOUBT)])
def test_a_line_lost_before_the_dot_was_given_leaves_no_doubt(given: bool, verdict: Verdict | None) -> None:
    one = client(1)
    one.go()
    one.hear(ENVELOPE)
    left = one.conversation.before_the_dot_ends
    assert left is not None
    one.conversation.wrote(left if given else left - 1)
    one.note(one.conversation.lost("reset by peer"))
    assert one.verdicts() == {1: verdict}


def test_a_write_that_may_have_taken_the_dot_is_a_doubt() -> None:
    one = client(1)
    one.go()
    one.hear(ENVELOPE)
    one.conversation.trying(len(one.conversation.outgoing))
    one.note(one.conversation.lost("TLS error"))
    assert one.verdicts() == {1: Verdict.IN_DOUBT}


def test_an_extra_reply_casts_a_doubt_on_the_message_before_it_and_pipelining_is_not_trusted_again() -> None:
    one = client(3)
    one.go()
    one.hear(ENVELOPE)
    one.go()
    one.hear(OK + OK + ENVELOPE)  # one 250 too many: DATA seems to be answered by 250
    assert one.verdicts() == {1: Verdict.IN_DOUBT, 2: None}
    assert one.conversation.distrusted
    assert not one.conversation.wants_parcel


def test_a_relay_that_drops_what_was_pipelined_is_met_one_command_at_a_time() -> None:
    one = client(2)
    one.go()
    one.hear(ENVELOPE)
    one.go()
    one.hear(OK)
    assert one.conversation.patience is Patience.BEHIND_A_DOT
    one.note(one.conversation.stalled("silence"))
    assert one.verdicts() == {1: Verdict.ACCEPTED, 2: None}
    assert one.conversation.distrusted


def test_a_relay_that_closes_after_its_share_of_messages_is_trusted() -> None:
    one = client(2)
    one.go()
    one.hear(ENVELOPE)
    one.go()
    one.hear(OK)
    one.note(one.conversation.lost("closed"))
    assert one.verdicts() == {1: Verdict.ACCEPTED, 2: None}
    assert not one.conversation.distrusted


@pytest.mark.parametrize(
    "said", ["hello\r\n", "25 0\r\n", "250-a\r\n251 b\r\n", "250-x\r\n" * 4000, "2" * (LONGEST + 1)]
)
def test_what_is_no_reply_ends_the_connection_and_casts_the_doubt(said: str) -> None:
    one = client(2)
    one.go()
    one.hear(ENVELOPE)
    one.go()
    one.hear(said)
    assert one.verdicts() == {1: Verdict.IN_DOUBT, 2: None}


@dataclass
class Relay:
    """A relay that keeps the rules and answers at random; it knows which messages it took."""

    replies: list[int]
    rest: bytes = b""
    mail: bool = False
    rcpt: str = ""
    in_data: bool = False
    took: list[int] = field(default_factory=list)

    def next_is_yes(self) -> bool:
        return not self.replies or self.replies.pop() > 0

    def hear(self, data: bytes) -> str:
        self.rest += data
        said = ""
        while True:
            end = b"\r\n.\r\n" if self.in_data else b"\r\n"
            if self.in_data and self.rest.startswith(b".\r\n"):
                body, self.rest = b"", self.rest[3:]
            elif end in self.rest:
                body, _, self.rest = self.rest.partition(end)
            else:
                return said
            said += self.dot(body) if self.in_data else self.obey(body.decode())

    def dot(self, body: bytes) -> str:
        self.in_data = False
        number = int(body.partition(b": ")[2].partition(b"\r")[0] or 0)
        yes = bool(self.rcpt) and self.next_is_yes()
        if yes:
            self.took.append(number)
        self.mail, self.rcpt = False, ""
        return OK if yes else "451 4.3.0 Later\r\n"

    def obey(self, command: str) -> str:
        match command.split()[0]:
            case "RSET":
                self.mail, self.rcpt = False, ""
                return OK
            case "MAIL" if not self.mail:
                self.mail = True
                return OK
            case "RCPT" if self.mail:
                self.rcpt = command if self.next_is_yes() else ""
                return OK if self.rcpt else "450 4.2.0 Grey\r\n"
            case "DATA" if self.mail and (self.rcpt or self.next_is_yes()):
                self.in_data = True
                return GO
            case _:
                return "503 5.5.1 Bad sequence\r\n"


@settings(max_examples=300, deadline=None)
@given(
    answers=st.lists(st.integers(0, 3), max_size=30),
    pieces=st.lists(st.integers(1, 60), min_size=1, max_size=200),
    pipelining=st.booleans(),
    lost_after=st.integers(0, 120),
)
def test_whatever_a_relay_answers_and_wherever_the_line_breaks_nobody_is_wrongly_called_sent_or_unsent(
    answers: list[int], pieces: list[int], pipelining: bool, lost_after: int
) -> None:
    one, relay = client(6, pipelining=pipelining), Relay(answers)
    said, turn = "", 0
    for turn in range(lost_after):
        if one.waiting and one.conversation.wants_parcel:
            one.conversation.offer(one.waiting.pop(0))
        size = pieces[turn % len(pieces)]
        data = outgoing(one.conversation)[:size]
        one.conversation.wrote(len(data))
        said += relay.hear(data)
        heard, said = said[:size], said[size:]
        one.hear(heard)
    one.note(one.conversation.lost("gone"))
    assert len(relay.took) == len(set(relay.took))
    for number in range(1, 7):
        verdict = one.verdicts().get(number)
        if verdict is Verdict.ACCEPTED:
            assert number in relay.took
        elif verdict is not Verdict.IN_DOUBT:
            assert number not in relay.took
    assert list(one.verdicts().values()).count(Verdict.IN_DOUBT) <= 1


@settings(max_examples=300, deadline=None)
@given(
    st.lists(st.sampled_from([OK, GO, "421 x\r\n", "550 x\r\n", "450 x\r\n", "250-x\r\n", "x\r\n"]), max_size=40),
    st.booleans(),
)
def test_whatever_nonsense_comes_no_body_leaves_before_its_354_and_nothing_breaks(
    said: list[str], pipelining: bool
) -> None:
    one = client(5, pipelining=pipelining)
    invitations = 0
    for reply in said:
        one.go()
        invitations += reply == GO
        one.hear(reply)
        assert one.wrote.count(b"Subject:") <= invitations
    one.go()
    one.note(one.conversation.lost("gone"))
    told = set(one.fate)
    offered = {number for number in range(1, 6) if parcel(number) not in one.waiting}
    assert told == offered
