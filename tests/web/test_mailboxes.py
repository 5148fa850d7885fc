"""What the home page tells of the mailboxes that Pli reads: nearly full, or not read where errors come back to."""

from __future__ import annotations

from collections.abc import Callable

from service.actions import mailbox, pulse
from service.core.vocabulary import RefusedWhat
from service.models.inbound_message import MailboxRoom
from service.web.app import create_app
from service.wiring import Wiring
from tests.web.conftest import Browser
from tests.web.world import World


def visit(wiring: Wiring) -> Browser:
    app = create_app(wiring)
    app.test_client_class = Browser
    visitor = app.test_client()
    assert isinstance(visitor, Browser)
    visitor.sign_in()
    return visitor


def beat(world: World, name: str) -> None:
    with world.begin() as session, session.begin():
        pulse.beat(session, name, now=world.wiring.now())


def test_a_mailbox_of_ours_that_is_nearly_full_is_told_with_what_to_do(
    world: World, make_wiring: Callable[..., Wiring]
) -> None:
    wiring = make_wiring(IMAP_URL="imap://vie%40passerelles.example:secret@127.0.0.1:9/INBOX")
    visitor = visit(wiring)
    for account, percent, told in (
        (wiring.account, 79, False),
        (wiring.account, 80, True),
        ("another@127.0.0.1", 99, False),
    ):
        with world.begin() as session, session.begin():
            session.query(MailboxRoom).delete()
            session.add(MailboxRoom(account=account, percent=percent, asked_at=world.wiring.now()))
        for path in ("/", "/reponses"):
            assert ("La boîte vie@passerelles.example est pleine à 80\u00a0%." in visitor.get(path).text) is told, (
                account
            )
    with world.begin() as session, session.begin():
        session.query(MailboxRoom).delete()
        session.add(MailboxRoom(account=wiring.account, percent=100, asked_at=world.wiring.now()))
    assert "est pleine.</strong>" in visitor.get("/").text


def test_a_mailbox_of_the_errors_that_is_not_read_is_told_apart_from_the_answers(
    world: World, make_wiring: Callable[..., Wiring]
) -> None:
    words = "La boîte des messages revenus en erreur n’est pas lue"
    one = "imap://vie:secret@127.0.0.1:9/INBOX"
    both = make_wiring(IMAP_URL=one, BOUNCE_IMAP_URL="imap://retours:secret@127.0.0.1:9/INBOX")
    visitor = visit(both)
    # Nobody reads anything: that is said, once.
    page = visitor.get("/").text
    assert "Les réponses n’arrivent pas" in page
    assert words not in page
    beat(world, pulse.INBOX)
    page = visitor.get("/").text
    assert words in page
    assert "BOUNCE_IMAP_URL" in page
    assert "Les réponses n’arrivent pas" not in page
    beat(world, pulse.BOUNCES)
    assert words not in visitor.get("/").text
    assert both.bounce_rounds is not None
    for what, told in ((RefusedWhat.PASSWORD, "refuse le mot de passe"), (RefusedWhat.AGREEMENT, "./pli mail connect")):
        with world.begin() as session, session.begin():
            mailbox.note_login(session, both.bounce_rounds.reader.account)
            mailbox.note_refusal(session, both.bounce_rounds.reader.account, what, now=world.wiring.now())
        page = visitor.get("/").text
        assert words in page
        assert told in page
    assert words not in visit(make_wiring(IMAP_URL=one)).get("/").text
