"""`pli campaigns`: write, submit, approve, send and follow a campaign."""

from __future__ import annotations

import os
import time
from dataclasses import asdict
from datetime import timedelta
from pathlib import Path

import click
from sqlalchemy.orm import Session

from service.actions import campaigns as sendings
from service.actions import doubts, drafts, pulse, reviews, seals, sending
from service.actions import staff as team
from service.actions.doubts import Choice
from service.cli.output import document, instant, lines, say, shown
from service.core import french
from service.core.hours import instant_of
from service.core.proof import sheet
from service.core.refusals import Refusal
from service.core.vocabulary import CAMPAIGN_KINDS, CampaignStatus, MailKind
from service.models.campaign import Campaign
from service.models.delivery import Delivery
from service.models.member import Member
from service.settings import Need
from service.wiring import Wiring, wire

WATCH = 0.3
NO_WORKER_AFTER = timedelta(seconds=30)
_SENDS = Need.STORES | Need.KEYS | Need.WRITING | Need.SENDING
_by = click.option("--by", required=True, metavar="EMAIL", help="Who does it: the e-mail of an account of the team.")
_json = click.option("--json", "as_json", is_flag=True)


@click.group("campaigns")
def campaigns() -> None:
    """Messages to the members of one or several lists."""


@campaigns.command("create")
@click.option("--kind", required=True, type=click.Choice([kind.value for kind in CAMPAIGN_KINDS]))
@click.option("--subject", required=True)
@click.option("--preheader", default="", help="What is read beside the subject before opening.")
@click.option(
    "--body",
    required=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A Markdown file in UTF-8.",
)
@click.option("--list", "list_slugs", multiple=True, required=True, help="May be repeated; the first is the home list.")
@click.option("--event", "event_id", type=int)
@click.option("--author", required=True, metavar="EMAIL")
@_json
def create(
    kind: str,
    subject: str,
    preheader: str,
    body: Path,
    list_slugs: tuple[str, ...],
    event_id: int | None,
    author: str,
    as_json: bool,
) -> None:
    """Write a new campaign."""
    wiring = wire(Need.STORES)
    text = _text_of(body)
    with wiring.sessions.begin() as session:
        made = drafts.create(
            session,
            kind=MailKind(kind),
            subject=subject,
            preheader=preheader,
            body=text,
            list_slugs=list(list_slugs),
            author=team.acting(session, author),
            event_id=event_id,
            now=wiring.now(),
        )
    if as_json:
        document({"id": made.id})
    else:
        say(f"Le message {made.id} est écrit. Ensuite : pli campaigns submit {made.id} --by …")


@campaigns.command("submit")
@click.argument("campaign_id", type=int)
@_by
def submit(campaign_id: int, by: str) -> None:
    """Ask for a second reader."""
    wiring = wire(Need.STORES | Need.KEYS | Need.WRITING)
    with wiring.sessions.begin() as session:
        campaign, who = drafts.get(session, campaign_id), team.acting(session, by)
        asked = reviews.ask(session, wiring.office, campaign, by=who, now=wiring.now())
        addresses = ", ".join(one.email for one in asked)
    say(f"La relecture est demandée à {addresses}." if asked else "La relecture est demandée.")


@campaigns.command("approve")
@click.argument("campaign_id", type=int)
@_by
def approve(campaign_id: int, by: str) -> None:
    """Agree to the exact text and audience."""
    wiring = wire(Need.STORES | Need.KEYS)
    with wiring.sessions.begin() as session:
        approval = drafts.approve(
            session,
            drafts.get(session, campaign_id),
            by=team.acting(session, by),
            secret=wiring.settings.secret_key,
            now=wiring.now(),
        )
    say(f"Le message est approuvé pour {approval.audience_size} destinataires. Toute modification annule cet accord.")


@campaigns.command("send")
@click.argument("campaign_id", type=int)
@_by
@click.option("--now", "immediately", is_flag=True, help="Now; the audience is frozen at once.")
@click.option("--at", metavar="2026-12-01T09:00", help="At an hour of TIMEZONE; the audience is frozen then.")
@click.option(
    "--without-review", "reason", default="", metavar="REASON", help="Send what nobody approved, with a written reason."
)
@click.option("--wait", "watch", is_flag=True, help="Return when it is sent (0), stopped or paused (1).")
def send(campaign_id: int, by: str, immediately: bool, at: str | None, reason: str, watch: bool) -> None:
    """Send a campaign."""
    if immediately == (at is not None):
        raise click.UsageError("Give exactly one of --now and --at.")
    wiring = wire(_SENDS)
    at_instant = instant_of(at, wiring.settings.zone, option="at") if at else None
    with wiring.reading() as session:
        launching = sending.launching(wiring.office, drafts.get(session, campaign_id)) if immediately else None
    with wiring.sessions.begin() as session:
        campaign, sender = drafts.get(session, campaign_id), team.acting(session, by)
        sendings.send(
            session,
            campaign,
            launching,
            by=sender,
            at=at_instant,
            hold=wiring.hold,
            secret=wiring.settings.secret_key,
            now=wiring.now(),
            without_review=reason,
        )
        sending.tell_the_others(session, wiring.office, campaign, by=sender, now=wiring.now())
    say("L’envoi est lancé." if immediately else f"L’envoi est programmé : {at} ({wiring.settings.zone.key}).")
    if watch:
        _watch(wiring, campaign_id)


@campaigns.command("pause")
@click.argument("campaign_id", type=int)
@_by
def pause(campaign_id: int, by: str) -> None:
    """Hold back what has not left."""
    wiring = wire(Need.STORES)
    with wiring.sessions.begin() as session:
        sendings.pause(session, drafts.get(session, campaign_id), by=team.acting(session, by), now=wiring.now())
    say("L’envoi est en pause. Pour continuer : pli campaigns resume.")


@campaigns.command("resume")
@click.argument("campaign_id", type=int)
@_by
def resume(campaign_id: int, by: str) -> None:
    """Go on after a pause."""
    wiring = wire(Need.STORES)
    with wiring.sessions.begin() as session:
        sendings.resume(session, drafts.get(session, campaign_id), by=team.acting(session, by), now=wiring.now())
    say("L’envoi continue.")


@campaigns.command("stop")
@click.argument("campaign_id", type=int)
@_by
def stop(campaign_id: int, by: str) -> None:
    """End a sending for good."""
    wiring = wire(Need.STORES)
    with wiring.sessions.begin() as session:
        skipped = sendings.stop(
            session, drafts.get(session, campaign_id), by=team.acting(session, by), now=wiring.now()
        )
    say(f"L’envoi est arrêté : {skipped} personnes ne recevront pas ce message.")


@campaigns.command("settle")
@click.argument("campaign_id", type=int)
@click.option(
    "--in-doubt",
    "choice",
    required=True,
    type=click.Choice([choice.value for choice in Choice]),
    help="Send again to the people in doubt, who may receive it twice, or leave them so.",
)
@_by
def settle(campaign_id: int, choice: str, by: str) -> None:
    """Decide on the rows in doubt: their message may have left."""
    wiring = wire(Need.STORES)
    with wiring.sessions.begin() as session:
        campaign, person = drafts.get(session, campaign_id), team.acting(session, by)
        rows = doubts.decide(session, campaign, Choice(choice), by=person, now=wiring.now())
        left = doubts.undecided(session, campaign, now=wiring.now())
    people = french.count(rows, "personne", "personnes")
    if rows and choice == Choice.RESEND:
        say(f"Le message repart à {people}, sous le même identifiant : il arrivera peut-être deux fois.")
    elif rows:
        say(f"Rien n’est renvoyé à {people} : la liste des destinataires garde la mention « en doute ».")
    if left.too_early and left.not_before is not None:
        hour = french.hour(left.not_before.astimezone(wiring.settings.zone).time())
        waiting = french.count(left.too_early, "personne est", "personnes sont")
        sentence = f"{waiting} en doute depuis peu : la réponse du serveur peut encore arriver. Décidez après {hour}."
        if not rows:
            raise Refusal(sentence)
        say(sentence)
    elif not rows:
        say("Personne n’est en doute : il n’y a rien à décider.")


@campaigns.command("show")
@click.argument("campaign_id", type=int)
@_json
def show(campaign_id: int, as_json: bool) -> None:
    """Show where a campaign stands."""
    with wire(Need.STORES).reading() as session:
        told = _told(session, drafts.get(session, campaign_id))
    if as_json:
        document(told)
        return
    for name, value in told.items():
        click.echo(f"{name}: {value}")


@campaigns.command("list")
@_json
def show_all(as_json: bool) -> None:
    """List the campaigns, the newest first."""
    with wire(Need.STORES).reading() as session:
        found = [
            {"id": one.id, "kind": one.kind.value, "status": one.status.value, "subject": one.version.subject}
            for one in session.scalars(Campaign.newest_first())
        ]
    if as_json:
        lines(found)
        return
    for one in found:
        click.echo(f"{one['id']}  {one['status']}  {one['subject']}")


@campaigns.command("recipients")
@click.argument("campaign_id", type=int)
@_json
def recipients(campaign_id: int, as_json: bool) -> None:
    """List what became of each mail of a campaign."""
    with wire(Need.STORES).reading() as session:
        drafts.get(session, campaign_id)
        for row in session.scalars(Delivery.of_campaign(campaign_id).execution_options(yield_per=1000)):
            member = session.get(Member, row.member_id) if row.member_id is not None else None
            told = {
                "member": member.number if member else None,
                "address": row.address,
                "state": row.state.value,
                "code": row.code,
                "reply": row.reply,
                "message_id": row.message_id,
                "attempts": row.attempts,
                "at": instant(row.settled_at),
                "why": row.why,
            }
            if as_json:
                document(told)
            else:
                said = shown(row.why or row.reply)
                click.echo(f"{told['member'] or '-'}  {shown(row.address)}  {row.state.value}  {said}")


@campaigns.command("proof")
@click.argument("campaign_id", type=int, required=False)
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path), required=False)
@click.option("--sealed", is_flag=True, help="As it was sealed the last time, and as the witnesses got it.")
@click.option("--seal", type=click.IntRange(min=1), metavar="N", help="As it was sealed the N-th time; the first is 1.")
@click.option(
    "--check",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE.csv",
    help="Say whether a file is as it was written; needs no database.",
)
def proof(campaign_id: int | None, file: Path | None, sealed: bool, seal: int | None, check: Path | None) -> None:
    """Write the proof of a sending that has ended: who, what, the server's answer, bounces, under one SHA-256."""
    if check is not None:
        if campaign_id is not None or sealed or seal is not None:
            raise click.UsageError("--check takes one file and nothing else.")
        say(f"Ce fichier est tel qu’il a été écrit. Empreinte SHA-256 : {sheet.check(check.read_bytes())}")
        return
    if campaign_id is None or file is None or file.suffix.lower() not in (".pdf", ".csv"):
        raise click.UsageError(
            "Give the number of a campaign and a file that ends in .pdf or .csv, or --check FILE.csv."
        )
    if sealed and seal is not None:
        raise click.UsageError("Give one of --sealed, the last seal, and --seal N.")
    wiring = wire(Need.STORES)
    with wiring.reading() as session:
        campaign = drafts.get(session, campaign_id)
        told = seals.proof_of(session, campaign, sealed=sealed or seal is not None, rank=seal)
        count = len(seals.all_sealed(session, campaign))
    content = sheet.write(told) if file.suffix.lower() == ".csv" else wiring.printer().pdf(told)
    # A file that was there is replaced by a whole one or not at all.
    unfinished = file.with_name(f".{file.name}.{os.getpid()}")
    try:
        unfinished.write_bytes(content)
        unfinished.replace(file)
    except OSError as error:
        unfinished.unlink(missing_ok=True)
        raise Refusal(f"Impossible d’écrire {file} : {error.strerror}. Choisissez un autre endroit.") from error
    which = f"preuve scellée n° {seal or count} sur {count}" if sealed or seal else "preuve d’aujourd’hui"
    others = f" Preuves scellées de cet envoi : {count}, de --seal 1 à --seal {count}." if count > 1 else ""
    say(f"La {which} est écrite dans {file}. Empreinte SHA-256 : {sheet.sha256(told)}.{others}")


def _text_of(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise Refusal(
            "Ce fichier n’est pas en UTF-8. Enregistrez-le en UTF-8, puis recommencez.", field="body"
        ) from error


def _told(session: Session, campaign: Campaign) -> dict[str, object]:
    return {
        "id": campaign.id,
        "kind": campaign.kind.value,
        "status": campaign.status.value,
        **asdict(sendings.figures(session, campaign)),
        "started_at": instant(campaign.started_at),
        "finished_at": instant(campaign.finished_at),
    }


def _watch(wiring: Wiring, campaign_id: int) -> None:
    """Only watch: the worker and the clock do the work."""
    began, told = wiring.now(), ""
    while True:
        with wiring.reading() as session:
            campaign = drafts.get(session, campaign_id)
            status, trouble, launched = campaign.status, campaign.trouble, campaign.launched_at is not None
            figures = sendings.figures(session, campaign)
            seen = pulse.last(session, pulse.WORKER) or began
        click.echo(f"\r{figures.accepted} sur {figures.planned}", nl=False, err=True)
        if status is CampaignStatus.SENT:
            click.echo("", err=True)
            return
        if status in (CampaignStatus.STOPPED, CampaignStatus.PAUSED):
            paused = f"L’envoi est en pause. {trouble}".strip() if not launched else "L’envoi est en pause."
            raise Refusal("L’envoi est arrêté." if status is CampaignStatus.STOPPED else paused)
        if wiring.now() - max(seen, began) > NO_WORKER_AFTER:
            raise Refusal(
                "Aucun processus d’envoi ne tourne depuis 30 secondes : lancez « pli start » ou « pli worker ». Rien n’est perdu, l’envoi attend."
            )
        if trouble and trouble != told:
            told = trouble
            say(
                f"Le serveur d’envoi refuse pour l’instant ({shown(trouble)}). Les messages attendent et repartiront seuls."
            )
        time.sleep(WATCH)
