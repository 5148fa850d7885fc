"""What is read from the inbox, what is left as it was, and what a dead line looks like."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from service.gateways.imap import Account, ImapMailbox, ImapRefused
from service.ports import Given
from tests.parts import free_port
from tests.parts.dovecot import OLD_SERVER, DovecotServer, Postbox, dovecot_server
from tests.parts.scripted_imap import scripted_server
from tests.parts.smtp_sink import make_certificate


def account(postbox: Postbox, *, password: str = "") -> Account:
    return Account(postbox.host, postbox.port, postbox.user, password or postbox.password, tls=False)


def mail(number: int, size: int = 0) -> bytes:
    return f"Subject: question {number}\r\n\r\nBonjour, une question.\r\n".encode() + b"x" * size + b"\r\n"


def test_messages_come_in_order_with_their_bytes_and_leave_no_trace(dovecot: Postbox) -> None:
    for number in range(3):
        dovecot.deliver(mail(number))
    with ImapMailbox(account(dovecot)) as mailbox:
        validity = mailbox.select("INBOX")
        found = list(mailbox.fetch_after(0))
    assert [(m.uid, m.raw) for m in found] == [(1, mail(0)), (2, mail(1)), (3, mail(2))]
    assert {(m.folder, m.uidvalidity) for m in found} == {("INBOX", validity)}
    assert [m.size for m in found] == [len(mail(0))] * 3
    assert not [line for line in dovecot.flags() if "Seen" in line]


def test_what_staff_have_opened_is_read_all_the_same(dovecot: Postbox) -> None:
    dovecot.deliver(mail(1), flags="\\Seen")
    with ImapMailbox(account(dovecot)) as mailbox:
        mailbox.select("INBOX")
        assert [m.uid for m in mailbox.fetch_after(0)] == [1]


def test_only_what_lies_above_the_cursor_comes_though_the_server_always_names_the_last(dovecot: Postbox) -> None:
    for number in range(3):
        dovecot.deliver(mail(number))
    with ImapMailbox(account(dovecot)) as mailbox:
        mailbox.select("INBOX")
        assert [m.uid for m in mailbox.fetch_after(1)] == [2, 3]
        assert list(mailbox.fetch_after(3)) == []
        assert list(mailbox.fetch_after(40)) == []


def test_an_empty_folder_has_nothing(dovecot: Postbox) -> None:
    with ImapMailbox(account(dovecot)) as mailbox:
        mailbox.select("INBOX")
        assert list(mailbox.fetch_after(0)) == []


def test_no_more_than_the_limit_comes_and_the_next_call_goes_on(dovecot: Postbox) -> None:
    for number in range(5):
        dovecot.deliver(mail(number))
    with ImapMailbox(account(dovecot)) as mailbox:
        mailbox.select("INBOX")
        assert [m.uid for m in mailbox.fetch_after(0, limit=2)] == [1, 2]
        assert [m.uid for m in mailbox.fetch_after(2, limit=2)] == [3, 4]


def test_of_a_message_over_the_limit_the_header_alone_comes_between_the_others(dovecot: Postbox) -> None:
    for size in (0, 5000, 10):
        dovecot.deliver(mail(1, size))
    with ImapMailbox(account(dovecot), max_size=1000) as mailbox:
        mailbox.select("INBOX")
        found = list(mailbox.fetch_after(0))
    assert [m.given for m in found] == [Given.WHOLE, Given.TOO_LARGE, Given.WHOLE]
    assert [m.raw for m in found] == [mail(1), b"Subject: question 1\r\n\r\n", mail(1, 10)]
    assert found[1].size > 5000
    assert not [line for line in dovecot.flags() if "Seen" in line]


def test_of_a_header_over_the_limit_no_more_comes_than_is_read_of_one(dovecot: Postbox) -> None:
    dovecot.deliver(b"From: membre1@exemple1.example\r\n" + b"X-Long: x\r\n" * 100_000 + b"\r\nBonjour\r\n")
    with ImapMailbox(account(dovecot), max_size=1000) as mailbox:
        mailbox.select("INBOX")
        (found,) = mailbox.fetch_after(0)
    assert len(found.raw or b"") == 65536


def test_large_messages_are_fetched_in_several_groups_and_all_come(dovecot: Postbox) -> None:
    sizes = [3_000_000, 3_000_000, 10, 6_000_000, 10]
    for size in sizes:
        dovecot.deliver(mail(1, size))
    with ImapMailbox(account(dovecot)) as mailbox:
        mailbox.select("INBOX")
        assert [len(m.raw or b"") - len(mail(1)) for m in mailbox.fetch_after(0)] == sizes


def test_the_arrival_is_the_servers_hour_in_utc(dovecot: Postbox) -> None:
    dovecot.deliver(mail(1), at=datetime(2026, 3, 29, 0, 30, tzinfo=UTC))
    with ImapMailbox(account(dovecot)) as mailbox:
        mailbox.select("INBOX")
        (found,) = mailbox.fetch_after(0)
    assert found.received_at == datetime(2026, 3, 29, 0, 30, tzinfo=UTC)
    assert found.received_at.tzinfo is UTC


def test_a_folder_that_does_not_exist_is_refused_and_the_line_stays(dovecot: Postbox) -> None:
    with ImapMailbox(account(dovecot)) as mailbox:
        with pytest.raises(ImapRefused):
            mailbox.select("Ailleurs")
        assert mailbox.select("INBOX") > 0


def test_a_wrong_password_is_a_refusal(dovecot: Postbox) -> None:
    with pytest.raises(ImapRefused, match="login"), ImapMailbox(account(dovecot, password="faux")):
        raise AssertionError("opened")


@pytest.fixture(scope="module")
def old_server() -> Iterator[DovecotServer]:
    with dovecot_server(OLD_SERVER, password="sésame’ouvre-toi") as running:
        yield running


@pytest.fixture(params=["with MOVE", "without MOVE"])
def postbox(request: pytest.FixtureRequest) -> Postbox:
    if request.param == "with MOVE":
        found = request.getfixturevalue("dovecot")
        assert isinstance(found, Postbox)
        return found
    server = request.getfixturevalue("old_server")
    assert isinstance(server, DovecotServer)
    return server.fresh_postbox()


def test_moved_messages_lie_in_a_folder_that_is_made_subscribed_and_named_in_french(postbox: Postbox) -> None:
    for number in range(3):
        postbox.deliver(mail(number))
    with ImapMailbox(account(postbox)) as mailbox:
        mailbox.select("INBOX")
        mailbox.move([1, 3], "À voir")
        mailbox.move([], "Ailleurs")
        assert [m.uid for m in mailbox.fetch_after(0)] == [2]
    where = [name for name in postbox.folders() if name != "INBOX"]
    assert where == postbox.folders(subscribed=True)
    assert [name.removeprefix("INBOX.") for name in where] == ["&AMA- voir"]
    with ImapMailbox(account(postbox)) as mailbox:
        mailbox.select(where[0].replace("&AMA-", "À"))
        assert [m.raw for m in mailbox.fetch_after(0)] == [mail(0), mail(2)]
        mailbox.select("INBOX")
        mailbox.move([2], "À voir")


def test_a_move_leaves_alone_what_others_had_marked_for_deletion(postbox: Postbox) -> None:
    postbox.deliver(mail(1), flags="\\Deleted")
    postbox.deliver(mail(2))
    with ImapMailbox(account(postbox)) as mailbox:
        mailbox.select("INBOX")
        mailbox.move([2], "Traités")
        assert [m.uid for m in mailbox.fetch_after(0)] == [1]


def test_a_folder_below_another_is_written_with_the_servers_delimiter(postbox: Postbox) -> None:
    postbox.deliver(mail(1))
    with ImapMailbox(account(postbox)) as mailbox:
        mailbox.select("INBOX")
        mailbox.move([1], "Pli/Traités")
    (made,) = [name for name in postbox.folders(subscribed=True) if name.endswith("s")]
    assert made.removeprefix("INBOX.") in ("Pli.Trait&AOk-s", "Pli/Trait&AOk-s")


def test_waiting_ends_when_a_message_comes(dovecot: Postbox) -> None:
    with ImapMailbox(account(dovecot)) as mailbox:
        mailbox.select("INBOX")
        later = threading.Timer(0.3, dovecot.deliver, [mail(1)])
        later.start()
        assert mailbox.wait(60)
        later.join()
        assert [m.uid for m in mailbox.fetch_after(0)] == [1]


def test_waiting_ends_at_once_when_a_message_came_between_reading_and_idle(dovecot: Postbox) -> None:
    with ImapMailbox(account(dovecot)) as mailbox:
        mailbox.select("INBOX")
        dovecot.deliver(mail(1))
        assert mailbox.wait(60)


def test_waiting_in_vain_says_so_and_the_line_serves_on(postbox: Postbox) -> None:
    with ImapMailbox(account(postbox)) as mailbox:
        mailbox.select("INBOX")
        assert not mailbox.wait(0.3)
        postbox.deliver(mail(1))
        assert mailbox.wait(0.3)


@pytest.mark.parametrize(
    "unusual",
    [
        pytest.param({"IDLE": None}, id="closes"),
        pytest.param({"IDLE": b"* BYE shutting down\r\n"}, id="BYE"),
        pytest.param({"IDLE": b"+ idling\r\n* BYE shutting down\r\n"}, id="BYE in IDLE"),
        pytest.param({"IDLE": b"+ idling\r\n", "DONE": None}, id="closes in IDLE"),
        pytest.param({"IDLE": b"+ idling\r\n", "NOOP": None}, id="closes after IDLE"),
        pytest.param({"NOOP": b"* BYE shutting down\r\n{tag} OK done\r\n"}, id="BYE after IDLE"),
    ],
)
def test_every_way_in_which_a_line_dies_is_a_connection_error(unusual: dict[str, bytes | None]) -> None:
    with (
        scripted_server(**unusual) as port,
        ImapMailbox(Account("127.0.0.1", port, "vie", "secret", tls=False)) as mailbox,
    ):
        assert mailbox.select("INBOX") == 7
        with pytest.raises(ConnectionError):
            mailbox.wait(0.2)


def test_news_in_the_packet_that_grants_idle_is_not_slept_over() -> None:
    # A socket that holds nothing more looks quiet to poll(), though the news lie in the reader's buffer.
    with (
        scripted_server(IDLE=b"+ idling\r\n* 1 EXISTS\r\n") as port,
        ImapMailbox(Account("127.0.0.1", port, "vie", "secret", tls=False)) as mailbox,
    ):
        mailbox.select("INBOX")
        waiting = threading.Thread(target=mailbox.wait, args=[60], daemon=True)
        waiting.start()
        waiting.join(20)
        assert not waiting.is_alive()


def test_a_server_that_only_says_it_is_still_there_has_no_news() -> None:
    still_here = b"* OK Still here\r\n{tag} OK idled\r\n"
    with (
        scripted_server(DONE=still_here) as port,
        ImapMailbox(Account("127.0.0.1", port, "vie", "secret", tls=False)) as mailbox,
    ):
        mailbox.select("INBOX")
        assert not mailbox.wait(0.2)


def test_a_server_that_is_not_there_is_a_connection_error() -> None:
    with pytest.raises(ConnectionError), ImapMailbox(Account("127.0.0.1", free_port(), "vie", "x", tls=False)):
        raise AssertionError("opened")


def test_a_line_that_dies_at_the_login_is_a_connection_error() -> None:
    with (
        scripted_server(LOGIN=None) as port,
        pytest.raises(ConnectionError),
        ImapMailbox(Account("127.0.0.1", port, "vie", "x", tls=False)),
    ):
        raise AssertionError("opened")


def test_a_certificate_that_nobody_vouches_for_is_a_connection_error(tmp_path: Path) -> None:
    context = make_certificate(tmp_path).context()
    with closing(socket.create_server(("127.0.0.1", 0))) as server:

        def greet() -> None:
            line, _ = server.accept()
            with line, pytest.raises(ssl.SSLError):
                context.wrap_socket(line, server_side=True)

        thread = threading.Thread(target=greet)
        thread.start()
        with pytest.raises(ConnectionError, match="CERTIFICATE_VERIFY_FAILED"):
            ImapMailbox(Account("localhost", server.getsockname()[1], "vie", "secret")).__enter__()
        thread.join(10)


def test_the_password_is_not_shown(dovecot: Postbox) -> None:
    assert dovecot.password not in repr(account(dovecot))
