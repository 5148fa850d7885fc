"""Several questions at once: ticked in the queue, and then given to somebody, put away, given a theme, or merged."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from urllib.parse import urlencode

from flask import Blueprint, flash, redirect, request, url_for
from flask.typing import ResponseReturnValue

from service.actions import batches, merging, questions, themes
from service.actions.batches import Batch
from service.actions.merging import Apart
from service.actions.questions import Hand, Overtaken
from service.core import french
from service.core.refusals import NotFound, Refusal
from service.core.vocabulary import ClosedAs
from service.models.staff import Staff
from service.web.http import me, page, session, wiring
from service.web.staff.questions_page import LABELS, NO_THEME, NOBODY, TOGETHER, WISHES, is_number, quoted, shown
from service.web.staff.questions_queue import shown_queue

pages = Blueprint("several", __name__)

_LABELS = {word: (one, label) for one, word, label in LABELS if one in TOGETHER}


@dataclass(frozen=True, slots=True)
class Deed:
    """What is to be done with several: in the words of its button and of what is said afterwards, and how."""

    # The button is given how many (« 3 réponses »), the words afterwards the number, since they agree with it.
    button: Callable[[str], str]
    said: Callable[[int], str]
    # Beside the number: « Les 3 réponses » are done one by one, a merge all at once.
    do: Callable[[Mapping[int, Hand]], Batch]


@pages.post("/reponses")
def act() -> ResponseReturnValue:
    """Do what the button says with what is ticked; where it did not say how many, show it first with one that does.

    Without scripts the buttons of the queue cannot count.
    """
    ticked = list(dict.fromkeys(request.form.getlist("cochees")))
    try:
        several = batches.hands(_versions(ticked), by=me(), now=wiring().now())
        deed = _deed(several)
        if request.form.get("vu") != str(len(several)):
            return _review(deed, several, ticked)
        batch = deed.do(several)
    except Refusal as refusal:
        session().rollback()
        return shown_queue(refusal, ticked)
    if batch.done:
        flash(deed.said(len(batch.done)))
    for number, refused in batch.refused.items():
        flash(_why_not(number, refused), "refused")
    kept = {name: request.args[name] for name in ("bac", "cherche", "theme", "page") if name in request.args}
    return redirect(f"{url_for('questions.show_all')}?{urlencode(kept)}".rstrip("?"), 303)


@pages.post("/reponses/<int:question_id>/reprendre")
def take_apart(question_id: int) -> ResponseReturnValue:
    """Undo the merge of one question, from the page of the one that holds it."""
    keeper = questions.standing(session(), question_id).id
    typed = request.form.get("version", "")
    by = Hand(me(), int(typed) if is_number(typed) else 0, wiring().now())
    try:
        question = merging.take_apart(session(), question_id, by)
    except Refusal as refusal:
        session().rollback()
        return shown(keeper, refusal), refusal.status
    flash(f"La question {quoted(session(), question)} est de nouveau à part, telle qu’elle était.")
    return redirect(url_for("questions.show", question_id=keeper), 303)


def _versions(ticked: list[str]) -> dict[int, int]:
    """Read what was ticked: the number of each question and the version that the page showed."""
    found = {}
    for one in ticked:
        number, _, version = one.partition(".")
        if is_number(number) and is_number(version):
            found[int(number)] = int(version)
    return found


def _deed(several: Mapping[int, Hand]) -> Deed:
    acts = {"theme": _theme, "confier": _assign, "classer": _close, "fusionner": _merge}
    chosen = acts.get(request.form.get("acte", ""))
    if chosen is None:
        raise Refusal("Choisissez ce qui est à faire des réponses cochées.", field="cochees")
    if chosen is _merge and len(several) < 2:
        raise Refusal("Cochez au moins deux questions à fusionner.", field="cochees")
    return chosen()


def _one_by_one(do: Callable[[int, Hand], object]) -> Callable[[Mapping[int, Hand]], Batch]:
    return lambda several: batches.each(session(), several, do)


def _theme() -> Deed:
    typed = request.form.get("lot-theme", "")
    if typed == NO_THEME:
        return Deed(
            lambda many: f"Retirer le thème de {many}",
            lambda count: f"Sans thème désormais : {_answers(count)}.",
            _one_by_one(lambda number, hand: themes.give(session(), number, None, hand)),
        )
    if not is_number(typed):
        raise Refusal("Choisissez le thème.", field="lot-theme")
    try:
        theme = themes.get(session(), int(typed))
    except NotFound as refusal:
        raise NotFound(refusal.sentence, field="lot-theme") from refusal
    name, theme_id = theme.name, theme.id
    return Deed(
        lambda many: f"Donner le thème « {name} » à {many}",
        lambda count: f"Thème « {name} » donné à {_answers(count)}.",
        _one_by_one(lambda number, hand: themes.give(session(), number, theme_id, hand)),
    )


def _assign() -> Deed:
    typed = request.form.get("lot-personne", "")
    if typed == NOBODY:
        return Deed(
            lambda many: f"Ne confier {many} à personne",
            lambda count: f"Désormais {'confiées' if count > 1 else 'confiée'} à personne : {_answers(count)}.",
            _one_by_one(lambda number, hand: questions.assign(session(), number, None, hand)),
        )
    to = session().get(Staff, int(typed)) if is_number(typed) else None
    if to is None or to.disabled_at is not None:
        raise Refusal("Choisissez une personne de l’équipe.", field="lot-personne")
    name = to.name
    return Deed(
        lambda many: f"Confier {many} à {name}",
        lambda count: f"{french.count(count, 'réponse confiée', 'réponses confiées')} à {name}.",
        _one_by_one(lambda number, hand: questions.assign(session(), number, to, hand)),
    )


def _close() -> Deed:
    word = request.form.get("lot-decision", "")
    if word == "prive":
        return Deed(
            lambda many: f"Garder {many} à répondre en privé",
            lambda count: f"C’est noté : {_answers(count)} dans « À répondre », jamais à publier.",
            _one_by_one(lambda number, hand: questions.accept(session(), number, hand, privately=True)),
        )
    if word not in _LABELS:
        raise Refusal("Choisissez ce que c’est.", field="lot-decision")
    closed_as, label = _LABELS[word]
    return Deed(
        lambda many: f"Classer {many} : {_small(label)}",
        lambda count: f"Classé : {_answers(count)} ({_small(label)}).{_nothing_changed(closed_as)}",
        _one_by_one(lambda number, hand: questions.close(session(), number, closed_as, hand)),
    )


def _merge() -> Deed:
    askers: list[int] = []

    def do(several: Mapping[int, Hand]) -> Batch:
        try:
            merged = merging.merge(session(), several)
        except Apart as apart:
            return Batch(refused=apart.refused)
        askers.append(merged.keeper.askers)
        return Batch([merged.keeper.id, *merged.gone], merged.refused)

    return Deed(
        lambda many: f"Fusionner {many}",
        lambda count: (
            f"{_answers(count)} n’en font plus qu’une, posée par {french.count(askers[0], 'personne', 'personnes')}. "
            "Pour revenir en arrière, ouvrez-la : chacune s’y reprend à part."
        ),
        do,
    )


def _review(deed: Deed, several: Mapping[int, Hand], ticked: list[str]) -> str:
    """Show what is ticked, under a button that says what it will do and to how many."""
    return page(
        "staff/questions/several.html",
        button_words=deed.button(_answers(len(several))),
        rows=[quoted(session(), questions.find(session(), number)) for number in sorted(several)],
        ticked=ticked,
        count=len(several),
        at=request.full_path.rstrip("?"),
        kept=[(name, request.form.get(name, "")) for name in ("acte", "lot-theme", "lot-personne", "lot-decision")],
    )


def _answers(count: int) -> str:
    return french.count(count, "réponse", "réponses")


def _small(label: str) -> str:
    return label[:1].lower() + label[1:]


def _nothing_changed(closed_as: ClosedAs) -> str:
    return " Rien n’a changé dans leurs fiches : faites-y ce qui est demandé." if closed_as in WISHES else ""


def _why_not(number: int, refusal: Refusal) -> str:
    """Say by name what was not done, and why."""
    if isinstance(refusal, NotFound):
        return refusal.sentence
    named = quoted(session(), questions.find(session(), number))
    if isinstance(refusal, Overtaken):
        return f"{refusal.who} changé entre-temps la réponse {named} : elle est restée telle quelle. Relisez-la."
    return f"La réponse {named} est restée telle quelle. {refusal.sentence}"
