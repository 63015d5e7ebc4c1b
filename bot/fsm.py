"""Dialog storage for aiogram: in our own database, or in Redis where several processes share it.

Imported when the bot starts and not before, because aiogram takes seconds to import.
"""

from __future__ import annotations

import asyncio
import json
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from aiogram.exceptions import DataNotDictLikeError
from aiogram.fsm.state import State
from aiogram.fsm.storage.base import BaseStorage, DefaultKeyBuilder, StateType, StorageKey

from storage import fsm
from storage.database import Connection, Database
from storage.fsm import Kept

Place: TypeAlias = tuple[int, str]


def open_storage(database: Database, redis_url: str = "") -> BaseStorage:
    """Dialogs in Redis if there is one, else in the database; closing it closes no database."""
    if not redis_url:
        return SqlStorage(database)
    # Importing Redis costs a quarter of a second, which only who uses it pays.
    from aiogram.fsm.storage.redis import RedisStorage

    from storage.coordination.shared import connect

    keys = DefaultKeyBuilder(prefix="renqing:fsm", with_bot_id=True, with_destiny=True)
    return RedisStorage(connect(redis_url), key_builder=keys)


class SqlStorage(BaseStorage):
    """Dialogs as rows of JSON; what was read or written last is answered from memory.

    The memory is right as long as one process serves a bot; with several, give ``cached=0``.
    Data must be what JSON can carry, and comes back as JSON gives it (keys as text, tuples as
    lists), exactly as from Redis.
    """

    def __init__(self, database: Database, cached: int = 1000) -> None:
        self._database = database
        self._cached = cached
        self._cache: OrderedDict[Place, Kept] = OrderedDict()
        self._writing = asyncio.Lock()
        self._written = 0

    async def set_state(self, key: StorageKey, state: StateType = None) -> None:
        text = state.state if isinstance(state, State) else state
        bot, name = _place(key)
        await self._write((bot, name), lambda db: fsm.set_state(db, bot, name, text))

    async def get_state(self, key: StorageKey) -> str | None:
        return (await self._read(_place(key))).state

    async def set_data(self, key: StorageKey, data: Mapping[str, Any]) -> None:
        if not isinstance(data, dict):
            raise DataNotDictLikeError(f"data must be a dict, not {type(data).__name__}")
        bot, name = _place(key)
        text = json.dumps(data)
        await self._write((bot, name), lambda db: fsm.set_data(db, bot, name, text))

    async def get_data(self, key: StorageKey) -> dict[str, Any]:
        """A dict of the caller's own: changing it changes nothing that is kept."""
        return _dict(await self._read(_place(key)))

    async def update_data(self, key: StorageKey, data: Mapping[str, Any]) -> dict[str, Any]:
        """Merge in one transaction, where the inherited way could lose one of two updates."""
        bot, name = _place(key)
        fields = json.loads(json.dumps(dict(data)))
        return _dict(
            await self._write((bot, name), lambda db: fsm.update_data(db, bot, name, fields))
        )

    async def close(self) -> None:
        self._cache.clear()

    async def _read(self, place: Place) -> Kept:
        known = self._cache.get(place)
        if known is not None:
            self._cache.move_to_end(place)
            return known
        written = self._written
        kept = await self._database.read(lambda db: fsm.get(db, *place))
        if written == self._written:  # else it may be older than what was written meanwhile
            self._keep(place, kept)
        return kept

    async def _write(self, place: Place, step: Callable[[Connection], Kept]) -> Kept:
        async with self._writing:
            self._written += 1
            self._cache.pop(place, None)  # if the write fails we no longer know
            kept = await self._database.work(step)
            self._written += 1
            self._keep(place, kept)
        return kept

    def _keep(self, place: Place, kept: Kept) -> None:
        self._cache[place] = kept
        self._cache.move_to_end(place)
        while len(self._cache) > self._cached:
            self._cache.popitem(last=False)


def _place(key: StorageKey) -> Place:
    """The bot, and a text that no other dialog of the bot has: only the destiny may hold colons."""
    parts = key.chat_id, key.thread_id, key.user_id, key.business_connection_id, key.destiny
    return key.bot_id, ":".join("" if part is None else str(part) for part in parts)


def _dict(kept: Kept) -> dict[str, Any]:
    data: dict[str, Any] = json.loads(kept.data)
    return data
