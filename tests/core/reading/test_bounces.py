"""A bounce names the address that we wrote to, how lasting the failure is, and which mail it was."""

from __future__ import annotations

from pathlib import Path

import pytest

from service.core.reading.bounces import Bounce, read
from service.core.reading.parsing import parse
from service.core.reading.severity import is_policy, is_unknown, judge
from service.core.vocabulary import BounceClass

SAMPLES = Path(__file__).parents[2] / "samples"


def only(sample: str) -> Bounce:
    (bounce,) = read(parse((SAMPLES / f"{sample}.eml").read_bytes()))
    return bounce


def test_a_report_gives_the_original_recipient_and_ties_to_our_mail() -> None:
    assert only("bounce_unknown") == Bounce(
        address="basile.ormeau@membre.example",
        action="failed",
        status="5.1.1",
        severity="hard",
        reason="L’adresse n’existe pas.",
        original_message_ids=("<c12.d8@passerelles.example>",),
        envelope_id="jnsxg5bb4kq2v7wz6y3tnfra5e",
        is_reported=True,
        words="550 5.1.1 <basile.ormeau@membre.example>: Recipient address rejected: User unknown",
        bounce_class=BounceClass.HARD,
    )


def test_the_diagnostic_is_more_precise_than_a_vague_status() -> None:
    bounce = only("bounce_full")
    assert (bounce.status, bounce.severity, bounce.reason) == ("5.2.2", "soft", "La boîte aux lettres est pleine.")
    assert bounce.bounce_class is BounceClass.MAILBOX_FULL


@pytest.mark.parametrize(("sample", "action"), [("notice_delayed", "delayed"), ("notice_delivered", "delivered")])
def test_a_delayed_or_delivered_notice_is_never_hard(sample: str, action: str) -> None:
    bounce = only(sample)
    assert (bounce.action, bounce.severity, bounce.bounce_class) == (action, "soft", "soft")


def test_a_delay_reads_as_one() -> None:
    assert only("notice_delayed").reason == "Retardé\u00a0: le serveur essaie encore."


def test_a_failure_without_report_is_read_from_its_header_and_text() -> None:
    bounce = only("bounce_exim")
    assert (bounce.address, bounce.severity) == ("basile.ormeau@membre.example", "hard")
    assert (bounce.is_reported, bounce.words) == (False, "")
    assert bounce.original_message_ids == ("<c12.d8@passerelles.example>",)


def test_a_report_of_two_recipients_names_both_once() -> None:
    raw = (SAMPLES / "bounce_unknown.eml").read_bytes()
    second = b"Final-Recipient: rfc822; autre@membre.example\nAction: failed\nStatus: 4.2.2\n\n"
    found = read(
        parse(raw.replace(b"Final-Recipient: rfc822; boite-7", second * 2 + b"Final-Recipient: rfc822; boite-7"))
    )
    assert [(bounce.address, bounce.severity) for bounce in found] == [
        ("autre@membre.example", "soft"),
        ("basile.ormeau@membre.example", "hard"),
    ]


@pytest.mark.parametrize(
    "sample", ["reply_gmail", "reply_apple_mail", "absence", "calendar_reply", "read_receipt", "complaint"]
)
def test_other_mail_names_no_bounce(sample: str) -> None:
    assert read(parse((SAMPLES / f"{sample}.eml").read_bytes())) == ()


def test_a_person_who_quotes_a_bounce_bounces_nobody() -> None:
    notice = "\n\nHi. This is the qmail-send program at relais.example.\n\n<paul@membre.example>:\nNo mailbox here. (#5.1.1)\n"
    assert [bounce.address for bounce in read(parse(f"From: MAILER-DAEMON@relais.example{notice}".encode()))] == [
        "paul@membre.example"
    ]
    assert read(parse(f"From: lea@membre.example\nSubject: Question{notice}".encode())) == ()


@pytest.mark.parametrize(
    ("status", "words", "severity"),
    [
        ("5.1.1", "", "hard"),
        ("5.0.0", "550 No such user here", "hard"),
        ("5.4.4", "Host or domain name not found", "hard"),
        ("5.2.1", "The account is disabled", "hard"),
        ("4.1.1", "User unknown", "soft"),
        ("5.7.1", "blocked using a blocklist", "soft"),
        ("5.0.0", "552 user is over quota", "soft"),
        ("5.3.4", "message too big", "soft"),
        ("5.6.0", "", "soft"),
        ("", "", "hard"),
    ],
)
def test_only_what_lasts_is_hard(status: str, words: str, severity: str) -> None:
    assert judge(status, words).severity == severity


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        ("5.4.1", "L’adresse n’existe pas."),
        # A loop between servers, and expiry: nothing of it is the address's.
        ("5.4.14", "Le message tournait en rond entre des serveurs."),
        ("5.4.16", "Le message est revenu en erreur."),
        ("5.4.4", "Le domaine de l’adresse n’existe pas ou ne reçoit pas de courrier."),
        ("5.4.44", "Le message est revenu en erreur."),
        ("5.1.1", "L’adresse n’existe pas."),
        ("5.1.10", "L’adresse n’existe pas."),
        ("5.1.2", "Le domaine de l’adresse n’existe pas ou ne reçoit pas de courrier."),
        ("5.1.20", "L’adresse n’existe pas."),
        ("5.1.6", "Le destinataire a changé d’adresse."),
        ("5.2.2", "La boîte aux lettres est pleine."),
        ("5.2.21", "Le serveur a refusé le message sans retour possible."),
        ("5.7.2", "Le serveur a refusé le message\u00a0: réputation ou règle anti-spam."),
        ("5.7.26", "Le serveur a refusé le message\u00a0: réputation ou règle anti-spam."),
        ("5.40.1", "Le serveur a refusé le message sans retour possible."),
        ("4.2.2", "La boîte aux lettres est pleine."),
        ("4.2.21", "Le serveur n’a pas pu recevoir le message pour l’instant."),
    ],
)
def test_d19_a_status_code_is_read_whole(status: str, reason: str) -> None:
    """RFC 3463 section 2: each part is a number; 5.4.14 is no kind of 5.4.1."""
    assert judge(status, "").reason == reason


def test_d19_a_loop_between_servers_says_nothing_of_the_address() -> None:
    assert judge("5.4.14", "Hop count exceeded - possible mail loop").severity == "soft"
    assert not is_unknown("5.4.14", "")
    assert is_policy("5.4.14", "")
    assert is_unknown("5.1.10", "")


@pytest.mark.parametrize(
    ("status", "words", "bounce_class"),
    [
        ("5.1.1", "User unknown", "hard"),
        ("5.2.1", "", "hard"),
        ("5.1.6", "", "hard"),
        ("", "551 User has moved", "hard"),
        ("5.4.4", "Host unknown", "hard"),
        ("", "refused", "hard"),
        ("5.2.2", "", "mailbox_full"),
        ("5.1.1", "550 5.1.1 mailfolder is full", "mailbox_full"),
        ("5.1.1", "the mailbox of this user is full", "mailbox_full"),
        ("", "would exceed mailbox quota", "mailbox_full"),
        ("", "boîte aux lettres pleine", "mailbox_full"),
        ("4.2.2", "", "mailbox_full"),
        ("5.7.1", "", "policy"),
        ("", "554 blocked using a blocklist", "policy"),
        ("5.4.5", "daily sending quota exceeded", "policy"),
        ("5.3.4", "", "content"),
        ("", "552 message size exceeds fixed limit", "content"),
        ("5.6.1", "", "content"),
        ("4.4.1", "", "soft"),
        ("5.3.1", "", "soft"),
        ("", "disk full", "soft"),
        ("", "450 4.3.1 insufficient system storage", "soft"),
        ("", "554 Too many hops", "soft"),
        ("", "Message looping", "soft"),
        ("5.4.6", "", "soft"),
        ("5.4.14", "", "soft"),
    ],
)
def test_d19_each_failure_is_of_one_class(status: str, words: str, bounce_class: str) -> None:
    assert judge(status, words).bounce_class == bounce_class


@pytest.mark.parametrize(
    ("status", "words", "bounce_class"),
    [
        # What does not exist is the sender's: no word about the member's address.
        ("5.1.8", "Sender address rejected: Domain not found", "policy"),
        ("5.1.8", "550 5.1.8 <vie@passerelles.example>: address does not exist", "policy"),
        ("", "550 Sender verify failed", "policy"),
        ("5.7.1", "Domaine emetteur interdit", "policy"),
        # « blocked » is not « locked », though users stand before it.
        ("5.7.1", "To protect our users from spam, the message has been blocked", "policy"),
        ("5.2.0", "550 5.2.0 Mail rejete. Mail rejected. ofr_506", "policy"),
        ("5.5.0", "Service refuse. Veuillez essayer plus tard", "policy"),
        ("4.7.0", "421 4.7.0 temporarily deferred due to user complaints", "policy"),
        ("4.7.650", "", "policy"),
        ("5.4.1", "Recipient address rejected: Access denied", "hard"),
        ("5.5.0", "Requested action not taken: mailbox unavailable", "hard"),
        ("4.0.0", "450 Requested action not taken: mailbox unavailable", "soft"),
        ("", "Das Postfach des Empfängers ist voll", "mailbox_full"),
        ("", "User mailbox exceeds allowed size", "mailbox_full"),
        ("", "casella di posta piena", "mailbox_full"),
        ("", "no existe: usuario desconocido", "hard"),
        ("", "Compte inactif", "hard"),
        ("5.5.2", "500 Line too long", "content"),
        ("5.7.0", "its content presents a potential security issue", "content"),
        ("", "all hosts have been failing for a long time", "soft"),
    ],
)
def test_servers_say_the_same_in_many_words(status: str, words: str, bounce_class: str) -> None:
    assert judge(status, words).bounce_class == bounce_class


@pytest.mark.parametrize("words", ["550 message rejected", "Message was refused", "Le message a été refusé"])
@pytest.mark.parametrize("status", ["5.1.1", "5.1.10", "5.2.1", "5.2.2"])
def test_a_refusal_without_reason_leaves_the_verdict_to_a_code_that_gives_one(status: str, words: str) -> None:
    assert judge(status, words) == judge(status, "")
    assert judge("5.2.0", words).bounce_class == judge("", words).bounce_class == BounceClass.POLICY


def test_a_refusal_of_access_under_a_code_of_routing_still_counts_for_its_domain() -> None:
    assert is_policy("5.4.1", "Recipient address rejected: Access denied")


@pytest.mark.parametrize(
    ("status", "words", "reason"),
    [
        ("", "551 User has moved", "Le destinataire a changé d’adresse."),
        ("5.1.6", "", "Le destinataire a changé d’adresse."),
        ("5.4.14", "", "Le message tournait en rond entre des serveurs."),
        ("5.3.1", "", "Le serveur n’a plus de place sur son disque."),
    ],
)
def test_staff_read_what_happened(status: str, words: str, reason: str) -> None:
    assert judge(status, words).reason == reason


def test_d19_words_of_a_full_mailbox_win_over_the_code_of_an_unknown_one() -> None:
    assert judge("5.1.1", "mailfolder is full").severity == "soft"
    assert not is_unknown("5.1.1", "mailfolder is full")
    assert is_unknown("5.1.1", "no such user: full name wanted")


@pytest.mark.parametrize("words", ["554 Too many hops", "Message looping (received 6 times)", "Hop count exceeded"])
def test_d19_a_loop_is_no_policy_unless_its_code_speaks_of_routing(words: str) -> None:
    assert not is_policy("", words)
    assert not is_policy("5.0.0", words)
    assert is_policy("5.4.6", words)


NOTICE = """Return-Path: <>
From: MAILER-DAEMON@relais.example
Subject: failure notice

Hi. This is the qmail-send program at relais.example.

<paul@membre.example>:
{}
"""


@pytest.mark.parametrize(
    ("said", "severity", "bounce_class"),
    [
        ("Sorry, that did not work.", "hard", "hard"),
        ("The mailbox is full.", "hard", "mailbox_full"),
        ("The disk is full.", "hard", "soft"),
        ("Refused: looks like spam.", "hard", "policy"),
        ("It was 550 mails ago, at 10:450, on 192.0.2.450: full mailbox", "hard", "mailbox_full"),
        ("host [203.4.79.181] said: the mailbox is full.", "hard", "mailbox_full"),
        ("550 refused", "hard", "hard"),
        ("554 Message looping", "hard", "soft"),
        ("552 quota exceeded", "soft", "mailbox_full"),
        ("550-blocked by a blocklist", "soft", "policy"),
        ("552: message too big", "soft", "content"),
        ("451 refused", "soft", "soft"),
        ("450 User unknown", "soft", "soft"),
        ("host mx.membre.example said: 452 come back", "soft", "soft"),
        ("5.2.2 mailbox full", "soft", "mailbox_full"),
        ("No mailbox here. (#5.1.1)", "hard", "hard"),
    ],
)
def test_a_server_that_gives_up_without_a_code_gave_up_for_good_and_codes_decide_otherwise(
    said: str, severity: str, bounce_class: str
) -> None:
    (bounce,) = read(parse(NOTICE.format(said).encode()))
    assert (bounce.action, bounce.severity, bounce.bounce_class) == ("failed", severity, bounce_class)


def test_a_piece_of_an_ip_address_is_no_status() -> None:
    (bounce,) = read(parse(NOTICE.format("203.5.1.1 said: refused by 5.1.1.203").encode()))
    assert bounce.status == ""


SUCCESS = """Return-Path: <>
From: MAILER-DAEMON@relais.example
Subject: {}

This is the mail system at relais.example.

<paul@membre.example>: delivery via mx.membre.example: 250 OK

The following addresses had permanent fatal errors
<paul@membre.example>
"""


@pytest.mark.parametrize(
    ("subject", "names"),
    [
        ("Successful Mail Delivery Report", 0),
        ("Message delivered", 0),
        ("Delivery Notification (Relay)", 0),
        ("Votre message a été distribué avec succès", 0),
        ("Unsuccessful Mail Delivery Report", 1),
        ("Message not delivered successfully", 1),
        ("Mail delivery failed", 1),
        ("Non-Delivery: Rendez-vous du vendredi", 1),
    ],
)
def test_a_notice_of_success_without_a_report_fails_nobody(subject: str, names: int) -> None:
    assert len(read(parse(SUCCESS.format(subject).encode()))) == names


def test_a_report_counts_more_than_a_subject_that_tells_of_success() -> None:
    raw = (
        (SAMPLES / "bounce_unknown.eml")
        .read_bytes()
        .replace(b"Undelivered Mail Returned to Sender", b"Delivered: success")
    )
    assert [bounce.action for bounce in read(parse(raw))] == ["failed"]


def test_a_notice_of_non_delivery_from_any_sender_is_read() -> None:
    raw = (
        "From: admin@membre.example\nPrecedence: bulk\nSubject: Non-Delivery: Rendez-vous\n\n"
        + SUCCESS.partition("\n\n")[2]
    )
    assert [bounce.address for bounce in read(parse(raw.encode()))] == ["paul@membre.example"]


def test_d19_a_refusal_of_the_content_by_its_code_is_not_told_as_one_of_reputation() -> None:
    assert judge("5.6.7", "").reason == "Le serveur n’a pas accepté la forme ou le contenu du message."


MANY = [f"membre{n}@exemple{n % 9}.example" for n in range(50_000)]


def named_in_a_report(several_parts: bool) -> bytes:
    block = "Final-Recipient: rfc822; {}\nAction: failed\nStatus: 5.1.1\n\n"
    blocks = [block.format(address) for address in MANY]
    size = 300 if several_parts else len(blocks)
    parts = ["".join(blocks[start : start + size]) for start in range(0, len(blocks), size)]
    head = "Content-Type: message/delivery-status\n\nReporting-MTA: dns; relais.example\n\n"
    return (
        "From: MAILER-DAEMON@relais.example\nContent-Type: multipart/report; report-type=delivery-status; boundary=b\n\n"
        + "".join(f"--b\n{head}{part}" for part in parts)
    ).encode()


def named_in_the_header() -> bytes:
    return f"From: MAILER-DAEMON@relais.example\nX-Failed-Recipients: {', '.join(MANY[:2000])}\n\nfailed\n".encode()


def named_in_a_known_wording() -> bytes:
    listed = "".join(f"  {address}\n" for address in MANY)
    head = "From: MAILER-DAEMON@relais.example\nSubject: Mail delivery failed\n\n"
    return f"{head}The following addresses had permanent fatal errors\n{listed}".encode()


@pytest.mark.parametrize(
    "raw",
    [named_in_a_report(False), named_in_a_report(True), named_in_the_header(), named_in_a_known_wording()],
    ids=["one report", "many reports", "header", "wording"],
)
def test_a_notice_made_to_name_thousands_gives_200_at_most(raw: bytes) -> None:
    assert 0 < len(read(parse(raw))) <= 200


def test_a_notice_that_quotes_thousands_of_message_ids_names_the_first_ones() -> None:
    quoted = "".join(f"Message-ID: <{n}@passerelles.example>\n" for n in range(5_000))
    raw = (SAMPLES / "bounce_exim.eml").read_bytes() + b"\n" + quoted.encode()
    (bounce,) = read(parse(raw))
    assert bounce.original_message_ids[0] == "<c12.d8@passerelles.example>"
    assert len(bounce.original_message_ids) == 20


def test_the_wordings_of_servers_are_looked_for_in_the_first_lines_only() -> None:
    start = "From: MAILER-DAEMON@relais.example\nSubject: failure notice\n\nHi. This is the qmail-send program at relais.example.\n"
    said = "<paul@membre.example>:\nNo mailbox here. (#5.1.1)\n"
    assert [bounce.address for bounce in read(parse(f"{start}\n{said}".encode()))] == ["paul@membre.example"]
    for line_end in ("\n", "\r"):
        raw = f"{start}{line_end * 10_000}{said}".encode()
        assert read(parse(raw)) == ()


def test_an_address_that_a_known_wording_names_holds_nothing_that_a_database_refuses() -> None:
    notice = (
        b"From: MAILER-DAEMON@relais.example\nSubject: failure notice\n\nHi. This is the qmail-send program at relais.example.\n\n"
        b"<pa\0ul@mem\x7fbre.example>:\nNo mailbox here. (#5.1.1)\n"
    )
    (found,) = read(parse(notice))
    assert found.address == "paul@membre.example"
