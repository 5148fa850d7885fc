"""Several answers at once, in a real browser: the buttons count, with scripts and without, and ticks outlive what comes in."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Page, expect

from service import schema
from service.core.vocabulary import QuestionStatus, Role
from service.web.app import create_app
from tests.parts import free_port
from tests.parts.browser import chromium, faults
from tests.web.test_accessibility import served
from tests.web.test_questions import number, received
from tests.web.test_questions_sorting import stands
from tests.web.world import PASSWORD, SENDER, WRITER, World, wired


@contextmanager
def queue(folder: Path, *, scripts: bool) -> Iterator[tuple[Page, World, list[int]]]:
    """Three answers in the queue, and Paul before it."""
    port = free_port()
    wiring = wired(folder, PUBLIC_URL=f"http://127.0.0.1:{port}")
    schema.upgrade(wiring.engine)
    world = World(wiring)
    world.staff(WRITER, "Jeanne", Role.REDACTEUR)
    world.staff(SENDER, "Paul", Role.VALIDEUR)
    numbers = [number(received(world, f"Point {one}", from_address=f"{one}@ailleurs.example")) for one in "abc"]
    with served(create_app(wiring), port), chromium() as browser:
        page = browser.new_context(java_script_enabled=scripts).new_page()
        page.goto(f"http://127.0.0.1:{port}/connexion")
        page.fill("input[name=email]", SENDER)
        page.fill("input[name=password]", PASSWORD)
        page.click("button.primary")
        page.goto(f"http://127.0.0.1:{port}/reponses")
        yield page, world, numbers
    wiring.engine.dispose()


def test_with_scripts_the_buttons_count_and_one_press_does_it(tmp_path: Path) -> None:
    with queue(tmp_path, scripts=True) as (page, world, numbers):
        page.get_by_label("Cocher la réponse d’a@ailleurs.example").check()
        expect(page.get_by_role("button", name="Confier 1 réponse", exact=True)).to_be_visible()
        page.get_by_label("Cocher la réponse de b@ailleurs.example").check()
        received(world, "Et celle-ci ?", from_address="d@ailleurs.example")
        expect(page.get_by_text("Et celle-ci ?")).to_be_visible(timeout=15_000)
        expect(page.get_by_role("button", name="Fusionner 2 réponses")).to_be_visible()
        expect(page.get_by_text("2 réponses cochées.")).to_be_visible()
        assert faults(page) == []
        page.get_by_label("Confier à").select_option("Jeanne")
        page.get_by_role("button", name="Confier 2 réponses").click()
        expect(page.get_by_text("2 réponses confiées à Jeanne.")).to_be_visible()
        assert [stands(world, one).assigned_to for one in numbers] == [1, 1, None]


def test_what_changed_under_a_tick_is_ticked_no_more(tmp_path: Path) -> None:
    with queue(tmp_path, scripts=True) as (page, world, numbers):
        for one in ("d’a", "de b"):
            page.get_by_label(f"Cocher la réponse {one}@ailleurs.example").check()
        with world.begin() as session:
            changed = stands(world, numbers[0])
            session.merge(changed).version = 2
            session.commit()
        expect(page.locator(f'input[value="{numbers[0]}.2"]')).to_be_visible(timeout=15_000)
        expect(page.get_by_role("button", name="Classer 1 réponse")).to_be_visible()
        expect(page.get_by_label("Cocher la réponse d’a@ailleurs.example")).not_to_be_checked()


def test_without_scripts_a_page_counts_before_anything_is_done(tmp_path: Path) -> None:
    with queue(tmp_path, scripts=False) as (page, world, numbers):
        for one in ("d’a", "de b", "de c"):
            page.get_by_label(f"Cocher la réponse {one}@ailleurs.example").check()
        page.get_by_label("Ce ne sont pas des questions").select_option("Un merci, rien à répondre")
        page.get_by_role("button", name="Classer", exact=True).click()
        expect(page.get_by_role("heading", name="Classer 3 réponses")).to_be_visible()
        assert {stands(world, one).status for one in numbers} == {QuestionStatus.TO_SORT}
        page.get_by_role("button", name="Classer 3 réponses : un merci, rien à répondre").click()
        expect(page.get_by_text("Tout est trié.")).to_be_visible()
        assert {stands(world, one).status for one in numbers} == {QuestionStatus.CLOSED}


def test_questions_are_merged_and_taken_apart_and_no_page_of_it_has_a_fault(tmp_path: Path) -> None:
    with queue(tmp_path, scripts=True) as (page, world, numbers):
        for one in ("d’a", "de b", "de c"):
            page.get_by_label(f"Cocher la réponse {one}@ailleurs.example").check()
        page.evaluate("document.getElementById('plusieurs').elements.vu.value = ''")
        page.get_by_role("button", name="Fusionner 3 réponses").click()
        expect(page.get_by_role("heading", name="Fusionner 3 réponses")).to_be_visible()
        assert faults(page) == []
        page.get_by_role("button", name="Fusionner 3 réponses").click()
        expect(page.locator("main")).to_contain_text("3 personnes")
        page.get_by_role("link", name="Tout lire").click()
        assert faults(page) == []
        page.get_by_role("button", name="La reprendre à part : celle de c@ailleurs.example").click()
        expect(page.get_by_role("status")).to_contain_text("de nouveau à part")
        assert stands(world, numbers[2]).merged_into is None
