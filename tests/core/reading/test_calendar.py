"""The answer to an invitation gives who answers what about which event, and a hostile calendar gives less, never a fault."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.core.reading.calendar import CalendarReply, read
from service.core.reading.kinds import recognise
from service.core.reading.ours import Ours
from service.core.reading.parsing import parse

SAMPLES = Path(__file__).parents[2] / "samples"
ANSWER = """UID:rdv-2023-05@passerelles.example
ATTENDEE;CN="Tamarin, Odile";PARTSTAT=ACCEPTED:mailto:odile.tamarin@membre.example
DTSTAMP:20230520T080000Z
SEQUENCE:3"""
READ = CalendarReply(
    method="REPLY",
    uid="rdv-2023-05@passerelles.example",
    attendee="odile.tamarin@membre.example",
    partstat="ACCEPTED",
    sequence=3,
    dtstamp=datetime(2023, 5, 20, 8, tzinfo=UTC),
)


def mail(calendar: str, head: str = "text/calendar; charset=utf-8") -> bytes:
    return f"From: odile.tamarin@membre.example\nContent-Type: {head}\n\n{calendar}".encode()


def event(fields: str, method: str = "METHOD:REPLY", around: str = "{}") -> str:
    return around.format(f"BEGIN:VCALENDAR\n{method}\nBEGIN:VEVENT\n{fields}\nEND:VEVENT\nEND:VCALENDAR\n")


def answer(fields: str, method: str = "METHOD:REPLY") -> CalendarReply:
    found = read(parse(mail(event(fields, method))))
    assert found is not None
    return found


def test_an_answer_says_who_answers_what_about_which_version_of_the_event() -> None:
    assert answer(ANSWER) == READ


def test_the_sample_of_an_answer_in_a_part_of_its_own_is_read() -> None:
    found = read(parse((SAMPLES / "calendar_reply.eml").read_bytes()))
    assert found == replace(READ, sequence=0)


def test_a_calendar_attached_under_another_type_is_known_by_its_name() -> None:
    message = parse((SAMPLES / "calendar_attached.eml").read_bytes())
    assert read(message) == replace(READ, partstat="DECLINED", sequence=2)
    assert recognise(message, Ours(frozenset(), frozenset())).kind == "calendar_reply"


def test_a_counter_proposal_is_told_apart() -> None:
    found = answer(ANSWER, "METHOD:COUNTER")
    assert (found.method, found.proposes_otherwise, READ.proposes_otherwise) == ("COUNTER", True, False)
    reason = recognise(parse(mail(event(ANSWER, "METHOD:COUNTER"))), Ours(frozenset(), frozenset())).reason
    assert reason == "Une autre date est proposée, en réponse à une invitation d’agenda."


@pytest.mark.parametrize("method", ["METHOD:REQUEST", "METHOD:PUBLISH", "METHOD:CANCEL", "", "METHOD"])
def test_a_calendar_that_answers_nothing_is_no_answer(method: str) -> None:
    assert read(parse(mail(event(ANSWER, method)))) is None


def test_the_method_may_stand_in_the_type_of_the_part_alone() -> None:
    assert read(parse(mail(event(ANSWER, ""), "text/calendar; method=reply"))) == READ
    assert read(parse(mail(event(ANSWER, "METHOD:REQUEST"), "text/calendar; method=reply"))) is None


def test_folded_lines_and_escapes_are_undone_and_a_comment_keeps_its_lines() -> None:
    found = answer(f"{ANSWER}\nCOMMENT:J’arrive à 9 h\\, et je\n  repars.\\nQui garde\\; la salle ?\nCOMMENT:Odile")
    assert found.comment == "J’arrive à 9 h, et je repars.\nQui garde; la salle ?\nOdile"


@pytest.mark.parametrize(
    ("attendee", "address"),
    [
        ("ATTENDEE:MAILTO:Odile.Tamarin@Membre.Example", "odile.tamarin@membre.example"),
        ("ATTENDEE:mailto:odile%2Bag@membre.example", "odile+ag@membre.example"),
        ("ATTENDEE;EMAIL=Odile@membre.example:urn:uuid:8f1c", "odile@membre.example"),
        ("ATTENDEE:odile@membre.example", "odile@membre.example"),
        ("ATTENDEE:urn:uuid:8f1c", ""),
        ("X-NOBODY:1", ""),
    ],
)
def test_who_answers_is_read_as_programs_write_it(attendee: str, address: str) -> None:
    assert answer(f"UID:a\n{attendee}").attendee == address


def test_of_several_attendees_the_one_who_wrote_counts() -> None:
    other = "ATTENDEE;PARTSTAT=DELEGATED:mailto:paul@membre.example"
    assert answer(f"{other}\n{ANSWER}") == READ
    assert answer(f"{other}\nATTENDEE:mailto:zoe@membre.example").attendee == "paul@membre.example"


def test_an_answer_that_is_not_stated_is_still_to_come() -> None:
    assert answer("UID:a\nATTENDEE:mailto:odile@membre.example").partstat == "NEEDS-ACTION"
    assert answer("UID:a").partstat == ""


@pytest.mark.parametrize(
    ("field", "date"),
    [
        ("RECURRENCE-ID:20230526T090000Z", "2023-05-26T09:00:00+00:00"),
        ("RECURRENCE-ID;TZID=Europe/Paris:20230526T110000", "2023-05-26T09:00:00+00:00"),
        ("RECURRENCE-ID;TZID=Romance Standard Time:20230526T110000", "2023-05-26T09:00:00+00:00"),
        ("RECURRENCE-ID;TZID=Ailleurs:20230526T110000", "2023-05-26T11:00:00"),
        ("RECURRENCE-ID;VALUE=DATE:20230526", "2023-05-26"),
        ("RECURRENCE-ID:bientôt", ""),
    ],
)
def test_one_date_of_a_series_is_named_the_same_in_any_zone(field: str, date: str) -> None:
    assert answer(f"{ANSWER}\n{field}").recurrence_id == date


def test_an_alarm_and_a_second_event_say_nothing_about_the_first() -> None:
    alarm = "BEGIN:VALARM\nUID:x\nATTENDEE;PARTSTAT=DECLINED:mailto:odile.tamarin@membre.example\nEND:VALARM"
    second = "END:VEVENT\nBEGIN:VEVENT\nUID:autre\nCOMMENT:autre"
    assert answer(f"{alarm}\n{ANSWER}\n{second}") == READ


@pytest.mark.parametrize(
    ("fields", "kept"),
    [
        (f"{ANSWER}\nUID", READ),
        (f":::\n{ANSWER}\nATTENDEE;CN=\"a\" b:mailto:x@y.example", READ),
        (ANSWER.replace("DTSTAMP:20230520T080000Z", "DTSTAMP:99999999T999999Z"), replace(READ, dtstamp=None)),
        (ANSWER.replace("SEQUENCE:3", "SEQUENCE:trois"), replace(READ, sequence=0)),
        (ANSWER.replace("SEQUENCE:3", f"SEQUENCE:{10**30}"), replace(READ, sequence=0)),
        (ANSWER.replace("SEQUENCE:3", "SEQUENCE:-1"), replace(READ, sequence=0)),
        (f"{ANSWER}\nDTSTART:16010101T000000\nRRULE:FREQ=SECONDLY;UNTIL=99991231T000000Z", READ),
    ],
)  # fmt: skip
def test_a_broken_field_costs_that_field_alone(fields: str, kept: CalendarReply) -> None:
    assert answer(fields) == kept


def test_an_instant_that_no_clock_can_name_in_utc_is_kept_as_it_stands() -> None:
    found = answer(f"{ANSWER}\nRECURRENCE-ID;TZID=Europe/Paris:00010101T000000")
    assert found.recurrence_id.startswith("0001-01-01T00:00:00+00:0")


@pytest.mark.parametrize(
    "calendar",
    [
        "",
        "METHOD:REPLY",
        "METHOD:REPLY\n" + "BEGIN:VEVENT\n" * 5_000,
        "METHOD:REPLY\n" + "END:VEVENT\n" * 5_000,
        event("X;" + "a=b;" * 60_000),
        event("COMMENT:" + "\n y" * 60_000),
        event("ATTENDEE:mailto:a@membre.example\n" * 60_000),
        event('ATTENDEE;CN="' + '"' * 60_000),
        event("UID:" + "\\" * 60_000),
        event(f"{ANSWER}\nUID;VALUE=URI,TEXT:a"),
        event(f"{ANSWER}\nRECURRENCE-ID;TZID={'9' * 5_000}:20230526T110000"),
        event("ATTENDEE;PARTSTAT=ACCEPTED,DECLINED:mailto:a@membre.example"),
        "METHOD:REPLY\nBEGIN:VTIMEZONE\nTZID:a\nBEGIN:STANDARD\nTZOFFSETTO:+9900\nEND:STANDARD\nEND:VTIMEZONE",
    ],
)
def test_s14_a_hostile_calendar_is_an_answer_that_says_nothing(calendar: str) -> None:
    found = read(parse(mail(calendar, "text/calendar; method=REPLY")))
    assert found is not None
    assert found.partstat in {"", "NEEDS-ACTION"}
    assert len(found.comment) <= 4_000
    assert max(map(len, (found.uid, found.attendee))) <= 998


PIECES = st.sampled_from(
    ["BEGIN:", "END:", "VEVENT", "VALARM", "VCALENDAR", "METHOD:REPLY", "UID", "ATTENDEE", "DTSTAMP", "SEQUENCE", "COMMENT",
     "RECURRENCE-ID", ";TZID=", ";VALUE=DATE", ";PARTSTAT=", ":", ";", "=", '"', "\\", "\n", "\n ", "mailto:", "a@b.example",
     "20230520T080000Z", "00010101", "Europe/Paris", "-9", "é", "\x00"]
)  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(st.lists(PIECES, max_size=40))
def test_r16_no_calendar_makes_the_reading_raise(pieces: list[str]) -> None:
    found = read(parse(mail(event(ANSWER.replace("SEQUENCE:3", "".join(pieces))))))
    assert found is None or found.method
