"""What does the mail look like that a relay took from a whole installation, signed with the key of its settings?"""

from __future__ import annotations

import re
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from email import message_from_bytes, policy
from email.message import EmailMessage
from urllib.parse import urlsplit

import pytest
from sqlalchemy import select

from service.core.vocabulary import MailClass, MailKind
from service.models.mailing_list import MailingList, Subscription
from service.models.member import Contact
from tests.builders import World
from tests.parts import await_that, free_port, listens
from tests.parts.dkim_zone import Zone, pem, signer_of, tags
from tests.parts.installation import Installation, installation
from tests.parts.smtp_sink import Received, Sink, smtp_sink

ROWS = """Prénom;Nom;E-mail;Numéro
Éloïse;Çelik-Müller;eloise@coopérative.example;S0001
Wen;Sœur d’Œuvre;wen@exemple.example;S0002
"""
ADDRESSES = ["eloise@xn--cooprative-e7a.example", "wen@exemple.example"]
NAMES = {ADDRESSES[0]: "Éloïse Çelik-Müller", ADDRESSES[1]: "Wen Sœur d’Œuvre"}
SUBJECT = "Où en sommes-nous\u00a0? L’été, à l’œuvre"
ONE_EACH = ("Date", "From", "To", "Reply-To", "Subject", "Message-ID", "MIME-Version")
LEAVING = ("List-Unsubscribe", "List-Unsubscribe-Post")


@dataclass
class Arrived:
    """What the relay took of a communiqué and of a convocation to the same two people."""

    pli: Installation
    world: World
    sink: Sink
    port: int

    def of(self, mail_class: MailClass) -> list[Received]:
        is_statutory = mail_class is MailClass.STATUTORY
        found = [one for one in self.sink.messages if ("presidence@" in str(read(one)["From"])) is is_statutory]
        assert sorted(one.recipient for one in found) == ADDRESSES
        return found


def read(one: Received) -> EmailMessage:
    return message_from_bytes(one.data, policy=policy.default)


@pytest.fixture(scope="module")
def arrived(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Arrived]:
    folder, port = tmp_path_factory.mktemp("arrived"), free_port()
    key = folder / "dkim.pem"
    key.write_bytes(pem("rsa-sha256"))
    settings = {
        "DKIM_KEY": str(key),
        "DKIM_SELECTOR": "pli2026",
        "BIND": f"127.0.0.1:{port}",
        "SENDER_STATUTORY": "La présidence <presidence@passerelles.example>",
    }
    with smtp_sink() as sink, installation(folder, f"sqlite:///{folder}/data/pli.db", sink, None, **settings) as pli:
        world = pli.seeded(0)
        world.mailing_list("assemblee", MailClass.STATUTORY)
        world.take_in(ROWS, "nouvelles", "assemblee")
        for process in ("web", "worker", "clock"):
            pli.start(process)
        for slug, kind in (("nouvelles", MailKind.COMMUNIQUE), ("assemblee", MailKind.AG_CONVOCATION)):
            pli.send(pli.approved_campaign(slug, kind=kind, subject=SUBJECT), "--wait")
        await_that(lambda: listens(port), "the pages are served", 60)
        yield Arrived(pli, world, sink, port)


BOTH = pytest.mark.parametrize("mail_class", [MailClass.NEWSLETTER, MailClass.STATUTORY])


def test_d1_a_communique_has_one_way_to_leave_and_the_signature_covers_both_headers(arrived: Arrived) -> None:
    zone = Zone.of(signer_of("rsa-sha256"))
    for one in arrived.of(MailClass.NEWSLETTER):
        assert zone.verifies(one.data)
        mail = read(one)
        (address,), (post,) = (mail.get_all(name, []) for name in LEAVING)
        assert re.fullmatch(r"<https://courrier\.passerelles\.example/d/[\w.-]+>", address)
        assert post == "List-Unsubscribe=One-Click"
        covered = tags(one.data)["h"].lower().split(":")
        assert {"list-unsubscribe", "list-unsubscribe-post"} <= set(covered)
        for said, other in ((b"<https://c", b"<https://d"), (b"=One-Click", b"=One-click")):
            altered = one.data.replace(said, other)
            assert altered != one.data
            assert not zone.verifies(altered)


@BOTH
def test_d3_the_signature_is_of_the_domain_of_from_and_each_class_has_its_own_sender(
    arrived: Arrived, mail_class: MailClass
) -> None:
    zone = Zone.of(signer_of("rsa-sha256"))
    for one in arrived.of(mail_class):
        assert zone.verifies(one.data)
        (sender,) = read(one)["From"].addresses
        assert sender.domain == tags(one.data)["d"] == "passerelles.example"
        expected = {MailClass.NEWSLETTER: "Les Passerelles", MailClass.STATUTORY: "La présidence"}
        assert sender.display_name == expected[mail_class]


def test_d6_a_convocation_cannot_be_left(arrived: Arrived) -> None:
    for one in arrived.of(MailClass.STATUTORY):
        assert not set(LEAVING) & set(read(one).keys())


@BOTH
def test_d8_each_header_stands_once_and_nothing_names_the_recipient_but_to(
    arrived: Arrived, mail_class: MailClass
) -> None:
    ids = set()
    for one in arrived.of(mail_class):
        mail = read(one)
        assert [len(mail.get_all(name, [])) for name in ONE_EACH] == [1] * len(ONE_EACH)
        assert not {"Cc", "Bcc"} & set(mail.keys())
        ids.add(mail["Message-ID"])
        elsewhere = [str(value).lower() for name, value in mail.items() if name != "To"]
        local = one.recipient.partition("@")[0]
        assert not [value for value in elsewhere if local in value or one.recipient in value]
        assert re.fullmatch(r"<[0-9a-z.-]+@passerelles\.example>", mail["Message-ID"])
        assert local not in one.sender
    assert len(ids) == len(ADDRESSES)


def test_d8_each_message_has_one_recipient(arrived: Arrived) -> None:
    verbs = [command.partition(" ")[0].upper() for command in arrived.sink.commands]
    assert verbs.count("RCPT") == verbs.count("DATA") == len(arrived.sink.messages) == 4


@BOTH
def test_d9_lines_end_in_crlf_alone_are_short_and_hold_seven_bits(arrived: Arrived, mail_class: MailClass) -> None:
    for one in arrived.of(mail_class):
        assert not re.search(rb"\r(?!\n)|(?<!\r)\n", one.data)
        assert max(map(len, one.data.split(b"\r\n"))) <= 998
        assert one.data.isascii()


@BOTH
def test_d10_accents_arrive_and_a_domain_with_accents_is_said_in_ascii(arrived: Arrived, mail_class: MailClass) -> None:
    for one in arrived.of(mail_class):
        mail = read(one)
        assert mail["Subject"] == SUBJECT
        (to,) = mail["To"].addresses
        assert (to.addr_spec, to.display_name) == (one.recipient, NAMES[one.recipient])
        first_name = NAMES[one.recipient].split(" ")[0]
        for kind in ("plain", "html"):
            body = mail.get_body((kind,))
            assert body is not None
            assert f"Bonjour {first_name}" in body.get_content()


@BOTH
def test_d14_d15_machines_are_told_what_it_is(arrived: Arrived, mail_class: MailClass) -> None:
    is_bulk = mail_class is MailClass.NEWSLETTER
    for one in arrived.of(mail_class):
        mail = read(one)
        assert mail["X-Auto-Response-Suppress"] == "DR, RN, NRN, OOF, AutoReply"
        assert mail.get_all("Precedence", []) == ["bulk"] * is_bulk
        # A person wrote it.
        assert mail["Auto-Submitted"] is None
        assert str(mail["List-Id"]).endswith(".passerelles.example>")
        assert len(mail["Feedback-ID"].split(":")) == 4
        assert {"list-id", "feedback-id"} <= set(tags(one.data)["h"].lower().split(":"))


def test_d2_one_post_to_the_address_in_the_header_takes_off_the_list(arrived: Arrived) -> None:
    (one,) = (one for one in arrived.of(MailClass.NEWSLETTER) if one.recipient == "wen@exemple.example")
    path = urlsplit(str(read(one)["List-Unsubscribe"]).strip("<>")).path
    assert is_on(arrived, "wen@exemple.example") == {"nouvelles": True, "assemblee": True}
    for _ in range(2):
        asked = urllib.request.Request(f"http://127.0.0.1:{arrived.port}{path}", b"List-Unsubscribe=One-Click")
        with urllib.request.urlopen(asked, timeout=30) as answer:
            # A redirect would be followed to another address.
            assert (answer.status, urlsplit(answer.url).path) == (200, path)
            assert answer.headers["Set-Cookie"] is None
        assert is_on(arrived, "wen@exemple.example") == {"nouvelles": False, "assemblee": True}


def is_on(arrived: Arrived, address: str) -> dict[str, bool]:
    """On which lists an address stands now."""
    with arrived.world.sessions() as session:
        contact = session.scalars(Contact.at(address)).one()
        rows = session.execute(
            select(MailingList.slug, Subscription.left_at)
            .join(Subscription, Subscription.list_id == MailingList.id)
            .where(Subscription.contact_id == contact.id)
        )
        return {row.slug: row.left_at is None for row in rows}
