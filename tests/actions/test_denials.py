"""A server that says « no such address » of everybody at its domain cuts nobody off, and is left in peace (D19, D20)."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

import pytest
from sqlalchemy import select, text

from bench.world import seed
from service import db
from service.actions import claims, deliveries, denials, destinations, sending, settling, suppressions
from service.core import addresses
from service.core.reading.bounces import Bounce
from service.core.verdicts import Outcome, Stage, Verdict
from service.core.vocabulary import CampaignStatus, DeliveryState, Role
from service.models.delivery import Delivery
from service.models.mailing_list import Suppression
from service.models.staff import Staff
from tests.actions.test_races import until_it_waits
from tests.builders import NOON, SECRET, Tray, World
from tests.plans import plans

UNKNOWN = Outcome(Verdict.REFUSED, Stage.RCPT, 550, "5.1.1 User unknown")
NO_DOMAIN = Outcome(Verdict.REFUSED, Stage.RCPT, 550, "5.1.2 Host or domain name not found")
FULL = Outcome(Verdict.REFUSED, Stage.RCPT, 550, "5.1.1 Mailbox full, over quota")


def at(domain: str, count: int) -> list[str]:
    return [f"{domain[0]}{n}@{domain}" for n in range(count)]


@dataclass
class Members:
    """Members at some addresses, each of whom is on one list."""

    world: World
    author: Staff
    boss: Staff

    def launch(self, *addresses: str) -> int:
        rows = [f"P{n};N{n};{address}" for n, address in enumerate(addresses)]
        self.world.take_in("\n".join(["Prénom;Nom;E-mail", *rows]), "essai")
        return self.again()

    def again(self) -> int:
        number = self.world.approved(self.author, self.boss, "essai")
        self.world.send(number, self.boss)
        return number

    def barred(self) -> set[str]:
        """Whom nobody writes to any more."""
        with self.world.sessions() as session:
            known = {addresses.fingerprint(one, SECRET): one for one in session.scalars(select(Delivery.address))}
            return {known[found] for found in session.scalars(select(Suppression.address_hmac))}

    def paused(self) -> dict[str, tuple[str, str]]:
        with self.world.sessions() as session:
            return {one.domain: (one.code, one.reply) for one in destinations.paused(session)}

    def waiting(self, number: int) -> int:
        return self.world.figures(number).pending

    def resume(self, domain: str) -> None:
        with self.world.sessions.begin() as session:
            destinations.resume(session, domain, by=session.merge(self.boss), now=self.world.clock())


@pytest.fixture
def members(world: World) -> Members:
    world.mailing_list("essai")
    return Members(world, world.staff("Jeanne"), world.staff("Paul", Role.ADMIN))


def denying(*addresses: str, by: Outcome = UNKNOWN) -> Tray:
    return Tray(dict.fromkeys(addresses, by))


def resumed(members: Members) -> tuple[int, Tray, list[str]]:
    """A sending to a server that knew none of its twelve members, after « Reprendre »."""
    failing = at("panne.example", 12)
    number, tray = members.launch(*failing), denying(*failing)
    sending.send_campaign(members.world.wire(tray), number)
    members.resume("panne.example")
    return number, tray, failing


@pytest.mark.parametrize("word", [UNKNOWN, NO_DOMAIN], ids=["5.1.1", "5.1.2"])
def test_d19_d20_a_server_that_knows_nobody_any_more_bars_nobody_and_is_left_in_peace(
    members: Members, word: Outcome
) -> None:
    failing, other = at("panne.example", 12), at("libre.example", 8)
    number = members.launch(*failing, *other)
    sending.send_campaign(members.world.wire(denying(*failing, by=word)), number)
    assert members.barred() == set()
    assert members.paused() == {"panne.example": (word.text[:5], f"550 {word.text}")}
    figures = members.world.figures(number)
    assert (figures.refused, figures.pending, figures.accepted) == (5, 7, 8)
    assert members.world.status(number) is CampaignStatus.SENDING


def test_d20_a_server_that_still_knows_nobody_after_a_resume_is_left_in_peace_again_at_its_first_word(
    members: Members,
) -> None:
    number, tray, _ = resumed(members)
    sending.send_campaign(members.world.wire(tray), number)
    assert (members.barred(), members.waiting(number), list(members.paused())) == (set(), 6, ["panne.example"])


def test_d19_no_other_sending_believes_a_server_that_is_left_in_peace_and_nobody_is_counted_again(
    members: Members, monkeypatch: pytest.MonkeyPatch
) -> None:
    failing = at("panne.example", 12)
    first = members.launch(*failing)
    sending.send_campaign(members.world.wire(denying(*failing)), first)
    # It was at the wire already when the first one was told.
    with members.world.sessions.begin() as session:
        last = session.scalars(Delivery.of_campaign(members.again())).first()
        assert last is not None
        looked_at: list[str] = []
        monkeypatch.setattr(denials, "_denial", lambda _, __, domain, ___: looked_at.append(domain))
        ticket = claims.ticket_of(last)
        suppressions.note_answers(session, [(ticket, UNKNOWN)], now=members.world.clock())
    assert (members.barred(), looked_at) == (set(), [])
    members.resume("panne.example")
    with members.world.sessions.begin() as session:
        suppressions.note_answers(session, [(ticket, UNKNOWN)], now=members.world.clock())
    assert members.barred() == {ticket.address}


def test_d20_once_the_server_is_mended_everybody_who_waited_gets_the_mail_once_and_its_word_is_taken_again(
    members: Members,
) -> None:
    number, tray, failing = resumed(members)
    tray.script = {failing[-1]: UNKNOWN}
    sending.send_campaign(members.world.wire(tray), number)
    assert sorted(one.recipient for one in tray.envelopes) == sorted(failing[5:-1])
    assert (members.barred(), members.paused()) == ({failing[-1]}, {})
    # Who was refused in those hours gets the next one.
    members.world.clock.forward(days=2)
    later = Tray()
    sending.send_campaign(members.world.wire(later), members.again())
    assert sorted(one.recipient for one in later.envelopes) == sorted(failing[:-1])


def test_d19_four_unknown_addresses_of_one_domain_are_barred_each(members: Members) -> None:
    gone = at("petit.example", 4)
    sending.send_campaign(members.world.wire(denying(*gone)), members.launch(*gone))
    assert (members.barred(), members.paused()) == (set(gone), {})


def test_d19_a_large_provider_that_knows_the_others_is_believed_about_many(members: Members) -> None:
    there = at("grand.example", 40)
    gone = there[3::5]
    sending.send_campaign(members.world.wire(denying(*gone)), members.launch(*there))
    assert len(gone) == 8
    assert (members.barred(), members.paused()) == (set(gone), {})


@pytest.mark.parametrize(("denied", "is_believed"), [(9, True), (10, False)])
def test_d19_one_known_address_in_ten_denied_is_next_to_none(members: Members, denied: int, is_believed: bool) -> None:
    known, *gone = at("panne.example", denied + 1)
    sending.send_campaign(members.world.wire(denying(*gone)), members.launch(known, *gone))
    assert members.barred() == (set(gone) if is_believed else set())
    assert bool(members.paused()) is not is_believed


def test_d19_full_mailboxes_under_the_code_of_an_unknown_address_are_no_sign_of_a_failure(members: Members) -> None:
    full, gone = at("petit.example", 5), "x@petit.example"
    tray = denying(*full, by=FULL)
    tray.script[gone] = UNKNOWN
    sending.send_campaign(members.world.wire(tray), members.launch(*full, gone))
    assert (members.barred(), members.paused()) == ({gone}, {})


def test_d19_what_was_barred_before_the_failure_and_an_objection_stay_so(members: Members) -> None:
    failing = at("panne.example", 8)
    number = members.launch(*failing)
    with members.world.sessions.begin() as session:
        for address, reason, when in (
            (failing[0], "5.1.1", NOON - timedelta(days=30)),
            (failing[1], "opposition", NOON + timedelta(days=1)),
        ):
            fingerprint = addresses.fingerprint(address, SECRET)
            session.add(Suppression(address_hmac=fingerprint, reason=reason, at=when))
        rows = session.scalars(Delivery.of_campaign(number)).all()
        for row in rows[:6]:
            row.state, row.why, row.enhanced, row.reply = DeliveryState.REFUSED, "rcpt", "5.1.1", UNKNOWN.text
    sending.send_campaign(members.world.wire(denying(*failing)), number)
    assert (members.barred(), list(members.paused())) == (set(failing[:2]), ["panne.example"])


def test_d19_reports_about_everybody_of_a_domain_bar_nobody_in_the_end(
    members: Members, returned: Callable[[int, str], None]
) -> None:
    failing, other = at("panne.example", 12), at("libre.example", 4)
    number = members.launch(*failing, *other)
    sending.send_campaign(members.world.wire(Tray()), number)
    for address in [*failing[:10], other[0]]:
        returned(number, address)
    # Two of the twelve may have the mail: so far they are believed.
    assert (members.barred(), members.paused()) == ({*failing[:10], other[0]}, {})
    returned(number, failing[10])
    # These reports have no words of the server: none are told as its own.
    assert (members.barred(), members.paused()) == ({other[0]}, {"panne.example": ("5.1.1", "")})
    returned(number, failing[11])
    assert members.barred() == {other[0]}


def test_d19_two_processes_that_are_told_of_four_people_each_at_once_count_eight(members: Members) -> None:
    world, failing = members.world, at("panne.example", 8)
    number = members.launch(*failing)
    halves = []
    for owner in ("here/1", "here/2"):
        with world.sessions.begin() as session:
            taken = claims.claim(session, number, owner=owner, limit=4, after=0, now=NOON).tickets
        halves.append((owner, [(ticket, UNKNOWN) for ticket in taken]))

    def settle(owner: str, told: list[tuple[claims.Ticket, Outcome | None]]) -> None:
        with world.sessions.begin() as session:
            settling.settle(session, told, owner=owner, now=NOON)

    (mine, my_half), other = halves
    second = threading.Thread(target=settle, args=other)
    with world.sessions.begin() as session:
        settling.settle(session, my_half, owner=mine, now=NOON)
        second.start()
        until_it_waits(session, second)
    second.join()
    assert [len(half) for _, half in halves] == [4, 4]
    assert (members.barred(), list(members.paused())) == (set(), ["panne.example"])


def test_the_denied_of_a_campaign_are_found_without_a_look_at_those_who_have_the_mail(postgres: str) -> None:
    seed(postgres, 3000)
    engine = db.connect(postgres)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("UPDATE delivery SET state = 'accepted'"))
        refused = "state = 'refused', why = 'rcpt', enhanced = '5.1.1', reply = '5.1.1 User unknown'"
        connection.execute(text(f"UPDATE delivery SET {refused} WHERE id % 500 = 0"))
        connection.execute(text("UPDATE delivery SET bounced_at = now(), bounce_code = '5.1.1' WHERE id % 500 = 1"))
        connection.execute(text("VACUUM ANALYZE"))
    with engine.connect() as connection, plans(engine) as found:
        assert len(connection.execute(denials.denied_at(1)).all()) == 12
    engine.dispose()
    assert "Seq Scan on delivery" not in found[0]
    assert "ix_delivery_standing" in found[0]
    assert "ix_delivery_bounced" in found[0]


@pytest.fixture
def returned(members: Members) -> Callable[[int, str], None]:
    """Take in a report that the mail of a campaign to somebody came back, as the inbox does."""

    def come_back(number: int, address: str) -> None:
        said = Bounce(address, "failed", "5.1.1", "hard", "L’adresse n’existe pas.", (), "", is_reported=True)
        with members.world.sessions.begin() as session:
            row = session.scalars(Delivery.of_campaign(number).where(Delivery.address == address)).one()
            deliveries.record_bounce(row, status=said.status, reason=said.reason, now=members.world.clock())
            session.flush()
            suppressions.note_bounce(session, row, said, now=members.world.clock())

    return come_back
