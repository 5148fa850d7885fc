"""A domain that refuses us by policy is left in peace, and nobody is lost or suppressed for it (D19, D20)."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from sqlalchemy import event, func, select, update

from service.actions import campaigns, destinations, sending, suppressions
from service.core.reading import bounces
from service.core.reading.bounces import Bounce
from service.core.reading.parsing import parse
from service.core.refusals import Conflict, Forbidden
from service.core.verdicts import Outcome, Stage, Verdict, judge
from service.core.vocabulary import CampaignStatus, DeliveryState, Role
from service.models.delivery import Delivery
from service.models.mailing_list import Suppression
from service.models.staff import Staff
from service.ports import Desk
from tests.builders import Tray, World

BLOCKED = Outcome(Verdict.REFUSED, Stage.RCPT, 550, "5.7.1 Message refused because of your reputation")
P0 = "p0@strict.example"


@pytest.fixture
def two_domains(world: World, author: Staff, boss: Staff) -> int:
    """A sending to twenty people at one domain and twenty at another, turn about."""
    world.mailing_list("essai")
    rows = [f"P{n};N{n};p{n}@{('strict', 'libre')[n % 2]}.example" for n in range(40)]
    world.take_in("\n".join(["Prénom;Nom;E-mail", *rows]), "essai")
    number = world.approved(author, boss, "essai")
    world.send(number, boss)
    return number


def strict() -> Tray:
    return Tray({f"p{n}@strict.example": BLOCKED for n in range(0, 40, 2)})


def states(world: World, number: int, domain: str) -> Counter[DeliveryState]:
    with world.sessions() as session:
        rows = session.scalars(select(Delivery).where(Delivery.campaign_id == number))
        return Counter(row.state for row in rows if row.address.endswith(f"@{domain}"))


def test_d20_after_five_refusals_by_policy_a_domain_is_paused_and_the_others_go_on(
    world: World, two_domains: int
) -> None:
    assert sending.send_campaign(world.wire(strict()), two_domains) is False
    assert states(world, two_domains, "strict.example") == {DeliveryState.REFUSED: 5, DeliveryState.PENDING: 15}
    assert states(world, two_domains, "libre.example") == {DeliveryState.ACCEPTED: 20}
    assert world.status(two_domains) is CampaignStatus.SENDING
    world.clock.forward(hours=3)
    with world.sessions() as session:
        (paused,) = destinations.paused(session)
        assert (paused.domain, paused.code) == ("strict.example", "5.7.1")
        assert paused.reply == f"550 {BLOCKED.text}"
        assert campaigns.waiting_at(session, "strict.example") == 15
        assert campaigns.unheard(session, now=world.clock()) == []
        assert session.scalar(select(func.count()).select_from(Suppression)) == 0


def test_d20_a_resume_lets_everybody_who_waited_go_once(world: World, two_domains: int, boss: Staff) -> None:
    tray = strict()
    sending.send_campaign(world.wire(tray), two_domains)
    with world.sessions.begin() as session:
        destinations.resume(session, "strict.example", by=session.merge(boss), now=world.clock())
    world.clock.forward(minutes=1)
    with world.sessions() as session:
        assert [one.id for one in campaigns.unheard(session, now=world.clock())] == [two_domains]
    tray.script = {}
    sending.send_campaign(world.wire(tray), two_domains)
    assert states(world, two_domains, "strict.example") == {DeliveryState.REFUSED: 5, DeliveryState.ACCEPTED: 15}
    assert world.status(two_domains) is CampaignStatus.SENT
    assert set(Counter(one.recipient for one in tray.envelopes).values()) == {1}
    with pytest.raises(Conflict), world.sessions.begin() as session:
        destinations.resume(session, "strict.example", by=session.merge(boss), now=world.clock())


def test_who_may_not_send_does_not_resume(world: World, two_domains: int) -> None:
    sending.send_campaign(world.wire(strict()), two_domains)
    writer = world.staff("Luce", Role.REDACTEUR)
    with pytest.raises(Forbidden), world.sessions.begin() as session:
        destinations.resume(session, "strict.example", by=session.merge(writer), now=world.clock())


def test_d20_four_refusals_of_twenty_pause_nothing_and_are_forgotten_after_twenty_other_answers(
    world: World, two_domains: int
) -> None:
    tray = Tray({f"p{n}@strict.example": BLOCKED for n in (0, 4, 8, 12)})
    sending.send_campaign(world.wire(tray), two_domains)
    assert world.status(two_domains) is CampaignStatus.SENT
    with world.sessions() as session:
        assert destinations.paused(session) == []


def test_d20_a_report_that_comes_back_by_policy_counts_as_a_refusal(world: World, two_domains: int) -> None:
    sending.send_campaign(world.wire(Tray()), two_domains)
    with world.sessions.begin() as session:
        for n in range(5):
            assert destinations.paused(session) == []
            # A notice of no standard form has no words of a server: what stands in it is not what the domain has answered.
            address = f"p{2 * n}@Strict.example"
            came_back = notice(address, "listed as spam") if n % 2 else reported(address, "5.7.26")
            destinations.note_bounce(session, address, came_back, now=world.clock())
        assert [(one.domain, one.reply) for one in destinations.paused(session)] == [("strict.example", "")]


def test_d19_d20_a_report_with_a_bare_code_of_routing_counts_for_its_domain_and_bars_nobody(
    world: World, two_domains: int
) -> None:
    """Our French sentence for 5.4.1 says that the address does not exist: no server has said so."""
    sending.send_campaign(world.wire(Tray()), two_domains)
    with world.sessions.begin() as session:
        rows = session.scalars(Delivery.of_campaign(two_domains).where(Delivery.address.endswith("@strict.example")))
        for row, status in zip(rows.all(), ("5.4.1", "5.4.1", "5.4.4", "5.4.14", "5.4.1"), strict=False):
            assert destinations.paused(session) == []
            came_back = reported(row.address, status)
            destinations.note_bounce(session, row.address, came_back, now=world.clock())
            suppressions.note_bounce(session, row, came_back, now=world.clock())
        assert [one.domain for one in destinations.paused(session)] == ["strict.example"]
        assert session.scalar(select(func.count()).select_from(Suppression)) == 0


def reported(address: str, status: str) -> Bounce:
    """What a report says of an address, with a status and no words."""
    (found,) = bounces.read(
        parse(
            b"From: MAILER-DAEMON@relais.example\n"
            b"Content-Type: multipart/report; report-type=delivery-status; boundary=b\n\n"
            b"--b\nContent-Type: message/delivery-status\n\nReporting-MTA: dns; relais.example\n\n"
            + f"Final-Recipient: rfc822; {address}\nAction: failed\nStatus: {status}\n\n--b--\n".encode()
        )
    )
    return found


def notice(address: str, words: str) -> Bounce:
    """What a notice in words says of an address."""
    head = f"From: MAILER-DAEMON@relais.example\nX-Failed-Recipients: {address}\n\n"
    (found,) = bounces.read(parse(f"{head}{address}: {words}\n".encode()))
    return found


def test_d20_three_refusals_of_the_message_itself_by_one_domain_stop_the_sending_and_pause_no_domain(
    world: World, two_domains: int
) -> None:
    content = Outcome(Verdict.REFUSED, Stage.DOT, 554, "5.6.0 Message content rejected")
    refusing = Tray({f"p{n}@strict.example": content for n in range(0, 40, 2)})
    # The other domain takes its mail before: three in a row are then of this one alone.
    with world.sessions.begin() as session:
        session.execute(
            update(Delivery)
            .where(Delivery.campaign_id == two_domains, Delivery.address.endswith("@libre.example"))
            .values(state=DeliveryState.ACCEPTED)
        )
    sending.send_campaign(world.wire(refusing), two_domains)
    assert world.status(two_domains) is CampaignStatus.PAUSED
    assert states(world, two_domains, "strict.example") == {DeliveryState.REFUSED: 3, DeliveryState.PENDING: 17}
    with world.sessions() as session:
        assert destinations.paused(session) == []


def test_an_unknown_address_and_a_full_mailbox_say_nothing_of_us(world: World, two_domains: int) -> None:
    with world.sessions.begin() as session:
        for status in ("5.1.1", "5.2.2", "5.1.10", "4.7.1", "5.1.2", "5.6.0"):
            for _ in range(5):
                destinations.note_bounce(session, P0, reported(P0, status), now=world.clock())
        assert destinations.paused(session) == []


@pytest.mark.parametrize(
    ("code", "text", "by_policy"),
    [
        (550, "5.7.1 Service refused: blocked using a block list", True),
        (550, "5.7.26 This mail is unauthenticated", True),
        (550, "5.7.27 SPF check did not pass", True),
        (550, "5.7.30 DKIM check did not pass", True),
        (550, "5.7.515 Access denied, sending domain does not meet the required authentication level", True),
        (554, "5.7.9 Message not accepted for policy reasons", True),
        (550, "5.4.6 Routing loop detected", True),
        (550, "5.4.1 No answer from host", True),
        (550, "5.4.1 All recipient addresses rejected : Access denied", True),
        (550, "5.4.1 [mx.exemple.example]: recipient not accepted", True),
        (554, "5.4.4 Unable to route to the mail exchanger", True),
        (550, "5.4.4 SMTPSEND.DNS.MxLoopback; DNS records for this domain are configured in a loop", True),
        (554, "5.4.14 Hop count exceeded - possible mail loop ATTR1", True),
        (550, "5.4.300 Message expired", True),
        (554, "5.4.0 Error: too many hops", True),
        (554, "5.4.1", True),
        (554, "5.4.4", True),
        (550, "5.4.1 User unknown", False),
        (550, "5.4.1 Recipient address rejected: user does not exist", False),
        (554, "5.4.4 Host or domain name not found. Name service error for name=exemple.example type=A", False),
        (550, "5.4.4 No such domain", False),
        (451, "4.4.1 No answer from host", False),
        (554, "JFE: message refused, listed at a reputation list", True),
        (550, "5.1.1 The email account that you tried to reach does not exist", False),
        (550, "5.1.10 Recipient not found", False),
        (550, "5.1.2 No such domain", False),
        (552, "5.2.2 The mailbox is over quota", False),
        (550, "5.7.1 user unknown", False),
        (554, "5.6.0 Message content rejected", False),
        (554, "5.6.3 Conversion required but not supported", False),
        (550, "No such user here", False),
    ],
)
def test_d19_only_a_refusal_of_the_sender_opens_the_breaker(code: int, text: str, by_policy: bool) -> None:
    assert destinations.is_by_policy(judge(Stage.RCPT, code, text)) is by_policy


def test_d18_a_convocation_put_off_for_a_day_is_told(world: World, author: Staff, boss: Staff) -> None:
    world.members(3, "convocations")
    number = world.approved(author, boss, "convocations")
    world.send(number, boss)
    later = Outcome(Verdict.DEFERRED, Stage.RCPT, 451, "4.2.0 try again")
    tray = Tray({"membre0@exemple0.example": later})
    for hours, expected in ((0, 0), (23, 0), (24.5, 1)):
        world.clock.at = world.clock.at.replace(hour=12, minute=0)
        world.clock.forward(hours=hours)
        sending.send_campaign(world.wire(tray), number)
        with world.sessions() as session:
            late = campaigns.late_convocations(session, now=world.clock())
            assert [(one.campaign.id, one.people) for one in late] == [(number, 1)] * expected


def test_a_recipient_at_whom_the_relay_hangs_up_each_time_is_put_off_like_any_other(
    world: World, launched: int
) -> None:
    class Cutting(Tray):
        def run(self, desk: Desk) -> Outcome | None:
            while (envelope := desk.take()) is not None:
                desk.hand([envelope.id])
                if envelope.recipient == "membre0@exemple0.example":
                    desk.unsent(envelope.id)
                else:
                    self.envelopes.append(envelope)
                    desk.answered(envelope.id, Outcome(Verdict.ACCEPTED, Stage.DOT, 250, "2.0.0 kept"))
            return None

    sending.send_campaign(world.wire(Cutting()), launched)
    figures = world.figures(launched)
    assert (figures.accepted, figures.deferred, figures.pending) == (4, 1, 0)
    for _ in range(40):
        world.clock.forward(hours=4)
        sending.send_campaign(world.wire(Cutting()), launched)
    with world.sessions() as session:
        given_up = session.scalars(select(Delivery).where(Delivery.state == DeliveryState.REFUSED)).one()
        assert (given_up.why, given_up.enhanced) == ("given_up", "4.4.7")
    assert world.status(launched) is CampaignStatus.SENT


def test_new_destinations_are_entered_in_the_order_of_their_names(world: World, author: Staff, boss: Staff) -> None:
    """Two processes that meet two of them in two orders would each wait for the other."""
    world.mailing_list("essai")
    world.take_in("Prénom;Nom;E-mail\nA;B;un@zeste.example\nC;D;deux@abri.example\n", "essai")
    number = world.approved(author, boss, "essai")
    world.send(number, boss)
    entered: list[str] = []

    def note(*told: Any) -> None:
        if told[2].startswith("INSERT INTO destination"):
            entered.extend(word for word in repr(told[3]).split("'") if word.endswith(".example"))

    event.listen(world.engine, "before_cursor_execute", note)
    sending.send_campaign(
        world.wire(Tray({"un@zeste.example": BLOCKED, "deux@abri.example": BLOCKED}), window=10, connections=2), number
    )
    assert list(dict.fromkeys(entered)) == ["abri.example", "zeste.example"]
