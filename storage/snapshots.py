"""Everything that is remembered as one stream of lines, and back into an empty store of any engine.

The tables are read as they stand in the database and not as this version's code knows them, so
that a backup can be made before an upgrade and restored after it.
"""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

import msgspec
from sqlalchemy import (
    Column,
    Connection,
    MetaData,
    Table,
    func,
    insert,
    inspect,
    or_,
    select,
    text,
    update,
)

from storage import interactions, outbox
from storage.records import LetterState

CHUNK: Final = 1000
VERSIONS: Final = "alembic_version"
HOUR: Final = 60 * 60 * 1_000_000


class BadSnapshot(ValueError):
    """The file is no whole backup of ours, or of a version that this one does not know."""


@dataclass(frozen=True, slots=True)
class Held:
    """What becomes of the letters of a restored store: ``held`` wait until it is told to go on,
    ``dropped`` were too old, of ``unknown`` nobody can say whether they had arrived."""

    held: int
    dropped: int
    unknown: int


# ---------------------------------------------------------------- out


def dump(db: Connection) -> Iterator[bytes]:
    """One line per row, an array; around them an object that opens a table and one that closes it
    with its count. The last object says how far numbers had been given (``numbers``)."""
    for table in _tables(db):
        columns = [str(column.name) for column in table.c]
        yield _line({"table": str(table.name), "columns": columns})
        count = 0
        for row in db.execute(select(table).execution_options(yield_per=CHUNK)):
            yield _line(tuple(row))
            count += 1
        yield _line({"end": str(table.name), "rows": count})
    yield _line({"numbers": _numbers(db)})


def _line(value: object) -> bytes:
    return msgspec.json.encode(value) + b"\n"


def _tables(db: Connection) -> list[Table]:
    """The tables as the database has them, those first that others point at."""
    look, gathered = inspect(db), MetaData()
    names = [name for name, _ in look.get_sorted_table_and_fkc_names() if name is not None]
    return [
        Table(
            str(name),
            gathered,
            *(Column(column["name"], column["type"]) for column in look.get_columns(name)),
        )
        for name in names
        if name != VERSIONS
    ]


def _numbers(db: Connection) -> dict[str, int]:
    """The highest number ever given where one must not be given twice, even to rows since gone:
    the tasks' numbers are the idem keys of what they caused."""
    if db.dialect.name == "sqlite":
        found = db.execute(text("SELECT name, seq FROM sqlite_sequence"))
        return {str(row.name): row.seq for row in found}
    return {
        str(table.name): int(last)
        for table in _tables(db)
        if (sequence := _sequence(db, table)) is not None
        if (last := db.execute(text(f"SELECT last_value FROM {sequence}")).scalar_one())
    }


def _sequence(db: Connection, table: Table) -> str | None:
    """PostgreSQL's sequence behind a table's number."""
    if "id" not in table.c:
        return None
    found: str | None = db.execute(
        select(func.pg_get_serial_sequence(f'"{table.name}"', "id"))
    ).scalar()
    return found


# ---------------------------------------------------------------- in


def load(db: Connection, lines: Iterable[bytes]) -> dict[str, int]:
    """Fill the empty tables of a store that stands at the snapshot's revision; gives the rows of
    each. Raises BadSnapshot where the lines and the tables do not fit."""
    tables = {table.name: table for table in _tables(db)}
    counts: dict[str, int] = {}
    filling: _Filling | None = None
    for line in lines:
        value = msgspec.json.decode(line)
        if isinstance(value, list) and filling is not None:
            filling.add(value)
        elif isinstance(value, dict) and "table" in value:
            filling = _Filling.of(db, tables, value)
        elif isinstance(value, dict) and "end" in value and filling is not None:
            filling.flush()
            if filling.count != value["rows"]:
                raise BadSnapshot(f"of {value['end']} some rows are missing")
            counts[value["end"]] = filling.count
        elif isinstance(value, dict) and "numbers" in value:
            _go_on_counting(db, tables, value["numbers"])
        else:
            raise BadSnapshot("a line belongs to no table")
    return counts


@dataclass(slots=True)
class _Filling:
    """One table while its rows come in."""

    db: Connection
    table: Table
    columns: Sequence[str]
    readers: Mapping[str, Callable[[Any], Any]]
    rows: list[dict[str, Any]]
    count: int = 0

    @classmethod
    def of(cls, db: Connection, tables: Mapping[str, Table], told: Mapping[str, Any]) -> _Filling:
        table = tables.get(told["table"])
        columns: list[str] = told["columns"]
        if table is None:
            raise BadSnapshot(f"there is no table {told['table']} at this revision")
        if odd := set(columns) ^ set(table.c.keys()):
            raise BadSnapshot(f"{table.name} has other columns: {', '.join(sorted(odd))}")
        readers = {
            name: reader for name in columns if (reader := _reader(table.c[name])) is not None
        }
        return cls(db, table, columns, readers, [])

    def add(self, values: Sequence[Any]) -> None:
        row = dict(zip(self.columns, values, strict=True))
        for name, reader in self.readers.items():
            if row[name] is not None:
                row[name] = reader(row[name])
        self.rows.append(row)
        self.count += 1
        if len(self.rows) == CHUNK:
            self.flush()

    def flush(self) -> None:
        if self.rows:
            self.db.execute(insert(self.table), self.rows)
            self.rows = []


def _reader(column: Column[Any]) -> Callable[[Any], Any] | None:
    """What makes a value of JSON into one that the column takes."""
    readers: dict[type[Any], Callable[[Any], Any]] = {
        bytes: b64decode,
        date: date.fromisoformat,
        bool: bool,
    }
    return readers.get(column.type.python_type)


def _go_on_counting(
    db: Connection, tables: Mapping[str, Table], numbers: Mapping[str, int]
) -> None:
    """New rows get numbers above all that were ever given."""
    if db.dialect.name == "sqlite":
        for name, last in numbers.items():
            known = db.execute(
                text("UPDATE sqlite_sequence SET seq = max(seq, :last) WHERE name = :name"),
                {"last": last, "name": name},
            )
            if not known.rowcount and _counts_on(db, name):
                db.execute(
                    text("INSERT INTO sqlite_sequence (name, seq) VALUES (:name, :last)"),
                    {"last": last, "name": name},
                )
        return
    for name, table in tables.items():
        sequence = _sequence(db, table)
        if sequence is None:
            continue
        highest = db.execute(select(func.max(table.c.id))).scalar() or 0
        last = max(highest, numbers.get(name, 0))
        if last:
            db.execute(text(f"SELECT setval('{sequence}', {last})"))


def _counts_on(db: Connection, name: str) -> bool:
    """Whether SQLite gives this table's numbers once only."""
    written = db.execute(
        text("SELECT sql FROM sqlite_master WHERE type = 'table' AND name = :name"), {"name": name}
    ).scalar()
    return written is not None and "AUTOINCREMENT" in written.upper()


# ---------------------------------------------------------------- around it


def is_there(db: Connection) -> bool:
    """Whether a store of ours was ever made here."""
    return inspect(db).has_table(VERSIONS)


def rows(db: Connection) -> int:
    """How many rows all tables hold together; the house's own bookmarks do not count."""
    return sum(
        int(db.execute(select(func.count()).select_from(table)).scalar_one())
        for table in _tables(db)
        if table.name != "marks"
    )


def newest(db: Connection) -> int | None:
    """When the last update that we know of happened (microseconds UTC)."""
    at: int | None = db.execute(select(func.max(interactions.table.c.at))).scalar()
    return at


def others(db: Connection) -> int:
    """How many other connections of the house PostgreSQL sees: a bot that still runs."""
    query = text(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() "
        "AND application_name = 'renqing' AND pid <> pg_backend_pid()"
    )
    return int(db.execute(query).scalar_one())


def set_aside(db: Connection, name: str) -> None:
    """PostgreSQL: keep everything under another schema's name, and make room for a new one."""
    db.execute(text(f'ALTER SCHEMA public RENAME TO "{name}"'))
    db.execute(text("CREATE SCHEMA public"))


def quiet(db: Connection, made: int, now: int) -> Held:
    """Let nothing be said for now: what waits is held, what was waiting when the backup was made
    (*made*) more than an hour ago has most probably been said since and is dropped, as is what its
    own time has passed; what was under way is listed as unknown."""
    t = outbox.table.c
    unknown = db.execute(
        update(outbox.table)
        .where(t.state == LetterState.SENDING)
        .values(state=int(LetterState.UNKNOWN), error="restored")
    ).rowcount
    stale = t.not_after < now
    if now - made > HOUR:
        stale = or_(stale, t.not_before <= made)
    dropped = db.execute(
        update(outbox.table)
        .where(t.state == LetterState.WAITING, stale)
        .values(state=int(LetterState.DROPPED), error="restored", facts="", payload="", parts=None)
    ).rowcount
    outbox.hold_all(db, "restored")
    return Held(outbox.tally(db)["waiting"], dropped, unknown)
