"""Batches: one act on several questions at once; each is done or refused by itself, and what is refused is told."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy.orm import Session

from service.actions import questions
from service.actions.questions import Hand
from service.core.refusals import NotFound, Refusal
from service.models.staff import Staff

MOST = 100


@dataclass(frozen=True, slots=True)
class Batch:
    """What became of several questions: those on which the act was done, and why not on the others."""

    done: list[int] = field(default_factory=list)
    refused: dict[int, Refusal] = field(default_factory=dict)


def hands(versions: Mapping[int, int], *, by: Staff, now: datetime) -> dict[int, Hand]:
    """Say of each question who acts on which version of it. Refuses none, and more than `MOST`."""
    if not versions:
        raise Refusal("Cochez d’abord une réponse au moins.", field="cochees")
    if len(versions) > MOST:
        raise Refusal(f"Cochez {MOST} réponses au plus à la fois.", field="cochees")
    return {number: Hand(by, version, now) for number, version in versions.items()}


def each(session: Session, several: Mapping[int, Hand], act: Callable[[int, Hand], object]) -> Batch:
    """Do an act on each of these questions; one that refuses it, changed meanwhile for instance, is left as it is.

    The act may touch the question and the journal alone: all questions are locked before the first one is changed.
    """
    batch, there = Batch(), {one.id for one in questions.all_locked(session, several)}
    for number in sorted(several):
        try:
            if number not in there:
                raise NotFound(f"Il n’y a pas de question numéro {number}.")
            with session.begin_nested():
                act(number, several[number])
        except Refusal as refusal:
            batch.refused[number] = refusal
        else:
            batch.done.append(number)
    return batch
