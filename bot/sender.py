"""The road out: render, pace, send, obey Telegram, and keep what was said.

A letter's words are committed, durably, with the claim ``sending``; so whatever happens next,
exactly these words are repeated, or, where a second time would be worse than none, the letter is
listed as unknown for a person to decide.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from zoneinfo import ZoneInfo

import structlog
from aiogram import Bot, methods
from aiogram.exceptions import (
    ClientDecodeError,
    TelegramAPIError,
    TelegramBadRequest,
    TelegramEntityTooLarge,
    TelegramForbiddenError,
    TelegramMigrateToChat,
    TelegramNetworkError,
    TelegramNotFound,
    TelegramRetryAfter,
    TelegramServerError,
    TelegramUnauthorizedError,
)
from aiogram.methods import TelegramMethod
from aiogram.types import BufferedInputFile, InlineKeyboardButton, InlineKeyboardMarkup, Message
from aiohttp import ClientConnectorError
from pydantic import BaseModel

from bot.clock import Clock
from bot.pictures import Pictures
from bot.react import Speech, outbox_topic, persona
from bot.seals import Seal
from storage import bags, chats, fans, inbox, outbox
from storage.coordination import GLOBAL, Ask, Coordination
from storage.database import Connection, Database, DatabaseAway, DatabaseFull
from storage.records import Face, Letter, LetterClass, LetterState, Reach, Standing, Waiting, moment
from templates import BadTemplate, NoWords, markup

log = structlog.get_logger(__name__)

LOOK: Final = 200  # letters looked at in one go
AT_ONCE: Final = 30  # calls in flight; what a kill can double is bounded by it
IDLE: Final = 1.0  # seconds between looks when nothing wakes us
REVOKED_PAUSE: Final = 60.0
LONGEST_PAUSE: Final = 60.0
TRIES: Final = 20  # of a letter that Telegram answers with its own errors
STORM_CHATS, STORM_SECONDS = 3, 1.0  # so many chats flooded within so long: it is the whole bot

REPEATABLE: Final = frozenset(
    {
        "editMessageText",
        "editMessageCaption",
        "editMessageMedia",
        "editMessageReplyMarkup",
        "deleteMessage",
        "deleteMessages",
        "setMessageReaction",
        "setChatMemberTag",
        "pinChatMessage",
        "unpinChatMessage",
        "leaveChat",
        "setMyCommands",
        "banChatMember",
        "unbanChatMember",
        "restrictChatMember",
        "approveChatJoinRequest",
        "declineChatJoinRequest",
    }
)
SAID_AGAIN: Final = frozenset({LetterClass.REPLY, LetterClass.DRAW, LetterClass.SERVICE})
UNCOUNTED: Final = frozenset({"setMessageReaction", "deleteMessage", "deleteMessages"})
LOOKED_UP_FIRST: Final = frozenset({"sendGift", "giftPremiumSubscription"})


def may_repeat(letter: Letter) -> bool:
    """Whether a call whose answer nobody heard is made again.

    Edits and the like change nothing the second time; an answer twice is better than none; a
    broadcast, a care text or a gift twice is not, so these are listed instead.
    """
    if letter.method in REPEATABLE:
        return True
    return letter.cls in SAID_AGAIN and letter.method not in LOOKED_UP_FIRST


class Gone(Exception):
    """The letter has become pointless before it was sent (its fan was erased, its hour passed)."""


@dataclass(slots=True)
class Sender:
    """Sends one bot's letters."""

    bot: Bot
    face: Face
    database: Database
    coordination: Coordination
    clock: Clock
    speech: Speech
    seal: Seal
    pictures: Pictures = field(default_factory=lambda: Pictures({}, None))
    on_migrated: Callable[[], None] = lambda: None
    _in_flight: set[int] = field(default_factory=set)
    _resting: dict[int, float] = field(default_factory=dict)
    _flooded: list[float] = field(default_factory=list)
    _pause_until: float = 0.0
    _network_pause: float = 0.5
    _stopping: bool = False
    _held: bool = False

    @property
    def topic(self) -> str:
        return outbox_topic(self.face)

    async def run(self) -> None:
        """Send until ``stop``, then finish what is in flight."""
        await self._remember_stops()
        await self._settle_in_flight()
        async with asyncio.TaskGroup() as calls:
            while not self._stopping:
                try:
                    wait = await self._round(calls)
                except (DatabaseAway, DatabaseFull) as error:
                    log.error("the outbox cannot be read; waiting", why=str(error))
                    wait = IDLE
                if wait > 0 and not self._stopping:
                    await self.coordination.woken(self.topic, wait)

    def stop(self) -> None:
        self._stopping = True

    async def _remember_stops(self) -> None:
        """What a 429 forbade before a restart is still forbidden."""
        stops = await self.database.work(lambda db: outbox.stopped(db, self.face.id, _wall()))
        for bucket, until in stops.items():
            await self.coordination.stop(self.face.telegram_id, bucket or GLOBAL, until / 1e6)

    async def _settle_in_flight(self) -> None:
        """Letters that were under way when the process ended: say them again, or list them."""
        letters = await self.database.read(lambda db: outbox.in_flight(db, self.face.id))

        def settle(db: Connection) -> None:
            for letter in letters:
                if may_repeat(letter.letter):
                    outbox.postpone(db, letter.id, 0, counted=False, error="interrupted")
                else:
                    outbox.end(db, letter.id, LetterState.UNKNOWN, "interrupted")

        if letters:
            log.warning("letters were under way when the process ended", letters=len(letters))
            await self.database.work(settle)

    async def _round(self, calls: asyncio.TaskGroup) -> float:
        """Start what may leave now; gives how long nothing else can."""
        real = time.time()
        if real < self._pause_until:
            return self._pause_until - real
        if len(self._in_flight) >= AT_ONCE:
            return 0.02
        self._resting = {chat: until for chat, until in self._resting.items() if until > real}
        ready = await self.database.read(lambda db: self._ready(db, real))
        if ready is None:
            return IDLE
        if not ready:
            return min([IDLE, *(until - real for until in self._resting.values())])
        now = self.clock.now()
        late = [waiting for waiting in ready if _is_late(waiting.letter, now)]
        granted, wait = await self._pace([w for w in ready if not _is_late(w.letter, now)], real)
        if granted or late:  # what has become worthless takes nobody's turn: the claim ends it
            for waiting, parts in await self._claim([*late, *granted]):
                calls.create_task(self._deliver(waiting, parts), name=f"letter {waiting.id}")
        return wait

    def _ready(self, db: Connection, real: float) -> list[Waiting] | None:
        """Letters that may leave now; None while somebody holds them all."""
        why = outbox.held(db)
        if why is not None:
            if not self._held:
                log.warning("letters are held; `python -m bot resume` lets them go", why=why)
            self._held = True
            return None
        self._held = False
        return outbox.waiting(
            db,
            self.face.id,
            now=self.clock.now(),
            real=int(real * 1e6),
            most=LOOK,
            without={*self._in_flight, *self._resting},
        )

    async def _pace(self, ready: Sequence[Waiting], real: float) -> tuple[list[Waiting], float]:
        """Those that may leave this moment, one per chat, and the seconds until the next may."""
        first: dict[int, Waiting] = {}
        for waiting in ready:
            first.setdefault(waiting.letter.chat, waiting)
        chosen = list(first.values())[: AT_ONCE - len(self._in_flight)]
        asks = [Ask(w.letter.chat, w.group and w.letter.method not in UNCOUNTED) for w in chosen]
        waits = await self.coordination.pace(self.face.telegram_id, asks, real)
        granted = [waiting for waiting, wait in zip(chosen, waits, strict=True) if wait == 0.0]
        held = [(w.letter.chat, wait) for w, wait in zip(chosen, waits, strict=True) if wait > 0]
        for chat, wait in held:
            if wait > 0.2:
                self._resting[chat] = real + wait
        soonest = min((wait for _, wait in held), default=0.0)
        return granted, min(IDLE, soonest) if held or not granted else 0.0

    async def _claim(self, granted: Sequence[Waiting]) -> list[tuple[Waiting, tuple[str, ...]]]:
        """Fix the words of each and commit them durably, together; what is pointless is dropped."""
        now = self.clock.now()

        def claim(db: Connection) -> list[tuple[Waiting, tuple[str, ...]]]:
            open_to = [waiting for waiting in granted if not self._is_shut(db, waiting)]
            worded = [(waiting, self._worded(db, waiting, now)) for waiting in open_to]
            return [
                (waiting, parts)
                for waiting, parts in worded
                if parts is not None and outbox.claim(db, waiting.id, parts)
            ]

        mine = await self.database.work(claim, durable=True)
        self._in_flight.update(waiting.letter.chat for waiting, _ in mine)
        return mine

    def _worded(self, db: Connection, waiting: Waiting, now: int) -> tuple[str, ...] | None:
        """The words of a letter; None when it was ended instead, for want of words or of sense."""
        try:
            return self._words(db, waiting, now)
        except Gone as reason:
            self._finish(db, waiting, LetterState.DROPPED, str(reason))
        except (NoWords, BadTemplate, markup.Unsendable) as error:
            log.error("a letter has no words", letter=waiting.id, why=str(error))
            self._finish(db, waiting, LetterState.FAILED, type(error).__name__)
        return None

    def _is_shut(self, db: Connection, waiting: Waiting) -> bool:
        """End what goes to a fan who is known to be out of reach; only an answer is tried all the
        same, since who has just written has opened the door again."""
        if waiting.group or waiting.letter.cls is LetterClass.REPLY:
            return False
        fan = chats.fan_behind(db, waiting.letter.chat)
        reach = fans.reach_of(db, self.face.community.id, fan) if fan is not None else None
        if reach not in (Reach.BLOCKED, Reach.DEACTIVATED):
            return False
        self._finish(db, waiting, LetterState.DROPPED, str(reach))
        return True

    def _words(self, db: Connection, waiting: Waiting, now: int) -> tuple[str, ...]:
        letter = waiting.letter
        if _is_late(letter, now):
            raise Gone("its hour has passed")
        if not waiting.address:
            raise Gone("nobody is there any more")
        if waiting.parts or not letter.template:
            return waiting.parts
        voice, speaker, template = self.speech.voice, persona(self.face), letter.template
        hour = None
        if voice.greets(template, letter.locale, speaker):
            hour = moment(now).astimezone(self._zone(db, letter)).hour
        count = voice.variants(template, letter.locale, speaker)
        facts = letter.facts
        if self.pictures.can(letter.payload.get("picture", "")):
            facts = {**facts, "grid": ""}  # what a picture shows need not be said in signs
        html = voice.render(
            template,
            facts,
            locale=letter.locale,
            persona=speaker,
            variant=bags.draw(db, letter.chat, template, letter.locale, count),
            hour=hour,
        )
        return tuple(markup.split(html))

    def _zone(self, db: Connection, letter: Letter) -> ZoneInfo:
        """Where the fan is whom a letter greets, as far as we know."""
        community = self.face.community
        zone = fans.zone_of(db, community.id, letter.fan) if letter.fan is not None else None
        return ZoneInfo(zone or community.zone)

    async def _deliver(self, waiting: Waiting, parts: tuple[str, ...]) -> None:
        """Send every part that is still to be sent, each noted before the next."""
        try:
            texts: Sequence[str | None] = parts or (None,)
            for number in range(waiting.part, len(texts)):
                last = number == len(texts) - 1
                if not await self._send(waiting, number, texts[number], last=last):
                    return
        finally:
            self._in_flight.discard(waiting.letter.chat)
            if not self._stopping:
                await self.coordination.wake(self.topic)

    async def _send(self, waiting: Waiting, part: int, text: str | None, *, last: bool) -> bool:
        """One call; True when it was done."""
        try:
            call = self._call(waiting, part, text, await self._picture(waiting, part), last=last)
        except Exception as error:
            # A label is missing, a parameter has the wrong type: one letter's fault, nobody else's.
            log.exception("a letter cannot be made into a call", letter=waiting.id)
            await self._end(waiting, LetterState.FAILED, type(error).__name__)
            return False
        try:
            result = await self.bot(call)
        except ClientDecodeError as error:
            if not _was_done(error):
                await self._ambiguous(waiting, "no answer of Telegram's")
                return False
            log.warning("Telegram did it, but its answer cannot be read", letter=waiting.id)
            result = None
        except TelegramAPIError as error:
            return await self._obey(waiting, part, text, error, last=last)
        self._network_pause = 0.5
        await self._note(waiting, part, text, result, last=last)
        return True

    async def _note(
        self, waiting: Waiting, part: int, text: str | None, result: Any, *, last: bool
    ) -> None:
        message = result.message_id if isinstance(result, Message) else None
        now = self.clock.now()

        def note(db: Connection) -> None:
            outbox.note_said(db, waiting, part, message, now, text)
            if last:
                outbox.end(db, waiting.id, LetterState.SENT)
                self._answer(db, waiting, ok=True, result=_shown(result))

        await self._patiently(note)
        if last and waiting.letter.then:
            await self.coordination.wake("inbox")

    def _answer(
        self, db: Connection, waiting: Waiting, *, ok: bool, result: Any = None, error: str = ""
    ) -> None:
        """What Telegram answered comes back over the road in, as one of our own tasks."""
        if not waiting.letter.then:
            return
        told = {"then": waiting.letter.then, "ok": ok, "result": result, "error": error}
        chat = waiting.letter.chat
        raw = json.dumps(told).encode()
        inbox.put(db, self.face.id, -chat, raw, self.clock.now(), chat=chat)

    async def _picture(self, waiting: Waiting, part: int) -> bytes | None:
        """What the first part of a letter shows; None where words alone will do."""
        letter = waiting.letter
        name = letter.payload.get("picture", "")
        if part or not self.pictures.can(name):
            return None
        try:
            return await self.pictures.paint(name, letter.facts, letter.locale)
        except Exception:
            log.exception("a picture cannot be drawn; the words go without it", picture=name)
            return None

    def _call(
        self,
        waiting: Waiting,
        part: int,
        text: str | None,
        picture: bytes | None,
        *,
        last: bool,
    ) -> TelegramMethod[Any]:
        """The aiogram method of one part: quoted on the first, with buttons under the last."""
        letter = waiting.letter
        name = letter.method[:1].upper() + letter.method[1:]
        kind: type[TelegramMethod[Any]] = getattr(methods, name if not picture else "SendPhoto")
        ours = ("buttons", "picture", "document")
        given: dict[str, Any] = {k: v for k, v in letter.payload.items() if k not in ours}
        if picture:
            given["photo"] = BufferedInputFile(picture, "picture.png")
        if file := letter.payload.get("document"):
            given["document"] = BufferedInputFile(file["text"].encode(), file["name"])
        if "chat_id" in kind.model_fields:
            given.setdefault("chat_id", waiting.address)
        if text is not None:
            given["caption" if "caption" in kind.model_fields else "text"] = text
            given["parse_mode"] = "HTML"
        if letter.reply_to is not None and part == 0:
            given["reply_parameters"] = {
                "message_id": letter.reply_to,
                "allow_sending_without_reply": True,
            }
        if last and (rows := letter.payload.get("buttons")):
            given["reply_markup"] = self._keyboard(rows, letter)
        return kind(**given)

    def _keyboard(self, rows: Sequence[Sequence[str]], letter: Letter) -> InlineKeyboardMarkup:
        def button(data: str) -> InlineKeyboardButton:
            room, _, key = data.partition(":")[0].partition(".")
            labels = self.speech.voice.buttons(
                f"{room}/_", letter.facts, locale=letter.locale, persona=persona(self.face)
            )
            return InlineKeyboardButton(text=labels[key], callback_data=self.seal.sign(data))

        return InlineKeyboardMarkup(inline_keyboard=[[button(key) for key in row] for row in rows])

    async def _obey(
        self,
        waiting: Waiting,
        part: int,
        text: str | None,
        error: TelegramAPIError,
        *,
        last: bool,
    ) -> bool:
        """Do what Telegram's refusal asks for; True when the call counts as done after all."""
        match error:
            case TelegramRetryAfter():
                await self._flood(waiting, error.retry_after)
            case TelegramMigrateToChat():
                await self._migrate(waiting, error.migrate_to_chat_id)
            case TelegramForbiddenError():
                await self._forbidden(waiting, error.message)
            case TelegramNotFound() if error.message != "Not Found":
                # An older Bot API server: it knows our token, but not this method, and says so.
                await self._end(waiting, LetterState.FAILED, error.message[:200])
            case TelegramUnauthorizedError() | TelegramNotFound():
                log.error(
                    "Telegram does not know this token any more; letters wait. Get a new token "
                    "from @BotFather and restart.",
                    bot=self.face.username,
                )
                self._pause_until = time.time() + REVOKED_PAUSE
                await self._postpone(waiting, REVOKED_PAUSE, counted=False, error="401")
            case TelegramEntityTooLarge():
                await self._end(waiting, LetterState.FAILED, "too large")
            case TelegramBadRequest():
                return await self._bad_request(waiting, part, text, error.message, last=last)
            case TelegramNetworkError() if isinstance(error.__cause__, ClientConnectorError):
                await self._unreachable(waiting)
            case TelegramNetworkError() | TelegramServerError():
                await self._ambiguous(waiting, type(error).__name__)
            case _:
                await self._ambiguous(waiting, type(error).__name__)
        return False

    async def _bad_request(
        self, waiting: Waiting, part: int, text: str | None, words: str, *, last: bool
    ) -> bool:
        said = words.lower()
        if "message is not modified" in said:
            await self._note(waiting, part, text, None, last=last)
            return True
        if "message to delete not found" in said:
            await self._note(waiting, part, text, None, last=last)
            return True
        if "chat not found" in said:
            await self._close_door(waiting, Reach.NEVER_STARTED, Standing.LEFT, "chat not found")
            return False
        log.warning("Telegram refused a letter", letter=waiting.id, telegram=words)
        await self._end(waiting, LetterState.FAILED, words[:200])
        return False

    async def _flood(self, waiting: Waiting, seconds: float) -> None:
        """429: stop the bucket that it belongs to, and keep that over a restart."""
        real = time.time()
        self._flooded = [at for at in self._flooded if real - at < STORM_SECONDS] + [real]
        storm = len(self._flooded) >= STORM_CHATS
        chat, until = waiting.letter.chat, real + seconds
        log.warning("flood wait", seconds=seconds, chat=0 if storm else chat)
        await self.coordination.stop(self.face.telegram_id, GLOBAL if storm else chat, until)

        def remember(db: Connection) -> None:
            outbox.stop(db, self.face.id, 0 if storm else chat, int(until * 1e6))
            outbox.postpone(db, waiting.id, int(until * 1e6), counted=False, error="429")
            if not storm:
                outbox.hold_chat(db, chat, int(until * 1e6))

        await self._patiently(remember)

    async def _migrate(self, waiting: Waiting, new: int) -> None:
        """The group has another address now; the letter goes there at once."""

        def move(db: Connection) -> None:
            outbox.follow(db, self.face.id, waiting.address, new)
            if chats.address(db, waiting.letter.chat) == waiting.address:
                # No group of ours stands at that address, so asking again would never end.
                self._finish(db, waiting, LetterState.FAILED, "migrated, but is no group")
            else:
                outbox.postpone(db, waiting.id, 0, counted=False, error="migrated")

        await self._patiently(move)
        self.on_migrated()

    async def _forbidden(self, waiting: Waiting, words: str) -> None:
        said = words.lower()
        if "deactivated" in said:
            reach = Reach.DEACTIVATED
        elif "can't initiate" in said:
            reach = Reach.NEVER_STARTED
        else:
            reach = Reach.BLOCKED
        await self._close_door(waiting, reach, Standing.KICKED, words[:200])

    async def _close_door(
        self, waiting: Waiting, reach: Reach, standing: Standing, why: str
    ) -> None:
        """Nothing reaches this chat now: end the letter and what waits behind it."""
        chat = waiting.letter.chat

        def close(db: Connection) -> None:
            self._finish(db, waiting, LetterState.FAILED, why)
            outbox.drop_chat(db, chat, why)
            if waiting.group:
                chats.stand(db, chat, standing)
            else:
                fan = chats.fan_behind(db, chat)
                if fan is not None:
                    fans.set_reach(db, self.face.community.id, fan, reach)

        await self._patiently(close)

    async def _unreachable(self, waiting: Waiting) -> None:
        """No connection, so surely nothing was done: everybody waits a little, nothing counts."""
        self._pause_until = time.time() + self._network_pause
        await self._postpone(waiting, self._network_pause, counted=False, error="unreachable")
        self._network_pause = min(2 * self._network_pause, LONGEST_PAUSE)

    async def _ambiguous(self, waiting: Waiting, why: str) -> None:
        """Perhaps it was done, perhaps not: the letter's class decides."""
        if not may_repeat(waiting.letter):
            await self._end(waiting, LetterState.UNKNOWN, why)
        elif waiting.attempts + 1 >= TRIES:
            await self._end(waiting, LetterState.FAILED, why)
        else:
            pause = min(0.5 * 2**waiting.attempts, LONGEST_PAUSE)
            await self._postpone(waiting, pause, counted=True, error=why)

    async def _postpone(
        self, waiting: Waiting, seconds: float, *, counted: bool, error: str
    ) -> None:
        until = time.time() + seconds
        # What is behind it in this chat must not overtake it.
        self._resting[waiting.letter.chat] = until
        await self._patiently(
            lambda db: outbox.postpone(
                db, waiting.id, int(until * 1e6), counted=counted, error=error
            )
        )

    async def _end(self, waiting: Waiting, state: LetterState, why: str) -> None:
        await self._patiently(lambda db: self._finish(db, waiting, state, why))
        if waiting.letter.then:
            await self.coordination.wake("inbox")

    def _finish(self, db: Connection, waiting: Waiting, state: LetterState, why: str) -> None:
        """End a letter that was not sent; whoever waits for its answer hears that there is none."""
        outbox.end(db, waiting.id, state, why)
        self._answer(db, waiting, ok=False, error=why)

    async def _patiently(self, step: Callable[[Connection], None]) -> None:
        """What Telegram answered must be written down, however long the database is away."""
        while True:
            try:
                return await self.database.work(step)
            except (DatabaseAway, DatabaseFull) as error:
                log.error("an answer cannot be noted; trying again", why=str(error))
                await asyncio.sleep(IDLE)


def _is_late(letter: Letter, now: int) -> bool:
    return letter.not_after is not None and now > letter.not_after


def _was_done(error: ClientDecodeError) -> bool:
    """Whether an answer that cannot be read says at least that the call took effect; the error
    page of some proxy on the way does not."""
    if isinstance(error.data, dict):
        return bool(error.data.get("ok"))
    return '"ok":true' in str(error.data)[:40].replace(" ", "")


def _shown(result: Any) -> Any:
    """Telegram's answer as JSON knows it."""
    if isinstance(result, list):
        return [_shown(item) for item in result]
    if isinstance(result, BaseModel):
        return result.model_dump(mode="json", by_alias=True, exclude_unset=True)
    return result


def _wall() -> int:
    return time.time_ns() // 1000
