"""The composition root: the only place where the parts meet, and where every task is started."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import secrets
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final

import aiohttp
import structlog
from aiogram import Bot
from aiogram.client.session.aiohttp import AiohttpSession
from aiogram.client.telegram import TelegramAPIServer
from aiogram.exceptions import AiogramError, TelegramUnauthorizedError
from aiogram.methods import DeleteWebhook, SetWebhook, TelegramMethod

import handlers
from bot import config, fsm
from bot.clock import Clock, open_clock
from bot.due import Agenda
from bot.heartbeat import Heartbeat
from bot.inbox import Keeper, Poller
from bot.intake import ALLOWED_UPDATES
from bot.lanes import Lanes
from bot.menus import Menus
from bot.pictures import Pictures
from bot.react import Reaction, Speech
from bot.road import Road
from bot.seals import Seal
from bot.sender import Sender
from bot.toasts import Toasts
from bot.watch import Watchman
from bot.web.server import Site
from bot.web.webhook import Hook
from handlers.groups import rules as group_rules
from handlers.groups import service as group_service
from storage import communities, fans, inbox, marks
from storage.coordination import Coordination, Limits, Local
from storage.database import Connection, Database, open_database, upgrade
from storage.records import Community, Face, FanSeen, Role, Task
from templates import Voice

log = structlog.get_logger(__name__)

CALL_SECONDS: Final = 20.0
DRAIN_SECONDS: Final = 10.0
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 15.0


class TokenRefused(Exception):
    """Telegram does not know this bot token: copy it again from @BotFather, or /revoke it there
    for a new one, then set BOT_TOKEN or [telegram] token."""


class NobodyOfThatName(ValueError):
    """[persona] key names a persona that does not exist; `python -m bot voice` lists them."""


class WebhookUnreachable(ValueError):
    """receive = "webhook" needs [web] public_url (https) and [telegram] webhook_secret."""


@dataclass(slots=True)
class Station:
    """Everything that belongs to one bot."""

    bot: Bot
    face: Face
    keeper: Keeper
    sender: Sender
    toasts: Toasts
    seal: Seal
    menus: Menus
    watchman: Watchman
    poller: Poller | None = None


@dataclass(slots=True)
class App:
    """The running house; ``run`` works until ``stop`` and then drains."""

    settings: config.Settings
    database: Database
    coordination: Coordination
    clock: Clock
    speech: Speech
    road: Road
    stations: dict[int, Station]
    lanes: Lanes
    agenda: Agenda
    heartbeat: Heartbeat
    site: Site
    _stop: asyncio.Event = field(default_factory=asyncio.Event)

    def stop(self) -> None:
        """Receive nothing more, finish what is in hands, and let ``run`` return."""
        self._stop.set()

    async def run(self) -> None:
        async with asyncio.TaskGroup() as tasks:

            def start(part: Callable[[], Awaitable[None]], name: str) -> asyncio.Task[None]:
                return tasks.create_task(_awaited(part), name=name)

            stations = list(self.stations.values())
            background = [start(self.clock.run, "clock"), start(self.agenda.run, "agenda")]
            background.append(start(self.heartbeat.run, "heartbeat"))
            background += [start(s.keeper.run, f"keeper {s.face.id}") for s in stations]
            background += [start(s.toasts.run, f"toasts {s.face.id}") for s in stations]
            background += [start(s.menus.run, f"menus {s.face.id}") for s in stations]
            background += [start(s.watchman.run, f"watchman {s.face.id}") for s in stations]
            lanes = start(self.lanes.run, "lanes")
            senders = [start(s.sender.run, f"sender {s.face.id}") for s in stations]
            pollers = [s.poller for s in stations if s.poller is not None]
            polling = [start(p.run, f"poller {p.keeper.bot}") for p in pollers]
            log.info("ready", bots=[s.face.username for s in stations], web=self.site.url)
            await self._stop.wait()
            log.info("stopping: receiving nothing more, finishing what is in hands")
            for poller in pollers:
                poller.stop()
            await self._within(DRAIN_SECONDS, *polling)
            await self.site.close_doors()
            self.lanes.stop()
            await self.coordination.wake("inbox")
            await self._within(DRAIN_SECONDS, lanes)
            await self._within(2.0, *(s.toasts.drained() for s in stations))
            for station in stations:
                station.sender.stop()
                await self.coordination.wake(station.sender.topic)
            await self._within(DRAIN_SECONDS, *senders)
            for task in background:
                task.cancel()
        log.info("stopped; nothing is lost")

    async def _within(self, seconds: float, *parts: Awaitable[None]) -> None:
        """Wait for parts of the drain, but not for ever: what is unfinished is on disk."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(asyncio.gather(*parts), seconds)

    async def walk(self, task: Task) -> None:
        """One kept update, to its room; closes the task where no room reacts."""
        station = self.stations.get(task.bot)
        if station is None:  # a bot that was taken out of the settings: its updates wait for it
            log.warning("an update of a bot that does not run", bot=task.bot)
            await self.database.work(lambda db: inbox.bury(db, task.id, "its bot does not run"))
            return
        reaction = Reaction(
            database=self.database,
            speech=self.speech,
            face=station.face,
            task=task,
            now=self.clock.now(),
            toast=station.toasts.put,
        )
        await self.road.walk(station.bot, reaction, station.keeper.triggers, station.seal)
        if not reaction.done:
            await self.database.work(lambda db: inbox.close(db, task.id))
        if reaction.spoke:
            await self.coordination.wake(station.sender.topic)


async def _awaited(part: Callable[[], Awaitable[None]]) -> None:
    await part()


@asynccontextmanager
async def open_app(settings: config.Settings) -> AsyncIterator[App]:
    """Everything built and connected, the database at its newest revision, nothing running yet.

    Raises TokenRefused, WebhookUnreachable, DatabaseAway, BadDatabaseUrl with what to do.
    """
    async with AsyncExitStack() as stack:
        clock = await open_clock(settings.clock.url)
        database = await open_database(settings.storage.url)
        stack.push_async_callback(database.close)
        before, after = await upgrade(database)
        if before != after:
            log.info("database upgraded", before=before, after=after)
        coordination = _coordination(settings)
        stack.push_async_callback(coordination.close)
        storage = fsm.open_storage(database, settings.redis.url)
        stack.push_async_callback(storage.close)
        heartbeat = Heartbeat(database, clock)
        await heartbeat.wake()
        road = Road.build(database, handlers.doors(), storage)
        pictures = Pictures.open(road.table.pictures)
        session = await stack.enter_async_context(aiohttp.ClientSession())
        speech, key = Speech(Voice()), await database.work(_seal_key, durable=True)
        stations: dict[int, Station] = {}
        for face_settings in settings.faces():
            bot = await stack.enter_async_context(_bot(settings, face_settings))
            station = await _station(
                settings, face_settings, bot, database, coordination, clock, speech, road, key
            )
            if settings.telegram.receive == "polling":
                token = face_settings.token.get_secret_value()
                url = f"{settings.telegram.api_base}/bot{token}"
                station.poller = Poller(station.keeper, session, url)
            station.sender.pictures = pictures
            stations[station.face.id] = station
        lanes = Lanes(database, coordination, _walk_later)
        agenda = Agenda(
            database,
            coordination,
            clock,
            speech,
            road.table.jobs,
            stations,
            settings.retention.text_days,
        )
        site = Site(settings.web, database, stations={n: s.keeper for n, s in stations.items()})
        app = App(
            settings,
            database,
            coordination,
            clock,
            speech,
            road,
            stations,
            lanes,
            agenda,
            heartbeat,
            site,
        )
        lanes.walk = app.walk
        hooks = _hooks(settings, stations)
        await site.open(settings.telegram.webhook_path, hooks)
        stack.push_async_callback(site.close)
        await _receive(settings, stations, site)
        yield app


async def _walk_later(_: Task) -> None:
    raise RuntimeError("the lanes run before the app is built")


def _coordination(settings: config.Settings) -> Coordination:
    limits = Limits(rate=settings.telegram.rate)
    if not settings.redis.url:
        return Local(limits)
    from storage.coordination.shared import Shared

    return Shared(settings.redis.url, limits)


def _bot(settings: config.Settings, face: config.Face) -> Bot:
    api = TelegramAPIServer.from_base(settings.telegram.api_base)
    session = AiohttpSession(api=api, timeout=CALL_SECONDS)
    return Bot(face.token.get_secret_value(), session)


async def _station(
    settings: config.Settings,
    face_settings: config.Face,
    bot: Bot,
    database: Database,
    coordination: Coordination,
    clock: Clock,
    speech: Speech,
    road: Road,
    key: bytes,
) -> Station:
    me = await _who_am_i(bot)
    persona = face_settings.persona.words()
    if persona["key"] not in speech.voice.cast():
        raise NobodyOfThatName(f"nobody is called {persona['key']}")
    username, hears_all = me.username or "", bool(me.can_read_all_group_messages)

    def settle(db: Connection) -> Face:
        community = communities.found(
            db,
            face_settings.community.name,
            zone=face_settings.community.zone,
            locale=face_settings.community.locale,
            persona=persona,
        )
        face = communities.put_on(db, me.id, username, community, hears_all=hears_all)
        _appoint_owners(db, community, settings.telegram.owners, clock.now())
        return face

    face = await database.work(settle, durable=True)
    await _offer_ownership(database, face)
    triggers = road.table.triggers(me.id, username)
    keeper = Keeper(face.id, database, coordination, clock, triggers)
    seal = Seal(key, face.id)
    sender = Sender(
        bot,
        face,
        database,
        coordination,
        clock,
        speech,
        seal,
        on_migrated=keeper.known.chats.clear,
    )
    menus = Menus(bot, face, database, clock, speech.voice, road.doors)
    watchman = Watchman(face, database, clock, triggers.watch)
    await watchman.refresh()
    return Station(bot, face, keeper, sender, Toasts(bot, database), seal, menus, watchman)


async def _who_am_i(bot: Bot) -> Any:
    """The bot's own card; waits for a network that is away, gives up on a refused token."""
    pause = FIRST_PAUSE
    while True:
        try:
            return await bot.get_me()
        except TelegramUnauthorizedError as error:
            raise TokenRefused(f"bot {bot.id}: Telegram answers 401") from error
        except AiogramError as error:
            log.warning("Telegram cannot be reached; trying again", error=type(error).__name__)
            await asyncio.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE)


def _appoint_owners(db: Connection, community: Community, owners: tuple[int, ...], at: int) -> None:
    """Owners named in the settings; who was never seen is met without a name."""
    for telegram_id in owners:
        known = fans.number_of(db, telegram_id)
        fan = known if known is not None else fans.meet(db, FanSeen(telegram_id, ""), at)
        communities.appoint(db, community.id, fan, Role.OWNER)


async def _offer_ownership(database: Database, face: Face) -> None:
    """Nobody owns it yet: print a one-time code; only its digest is kept."""
    letters = group_rules.ALPHABET
    code = "-".join("".join(secrets.choice(letters) for _ in range(4)) for _ in range(3))

    def offer(db: Connection) -> bool:
        if communities.owners(db, face.community.id):
            return False
        mark = group_service.code_mark(face.community.id)
        marks.write(db, mark, group_rules.digest(code))
        return True

    if await database.work(offer, durable=True):
        # To the console and not to the log: a log is kept, and read by more people.
        sys.stderr.write(
            f"\n  @{face.username} 还没有主人 / has no owner yet.\n"
            f"  请把这串一次性口令私聊发给它 / send it this one-time code in a private chat:\n\n"
            f"      {code}\n"
        )
        sys.stderr.flush()


def _seal_key(db: Connection) -> bytes:
    kept = marks.read(db, "seal-key")
    if kept is None:
        kept = secrets.token_hex(32)
        marks.write(db, "seal-key", kept)
    return bytes.fromhex(kept)


def _hooks(settings: config.Settings, stations: dict[int, Station]) -> dict[int, Hook]:
    if settings.telegram.receive != "webhook":
        return {}
    secret = settings.telegram.webhook_secret.get_secret_value()
    if not settings.web.public_url or not secret:
        raise WebhookUnreachable("the webhook is not set up")
    return {s.bot.id: Hook(s.keeper, secret) for s in stations.values()}


async def _receive(settings: config.Settings, stations: dict[int, Station], site: Site) -> None:
    """Tell Telegram which way updates shall come; nothing that waits there is dropped."""
    for station in stations.values():
        if settings.telegram.receive == "polling":
            await _insist(station.bot, DeleteWebhook(drop_pending_updates=False))
            continue
        path = settings.telegram.webhook_path.rstrip("/")
        url = f"{settings.web.public_url.rstrip('/')}{path}/{station.bot.id}"
        await _insist(
            station.bot,
            SetWebhook(
                url=url,
                secret_token=settings.telegram.webhook_secret.get_secret_value(),
                allowed_updates=list(ALLOWED_UPDATES),
                drop_pending_updates=False,
            ),
        )


async def _insist(bot: Bot, call: TelegramMethod[bool]) -> None:
    pause = FIRST_PAUSE
    while True:
        try:
            await bot(call)
        except AiogramError as error:
            log.warning("Telegram did not take how we receive", error=str(error))
            await asyncio.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE)
        else:
            return


async def run(settings: config.Settings) -> None:
    """Run until SIGTERM or SIGINT; a second signal does not wait for the drain."""
    async with open_app(settings) as app:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, app.stop)
        # A million objects of aiogram's never go away; looking at them again and again would cost
        # half a second each time, in which nobody is answered.
        gc.freeze()
        await app.run()
