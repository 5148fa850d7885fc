"""The preview is the very mail: what is shown is byte for byte what leaves, and nothing in it runs."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from email import message_from_bytes, policy
from html import unescape

from service.actions import sending
from service.actions.claims import Ticket
from service.core.vocabulary import MailKind
from service.core.writing.mould import Mould
from service.models.campaign import CampaignMould
from service.models.delivery import Delivery
from tests.web.conftest import Browser
from tests.web.world import World

BODY = "Bonjour {prénom|vous},\n\n## Décidé\n\n[bouton: Lire](https://passerelles.example/x)\n"


def contact_of(member: object) -> int:
    return int(member.contacts[0].id)  # type: ignore[attr-defined]


def mail_shown(page: str) -> str:
    found = re.search(r'srcdoc="([^"]*)"', page)
    assert found, "no mail in the preview"
    return unescape(found[1])


def mail_sent(world: World, campaign_id: int) -> tuple[str, str, str]:
    """The subject, HTML and text of the first mail of a campaign, as it goes to the wire."""
    with world.begin() as session:
        row: Delivery = world.deliveries(campaign_id)[0]
        stored = session.get_one(CampaignMould, campaign_id)
        at = datetime(2026, 11, 24, 9, tzinfo=UTC)
        ticket = Ticket(
            row.id, 0, campaign_id, MailKind.COMMUNIQUE, None, row.address, row.fields, row.message_id, "", 1, at, 1
        )  # fmt: skip
        mould = Mould.from_bytes(stored.content)
        content = bytes(sending.message(world.wiring.office, mould, ticket, reply_to="vie@passerelles.example"))
    mail = message_from_bytes(content, policy=policy.default)
    html, text = mail.get_body(("html",)), mail.get_body(("plain",))
    assert html, "a mail has an HTML part"
    assert text, "a mail has a text part"
    return str(mail["Subject"]), html.get_content().replace("\r\n", "\n"), text.get_content().replace("\r\n", "\n")


def without_link(words: str) -> str:
    """The personal link is left out of a preview on purpose: it is a key."""
    return re.sub(r"/d/[\w.\-]+", "/d/…", words)


def test_the_preview_is_the_very_mail(signed_in: Browser, world: World) -> None:
    member = world.member("Zoé", "L’Hôte", "zoe@membre.example", to="nouvelles")
    campaign = world.campaign(body=BODY, subject="Pour {prénom} & cie")
    before = signed_in.get(f"/messages/{campaign.id}/apercu?pour={contact_of(member)}").text
    text = signed_in.get(f"/messages/{campaign.id}/apercu?pour={contact_of(member)}&vue=texte").text
    launched = world.launched(body=BODY, subject="Pour {prénom} & cie")
    subject, html, plain = mail_sent(world, launched.id)
    assert without_link(mail_shown(before)) == without_link(html)
    assert "Bonjour Zoé" in html
    assert unescape(subject) in unescape(before)
    assert without_link(plain) in without_link(unescape(text))


def test_what_was_sent_is_shown_as_it_was_sent_even_after_the_member_changed(signed_in: Browser, world: World) -> None:
    member = world.member("Zoé", "Roy", "zoe@membre.example", to="nouvelles")
    campaign = world.launched(body=BODY)
    with world.begin() as session:
        session.merge(member.contacts[0]).given_name = "Autre"
        session.commit()
    shown = signed_in.get(f"/messages/{campaign.id}/apercu?pour={contact_of(member)}").text
    assert "Bonjour Zoé" in mail_shown(shown)


def test_unsaved_words_are_previewed_and_not_kept(signed_in: Browser, world: World) -> None:
    member = world.member(to="nouvelles")
    campaign = world.campaign()
    typed = {"subject": "Nouveau", "body": "Jamais enregistré", "list": ["nouvelles"], "version": "1"}
    answer = signed_in.send(f"/messages/{campaign.id}/apercu", {**typed, "pour": str(contact_of(member))})
    assert "Jamais enregistré" in mail_shown(answer.text)
    assert "Nouveau" in answer.text
    saved = signed_in.get(f"/messages/{campaign.id}/apercu").text
    assert "Jamais enregistré" not in mail_shown(saved)


def test_a_preview_may_stand_in_our_frames_alone_and_runs_nothing(signed_in: Browser, world: World) -> None:
    campaign = world.campaign()
    for answer in (
        signed_in.get(f"/messages/{campaign.id}/apercu"),
        signed_in.send(f"/messages/{campaign.id}/apercu", {"body": "x", "list": ["nouvelles"]}),
    ):
        rules = answer.headers["Content-Security-Policy"]
        assert "sandbox;" in rules
        assert "default-src 'none'" in rules
        assert "frame-ancestors 'self'" in rules
        assert "script-src" not in rules
    page = signed_in.get(f"/messages/{campaign.id}/ecrire")
    assert 'sandbox=""' in page.text
    assert "unsafe-inline" not in page.headers["Content-Security-Policy"]


def test_hostile_words_cannot_leave_the_mail_that_is_shown(signed_in: Browser, world: World) -> None:
    hostile = '"></iframe><script>alert(1)</script>'
    member = world.member(given=hostile, email="c@membre.example", to="nouvelles")
    campaign = world.campaign(body="{prénom} " + hostile, subject="{prénom} " + hostile)
    shown = signed_in.get(f"/messages/{campaign.id}/apercu?pour={contact_of(member)}").text
    assert "<script>alert" not in shown
    assert "<script>alert" not in mail_shown(shown), "in the mail, hostile words are words"


def test_a_preview_without_a_list_says_what_to_do(signed_in: Browser, world: World) -> None:
    campaign = world.campaign()
    answer = signed_in.send(f"/messages/{campaign.id}/apercu", {"body": "x"})
    assert "Choisissez au moins une liste" in answer.text


def test_a_preview_shows_nobody_s_personal_link(signed_in: Browser, world: World) -> None:
    member = world.member(to="nouvelles")
    campaign = world.launched()
    shown = signed_in.get(f"/messages/{campaign.id}/apercu?pour={contact_of(member)}").text
    row = world.deliveries(campaign.id)[0]
    assert world.wiring.office.unsubscribe_url(row.id, 1) not in unescape(shown)


def test_looking_changes_nothing(signed_in: Browser, world: World) -> None:
    world.member(to="nouvelles")
    campaign = world.launched()
    with world.begin() as session:
        before = session.connection().exec_driver_sql("PRAGMA data_version").scalar()
        for page in ("", "/apercu", "/arreter"):
            assert signed_in.get(f"/messages/{campaign.id}{page}").status_code == 200
        after = session.connection().exec_driver_sql("PRAGMA data_version").scalar()
    assert before == after
