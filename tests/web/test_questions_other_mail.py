"""The mail of strangers that lies in the mailbox: who wrote about what, and one click to take it in."""

from __future__ import annotations

from sqlalchemy import select

from service.core.vocabulary import InboundKind, InboundState, MatchedBy
from service.models.inbound_message import InboundMessage
from service.models.journal import JournalEntry
from tests.web.conftest import Browser
from tests.web.test_questions import HOSTILE, received
from tests.web.world import World

LEFT = InboundState.LEFT_IN_PLACE


def test_the_other_mail_is_listed_by_who_wrote_about_what_and_when(signed_in: Browser, world: World) -> None:
    received(world, state=LEFT, from_name="Luce Martin", from_address="luce@voisine.example", subject="Bonjour")
    received(world, state=LEFT, from_address="", subject="", folder="Forum")
    received(world, state=LEFT, from_junk=True, from_address="spam@ailleurs.example")
    received(world, from_name="Une sociétaire")
    assert "Autre courrier (2)" in signed_in.get("/reponses").text
    page = signed_in.get("/reponses/autre-courrier").text
    assert page.count("question-row") == 2
    for words in ("Luce Martin", "luce@voisine.example", "Bonjour", "Expéditeur inconnu", "Sans objet", "Forum"):
        assert words in page, words
    assert "spam@ailleurs.example" not in page
    assert "Une sociétaire" not in page


def test_s1_what_a_stranger_wrote_is_text_on_the_page(signed_in: Browser, world: World) -> None:
    received(world, state=LEFT, from_name=HOSTILE, subject=HOSTILE, from_address=HOSTILE[:254], folder=HOSTILE[:254])
    page = signed_in.get("/reponses/autre-courrier").text
    assert "<script>alert" not in page
    assert "<img src=x" not in page
    assert "&lt;script&gt;alert(1)" in page


def test_one_click_has_a_mail_fetched_and_read_and_only_once(signed_in: Browser, world: World) -> None:
    received(world, state=LEFT, kind=InboundKind.AUTO_REPLY, days_ago=9)
    assert signed_in.get("/reponses/autre-courrier/1/prendre").status_code == 405
    assert row(world).state is LEFT
    answer = signed_in.send("/reponses/autre-courrier/1/prendre", follow_redirects=True)
    assert "Pli va chercher ce message" in answer.text
    assert "Il n’y a pas d’autre courrier." in answer.text
    now = row(world)
    assert (now.state, now.matched_by, now.kind) == (InboundState.MISSED, MatchedBy.STAFF, None)
    assert now.next_attempt_at is not None
    # It is asked for from now on: nothing says that it was not given for nine days.
    assert "n’a pas pu être lu" not in signed_in.get("/reponses").text
    with world.begin() as session:
        acts = session.scalars(select(JournalEntry).where(JournalEntry.act == "inbox.take_in")).all()
        assert [(entry.subject_id, entry.detail) for entry in acts] == [(1, {})]
    again = signed_in.send("/reponses/autre-courrier/1/prendre")
    assert again.status_code == 404
    assert "quelqu’un l’a déjà pris" in again.text


def test_what_is_no_other_mail_cannot_be_taken_in(signed_in: Browser, world: World) -> None:
    received(world)
    received(world, state=LEFT, from_junk=True)
    for number in (1, 2, 3):
        assert signed_in.send(f"/reponses/autre-courrier/{number}/prendre").status_code == 404


def row(world: World) -> InboundMessage:
    with world.begin() as session:
        return session.get_one(InboundMessage, 1)
