"""A notice of any mail system names whom it did not reach, in six languages, with and without a report; a person's mail never does."""

from __future__ import annotations

from pathlib import Path

import pytest

from service.core.reading import bounces
from service.core.reading.kinds import recognise
from service.core.reading.ours import Ours
from service.core.reading.parsing import parse

SAMPLES = Path(__file__).parents[2] / "samples" / "notices"
OURS = Ours(frozenset({"vie@passerelles.example"}), frozenset({"passerelles.example"}))
# Who, what became of the mail, what the failure speaks of, and the code that stands beside it.
SAID = (
    ("pf_stripped", "odile.tamarin failed hard 5.1.1"),
    ("pf_french_template", "odile.tamarin failed hard 5.1.1"),
    ("pf_two", "odile.tamarin failed hard 5.1.1; basile.ormeau failed mailbox_full 5.2.2"),
    ("pf_delayed", "odile.tamarin delayed soft 4.4.1"),
    ("pf_success", "odile.tamarin delivered soft 2.0.0"),
    ("exim_noheader", "odile.tamarin failed hard 5.0.0"),
    ("exim_delayed", "odile.tamarin delayed soft -"),
    ("exim_child", "boite-7 failed mailbox_full -; odile.tamarin failed mailbox_full -"),
    ("exim_two", "odile.tamarin failed hard 5.1.1; basile.ormeau failed policy -"),
    ("exim_all_hosts", "odile.tamarin failed soft -"),
    ("qmail_french", "odile.tamarin failed hard 5.1.1"),
    ("qmail_yahoo_like", "odile.tamarin failed hard 5.1.1"),
    ("opensmtpd_plain", "odile.tamarin failed mailbox_full 5.2.2"),
    ("mdaemon", "odile.tamarin failed hard 5.1.1"),
    ("mailenable", "odile.tamarin failed hard -"),
    ("mailenable2", "odile.tamarin failed hard 5.1.1"),
    ("communigate_plain", "lucie.saule failed hard 5.1.1"),
    ("imail_full", "lucie.saule failed mailbox_full -"),
    ("domino_fr", "basile.ormeau failed hard -"),
    ("groupwise_plain", "basile.ormeau failed mailbox_full -"),
    ("james", "basile.ormeau failed hard 5.1.1"),
    ("dma", "basile.ormeau failed hard 5.1.1"),
    ("html_only_fr", "basile.ormeau failed hard 5.1.1"),
    ("html_only_en", "basile.ormeau failed hard 5.1.1"),
    ("brevo_plain", "lucie.saule failed mailbox_full 5.2.2"),
    ("barracuda_notice", "basile.ormeau failed policy -"),
    ("ironport_bounce", "basile.ormeau failed hard 5.0.0"),
    ("mimecast_ndr", "basile.ormeau failed hard 5.1.0"),
    ("mailmarshal", "basile.ormeau failed hard 5.1.1"),
    ("surfcontrol", "basile.ormeau failed hard 5.1.1"),
    ("mailcleaner_fr", "basile.ormeau failed policy -"),
    ("mailinblack_like_reject", "basile.ormeau failed mailbox_full -"),
    ("orange_web_fr", "odile.tamarin failed hard -; basile.ormeau failed mailbox_full -"),
    ("free_autoreply_fr", "odile.tamarin failed hard 5.1.1"),
    ("gmx_native", "basile.ormeau failed mailbox_full -"),
    ("tonline_de", "basile.ormeau failed hard -"),
    ("webde_full", "basile.ormeau failed mailbox_full -"),
    ("es_plain", "basile.ormeau failed hard 5.1.1"),
    ("it_plain", "basile.ormeau failed mailbox_full 5.2.2"),
    ("nl_plain", "basile.ormeau failed hard 5.1.1"),
    ("dsn_noaction", "odile.tamarin failed hard 5.1.1"),
    ("dsn_in_text", "odile.tamarin failed mailbox_full 5.2.2"),
    ("dsn_base64", "odile.tamarin failed mailbox_full 5.2.2"),
    ("dsn_x400", "basile.ormeau failed hard 5.1.1"),
    ("to_only_in_original", "basile.ormeau failed hard 5.1.1"),
    ("original_attached_plain", "basile.ormeau failed mailbox_full -"),
    ("exch_2003_fr_delay", "basile.ormeau delayed soft 4.4.7"),
    ("exch_relay_fr", "basile.ormeau delivered soft 2.0.0"),
)
NOTICE = """From: {sender}
To: retours+c12.k4f9ab@passerelles.example
Subject: {subject}

{text}
"""


def said(raw: bytes) -> str:
    return "; ".join(
        f"{one.address.partition('@')[0]} {one.action} {one.bounce_class} {one.status or '-'}"
        for one in bounces.read(parse(raw))
    )


def kind(text: str, subject: str, sender: str) -> str:
    return recognise(parse(NOTICE.format(sender=sender, subject=subject, text=text).encode()), OURS).kind.value


@pytest.mark.parametrize(("sample", "expected"), SAID)
def test_each_notice_names_whom_it_did_not_reach_and_why(sample: str, expected: str) -> None:
    raw = (SAMPLES / f"{sample}.eml").read_bytes()
    assert said(raw) == expected
    assert recognise(parse(raw), OURS).kind == ("delivery_notice" if " delivered " in expected else "bounce")


def test_every_notice_among_the_samples_has_its_answer() -> None:
    assert {path.stem for path in SAMPLES.glob("*.eml")} == {sample for sample, _ in SAID}


@pytest.mark.parametrize(
    ("subject", "text"),
    [
        (
            "Fwd: Undelivered Mail Returned to Sender",
            "Your message could not be delivered to:\n\n<paul@membre.example>",
        ),
        (
            "TR : [EXT] Échec de la remise",
            "This message was created automatically by mail delivery software.\n\npaul@membre.example",
        ),
        ("Re: Message non distribué", "Votre message n’a pas pu être remis à paul@membre.example"),
        (
            "Ma question",
            "Votre serveur dit :\n\nThis is the mail system at host relais.example.\nIt could not be delivered.\n\n<paul@membre.example>: User unknown",
        ),
    ],
)
def test_a_person_who_hands_a_notice_on_bounces_nobody(subject: str, text: str) -> None:
    assert kind(text, subject, "lea@membre.example") == "question"
    assert kind(text, subject, "mail@membre.example") == "question"
    assert kind(text, subject, "MAILER-DAEMON@relais.example") == "bounce"


def test_our_subject_before_the_words_of_the_notice_is_no_handing_on() -> None:
    text = "Votre message n'a pas pu etre delivre a\npaul@membre.example"
    assert kind(text, "RE: Rendez-vous du vendredi : non remis", "smtp@membre.example") == "bounce"


def test_neither_who_wrote_a_notice_nor_whom_it_was_sent_to_is_named() -> None:
    text = "Could not be delivered.\n\nretours+c12.k4f9ab@passerelles.example\npostmaster@relais.example\nReply to: aide@relais.example"
    raw = NOTICE.format(sender="MAILER-DAEMON@relais.example", subject="Undeliverable", text=text)
    assert said(raw.encode()) == ""


def test_addresses_of_the_returned_letter_are_not_named() -> None:
    text = (
        "Undeliverable:\n\npaul@membre.example\n\n--- Original message ---\n\nlea@membre.example\nodile@membre.example"
    )
    raw = NOTICE.format(sender="MAILER-DAEMON@relais.example", subject="Undeliverable", text=text)
    assert said(raw.encode()) == "paul failed hard -"


def test_whom_the_returned_letter_went_to_counts_before_others_that_a_notice_names() -> None:
    text = "Undeliverable:\n\naide@relais.example\npaul@membre.example\n\n--- Original message ---\n\nTo: Paul <paul@membre.example>"
    raw = NOTICE.format(sender="MAILER-DAEMON@relais.example", subject="Undeliverable", text=text)
    assert said(raw.encode()) == "paul failed hard -"


def test_a_returned_letter_to_several_people_names_none_of_them() -> None:
    text = "It failed.\n\n--- Original message ---\n\nTo: paul@membre.example, lea@membre.example"
    raw = NOTICE.format(sender="MAILER-DAEMON@relais.example", subject="Undeliverable", text=text)
    assert said(raw.encode()) == ""
    assert kind(text, "Undeliverable", "MAILER-DAEMON@relais.example") == "bounce"


@pytest.mark.parametrize(
    ("status", "action"), [("5.1.1", "failed"), ("4.4.1", "delayed"), ("2.0.0", "delivered"), ("", None)]
)
def test_a_report_without_action_says_it_by_its_code(status: str, action: str | None) -> None:
    fields = f"Final-Recipient: rfc822; paul@membre.example\nStatus: {status}\n"
    raw = f"From: MAILER-DAEMON@relais.example\nContent-Type: message/delivery-status\n\nReporting-MTA: dns; r.example\n\n{fields}"
    assert [one.action for one in bounces.read(parse(raw.encode()))] == ([action] if action else [])
