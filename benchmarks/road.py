"""The road in, in one process: chatter, the real mix, check-ins, an outage, bytes a row."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from benchmarks.contenders import Bare, House, open_house, reacting
from benchmarks.measures import Figure, Spent, rates, ratio, timed
from benchmarks.updates import Crowd, bodies
from storage import inbox, interactions, outbox
from storage.database import Connection

FANS: Final = 1_000
DAY: Final = 86_400


@dataclass(frozen=True, slots=True)
class Size:
    """How much is measured: rounds (the first is the warm-up) and updates in a slice."""

    rounds: int
    slice: int
    outage: int
    rows: int


QUICK: Final = Size(rounds=4, slice=1_000, outage=10_000, rows=20_000)
FULL: Final = Size(rounds=10, slice=3_000, outage=100_000, rows=200_000)


async def chatter(folder: Path, size: Size) -> list[Figure]:
    """Group talk, from the bytes of Telegram's answer to the durable commit of the log."""
    async with open_house(folder) as house:
        crowd, bare = await _met(house), Bare()
        ours: list[Spent] = []
        theirs: list[Spent] = []
        for _ in range(size.rounds):
            many = 8 * size.slice
            answers = list(bodies(crowd.chatter(many)))
            ours.append(await timed(many, partial(house.keep, answers)))
            theirs.append(await _bare(bare, crowd.chatter(size.slice)))
        return [
            Figure(
                "chatter",
                "group chatter, durably logged",
                ratio(ours, theirs),
                8.0,
                facts=rates(ours, theirs),
            )
        ]


async def mix(folder: Path, size: Size) -> list[Figure]:
    """90 % chatter, 5 % presses, 3 % commands, 2 % joins and reactions, durable and answered."""
    async with open_house(folder) as house, house.walking():
        crowd, bare = await _met(house), Bare()
        sign = house.station.seal.sign
        ours: list[Spent] = []
        theirs: list[Spent] = []
        for _ in range(size.rounds):
            many = 2 * size.slice
            updates = crowd.mix(many, sign)
            answers, tasks = list(bodies(updates)), reacting(house, updates)
            ours.append(await timed(many, partial(house.handle, answers, tasks)))
            theirs.append(await _bare(bare, crowd.mix(size.slice, sign)))
        letters = await house.app.database.read(outbox.tally)
        facts = {
            **rates(ours, theirs),
            "letters": letters["waiting"],
            "toasts": house.toasts.count,
        }
        says = "the real mix, durable and answered into the outbox"
        return [Figure("mix", says, ratio(ours, theirs), 1.5, facts=facts)]


async def check_in(folder: Path, size: Size) -> list[Figure]:
    """签到 of fans that are known, a day later each round: decide, remember, letter, commit."""
    count = max(300, size.slice // 4)
    async with open_house(folder) as house, house.walking():
        crowd, bare = await _met(house, count), Bare()
        ours: list[Spent] = []
        theirs: list[Spent] = []
        for day in range(size.rounds):
            updates = crowd.check_ins(range(count), int(time.time()) + day * DAY)
            house.expect(count)
            # Work begins while the keeper waits for its flush, so keeping has to be on the bill.
            ours.append(await timed(count, partial(_kept_and_walked, house, updates)))
            theirs.append(await _bare(bare, crowd.check_ins(range(count), int(time.time()))))
        await house.app.database.read(lambda db: _all_checked_in(db, count * size.rounds))
        says = "a check-in: decided, remembered, answered, committed"
        return [Figure("check-in", says, ratio(ours, theirs), 0.12, facts=rates(ours, theirs))]


async def _kept_and_walked(house: House, updates: Sequence[bytes]) -> None:
    await house.station.keeper.keep(updates)
    await house.walked()


async def outage(folder: Path, size: Size) -> list[Figure]:
    """What gathered at Telegram during ten hours: stored first, handled then."""
    async with open_house(folder) as house:
        crowd, bare = await _met(house), Bare()
        sign = house.station.seal.sign
        began, part = int(time.time()) - 10 * 3600, size.outage // 10
        ours: list[Spent] = []
        theirs: list[Spent] = []
        tasks = 0
        for hour in range(10):
            updates = crowd.mix(part, sign, at=began + 3600 * hour)
            tasks += reacting(house, updates)
            answers = list(bodies(updates))
            ours.append(await timed(part, partial(house.keep, answers)))
            theirs.append(await _bare(bare, crowd.mix(max(200, part // 20), sign)))
        house.expect(tasks)
        async with house.walking():
            handled = await timed(tasks, house.walked)
        letters = await house.app.database.read(outbox.tally)
        facts = {
            **rates(ours, theirs),
            "reactions": tasks,
            "handled_per_core_second": handled.rate,
            "letters": letters["waiting"],
        }
        says = f"{size.outage:,} updates after an outage, stored"
        return [Figure("outage", says, ratio(ours, theirs), 10.0, facts=facts)]


async def row(folder: Path, size: Size) -> list[Figure]:
    """What the file grows by for a row of the log with its index, beside the text in it."""
    async with open_house(folder) as house:
        crowd = await _met(house)
        before = await house.app.database.read(_pages)
        await house.keep(list(bodies(crowd.chatter(size.rows))))
        after = await house.app.database.read(_pages)
        words = await house.app.database.read(_words)
        beside = (after - before - words * size.rows / (size.rows + FANS)) / size.rows
        facts = {"with_text": (after - before) / size.rows}
        return [Figure("row", "an interaction with its index", beside, 80.0, "bytes", False, facts)]


async def _met(house: House, fans: int = FANS) -> Crowd:
    """A crowd that the house has met."""
    triggers = house.station.keeper.triggers
    crowd = Crowd(fans, triggers.bot_id, triggers.username)
    await house.keep(list(bodies(crowd.roll_call())))
    return crowd


async def _bare(bare: Bare, updates: Sequence[bytes]) -> Spent:
    ready = bare.ready(updates)
    return await timed(len(ready), partial(bare.handle, ready))


def _all_checked_in(db: Connection, count: int) -> None:
    """What was measured was the right thing: every check-in credited, every letter written."""
    days = db.exec_driver_sql("SELECT count(*) FROM checkins").scalar_one()
    letters = outbox.tally(db)["waiting"]
    dead = inbox.tally(db)["dead"]
    if (days, letters, dead) != (count, count, 0):
        raise AssertionError(f"{days} days, {letters} letters, {dead} dead; wanted {count}")


def _pages(db: Connection) -> float:
    pages = db.exec_driver_sql("PRAGMA page_count").scalar_one()
    size = db.exec_driver_sql("PRAGMA page_size").scalar_one()
    free = db.exec_driver_sql("PRAGMA freelist_count").scalar_one()
    return float((pages - free) * size)


def _words(db: Connection) -> float:
    """Bytes of text in the log."""
    words = db.exec_driver_sql("SELECT sum(length(CAST(text AS BLOB))) FROM interactions")
    assert interactions.table.name == "interactions"
    return float(words.scalar_one() or 0)
