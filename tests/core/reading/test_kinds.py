"""Each incoming message gets the kind that its sender would give it, and a reason that staff can read."""

from __future__ import annotations

from pathlib import Path

import pytest

from service.core.reading.kinds import Recognised, recognise
from service.core.reading.ours import Ours
from service.core.reading.parsing import parse
from service.core.reading.reports import complained_about
from service.core.vocabulary import InboundKind

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
        ("notice_delayed", "bounce"),
        ("notice_delivered", "delivery_notice"),
        ("complaint", "complaint"),
        ("complaint_microsoft", "complaint"),
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
    "text",
    [
        "Désinscription",
        "STOP",
        "Bonjour, merci de me désinscrire de cette liste. Merci",
        "unsubscribe",
        "Je ne souhaite plus recevoir vos messages",
        "Bonjour, je ne veux plus recevoir de mails de votre part. Cordialement, Léa Brun",
        "Merci de ne plus m’envoyer vos courriels.",
        "Veuillez supprimer mon adresse de votre liste d’envoi, merci",
    ],
)
def test_a_letter_that_only_asks_to_leave_is_an_unsubscribe_wish(text: str) -> None:
    assert (
        kind_of(f"From: lea@membre.example\nSubject: Re: Lettre\n\n{text}\n\n> Bonjour\n> à tous").kind == "unsubscribe"
    )
    assert kind_of(f"From: lea@membre.example\nSubject: {text}\n\n").kind == "unsubscribe"


@pytest.mark.parametrize(
    "text",
    [
        "Je ne souhaite plus recevoir vos messages sur cette adresse mais sur celle de mon fils.",
        "Je ne souhaite plus recevoir vos messages, et mes parts ? Qui me les rend ?",
        "Bonjour, je ne souhaite plus recevoir vos messages. Depuis deux ans je demande en vain à qui revient la salle.",
        "Je ne souhaite pas recevoir la convocation par courrier, merci.",
        "Je ne souhaite plus être sociétaire.",
    ],
)
def test_a_wish_to_leave_inside_a_longer_letter_stays_a_question(text: str) -> None:
    assert kind_of(f"From: lea@membre.example\nSubject: Re: Lettre\n\n{text}").kind == "question"


def test_a_file_without_any_header_is_no_mail() -> None:
    recognised = kind_of("--------------\n2010-03-01 07:09:00\nu=12\n\nBonjour")
    assert recognised == Recognised(
        InboundKind.UNREADABLE, "Ce message n’a aucun en-tête\u00a0: ce n’est pas un courriel."
    )


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


def test_a_delay_is_a_bounce_that_reads_as_a_delay() -> None:
    recognised = recognise(parse((SAMPLES / "notice_delayed.eml").read_bytes()), OURS)
    assert recognised == Recognised(
        InboundKind.BOUNCE,
        "Retardé\u00a0: le serveur essaie encore. Destinataire\u00a0: basile.ormeau@membre.example.",
    )


def test_one_recipient_that_failed_beside_one_that_waits_is_a_failure() -> None:
    raw = (SAMPLES / "bounce_unknown.eml").read_bytes()
    waiting = (
        b"Final-Recipient: rfc822; a@membre.example\nAction: delayed\nStatus: 4.4.1\n\nFinal-Recipient: rfc822; boite-7"
    )
    reason = recognise(parse(raw.replace(b"Final-Recipient: rfc822; boite-7", waiting)), OURS).reason
    assert reason == "Revenu en erreur de basile.ormeau@membre.example\u00a0: L’adresse n’existe pas."


@pytest.mark.parametrize(
    ("subject", "kind"),
    [
        ("Successful Mail Delivery Report", "delivery_notice"),
        ("Delivery Status Notification (Success)", "delivery_notice"),
        ("Message remis avec succès", "delivery_notice"),
        ("Mail delivery report: unsuccessful", "bounce"),
        ("Delivery Status Notification (Failure)", "bounce"),
    ],
)
def test_a_notice_that_names_nobody_is_told_by_its_subject(subject: str, kind: str) -> None:
    assert kind_of(f"From: MAILER-DAEMON@relais.example\nSubject: {subject}\n\nVoir ci-joint.").kind == kind


def test_a_person_who_writes_of_a_success_asks_a_question() -> None:
    assert kind_of("From: lea@membre.example\nSubject: Mail delivery success\n\nBravo !").kind == "question"


def test_a_complaint_says_who_complained_where_it_says_so() -> None:
    marked = recognise(parse((SAMPLES / "complaint_microsoft.eml").read_bytes()), OURS)
    hidden = recognise(parse((SAMPLES / "complaint.eml").read_bytes()), OURS)
    who = "Signalé comme indésirable par le destinataire{}, transmis par sa messagerie."
    assert (marked.reason, hidden.reason) == (who.format(" (odile.tamarin@membre.example)"), who.format(""))


@pytest.mark.parametrize(
    "field", ["Original-Rcpt-To: <Odile@membre.example>", "Removal-Recipient: odile@membre.example"]
)
def test_the_fields_of_a_complaint_name_who_complained(field: str) -> None:
    raw = (
        (SAMPLES / "complaint.eml")
        .read_bytes()
        .replace(b"Feedback-Type: abuse", f"Feedback-Type: abuse\n{field}".encode())
    )
    assert complained_about(parse(raw)) == ("odile@membre.example",)


def test_the_mark_of_microsoft_may_stand_on_top() -> None:
    raw = "From: plaintes@messagerie.example\nX-HmXmrOriginalRecipient: odile@membre.example\n\nBonjour"
    assert kind_of(raw).kind == "complaint"
    assert complained_about(parse(raw.encode())) == ("odile@membre.example",)


def test_a_mail_that_is_handed_on_whole_is_no_complaint() -> None:
    raw = (SAMPLES / "complaint_microsoft.eml").read_text("utf-8").replace("X-HmXmrOriginalRecipient", "X-Autre")
    assert kind_of(raw).kind == "question"


def test_an_absence_without_return_path_is_no_bounce() -> None:
    raw = "Return-Path: <>\nFrom: lea@membre.example\nSubject: Absence du bureau : Re: Mail delivery\n\nécrire à paul@membre.example"
    assert kind_of(raw).kind == "auto_reply"


def test_an_invitation_from_a_member_is_a_question() -> None:
    raw = (SAMPLES / "calendar_reply.eml").read_text("utf-8").replace("METHOD:REPLY", "METHOD:REQUEST")
    assert kind_of(raw.replace("method=REPLY", "method=REQUEST")).kind == "question"


def test_a_message_without_text_or_id_is_kept_as_a_question() -> None:
    assert kind_of("From: lea@membre.example\nSubject: Qui vote ?\n\n").kind == "question"
