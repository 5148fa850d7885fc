"""Which mail is our own? Apart from the rules that read mail: who sends knows it too, and needs none of them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Ours:
    """What tells our own mail: our addresses in lower case and the domains of our Message-IDs."""

    addresses: frozenset[str]
    domains: frozenset[str]
