"""`pli start` and `pli demo`: everything that the Procfile names, under one supervisor."""

from __future__ import annotations

import os
import secrets
import sys
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

import click

from service import setting_values, settings, supervisor
from service.actions import staff as team
from service.cli.output import say
from service.core.refusals import Refusal
from service.core.vocabulary import Role
from service.setting_values import ROOT
from service.settings import InvalidSettings, Need
from service.supervisor import Supervisor
from service.wiring import Wiring, wire

_EVERYTHING = Need.STORES | Need.KEYS | Need.WRITING | Need.SENDING | Need.READING | Need.WEB
_ADMIN = "./pli staff add vous@votre-cooperative.coop --name 'Votre nom' --role admin --password-stdin"


@click.command("start")
def start() -> None:
    """Run everything on this machine, on the settings of .env."""
    wiring = _complete()
    settings_read = wiring.settings
    host, port = _place(settings_read.bind)
    if not supervisor.is_free(host, port):
        raise Refusal(
            f"L’adresse {settings_read.bind} est déjà prise sur cette machine. Arrêtez ce qui l’occupe, ou changez BIND dans .env."
        )
    release, programs = supervisor.programs_of(ROOT / "Procfile")
    width = max(len(one.name) for one in programs)
    house = Supervisor(programs, folder=ROOT, told=lambda name, line: click.echo(f"{name:<{width}} | {line}"))
    if not house.run_once(release):
        if house.is_stopping:
            return
        raise Refusal("La base n’a pas pu être préparée : la raison est écrite ci-dessus. Rien n’a été démarré.")
    _see_to_the_first_account(wiring)
    house.run(
        ready=lambda: supervisor.answers(host, port),
        when_ready=lambda: say(f"Pli est ouvert : {settings_read.public_url} (Ctrl-C arrête tout)"),
    )
    say("Tout est arrêté.")


@click.command("demo", add_help_option=False, context_settings={"ignore_unknown_options": True})
@click.argument("options", nargs=-1, type=click.UNPROCESSED)
def demo(options: tuple[str, ...]) -> None:
    """Show everything, with nothing to install or configure."""
    os.execv(sys.executable, [sys.executable, "-m", "service.demo", *options])  # noqa: S606 (our own interpreter)


def _complete() -> Wiring:
    """Read the settings; on a terminal, ask for those that are missing and keep the answers."""
    try:
        return wire(_EVERYTHING)
    except InvalidSettings:
        if not sys.stdin.isatty():
            raise
    answers = _ask_for_what_is_missing()
    file = _keep(answers)
    say(f"Vos réponses sont gardées dans {file}, lisible par vous seul.")
    return wire(_EVERYTHING)


def _ask_for_what_is_missing() -> dict[str, str]:
    """Ask one setting after the other; what one answer implies is not asked again. Raises what no answer can mend."""
    say("Il manque quelques réglages. Quelques questions, une fois pour toutes :")
    given = settings.given()
    answers: dict[str, str] = {}
    while True:
        try:
            settings.load(_EVERYTHING, {**given, **answers})
            return answers
        except InvalidSettings as invalid:
            name = invalid.faults[0].partition(" ")[0]
            if name in given or name not in _QUESTIONS:
                raise
            if name in answers:
                click.echo(invalid.faults[0], err=True)
            answers[name] = _QUESTIONS[name]()
            if name == "IMAP_URL" and "SENDER" not in given:
                answers["SENDER"] = _ask_sender()


def _ask(question: str, *, default: str | int | None = None, secret: bool = False, again: str = "") -> str:
    answer = click.prompt(
        question,
        default=default,
        hide_input=secret,
        confirmation_prompt=again or False,
        prompt_suffix="\u00a0: ",
        err=True,
    )
    return str(answer)


def _ask_smtp() -> str:
    say("\nL’envoi. Le serveur qui expédie vos messages : votre hébergeur de messagerie le nomme « serveur SMTP ».")
    host = _ask("  Serveur")
    if setting_values.is_loopback(host):
        return f"smtp://{host}:{_ask('  Port', default=25)}?tls=none"
    port = _ask("  Port", default=587)
    return f"smtp://{_credentials()}@{host}:{port}?tls={'implicit' if port == '465' else 'starttls'}"


def _ask_imap() -> str:
    say("\nLa réception. La boîte où les sociétaires répondent : votre hébergeur la donne à lire par « IMAP ».")
    host = _ask("  Serveur")
    local = setting_values.is_loopback(host)
    port = _ask("  Port", default=143 if local else 993)
    return f"{'imap' if local else 'imaps'}://{_credentials()}@{host}:{port}/INBOX"


def _credentials() -> str:
    user = _ask("  Identifiant (souvent l’adresse entière)")
    password = _ask("  Mot de passe", secret=True)
    return f"{quote(user, safe='')}:{quote(password, safe='')}"


def _ask_sender() -> str:
    say(
        "\nL’expéditeur, tel que les sociétaires le lisent : le nom de votre coopérative et une adresse de votre domaine."
    )
    name = _ask("  Nom")
    address = _ask("  Adresse")
    return f"{name.replace('<', '').replace('>', '').replace(chr(34), '')} <{address}>"


def _ask_reply_to() -> str:
    say("\nL’adresse de la boîte que Pli lit : les réponses des sociétaires y arrivent.")
    return _ask("  Adresse")


def _ask_public_url() -> str:
    say(
        "\nL’adresse de Pli sur le web : les liens des messages y mènent (https, sauf pour un essai sur cette machine)."
    )
    return _ask("  Adresse", default="http://127.0.0.1:8000")


_QUESTIONS: dict[str, Callable[[], str]] = {
    "SMTP_URL": _ask_smtp,
    "IMAP_URL": _ask_imap,
    "SENDER": _ask_sender,
    "REPLY_TO": _ask_reply_to,
    "PUBLIC_URL": _ask_public_url,
    "SECRET_KEY": lambda: secrets.token_hex(32),
}


def _keep(answers: dict[str, str]) -> Path:
    """Add the answers to the file of settings, which only its owner may read: it holds secrets."""
    file = settings.env_file()
    before = file.read_text(encoding="utf-8") if file.exists() else ""
    if before and not before.endswith("\n"):
        before += "\n"
    lines = "".join(f"{name}={value}\n" for name, value in answers.items())
    part = file.with_name(f"{file.name}.part")
    part.unlink(missing_ok=True)
    with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as stream:
        stream.write(before + lines)
    part.replace(file)
    return file


def _see_to_the_first_account(wiring: Wiring) -> None:
    """Without an account nobody can sign in: make the first one on a terminal, else say how."""
    with wiring.sessions() as session:
        somebody = bool(team.everyone(session))
    wiring.engine.dispose()
    if somebody:
        return
    if not sys.stdin.isatty():
        say("Personne ne peut encore se connecter. Ouvrez le premier compte, puis tapez son mot de passe :")
        click.echo(f"    {_ADMIN}", err=True)
        return
    say("\nVotre compte. Il administre Pli ; vous ouvrirez ensuite ceux de votre équipe.")
    while not _opened(wiring):
        pass


def _opened(wiring: Wiring) -> bool:
    email, name = _ask("  Adresse"), _ask("  Nom")
    password = _ask("  Mot de passe (12 caractères au moins)", secret=True, again="  Encore une fois")
    try:
        with wiring.sessions.begin() as session:
            team.add(session, email, name=name, role=Role.ADMIN, password=password, now=wiring.now())
    except Refusal as refusal:
        say(refusal.sentence)
        return False
    return True


def _place(bind: str) -> tuple[str, int]:
    host, _, port = bind.rpartition(":")
    if not port.isascii() or not port.isdigit():
        raise InvalidSettings([f"BIND is invalid ({bind} names no port). Example: BIND=127.0.0.1:8000"])
    return host.strip("[]") or "127.0.0.1", int(port)
