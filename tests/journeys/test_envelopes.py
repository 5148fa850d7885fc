"""D16, D3: the envelope sender of each mail, as the relay has it, names that one mail and no person."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from pathlib import Path

from service.core.tokens import read_address_token
from service.core.vocabulary import MailKind
from service.models.delivery import Delivery
from tests.journeys.test_kills import campaign
from tests.parts.installation import installation
from tests.parts.smtp_sink import Sink
from tests.parts.stable import stable

MEMBERS = 4
VERP = re.compile(r"retours\+([a-z2-7]{26})@passerelles\.example")


def test_d16_d3_each_mail_has_an_envelope_sender_with_a_token_of_its_own_and_no_address(
    tmp_path: Path, sink: Sink
) -> None:
    """A newsletter and a convocation to the same people: a report on one says nothing of the other."""
    with (
        installation(tmp_path, f"sqlite:///{tmp_path}/data/pli.db", sink) as pli,
        stable(pli.environment, tmp_path / "stable.log") as horses,
    ):
        world = pli.seeded(MEMBERS)
        of_whom: dict[int, str] = {}
        for kind in (MailKind.COMMUNIQUE, MailKind.AG_CONVOCATION):
            number = campaign(world, kind, MEMBERS)
            assert horses.run("send", number) == 0
            with world.sessions() as session:
                of_whom |= {row.id: row.address for row in session.scalars(Delivery.of_campaign(number))}
    assert len(sink.messages) == 2 * MEMBERS
    tokens = defaultdict[str, set[str]](set)
    secret = pli.environment["SECRET_KEY"].encode()
    for mail in sink.messages:
        found = VERP.fullmatch(mail.sender)
        assert found is not None, mail.sender
        named = read_address_token(found[1], secret)
        assert named is not None
        assert of_whom[named] == mail.recipient
        local, _, domain = mail.recipient.partition("@")
        assert local not in mail.sender
        assert domain not in mail.sender
        # What reports and answers are matched by is the same for both ways back.
        assert f"+{found[1]}@".encode() in mail.data
        tokens[mail.recipient].add(found[1])
    assert {len(own) for own in tokens.values()} == {2}
    assert len(set().union(*tokens.values())) == 2 * MEMBERS


def test_d3_a_convocation_comes_back_elsewhere_than_a_newsletter_where_the_settings_say_so(
    tmp_path: Path, sink: Sink
) -> None:
    with (
        installation(
            tmp_path, f"sqlite:///{tmp_path}/data/pli.db", sink, BOUNCE_ADDRESS_STATUTORY="retours@ag.example"
        ) as pli,
        stable(pli.environment, tmp_path / "stable.log") as horses,
    ):
        world = pli.seeded(MEMBERS)
        for kind in (MailKind.COMMUNIQUE, MailKind.AG_CONVOCATION):
            assert horses.run("send", campaign(world, kind, MEMBERS)) == 0
    back = Counter(mail.sender.partition("@")[2] for mail in sink.messages)
    assert back == {"passerelles.example": MEMBERS, "ag.example": MEMBERS}


def test_d16_a_fixed_envelope_sender_is_the_address_of_the_settings(tmp_path: Path, sink: Sink) -> None:
    with (
        installation(tmp_path, f"sqlite:///{tmp_path}/data/pli.db", sink, ENVELOPE="fixed") as pli,
        stable(pli.environment, tmp_path / "stable.log") as horses,
    ):
        world = pli.seeded(MEMBERS)
        assert horses.run("send", campaign(world, members=MEMBERS)) == 0
    assert {mail.sender for mail in sink.messages} == {"retours@passerelles.example"}
    assert len(sink.messages) == MEMBERS
