"""Does /health tell a supervisor the truth, and nothing more?"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from service.actions import pulse
from service.web.app import create_app
from service.wiring import Wiring
from tests.parts.valkey import ValkeyServer
from tests.web.world import World


def test_it_is_well_when_database_redis_and_clock_are(make_wiring: Callable[..., Wiring], valkey: ValkeyServer) -> None:
    wiring = make_wiring(REDIS_URL=valkey.url)
    client = create_app(wiring).test_client()
    assert client.get("/health").status_code == 503
    with wiring.sessions.begin() as session:
        pulse.beat(session, pulse.CLOCK, now=wiring.now())
    answer = client.get("/health")
    assert (answer.status_code, answer.json) == (
        200,
        {"status": "ok", "database": "ok", "redis": "ok", "clock": "ok"},
    )
    with wiring.sessions.begin() as session:
        pulse.beat(session, pulse.CLOCK, now=wiring.now() - timedelta(seconds=31))
    assert client.get("/health").json == {"status": "down", "database": "ok", "redis": "ok", "clock": "down"}
    wiring.queue.close()


def test_it_tells_what_is_down(world: World, make_wiring: Callable[..., Wiring]) -> None:
    nowhere = make_wiring(DATABASE_URL="sqlite:////nowhere/pli.db")
    answer = create_app(nowhere).test_client().get("/health")
    assert (answer.status_code, answer.json) == (
        503,
        {"status": "down", "database": "down", "redis": "down", "clock": "down"},
    )


def test_a_mailbox_that_nobody_reads_is_told_and_does_not_decide(
    make_wiring: Callable[..., Wiring], valkey: ValkeyServer
) -> None:
    wiring = make_wiring(REDIS_URL=valkey.url, IMAP_URL="imap://vie:secret@127.0.0.1:9/INBOX")
    client = create_app(wiring).test_client()
    for minutes, said in ((11, "down"), (9, "ok")):
        with wiring.sessions.begin() as session:
            pulse.beat(session, pulse.CLOCK, now=wiring.now())
            pulse.beat(session, pulse.INBOX, now=wiring.now() - timedelta(minutes=minutes))
        answer = client.get("/health")
        assert (answer.status_code, answer.json) == (
            200,
            {"status": "ok", "database": "ok", "redis": "ok", "clock": "ok", "inbox": said, "refused_tokens": 0},
        )
    wiring.queue.close()
