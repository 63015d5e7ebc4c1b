"""Due jobs as a store, on both engines: put, moved, done once, given up in words."""

from __future__ import annotations

from functools import partial

from storage import due
from storage.database import Connection, Database
from storage.records import Job
from tests.stores import HOUR


async def put(database: Database, key: str, at: int, **facts: int) -> None:
    await database.work(lambda db: due.put(db, "test.ring", key, at, bot=1, facts=facts))


async def pending(database: Database, now: int) -> list[Job]:
    return await database.read(lambda db: due.pending(db, now))


async def test_a_job_is_due_at_its_hour_and_not_before(each_database: Database) -> None:
    await put(each_database, "a", 2 * HOUR, chat=7)
    assert await pending(each_database, 2 * HOUR - 1) == []
    (job,) = await pending(each_database, 2 * HOUR)
    assert (job.kind, job.key, job.bot, job.at, job.facts) == (
        "test.ring", "a", 1, 2 * HOUR, {"chat": 7},
    )  # fmt: skip
    assert await each_database.read(due.next_at) == 2 * HOUR


async def test_the_longest_overdue_comes_first(each_database: Database) -> None:
    for key, hour in (("c", 3), ("a", 1), ("b", 2)):
        await put(each_database, key, hour * HOUR)
    assert [job.key for job in await pending(each_database, 9 * HOUR)] == ["a", "b", "c"]


async def test_put_again_it_is_moved(each_database: Database) -> None:
    await put(each_database, "a", HOUR, chat=1)
    await put(each_database, "a", 5 * HOUR, chat=2)
    assert await pending(each_database, 4 * HOUR) == []
    (job,) = await pending(each_database, 5 * HOUR)
    assert job.facts == {"chat": 2}


async def test_a_job_is_closed_once(each_database: Database) -> None:
    await put(each_database, "a", HOUR)
    (job,) = await pending(each_database, HOUR)
    assert await each_database.work(lambda db: due.close(db, job))
    assert not await each_database.work(lambda db: due.close(db, job))
    assert await each_database.read(due.next_at) is None


async def test_a_job_that_was_moved_meanwhile_is_not_closed(each_database: Database) -> None:
    """Who read it before it was moved must not do it at the old hour."""
    await put(each_database, "a", HOUR)
    (old,) = await pending(each_database, HOUR)
    await put(each_database, "a", 2 * HOUR)
    assert not await each_database.work(lambda db: due.close(db, old))
    assert len(await pending(each_database, 2 * HOUR)) == 1


async def test_a_closing_that_is_rolled_back_leaves_it_due(each_database: Database) -> None:
    await put(each_database, "a", HOUR)
    (job,) = await pending(each_database, HOUR)

    def fail(db: Connection) -> None:
        assert due.close(db, job)
        raise ZeroDivisionError

    try:
        await each_database.work(fail)
    except ZeroDivisionError:
        assert await pending(each_database, HOUR) == [job]


async def test_it_can_be_taken_back(each_database: Database) -> None:
    await put(each_database, "a", HOUR)
    await each_database.work(lambda db: due.take_back(db, "test.ring", "a"))
    await each_database.work(lambda db: due.take_back(db, "test.ring", "never"))
    assert await pending(each_database, HOUR) == []


async def test_a_failed_job_comes_again_and_is_given_up_in_the_end(each_database: Database) -> None:
    await put(each_database, "a", HOUR)
    (job,) = await pending(each_database, HOUR)
    await each_database.work(lambda db: due.fail(db, job, 2 * HOUR, "no"))
    assert await pending(each_database, HOUR) == []
    (again,) = await pending(each_database, 2 * HOUR)
    assert (again.id, again.attempts) == (job.id, 1)
    await each_database.work(lambda db: due.fail(db, again, None, "never"))
    assert await pending(each_database, 9 * HOUR) == []
    (stuck,) = await each_database.read(due.stuck)
    assert (stuck["key"], stuck["error"]) == ("a", "never")


async def test_a_late_job_may_wait_for_a_word(each_database: Database) -> None:
    await put(each_database, "a", HOUR)
    (job,) = await pending(each_database, HOUR)
    await each_database.work(lambda db: due.ask(db, job))
    assert await pending(each_database, 9 * HOUR) == []
    assert [row["key"] for row in await each_database.read(due.stuck)] == ["a"]


async def test_put_again_a_job_that_was_given_up_lives(each_database: Database) -> None:
    await put(each_database, "a", HOUR)
    (job,) = await pending(each_database, HOUR)
    await each_database.work(lambda db: due.fail(db, job, None, "never"))
    await put(each_database, "a", 3 * HOUR)
    (again,) = await pending(each_database, 3 * HOUR)
    assert again.attempts == 0
    assert await each_database.read(due.stuck) == []


async def test_no_two_jobs_share_a_number(each_database: Database) -> None:
    """The number is the cause of what the job does: a new job with an old one would do nothing."""
    numbers = set()
    for hour in range(1, 4):
        await put(each_database, "a", hour * HOUR)
        (job,) = await pending(each_database, hour * HOUR)
        await each_database.work(partial(due.close, job=job))
        numbers.add(job.id)
    assert len(numbers) == 3
