"""Every "no" the product says to a person: in French, what happened and what to do now."""

from __future__ import annotations


class Refusal(Exception):
    """A sentence for a person, never a fault of ours: shown as it is, with nothing lost of what was typed.

    `field` names the form field, column or option at fault, when there is one; `status` is the HTTP answer.
    """

    status = 422

    def __init__(self, sentence: str, *, field: str | None = None) -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.field = field


class Conflict(Refusal):
    """Someone else was faster, or the thing is no longer in the state that the act needs."""

    status = 409


class Forbidden(Refusal):
    """The person may not do this."""

    status = 403


class NotFound(Refusal):
    """There is nothing under this number or name."""

    status = 404
