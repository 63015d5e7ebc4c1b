"""The fast lane: what is worthless a moment later (toasts) leaves at once, after a barrier.

A toast says "it counts", so it waits until what it tells about would survive a power cut; that is
all that it waits for. It is tried once.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Final

import structlog
from aiogram import Bot
from aiogram.exceptions import AiogramError

from storage.database import Database, DatabaseAway, DatabaseFull

log = structlog.get_logger(__name__)

ROOM: Final = 2_000
AT_ONCE: Final = 16


@dataclass(slots=True)
class Toasts:
    """Answers button presses of one bot."""

    bot: Bot
    database: Database
    _queue: asyncio.Queue[tuple[str, str]] = field(default_factory=lambda: asyncio.Queue(ROOM))

    async def put(self, callback: str, text: str) -> None:
        """Answer a press; when far too many wait, the newest goes without an answer."""
        try:
            self._queue.put_nowait((callback, text))
        except asyncio.QueueFull:
            log.warning("too many presses at once; one goes unanswered")

    async def run(self) -> None:
        async with asyncio.TaskGroup() as workers:
            for number in range(AT_ONCE):
                workers.create_task(self._serve(), name=f"toasts {number}")

    async def _serve(self) -> None:
        while True:
            callback, text = await self._queue.get()
            try:
                await self.database.barrier()
                await self.bot.answer_callback_query(callback, text=text or None)
            except AiogramError as error:
                # Too old, or the network: the fan has lost a toast, not the act behind it.
                log.info("a press went unanswered", error=type(error).__name__)
            except (DatabaseAway, DatabaseFull) as error:
                log.error("a press goes unanswered until the database answers", why=str(error))
            finally:
                self._queue.task_done()

    async def drained(self) -> None:
        """Return when every toast that was put has left."""
        await self._queue.join()
