"""What does the server give of the messages of the open folder, and which of them does it name and not give? (RFC 3501)"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from imapclient.exceptions import IMAPClientAbortError, IMAPClientError, LoginError

from service.ports import Care, FetchDied, FetchedMessage, Given, MailboxRefused

# RFC 5530: the password is not what is wrong.
_FOR_A_WHILE = re.compile(r"\[(?:UNAVAILABLE|INUSE|LIMIT|SERVERBUG)\]", re.IGNORECASE)
# Raw bytes asked for in one command, so that memory stays flat whatever waits in the inbox.
_GROUP_BYTES = 5_000_000
_FACTS = ["RFC822.SIZE", "INTERNALDATE"]
# RFC822 and BODY[] would set \Seen.
BODY = ["BODY.PEEK[]"]
# Of a message over the size limit: who wrote it and in answer to what, no more than what is read of a header.
HEAD = ["BODY.PEEK[HEADER]<0.65536>"]


class ImapRefused(MailboxRefused):
    """The server answered NO or BAD: the line is well, the act was not done."""


class LoginRefused(ImapRefused):
    """The server does not take the password; what it says for a while (too many lines, its own trouble) is not this."""


@contextmanager
def line() -> Iterator[None]:
    """Turn what a dead line raises into ConnectionError, and what the server refuses into ImapRefused."""
    try:
        yield
    except ConnectionError:
        raise
    except LoginError as error:
        if isinstance(error.__context__, IMAPClientAbortError):
            raise ConnectionError("The IMAP line died during the login; connect again.") from error
        refused = ImapRefused if _FOR_A_WHILE.search(str(error)) else LoginRefused
        raise refused(f"The IMAP server refused the login: {error}") from error
    except (IMAPClientAbortError, OSError, EOFError) as error:
        raise ConnectionError(f"The IMAP line is dead ({type(error).__name__}: {error}); connect again.") from error
    except IMAPClientError as error:
        raise ImapRefused(f"The IMAP server refused: {error}") from error


@dataclass(frozen=True, slots=True)
class OpenFolder:
    """The folder that a connection has open."""

    client: Any  # IMAPClient has no types
    name: str
    uidvalidity: int
    max_size: int

    def above(self, uid: int, *, limit: int, since: datetime | None, care: Care) -> Iterator[FetchedMessage]:
        """Give the messages above `uid`, as ports.Mailbox says."""
        with line():
            # `*` is the last message even when that is below the range (RFC 3501 section 6.4.8).
            found = sorted(u for u in self.client.search(["UID", f"{uid + 1}:*"]) if u > uid)
        found = found[: limit if care is Care.TOGETHER else 1]
        facts = self._fetch(found, _FACTS)
        for group in _in_groups(found, {u: _size(facts.get(u, {})) for u in found}, alone_above=self.max_size):
            old = [u for u in group if _is_before(since, facts.get(u, {}))]
            wanted = [] if care is Care.UNASKED else [u for u in group if u not in old]
            # One over the limit is a group of its own.
            bodies = self._bodies(wanted, self._items(facts.get(group[0], {})))
            for u in group:
                if u in wanted:
                    yield self._message(u, facts.get(u, {}), bodies.pop(u, {}))
                else:
                    yield self._told(u, facts.get(u, {}), Given.TOO_OLD if u in old else Given.MISSED)

    def again(self, uid: int) -> FetchedMessage:
        """Give one message that was missed, as ports.Mailbox says."""
        facts = self._fetch([uid], _FACTS).get(uid, {})
        return self._message(uid, facts, self._bodies([uid], self._items(facts)).get(uid, {}))

    def _message(self, uid: int, facts: dict[bytes, Any], answer: dict[bytes, Any]) -> FetchedMessage:
        """Judge the answer to a FETCH of the bytes; where there are none, ask once more before anything is concluded.

        Of a message that somebody deleted meanwhile Dovecot answers NIL the first time, and nothing the second.
        """
        if _body(answer, facts) is None:
            answer = self._bodies([uid], self._items(facts)).get(uid, {})
        raw = _body(answer, facts)
        if raw is not None:
            return self._told(uid, facts, Given.TOO_LARGE if self._is_too_large(facts) else Given.WHOLE, raw)
        with line():
            is_gone = not answer and uid not in self.client.search(["UID", str(uid)])
        return self._told(uid, facts, Given.GONE if is_gone else Given.MISSED)

    def _is_too_large(self, facts: dict[bytes, Any]) -> bool:
        return _size(facts) > self.max_size

    def _items(self, facts: dict[bytes, Any]) -> list[str]:
        return HEAD if self._is_too_large(facts) else BODY

    def _bodies(self, uids: list[int], items: list[str]) -> dict[int, dict[bytes, Any]]:
        try:
            return self._fetch(uids, items)
        except ConnectionError as error:
            raise FetchDied(str(error)) from error

    def _fetch(self, uids: list[int], items: list[str]) -> dict[int, dict[bytes, Any]]:
        """Ask for all at once; where the server refuses, for each, so that one message keeps back no other."""
        try:
            with line():
                return dict(self.client.fetch(uids, items))
        except ImapRefused:
            if len(uids) == 1:
                return {}
        return {uid: answer for each in uids for uid, answer in self._fetch([each], items).items()}

    def _told(self, uid: int, facts: dict[bytes, Any], given: Given, raw: bytes | None = None) -> FetchedMessage:
        at = facts.get(b"INTERNALDATE")
        return FetchedMessage(
            folder=self.name,
            uidvalidity=self.uidvalidity,
            uid=uid,
            received_at=at.astimezone(UTC) if at is not None else None,
            size=_size(facts),
            raw=raw,
            given=given,
        )


def _size(facts: dict[bytes, Any]) -> int:
    return int(facts.get(b"RFC822.SIZE", 0))


def _is_before(since: datetime | None, facts: dict[bytes, Any]) -> bool:
    return since is not None and b"INTERNALDATE" in facts and facts[b"INTERNALDATE"] < since


def _body(answer: dict[bytes, Any], facts: dict[bytes, Any]) -> bytes | None:
    """The bytes in an answer; no bytes of a message that has some are none (a file that the server cannot read)."""
    raw = body_of(answer)
    return raw if raw or (raw == b"" and not _size(facts)) else None


def body_of(answer: dict[bytes, Any]) -> bytes | None:
    """Give the bytes in an answer to a FETCH, if it has any."""
    return next((given for item, given in answer.items() if item.startswith(b"BODY[")), None)


def _in_groups(uids: list[int], sizes: dict[int, int], *, alone_above: int) -> Iterator[list[int]]:
    group: list[int] = []
    weight = 0
    for uid in uids:
        if group and weight + sizes[uid] > min(_GROUP_BYTES, alone_above):
            yield group
            group, weight = [], 0
        group.append(uid)
        weight += sizes[uid]
    if group:
        yield group
