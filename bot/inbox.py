"""The road in: keep every update before Telegram is told that we have it.

Polling and webhook end in the same ``Keeper``. It takes raw bytes, reads only what the log needs,
and commits a batch durably; what cannot be read at all is kept raw as a dead letter, so that one
bad update never holds up the others.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import aiohttp
import structlog

from bot.clock import Clock
from bot.intake import ALLOWED_UPDATES, Triggers, Undecodable, answer, read, split, update_id_in
from storage import inbox
from storage.coordination import Coordination, Lease
from storage.database import Connection, Database, DatabaseAway, DatabaseFull
from storage.records import Arrival, Kind

log = structlog.get_logger(__name__)

POLL: Final = 30  # seconds that Telegram may hold our question
BATCH: Final = 100
LEASE: Final = 12.0  # seconds for which a poller that was killed still keeps others away
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 15.0
REFUSED_PAUSE: Final = 60.0
FLUSH_WITHIN: Final = 0.01  # seconds that an answer may take to bring the flush along
PATIENCE: Final = 5.0  # a locked database is asked again, without confirming anything meanwhile


@dataclass(slots=True)
class Keeper:
    """Keeps what one bot receives, and knows the people and chats it met lately."""

    bot: int
    database: Database
    coordination: Coordination
    clock: Clock
    triggers: Triggers
    known: inbox.Acquaintances = field(default_factory=inbox.Acquaintances.none)
    _queue: list[tuple[bytes, asyncio.Future[None]]] = field(default_factory=list)
    _filled: asyncio.Event = field(default_factory=asyncio.Event)

    async def keep(self, updates: Sequence[bytes]) -> int:
        """Store what is new, in one commit that is durable when this returns; gives how many.

        Where somebody is to be answered, the work begins before the flush: what it says waits
        for a durable commit of its own, and that one flushes this too. Raises DatabaseAway or
        DatabaseFull: then nothing may be confirmed.
        """
        received = self.clock.now()
        arrivals: list[Arrival] = []
        broken: list[tuple[int | None, bytes]] = []
        for raw in updates:
            try:
                arrivals.append(read(raw, self.triggers, received))
            except Undecodable as error:
                broken.append((error.update_id, raw))
                log.error("an update cannot be read; kept as a dead letter", why=str(error))

        def store(db: Connection) -> inbox.Kept:
            for update_id, raw in broken:
                inbox.keep_undecodable(db, self.bot, update_id, raw, received)
            return inbox.keep(db, self.bot, arrivals, self.known, received)

        try:
            work_waits = any(arrival.raw is not None for arrival in arrivals)
            kept = await self.database.work(store, durable=not work_waits, patience=PATIENCE)
        except (DatabaseAway, DatabaseFull):
            raise
        except Exception as error:
            # One of them is more than the store can take: find it, so that the others are kept.
            log.exception("a batch cannot be kept", updates=len(updates), kind=type(error).__name__)
            return await self._keep_one_by_one(updates, received)
        self.known.learn(kept.people, kept.chats)
        if any(arrival.kind is Kind.MIGRATION for arrival in arrivals):
            self.known.chats.clear()
        if kept.tasks:
            await self.coordination.wake("inbox")
        if work_waits:
            # Behind a full batch waits the next one: who is far behind does not linger.
            patient = len(updates) < BATCH
            await self.database.barrier(within=FLUSH_WITHIN if patient else 0.0)
        return kept.new

    async def _keep_one_by_one(self, updates: Sequence[bytes], received: int) -> int:
        if len(updates) > 1:
            return sum([await self.keep([raw]) for raw in updates])
        (raw,) = updates
        await self.database.work(
            lambda db: inbox.keep_undecodable(db, self.bot, update_id_in(raw), raw, received),
            durable=True,
            patience=PATIENCE,
        )
        return 1

    async def submit(self, update: bytes) -> None:
        """Keep one update together with others that arrive meanwhile; returns when it is safe."""
        safe: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._queue.append((update, safe))
        self._filled.set()
        await safe

    async def run(self) -> None:
        """Commit what was submitted, batch by batch: many posts share one fsync."""
        while True:
            await self._filled.wait()
            self._filled.clear()
            while self._queue:
                batch, self._queue = self._queue[:BATCH], self._queue[BATCH:]
                try:
                    await self.keep([raw for raw, _ in batch])
                except Exception as error:
                    _tell(batch, error)
                else:
                    _tell(batch, None)


def _tell(batch: Sequence[tuple[bytes, asyncio.Future[None]]], error: Exception | None) -> None:
    for _, waiting in batch:
        if waiting.done():
            continue
        if error is None:
            waiting.set_result(None)
        else:
            waiting.set_exception(error)


class Refused(Exception):
    """Telegram answered that it does not know this token (401): it was revoked, or mistyped."""


@dataclass(slots=True)
class Poller:
    """Asks Telegram for updates with raw JSON; confirms with the next question what was kept."""

    keeper: Keeper
    session: aiohttp.ClientSession
    url: str
    offset: int | None = None
    most: int = BATCH
    _stopping: asyncio.Event = field(default_factory=asyncio.Event)

    def stop(self) -> None:
        """Ask no more; what was answered is still kept."""
        self._stopping.set()

    async def run(self) -> None:
        """Poll until ``stop``, as the only one of all processes that serve this bot."""
        coordination, name = self.keeper.coordination, f"poll:{self.keeper.triggers.bot_id}"
        while not self._stopping.is_set():
            lease = await coordination.lock(name, LEASE)
            if lease is None:
                await self._rest(LEASE / 6)
                continue
            pause = FIRST_PAUSE
            holding = asyncio.ensure_future(self._hold(lease))
            try:
                while not self._stopping.is_set() and not holding.done():
                    wait = await self.once()
                    pause = min(2 * pause, LONGEST_PAUSE) if wait else FIRST_PAUSE
                    if wait:
                        await self._rest(max(wait, pause) if wait < REFUSED_PAUSE else wait)
            finally:
                holding.cancel()
                await asyncio.gather(holding, return_exceptions=True)
                await coordination.release(lease)

    async def _hold(self, lease: Lease) -> None:
        """Keep the lease while Telegram holds our question, which is longer; ends with it."""
        while True:
            if not await self.keeper.coordination.renew(lease, LEASE):
                return
            await asyncio.sleep(LEASE / 3)

    async def once(self) -> float:
        """One question and its answer, kept; gives the seconds to wait before the next."""
        try:
            body = await self._ask()
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            log.warning("Telegram cannot be reached", error=type(error).__name__)
            return FIRST_PAUSE
        if body is None:
            return 0.0
        try:
            told = answer(body)
            if not told.ok:
                return self._refusal(told.error_code, told.description, told.parameters)
            updates = split(told.result)
        except Undecodable as error:
            return await self._isolate(body, error)
        self.most = BATCH
        return await self._keep(updates)

    async def _ask(self) -> bytes | None:
        """Telegram's answer, or None when we were told to stop while waiting for it."""
        form = {
            "timeout": POLL,
            "limit": self.most,
            "allowed_updates": json.dumps(ALLOWED_UPDATES),
        }
        if self.offset is not None:
            form["offset"] = self.offset
        limit = aiohttp.ClientTimeout(total=POLL + 15, sock_connect=10)
        asking = asyncio.ensure_future(self._post(form, limit))
        stopping = asyncio.ensure_future(self._stopping.wait())
        try:
            await asyncio.wait((asking, stopping), return_when=asyncio.FIRST_COMPLETED)
            return asking.result() if asking.done() else None
        finally:
            for task in (asking, stopping):
                task.cancel()
            await asyncio.gather(asking, stopping, return_exceptions=True)

    async def _post(self, form: dict[str, object], limit: aiohttp.ClientTimeout) -> bytes:
        async with self.session.post(f"{self.url}/getUpdates", data=form, timeout=limit) as told:
            return await told.read()

    async def _keep(self, updates: Sequence[bytes]) -> float:
        if not updates:
            return 0.0
        try:
            await self.keeper.keep(updates)
        except (DatabaseAway, DatabaseFull) as error:
            log.error("cannot keep updates; Telegram keeps them for us meanwhile", why=str(error))
            return FIRST_PAUSE
        numbers = [update_id_in(raw) for raw in reversed(updates)]
        last = next((number for number in numbers if number is not None), None)
        if last is None:
            return FIRST_PAUSE
        self.offset = last + 1
        return 0.0

    async def _isolate(self, body: bytes, error: Undecodable) -> float:
        """The answer as a whole cannot be read: ask for one update at a time, so that the others
        come through, and keep the one that is to blame as it is."""
        if self.most > 1:
            log.warning("an answer cannot be read; asking one by one", why=str(error))
            self.most = 1
            return 0.0
        number = update_id_in(body)
        if number is None:
            log.error("Telegram's answer is no JSON; asking again", why=str(error))
            return FIRST_PAUSE
        received = self.keeper.clock.now()
        try:
            await self.keeper.database.work(
                lambda db: inbox.keep_undecodable(db, self.keeper.bot, number, body, received),
                durable=True,
            )
        except (DatabaseAway, DatabaseFull) as full:
            log.error("cannot keep updates; Telegram keeps them for us meanwhile", why=str(full))
            return FIRST_PAUSE
        self.offset, self.most = number + 1, BATCH
        return 0.0

    def _refusal(self, code: int, description: str, parameters: dict[str, int]) -> float:
        if code == 401:
            log.error(
                "Telegram does not know this token any more (401); get a new one from @BotFather "
                "and restart. Nothing that was kept is lost."
            )
            return REFUSED_PAUSE
        if code == 409:
            log.error(
                "somebody else receives for this bot (409): another process polls with the same "
                "token, or a webhook is set. Stop the other one; we ask again.",
                telegram=description,
            )
            return 3.0
        if code == 429:
            return float(parameters.get("retry_after", 5))
        log.warning("Telegram refused to hand out updates", code=code, telegram=description)
        return FIRST_PAUSE

    async def _rest(self, seconds: float) -> None:
        try:
            await asyncio.wait_for(self._stopping.wait(), seconds)
        except TimeoutError:
            return
