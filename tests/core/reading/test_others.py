"""Mail of machines that says so in its words or by a header of its program alone, and people whose mail looks like it."""

from __future__ import annotations

from pathlib import Path

import pytest

from service.core.reading import calendar
from service.core.reading.kinds import recognise
from service.core.reading.ours import Ours
from service.core.reading.parsing import parse

SAMPLES = Path(__file__).parents[2] / "samples" / "others"
OURS = Ours(frozenset({"vie@passerelles.example"}), frozenset({"passerelles.example"}))
KINDS = (
    ("ooo_nohead_fr2", "auto_reply"),
    ("ooo_nohead_fr4", "auto_reply"),
    ("ooo_nohead_fr6", "auto_reply"),
    ("ooo_nohead_de2", "auto_reply"),
    ("ooo_nohead_es1", "auto_reply"),
    ("ooo_nohead_it1", "auto_reply"),
    ("ooo_nohead_nl1", "auto_reply"),
    ("ooo_notes", "auto_reply"),
    ("ooo_notes_en", "auto_reply"),
    ("ooo_header_vacation", "auto_reply"),
    ("ooo_ms_generated", "auto_reply"),
    ("zendesk_nohead", "auto_reply"),
    ("freshdesk_nohead", "auto_reply"),
    ("mailinblack", "auto_reply"),
    ("boxtrapper", "auto_reply"),
    ("mdn_plain_notread_fr", "read_receipt"),
    ("mdn_plain_notes", "read_receipt"),
    ("jmrp_nomark", "complaint"),
    ("complaint_plain_abuse", "complaint"),
    ("cal_zimbra_deleg", "calendar_reply"),
    ("cal_attach_octet", "calendar_reply"),
    ("h_meeting_away", "question"),
    ("h_bounce_forward", "question"),
    ("h_bounce_q", "question"),
    ("h_ack_person", "question"),
    ("h_suppress", "question"),
    ("h_proxy", "question"),
    ("h_postmaster", "question"),
)


def kind_of(head: str, text: str) -> str:
    return recognise(parse(f"From: odile@membre.example\n{head}\n\n{text}".encode()), OURS).kind.value


@pytest.mark.parametrize(("sample", "kind"), KINDS)
def test_each_mail_is_what_it_is(sample: str, kind: str) -> None:
    assert recognise(parse((SAMPLES / f"{sample}.eml").read_bytes()), OURS).kind == kind


def test_every_sample_has_its_answer() -> None:
    assert {path.stem for path in SAMPLES.glob("*.eml")} == {sample for sample, _ in KINDS}


def test_an_answer_that_is_delegated_names_who_wrote() -> None:
    answer = calendar.read(parse((SAMPLES / "cal_zimbra_deleg.eml").read_bytes()))
    assert answer is not None
    assert (answer.attendee, answer.partstat) == ("odile.tamarin@membre.example", "DELEGATED")


@pytest.mark.parametrize(
    ("head", "kind"),
    [
        ("X-Postfixadmin-Vacation: yes", "auto_reply"),
        ("X-Amazon-Auto-Reply: true", "auto_reply"),
        ("X-Auto-Response-From: odile@membre.example", "auto_reply"),
        ("X-MS-Exchange-Generated-Message-Source: Mailbox Rules Agent", "auto_reply"),
        ("X-Autoreply: no", "question"),
        ("X-Auto-Response-Suppress: All", "question"),
        ("X-MS-Auto-Response-Suppress: All", "question"),
    ],
)
def test_a_header_of_a_program_that_answers_is_known_by_its_form(head: str, kind: str) -> None:
    assert kind_of(head, "Je reviens le 4.") == kind


@pytest.mark.parametrize(
    "text",
    [
        "Je suis en vacances jusqu’au 12 août. Le document de la page 3 ne s’ouvre pas chez moi.",
        "Je suis absente jusqu’au 4. Gardez-moi une place au repas de samedi s’il vous plaît.",
        "Je suis en déplacement jusqu’au 30, mais le sujet me tient à cœur.",
        "Ik ben vrijdag afwezig, tot 4 december. Kunt u mij het verslag sturen",
        "Sono assente fino al 4, vorrei ricevere il verbale.",
        "Ich bin bis zum 4. Dezember nicht im Büro, komme aber gern am Samstag.",
        "I am on leave until Monday, but happy to join on Friday.",
    ],
)
def test_one_sentence_about_anything_else_makes_an_absence_a_persons(text: str) -> None:
    assert kind_of("Subject: Re: Lettre\nContent-Type: text/plain; charset=utf-8", text) == "question"


@pytest.mark.parametrize(
    "text", ["J’ai payé la salle, voici le ticket 1234.", "Votre demande a été reçue, je viens avec deux voisins."]
)
def test_a_person_who_speaks_of_a_ticket_is_no_desk(text: str) -> None:
    assert kind_of("Content-Type: text/plain; charset=utf-8", text) == "question"


COMPLAINT = "Feedback-Type: abuse\nUser-Agent: FAI/1\nVersion: 1\n"


def test_the_fields_of_a_complaint_count_in_plain_text_where_all_required_ones_are_there() -> None:
    assert kind_of("Subject: Report", COMPLAINT) == "complaint"
    assert kind_of("Subject: Report", COMPLAINT.replace("Version: 1\n", "")) == "question"
    assert kind_of("Subject: Report", "> " + COMPLAINT.replace("\n", "\n> ")) == "question"


def test_words_of_a_complaint_above_a_mail_count_from_nobody_alone() -> None:
    raw = (SAMPLES / "jmrp_nomark.eml").read_bytes()
    assert recognise(parse(raw), OURS).kind == "complaint"
    assert (
        recognise(parse(raw.replace(b"Return-Path: <>", b"Return-Path: <lea@membre.example>")), OURS).kind == "question"
    )
