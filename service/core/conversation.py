"""What is said on one SMTP connection after its greeting, and what does each reply mean? A machine without a wire.

It follows RFC 5321 and, where the relay offers it, RFC 2920 (pipelining): the body of one message and the envelope of
the next leave in one write, and replies are matched by their position.
"""

from __future__ import annotations

from collections import deque
from enum import Enum, auto

from service.core.parcels import Answered, Event, Parcel, Ready, Unsent
from service.core.smtp_replies import Malformed, ReplyReader
from service.core.verdicts import Outcome, Stage, Verdict, judge


class Patience(Enum):
    """How long a relay may be silent, by what it owes us: nothing; a command (RFC 5321 4.5.3.2); its word on a whole
    message; the envelope that was written behind one; the rest of its farewell."""

    ENDLESS = auto()
    COMMAND = auto()
    DOT = auto()
    BEHIND_A_DOT = auto()
    FAREWELL = auto()


class Step(Enum):
    """What a reply that is still to come will answer."""

    RSET = auto()
    MAIL = auto()
    RCPT = auto()
    DATA = auto()
    DOT = auto()
    LONE_DOT = auto()
    QUIT = auto()


# How the reason begins when a relay said what fits nothing that was asked; its words follow.
OUT_OF_PLACE = "A reply out of place: "

_ENVELOPE = [Step.MAIL, Step.RCPT, Step.DATA]
# What a relay that pipelines nearly always owes us: its word on a whole message, and on the envelope behind it.
_USUAL = [Step.DOT, *_ENVELOPE]


class Conversation:
    """One connection: `offer` an envelope, `deliver` its body when it is `Ready`, write `outgoing` or its `pieces`, and
    `receive` replies."""

    def __init__(self, *, pipelining: bool, apart: bool = False) -> None:
        self.pipelining = pipelining
        # Whether no envelope follows a body before its dot is answered, although the relay pipelines.
        self._apart = apart
        # The relay did what a client that counts replies must not meet twice.
        self.distrusted = False
        # Why the connection is of no use any more; None while it is.
        self.ended: str | None = None
        # How many replies were whole: a relay that speaks byte by byte has not answered.
        self.heard = 0
        self._reader = ReplyReader()
        self._events: list[Event] = []
        self._expected: list[Step] = []
        self._unsaid: deque[Step] = deque()
        # Whether there are bytes to write; asked several times a mail.
        self.has_outgoing = False
        self._out: list[bytes] = []  # joined only where they cannot leave as they are
        # Bytes over the whole connection: queued, taken by the kernel, perhaps taken (TLS), and the end of the dot.
        self._queued = self._written = self._tried = self._dot_end = 0
        self._emptied = 0  # how many were written when there was nothing left to write
        self._next: Parcel | None = None  # its envelope is said
        self._leaving: Parcel | None = None  # its body leaves, or the reply to its dot is awaited
        self._answered: int | None = None  # answered, and no later reply has shown yet that we count right
        self._refusal: Outcome | None = None
        self._farewell: Outcome | None = None
        self._must_reset = self._has_quit = False

    @property
    def awaiting(self) -> Step | None:
        """What the next reply answers; None when the relay owes us nothing."""
        return self._expected[0] if self._expected else None

    @property
    def wants_parcel(self) -> bool:
        """Whether the envelope of another message may be said now."""
        if self._next is not None or self.ended is not None or self._farewell is not None or self._has_quit:
            return False
        return (self.pipelining and not self._apart) or not self._expected

    @property
    def patience(self) -> Patience:
        """How long the relay may be silent now."""
        if self._farewell is not None:
            return Patience.FAREWELL
        if not self._expected:
            return Patience.ENDLESS
        if self._expected[0] is Step.DOT:
            return Patience.DOT
        if self.pipelining and self._answered is not None and self._expected[0] in (Step.MAIL, Step.RSET):
            return Patience.BEHIND_A_DOT
        return Patience.COMMAND

    @property
    def pieces(self) -> list[bytes]:
        """The bytes to write now, as they were made, as long as none of them is written; else nothing."""
        return self._out if self._written == self._emptied else []

    @property
    def outgoing(self) -> memoryview:
        """The bytes to write now."""
        if len(self._out) != 1:
            self._out = [b"".join(self._out)]
        out = self._out[0]
        return memoryview(out)[len(out) - (self._queued - self._written) :]

    @property
    def before_the_dot_ends(self) -> int | None:
        """How many of the outgoing bytes may be written before a final dot is complete; None when none is on its way."""
        left = self._dot_end - self._written
        return left if left > 0 else None

    def offer(self, parcel: Parcel) -> None:
        """Say the envelope of a message: all of it at once where the relay pipelines, else command by command."""
        if not self.wants_parcel:
            raise RuntimeError(f"The envelope of delivery {parcel.id} was offered out of turn; ask wants_parcel first.")
        self._next, self._refusal = parcel, None
        if not self.pipelining:
            self._unsaid += [Step.RSET, *_ENVELOPE] if self._must_reset else _ENVELOPE
            self._speak()
        else:
            if self._must_reset:
                self._write(b"RSET\r\n")
                self._expected.append(Step.RSET)
            self._write(parcel.envelope)
            self._expected += _ENVELOPE
        self._must_reset = False

    def deliver(self, parcel: Parcel) -> None:
        """Let the body of a message leave, its final dot included; only after `Ready`."""
        if parcel is not self._next or self._expected or self._unsaid:
            raise RuntimeError(f"The body of delivery {parcel.id} was delivered out of turn; wait for Ready.")
        self._next, self._leaving = None, parcel
        self._out += parcel.body
        self._out.append(b".\r\n")
        self._dot_end = self._queued = self._queued + parcel.octets + 3
        self.has_outgoing = True
        self._expected.append(Step.DOT)

    def quit(self) -> None:
        """Take leave, when the relay owes us nothing."""
        if not self._expected and self._next is None and self.ended is None:
            self._write(b"QUIT\r\n")
            self._expected.append(Step.QUIT)
            self._has_quit = True

    def trying(self, count: int) -> None:
        """Note that a write of so many bytes begins which may take some even if it fails (TLS)."""
        self._tried = max(self._tried, self._written + count)

    def wrote(self, count: int) -> None:
        """Note how many bytes the kernel took."""
        self._written += count
        if self._written == self._queued:
            self._out, self._emptied = [], self._written
            self.has_outgoing = False

    def receive(self, data: bytes) -> list[Event]:
        """Read what the relay said; nothing more is read from a connection that has ended."""
        leaving, following = self._leaving, self._next
        if self._expected == _USUAL and leaving is not None and following is not None and self._dot_was_given:
            text = self._reader.all_yes(data)
            if text is not None:
                return self._usual(leaving, text, following)
        try:
            for code, text in self._reader.feed(data):
                self.heard += 1
                if self.ended is None:
                    self._take(code, text)
        except Malformed as error:
            if self.ended is None:
                self._out_of_place(str(error))
        return self._told()

    def lost(self, why: str) -> list[Event]:
        """The connection is gone, or given up: say what became of each message on it."""
        if self.ended is None:
            self._lose(why)
        return self._told()

    def stalled(self, why: str) -> list[Event]:
        """The relay has been silent for too long; after a dot it may have dropped what was pipelined behind it."""
        if self.patience is Patience.BEHIND_A_DOT:
            self.distrusted = True
        return self.lost(why)

    @property
    def _dot_was_given(self) -> bool:
        return max(self._written, self._tried) >= self._dot_end

    def _usual(self, leaving: Parcel, text: bytes, following: Parcel) -> list[Event]:
        """Take four replies at once as `_take` would one by one: yes to a dot, and to the envelope behind it."""
        self.heard += len(self._expected)
        self._expected.clear()
        self._leaving = None
        outcome = Outcome(Verdict.ACCEPTED, Stage.DOT, 250, text.decode("utf-8", "replace"))
        return [Answered(leaving.id, outcome), Ready(following)]

    def _told(self) -> list[Event]:
        events, self._events = self._events, []
        return events

    def _answer(self, parcel_id: int, outcome: Outcome) -> None:
        self._events.append(Answered(parcel_id, outcome))

    def _take(self, code: int, text: bytes) -> None:
        if self._farewell is not None:
            self._after_farewell(self._farewell, code, text)
        elif code == 421 and self.awaiting is not Step.DOT:
            # An idle relay takes leave; what it answered before stands.
            self._end(_words(code, text))
        elif not self._expected or (300 <= code < 400 and self.awaiting is not Step.DATA):
            self._out_of_place(_words(code, text))
        else:
            step = self._expected.pop(0)
            match step:
                case Step.DOT:
                    self._of_dot(code, text)
                case Step.DATA:
                    self._of_data(code, text)
                case Step.MAIL | Step.RCPT:
                    self._of_envelope(Stage.MAIL if step is Step.MAIL else Stage.RCPT, code, text)
                case Step.RSET if code >= 300:
                    self._end(_words(code, text))
                case Step.QUIT:
                    self._end("")
                case _:
                    # The reply to a lone dot is no verdict: some relays say 250 to it.
                    pass
            self._speak()

    def _of_envelope(self, stage: Stage, code: int, text: bytes) -> None:
        if code >= 400 and self._refusal is None:
            self._refusal = _judged(stage, code, text)
            if not self.pipelining:
                self._unsaid.clear()
                self._refuse()

    def _of_data(self, code: int, text: bytes) -> None:
        if code != 354 and code < 400:
            self._out_of_place(_words(code, text))
            return
        # Every reply stood in its place so far.
        self._answered = None
        if code == 354 and self._refusal is None and self._next is not None:
            self._events.append(Ready(self._next))
            return
        if code == 354:
            # It takes a message that has no recipient: end it with nothing inside, whatever it says of that.
            self._write(b".\r\n")
            self._expected.append(Step.LONE_DOT)
        else:
            self._refusal = self._refusal or _judged(Stage.DATA, code, text)
        self._refuse()

    def _refuse(self) -> None:
        parcel, outcome = self._next, self._refusal
        if parcel is None or outcome is None:
            raise RuntimeError("A refusal without a message: the conversation lost count.")
        self._next, self._refusal, self._must_reset = None, None, True
        self._answer(parcel.id, outcome)
        if not outcome.keep_connection:
            self._end(outcome.text)

    def _of_dot(self, code: int, text: bytes) -> None:
        parcel = self._leaving
        if parcel is None:
            raise RuntimeError("A reply to a dot that was not sent: the conversation lost count.")
        if not self._dot_was_given:
            self._cut_short(parcel, code, text)
        elif code == 421:
            # It may still answer the dot with the words that follow; those decide.
            self._farewell = _judged(Stage.DOT, code, text)
        else:
            outcome = _judged(Stage.DOT, code, text)
            self._leaving, self._answered = None, parcel.id
            self._answer(parcel.id, outcome)
            if not outcome.keep_connection:
                self._end(_words(code, text))

    def _cut_short(self, parcel: Parcel, code: int, text: bytes) -> None:
        """The relay speaks before it had the whole body: it did not take the message, and the rest must not follow."""
        if code < 400:
            self._out_of_place(_words(code, text))
            return
        self._leaving = None
        if code == 421:
            self._events.append(Unsent(parcel.id))
        else:
            self._answer(parcel.id, _judged(Stage.DOT, code, text))
        self._end(_words(code, text))

    def _after_farewell(self, farewell: Outcome, code: int, text: bytes) -> None:
        if code < 400:
            # Nothing of ours in between: this is what staff and the proof show of it.
            said = f"{farewell.text}\n{_words(code, text)}"
            self._farewell = Outcome(Verdict.IN_DOUBT, Stage.DOT, 421, said)
        self._lose("The relay took leave with 421.")

    def _lose(self, why: str) -> None:
        leaving = self._leaving
        if leaving is not None and self._farewell is not None:
            self._answer(leaving.id, self._farewell)
        elif leaving is not None and self._dot_was_given:
            self._answer(leaving.id, Outcome(Verdict.IN_DOUBT, Stage.DOT, None, why))
        elif leaving is not None:
            self._events.append(Unsent(leaving.id))
        self._end(why)

    def _out_of_place(self, said: str) -> None:
        """The relay's words do not fit what was asked: trust neither this reply nor the one before."""
        self.distrusted = True
        why = f"{OUT_OF_PLACE}{said}"
        doubt = Outcome(Verdict.IN_DOUBT, Stage.DOT, None, why)
        if self._answered is not None:
            self._answer(self._answered, doubt)
        if self._leaving is not None and self._dot_was_given:
            self._answer(self._leaving.id, doubt)
        elif self._leaving is not None:
            self._events.append(Unsent(self._leaving.id))
        self._end(why)

    def _end(self, why: str) -> None:
        self.ended = why
        if self._next is not None:
            self._events.append(Unsent(self._next.id))
        self._next = self._leaving = None
        self._unsaid.clear()

    def _speak(self) -> None:
        """Say the next command, where each must be answered first."""
        if self._unsaid and self._next is not None and not self._expected:
            step = self._unsaid.popleft()
            self._write(_said(step, self._next))
            self._expected.append(step)

    def _write(self, data: bytes) -> None:
        self._out.append(data)
        self._queued += len(data)
        self.has_outgoing = True


def _said(step: Step, parcel: Parcel) -> bytes:
    return b"RSET\r\n" if step is Step.RSET else parcel.envelope.splitlines(keepends=True)[_ENVELOPE.index(step)]


def _judged(stage: Stage, code: int, text: bytes) -> Outcome:
    return judge(stage, code, text.decode("utf-8", "replace"))


def _words(code: int, text: bytes) -> str:
    return f"{code} {text.decode('utf-8', 'replace')}"[:500]
