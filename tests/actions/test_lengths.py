"""Is a text that does not fit refused with its name and its limit, on both databases, before anything is written?"""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from service.actions import campaigns, events, lists, members, staff
from service.actions.lengths import require_fits
from service.core.refusals import Refusal
from service.core.vocabulary import CampaignStatus, EventKind, MailClass, Role
from service.models.campaign import Campaign, CampaignVersion
from service.models.staff import Staff
from tests.builders import NOON, PASSWORD, SECRET, World


def test_what_fits_to_the_last_character_is_kept(world: World) -> None:
    with world.sessions.begin() as session:
        made = lists.create(session, "longue", name="é" * 200, mail_class=MailClass.NEWSLETTER, now=NOON)
        session.flush()
        assert len(made.name) == 200


def test_a_list_and_a_person_of_the_team_are_named_in_200_characters(world: World) -> None:
    with world.sessions() as session:
        with pytest.raises(Refusal, match="Le nom de la liste fait 201 caractères : gardez-en 200 au plus") as refused:
            lists.create(session, "longue", name="é" * 201, mail_class=MailClass.NEWSLETTER, now=NOON)
        assert refused.value.field == "name"
        with pytest.raises(Refusal, match="Le nom de la personne fait 201"):
            staff.add(session, "a@b.example", name="é" * 201, role=Role.ADMIN, password=PASSWORD, now=NOON)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"title": "é" * 201}, "Le titre fait 201"),
        ({"place": "é" * 401}, "Le lieu fait 401"),
        ({"video": "é" * 401}, "L’adresse de la visio fait 401"),
        ({"capacity": 10**12}, "nombre de places"),
        ({"capacity": 0}, "nombre de places"),
    ],
)
def test_an_event_whose_words_or_seats_do_not_fit_is_refused(world: World, given: dict[str, Any], said: str) -> None:
    details: dict[str, Any] = {"title": "RDV", **given}
    with world.sessions() as session, pytest.raises(Refusal, match=said):
        events.create(session, kind=EventKind.RDV, starts_at=NOON, zone=ZoneInfo("Europe/Paris"), now=NOON, **details)


def test_a_reason_too_long_sends_nothing_and_names_its_limit(world: World, author: Staff, boss: Staff) -> None:
    number = world.draft(author, "nouvelles")
    with world.sessions() as session:
        campaign, by = session.get_one(Campaign, number), session.merge(boss)
        with pytest.raises(Refusal, match="La raison fait 1\u202f001 caractères : gardez-en 1\u202f000 au plus"):
            campaigns.send(
                session,
                campaign,
                None,
                by=by,
                at=NOON + timedelta(days=1),
                hold=timedelta(0),
                secret=SECRET,
                now=NOON,
                without_review="é" * 1001,
            )
        assert campaign.status is CampaignStatus.DRAFT


def test_a_search_of_a_thousand_words_is_a_search_of_the_first_ones(world: World, author: Staff) -> None:
    with world.sessions() as session:
        assert session.scalars(members.matching("nom1 " + "prenom1 " * 20_000)).all()
        assert not session.scalars(members.matching(" ".join(f"mot{n}" for n in range(20_000)))).all()


def test_a_column_without_a_length_is_a_fault_of_ours() -> None:
    with pytest.raises(TypeError, match="no length"):
        require_fits("x", CampaignVersion.body, called="Le message", field="body")
