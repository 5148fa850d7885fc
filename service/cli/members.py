"""`pli members`: the register of members and its file."""

from __future__ import annotations

import csv
import sys
from datetime import date
from pathlib import Path

import click

from service.actions import members as register
from service.actions import roster as intake
from service.actions.roster import Imported
from service.cli.output import document, lines, say
from service.core import roster
from service.core.refusals import Refusal
from service.core.vocabulary import LeavingReason
from service.models.member import Member
from service.settings import Need
from service.wiring import wire


@click.group("members")
def members() -> None:
    """The members of the cooperative."""


@members.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--list", "list_slugs", multiple=True, help="Subscribe to this list whoever never left it; may be repeated."
)
@click.option("--sheet", help="The sheet of a workbook; by default the one whose headings are known best.")
@click.option("--dry-run", is_flag=True, help="Say what would be done, and change nothing.")
@click.option(
    "--refused",
    "refused_file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write the refused rows here, with the reason.",
)
@click.option("--json", "as_json", is_flag=True)
def import_file(
    file: Path, list_slugs: tuple[str, ...], sheet: str | None, dry_run: bool, refused_file: Path | None, as_json: bool
) -> None:
    """Import a CSV or XLSX file of members."""
    if refused_file is not None and _is_same(file, refused_file):
        raise Refusal(f"--refused écraserait {file}, le fichier à importer. Donnez un autre nom de fichier.")
    wiring = wire(Need.STORES)
    with file.open("rb") as stream, wiring.sessions() as session, session.begin() as transaction:
        opened = roster.open_sheet(stream, file.name, sheet=sheet)
        with click.progressbar(length=file.stat().st_size, label="Lecture", file=sys.stderr) as bar:
            # How far the stream was read says how far we are, whatever the number of rows.
            told = lambda _rows: bar.update(max(0, min(stream.tell(), bar.length or 0) - bar.pos))  # noqa: E731
            done = intake.take_in(session, roster.read(opened), list_slugs=list_slugs, now=wiring.now(), told=told)
        if dry_run:
            transaction.rollback()
    if refused_file is not None:
        _write_refused(refused_file, opened, done, dry_run=dry_run)
    if as_json:
        document(_told(done))
    _say(done, opened, dry_run=dry_run, refused_file=refused_file)


@members.command("list")
@click.option("--json", "as_json", is_flag=True)
def show_all(as_json: bool) -> None:
    """List the members."""
    with wire(Need.STORES).reading() as session:
        found = [_summary(member) for member in session.scalars(register.matching())]
    if as_json:
        lines(found)
        return
    for one in found:
        click.echo(f"{one['number'] or '-'}  {one['name']}  {_plain(one['emails']) or 'sans adresse'}")


@members.command("show")
@click.argument("who")
@click.option("--json", "as_json", is_flag=True)
def show(who: str, as_json: bool) -> None:
    """Show one member, by number or address."""
    with wire(Need.STORES).reading() as session:
        member = register.find(session, who)
        told = _whole(member)
    if as_json:
        document(told)
        return
    for name, value in told.items():
        click.echo(f"{name}: {_plain(value)}")


@members.command("leave")
@click.argument("who")
@click.option("--on", required=True, type=click.DateTime(formats=["%Y-%m-%d"]), help="The day, as 2026-12-31.")
@click.option("--why", required=True, type=click.Choice([reason.value for reason in LeavingReason]))
@click.option("--json", "as_json", is_flag=True)
def leave(who: str, on: date, why: str, as_json: bool) -> None:
    """Record that a member is one no more."""
    wiring = wire(Need.STORES)
    now = wiring.now()
    day = date(on.year, on.month, on.day)
    with wiring.sessions.begin() as session:
        member = register.find(session, who)
        register.leave(session, member, on=day, reason=LeavingReason(why), by=None, now=now)
        told = _whole(member)
    if as_json:
        document(told)
    if day > now.date():
        say(
            f"{told['name']} ne sera plus sociétaire à compter du {day:%d/%m/%Y}. "
            "Il recevra encore ses messages jusque-là."
        )
    else:
        say(f"{told['name']} n’est plus sociétaire à compter du {day:%d/%m/%Y}. Aucun message ne partira plus.")


def _is_same(file: Path, refused_file: Path) -> bool:
    try:
        return refused_file.samefile(file)
    except OSError:
        # It does not exist yet, or cannot be reached: then it is not the file that we are about to read.
        return False


def _write_refused(path: Path, sheet: roster.Sheet, done: Imported, *, dry_run: bool) -> None:
    try:
        with path.open("w", newline="", encoding="utf-8-sig") as stream:
            csv.writer(stream, delimiter=";").writerows(roster.refused_table(sheet.headings, done.refused_rows))
    except OSError as error:
        outcome = "C’était un essai : rien n’est changé." if dry_run else "L’import, lui, est fait."
        raise Refusal(
            f"Les lignes refusées n’ont pas pu être écrites dans {path} : {error.strerror}. {outcome}"
        ) from error


def _told(done: Imported) -> dict[str, object]:
    return {
        "rows": done.rows,
        "created": done.created,
        "updated": done.updated,
        "unchanged": done.unchanged,
        "absent": done.absent,
        "conflicts": len(done.conflicts),
        "refused": [
            {"row": one.row, "column": one.column, "value": one.value, "reason": one.reason} for one in done.refused
        ],
    }


def _say(done: Imported, sheet: roster.Sheet, *, dry_run: bool, refused_file: Path | None) -> None:
    refused_rows = len(done.refused_rows)
    say(
        f"{'Essai, rien n’est changé : ' if dry_run else ''}{done.created} nouveaux, {done.updated} mis à jour, {done.unchanged} inchangés, "
        f"{refused_rows} à corriger, {done.absent} absents du fichier (gardés), {len(done.conflicts)} différences."
    )
    if sheet.headings.unknown:
        say(f"Colonnes gardées en note : {', '.join(sheet.headings.unknown)}.")
    if done.shared:
        say(
            f"{done.shared} adresses servent à plusieurs sociétaires : chacun recevra ses convocations, une seule copie du reste."
        )
    for difference in done.conflicts:
        say(
            f"Ligne {difference.row} : le fichier dit {difference.in_file} ; l’adresse changée depuis est gardée : {difference.kept}."
        )
    for one in done.refused[:50]:
        say(f"Ligne {one.row}, {one.column} : {one.reason}")
    if len(done.refused) > 50:
        say(f"Et {len(done.refused) - 50} autres : ajoutez --refused a-corriger.csv pour les avoir toutes.")
    elif refused_file is not None and refused_rows:
        say(f"Les {refused_rows} lignes à corriger sont dans {refused_file}.")


def _summary(member: Member) -> dict[str, object]:
    return {
        "id": member.id,
        "number": member.number,
        "name": member.name,
        "kind": member.kind.value,
        "college": member.college,
        "emails": [contact.email for contact in member.contacts if contact.email],
        "member_since": member.member_since.isoformat() if member.member_since else None,
        "left_on": member.left_on.isoformat() if member.left_on else None,
    }


def _whole(member: Member) -> dict[str, object]:
    return _summary(member) | {"notes": member.notes, "city": member.city, "shares": member.shares}


def _plain(value: object) -> object:
    return ", ".join(map(str, value)) if isinstance(value, list) else value
