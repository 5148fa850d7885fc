"""A small cooperative in a real database, for the tests of the pages."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.orm import Session

from service.actions import campaigns, drafts, lists, sending
from service.actions import staff as team
from service.core import addresses
from service.core.vocabulary import Channel, MailClass, MailKind, MemberKind, Role
from service.models.campaign import Campaign
from service.models.delivery import Delivery
from service.models.mailing_list import MailingList
from service.models.member import Contact, Member
from service.models.staff import Staff
from service.settings import Need, load
from service.wiring import Wiring

PASSWORD = "une phrase assez longue"
WRITER, SENDER = "jeanne@passerelles.example", "paul@passerelles.example"


def wired(folder: Path, **settings: str) -> Wiring:
    """Wire the product on a SQLite file of its own; nothing listens on its Redis unless a setting names one."""
    environment = {
        "DATA_DIR": str(folder),
        "DATABASE_URL": f"sqlite:///{folder / 'pli.db'}",
        "SECRET_KEY": "k" * 64,
        "PUBLIC_URL": "https://courrier.passerelles.example",
        "SEND_HOLD": "0",
        "SENDER": "Les Passerelles <vie@passerelles.example>",
        "REPLY_TO": "vie@passerelles.example",
        "SMTP_URL": "smtp://127.0.0.1:9?tls=none",
        "TELEPHONE": "01 00 00 00 00",
        "POSTAL_ADDRESS": "12 rue des Lilas, 75000 Ville",
        **settings,
    }
    return Wiring(load(Need.STORES | Need.KEYS | Need.WRITING | Need.WEB | Need.SENDING, environment))


@dataclass(frozen=True)
class World:
    """Builders; each opens and commits its own transaction."""

    wiring: Wiring

    def begin(self) -> Session:
        """Open a session to look or to write with; commit it yourself."""
        return self.wiring.sessions()

    def staff(self, email: str, name: str, role: Role, password: str = PASSWORD) -> Staff:
        """Add somebody to the team."""
        with self.wiring.sessions.begin() as session:
            return team.add(session, email, name=name, role=role, password=password, now=self.wiring.now())

    def mailing_list(
        self, slug: str = "nouvelles", name: str = "Nouvelles", mail_class: MailClass = MailClass.COOPERATIVE
    ) -> MailingList:
        """Make a list."""
        with self.wiring.sessions.begin() as session:
            return lists.create(session, slug, name=name, mail_class=mail_class, now=self.wiring.now())

    def member(
        self, given: str = "Camille", family: str = "Roy", email: str | None = None, *, to: str = "", **details: object
    ) -> Member:
        """Add a member with one contact, subscribed to the list `to`; without e-mail, one is made from the name."""
        now = self.wiring.now()
        address = f"{addresses.key(given)}.{addresses.key(family)}@membre.example" if email is None else email
        with self.wiring.sessions.begin() as session:
            member = Member(
                kind=MemberKind.PERSON,
                given_name=given,
                family_name=family,
                created_at=now,
                updated_at=now,
                **details,
            )
            member.contacts.append(
                Contact(
                    given_name=given,
                    family_name=family,
                    email=address or None,
                    email_key=addresses.key(address) if address else None,
                    imported_email=address or None,
                    is_main=True,
                    created_at=now,
                )
            )
            member.refresh_search()
            session.add(member)
            session.flush()
            if to:
                self._subscribe(session, to, member)
        return member

    def _subscribe(self, session: Session, slug: str, member: Member) -> None:
        lists.subscribe(
            session,
            lists.find(session, slug),
            [contact.id for contact in member.contacts],
            channel=Channel.IMPORT,
            wording="pour le test",
            now=self.wiring.now(),
        )

    def campaign(
        self,
        *,
        to: str = "nouvelles",
        subject: str = "Où en sommes-nous ?",
        body: str = "Bonjour {prénom},\n\nVoici.\n",
    ) -> Campaign:
        """Write a communiqué as the writer, still a draft; the list and the writer must exist."""
        with self.wiring.sessions.begin() as session:
            return drafts.create(
                session,
                kind=MailKind.COMMUNIQUE,
                subject=subject,
                preheader="",
                body=body,
                list_slugs=[to],
                author=team.acting(session, WRITER),
                now=self.wiring.now(),
            )

    def submitted(self, **text: str) -> Campaign:
        """Write a communiqué and ask for a second reader."""
        made = self.campaign(**text)
        with self.wiring.sessions.begin() as session:
            drafts.submit(
                session,
                session.get_one(Campaign, made.id),
                by=team.acting(session, WRITER),
                secret=self.wiring.office.secret,
                now=self.wiring.now(),
            )
        return made

    def agreed(self, campaign_id: int) -> None:
        """Agree as the second reader to a message that waits for one."""
        with self.wiring.sessions.begin() as session:
            campaign, by = session.get_one(Campaign, campaign_id), team.acting(session, SENDER)
            drafts.approve(session, campaign, by=by, secret=self.wiring.office.secret, now=self.wiring.now())

    def launched(self, **text: str) -> Campaign:
        """Write, approve and launch a communiqué: its rows are written, nothing has left."""
        made, now = self.submitted(**text), self.wiring.now()
        with self.wiring.sessions.begin() as session:
            campaign, by = session.get_one(Campaign, made.id), team.acting(session, SENDER)
            drafts.approve(session, campaign, by=by, secret=self.wiring.office.secret, now=now)
            launching = sending.launching(self.wiring.office, campaign)
            campaigns.send(
                session,
                campaign,
                launching,
                by=by,
                at=None,
                secret=self.wiring.office.secret,
                now=now,
                hold=timedelta(0),
            )
        return made

    def deliveries(self, campaign_id: int) -> list[Delivery]:
        """Read the rows of a campaign."""
        with self.wiring.sessions() as session:
            # Without a lock, so that a test may look while it writes.
            session.connection(execution_options={"read_only": True})
            return list(
                session.scalars(select(Delivery).where(Delivery.campaign_id == campaign_id).order_by(Delivery.id))
            )


def copy_database(source: Path, folder: Path) -> None:
    """Give a test a database of its own, migrated once a run."""
    shutil.copy(source, folder / "pli.db")
