"""The menus of commands beside the field where people write: in their language, and only what they
may use."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any, Final

import structlog
from aiogram import Bot
from aiogram.exceptions import AiogramError, TelegramBadRequest, TelegramForbiddenError
from aiogram.methods import DeleteMyCommands, SetMyCommands
from aiogram.types import BotCommand

from bot.clock import Clock
from handlers.doors import Door
from storage import communities, marks
from storage.communities import Worker
from storage.database import Connection, Database, DatabaseAway, DatabaseFull
from storage.records import Face, Reach, Role
from templates import Voice, locale_of

log = structlog.get_logger(__name__)

LOOK: Final = 60.0  # seconds until somebody new on the staff has their menu
# Telegram tells languages apart by two letters: one Chinese for both scripts, English for the rest.
LANGUAGES: Final[Mapping[str, str]] = {"": "en", "zh": "zh"}
UNLISTED: Final = frozenset({"start"})  # Telegram has a button of its own for it
ORDER: Final = ("checkin", "points", "fans", "draws", "groups", "help")


@dataclass(frozen=True, slots=True)
class Menu:
    """One list of commands with what it says of each: for whom (Telegram's ``scope``), and in
    which of Telegram's languages."""

    scope: Mapping[str, Any]
    language: str
    commands: tuple[tuple[str, str], ...]

    @property
    def key(self) -> str:
        return ":".join(str(part) for part in (*self.scope.values(), self.language))

    @property
    def digest(self) -> str:
        return blake2b(json.dumps(self.commands).encode(), digest_size=6).hexdigest()


def listed(
    doors: Mapping[str, Door], *, role: Role | None, group: bool
) -> Iterator[tuple[str, str]]:
    """The commands, with their rooms, that somebody is shown: first everybody's, then the staff's.
    In a group only those that belong there."""
    rooms = sorted(doors, key=lambda room: (ORDER.index(room) if room in ORDER else 9, room))
    for wanted in (False, True):
        for room in rooms:
            door = doors[room]
            for command in door.commands:
                for_staff = command in door.staff
                may = role in door.staff[command] if for_staff else True
                here = for_staff or not group or command in door.groups
                if command not in UNLISTED and for_staff is wanted and may and here:
                    yield room, command


def menus(doors: Mapping[str, Door], voice: Voice, staff: Iterable[Worker]) -> list[Menu]:
    """Everything that a bot shows. Who runs a group sees what its admins may do; each of the staff
    sees in private, in their own language, what their role may."""

    def worded(locale: str, role: Role | None, *, group: bool) -> tuple[tuple[str, str], ...]:
        told = {room: voice.commands(room, locale) for room in doors}
        chosen = listed(doors, role=role, group=group)
        return tuple((command, told[room][command]) for room, command in chosen)

    found = []
    for language, locale in LANGUAGES.items():
        for scope, role, group in (
            ("all_private_chats", None, False),
            ("all_group_chats", None, True),
            ("all_chat_administrators", Role.ADMIN, True),
        ):
            found.append(Menu({"type": scope}, language, worded(locale, role, group=group)))
    for one in staff:
        if one.telegram_id is not None and one.reach is Reach.OPEN:
            words = worded(locale_of(one.locale), one.role, group=False)
            found.append(Menu({"type": "chat", "chat_id": one.telegram_id}, "", words))
    return found


@dataclass(slots=True)
class Menus:
    """Keeps one bot's menus as they should be; Telegram hears only of what has changed."""

    bot: Bot
    face: Face
    database: Database
    clock: Clock
    voice: Voice
    doors: Mapping[str, Door]
    _busy: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def run(self) -> None:
        while True:
            try:
                await self.refresh()
            except AiogramError as error:
                log.warning("menus were not brought up to date", error=type(error).__name__)
            except (DatabaseAway, DatabaseFull) as error:
                log.warning("menus wait for the database", why=str(error))
            await self.clock.moved(LOOK)

    async def refresh(self) -> int:
        """Send each menu that differs from what Telegram was told; gives how many those were."""
        async with self._busy:
            return await self._refresh()

    async def _refresh(self) -> int:
        staff, told = await self.database.read(self._state)
        wanted = {menu.key: menu for menu in menus(self.doors, self.voice, staff)}
        changed = 0
        for key in [key for key in told if key not in wanted]:
            scope, number, language = key.split(":")
            await self._tell(
                DeleteMyCommands(
                    scope={"type": scope, "chat_id": int(number)},  # type: ignore[arg-type]  # pydantic reads it
                    language_code=language or None,
                )
            )
            del told[key]
            changed += 1
            await self._keep(told)
        for key, menu in wanted.items():
            if told.get(key) == menu.digest:
                continue
            await self._tell(
                SetMyCommands(
                    commands=[BotCommand(command=c, description=d) for c, d in menu.commands],
                    scope=dict(menu.scope),  # type: ignore[arg-type]  # pydantic reads it
                    language_code=menu.language or None,
                )
            )
            told[key] = menu.digest
            changed += 1
            await self._keep(told)
        return changed

    async def _tell(self, call: SetMyCommands | DeleteMyCommands) -> None:
        """A chat that is gone has no menu, and that is no reason to ask again."""
        try:
            await self.bot(call)
        except (TelegramBadRequest, TelegramForbiddenError) as error:
            log.warning("a menu was refused", telegram=error.message)

    def _state(self, db: Connection) -> tuple[list[Worker], dict[str, str]]:
        kept = marks.read(db, self._mark)
        told: dict[str, str] = json.loads(kept) if kept else {}
        return communities.workers(db, self.face.community.id), told

    async def _keep(self, told: Mapping[str, str]) -> None:
        words = json.dumps(told)
        await self.database.work(lambda db: marks.write(db, self._mark, words))

    @property
    def _mark(self) -> str:
        return f"menus:{self.face.id}"
