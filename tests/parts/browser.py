"""Chromium, as a person would have it open, and what an automatic reader finds hard to use on a page."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Literal

from playwright.sync_api import Browser, Page, sync_playwright

from tests.parts import require

CHROMIUM = Path("/usr/bin/chromium")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
WIDTHS = (1280, 360)  # CSS pixels: a desk and a telephone
SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
_ASK = """async (rules) => (await axe.run(document, {iframes: false, resultTypes: ['violations'], rules})).violations
    .map(one => one.id + ': ' + one.nodes.map(node => node.target.join(' ')).slice(0, 3).join(' | '))"""
# What axe-core asks of the outermost document alone.
_OF_A_WHOLE_PAGE = ("landmark-one-main", "page-has-heading-one", "region")
_TOO_WIDE = "document.documentElement.scrollWidth > document.documentElement.clientWidth"


@contextmanager
def chromium() -> Iterator[Browser]:
    """Run Chromium without a window; skips where there is none."""
    require(CHROMIUM.exists(), "Chromium is not installed")
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield running
        running.close()


def faults(page: Page, *, framed: bool = False) -> list[str]:
    """List what axe-core finds on an open page and whether it scrolls sideways, at each width, in light and in dark."""
    rules = {rule: {"enabled": False} for rule in (_OF_A_WHOLE_PAGE if framed else ())}
    page.evaluate(_axe())
    found = []
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 900})
        for scheme in SCHEMES:
            page.emulate_media(color_scheme=scheme)
            found += [f"{width} {scheme} {fault}" for fault in page.evaluate(_ASK, rules)]
        if page.evaluate(_TOO_WIDE):
            found.append(f"{width} scrolls sideways")
    return found


@cache
def _axe() -> str:
    return resources.files("axe_playwright_python").joinpath("axe.min.js").read_text(encoding="utf-8")
