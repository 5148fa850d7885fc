"""What lies in the inbox that members write to, and when does something new arrive? (RFC 3501, 2177)"""

from __future__ import annotations

import base64
import imaplib
import ssl
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from types import TracebackType
from typing import Any, Self

from imapclient import IMAPClient, SocketTimeout
from imapclient.exceptions import IMAPClientError

from service.core import oauth
from service.gateways.imap_fetching import ImapRefused, LoginRefused, OpenFolder, line
from service.gateways.imap_filing import Folders
from service.ports import Access, Care, FetchedMessage

__all__ = ["Account", "ImapMailbox", "ImapRefused", "LoginRefused"]

# The answer to UID SEARCH is one line: imaplib's limit of 1 MB ends at 140,000 messages above the cursor.
imaplib._MAXLINE = 20_000_000  # type: ignore[attr-defined]

# RFC 2177 renews at 29 minutes at most; some servers hang or close long before (inbound.md, IDLE).
_READ_TIMEOUT = 60.0
_LONGEST_IDLE = 9 * 60.0
_POLL_EVERY = 15.0
_NEWS = frozenset({b"EXISTS", b"RECENT"})


@dataclass(frozen=True, slots=True)
class Account:
    """One mailbox on one server; `folder` is the one that members write to."""

    host: str
    port: int
    user: str
    password: str = field(repr=False)
    tls: bool = True
    folder: str = "INBOX"
    # Who holds the token of a mailbox that takes no password (XOAUTH2).
    access: Access | None = field(default=None, repr=False)


class ImapMailbox:
    """The mailbox of an account, as a context; after the ConnectionError of a dead line a new one is to be made."""

    def __init__(self, account: Account, *, max_size: int = 25_000_000) -> None:
        self._account = account
        self._max_size = max_size
        self._connection: Any = None  # IMAPClient has no types
        self._folder = account.folder
        self._uidvalidity = 0
        self._made: Folders | None = None

    def __enter__(self) -> Self:
        account = self._account
        # Before the line: without a token there is nothing to ask the server for.
        token = account.access.token() if account.access is not None else ""
        with line():
            context = ssl.create_default_context() if account.tls else None
            client = IMAPClient(
                account.host,
                account.port,
                ssl=account.tls,
                ssl_context=context,
                timeout=SocketTimeout(10, _READ_TIMEOUT),
            )
        client.normalise_times = False  # aware times, not local ones
        self._connection = client
        try:
            with line():
                self._log_in(client, token)
        except BaseException:
            self._hang_up(client)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        client, self._connection = self._connection, None
        if client is None:
            return
        if error is None:
            with suppress(IMAPClientError, OSError):
                client.logout()
                return
        # Whatever interrupted us (a signal in the middle of IDLE too), the server may owe half an answer: no more words.
        self._hang_up(client)

    def select(self, folder: str) -> int:
        """Open a folder and return its UIDVALIDITY; refuses (ImapRefused) when there is no such folder."""
        with line():
            answer = self._client.select_folder(folder)
        self._folder, self._uidvalidity = folder, int(answer[b"UIDVALIDITY"])
        return self._uidvalidity

    def fetch_after(
        self, uid: int, *, limit: int = 200, since: datetime | None = None, care: Care = Care.TOGETHER
    ) -> Iterator[FetchedMessage]:
        """The messages above `uid` in the open folder, in UID order, without setting \\Seen.

        At most `limit` messages, and one with `care`; one over the size limit comes as its header, one
        older than `since` without its bytes, and so does one that the server names and does not give. Raises FetchDied where the line dies of it.
        """
        return self._open_folder.above(uid, limit=limit, since=since, care=care)

    def fetch_again(self, uid: int) -> FetchedMessage:
        """One message of the open folder that was missed before. Raises FetchDied where the line dies of it."""
        return self._open_folder.again(uid)

    def wait(self, seconds: float) -> bool:
        """Wait in IDLE for news at most `seconds` (9 minutes at most); True when there may be some.

        Raises ConnectionError when the line is dead. A server without IDLE is asked again every 15 seconds.
        """
        if _was_told_before(self._client):
            return True
        with line():
            if self._client.has_capability("IDLE"):
                return self._idle(min(seconds, _LONGEST_IDLE))
            return self._poll(seconds)

    @property
    def moves_at_once(self) -> bool:
        """Whether a message is moved in one step (RFC 6851)."""
        return self._folders.moves_at_once

    def junk(self) -> str | None:
        """The provider's folder for junk (RFC 6154); None where the mailbox has none."""
        return self._folders.junk()

    def fullness(self) -> int | None:
        """How many percent of its room the mailbox takes; None where the server does not tell."""
        return self._folders.fullness()

    def lying(self, uids: list[int]) -> dict[int, bool]:
        """Which of these messages lie in the open folder, and whether somebody has marked them for deletion."""
        return self._folders.lying(uids)

    def move(self, uids: list[int], folder: str) -> None:
        """Move messages of the open folder into another, made and subscribed when absent. Refuses (ImapRefused)."""
        self._folders.move(uids, folder)

    def copies(self, folder: str, size: int, *, head_only: bool = False) -> Iterator[bytes]:
        """The bytes, or the header, of each message of this size in another folder; the open one is open again after it."""
        opened = self._folder
        try:
            yield from self._folders.copies(folder, size, head_only=head_only)
        finally:
            self.select(opened)

    def remove(self, uids: list[int]) -> None:
        """Take messages out of the open folder, and no others that are marked for deletion. Refuses (ImapRefused)."""
        self._folders.remove(uids)

    @property
    def _open_folder(self) -> OpenFolder:
        return OpenFolder(self._client, self._folder, self._uidvalidity, self._max_size)

    @property
    def _folders(self) -> Folders:
        if self._made is None:
            self._made = Folders(self._client)
        return self._made

    @property
    def _client(self) -> Any:
        if self._connection is None:
            raise RuntimeError("The mailbox is not open; use it in a with block.")
        return self._connection

    def _log_in(self, client: Any, token: str) -> None:
        if self._account.access is not None:
            _bear_token(client, self._account.user, token, self._account.access)
            return
        user, password = self._account.user, self._account.password
        # LOGIN is ASCII only in imaplib; SASL PLAIN is UTF-8 (RFC 4616).
        if (user + password).isascii() and not client.has_capability("LOGINDISABLED"):
            client.login(user, password)
        else:
            client.plain_login(user, password)

    def _hang_up(self, client: Any) -> None:
        with suppress(IMAPClientError, OSError):
            client.shutdown()

    def _idle(self, seconds: float) -> bool:
        client, end, news = self._client, time.monotonic() + seconds, False
        try:
            client.idle()
        except IMAPClientError as error:
            raise ConnectionError(f"The IMAP server does not grant IDLE ({error}); connect again.") from error
        while not news and not _has_unread(client) and (left := end - time.monotonic()) > 0:
            responses = client.idle_check(timeout=left)
            news = _tells_news(responses)
            if not responses:
                break  # the time is over, or the server is gone: only idle_done() tells which
        _, late = client.idle_done()
        _, later = client.noop()
        return _tells_news([*late, *later]) or news

    def _poll(self, seconds: float) -> bool:
        end = time.monotonic() + seconds
        while True:
            _, responses = self._client.noop()
            left = end - time.monotonic()
            if _tells_news(responses) or left <= 0:
                return _tells_news(responses)
            time.sleep(min(left, _POLL_EVERY))


def _bear_token(client: Any, user: str, token: str, access: Access) -> None:
    """Authenticate by SASL XOAUTH2; a token that is refused is renewed once, since the provider may have ended it."""
    try:
        with line():
            _xoauth2(client, user, token)
    except LoginRefused:
        _xoauth2(client, user, access.token(refused=token))


def _xoauth2(client: Any, user: str, token: str) -> None:
    # imaplib encodes what is answered; a fault comes as a second challenge, and an empty answer ends the exchange.
    answers = iter([base64.b64decode(oauth.xoauth2(user, token))])
    client.sasl_login("XOAUTH2", lambda _: next(answers, b""))


def _was_told_before(client: Any) -> bool:
    """Whether mail was announced in the answer to another command since the folder was opened: no server says it twice."""
    told = client._imap.untagged_responses.get("EXISTS", [])
    earlier = told[:-1]
    del told[:-1]
    return bool(earlier)


def _has_unread(client: Any) -> bool:
    """Whether bytes wait already: a server may announce mail in the packet that grants IDLE, where poll() is blind."""
    sock = client.socket()
    sock.settimeout(0)
    try:
        return bool(client._imap.file.peek(1))
    except OSError:
        return False
    finally:
        sock.settimeout(_READ_TIMEOUT)


def _tells_news(responses: list[Any]) -> bool:
    for response in responses:
        if isinstance(response, tuple) and response and response[0] == b"BYE":
            raise ConnectionError("The IMAP server said BYE; connect again.")
    return any(isinstance(response, tuple) and len(response) > 1 and response[1] in _NEWS for response in responses)
