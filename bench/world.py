"""The cooperative of the benchmark: its members written straight into the tables, its campaign by the product's own acts."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, insert, select, text

from service import db, schema
from service.core.names import search_text
from service.core.vocabulary import MailClass, MailKind, MemberKind, Role
from service.core.writing import places, rendering
from service.core.writing.letter import Letter, ListIdentity
from service.core.writing.mould import Mould
from service.models.base import Base
from service.models.mailing_list import MailingList, Subscription
from service.models.member import Contact, Member
from tests.builders import Clock, World, house_office

# What the benchmark's mails weigh, like those of the figures in the design: text and HTML parts together.
OCTETS = 28 * 1024
_BATCH = 10_000
_ADDRESS = "'membre' || n || '@exemple' || (n % 50) || '.example'"
_PARAGRAPH = (
    "La coopérative a tenu {n} réunions depuis le printemps ; chacune a donné lieu à un compte rendu que vous "
    "trouverez sur le site. [Lire la suite](https://www.passerelles.example/nouvelles/{n}) avant notre rencontre."
)


def seed(url: str, recipients: int) -> float:
    """Make the schema, the members and a campaign that is launched and due; return what the launch took, in seconds."""
    engine = db.connect(url)
    schema.upgrade(engine)
    world = World(db.sessions(engine), clock=Clock(_now()))
    world.mailing_list()
    _members(world, recipients)
    author, reader = world.staff("Jeanne"), world.staff("Paul", Role.ADMIN)
    number = world.approved(author, reader, "nouvelles", body=body())
    began = time.perf_counter()
    world.send(number, reader)
    took = time.perf_counter() - began
    # The last connection to close folds the journal of SQLite into its file.
    engine.dispose()
    return took


def multiply(engine: Engine, known: int, recipients: int) -> None:
    """Write as many members and mails as are missing, like those there are, by statements of the database.

    Nine tenths have left; of these one in a hundred was refused, and one in fifty came back.
    """
    like = {
        "member": {"number": "'S' || n", "search": "'nom' || n"},
        "contact": {"member_id": "n", "email": _ADDRESS, "email_key": _ADDRESS, "imported_email": _ADDRESS},
        "delivery": {
            "contact_id": "n",
            "member_id": "n",
            "address": _ADDRESS,
            "message_id": f"'<' || {_ADDRESS} || '>'",
        },
    }
    series = "WITH RECURSIVE series(n) AS (SELECT CAST(:known AS INTEGER) + 1 UNION ALL SELECT n + 1 FROM series WHERE n < :wanted)"
    with engine.begin() as connection:
        for table, own in like.items():
            columns = [one.name for one in Base.metadata.tables[table].columns if one.computed is None]
            values = [{"id": "n", **own}.get(name, f"one.{name}") for name in columns]
            connection.execute(
                text(
                    f"INSERT INTO {table} ({', '.join(columns)}) {series} "
                    f"SELECT {', '.join(values)} FROM series JOIN {table} one ON one.id = 1"
                ),
                {"known": known, "wanted": recipients},
            )
        left = {"last": recipients * 9 // 10}
        for state, which in (("accepted", "id % 100 <> 7"), ("refused", "id % 100 = 7")):
            connection.execute(
                text(
                    f"UPDATE delivery SET state = '{state}', attempts = 1, handed_at = created_at, settled_at = created_at, code = 250, "
                    f"bounced_at = CASE WHEN id % 50 = 3 THEN created_at END WHERE id <= :last AND {which}"
                ),
                left,
            )
    if engine.dialect.name == "postgresql":
        with engine.connect() as connection:
            connection.execution_options(isolation_level="AUTOCOMMIT").execute(text("VACUUM FULL delivery"))


def body() -> str:
    """Write a text whose mail weighs what the benchmark's mails weigh."""
    few, many = (len(_mould(_text(paragraphs)).splice(_VALUES)) for paragraphs in (1, 11))
    return _text(1 + round((OCTETS - few) / ((many - few) / 10)))


def example(folder: Path) -> tuple[Path, Path]:
    """Write the mail of one member for the other senders: as a file for smtp-source, and in its parts as JSON."""
    mould = _mould(body())
    raw = mould.splice(_VALUES)
    parts = {
        "raw": raw.decode("ascii"),
        "text": mould.text(_VALUES),
        "html": mould.html(_VALUES),
        "subject": mould.subject(_VALUES),
        "name": _NAME,
        "sender": "Les Passerelles <vie@passerelles.example>",
        "bounces": "retours@passerelles.example",
    }
    message, document = folder / "mail.eml", folder / "mail.json"
    message.write_bytes(raw.replace(b"\r\n", b"\n"))
    document.write_text(json.dumps(parts), encoding="utf-8")
    return message, document


_SUBJECT = "Où en sommes-nous ?"
_NAME = "Prenom0"
_VALUES = {
    places.TO: "membre0@exemple.example",
    places.TO_NAME: "Prenom0 Nom0",
    places.REPLY_TO: "vie+aaaaaaaaaaaaaaaaaaaaaaaaaa@passerelles.example",
    places.MESSAGE_ID: "00000000000000000000000000000000@passerelles.example",
    places.DATE: "Tue, 24 Nov 2026 12:00:00 +0000",
    places.UNSUBSCRIBE_URL: f"https://courrier.passerelles.example/d/{'a' * 60}",
    "prénom": _NAME,
}


def _text(paragraphs: int) -> str:
    news = "\n\n".join(_PARAGRAPH.replace("{n}", str(number + 2)) for number in range(paragraphs))
    return f"Bonjour {{prénom}},\n\n## Où en sommes-nous\n\n{news}\n\nAvec {{prénom}}, nous continuons.\n"


def _now() -> datetime:
    return datetime.now(UTC)  # noqa: TID251 (the processes read the real clock)


def _mould(text: str) -> Mould:
    office = house_office()
    return rendering.compose(
        Letter(MailKind.COMMUNIQUE, MailClass.NEWSLETTER, _SUBJECT, "", text),
        office.house,
        ListIdentity("nouvelles", "Nouvelles", office.usual.sender.domain),
        templates=office.templates,
        sender=str(office.usual.sender),
        campaign=1,
    )


def _members(world: World, count: int) -> None:
    """Write the members into the tables; the import of a file is measured elsewhere."""
    now = world.clock()
    with world.sessions.begin() as session:
        list_id = session.scalar(select(MailingList.id).where(MailingList.slug == "nouvelles"))
        for start in range(1, count + 1, _BATCH):
            numbers = range(start, min(start + _BATCH, count + 1))
            session.execute(insert(Member), [_member(number, now) for number in numbers])
            session.execute(insert(Contact), [_contact(number, now) for number in numbers])
            session.execute(
                insert(Subscription), [{"contact_id": number, "list_id": list_id, "since": now} for number in numbers]
            )


def _member(number: int, now: datetime) -> dict[str, Any]:
    who = _who(number)
    return {
        "id": number,
        "number": f"S{number:06d}",
        "kind": MemberKind.PERSON,
        "given_name": who[0],
        "family_name": who[1],
        "search": search_text([*who, f"S{number:06d}"]),
        "created_at": now,
        "updated_at": now,
    }


def _contact(number: int, now: datetime) -> dict[str, Any]:
    given, family, address = _who(number)
    return {
        "id": number,
        "member_id": number,
        "given_name": given,
        "family_name": family,
        "email": address,
        "email_key": address,
        "imported_email": address,
        "is_main": True,
        "created_at": now,
    }


def _who(number: int) -> tuple[str, str, str]:
    return f"Prénom{number}", f"Nom{number}", f"membre{number}@exemple{number % 50}.example"
