"""When is the proof of a statutory sending sealed, and what do the witnesses get?"""

from __future__ import annotations

import email
import email.policy
import tracemalloc
from dataclasses import dataclass, field
from email.message import EmailMessage

import pytest
from sqlalchemy import select

from service.actions import campaigns, deliveries, doubts, seals, sending, witnesses
from service.actions.doubts import Choice
from service.core.proof import sheet
from service.core.proof.content import Proof
from service.core.refusals import NotFound
from service.core.vocabulary import DeliveryState, MailClass, MailKind
from service.models.campaign import Campaign
from service.models.delivery import Delivery
from service.models.doubt_decision import DoubtDecision
from service.models.journal import JournalEntry
from service.models.proof import CampaignProof
from service.models.staff import Staff
from service.ports import CannotPrint, Envelope
from tests.actions.test_lease_seams import to
from tests.actions.test_proofs import CUT, UNKNOWN, carried, left, row_to
from tests.builders import SECRET, Tray, World, house_office
from tests.builders_of_proofs import proof, row

WITNESSES = ("presidente@ailleurs.example", "tresorier@ailleurs.example")


@dataclass
class Press:
    """A printer that says what it was given, or that it cannot print."""

    refuses: bool = False
    printed: list[Proof] = field(default_factory=list)

    def pdf(self, proof: Proof) -> bytes:
        if self.refuses:
            raise CannotPrint("Il manque Pango.")
        self.printed.append(proof)
        return b"%PDF of " + sheet.sha256(proof).encode()

    def pdf_of_file(self, file: bytes) -> bytes:
        return self.pdf(sheet.read(file))


@pytest.fixture
def convened(world: World, author: Staff, boss: Staff) -> int:
    """A convocation to five members, launched."""
    world.mailing_list("assemblee", MailClass.STATUTORY)
    world.members(5, "assemblee")
    number = world.approved(author, boss, "assemblee", body="Bonjour {prénom},\n\nVenez **tous**.\n")
    world.send(number, boss)
    return number


def proof_of(world: World, number: int, *, sealed: bool = False) -> Proof:
    with world.sessions() as session:
        return seals.proof_of(session, session.get_one(Campaign, number), sealed=sealed)


def seal(world: World, number: int, *witnesses: str) -> CampaignProof | None:
    with world.sessions.begin() as session:
        return seals.seal(
            session, number, witnesses=witnesses, domain="passerelles.example", secret=SECRET, now=world.clock()
        )


def unsealed(world: World) -> list[int]:
    with world.sessions() as session:
        return list(session.scalars(CampaignProof.missing(world.clock())))


def mails(world: World) -> list[Delivery]:
    with world.sessions() as session:
        return list(session.scalars(select(Delivery).where(Delivery.kind == MailKind.PROOF).order_by(Delivery.id)))


def told(world: World, row: Delivery, press: Press | None) -> tuple[EmailMessage, Tray]:
    tray = Tray()
    wire = world.wire(tray)
    sending.send_single(sending.Sending(wire.process, tray, world.office, press), row.id)
    return email.message_from_bytes(tray.envelopes[0].message, policy=email.policy.default), tray


def test_only_a_statutory_sending_of_which_something_left_is_sealed_and_once_an_end(
    world: World, launched: int, convened: int
) -> None:
    carried(world, launched)
    assert unsealed(world) == []
    carried(world, convened)
    assert unsealed(world) == [convened]
    kept = seal(world, convened, *WITNESSES, WITNESSES[0])
    assert kept is not None
    assert unsealed(world) == []
    assert seal(world, convened, *WITNESSES) is None
    assert [row.address for row in mails(world)] == list(WITNESSES)
    with world.sessions() as session:
        noted = session.scalars(select(JournalEntry).where(JournalEntry.act == "campaign.seal")).one()
    assert noted.detail == {"sha256": kept.sha256, "witnesses": 2}


def test_nothing_is_sealed_while_a_mail_is_at_the_wire(world: World, convened: int, boss: Staff) -> None:
    """One mail was accepted, the next one is between its dot and its answer when somebody stops the sending."""
    tray = Tray()

    def stop(_: object) -> None:
        if len(tray.envelopes) == 1:
            with world.sessions.begin() as session:
                campaigns.stop(session, session.get_one(Campaign, convened), by=session.merge(boss), now=world.clock())
            assert world.figures(convened).accepted == 1
            assert world.figures(convened).handing == 1
        assert unsealed(world) == []

    tray.before = stop
    sending.send_campaign(world.wire(tray), convened)
    assert unsealed(world) == [convened]
    assert seal(world, convened) is not None
    assert proof_of(world, convened, sealed=True).totals.accepted == 2


def test_a_decision_after_the_end_is_sealed_anew_once_an_act_and_not_once_a_mail(
    world: World, convened: int, boss: Staff
) -> None:
    carried(world, convened, membre1=CUT, membre2=CUT, membre3=CUT)
    first = seal(world, convened, WITNESSES[0])
    assert left(world, convened, boss, only=row_to(world, convened, "membre1")) == 1
    world.clock.forward(minutes=5)
    assert unsealed(world) == [convened]
    second = seal(world, convened, WITNESSES[0])
    assert unsealed(world) == []
    assert left(world, convened, boss) == 2
    assert unsealed(world) == [convened]
    third = seal(world, convened, WITNESSES[0])
    assert unsealed(world) == []
    assert seal(world, convened, WITNESSES[0]) is None
    assert first is not None
    assert second is not None
    assert third is not None
    told = [sheet.read(kept.content) for kept in (first, second, third)]
    decided = [[row.decided_by for row in proof.rows if row.state == "en doute"] for proof in told]
    assert decided == [["", "", ""], ["Paul", "", ""], ["Paul", "Paul", "Paul"]]
    assert [proof.replaces for proof in told] == ["", first.sha256, second.sha256]
    assert len(mails(world)) == 3


def test_decisions_that_are_made_one_by_one_are_gathered_in_one_seal(world: World, convened: int, boss: Staff) -> None:
    """Each comes four minutes after the one before; the last but one is five minutes old before the seal."""
    carried(world, convened, membre1=CUT, membre2=CUT, membre3=CUT, membre4=CUT)
    assert seal(world, convened, WITNESSES[0]) is not None
    for name in ("membre1", "membre2", "membre3"):
        world.clock.forward(minutes=4)
        assert left(world, convened, boss, only=row_to(world, convened, name)) == 1
        assert (unsealed(world), seal(world, convened, WITNESSES[0])) == ([], None)
    world.clock.forward(minutes=4, seconds=59)
    assert unsealed(world) == []
    world.clock.forward(seconds=1)
    assert unsealed(world) == [convened]
    assert seal(world, convened, WITNESSES[0]) is not None
    assert len(mails(world)) == 2
    decided = [row.decided_by for row in proof_of(world, convened, sealed=True).rows if row.state == "en doute"]
    assert sorted(decided) == ["", "Paul", "Paul", "Paul"]


def test_once_no_doubt_is_left_the_decisions_are_sealed_at_once(world: World, convened: int, boss: Staff) -> None:
    carried(world, convened, membre1=CUT, membre2=CUT)
    assert seal(world, convened) is not None
    assert left(world, convened, boss, only=row_to(world, convened, "membre1")) == 1
    assert unsealed(world) == []
    assert left(world, convened, boss) == 1
    assert unsealed(world) == [convened]


def test_a_clock_that_was_put_back_holds_no_seal_up(world: World, convened: int, boss: Staff) -> None:
    carried(world, convened, membre1=CUT, membre2=CUT)
    assert seal(world, convened) is not None
    left(world, convened, boss, only=row_to(world, convened, "membre1"))
    world.clock.forward(days=-30)
    assert unsealed(world) == [convened]


def test_what_is_decided_of_one_sending_is_no_reason_to_seal_another_anew(
    world: World, convened: int, boss: Staff
) -> None:
    """It could not be: its seal is there, and the clock would compose its proof at each tick, in vain."""
    carried(world, convened)
    assert seal(world, convened) is not None
    author, _ = world.colleagues()
    other = world.approved(author, boss, "assemblee", body="Bonjour {prénom},\n\nVenez **tous**.\n")
    world.send(other, boss)
    carried(world, other, membre1=CUT)
    assert seal(world, other) is not None
    left(world, other, boss)
    assert unsealed(world) == [other]
    assert seal(world, other) is not None
    assert (unsealed(world), seal(world, convened)) == ([], None)


def test_the_proof_of_today_is_the_last_seal_until_something_comes_back_and_then_replaces_it(
    world: World, convened: int, boss: Staff
) -> None:
    carried(world, convened, membre1=CUT)
    for decide in (False, True):
        if decide:
            left(world, convened, boss)
        kept = seal(world, convened)
        assert kept is not None
        assert sheet.sha256(proof_of(world, convened)) == kept.sha256
        assert proof_of(world, convened) == proof_of(world, convened, sealed=True)
    with world.sessions.begin() as session:
        row = session.scalars(Delivery.of_campaign(convened)).first()
        assert row is not None
        deliveries.record_bounce(row, status="5.1.1", reason="L’adresse n’existe pas.", now=world.clock())
    assert proof_of(world, convened).replaces == sheet.sha256(proof_of(world, convened, sealed=True))


def test_the_mail_of_a_later_seal_names_the_proof_that_it_replaces(world: World, convened: int, boss: Staff) -> None:
    carried(world, convened, membre1=CUT)
    first = seal(world, convened, WITNESSES[0])
    left(world, convened, boss)
    second = seal(world, convened, WITNESSES[0])
    assert first is not None
    assert second is not None
    before, after = (told(world, row, None)[0] for row in mails(world))
    words = ["".join(mail.get_body(("plain",)).get_content().split()) for mail in (before, after)]  # type: ignore[union-attr]
    assert [first.sha256 in one for one in words] == [True, True]
    assert [second.sha256 in one for one in words] == [False, True]
    assert ["vientdeseterminer" in one for one in words] == [True, False]
    assert ["Elleremplacecelled’empreinte" + first.sha256 in one for one in words] == [False, True]
    assert after["Subject"].startswith("Nouvelle preuve d’envoi")


def test_a_decision_before_the_end_is_in_the_first_seal(world: World, convened: int, boss: Staff) -> None:
    def decide(envelope: Envelope) -> None:
        if envelope.recipient.startswith("membre4@"):
            assert left(world, convened, boss) == 1
            assert unsealed(world) == []

    tray = Tray({"membre1@exemple1.example": CUT}, before=decide)
    sending.send_campaign(world.wire(tray), convened)
    kept = seal(world, convened)
    assert kept is not None
    assert [row.decided_by for row in sheet.read(kept.content).rows if row.decided_at] == ["Paul"]
    assert unsealed(world) == []


def test_nothing_is_sealed_while_what_the_team_sends_again_is_under_way(
    world: World, convened: int, boss: Staff
) -> None:
    """One is left in doubt, another is written to once more: the new end and the decision make one seal."""
    carried(world, convened, membre1=CUT, membre2=CUT)
    assert seal(world, convened) is not None
    left(world, convened, boss, only=row_to(world, convened, "membre1"))
    with world.sessions.begin() as session:
        campaign = session.get_one(Campaign, convened)
        assert doubts.decide(session, campaign, Choice.RESEND, by=session.merge(boss), now=world.clock()) == 1
    assert unsealed(world) == []
    assert seal(world, convened) is None
    world.clock.forward(minutes=1)
    carried(world, convened)
    assert unsealed(world) == [convened]
    assert seal(world, convened) is not None
    assert unsealed(world) == []


def test_the_seals_of_two_decisions_come_down_to_the_schema_before_and_up_again(
    world: World, convened: int, boss: Staff
) -> None:
    """Witnesses hold each of them. Nothing that was told is sealed once more afterwards."""
    carried(world, convened, membre1=CUT, membre2=CUT)
    kept = [seal(world, convened)]
    for name in ("membre1", "membre2"):
        world.clock.forward(minutes=1)
        left(world, convened, boss, only=row_to(world, convened, name))
        world.clock.forward(minutes=5)
        kept.append(seal(world, convened))
    to(world, "0010")
    to(world, "head")
    with world.sessions() as session:
        stored = session.scalars(select(CampaignProof).order_by(CampaignProof.id)).all()
        told = session.execute(select(DoubtDecision.entry_id).order_by(DoubtDecision.entry_id)).scalars().all()
    assert [one.sha256 for one in stored] == [one.sha256 for one in kept if one is not None]
    assert [one.decision_id for one in stored] == [0, *told]


def test_a_statutory_sending_that_was_called_back_whole_is_not_sealed(world: World, convened: int, boss: Staff) -> None:
    with world.sessions.begin() as session:
        campaigns.stop(session, session.get_one(Campaign, convened), by=session.merge(boss), now=world.clock())
    assert unsealed(world) == []


def test_what_comes_back_later_is_in_the_proof_of_today_and_not_in_the_sealed_one(world: World, convened: int) -> None:
    carried(world, convened)
    kept = seal(world, convened)
    assert kept is not None
    with world.sessions.begin() as session:
        row = session.scalars(Delivery.of_campaign(convened)).first()
        assert row is not None
        deliveries.record_bounce(row, status="5.1.1", reason="L’adresse n’existe pas.", now=world.clock())
    assert proof_of(world, convened).totals.bounced == 1
    as_sealed = proof_of(world, convened, sealed=True)
    assert as_sealed.totals.bounced == 0
    assert sheet.sha256(as_sealed) == kept.sha256


def test_a_sending_that_was_not_sealed_says_so(world: World, launched: int) -> None:
    carried(world, launched)
    with pytest.raises(NotFound, match="pas de preuve scellée"):
        proof_of(world, launched, sealed=True)


def test_each_witness_gets_the_same_paper_printed_once_with_the_figures_and_the_hash(
    world: World, convened: int
) -> None:
    carried(world, convened, membre1=UNKNOWN)
    kept = seal(world, convened, *WITNESSES)
    assert kept is not None
    press = Press()
    for ordered, witness in zip(mails(world), WITNESSES, strict=True):
        mail, tray = told(world, ordered, press)
        assert tray.envelopes[0].recipient == witness
        assert mail["Subject"] == "Preuve d’envoi\u00a0: «\u00a0Où en sommes-nous\u00a0?\u00a0»"
        [file] = mail.iter_attachments()
        assert (file.get_filename(), file.get_content_type()) == (f"preuve-envoi-{convened}.pdf", "application/pdf")
        assert file.get_payload(decode=True) == b"%PDF of " + kept.sha256.encode()
        body = mail.get_body(("plain",))
        assert body is not None
        said = " ".join(body.get_content().split()).replace("\u00a0", " ")
        assert kept.sha256 in said.replace(" ", "")
        assert "Envoyés : 4 - En erreur : 1" in said
    assert len(press.printed) == 1
    with world.sessions() as session:
        assert seals.witnesses_told(session, session.get_one(CampaignProof, kept.id)) == 2


def test_where_nothing_can_be_printed_the_witnesses_get_the_csv(world: World, convened: int) -> None:
    carried(world, convened)
    kept = seal(world, convened, WITNESSES[0])
    assert kept is not None
    mail, _ = told(world, mails(world)[0], Press(refuses=True))
    [file] = mail.iter_attachments()
    content = file.get_payload(decode=True)
    assert isinstance(content, bytes)
    assert sheet.check(content) == kept.sha256
    assert file.get_filename() == f"preuve-envoi-{convened}.csv"


def test_the_mail_to_a_witness_is_written_without_the_recipients_in_memory() -> None:
    told = proof(*(row(number) for number in range(3000)))
    kept = CampaignProof(id=1, content=sheet.write(told), sha256=sheet.sha256(told), pdf=b"%PDF")
    tracemalloc.start()
    try:
        written, file = witnesses.letter(kept, house_office().house)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert (file.content, "3 000" in written.body.replace("\u202f", " ")) == (b"%PDF", True)
    assert most < len(kept.content) / 4


def test_a_sealed_proof_that_somebody_changed_is_not_mailed(world: World, convened: int) -> None:
    carried(world, convened)
    kept = seal(world, convened, WITNESSES[0])
    assert kept is not None
    with world.sessions.begin() as session:
        stored = session.get_one(CampaignProof, kept.id)
        stored.content = stored.content.replace("envoyé".encode(), b"envoye")
    tray = Tray()
    sending.send_single(world.wire(tray), mails(world)[0].id)
    assert tray.envelopes == []
    assert mails(world)[0].state is DeliveryState.REFUSED
