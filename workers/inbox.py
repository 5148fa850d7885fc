"""The inbox process: waits in IDLE, stores what comes, reconnects with a growing pause when the line is lost."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from contextlib import ExitStack

import structlog
from sqlalchemy.exc import DBAPIError

from service import db
from service.actions import mailbox, pulse
from service.core import pacing
from service.core.oauth import NO_ACCESS
from service.core.vocabulary import RefusedWhat
from service.gateways.imap import ImapRefused, LoginRefused
from service.ports import AccessRefused, Cabinet
from service.wiring import Wiring
from workers.bounce_box import BounceBox
from workers.ending import Ending

# IDLE is a hint: some servers forget to tell, so the folder is looked at every few minutes anyway (RFC 2177: 29 at most).
# What was read meanwhile is put away then too, and soon after something was stored.
LOOK_AGAIN = 30.0
_PUT_AWAY_SOON = 5.0
# The other folders, and the mailbox where errors come back to.
_LOOK_EVERYWHERE = 240.0
_LONGEST_PAUSE = 60.0
# How soon a second process notices that the first one is gone.
_ASK_FOR_OUR_TURN = 5.0
log = structlog.get_logger(__name__)


def run(wiring: Wiring, ending: Ending) -> None:
    """Read the inbox until asked to end."""
    pause, refusals, waits = 1.0, 0, False
    bounces = BounceBox(wiring)
    while not ending.asked:
        began = time.monotonic()
        try:
            with ExitStack() as line:
                is_ours = line.enter_context(db.holding(wiring.engine, "inbox", wiring.settings.data_dir))
                if is_ours is None:
                    waits = _wait_for_our_turn(ending, told=waits)
                    continue
                waits = False
                box = _log_in(wiring, line, ending)
                refusals = 0
                _follow(wiring, box, bounces, ending, is_ours)
        except LoginRefused:
            refusals += 1
            _rest(ending, "inbox.login_refused", pacing.login_pause(refusals).total_seconds())
        except AccessRefused as error:
            # Its words name no person and no secret, and say which command to run; a new agreement is found in a minute.
            _rest(ending, "inbox.no_access", _LONGEST_PAUSE, why=str(error))
        except (OSError, ImapRefused, DBAPIError) as error:
            # A line that held for a while was a good one: the next try comes soon.
            pause = 1.0 if time.monotonic() - began > _LONGEST_PAUSE else min(pause * 2, _LONGEST_PAUSE)
            _rest(ending, "inbox.lost", pause, error=type(error).__name__)


def _log_in(wiring: Wiring, line: ExitStack, ending: Ending) -> Cabinet:
    """Open the mailbox; whether its server takes the password is kept for the staff."""
    try:
        with ending.interrupting():
            box = line.enter_context(wiring.mailbox())
    except LoginRefused:
        _note(wiring, RefusedWhat.PASSWORD)
        raise
    except AccessRefused as error:
        # A provider that cannot be asked for a while refuses nothing.
        if NO_ACCESS in str(error):
            _note(wiring, RefusedWhat.AGREEMENT)
        raise
    with wiring.sessions.begin() as session:
        mailbox.note_login(session, wiring.account)
    return box


def _note(wiring: Wiring, what: RefusedWhat) -> None:
    with wiring.sessions.begin() as session:
        mailbox.note_refusal(session, wiring.account, what, now=wiring.now())


def _rest(ending: Ending, event: str, seconds: float, **details: str) -> None:
    log.warning(event, **details, next_try_seconds=round(seconds))
    ending.sleep(seconds * random.uniform(0.8, 1.2))  # noqa: S311 (jitter)


def _wait_for_our_turn(ending: Ending, *, told: bool) -> bool:
    """Wait a little while another process reads the inbox; it is said once."""
    if not told:
        log.info("inbox.waits", why="another process reads it")
    ending.sleep(_ASK_FOR_OUR_TURN)
    return True


def _follow(wiring: Wiring, box: Cabinet, bounces: BounceBox, ending: Ending, is_ours: Callable[[], None]) -> None:
    looked_everywhere: float | None = None
    while not ending.asked:
        is_ours()
        everywhere = looked_everywhere is None or time.monotonic() - looked_everywhere >= _LOOK_EVERYWHERE
        stored = wiring.rounds.go(box, everywhere=everywhere)
        with wiring.sessions.begin() as session:
            pulse.beat(session, pulse.INBOX, now=wiring.now())
        if everywhere:
            looked_everywhere = time.monotonic()
            bounces.look(ending)
        if stored:
            log.info("inbox.stored", messages=len(stored))
        with wiring.reading() as session:
            again = mailbox.next_asking(session, wiring.reader, wiring.imap.folder, now=wiring.now())
        with ending.interrupting():
            soon = _PUT_AWAY_SOON if stored else LOOK_AGAIN
            box.wait(soon if again is None else min(soon, again.total_seconds()))
