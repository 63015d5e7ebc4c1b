"""Lanes: one fan's acts in their order, different fans side by side.

What was in hands when the process ended is suspect: it is run again first and alone, its attempt
counted before it runs. Five crashes or three exceptions make a dead letter; the others go on.
"""

from __future__ import annotations

import asyncio
import traceback
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Final

import structlog

from storage import inbox
from storage.coordination import Coordination
from storage.database import Database, DatabaseAway, DatabaseFull
from storage.records import Task

log = structlog.get_logger(__name__)

CRASHES, EXCEPTIONS = 5, 3
BATCH: Final = 200
SIDE_BY_SIDE: Final = 32
IN_HANDS: Final = 600
LOOK_AGAIN: Final = 2.0  # seconds; a replay from another process needs no wake-up
PAUSES: Final = (0.05, 0.5, 2.0)

Walk = Callable[[Task], Awaitable[None]]


@dataclass(slots=True)
class Lanes:
    """Takes tasks from the inbox, runs *walk* for each, and closes or buries them."""

    database: Database
    coordination: Coordination
    walk: Walk
    _lanes: dict[int, deque[Task]] = field(default_factory=dict)
    _in_hands: int = 0
    _room: asyncio.Event = field(default_factory=asyncio.Event)
    _stopping: bool = False

    async def run(self) -> None:
        """Suspects first, then everything as it comes, until ``stop``; then drains."""
        await self._try_suspects()
        async with asyncio.TaskGroup() as workers:
            gate = asyncio.Semaphore(SIDE_BY_SIDE)
            while not self._stopping:
                if not await self._take(workers, gate):
                    await self.coordination.woken("inbox", LOOK_AGAIN)

    def stop(self) -> None:
        """Take nothing new; what is in hands is finished."""
        self._stopping = True
        self._room.set()

    async def _take(self, workers: asyncio.TaskGroup, gate: asyncio.Semaphore) -> bool:
        """Fill the lanes as far as there is room; False when nothing waits."""
        while self._in_hands >= IN_HANDS and not self._stopping:
            self._room.clear()
            await self._room.wait()
        try:
            tasks = await self.database.work(lambda db: inbox.take(db, BATCH))
        except (DatabaseAway, DatabaseFull) as error:
            log.error("the inbox cannot be read; waiting", reason=str(error))
            await asyncio.sleep(LOOK_AGAIN)
            return True
        for task in tasks:
            self._in_hands += 1
            lane = self._lanes.get(task.lane)
            if lane is not None:
                lane.append(task)
                continue
            self._lanes[task.lane] = deque([task])
            workers.create_task(self._follow(task.lane, gate), name=f"lane {task.lane}")
        return bool(tasks)

    async def _follow(self, number: int, gate: asyncio.Semaphore) -> None:
        """Do everything of one lane in order, then let the lane go."""
        lane = self._lanes[number]
        async with gate:
            while lane:
                await self.do(lane[0])
                lane.popleft()
                self._in_hands -= 1
                if self._in_hands < IN_HANDS:
                    self._room.set()
                await asyncio.sleep(0)  # a long lane must not keep the receiver from its turn
            del self._lanes[number]

    async def _try_suspects(self) -> None:
        tasks = await self.database.read(inbox.suspects)
        if tasks:
            log.warning("looking at what a crash left in hands", tasks=len(tasks))
        for task in tasks:
            if self._stopping:
                return
            if task.attempts >= CRASHES:
                await self._bury(task, f"the process ended {task.attempts} times while it ran")
                continue
            await self.database.work(partial(inbox.attempt, task=task.id))
            await self.do(task)

    async def do(self, task: Task) -> None:
        """Run one task to its end: done, or dead after three exceptions."""
        failures = task.failures
        while True:
            try:
                await self.walk(task)
            except (DatabaseAway, DatabaseFull) as error:
                # Nobody's fault but the database's: it does not count, and order is kept.
                log.error("the database does not answer; the update waits", reason=str(error))
                await asyncio.sleep(LOOK_AGAIN)
                continue
            except Exception as error:
                failures += 1
                words = describe(error)
                log.exception("an update failed", task=task.id, kind=words, failures=failures)
                await self._keep_trying(partial(inbox.fail, task=task.id, error=words))
                if failures >= EXCEPTIONS:
                    await self._bury(task, words)
                    return
                await asyncio.sleep(PAUSES[min(failures, len(PAUSES)) - 1])
                continue
            return

    async def _bury(self, task: Task, words: str) -> None:
        await self._keep_trying(lambda db: inbox.bury(db, task.id, words))
        log.error(
            "an update became a dead letter; see python -m bot replay --dead",
            task=task.id,
            update_id=task.update_id,
            why=words,
        )

    async def _keep_trying(self, step: Callable[..., None]) -> None:
        while True:
            try:
                return await self.database.work(step)
            except (DatabaseAway, DatabaseFull) as error:
                log.error("the database does not answer; waiting", reason=str(error))
                await asyncio.sleep(LOOK_AGAIN)


def describe(error: BaseException) -> str:
    """A type and a place: what the operator needs, without what a fan wrote."""
    frames = traceback.extract_tb(error.__traceback__)
    where = f" at {frames[-1].filename.rsplit('/', 1)[-1]}:{frames[-1].lineno}" if frames else ""
    return f"{type(error).__name__}{where}"
