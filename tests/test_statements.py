"""Prepared statements mean the same on both engines, and fail with the errors everybody knows."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from sqlalchemy import bindparam, select
from sqlalchemy.exc import IntegrityError, OperationalError

from storage import checkins, communities, fans, inbox, interactions, ledger, outbox
from storage.database import Connection, Database, DatabaseFull, opened, upgrade
from storage.records import Arrival, Class, Community, FanSeen, Kind, Letter, Life, Mark, Marked
from storage.statements import Prepared
from tests.engines import sqlite_url

LIFE = Life(date(2030, 1, 2), at=7, streak=3, best=3, days=3, week_days=1)
WORDS = "我偷偷告诉你"


def settle(db: Connection) -> tuple[Community, int]:
    """A community and a fan who is one of its members."""
    community = communities.found(db, "林间", zone="Asia/Shanghai", locale="zh", persona={})
    fan = fans.meet(db, FanSeen(5_000_000_001, "Lin", "", "en"), 1)
    fans.remember(db, community, fan, 1)
    return community, fan


def credit(db: Connection, community: Community, fan: int) -> None:
    assert LIFE.last is not None
    mark = Marked(LIFE.last, Mark.CHECKED, LIFE.last, LIFE.at)
    checkins.credit(db, community.id, fan, Life(), LIFE, [mark])


async def test_a_day_comes_back_as_a_day(each_database: Database) -> None:
    def step(db: Connection) -> Any:
        community, fan = settle(db)
        credit(db, community, fan)
        return checkins.life(db, community.id, fan), checkins.days(db, community.id, fan)

    life, days = await each_database.work(step)
    assert life == LIFE
    assert days == [LIFE.last]


async def test_points_are_handed_out_once(each_database: Database) -> None:
    def step(db: Connection) -> Any:
        community, fan = settle(db)
        given = [
            ledger.earn(db, community.id, fan, 10, reason="check-in", idem="a", at=1)
            for _ in range(2)
        ]
        return given, ledger.balance(db, community.id, fan)

    assert await each_database.work(step) == ([True, False], 10)


async def test_a_fan_is_met_again_under_a_new_name(each_database: Database) -> None:
    def step(db: Connection) -> Any:
        community, fan = settle(db)
        again = fans.meet(db, FanSeen(5_000_000_001, "林"), 2)
        return fan == again, fans.remember(db, community, fan, 3)

    same, fan = await each_database.work(step)
    assert same
    assert (fan.name, fan.locale, fan.zone) == ("林", "zh", "Asia/Shanghai")


async def test_a_day_credited_twice_is_an_integrity_error(each_database: Database) -> None:
    def step(db: Connection) -> None:
        community, fan = settle(db)
        for _ in range(2):
            credit(db, community, fan)

    with pytest.raises(IntegrityError):
        await each_database.work(step)


async def test_an_error_does_not_repeat_what_a_fan_wrote(database: Database) -> None:
    def step(db: Connection) -> None:
        letter = Letter(bot=1, chat=99, idem="x", facts={"name": WORDS})
        outbox.put(db, letter)

    with pytest.raises(IntegrityError) as caught:  # there is no such chat
        await database.work(step)
    assert WORDS not in str(caught.value)


async def test_a_full_disk_is_said_while_updates_are_kept(tmp_path: Any) -> None:
    """The bulk insert reports it as everything else does, and nothing of the batch stays."""
    arrivals = [Arrival(n, Kind.MESSAGE, Class.VOLUNTARY, 1, text=WORDS * 90) for n in range(400)]

    def store(db: Connection) -> None:
        pages = db.exec_driver_sql("PRAGMA page_count").scalar_one()
        db.exec_driver_sql(f"PRAGMA max_page_count={pages + 2}")
        inbox.keep(db, 1, arrivals, inbox.Acquaintances.none(), 1)

    async with opened(sqlite_url(tmp_path)) as database:
        await upgrade(database)
        with pytest.raises(DatabaseFull):
            await database.work(store, durable=True)
        assert await database.read(interactions.count) == 0


async def test_a_missing_table_is_an_operational_error(database: Database) -> None:
    gone = Prepared(select(fans.table.c.id).where(fans.table.c.id == bindparam("fan")))

    def step(db: Connection) -> None:
        db.exec_driver_sql("ALTER TABLE fans RENAME TO people")
        gone.first(db, fan=1)

    with pytest.raises(OperationalError):
        await database.work(step)
    assert await database.read(lambda db: gone.first(db, fan=1)) is None


async def test_tasks_are_taken_in_their_order(each_database: Database) -> None:
    def step(db: Connection) -> Any:
        raws = [Arrival(n, Kind.COMMAND, Class.VOLUNTARY, 1, raw=b"{}") for n in range(5)]
        inbox.keep(db, 1, raws, inbox.Acquaintances.none(), 1)
        first, rest = inbox.take(db, 2), inbox.take(db, 9)
        closed = [inbox.close(db, first[0].id) for _ in range(2)]
        return [t.update_id for t in first], [t.update_id for t in rest], closed

    assert await each_database.work(step) == ([0, 1], [2, 3, 4], [True, False])
