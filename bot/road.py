"""From a kept update to the one handler that is concerned: a single look-up, then aiogram.

The rooms' doors become one table. aiogram decodes the update; a handler that takes only what we
give is then called at once, and one that asks for something of aiogram's own (a state, a dialog)
is reached through its dispatcher, whose middlewares cost as much as the rest of the road.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import structlog
from aiogram import Bot, Dispatcher, Router
from aiogram.dispatcher.event.handler import CallableObject
from aiogram.exceptions import AiogramError
from aiogram.filters import BaseFilter
from aiogram.fsm.storage.base import BaseStorage
from aiogram.types import (
    CallbackQuery,
    ChatJoinRequest,
    ChatMemberUpdated,
    Message,
    TelegramObject,
    Update,
)

from bot.intake import Triggers, fold
from bot.react import Reaction
from bot.seals import Seal
from handlers.doors import Answer, Door, Draw, Due, Handler, Then
from handlers.groups import rules as group_rules
from handlers.groups import service as group_service
from storage import chats, outbox
from storage.database import Connection, Database
from storage.records import Kind, Place, Standing

log = structlog.get_logger(__name__)


class TwoRoomsOneTrigger(ValueError):
    """Two rooms want the same word, command or event; rename one of them."""


@dataclass(frozen=True, slots=True)
class Act:
    """One handler with what the look-up found out for it."""

    call: CallableObject
    given: Mapping[str, str]

    @property
    def direct(self) -> bool:
        """Whether the handler takes, besides its event, nothing but what the road gives it."""
        return len(self.call.params - GIVEN) <= 1 and not self.call.varkw


@dataclass(slots=True)
class Table:
    """Who reacts to what, over all rooms."""

    commands: dict[str, CallableObject] = field(default_factory=dict)
    words: dict[str, CallableObject] = field(default_factory=dict)
    private_words: dict[str, CallableObject] = field(default_factory=dict)
    patterns: dict[re.Pattern[str], CallableObject] = field(default_factory=dict)
    buttons: dict[str, CallableObject] = field(default_factory=dict)
    events: dict[Kind, CallableObject] = field(default_factory=dict)
    jobs: dict[str, Due] = field(default_factory=dict)
    thens: dict[str, Then] = field(default_factory=dict)
    pictures: dict[str, Draw] = field(default_factory=dict)
    otherwise: CallableObject | None = None

    @classmethod
    def of(cls, doors: Mapping[str, Door]) -> Table:
        """Raises TwoRoomsOneTrigger, so that no room can silently take another's word."""
        table = cls()
        for room, door in doors.items():
            _add(table.commands, door.commands)
            _add(table.words, {fold(word): h for word, h in door.words.items()})
            _add(table.private_words, {fold(word): h for word, h in door.private_words.items()})
            _add(table.patterns, {re.compile(p): h for p, h in door.patterns.items()})
            _add(table.buttons, {f"{room}.{key}": h for key, h in door.buttons.items()})
            _add(table.events, door.events)
            table.jobs |= door.jobs
            table.thens |= {f"{room}.{name}": step for name, step in door.thens.items()}
            table.pictures |= {f"{room}.{name}": draw for name, draw in door.pictures.items()}
            if door.otherwise is not None:
                if table.otherwise is not None:
                    raise TwoRoomsOneTrigger("otherwise")
                table.otherwise = CallableObject(door.otherwise)
        return table

    def triggers(self, bot_id: int, username: str) -> Triggers:
        """What the inbox must know to let chatter pass."""
        return Triggers(bot_id, username, frozenset(self.commands), frozenset(self.words))


def _add(known: dict[Any, CallableObject], news: Mapping[Any, Handler]) -> None:
    for trigger, handler in news.items():
        if trigger in known:
            raise TwoRoomsOneTrigger(str(trigger))
        known[trigger] = CallableObject(handler)


async def on_stale_button(_: CallbackQuery, react: Reaction) -> None:
    """A button of long ago, or data that somebody made up."""
    await react(group_service.excuse)


STALE: Final = CallableObject(on_stale_button)


class Known(BaseFilter):
    """The one filter on the road: a look-up in the table; gives ``act`` to the handler."""

    def __init__(self, table: Table) -> None:
        self.table = table

    async def __call__(self, event: TelegramObject, **data: Any) -> bool | dict[str, Any]:
        act = self.find(event, data["triggers"], data["seal"])
        return {"act": act} if act is not None else False

    def find(self, event: TelegramObject, triggers: Triggers, seal: Seal) -> Act | None:
        """Who reacts to this, if anybody does."""
        if isinstance(event, Message):
            return self._message(event, triggers)
        if isinstance(event, CallbackQuery):
            return self._press(event, seal)
        if isinstance(event, ChatMemberUpdated):
            return self._member(event, triggers)
        if isinstance(event, ChatJoinRequest):
            return _act(self.table.events.get(Kind.JOIN_REQUEST))
        return None

    def _message(self, message: Message, triggers: Triggers) -> Act | None:
        table, private = self.table, message.chat.type == "private"
        text = (message.text if message.text is not None else message.caption) or ""
        if message.migrate_to_chat_id or message.migrate_from_chat_id:
            return _act(table.events.get(Kind.MIGRATION))
        if message.new_chat_members or message.left_chat_member:
            return _act(table.events.get(Kind.JOIN if message.new_chat_members else Kind.LEAVE))
        # What somebody else once said is not the word of the fan who forwards it.
        own = message.forward_origin is None
        if own and (found := self._words(text, triggers, private=private)):
            return found
        if not private and message.chat.type != "channel":
            return _act(table.events.get(Kind.FORWARD))
        return _act(table.otherwise) if private and text else None

    def _words(self, text: str, triggers: Triggers, *, private: bool) -> Act | None:
        """A command, a plain word, or, in private, a text of some pattern."""
        table = self.table
        if text.startswith("/"):
            name = triggers.command(text)
            argument = text.partition(" ")[2].strip()
            if name == "start" and private and (found := self._pattern(argument)):
                return found
            return _act(table.commands.get(name or ""), argument=argument)
        word = fold(text)
        call = table.words.get(word) or (table.private_words.get(word) if private else None)
        if call is not None:
            return _act(call, argument="")
        return self._pattern(text.strip()) if private else None

    def _pattern(self, text: str) -> Act | None:
        for pattern, call in self.table.patterns.items():
            if pattern.fullmatch(text.upper()):
                return _act(call, argument=text)
        return None

    def _press(self, press: CallbackQuery, seal: Seal) -> Act | None:
        data = seal.open(press.data or "")
        if data is None:
            log.info("a press of a button that we did not make")
            return _act(STALE)
        key, _, argument = data.partition(":")
        call = self.table.buttons.get(key, STALE)
        return _act(call, key=key.partition(".")[2], argument=argument)

    def _member(self, change: ChatMemberUpdated, triggers: Triggers) -> Act | None:
        events = self.table.events
        if change.new_chat_member.user.id != triggers.bot_id:
            was, now = change.old_chat_member.status, change.new_chat_member.status
            gone = ("left", "kicked")
            if (was in gone) == (now in gone):
                return _act(events.get(Kind.MEMBER))
            return _act(events.get(Kind.LEAVE if now in gone else Kind.JOIN))
        if change.chat.type != "private":
            return _act(events.get(Kind.BOT_MEMBER))
        blocked = change.new_chat_member.status == "kicked"
        return _act(events.get(Kind.BLOCK if blocked else Kind.UNBLOCK))


def _act(call: CallableObject | None, **given: str) -> Act | None:
    return Act(call, given) if call is not None else None


async def on_known(event: TelegramObject, act: Act, **data: Any) -> None:
    """Let the room that is concerned do its sentence."""
    await act.call.call(event, **{**data, **act.given})


GIVEN: Final = frozenset({"react", "bot", "key", "argument"})
OBSERVED: Final = (
    "message",
    "channel_post",
    "callback_query",
    "my_chat_member",
    "chat_member",
    "chat_join_request",
)


@dataclass(slots=True)
class Road:
    """Walks kept updates for all bots of the installation."""

    database: Database
    doors: Mapping[str, Door]
    table: Table
    known: Known
    dispatcher: Dispatcher

    @classmethod
    def build(cls, database: Database, doors: Mapping[str, Door], storage: BaseStorage) -> Road:
        table = Table.of(doors)
        room, known = Router(name="road"), Known(table)
        for name in OBSERVED:
            room.observers[name].register(on_known, known)
        dispatcher = Dispatcher(storage=storage)
        dispatcher.include_router(room)
        return cls(database, doors, table, known, dispatcher)

    async def walk(self, bot: Bot, react: Reaction, triggers: Triggers, seal: Seal) -> None:
        """Decode one update and let its room react; raises what the handler raised."""
        if react.task.update_id is None:
            await self._hand_over(react)
            return
        update = Update.model_validate_json(react.task.raw, context={"bot": bot})
        event = update.event
        if isinstance(event, Message):
            react.message = event.message_id
            await self._ask_own_place(bot, react, event)
        elif isinstance(event, CallbackQuery):
            react.callback = event.id
        act = self.known.find(event, triggers, seal)
        if act is not None and act.direct:
            await act.call.call(event, react=react, bot=bot, **act.given)
            return
        if act is None and not isinstance(event, Message | CallbackQuery):
            return  # nobody waits for it: dialogs, the only others, read words and presses
        await self.dispatcher.feed_update(bot, update, react=react, triggers=triggers, seal=seal)

    async def _hand_over(self, react: Reaction) -> None:
        """What Telegram answered to a letter, to the room that waits for it."""
        told = json.loads(react.task.raw)
        name, _, argument = told["then"].partition(":")
        answer = Answer(argument, told["ok"], told["result"], told["error"])
        await react.house(self.table.thens[name], answer)

    async def _ask_own_place(self, bot: Bot, react: Reaction, message: Message) -> None:
        """A command in a group that we know nothing of: ask once what we may see there, and say
        so where plain words cannot reach us."""
        chat = react.task.chat
        if message.chat.type not in ("group", "supergroup") or chat is None:
            return
        if react.face.hears_all or not (message.text or "").startswith("/"):
            return
        place = await self.database.read(lambda db: chats.place(db, chat))
        if place.standing is Standing.UNKNOWN:
            try:
                member = await bot.get_chat_member(message.chat.id, bot.id)
            except AiogramError as error:
                log.warning("cannot ask for our own place", chat=chat, error=type(error).__name__)
                return
            admin = member.status in ("administrator", "creator")
            standing = Standing.ADMIN if admin else Standing.MEMBER
            await self.database.work(lambda db: chats.stand(db, chat, standing))
            place = Place(place.id, place.kind, place.title, standing)
        if group_rules.is_deaf(place.standing, hears_all=react.face.hears_all):
            await self.database.work(lambda db: _confess(db, react, place))


def _confess(db: Connection, react: Reaction, place: Place) -> None:
    """Once per group; beside the answer, not instead of it."""
    outcome = group_service.confess(db, place)
    if outcome is not None:
        letter = react.speech.letter(
            outcome,
            face=react.face,
            chat=place.id,
            idem=f"deaf:{place.id}",
            locale=react.face.community.locale,
        )
        outbox.put(db, letter)
