"""Which groups' newcomers are watched, as the database has it, for the road in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import structlog

from bot.clock import Clock
from bot.intake import Watch
from storage import chats, communities
from storage.database import Connection, Database, DatabaseAway, DatabaseFull
from storage.records import Face, Purpose

log = structlog.get_logger(__name__)

LOOK: Final = 3.0  # seconds from the owner's tap until a group is watched


@dataclass(slots=True)
class Watchman:
    """Keeps one bot's Watch as its community set it."""

    face: Face
    database: Database
    clock: Clock
    watch: Watch

    async def run(self) -> None:
        while True:
            await self.clock.moved(LOOK)
            try:
                await self.refresh()
            except (DatabaseAway, DatabaseFull) as error:
                log.warning("who is watched waits for the database", why=str(error))

    async def refresh(self) -> None:
        self.watch.chats = await self.database.read(self._watched)

    def _watched(self, db: Connection) -> frozenset[int]:
        if not communities.settings(db, self.face.community.id).filters:
            return frozenset()
        groups = chats.with_purpose(db, self.face.id, Purpose.FANS)
        addresses = (chats.address(db, group.id) for group in groups)
        return frozenset(address for address in addresses if address is not None)
