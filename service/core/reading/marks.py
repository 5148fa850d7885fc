"""The shared word between the rules of a reply: a line of the letter and whose it is."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto


class Mark(Enum):
    """Whose a line is. TAIL is a quote without marks that runs to the end (Outlook); unlike QUOTE it may hide words."""

    OWN = auto()
    SIGNATURE = auto()
    ATTRIBUTION = auto()
    QUOTE = auto()
    TAIL = auto()


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the letter as it came, and its mark."""

    text: str
    mark: Mark = Mark.OWN

    @property
    def blank(self) -> bool:
        """Says whether no word stands on the line."""
        return not self.text.strip()

    @property
    def own(self) -> bool:
        """Says whether the line holds words of the writer."""
        return self.mark is Mark.OWN and not self.blank


def marked(lines: list[Line], start: int, end: int, mark: Mark) -> list[Line]:
    """Gives the lines with those from `start` to before `end` under another mark."""
    return [*lines[:start], *(Line(line.text, mark) for line in lines[start:end]), *lines[end:]]
