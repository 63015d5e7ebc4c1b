"""The inbox as a store, on both engines: kept once, taken in order, buried and brought back."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from functools import partial
from typing import Any

import pytest
from sqlalchemy import text

from storage import inbox, interactions
from storage.database import Connection, Database, opened
from storage.records import Arrival, ChatKind, ChatSeen, Class, FanSeen, Kind, Task
from tests.stores import GROUP, HOUR, LIN, Ground, lay


def arrival(update_id: int, words: str = "签到", *, reacts: bool = True, **facts: Any) -> Arrival:
    given: dict[str, Any] = {"chat": GROUP, "fan": LIN, **facts}
    raw = f'{{"update_id":{update_id}}}'.encode() if reacts else None
    kind = Kind.MESSAGE
    return Arrival(update_id, kind, Class.VOLUNTARY, update_id, text=words, raw=raw, **given)


async def keep(
    database: Database, bot: int, arrivals: Sequence[Arrival], now: int = HOUR
) -> inbox.Kept:
    known = inbox.Acquaintances.none()
    return await database.work(lambda db: inbox.keep(db, bot, arrivals, known, now), durable=True)


async def kept_ids(database: Database) -> list[int]:
    rows = await database.read(lambda db: list(interactions.exported(db)))
    return [row["update_id"] for row in rows]


async def take(database: Database, most: int = 100) -> list[Task]:
    return await database.work(lambda db: inbox.take(db, most))


@pytest.fixture
async def ground(each_database: Database) -> Ground:
    return await lay(each_database)


async def test_a_batch_is_one_row_each_and_a_task_where_somebody_reacts(
    each_database: Database, ground: Ground
) -> None:
    kept = await keep(each_database, ground.bot, [arrival(1), arrival(2, reacts=False)])
    assert (kept.new, kept.tasks) == (2, 1)
    assert await kept_ids(each_database) == [1, 2]
    (task,) = await take(each_database)
    assert (task.update_id, task.fan, task.chat) == (1, ground.lin, ground.group)
    assert task.raw == b'{"update_id":1}'


@pytest.mark.parametrize(
    "batches",
    [
        [[1, 2, 3], [1, 2, 3]],
        [[1, 1, 2, 3, 3]],
        [[3], [1], [2], [3, 2, 1]],
        [[1, 3], [1, 2, 3]],
        [[2], [1, 2, 3, 2]],
        [[1], [2], [3], [2]],
    ],
)
async def test_whatever_comes_again_in_whatever_order_is_kept_once(
    each_database: Database, ground: Ground, batches: list[list[int]]
) -> None:
    for batch in batches:
        await keep(each_database, ground.bot, [arrival(number) for number in batch])
    assert sorted(await kept_ids(each_database)) == [1, 2, 3]
    assert len(await take(each_database)) == 3


async def test_numbers_that_start_anew_after_a_silent_week_are_new(
    each_database: Database, ground: Ground
) -> None:
    """Lower than before, even the same as a week ago: Telegram gives them out again."""
    await keep(each_database, ground.bot, [arrival(n) for n in (900, 901, 902)], now=HOUR)
    a_week = 7 * 24 * HOUR
    await keep(each_database, ground.bot, [arrival(n) for n in (5, 6)], now=a_week)
    await each_database.work(
        lambda db: inbox.forget_seen(db, a_week + HOUR - inbox.KEPT_HOURS * HOUR)
    )
    kept = await keep(each_database, ground.bot, [arrival(901), arrival(6)], now=a_week + HOUR)
    assert kept.new == 1
    assert await kept_ids(each_database) == [900, 901, 902, 5, 6, 901]


async def test_what_was_seen_within_two_days_is_not_forgotten(
    each_database: Database, ground: Ground
) -> None:
    await keep(each_database, ground.bot, [arrival(1)], now=10 * HOUR)
    await each_database.work(lambda db: inbox.forget_seen(db, 10 * HOUR))
    assert (await keep(each_database, ground.bot, [arrival(1)], now=11 * HOUR)).new == 0


async def test_two_bots_count_their_updates_apart(each_database: Database, ground: Ground) -> None:
    from storage import communities

    other = await each_database.work(
        lambda db: communities.put_on(db, 7002, "mimi_bot", ground.community, hears_all=True)
    )
    await keep(each_database, ground.bot, [arrival(1)])
    assert (await keep(each_database, other.id, [arrival(1)])).new == 1


async def test_strangers_and_new_groups_are_met_on_the_way(
    each_database: Database, ground: Ground
) -> None:
    mia, club = FanSeen(502, "Mia", "", "en"), ChatSeen(-1002, ChatKind.GROUP, "Club")
    kept = await keep(each_database, ground.bot, [arrival(1, fan=mia, chat=club)])
    (task,) = await take(each_database)
    assert task.fan == kept.people[502][0]
    assert task.chat == kept.chats[-1002][0]


async def test_a_private_chat_is_the_fans_own_door(each_database: Database, ground: Ground) -> None:
    private = ChatSeen(LIN.telegram_id, ChatKind.PRIVATE)
    await keep(each_database, ground.bot, [arrival(1, chat=private)])
    (task,) = await take(each_database)
    assert (task.chat, task.lane) == (ground.door, ground.lin)


async def test_without_a_fan_the_chat_is_the_lane(each_database: Database, ground: Ground) -> None:
    await keep(each_database, ground.bot, [arrival(1, fan=None)])
    (task,) = await take(each_database)
    assert task.lane == -ground.group


async def test_tasks_are_taken_in_order_once_and_are_then_suspect(
    each_database: Database, ground: Ground
) -> None:
    await keep(each_database, ground.bot, [arrival(n) for n in range(1, 6)])
    first, second = await take(each_database, 3), await take(each_database, 3)
    assert [task.update_id for task in first + second] == [1, 2, 3, 4, 5]
    assert await take(each_database) == []
    suspects = await each_database.read(inbox.suspects)
    assert [task.update_id for task in suspects] == [1, 2, 3, 4, 5]


async def test_a_task_leaves_once(each_database: Database, ground: Ground) -> None:
    await keep(each_database, ground.bot, [arrival(1)])
    (task,) = await take(each_database)
    assert await each_database.work(lambda db: inbox.close(db, task.id))
    assert not await each_database.work(lambda db: inbox.close(db, task.id))


async def test_a_number_of_a_task_is_never_given_again(
    each_database: Database, ground: Ground
) -> None:
    """It is the key of every effect: two acts with one key would be one effect."""
    numbers = []
    for n in range(1, 4):
        await keep(each_database, ground.bot, [arrival(n)])
        (task,) = await take(each_database)
        await each_database.work(partial(inbox.close, task=task.id))
        numbers.append(task.id)
    assert len(set(numbers)) == 3
    assert numbers == sorted(numbers)


async def test_attempts_and_failures_are_counted_apart(
    each_database: Database, ground: Ground
) -> None:
    await keep(each_database, ground.bot, [arrival(1)])
    (task,) = await take(each_database)
    for _ in range(2):
        await each_database.work(lambda db: inbox.attempt(db, task.id))
    await each_database.work(lambda db: inbox.fail(db, task.id, "ValueError at rules.py:1"))
    (suspect,) = await each_database.read(inbox.suspects)
    assert (suspect.attempts, suspect.failures) == (2, 1)


async def test_the_dead_are_listed_and_revived_by_name_or_all(
    each_database: Database, ground: Ground
) -> None:
    await keep(each_database, ground.bot, [arrival(n) for n in (1, 2, 3)])
    tasks = await take(each_database)
    for task in tasks:
        await each_database.work(partial(inbox.attempt, task=task.id))
        await each_database.work(partial(inbox.bury, task=task.id, error="no"))
    assert await take(each_database) == []
    assert await each_database.read(inbox.suspects) == []
    dead = await each_database.read(inbox.dead)
    assert [(row["update_id"], row["error"]) for row in dead] == [(1, "no"), (2, "no"), (3, "no")]
    assert await each_database.work(lambda db: inbox.revive(db, [tasks[1].id, 999])) == 1
    (again,) = await take(each_database)
    assert (again.update_id, again.attempts, again.failures) == (2, 0, 0)
    assert await each_database.work(inbox.revive) == 2
    tally = await each_database.read(inbox.tally)
    assert tally == {"waiting": 2, "taken": 1, "dead": 0}


async def test_what_cannot_be_read_is_kept_once_as_it_is(
    each_database: Database, ground: Ground
) -> None:
    raw = b'{"update_id":9,"message":\xff\x00}'

    def bury(db: Connection) -> bool:
        return inbox.keep_undecodable(db, ground.bot, 9, raw, HOUR)

    assert await each_database.work(bury)
    assert not await each_database.work(bury)
    (row,) = await each_database.read(inbox.dead)
    assert (row["update_id"], row["error"]) == (9, "undecodable")
    assert await kept_ids(each_database) == [9]
    assert (await keep(each_database, ground.bot, [arrival(9)])).new == 0
    assert await each_database.work(inbox.revive) == 1
    (task,) = await take(each_database)
    assert task.raw == raw


async def test_what_has_not_even_a_number_is_kept_too(
    each_database: Database, ground: Ground
) -> None:
    for _ in range(2):
        assert await each_database.work(
            lambda db: inbox.keep_undecodable(db, ground.bot, None, b"\xfe", HOUR)
        )
    assert len(await each_database.read(inbox.dead)) == 2


async def test_a_batch_that_fails_leaves_nothing(each_database: Database, ground: Ground) -> None:
    def fail(db: Connection) -> None:
        inbox.keep(db, ground.bot, [arrival(1)], inbox.Acquaintances.none(), HOUR)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await each_database.work(fail, durable=True)
    assert await kept_ids(each_database) == []
    assert (await keep(each_database, ground.bot, [arrival(1)])).new == 1


def _ranges(db: Connection) -> Iterable[tuple[int, int]]:
    return [(r[0], r[1]) for r in db.execute(text("SELECT first, last FROM seen ORDER BY first"))]


async def test_neighbours_are_remembered_as_one_range(
    each_database: Database, ground: Ground
) -> None:
    await keep(each_database, ground.bot, [arrival(n) for n in (4, 1, 2, 3, 9)])
    assert await each_database.read(_ranges) == [(1, 4), (9, 9)]


async def test_two_receivers_that_get_the_same_updates_keep_each_once(
    each_url: str, each_database: Database, ground: Ground
) -> None:
    """Two processes behind one webhook, or two pollers for a moment: twenty times the same."""
    batch = [arrival(n) for n in range(1, 31)]
    async with opened(each_url) as other:
        for _ in range(20):
            kept = await asyncio.gather(
                keep(each_database, ground.bot, batch), keep(other, ground.bot, batch[::-1])
            )
            batch = [arrival(a.update_id + 30) for a in batch]
            assert sum(k.new for k in kept) == 30
    ids = await kept_ids(each_database)
    assert sorted(ids) == list(range(1, 601))


async def test_two_workers_never_take_the_same_task(
    each_url: str, each_database: Database, ground: Ground
) -> None:
    await keep(each_database, ground.bot, [arrival(n) for n in range(1, 41)])
    async with opened(each_url) as other:
        batches = await asyncio.gather(
            *(take(database, 4) for database in (each_database, other) for _ in range(6))
        )
    taken = [task.update_id for batch in batches for task in batch]
    assert len(taken) == len(set(taken))
    rest = [task.update_id for task in await take(each_database)]
    assert {*taken, *rest} == set(range(1, 41))
