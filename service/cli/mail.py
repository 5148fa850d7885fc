"""`pli mail`: the agreement of a provider that takes tokens and no passwords."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

import click

from service.actions import mail_access
from service.cli.output import say
from service.core import oauth
from service.core.oauth import OAuthRefused, Tokens
from service.core.refusals import Refusal
from service.settings import Need
from service.wiring import wire

if TYPE_CHECKING:
    from service.gateways.oauth import ProviderEndpoint


@click.group("mail")
def mail() -> None:
    """The mailbox that Pli sends through and reads."""


@mail.command("connect")
def connect() -> None:
    """Let Pli use a mailbox of Microsoft or Google (OAUTH_PROVIDER), by an agreement in the browser."""
    wiring = wire(Need.STORES | Need.KEYS | Need.CONNECTING)
    if wiring.settings.oauth is None:
        raise Refusal(
            "Rien à relier : ni SMTP_URL ni IMAP_URL ni BOUNCE_IMAP_URL ne demandent auth=xoauth2, leur mot de passe suffit."
        )
    endpoint = wiring.token_endpoint()
    try:
        granted = _by_device(endpoint) if endpoint.client.device_url else _by_browser(endpoint)
    except OAuthRefused as error:
        raise Refusal(f"L’accord n’a pas été donné ({error.code}). Relancez ./pli mail connect.") from None
    except OSError as error:
        raise Refusal(
            f"Le fournisseur ne répond pas ({type(error).__name__}). Vérifiez la connexion, puis relancez la commande."
        ) from None
    if not granted.refresh:
        raise Refusal(
            "Le fournisseur n’a donné qu’un accès d’une heure. Autorisez l’accès hors connexion, puis relancez."
        )
    with wiring.sessions.begin() as session:
        mail_access.keep(session, endpoint.client.provider, granted, wiring.vault, now=wiring.now())
    say("La messagerie est reliée. Ce qui attendait repart dans la minute.")


def _by_device(endpoint: ProviderEndpoint) -> Tokens:
    device = endpoint.ask_device_code()
    say(f"Ouvrez {device.url} et tapez ce code : {device.user_code}")
    say("Connectez-vous avec la boîte qui envoie les messages. Cette commande attend votre accord…")
    return endpoint.await_device(device)


def _by_browser(endpoint: ProviderEndpoint) -> Tokens:
    state, verifier = secrets.token_urlsafe(16), secrets.token_urlsafe(48)
    say("Ouvrez cette adresse, connectez-vous avec la boîte qui envoie les messages et donnez votre accord :")
    click.echo(oauth.agreement_address(endpoint.client, state=state, verifier=verifier), err=True)
    say("La page suivante ne s’affichera pas, c’est prévu. Copiez son adresse depuis la barre du navigateur.")
    try:
        code = oauth.agreement_code(click.prompt("Adresse", err=True), state=state)
    except ValueError:
        raise Refusal("Cette adresse n’est pas la réponse à cet accord. Relancez ./pli mail connect.") from None
    return endpoint.redeem(code, verifier=verifier)
