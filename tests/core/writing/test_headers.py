"""Does each class of mail carry its own headers, one of each (D6, D8, D14, D15)?"""

from __future__ import annotations

import re
from email import message_from_bytes, policy

import pytest

from service.core.vocabulary import MailClass, MailKind
from service.core.writing.headers import sender_id
from service.core.writing.letter import House, Letter, ListIdentity
from service.core.writing.mould import Mould
from service.core.writing.rendering import compose
from tests.emails.golden import templates

TEMPLATES = templates()
VALUES = {
    "to": "camille@adherents.example",
    "to_name": "",
    "reply_to": "vie+abc@passerelles.example",
    "message_id": "<7.1@passerelles.example>",
    "date": "Fri, 12 May 2023 09:00:00 +0200",
    "unsubscribe_url": "https://vie.passerelles.example/d/abc",
}
ALWAYS = {
    "Date",
    "From",
    "Reply-To",
    "To",
    "Subject",
    "Message-ID",
    "MIME-Version",
    "Content-Type",
    "X-Auto-Response-Suppress",
}
LEAVE = {"List-Unsubscribe", "List-Unsubscribe-Post"}
CAMPAIGN = {"List-Id", "Feedback-ID"}


def mould(
    mail_class: MailClass, *, sender: str = "Les Passerelles <vie@passerelles.example>", subject: str = "Bonjour"
) -> Mould:
    listed = mail_class is not MailClass.TRANSACTIONAL
    return compose(
        Letter(MailKind.COMMUNIQUE, mail_class, subject, "Avant-goût", "Bonjour."),
        House("Les Passerelles"),
        ListIdentity("communiques", "Communiqués", "passerelles.example") if listed else None,
        templates=TEMPLATES,
        sender=sender,
        campaign=12 if listed else None,
    )


@pytest.mark.parametrize(
    ("mail_class", "more"),
    [
        (MailClass.NEWSLETTER, CAMPAIGN | LEAVE | {"Precedence"}),
        (MailClass.COOPERATIVE, CAMPAIGN | LEAVE),
        (MailClass.STATUTORY, CAMPAIGN),
        (MailClass.TRANSACTIONAL, {"Auto-Submitted"}),
    ],
)
def test_d6_d8_d15_each_class_carries_its_headers_once_and_no_other(mail_class: MailClass, more: set[str]) -> None:
    mail = message_from_bytes(mould(mail_class).splice(VALUES), policy=policy.default)
    assert sorted(mail.keys()) == sorted(ALWAYS | more)


@pytest.mark.parametrize("mail_class", MailClass)
def test_the_footer_says_why_one_gets_the_mail_and_how_to_leave(mail_class: MailClass) -> None:
    mail = mould(mail_class)
    for part in (mail.html(VALUES).replace("&nbsp;", "\u00a0"), mail.text(VALUES)):
        assert ("https://vie.passerelles.example/d/abc" in part) is mail_class.can_be_left
        assert ("Ne plus recevoir «\u00a0Communiqués\u00a0»" in part) is mail_class.can_be_left
        assert ("parce que vous êtes sociétaire des Passerelles." in part) is mail_class.can_be_left
        assert ("il est adressé à tous les sociétaires." in part) is (mail_class is MailClass.STATUTORY)
        assert "Répondez à ce message." in part


def test_d14_the_list_and_the_sending_are_named_and_nobody_who_receives_it() -> None:
    """List-Id is the list's, whoever sends what; Feedback-ID has four fields, the last of them the sender's for ever."""
    again = VALUES | {"to": "zoe@adherents.example", "message_id": "<8.1@passerelles.example>"}
    first, second = (message_from_bytes(mould(MailClass.NEWSLETTER).splice(given)) for given in (VALUES, again))
    for name in CAMPAIGN:
        assert first.get_all(name) == second.get_all(name)
        assert len(first.get_all(name, [])) == 1
        assert not {"camille", "abc", "7.1"} & set(re.split(r"[^\w.]+", first[name].lower()))
    other = message_from_bytes(mould(MailClass.STATUTORY, subject="Une autre").splice(VALUES))
    assert other["List-Id"].rpartition("<")[2] == first["List-Id"].rpartition("<")[2]
    fields = first["Feedback-ID"].split(":")
    assert (len(fields), fields[-1]) == (4, sender_id("Les Passerelles"))


def test_d14_d15_list_headers_say_what_rfc_2919_and_8058_ask() -> None:
    mail = message_from_bytes(mould(MailClass.NEWSLETTER).splice(VALUES), policy=policy.default)
    assert mail["List-Id"] == "Communiqués <communiques.passerelles.example>"
    assert mail["List-Unsubscribe"] == "<https://vie.passerelles.example/d/abc>"
    assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert mail["Precedence"] == "bulk"
    assert mail["X-Auto-Response-Suppress"] == "DR, RN, NRN, OOF, AutoReply"
    assert mail["Feedback-ID"] == "12:newsletter:pli:lespasserelles"


def test_the_body_is_text_first_in_quoted_printable() -> None:
    mail = message_from_bytes(mould(MailClass.NEWSLETTER).splice(VALUES), policy=policy.default)
    assert mail.get_content_type() == "multipart/alternative"
    assert [part.get_content_type() for part in mail.iter_parts()] == ["text/plain", "text/html"]
    assert {part["Content-Transfer-Encoding"] for part in mail.iter_parts()} == {"quoted-printable"}
    assert {part.get_content_charset() for part in mail.iter_parts()} == {"utf-8"}
    assert mail.defects == []


@pytest.mark.parametrize(
    ("sender", "name"),
    [
        ("Les Passerelles <vie@passerelles.example>", "Les Passerelles"),
        ('"Passerelles, SCIC" <vie@passerelles.example>', "Passerelles, SCIC"),
        ("Passerelles, SCIC <vie@passerelles.example>", "Passerelles, SCIC"),
        ("Coopérative été <vie@passerelles.example>", "Coopérative été"),
        ("vie@passerelles.example", ""),
    ],
)
def test_the_sender_is_named(sender: str, name: str) -> None:
    mail = message_from_bytes(mould(MailClass.NEWSLETTER, sender=sender).splice(VALUES), policy=policy.default)
    assert [(box.display_name, box.addr_spec) for box in mail["From"].addresses] == [(name, "vie@passerelles.example")]


@pytest.mark.parametrize("sender", ["", "Les Passerelles", "x <élo@passerelles.example>", "x <a@b@c.example>"])
def test_a_sender_without_an_ascii_address_is_refused(sender: str) -> None:
    with pytest.raises(ValueError, match="SENDER"):
        mould(MailClass.NEWSLETTER, sender=sender)


@pytest.mark.parametrize(
    ("subject", "expected"),
    [
        ("Bonjour\r\nBcc: x@y.example", "Bonjour Bcc\u00a0: x@y.example"),
        ("a\x00b\u2028c", "abc"),
        ("=?utf-8?q?x?=", "=?utf-8?q?x?="),
        ("mot " * 80, ("mot " * 80).strip()),
        ("x" * 300, "x" * 300),
        ("été " * 80, ("été " * 80).strip()),
        ("{{ 7*7 }} {% x %}", "{ 7*7 } {% x %}"),
        ("", ""),
    ],
)
def test_a_subject_is_one_header_whatever_was_typed(subject: str, expected: str) -> None:
    message = mould(MailClass.NEWSLETTER, subject=subject).splice(VALUES)
    assert max(map(len, message.split(b"\r\n"))) <= 78
    mail = message_from_bytes(message, policy=policy.default)
    assert mail["Subject"] == expected
    assert "Bcc" not in mail


@pytest.mark.parametrize("name", ["Mut", "Les Passerelles", "Ça", "协同", "", "La Coopérative des Très Longs Noms"])
def test_d14_the_sender_id_has_5_to_15_letters_and_never_changes(name: str) -> None:
    assert 5 <= len(sender_id(name)) <= 15
    assert sender_id(name).isalnum()
    assert sender_id(name) == sender_id(name)
