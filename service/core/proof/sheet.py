"""How is a proof written as CSV, and what is its fingerprint? The first line holds the SHA-256 of all bytes after it.

So `tail -n +2 FILE | sha256sum` checks a file without Pli. Every cell is quoted and what a spreadsheet would run is
disarmed by an apostrophe: the same content gives the same bytes everywhere. The form has a number; files of each earlier
one are read as they were written, and written again to the byte.
"""

from __future__ import annotations

import csv
import hashlib
import io
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from dataclasses import fields as fields_of
from datetime import UTC, datetime
from itertools import islice

from service.core.proof.content import Agreement, Proof, Row, Totals
from service.core.refusals import Refusal

CHECK = "tail -n +2 {name} | sha256sum"
_BOM = b"\xef\xbb\xbf"
# A cell that begins so is a formula to some spreadsheet (OWASP, CSV injection); our own apostrophe is doubled.
_RUN = tuple("=+-@\t\r\n'＝＋－＠")
_DATE = "%Y-%m-%dT%H:%M:%SZ"


@dataclass(frozen=True, slots=True)
class _Form:
    """Which facts and columns a file has, in which order: the title of each, and the attribute that it tells."""

    facts: tuple[tuple[str, str], ...]
    columns: tuple[tuple[str, str], ...]

    @property
    def fact_titles(self) -> list[str]:
        return [title for title, _ in self.facts]

    @property
    def column_titles(self) -> list[str]:
        return [title for title, _ in self.columns]


_FACTS_1 = (
    ("preuve d’envoi, forme", "form"),
    ("message n°", "campaign"),
    ("nature", "kind"),
    ("classe", "mail_class"),
    ("expéditeur", "sender"),
    ("objet envoyé", "subject"),
    ("texte envoyé", "text"),
    ("SHA-256 du message complet (moule)", "mail_sha256"),
    ("objet approuvé", "approved_subject"),
    ("première ligne approuvée", "approved_preheader"),
    ("texte approuvé (source)", "approved_body"),
    ("listes", "lists"),
    ("listes (identifiants)", "list_slugs"),
    ("écrit par", "author"),
    ("accord donné par", "agreement.by"),
    ("accord donné le (UTC)", "agreement.at"),
    ("sans relecture", "agreement.without_review"),
    ("raison de l’envoi sans relecture", "agreement.reason"),
    ("SHA-256 du texte approuvé", "agreement.content_hash"),
    ("envoi demandé par", "sent_by"),
    ("liste des destinataires arrêtée le (UTC)", "frozen_at"),
    ("premier départ le (UTC)", "started_at"),
    ("envoi terminé ou arrêté le (UTC)", "finished_at"),
    ("arrêté avant la fin", "is_stopped"),
    ("arrêté par", "stopped_by"),
    ("destinataires prévus", "totals.planned"),
    ("envoyés", "totals.accepted"),
    ("en erreur", "totals.refused"),
    ("en doute", "totals.in_doubt"),
    ("non envoyés", "totals.skipped"),
    ("dont revenus en erreur (parmi les envoyés)", "totals.bounced"),
    ("dont signalés comme indésirables (parmi les envoyés)", "totals.complained"),
)
# Since 2 without our own word for it, « moule ».
_FACTS_2 = tuple(
    ("SHA-256 du message type, avant les champs personnels" if path == "mail_sha256" else title, path)
    for title, path in _FACTS_1
)
_COLUMNS_1 = (
    ("personne", "name"),
    ("structure", "structure"),
    ("numéro", "number"),
    ("adresse", "address"),
    ("identifiant du message (Message-ID)", "message_id"),
    ("état", "state"),
    ("précision", "detail"),
    ("premier essai le (UTC)", "tried_at"),
    ("code du serveur", "code"),
    ("réponse du serveur", "reply"),
    ("réponse enregistrée le (UTC)", "settled_at"),
    ("essais", "attempts"),
    ("revenu en erreur le (UTC)", "bounced_at"),
    ("code de l’erreur", "bounce_code"),
    ("motif de l’erreur", "bounce_reason"),
    ("signalé comme indésirable le (UTC)", "complained_at"),
    ("a répondu le (UTC)", "answered_at"),
    ("champs personnels", "fields"),
)


def _after(path: str, told: tuple[tuple[str, str], ...], *more: tuple[str, str]) -> tuple[tuple[str, str], ...]:
    place = 1 + [one for _, one in told].index(path)
    return (*told[:place], *more, *told[place:])


_FORMS = {
    "1": _Form(_FACTS_1, _COLUMNS_1),
    # Since 2 a proof names the one that it replaces, and the decision not to send again has its author and its hour.
    "2": _Form(
        _after("form", _FACTS_2, ("remplace la preuve d’empreinte", "replaces")),
        _after(
            "detail",
            _COLUMNS_1,
            ("décision de ne pas renvoyer, par", "decided_by"),
            ("décision de ne pas renvoyer, le (UTC)", "decided_at"),
        ),
    ),
}


def sha256(proof: Proof) -> str:
    """Give the fingerprint of a proof: the same content, the same fingerprint."""
    return hashlib.sha256(_content(proof)).hexdigest()


def write(proof: Proof) -> bytes:
    """Write the CSV file: UTF-8 with a byte order mark, semicolons, lines in CRLF (RFC 4180)."""
    content = _content(proof)
    return _head(hashlib.sha256(content).hexdigest(), proof.file_name) + content


def check(file: bytes) -> str:
    """Return the fingerprint of a file. Refuses one that states another, or none."""
    begins = _content_of(file)
    head = file[:begins]
    stated = re.search(rb"\b[0-9a-f]{64}\b", head)
    if not file.startswith(_BOM) or stated is None:
        raise Refusal("Ce fichier n’est pas une preuve d’envoi : sa première ligne ne porte pas d’empreinte SHA-256.")
    # Not cut off: that would be a copy, and a large sending has tens of megabytes.
    found = hashlib.sha256(memoryview(file)[begins:]).hexdigest()
    if stated[0].decode() != found:
        raise Refusal(
            f"Ce fichier a été modifié : sa première ligne annonce l’empreinte {stated[0].decode()}, "
            f"ses autres lignes donnent {found}. Demandez le fichier d’origine."
        )
    return found


def read(file: bytes) -> Proof:
    """Read what `write` wrote, in any form. Refuses a file whose fingerprint does not hold; ValueError for no form of ours."""
    check(file)
    form, facts, rows = _parts(file)
    return _proof(facts, tuple(_row(form, one) for one in rows))


def read_facts(file: bytes) -> Proof:
    """Read what stands above the recipients, and none of these: the same work for ten as for 100,000, but the fingerprint.

    Refuses what `read` refuses.
    """
    check(file)
    _, facts, _ = _parts(file)
    return _proof(facts, ())


def _content_of(file: bytes) -> int:
    """Say where what the fingerprint covers begins: behind the first line."""
    return file.find(b"\n") + 1


def _parts(file: bytes) -> tuple[_Form, dict[str, str], Iterator[list[str]]]:
    """Give the form that a file names, and has, its facts, and its rows one by one as they are asked for."""
    # It shares the bytes of the file, and decodes a few at a time.
    stream = io.BytesIO(file)
    stream.seek(_content_of(file))
    lines = csv.reader(io.TextIOWrapper(stream, "utf-8", newline=""), delimiter=";", strict=True)
    cells = ([_armed(cell) for cell in one] for one in lines)
    first = next(cells, [])
    form = _FORMS.get(first[-1]) if first else None
    if form is not None:
        *facts, _, columns = [first, *islice(cells, len(form.facts) + 1), [], []][: len(form.facts) + 2]
        if [one[0] for one in facts if len(one) == 2] == form.fact_titles and columns == form.column_titles:
            return form, {path: one[1] for (_, path), one in zip(form.facts, facts, strict=True)}, cells
    raise ValueError("a proof file of another form: read it with the Pli that wrote it")


def _head(fingerprint: str, name: str) -> bytes:
    said = (
        "SHA-256 de toutes les lignes qui suivent celle-ci",
        fingerprint,
        f"pour le vérifier : {CHECK.format(name=name + '.csv')}",
    )
    return _BOM + _lines([said])


def _content(proof: Proof) -> bytes:
    form = _FORMS[proof.form]
    facts = [(title, _told(proof, path)) for title, path in form.facts]
    rows = ([_cell(getattr(row, name)) for _, name in form.columns] for row in proof.rows)
    return _lines([*facts, ()]) + _lines([form.column_titles]) + _lines(rows)


def _told(proof: Proof, path: str) -> str:
    value: object = proof
    for name in path.split("."):
        value = getattr(value, name)
    return _cell(value)


def _lines(table: Iterable[Iterable[str]]) -> bytes:
    written = io.StringIO(newline="")
    writer = csv.writer(written, delimiter=";", quoting=csv.QUOTE_ALL, lineterminator="\r\n")
    writer.writerows([_disarmed(cell) for cell in one] for one in table)
    return written.getvalue().encode("utf-8")


def _cell(value: object) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "oui" if value else "non"
        case datetime():
            return value.astimezone(UTC).strftime(_DATE)
        case _:
            return str(value)


def _disarmed(cell: str) -> str:
    return f"'{cell}" if cell.startswith(_RUN) else cell


def _armed(cell: str) -> str:
    return cell.removeprefix("'")


def _proof(facts: dict[str, str], rows: tuple[Row, ...]) -> Proof:
    def instant(path: str) -> datetime:
        return datetime.strptime(facts[path], _DATE).replace(tzinfo=UTC)

    agreement = Agreement(
        by=facts["agreement.by"],
        at=instant("agreement.at"),
        without_review=facts["agreement.without_review"] == "oui",
        reason=facts["agreement.reason"],
        content_hash=facts["agreement.content_hash"],
    )
    plain = {path: value for path, value in facts.items() if path in _PLAIN}
    return Proof(
        **plain,
        campaign=int(facts["campaign"]),
        agreement=agreement,
        frozen_at=instant("frozen_at"),
        started_at=instant("started_at") if facts["started_at"] else None,
        finished_at=instant("finished_at"),
        is_stopped=facts["is_stopped"] == "oui",
        totals=Totals(**{one.name: int(facts[f"totals.{one.name}"]) for one in fields_of(Totals)}),
        rows=rows,
    )


def _row(form: _Form, cells: list[str]) -> Row:
    values = dict(zip((name for _, name in form.columns), cells, strict=True))
    return Row(**dict(_values(values)))  # type: ignore[arg-type]  # each by its own column


def _values(values: dict[str, str]) -> Iterator[tuple[str, object]]:
    for name, cell in values.items():
        if name.endswith("_at"):
            yield name, datetime.strptime(cell, _DATE).replace(tzinfo=UTC) if cell else None
        elif name in ("code", "attempts"):
            yield name, int(cell) if cell else None
        else:
            yield name, cell


_PLAIN = {one.name for one in fields_of(Proof) if one.type == "str"}
