"""`pli questions`: the question queue."""

from __future__ import annotations

import click
from sqlalchemy.orm import selectinload

from service.cli.output import instant, lines
from service.core.vocabulary import QuestionStatus
from service.models.question import Asking, Question
from service.settings import Need
from service.wiring import wire


@click.group("questions")
def questions() -> None:
    """What members asked."""


@questions.command("list")
@click.option("--status", type=click.Choice([status.value for status in QuestionStatus]))
@click.option("--event", "event_id", type=int)
@click.option("--json", "as_json", is_flag=True)
def show_all(status: str | None, event_id: int | None, as_json: bool) -> None:
    """List the questions, the oldest first."""
    query = Question.in_tray(QuestionStatus(status) if status else None, event_id)
    with wire(Need.STORES).reading() as session:
        found = [
            _told(one)
            for one in session.scalars(query.options(selectinload(Question.askings).joinedload(Asking.contact)))
        ]
    if as_json:
        lines(found)
        return
    for one in found:
        click.echo(f"{one['id']}  {one['status']}  {one['from']}\n    {one['text']}")


def _told(question: Question) -> dict[str, object]:
    first = question.askings[0] if question.askings else None
    member = first.contact.member if first and first.contact else None
    return {
        "id": question.id,
        "from": first.from_address if first else None,
        "member": member.number if member else None,
        "campaign": first.campaign_id if first else None,
        "event": question.event_id,
        "text": first.text if first else "",
        "theme": question.theme.name if question.theme else None,
        "status": question.status.value,
        "received_at": instant(first.asked_at) if first else None,
    }
