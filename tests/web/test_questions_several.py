"""Several answers at once on the page of the queue: the button says what and to how many, collisions are told by name."""

from __future__ import annotations

import re

import pytest

from service.actions import themes
from service.core.vocabulary import ClosedAs, QuestionStatus
from service.models.question import Question
from service.models.staff import Staff
from tests.web.conftest import Browser
from tests.web.test_questions import HOSTILE, number, received
from tests.web.test_questions_sorting import stands
from tests.web.world import World

NBSP = "\u00a0"


def three(world: World) -> list[int]:
    return [
        number(received(world, f"Où en est le budget, point {one} ?", from_address=f"{one}@ailleurs.example"))
        for one in ("un", "deux", "trois")
    ]


def form(numbers: list[int], acte: str, typed: dict[str, str] | None = None, *, seen: bool = True) -> dict[str, object]:
    """What the page sends: with scripts the buttons have said how many."""
    ticked = [f"{one}.1" for one in numbers]
    return {"cochees": ticked, "acte": acte, "vu": str(len(numbers)) if seen else "", **(typed or {})}


def test_the_queue_has_a_box_for_each_answer_and_what_can_be_done_with_them(signed_in: Browser, world: World) -> None:
    numbers = three(world)
    page = signed_in.get("/reponses").text
    assert re.findall(r'form="plusieurs" name="cochees" id="cochee-\d+" value="(\d+)\.1"', page) == [
        str(one) for one in reversed(numbers)
    ]
    for word in ("confier", "theme", "classer", "fusionner"):
        assert f'name="acte" value="{word}"' in page
    assert 'value="fusionner"' not in signed_in.get("/reponses?bac=a-publier").text
    for tray in ("publiees", "classees"):
        assert "cochees" not in signed_in.get(f"/reponses?bac={tray}").text


def test_without_scripts_a_page_says_what_and_to_how_many_before_anything_is_done(
    signed_in: Browser, world: World
) -> None:
    numbers = three(world)
    typed = {"lot-personne": "1"}
    review = signed_in.send("/reponses?bac=a-trier", form(numbers[:2], "confier", typed, seen=False))
    assert review.status_code == 200
    assert f">Confier 2{NBSP}réponses à Jeanne</button>" in review.text
    assert "d’un@ailleurs.example" in review.text
    assert "de trois@ailleurs.example" not in review.text
    assert stands(world, numbers[0]).version == 1
    carried = dict(re.findall(r'type="hidden" name="(acte|vu|lot-\w+)" value="([^"]*)"', review.text))
    carried["cochees"] = re.findall(r'name="cochees" value="([^"]*)"', review.text)
    page = signed_in.send("/reponses?bac=a-trier", carried, follow_redirects=True).text
    assert f"2{NBSP}réponses confiées à Jeanne." in page
    assert [stands(world, one).assigned_to for one in numbers] == [1, 1, None]


def test_a_button_that_said_another_number_does_nothing_yet(signed_in: Browser, world: World) -> None:
    numbers = three(world)
    data = form(numbers, "classer", {"lot-decision": "merci"}) | {"vu": "2"}
    assert f"Classer 3{NBSP}réponses{NBSP}: un merci, rien à répondre" in signed_in.send("/reponses", data).text
    assert {stands(world, one).status for one in numbers} == {QuestionStatus.TO_SORT}


def test_each_act_is_done_on_all_and_comes_back_to_the_same_list(signed_in: Browser, world: World) -> None:
    numbers = three(world)
    with world.begin() as session, session.begin():
        theme = themes.add(session, "Finances", by=session.get_one(Staff, 1), now=world.wiring.now()).id
    where = "/reponses?bac=a-trier&cherche=budget"
    answer = signed_in.send(where, form(numbers, "theme", {"lot-theme": str(theme)}))
    assert answer.location == where
    assert {stands(world, one).theme_id for one in numbers} == {theme}
    data = form(numbers, "classer", {"lot-decision": "pouvoir"}) | {"cochees": [f"{one}.2" for one in numbers]}
    page = signed_in.send(where, data, follow_redirects=True).text
    assert f"Classé{NBSP}: 3{NBSP}réponses (un pouvoir). Rien n’a changé dans leurs fiches" in page
    assert {stands(world, one).closed_as for one in numbers} == {ClosedAs.PROXY.value}


def test_answers_kept_for_a_private_reply(signed_in: Browser, world: World) -> None:
    numbers = three(world)
    signed_in.send("/reponses", form(numbers, "classer", {"lot-decision": "prive"}))
    assert {(stands(world, one).status, stands(world, one).is_private) for one in numbers} == {
        (QuestionStatus.TO_ANSWER, True)
    }


def test_who_changed_one_of_them_meanwhile_is_told_by_name_and_the_others_are_done(
    signed_in: Browser, writer: Browser, world: World
) -> None:
    numbers = three(world)
    writer.send(f"/reponses/{numbers[1]}/trier", {"decision": "question", "version": "1"})
    page = signed_in.send("/reponses", form(numbers, "classer", {"lot-decision": "merci"}), follow_redirects=True).text
    assert f"Classé{NBSP}: 2{NBSP}réponses" in page
    assert "Jeanne a changé entre-temps la réponse de deux@ailleurs.example" in page
    assert 'class="band" role="status"' in page
    assert [stands(world, one).status for one in numbers] == [
        QuestionStatus.CLOSED,
        QuestionStatus.TO_ANSWER,
        QuestionStatus.CLOSED,
    ]


@pytest.mark.parametrize(
    ("data", "field"),
    [
        (form([], "confier", {"lot-personne": "1"}), "cochees"),
        (form([1], "fusionner"), "cochees"),
        (form([1], ""), "cochees"),
        (form([1], "confier"), "lot-personne"),
        (form([1], "confier", {"lot-personne": "99"}), "lot-personne"),
        (form([1], "theme", {"lot-theme": "99"}), "lot-theme"),
        (form([1], "classer"), "lot-decision"),
        (form([1], "classer", {"lot-decision": "ne-plus-recevoir"}), "lot-decision"),
    ],
)
def test_what_is_missing_is_told_at_its_field_and_the_ticks_stay(
    signed_in: Browser, world: World, data: dict[str, object], field: str
) -> None:
    three(world)
    answer = signed_in.send("/reponses?bac=a-trier", data)
    assert answer.status_code in (404, 422)
    assert f'href="#{field}"' in answer.text
    assert f'id="{field}"' in answer.text
    assert answer.text.count('value="1.1" checked') == (1 if data["cochees"] else 0)
    assert stands(world, 1).version == 1


def test_questions_are_merged_from_the_boxes_and_taken_apart_on_the_page(signed_in: Browser, world: World) -> None:
    first, second, third = three(world)
    page = signed_in.send("/reponses", form([third, first, second], "fusionner"), follow_redirects=True).text
    assert f"3{NBSP}réponses n’en font plus qu’une, posée par 3{NBSP}personnes." in page
    assert '<span class="count">1</span>' in page
    assert " · 3 personnes" in page
    answer = signed_in.get(f"/reponses/{second}")
    assert (answer.status_code, answer.location) == (303, f"/reponses/{first}")
    page = signed_in.get(f"/reponses/{first}").text
    for one in ("un", "deux", "trois"):
        assert f"point {one} ?" in page
    assert page.count("La reprendre à part") == 2
    page = signed_in.send(f"/reponses/{second}/reprendre", {"version": "2"}, follow_redirects=True).text
    assert "La question de deux@ailleurs.example" in page
    assert page.count("La reprendre à part") == 1
    assert signed_in.get(f"/reponses/{second}").status_code == 200


def test_where_too_few_can_be_merged_who_changed_the_other_is_told_by_name(
    signed_in: Browser, writer: Browser, world: World
) -> None:
    first, second, _ = three(world)
    writer.send(f"/reponses/{second}/confier", {"personne": "moi", "version": "1"})
    page = signed_in.send("/reponses", form([first, second], "fusionner"), follow_redirects=True).text
    assert "Jeanne a changé entre-temps la réponse de deux@ailleurs.example" in page
    assert "n’en font plus qu’une" not in page
    assert '<span class="count">3</span>' in page


def test_who_takes_apart_what_another_changed_reads_it(signed_in: Browser, writer: Browser, world: World) -> None:
    first, second, _ = three(world)
    signed_in.send("/reponses", form([first, second], "fusionner"))
    writer.send(f"/reponses/{first}/confier", {"personne": "moi", "version": "2"})
    answer = signed_in.send(f"/reponses/{second}/reprendre", {"version": "2"})
    assert answer.status_code == 409
    assert "Jeanne a changé cette question" in answer.text
    with world.begin() as session:
        assert session.get_one(Question, second).merged_into == first


def test_what_was_typed_on_a_page_whose_question_was_merged_meanwhile_is_not_lost(
    signed_in: Browser, writer: Browser, world: World
) -> None:
    first, second, _ = three(world)
    writer.send("/reponses", form([first, second], "fusionner"))
    answer = signed_in.send(f"/reponses/{second}/note", {"note": "Vu avec le conseil"})
    assert answer.status_code == 409
    assert "réunie à une autre" in answer.text
    assert "Vu avec le conseil</textarea>" in answer.text
    assert f'action="/reponses/{first}/note"' in answer.text
    for path in ("separer", "reponse"):
        assert signed_in.get(f"/reponses/{second}/{path}").status_code == 404
    for word in ("question", "adresse", "merci"):
        assert signed_in.send(f"/reponses/{second}/trier", {"decision": word, "version": "1"}).status_code in (303, 409)


def test_the_queue_proposes_to_merge_what_is_alike_in_one_press(signed_in: Browser, world: World) -> None:
    first = number(received(world, f"Quelle place pour les sociétaires dans la stratégie ? {HOSTILE}"))
    second = number(
        received(
            world,
            "La place des sociétaires dans la nouvelle stratégie ?",
            status=QuestionStatus.TO_ANSWER,
            from_address="paul@ailleurs.example",
        )
    )
    page = signed_in.get("/reponses").text
    assert f'name="cochees" value="{first}.1"><input type="hidden" name="cochees" value="{second}.1"' in page
    signed_in.send("/reponses?bac=a-trier", form([first, second], "fusionner"))
    with world.begin() as session:
        assert session.get_one(Question, first).merged_into == second
    page = signed_in.get(f"/reponses/{second}").text
    assert "L’autre personne ne la reçoit pas" in page, "until all are answered at once, nobody believes that they are"


@pytest.mark.parametrize(
    ("many", "given", "taken"), [(1, "1 réponse confiée", "confiée"), (3, "3 réponses confiées", "confiées")]
)
def test_what_is_said_of_answers_given_to_somebody_agrees_with_their_number(
    signed_in: Browser, world: World, many: int, given: str, taken: str
) -> None:
    numbers = three(world)[:many]
    page = signed_in.send("/reponses", form(numbers, "confier", {"lot-personne": "1"}), follow_redirects=True).text
    assert f"{given} à Jeanne.".replace(" ", NBSP, 1) in page
    data = form(numbers, "confier", {"lot-personne": "personne"}) | {"cochees": [f"{one}.2" for one in numbers]}
    page = signed_in.send("/reponses", data, follow_redirects=True).text
    noun = "réponse" if many == 1 else "réponses"
    assert f"Désormais {taken} à personne{NBSP}: {many}{NBSP}{noun}." in page
