"""Whatever becomes of a mail, staff read it in French."""

from __future__ import annotations

import smtplib
import socket
import ssl
from datetime import timedelta

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


@pytest.mark.parametrize(
    ("tried_for", "words"),
    [
        (timedelta(days=5, hours=3), "pendant 5 jours"),
        (timedelta(days=1), "pendant 1 jour "),
        (timedelta(days=2), "pendant 2 jours"),
        (None, "pendant plusieurs jours"),
        (timedelta(hours=-1), "pendant plusieurs jours"),
    ],
)
def test_a_mail_given_up_says_how_long_it_was_tried(tried_for: timedelta | None, words: str) -> None:
    """D18; a row whose hours are not known, or are those of a wrong clock, gives no number."""
    told = explanations.of_delivery(
        DeliveryState.REFUSED, why="given_up", code=450, enhanced="4.4.7", tried_for=tried_for
    )
    assert words in told.reason.replace("\u00a0", " ")


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
    none = explanations.of_cut(why, code=None, reply=f"{OUT_OF_PLACE}not an SMTP reply: b'HTTP/1.1'")
    assert (none.reply, none.step) == ("", odd.step)


CUT = "Le serveur a coupé la connexion sans dire pourquoi."
LATE = "Le serveur n’a pas répondu à temps."
ODD = "Le serveur a répondu autre chose que ce que demande SMTP."
NO_REPLY = [
    (smtplib.SMTPServerDisconnected("Connection unexpectedly closed"), CUT),
    (smtplib.SMTPServerDisconnected("please run connect() first"), CUT),
    (ConnectionResetError(104, "Connection reset by peer"), CUT),
    (TimeoutError("timed out"), LATE),
    (ConnectionRefusedError(111, "Connection refused"), "Le serveur d’envoi n’accepte pas de connexion à cette adresse."),
    (OSError(101, "Network is unreachable"), "Le serveur d’envoi n’est pas joignable par le réseau."),
    (socket.gaierror(-2, "Name or service not known"), "Le nom du serveur d’envoi est introuvable."),
    (ssl.SSLError(1, "[SSL: WRONG_VERSION_NUMBER]"), "La connexion chiffrée au serveur n’a pas pu être établie."),
    (smtplib.SMTPException("No suitable authentication method found."),
     "Le serveur ne propose aucune connexion par mot de passe."),
    (RuntimeError("whatever"), "La connexion au serveur d’envoi a échoué, sans réponse de sa part."),
]  # fmt: skip


@pytest.mark.parametrize(("error", "told"), NO_REPLY)
def test_no_name_of_an_exception_reaches_the_staff(error: Exception, told: str) -> None:
    assert explanations.of_words(f"connect  {type(error).__name__}: {error}") == told
    assert explanations.of_words(f"connect  The connection was lost ({type(error).__name__}).") in (told, CUT)


@pytest.mark.parametrize(
    ("noted", "told"),
    [
        ("connect 421 4.3.2 Shutting down", "421 4.3.2 Shutting down"),
        ("dot 554 5.6.0 no", "554 5.6.0 no"),
        # An idle relay takes leave: its reply stands in the words.
        ("mail  421 4.4.2 idle", "421 4.4.2 idle"),
        (f"dot  {OUT_OF_PLACE}250 what?", "250 what?"),
        (f"dot  {OUT_OF_PLACE}not an SMTP reply: b'HTTP/1.1 400'", ODD),
        ("connect -1 HTTP/1.1 400 Bad Request", ODD),
        ("mail  The relay closed the connection.", CUT),
        ("dot  The relay took leave with 421.", CUT),
        ("connect  The relay did not finish its greeting in time.", LATE),
        ("rcpt  The relay said nothing for 300 s.", LATE),
    ],
)
def test_the_words_of_a_relay_are_shown_as_they_are_and_ours_in_french(noted: str, told: str) -> None:
    assert explanations.of_words(noted) == told


@given(st.sampled_from(["connect", "mail", "dot"]), st.text(max_size=80))
def test_whatever_is_noted_without_a_reply_is_told_in_french(stage: str, words: str) -> None:
    told = explanations.of_words(f"{stage}  {words}")
    assert told.endswith(".") or told[:3].isdecimal()
    assert told[:3].isdecimal() or told[:3] in ("Le ", "La ", "L’a")


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
