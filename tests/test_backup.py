"""A backup is one consistent moment, whatever the bot does; restored, it keeps silent."""

from __future__ import annotations

import asyncio
import dataclasses
import gzip
import json
import os
import random
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, text

from bot import snapshots
from bot.config import Settings, Storage
from bot.playground import User
from bot.snapshots import Backup, NotABackup, NothingToBackUp, StoreInUse, StoreNotEmpty
from storage import chats, communities, fans, inbox, ledger, marks, outbox
from storage.database import Connection, opened, upgrade
from storage.records import FanSeen, Letter, LetterState
from storage.schema import metadata
from storage.snapshots import HOUR
from tests.engines import postgres_copy, sqlite_url
from tests.house import Scene, running, settings_for

MADE = 1_900_000_000_000_000
NOW = MADE + 2 * HOUR


def at(url: str) -> Settings:
    return Settings(storage=Storage(url=url))


def dump(db: Connection) -> dict[str, list[tuple[Any, ...]]]:
    """Every row of every table, as it can be compared over engines."""
    return {
        table.name: sorted((tuple(row) for row in db.execute(select(table))), key=repr)
        for table in metadata.sorted_tables
        if table.name != "marks"
    }


def trouble(db: Connection) -> list[str]:
    """What does not fit together in a store."""
    found = ledger.verify(db)
    days = db.execute(
        text(
            "SELECT c.fan, c.days, p.points FROM (SELECT fan, count(*) AS days FROM checkins "
            "WHERE mark = 1 GROUP BY fan) AS c FULL JOIN "
            "(SELECT a.fan AS fan, count(*) AS points FROM ledger_entries e JOIN accounts a "
            "ON a.id = e.account JOIN transactions t "
            'ON t.id = e."transaction" '
            "WHERE a.kind = 'fan' AND t.reason = 'check-in' GROUP BY a.fan) AS p ON p.fan = c.fan "
            "WHERE c.days <> p.points OR c.days IS NULL OR p.points IS NULL"
        )
    )
    found += [f"fan {row[0]}: {row[1]} days, {row[2]} credits" for row in days]
    if db.dialect.name == "sqlite":
        found += [str(row) for row in db.execute(text("PRAGMA foreign_key_check"))]
        found += [r[0] for r in db.execute(text("PRAGMA integrity_check")) if r[0] != "ok"]
    return found


@pytest.fixture
def other_url(each_url: str, tmp_path: Path, request: pytest.FixtureRequest) -> str:
    """The URL of a store that is not there yet, on the other engine."""
    if each_url.startswith("postgresql"):
        (tmp_path / "other").mkdir()
        return sqlite_url(tmp_path / "other")
    url: str = request.getfixturevalue("postgres_url")
    return url


@pytest.fixture
def postgres_url(template_database: str) -> Any:
    with postgres_copy(template_database) as url:
        yield url


def furnish(db: Connection) -> None:
    """Something of every kind of value: dates, bytes, text of all scripts, nothing at all."""
    home = communities.found(db, "林间小屋", zone="Asia/Shanghai", locale="zh", persona={"a": 1})
    face = communities.put_on(db, 7, "lulu_bot", home, hears_all=True)
    lin = fans.meet(db, FanSeen(1, 'Lin "🌱"\n\'؈', "lin"), MADE)
    fans.remember(db, home, lin, MADE)
    ledger.earn(db, home.id, lin, 10, reason="check-in", idem="a", at=MADE)
    db.execute(
        text("INSERT INTO inbox (id, bot, lane, at, raw) VALUES (41, 1, 1, 1, :raw)"),
        {"raw": b"\x00\xff{}"},
    )
    db.execute(text("DELETE FROM inbox WHERE id = 41"))
    door = chats.private_door(db, face.id, lin)
    inbox.put(db, face.id, 1, b"\x00\xff{}", MADE, chat=door)
    for idem, before, after in (
        ("old", 0, None),
        ("past", MADE + 1, MADE + HOUR),
        ("later", NOW + HOUR, None),
        ("under way", 0, None),
    ):
        letter = Letter(face.id, door, idem, template="help/lost", facts={"name": "Lin"})
        outbox.put(db, dataclasses.replace(letter, not_before=before, not_after=after))
    sending = outbox.table.c.idem == "under way"
    db.execute(outbox.table.update().where(sending).values(state=int(LetterState.SENDING)))
    marks.write(db, "seal-key", "ab" * 32)


async def furnished(url: str) -> None:
    async with opened(url) as database:
        await upgrade(database)
        await database.work(furnish)


async def test_what_is_restored_is_what_was_there(
    each_url: str, other_url: str, tmp_path: Path
) -> None:
    """Also from one engine to the other, and back."""
    await furnished(each_url)
    file, again = tmp_path / "one.backup", tmp_path / "two.backup"
    made = await snapshots.back_up(at(each_url), file, MADE)
    assert snapshots.examine(file) == made
    await snapshots.restore(at(other_url), file, NOW, replace=False)
    async with opened(each_url) as here, opened(other_url) as there:
        was, got = await here.read(dump), await there.read(dump)
        assert await there.read(lambda db: marks.read(db, "seal-key")) == "ab" * 32
        tasks = [await there.work(put_task), await here.work(put_task)]
    assert tasks[0] == tasks[1], "the numbers of tasks go on where they stood"
    assert {k: v for k, v in was.items() if k != "outbox"} == {
        k: v for k, v in got.items() if k != "outbox"
    }
    await snapshots.back_up(at(other_url), again, MADE)
    assert snapshots.examine(again).rows["outbox"] == made.rows["outbox"]
    assert (file.stat().st_mode & 0o777) == 0o600


def put_task(db: Connection) -> int:
    inbox.put(db, 1, 1, b"{}", MADE, chat=None)
    number: int = db.execute(text("SELECT max(id) FROM inbox")).scalar_one()
    db.execute(text("DELETE FROM inbox WHERE id = :id"), {"id": number})
    return number


async def test_what_waited_is_held_and_what_is_too_old_is_dropped(
    each_url: str, tmp_path: Path
) -> None:
    await furnished(each_url)
    file = tmp_path / "one.backup"
    await snapshots.back_up(at(each_url), file, MADE)
    done = await snapshots.restore(at(each_url), file, NOW, replace=True)
    assert (done.held.held, done.held.dropped, done.held.unknown) == (1, 2, 1)
    assert await snapshots.resume(at(each_url)) == 1
    assert await snapshots.resume(at(each_url)) is None


async def test_a_store_that_holds_something_is_not_overwritten(
    each_url: str, tmp_path: Path
) -> None:
    """Only when asked to; and then the former one is kept."""
    await furnished(each_url)
    file = tmp_path / "one.backup"
    await snapshots.back_up(at(each_url), file, MADE)
    with pytest.raises(StoreNotEmpty):
        await snapshots.restore(at(each_url), file, NOW, replace=False)
    done = await snapshots.restore(at(each_url), file, NOW, replace=True)
    assert done.aside
    if each_url.startswith("sqlite"):
        async with opened(f"sqlite:///{done.aside}") as former:
            assert len((await former.read(dump))["outbox"]) == 4
        return
    name = done.aside.removeprefix("schema ")
    async with opened(each_url) as database:
        count = await database.read(
            lambda db: db.execute(text(f'SELECT count(*) FROM "{name}".outbox')).scalar_one()
        )
    assert count == 4


async def test_a_store_that_is_in_use_is_left_alone(each_url: str, tmp_path: Path) -> None:
    await furnished(each_url)
    file = tmp_path / "one.backup"
    await snapshots.back_up(at(each_url), file, MADE)
    async with opened(each_url) as bot:
        await bot.read(dump)
        with pytest.raises(StoreInUse):
            await snapshots.restore(at(each_url), file, NOW, replace=True)
        await bot.work(put_task)
    async with opened(each_url) as database:
        assert await database.read(ledger.verify) == []


async def test_where_nothing_is_nothing_is_backed_up(tmp_path: Path) -> None:
    with pytest.raises(NothingToBackUp):
        await snapshots.back_up(at(sqlite_url(tmp_path)), tmp_path / "x", MADE)
    assert os.listdir(tmp_path) == []


async def whole(tmp_path: Path) -> tuple[Backup, Path]:
    url = sqlite_url(tmp_path)
    await furnished(url)
    file = tmp_path / "one.backup"
    return await snapshots.back_up(at(url), file, MADE), file


async def test_a_damaged_file_is_refused(tmp_path: Path) -> None:
    """A bit changed anywhere, a tail missing, a line taken out, somebody else's file."""
    _, file = await whole(tmp_path)
    target = at(sqlite_url(tmp_path / "target"))
    (tmp_path / "target").mkdir()
    right = file.read_bytes()
    chance = random.Random(1)
    hurt = []
    for _ in range(40):
        place = chance.randrange(10, len(right) - 8)
        changed = bytes([right[place] ^ (1 << chance.randrange(8))])
        hurt.append(right[:place] + changed + right[place + 1 :])
    hurt += [right[:cut] for cut in (0, 5, len(right) // 2, len(right) - 9)]
    lines = gzip.decompress(right).splitlines(keepends=True)
    hurt += [gzip.compress(b"".join(lines[:n] + lines[n + 1 :])) for n in range(len(lines))]
    hurt += [b"hello", gzip.compress(b"hello\n"), gzip.compress(b"\xff\n{}\n")]
    for content in hurt:
        file.write_bytes(content)
        with pytest.raises(NotABackup):
            await snapshots.restore(target, file, NOW, replace=True)
    assert os.listdir(tmp_path / "target") == []


async def test_a_backup_of_a_newer_version_is_refused(tmp_path: Path) -> None:
    _, file = await whole(tmp_path)
    lines = gzip.decompress(file.read_bytes()).splitlines(keepends=True)
    head = json.loads(lines[0]) | {"revision": "9999"}
    body = [json.dumps(head).encode() + b"\n", *lines[1:-1]]
    last = json.loads(lines[-1]) | {"sha256": sha256(b"".join(body)).hexdigest()}
    file.write_bytes(gzip.compress(b"".join([*body, json.dumps(last).encode() + b"\n"])))
    (tmp_path / "target").mkdir()
    with pytest.raises(NotABackup, match="newer"):
        await snapshots.restore(at(sqlite_url(tmp_path / "target")), file, NOW, replace=True)
    assert os.listdir(tmp_path / "target") == []


# ---------------------------------------------------------------- while the house runs


def answers(scene: Scene, people: list[User]) -> int:
    """How many letters have reached their private chats."""
    world = scene.telegram.world
    return sum(len(scene.messages_of_bot(world.private(fan, scene.bot))) for fan in people)


def heard(scene: Scene, people: list[User], count: int) -> bool:
    return answers(scene, people) >= count


async def chatter(scene: Scene, people: list[User], stop: asyncio.Event) -> None:
    """Fans check in, ask and talk; whoever asked waits for an answer, then some hours pass."""
    world, n = scene.telegram.world, 0
    while not stop.is_set():
        before = answers(scene, people)
        for number, fan in enumerate(people):
            world.say(fan, scene.group, "今天好热")
            world.say(fan, scene.bot, ("签到", "/points")[(n + number) % 2])
        await scene.telegram.until(partial(heard, scene, people, before + len(people)), within=20)
        scene.telegram.clock.advance(8 * 3600)
        n += 1


async def test_backups_at_twenty_moments_under_load_are_consistent(
    scene: Scene, each_url: str, tmp_path: Path
) -> None:
    """And the house that starts on one of them says nothing, until it is told to."""
    world, chance, files = scene.telegram.world, random.Random(2), list[Path]()
    people = [world.add_user(f"fan {n}", language_code="zh-hans") for n in range(8)]
    for fan in people:
        world.join(fan, scene.group)
        world.start(fan, scene.bot)
    async with running(settings_for(scene, each_url)) as app, asyncio.TaskGroup() as tasks:
        await scene.introduce()
        stop = asyncio.Event()
        load = tasks.create_task(chatter(scene, people, stop))
        for n in range(20):
            seen = answers(scene, people)
            more = chance.randrange(1, 4)
            await scene.telegram.until(partial(heard, scene, people, seen + more), within=20)
            files.append(tmp_path / f"{n}.backup")
            await snapshots.back_up(at(each_url), files[-1], app.clock.now())
        stop.set()
        await load
    target = tmp_path / "target"
    target.mkdir()
    later = app.clock.now()
    sizes = []
    for file in files:
        backup = await snapshots.restore(at(sqlite_url(target)), file, later, replace=True)
        sizes.append(backup.backup.rows["checkins"])
        async with opened(sqlite_url(target)) as database:
            assert await database.read(trouble) == []
    assert sizes == sorted(sizes)
    assert sizes[0] < sizes[-1]
    await stays_silent(scene, people, target)


async def stays_silent(scene: Scene, people: list[User], target: Path) -> None:
    """The last backup, with the house on it: fans write, nobody hears a word; then they do."""
    said = answers(scene, people)
    async with running(settings_for(scene, sqlite_url(target))) as app:
        for fan in people:
            scene.telegram.world.say(fan, scene.bot, "/points")
        until = asyncio.get_running_loop().time() + 20
        while (await app.database.read(outbox.tally))["waiting"] < len(people):
            assert asyncio.get_running_loop().time() < until
            await asyncio.sleep(0.02)  # the house cannot tell: it says nothing
        assert answers(scene, people) == said
        assert await snapshots.resume(at(sqlite_url(target))) is not None
        await scene.telegram.until(lambda: answers(scene, people) >= said + len(people), within=20)
