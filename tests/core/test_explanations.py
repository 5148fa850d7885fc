"""Whatever becomes of a mail, staff read it in French."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.core import explanations
from service.core.conversation import OUT_OF_PLACE
from service.core.vocabulary import DeliveryState, DoubtReason, SkipReason

REFUSALS = [
    (550, "5.1.1", "5.1.1 <a@b.example>: Recipient address rejected: User unknown", "L’adresse n’existe pas."),
    (550, None, "No such user here", "L’adresse n’existe pas."),
    (552, "5.2.2", "5.2.2 mailbox full", "La boîte aux lettres est pleine."),
    (452, "4.2.2", "4.2.2 The email account is over quota", "La boîte aux lettres est pleine."),
    (552, None, "no", "La boîte aux lettres est pleine ou le message est trop gros."),
    (553, None, "no", "Le serveur n’accepte pas cette adresse."),
    (550, "5.7.1", "5.7.1 blocked by policy", "Le serveur a refusé le message\u00a0: réputation ou règle anti-spam."),
    (554, None, "no", "Le serveur a refusé le message sans retour possible."),
    (
        451,
        "4.7.1",
        "4.7.1 Greylisted, try again later",
        "Le serveur a refusé le message\u00a0: réputation ou règle anti-spam.",
    ),
    (450, None, "try later", "Le serveur n’a pas pu recevoir le message pour l’instant."),
]


@pytest.mark.parametrize(("code", "enhanced", "reply", "reason"), REFUSALS)
def test_a_reply_code_is_told_in_words(code: int, enhanced: str | None, reply: str, reason: str) -> None:
    state = DeliveryState.REFUSED if code >= 500 else DeliveryState.DEFERRED
    told = explanations.of_delivery(state, why="rcpt", code=code, enhanced=enhanced, reply=reply)
    assert told.reason == reason


def test_a_mail_given_up_says_how_long_it_was_tried() -> None:
    told = explanations.of_delivery(DeliveryState.REFUSED, why="given_up", code=450, enhanced="4.4.7")
    assert "5 jours" in told.reason


def test_a_mail_that_came_back_is_told_apart_from_one_that_was_delivered() -> None:
    assert explanations.of_delivery(DeliveryState.ACCEPTED).state == "envoyé"
    assert (
        explanations.of_delivery(DeliveryState.ACCEPTED, bounced_for="L’adresse n’existe pas.").state
        == "revenu en erreur"
    )
    assert (
        explanations.of_delivery(DeliveryState.ACCEPTED, bounced_for="").reason
        == "Le message est revenu sans dire pourquoi."
    )


def test_a_mail_in_doubt_never_claims_that_it_arrived_nor_that_it_did_not() -> None:
    for why in (*DoubtReason, *SkipReason, ""):
        assert "peut-être parti" in explanations.of_delivery(DeliveryState.IN_DOUBT, why=why).reason


@pytest.mark.parametrize("state", DeliveryState)
def test_a_doubt_of_an_earlier_attempt_is_told_in_every_state(state: DeliveryState) -> None:
    assert "peut-être" in explanations.of_delivery(state, doubts=1).reason


@pytest.mark.parametrize("why", [*DoubtReason, *SkipReason, ""])
def test_the_step_at_which_a_mail_was_cut_is_told_with_the_servers_last_words_and_none_of_ours(why: str) -> None:
    """R2."""
    said = explanations.of_cut(why, code=421, reply="4.3.2 Closing")
    assert said.step
    assert said.reply == "421 4.3.2 Closing"
    assert explanations.of_cut(why, code=None, reply="The relay closed the connection.").reply == ""
    odd = explanations.of_cut(why, code=None, reply=f"{OUT_OF_PLACE}250 2.0.0 what?")
    assert (odd.reply, "autre chose" in odd.step) == ("250 2.0.0 what?", True)


@pytest.mark.parametrize("reason", SkipReason)
def test_every_reason_for_not_writing_has_its_words(reason: SkipReason) -> None:
    assert explanations.of_skip(reason) == explanations.of_delivery(DeliveryState.SKIPPED, why=reason.value).reason


@given(
    st.sampled_from(DeliveryState),
    st.text(max_size=30),
    st.none() | st.integers(100, 999),
    st.none() | st.from_regex(r"\A[245]\.[0-9]{1,3}\.[0-9]{1,3}\Z"),
    st.text(max_size=200),
)
def test_nothing_that_a_server_says_reaches_staff_as_it_is(
    state: DeliveryState, why: str, code: int | None, enhanced: str | None, reply: str
) -> None:
    told = explanations.of_delivery(state, why=why, code=code, enhanced=enhanced, reply=reply)
    assert told.state
    assert told.reason == "" or told.reason.endswith(".")
    if state in (DeliveryState.REFUSED, DeliveryState.DEFERRED):
        assert told.reason
