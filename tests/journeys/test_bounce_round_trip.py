"""A mail goes out, the relay gives it up and writes so into our mailbox: the member's page and the sending say it (D16, R17)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from service.settings import Need, load
from service.web.app import create_app
from service.wiring import Wiring
from tests.parts import await_that
from tests.parts.dovecot import Postbox
from tests.parts.installation import Installation, installation
from tests.parts.smtp_sink import Received, Sink
from tests.web.conftest import Browser

UNKNOWN, FULL, REACHED = "membre3@exemple0.example", "membre5@exemple2.example", "membre1@exemple1.example"
SAID = {
    UNKNOWN: ("5.1.1", "550 5.1.1 <b>User</b> unknown in virtual mailbox table"),
    FULL: ("5.2.2", "552 5.2.2 Mailbox full"),
}


@dataclass
class GivingUp(list[Received]):
    """What a relay took; of some it says in our mailbox that it gave them up, before it has answered us (R17)."""

    box: Postbox

    def append(self, taken: Received) -> None:
        super().append(taken)
        if taken.recipient in SAID:
            self.box.deliver(report(taken))


def report(taken: Received) -> bytes:
    """The report of a relay as Postfix writes it, to the envelope sender."""
    status, words = SAID[taken.recipient]
    head = taken.data.partition(b"\r\n\r\n")[0].decode()
    return (
        f"Return-Path: <>\r\nDelivered-To: vie@passerelles.example\r\nFrom: MAILER-DAEMON@relais.example\r\nTo: {taken.sender}\r\n"
        f"Subject: Undelivered Mail Returned to Sender\r\nAuto-Submitted: auto-replied\r\nMessage-ID: <{status}@relais.example>\r\n"
        'MIME-Version: 1.0\r\nContent-Type: multipart/report; report-type=delivery-status; boundary="b/relais"\r\n\r\n'
        "--b/relais\r\nContent-Type: text/plain; charset=us-ascii\r\n\r\nI'm sorry to have to inform you.\r\n\r\n"
        "--b/relais\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; relais.example\r\n\r\n"
        f"Final-Recipient: rfc822; {taken.recipient}\r\nAction: failed\r\nStatus: {status}\r\nDiagnostic-Code: smtp; {words}\r\n\r\n"
        f"--b/relais\r\nContent-Type: text/rfc822-headers\r\n\r\n{head}\r\n\r\n--b/relais--\r\n"
    ).encode()


def test_what_a_relay_reports_of_a_real_sending_stands_on_the_members_page_and_bars_one_address(
    database: str, tmp_path: Path, sink: Sink, dovecot: Postbox
) -> None:
    sink.messages = GivingUp(dovecot)
    with installation(tmp_path, database, sink, dovecot) as pli:
        world = pli.seeded(8)
        for command in ("worker", "clock", "inbox"):
            pli.start(command)
        number = pli.approved_campaign()
        pli.send(number, "--wait")
        await_that(lambda: world.figures(number).bounced == 2, "both reports are read", 60)
        figures = world.figures(number)
        assert (figures.planned, figures.accepted, figures.refused, figures.in_doubt) == (8, 8, 0, 0)
        assert pli.ask("invariants")["ok"] is True
        staff = browser(pli)
        gone, full, other = (
            staff.get(f"/societaires/{member_of(staff, address)}").text for address in (UNKNOWN, FULL, REACHED)
        )
        assert [page.count("revenu en erreur</span>") for page in (gone, full, other)] == [1, 1, 0]
        assert "que la boîte n’existe pas." in gone
        assert "550 5.1.1 &lt;b&gt;User&lt;/b&gt; unknown in virtual mailbox table" in gone
        assert "1\u00a0message refusé ou revenu en erreur" in full
        assert "n’existe pas" not in full
        again = pli.approved_campaign(subject="Encore une nouvelle")
        pli.send(again, "--wait")
        assert world.figures(again).skipped == 1
        assert [one.recipient for one in sink.messages].count(UNKNOWN) == 1


def browser(pli: Installation) -> Browser:
    """Jeanne at the pages of this installation."""
    app = create_app(Wiring(load(Need.STORES | Need.KEYS | Need.WRITING | Need.WEB, pli.environment)))
    app.test_client_class = Browser
    client = app.test_client()
    assert isinstance(client, Browser)
    client.sign_in("jeanne@passerelles.example")
    return client


def member_of(staff: Browser, address: str) -> int:
    """The number of a member, as a search on the page finds him."""
    page = staff.get("/societaires", query_string={"q": address}).text
    (number,) = set(re.findall(r'href="/societaires/(\d+)"', page))
    return int(number)
