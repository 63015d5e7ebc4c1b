"""Who competes: the bare dispatcher, which every figure is measured against, and our house."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aiogram import Bot, Dispatcher, Router
from aiogram.types import TelegramObject

from benchmarks import telegram as little
from benchmarks.telegram import BARE, OURS, open_telegram
from benchmarks.updates import GROUPS
from bot.app import App, Station, open_app
from bot.config import Settings, Storage, Telegram, Web
from bot.intake import answer, read, split
from bot.toasts import Toasts
from storage import chats
from storage.database import Connection
from storage.records import ChatKind, ChatSeen, Standing, Task


class Bare:
    """aiogram's dispatcher, one router, one handler that does nothing, no storage.

    It gets dictionaries: not even reading JSON is on its bill.
    """

    def __init__(self) -> None:
        self.bot = Bot(BARE)
        self.dispatcher = Dispatcher()
        router = Router()
        for name in ("message", "callback_query", "chat_member", "message_reaction"):
            router.observers[name].register(_on_anything)
        self.dispatcher.include_router(router)

    @staticmethod
    def ready(updates: Sequence[bytes]) -> list[dict[str, Any]]:
        return [json.loads(raw) for raw in updates]

    async def handle(self, updates: Sequence[dict[str, Any]]) -> None:
        for update in updates:
            await self.dispatcher.feed_raw_update(self.bot, update)


async def _on_anything(_: TelegramObject) -> None:
    """What the bare bot does with an update."""


class Unheard(Toasts):
    """Takes answers to presses and sends none."""

    count = 0

    async def put(self, callback: str, text: str) -> None:
        self.count += 1


@dataclass(slots=True)
class House:
    """The whole house as it is built for running, without its sender and its poller."""

    app: App
    station: Station
    toasts: Unheard
    telegram: little.Telegram
    _walks: int = 0
    _until: int = 0
    _reached: asyncio.Event | None = None
    _failure: Exception | None = None

    async def keep(self, answers: Sequence[bytes]) -> None:
        """What the poller does with Telegram's answers: split, read, commit, batch by batch."""
        keeper = self.station.keeper
        for body in answers:
            await keeper.keep(split(answer(body).result))
            await asyncio.sleep(0)  # a poller would wait for the network here

    async def handle(self, answers: Sequence[bytes], tasks: int) -> None:
        """Keep them and walk the road with the *tasks* among them, to the last."""
        self.expect(tasks)
        await self.keep(answers)
        await self.walked()

    def expect(self, tasks: int) -> None:
        """So many tasks are to be walked until ``walked`` returns."""
        self._until, self._reached = self._walks + tasks, asyncio.Event()

    async def walked(self) -> None:
        assert self._reached is not None
        if self._walks < self._until:
            await self._reached.wait()
        if self._failure is not None:
            raise AssertionError("what is measured does not work") from self._failure

    async def walk(self, task: Task) -> None:
        try:
            await self.app.walk(task)
        except Exception as error:
            self._failure = error
        self._walks += 1
        if self._reached is not None and (self._failure or self._walks >= self._until):
            self._reached.set()

    @asynccontextmanager
    async def walking(self) -> AsyncIterator[None]:
        """The lanes run in here."""
        lanes = asyncio.create_task(self.app.lanes.run())
        try:
            yield
        finally:
            self.app.lanes.stop()
            await self.app.coordination.wake("inbox")
            await lanes


def settings_for(api_base: str, file: Path) -> Settings:
    return Settings(
        telegram=Telegram.model_validate(
            {"token": OURS, "api_base": api_base, "owners": (1,), "rate": 30}
        ),
        storage=Storage(url=f"sqlite:///{file}"),
        web=Web(port=0),
    )


@asynccontextmanager
async def open_house(folder: Path) -> AsyncIterator[House]:
    """The house on a fresh file; its groups know it as their admin."""
    async with (
        open_telegram() as telegram,
        open_app(settings_for(telegram.url, folder / "house.db")) as app,
    ):
        (station,) = app.stations.values()
        toasts = Unheard(station.bot, app.database)
        station.toasts = toasts
        house = House(app, station, toasts, telegram)
        app.lanes.walk = house.walk

        def settle(db: Connection) -> None:
            for group in GROUPS:
                seen = ChatSeen(group, ChatKind.SUPERGROUP)
                chats.stand(db, chats.enter(db, station.face.id, seen), Standing.ADMIN)

        await app.database.work(settle, durable=True)
        yield house


def reacting(house: House, updates: Sequence[bytes]) -> int:
    """How many of the updates wait for a reaction."""
    triggers = house.station.keeper.triggers
    return sum(read(raw, triggers, 1).raw is not None for raw in updates)
