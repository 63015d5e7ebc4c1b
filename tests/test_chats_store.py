"""Chats, the ledger and transactions as both engines keep them."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from storage import chats, fans, ledger, outbox
from storage.database import Connection, Database, opened
from storage.records import ChatKind, ChatSeen, FanSeen, Letter, Standing
from tests.stores import GROUP, HOUR, LIN, Ground, lay

NEW = -1009


@pytest.fixture
async def ground(each_database: Database) -> Ground:
    return await lay(each_database)


async def test_a_group_is_entered_once_and_renewed(each_database: Database, ground: Ground) -> None:
    renamed = ChatSeen(GROUP.telegram_id, ChatKind.SUPERGROUP, "新的名字", "newname")
    number = await each_database.work(lambda db: chats.enter(db, ground.bot, renamed))
    assert number == ground.group
    place = await each_database.read(lambda db: chats.place(db, number))
    assert (place.title, place.standing) == ("新的名字", Standing.UNKNOWN)


async def test_a_private_chat_has_the_address_of_its_fan(
    each_database: Database, ground: Ground
) -> None:
    again = await each_database.work(lambda db: chats.private_door(db, ground.bot, ground.lin))
    assert again == ground.door
    address = await each_database.read(lambda db: chats.address(db, ground.door))
    assert address == LIN.telegram_id
    behind = await each_database.read(lambda db: chats.fan_behind(db, ground.door))
    assert behind == ground.lin


async def test_a_migration_changes_the_address_of_everything_that_waits(
    each_database: Database, ground: Ground
) -> None:
    def migrate(db: Connection) -> int | None:
        outbox.put(db, Letter(bot=ground.bot, chat=ground.group, idem="t1", template="help/helped"))
        return outbox.follow(db, ground.bot, GROUP.telegram_id, NEW)

    assert await each_database.work(migrate) == ground.group
    (waiting,) = await each_database.read(
        lambda db: outbox.waiting(db, ground.bot, now=HOUR, real=HOUR, most=9)
    )
    assert waiting.address == NEW
    assert await each_database.read(lambda db: chats.address(db, ground.group)) == NEW


async def test_a_migration_told_twice_changes_nothing_more(
    each_database: Database, ground: Ground
) -> None:
    for _ in range(2):
        await each_database.work(lambda db: outbox.follow(db, ground.bot, GROUP.telegram_id, NEW))
    assert await each_database.read(lambda db: chats.address(db, ground.group)) == NEW
    seen = ChatSeen(NEW, ChatKind.SUPERGROUP, "x")
    assert await each_database.work(lambda db: chats.enter(db, ground.bot, seen)) == ground.group


async def test_when_the_new_side_was_seen_first_the_group_stays_the_elder(
    each_database: Database, ground: Ground
) -> None:
    seen = ChatSeen(NEW, ChatKind.SUPERGROUP, "x")
    younger = await each_database.work(lambda db: chats.enter(db, ground.bot, seen))
    number = await each_database.work(
        lambda db: outbox.follow(db, ground.bot, GROUP.telegram_id, NEW)
    )
    assert number == ground.group != younger
    assert await each_database.read(lambda db: chats.address(db, ground.group)) == NEW
    assert await each_database.work(lambda db: chats.enter(db, ground.bot, seen)) == ground.group
    groups = await each_database.read(lambda db: chats.groups(db, ground.bot))
    assert [place.id for place in groups] == [ground.group]


async def test_a_migration_of_an_unknown_group_is_nobodys(
    each_database: Database, ground: Ground
) -> None:
    assert await each_database.work(lambda db: outbox.follow(db, ground.bot, -5, -6)) is None


async def test_a_group_is_told_once_that_it_is_not_heard(
    each_database: Database, ground: Ground
) -> None:
    told = [
        await each_database.work(lambda db: chats.told_deaf(db, ground.group)) for _ in range(3)
    ]
    assert told == [False, True, True]


async def test_points_are_booked_once_for_one_key_and_sum_to_zero(
    each_database: Database, ground: Ground
) -> None:
    def earn(db: Connection) -> bool:
        return ledger.earn(
            db, ground.community.id, ground.lin, 10, reason="check-in", idem="c1", at=HOUR
        )

    assert await each_database.work(earn)
    assert not await each_database.work(earn)
    balance = await each_database.read(
        lambda db: ledger.balance(db, ground.community.id, ground.lin)
    )
    assert balance == 10
    rows = await each_database.read(lambda db: list(ledger.exported(db)))
    assert sum(row["amount"] for row in rows) == 0


@pytest.mark.parametrize(
    "forbidden",
    [
        "UPDATE ledger_entries SET amount = 0",
        "DELETE FROM ledger_entries",
        "UPDATE transactions SET reason = 'x'",
        "DELETE FROM transactions",
    ],
)
async def test_nobody_changes_the_ledger(
    each_database: Database, ground: Ground, forbidden: str
) -> None:
    await each_database.work(
        lambda db: ledger.earn(
            db, ground.community.id, ground.lin, 10, reason="check-in", idem="c1", at=HOUR
        )
    )
    with pytest.raises(DBAPIError, match="the ledger is never changed"):
        await each_database.work(lambda db: db.execute(text(forbidden)).rowcount)
    rows = await each_database.read(lambda db: list(ledger.exported(db)))
    assert [row["amount"] for row in rows] == [-10, 10]


async def test_a_transaction_that_does_not_cancel_out_is_refused(
    each_database: Database, ground: Ground
) -> None:
    def forge(db: Connection) -> None:
        ledger.earn(db, ground.community.id, ground.lin, 10, reason="x", idem="c1", at=HOUR)
        db.execute(
            text(
                'INSERT INTO ledger_entries ("transaction", account, amount)'
                ' SELECT "transaction", account, 3 FROM ledger_entries'
            )
        )

    with pytest.raises(DBAPIError, match="sums to zero"):
        await each_database.work(forge)
    assert await each_database.read(lambda db: list(ledger.exported(db))) == []


async def test_the_same_points_from_two_processes_are_one(
    each_url: str, each_database: Database, ground: Ground
) -> None:
    def earn(db: Connection) -> bool:
        return ledger.earn(
            db, ground.community.id, ground.lin, 10, reason="check-in", idem="c1", at=HOUR
        )

    async with opened(each_url) as other:
        done = await asyncio.gather(*(d.work(earn) for d in (each_database, other) * 4))
    assert sum(done) == 1


async def test_a_deadlock_is_run_again(each_url: str, each_database: Database) -> None:
    """Two who lock two rows crosswise: both get through (SQLite has but one writer, anyway)."""
    await lay(each_database)
    first = await each_database.work(lambda db: fans.meet(db, FanSeen(601, "A"), 0))
    second = await each_database.work(lambda db: fans.meet(db, FanSeen(602, "B"), 0))
    runs = itertools.count()

    def crosswise(one: int, two: int) -> Callable[[Connection], None]:
        def step(db: Connection) -> None:
            next(runs)
            for fan in (one, two):
                statement = "UPDATE fans SET first_seen = first_seen + 1 WHERE id = :fan"
                db.execute(text(statement), {"fan": fan})
                if db.dialect.name == "postgresql":
                    db.execute(text("SELECT pg_sleep(0.05)"))

        return step

    async with opened(each_url) as other:
        for _ in range(3):
            await asyncio.gather(
                each_database.work(crosswise(first, second)),
                other.work(crosswise(second, first)),
            )
    rows = await each_database.read(
        lambda db: (
            db.execute(
                text("SELECT first_seen FROM fans WHERE id IN (:a, :b)"), {"a": first, "b": second}
            )
            .scalars()
            .all()
        )
    )
    assert list(rows) == [6, 6]
    if each_database.dialect == "postgresql":
        assert next(runs) > 6, "no deadlock came up, so nothing was shown"


async def test_letters_put_for_the_younger_row_follow_the_group(
    each_database: Database, ground: Ground
) -> None:
    """The new side spoke first: what was answered there must not be lost with its row."""

    def speak_first(db: Connection) -> None:
        younger = chats.enter(db, ground.bot, ChatSeen(NEW, ChatKind.SUPERGROUP, "x"))
        outbox.put(db, Letter(bot=ground.bot, chat=younger, idem="t2", template="help/helped"))
        outbox.follow(db, ground.bot, GROUP.telegram_id, NEW)

    await each_database.work(speak_first)
    (waiting,) = await each_database.read(
        lambda db: outbox.waiting(db, ground.bot, now=HOUR, real=HOUR, most=9)
    )
    assert (waiting.letter.chat, waiting.address) == (ground.group, NEW)
