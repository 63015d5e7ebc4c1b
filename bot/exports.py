"""What is remembered, written out for people and programs: CSV or JSON Lines."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterator
from typing import Any, Final, TextIO

from bot.config import Settings
from storage import interactions, ledger, roster
from storage.database import Connection, opened, upgrade

COLUMNS: Final = {
    "interactions": (
        "id",
        "update_id",
        "community",
        "chat_id",
        "fan_id",
        "kind",
        "at",
        "message_id",
        "text",
    ),
    "fans": (
        "fan_id",
        "name",
        "username",
        "level",
        "points",
        "streak",
        "first_seen",
        "last_seen",
        "community",
    ),
    "ledger": ("id", "at", "account", "amount", "reason", "transaction", "community"),
    "draws": ("draw", "title", "state", "entrants", "winners"),
}
SOURCES: Final[dict[str, Callable[[Connection], Iterator[dict[str, Any]]]]] = {
    "interactions": interactions.exported,
    "fans": roster.exported,
    "ledger": ledger.exported,
}


class NothingToExport(Exception):
    """This kind is not kept yet; see `python -m bot export --help` for what is."""


async def export(settings: Settings, what: str, form: str, out: TextIO) -> int:
    """Write every row of *what* ("interactions", "fans", "ledger") as "jsonl" or "csv"; gives how
    many. One consistent snapshot, while the bot may go on."""
    source = SOURCES.get(what)
    if source is None:
        raise NothingToExport(f"there are no {what} in this version")
    write = _lines if form == "jsonl" else _table

    def study(db: Connection) -> int:
        return write(source(db), COLUMNS[what], out)

    async with opened(settings.storage.url) as database:
        await upgrade(database)
        return await database.study(study)


def _lines(rows: Iterator[dict[str, Any]], columns: tuple[str, ...], out: TextIO) -> int:
    count = 0
    for row in rows:
        out.write(json.dumps({name: row[name] for name in columns}, ensure_ascii=False))
        out.write("\n")
        count += 1
    return count


def _table(rows: Iterator[dict[str, Any]], columns: tuple[str, ...], out: TextIO) -> int:
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(columns)
    count = 0
    for row in rows:
        writer.writerow([_cell(row[name]) for name in columns])
        count += 1
    return count


def _cell(value: object) -> object:
    """A text that a spreadsheet would take for a formula is shown as the text that it is."""
    if isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t", "\r"):
        return f"'{value}"
    return "" if value is None else value
