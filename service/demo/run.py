"""`pli demo`: the whole product on this machine alone, with a post office of its own and nothing of the real settings."""

from __future__ import annotations

import fcntl
import os
import re
import secrets
import shutil
import socket
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import click

from service import db, schema, supervisor
from service.core import french
from service.core.refusals import Conflict, Refusal
from service.demo import cooperative
from service.demo.cooperative import TEAM
from service.demo.mailboxes import Mailboxes
from service.setting_values import ROOT
from service.settings import bare_environment
from service.supervisor import Program, Supervisor

HOST = "127.0.0.1"
_MARK = "demo.env"  # a folder that holds it is a demo's: nothing else is ever cleared
_SEED = "seed"


@dataclass(frozen=True, slots=True)
class Place:
    """Where a demo lives: its folder and its two ports, the one of Pli and the next for the mailboxes."""

    folder: Path
    port: int

    @property
    def public_url(self) -> str:
        """The address of Pli."""
        return f"http://{HOST}:{self.port}"

    @property
    def mailboxes_url(self) -> str:
        """The address of the mailboxes."""
        return f"http://{HOST}:{self.port + 1}"

    @property
    def settings_file(self) -> Path:
        """The only settings that the demo's processes read."""
        return self.folder / _MARK

    @property
    def log_file(self) -> Path:
        """What the processes say."""
        return self.folder / "demo.log"


@dataclass(frozen=True, slots=True)
class Sockets:
    """The post office's doors, opened here so that no other program can take their ports in between."""

    smtp: socket.socket
    imap: socket.socket
    pages: socket.socket


def run(place: Place, *, fresh: bool) -> None:
    """Run the demo until Ctrl-C. Refuses a folder that is not a demo's, one in use, and ports that are taken."""
    with ExitStack() as stack:
        stack.enter_context(_alone(place, fresh=fresh))
        sockets = stack.enter_context(_open(place))
        _write_settings(place, sockets)
        for address in cooperative.GONE:
            Mailboxes.of(place.folder).mark_gone(address, gone=True)
        log = stack.enter_context(place.log_file.open("a", encoding="utf-8", buffering=1))

        def told(name: str, line: str) -> None:
            log.write(f"{name:<12}| {line}\n")
            if name == _SEED:
                _say(f"  · {line}")

        _say(f"La démonstration démarre… (le détail s’écrit dans {place.log_file})")
        _supervise(place, sockets, told)
    _say("Tout est arrêté.")


def settings(place: Place, *, smtp_port: int, imap_port: int, secret_key: str, password: str) -> dict[str, str]:
    """Say what the demo's processes are told: its own stores, its own post office, nothing of the outside."""
    return {
        "DATA_DIR": str(place.folder),
        "SMTP_URL": f"smtp://{HOST}:{smtp_port}?tls=none",
        "IMAP_URL": f"imap://{quote(cooperative.INBOX, safe='')}:{password}@{HOST}:{imap_port}/INBOX",
        "SENDER": f"{cooperative.NAME} <{cooperative.INBOX}>",
        "REPLY_TO": cooperative.INBOX,
        "BOUNCE_ADDRESS": cooperative.RETURNS,
        "SEND_HOLD": "5",
        "PUBLIC_URL": place.public_url,
        "BIND": f"{HOST}:{place.port}",
        "SECRET_KEY": secret_key,
        "ORGANISATION": cooperative.NAME,
        "POSTAL_ADDRESS": cooperative.POSTAL_ADDRESS,
        "TELEPHONE": cooperative.TELEPHONE,
        "LEGAL_NOTICE": cooperative.LEGAL_NOTICE,
    }


def environment(place: Place) -> dict[str, str]:
    """Say what the demo's processes inherit: no setting of ours, and the demo's file instead of `.env`."""
    own = {"PLI_ENV_FILE": str(place.settings_file), "PYTHONUNBUFFERED": "1", "FQDN": cooperative.DOMAIN}
    return {**bare_environment(), **own}


@contextmanager
def _alone(place: Place, *, fresh: bool) -> Iterator[None]:
    """Hold the folder for this demo; its lock is freed by the kernel, whatever becomes of us."""
    folder = place.folder
    if folder.is_dir() and any(folder.iterdir()) and not place.settings_file.exists():
        raise Refusal(
            f"Le dossier {folder} contient autre chose qu’une démonstration. Choisissez-en un autre avec --data."
        )
    folder.mkdir(parents=True, exist_ok=True)
    lock = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise Conflict(
                f"Une démonstration tourne déjà dans {folder}. Arrêtez-la, ou lancez celle-ci avec --data AUTRE --port 8010."
            ) from error
        if fresh:
            _clear(folder)
        yield
    finally:
        os.close(lock)


def _clear(folder: Path) -> None:
    for one in folder.iterdir():
        if one.is_dir() and not one.is_symlink():
            shutil.rmtree(one)
        else:
            one.unlink()


@contextmanager
def _open(place: Place) -> Iterator[Sockets]:
    if not supervisor.is_free(HOST, place.port):
        raise _taken(place.port)
    with ExitStack() as stack:
        try:
            pages = stack.enter_context(socket.create_server((HOST, place.port + 1)))
        except OSError as error:
            raise _taken(place.port + 1) from error
        smtp = stack.enter_context(socket.create_server((HOST, 0)))
        imap = stack.enter_context(socket.create_server((HOST, 0)))
        yield Sockets(smtp, imap, pages)


def _taken(port: int) -> Refusal:
    return Conflict(
        f"Le port {port} est déjà pris sur cette machine. Choisissez-en un autre, par exemple : ./pli demo --port {port + 10}"
    )


def _write_settings(place: Place, sockets: Sockets) -> None:
    """Write the demo's settings; the secret stays the same from one start to the next, since links in mails need it."""
    before = place.settings_file.read_text(encoding="utf-8") if place.settings_file.exists() else ""
    known = re.search(r"(?m)^SECRET_KEY=(\S+)$", before)
    told = settings(
        place,
        smtp_port=sockets.smtp.getsockname()[1],
        imap_port=sockets.imap.getsockname()[1],
        secret_key=known[1] if known else secrets.token_hex(32),
        password=secrets.token_hex(16),
    )
    with suppress(FileNotFoundError):
        place.settings_file.unlink()
    with os.fdopen(os.open(place.settings_file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.writelines(f"{name}={value}\n" for name, value in told.items())


def _supervise(place: Place, sockets: Sockets, told: supervisor.Told) -> None:
    """Start what is looked at first, and the rest when the page is there: a small machine has two cores."""
    release, programs = supervisor.programs_of(ROOT / "Procfile")
    first, rest = [one for one in programs if one.name == "web"], [one for one in programs if one.name != "web"]
    doors = (sockets.smtp.fileno(), sockets.imap.fileno(), sockets.pages.fileno())
    post_office = Program(
        "post office", (sys.executable, "-m", "service.demo.office", *map(str, doors)), descriptors=doors
    )
    team = Supervisor([*first, post_office], folder=ROOT, told=told, environment=environment(place))
    if not _is_prepared(place) and not team.run_once(release):
        if not team.is_stopping:
            raise Refusal(f"La base de la démonstration n’a pas pu être préparée : voyez la fin de {place.log_file}.")
        return

    def welcome() -> None:
        _welcome(place)
        for program in rest:
            team.add(program)
        if not (place.folder / cooperative.SOWN).exists():
            _say("  La coopérative « Les Passerelles » s’installe :")
            team.add(Program(_SEED, (sys.executable, "-m", "service.demo.seed"), once=True))

    team.run(ready=lambda: supervisor.answers(HOST, place.port), when_ready=welcome)


def _is_prepared(place: Place) -> bool:
    """Whether the database of an earlier start is already as this version wants it: asking costs less than preparing."""
    file = place.folder / "pli.db"
    if not file.exists():
        return False
    engine = db.connect(f"sqlite:///{file}")
    try:
        with engine.connect() as connection:
            return schema.is_current(connection)
    finally:
        engine.dispose()


def _welcome(place: Place) -> None:
    width, longest = max(len(one.email) for one in TEAM), max(len(one.password) for one in TEAM)
    logins = "\n".join(f"    {one.email:<{width}}  {one.password:<{longest}}  {one.name}, {one.may}" for one in TEAM)
    _say(
        f"\n  Pli                    {place.public_url}\n  Boîtes aux lettres     {place.mailboxes_url}\n\n"
        f"  Pour vous connecter :\n{logins}\n\n  Ctrl-C arrête tout.\n"
    )


def _say(text: str) -> None:
    click.echo(french.typeset(text))
