"""A small world for tests: a house, its staff, members, lists and campaigns, made by the product's own actions."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import cast

import jinja2
from sqlalchemy import Engine, update
from sqlalchemy.orm import Session, sessionmaker

from service.actions import campaigns, drafts, lists, roster, sending, staff
from service.actions.desk import Process
from service.actions.office import Office, Sender, Stream
from service.actions.pace import FREE, Rules
from service.actions.roster import Imported
from service.actions.sending import Sending
from service.core import send_log
from service.core.roster import open_sheet, read
from service.core.tokens import ReturnAddresses
from service.core.verdicts import Outcome, Stage, Verdict
from service.core.vocabulary import CampaignStatus, MailClass, MailKind, Role
from service.core.writing import rendering
from service.core.writing.letter import House
from service.models.campaign import Campaign
from service.models.lease import Lease
from service.models.staff import Staff
from service.ports import Desk, Envelope, LostLog
from service.setting_values import ROOT

SECRET = b"a secret that is only for the tests, 32 and more"
NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
PASSWORD = "une phrase assez longue"


@dataclass
class Clock:
    """A clock that moves when told."""

    at: datetime = NOON

    def __call__(self) -> datetime:
        return self.at

    def forward(self, **by: float) -> None:
        self.at += timedelta(**by)


@dataclass
class Tray:
    """A relay in memory: every message accepted unless the script of its address says otherwise."""

    script: dict[str, Outcome] = field(default_factory=dict)
    envelopes: list[Envelope] = field(default_factory=list)
    before: Callable[[Envelope], None] = lambda _: None

    def run(self, desk: Desk) -> Outcome | None:
        """Carry one message at a time, and write down what was told of the last."""
        while (envelope := desk.take()) is not None:
            if envelope.id not in desk.hand([envelope.id]) or not desk.dot_may_leave(envelope.id):
                desk.unsent(envelope.id)
                continue
            desk.get_ahead(1)
            self.before(envelope)
            outcome = self.script.get(envelope.recipient, Outcome(Verdict.ACCEPTED, Stage.DOT, 250, "2.0.0 kept"))
            if outcome.verdict in (Verdict.ACCEPTED, Verdict.IN_DOUBT):
                self.envelopes.append(envelope)
            desk.answered(envelope.id, outcome)
            if outcome.verdict is Verdict.RELAY_DOWN:
                return outcome
        desk.hand(())
        return None


@dataclass
class MemoryLog:
    """A send log in memory, which a test may read as if its process were gone."""

    owner: str
    content: bytes = b""

    def write(self, records: Sequence[bytes], *, durably: bool) -> bool:
        self.content += b"".join(records)
        return False

    def sync(self) -> None:
        """Nothing of it is on a disk."""

    def lost(self, *, complete: bool = True) -> LostLog:
        """The log as who comes after its process finds it."""
        return LostLog(self.owner, send_log.read(self.content), complete)


@dataclass
class World:
    """One installation on one database."""

    sessions: sessionmaker[Session]
    clock: Clock = field(default_factory=Clock)
    office: Office = field(default_factory=lambda: house_office())

    @property
    def engine(self) -> Engine:
        """The database itself, for a test that breaks it."""
        return cast("Engine", self.sessions.kw["bind"])

    def staff(self, name: str = "Jeanne", role: Role = Role.REDACTEUR) -> Staff:
        with self.sessions.begin() as session:
            return staff.add(
                session,
                f"{name.lower()}@passerelles.example",
                name=name,
                role=role,
                password=PASSWORD,
                now=self.clock(),
            )

    def colleagues(self) -> tuple[Staff, Staff]:
        """Who writes and who reads again, of an installation that has both."""
        with self.sessions() as session:
            author, boss = (
                session.scalars(Staff.named(f"{who}@passerelles.example")).one() for who in ("jeanne", "paul")
            )
            return author, boss

    def defaults(self) -> None:
        with self.sessions.begin() as session:
            lists.ensure_defaults(session, now=self.clock())

    def mailing_list(self, slug: str = "nouvelles", mail_class: MailClass = MailClass.NEWSLETTER) -> None:
        with self.sessions.begin() as session:
            lists.create(session, slug, name=slug.capitalize(), mail_class=mail_class, now=self.clock())

    def take_in(self, table: str, *slugs: str) -> Imported:
        """Import a table written with ; as a spreadsheet saves it."""
        with self.sessions.begin() as session:
            sheet = open_sheet(io.BytesIO(table.encode()), "membres.csv")
            return roster.take_in(session, read(sheet), list_slugs=slugs, now=self.clock())

    def members(self, count: int, *slugs: str) -> Imported:
        rows = [f"Prénom{n};Nom{n};membre{n}@exemple{n % 3}.example;S{n:04d};Salariés" for n in range(count)]
        return self.take_in("\n".join(["Prénom;Nom;E-mail;Numéro;Collège", *rows]), *slugs)

    def draft(
        self,
        author: Staff,
        *slugs: str,
        body: str = "Bonjour {prénom},\n\nUne nouvelle.\n",
        kind: MailKind = MailKind.COMMUNIQUE,
    ) -> int:
        with self.sessions.begin() as session:
            made = drafts.create(
                session,
                kind=kind,
                subject="Où en sommes-nous ?",
                preheader="",
                body=body,
                list_slugs=list(slugs),
                author=session.merge(author),
                now=self.clock(),
            )
            return made.id

    def approved(self, author: Staff, reader: Staff, *slugs: str, **options: str) -> int:
        number = self.draft(author, *slugs, **options)  # type: ignore[arg-type]
        self.agree(number, author, reader)
        return number

    def agree(self, number: int, author: Staff, reader: Staff) -> None:
        """Ask for a reading of a draft, and agree to it."""
        with self.sessions.begin() as session:
            campaign = session.get_one(Campaign, number)
            drafts.submit(session, campaign, by=session.merge(author), secret=SECRET, now=self.clock())
            drafts.approve(session, campaign, by=session.merge(reader), secret=SECRET, now=self.clock())

    def send(self, number: int, by: Staff, *, at: datetime | None = None, hold: int = 0, reason: str = "") -> None:
        with self.sessions() as session:
            launching = sending.launching(self.office, session.get_one(Campaign, number))
        with self.sessions.begin() as session:
            campaigns.send(
                session,
                session.get_one(Campaign, number),
                None if at else launching,
                by=session.merge(by),
                at=at,
                hold=timedelta(seconds=hold),
                secret=SECRET,
                now=self.clock(),
                without_review=reason,
            )

    def ordered_test(self, number: int, by: Staff) -> int:
        """Have a campaign sent to oneself, as it reads to Camille; give the number of that mail."""
        with self.sessions.begin() as session:
            campaign, fields = session.get_one(Campaign, number), {"prénom": "Camille"}
            who = session.merge(by)
            return sending.order_test(session, self.office, campaign, by=who, fields=fields, now=self.clock()).id

    def wire(
        self,
        tray: Tray,
        *,
        log: MemoryLog | None = None,
        go_on: Callable[[], bool] = lambda: True,
        connections: int = 1,
        window: int = 1,
        rules: Rules = FREE,
    ) -> Sending:
        """A sending process on this world, with a relay in memory; it takes one row at a time unless told otherwise."""
        process = Process(
            sessions=self.sessions,
            log=log or MemoryLog("here/1"),
            connections=connections,
            now=self.clock,
            uptime=lambda: self.clock().timestamp(),
            go_on=go_on,
            window=window,
            rules=rules,
        )
        return Sending(process, tray, self.office)

    def end_leases(self) -> None:
        """Let every lease run out."""
        self.clock.forward(seconds=121)
        with self.sessions.begin() as session:
            session.execute(update(Lease).values(expires_at=NOON - timedelta(days=1)))

    def campaign(self, number: int) -> Campaign:
        with self.sessions() as session:
            return session.get_one(Campaign, number)

    def status(self, number: int) -> CampaignStatus:
        return self.campaign(number).status

    def figures(self, number: int) -> campaigns.Figures:
        with self.sessions() as session:
            return campaigns.figures(session, session.get_one(Campaign, number))


def house_office() -> Office:
    """The mail of « Les Passerelles »."""
    sender = Sender("Les Passerelles", "vie@passerelles.example")
    returns = ReturnAddresses("vie@passerelles.example", "retours@passerelles.example", SECRET)
    house = House(name="Les Passerelles", public_url="https://courrier.passerelles.example")
    templates = rendering.environment(jinja2.FileSystemLoader(ROOT / "templates" / "emails"))
    stream = Stream(sender, returns)
    return Office(house, stream, stream, stream, templates, SECRET)


def table(*rows: Iterable[str]) -> str:
    """Write rows as a spreadsheet saves them in French."""
    return "\n".join(";".join(row) for row in rows)
