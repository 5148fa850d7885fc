"""Each incoming message gets the kind that its sender would give it, and a reason that staff can read."""

from __future__ import annotations

from pathlib import Path

import pytest

from service.core.reading.kinds import Ours, Recognised, recognise
from service.core.reading.parsing import parse

SAMPLES = Path(__file__).parents[2] / "samples"
OURS = Ours(frozenset({"vie@passerelles.example", "retours@passerelles.example"}), frozenset({"passerelles.example"}))


def kind_of(raw: str) -> Recognised:
    return recognise(parse(raw.encode()), OURS)


@pytest.mark.parametrize(
    ("sample", "kind"),
    [
        ("reply_gmail", "question"),
        ("reply_outlook_html", "question"),
        ("reply_apple_mail", "question"),
        ("reply_thunderbird_flowed", "question"),
        ("bounce_unknown", "bounce"),
        ("bounce_full", "bounce"),
        ("bounce_exim", "bounce"),
        ("notice_delayed", "delivery_notice"),
        ("notice_delivered", "delivery_notice"),
        ("complaint", "complaint"),
        ("read_receipt", "read_receipt"),
        ("calendar_reply", "calendar_reply"),
        ("absence", "auto_reply"),
    ],
)
def test_each_sample_is_what_it_is(sample: str, kind: str) -> None:
    recognised = recognise(parse((SAMPLES / f"{sample}.eml").read_bytes()), OURS)
    assert recognised.kind == kind
    assert recognised.reason.endswith(".")
    assert "\n" not in recognised.reason


@pytest.mark.parametrize(
    "head",
    [
        "Auto-Submitted: auto-generated",
        "Auto-Submitted: Auto-Replied; owner=x",
        "Precedence: auto_reply",
        "Precedence: bulk",
        "X-Autoreply: yes",
        "X-Autorespond: absence",
        "Return-Path: <>",
        "Subject: Absence du bureau : Re: Rendez-vous",
        "Subject: [EXTERNE] Réponse automatique : Rendez-vous",
        "Subject: Message d’absence",
        "Subject: Out of office",
        "Subject: Automatic reply: Rendez-vous",
    ],
)
def test_a_machine_that_answers_is_an_automatic_reply(head: str) -> None:
    assert kind_of(f"From: lea@membre.example\n{head}\n\nJe suis absente.").kind == "auto_reply"


@pytest.mark.parametrize(
    "head",
    [
        "Auto-Submitted: no",
        "X-Auto-Response-Suppress: All",
        "Subject: RE: Réponse automatique : Rendez-vous",
        "Subject: Absence du bureau de l’association à l’assemblée",
        "Subject: Lu : une question sur votre article",
        "Precedence: list\nList-Id: <vie.passerelles.example>",
        "Subject: Comment se passe une désinscription ?",
        "Return-Path: <lea@membre.example>",
        "Subject: delivery failure",
    ],
)
def test_a_person_who_writes_is_a_question(head: str) -> None:
    assert (
        kind_of(f"From: lea@membre.example\n{head}\n\nJe serai absente le 26 : qui vote pour moi ?").kind == "question"
    )


@pytest.mark.parametrize(
    "text", ["Désinscription", "STOP", "Bonjour, merci de me désinscrire de cette liste. Merci", "unsubscribe"]
)
def test_a_letter_that_only_asks_to_leave_is_an_unsubscribe_wish(text: str) -> None:
    assert (
        kind_of(f"From: lea@membre.example\nSubject: Re: Lettre\n\n{text}\n\n> Bonjour\n> à tous").kind == "unsubscribe"
    )
    assert kind_of(f"From: lea@membre.example\nSubject: {text}\n\n").kind == "unsubscribe"


def test_words_beside_the_wish_to_leave_stay_a_question() -> None:
    assert kind_of("From: lea@membre.example\nSubject: stop\n\nQuand s’arrête la souscription ?").kind == "question"
    assert kind_of("From: lea@membre.example\n\nStop. Et mes parts, quand sont-elles rendues ?").kind == "question"


def test_our_own_mail_and_its_copies_are_own() -> None:
    assert kind_of("From: VIE@passerelles.example\n\nBonjour").kind == "own"
    assert kind_of("From: x@autre.example\nList-Id: <a>\nMessage-ID: <c1@passerelles.example>\n\n").kind == "own"


def test_a_colleague_of_our_domain_is_a_person() -> None:
    assert (
        kind_of("From: paul@passerelles.example\nMessage-ID: <z@passerelles.example>\n\nBonjour ?").kind == "question"
    )


def test_a_report_from_our_own_server_is_a_bounce_all_the_same() -> None:
    raw = (
        (SAMPLES / "bounce_unknown.eml")
        .read_bytes()
        .replace(b"MAILER-DAEMON@relais.example", b"vie@passerelles.example")
    )
    assert recognise(parse(raw), OURS).kind == "bounce"


def test_an_absence_without_return_path_is_no_bounce() -> None:
    raw = "Return-Path: <>\nFrom: lea@membre.example\nSubject: Absence du bureau : Re: Mail delivery\n\nécrire à paul@membre.example"
    assert kind_of(raw).kind == "auto_reply"


def test_an_invitation_from_a_member_is_a_question() -> None:
    raw = (SAMPLES / "calendar_reply.eml").read_text("utf-8").replace("METHOD:REPLY", "METHOD:REQUEST")
    assert kind_of(raw.replace("method=REPLY", "method=REQUEST")).kind == "question"


def test_a_message_without_text_or_id_is_kept_as_a_question() -> None:
    assert kind_of("From: lea@membre.example\nSubject: Qui vote ?\n\n").kind == "question"
