"""What is a letter before it is a mail: the words as typed, the house that sends it, the list it goes to."""

from __future__ import annotations

import re
from dataclasses import dataclass

from service.core.vocabulary import MailClass, MailKind

_COLOUR = re.compile(r"#[0-9a-fA-F]{6}")


@dataclass(frozen=True, slots=True)
class Letter:
    """The words of a mail as a person typed them: `body` is Markdown, all three may hold {fields}."""

    kind: MailKind
    mail_class: MailClass
    subject: str
    preheader: str
    body: str


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file that a mail carries beside its text; its name is plain: letters, digits, dots and hyphens."""

    name: str
    content_type: str
    content: bytes


@dataclass(frozen=True, slots=True)
class House:
    """The cooperative as its mails show it: theme as data, no template of its own.

    `accent` is for light pages, `accent_dark` for dark ones, where a deep colour would not be seen.
    """

    name: str
    tagline: str = ""
    site: str = ""
    postal_address: str = ""
    telephone: str = ""
    legal_notice: str = ""
    accent: str = "#1a3a8f"
    accent_dark: str = "#9db7ff"
    public_url: str = ""

    def __post_init__(self) -> None:
        for colour in (self.accent, self.accent_dark):
            if not _COLOUR.fullmatch(colour):
                raise ValueError(f"theme colour {colour!r} is not of the form #1a3a8f: correct it in the theme")

    @property
    def site_url(self) -> str:
        """The address of the site, for a link."""
        return self.site if not self.site or "://" in self.site else f"https://{self.site}"

    @property
    def site_name(self) -> str:
        """The site as people say it: without scheme nor final stroke."""
        return self.site_url.partition("://")[2].rstrip("/")


@dataclass(frozen=True, slots=True)
class ListIdentity:
    """A mailing list as List-Id names it (RFC 2919): constant for the life of the list."""

    slug: str
    name: str
    domain: str
