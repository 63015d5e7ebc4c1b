"""The pulse of the house: while it beats somebody could reach us; where it is missing, nobody."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import structlog

from bot.clock import Clock
from storage import heartbeats
from storage.database import Connection, Database, DatabaseAway, DatabaseFull

log = structlog.get_logger(__name__)

EVERY: Final = 60.0  # seconds


@dataclass(slots=True)
class Heartbeat:
    """Marks each minute that the house is awake, so that an outage of ours costs no fan a day.

    ``wake`` must be done before the first update is acted upon. While the process runs only the
    machine's own time tells an outage (it was suspended): a ruling clock that is moved is none.
    """

    database: Database
    clock: Clock
    wall: Callable[[], float] = time.time

    async def wake(self) -> None:
        """Note the outage that ends with this start, if there was one."""
        now = self.clock.now()
        outage = await self.database.work(lambda db: heartbeats.wake(db, now), durable=True)
        if outage is not None:
            log.info(
                "we were away; no fan loses a day by it", minutes=(now - outage[0]) // 60_000_000
            )

    async def run(self) -> None:
        """Beat each minute, and at once when the ruling clock is moved, until cancelled."""
        last = self.wall()
        while True:
            await self.clock.moved(EVERY)
            try:
                await self.beat(self.wall() - last)
                last = self.wall()
            except (DatabaseAway, DatabaseFull) as error:
                log.error("the heartbeat cannot be kept", why=str(error))

    async def beat(self, passed: float) -> None:
        """One beat, *passed* real seconds after the one before."""
        now, gap = self.clock.now(), int(passed * 1e6)

        def step(db: Connection) -> None:
            if gap >= heartbeats.GAP:
                heartbeats.note(db, now - gap, now)
            heartbeats.beat(db, now)

        await self.database.work(step)
