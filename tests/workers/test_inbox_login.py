"""How long does the inbox process leave a server alone that does not let it in, and what does it keep of it (R7)?"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import cast
from urllib.parse import quote

import pytest

from service import schema
from service.actions import mailbox
from service.core.vocabulary import RefusedWhat
from service.wiring import Wiring
from tests.parts import free_port
from tests.parts.dovecot import Postbox
from tests.parts.scripted_imap import scripted_server
from tests.web.world import wired
from workers import inbox
from workers.ending import Ending


class Impatient:
    """The wish to end after some pauses, none of which is slept."""

    def __init__(self, most: int) -> None:
        self.pauses: list[float] = []
        self._most = most

    @property
    def asked(self) -> bool:
        return len(self.pauses) >= self._most

    def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)

    @contextmanager
    def interrupting(self) -> Iterator[None]:
        yield


def pauses(wiring: Wiring, most: int) -> list[float]:
    ending = Impatient(most)
    inbox.run(wiring, cast(Ending, ending))
    return ending.pauses


def inbox_at(folder: Path, port: int, *, user: str = "vie", password: str = "secret") -> Wiring:
    wiring = wired(folder, IMAP_URL=f"imap://{quote(user)}:{quote(password)}@127.0.0.1:{port}/INBOX")
    schema.upgrade(wiring.engine)
    return wiring


def refused(wiring: Wiring) -> bool:
    with wiring.reading() as session:
        return mailbox.refused_login(session, wiring.account) is not None


def test_r7_a_refused_password_is_tried_more_and_more_rarely_and_the_staff_can_be_told(
    tmp_path: Path, dovecot: Postbox
) -> None:
    wiring = inbox_at(tmp_path, dovecot.port, user=dovecot.user, password="another")
    minutes = [seconds / 60 for seconds in pauses(wiring, 6)]
    assert minutes == [pytest.approx(nominal, rel=0.21) for nominal in (1, 2, 4, 8, 15, 15)]
    assert refused(wiring)
    # A login that works ends it.
    with wiring.sessions.begin() as session:
        mailbox.note_refusal(session, f"{dovecot.user}@127.0.0.1", RefusedWhat.PASSWORD, now=wiring.now())
    changed = inbox_at(tmp_path, dovecot.port, user=dovecot.user, password=dovecot.password)
    with ExitStack() as line:
        inbox._log_in(changed, line, cast(Ending, Impatient(1)))
    assert not refused(changed)
    wiring.engine.dispose()
    changed.engine.dispose()


def test_r7_a_server_that_is_away_is_tried_again_soon_and_nothing_is_said_of_the_password(tmp_path: Path) -> None:
    wiring = inbox_at(tmp_path, free_port())
    assert pauses(wiring, 8) == [pytest.approx(nominal, rel=0.21) for nominal in (2, 4, 8, 16, 32, 60, 60, 60)]
    assert not refused(wiring)
    wiring.engine.dispose()


def test_r7_a_server_that_lets_nobody_in_for_a_while_does_not_refuse_the_password(tmp_path: Path) -> None:
    with scripted_server(LOGIN=b"{tag} NO [UNAVAILABLE] try later\r\n") as port:
        wiring = inbox_at(tmp_path, port)
        assert pauses(wiring, 1) == [pytest.approx(2, rel=0.21)]
        assert not refused(wiring)
        wiring.engine.dispose()
