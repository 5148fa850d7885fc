"""What is typed on the page of a question, in a real browser: it outlives the other buttons, and nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Page, expect

from service import schema
from service.actions import answers
from service.actions.questions import Hand
from service.core.vocabulary import QuestionStatus, Role
from service.models.question import Question
from service.models.staff import Staff
from service.web.app import create_app
from tests.parts import free_port
from tests.parts.browser import chromium, faults
from tests.web.test_accessibility import served
from tests.web.test_questions import number, received
from tests.web.world import PASSWORD, SENDER, WRITER, World, wired

_KEPT = "Object.keys(sessionStorage).length"


@contextmanager
def question(folder: Path) -> Iterator[tuple[Page, World, int]]:
    """A question to answer, and Paul before it."""
    port = free_port()
    wiring = wired(folder, PUBLIC_URL=f"http://127.0.0.1:{port}")
    schema.upgrade(wiring.engine)
    world = World(wiring)
    world.staff(WRITER, "Jeanne", Role.REDACTEUR)
    world.staff(SENDER, "Paul", Role.VALIDEUR)
    asked = number(received(world, from_address="a@ailleurs.example", status=QuestionStatus.TO_ANSWER))
    with served(create_app(wiring), port), chromium() as browser:
        page = browser.new_context(base_url=f"http://127.0.0.1:{port}").new_page()
        enter(page, SENDER)
        page.goto(f"/reponses/{asked}")
        yield page, world, asked
    wiring.engine.dispose()


def enter(page: Page, who: str) -> None:
    page.goto("/connexion")
    page.fill("input[name=email]", who)
    page.fill("input[name=password]", PASSWORD)
    page.click("button.primary")
    expect(page.get_by_role("button", name="Se déconnecter")).to_be_visible()


def test_what_is_typed_outlives_the_other_buttons_until_its_own_has_saved_it(tmp_path: Path) -> None:
    with question(tmp_path) as (page, _, _asked):
        answer, note = page.get_by_label("Votre réponse"), page.get_by_label("Ajouter une note")
        answer.fill("Une vraie place.\n\nEt la parole.")
        note.fill("Demander à Jeanne.")
        page.get_by_role("button", name="Ne jamais la publier").click()
        expect(page.get_by_role("button", name="Permettre de la publier")).to_be_visible()
        expect(answer).to_have_value("Une vraie place.\n\nEt la parole.")
        expect(note).to_have_value("Demander à Jeanne.")
        page.get_by_role("button", name="Enregistrer la note").click()
        expect(page.locator(".question-row")).to_contain_text("Demander à Jeanne.")
        expect(note).to_have_value("")
        expect(answer).to_have_value("Une vraie place.\n\nEt la parole.")
        page.get_by_role("button", name="Voir le message").click()
        expect(page.get_by_role("heading", name="Le message, tel qu’il partira")).to_be_visible()
        assert page.evaluate(_KEPT) == 0


def test_what_was_refused_is_given_back_after_another_button(tmp_path: Path) -> None:
    with question(tmp_path) as (page, _, _asked):
        answer = page.get_by_label("Votre réponse")
        long = "Une vraie place. " * 3_000
        answer.fill(long)
        page.get_by_role("button", name="Voir le message").click()
        expect(page.get_by_role("alert")).to_contain_text("trop longue")
        answer.fill(f"{long}Et la parole.")
        page.get_by_role("button", name="Me l’attribuer").click()
        expect(page.get_by_role("status")).to_be_visible()
        expect(answer).to_have_value(f"{long}Et la parole.")


def test_what_a_colleague_saved_meanwhile_stays_and_what_was_typed_is_shown_beside(tmp_path: Path) -> None:
    with question(tmp_path) as (page, world, asked):
        page.get_by_label("Votre réponse").fill("La mienne.")
        with world.begin() as session:
            jeanne = session.query(Staff).filter_by(email=WRITER).one()
            version = session.get_one(Question, asked).version
            answers.write(session, asked, "La sienne.", Hand(by=jeanne, version=version, now=world.wiring.now()))
            session.commit()
        page.goto(f"/reponses/{asked}")
        expect(page.get_by_label("Votre réponse")).to_have_value("La sienne.")
        expect(page.get_by_text("La mienne.", exact=True)).to_be_visible()
        assert faults(page) == []


def test_nothing_typed_stays_after_signing_out_nor_is_given_to_somebody_else(tmp_path: Path) -> None:
    with question(tmp_path) as (page, _, asked):
        page.get_by_label("Votre réponse").fill("La mienne.")
        page.evaluate("document.querySelector('[action=\"/deconnexion\"]').requestSubmit()")
        expect(page.get_by_role("heading", name="Se connecter")).to_be_visible()
        assert page.evaluate(_KEPT) == 0
        enter(page, SENDER)
        page.goto(f"/reponses/{asked}")
        page.get_by_label("Votre réponse").fill("La mienne.")
        # Another tab signs out and Jeanne signs in there; this one never saw the page of sign-in.
        other = page.context.new_page()
        other.goto("/")
        other.get_by_role("button", name="Se déconnecter").click()
        enter(other, WRITER)
        page.goto(f"/reponses/{asked}")
        expect(page.get_by_text("Jeanne").first).to_be_visible()
        expect(page.get_by_label("Votre réponse")).to_have_value("")
        assert page.evaluate(_KEPT) == 0
