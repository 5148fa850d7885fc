"""The mailbox where errors come back to, where it is one of its own: looked into every few minutes, on a line of its own."""

from __future__ import annotations

from contextlib import ExitStack
from datetime import datetime

import structlog

from service.actions import mailbox, pulse
from service.actions.rounds import Rounds
from service.core import pacing
from service.core.oauth import NO_ACCESS
from service.core.vocabulary import RefusedWhat
from service.gateways.imap import ImapRefused, LoginRefused
from service.ports import AccessRefused
from service.wiring import Wiring
from workers.ending import Ending

log = structlog.get_logger(__name__)


class BounceBox:
    """The mailbox, if there is one of its own, and how often in a row its server refused the password."""

    def __init__(self, wiring: Wiring) -> None:
        self._wiring = wiring
        self._refusals = 0
        self._left_alone_until: datetime | None = None

    def look(self, ending: Ending) -> None:
        """Read what came back; what goes wrong here keeps back nothing of the other mailbox.

        One whose server refuses the password is left alone for longer and longer: hosts lock accounts.
        """
        rounds, now = self._wiring.bounce_rounds, self._wiring.now()
        if rounds is None or (self._left_alone_until is not None and now < self._left_alone_until):
            return
        try:
            self._read(rounds, ending)
        except LoginRefused:
            self._note(rounds, RefusedWhat.PASSWORD)
            self._refusals += 1
            self._left_alone_until = now + pacing.login_pause(self._refusals)
            log.warning("bounces.login_refused")
        except AccessRefused as error:
            if NO_ACCESS in str(error):
                self._note(rounds, RefusedWhat.AGREEMENT)
            log.warning("bounces.no_access", why=str(error))
        except (OSError, ImapRefused) as error:
            log.warning("bounces.lost", error=type(error).__name__)

    def _read(self, rounds: Rounds, ending: Ending) -> None:
        with ExitStack() as line:
            with ending.interrupting():
                box = line.enter_context(self._wiring.bounce_mailbox())
            self._refusals, self._left_alone_until = 0, None
            with self._wiring.sessions.begin() as session:
                mailbox.note_login(session, rounds.reader.account)
            stored = rounds.go(box, everywhere=True)
        with self._wiring.sessions.begin() as session:
            pulse.beat(session, pulse.BOUNCES, now=self._wiring.now())
        if stored:
            log.info("bounces.stored", messages=len(stored))

    def _note(self, rounds: Rounds, what: RefusedWhat) -> None:
        with self._wiring.sessions.begin() as session:
            mailbox.note_refusal(session, rounds.reader.account, what, now=self._wiring.now())
