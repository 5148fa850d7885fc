"""Access to a mailbox whose provider takes tokens: granted once by a person, renewed by us, never asked for in a loop."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from threading import Lock
from typing import TYPE_CHECKING

from sqlalchemy.orm import Session, sessionmaker

from service.core.oauth import NO_ACCESS, RENEW_BEFORE, OAuthRefused, Tokens
from service.models.mail_grant import MailGrant
from service.ports import AccessRefused, TokenEndpoint

if TYPE_CHECKING:
    # Cryptography is loaded where a provider is named.
    from service.core.sealing import Vault

# A provider that could not be asked is left alone for so long.
_QUIET = timedelta(seconds=30)
_CONNECT = "run ./pli mail connect"


def keep(session: Session, provider: str, granted: Tokens, vault: Vault, *, now: datetime) -> None:
    """Keep what a person granted, in place of what was granted before."""
    session.merge(
        MailGrant(
            provider=provider,
            refresh=vault.seal(granted.refresh),
            access=vault.seal(granted.access),
            access_ends_at=now + granted.lifetime,
            connected_at=now,
            refused_at=None,
        )
    )


@dataclass(slots=True)
class MailAccess:
    """The access token of one provider, shared by the connections of a process and, sealed, by all processes."""

    sessions: sessionmaker[Session]
    endpoint: TokenEndpoint
    vault: Vault
    provider: str
    now: Callable[[], datetime]
    _lock: Lock = field(default_factory=Lock)
    # What was last answered instead of a token, and until when nobody is asked again.
    _answered: tuple[str, datetime] | None = None

    def token(self, *, refused: str = "") -> str:
        """Give a token that is good for five minutes more, another than the one that the server `refused`.

        Refuses (AccessRefused) while nothing was granted, the provider refuses or cannot be asked.
        """
        with self._lock:
            with self.sessions() as session:
                session.connection(execution_options={"read_only": True})
                grant = session.get(MailGrant, self.provider)
            if grant is None:
                raise AccessRefused(f"{NO_ACCESS}: nothing was granted by {self.provider} yet; {_CONNECT}.")
            if grant.refused_at is not None:
                raise AccessRefused(f"{NO_ACCESS}: {self.provider} has withdrawn its grant; {_CONNECT}.")
            access = self._opened(grant.access)
            if access != refused and self.now() < grant.access_ends_at - RENEW_BEFORE:
                return access
            return self._renewed(grant)

    def _renewed(self, grant: MailGrant) -> str:
        """Ask the provider, with no transaction open."""
        if self._answered is not None and self.now() < self._answered[1]:
            raise AccessRefused(self._answered[0])
        try:
            granted = self.endpoint.renew(self._opened(grant.refresh))
        except OAuthRefused as error:
            if error.code == "invalid_grant":
                self._note_refusal(grant)
            raise self._refused(f"{NO_ACCESS}: {self.provider} says {error.code}; {_CONNECT}.") from None
        except OSError as error:
            why = f"{self.provider} could not be asked for a token ({type(error).__name__}); tried again by itself."
            raise self._refused(why) from None
        with self.sessions.begin() as session:
            row = session.get_one(MailGrant, self.provider, with_for_update=True)
            # What another process or person has kept meanwhile is newer.
            if row.refresh == grant.refresh:
                row.access, row.access_ends_at = self.vault.seal(granted.access), self.now() + granted.lifetime
                if granted.refresh:
                    row.refresh = self.vault.seal(granted.refresh)
        return granted.access

    def _refused(self, why: str) -> AccessRefused:
        self._answered = (why, self.now() + _QUIET)
        return AccessRefused(why)

    def _note_refusal(self, grant: MailGrant) -> None:
        with self.sessions.begin() as session:
            row = session.get_one(MailGrant, self.provider, with_for_update=True)
            # Some providers end the old token when they give a new one: another process has that.
            if row.refresh == grant.refresh:
                row.refused_at = self.now()

    def _opened(self, sealed: bytes) -> str:
        try:
            return self.vault.open(sealed)
        except ValueError as error:
            raise AccessRefused(f"{NO_ACCESS}: its grant was {error}; {_CONNECT}.") from None
