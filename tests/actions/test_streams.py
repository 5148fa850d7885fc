"""D3: has each stream of mail its own From and its own way back, where the settings say so?"""

from __future__ import annotations

import email
from collections.abc import Callable
from dataclasses import replace

import pytest

from service.actions import deliveries, lists, sending
from service.actions.office import Sender, Stream
from service.core.tokens import ReturnAddresses, find_address_token
from service.core.vocabulary import MailKind
from service.models.staff import Staff
from service.ports import Envelope
from tests.builders import SECRET, Tray, World


def stream(name: str) -> Stream:
    """A stream at a domain of its own, all answered in one inbox."""
    returns = ReturnAddresses("vie@passerelles.example", f"retours@{name}.example", SECRET)
    return Stream(Sender("Les Passerelles", f"bonjour@{name}.example"), returns)


@pytest.fixture
def world(world: World) -> World:
    world.office = replace(
        world.office, usual=stream("usuel"), statutory=stream("statutaire"), transactional=stream("personnel")
    )
    return world


def left(world: World, send: Callable[[Tray], object]) -> list[Envelope]:
    tray = Tray()
    send(tray)
    assert tray.envelopes
    return tray.envelopes


def require_in_stream(envelope: Envelope, name: str) -> None:
    mail = email.message_from_bytes(envelope.message)
    assert mail["From"].endswith(f"<bonjour@{name}.example>")
    assert mail["Message-ID"].endswith(f"@{name}.example>")
    assert envelope.sender.endswith(f"@{name}.example")
    assert find_address_token(envelope.sender, SECRET) == envelope.id
    assert mail["Reply-To"].endswith("@passerelles.example>")


@pytest.mark.parametrize(
    ("slug", "kind", "name"),
    [("nouvelles", MailKind.COMMUNIQUE, "usuel"), (lists.STATUTORY, MailKind.AG_CONVOCATION, "statutaire")],
)
def test_d3_a_campaign_leaves_in_the_stream_of_its_class_and_so_does_its_test(
    world: World, author: Staff, boss: Staff, slug: str, kind: MailKind, name: str
) -> None:
    number = world.approved(author, boss, slug, kind=kind)
    with world.sessions.begin() as session:
        campaign, by = session.merge(world.campaign(number)), session.merge(boss)
        test = sending.order_test(session, world.office, campaign, by=by, fields={"prénom": "Zoé"}, now=world.clock())
        test_id = test.id
    (of_test,) = left(world, lambda tray: sending.send_single(world.wire(tray), test_id))
    world.send(number, boss)
    of_campaign = left(world, lambda tray: sending.send_campaign(world.wire(tray), number))
    assert len(of_campaign) == 5
    for envelope in [of_test, *of_campaign]:
        require_in_stream(envelope, name)


def test_d3_what_the_team_is_told_leaves_in_the_transactional_stream(world: World, author: Staff, boss: Staff) -> None:
    number = world.draft(author, "nouvelles")
    world.send(number, boss, reason="Le serveur ferme ce soir.")
    with world.sessions.begin() as session:
        campaign, by = session.merge(world.campaign(number)), session.merge(boss)
        assert sending.tell_the_others(session, world.office, campaign, by=by, now=world.clock()) == 1
    world.clock.forward(minutes=2)
    with world.sessions() as session:
        (notice,) = [one.id for one in deliveries.unheard_singles(session, now=world.clock())]
    (envelope,) = left(world, lambda tray: sending.send_single(world.wire(tray), notice))
    require_in_stream(envelope, "personnel")
