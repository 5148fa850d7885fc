"""A proof of sending for tests of its table and its paper; nothing of it comes from a database."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from service.core.proof.content import Agreement, Proof, Row, Totals

LAUNCH = datetime(2026, 11, 24, 11, 0, tzinfo=UTC)


def row(number: int = 1, **other: Any) -> Row:
    """One recipient whose mail was sent, unless told otherwise."""
    usual: dict[str, Any] = {
        "name": f"Prénom{number} Nom{number}",
        "structure": "",
        "number": f"S{number:04d}",
        "address": f"membre{number}@exemple.example",
        "message_id": f"<{number:032x}@passerelles.example>",
        "state": "envoyé",
        "detail": "",
        "tried_at": LAUNCH,
        "code": 250,
        "reply": f"2.0.0 Ok: queued as {number:08X}",
        "settled_at": LAUNCH + timedelta(seconds=1),
        "attempts": 1,
        "bounced_at": None,
        "bounce_code": "",
        "bounce_reason": "",
        "complained_at": None,
        "answered_at": None,
        "fields": f"prénom : Prénom{number}",
    }
    return Row(**{**usual, **other})


def proof(*rows: Row, **other: Any) -> Proof:
    """The proof of a convocation to these people."""
    states = [one.state for one in rows]
    bounced = states.count("revenu en erreur")
    usual: dict[str, Any] = {
        "campaign": 12,
        "kind": "Convocation à l’assemblée",
        "mail_class": "message statutaire",
        "sender": "Les Passerelles <ag@passerelles.example>",
        "subject": "Convocation à l’assemblée générale",
        "text": "Bonjour {prénom},\n\nVenez le 18 décembre.\n\n-- \nLes Passerelles",
        "mail_sha256": "ab" * 32,
        "approved_subject": "Convocation à l’assemblée générale",
        "approved_preheader": "",
        "approved_body": "Bonjour {prénom},\n\nVenez le **18 décembre**.\n",
        "lists": "Convocations",
        "list_slugs": "convocations",
        "author": "Jeanne",
        "agreement": Agreement("Paul", LAUNCH - timedelta(hours=2), False, "", "cd" * 32),
        "sent_by": "Paul",
        "frozen_at": LAUNCH,
        "started_at": LAUNCH + timedelta(minutes=2),
        "finished_at": LAUNCH + timedelta(minutes=9),
        "is_stopped": False,
        "stopped_by": "",
        "totals": Totals(
            planned=len(rows),
            accepted=states.count("envoyé") + bounced,
            refused=states.count("en erreur"),
            in_doubt=states.count("en doute"),
            skipped=states.count("non envoyé"),
            bounced=bounced,
            complained=0,
        ),
        "rows": rows,
    }
    return Proof(**{**usual, **other})
