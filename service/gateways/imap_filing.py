"""Into which folders of the mailbox may a message be put, and how does it get there, once? How full is it? (RFC 6851, 4315, 2342, 9208)"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from imapclient import DELETED
from imapclient.imapclient import JUNK

from service.gateways.imap_fetching import BODY, HEAD, ImapRefused, body_of, line

_UIDS_A_COMMAND = 200


@dataclass(slots=True)
class Folders:
    """The folders of the mailbox at the other end of a connection."""

    client: Any  # IMAPClient has no types
    _known: set[str] = field(default_factory=set)
    _home: tuple[str, str] | None = None
    # Asked for once a line.
    _junk: list[str | None] = field(default_factory=list)

    @property
    def moves_at_once(self) -> bool:
        """Whether the server offers MOVE."""
        return bool(self.client.has_capability("MOVE"))

    def junk(self) -> str | None:
        """Give the provider's folder for junk, by its attribute, else by the names that are usual for it."""
        if not self._junk:
            with line():
                self._junk.append(self.client.find_special_folder(JUNK))
        return self._junk[0]

    def fullness(self) -> int | None:
        """Say how many percent of its room the inbox takes, or of the messages that it may hold (RFC 9208)."""
        if not self.client.has_capability("QUOTA"):
            return None
        try:
            with line():
                _, told = self.client.get_quota_root("INBOX")
        except ImapRefused:
            return None
        return max((100 * one.usage // one.limit for one in told if one.limit), default=None)

    def lying(self, uids: list[int]) -> dict[int, bool]:
        """Say which messages of the open folder are there, as ports.Cabinet says."""
        there: dict[int, bool] = {}
        for some in _portions(uids):
            with line():
                answers = self.client.fetch(some, ["FLAGS"])
            # A server may tell of others unasked.
            there |= {uid: DELETED in told.get(b"FLAGS", ()) for uid, told in answers.items() if uid in some}
        return there

    def move(self, uids: list[int], folder: str) -> None:
        """Move messages of the open folder into another.

        `folder` is a plain name (`/` between levels); it is put under the server's namespace. Without MOVE: COPY,
        \\Deleted and UID EXPUNGE; a plain EXPUNGE would take away what others had marked, so it is never used.
        """
        if not uids:
            return
        if not self.moves_at_once and not self.client.has_capability("UIDPLUS"):
            raise ImapRefused("The server offers neither MOVE nor UIDPLUS: a copy could not be taken away again.")
        with line():
            target = self._place(folder)
        for some in _portions(uids):
            with line():
                if self.moves_at_once:
                    self.client.move(some, target)
                    continue
                self.client.copy(some, target)
            self.remove(some)

    def remove(self, uids: list[int]) -> None:
        """Take messages out of the open folder."""
        with line():
            self.client.add_flags(uids, [DELETED], silent=True)
            self.client.uid_expunge(uids)

    def copies(self, folder: str, size: int, *, head_only: bool) -> Iterator[bytes]:
        """Give the messages of this size in another folder, which is left open."""
        with line():
            self.client.select_folder(self._place(folder), readonly=True)
            found = self.client.search(["LARGER", str(size - 1), "SMALLER", str(size + 1)])
        for uid in found:
            with line():
                answer = self.client.fetch([uid], HEAD if head_only else BODY).get(uid, {})
            raw = body_of(answer)
            if raw is not None:
                yield raw

    def _place(self, folder: str) -> str:
        """The folder's full name on this server, made and subscribed when absent."""
        prefix, delimiter = self._namespace()
        name = folder.replace("/", delimiter) if delimiter else folder
        full = name if name.upper() == "INBOX" or name.startswith(prefix) else prefix + name
        if full not in self._known:
            if not self.client.folder_exists(full):
                self.client.create_folder(full)
                self.client.subscribe_folder(full)
            self._known.add(full)
        return full

    def _namespace(self) -> tuple[str, str]:
        """Where the account's own folders live: the prefix (`INBOX.` on Courier-like servers) and the delimiter."""
        if self._home is None:
            self._home = self._asked_namespace()
        return self._home

    def _asked_namespace(self) -> tuple[str, str]:
        if self.client.has_capability("NAMESPACE"):
            personal = self.client.namespace().personal
            if personal:
                return str(personal[0][0]), str(personal[0][1] or "")
        for _, delimiter, _ in self.client.list_folders("", ""):
            return "", delimiter.decode("ascii") if delimiter else ""
        return "", ""


def _portions(uids: list[int]) -> Iterator[list[int]]:
    for start in range(0, len(uids), _UIDS_A_COMMAND):
        yield uids[start : start + _UIDS_A_COMMAND]
