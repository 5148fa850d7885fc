"""An address that its own server does not know is not written to again, and nothing else that is answered bars anybody (D19)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta

import pytest
from sqlalchemy import delete, func, select

from service.actions import audiences, claims, destinations, lists, sending, settling, suppressions
from service.core import addresses, explanations
from service.core.refusals import Conflict, Forbidden
from service.core.verdicts import Outcome, Stage, Verdict, judge
from service.core.vocabulary import DeliveryState, MailKind, SkipReason
from service.models.bounce_score import BounceScore
from service.models.campaign import Campaign
from service.models.delivery import Delivery
from service.models.journal import JournalEntry
from service.models.mailing_list import SCORE, Suppression
from service.models.member import Contact
from service.models.pace import Destination
from service.models.staff import Staff
from tests.builders import NOON, SECRET, Tray, World

ADDRESS = "membre1@exemple1.example"
UNKNOWN = Outcome(Verdict.REFUSED, Stage.RCPT, 550, "5.1.1 The email account that you tried to reach does not exist")
OBJECTION = "opposition"


@dataclass(frozen=True)
class Line:
    """One answer, whose fault it is, and what follows: `bars` the address, `counts` against its domain (D20), `scores` a point of the address."""

    stage: Stage
    code: int
    text: str
    verdict: Verdict
    bars: bool = False
    counts: bool = False
    scores: bool = False


TABLE = [
    # The address, told where its own server answers for it.
    Line(Stage.RCPT, 550, UNKNOWN.text, Verdict.REFUSED, bars=True, scores=True),
    Line(
        Stage.RCPT,
        550,
        "5.1.1 <a@b.example>: Recipient address rejected: User unknown",
        Verdict.REFUSED,
        bars=True,
        scores=True,
    ),
    Line(
        Stage.RCPT,
        550,
        "5.1.1 Adresse d au moins un destinataire invalide. OFR204_416",
        Verdict.REFUSED,
        bars=True,
        scores=True,
    ),
    Line(Stage.RCPT, 550, "5.1.10 RESOLVER.ADR.RecipientNotFound; not found", Verdict.REFUSED, bars=True, scores=True),
    Line(Stage.RCPT, 550, "5.1.2 Host or domain name not found", Verdict.REFUSED, bars=True, scores=True),
    # The same words where they speak of something else, and other words under the same code.
    Line(Stage.RCPT, 450, "5.1.1 User unknown, try again", Verdict.DEFERRED),
    Line(Stage.RCPT, 550, "5.1.1 Mailbox full, over quota", Verdict.REFUSED, scores=True),
    Line(Stage.RCPT, 550, "5.1.1 Blocked by our spam policy", Verdict.REFUSED, counts=True),
    Line(Stage.RCPT, 554, "5.1.1 <a@b.example>: Relay access denied", Verdict.RELAY_DOWN),
    Line(Stage.RCPT, 550, "No such user here", Verdict.REFUSED, scores=True),
    Line(Stage.RCPT, 501, "5.1.3 Bad recipient address syntax", Verdict.REFUSED, scores=True),
    Line(Stage.CONNECT, 550, "5.1.1 User unknown", Verdict.RELAY_DOWN),
    Line(Stage.MAIL, 550, "5.1.1 User unknown", Verdict.RELAY_DOWN),
    Line(Stage.MAIL, 550, "5.1.2 Domain of sender does not exist", Verdict.RELAY_DOWN),
    Line(Stage.DATA, 550, "5.1.1 User unknown", Verdict.REFUSED),
    Line(Stage.DOT, 550, "5.1.1 User unknown", Verdict.REFUSED),
    Line(Stage.DOT, 550, "5.1.10 Recipient not found", Verdict.REFUSED),
    # The mailbox as it is today.
    Line(Stage.RCPT, 552, "5.2.2 Mailbox full", Verdict.REFUSED, scores=True),
    Line(Stage.DOT, 552, "5.2.2 The mailbox is over quota", Verdict.REFUSED),
    Line(Stage.RCPT, 452, "4.2.2 Mailbox full", Verdict.DEFERRED),
    Line(Stage.RCPT, 550, "5.2.1 The account is disabled", Verdict.REFUSED, scores=True),
    # Gmail and Outlook, of us: the domain's breaker.
    Line(Stage.DOT, 550, "5.7.26 This mail is unauthenticated", Verdict.REFUSED, counts=True),
    Line(Stage.RCPT, 550, "5.7.26 This mail is unauthenticated", Verdict.REFUSED, counts=True),
    Line(Stage.DOT, 550, "5.7.27 SPF check of the sender did not pass", Verdict.REFUSED, counts=True),
    Line(Stage.DOT, 550, "5.7.30 DKIM check did not pass", Verdict.REFUSED, counts=True),
    Line(Stage.DOT, 550, "5.7.515 Access denied, authentication level not met", Verdict.REFUSED, counts=True),
    Line(Stage.RCPT, 550, "5.7.1 Service refused: listed at a block list", Verdict.REFUSED, counts=True),
    Line(Stage.RCPT, 550, "5.7.1 user unknown", Verdict.REFUSED),
    Line(Stage.RCPT, 550, "5.4.1 Recipient address rejected: Access denied", Verdict.REFUSED, counts=True),
    Line(Stage.RCPT, 550, "5.4.1 no such user", Verdict.REFUSED),
    Line(Stage.DOT, 550, "5.4.6 Routing loop detected", Verdict.REFUSED, counts=True),
    # The relay, its quota and its rates, and who we are to it: the relay's breaker.
    Line(Stage.DOT, 451, "4.7.24 The SPF record of the sending domain is suspicious", Verdict.RELAY_DOWN),
    Line(Stage.RCPT, 550, "5.4.5 Daily user sending limit exceeded", Verdict.RELAY_DOWN),
    Line(Stage.DOT, 554, "5.7.60 SMTP; Client does not have permissions to send as this sender", Verdict.RELAY_DOWN),
    Line(Stage.DOT, 554, "5.2.0 STOREDRV.Submission.Exception:SendAsDeniedException", Verdict.RELAY_DOWN),
    Line(Stage.DATA, 451, "4.3.2 System not accepting messages", Verdict.RELAY_DOWN),
    Line(Stage.RCPT, 450, "4.7.28 Unusual rate of mail", Verdict.RELAY_DOWN),
    Line(Stage.RCPT, 421, "4.7.0 Try again later", Verdict.RELAY_DOWN),
    Line(Stage.CONNECT, 421, "Too many connections", Verdict.RELAY_DOWN),
    Line(Stage.CONNECT, 535, "5.7.8 Bad credentials", Verdict.RELAY_DOWN),
    Line(Stage.MAIL, 530, "5.7.0 Authentication required", Verdict.RELAY_DOWN),
    Line(Stage.RCPT, 503, "5.5.1 Bad sequence of commands", Verdict.RELAY_DOWN),
    # Later, and the message itself.
    Line(Stage.RCPT, 450, "4.2.0 Greylisted, try again in 300 seconds", Verdict.DEFERRED),
    Line(Stage.RCPT, 450, "4.7.1 Greylisting in action", Verdict.DEFERRED),
    Line(Stage.DOT, 421, "4.3.0 Closing connection", Verdict.DEFERRED),
    Line(Stage.DOT, 552, "5.3.4 Message too big for system", Verdict.REFUSED),
    Line(Stage.DOT, 554, "5.6.0 Message content rejected", Verdict.REFUSED),
    Line(Stage.DOT, 554, "5.6.0 id=1 - BANNED: looks like spam", Verdict.REFUSED),
    Line(Stage.RCPT, 554, "5.6.0 Content not supported here", Verdict.REFUSED),
    Line(Stage.RCPT, 553, "5.6.7 The relay offers no SMTPUTF8, which this address needs.", Verdict.REFUSED),
]


@pytest.mark.parametrize("line", TABLE, ids=lambda line: f"{line.stage} {line.code} {line.text[:24]}")
def test_d19_each_answer_has_its_verdict_and_bars_or_counts_as_it_must(line: Line) -> None:
    outcome = judge(line.stage, line.code, line.text)
    assert outcome.verdict is line.verdict
    assert suppressions.says_unknown(outcome) is line.bars
    assert destinations.is_by_policy(outcome) is line.counts


def test_d19_the_whole_table_settled_twice_bars_and_scores_just_those_addresses_and_counts_just_those_domains(
    world: World, boss: Staff
) -> None:
    world.mailing_list()
    rows = [f"P{n};N{n};p{n}@d{n}.example" for n in range(len(TABLE))]
    world.take_in("\n".join(["Prénom;Nom;E-mail", *rows]), "nouvelles")
    number = world.approved(world.staff(), boss, "nouvelles")
    world.send(number, boss)
    with world.sessions.begin() as session:
        taken = claims.claim(session, number, owner="here/1", limit=100, after=0, now=NOON).tickets
    by_address = {ticket.address: ticket for ticket in taken}
    told = [(by_address[f"p{n}@d{n}.example"], judge(line.stage, line.code, line.text)) for n, line in enumerate(TABLE)]
    for now in (NOON, NOON + timedelta(hours=1)):
        with world.sessions.begin() as session:
            settling.settle(session, told, owner="here/1", now=now)
    with world.sessions() as session:
        barred = {(one.address_hmac, one.at) for one in session.scalars(select(Suppression))}
        counted = set(session.scalars(select(Destination.domain)))
        scored = {(one.address_hmac, one.points, one.last_on) for one in session.scalars(select(BounceScore))}
    assert barred == {(fingerprint(f"p{n}@d{n}.example"), NOON) for n, line in enumerate(TABLE) if line.bars}
    assert counted == {f"d{n}.example" for n, line in enumerate(TABLE) if line.counts}
    points = {(fingerprint(f"p{n}@d{n}.example"), 1, NOON.date()) for n, line in enumerate(TABLE) if line.scores}
    assert scored == points


def test_d19_an_unknown_address_gets_no_communique_any_more_and_each_convocation(
    world: World, launched: int, boss: Staff
) -> None:
    sending.send_campaign(world.wire(Tray({ADDRESS: UNKNOWN})), launched)
    author, tray = colleague(world), Tray()
    world.clock.forward(hours=1)
    for slug, kind in (("nouvelles", MailKind.COMMUNIQUE), (lists.STATUTORY, MailKind.AG_CONVOCATION)):
        number = world.approved(author, boss, slug, kind=kind)
        with world.sessions() as session:
            campaign = session.get_one(Campaign, number)
            planned, agreed = audiences.count(session, campaign, secret=SECRET), campaign.approval
        world.send(number, boss)
        figures = world.figures(number)
        assert agreed is not None
        assert planned.receiving == agreed.audience_size == figures.pending
        assert sum(planned.left_out.values()) == figures.skipped
        assert planned.left_out == ({} if slug == lists.STATUTORY else {SkipReason.UNKNOWN: 1})
        sending.send_campaign(world.wire(tray), number)
    assert [one.recipient for one in tray.envelopes].count(ADDRESS) == 1
    assert len(tray.envelopes) == 9


@pytest.mark.parametrize(
    ("barred_for", "why"),
    [
        ("5.1.1", SkipReason.UNKNOWN),
        ("5.1.2", SkipReason.UNKNOWN),
        (SCORE, SkipReason.RETURNED),
        (OBJECTION, SkipReason.OBJECTED),
    ],
)
def test_d19_a_mail_that_does_not_leave_says_why_its_address_is_barred(
    world: World, launched: int, boss: Staff, barred_for: str, why: SkipReason
) -> None:
    """Barred before the launch of one campaign, and in the middle of another."""
    bar(world, barred_for)
    sending.send_campaign(world.wire(Tray()), launched)
    later = world.approved(colleague(world), boss, "nouvelles")
    world.send(later, boss)
    with world.sessions() as session:
        for number in (launched, later):
            row = session.scalars(Delivery.of_campaign(number).where(Delivery.address == ADDRESS)).one()
            assert (row.state, row.why) == (DeliveryState.SKIPPED, why)
            assert row.told.reason == explanations.of_skip(why)
            assert ("serveur ne la connaît pas" in row.told.reason) is (why is SkipReason.UNKNOWN)
            assert ("opposée" in row.told.reason) is (why is SkipReason.OBJECTED)


def bar(world: World, reason: str) -> None:
    with world.sessions.begin() as session:
        fingerprint = addresses.fingerprint(ADDRESS, SECRET)
        session.add(Suppression(address_hmac=fingerprint, reason=reason, at=world.clock()))


def test_d19_a_test_that_goes_to_an_unknown_address_of_the_staff_bars_nobody(world: World, author: Staff) -> None:
    asked = world.ordered_test(world.draft(author, "nouvelles"), author)
    sending.send_single(world.wire(Tray({author.email: UNKNOWN})), asked)
    with world.sessions() as session:
        assert session.get_one(Delivery, asked).state is DeliveryState.REFUSED
        assert session.scalar(select(func.count()).select_from(Suppression)) == 0


def test_d19_an_address_that_staff_vouch_for_is_written_to_again(world: World, launched: int, boss: Staff) -> None:
    sending.send_campaign(world.wire(Tray({ADDRESS: UNKNOWN})), launched)
    with world.sessions() as session:
        contacts = session.scalars(select(Contact)).all()
        (found,) = suppressions.barred(session, contacts, secret=SECRET).items()
        assert found[1] == suppressions.Barred(NOON, "5.1.1", f"550 {UNKNOWN.text}")
        number = found[0]
    with world.sessions.begin() as session:
        contact = session.get_one(Contact, number)
        assert contact.email == ADDRESS
        suppressions.lift(session, contact, by=session.merge(boss), secret=SECRET, now=world.clock())
        with pytest.raises(Conflict, match="reçoit déjà"):
            suppressions.lift(session, contact, by=session.merge(boss), secret=SECRET, now=world.clock())
    with world.sessions() as session:
        assert suppressions.barred(session, contacts, secret=SECRET) == {}
        entry = session.scalars(select(JournalEntry).order_by(JournalEntry.id.desc())).first()
        assert entry is not None
        assert (entry.act, entry.staff_id, entry.subject, entry.subject_id, entry.detail) == (
            "suppression.lift",
            boss.id,
            "contact",
            number,
            {"code": "5.1.1"},
        )
    tray, again = Tray(), world.approved(colleague(world), boss, "nouvelles")
    world.send(again, boss)
    sending.send_campaign(world.wire(tray), again)
    assert ADDRESS in [one.recipient for one in tray.envelopes]


def test_an_objection_is_nobody_else_s_to_take_back(world: World, launched: int, boss: Staff) -> None:
    with world.sessions.begin() as session:
        session.execute(delete(Suppression))
        session.add(Suppression(address_hmac=fingerprint(ADDRESS), reason=OBJECTION, at=NOON))
        contact = session.scalars(select(Contact).where(Contact.email == ADDRESS)).one()
        assert suppressions.barred(session, [contact], secret=SECRET) == {contact.id: suppressions.Barred(NOON, "", "")}
        with pytest.raises(Forbidden, match="elle seule"):
            suppressions.lift(session, contact, by=session.merge(boss), secret=SECRET, now=NOON)
    # What a server says later does not make it one of ours to lift.
    sending.send_campaign(world.wire(Tray({ADDRESS: replace(UNKNOWN, text="5.1.10 not found")})), launched)
    with world.sessions() as session:
        assert session.scalars(select(Suppression)).one().reason == OBJECTION


def fingerprint(address: str) -> str:
    return addresses.fingerprint(address, SECRET)


def colleague(world: World) -> Staff:
    return world.colleagues()[0]
