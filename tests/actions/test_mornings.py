"""The morning mail, on both databases: to whom, when, about what, and never twice."""

from __future__ import annotations

import email
import email.policy
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from sqlalchemy import select

from service.actions import drafts, mornings, sending, staff
from service.core.reading import severity
from service.core.vocabulary import MailKind, Role
from service.models.campaign import Campaign
from service.models.delivery import Delivery
from service.models.staff import Staff
from tests.actions.test_questions import asked
from tests.builders import SECRET, MemoryLog, Tray, World

PARIS = ZoneInfo("Europe/Paris")
WORDS = "Un mot que personne d’autre ne doit lire"
# Friday 27 November 2026, 8 h in Paris.
FRIDAY = datetime(2026, 11, 27, 7, 0, tzinfo=UTC)
MONDAY = datetime(2026, 11, 30, 7, 0, tzinfo=UTC)


def at(world: World, hour: datetime) -> list[str]:
    """Let the clock look at the morning at this instant; give the addresses of the mails of all mornings so far."""
    world.clock.at = hour
    with world.sessions.begin() as session:
        mornings.order(session, world.office, PARIS, now=hour)
    with world.sessions() as session:
        written = session.scalars(select(Delivery).where(Delivery.kind == MailKind.MORNING).order_by(Delivery.id))
        return [one.address for one in written]


def text_of(world: World) -> tuple[str, str]:
    """Give the subject and the words of the last mail, as it leaves."""
    with world.sessions() as session:
        last = session.scalars(select(Delivery).where(Delivery.kind == MailKind.MORNING).order_by(Delivery.id)).all()[
            -1
        ]
    tray = Tray()
    sending.send_single(world.wire(tray, log=MemoryLog(f"here/{last.id}")), last.id)
    made = email.message_from_bytes(bytes(tray.envelopes[0].message), policy=email.policy.default)
    body = made.get_body(("plain",))
    assert body is not None
    assert made["Auto-Submitted"] == "auto-generated"
    plain = " ".join(body.get_content().split())
    return made["Subject"].replace("\u00a0", " "), plain.replace("\u00a0", " ").replace("\u202f", " ")


def test_what_waits_is_told_at_eight_with_links_and_no_word_of_a_member(world: World) -> None:
    world.staff("Jeanne")
    asked(world, WORDS, from_address="camille@membre.example", subject="Mon secret")
    asked(world, WORDS)
    assert at(world, FRIDAY.replace(hour=6, minute=59)) == []
    assert at(world, FRIDAY) == ["jeanne@passerelles.example"]
    subject, said = text_of(world)
    assert subject == "Ce matin : 2 messages à trier"
    assert "Bonjour Jeanne," in said
    assert f"{world.office.house.public_url}/reponses" in said
    assert "la page de l’équipe" in said
    for hidden in (WORDS, "camille", "secret"):
        assert hidden not in said + subject


def test_it_is_told_once_a_day_whatever_comes_later(world: World) -> None:
    world.staff("Jeanne")
    asked(world, WORDS)
    assert len(at(world, FRIDAY)) == 1
    assert len(at(world, FRIDAY.replace(second=1))) == 1
    assert len(at(world, FRIDAY.replace(hour=10))) == 1
    assert len(at(world, MONDAY)) == 2


def test_of_what_comes_after_eight_the_next_morning_tells(world: World) -> None:
    world.staff("Jeanne")
    assert at(world, FRIDAY) == []
    asked(world, WORDS)
    assert at(world, FRIDAY.replace(hour=9)) == []
    assert len(at(world, MONDAY)) == 1


def test_nobody_is_written_to_on_a_free_day_nor_in_the_afternoon(world: World) -> None:
    world.staff("Jeanne")
    asked(world, WORDS)
    for hour in (
        datetime(2026, 11, 28, 8, tzinfo=UTC),
        datetime(2026, 11, 29, 8, tzinfo=UTC),
        datetime(2026, 12, 25, 8, tzinfo=UTC),
        FRIDAY.replace(hour=11),
        FRIDAY.replace(hour=23),
    ):
        assert at(world, hour) == [], hour
    assert len(at(world, MONDAY.replace(day=4, month=1, year=2027))) == 1


def test_who_wants_none_and_who_has_no_account_any_more_gets_none(world: World, author: Staff, boss: Staff) -> None:
    world.staff("Zoe")
    asked(world, WORDS)
    with world.sessions.begin() as session:
        staff.want_mornings(session, session.get_one(Staff, author.id), False, now=world.clock())
        session.get_one(Staff, boss.id).disabled_at = world.clock()
    assert at(world, FRIDAY) == ["zoe@passerelles.example"]


def test_each_is_told_what_waits_for_him(world: World, author: Staff, boss: Staff) -> None:
    number = world.draft(author, "nouvelles")
    with world.sessions.begin() as session:
        drafts.submit(
            session, session.get_one(Campaign, number), by=session.merge(author), secret=SECRET, now=world.clock()
        )
    assert at(world, FRIDAY) == ["paul@passerelles.example"], "who wrote it cannot read it again, nor who may not send"
    assert text_of(world)[0] == "Ce matin : 1 message à relire"
    with world.sessions.begin() as session:
        drafts.send_back(
            session, session.get_one(Campaign, number), by=session.merge(boss), reason="Une coquille", now=world.clock()
        )
    assert at(world, MONDAY)[1:] == ["jeanne@passerelles.example"]
    assert text_of(world)[0] == "Ce matin : 1 message à corriger"


def test_addresses_in_error_alone_are_told_again_only_when_there_are_more(world: World, sent: Delivery) -> None:
    with world.sessions.begin() as session:
        for person in session.scalars(select(Staff).where(Staff.role != Role.ADMIN)):
            person.disabled_at = world.clock()
        row = session.get_one(Delivery, sent.id)
        row.bounced_at, row.bounce_reason = world.clock(), next(iter(severity.OF_THE_ADDRESS))
    assert at(world, FRIDAY) == ["paul@passerelles.example"]
    assert text_of(world)[0] == "Ce matin : 1 adresse en erreur"
    assert len(at(world, MONDAY)) == 1
    asked(world, WORDS)
    assert len(at(world, MONDAY.replace(day=1, month=12))) == 2
    assert text_of(world)[0] == "Ce matin : 1 message à trier, 1 adresse en erreur"
