"""`pli inbox`: the process that reads the inbox, one reading by hand, and what would be read in files."""

from __future__ import annotations

from collections import Counter
from contextlib import suppress

import click

from service.actions import inbox as intake
from service.cli import processes
from service.cli.classify import classify
from service.cli.output import document, say
from service.core.places import places
from service.core.refusals import Refusal
from service.core.vocabulary import InboundKind, InboundState
from service.models.inbound_message import InboundMessage
from service.ports import AccessRefused, MailboxRefused
from service.settings import Need
from service.wiring import Wiring, wire

_READS = Need.STORES | Need.KEYS | Need.READING
_COUNTED = {
    InboundKind.QUESTION: "questions",
    InboundKind.UNSUBSCRIBE: "questions",
    InboundKind.UNREADABLE: "unreadable",
    InboundKind.BOUNCE: "bounces",
    InboundKind.DELIVERY_NOTICE: "delivery_notices",
    InboundKind.COMPLAINT: "complaints",
    InboundKind.READ_RECEIPT: "read_receipts",
    InboundKind.CALENDAR_REPLY: "calendar_replies",
    InboundKind.AUTO_REPLY: "auto_replies",
    InboundKind.OWN: "own",
}


@click.group("inbox", invoke_without_command=True)
@click.pass_context
def inbox(context: click.Context) -> None:
    """Read the inbox for as long as it runs (what the Procfile runs)."""
    if context.invoked_subcommand is None:
        processes.become_worker("inbox")


inbox.add_command(classify)


@inbox.command("poll")
@click.option("--once", is_flag=True, required=True, help="Read what is there now, treat it, and end.")
@click.option("--json", "as_json", is_flag=True)
def poll(once: bool, as_json: bool) -> None:
    """Read what is there now and treat it here, without worker or Redis."""
    wiring = wire(_READS)
    counted = Counter(dict.fromkeys(["read", *_COUNTED.values(), "left_in_place", "not_read", "refused_tokens"], 0))
    try:
        with wiring.mailbox() as box:
            wiring.rounds.go(box, everywhere=True)
    except AccessRefused as error:
        raise Refusal(f"Le fournisseur de la boîte n’en donne pas l’accès ({error}).") from None
    _look_at_bounces(wiring)
    with wiring.reading() as session:
        waiting = [row.id for row in session.scalars(InboundMessage.to_read(wiring.now()))]
    for message_id in waiting:
        row = _read(wiring, message_id)
        if row is None:
            counted["not_read"] += 1
        elif row.kind is not None:
            counted["read"] += 1
            counted["refused_tokens"] += row.token_refused is not None
            left = row.state is InboundState.LEFT_IN_PLACE
            counted["left_in_place" if left else _COUNTED[row.kind]] += 1
    _put_away(wiring)
    if as_json:
        document(counted)
    else:
        say(
            f"{counted['read']} messages lus, {counted['questions']} questions, {counted['left_in_place']} laissés dans la boîte."
        )


def _look_at_bounces(wiring: Wiring) -> None:
    """What goes wrong in the mailbox of the errors keeps back nothing of the inbox."""
    if wiring.bounce_rounds is None:
        return
    try:
        with wiring.bounce_mailbox() as box:
            wiring.bounce_rounds.go(box, everywhere=True)
    except (OSError, MailboxRefused, AccessRefused) as error:
        click.echo(f"pli: the mailbox of BOUNCE_IMAP_URL could not be read ({type(error).__name__}).", err=True)


def _put_away(wiring: Wiring) -> None:
    """Put what was read where it belongs; what cannot be moved now is moved by the next poll."""
    if wiring.rounds.is_something_to_put_away():
        with wiring.mailbox() as box:
            wiring.rounds.put_away(box)
    if wiring.bounce_rounds is not None and wiring.bounce_rounds.is_something_to_put_away():
        with suppress(OSError, MailboxRefused, AccessRefused), wiring.bounce_mailbox() as box:
            wiring.bounce_rounds.put_away(box)


def _read(wiring: Wiring, message_id: int) -> InboundMessage | None:
    """One message that cannot be read fails only itself; the attempt is counted, and it is tried again later."""
    try:
        return intake.read(wiring.sessions, wiring.reader, message_id, now=wiring.now)
    except Exception as error:
        # Class and lines only: the words of an exception may hold a person's.
        where = f"{type(error).__name__} at {places(error.__traceback__)}"
        click.echo(f"pli: message {message_id} could not be read ({where}); it is tried again later.", err=True)
        return None
