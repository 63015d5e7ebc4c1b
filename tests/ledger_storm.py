"""A storm over the ledger: random acts from eight tasks at once, watched to the last digit.

``python -m tests.ledger_storm --count 5000000`` is the long proof; tests run some thousands.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from sqlalchemy import text

from storage import communities, fans, ledger
from storage.database import Connection, Database, opened, upgrade
from storage.ledger import Reason
from storage.records import FanSeen

TASKS: Final = 8
FANS: Final = 40
TOGETHER: Final = 50  # acts in one transaction of the long proof; a test commits each
SHARE: Final = 12  # one act in so many breaks off and must leave nothing


class BrokenOff(Exception):
    """An act that fails half-way."""


@dataclass(slots=True)
class Storm:
    """Random acts on one database; ``acts`` counts those done."""

    database: Database
    seed: int
    together: int = 1
    home: int = 0
    people: list[int] = field(default_factory=list)
    acts: int = 0
    moved: int = 0

    async def blow(self, count: int) -> None:
        """Run *count* acts from eight tasks; raises AssertionError at the first that does not add
        up."""
        await self.database.work(self._settle)
        shares = [count // TASKS + (n < count % TASKS) for n in range(TASKS)]
        async with asyncio.TaskGroup() as tasks:
            for n, share in enumerate(shares):
                tasks.create_task(self._work(n, share))

    def _settle(self, db: Connection) -> None:
        home = communities.found(db, "storm", zone="UTC", locale="zh", persona={})
        self.home = home.id
        self.people = [fans.meet(db, FanSeen(n, f"fan {n}"), 1) for n in range(1, FANS + 1)]

    async def _work(self, number: int, count: int) -> None:
        chance = random.Random(self.seed * 1000 + number)
        done = 0
        while done < count:
            many = min(self.together, count - done)
            acts = [chance.getrandbits(64) for _ in range(many)]
            breaks = chance.randrange(SHARE) == 0

            def run(db: Connection, acts: list[int] = acts, breaks: bool = breaks) -> int:
                last = db.execute(text("SELECT coalesce(max(id), 0) FROM transactions"))
                before: int = last.scalar_one()
                moved = sum(self._act(db, random.Random(act)) for act in acts)
                wrong = list(self._unbalanced(db, before))
                assert not wrong, wrong
                if breaks:
                    raise BrokenOff
                return moved

            try:
                moved = await self.database.work(run)
                self.moved += moved
            except BrokenOff:
                pass  # as if it had never been
            done += many
            self.acts += many

    def _act(self, db: Connection, chance: random.Random) -> bool:
        """One random act; True when points moved. Keys collide on purpose."""
        fan, amount = chance.choice(self.people), chance.randrange(1, 60)
        key = f"{chance.randrange(4_000_000)}"
        match chance.randrange(10):
            case 0 | 1 | 2:
                return self._earn(db, fan, amount, key)
            case 3 | 4:
                return ledger.spend(db, self.home, fan, amount, reason="make-up", idem=key, at=1)
            case 5 | 6:
                held = f"h{chance.randrange(100_000)}"
                return ledger.hold(db, self.home, fan, amount, reason="draw", idem=held, at=1)
            case 7:
                held = f"h{chance.randrange(100_000)}"
                close = chance.choice((ledger.settle, ledger.release))
                return close(db, self.home, held, reason="draw", at=1)
            case _:
                made = ledger.adjust(
                    db,
                    self.home,
                    fan,
                    chance.choice((amount, -amount)),
                    reason=Reason.CORRECTED,
                    words="storm",
                    actor=self.people[0],
                    idem=key,
                    at=1,
                )
                return made is not None

    def _earn(self, db: Connection, fan: int, amount: int, key: str) -> bool:
        return ledger.earn(db, self.home, fan, amount, reason="check-in", idem=key, at=1)

    def _unbalanced(self, db: Connection, before: int) -> Iterator[str]:
        """What does not add up among the transactions since *before*, seen from inside."""
        sums = db.execute(
            text(
                'SELECT "transaction", sum(amount), count(*) FROM ledger_entries '
                'WHERE "transaction" > :before GROUP BY "transaction" '
                "HAVING sum(amount) <> 0 OR count(*) <> 2"
            ),
            {"before": before},
        )
        yield from (f"transaction {row[0]} sums to {row[1]}" for row in sums)
        below = db.execute(text("SELECT id FROM accounts WHERE balance < 0"))
        yield from (f"account {row[0]} is below zero" for row in below)

    async def judge(self) -> None:
        """The ledger verifies, a replay changes nothing, and every act that moved points stands."""
        assert await self.database.study(ledger.verify) == []
        assert await self.database.work(ledger.replay) == 0
        count = text("SELECT count(*) FROM transactions")
        stands: int = await self.database.read(lambda db: db.execute(count).scalar_one())
        assert stands == self.moved, f"{stands} transactions, {self.moved} acts"


async def _prove(url: str, count: int, seed: int) -> None:
    async with opened(url) as database:
        await upgrade(database)
        storm = Storm(database, seed, TOGETHER)
        await storm.blow(count)
        await storm.judge()
    sys.stdout.write(
        f"{storm.acts:,} acts, {storm.moved:,} moved points: all sums zero, none below zero, "
        "the replay is equal\n"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=5_000_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--url", default="", help="an empty database; else a file that is removed")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        url = given.url or f"sqlite:///{Path(folder)}/storm.db"
        asyncio.run(_prove(url, given.count, given.seed))


if __name__ == "__main__":
    main()
