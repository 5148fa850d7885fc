"""The demo's invented cooperative: its file imports whole, its texts can be sent, and no address of it can exist."""

from __future__ import annotations

import re
from datetime import date, timedelta

from hypothesis import given
from hypothesis import strategies as st

from service.core import roster
from service.core.writing import fields
from service.demo import cooperative
from service.demo.cooperative import How
from service.setting_values import ROOT

SOURCES = [*(ROOT / "service/demo").rglob("*.*"), *(ROOT / "templates/pages/demo").glob("*.html")]


def test_every_address_of_the_demo_is_at_a_reserved_domain() -> None:
    texts = [one.read_text(encoding="utf-8") for one in SOURCES if one.suffix in {".py", ".csv", ".md", ".html"}]
    domains = {found.lower() for text in texts for found in re.findall(r"[\w.+-]+@([\w-]+(?:\.[\w-]+)+)", text)}
    hosts = {found.lower() for text in texts for found in re.findall(r"https?://([\w-]+(?:\.[\w-]+)+)", text)}
    assert len(domains) > 20
    assert [one for one in domains if not one.endswith(".example")] == []
    assert [one for one in hosts if not one.endswith(".example")] == []


def test_the_members_file_has_forty_members_of_four_colleges_and_no_row_to_correct() -> None:
    with cooperative.ROSTER.open("rb") as stream:
        rows = list(roster.read(roster.open_sheet(stream, cooperative.ROSTER.name, sheet=None)))
    assert [row.refused for row in rows if row.refused] == []
    members = [row.member for row in rows if row.member is not None]
    assert len(members) == 40
    assert {one.college for one in members} == {"Structures de médiation", "Salariés", "Collectivités", "Partenaires"}
    assert sum(len(one.emails) == 2 for one in members) == 2
    assert sum(not one.emails for one in members) == 1


def test_who_answers_is_in_the_file_and_one_of_them_is_a_machine() -> None:
    known = {one.address for one in cooperative.people()}
    assert {one.address for one in cooperative.ANSWERS} | set(cooperative.GONE) <= known
    assert [one.how for one in cooperative.ANSWERS].count(How.BY_A_MACHINE) == 1


def test_the_communique_has_no_slip_and_names_the_day_of_the_rdv() -> None:
    text = cooperative.communique(date(2026, 12, 18))
    assert "vendredi 18\u00a0décembre 2026 à 12 h 30" in text
    assert fields.faults(cooperative.SUBJECT + cooperative.PREHEADER + text) == []


@given(st.dates(date(2000, 1, 1), date(2100, 1, 1)))
def test_the_next_rdv_is_the_last_friday_of_a_month_a_week_away_at_least(today: date) -> None:
    rdv = cooperative.next_rdv(today)
    assert rdv.weekday() == 4
    assert (rdv + timedelta(days=7)).month != rdv.month
    assert timedelta(days=7) <= rdv - today < timedelta(days=45)
