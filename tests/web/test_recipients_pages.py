"""The long list of a sending's recipients: page by page, from the row on at which each begins."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from sqlalchemy import Connection, event, update

from service.core.vocabulary import DeliveryState
from service.models.campaign import Campaign
from service.models.delivery import Delivery
from tests.web.conftest import Browser
from tests.web.world import World

PEOPLE = 120


@pytest.fixture
def campaign(world: World) -> Campaign:
    """A sending to 120 people, of whom the first has got it, and two were put off."""
    for number in range(PEOPLE):
        world.member(f"Membre{number:03}", "Roy", to="nouvelles")
    made = world.launched()
    first, second, *_, last = [row.id for row in world.deliveries(made.id)]
    change(world, first, state=DeliveryState.ACCEPTED, settled_at=world.wiring.now())
    for number in (second, last):
        change(world, number, state=DeliveryState.DEFERRED, due_at=world.wiring.now())
    return made


def change(world: World, *numbers: int, **values: object) -> None:
    with world.begin() as session:
        session.execute(update(Delivery).where(Delivery.id.in_(numbers)).values(values))
        session.commit()


def shown(page: str) -> list[int]:
    return [int(number) for number in re.findall(r">Membre(\d+) Roy<", page)]


def link(page: str, name: str) -> str | None:
    found = re.search(rf'id="{name}" rel="\w+" href="([^"]+)"', page)
    return found[1].replace("&amp;", "&") if found else None


def walked(browser: Browser, path: str | None, name: str) -> list[list[int]]:
    """Follow one link from page to page."""
    pages = []
    while path is not None:
        text = browser.get(path).text
        pages.append(shown(text))
        path = link(text, name)
    return pages


def last_page(browser: Browser, path: str) -> str:
    while (following := link(browser.get(path).text, "page-apres")) is not None:
        path = following
    return path


@pytest.mark.parametrize("tray", ["tous", "a-envoyer"])
def test_everybody_is_on_one_page_of_the_list_there_and_back(signed_in: Browser, campaign: Campaign, tray: str) -> None:
    path = f"/messages/{campaign.id}?etat={tray}"
    # What is left to send stands at the end of the rows, and is shown from there.
    expected = list(range(PEOPLE)) if tray == "tous" else list(range(PEOPLE - 1, 0, -1))
    forth = walked(signed_in, path, "page-apres")
    assert [len(page) for page in forth] == [50, 50, len(expected) - 100]
    assert [person for page in forth for person in page] == expected
    back = walked(signed_in, last_page(signed_in, path), "page-avant")
    assert back[::-1] == forth


def test_a_page_says_which_rows_of_how_many_it_shows(signed_in: Browser, campaign: Campaign) -> None:
    path = link(signed_in.get(f"/messages/{campaign.id}").text, "page-apres")
    assert path is not None
    assert "51 à 100 sur 120" in signed_in.get(path).text
    assert "101 à 120 sur 120" in signed_in.get(last_page(signed_in, path)).text


def test_those_who_were_put_off_are_found_once_nothing_else_is_left(
    signed_in: Browser, world: World, campaign: Campaign
) -> None:
    rest = [row.id for row in world.deliveries(campaign.id)][2:-1]
    change(world, *rest, state=DeliveryState.ACCEPTED)
    assert shown(signed_in.get(f"/messages/{campaign.id}?etat=a-envoyer").text) == [PEOPLE - 1, 1]


@pytest.mark.parametrize("odd", ["page=2", "page=0&apres=1", "page=9&apres=x", "apres=-1", f"page=3&avant={'9' * 30}"])
def test_an_address_that_names_no_row_shows_the_first_page(signed_in: Browser, campaign: Campaign, odd: str) -> None:
    assert shown(signed_in.get(f"/messages/{campaign.id}?{odd}").text) == list(range(50))


def test_beyond_the_last_row_is_an_empty_page(signed_in: Browser, campaign: Campaign) -> None:
    answer = signed_in.get(f"/messages/{campaign.id}?page=3&apres=999999999999999999")
    assert (answer.status_code, shown(answer.text)) == (200, [])


def test_neither_a_sending_nor_the_list_of_messages_counts_rows(
    signed_in: Browser, world: World, campaign: Campaign
) -> None:
    """A count would take longer the larger the sending."""
    with asked(world) as statements:
        for path in (f"/messages/{campaign.id}", f"/messages/{campaign.id}?etat=a-envoyer", "/messages"):
            assert signed_in.get(path).status_code == 200
    assert any("FROM tally" in one for one, _ in statements)
    assert [one for one, _ in statements if "count(" in one and "FROM delivery" in one] == []


def test_no_more_rows_are_looked_for_than_there_are(signed_in: Browser, world: World, campaign: Campaign) -> None:
    """The look for a second one who got it would go through everybody else."""
    with asked(world) as statements:
        assert shown(signed_in.get(f"/messages/{campaign.id}?etat=envoyes").text) == [0]
    assert [values for one, values in statements if "ORDER BY delivery.id" in one] == [(campaign.id, "accepted", 1, 0)]


@contextmanager
def asked(world: World) -> Iterator[list[tuple[str, object]]]:
    """Note what is asked of the database, with the values."""
    statements: list[tuple[str, object]] = []

    def note(_connection: Connection, _cursor: object, statement: str, values: object, *_: object) -> None:
        statements.append((statement, values))

    event.listen(world.wiring.engine, "before_cursor_execute", note)
    try:
        yield statements
    finally:
        event.remove(world.wiring.engine, "before_cursor_execute", note)
