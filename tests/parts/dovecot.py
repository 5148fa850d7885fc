"""A Dovecot of its own for one run of the tests, with a fresh mailbox for each test."""

from __future__ import annotations

import imaplib
import itertools
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from tests.parts import await_that, free_port, listens, require

PASSWORD = "secret"

_CONFIGURATION = """
base_dir = {folder}/run
state_dir = {folder}/state
log_path = {folder}/log
protocols = imap
listen = 127.0.0.1
ssl = no
disable_plaintext_auth = no
default_login_user = dovenull
default_internal_user = dovecot
first_valid_uid = 1
mail_location = maildir:{folder}/mail/%u
mail_max_userip_connections = 100
auth_failure_delay = 0
service anvil {{
  unix_listener anvil-auth-penalty {{
    mode = 0
  }}
}}
{more}
service imap-login {{
  inet_listener imap {{
    port = {port}
  }}
  inet_listener imaps {{
    port = 0
  }}
}}
passdb {{
  driver = passwd-file
  args = scheme=plain username_format=%u {folder}/passwords
}}
passdb {{
  driver = static
  args = password={password}
}}
userdb {{
  driver = static
  args = uid=65534 gid=65534 home={folder}/mail/%u
}}
"""

# How a server without the later extensions and with everything below INBOX looks (Courier, older hosts).
OLD_SERVER = """
imap_capability = IMAP4rev1 UIDPLUS NAMESPACE
namespace inbox {
  inbox = yes
  prefix = INBOX.
  separator = .
}
"""


# A provider that puts aside what it holds for junk, in a folder whose name nobody can guess.
WITH_JUNK = """
namespace inbox {
  inbox = yes
  separator = /
  mailbox Quarantaine {
    auto = create
    special_use = \\Junk
  }
}
"""


# A provider that gives little room, and says how much of it is taken.
WITH_QUOTA = """
mail_plugins = quota
protocol imap {
  mail_plugins = quota imap_quota
}
plugin {
  quota = maildir:User quota
  quota_rule = *:storage=100K
}
"""


@dataclass(frozen=True, slots=True)
class Postbox:
    """One member-facing mailbox on the server; any name is a mailbox."""

    port: int
    user: str
    password: str = PASSWORD
    host: str = "127.0.0.1"

    def deliver(self, raw: bytes, folder: str = "INBOX", at: datetime | None = None, flags: str = "") -> None:
        """Put a message into a folder, as a delivery would."""
        with self._session() as session:
            when = imaplib.Time2Internaldate(at) if at else None
            kind, answer = session.append(folder, flags, when, raw)
            assert kind == "OK", answer

    def deliver_all(self, raws: Iterable[bytes]) -> None:
        """Put many messages into the inbox, in their order."""
        with self._session() as session:
            for raw in raws:
                kind, answer = session.append("INBOX", "", None, raw)
                assert kind == "OK", answer

    def uids(self, folder: str = "INBOX") -> list[int]:
        """The numbers of the messages of a folder; none where there is no such folder."""
        with self._session() as session:
            if session.select(folder, readonly=True)[0] != "OK":
                return []
            _, (found,) = session.uid("SEARCH", "ALL")
            return [int(number) for number in found.split()]

    def expunge(self, uid: int, folder: str = "INBOX") -> None:
        """Delete a message as somebody does in his own mail program."""
        with self._session() as session:
            session.select(folder)
            session.uid("STORE", str(uid), "+FLAGS", "(\\Deleted)")
            session.expunge()

    def open(self, uid: int, folder: str = "INBOX") -> None:
        """Read a message as somebody does in his own mail program."""
        with self._session() as session:
            session.select(folder)
            session.uid("STORE", str(uid), "+FLAGS", "(\\Seen)")

    def texts(self, folder: str = "INBOX") -> list[bytes]:
        """The messages of a folder, looked at without changing any; none where there is no such folder."""
        with self._session() as session:
            if session.select(folder, readonly=True)[0] != "OK":
                return []
            _, lines = session.uid("FETCH", "1:*", "(BODY.PEEK[])")
            return [line[1] for line in lines if isinstance(line, tuple)]

    def flags(self, folder: str = "INBOX") -> list[str]:
        """The flags of each message of a folder, looked at without changing any."""
        with self._session() as session:
            _, (count,) = session.select(folder, readonly=True)
            if count == b"0":
                return []
            _, lines = session.fetch("1:*", "(FLAGS)")
            return [line.decode() for line in lines if isinstance(line, bytes)]

    def folders(self, *, subscribed: bool = False) -> list[str]:
        """The names of the folders as the server writes them (modified UTF-7)."""
        with self._session() as session:
            _, lines = session.lsub() if subscribed else session.list()
            # (flags) "delimiter" name, the name in quotes when it holds a space
            return [
                re.split(r"\) (?:NIL|\"[^\"]*\") ", line.decode())[1].strip('"')
                for line in lines
                if isinstance(line, bytes)
            ]

    def is_open(self) -> bool:
        """Whether the server takes the password."""
        try:
            self.uids()
        except imaplib.IMAP4.error:
            return False
        return True

    @contextmanager
    def _session(self) -> Iterator[imaplib.IMAP4]:
        session = imaplib.IMAP4(self.host, self.port)
        try:
            session.authenticate("PLAIN", lambda _: f"\0{self.user}\0{self.password}".encode())
            yield session
        finally:
            session.logout()


@dataclass(frozen=True, slots=True)
class DovecotServer:
    """The server on loopback."""

    port: int
    folder: Path
    password: str = PASSWORD
    numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def fresh_postbox(self) -> Postbox:
        return self.postbox(f"vie{next(self.numbers)}")

    def postbox(self, user: str) -> Postbox:
        """The mailbox of this name, which any name has."""
        return Postbox(self.port, user, self.password)

    def let_in(self, user: str, password: str) -> None:
        """Let a user in by a password of his own, too; the server looks at its file once a second."""
        (self.folder / "passwords").write_text(f"{user}:{password}\n")
        own = Postbox(self.port, user, password)
        await_that(lambda: own.is_open(), "the server knows the password")

    def refusals(self) -> int:
        """How often it has refused somebody so far."""
        return (self.folder / "log").read_text().count("auth failed")

    def renumber(self, postbox: Postbox) -> None:
        """Have the mailbox counted anew, as one that was made anew or came out of a backup: another UIDVALIDITY, other UIDs."""
        folder = self.folder / "mail" / postbox.user
        validity = int(re.findall(r"V(\d+)", (folder / "dovecot-uidlist").read_text().splitlines()[0])[0])
        for file in [*folder.glob("dovecot*"), *folder.glob(".*/dovecot*")]:
            file.unlink()
        made = folder / "dovecot-uidlist"
        made.write_text(f"3 V{validity + 1} N1\n")
        shutil.chown(made, 65534, 65534)

    @contextmanager
    def unable_to_make(self, postbox: Postbox, folder: str) -> Iterator[None]:
        """While the block lasts something stands where the folder of this name (modified UTF-7) would be made."""
        obstacle = self.folder / "mail" / postbox.user / f".{folder}"
        obstacle.write_text("")
        try:
            yield
        finally:
            obstacle.unlink()

    @contextmanager
    def unreadable(self, postbox: Postbox, words: bytes) -> Iterator[None]:
        """While the block lasts the server cannot read the file of the message that holds these words."""
        files = (self.folder / "mail" / postbox.user).rglob("*,S=*")
        # By its number: the server renames it when it is first seen.
        file = os.open(next(one for one in files if words in one.read_bytes()), os.O_RDONLY)
        try:
            os.fchmod(file, 0)
            yield
        finally:
            os.fchmod(file, 0o600)
            os.close(file)


@contextmanager
def dovecot_server(more: str = "", password: str = PASSWORD) -> Iterator[DovecotServer]:
    """Run a Dovecot 2.3 until the block ends; `more` is added to its configuration."""
    dovecot = shutil.which("dovecot", path=f"{os.defpath}:/usr/sbin:/usr/local/sbin")
    require(dovecot, "dovecot-imapd is not installed")
    require(os.getuid() == 0, "Dovecot's login users can only be taken on by root")
    version = subprocess.run([str(dovecot), "--version"], capture_output=True, text=True, check=True).stdout
    require(version.startswith("2.3"), f"this configuration is of Dovecot 2.3, here is {version.split()[0]}")
    folder, port = Path(tempfile.mkdtemp(prefix="pli-imap-")), free_port()
    folder.chmod(0o755)
    (folder / "mail").mkdir()
    shutil.chown(folder / "mail", 65534, 65534)
    (folder / "passwords").touch()
    configuration = folder / "dovecot.conf"
    text = _CONFIGURATION.format(folder=folder, port=port, password=password, more=more)
    configuration.write_text(text, encoding="utf-8")
    process = subprocess.Popen([str(dovecot), "-F", "-c", str(configuration)], start_new_session=True)
    try:
        await_that(lambda: listens(port), "Dovecot listens")
        yield DovecotServer(port, folder, password)
    finally:
        process.terminate()
        process.wait(10)
        shutil.rmtree(folder)
