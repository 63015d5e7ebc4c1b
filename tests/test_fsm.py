"""One contract for dialog storage: our own on both databases, and aiogram's on Redis."""

from __future__ import annotations

import asyncio
import os
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import asyncpg
import pytest
from aiogram.exceptions import DataNotDictLikeError
from aiogram.fsm.state import State, StatesGroup
from aiogram.fsm.storage.base import BaseStorage, DefaultKeyBuilder, StorageKey
from aiogram.fsm.storage.redis import RedisStorage
from redis import Redis
from redis.exceptions import RedisError
from sqlalchemy import Connection, func, select

from bot.fsm import SqlStorage, open_storage
from storage import fsm
from storage.coordination.shared import connect
from storage.database import Database, DatabaseAway, opened

REDIS_URL = os.environ.get("TEST_REDIS_URL", "redis://127.0.0.1:6379/15")
POSTGRES_URL = os.environ.get("TEST_POSTGRES_URL", "postgresql://root@127.0.0.1:5432/test")
T = TypeVar("T")


class NewDraw(StatesGroup):
    title = State()
    prize = State()


STAFF = StorageKey(bot_id=42, chat_id=7, user_id=7)


def missing(what: str, error: Exception) -> None:
    """Required in CI; elsewhere named and skipped."""
    if os.environ.get("CI") == "true":
        raise error
    pytest.skip(f"no {what} ({type(error).__name__})")


@pytest.fixture(scope="module")
def postgres_url() -> Iterator[str]:
    name = f"fsm_{uuid.uuid4().hex}"

    async def administer(statement: str) -> None:
        server = await asyncpg.connect(POSTGRES_URL, timeout=5)
        await server.execute(statement)
        await server.close()

    try:
        asyncio.run(administer(f"CREATE DATABASE {name}"))
    except (OSError, asyncpg.PostgresError) as error:
        missing("PostgreSQL; set TEST_POSTGRES_URL", error)
    yield f"{POSTGRES_URL.rsplit('/', 1)[0]}/{name}"
    asyncio.run(administer(f"DROP DATABASE {name} WITH (FORCE)"))


@pytest.fixture
def redis_prefix() -> Iterator[str]:
    client = Redis.from_url(REDIS_URL)
    try:
        client.ping()
    except (RedisError, OSError) as error:
        client.close()
        missing("Redis; set TEST_REDIS_URL", error)
    prefix = f"test-{uuid.uuid4().hex}"
    yield prefix
    keys = list(client.scan_iter(match=f"{prefix}:*", count=1000))
    if keys:
        client.delete(*keys)
    client.close()


SQL = ["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)]


@pytest.fixture(params=SQL)
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "postgres":
        return str(request.getfixturevalue("postgres_url"))
    return f"sqlite:///{tmp_path}/fans.db"


@pytest.fixture
async def database(url: str) -> AsyncIterator[Database]:
    async with opened(url) as database:
        await database.work(lambda db: fsm.table.drop(db, checkfirst=True))
        await database.work(fsm.table.create)
        yield database


@pytest.fixture(params=["cached", "uncached"])
def own(request: pytest.FixtureRequest, database: Database) -> SqlStorage:
    return SqlStorage(database) if request.param == "cached" else SqlStorage(database, cached=0)


@pytest.fixture(params=[*SQL, pytest.param("redis", marks=pytest.mark.redis)])
def somewhere(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of a database, or what the keys in Redis begin with."""
    match request.param:
        case "postgres":
            return str(request.getfixturevalue("postgres_url"))
        case "redis":
            return str(request.getfixturevalue("redis_prefix"))
        case _:
            return f"sqlite:///{tmp_path}/fans.db"


@pytest.fixture
async def dialogs(somewhere: str) -> AsyncIterator[BaseStorage]:
    if "://" not in somewhere:
        keys = DefaultKeyBuilder(prefix=somewhere, with_bot_id=True, with_destiny=True)
        storage = RedisStorage(connect(REDIS_URL), key_builder=keys)
        yield storage
        await storage.close()
        return
    async with opened(somewhere) as database:
        await database.work(lambda db: fsm.table.drop(db, checkfirst=True))
        await database.work(fsm.table.create)
        yield SqlStorage(database)


async def test_who_is_in_no_dialog_has_no_state_and_no_data(dialogs: BaseStorage) -> None:
    assert await dialogs.get_state(STAFF) is None
    assert await dialogs.get_data(STAFF) == {}
    assert await dialogs.get_value(STAFF, "title") is None
    assert await dialogs.get_value(STAFF, "title", "…") == "…"


async def test_a_state_is_kept_and_taken_back(dialogs: BaseStorage) -> None:
    await dialogs.set_state(STAFF, NewDraw.title)
    assert await dialogs.get_state(STAFF) == "NewDraw:title"
    await dialogs.set_state(STAFF, "anything")
    assert await dialogs.get_state(STAFF) == "anything"
    await dialogs.set_state(STAFF)
    assert await dialogs.get_state(STAFF) is None


async def test_data_is_kept_as_it_was_written(dialogs: BaseStorage) -> None:
    data = {
        "title": "夏日抽奖 🎉\u200f\x00",
        "half a pair": "\ud83c",
        "prizes": [{"name": "明信片", "count": 3}],
        "closes": None,
        "quiet": False,
        "share": 0.5,
        "id": 2**60,
    }
    await dialogs.set_data(STAFF, data)
    assert await dialogs.get_data(STAFF) == data
    assert await dialogs.get_value(STAFF, "share") == 0.5
    await dialogs.set_data(STAFF, {"other": 1})
    assert await dialogs.get_data(STAFF) == {"other": 1}


async def test_state_and_data_do_not_touch_each_other(dialogs: BaseStorage) -> None:
    await dialogs.set_data(STAFF, {"title": "夏日"})
    await dialogs.set_state(STAFF, NewDraw.prize)
    assert await dialogs.get_data(STAFF) == {"title": "夏日"}
    await dialogs.set_data(STAFF, {})
    assert await dialogs.get_state(STAFF) == "NewDraw:prize"
    await dialogs.set_data(STAFF, {"title": "冬日"})
    await dialogs.set_state(STAFF, None)
    assert await dialogs.get_data(STAFF) == {"title": "冬日"}


async def test_an_update_is_merged_and_gives_the_whole(dialogs: BaseStorage) -> None:
    assert await dialogs.update_data(STAFF, {"title": "夏日"}) == {"title": "夏日"}
    merged = await dialogs.update_data(STAFF, {"title": "冬日", "prize": "明信片"})
    assert merged == {"title": "冬日", "prize": "明信片"}
    assert await dialogs.get_data(STAFF) == merged


async def test_what_was_given_out_can_be_changed_without_changing_what_is_kept(
    dialogs: BaseStorage,
) -> None:
    given: dict[str, Any] = {"prizes": ["a"]}
    await dialogs.set_data(STAFF, given)
    given["prizes"].append("b")
    (await dialogs.get_data(STAFF))["prizes"].append("c")
    (await dialogs.update_data(STAFF, {}))["prizes"].append("d")
    assert await dialogs.get_data(STAFF) == {"prizes": ["a"]}


async def test_only_dicts_that_json_can_carry_are_taken(dialogs: BaseStorage) -> None:
    await dialogs.set_data(STAFF, {"title": "夏日"})
    with pytest.raises(DataNotDictLikeError):
        await dialogs.set_data(STAFF, ["title"])  # type: ignore[arg-type]  # that is the point
    with pytest.raises(TypeError):
        await dialogs.set_data(STAFF, {"when": object()})
    with pytest.raises(TypeError):
        await dialogs.update_data(STAFF, {"when": object()})
    assert await dialogs.get_data(STAFF) == {"title": "夏日"}


async def test_bots_people_chats_topics_and_destinies_have_dialogs_of_their_own(
    dialogs: BaseStorage,
) -> None:
    keys = [
        STAFF,
        StorageKey(bot_id=43, chat_id=7, user_id=7),
        StorageKey(bot_id=42, chat_id=7, user_id=8),
        StorageKey(bot_id=42, chat_id=-1007, user_id=7),
        StorageKey(bot_id=42, chat_id=7, user_id=7, thread_id=3),
        StorageKey(bot_id=42, chat_id=7, user_id=7, destiny="aiogd:stack:"),
        StorageKey(bot_id=42, chat_id=7, user_id=7, destiny="aiogd:context:Ab3"),
        StorageKey(bot_id=8_000_000_000, chat_id=-1_002_000_000_000, user_id=7_000_000_000),
    ]
    for i, key in enumerate(keys):
        await dialogs.set_state(key, f"state {i}")
        await dialogs.set_data(key, {"number": i})
    for i, key in enumerate(keys):
        assert await dialogs.get_state(key) == f"state {i}"
        assert await dialogs.get_data(key) == {"number": i}
    await dialogs.set_state(keys[0])
    await dialogs.set_data(keys[0], {})
    assert await dialogs.get_state(keys[5]) == "state 5"


async def rows(database: Database) -> int:
    def count(db: Connection) -> int:
        return int(db.execute(select(func.count()).select_from(fsm.table)).scalar_one())

    return await database.read(count)


async def test_a_finished_dialog_leaves_no_row(database: Database, own: SqlStorage) -> None:
    await own.set_state(STAFF, NewDraw.title)
    await own.update_data(STAFF, {"title": "夏日"})
    assert await rows(database) == 1
    await own.set_state(STAFF, None)
    await own.set_data(STAFF, {})
    assert await rows(database) == 0
    await own.set_state(STAFF, None)
    await own.update_data(STAFF, {})
    assert await rows(database) == 0


async def test_a_dialog_goes_on_after_a_restart(url: str, database: Database) -> None:
    await SqlStorage(database).set_state(STAFF, NewDraw.prize)
    await SqlStorage(database).set_data(STAFF, {"title": "夏日"})
    async with opened(url) as later:
        assert await SqlStorage(later).get_state(STAFF) == "NewDraw:prize"
        assert await SqlStorage(later).get_data(STAFF) == {"title": "夏日"}


async def test_of_many_updates_at_once_none_is_lost(database: Database, own: SqlStorage) -> None:
    other = SqlStorage(database, cached=0)  # as another process would
    updates = [(own if i % 2 else other).update_data(STAFF, {f"field {i}": i}) for i in range(40)]
    await asyncio.gather(*updates)
    fresh = SqlStorage(database)
    assert await fresh.get_data(STAFF) == {f"field {i}": i for i in range(40)}


async def test_keys_that_look_alike_are_not_mixed_up(own: SqlStorage) -> None:
    """Thread 2 of user 3, and user 2 with a destiny that begins with 3."""
    thread = StorageKey(bot_id=1, chat_id=1, thread_id=2, user_id=3, destiny="x")
    destiny = StorageKey(bot_id=1, chat_id=1, user_id=2, destiny="3:x")
    business = StorageKey(bot_id=1, chat_id=1, user_id=2, business_connection_id="3", destiny="x")
    for number, key in enumerate((thread, destiny, business)):
        await own.set_state(key, str(number))
    assert [await own.get_state(key) for key in (thread, destiny, business)] == ["0", "1", "2"]


@dataclass
class Counted:
    """A database that counts how often it is asked, and can be told to lose answers or wait."""

    real: Database
    reads: int = 0
    fails: bool = False
    began: asyncio.Event = field(default_factory=asyncio.Event)
    gate: asyncio.Event | None = None
    dialect: str = "counted"

    async def work(
        self, step: Callable[[Connection], T], *, durable: bool = False, patience: float = 30.0
    ) -> T:
        result = await self.real.work(step, durable=durable, patience=patience)
        if self.fails:
            raise DatabaseAway("the answer was lost")
        return result

    async def read(self, step: Callable[[Connection], T], *, patience: float = 30.0) -> T:
        self.reads += 1
        answer = await self.real.read(step, patience=patience)
        self.began.set()
        if self.gate is not None:
            await self.gate.wait()
        return answer

    async def study(self, step: Callable[[Connection], T]) -> T:
        return await self.real.study(step)

    async def barrier(self, *, within: float = 0.0) -> None:
        await self.real.barrier()

    async def close(self) -> None:
        await self.real.close()


async def test_every_press_does_not_ask_the_database(database: Database) -> None:
    counted = Counted(database)
    own = SqlStorage(counted)
    for _ in range(5):
        assert await own.get_state(STAFF) is None
        assert await own.get_data(STAFF) == {}
    assert counted.reads == 1
    await own.set_state(STAFF, NewDraw.title)
    await own.update_data(STAFF, {"title": "夏日"})
    assert await own.get_state(STAFF) == "NewDraw:title"
    assert await own.get_data(STAFF) == {"title": "夏日"}
    assert counted.reads == 1


async def test_memory_is_bounded_and_forgets_what_was_not_used_longest(database: Database) -> None:
    counted = Counted(database)
    own = SqlStorage(counted, cached=2)
    one, two, three = (StorageKey(bot_id=1, chat_id=n, user_id=n) for n in (1, 2, 3))
    for key in (one, two, one, three):
        await own.set_state(key, f"of {key.user_id}")
    assert await own.get_state(one) == "of 1"
    assert await own.get_state(three) == "of 3"
    assert counted.reads == 0
    assert await own.get_state(two) == "of 2"
    assert counted.reads == 1


async def test_after_a_write_without_an_answer_the_database_is_asked(
    database: Database,
) -> None:
    counted = Counted(database)
    own = SqlStorage(counted)
    await own.set_state(STAFF, NewDraw.title)
    counted.fails = True
    with pytest.raises(DatabaseAway):
        await own.set_state(STAFF, NewDraw.prize)
    assert await own.get_state(STAFF) == "NewDraw:prize"


async def test_a_slow_read_does_not_bring_back_what_was_overwritten(database: Database) -> None:
    counted = Counted(database, gate=asyncio.Event())
    own = SqlStorage(counted)
    slow = asyncio.create_task(own.get_state(STAFF))
    await counted.began.wait()
    await own.set_state(STAFF, NewDraw.title)
    assert counted.gate is not None
    counted.gate.set()
    await slow
    assert await own.get_state(STAFF) == "NewDraw:title"


@pytest.mark.redis
async def test_with_redis_dialogs_live_there_and_without_in_the_database(
    database: Database, redis_prefix: str
) -> None:
    assert redis_prefix
    assert isinstance(open_storage(database), SqlStorage)
    shared = open_storage(database, REDIS_URL)
    assert isinstance(shared, RedisStorage)
    somebody = StorageKey(bot_id=uuid.uuid4().int % 2**40, chat_id=1, user_id=1, destiny="x")
    await shared.set_state(somebody, NewDraw.title)
    assert await shared.get_state(somebody) == "NewDraw:title"
    await shared.set_state(somebody)
    await shared.close()
    assert await rows(database) == 0
