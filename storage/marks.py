"""Bookmarks of the house: small named values that must survive a restart."""

from __future__ import annotations

from sqlalchemy import (
    Column,
    Connection,
    String,
    Table,
    Text,
    delete,
    insert,
    select,
    update,
)

from storage.database import metadata

table = Table(
    "marks",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("value", Text, nullable=False),
)


def read(db: Connection, name: str) -> str | None:
    value: str | None = db.execute(select(table.c.value).where(table.c.name == name)).scalar()
    return value


def write(db: Connection, name: str, value: str) -> None:
    changed = db.execute(update(table).where(table.c.name == name).values(value=value))
    if not changed.rowcount:
        db.execute(insert(table).values(name=name, value=value))


def erase(db: Connection, name: str) -> None:
    db.execute(delete(table).where(table.c.name == name))
