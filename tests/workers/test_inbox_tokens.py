"""An inbox that takes tokens: renewed in time, once when refused, and no hot loop when there is none (XOAUTH2)."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from service import schema
from service.actions import mail_access, mailbox
from service.actions.mail_access import MailAccess
from service.core.oauth import Tokens
from service.core.vocabulary import RefusedWhat
from service.gateways.imap import Account, ImapMailbox, LoginRefused
from service.gateways.oauth import ProviderEndpoint
from service.settings import Need, load
from service.wiring import Wiring
from tests.parts.scripted_imap import Reply, scripted_server
from tests.parts.token_endpoint import Provider, provider
from tests.workers.test_inbox_login import pauses

USER = "vie@passerelles.example"


@pytest.fixture
def granting() -> Iterator[Provider]:
    with provider() as made:
        yield made


@pytest.fixture
def wiring(tmp_path: Path, granting: Provider, monkeypatch: pytest.MonkeyPatch) -> Iterator[Wiring]:
    """An installation whose provider is the one on loopback, and which was granted a token for an hour."""
    address = "imap://vie%40passerelles.example@127.0.0.1:9/INBOX?auth=xoauth2"
    given = {"DATABASE_URL": f"sqlite:///{tmp_path}/pli.db", "DATA_DIR": str(tmp_path), "SECRET_KEY": "s" * 40}
    given |= {"IMAP_URL": address, "OAUTH_PROVIDER": "microsoft", "OAUTH_CLIENT_ID": "id-1"}
    made = Wiring(load(Need.STORES | Need.KEYS | Need.READING, given))
    monkeypatch.setattr(Wiring, "token_endpoint", lambda _: ProviderEndpoint(granting.client()))
    schema.upgrade(made.engine)
    with made.sessions.begin() as session:
        lifetime = timedelta(hours=1)
        mail_access.keep(session, "microsoft", Tokens("old", "long-1", lifetime), made.vault, now=made.now())
    yield made
    made.engine.dispose()


def taking(token: str, said: list[str]) -> dict[str, Reply]:
    """What a server says that takes one token alone; what it is told is written down."""

    def judge(command: bytes) -> bytes:
        if not command.strip():
            return b"{tag} NO [AUTHENTICATIONFAILED] no\r\n"
        said.append(base64.b64decode(command).decode())
        return b"{tag} OK done\r\n" if f"auth=Bearer {token}\x01" in said[-1] else b"+ eyJzdGF0dXMiOiI0MDAifQ==\r\n"

    return {"AUTHENTICATE": b"+ \r\n", "TOKEN": judge}


def log_in(wiring: Wiring, port: int) -> None:
    access: MailAccess = wiring.mail_access()
    with ImapMailbox(Account("127.0.0.1", port, USER, "", tls=False, access=access)) as box:
        assert box.select("INBOX") == 7


def test_a_good_token_opens_the_mailbox_and_nobody_is_asked_for_another(wiring: Wiring, granting: Provider) -> None:
    said: list[str] = []
    with scripted_server(**taking("old", said)) as port:
        log_in(wiring, port)
    assert said == [f"user={USER}\x01auth=Bearer old\x01\x01"]
    assert granting.asked == []


def test_a_token_that_the_server_refuses_is_renewed_once(wiring: Wiring, granting: Provider) -> None:
    said: list[str] = []
    with scripted_server(**taking("new", said)) as port:
        granting.grants("new")
        log_in(wiring, port)
    assert [one.split("Bearer ")[1].strip("\x01") for one in said] == ["old", "new"]
    assert len(granting.asked) == 1


def test_a_server_that_refuses_the_new_token_too_is_a_refusal(wiring: Wiring, granting: Provider) -> None:
    said: list[str] = []
    with scripted_server(**taking("none", said)) as port, pytest.raises(LoginRefused):
        log_in(wiring, port)
    assert (len(said), len(granting.asked)) == (2, 1)


def test_a_grant_that_was_withdrawn_is_kept_for_the_staff_and_asked_for_once(
    wiring: Wiring, granting: Provider
) -> None:
    granting.refuses()
    with scripted_server(**taking("none", [])) as port:
        object.__setattr__(wiring.settings.imap, "port", port)
        assert pauses(wiring, 4) == [pytest.approx(60, rel=0.21)] * 4
    with wiring.reading() as session:
        refusal = mailbox.refused_login(session, wiring.account)
        assert refusal is not None
        assert refusal.why is RefusedWhat.AGREEMENT
    assert len(granting.asked) == 1
