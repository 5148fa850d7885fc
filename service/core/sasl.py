"""By which mechanism do we tell a relay who we are, and in which words? (RFC 4954)"""

from __future__ import annotations

import base64
from enum import StrEnum

# How the words of a sending begin whose relay and setting agree on no mechanism.
NO_MECHANISM = "No way to log in to the relay"
# They hide a password on a clear line, and for that its server must keep it in a form that serves to log in (RFC 6331 gave
# up DIGEST-MD5; CRAM-MD5 has the same faults). Our lines are encrypted or on loopback: PLAIN is safer there, so that
# we speak neither.
OF_BEFORE_TLS = ("CRAM-MD5", "DIGEST-MD5")


class Mechanism(StrEnum):
    """The ways to log in that we know."""

    XOAUTH2 = "XOAUTH2"
    PLAIN = "PLAIN"
    LOGIN = "LOGIN"


def choose(offered: str, *, has_token: bool) -> Mechanism | None:
    """Choose among what a relay `offered` in its answer to EHLO: a token by XOAUTH2, a password by PLAIN, else LOGIN."""
    known = offered.upper().split()
    wanted = (Mechanism.XOAUTH2,) if has_token else (Mechanism.PLAIN, Mechanism.LOGIN)
    return next((one for one in wanted if one in known), None)


def no_mechanism(offered: str, *, has_token: bool) -> str:
    """Say to operators that there is none in common, and what to set."""
    said = f"it offers AUTH {' '.join(offered.split())[:200]}" if offered.strip() else "it offers no AUTH"
    if has_token:
        return f"{NO_MECHANISM}: {said}, and SMTP_URL says auth=xoauth2. Give it a password there, or ask its provider."
    known = offered.upper().split()
    advice = "Ask its provider, or name another port in SMTP_URL."
    if Mechanism.XOAUTH2 in known:
        advice = "In SMTP_URL, set auth=xoauth2, or name another port."
    elif any(one in known for one in OF_BEFORE_TLS):
        advice = (
            f"{' and '.join(OF_BEFORE_TLS)} are not spoken here. Ask its provider for a port with TLS that offers PLAIN "
            "or LOGIN (587 or 465, mostly), and name it in SMTP_URL."
        )
    return f"{NO_MECHANISM}: {said}, and a password leaves by PLAIN or LOGIN. {advice}"


def plain(user: str, password: str) -> str:
    """Write the one answer of PLAIN, in UTF-8 (RFC 4616 section 2)."""
    return _encoded(f"\0{user}\0{password}")


def login(user: str, password: str) -> tuple[str, str]:
    """Write the two answers of LOGIN, which no RFC describes; in UTF-8, as those of PLAIN."""
    return _encoded(user), _encoded(password)


def _encoded(words: str) -> str:
    return base64.b64encode(words.encode()).decode("ascii")
