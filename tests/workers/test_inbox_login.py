"""How long does the inbox process leave a server alone that does not let it in, and what does it keep of it (R7)?"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import cast
from urllib.parse import quote

import pytest
import structlog
from sqlalchemy import func, select

from service import schema
from service.actions import mailbox
from service.core.vocabulary import RefusedWhat, Role
from service.models.inbound_message import InboundMessage
from service.web.app import create_app
from service.wiring import Wiring
from tests.parts import free_port
from tests.parts.dovecot import Postbox, dovecot_server
from tests.parts.scripted_imap import scripted_server
from tests.web.conftest import Browser
from tests.web.world import SENDER, World, wired
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


class Hour(Impatient):
    """Pauses that pass at once, on a clock of their own; the server takes the password again once an hour has passed."""

    def __init__(self, wiring: Wiring, let_in: Callable[[], object], look: Callable[[int], object]) -> None:
        super().__init__(most=1000)
        self.passed = 0.0
        self._wiring, self._let_in, self._look, self._is_let_in = wiring, let_in, look, False

    @property
    def asked(self) -> bool:
        with self._wiring.reading() as session:
            return bool(session.scalar(select(func.count(InboundMessage.id))))

    def sleep(self, seconds: float) -> None:
        super().sleep(seconds)
        # As it is before the pause, which is when the staff look.
        self._look(round(self.passed / 60))
        self.passed += seconds
        if self.passed >= 3600 and not self._is_let_in:
            self._is_let_in = True
            self._let_in()

    @contextmanager
    def interrupting(self) -> Iterator[None]:
        if self.asked:
            sys.exit(0)
        yield


def member_of_the_team(wiring: Wiring) -> Browser:
    """Somebody who looks at the home page."""
    World(wiring).staff(SENDER, "Paul", Role.VALIDEUR)
    app = create_app(wiring)
    app.test_client_class = Browser
    visitor = app.test_client()
    assert isinstance(visitor, Browser)
    visitor.sign_in()
    return visitor


def test_r7_a_login_that_is_refused_for_an_hour_is_told_is_tried_rarely_and_works_again_by_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    began = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
    passed: list[Hour] = []
    monkeypatch.setattr(Wiring, "now", lambda _: began + timedelta(seconds=passed[0].passed if passed else 0))
    told: dict[int, str] = {}
    tries: list[int] = []
    with dovecot_server(password="another-one") as server:
        server.postbox("vie").deliver(b"Subject: Enfin\r\n\r\nx\r\n")
        wiring = inbox_at(tmp_path, server.port)
        visitor = member_of_the_team(wiring)

        def let_in() -> None:
            tries.append(server.refusals())
            server.let_in("vie", "secret")

        hour = Hour(
            wiring,
            let_in=let_in,
            look=lambda minutes: told.update({minutes: visitor.get("/").text}),
        )
        passed.append(hour)
        with structlog.testing.capture_logs() as logged, pytest.raises(SystemExit):
            inbox.run(wiring, cast(Ending, hour))
    # Seven or so: after each of the first ones it is left alone for longer, and the first login behind the hour works.
    assert tries == [len(hour.pauses)]
    assert tries[0] <= 9
    assert 3600 <= hour.passed < 3600 + 15 * 60 * 1.2
    # The pages are those of the moment behind each refusal.
    assert len(told) == len(hour.pauses)
    for minutes, page in told.items():
        assert "Le serveur de votre boîte refuse le mot de passe (premier refus" in page, minutes
        assert "Les réponses n’arrivent pas ici en ce moment." in page
        assert "). Votre boîte n’a pas encore été lue." in page
    warned = [line for line in logged if line["event"] == "inbox.login_refused"]
    assert len(warned) == len(hour.pauses)
    assert {line["log_level"] for line in warned} == {"warning"}
    assert all(line["next_try_seconds"] >= 60 for line in warned)
    # It lets us in: what came meanwhile is there, and the staff are told no more.
    assert not refused(wiring)
    assert "refuse le mot de passe" not in visitor.get("/").text
    assert "Les réponses n’arrivent pas" not in visitor.get("/").text
    wiring.engine.dispose()
