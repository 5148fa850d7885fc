"""From a message in the mailbox to its right place, with a mailbox in memory."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from types import TracebackType
from typing import Self
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import func, select

from service.actions import bells, inbox, mailbox, sending, suppressions
from service.actions.mailbox import Reader
from service.core import tokens
from service.core.reading.ours import Ours
from service.core.verdicts import Outcome, Stage, Verdict
from service.core.vocabulary import InboundKind, InboundState, MatchedBy, QuestionStatus
from service.models.delivery import Delivery
from service.models.inbound_message import InboundMessage, MailboxCursor
from service.models.mailing_list import Suppression
from service.models.member import Contact
from service.models.pace import Destination
from service.models.question import Asking, Question
from service.ports import Care, FetchedMessage, Given
from tests.builders import SECRET, Tray, World

ARRIVED = datetime(2026, 11, 24, 13, 30, tzinfo=UTC)
OURS = Ours(frozenset({"vie@passerelles.example", "retours@passerelles.example"}), frozenset({"passerelles.example"}))
READER = Reader("vie@imap", OURS, SECRET, ZoneInfo("Europe/Paris"))


@dataclass
class Box:
    """A mailbox in memory."""

    uidvalidity: int = 7
    messages: list[tuple[int, bytes | None]] = field(default_factory=list)
    folder: str = ""
    arrived: datetime = ARRIVED

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def select(self, folder: str) -> int:
        self.folder = folder
        return self.uidvalidity

    def fetch_after(
        self, uid: int, *, limit: int = 3, since: datetime | None = None, care: Care = Care.TOGETHER
    ) -> Iterator[FetchedMessage]:
        for number, raw in [one for one in self.messages if one[0] > uid][:limit]:
            body = None if since and since > self.arrived else raw
            given = Given.WHOLE if body is not None else Given.TOO_LARGE
            yield FetchedMessage(self.folder, self.uidvalidity, number, self.arrived, len(raw or b""), body, given)

    def fetch_again(self, uid: int) -> FetchedMessage:
        raise AssertionError("nothing was missed")

    def wait(self, seconds: float) -> bool:
        return False

    def move(self, uids: list[int], folder: str) -> None: ...

    def put(self, raw: bytes | None) -> None:
        self.messages.append((len(self.messages) + 1, raw))


def mail(text: str = "Quelle place pour nous ?", **headers: str) -> bytes:
    lines = {
        "From": "Camille <membre1@exemple1.example>",
        "To": "vie@passerelles.example",
        "Subject": "Re: Où en sommes-nous ?",
        "Message-ID": "<r1@exemple1.example>",
        "Content-Type": "text/plain; charset=utf-8",
        **{name.replace("_", "-"): value for name, value in headers.items()},
    }
    return ("".join(f"{name}: {value}\r\n" for name, value in lines.items() if value) + f"\r\n{text}\r\n").encode()


def token_address(world: World, sent: Delivery) -> str:
    return world.office.usual.returns.reply_to_for(sent.id)


def arrive(world: World, *raws: bytes | None, reader: Reader = READER, box: Box | None = None) -> list[InboundMessage]:
    """Let messages come and be read; whoever lets some come twice gives the box, else the later ones bear the numbers of the first."""
    box = box or Box()
    for raw in raws:
        box.put(raw)
    stored = mailbox.collect(world.sessions, box, reader, "INBOX", now=world.clock)
    rows = [inbox.read(world.sessions, reader, number, now=world.clock) for number in stored]
    return [row for row in rows if row is not None]


def askings(world: World) -> list[Asking]:
    with world.sessions() as session:
        return list(session.scalars(select(Asking).order_by(Asking.id)))


def test_a_reply_becomes_a_question_tied_to_member_and_campaign(world: World, sent: Delivery) -> None:
    quote = "\r\n\r\nLe mar. 24 nov. 2026 à 13:00, Les Passerelles <vie@passerelles.example> a écrit :\r\n> Bonjour"
    (row,) = arrive(world, mail(f"Quelle place pour nous ?{quote}", To=token_address(world, sent)))
    (asking,) = askings(world)
    assert (row.kind, row.state, row.matched_by) == (InboundKind.QUESTION, InboundState.TREATED, MatchedBy.TOKEN)
    assert asking.text.strip() == "Quelle place pour nous ?"
    assert (asking.contact_id, asking.campaign_id, asking.same_address) == (sent.contact_id, sent.campaign_id, True)
    assert asking.asked_at == ARRIVED
    with world.sessions() as session:
        assert session.get_one(Question, asking.question_id).status is QuestionStatus.TO_SORT
        assert session.get_one(Delivery, sent.id).answered_at == ARRIVED


@pytest.mark.parametrize(
    ("headers", "by"),
    [({"In_Reply_To": "{id}"}, MatchedBy.IN_REPLY_TO), ({"References": "<x@y.example> {id}"}, MatchedBy.REFERENCES)],
)
def test_a_reply_without_token_is_tied_by_its_thread(
    world: World, sent: Delivery, headers: dict[str, str], by: MatchedBy
) -> None:
    named = {name: value.format(id=sent.message_id) for name, value in headers.items()}
    (row,) = arrive(world, mail(**named))
    assert (row.matched_by, row.delivery_id, askings(world)[0].campaign_id) == (by, sent.id, sent.campaign_id)


def test_a_new_mail_of_a_member_is_a_question_tied_to_no_campaign(world: World, sent: Delivery) -> None:
    (row,) = arrive(world, mail(Subject="Une idée"))
    assert (row.matched_by, askings(world)[0].campaign_id, askings(world)[0].contact_id) == (
        MatchedBy.SENDER,
        None,
        sent.contact_id,
    )


def test_a_reply_from_another_address_is_kept_and_flagged(world: World, sent: Delivery) -> None:
    arrive(world, mail(To=token_address(world, sent), From="inconnu@ailleurs.example"))
    (asking,) = askings(world)
    assert (asking.from_address, asking.same_address, asking.contact_id) == (
        "inconnu@ailleurs.example",
        False,
        sent.contact_id,
    )


def test_d16_a_forged_token_matches_nothing(world: World, sent: Delivery) -> None:
    forged = token_address(world, sent).replace("vie+", "vie+a")[:-1]
    (row,) = arrive(world, mail(To=forged, From="inconnu@ailleurs.example"))
    assert (row.matched_by, row.state) == (MatchedBy.NOTHING, InboundState.LEFT_IN_PLACE)


def test_a_stranger_who_answers_nothing_of_ours_is_left_in_the_mailbox(world: World, sent: Delivery) -> None:
    (row,) = arrive(world, mail(From="pub@ailleurs.example", Subject="Offre spéciale"))
    assert (row.state, row.raw, row.reply) == (InboundState.LEFT_IN_PLACE, None, "")
    assert (row.from_address, row.subject) == ("pub@ailleurs.example", "Offre spéciale")
    assert askings(world) == []


def report(
    *,
    to: str = "retours@passerelles.example",
    envelope_id: str = "",
    returned: str = "",
    status: str = "5.1.1",
    about: str = "membre1@exemple1.example",
    words: str = "",
) -> bytes:
    """What a server says of a mail to a member that it has given up."""
    named = f"Original-Envelope-Id: {envelope_id}\r\n" if envelope_id else ""
    diagnosis = f"Diagnostic-Code: smtp; {words}\r\n" if words else ""
    extract = (
        f"--b\r\nContent-Type: text/rfc822-headers\r\n\r\n{returned}\r\nSubject: Bonjour\r\n\r\n" if returned else ""
    )
    return (
        f"From: MAILER-DAEMON@relais.example\r\nTo: {to}\r\nSubject: Undelivered\r\n"
        'MIME-Version: 1.0\r\nContent-Type: multipart/report; report-type=delivery-status; boundary="b"\r\n\r\n'
        "--b\r\nContent-Type: text/plain\r\n\r\nNot delivered.\r\n--b\r\nContent-Type: message/delivery-status\r\n\r\n"
        f"Reporting-MTA: dns; relais.example\r\n{named}\r\n"
        f"Final-Recipient: rfc822; {about}\r\nAction: failed\r\nStatus: {status}\r\n{diagnosis}\r\n{extract}--b--\r\n"
    ).encode()


def test_d16_a_bounce_marks_the_mail_that_came_back_and_opens_no_question(world: World, sent: Delivery) -> None:
    (row,) = arrive(world, report(to=world.office.usual.returns.envelope_sender_for(sent.id)))
    assert (row.kind, askings(world)) == (InboundKind.BOUNCE, [])
    with world.sessions() as session:
        back = session.get_one(Delivery, sent.id)
        assert (back.bounce_code, back.state.value) == ("5.1.1", "accepted")
        assert back.bounced_at is not None
    assert world.figures(sent.campaign_id or 0).bounced == 1


def test_d16_a_report_finds_its_mail_by_what_the_relay_was_told_or_by_what_it_returns(
    world: World, sent: Delivery
) -> None:
    """Where the relay wrote an envelope sender of its own, and the report comes to an address without token."""
    token = tokens.address_token(sent.id, SECRET)
    reports = {
        report(envelope_id=token.upper()): MatchedBy.TOKEN,
        report(returned=f"Reply-To: vie+{token}@passerelles.example"): MatchedBy.TOKEN,
        report(returned=f"Message-ID: {sent.message_id}"): MatchedBy.REFERENCES,
    }
    rows = arrive(world, *reports)
    assert [(row.matched_by, row.delivery_id) for row in rows] == [(by, sent.id) for by in reports.values()]
    with world.sessions() as session:
        back = session.scalars(select(Delivery).where(Delivery.bounced_at.is_not(None))).one()
        assert (back.id, back.bounce_code) == (sent.id, "5.1.1")


def test_d16_the_address_that_a_report_came_to_is_believed_before_what_it_says(world: World, sent: Delivery) -> None:
    other = tokens.address_token(sent.id + 1, SECRET)
    arrive(world, report(to=world.office.usual.returns.envelope_sender_for(sent.id), envelope_id=other))
    with world.sessions() as session:
        back = session.scalars(select(Delivery.id).where(Delivery.bounced_at.is_not(None))).all()
    assert back == [sent.id]


def test_d16_a_forged_envelope_id_marks_nothing(world: World, sent: Delivery) -> None:
    token = tokens.address_token(sent.id, SECRET)
    altered = token[:12] + ("b" if token[12] == "a" else "a") + token[13:]
    named = [report(envelope_id=one) for one in (altered, str(sent.id), token[1:], f"x{token}")]
    for row in arrive(world, *named, report(returned=f"Reply-To: vie+{altered}@passerelles.example")):
        assert (row.matched_by, row.delivery_id) == (MatchedBy.NOTHING, None)
    assert world.figures(sent.campaign_id or 0).bounced == 0


def test_d15_an_automatic_reply_is_kept_opens_no_question_and_is_answered_by_nobody(
    world: World, sent: Delivery
) -> None:
    before = written(world)
    (row,) = arrive(world, mail("Je suis absente.", To=token_address(world, sent), Auto_Submitted="auto-replied"))
    assert (row.kind, row.state, askings(world)) == (InboundKind.AUTO_REPLY, InboundState.TREATED, [])
    for header in ({"Precedence": "bulk"}, {"List_Id": "<une.liste.example>"}, {"Return_Path": "<>"}):
        arrive(world, mail("Merci de votre message.", To=token_address(world, sent), **header))
    assert written(world) == before


def written(world: World) -> int:
    """How many mails of ours there are."""
    with world.sessions() as session:
        return session.scalar(select(func.count()).select_from(Delivery)) or 0


@pytest.mark.parametrize(
    ("said", "code"),
    [
        ({}, "5.1.1"),
        ({"status": "5.1.10"}, "5.1.10"),
        ({"status": "5.1.2", "about": "Membre1@Exemple1.example"}, "5.1.2"),
        ({"status": "5.2.1"}, None),
        ({"status": "5.2.2"}, None),
        ({"status": "5.7.1"}, None),
        ({"status": "4.1.1"}, None),
        ({"about": "ailleurs@transfert.example"}, None),
    ],
)
def test_d19_a_report_bars_the_address_that_we_wrote_to_when_its_server_does_not_know_it(
    world: World, sent: Delivery, said: dict[str, str], code: str | None
) -> None:
    arrive(world, report(to=world.office.usual.returns.envelope_sender_for(sent.id), **said))
    with world.sessions() as session:
        assert session.get_one(Delivery, sent.id).bounced_at is not None
        barred = [(one.address_hmac, one.reason) for one in session.scalars(select(Suppression))]
    assert barred == ([(sent.address_hmac, code)] if code else [])


def test_d19_the_words_of_the_server_in_a_report_are_told_with_the_address_that_they_barred(
    world: World, sent: Delivery
) -> None:
    said = "550 5.1.1 <membre1@exemple1.example>: Recipient address rejected:\r\n    User <b>unknown</b>"
    # What refused him before, for another reason, is not why.
    other = world.approved(*world.colleagues(), "nouvelles")
    world.send(other, world.colleagues()[1])
    full = Outcome(Verdict.REFUSED, Stage.RCPT, 552, "5.2.2 Mailbox full")
    sending.send_campaign(world.wire(Tray({sent.address: full})), other)
    arrive(world, report(to=world.office.usual.returns.envelope_sender_for(sent.id), words=said))
    with world.sessions() as session:
        contact = session.get_one(Contact, sent.contact_id)
        found = suppressions.barred(session, [contact], secret=SECRET)[contact.id]
    words = "550 5.1.1 <membre1@exemple1.example>: Recipient address rejected: User <b>unknown</b>"
    assert (found.code, found.words) == ("5.1.1", words)


def test_d20_the_words_of_the_server_in_a_report_are_those_that_a_domain_is_left_in_peace_for(
    world: World, sent: Delivery
) -> None:
    arrive(
        world,
        report(
            to=world.office.usual.returns.envelope_sender_for(sent.id),
            status="5.7.1",
            words="550 5.7.1 Listed at a block list",
        ),
    )
    with world.sessions() as session:
        assert session.scalars(select(Destination.reply)).one() == "550 5.7.1 Listed at a block list"


def test_d19_words_in_a_mail_that_is_no_report_bar_nobody(world: World, sent: Delivery) -> None:
    back = mail(
        "550 5.1.1 <membre1@exemple1.example>: User unknown",
        From="MAILER-DAEMON@relais.example",
        To=world.office.usual.returns.envelope_sender_for(sent.id),
        Subject="Undelivered mail",
        X_Failed_Recipients="membre1@exemple1.example",
    )
    arrive(world, back)
    with world.sessions() as session:
        assert session.get_one(Delivery, sent.id).bounce_code == "5.1.1"
        assert session.scalar(select(func.count()).select_from(Suppression)) == 0


@pytest.mark.parametrize(
    "raw",
    [
        mail(Message_ID=""),
        mail(Content_Type="text/plain; charset=klingon"),
        mail("", Content_Type="text/plain; charset=utf-8"),
        b"From: membre1@exemple1.example\r\n\r\n",
        b"From: membre1@exemple1.example\r\nContent-Type: text/plain\r\n\r\n\xff\xfe\x00 caf\xe9",
    ],
)
def test_a_strange_reply_is_kept_and_the_next_one_is_read(world: World, sent: Delivery, raw: bytes) -> None:
    rows = arrive(world, raw, mail("La suivante ?", Message_ID="<r2@exemple1.example>"))
    assert [row.state for row in rows] == [InboundState.TREATED] * 2
    assert len(askings(world)) == 2
    assert askings(world)[1].text.strip() == "La suivante ?"


def test_a_message_too_large_to_fetch_is_shown(world: World, sent: Delivery) -> None:
    (row,) = arrive(world, None)
    assert (row.kind, row.state) == (InboundKind.UNREADABLE, InboundState.TREATED)
    assert len(askings(world)) == 1


def test_all_that_waits_is_collected_though_the_mailbox_gives_a_few_at_a_time(world: World, sent: Delivery) -> None:
    assert len(arrive(world, *(mail(Message_ID=f"<r{n}@exemple1.example>") for n in range(8)))) == 8


def test_a_message_read_twice_opens_one_question(world: World, sent: Delivery) -> None:
    (row,) = arrive(world, mail())
    assert inbox.read(world.sessions, READER, row.id, now=world.clock) is None
    assert len(askings(world)) == 1


def test_a_mailbox_that_was_numbered_anew_is_read_again_without_a_second_question(world: World, sent: Delivery) -> None:
    arrive(world, mail())
    box = Box(uidvalidity=8)
    box.put(mail("Autre chose ?", Message_ID="<r2@exemple1.example>"))
    box.put(mail())
    for number in mailbox.collect(world.sessions, box, READER, "INBOX", now=world.clock):
        inbox.read(world.sessions, READER, number, now=world.clock)
    assert [one.text.strip() for one in askings(world)] == ["Quelle place pour nous ?", "Autre chose ?"]
    with world.sessions() as session:
        assert session.scalars(select(MailboxCursor)).one().uidvalidity == 8


def test_mail_older_than_the_start_day_is_never_stored(world: World, sent: Delivery) -> None:
    tomorrow = Reader("vie@imap", OURS, SECRET, ZoneInfo("Europe/Paris"), since=date(2026, 11, 25))
    assert arrive(world, mail(), reader=tomorrow) == []
    with world.sessions() as session:
        assert session.scalar(select(func.count(InboundMessage.id))) == 0
        assert session.scalars(select(MailboxCursor)).one().last_uid == 1


def test_storing_rings_the_bell_only_once_it_is_committed(world: World, sent: Delivery) -> None:
    box = Box()
    box.put(mail())
    with world.sessions() as session:
        session.begin()
        mailbox._store(session, READER, next(box.fetch_after(0)), now=world.clock())
        assert [bell.job for bell in bells.taken(session)] == ["read"]


def test_the_clock_finds_what_no_worker_has_read(world: World, sent: Delivery) -> None:
    box = Box()
    box.put(mail())
    mailbox.collect(world.sessions, box, READER, "INBOX", now=world.clock)
    with world.sessions() as session:
        assert inbox.waiting(session, now=world.clock()) == []
        world.clock.forward(seconds=61)
        assert len(inbox.waiting(session, now=world.clock())) == 1


def test_a_delay_is_told_and_marks_no_mail(world: World, sent: Delivery) -> None:
    """Decision 0018: the server tries on, and the mail may still arrive."""
    raw = report(to=world.office.usual.returns.envelope_sender_for(sent.id), status="4.4.7")
    (row,) = arrive(world, raw.replace(b"Action: failed", b"Action: delayed"))
    assert row.kind is InboundKind.BOUNCE
    assert row.reason.startswith("Retardé")
    with world.sessions() as session:
        assert session.get_one(Delivery, sent.id).bounced_at is None
