"""Can a member leave a list from the mail he received, and come back?"""

from __future__ import annotations

import pytest
from sqlalchemy import select

from service.actions import lists, sending
from service.core.tokens import Link, link_token
from service.core.vocabulary import Channel, LinkPurpose, MailClass
from service.models.campaign import Campaign
from service.models.mailing_list import SubscriptionChange
from service.models.member import Contact
from service.models.staff import Staff
from tests.web.conftest import Browser
from tests.web.world import WRITER, World


@pytest.fixture
def link(world: World) -> str:
    """The address in the mail that Camille received; she reads two lists."""
    member = world.member(to="nouvelles")
    world.mailing_list("rdv", "Rendez-vous")
    with world.begin() as session, session.begin():
        contact = session.get_one(Contact, member.contacts[0].id)
        lists.subscribe(
            session,
            lists.find(session, "rdv"),
            [contact.id],
            channel=Channel.IMPORT,
            wording="",
            now=world.wiring.now(),
        )
    return _link(world, world.launched())


def test_d2_looking_shows_one_button_and_what_stays(client: Browser, world: World, link: str) -> None:
    for _ in range(2):
        answer = client.get(link)
        assert answer.status_code == 200
        assert client.head(link).status_code == 200
    assert answer.text.count("<button") == 1
    assert "Ne plus recevoir «\u00a0Nouvelles\u00a0»" in answer.text
    assert "<li>Rendez-vous</li>" in answer.text
    assert "01 00 00 00 00" in answer.text
    assert "Set-Cookie" not in answer.headers
    assert _reads(world, "nouvelles")


def test_the_button_takes_off_this_list_alone_and_says_so(client: Browser, world: World, link: str) -> None:
    answer = client.post(link, data={"act": "leave"}, follow_redirects=True)
    assert "C’est noté." in answer.text
    assert "Annuler" in answer.text
    assert (_reads(world, "nouvelles"), _reads(world, "rdv")) == (False, True)
    assert _changes(world) == [(False, Channel.LINK, "Ne plus recevoir « Nouvelles »")]


def test_undo_puts_back(client: Browser, world: World, link: str) -> None:
    client.post(link, data={"act": "leave"})
    answer = client.post(link, data={"act": "come_back"}, follow_redirects=True)
    assert "Vous recevez de nouveau «\u00a0Nouvelles\u00a0»" in answer.text
    assert _reads(world, "nouvelles")
    assert [subscribed for subscribed, _, _ in _changes(world)] == [False, True]


@pytest.mark.parametrize(
    "options",
    [
        {"data": {"List-Unsubscribe": "One-Click"}},
        {"data": {"List-Unsubscribe": "One-Click"}, "content_type": "multipart/form-data"},
        {"data": b"List-Unsubscribe=One-Click"},
        {"data": b"List-Unsubscribe=One-Click\r\n", "content_type": "text/plain"},
    ],
    ids=["urlencoded", "multipart", "without a type", "as a text"],
)
def test_d2_one_click_acts_without_cookie_form_or_redirect(
    client: Browser, world: World, link: str, options: dict[str, object]
) -> None:
    for _ in range(2):
        answer = client.post(link, **options)
        assert (answer.status_code, answer.mimetype) == (200, "text/plain")
    assert "Set-Cookie" not in answer.headers
    assert _changes(world) == [(False, Channel.ONE_CLICK, "Ne plus recevoir « Nouvelles »")]


@pytest.mark.parametrize("data", [{}, {"List-Unsubscribe": "Perhaps"}, {"act": "erase"}])
def test_a_post_that_says_nothing_we_know_changes_nothing(
    client: Browser, world: World, link: str, data: dict[str, str]
) -> None:
    assert client.post(link, data=data).status_code == 303
    assert _reads(world, "nouvelles")


def test_statutory_mail_explains_why_it_stays(client: Browser, world: World) -> None:
    world.mailing_list("convocations", "Convocations aux assemblées", MailClass.STATUTORY)
    world.member(to="convocations")
    link = _link(world, world.launched(to="convocations"))
    answer = client.get(link)
    assert "la loi nous demande de convoquer" in answer.text
    assert "<button" not in answer.text
    refused = client.post(link, data={"List-Unsubscribe": "One-Click"})
    assert refused.status_code == 422
    assert _reads(world, "convocations")


def test_the_link_of_a_test_mail_says_that_it_takes_nobody_off(client: Browser, world: World) -> None:
    draft = world.campaign()
    with world.begin() as session, session.begin():
        by = session.scalars(Staff.named(WRITER)).one()
        campaign = session.get_one(Campaign, draft.id)
        ordered = sending.order_test(
            session, world.wiring.office, campaign, by=by, fields={"prénom": "Camille"}, now=world.wiring.now()
        )
        link = world.wiring.office.unsubscribe_url(ordered.id, 0)
    assert "C’était un message d’essai" in client.get(link).text
    assert client.post(link, data={"List-Unsubscribe": "One-Click"}).status_code == 200
    assert client.post(link, data={"act": "leave"}).status_code == 303


def test_an_altered_or_revoked_link_gets_a_friendly_page(client: Browser, world: World, link: str) -> None:
    with world.begin() as session, session.begin():
        session.scalars(select(Contact)).one().link_version += 1
    altered = link[:-1] + ("A" if link[-1] != "A" else "B")
    secret = world.wiring.settings.secret_key
    other_purpose = "/d/" + link_token(Link(LinkPurpose.PREFERENCES, 1, 1), secret)
    unknown = "/d/" + link_token(Link(LinkPurpose.UNSUBSCRIBE, 999, 1), secret)
    no_version = "/d/" + link_token(Link(LinkPurpose.UNSUBSCRIBE, 1, 0), secret)
    for dead in (link, altered, other_purpose, unknown, no_version, "/d/x", "/d/é"):
        for answer in (client.get(dead), client.post(dead, data={"List-Unsubscribe": "One-Click"})):
            assert answer.status_code == 404, dead
            assert "Ce lien ne fonctionne pas" in answer.text
            assert "vie@passerelles.example" in answer.text
            assert answer.headers["Referrer-Policy"] == "no-referrer"
    assert _reads(world, "nouvelles")


def _link(world: World, campaign: Campaign) -> str:
    row = world.deliveries(campaign.id)[0]
    return world.wiring.office.unsubscribe_url(row.id, 1)


def _reads(world: World, slug: str) -> bool:
    with world.begin() as session:
        return lists.is_reader(session, lists.find(session, slug), session.scalars(select(Contact)).one())


def _changes(world: World) -> list[tuple[bool, Channel, str]]:
    with world.begin() as session:
        query = select(SubscriptionChange).where(SubscriptionChange.channel != Channel.IMPORT)
        return [(one.subscribed, one.channel, one.wording) for one in session.scalars(query)]
