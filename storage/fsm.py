"""Where people stand in a dialog: the screen they see and what they filled in so far."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from sqlalchemy import BigInteger, Column, Connection, Table, Text, delete, select, update
from sqlalchemy.dialects import postgresql, sqlite

from storage.database import metadata

table = Table(
    "fsm",
    metadata,
    # Telegram's id of the bot, as the dialogs know it.
    Column("bot", BigInteger, primary_key=True, autoincrement=False),
    Column("key", Text, primary_key=True),
    Column("state", Text),
    Column("data", Text, nullable=False),
)


class Kept(NamedTuple):
    """One dialog as it is stored; *data* is the JSON text of an object."""

    state: str | None
    data: str


NOTHING = Kept(None, "{}")


def get(db: Connection, bot: int, key: str) -> Kept:
    query = select(table.c.state, table.c.data).where(table.c.bot == bot, table.c.key == key)
    row = db.execute(query).first()
    return Kept(row.state, row.data) if row is not None else NOTHING


def set_state(db: Connection, bot: int, key: str, state: str | None) -> Kept:
    """Give the dialog as it stands now; one without state and data leaves no row."""
    return _tidied(db, bot, key, _put(db, bot, key, state=state))


def set_data(db: Connection, bot: int, key: str, data: str) -> Kept:
    """Replace the data by a JSON text and give the dialog as it stands now."""
    return _tidied(db, bot, key, _put(db, bot, key, data=data))


def update_data(db: Connection, bot: int, key: str, fields: Mapping[str, Any]) -> Kept:
    """Merge fields into the data, so that of two who do it at once neither is lost."""
    kept = _put(db, bot, key)  # the row is ours until the commit
    data = json.dumps(json.loads(kept.data) | dict(fields))
    mine = (table.c.bot == bot, table.c.key == key)
    db.execute(update(table).where(*mine).values(data=data))
    return _tidied(db, bot, key, Kept(kept.state, data))


def _put(db: Connection, bot: int, key: str, **changed: str | None) -> Kept:
    dialect = sqlite if db.dialect.name == "sqlite" else postgresql
    made = dialect.insert(table).values(
        {"bot": bot, "key": key, "state": None, "data": NOTHING.data} | changed
    )
    # Writing the data onto itself changes nothing, but takes the row and gives it back.
    values: dict[str, Any] = changed or {"data": table.c.data}
    put = made.on_conflict_do_update(index_elements=["bot", "key"], set_=values)
    row = db.execute(put.returning(table.c.state, table.c.data)).one()
    return Kept(row.state, row.data)


def _tidied(db: Connection, bot: int, key: str, kept: Kept) -> Kept:
    if kept == NOTHING:
        db.execute(delete(table).where(table.c.bot == bot, table.c.key == key))
    return kept
