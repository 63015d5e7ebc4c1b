"""The database goes away and comes back: locked, cut off, its connections ended in the middle."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import pytest

from bot import inbox as road_in
from storage import ledger
from storage.database import Connection, Database, Postgres, opened
from storage.interactions import exported
from tests.engines import postgres_copy, sqlite_url
from tests.house import Scene, running, settings_for

pytestmark = pytest.mark.timeout(180)

NAMES = ("Ann", "Bo", "Cem", "Dan", "Eve", "Fay")


@pytest.fixture(autouse=True)
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """The receiver gives up on a locked database soon, so that giving up is what is tested; the
    pace of letters is not."""
    from bot import app
    from storage.coordination import Limits

    monkeypatch.setattr(road_in, "PATIENCE", 0.5)
    fast = Limits(
        rate=1000.0, chat_rate=1000.0, chat_burst=100, group_rate=100_000.0, group_burst=1000
    )
    monkeypatch.setitem(vars(app), "Limits", lambda rate: fast)


@pytest.fixture
def postgres_url(template_database: str) -> Iterator[str]:
    with postgres_copy(template_database) as url:
        yield url


@dataclass(slots=True)
class Crowd:
    """Fans who check in, and what must come of it: each is credited and told once."""

    scene: Scene
    told: int = 0

    def check_in(self, name: str) -> None:
        world = self.scene.telegram.world
        fan = world.add_user(name, language_code="zh-hans")
        world.join(fan, self.scene.group)
        world.say(fan, self.scene.group, "签到")
        self.told += 1

    def waiting(self) -> int:
        return self.scene.telegram.world.updates.waiting(self.scene.bot)

    async def all_told(self) -> None:
        await self.scene.telegram.until(lambda: self.scene.said(count=self.told), within=60)

    async def assert_counted_once(self, database: Database) -> None:
        said = Counter(words for words in self.scene.said())
        assert sum(said.values()) == self.told
        rows = await database.read(lambda db: list(exported(db)))
        ids = Counter(row["update_id"] for row in rows)
        assert set(ids.values()) == {1}
        booked = await database.read(lambda db: list(ledger.exported(db)))
        assert sum(row["amount"] for row in booked) == 0
        earned = Counter(row["account"] for row in booked if row["amount"] > 0)
        assert sum(earned.values()) == self.told
        assert set(earned.values()) == {1}


async def _asked_again(crowd: Crowd, times: int = 2) -> None:
    """The bot asked Telegram for updates again and again and could confirm none."""
    history, waiting = crowd.scene.telegram.history, crowd.waiting()
    before = len(history.calls("getUpdates"))
    await crowd.scene.telegram.until(
        lambda: len(history.calls("getUpdates")) >= before + times, within=30
    )
    assert crowd.waiting() >= waiting, "updates were confirmed that nobody had kept"


async def test_another_process_locks_the_file(scene: Scene, tmp_path: Path) -> None:
    """Nothing is confirmed meanwhile, nobody is forgotten, and nobody needs to restart the bot."""
    crowd = Crowd(scene)
    async with running(settings_for(scene, sqlite_url(tmp_path))) as app:
        await scene.introduce()
        crowd.check_in("Ann")
        await crowd.all_told()
        await scene.telegram.until(lambda: not crowd.waiting(), within=10)
        thief = sqlite3.connect(tmp_path / "renqing.db", isolation_level=None)
        thief.execute("BEGIN EXCLUSIVE")
        try:
            for name in NAMES[1:]:
                crowd.check_in(name)
            await _asked_again(crowd)
        finally:
            thief.execute("ROLLBACK")
            thief.close()
        await crowd.all_told()
        await crowd.assert_counted_once(app.database)


async def test_every_connection_is_ended_again_and_again(scene: Scene, postgres_url: str) -> None:
    """What an operator does with pg_terminate_backend, thirty times while fans check in."""
    crowd = Crowd(scene)
    async with running(settings_for(scene, postgres_url)) as app:
        await scene.introduce()
        operator = await asyncpg.connect(postgres_url)
        try:
            ended = 0
            for turn in range(30):
                if turn % 5 == 0:
                    crowd.check_in(NAMES[turn // 5])
                ended += await operator.fetchval(
                    "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
                    " WHERE datname = current_database() AND pid <> pg_backend_pid()"
                )
                await asyncio.sleep(0.03)  # not to wait for anything: to spread the blows
            assert ended > 5
        finally:
            await operator.close()
        await crowd.all_told()
        await crowd.assert_counted_once(app.database)


async def test_a_report_does_not_see_that_the_server_was_restarted(postgres_url: str) -> None:
    """The lines in the pool are dead, and the first to use one need not know."""
    async with opened(postgres_url) as database:
        assert await database.read(_one) == 1
        operator = await asyncpg.connect(postgres_url)
        await operator.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        await operator.close()
        assert await database.study(_one) == 1


def _one(db: Connection) -> int:
    return int(db.exec_driver_sql("SELECT 1").scalar_one())


@dataclass(slots=True)
class Cable:
    """A TCP proxy before PostgreSQL that can be cut; ``knocked`` is set when ten were refused.

    ``lose`` is the worse fault: the lines that are open stay open and carry nothing any more, as
    when a server loses its power; new lines are good.
    """

    host: str
    port: int
    cut: bool = False
    refused: int = 0
    age: int = 0
    knocked: asyncio.Event = field(default_factory=asyncio.Event)
    _open: set[asyncio.StreamWriter] = field(default_factory=set)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.cut:
            self.refused += 1
            if self.refused >= 10:
                self.knocked.set()
            writer.transport.abort()
            return
        far_reader, far_writer = await asyncio.open_connection(self.host, self.port)
        self._open |= {writer, far_writer}
        try:
            await asyncio.gather(self._pump(reader, far_writer), self._pump(far_reader, writer))
        finally:
            for end in (writer, far_writer):
                self._open.discard(end)
                end.transport.abort()

    def pull(self) -> None:
        """Cut every connection and let nobody in."""
        self.cut = True
        for end in list(self._open):
            end.transport.abort()

    def plug_in(self) -> None:
        self.cut = False

    def lose(self) -> None:
        """The open lines are dead, and nobody is told."""
        self.age += 1

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        age = self.age
        with contextlib.suppress(ConnectionError):
            while piece := await reader.read(65536):
                if age == self.age:
                    writer.write(piece)
                    await writer.drain()
        writer.close()


@asynccontextmanager
async def _cable(url: str) -> AsyncIterator[tuple[Cable, str]]:
    """The cable, and the URL of the database through it."""
    parts = urlsplit(url)
    cable = Cable(parts.hostname or "127.0.0.1", parts.port or 5432)
    server = await asyncio.start_server(cable.serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    user = f"{parts.username}@" if parts.username else ""
    try:
        yield cable, f"postgresql://{user}127.0.0.1:{port}{parts.path}"
    finally:
        server.close()
        cable.pull()


async def test_the_cable_is_pulled_and_plugged_in_again(scene: Scene, postgres_url: str) -> None:
    crowd = Crowd(scene)
    async with _cable(postgres_url) as (cable, url), running(settings_for(scene, url)) as app:
        await scene.introduce()
        await _pull(cable, crowd)
        await crowd.all_told()
        await crowd.assert_counted_once(app.database)


async def _pull(cable: Cable, crowd: Crowd) -> None:
    """Cut while fans check in, until the bot has knocked many times, kept nothing, and lives."""
    crowd.check_in("Ann")
    cable.pull()
    for name in NAMES[1:]:
        crowd.check_in(name)
    await _asked_again(crowd)
    await cable.knocked.wait()
    cable.plug_in()


async def test_the_server_is_gone_without_a_word(
    scene: Scene, postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Lines that are open and dead are given up in the end, and what was asked is asked anew."""
    monkeypatch.setattr(Postgres.work, "__kwdefaults__", {"durable": False, "patience": 2.0})
    monkeypatch.setattr(Postgres.read, "__kwdefaults__", {"patience": 2.0})
    crowd = Crowd(scene)
    async with _cable(postgres_url) as (cable, url), running(settings_for(scene, url)) as app:
        await scene.introduce()
        crowd.check_in("Ann")
        cable.lose()
        for name in NAMES[1:]:
            crowd.check_in(name)
        await crowd.all_told()
        await crowd.assert_counted_once(app.database)
