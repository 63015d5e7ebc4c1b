"""After an outage: everything is stored and counted, and nobody is flooded with late answers."""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from datetime import date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from bot.app import App
from bot.playground import Chat
from storage import checkins, fans, inbox, interactions, outbox
from storage.database import Connection
from tests.engines import sqlite_url
from tests.house import Scene, running, settings_for

SHANGHAI = ZoneInfo("Asia/Shanghai")
GROUPS, FANS, PRIVATE = 4, 40, 10
QUEUED = 2_000


async def caught_up(app: App, scene: Scene) -> None:
    """Wait until everything was received, reacted to and said."""
    for _ in range(3000):
        await asyncio.sleep(0.01)
        waiting = scene.telegram.world.updates.waiting(scene.bot)
        tasks, letters = await app.database.read(lambda db: (inbox.tally(db), _due(db, app)))
        if not waiting and not tasks["waiting"] and not tasks["taken"] and not letters:
            return
    raise AssertionError((waiting, tasks, letters))


def _due(db: Connection, app: App) -> int:
    """Letters that may leave now; a digest that gathers for a while is none of them."""
    now = app.clock.now()
    rows = db.execute(outbox.table.select().where(outbox.table.c.state < 2)).all()
    return sum(row.not_before <= now for row in rows)


async def test_two_thousand_updates_wait_when_the_bot_comes_back(
    scene: Scene, tmp_path: Path
) -> None:
    """The house is away from half past eleven until half past midnight."""
    telegram, world, url = scene.telegram, scene.telegram.world, sqlite_url(tmp_path)
    telegram.clock.set(datetime(2030, 1, 1, 23, 0, tzinfo=SHANGHAI))
    people = [world.add_user(f"fan {n}") for n in range(FANS)]
    groups = [
        world.make_supergroup(f"群 {n}", scene.owner, members=people, bots=[scene.bot])
        for n in range(GROUPS)
    ]
    for group in groups:
        world.promote(group, scene.bot)
    settings = settings_for(scene, url)
    async with running(settings) as app:
        await telegram.until(lambda: all(scene.said(group) for group in groups))
        for person in people[:PRIVATE]:
            world.start(person, scene.bot)
        doors = [world.private(person, scene.bot) for person in people[:PRIVATE]]
        await telegram.until(lambda: all(scene.said(door) for door in doors), within=15)
        known = await app.database.read(interactions.count)
    rooms = [*groups, *doors]
    before = {chat.key: len(scene.messages_of_bot(chat)) for chat in rooms}

    telegram.clock.set(datetime(2030, 1, 1, 23, 30, tzinfo=SHANGHAI))
    for n in range(QUEUED - 200 - PRIVATE):
        words = ("签到", "/checkin", "今天的歌真好听", "/help")[n // GROUPS % 4]
        world.say(people[n % FANS], groups[n % GROUPS], words)
    for n in range(200):
        words = ("签到", "/about", "/help", "在吗")[n // PRIVATE % 4]
        world.say(people[n % PRIVATE], scene.bot, words)
    telegram.clock.set(datetime(2030, 1, 2, 0, 30, tzinfo=SHANGHAI))
    presses = [
        world.press(person, scene.messages_of_bot(door)[0], 0)
        for person, door in zip(people, doors, strict=False)
    ]
    assert world.updates.waiting(scene.bot) == QUEUED

    async with running(settings) as app:
        await caught_up(app, scene)
        await telegram.until(lambda: all(press.answer for press in presses), within=10)
        telegram.clock.advance(60)
        await caught_up(app, scene)
        assert await app.database.read(interactions.count) == known + QUEUED
        assert await app.database.read(inbox.dead) == []
        for group in groups:
            (digest,) = said_since(scene, group, before)
            counted = re.search(r"(\d+) 条", digest)
            assert counted is not None, digest
            assert 300 <= int(counted.group(1)) <= 450
        for door in doors:
            late = said_since(scene, door, before)
            assert 1 <= len(late) <= 8, late
            assert max(Counter(_skeleton(words) for words in late).values()) <= 2, late
        # Whoever pressed after midnight has checked in on both days, the others on the first.
        assert await days(app, people[0].id) == [date(2030, 1, 1), date(2030, 1, 2)]
        assert await days(app, people[FANS - 1].id) in ([], [date(2030, 1, 1)])
        checked = [await days(app, person.id) for person in people[PRIVATE:]]
        assert [date(2030, 1, 1)] in checked
        assert all(found in ([], [date(2030, 1, 1)]) for found in checked)


def said_since(scene: Scene, chat: Chat, before: dict[str, int]) -> list[str]:
    return [m.words for m in scene.messages_of_bot(chat)[before[chat.key] :]]


def _skeleton(words: str) -> str:
    """The beginning of a text without its numbers, to tell kinds of answers apart."""
    return re.sub(r"\d+", "#", words)[:8]


async def days(app: App, telegram_id: int) -> list[date]:
    (station,) = app.stations.values()

    def read(db: Connection) -> list[date]:
        fan = fans.number_of(db, telegram_id) or 0
        return sorted(checkins.days(db, station.face.community.id, fan))

    return await app.database.read(read)


async def test_an_answer_that_is_not_late_is_given_as_always(house: App, scene: Scene) -> None:
    """Four minutes are a slow answer, and still an answer to each."""
    world = scene.telegram.world
    people = [world.add_user(f"fan {n}") for n in range(3)]
    for person in people:
        world.join(person, scene.group)
        world.say(person, scene.group, "/checkin")
    scene.telegram.clock.advance(240)
    said = await scene.telegram.until(lambda: scene.said(count=3), within=10)
    assert all("+" in words for words in said)
