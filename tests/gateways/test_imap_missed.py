"""What is told of a message that the server names and does not give, or that somebody takes away meanwhile (R9)?"""

from __future__ import annotations

import pytest

from service.gateways.imap import Account, ImapMailbox
from service.ports import Care, FetchDied, Given
from tests.parts.dovecot import DovecotServer, Postbox
from tests.parts.scripted_imap import Reply, scripted_server

FACTS = b"".join(
    b'* %d FETCH (UID %d RFC822.SIZE 2 INTERNALDATE "24-Nov-2026 10:00:00 +0000")\r\n' % (n, n) for n in (1, 2)
)
SECOND = b"* 2 FETCH (UID 2 BODY[] {2}\r\nhi)\r\n"
DONE = b"{tag} OK done\r\n"


def account(postbox: Postbox) -> Account:
    return Account(postbox.host, postbox.port, postbox.user, postbox.password, tls=False)


def answers(bodies: bytes, facts: bytes = FACTS) -> list[tuple[int, Given, bytes | None, int]]:
    """What is told of the messages 1 and 2 where the server says this of their bytes."""

    def fetch(command: bytes) -> bytes:
        return (facts if b"RFC822.SIZE" in command else bodies) + DONE

    said: dict[str, Reply] = {"UID SEARCH": b"* SEARCH 1 2\r\n" + DONE, "UID FETCH": fetch}
    with scripted_server(**said) as port, ImapMailbox(Account("127.0.0.1", port, "v", "s", tls=False)) as mailbox:
        mailbox.select("INBOX")
        return [(one.uid, one.given, one.raw, one.size) for one in mailbox.fetch_after(0)]


@pytest.mark.parametrize(
    "first",
    [
        pytest.param(b"* 1 FETCH (UID 1 BODY[] NIL)\r\n", id="NIL"),
        pytest.param(b"* 1 FETCH (UID 1 BODY[] {0}\r\n)\r\n", id="no bytes"),
        pytest.param(b"* 1 FETCH (UID 1)\r\n", id="an answer without a body"),
        pytest.param(b"", id="no answer, and found by a search"),
    ],
)
def test_i5_a_message_that_is_named_and_not_given_is_missed_and_the_next_one_comes(first: bytes) -> None:
    assert answers(first + SECOND) == [(1, Given.MISSED, None, 2), (2, Given.WHOLE, b"hi", 2)]


def test_i5_a_message_of_which_the_server_tells_nothing_at_all_is_missed_too() -> None:
    assert answers(SECOND, facts=FACTS.partition(b"\r\n")[2]) == [
        (1, Given.MISSED, None, 0),
        (2, Given.WHOLE, b"hi", 2),
    ]


def test_i5_one_message_that_the_server_refuses_keeps_back_no_other() -> None:
    def fetch(command: bytes) -> bytes:
        if b"RFC822.SIZE" in command:
            return FACTS + DONE
        asked = command.split()[3]
        return SECOND + DONE if asked == b"2" else b"{tag} NO The message cannot be converted\r\n"

    said: dict[str, Reply] = {"UID SEARCH": b"* SEARCH 1 2\r\n" + DONE, "UID FETCH": fetch}
    with scripted_server(**said) as port, ImapMailbox(Account("127.0.0.1", port, "v", "s", tls=False)) as mailbox:
        mailbox.select("INBOX")
        assert [(m.uid, m.given) for m in mailbox.fetch_after(0)] == [(1, Given.MISSED), (2, Given.WHOLE)]
        assert mailbox.fetch_again(1).given is Given.MISSED
        assert mailbox.fetch_again(2).raw == b"hi"


def test_r9_what_somebody_deletes_between_the_search_and_the_fetch_is_gone_and_not_missed(dovecot: Postbox) -> None:
    """Dovecot still tells the size of it, and NIL for its bytes."""
    for number in range(3):
        # Large enough for a group each: the second is asked for when the first was given.
        dovecot.deliver(b"Subject: %d\r\n\r\n" % number + b"x" * 4_000_000)
    with ImapMailbox(account(dovecot)) as mailbox:
        mailbox.select("INBOX")
        found = mailbox.fetch_after(0)
        first = next(found)
        dovecot.expunge(2)
        rest = list(found)
        assert [(m.uid, m.given) for m in [first, *rest]] == [(1, Given.WHOLE), (2, Given.GONE), (3, Given.WHOLE)]
        assert mailbox.fetch_again(2).given is Given.GONE


def test_r7_a_message_of_which_the_line_dies_is_told_as_missed_when_it_is_not_asked_for(
    dovecot_of_the_run: DovecotServer, dovecot: Postbox
) -> None:
    """Dovecot ends the line where it cannot read the file of a message."""
    dovecot.deliver(b"Subject: the first\r\n\r\nx\r\n")
    dovecot.deliver(b"Subject: the second\r\n\r\nx\r\n")
    with dovecot_of_the_run.unreadable(dovecot, b"the first"):
        for died in (False, True):
            with ImapMailbox(account(dovecot)) as mailbox:
                mailbox.select("INBOX")
                if not died:
                    with pytest.raises(FetchDied):
                        list(mailbox.fetch_after(0))
                    continue
                (missed,) = mailbox.fetch_after(0, care=Care.UNASKED)
                assert (missed.uid, missed.given, missed.size > 0) == (1, Given.MISSED, True)
                assert [m.given for m in mailbox.fetch_after(1, care=Care.ALONE)] == [Given.WHOLE]
