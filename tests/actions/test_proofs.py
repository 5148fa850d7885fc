"""What does the proof of a sending hold, and when can there be none?"""

from __future__ import annotations

import hashlib
import json
from datetime import timedelta

import pytest
from sqlalchemy import select

from service.actions import campaigns, deliveries, doubts, proofs, sending
from service.actions.doubts import Choice
from service.core.conversation import OUT_OF_PLACE
from service.core.proof import sheet
from service.core.proof.content import Proof
from service.core.refusals import Conflict
from service.core.verdicts import Outcome, Stage, Verdict
from service.core.vocabulary import DeliveryState, Role
from service.models.campaign import Campaign
from service.models.delivery import Delivery
from service.models.staff import Staff
from service.ports import Envelope
from tests.actions.test_lease_seams import to
from tests.builders import Tray, World

UNKNOWN = Outcome(Verdict.REFUSED, Stage.RCPT, 550, "5.1.1 User unknown")
CUT = Outcome(Verdict.IN_DOUBT, Stage.DOT, None, "connection lost")


def carried(world: World, number: int, **script: Outcome) -> Tray:
    """Send all of it; `membre0=…` scripts what the relay says to an address."""
    tray = Tray({f"{name}@exemple{int(name[-1]) % 3}.example": outcome for name, outcome in script.items()})
    sending.send_campaign(world.wire(tray), number)
    return tray


def proof_of(world: World, number: int) -> Proof:
    with world.sessions() as session:
        return proofs.compose(session, session.get_one(Campaign, number))


def test_the_proof_holds_the_text_the_agreement_and_what_the_server_said_of_each(world: World, launched: int) -> None:
    world.clock.forward(seconds=30)
    carried(world, launched, membre1=UNKNOWN, membre2=CUT)
    proof = proof_of(world, launched)
    assert proof.subject == "Où en sommes-nous\u00a0?"
    assert proof.sender == "Les Passerelles <vie@passerelles.example>"
    assert "Bonjour {prénom}," in proof.text
    assert "pli.invalid" not in proof.text
    assert (proof.author, proof.agreement.by, proof.agreement.without_review) == ("Jeanne", "Paul", False)
    assert (proof.sent_by, proof.is_stopped) == ("Paul", False)
    by_number = {row.number: row for row in proof.rows}
    sent, refused, doubted = by_number["S0000"], by_number["S0001"], by_number["S0002"]
    assert (sent.name, sent.address) == ("Prénom0 Nom0", "membre0@exemple0.example")
    assert (sent.state, sent.code, sent.reply, sent.settled_at) == ("envoyé", 250, "2.0.0 kept", world.clock())
    assert (refused.state, refused.detail, refused.code) == ("en erreur", "L’adresse n’existe pas.", 550)
    # Nobody answered: our own note on the cut line is no server's reply.
    assert (doubted.state, doubted.code, doubted.reply, doubted.settled_at) == ("en doute", None, "", None)
    assert doubted.detail
    assert sent.fields == "prénom : Prénom0"
    with world.sessions() as session:
        ids = set(session.scalars(select(Delivery.message_id).where(Delivery.campaign_id == launched)))
    assert {row.message_id for row in proof.rows} == ids


def left(world: World, number: int, by: Staff, *, only: int | None = None) -> int:
    """Decide not to send again to who is in doubt, or to one of them."""
    with world.sessions.begin() as session:
        campaign = session.get_one(Campaign, number)
        return doubts.decide(session, campaign, Choice.LEAVE, by=session.merge(by), now=world.clock(), only=only)


def row_to(world: World, number: int, name: str) -> int:
    with world.sessions() as session:
        rows = session.scalars(Delivery.of_campaign(number))
        return next(row.id for row in rows if row.address.startswith(f"{name}@"))


def test_the_decision_to_leave_somebody_in_doubt_is_told_with_who_and_when(
    world: World, launched: int, boss: Staff
) -> None:
    """Each row tells the act that decided on it, not the last of the campaign."""
    carried(world, launched, membre1=CUT, membre2=CUT, membre3=CUT)
    colleague, first = world.staff("Ana", Role.ADMIN), world.clock() + timedelta(minutes=5)
    world.clock.forward(minutes=5)
    left(world, launched, boss, only=row_to(world, launched, "membre1"))
    world.clock.forward(minutes=5)
    left(world, launched, colleague, only=row_to(world, launched, "membre2"))
    proof = proof_of(world, launched)
    by_number = {row.number: row for row in proof.rows}
    decided = "L’équipe a décidé de ne pas le renvoyer."
    assert by_number["S0001"].detail.endswith(f"le message est peut-être parti. {decided}")
    assert (by_number["S0001"].decided_by, by_number["S0001"].decided_at) == ("Paul", first)
    assert (by_number["S0002"].decided_by, by_number["S0002"].decided_at) == ("Ana", world.clock())
    for other in ("S0000", "S0003"):
        assert decided not in by_number[other].detail
        assert (by_number[other].decided_by, by_number[other].decided_at) == ("", None)
    assert proof.last_fact_at == world.clock()


def test_of_two_decisions_on_one_mail_the_last_is_told_and_none_once_a_late_word_ended_the_doubt(
    world: World, launched: int, boss: Staff
) -> None:
    carried(world, launched, membre1=CUT)
    number = row_to(world, launched, "membre1")
    left(world, launched, boss)
    world.clock.forward(minutes=5)
    with world.sessions.begin() as session:
        # A process that woke late has called it in doubt once more.
        session.get_one(Delivery, number).doubted_at = world.clock()
    assert [row.decided_by for row in proof_of(world, launched).rows if row.decided_at] == []
    assert left(world, launched, world.staff("Ana", Role.ADMIN)) == 1
    told = [(row.decided_by, row.decided_at) for row in proof_of(world, launched).rows if row.decided_at]
    assert told == [("Ana", world.clock())]
    with world.sessions.begin() as session:
        session.get_one(Delivery, number).state = DeliveryState.ACCEPTED
    assert [row.decided_by for row in proof_of(world, launched).rows if row.decided_at] == []


def test_decisions_of_before_are_known_again_where_the_journal_leaves_no_choice(
    world: World, launched: int, author: Staff, boss: Staff
) -> None:
    """The migration: one act of a sending is the one that left its mail in doubt, of two nobody knows which."""
    other = world.approved(author, boss, "nouvelles")
    world.send(other, boss)
    for number in (launched, other):
        carried(world, number, membre1=CUT, membre2=CUT)
    left(world, launched, boss)
    for name in ("membre1", "membre2"):
        left(world, other, boss, only=row_to(world, other, name))
    before = proof_of(world, launched)
    to(world, "0009")
    to(world, "head")
    assert proof_of(world, launched) == before
    assert [row.decided_by for row in before.rows if row.decided_at] == ["Paul", "Paul"]
    unknown = [row for row in proof_of(world, other).rows if row.state == "en doute"]
    assert [(row.decided_by, row.detail.endswith("ne pas le renvoyer.")) for row in unknown] == [("", True)] * 2


def test_who_was_never_written_to_has_no_message_id_and_who_may_have_been_keeps_it(
    world: World, launched: int, boss: Staff
) -> None:
    """One is sent, one in doubt waits to leave again, one was refused, two had not left when it is stopped."""
    tried: list[Envelope] = []
    tray = Tray({"membre1@exemple1.example": CUT, "membre2@exemple2.example": UNKNOWN}, before=tried.append)
    sending.send_campaign(world.wire(tray, go_on=lambda: len(tried) < 3), launched)
    doubtful = row_to(world, launched, "membre1")
    with world.sessions.begin() as session:
        campaign = session.get_one(Campaign, launched)
        doubts.decide(session, campaign, Choice.RESEND, by=session.merge(boss), now=world.clock())
        # As a relay leaves it that could not be reached at the next attempt.
        session.get_one(Delivery, doubtful).handed_at = None
        campaigns.stop(session, campaign, by=session.merge(boss), now=world.clock())
    with world.sessions() as session:
        ids = {row.address: row.message_id for row in session.scalars(Delivery.of_campaign(launched))}
    told = {row.address: (row.state, row.message_id == ids[row.address]) for row in proof_of(world, launched).rows}
    skipped = [row for row in proof_of(world, launched).rows if row.state == "non envoyé"]
    assert told["membre0@exemple0.example"] == ("envoyé", True)
    assert told["membre1@exemple1.example"] == ("en doute", True)
    assert told["membre2@exemple2.example"] == ("en erreur", True)
    assert skipped
    assert {row.message_id for row in skipped} == {""}


def test_who_was_put_off_and_then_kept_back_has_the_words_of_the_server_and_no_hour_of_the_stop(
    world: World, launched: int, boss: Staff
) -> None:
    carried(world, launched, membre1=Outcome(Verdict.DEFERRED, Stage.RCPT, 451, "4.7.1 later"))
    world.clock.forward(seconds=30)
    with world.sessions.begin() as session:
        campaigns.stop(session, session.get_one(Campaign, launched), by=session.merge(boss), now=world.clock())
    (row,) = (row for row in proof_of(world, launched).rows if row.state == "non envoyé")
    assert (row.code, row.reply, row.settled_at) == (451, "4.7.1 later", None)


def test_words_of_a_server_that_came_out_of_place_are_shown_as_its_own(world: World, launched: int) -> None:
    odd = Outcome(Verdict.IN_DOUBT, Stage.DOT, None, f"{OUT_OF_PLACE}250 2.0.0 kept twice")
    carried(world, launched, membre1=odd)
    (row,) = (row for row in proof_of(world, launched).rows if row.state == "en doute")
    assert (row.reply, row.settled_at) == ("250 2.0.0 kept twice", world.clock())


def test_what_was_no_reply_at_all_is_not_shown_as_one(world: World, launched: int) -> None:
    odd = Outcome(Verdict.IN_DOUBT, Stage.DOT, None, f"{OUT_OF_PLACE}not an SMTP reply: b'HTTP/1.1'")
    carried(world, launched, membre1=odd)
    (row,) = (row for row in proof_of(world, launched).rows if row.state == "en doute")
    assert (row.reply, row.settled_at) == ("", None)


def test_anybody_can_compute_the_approved_hash_from_the_proof(world: World, launched: int) -> None:
    carried(world, launched)
    proof = proof_of(world, launched)
    approved = [
        proof.approved_subject,
        proof.approved_preheader,
        proof.approved_body,
        proof.list_slugs.split(","),
    ]
    assert proof.agreement.content_hash == hashlib.sha256(json.dumps(approved, ensure_ascii=False).encode()).hexdigest()


def test_the_totals_are_the_figures_of_the_page(world: World, launched: int) -> None:
    carried(world, launched, membre1=UNKNOWN, membre2=CUT)
    with world.sessions.begin() as session:
        rows = list(session.scalars(Delivery.of_campaign(launched)))
        deliveries.record_bounce(rows[0], status="5.1.1", reason="L’adresse n’existe pas.", now=world.clock())
        rows[3].complained_at = world.clock()
    proof, figures = proof_of(world, launched), world.figures(launched)
    for name in ("planned", "accepted", "refused", "in_doubt", "skipped", "bounced", "complained"):
        assert getattr(proof.totals, name) == getattr(figures, name), name
    assert (figures.accepted, figures.bounced, figures.complained) == (3, 1, 1)
    assert len(proof.rows) == proof.totals.planned


def test_a_bounce_is_told_with_its_code_reason_and_hour_and_changes_the_hash(world: World, launched: int) -> None:
    carried(world, launched)
    before = proof_of(world, launched)
    assert sheet.sha256(proof_of(world, launched)) == sheet.sha256(before)
    world.clock.forward(hours=2)
    with world.sessions.begin() as session:
        row = session.scalars(Delivery.of_campaign(launched)).first()
        assert row is not None
        deliveries.record_bounce(row, status="5.1.1", reason="L’adresse n’existe pas.", now=world.clock())
    after = proof_of(world, launched)
    bounced = after.rows[0]
    assert (bounced.state, bounced.code) == ("revenu en erreur", 250)
    assert (bounced.bounced_at, bounced.bounce_code) == (world.clock(), "5.1.1")
    assert bounced.bounce_reason == "L’adresse n’existe pas."
    assert after.last_fact_at == world.clock()
    assert sheet.sha256(after) != sheet.sha256(before)


def test_a_member_who_moves_or_is_renamed_later_changes_nothing_of_the_proof(world: World, launched: int) -> None:
    carried(world, launched)
    before = proof_of(world, launched)
    world.take_in("Prénom;Nom;E-mail;Numéro\nAutre;Nom0;neuve@ailleurs.example;S0000")
    assert proof_of(world, launched) == before


def test_a_sending_without_a_second_reader_tells_who_decided_and_why(world: World, author: Staff, boss: Staff) -> None:
    number = world.draft(author, "nouvelles")
    world.send(number, boss, reason="Le local ferme ce soir.")
    carried(world, number)
    agreement = proof_of(world, number).agreement
    assert (agreement.without_review, agreement.by, agreement.reason) == (True, "Paul", "Le local ferme ce soir.")


def test_a_stopped_sending_tells_who_stopped_it_and_who_got_nothing(world: World, launched: int, boss: Staff) -> None:
    turns = iter([True, True, False])
    sending.send_campaign(world.wire(Tray(), go_on=lambda: next(turns, False)), launched)
    with world.sessions.begin() as session:
        campaigns.stop(session, session.get_one(Campaign, launched), by=session.merge(boss), now=world.clock())
    proof = proof_of(world, launched)
    assert (proof.is_stopped, proof.stopped_by) == (True, "Paul")
    assert proof.totals.skipped == 5 - proof.totals.accepted > 0
    assert {row.detail for row in proof.rows if row.state == "non envoyé"} == {"L’envoi a été arrêté avant."}


def test_a_sending_that_has_not_ended_is_refused_with_what_to_do(world: World, launched: int) -> None:
    with pytest.raises(Conflict, match=r"n’est pas terminé.*Attendez la fin"):
        proof_of(world, launched)


def test_a_sending_that_was_stopped_before_its_launch_has_nothing_to_prove(
    world: World, author: Staff, boss: Staff
) -> None:
    number = world.approved(author, boss, "nouvelles")
    world.send(number, boss, at=world.clock() + timedelta(hours=1))
    with world.sessions.begin() as session:
        campaigns.stop(session, session.get_one(Campaign, number), by=session.merge(boss), now=world.clock())
    with pytest.raises(Conflict, match="rien à prouver"):
        proof_of(world, number)


def test_a_mail_still_at_the_wire_of_a_stopped_sending_is_waited_for(world: World, launched: int, boss: Staff) -> None:
    def stop(_: object) -> None:
        with world.sessions.begin() as session:
            if world.status(launched).value == "sending":
                campaigns.stop(session, session.get_one(Campaign, launched), by=session.merge(boss), now=world.clock())
        with pytest.raises(Conflict, match="entre les mains du serveur"):
            proof_of(world, launched)

    sending.send_campaign(world.wire(Tray(before=stop)), launched)
    assert proof_of(world, launched).totals.accepted == 1
