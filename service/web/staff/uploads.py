"""Where does a file wait between the pages of an import, for whom, and for how long?"""

from __future__ import annotations

import os
import secrets
from datetime import datetime
from pathlib import Path
from typing import IO, BinaryIO

from flask import session as cookie

from service.core.refusals import NotFound
from service.gateways import waiting_files

_COOKIE = "import"
_CHUNK = 2**20  # bytes


def keep(folder: Path, stream: IO[bytes], name: str, *, now: datetime) -> str:
    """Keep a file for this session alone, under a name that nobody can guess; return its key. Older ones go."""
    waiting_files.sweep(folder, now=now)
    forget(folder)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    key = secrets.token_urlsafe(16)
    with os.fdopen(os.open(folder / key, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as kept:
        while chunk := stream.read(_CHUNK):
            kept.write(chunk)
    cookie[_COOKIE] = [key, name.replace("\\", "/").rpartition("/")[2][:120]]
    return key


def name_of(key: str) -> str:
    """Return how the person called the file. Refuses the file of another session, or one that is gone."""
    mine = cookie.get(_COOKIE) or ["", ""]
    if not secrets.compare_digest(str(mine[0]).encode(), key.encode()):
        raise _gone()
    return str(mine[1])


def open_kept(folder: Path, key: str, *, now: datetime) -> BinaryIO:
    """Open a file that this session keeps. Refuses one of another session, and one that is gone or has waited too long."""
    name_of(key)
    path = folder / key
    try:
        if not waiting_files.is_too_old(path, now=now):
            return path.open("rb")
    except FileNotFoundError as error:
        raise _gone() from error
    path.unlink(missing_ok=True)
    raise _gone()


def forget(folder: Path) -> None:
    """Delete what this session keeps, if anything."""
    key, _name = cookie.pop(_COOKIE, None) or ["", ""]
    if key:
        (folder / key).unlink(missing_ok=True)


def _gone() -> NotFound:
    return NotFound(
        "Ce fichier n’est plus là : il a été importé, remplacé par un autre, ou gardé plus d’une heure. Choisissez-le de nouveau."
    )
