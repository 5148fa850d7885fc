"""Questions and their askings: a mail may hold several questions, a question may have many askers."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import BigInteger, Boolean, Date, Integer, String, Text, UniqueConstraint, false, func, select
from sqlalchemy import text as sql
from sqlalchemy.orm import Mapped, foreign, relationship
from sqlalchemy.sql import ColumnElement, Select

from service.core.names import fold
from service.core.vocabulary import AskedBy, MatchedBy, QuestionStatus
from service.models.base import EXCHANGE, ORGANISING, Base, Instant, column, number, ref, words
from service.models.campaign import Campaign
from service.models.event import Event
from service.models.inbound_message import InboundMessage
from service.models.member import Contact
from service.models.staff import Staff
from service.models.theme import Theme


class Question(Base):
    """What the cooperative is asked, once, however many ask it."""

    __tablename__ = "question"

    id: Mapped[int] = number()
    status: Mapped[QuestionStatus] = column(
        words(QuestionStatus), ORGANISING, default=QuestionStatus.TO_SORT, index=True
    )
    closed_as: Mapped[str] = column(String(64), ORGANISING, default="")
    event_id: Mapped[int | None] = ref(f"{Event.__tablename__}.id", ORGANISING)
    created_at: Mapped[datetime] = column(Instant, ORGANISING)
    # Never proposed for publication.
    is_private: Mapped[bool] = column(Boolean, ORGANISING, default=False, server_default=false())
    # By when the law wants an answer (RGPD, article 12.3); None of a question like others.
    due_on: Mapped[date | None] = column(Date, ORGANISING)
    theme_id: Mapped[int | None] = column(BigInteger, ORGANISING, index=True)
    # Who takes care of it, and who changed it last; numbers alone, as in the journal: SQLite adds no reference to a
    # table that is there.
    assigned_to: Mapped[int | None] = column(BigInteger, ORGANISING)
    changed_by: Mapped[int | None] = column(BigInteger, ORGANISING)
    changed_at: Mapped[datetime | None] = column(Instant, ORGANISING)
    # Raised by each change: nobody saves over what he has not seen.
    version: Mapped[int] = column(Integer, ORGANISING, default=1, server_default=sql("1"))

    # Which question it was merged into: who asked it stands there, and all else of it is as it was.
    merged_into: Mapped[int | None] = column(BigInteger, ORGANISING, index=True)

    # The split that made it of a part of another.
    split_id: Mapped[int | None] = column(BigInteger, ORGANISING, index=True)

    # By its number alone, as the columns above.
    theme: Mapped[Theme | None] = relationship(
        primaryjoin=lambda: foreign(Question.theme_id) == Theme.id, viewonly=True
    )
    notes: Mapped[list[QuestionNote]] = relationship(order_by="QuestionNote.id")
    # Who asked it before others were merged into it comes first: the page bears his name.
    askings: Mapped[list[Asking]] = relationship(
        back_populates="question",
        order_by=lambda: (Asking.first_question_id != Asking.question_id, Asking.id),
        foreign_keys="Asking.question_id",
    )

    @property
    def askers(self) -> int:
        """How many people asked it; two mails of one member, or from one unknown address, are one."""
        return len({(one.contact_id, "" if one.contact_id else one.from_address or one.id) for one in self.askings})

    @staticmethod
    def stands() -> ColumnElement[bool]:
        """Whether a question is one by itself: it was not merged into another."""
        return Question.merged_into.is_(None)

    @staticmethod
    def in_tray(status: QuestionStatus | None = None, event_id: int | None = None) -> Select[Question]:
        """The questions of a tray or of an event, the oldest first."""
        query = select(Question).where(Question.stands()).order_by(Question.created_at, Question.id)
        if status is not None:
            query = query.where(Question.status == status)
        return query if event_id is None else query.where(Question.event_id == event_id)

    @staticmethod
    def trays() -> Select[QuestionStatus, int]:
        """How many questions lie in each tray."""
        return select(Question.status, func.count()).where(Question.stands()).group_by(Question.status)


class QuestionNote(Base):
    """What the team says to itself about a question; it never leaves."""

    __tablename__ = "question_note"

    id: Mapped[int] = number()
    question_id: Mapped[int] = ref("question.id", ORGANISING)
    staff_id: Mapped[int] = ref("staff.id", ORGANISING, index=False)
    text: Mapped[str] = column(Text, ORGANISING)
    written_at: Mapped[datetime] = column(Instant, ORGANISING)

    staff: Mapped[Staff] = relationship()


class Asking(Base):
    """One person asking one question: the words as asked never change; a merge moves `question_id`.

    A split shares the words of a mail out among its askings, by their `position`; the mail keeps them whole.
    """

    __tablename__ = "asking"
    # A message read twice opens no second question.
    __table_args__ = (UniqueConstraint("inbound_message_id", "position"),)

    id: Mapped[int] = number()
    question_id: Mapped[int] = ref("question.id", EXCHANGE)
    # Where it was first, so that a merge can be undone.
    first_question_id: Mapped[int] = ref("question.id", EXCHANGE, index=False)
    contact_id: Mapped[int | None] = ref("contact.id", EXCHANGE, ondelete="SET NULL")
    inbound_message_id: Mapped[int | None] = ref("inbound_message.id", EXCHANGE)
    campaign_id: Mapped[int | None] = ref("campaign.id", EXCHANGE)
    event_id: Mapped[int | None] = ref(f"{Event.__tablename__}.id", EXCHANGE, index=False)
    from_address: Mapped[str] = column(String(254), EXCHANGE, default="")
    matched_by: Mapped[MatchedBy] = column(words(MatchedBy), EXCHANGE)
    text: Mapped[str] = column(Text, EXCHANGE)
    # Of what did not come by mail the team wrote the words down.
    channel: Mapped[AskedBy] = column(words(AskedBy), EXCHANGE, default=AskedBy.MAIL, server_default=sql("'mail'"))
    # The words and who wrote them, without accents or case, kept up by `refresh_search`.
    folded: Mapped[str] = column(Text, EXCHANGE, default="", server_default=sql("''"))
    position: Mapped[int] = column(Integer, EXCHANGE, default=0)
    # Whether the mail came from the address that we wrote to; if not, staff are told and nothing acts on it (S3).
    same_address: Mapped[bool] = column(Boolean, EXCHANGE, default=True)
    asked_at: Mapped[datetime] = column(Instant, EXCHANGE)

    question: Mapped[Question] = relationship(back_populates="askings", foreign_keys=[question_id])
    contact: Mapped[Contact | None] = relationship()
    campaign: Mapped[Campaign | None] = relationship()
    inbound_message: Mapped[InboundMessage | None] = relationship()

    @property
    def excerpt(self) -> str:
        """What is shown of the words where there is room for their beginning alone: without the quoted lines between which they
        were written, unless there are no others."""
        own = "\n".join(line for line in self.text.splitlines() if not line.startswith(">")).strip()
        return own or self.text

    def refresh_search(self, *, name: str = "") -> None:
        """Write down what a search finds this asking by, beside its member: its words, its address, a name that came with it."""
        self.folded = fold(f"{self.text} {self.from_address} {name}")

    @staticmethod
    def by_contacts(contact_ids: list[int]) -> Select[Asking]:
        """What these contacts asked, the last first."""
        return (
            select(Asking).where(Asking.contact_id.in_(contact_ids)).order_by(Asking.asked_at.desc(), Asking.id.desc())
        )


class QuestionSplit(Base):
    """One split that can be undone: what was asked in one piece before; gone once it is undone."""

    __tablename__ = "question_split"

    id: Mapped[int] = number()
    question_id: Mapped[int] = ref("question.id", EXCHANGE)
    asking_id: Mapped[int] = ref("asking.id", EXCHANGE, index=False)
    # The words as they stood, to the letter: the parts have no empty lines at their ends.
    whole: Mapped[str] = column(Text, EXCHANGE)

    @staticmethod
    def last_of(question_id: int) -> Select[QuestionSplit]:
        """The last split of a question that was not undone."""
        of_it = select(QuestionSplit).where(QuestionSplit.question_id == question_id)
        return of_it.order_by(QuestionSplit.id.desc()).limit(1)
