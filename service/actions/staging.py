"""The rows of a members file gathered by member, outside of any transaction and of the memory: in a file without a name."""

from __future__ import annotations

import pickle
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, fields
from itertools import groupby, islice
from operator import attrgetter
from typing import TypeVar

from service.core import addresses, french
from service.core.names import fold
from service.core.roster import Field, MemberRow, RefusedCell, RowRead
from service.core.roster.changes import is_same_person, keys_of, row_name
from service.core.roster.repeats import FirstRows

BATCH = 500  # rows
# No member has so many contacts: a column was taken for the number that is none.
MOST_ROWS = 100

T = TypeVar("T")

_values_of = attrgetter(*(one.name for one in fields(MemberRow)))

_TABLES = """
PRAGMA journal_mode = OFF;
PRAGMA synchronous = OFF;
PRAGMA cache_size = -2000;
CREATE TABLE staged (grp INTEGER, row INTEGER, body BLOB, PRIMARY KEY (grp, row)) WITHOUT ROWID;
CREATE TABLE head (grp INTEGER PRIMARY KEY, size INTEGER, body BLOB);
CREATE TABLE found (grp INTEGER PRIMARY KEY, member INTEGER, turn INTEGER);
CREATE INDEX by_member ON found (member, turn, grp);
CREATE TABLE named (key TEXT, grp INTEGER);
CREATE TABLE common (key TEXT, grp INTEGER, PRIMARY KEY (key, grp)) WITHOUT ROWID;
CREATE TABLE reader (key TEXT, who INTEGER, PRIMARY KEY (key, who)) WITHOUT ROWID;
CREATE TABLE written (batch INTEGER PRIMARY KEY, body BLOB);
"""


# The addresses at which several groups read, hence the few groups that must be looked at together.
_COMMON = """
INSERT OR IGNORE INTO common SELECT key, root(grp) FROM named
    WHERE key IN (SELECT key FROM named GROUP BY key HAVING min(root(grp)) < max(root(grp)));
DROP TABLE named;
"""


@dataclass(slots=True)
class Staged:
    """The good rows of a file, gathered by member; `rows` counts all of them."""

    scratch: sqlite3.Connection
    rows: int = 0
    refused: list[RefusedCell] = field(default_factory=list)
    refused_rows: list[RowRead] = field(default_factory=list)
    _groups: FirstRows = field(default_factory=FirstRows)
    # Groups that turned out to be another one, by an address that they share.
    _parents: dict[int, int] = field(default_factory=dict)
    _numbered: bytearray = field(default_factory=bytearray)

    def take(self, read: RowRead) -> None:
        """Put one row with those of its member; refuses the row of another member under the same number."""
        self.rows += 1
        if read.member is None:
            self._refuse(read)
            return
        group = self._group(read.member)
        if group is not None:
            refusal = self._refusal(group, read.member)
            if refusal is not None:
                self._refuse(RowRead(read.row, read.cells, None, (refusal,)))
                return
        self._keep(group if group is not None else read.row, read.member)

    def end(self) -> None:
        """Let go of what only reading needs: tens of megabytes for a long file."""
        self.scratch.create_function("numbered", 1, self._is_numbered, deterministic=True)
        self.scratch.create_function("root", 1, self._root, deterministic=True)
        self.scratch.executescript(_COMMON)
        self._groups, self._parents = FirstRows(), {}

    def numbered(self) -> Iterator[list[tuple[int, MemberRow]]]:
        """Give the rows of the members who have a number, by batches, each with its group; groups are whole."""
        yield from self._batches("SELECT grp, body FROM staged WHERE numbered(grp) ORDER BY grp, row")

    def unnumbered(self, *, common: bool = False) -> Iterator[list[tuple[int, MemberRow]]]:
        """Give the rows of those without a number in the same way; `common`: who share an address with another group."""
        some = "AND grp IN (SELECT grp FROM common)" if common else ""
        yield from self._batches(f"SELECT grp, body FROM staged WHERE NOT numbered(grp) {some} ORDER BY grp, row")  # noqa: S608

    def newcomers(self) -> Iterator[list[tuple[int, MemberRow]]]:
        """Give the rows of those whom the register does not know, by batches, in the order of the file."""
        unknown = "NOT EXISTS (SELECT 1 FROM found WHERE found.grp = staged.grp)"
        for batch in self._batches(f"SELECT grp, body FROM staged WHERE {unknown} ORDER BY grp, row"):  # noqa: S608
            joined = self.scratch.execute(
                "SELECT -found.member, body FROM found JOIN staged USING (grp) WHERE found.member BETWEEN ? AND ? "
                "ORDER BY found.member, turn, grp, row",
                (-batch[-1][0], -batch[0][0]),
            )
            further = [(int(group), _row(body)) for group, body in joined]
            yield sorted([*batch, *further], key=lambda one: one[0]) if further else batch

    def members(self) -> Iterator[list[tuple[int, MemberRow]]]:
        """Give the rows of those whom the register knows, by batches, each with his id."""
        yield from self._batches(
            "SELECT found.member, staged.body FROM found JOIN staged USING (grp) WHERE found.member > 0 "
            "ORDER BY found.member, turn, found.grp, row"
        )

    def name(self, turn: int, found: Iterable[tuple[int, int]]) -> None:
        """Keep who each group is: a member of the register, or the newcomer of another group (its number, negative).

        Of one member, the groups of an earlier turn come first.
        """
        self.scratch.executemany("INSERT INTO found VALUES (?, ?, ?)", ((group, who, turn) for group, who in found))

    def known_ids(self) -> set[int]:
        """Give the ids of the members of the register that the file names."""
        return {int(who) for (who,) in self.scratch.execute("SELECT DISTINCT member FROM found WHERE member > 0")}

    def at(self, keys: Iterable[str]) -> list[tuple[str, int]]:
        """Give who reads at these addresses by the file: known members, and newcomers with a number (negative)."""
        read: list[tuple[str, int]] = []
        for some in _parts(keys):
            query = (
                "SELECT DISTINCT key, coalesce(member, -grp) FROM common LEFT JOIN found USING (grp) "  # noqa: S608
                f"WHERE key IN ({_marks(some)}) AND (member IS NOT NULL OR numbered(grp))"
            )
            read += ((str(key), int(who)) for key, who in self.scratch.execute(query, some))
        return read

    def some(self, groups: Sequence[int]) -> Iterator[tuple[int, MemberRow]]:
        """Give the rows of these groups, each with its group."""
        query = f"SELECT grp, body FROM staged WHERE grp IN ({_marks(groups)}) ORDER BY grp, row"  # noqa: S608
        for group, body in self.scratch.execute(query, groups):
            yield int(group), _row(body)

    def rows_of(self, who: Iterable[int]) -> dict[int, list[MemberRow]]:
        """Give the rows of these members and newcomers (negative) whom the file names, in the order in which they count."""
        rows: dict[int, list[MemberRow]] = {}
        for some in _parts(who):
            query = (
                "SELECT -grp AS who, -1 AS turn, grp, row, body FROM staged WHERE grp IN "  # noqa: S608
                f"({_marks(some)}) UNION ALL SELECT member, turn, grp, row, body FROM found JOIN staged USING (grp) "
                f"WHERE member IN ({_marks(some)}) ORDER BY 1, 2, 3, 4"
            )
            for one, _, _, _, body in self.scratch.execute(query, [*(-one for one in some), *some]):
                rows.setdefault(int(one), []).append(_row(body))
        return rows

    def share(self, readers: Iterable[tuple[str, int]]) -> None:
        """Keep who reads at which address, to know those that several members share."""
        self.scratch.executemany("INSERT OR IGNORE INTO reader VALUES (?, ?)", readers)

    def shared(self) -> int:
        """Count the addresses that several members share."""
        query = "SELECT count(*) FROM (SELECT 1 FROM reader GROUP BY key HAVING count(*) > 1)"
        return int(self.scratch.execute(query).fetchone()[0])

    def write(self, batch: object) -> None:
        """Keep what is to be written, in the order it is told."""
        self.scratch.execute("INSERT INTO written (body) VALUES (?)", (pickle.dumps(batch, pickle.HIGHEST_PROTOCOL),))

    def to_write(self, kind: type[T]) -> Iterator[T]:
        """Give back what is to be written."""
        for (body,) in self.scratch.execute("SELECT body FROM written ORDER BY batch"):
            batch = _unpacked(body)
            assert isinstance(batch, kind)
            yield batch

    def forget_comparison(self) -> None:
        """Forget what the register said: it has changed since."""
        self.scratch.executescript("DELETE FROM found; DELETE FROM reader; DELETE FROM written;")

    def _group(self, row: MemberRow) -> int | None:
        """Find the group of a row: by its number, else by its addresses and name."""
        named = self._groups.known(f"n\0{row.number}") if row.number else None
        alike = dict.fromkeys(self._root(one) for key in keys_of(row) if (one := self._groups.known(key)) is not None)
        if named is not None:
            group = self._root(named)
            for other in alike:
                if other != group and not self._is_numbered(other):
                    self._join(group, other)
            return group
        if row.number:
            return next((one for one in alike if not self._is_numbered(one)), None)
        if not alike:
            return None
        group, *others = alike
        for other in others:
            if not self._is_numbered(other):
                self._join(group, other)
        return group

    def _keep(self, group: int, row: MemberRow) -> None:
        self.scratch.execute("INSERT INTO staged VALUES (?, ?, ?)", (group, row.row, _packed(row)))
        if row.number:
            self._groups.first(f"n\0{row.number}", group)
            self._numbered.extend(bytes(max(0, group + 1 - len(self._numbered))))
            self._numbered[group] = 1
        for key in keys_of(row):
            self._groups.first(key, group)
        self.scratch.executemany("INSERT INTO named VALUES (?, ?)", ((addresses.key(one), group) for one in row.emails))

    def _refusal(self, group: int, row: MemberRow) -> RefusedCell | None:
        """Say why a further row cannot be of this member."""
        size, first = self._head(group)
        organisation = first.organisation
        if size >= MOST_ROWS:
            reason = f"Plus de {MOST_ROWS} lignes désignent ce sociétaire : vérifiez quelle colonne est le numéro."
        elif row.organisation and organisation and not _is_alike(row.organisation, organisation):
            reason = (
                f"Ce numéro est déjà celui {french.de(organisation)} (ligne {first.row}) : un numéro désigne un seul sociétaire. "
                "Corrigez le numéro de l’une des deux lignes, ou écrivez la même structure si c’est la même."
            )
        elif not row.emails and not is_same_person(first, row) and (row.family_name or row.given_name):
            reason = (
                f"Ce numéro est déjà celui {french.de(row_name(first))} (ligne {first.row}), et cette ligne n’a pas d’adresse à lui "
                "ajouter : corrigez le numéro si c’est un autre sociétaire, sinon écrivez l’adresse de ce contact."
            )
        else:
            self._grow(group, size, first, row)
            return None
        return RefusedCell(
            row.row, Field.NUMBER if row.number else Field.EMAIL, row.number or ", ".join(row.emails), reason
        )

    def _head(self, group: int) -> tuple[int, MemberRow]:
        known = self.scratch.execute("SELECT size, body FROM head WHERE grp = ?", (group,)).fetchone()
        if known is None:
            query = "SELECT 1, body FROM staged WHERE grp = ? ORDER BY row LIMIT 1"
            known = self.scratch.execute(query, (group,)).fetchone()
        return int(known[0]), _row(known[1])

    def _grow(self, group: int, size: int, first: MemberRow, row: MemberRow) -> None:
        # A structure that a later row names is the member's, whom all the rows after it must name.
        head = row if row.organisation and not first.organisation else first
        self.scratch.execute("INSERT OR REPLACE INTO head VALUES (?, ?, ?)", (group, size + 1, _packed(head)))

    def _join(self, group: int, other: int) -> None:
        self.scratch.execute("UPDATE staged SET grp = ? WHERE grp = ?", (group, other))
        self._parents[other] = group

    def _root(self, group: int) -> int:
        while group in self._parents:
            group = self._parents[group]
        return group

    def _is_numbered(self, group: int) -> bool:
        return group < len(self._numbered) and bool(self._numbered[group])

    def _refuse(self, read: RowRead) -> None:
        self.refused.extend(read.refused)
        self.refused_rows.append(read)

    def _batches(self, query: str) -> Iterator[list[tuple[int, MemberRow]]]:
        batch: list[tuple[int, MemberRow]] = []
        for _, rows in groupby(self.scratch.execute(query), key=lambda one: int(one[0])):
            batch.extend((int(group), _row(body)) for group, body in rows)
            if len(batch) >= BATCH:
                yield batch
                batch = []
        if batch:
            yield batch


@contextmanager
def staged(rows: Iterable[RowRead], *, told: Callable[[int], None] = lambda _: None) -> Iterator[Staged]:
    """Read a members file to its end and gather its rows by member; `told` hears how many were read.

    Nothing of the database is looked at. What is kept stands in a file that has no name, and goes with this process.
    """
    # An empty name is a database on disk that is deleted when it closes, kept in memory while it is small.
    scratch = sqlite3.connect("", isolation_level=None)
    try:
        scratch.executescript(_TABLES)
        made, source = Staged(scratch), iter(rows)
        while chunk := list(islice(source, BATCH)):
            scratch.execute("BEGIN")
            for read in chunk:
                made.take(read)
            scratch.execute("COMMIT")
            told(made.rows)
        made.end()
        yield made
    finally:
        scratch.close()


def _packed(row: MemberRow) -> bytes:
    # The bare values: an object with slots takes five times as long.
    return pickle.dumps(_values_of(row), pickle.HIGHEST_PROTOCOL)


def _row(body: bytes) -> MemberRow:
    values = _unpacked(body)
    assert isinstance(values, tuple)
    return MemberRow(*values)


def _unpacked(body: bytes) -> object:
    unpacked: object = pickle.loads(body)  # noqa: S301  (our own bytes, in a file that nobody else can name)
    return unpacked


def _parts(these: Iterable[T]) -> Iterator[list[T]]:
    source = iter(these)
    while part := list(islice(source, BATCH)):
        yield part


def _marks(these: Sequence[object]) -> str:
    return ",".join("?" * len(these))


def _is_alike(one: str, other: str) -> bool:
    return fold(one) == fold(other)
