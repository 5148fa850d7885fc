"""`pli members`: the register of members and its file."""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import IO

import click

from service.actions import members as register
from service.actions import roster as intake
from service.actions.roster import TOLD, Imported, Plan
from service.actions.staging import Staged, staged
from service.cli.output import document, lines, say
from service.core import roster
from service.core.refusals import Refusal
from service.core.roster import RefusedCell
from service.core.roster.report import Remark
from service.core.vocabulary import LeavingReason
from service.models.member import Member
from service.settings import Need
from service.wiring import Wiring, wire

_SAID = 50  # of each kind, on a terminal


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
    with file.open("rb") as stream:
        opened = roster.open_sheet(stream, file.name, sheet=sheet)
        with _staged(stream, opened, size=file.stat().st_size) as rows:
            with wiring.reading() as session:
                planned = intake.plan(session, rows, list_slugs=list_slugs)
            done = planned.done if dry_run else _carry_out(wiring, planned)
    if refused_file is not None:
        _write_refused(refused_file, opened, done, dry_run=dry_run)
    if as_json:
        document(_told(done))
    if dry_run:
        _say_changes(done)
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
    remark = register.departure_remark(on=day, reason=LeavingReason(why), today=now.date())
    if remark:
        say(remark)
    if day > now.date():
        say(f"{told['name']} quittera la coopérative le {day:%d/%m/%Y}, et recevra ses messages jusqu’à la veille.")
    else:
        say(f"{told['name']} a quitté la coopérative le {day:%d/%m/%Y}. Aucun message ne partira plus.")


@contextmanager
def _staged(stream: IO[bytes], sheet: roster.Sheet, *, size: int) -> Iterator[Staged]:
    """Read the file while nobody waits for the database."""
    bar = click.progressbar(length=size, label="Lecture", file=sys.stderr)
    # How far the stream was read says how far we are, whatever the number of rows.
    told = lambda _rows: bar.update(max(0, min(stream.tell(), bar.length or 0) - bar.pos))  # noqa: E731
    with staged(roster.read(sheet), told=told) as rows:
        bar.render_finish()
        yield rows


def _carry_out(wiring: Wiring, planned: Plan) -> Imported:
    """Write what was planned: from here on, others wait for the database."""
    length = planned.done.created + planned.done.updated
    with (
        click.progressbar(length=length, label="Écriture", file=sys.stderr) as bar,
        wiring.sessions.begin() as session,
    ):
        return intake.carry_out(session, planned, now=wiring.now(), told=bar.update)


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
        "refused": [_cell(one) for one in done.refused],
        "remarks": [_cell(one) for one in done.remarks],
        "changes": [
            {"row": one.row, "name": one.name, "column": one.column, "before": one.before, "after": one.after}
            for one in done.changes
        ],
    }


def _cell(one: RefusedCell | Remark) -> dict[str, object]:
    return {"row": one.row, "column": one.column, "value": one.value, "reason": one.reason}


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
    for difference in done.conflicts[:_SAID]:
        say(
            f"Ligne {difference.row}, {difference.name} : le fichier dit {difference.in_file} ; l’adresse changée depuis est gardée : {difference.kept}."
        )
    for one in done.remarks[:_SAID]:
        say(f"Ligne {one.row}, {one.column} (prise, à vérifier) : {one.reason}")
    _say_the_rest(len(done.conflicts) + done.remarked, min(len(done.conflicts), _SAID) + min(done.remarked, _SAID))
    for refused in done.refused[:_SAID]:
        say(f"Ligne {refused.row}, {refused.column} : {refused.reason}")
    if len(done.refused) > _SAID:
        say(f"Et {len(done.refused) - _SAID} autres : ajoutez --refused a-corriger.csv pour les avoir toutes.")
    elif refused_file is not None and refused_rows:
        say(f"Les {refused_rows} lignes à corriger sont dans {refused_file}.")


def _say_changes(done: Imported) -> None:
    """Say what a trial found: what would change, and who is absent."""
    for one in done.changes[:_SAID]:
        say(f"Ligne {one.row}, {one.name}, {one.column} : {one.before or '(vide)'} → {one.after or '(vide)'}")
    _say_the_rest(done.changed, min(done.changed, _SAID))
    if done.absentees:
        say(f"Absents du fichier : {', '.join(name for _, name in done.absentees[:_SAID])}.")
        _say_the_rest(done.absent, min(done.absent, _SAID))


def _say_the_rest(total: int, said: int) -> None:
    if total > said:
        say(f"Et {total - said} autres : ajoutez --json pour en avoir {TOLD} au plus.")


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
