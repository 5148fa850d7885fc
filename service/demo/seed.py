"""What has the demo's cooperative lived before the visitor comes? `python -m service.demo.seed` makes it by the product's own doors."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from datetime import time as hour

import click
from sqlalchemy import func, select

from service.actions import campaigns, drafts, events, sending, staff
from service.actions import roster as intake
from service.core import french, roster
from service.core.vocabulary import CampaignStatus, EventKind, InboundState, MailKind
from service.demo import cooperative, correspondence
from service.demo.cooperative import ANSWERS, AUTHOR, REVIEWER, TEAM, Answer
from service.demo.mailboxes import Mailboxes
from service.models.campaign import Campaign
from service.models.event import Event
from service.models.inbound_message import InboundMessage
from service.models.member import Member
from service.models.staff import Staff
from service.settings import Need
from service.wiring import Wiring, wire

_LISTS = ("communiques", "rdv", "comptes-rendus")
_PATIENCE = 120.0  # seconds for what the worker and the inbox do
_TICK = 0.3


class NotDone(Exception):
    """What was waited for did not come; the next start of the demo goes on from there."""


@dataclass(frozen=True, slots=True)
class Sower:
    """Makes what is missing, step by step: an interrupted start is taken up where it stopped."""

    wiring: Wiring
    mailboxes: Mailboxes
    say: Callable[[str], None]

    def sow(self) -> None:
        """Make the team, the members, the RDV, one communiqué that is really sent, and what members answer."""
        self._team()
        self._members()
        rdv = self._rdv()
        campaign_id = self._communique(rdv)
        self._await(lambda: self._is_sent(campaign_id), "l’envoi du communiqué")
        for answer in ANSWERS:
            self._answer(answer)
        self._await(lambda: self._read() >= len(ANSWERS), "la lecture des réponses")
        self.say(f"{len(ANSWERS)} réponses de sociétaires sont arrivées. Tout est prêt.")

    def _team(self) -> None:
        with self.wiring.sessions.begin() as session:
            for one in TEAM:
                if session.scalar(Staff.named(one.email)) is None:
                    staff.add(
                        session, one.email, name=one.name, role=one.role, password=one.password, now=self.wiring.now()
                    )

    def _members(self) -> None:
        with self.wiring.reading() as session:
            if session.scalar(select(Member.id).limit(1)) is not None:
                return
        with cooperative.ROSTER.open("rb") as stream, self.wiring.sessions.begin() as session:
            sheet = roster.open_sheet(stream, cooperative.ROSTER.name, sheet=None)
            done = intake.take_in(session, roster.read(sheet), list_slugs=_LISTS, now=self.wiring.now())
        self.say(f"{done.created} sociétaires sont importés de leur fichier.")

    def _rdv(self) -> datetime:
        zone = self.wiring.settings.zone
        with self.wiring.sessions.begin() as session:
            known = session.scalar(Event.in_order().limit(1))
            if known is not None:
                return known.starts_at.astimezone(zone)
            day = cooperative.next_rdv(self.wiring.now().astimezone(zone).date())
            made = events.create(
                session,
                kind=EventKind.RDV,
                title=cooperative.RDV_TITLE,
                starts_at=datetime.combine(day, hour(12, 30), zone),
                zone=zone,
                video=cooperative.RDV_VIDEO,
                now=self.wiring.now(),
            )
            return made.starts_at.astimezone(zone)

    def _communique(self, rdv: datetime) -> int:
        """Write it, have it read by a second person, send it; each step by the person who may do it."""
        with self.wiring.sessions.begin() as session:
            known = session.scalar(select(Campaign).order_by(Campaign.id).limit(1))
            author = staff.acting(session, AUTHOR.email)
            campaign = known or drafts.create(
                session,
                kind=MailKind.COMMUNIQUE,
                subject=french.typeset_subject(cooperative.SUBJECT),
                preheader=cooperative.PREHEADER,
                body=cooperative.communique(rdv.date()),
                list_slugs=["communiques"],
                author=author,
                now=self.wiring.now(),
            )
            if campaign.status is CampaignStatus.DRAFT:
                drafts.submit(
                    session, campaign, by=author, secret=self.wiring.settings.secret_key, now=self.wiring.now()
                )
            if campaign.status is CampaignStatus.SUBMITTED:
                drafts.approve(
                    session,
                    campaign,
                    by=staff.acting(session, REVIEWER.email),
                    secret=self.wiring.settings.secret_key,
                    now=self.wiring.now(),
                )
            campaign_id, status = campaign.id, campaign.status
        if status is CampaignStatus.APPROVED:
            self._send(campaign_id)
        return campaign_id

    def _send(self, campaign_id: int) -> None:
        with self.wiring.reading() as session:
            launching = sending.launching(self.wiring.office, drafts.get(session, campaign_id))
        with self.wiring.sessions.begin() as session:
            campaigns.send(
                session,
                drafts.get(session, campaign_id),
                launching,
                by=staff.acting(session, REVIEWER.email),
                at=None,
                hold=timedelta(0),
                secret=self.wiring.settings.secret_key,
                now=self.wiring.now(),
            )
        self.say("Le premier communiqué part…")

    def _is_sent(self, campaign_id: int) -> bool:
        with self.wiring.reading() as session:
            campaign = drafts.get(session, campaign_id)
            if campaign.status is not CampaignStatus.SENT:
                return False
            figures = campaigns.figures(session, campaign)
        self.say(
            f"Le communiqué est parti : {figures.accepted} messages envoyés, {figures.refused} refusé (l’adresse n’existe plus), "
            f"{figures.skipped} sociétaire sans adresse."
        )
        return True

    def _answer(self, answer: Answer) -> None:
        """Answer as that member's mail program does, once."""
        server = self.wiring.settings.smtp
        assert server is not None
        if self.mailboxes.sent(answer.address):
            return
        self._await(lambda: self.mailboxes.received(answer.address), "l’arrivée du communiqué")
        person = next(one for one in cooperative.people() if one.address == answer.address)
        received = self.mailboxes.received(answer.address)[-1]
        now = self.wiring.now().astimezone(self.wiring.settings.zone)
        ready = correspondence.answer(received.raw, answer.text, by=person, how=answer.how, now=now)
        correspondence.hand_in(ready, server.port)
        self.mailboxes.mark_read(answer.address, received.key)
        self.mailboxes.keep_sent(answer.address, ready.message)

    def _read(self) -> int:
        with self.wiring.reading() as session:
            treated = InboundMessage.state == InboundState.TREATED
            return session.scalar(select(func.count()).where(treated)) or 0

    def _await(self, condition: Callable[[], object], what: str) -> None:
        end = time.monotonic() + _PATIENCE
        while not condition():
            if time.monotonic() > end:
                raise NotDone(f"{what} n’est pas venu en {_PATIENCE:.0f} secondes")
            time.sleep(_TICK)


def main() -> None:
    """Make what the demo shows, and remember that it is made."""
    wiring = wire(Need.STORES | Need.KEYS | Need.WRITING | Need.SENDING)
    data_dir = wiring.settings.data_dir
    try:
        Sower(wiring, Mailboxes.of(data_dir), lambda line: click.echo(line)).sow()
    except NotDone as fault:
        click.echo(f"Interrompu : {fault}. Relancez la démonstration pour continuer.")
        sys.exit(1)
    (data_dir / cooperative.SOWN).touch()


if __name__ == "__main__":
    main()
