"""The mail of an answer before it leaves, in a real browser: all of it is seen, at a desk and on a telephone."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.parts.browser import WIDTHS, faults
from tests.web.test_questions_typed_browser import question

_IS_CUT = "one => one.scrollHeight > one.clientHeight"


@pytest.mark.parametrize("paragraphs", [1, 60])
def test_the_whole_mail_is_seen_without_scrolling_in_a_box(tmp_path: Path, paragraphs: int) -> None:
    with question(tmp_path) as (page, _, _asked):
        page.get_by_label("Votre réponse").fill("Une vraie place, et la parole à chaque séance.\n\n" * paragraphs)
        page.get_by_role("button", name="Voir le message").click()
        text = page.get_by_label("Le texte du message")
        expect(text).to_contain_text("Une vraie place")
        page.get_by_text("Le message mis en forme").click()
        inside = page.frame_locator("iframe").locator("html")
        expect(inside).to_contain_text("Une vraie place")
        for width in WIDTHS:
            page.set_viewport_size({"width": width, "height": 900})
            assert not text.evaluate(_IS_CUT)
            assert not inside.evaluate(_IS_CUT)
        assert faults(page) == []
