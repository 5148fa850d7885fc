"""How do the messages of a sending process reach the relay, over several connections at once?"""

from __future__ import annotations

import logging
import select
import socket
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import replace
from itertools import count
from threading import Lock, Thread
from time import monotonic

from service.core.parcels import Answered, Event, Parcel, Ready
from service.core.verdicts import Outcome, Stage, Verdict
from service.gateways.line import Line
from service.gateways.relay import Opened, Relay, open_connection
from service.ports import Desk, Envelope

log = logging.getLogger(__name__)

# How long one look at the wire may last: a wish to end is heard between two looks.
_LOOK = 0.5
# So many lines in a row that served nothing, or messages in a row that nobody answered for, and the relay is left alone.
_ENOUGH = 3


class SmtpOutbox:
    """The relay, as the sending process sees it: give it a desk, and it carries what the desk gives."""

    def __init__(
        self, relay: Relay, *, pipelining_trusted: bool = True, on_distrust: Callable[[], None] = lambda: None
    ) -> None:
        self._relay = relay
        # False once the relay has shown that it loses count of pipelined commands; whoever must know it is told at once.
        self.pipelining_trusted = pipelining_trusted
        self._on_distrust = on_distrust

    def run(self, desk: Desk) -> Outcome | None:
        """Carry messages until the desk has no more; the outcome, if any, is why the relay cannot be used now."""
        traffic = _Traffic(self._relay, desk, pipelining=self.pipelining_trusted, on_distrust=self._on_distrust)
        try:
            return traffic.run()
        finally:
            traffic.close()
            self.pipelining_trusted = traffic.pipelining


class _Traffic:
    """One run: the open lines, those being opened, and the messages between desk and wire."""

    def __init__(self, relay: Relay, desk: Desk, *, pipelining: bool, on_distrust: Callable[[], None]) -> None:
        self.pipelining, self._on_distrust = pipelining, on_distrust
        self._relay, self._desk = relay, desk
        # What tells which socket has something: the standard library's `selectors` says the same in twice the time.
        self._poll = select.epoll()
        self._doors = _Doors(relay)
        self._bell = self._doors.bell.fileno()
        self._poll.register(self._bell, select.EPOLLIN)
        self._lines: set[Line] = set()
        self._by_socket: dict[int, Line] = {}
        # Those that want a message: with many lines, asking each at each look costs more than the mail.
        # Added here is what comes to want one: by a reply, by a body that leaves, by a message that is not for its relay.
        self._idle: set[Line] = set()
        self._most = relay.connections
        self._held: deque[Envelope] = deque()
        self._ready: list[tuple[Line, Parcel]] = []
        self._trouble: Outcome | None = None
        self._has_served = False
        self._useless_lines = self._doubts = 0
        self._watch_at = 0.0

    def run(self) -> Outcome | None:
        """Look at the wire again and again until nothing is left to do."""
        while True:
            self._feed()
            if not self._lines and not self._doors.opening and not self._has_more():
                return self._trouble
            self._open_more()
            self._look()
            self._hand_over()
            self._watch()
            if self._desk.is_overdue():
                # What is being opened is dismissed when it comes. That we hang up is no fault of the relay.
                trouble = self._trouble
                self._give_up()
                return trouble

    def close(self) -> None:
        """Give back what was not offered, and close what is open."""
        self._give_up()
        self._doors.close()
        self._poll.close()

    def _has_more(self) -> bool:
        return self._trouble is None and (bool(self._held) or self._desk.rest() is not None)

    @property
    def _has_room_apart(self) -> bool:
        """Whether a message that no line may take behind another could leave over one more line."""
        return self._relay.apart and len(self._lines) + self._doors.opening < self._most

    def _next(self) -> Envelope | None:
        if self._trouble is not None:
            return None
        return self._held.popleft() if self._held else self._desk.take()

    def _feed(self) -> None:
        """Offer a message to each line that has none; without any more, take leave."""
        for line in tuple(self._idle):
            while line.conversation.wants_parcel and (envelope := self._next()) is not None:
                self._offer(line, envelope)
            if line.conversation.wants_parcel and line.conversation.awaiting is None and not self._has_more():
                line.conversation.quit()
            if not line.conversation.wants_parcel:
                self._idle.discard(line)
            self._flush(line)
        asks = not self._lines or self._has_room_apart
        if asks and not self._held and (envelope := self._next()) is not None:
            self._held.append(envelope)

    def _offer(self, line: Line, envelope: Envelope) -> None:
        try:
            impossible = line.offer(envelope)
        except ValueError as error:
            impossible = Outcome(Verdict.REFUSED, Stage.WRITING, None, str(error))
        if impossible is not None:
            self._desk.answered(envelope.id, impossible)
            self._idle.add(line)

    def _open_more(self) -> None:
        """Open as many lines as there are messages for, within what the relay lets us."""
        under_way = len(self._lines) + self._doors.opening
        # What is being opened is for those that wait already: they are not counted anew at each look.
        for_whom = max(self._doors.opening, len(self._held) + self._desk.backlog())
        wanted = min(self._most, len(self._lines) + for_whom)
        if self._trouble is None:
            for _ in range(wanted - under_way):
                self._doors.open_one()

    def _look(self) -> None:
        for number, mask in self._poll.poll(self._patience()):
            if number == self._bell:
                self._let_in(self._doors.opened())
                continue
            line = self._by_socket[number]
            # An error or a hang-up is met by whoever reads or writes.
            if mask & ~select.EPOLLOUT:
                self._note(line, line.read())
            if mask & ~select.EPOLLIN or line.conversation.has_outgoing:
                self._flush(line)

    def _watch(self) -> None:
        """Look from time to time whether a relay has been silent for too long: not after each message of each line."""
        if (now := monotonic()) < self._watch_at:
            return
        self._watch_at = now + _LOOK / 2
        for line in tuple(self._lines):
            self._note(line, line.watch())
        self._let_in(self._doors.given_up())

    def _patience(self) -> float:
        """How long to look: less than usual where a line waits for what the pace lets go soon."""
        if self._trouble is None and (self._idle or self._has_room_apart):
            rest = self._desk.rest()
            return _LOOK if rest is None else max(0.0, min(rest, _LOOK))
        return _LOOK

    def _hand_over(self) -> None:
        """Write down the replies that were read and the bodies that leave now; then let these leave."""
        # A line may have ended in the same breath: its message is unsent, and announces nothing.
        ready = [(line, parcel) for line, parcel in self._ready if line.conversation.ended is None]
        self._ready = []
        followers = [None if self._relay.apart else self._next() for _ in ready]
        allowed = self._desk.hand([parcel.id for _, parcel in ready])
        for (line, parcel), follower in zip(ready, followers, strict=True):
            if line.conversation.ended is None and parcel.id in allowed:
                line.deliver(parcel)
            elif line.conversation.ended is None:
                # The relay waits for a body that must not leave any more.
                self._note(line, line.conversation.lost("This message may not leave any more."))
            if not line.conversation.wants_parcel:
                if follower is not None:
                    self._held.append(follower)
            elif follower is not None:
                self._offer(line, follower)
            else:
                self._idle.add(line)
        # One behind the other: a relay that sleeps between two bodies has to be woken for each.
        for line, _ in ready:
            self._flush(line)
        if ready:
            self._desk.get_ahead(len(ready))

    def _flush(self, line: Line) -> None:
        if line not in self._lines:
            return
        wanted = line.wants_to_write
        if line.conversation.has_outgoing:
            events = line.flush()
            if events or line.conversation.ended is not None:
                self._note(line, events)
        if line.wants_to_write is not wanted and line in self._lines:
            self._poll.modify(line.sock, select.EPOLLIN | (select.EPOLLOUT if line.wants_to_write else 0))

    def _note(self, line: Line, events: Iterable[Event]) -> None:
        for event in events:
            if isinstance(event, Ready):
                self._ready.append((line, event.parcel))
            elif isinstance(event, Answered):
                self._answered(line, event)
            else:
                self._desk.unsent(event.id)
        if line.conversation.wants_parcel:
            self._idle.add(line)
        elif line.conversation.ended is not None and line in self._lines:
            self._let_out(line)

    def _answered(self, line: Line, answer: Answered) -> None:
        verdict = answer.outcome.verdict
        if verdict is Verdict.RELAY_DOWN and self._is_one_line_too_many(line):
            # It says so to one line while another serves: it takes so many connections and no more.
            self._desk.unsent(answer.id)
            return
        self._desk.answered(answer.id, answer.outcome)
        if verdict is Verdict.RELAY_DOWN:
            self._trouble = answer.outcome
            return
        line.served += 1
        self._has_served = True
        if verdict is not Verdict.IN_DOUBT:
            self._doubts = 0
            return
        self._doubts += 1
        if self._doubts >= _ENOUGH:
            self._trouble = replace(answer.outcome, verdict=Verdict.RELAY_DOWN)

    def _let_in(self, arrivals: Iterable[Opened | Outcome]) -> None:
        for arrival in arrivals:
            if isinstance(arrival, Opened):
                line = Line(arrival, self._relay, pipelining=self.pipelining, dot_may_leave=self._desk.dot_may_leave)
                self._lines.add(line)
                self._idle.add(line)
                self._by_socket[line.sock.fileno()] = line
                self._poll.register(line.sock, select.EPOLLIN)
            elif under_way := len(self._lines) + self._doors.opening:
                # It lets us have so many lines and no more; nobody knocks in the place of one that was turned away.
                self._most = under_way
            else:
                self._trouble = arrival

    def _let_out(self, line: Line) -> None:
        self._lines.discard(line)
        self._idle.discard(line)
        del self._by_socket[line.sock.fileno()]
        self._poll.unregister(line.sock)
        line.close()
        if line.conversation.distrusted and line.conversation.pipelining and self.pipelining:
            # Not its words: they may name a recipient.
            log.warning(
                "The relay loses count of pipelined commands: one at a time until the workers are started again."
            )
            self.pipelining = False
            self._on_distrust()
        if line.conversation.ended and self._is_one_line_too_many(line):
            self._most = max(1, len(self._lines))
            return
        self._useless_lines = 0 if line.served or not line.conversation.ended else self._useless_lines + 1
        if self._useless_lines >= _ENOUGH and self._trouble is None:
            self._trouble = Outcome(Verdict.RELAY_DOWN, Stage.MAIL, None, line.conversation.ended or "")

    def _is_one_line_too_many(self, line: Line) -> bool:
        """Whether a line that served nothing ends where others serve or may: it takes fewer lines than we opened."""
        others = self._has_served or any(other is not line for other in self._lines)
        return not line.served and self._most > 1 and others

    def _give_up(self) -> None:
        """End at once: what is at the wire without an answer is in doubt, the rest was not sent."""
        for line in tuple(self._lines):
            self._note(line, line.conversation.lost("We were asked to end before the relay had answered."))
        self._ready.clear()
        while self._held:
            self._desk.unsent(self._held.popleft().id)
        self._desk.hand(())


class _Doors:
    """The lines being opened, each in a thread of its own: greeting and TLS may take their time."""

    def __init__(self, relay: Relay) -> None:
        self._relay = relay
        self._begun: dict[int, float] = {}  # by the number of each line that is being opened
        self._numbers = count()
        self.bell, self._push = socket.socketpair()
        self.bell.setblocking(False)
        self._arrived: list[tuple[int, Opened | Outcome]] = []
        self._lock, self._closed = Lock(), False

    @property
    def opening(self) -> int:
        """How many lines are being opened."""
        return len(self._begun)

    def open_one(self) -> None:
        """Begin to open one line."""
        number = next(self._numbers)
        self._begun[number] = monotonic()
        Thread(target=self._open, args=(number,), daemon=True).start()

    def opened(self) -> list[Opened | Outcome]:
        """Give the lines that are open by now, and the reasons of those that could not be."""
        late: list[int] = []
        with self._lock:
            self.bell.recv(4096)
            arrived, self._arrived = self._arrived, []
        for number, one in arrived:
            if self._begun.pop(number, None) is None:
                _dismiss(one)
                late.append(number)
        return [one for number, one in arrived if number not in late]

    def given_up(self) -> list[Outcome]:
        """Give up the lines that take too long: a relay that greets drop by drop runs into no time-out of a socket."""
        slow = [
            number for number, begun in self._begun.items() if monotonic() - begun > 2 * self._relay.connect_timeout
        ]
        for number in slow:
            del self._begun[number]
        why = "The relay did not finish its greeting in time."
        return [Outcome(Verdict.RELAY_DOWN, Stage.CONNECT, None, why) for _ in slow]

    def close(self) -> None:
        """Let nobody in any more."""
        with self._lock:
            self._closed = True
            late, self._arrived = self._arrived, []
            self.bell.close()
            self._push.close()
        for _, one in late:
            _dismiss(one)

    def _open(self, number: int) -> None:
        try:
            result = open_connection(self._relay)
        except Exception as error:  # whatever it is, who waits for this line must hear of it
            result = Outcome(Verdict.RELAY_DOWN, Stage.CONNECT, None, f"{type(error).__name__} while a line was opened")
        with self._lock:
            if not self._closed:
                self._arrived.append((number, result))
                self._push.send(b".")
                return
        _dismiss(result)


def _dismiss(arrival: Opened | Outcome) -> None:
    if isinstance(arrival, Opened):
        arrival.sock.close()
