"""Does the template lint see what mrml would drop in silence?"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.emails.lint import TEMPLATES, lint, lint_folder


def test_our_templates_have_no_fault() -> None:
    assert list(lint_folder(TEMPLATES)) == []


@pytest.mark.parametrize(
    ("source", "fault"),
    [
        ("<mj-txt>a</mj-txt>", "<mj-txt> is not on the list of tags"),
        ('<mj-text colour="red">a</mj-text>', "<mj-text colour> is not on the list of attributes"),
        ('<mj-text role="note">a</mj-text>', "<mj-text role> is not on the list of attributes"),
        ('<mjml lang="en" dir="ltr"></mjml>', '<mjml> needs lang="fr" dir="ltr"'),
        ('<mj-image src="https://x.example/a.png" />', "<mj-image> has no alt"),
        ("<p>a</p>", "<p> carries no style of its own"),
        ('<mj-button href="{{ url }}">a</mj-button>', "<mj-button> href: {{ url }} must end in |mjattr"),
        ("<mj-title>{{ title }}</mj-title>", "<mj-title> its text: {{ title }} must end in |mjattr"),
        ("{{ body | safe }}", "`|safe` in {{ body | safe }}"),
        ("<mj-carousel></mj-carousel>", "<mj-carousel> is not on the list of tags"),
    ],
)
def test_a_fault_is_named(source: str, fault: str) -> None:
    assert [found for found in lint(source) if found.startswith(fault)]


def test_what_is_right_passes() -> None:
    assert (
        lint(
            '<mj-text css-class="a" color="#fff">{% if x %}<a href="{{ url|mjattr }}" style="color:red">{{ y }}</a>{% endif %}</mj-text>'
        )
        == []
    )


def test_a_folder_without_its_files_is_told(tmp_path: Path) -> None:
    (tmp_path / "rappel").mkdir()
    (tmp_path / "rappel" / "subject.txt").write_text("a")
    assert list(lint_folder(tmp_path)) == [
        f"rappel: {name} is missing" for name in ("body.mjml", "body.txt", "sample.json")
    ]
