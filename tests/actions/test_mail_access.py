"""A relay that takes tokens: renewed in time, once when refused, and nothing lost when there is none (XOAUTH2)."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest

from service.actions import mail_access, sending
from service.actions.mail_access import MailAccess
from service.core import explanations
from service.core.oauth import OAuthRefused, Tokens
from service.core.sealing import Vault
from service.core.vocabulary import CampaignStatus
from service.gateways.oauth import ProviderEndpoint
from service.gateways.relay import Relay
from service.gateways.smtp import SmtpOutbox
from service.models.mail_grant import MailGrant
from service.ports import AccessRefused
from tests.builders import SECRET, Tray, World
from tests.parts.scripted_smtp import ScriptedRelay, scripted_relay
from tests.parts.token_endpoint import Provider, provider

VAULT = Vault.of(SECRET, "oauth")
HOUR = timedelta(hours=1)


@pytest.fixture
def granting() -> Iterator[Provider]:
    with provider() as made:
        yield made


@pytest.fixture
def relay() -> Iterator[ScriptedRelay]:
    with scripted_relay(ScriptedRelay()) as made:
        yield made


def connect(world: World, access: str = "first", refresh: str = "long-1", lifetime: timedelta = HOUR) -> None:
    with world.sessions.begin() as session:
        mail_access.keep(session, "microsoft", Tokens(access, refresh, lifetime), VAULT, now=world.clock())


def access_of(world: World, granting: Provider, vault: Vault = VAULT) -> MailAccess:
    return MailAccess(world.sessions, ProviderEndpoint(granting.client()), vault, "microsoft", world.clock)


def send(world: World, number: int, relay: ScriptedRelay, access: MailAccess, connections: int = 1) -> None:
    far = Relay("localhost", relay.port, "vie@passerelles.example", tls="none", connections=connections, access=access)
    process = world.wire(Tray(), connections=connections, window=50)
    sending.send_campaign(replace(process, outbox=SmtpOutbox(far)), number)


def kept(world: World) -> MailGrant:
    with world.sessions() as session:
        return session.get_one(MailGrant, "microsoft")


def test_a_token_is_used_until_five_minutes_before_its_end(world: World, granting: Provider) -> None:
    connect(world)
    access = access_of(world, granting)
    granting.grants("second", "long-2")
    world.clock.forward(minutes=54)
    assert access.token() == "first"
    assert granting.asked == []
    world.clock.forward(minutes=1)
    assert access.token() == "second"
    (form,) = granting.asked
    assert (form["grant_type"], form["refresh_token"], form["client_id"]) == ("refresh_token", "long-1", "id-1")
    # Another process finds it, and the next renewal is asked for with what this one brought.
    assert access_of(world, granting).token() == "second"
    assert VAULT.open(kept(world).refresh) == "long-2"
    assert len(granting.asked) == 1


def test_tokens_lie_sealed_in_the_database(world: World, granting: Provider) -> None:
    connect(world, access="hunter2", refresh="hunter3")
    assert b"hunter" not in kept(world).access + kept(world).refresh
    with pytest.raises(AccessRefused, match="another SECRET_KEY"):
        access_of(world, granting, Vault.of(b"z" * 32, "oauth")).token()
    assert granting.asked == []


def test_mail_leaves_with_a_token(world: World, launched: int, relay: ScriptedRelay, granting: Provider) -> None:
    connect(world)
    relay.tokens = {"first"}
    send(world, launched, relay, access_of(world, granting))
    assert (world.figures(launched).accepted, len(relay.took)) == (5, 5)
    assert granting.asked == []


@pytest.mark.parametrize("connections", [1, 4])
def test_a_refused_token_is_renewed_once_for_all_connections(
    world: World, launched: int, relay: ScriptedRelay, granting: Provider, connections: int
) -> None:
    connect(world)
    relay.tokens = {"second"}
    granting.grants("second")
    send(world, launched, relay, access_of(world, granting), connections)
    assert world.figures(launched).accepted == 5
    assert len(granting.asked) == 1
    # Without a new one the long-lived token stays as it was.
    assert VAULT.open(kept(world).refresh) == "long-1"


def test_d19_a_login_that_is_refused_again_leaves_the_rows_waiting(
    world: World, launched: int, relay: ScriptedRelay, granting: Provider
) -> None:
    connect(world)
    granting.grants("second")
    send(world, launched, relay, access_of(world, granting))
    assert (world.figures(launched).pending, world.status(launched)) == (5, CampaignStatus.SENDING)
    assert "535 5.7.3" in world.campaign(launched).trouble
    assert len(granting.asked) == 1
    assert [command[:12] for command in relay.commands if command.startswith(b"AUTH")] == [b"AUTH XOAUTH2"] * 2


def test_a_withdrawn_grant_holds_the_sending_back_says_what_to_do_and_is_not_asked_for_again(
    world: World, launched: int, relay: ScriptedRelay, granting: Provider, caplog: pytest.LogCaptureFixture
) -> None:
    connect(world, lifetime=timedelta(0))
    granting.refuses()
    for _ in range(3):
        with caplog.at_level(logging.WARNING):
            send(world, launched, relay, access_of(world, granting), connections=4)
        world.clock.forward(minutes=1)
    assert len(granting.asked) == 1
    assert kept(world).refused_at is not None
    assert (world.figures(launched).pending, relay.took) == (5, [])
    told = explanations.of_trouble(world.campaign(launched).trouble, launched=True)
    assert "repartiront seuls" in told.reason
    assert "pli mail connect" in told.reason
    assert "run ./pli mail connect" in caplog.text
    assert "@" not in caplog.text
    # Given anew, what waited leaves.
    connect(world, access="third")
    relay.tokens = {"third"}
    send(world, launched, relay, access_of(world, granting))
    assert (world.figures(launched).accepted, world.campaign(launched).trouble) == (5, "")


def test_a_process_that_was_overtaken_by_another_ends_no_grant(world: World, granting: Provider) -> None:
    connect(world, lifetime=timedelta(0))

    class Overtaken:
        def renew(self, refresh: str) -> Tokens:
            connect(world, "second", "long-2")
            raise OAuthRefused("invalid_grant")

    late = MailAccess(world.sessions, Overtaken(), VAULT, "microsoft", world.clock)
    with pytest.raises(AccessRefused):
        late.token()
    assert kept(world).refused_at is None
    assert late.token() == "second"


def test_a_mailbox_that_nobody_connected_holds_the_sending_back(
    world: World, launched: int, relay: ScriptedRelay, granting: Provider
) -> None:
    send(world, launched, relay, access_of(world, granting))
    assert world.figures(launched).pending == 5
    assert "nothing was granted" in world.campaign(launched).trouble
    assert granting.asked == []


@pytest.mark.parametrize(
    ("status", "said", "why"),
    [
        (503, {}, "could not be asked"),
        (302, {}, "could not be asked"),
        (200, b"<html>", "could not be asked"),
        (401, {"error": "invalid_client"}, "says invalid_client"),
    ],
)
def test_a_provider_that_cannot_answer_is_asked_again_after_half_a_minute_and_not_before(
    world: World, granting: Provider, status: int, said: object, why: str
) -> None:
    connect(world, lifetime=timedelta(0))
    granting.answers[:] = [(status, said)]
    access = access_of(world, granting)
    for _ in range(3):
        with pytest.raises(AccessRefused, match=why):
            access.token()
    assert len(granting.asked) == 1
    assert kept(world).refused_at is None
    world.clock.forward(seconds=31)
    granting.grants("second")
    assert access.token() == "second"


def test_a_provider_that_is_not_there_costs_no_row(
    world: World, launched: int, relay: ScriptedRelay, granting: Provider
) -> None:
    connect(world, lifetime=timedelta(0))
    gone = access_of(world, granting)
    gone.endpoint = ProviderEndpoint(Provider([], port=9).client())
    send(world, launched, relay, gone, connections=4)
    assert world.figures(launched).pending == 5
    trouble = world.campaign(launched).trouble
    assert "tried again by itself" in trouble
    assert "pli mail connect" not in explanations.of_trouble(trouble, launched=True).reason
