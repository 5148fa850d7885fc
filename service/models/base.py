"""What every table shares: the base class, UTC instants, and the purpose and retention noted on each column (P8)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, BigInteger, Computed, DateTime, Dialect, Enum, ForeignKey, Integer, MetaData
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.orm import DeclarativeBase, MappedColumn, Session, mapped_column
from sqlalchemy.sql.compiler import DDLCompiler
from sqlalchemy.types import TypeDecorator, TypeEngine

# Names for every constraint, so that a migration can drop one on both databases.
NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}


class Base(DeclarativeBase):
    """The base of every table."""

    metadata = MetaData(naming_convention=NAMING)


class Purpose(StrEnum):
    """Why a datum is kept: the lines of the registre (RGPD, article 30)."""

    STRUCTURE = "links between rows; says nothing of a person by itself"
    REGISTER = "register of members, required of a cooperative"
    MAILING = "sending of the cooperative's messages"
    PROOF = "proof that a message was sent, and to whom"
    CONSENT = "proof of a choice: subscription, opposition, agreement to electronic convocation"
    ANSWERING = "answers to what members write"
    ORGANISING = "preparation of meetings and messages by the staff"
    ACCESS = "access of the staff and traceability of their acts"
    OPERATION = "working of the service"


class Retention(StrEnum):
    """How long a datum is kept, from which moment."""

    AS_ITS_ROW = "as long as its row"
    MEMBERSHIP = "membership, then 3 years"
    SENDING = "3 years after the sending; statutory mail: until the end of the assembly's own term"
    OPPOSITION = "as long as the opposition must be honoured (fingerprint only)"
    EXCHANGE = "3 years after the last exchange; the raw message 1 year; mail that is none of ours 30 days"
    STAFF = "presence in the staff, then 1 year"
    JOURNAL = "5 years"
    WORKING = "erased when the work is done"
    COOPERATIVE = "life of the cooperative"


@dataclass(frozen=True, slots=True)
class Keeping:
    """The purpose and the retention of one column."""

    purpose: Purpose
    retention: Retention


LINK = Keeping(Purpose.STRUCTURE, Retention.AS_ITS_ROW)
REGISTER = Keeping(Purpose.REGISTER, Retention.MEMBERSHIP)
CONSENT = Keeping(Purpose.CONSENT, Retention.MEMBERSHIP)
OPPOSITION = Keeping(Purpose.CONSENT, Retention.OPPOSITION)
SENDING = Keeping(Purpose.MAILING, Retention.SENDING)
PROOF = Keeping(Purpose.PROOF, Retention.SENDING)
EXCHANGE = Keeping(Purpose.ANSWERING, Retention.EXCHANGE)
ORGANISING = Keeping(Purpose.ORGANISING, Retention.COOPERATIVE)
STAFFING = Keeping(Purpose.ACCESS, Retention.STAFF)
TRACE = Keeping(Purpose.ACCESS, Retention.JOURNAL)
OPERATION = Keeping(Purpose.OPERATION, Retention.COOPERATIVE)
WORKING = Keeping(Purpose.OPERATION, Retention.WORKING)


class Instant(TypeDecorator[datetime]):
    """An aware instant, kept in UTC. Refuses a naive one: on SQLite it would silently lose its zone."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Turn an aware instant into UTC."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"naive datetime {value!r}: give it a zone")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Give back an aware instant in UTC (SQLite returns a naive one)."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


@compiles(Computed, "sqlite")
def _computed_when_read(element: Computed, compiler: DDLCompiler, **options: Any) -> str:
    """A column that is computed is not kept on SQLite: one that is cannot be added to a table that is there."""
    return f"GENERATED ALWAYS AS ({compiler.sql_compiler.process(element.sqltext)}) VIRTUAL"


def insert_or(session: Session, table: type[Base]) -> postgresql.Insert | sqlite.Insert:
    """Begin an INSERT that says what is done where the row is there already; both databases say it alike."""
    insert = sqlite.insert if session.get_bind().dialect.name == "sqlite" else postgresql.insert
    return insert(table)


# SQLite gives automatic numbers to INTEGER PRIMARY KEY only.
BigId = BigInteger().with_variant(Integer(), "sqlite")


def words(enum: type[StrEnum]) -> Enum:
    """The column type of a closed list, kept as its word: a new word needs no migration of a database type."""
    return Enum(
        enum, native_enum=False, length=24, values_callable=lambda members: [member.value for member in members]
    )


def number() -> MappedColumn[int]:
    """The number of a row."""
    return mapped_column(BigId, primary_key=True, info={"keeping": LINK})


def ref(
    target: str, keeping: Keeping = LINK, *, ondelete: str | None = None, index: bool = True, **options: Any
) -> MappedColumn[Any]:
    """A reference to another row."""
    return mapped_column(
        BigId, ForeignKey(target, ondelete=ondelete), index=index, info={"keeping": keeping}, **options
    )


def column(type_: TypeEngine[Any] | type[TypeEngine[Any]], keeping: Keeping, **options: Any) -> MappedColumn[Any]:
    """A column with its purpose and retention."""
    return mapped_column(type_, info={"keeping": keeping}, **options)


def json_object() -> TypeEngine[Any]:
    """A small object of plain values."""
    return JSON()
