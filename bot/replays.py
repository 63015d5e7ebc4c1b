"""Dead letters: what failed for good, listed, and handed to the bot again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bot.config import Settings
from storage import inbox
from storage.database import opened, upgrade
from storage.records import moment


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """One update that nobody tries again by himself; ``at`` is ISO 8601 in UTC."""

    id: int
    kind: str
    at: str
    error: str


async def dead(settings: Settings) -> list[DeadLetter]:
    async with opened(settings.storage.url) as database:
        await upgrade(database)
        rows = await database.read(inbox.dead)
    return [
        DeadLetter(r["id"], f"update {r['update_id']}", moment(r["at"]).isoformat(), r["error"])
        for r in rows
    ]


async def replay(settings: Settings, ids: Sequence[int] | None) -> int:
    """Let the named dead letters, or all, wait again; gives how many."""
    async with opened(settings.storage.url) as database:
        await upgrade(database)
        return await database.work(lambda db: inbox.revive(db, ids), durable=True)
