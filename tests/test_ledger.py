"""Points add up to the last digit, whatever is asked of them, on both engines."""

from __future__ import annotations

import pytest
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from storage import communities, fans, ledger
from storage.database import Database
from storage.ledger import Reason
from storage.records import FanSeen


def people(db: Connection) -> tuple[int, int, int]:
    """A community, a fan and somebody of its staff."""
    home = communities.found(db, "林间小屋", zone="Asia/Shanghai", locale="zh", persona={})
    return home.id, fans.meet(db, FanSeen(1, "Lin"), 1), fans.meet(db, FanSeen(2, "小鹿"), 1)


def earned(db: Connection, amount: int = 100) -> tuple[int, int, int]:
    home, lin, deer = people(db)
    assert ledger.earn(db, home, lin, amount, reason="check-in", idem="first", at=1)
    return home, lin, deer


async def test_points_are_handed_out_once_per_key(each_database: Database) -> None:
    def story(db: Connection) -> list[object]:
        home, lin, _ = earned(db)
        again = ledger.earn(db, home, lin, 100, reason="check-in", idem="first", at=2)
        return [again, ledger.balance(db, home, lin), ledger.verify(db)]

    assert await each_database.work(story) == [False, 100, []]


async def test_nobody_spends_more_than_there_is(each_database: Database) -> None:
    def story(db: Connection) -> list[object]:
        home, lin, deer = earned(db)

        def spend(fan: int, amount: int, key: str) -> bool:
            return ledger.spend(db, home, fan, amount, reason="make-up", idem=key, at=2)

        return [
            spend(lin, 101, "a"),
            spend(deer, 1, "b"),
            spend(lin, 60, "c"),
            spend(lin, 30, "c"),
            spend(lin, 41, "d"),
            ledger.balance(db, home, lin),
            ledger.verify(db),
        ]

    assert await each_database.work(story) == [False, False, True, False, False, 40, []]


async def test_what_is_put_aside_is_spent_or_given_back_once(each_database: Database) -> None:
    def story(db: Connection) -> list[object]:
        home, lin, _ = earned(db)
        steps: list[object] = [
            ledger.hold(db, home, lin, 70, reason="draw", idem="h1", at=2),
            ledger.hold(db, home, lin, 31, reason="draw", idem="h2", at=2),
            ledger.hold(db, home, lin, 30, reason="draw", idem="h3", at=2),
            ledger.held(db, home, lin),
            ledger.release(db, home, "h1", reason="draw void", at=3),
            ledger.settle(db, home, "h1", reason="draw", at=3),
            ledger.settle(db, home, "h3", reason="draw", at=3),
            ledger.release(db, home, "h3", reason="draw void", at=3),
            ledger.settle(db, home, "never", reason="draw", at=3),
        ]
        return [
            *steps,
            ledger.balance(db, home, lin),
            ledger.held(db, home, lin),
            ledger.verify(db),
        ]

    assert await each_database.work(story) == [
        *(True, False, True, 100, True, False, True, False, False),
        *(70, 0, []),
    ]


async def test_staff_gives_and_takes_with_a_reason(each_database: Database) -> None:
    def story(db: Connection) -> list[object]:
        home, lin, deer = earned(db)

        def adjust(amount: int, reason: Reason, key: str) -> bool:
            words = "画得真好"
            made = ledger.adjust(
                db, home, lin, amount, reason=reason, words=words, actor=deer, idem=key, at=2
            )
            return made is not None

        moved = [
            adjust(50, Reason.GIVEN, "g"),
            adjust(50, Reason.GIVEN, "g"),
            adjust(-151, Reason.CORRECTED, "c"),
            adjust(-20, Reason.CORRECTED, "d"),
        ]
        lines = ledger.history(db, home, lin, 2)
        older = ledger.history(db, home, lin, 10, before=lines[-1].id)
        told = [(line.amount, line.reason, line.words) for line in (*lines, *older)]
        return [moved, told, ledger.balance(db, home, lin), ledger.verify(db)]

    assert await each_database.work(story) == [
        [True, False, False, True],
        [(-20, "corrected", "画得真好"), (50, "given", "画得真好"), (100, "check-in", "")],
        130,
        [],
    ]


@pytest.mark.parametrize("amount", [0, -1])
async def test_nothing_moves_by_an_amount_that_is_none(database: Database, amount: int) -> None:
    def story(db: Connection) -> None:
        home, lin, _ = earned(db)
        ledger.earn(db, home, lin, amount, reason="check-in", idem="x", at=1)

    with pytest.raises(ValueError, match="above zero"):
        await database.work(story)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE ledger_entries SET amount = amount + 1",
        "DELETE FROM ledger_entries",
        "UPDATE transactions SET reason = 'gift'",
        "DELETE FROM transactions",
        "UPDATE accounts SET balance = -1",
        'INSERT INTO ledger_entries (id, "transaction", account, amount) VALUES '
        "(98, (SELECT min(id) FROM transactions), (SELECT min(id) FROM accounts), 5), "
        "(99, (SELECT min(id) FROM transactions), (SELECT max(id) FROM accounts), 5)",
    ],
)
async def test_the_database_refuses_what_would_not_add_up(
    each_database: Database, statement: str
) -> None:
    """Not even somebody with a console changes what stands in the ledger."""
    await each_database.work(earned)
    with pytest.raises(DBAPIError):
        await each_database.work(lambda db: db.execute(text(statement)))
    assert await each_database.read(ledger.verify) == []


async def test_a_wrong_balance_is_named_and_counted_anew(each_database: Database) -> None:
    home, lin, _ = await each_database.work(earned)
    spoil = text("UPDATE accounts SET balance = 7 WHERE kind = 'fan'")
    await each_database.work(lambda db: db.execute(spoil))
    (trouble,) = await each_database.read(ledger.verify)
    assert "keeps a balance of 7, its entries sum to 100" in trouble
    assert await each_database.work(ledger.replay) == 1
    assert await each_database.read(ledger.verify) == []
    assert await each_database.read(lambda db: ledger.balance(db, home, lin)) == 100
    assert await each_database.work(ledger.replay) == 0


async def test_the_export_signs_every_line(each_database: Database) -> None:
    def story(db: Connection) -> list[tuple[str, int, str]]:
        home, lin, _ = earned(db)
        ledger.hold(db, home, lin, 30, reason="draw", idem="h", at=2)
        ledger.settle(db, home, "h", reason="draw", at=3)
        return [(r["account"], r["amount"], r["reason"]) for r in ledger.exported(db)]

    assert await each_database.work(story) == [
        *(("issuer", -100, "check-in"), ("fan:1", 100, "check-in")),
        *(("fan:1", -30, "draw"), ("escrow:1", 30, "draw")),
        *(("escrow:1", -30, "draw"), ("sink", 30, "draw")),
    ]
