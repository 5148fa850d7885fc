"""D16: a mail that came back or is answered without our token and our Message-ID is known by what the relay called it."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import event, func, select, update

from service.actions import deliveries, inbox, sending, traces
from service.core import tokens
from service.core.verdicts import Outcome, Stage, Verdict
from service.core.vocabulary import DeliveryState, InboundKind, InboundState, MailKind, MatchedBy, TokenRefusal
from service.models.delivery import Delivery
from service.models.inbound_message import InboundMessage
from service.models.mailing_list import Suppression
from service.models.pace import Destination
from service.models.staff import Staff
from tests.actions.test_complaints import complaint
from tests.actions.test_inbox import ARRIVED, arrive, askings, mail, report, token_address
from tests.builders import SECRET, Tray, World

SES = "0102018f3c5e7a91-6b1d2c3e-4f50-4a61-8b72-9c83d4e5f60{}-000000"
ELSEWHERE = "inconnu@ailleurs.example"
POSTFIX = "4XyZ7Q3BnTz9vK{}"


def taken_as(world: World, name: str, words: str = "Ok {}", *, slug: str = "essai", shift: int = 0) -> Delivery:
    """The mail that membre1 received, of a sending whose relay named each mail in its 250."""
    world.mailing_list(slug)
    world.members(3, slug)
    author, boss = world.colleagues()
    number = world.approved(author, boss, slug)
    world.send(number, boss)
    named = {n: words.format(name.format((n + shift) % 3)) for n in range(3)}
    script = {
        f"membre{n}@exemple{n}.example": Outcome(Verdict.ACCEPTED, Stage.DOT, 250, said) for n, said in named.items()
    }
    sending.send_campaign(world.wire(Tray(script)), number)
    with world.sessions() as session:
        mine = select(Delivery).where(Delivery.campaign_id == number, Delivery.address == "membre1@exemple1.example")
        return session.scalars(mine).one()


@pytest.mark.parametrize("header", ["In_Reply_To", "References"])
def test_d16_an_answer_under_the_message_id_that_the_relay_wrote_is_tied_to_its_mail(
    world: World, sent: Delivery, header: str
) -> None:
    answered = taken_as(world, SES)
    (row,) = arrive(world, mail(**{header: f"<{SES.format(1)}@eu-west-1.amazonses.com>"}))
    assert (row.matched_by, row.delivery_id) == (MatchedBy.RELAY, answered.id)
    assert askings(world)[0].campaign_id == answered.campaign_id


def test_d16_of_a_long_thread_the_newest_mails_are_looked_for_under_the_relays_name(
    world: World, sent: Delivery
) -> None:
    answered = taken_as(world, SES)
    others = " ".join(f"<un-autre-message-{number}@ailleurs.example>" for number in range(11))
    named = f"<{SES.format(1)}@eu-west-1.amazonses.com>"
    (row,) = arrive(world, mail(In_Reply_To="<le-dernier-message@ailleurs.example>", References=f"{others} {named}"))
    assert (row.matched_by, row.delivery_id) == (MatchedBy.RELAY, answered.id)


@pytest.mark.parametrize(("newer", "by"), [(3, MatchedBy.RELAY), (4, MatchedBy.SENDER)])
def test_d16_of_an_answer_the_four_newest_mails_alone_are_looked_for_under_the_relays_name(
    world: World, sent: Delivery, newer: int, by: MatchedBy
) -> None:
    """Its writer may have made up all of them, and each costs a look at all that has left."""
    taken_as(world, SES)
    others = " ".join(f"<un-autre-message-{number}@ailleurs.example>" for number in range(newer))
    (row,) = arrive(world, mail(References=f"<{SES.format(1)}@eu-west-1.amazonses.com> {others}"))
    assert row.matched_by is by


def test_d16_an_answer_from_elsewhere_is_looked_for_among_the_newest_sendings_alone(
    world: World, sent: Delivery, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken_as(world, SES, slug="un")
    newest = taken_as(world, POSTFIX, slug="deux")
    monkeypatch.setattr(traces, "_MOST_SENDINGS", 1)
    with world.sessions() as session:
        named = [traces.answered(session, [name.format(1)], ELSEWHERE, at=ARRIVED) for name in (SES, POSTFIX)]
    assert [one.id if one else None for one in named] == [None, newest.id]


def test_d16_others_write_while_the_mails_are_gone_through_for_a_relays_name(world: World, sent: Delivery) -> None:
    """On SQLite the one write lock would else be held for a second of each message whose names a stranger made up."""
    taken_as(world, SES)
    wrote: list[int] = []

    def write(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        if "reply LIKE" in statement:
            with world.sessions.begin() as other:
                row = other.scalars(select(InboundMessage).with_for_update(nowait=True)).one()
                row.rung_at = world.clock()
                wrote.append(row.id)

    engine = world.sessions.kw["bind"]
    event.listen(engine, "before_cursor_execute", write)
    try:
        named = f"<{SES.format(7)}@eu-west-1.amazonses.com>"
        (row,) = arrive(world, mail(From=ELSEWHERE, In_Reply_To=named))
    finally:
        event.remove(engine, "before_cursor_execute", write)
    assert (wrote, row.matched_by) == ([row.id], MatchedBy.NOTHING)


def test_d16_our_own_message_id_is_believed_before_the_relays_name(world: World, sent: Delivery) -> None:
    taken_as(world, SES)
    named = f"<{SES.format(1)}@eu-west-1.amazonses.com>"
    (row,) = arrive(world, mail(In_Reply_To=named, References=f"{sent.message_id} {named}"))
    assert (row.matched_by, row.delivery_id) == (MatchedBy.REFERENCES, sent.id)


def stating(name: str, **said: str) -> bytes:
    """A report of Postfix, which says what it called the mail."""
    return report(**said).replace(b"Reporting-MTA", b"X-Postfix-Queue-ID: " + name.encode() + b"\r\nReporting-MTA")


def test_d16_a_report_is_tied_by_the_queue_id_of_the_relay_and_judges_nobody(world: World, sent: Delivery) -> None:
    """A queue id can be guessed: the mail is marked, and neither the address nor its domain is judged by it."""
    back = taken_as(world, POSTFIX, "2.0.0 Ok: queued as {}")
    name = POSTFIX.format(1)
    stamped = report(returned=f"Received: from a by relais.example (Postfix) with ESMTPSA id {name}; Tue")
    for row in arrive(world, stating(name, words="550 5.1.1 User unknown"), stamped):
        assert (row.matched_by, row.delivery_id) == (MatchedBy.RELAY, back.id)
    with world.sessions() as session:
        marked = session.get_one(Delivery, back.id)
        assert (marked.bounced_at is not None, marked.bounce_code) == (True, None)
        assert marked.bounce_words == "550 5.1.1 User unknown"
        assert marked.bounce_reason.endswith("l’adresse n’est pas écartée pour autant.")
        assert session.scalar(select(func.count()).select_from(Suppression)) == 0
        assert session.scalar(select(func.count()).select_from(Destination)) == 0
    assert world.figures(back.campaign_id or 0).bounced == 1


SHORT = "3F2A91C05{}"


def test_d16_a_queue_id_that_the_relay_gave_again_is_that_of_the_mail_to_whom_the_report_names(
    world: World, sent: Delivery
) -> None:
    queued = "2.0.0 Ok: queued as {}"
    first = taken_as(world, SHORT, queued, slug="un")
    second = taken_as(world, SHORT, queued, slug="deux", shift=1)
    (row,) = arrive(world, stating(SHORT.format(1)))
    assert (row.matched_by, row.delivery_id) == (MatchedBy.RELAY, first.id)
    assert [world.figures(one.campaign_id or 0).bounced for one in (first, second)] == [1, 0]


def test_d16_a_queue_id_of_two_mails_to_the_same_address_names_neither(world: World, sent: Delivery) -> None:
    both = [taken_as(world, SHORT, "2.0.0 Ok: queued as {}", slug=slug) for slug in ("un", "deux")]
    (row,) = arrive(world, stating(SHORT.format(1)))
    assert (row.matched_by, row.delivery_id) == (MatchedBy.NOTHING, None)
    assert [world.figures(one.campaign_id or 0).bounced for one in both] == [0, 0]


@pytest.mark.parametrize("about", ["fournisseur@ailleurs.example", "membre2@exemple2.example"])
def test_d16_a_report_about_another_address_marks_nothing_by_the_queue_id_of_our_mail(
    world: World, sent: Delivery, about: str
) -> None:
    back = taken_as(world, SHORT, "2.0.0 Ok: queued as {}")
    (row,) = arrive(world, stating(SHORT.format(1), about=about, status="5.7.1"))
    assert (row.matched_by, row.delivery_id) == (MatchedBy.NOTHING, None)
    assert world.figures(back.campaign_id or 0).bounced == 0


@pytest.mark.parametrize(("seconds", "by"), [(0, MatchedBy.RELAY), (1, MatchedBy.NOTHING)])
def test_d16_a_report_that_states_the_relays_name_ties_nothing_after_thirty_days(
    world: World, sent: Delivery, seconds: int, by: MatchedBy
) -> None:
    back = taken_as(world, POSTFIX, "2.0.0 Ok: queued as {}")
    with world.sessions.begin() as session:
        session.execute(update(Delivery).values(settled_at=ARRIVED - timedelta(days=30, seconds=seconds)))
    (row,) = arrive(world, stating(POSTFIX.format(1)))
    assert row.matched_by is by
    assert world.figures(back.campaign_id or 0).bounced == (1 if by is MatchedBy.RELAY else 0)


def test_d16_a_report_on_a_mail_to_one_of_the_team_is_tied_by_the_queue_id(world: World, sent: Delivery) -> None:
    name, address = POSTFIX.format(9), "notaire@etude.example"
    number = single_mail(world, address, to_staff=False, at=ARRIVED, reply=f"2.0.0 Ok: queued as {name}")
    single_mail(world, "autre@etude.example", to_staff=True, at=ARRIVED, reply=f"2.0.0 Ok: queued as {name}")
    (row,) = arrive(world, stating(name, about=address.upper()))
    assert (row.matched_by, row.delivery_id) == (MatchedBy.RELAY, number)


def test_d16_a_complaint_that_states_the_relays_name_takes_nobody_off_a_list(world: World, sent: Delivery) -> None:
    blamed = taken_as(world, SES)
    (row,) = arrive(world, complaint(f"Message-ID: <{SES.format(1)}@eu-west-1.amazonses.com>"))
    assert (row.kind, row.matched_by, row.delivery_id) == (InboundKind.COMPLAINT, MatchedBy.RELAY, blamed.id)
    with world.sessions() as session:
        assert session.get_one(Delivery, blamed.id).complained_at is None


@pytest.mark.parametrize(
    ("author", "by"),
    [("membre1@exemple1.example", MatchedBy.RELAY), ("inconnu@ailleurs.example", MatchedBy.NOTHING)],
)
def test_d16_an_answer_under_a_name_that_two_mails_had_is_tied_where_one_of_them_went_to_who_answers(
    world: World, sent: Delivery, author: str, by: MatchedBy
) -> None:
    mine = taken_as(world, SES, slug="un")
    taken_as(world, SES, slug="deux", shift=1)
    (row,) = arrive(world, mail(From=author, In_Reply_To=f"<{SES.format(1)}@eu-west-1.amazonses.com>"))
    assert (row.matched_by, row.delivery_id) == (by, mine.id if by is MatchedBy.RELAY else None)


def test_d16_an_answer_from_elsewhere_is_tied_by_a_name_that_one_mail_had(world: World, sent: Delivery) -> None:
    """The member answers from another address of his, and his program writes to From: no token comes back."""
    mine = taken_as(world, SES)
    taken_as(world, POSTFIX, slug="deux")
    named = f"<{SES.format(1)}@eu-west-1.amazonses.com>"
    (row,) = arrive(world, mail(From="chez.soi@ailleurs.example", In_Reply_To=named))
    assert (row.matched_by, row.delivery_id) == (MatchedBy.RELAY, mine.id)


@pytest.mark.parametrize("name", [POSTFIX.format(7), POSTFIX.format(1).lower(), POSTFIX.format(1)[:-1], "%", "_" * 15])
def test_d16_a_name_that_no_reply_states_ties_nothing(world: World, sent: Delivery, name: str) -> None:
    taken_as(world, POSTFIX, "2.0.0 Ok: queued as {}")
    with world.sessions() as session:
        assert traces.answered(session, [name], ELSEWHERE, at=ARRIVED) is None


def test_d16_a_name_that_stands_in_all_replies_names_no_mail(world: World, sent: Delivery) -> None:
    taken_as(world, POSTFIX, "2.0.0 Ok: queued as {} by relais-sortant-07")
    with world.sessions() as session:
        assert traces.answered(session, ["relais-sortant-07"], ELSEWHERE, at=ARRIVED) is None


def test_d16_what_a_relay_took_more_than_400_days_ago_is_not_looked_through(world: World, sent: Delivery) -> None:
    back = taken_as(world, POSTFIX, "2.0.0 Ok: queued as {}")
    with world.sessions() as session:
        found = [
            traces.answered(session, [POSTFIX.format(1)], ELSEWHERE, at=ARRIVED + timedelta(days=days))
            for days in (399, 401)
        ]
    assert [one.id if one else None for one in found] == [back.id, None]


def test_d16_a_report_that_names_no_mail_is_shown_on_the_only_one_of_five_days_and_judges_nobody(
    world: World, sent: Delivery
) -> None:
    by_policy = report(status="5.7.1", about="membre2@exemple2.example")
    row, other = arrive(world, report(words="550 5.1.1 User unknown"), by_policy)
    assert (row.matched_by, row.delivery_id, other.matched_by) == (MatchedBy.RECIPIENT, sent.id, MatchedBy.RECIPIENT)
    with world.sessions() as session:
        back = session.get_one(Delivery, sent.id)
        assert (back.bounced_at is not None, back.bounce_code) == (True, None)
        assert back.bounce_reason.endswith("L’avis d’échec cite cette adresse, sans dire de quel message il parle.")
        assert back.bounce_words == "550 5.1.1 User unknown"
        assert session.scalar(select(func.count()).select_from(Suppression)) == 0
        assert session.scalar(select(func.count()).select_from(Destination)) == 0
    assert world.figures(sent.campaign_id or 0).bounced == 2


def test_d16_an_address_that_got_two_mails_or_none_within_five_days_ties_nothing(world: World, sent: Delivery) -> None:
    with world.sessions.begin() as session:
        assert traces.only_one_to(session, sent.address.upper(), at=ARRIVED + timedelta(days=4)) is not None
        assert traces.only_one_to(session, sent.address, at=ARRIVED + timedelta(days=6)) is None
    taken_as(world, POSTFIX)
    (row,) = arrive(world, report())
    assert (row.matched_by, row.state) == (MatchedBy.NOTHING, InboundState.LEFT_IN_PLACE)


@pytest.mark.parametrize("to_staff", [True, False], ids=["one of the team", "a witness"])
@pytest.mark.parametrize(("days", "by"), [(1, MatchedBy.NOTHING), (8, MatchedBy.RECIPIENT)])
def test_d16_a_mail_to_one_of_the_team_or_to_a_witness_at_the_same_address_counts_too(
    world: World, sent: Delivery, to_staff: bool, days: int, by: MatchedBy
) -> None:
    """A member of the team, or the notary, may read the address of a member: which of the two mails came back?"""
    other = single_mail(world, "Membre1@exemple1.example", to_staff=to_staff, at=ARRIVED - timedelta(days=days))
    single_mail(world, "membre2@exemple2.example", to_staff=to_staff, at=ARRIVED - timedelta(days=1))
    (row,) = arrive(world, report())
    assert (row.matched_by, row.delivery_id) == (by, sent.id if by is MatchedBy.RECIPIENT else None)
    with world.sessions() as session:
        assert session.get_one(Delivery, other).bounced_at is None


def single_mail(world: World, address: str, *, to_staff: bool, at: datetime, reply: str = "") -> int:
    """Give the number of a mail outside any campaign that left at an instant."""
    with world.sessions.begin() as session:
        made = deliveries.order(
            session,
            key=f"other:{address}",
            kind=MailKind.MORNING if to_staff else MailKind.PROOF,
            address=address,
            fields={},
            subject="",
            subject_id=1,
            domain="passerelles.example",
            secret=SECRET,
            now=at,
            staff_id=session.scalars(select(Staff.id)).first() if to_staff else None,
        )
        made.state, made.settled_at, made.reply = DeliveryState.ACCEPTED, at, reply
        return made.id


@pytest.mark.parametrize(
    "said", [{"returned": "Message-ID: <une.autre@ailleurs.example>"}, {"envelope_id": "ABC-1"}], ids=["id", "envelope"]
)
def test_d16_a_report_on_another_mail_to_a_member_marks_none_of_ours(
    world: World, sent: Delivery, said: dict[str, str]
) -> None:
    """Somebody wrote to him out of the same mailbox, by hand."""
    (row,) = arrive(world, report(**said))
    assert (row.matched_by, world.figures(sent.campaign_id or 0).bounced) == (MatchedBy.NOTHING, 0)


def test_d16_forged_and_altered_tokens_are_ignored_and_counted(world: World, sent: Delivery) -> None:
    token = tokens.address_token(sent.id, SECRET)
    forged = token[:12] + ("b" if token[12] == "a" else "a") + token[13:]
    raws = [report(to=f"retours+{one}@passerelles.example") for one in (forged, token[:-2])]
    elsewhere = mail(To=f"liste+{forged}@ailleurs.example", Message_ID="<r2@exemple1.example>")
    *refused, genuine, foreign = arrive(world, *raws, mail(To=token_address(world, sent)), elsewhere)
    for row in refused:
        assert (row.matched_by, row.delivery_id, row.token_refused) == (MatchedBy.NOTHING, None, TokenRefusal.FORGED)
    assert (genuine.token_refused, foreign.token_refused) == (None, None)
    with world.sessions() as session:
        assert inbox.refused_tokens(session, since=world.clock() - timedelta(days=7)) == 2
        assert inbox.refused_tokens(session, since=world.clock() + timedelta(seconds=1)) == 0
    assert world.figures(sent.campaign_id or 0).bounced == 0


@pytest.mark.parametrize(("seconds", "refused", "bounced"), [(0, None, 1), (1, TokenRefusal.EXPIRED, 0)])
def test_d16_the_token_of_a_report_expires_after_thirty_days_and_that_of_an_answer_does_not(
    world: World, sent: Delivery, seconds: int, refused: TokenRefusal | None, bounced: int
) -> None:
    with world.sessions.begin() as session:
        session.execute(update(Delivery).values(settled_at=ARRIVED - timedelta(days=30, seconds=seconds)))
    back = report(to=world.office.usual.returns.envelope_sender_for(sent.id))
    late, answer = arrive(world, back, mail(To=token_address(world, sent)))
    assert (late.matched_by, late.token_refused) == (MatchedBy.TOKEN, refused)
    assert (answer.matched_by, answer.token_refused) == (MatchedBy.TOKEN, None)
    assert world.figures(sent.campaign_id or 0).bounced == bounced


def test_d16_the_token_of_a_mail_that_is_kept_no_more_is_counted_as_expired(world: World, sent: Delivery) -> None:
    gone = tokens.address_token(sent.id + 1000, SECRET)
    (row,) = arrive(world, report(to=f"retours+{gone}@passerelles.example"))
    assert (row.matched_by, row.token_refused) == (MatchedBy.NOTHING, TokenRefusal.EXPIRED)
    with world.sessions() as session:
        assert session.scalar(select(func.count()).where(InboundMessage.token_refused.is_not(None))) == 1
