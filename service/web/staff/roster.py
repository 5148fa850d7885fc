"""How does a members file come into the register: choose it, say what is what, see what will change, import."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import IO

from flask import Blueprint, flash, redirect, request
from flask.typing import ResponseReturnValue
from werkzeug.datastructures import MultiDict

from service.actions import lists as mailing_lists
from service.actions import roster as intake
from service.actions.roster import Imported, Plan
from service.actions.staging import staged
from service.core import french, roster
from service.core.refusals import Refusal
from service.core.roster import Field, Sheet
from service.core.vocabulary import MailClass
from service.gateways import waiting_files
from service.models.mailing_list import MailingList
from service.web import http
from service.web.staff import uploads

pages = Blueprint("roster", __name__, url_prefix="/societaires/import")

MAX_FILE = 20 * 2**20  # bytes
_FORM_AROUND = 2**16  # bytes
_TOO_LARGE = (
    "Ce fichier dépasse 20 Mo. Rien n’a été importé. Sur la machine où Pli est installé, la commande "
    "« ./pli members import FICHIER » le lit quelle que soit sa taille."
)
_SAMPLES = 3
_SHOWN = 100


@dataclass(frozen=True, slots=True)
class Column:
    """One column of the file: where it stands, its title, what it is taken for, and what its first cells hold."""

    index: int
    title: str
    chosen: str
    samples: str


@pages.get("")
def choose() -> str:
    """Show the form that takes the file."""
    return http.page("staff/roster/choose.html")


@pages.post("")
@http.takes_up_to(MAX_FILE + _FORM_AROUND, too_large=_TOO_LARGE)
def keep() -> ResponseReturnValue:
    """Keep the file until it is imported; a file that is no members file is refused at once."""
    # Who asks is known: others need not wait for the database while the file is looked at.
    http.session().commit()
    sent = request.files.get("file")
    try:
        if sent is None or not sent.filename:
            raise Refusal("Choisissez d’abord un fichier.", field="file")
        roster.open_sheet(sent.stream, sent.filename)
    except Refusal as refusal:
        shown = Refusal(refusal.sentence, field="file")
        return http.page("staff/roster/choose.html", refusal=shown), refusal.status
    sent.stream.seek(0)
    key = uploads.keep(_folder(), sent.stream, sent.filename, now=http.wiring().now())
    return redirect(f"/societaires/import/{key}", 303)


@pages.get("/<key>")
def describe(key: str) -> ResponseReturnValue:
    """Ask which sheet and columns are what, and which lists the members join."""
    return _describe(key, None)


@pages.get("/<key>/apercu")
def preview(key: str) -> ResponseReturnValue:
    """Show what the import would do; nothing is written."""
    uploads.name_of(key)
    try:
        with _sheet(key, request.args) as sheet, _planned(sheet, _chosen_lists(request.args)) as planned:
            done = planned.done
    except Refusal as refusal:
        return _describe(key, refusal), refusal.status
    return http.page(
        "staff/roster/preview.html",
        key=key,
        name=uploads.name_of(key),
        done=done,
        label=_button(done),
        asked=[(name, value) for name, value in request.args.items(multi=True) if name != "csrf_token"],
        query=request.query_string.decode("ascii", "ignore"),
        limit=_SHOWN,
    )


@pages.get("/<key>/a-corriger.csv")
def refused_rows(key: str) -> ResponseReturnValue:
    """Give the rows to correct as a file that can be imported again."""
    written = io.StringIO(newline="")
    with _sheet(key, request.args) as sheet, staged(roster.read(sheet)) as rows:
        csv.writer(written, delimiter=";").writerows(roster.refused_table(sheet.headings, rows.refused_rows))
    headers = {
        "Content-Disposition": 'attachment; filename="a-corriger.csv"',
        "Content-Type": "text/csv; charset=utf-8",
    }
    return written.getvalue().encode("utf-8-sig"), 200, headers


@pages.post("/<key>")
def take_in(key: str) -> ResponseReturnValue:
    """Import the file as the preview showed it, all or nothing."""
    session, by = http.session(), http.me().id
    # Who asks is known: the database is free for others while the file is read and compared.
    session.commit()
    try:
        with _sheet(key, request.form) as sheet, _planned(sheet, _chosen_lists(request.form)) as planned:
            done = intake.carry_out(session, planned, now=http.wiring().now(), by=by)
    except Refusal as refusal:
        session.rollback()
        return _describe(key, refusal), refusal.status
    # The file goes only once its members are safe.
    session.commit()
    uploads.forget(_folder())
    flash(f"C’est fait : {_told(done)}.")
    return redirect("/societaires", 303)


def _describe(key: str, refusal: Refusal | None) -> str:
    name, asked = uploads.name_of(key), request.values
    with uploads.open_kept(_folder(), key, now=http.wiring().now()) as stream:
        sheet = roster.open_sheet(stream, name, sheet=_known_sheet(stream, name, asked.get("sheet")))
        columns = _columns(sheet, asked)
    lists = [one for one in mailing_lists.everything(http.session()) if one.mail_class.can_be_left]
    return http.page(
        "staff/roster/describe.html",
        key=key,
        name=name,
        sheet=sheet,
        columns=columns,
        fields=[("", "Garder en note"), *((field.value, _called(field)) for field in Field)],
        lists=[(one.slug, one.name, "") for one in lists],
        chosen=_chosen_lists(asked) if "columns" in asked else _usual(lists),
        refusal=_at_column(refusal, columns),
    )


def _known_sheet(stream: IO[bytes], name: str, asked: str | None) -> str | None:
    """Give the sheet that was asked for when the file has it: a page must not break over its own question."""
    return asked if asked in roster.open_sheet(stream, name).sheet_names else None


@contextmanager
def _sheet(key: str, asked: MultiDict[str, str]) -> Iterator[Sheet]:
    """Open the kept file with the sheet and the columns that a person chose."""
    with uploads.open_kept(_folder(), key, now=http.wiring().now()) as stream:
        sheet = roster.open_sheet(stream, uploads.name_of(key), sheet=asked.get("sheet") or None)
        if "columns" in asked:
            fields = [_field(asked.get(f"column-{index}", "")) for index in range(len(sheet.headings.titles))]
            sheet = replace(sheet, headings=sheet.headings.assign(fields))
        sheet.headings.require()
        yield sheet


def _called(field: Field) -> str:
    return "E-mail" if field is Field.EMAIL else field.value.capitalize()


def _field(word: str) -> Field | None:
    return next((field for field in Field if field.value == word), None)


def _columns(sheet: Sheet, asked: MultiDict[str, str]) -> list[Column]:
    headings, first = sheet.headings, list(islice(sheet.rows(), _SAMPLES))
    columns = []
    for index, guessed in enumerate(headings.columns):
        cells = [row[index].strip() for _, row in first if index < len(row) and row[index].strip()]
        chosen = asked.get(f"column-{index}", "") if "columns" in asked else guessed or ""
        columns.append(Column(index, headings.title(index), chosen, ", ".join(cell[:40] for cell in cells)))
    return columns


def _at_column(refusal: Refusal | None, columns: list[Column]) -> Refusal | None:
    """Lead from a refusal about a field to the last column that was taken for it."""
    if refusal is None:
        return None
    at = next((column.index for column in reversed(columns) if column.chosen and column.chosen == refusal.field), None)
    return Refusal(refusal.sentence, field=None if at is None else f"column-{at}")


def _chosen_lists(asked: MultiDict[str, str]) -> list[str]:
    return asked.getlist("list")


def _usual(lists: list[MailingList]) -> list[str]:
    return [one.slug for one in lists if one.mail_class is MailClass.COOPERATIVE]


@contextmanager
def _planned(sheet: Sheet, list_slugs: list[str]) -> Iterator[Plan]:
    """Compare the file with the register: nothing is written, and nobody waits for the database meanwhile."""
    with staged(roster.read(sheet)) as rows:
        with http.wiring().reading() as session:
            made = intake.plan(session, rows, list_slugs=list_slugs)
        yield made


def _button(done: Imported) -> str:
    """Say what the last button does, and to how many."""
    changes = french.count(done.members_updated, "fiche", "fiches")
    if done.created and done.members_updated:
        return f"Importer {french.count(done.created, 'sociétaire', 'sociétaires')} et mettre à jour {changes}"
    if done.created:
        return f"Importer {french.count(done.created, 'sociétaire', 'sociétaires')}"
    if done.members_updated:
        return f"Mettre à jour {changes}"
    return "Inscrire ces sociétaires aux listes choisies" if done.joining else ""


def _told(done: Imported) -> str:
    parts = [
        french.count(done.created, "nouveau", "nouveaux"),
        french.count(done.updated, "mis à jour", "mis à jour"),
        french.count(done.unchanged, "inchangé", "inchangés"),
    ]
    left = french.count(len(done.refused_rows), "ligne reste", "lignes restent")
    return ", ".join(parts) + (f" ; {left} à corriger dans le fichier" if done.refused_rows else "")


def _folder() -> Path:
    return waiting_files.folder(http.wiring().settings.data_dir)
