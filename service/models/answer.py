"""Answers: what the team says to a question, and the mails that took it to those who asked."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Text, UniqueConstraint, select
from sqlalchemy.orm import Mapped, relationship
from sqlalchemy.sql import Select

from service.core.names import fold
from service.models.base import EXCHANGE, Base, Instant, column, number, ref
from service.models.question import Asking
from service.models.staff import Staff


class Answer(Base):
    """The answer to a question: written, then sent once; the words that were sent never change."""

    __tablename__ = "answer"
    __table_args__ = (UniqueConstraint("question_id"),)

    id: Mapped[int] = number()
    question_id: Mapped[int] = ref("question.id", EXCHANGE, index=False)
    text: Mapped[str] = column(Text, EXCHANGE)
    # Without accents or case, for the search.
    folded: Mapped[str] = column(Text, EXCHANGE)
    written_by: Mapped[int] = ref("staff.id", EXCHANGE, index=False)
    written_at: Mapped[datetime] = column(Instant, EXCHANGE)
    sent_by: Mapped[int | None] = ref("staff.id", EXCHANGE, index=False)
    sent_at: Mapped[datetime | None] = column(Instant, EXCHANGE)

    sender: Mapped[Staff | None] = relationship(foreign_keys=[sent_by])

    def say(self, text: str) -> None:
        """Change the words, and what a search finds them by."""
        self.text, self.folded = text, fold(text)

    @staticmethod
    def to(question_id: int) -> Select[Answer]:
        """The answer to a question."""
        return select(Answer).where(Answer.question_id == question_id)


class AnswerLetter(Base):
    """One answer to one person who asked: what the mail of `deliveries` stands for."""

    __tablename__ = "answer_letter"
    # Whatever the clicks, one mail a person.
    __table_args__ = (UniqueConstraint("answer_id", "asking_id"),)

    id: Mapped[int] = number()
    answer_id: Mapped[int] = ref("answer.id", EXCHANGE, index=False)
    asking_id: Mapped[int] = ref("asking.id", EXCHANGE)

    answer: Mapped[Answer] = relationship()
    asking: Mapped[Asking] = relationship()

    @property
    def key(self) -> str:
        """What the mail is ordered under."""
        return f"answer:{self.id}"
