"""Can every page be read and used by everybody: axe-core finds nothing, no page scrolls sideways, in light and in dark?"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from flask import Flask
from playwright.sync_api import Browser, Page
from werkzeug.serving import make_server

from service import schema
from service.actions import answers, merging, splitting, themes, wishes
from service.actions.questions import Hand
from service.core.vocabulary import (
    CampaignStatus,
    ClosedAs,
    DeliveryState,
    DoubtReason,
    InboundKind,
    InboundState,
    MailClass,
    MatchedBy,
    QuestionStatus,
    Role,
)
from service.demo import pages as mailbox_pages
from service.demo.mailboxes import Mailboxes
from service.models.campaign import Campaign
from service.models.delivery import Delivery
from service.models.mailing_list import Suppression
from service.models.question import Asking, Question, QuestionNote
from service.models.staff import Staff
from service.web.app import create_app
from tests.parts import free_port
from tests.parts.browser import chromium, faults
from tests.web.test_letters import PAGE, raw
from tests.web.test_questions import number, received
from tests.web.world import PASSWORD, SENDER, WRITER, World, wired

LONG = "Coopérative-d’habitants-et-d’habitantes-pour-l’hébergement-intergénérationnel-du-Val-de-Loire"
FILE = f"Numéro;Prénom;Nom;E-mail;Remarque\n1;Camille;Roy;autre@membre.example;x\n70;Paul;Faure;faux;{LONG}\n".encode()
BODY = "Bonjour {prénom|vous},\n\n## Ce qui est décidé\n\n- Un plan\n- Une date\n\n[bouton: Lire](https://www.passerelles.example)\n"
LETTER_WITH_FILES = raw(files=[(f"{LONG}.pdf", b"%PDF-1.7"), ("photo.jpg", PAGE.encode())])
MAILBOX = "camille@membre.example"
LETTER = "/boites/<address>/<key>"

# Each address with the states that it may show. DRAFT, ASKED… are numbers of the world below.
DRAFT, ASKED, AGREED, SENDING, SENT = 1, 2, 3, 4, 5
PAGES = {
    "/": ["/"],
    "/messages": ["/messages"],
    "/messages/nouveau": ["/messages/nouveau"],
    "/messages/<int:campaign_id>": [
        f"/messages/{SENDING}",
        f"/messages/{SENT}",
        f"/messages/{SENT}?etat=erreur",
        f"/messages/{SENDING}?etat=en-doute",
    ],
    "/messages/<int:campaign_id>/ecrire": [f"/messages/{DRAFT}/ecrire"],
    "/messages/<int:campaign_id>/apercu": [f"/messages/{SENT}/apercu", f"/messages/{DRAFT}/apercu?vue=texte"],
    "/messages/<int:campaign_id>/envoyer": [f"/messages/{number}/envoyer" for number in (DRAFT, ASKED, AGREED)],
    "/messages/<int:campaign_id>/relecture": [f"/messages/{ASKED}/relecture"],
    "/messages/<int:campaign_id>/arreter": [f"/messages/{SENDING}/arreter"],
    "/reponses": ["/reponses", "/reponses?bac=publiees", "/reponses?bac=classees", "/reponses?cherche=rien-de-tel"],
    "/reponses/<int:question_id>": ["/reponses/1", "/reponses/2", *(f"/reponses/{one}" for one in range(3, 14))],
    "/reponses/courrier/<int:message_id>": [f"/reponses/courrier/{one}" for one in (1, 2, 3)],
    "/reponses/courrier/<int:message_id>/original": ["/reponses/courrier/1/original"],
    "/reponses/<int:question_id>/separer": ["/reponses/1/separer", "/reponses/7/separer"],
    "/reponses/themes": ["/reponses/themes"],
    "/reponses/ajouter": ["/reponses/ajouter"],
    "/reponses/autre-courrier": ["/reponses/autre-courrier"],
    "/reponses/<int:question_id>/reponse": ["/reponses/4/reponse", "/reponses/5/reponse"],
    "/reponses/<int:question_id>/reponse/apercu": ["/reponses/4/reponse/apercu"],
    "/listes": ["/listes"],
    "/listes/nouvelle": ["/listes/nouvelle"],
    "/listes/<slug>": ["/listes/nouvelles", "/listes/vide"],
    "/societaires": ["/societaires", "/societaires?q=personne-de-tel", "/societaires?adresses=en-erreur"],
    "/societaires/<int:member_id>": ["/societaires/1", "/societaires/2"],
    "/societaires/<int:member_id>/contacts/<int:contact_id>/adresse": ["/societaires/1/contacts/1/adresse"],
    "/societaires/<int:member_id>/depart": [
        "/societaires/1/depart",
        "/societaires/1/depart?on=2026-11-01&reason=retrait",
    ],
    "/equipe": ["/equipe"],
    "/societaires/import": ["/societaires/import"],
    "/societaires/import/<key>": ["KEPT"],
    "/societaires/import/<key>/apercu": ["KEPT/apercu"],
    "/d/<token>": ["LINK", "LINK?retour", "/d/faux"],
}
# No pages; the sign-in is looked at with the refused forms, by who is not signed in.
OTHERS = {"/connexion", "/static/<path:filename>", "/health", "/societaires/import/<key>/a-corriger.csv"}
OTHERS |= {"/reponses/courrier/<int:message_id>/pieces/<int:position>"}
OTHERS |= {"/messages/<int:campaign_id>/preuve.pdf", "/messages/<int:campaign_id>/preuve.csv"}
REFUSED_FORMS = ("/listes/nouvelle", "/messages/nouveau", "/societaires/import", "/societaires/1/contacts/1/adresse")


@dataclass(frozen=True)
class Site:
    """The application that is served, and where."""

    app: Flask
    url: str
    world: World


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as running:
        yield running


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A cooperative where each page has something to show, long names and faults too."""
    port = free_port()
    wiring = wired(tmp_path_factory.mktemp("site"), PUBLIC_URL=f"http://127.0.0.1:{port}")
    schema.upgrade(wiring.engine)
    world = World(wiring)
    furnish(world)
    app = create_app(wiring)
    with served(app, port):
        yield Site(app, f"http://127.0.0.1:{port}", world)
    wiring.engine.dispose()


def furnish(world: World) -> None:
    """Make the members, one message in each state, and what came back."""
    world.staff(WRITER, "Jeanne", Role.REDACTEUR)
    world.staff(SENDER, "Paul", Role.VALIDEUR)
    world.mailing_list()
    world.mailing_list("vide", "Vide", MailClass.STATUTORY)
    notes = {"Remarque": "vient en train"}
    world.member(
        to="nouvelles", number="1", college="Salariés", shares=3, telephone="01 00 00 00 00", city="Ville", notes=notes
    )
    world.member("Zoé", LONG, to="nouvelles", number="2", college="Usagers")
    for made in (
        world.campaign(),
        world.submitted(subject=LONG),
        world.submitted(body=BODY),
        world.launched(),
        world.launched(body=BODY),
    ):
        assert made.id
    world.agreed(AGREED)
    with world.begin() as session, session.begin():
        session.get_one(Campaign, SENDING).status = CampaignStatus.SENDING
        for row in session.query(Delivery).filter_by(campaign_id=SENDING):
            row.state, row.why, row.doubts = DeliveryState.IN_DOUBT, DoubtReason.CONNECTION_LOST, 1
            row.code, row.reply = 421, "4.3.2 " + LONG
            row.settled_at = row.doubted_at = world.wiring.now()
        sent = session.get_one(Campaign, SENT)
        sent.status, sent.finished_at = CampaignStatus.SENT, world.wiring.now()
        for row in session.query(Delivery).filter_by(campaign_id=SENT):
            row.state, row.settled_at = DeliveryState.ACCEPTED, world.wiring.now()
            if row.contact_id == 2:
                row.bounced_at, row.bounce_reason = world.wiring.now(), "no such user"
                session.add(Suppression(address_hmac=row.address_hmac, reason="5.1.1", at=world.wiring.now()))
    answered = world.deliveries(SENT)[0]
    received(
        world, answering=answered, same_address=False, signature="Camille", quoted="> Bonjour", raw=LETTER_WITH_FILES
    )
    received(world, LONG * 4, from_address=f"{'a' * 60}@{'b' * 60}.example")
    received(world, kind=InboundKind.AUTO_REPLY, subject=LONG)
    received(world, state=InboundState.LEFT_IN_PLACE, subject=LONG, from_name=LONG, folder=LONG[:200])
    closed = received(world, answering=answered, status=QuestionStatus.CLOSED)
    with world.begin() as session, session.begin():
        question = session.get_one(Question, number(closed))
        question.closed_as, question.assigned_to, question.is_private = ClosedAs.ADDRESS.value, 1, True
        question.due_on = question.created_at.date()
        session.add(QuestionNote(question_id=question.id, staff_id=1, text=LONG, written_at=world.wiring.now()))
    with world.begin() as session, session.begin():
        themed, by = session.get_one(Question, number(closed)), session.get_one(Staff, 1)
        themed.theme_id = themes.add(session, LONG[:80], by=by, now=world.wiring.now()).id
        themes.add(session, "Finances", by=by, now=world.wiring.now())
    answer_some(world, answered)
    received(world, f"Le budget, {LONG}, où en est-il ?\nEt les statuts ?\n{LONG * 3}", answering=answered)
    act_on_some(world, answered)
    proposed = number(received(world, LONG, matched_by=MatchedBy.SENDER, contact_id=1))
    with world.begin() as session, session.begin():
        session.query(Asking).filter_by(question_id=proposed).one().contact_id = 1


def answer_some(world: World, answered: Delivery) -> None:
    """Write an answer to a member, one to whom a mail from elsewhere names, and one that has left."""
    to_answer = QuestionStatus.TO_ANSWER
    member, elsewhere, sent = (
        number(received(world, LONG, answering=answered, same_address=same, status=to_answer))
        for same in (True, False, True)
    )
    office, now = world.wiring.office, world.wiring.now()
    with world.begin() as session, session.begin():
        by = session.get_one(Staff, 1)
        for one in (member, elsewhere, sent):
            answer = answers.write(session, one, f"Oui.\n\n{LONG}", Hand(by, 1, now))
        shown = answers.sheet(session.get_one(Question, sent), answer, office, by_name=by.name)
        answers.send(session, sent, office, Hand(by, 2, now), seen=shown.seen)


def act_on_some(world: World, answered: Delivery) -> None:
    """Merge a question into another, split one, stop the mail of a member, and undo a stop."""
    keeper, merged, split, stopped, undone = (
        number(received(world, f"{LONG} {one}\n{LONG}", answering=answered)) for one in range(5)
    )
    with world.begin() as session, session.begin():
        by, office, now = session.get_one(Staff, 1), world.wiring.office, world.wiring.now()
        merging.merge(session, {one: Hand(by, 1, now) for one in (keeper, merged)})
        splitting.split(session, split, [1], Hand(by, 1, now))
        wishes.stop_mail(session, undone, office, Hand(by, 1, now))
        wishes.resume_mail(session, undone, Hand(by, 2, now))
        wishes.stop_mail(session, stopped, office, Hand(by, 1, now))


@contextmanager
def served(app: Flask, port: int) -> Iterator[None]:
    """Serve an application from this process."""
    server = make_server("127.0.0.1", port, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_each_page_is_in_the_walk(site: Site) -> None:
    rules = {rule.rule for rule in site.app.url_map.iter_rules() if "GET" in (rule.methods or ())}
    assert rules == PAGES.keys() | OTHERS


def test_no_page_has_a_fault_that_axe_core_finds(site: Site, browser: Browser) -> None:
    page = signed_in(browser, site)
    # A document that was opened here keeps its own rules, which would take the styles off a mail written over it.
    paper = browser.new_context().new_page()
    mails: list[str] = []
    places = {"KEPT": kept_file(page, site), "LINK": link(site)}
    found = []
    for paths in PAGES.values():
        for path in paths:
            for word, address in places.items():
                path = path.replace(word, address)
            framed = path.partition("?")[0].endswith(("/apercu", "/original"))
            if framed and path.startswith(("/messages", "/reponses")):
                # The mail in its frame runs no script, axe-core neither: it is looked at by itself.
                answer = page.request.get(site.url + path)
                found += [f"{path} {fault}" for fault in of_frame(paper, answer.text(), mails)]
            else:
                found += seen(page, site.url + path, 404 if path == "/d/faux" else 200)
    for mail in mails:
        found += [f"the mail {fault}" for fault in of_frame(paper, mail, [])]
    assert mails
    assert not found, "\n".join(found)


def test_no_refused_form_has_a_fault_that_axe_core_finds(site: Site, browser: Browser) -> None:
    page = signed_in(browser, site)
    found = []
    for path in REFUSED_FORMS:
        page.goto(site.url + path)
        for box in page.locator("main input:checked").all():
            box.uncheck() if box.get_attribute("type") == "checkbox" else None
        for field in page.locator("main input[type=text], main input[type=email]").all():
            field.fill("")
        page.locator("main form button").first.click()
        page.get_by_role("alert").wait_for()
        found += [f"{path} refused {fault}" for fault in faults(page)]
    for path in ("/nulle-part", "/societaires/999"):
        found += seen(page, site.url + path, 404)
    page.context.clear_cookies()
    found += seen(page, f"{site.url}/connexion")
    page.get_by_role("button", name="Se connecter").click()
    page.get_by_role("alert").wait_for()
    found += [f"a refused sign-in {fault}" for fault in faults(page)]
    assert not found, "\n".join(found)


def test_no_page_of_the_demo_s_mailboxes_has_a_fault_that_axe_core_finds(
    tmp_path: Path, browser: Browser, site: Site
) -> None:
    boxes = Mailboxes.of(tmp_path)
    boxes.deliver(MAILBOX, b"From: vie@passerelles.example\r\nSubject: Des nouvelles\r\n\r\nBonjour\r\n")
    settings = site.world.wiring.settings
    app = mailbox_pages.create_app(mailbox_pages.World(boxes, 9, site.url, settings.zone, site.world.wiring.now))
    letter = LETTER.replace("<address>", MAILBOX).replace("<key>", boxes.received(MAILBOX)[0].key)
    rules = {rule.rule for rule in app.url_map.iter_rules() if "GET" in (rule.methods or ())}
    assert rules == {"/", "/boites/<address>", LETTER, f"{LETTER}/html", "/static/<path:filename>"}
    port, found = free_port(), []
    with served(app, port):
        page = browser.new_context().new_page()
        for path in ("/", f"/boites/{MAILBOX}", letter, f"{letter}?vue=source", f"{letter}?partie=as_usual"):
            found += seen(page, f"http://127.0.0.1:{port}{path}")
        page.context.close()
    assert not found, "\n".join(found)


def signed_in(browser: Browser, site: Site) -> Page:
    """Come in as Paul, who may send."""
    page = browser.new_context().new_page()
    page.goto(f"{site.url}/connexion")
    page.fill("input[name=email]", SENDER)
    page.fill("input[name=password]", PASSWORD)
    page.get_by_role("button", name="Se connecter").click()
    page.wait_for_url(f"{site.url}/")
    return page


def kept_file(page: Page, site: Site) -> str:
    """Send a members file, and return where its columns are asked."""
    page.goto(f"{site.url}/societaires/import")
    page.set_input_files("input[type=file]", {"name": "membres.csv", "mimeType": "text/csv", "buffer": FILE})
    page.locator("main form button").first.click()
    page.wait_for_url("**/societaires/import/*")
    return page.url.removeprefix(site.url)


def link(site: Site) -> str:
    """The address in a mail of ours that its reader leaves the list with."""
    row = site.world.deliveries(SENT)[0]
    return site.world.wiring.office.unsubscribe_url(row.id, 1).removeprefix(site.url)


def seen(page: Page, url: str, status: int = 200) -> list[str]:
    """Open a page that must answer so, and list its faults."""
    answer = page.goto(url)
    assert answer is not None
    assert answer.status == status, url
    return [f"{url} {fault}" for fault in faults(page)]


def of_frame(paper: Page, html: str, mails: list[str]) -> list[str]:
    """List the faults of a document that stands in a frame; the documents in its own frames are added to `mails`."""
    paper.set_content(html)
    mails += [str(frame.get_attribute("srcdoc")) for frame in paper.locator("iframe[srcdoc]").all()]
    return faults(paper, framed=True)
