"""Does the database itself refuse to change or delete the records of choices and the journal?"""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError

from service import db, schema
from service.actions import journal
from service.core.vocabulary import Channel, MailClass, MemberKind
from service.models.mailing_list import MailingList, SubscriptionChange
from service.models.member import Consent, Contact, Member

NOON = datetime(2026, 12, 1, 12, tzinfo=UTC)
APPEND_ONLY = ("subscription_change", "consent", "journal")


@pytest.fixture
def database(empty_database: Engine) -> Engine:
    """A database with one row in each append-only table."""
    schema.upgrade(empty_database)
    with db.sessions(empty_database).begin() as session:
        member = Member(number="7", kind=MemberKind.PERSON, family_name="Sorbier", created_at=NOON, updated_at=NOON)
        contact = Contact(family_name="Sorbier", is_main=True, created_at=NOON)
        member.contacts.append(contact)
        letters = MailingList(slug="lettres", name="Lettres", mail_class=MailClass.COOPERATIVE, created_at=NOON)
        session.add_all([member, letters])
        session.flush()
        change = {"subscribed": True, "channel": Channel.STAFF, "wording": "Demandé par téléphone", "at": NOON}
        session.add(SubscriptionChange(contact_id=contact.id, list_id=letters.id, **change))
        session.add(Consent(member_id=member.id, given=True, channel=Channel.STAFF, recorded_at=NOON))
        journal.note(session, "test.noted", now=NOON)
    return empty_database


@pytest.mark.parametrize("table", APPEND_ONLY)
@pytest.mark.parametrize("act", ["UPDATE {} SET id = id + 100", "DELETE FROM {}"])
def test_the_database_refuses_to_change_a_record(database: Engine, table: str, act: str) -> None:
    with pytest.raises(DBAPIError, match=f"{table} is append-only"), database.begin() as connection:
        connection.execute(text(act.format(table)))
    with database.connect() as connection:
        assert connection.scalar(text(f"SELECT count(*) FROM {table}")) == 1


def test_a_new_record_is_taken(database: Engine) -> None:
    with db.sessions(database).begin() as session:
        journal.note(session, "test.noted_again", now=NOON)
    with db.sessions(database).begin() as session:
        assert journal.broken_at(session) is None
