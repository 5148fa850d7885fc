"""How the tests read a mailbox: whose mail is ours, and under which name its rows stand."""

from __future__ import annotations

from zoneinfo import ZoneInfo

from service.actions.mailbox import Reader
from service.core.reading.ours import Ours
from tests.builders import SECRET

OURS = Ours(frozenset({"vie@passerelles.example"}), frozenset({"passerelles.example"}))


def reader_of(account: str) -> Reader:
    """Read the mailbox of this name."""
    return Reader(account, OURS, SECRET, ZoneInfo("Europe/Paris"))
