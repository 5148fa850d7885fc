"""What becomes of a mail that the demo's post office takes: in the inbox, in a mailbox, or refused."""

from __future__ import annotations

import smtplib
import threading

import pytest

from service.core.verdicts import Verdict
from service.demo.cooperative import INBOX, RETURNS
from service.gateways.imap import ImapMailbox, ImapRefused
from service.gateways.relay import Relay
from service.gateways.smtp import SmtpOutbox
from service.ports import Envelope
from tests.demo.conftest import Office
from tests.parts.desk import carry

MAIL = "Subject: Une question\r\n\r\nOù lire le budget ?\r\n".encode()


def waiting(office: Office, *, above: int = 0) -> list[bytes]:
    with ImapMailbox(office.account) as inbox:
        inbox.select("INBOX")
        return [one.raw or b"" for one in inbox.fetch_after(above)]


def test_mail_to_the_cooperative_lands_in_the_inbox_byte_for_byte(office: Office) -> None:
    addresses = [INBOX, RETURNS, "vie+abc234@passerelles.example", "Retours+abc234@Passerelles.example"]
    for address in addresses:
        office.hand_in("idriss@bus.example", address, MAIL)
    for address, raw in zip(addresses, waiting(office), strict=True):
        assert raw.endswith(MAIL)
        assert raw.startswith(f"Return-Path: <idriss@bus.example>\r\nDelivered-To: {address}\r\n".encode())
    assert office.mailboxes.addresses() == []


def test_mail_to_anyone_else_lands_in_his_own_mailbox_unread(office: Office) -> None:
    office.hand_in(INBOX, "Idriss@bus.example", MAIL)
    office.hand_in(INBOX, "camille@passerelles.example", MAIL)
    assert office.mailboxes.addresses() == ["camille@passerelles.example", "idriss@bus.example"]
    (kept,) = office.mailboxes.received("idriss@bus.example")
    assert kept.raw.endswith(MAIL)
    assert office.mailboxes.unread("idriss@bus.example") == 1
    office.mailboxes.mark_read("idriss@bus.example", kept.key)
    assert office.mailboxes.unread("idriss@bus.example") == 0
    assert waiting(office) == []


def test_an_address_that_exists_no_more_is_refused_until_it_exists_again(office: Office) -> None:
    outbox = SmtpOutbox(Relay("127.0.0.1", office.ports["smtp"], "", "", "none"))
    office.mailboxes.mark_gone("parti@relais.example", gone=True)
    refused = carry(outbox, [Envelope(1, INBOX, "parti@relais.example", MAIL)]).fate[1]
    office.mailboxes.mark_gone("parti@relais.example", gone=False)
    taken = carry(outbox, [Envelope(2, INBOX, "parti@relais.example", MAIL)]).fate[2]
    assert refused is not None
    assert taken is not None
    assert (refused.verdict, refused.code) == (Verdict.REFUSED, 550)
    assert refused.enhanced == "5.1.1"
    assert taken.verdict is Verdict.ACCEPTED
    assert len(office.mailboxes.received("parti@relais.example")) == 1


def test_who_waits_in_idle_is_told_at_once_each_time(office: Office) -> None:
    with ImapMailbox(office.account) as inbox:
        for number in range(5):
            inbox.select("INBOX")
            seen = list(inbox.fetch_after(0))
            assert len(seen) == number
            later = threading.Timer(0.1, office.hand_in, ("idriss@bus.example", INBOX, MAIL))
            later.start()
            assert inbox.wait(60)
            later.join()


def test_mail_that_comes_while_another_is_fetched_is_not_waited_for(office: Office) -> None:
    office.hand_in("idriss@bus.example", INBOX, MAIL)
    with ImapMailbox(office.account) as inbox:
        inbox.select("INBOX")
        fetching = inbox.fetch_after(0)
        next(fetching)
        office.hand_in("idriss@bus.example", INBOX, MAIL)
        assert list(inbox.fetch_after(200)) == []  # its answer tells that there is more
        assert inbox.wait(60)
        inbox.select("INBOX")
        assert len(list(inbox.fetch_after(101))) == 1


def test_a_restart_even_by_kill_changes_no_uid_and_loses_nothing(office: Office) -> None:
    for number in range(3):
        office.hand_in("idriss@bus.example", INBOX, MAIL.replace(b"Une", str(number).encode()))
    office.hand_in(INBOX, "idriss@bus.example", MAIL)

    def uids() -> tuple[int, list[tuple[int, bytes | None]]]:
        with ImapMailbox(office.account) as inbox:
            return inbox.select("INBOX"), [(one.uid, one.raw) for one in inbox.fetch_after(0)]

    before = uids()
    office.end(kill=True)
    office.start()
    assert uids() == before
    assert len(before[1]) == 3
    assert len(office.mailboxes.received("idriss@bus.example")) == 1


def test_a_wrong_password_opens_nothing(office: Office) -> None:
    account = office.account.__class__("127.0.0.1", office.ports["imap"], INBOX, "un-autre", tls=False)
    with pytest.raises(ImapRefused), ImapMailbox(account):
        pass


def test_a_mail_from_the_null_sender_is_taken(office: Office) -> None:
    with smtplib.SMTP("127.0.0.1", office.ports["smtp"], timeout=30) as line:
        line.sendmail("", [INBOX], MAIL)
    assert waiting(office)[0].startswith(b"Return-Path: <>\r\n")
