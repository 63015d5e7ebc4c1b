"""Statements that every update or every act passes, compiled once and run by the bare driver.

SQLAlchemy's way of one execution costs ten times what SQLite needs for it, so on SQLite these go
straight to the driver, on the connection and in the transaction that they are given. On
PostgreSQL, where a round trip costs more than either, they go the usual way.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from operator import itemgetter
from typing import Any, Final

from sqlalchemy import Connection, Delete, Insert, Select, Table, Update
from sqlalchemy.dialects.postgresql.base import PGDialect
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite
from sqlalchemy.exc import DBAPIError
from sqlalchemy.types import TypeEngine

Row = Sequence[Any]
Change = Callable[[Any], Any]

_SQLITE: Final = SQLiteDialect_pysqlite(paramstyle="qmark")


class Prepared:
    """One Core statement; its values are given by name: those of its ``bindparam`` or, for an
    INSERT, the *columns* that it fills.

    Rows are plain sequences in the order of the selected columns, with Python's types. Errors are
    SQLAlchemy's, without the values: a fan may have written them.
    """

    __slots__ = ("_changes", "_clause", "_constants", "_pick", "_readers", "_sql")

    def __init__(
        self, clause: Select[Any] | Insert | Update | Delete, columns: Sequence[str] = ()
    ) -> None:
        self._clause = clause
        compiled: Any = clause.compile(dialect=_SQLITE, column_keys=list(columns) or None)
        names: list[str] = compiled.positiontup
        self._sql = str(compiled)
        self._pick = _picker(names)
        self._changes: dict[str, Change] = {}
        self._constants: dict[str, Any] = {}
        for name in names:
            parameter = compiled.binds[name]
            change = parameter.type.dialect_impl(_SQLITE).bind_processor(_SQLITE)
            if parameter.required:
                if change is not None:
                    self._changes[name] = change
            else:
                self._constants[name] = change(parameter.value) if change else parameter.value
        readers = [_reader(column.type) for column in clause.exported_columns]
        self._readers = readers if any(readers) else None

    def first(self, db: Connection, **values: Any) -> Row | None:
        """The first row, or None."""
        if db.dialect.name != "sqlite":
            return db.execute(self._clause, values).first()
        cursor = self._run(db, values)
        row: Row | None = cursor.fetchone()
        cursor.close()  # a RETURNING that is not read to its end would hold the commit
        return self._read(row) if row is not None and self._readers else row

    def one(self, db: Connection, **values: Any) -> Row:
        """The row that must be there; raises LookupError without it."""
        row = self.first(db, **values)
        if row is None:
            raise LookupError(self._sql)
        return row

    def value(self, db: Connection, **values: Any) -> Any:
        """The first column of the first row; None without a row."""
        row = self.first(db, **values)
        return row[0] if row is not None else None

    def rows(self, db: Connection, **values: Any) -> list[Row]:
        """All rows."""
        if db.dialect.name != "sqlite":
            return list(db.execute(self._clause, values))
        found: list[Row] = self._run(db, values).fetchall()
        return [self._read(row) for row in found] if self._readers else found

    def run(self, db: Connection, **values: Any) -> int:
        """Execute what gives no rows; says how many were changed."""
        if db.dialect.name != "sqlite":
            return db.execute(self._clause, values).rowcount
        return self._run(db, values).rowcount

    def _run(self, db: Connection, values: dict[str, Any]) -> sqlite3.Cursor:
        for name, change in self._changes.items():
            values[name] = change(values[name])
        if self._constants:
            values = {**self._constants, **values}
        try:
            return driver(db).execute(self._sql, self._pick(values))
        except sqlite3.Error as error:
            raise translated(error, self._sql) from error

    def _read(self, row: Row) -> Row:
        assert self._readers is not None
        return [
            reader(value) if reader is not None else value
            for reader, value in zip(self._readers, row, strict=True)
        ]


class Bulk:
    """Many new rows of one table at once, each a tuple in the order of *columns*.

    The columns must be of types that need no translation (numbers, text, bytes).
    """

    __slots__ = ("_sqlite", "_unnest")

    def __init__(self, table: Table, columns: Sequence[str]) -> None:
        names = ", ".join(f'"{name}"' for name in columns)
        marks = ", ".join("?" * len(columns))
        dialect = PGDialect()  # type: ignore[no-untyped-call]  # SQLAlchemy's own
        arrays = ", ".join(
            f"${n}::{table.c[name].type.compile(dialect)}[]" for n, name in enumerate(columns, 1)
        )
        into = f"INSERT INTO {table.name} ({names})"
        self._sqlite = f"{into} VALUES ({marks})"
        self._unnest = f"{into} SELECT * FROM unnest({arrays})"

    def insert(self, db: Connection, rows: Sequence[tuple[Any, ...]]) -> None:
        if not rows:
            return
        if db.dialect.name != "sqlite":
            columns = tuple(list(column) for column in zip(*rows, strict=True))
            db.exec_driver_sql(self._unnest, columns)
            return
        try:
            driver(db).executemany(self._sqlite, rows)
        except sqlite3.Error as error:
            raise translated(error, self._sqlite) from error


def driver(db: Connection) -> sqlite3.Connection:
    """SQLite's own connection under this one, in the same transaction."""
    raw: sqlite3.Connection = db.connection.dbapi_connection  # type: ignore[assignment]  # DBAPI's
    return raw


def translated(error: sqlite3.Error, sql: str) -> BaseException:
    """The error as SQLAlchemy raises it, so that nobody above must know two kinds."""
    return DBAPIError.instance(sql, None, error, sqlite3.Error, hide_parameters=True)


def _picker(names: Sequence[str]) -> Callable[[dict[str, Any]], tuple[Any, ...]]:
    """What takes the values out of a dictionary in the order of the statement."""
    if len(names) >= 2:
        return itemgetter(*names)
    return lambda values: tuple(values[name] for name in names)


def _reader(kind: TypeEngine[Any]) -> Change | None:
    return kind.dialect_impl(_SQLITE).result_processor(_SQLITE, None)
