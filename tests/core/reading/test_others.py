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
        "Je suis absente jusqu’au 4. Pourriez-vous me rappeler à mon retour.",
        "Je suis en congés du 1er au 15, merci de m’envoyer les documents par courrier.",
        "Nous sommes en vacances jusqu’au 20 août : bonne réunion à tous !",
        "Je suis en arrêt maladie jusqu’au 20, je vous envoie mon bulletin à mon retour.",
        "Je suis absente jusqu’au 12, mon mari viendra à ma place.",
        "Sono in ferie fino al 20, mandatemi i documenti.",
        "Estoy de vacaciones hasta el 20, mándenme los documentos.",
        "Ik ben met vakantie tot 20 augustus, stuur mij de stukken.",
    ],
)
def test_one_sentence_about_anything_else_makes_an_absence_a_persons(text: str) -> None:
    assert kind_of("Subject: Re: Lettre\nContent-Type: text/plain; charset=utf-8", text) == "question"


@pytest.mark.parametrize(
    "text",
    [
        "Votre message a bien été reçu. En congés jusqu’au 30 novembre, je vous répondrai à mon retour.",
        "Actuellement en déplacement avec un accès limité à ma messagerie, je vous répondrai dès que possible.",
        "Bonjour,\n\nLe secrétariat est fermé du 21 décembre au 4 janvier. Nous vous souhaitons de belles fêtes.",
        "Hallo, ich bin bis einschließlich 4. Dezember im Urlaub und beantworte Ihre Nachricht nach meiner Rückkehr.",
        "Buongiorno,\nsarò fuori ufficio fino al 4 dicembre. Risponderò al mio rientro.",
        "Goedendag,\n\nIk ben met vakantie tot en met 4 december. Uw bericht wordt niet gelezen.",
        "Buenos días,\nestoy fuera de la oficina hasta el 4 de diciembre. En caso de urgencia contacte con paul@membre.example.",
        "Hi,\n\nI'm currently on parental leave until March. Your email will not be forwarded.",
    ],
)
def test_a_letter_that_says_only_what_machines_say_is_an_absence_in_six_languages(text: str) -> None:
    assert kind_of("Subject: Re: Lettre\nContent-Type: text/plain; charset=utf-8", text) == "auto_reply"


@pytest.mark.parametrize(
    "subject",
    [
        "Auto-réponse : Lettre",
        "OOO: Lettre",
        "Abwesend",
        "Réponse automatique à votre message",
        "Accusé de réception automatique",
    ],
)
def test_a_subject_that_only_programs_write_is_automatic(subject: str) -> None:
    assert kind_of(f"Subject: {subject}", "Bonjour") == "auto_reply"


@pytest.mark.parametrize(
    ("subject", "text", "kind"),
    [
        ("Lu : Lettre", "Votre message\n\n  À : Odile\n\na été lu le 27/11/2026.", "read_receipt"),
        ("Lu (et approuvé)", "Bon pour accord. Le texte a été lu par tous.", "question"),
        ("Accusé de réception : bulletin", "Le bulletin a été lu en séance.", "question"),
        ("Read: your letter", "I read it and it was read by my neighbours too.", "question"),
    ],
)
def test_a_person_who_has_read_something_sends_no_receipt(subject: str, text: str, kind: str) -> None:
    assert kind_of(f"Subject: {subject}\nContent-Type: text/plain; charset=utf-8", text) == kind


@pytest.mark.parametrize(
    "text",
    [
        "J’ai payé la salle, voici le ticket 1234.",
        "Votre demande a été reçue, je viens avec deux voisins.",
        "Votre ticket a été créé à tort, le repas est gratuit.",
        "Le ticket a été ouvert par le gardien.",
    ],
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
