"""Do the pages work on PostgreSQL as they do on SQLite?"""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

import pytest

from service.actions import lists, members
from service.core.vocabulary import Role
from service.models.member import Contact
from service.web.app import create_app
from tests.web.conftest import Browser
from tests.web.world import SENDER, WRITER, World, wired


@pytest.fixture
def world(migrated_postgres: str, tmp_path: Path) -> Iterator[World]:
    """The cooperative on a fresh PostgreSQL database."""
    wiring = wired(tmp_path, DATABASE_URL=migrated_postgres)
    built = World(wiring)
    built.staff(WRITER, "Jeanne", Role.REDACTEUR)
    built.staff(SENDER, "Paul", Role.VALIDEUR)
    built.mailing_list()
    yield built
    wiring.engine.dispose()


def test_pages_are_shown_a_file_is_imported_and_a_list_is_left(world: World) -> None:
    app = create_app(world.wiring)
    app.testing, app.test_client_class = True, Browser
    visitor = app.test_client()
    assert isinstance(visitor, Browser)
    visitor.sign_in()
    sent = {"file": (io.BytesIO(b"Nom;Email;Coll\xc3\xa8ge\nRoy;roy@membre.example;S\nFaure;faux;S\n"), "m.csv")}
    page = str(visitor.send("/societaires/import", sent, content_type="multipart/form-data").location)
    assert "Importer 1\u00a0sociétaire" in visitor.get(f"{page}/apercu").text
    visitor.send(
        page, {"columns": "1", "column-0": "nom", "column-1": "email", "column-2": "collège", "list": "nouvelles"}
    )
    campaign = world.launched(body="Voici.\n")
    for path in (
        "/",
        "/listes",
        "/listes/nouvelles",
        "/societaires?q=roy&college=S",
        "/societaires?adresses=en-erreur",
    ):
        assert visitor.get(path).status_code == 200, path
    row = world.deliveries(campaign.id)[0]
    assert "attend son tour" in visitor.get(f"/societaires/{row.member_id}").text
    link = world.wiring.office.unsubscribe_url(row.id, 1)
    assert app.test_client().post(link, data={"List-Unsubscribe": "One-Click"}).status_code == 200
    with world.begin() as session:
        assert not lists.is_reader(session, lists.find(session, "nouvelles"), session.get_one(Contact, row.contact_id))


def test_names_are_sorted_as_on_sqlite(world: World) -> None:
    for family in ("Ville", "Éditions", "Abeille", "Zèbre"):
        world.member("Anne", family)
    with world.begin() as session:
        found = [one.family_name for one in session.scalars(members.matching())]
    assert found == ["Abeille", "Éditions", "Ville", "Zèbre"]
