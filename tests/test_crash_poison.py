"""One bad message among three hundred: the others are answered, and it ends as a dead letter."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from bot.playground import Flood, Playground
from tests.crash.poison import KILLS, RAISES, RAISES_TWICE
from tests.crash.runs import Receive, live, settings
from tests.crash.scenario import Evening, evening_clock
from tests.crash.verdict import Glance
from tests.crash.zygote import ROOT, Order, Zygote

pytestmark = pytest.mark.timeout(300)

MESSAGES = 300
MISTYPED = b'{"message_id":"seven","chat":{"id":5,"type":"private"}}'
TORN = b'{"message_id":7,'
POISON = ("tests.crash.poison:arm", ())
HASTE = ("tests.crash.points:unhurried", ())


@pytest.fixture
def zygote() -> Iterator[Zygote]:
    with Zygote() as warm:
        yield warm


@dataclass(frozen=True, slots=True)
class Database:
    """The file that a bot leaves, looked at with the plain driver."""

    path: Path

    @property
    def url(self) -> str:
        return f"sqlite:///{self.path}"

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        connection = sqlite3.connect(self.path)
        try:
            return connection.execute(query).fetchall()
        finally:
            connection.close()


@dataclass(slots=True)
class Trial:
    """A bot that is given bad messages, as often restarted as it dies."""

    zygote: Zygote
    evening: Evening
    database: Database
    settings: dict[str, Any]
    log: Path

    async def live(self, *arms: tuple[str, Sequence[Any]]) -> int:
        """Let it live until everything is done or dead; gives the deaths."""
        glance = Glance(self.database.url)

        async def peace() -> None:
            await glance.quiet(self.evening, within=120)

        order = Order(self.settings, self.log, (HASTE, *arms))
        return await live(self.zygote, lambda: order, peace(), peace)

    def dead(self) -> list[tuple[str, str]]:
        """Update and reason of each dead letter."""
        return self.database.rows("SELECT update_id, error FROM inbox WHERE state = 2 ORDER BY id")

    def answers(self) -> Counter[str]:
        """How many times each fan heard that we did not understand."""
        rows = self.database.rows(
            "SELECT f.name FROM outbox o JOIN fans f ON f.id = o.fan "
            "WHERE o.template = 'help/lost' AND o.state = 2"
        )
        return Counter(name for (name,) in rows)

    def assert_nothing_is_lost_or_doubled(self) -> None:
        kept = Counter(n for (n,) in self.database.rows("SELECT update_id FROM interactions"))
        assert set(kept) == set(self.evening.update_ids)
        assert set(kept.values()) == {1}

    def assert_each_fans_order(self) -> None:
        """The letters of a fan were put, and said, in the order of what he wrote."""
        rows = self.database.rows(
            "SELECT o.fan, o.id, cast(substr(o.idem, 2) AS integer), s.message FROM outbox o "
            "JOIN letters s ON s.letter = o.id WHERE o.template = 'help/lost' ORDER BY o.id"
        )
        for fan in {row[0] for row in rows}:
            own = [(task, message) for who, _, task, message in rows if who == fan]
            assert own == sorted(own), f"fan {fan} was answered out of order"
            assert [message for _, message in own] == sorted(message for _, message in own)


async def _try(zygote: Zygote, folder: Path, receive: Receive, telegram: Playground) -> Trial:
    evening = Evening(telegram)
    database = Database(folder / "renqing.db")
    given = settings(evening, database.url, receive)
    return Trial(zygote, evening, database, given, folder / "bot.log")


def _playground() -> Playground:
    return Playground(flood=Flood.off(), webhook_pace=0.02, clock=evening_clock())


def _replay(trial: Trial, *arguments: str) -> str:
    """``python -m bot replay`` as an operator types it."""
    environment = {
        **os.environ,
        "RENQING_STORAGE__URL": trial.database.url,
        "BOT_TOKEN": trial.evening.bot.token,
    }
    done = subprocess.run(
        [sys.executable, "-m", "bot", "replay", *arguments],
        cwd=ROOT, env=environment, capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip
    return done.stdout + done.stderr


@pytest.mark.parametrize(
    ("receive", "broken"),
    [("polling", MISTYPED), ("polling", TORN), ("webhook", MISTYPED)],
    ids=["polling, mistyped", "polling, torn", "webhook, mistyped"],
)
async def test_poison_among_three_hundred_messages(
    zygote: Zygote, tmp_path: Path, receive: Receive, broken: bytes
) -> None:
    """One update cannot be read, one kills whoever handles it: two dead letters, nothing else.

    After the upgrade ``replay --dead`` brings both back; the one that killed is answered now.
    """
    async with _playground() as telegram:
        trial = await _try(zygote, tmp_path, receive, telegram)
        evening, fans = trial.evening, list(trial.evening.fans)
        for number in range(MESSAGES):
            evening.say(fans[number % len(fans)], f"words {number}")
            if number == 100:
                evening.say("Lin", KILLS)
            if number == 200:
                telegram.world.updates.inject(evening.bot, broken)

        deaths = await trial.live(POISON)

        assert 5 <= deaths <= 6, "one nameless crash, then five of which it is the only suspect"
        assert [error for _, error in sorted(trial.dead(), key=str)] == [
            "the process ended 5 times while it ran",
            "undecodable",
        ]
        trial.assert_nothing_is_lost_or_doubled()
        trial.assert_each_fans_order()
        each = MESSAGES // len(fans)
        assert trial.answers() == dict.fromkeys(fans, each)

        listed = await asyncio.to_thread(_replay, trial)
        assert "2 dead letters" in listed
        said = await asyncio.to_thread(_replay, trial, "--dead")
        assert said.startswith("2 will be run again")
        assert await trial.live() == 0
        assert trial.answers() == {**dict.fromkeys(fans, each), "Lin": each + 1}
        assert len(trial.dead()) == 1, "what nobody can read is dead again, after three tries"
        trial.assert_nothing_is_lost_or_doubled()


async def test_a_handler_that_raises_is_tried_three_times(zygote: Zygote, tmp_path: Path) -> None:
    """The fan's next words wait for that, the other fans' do not; who raises only twice is done."""
    async with _playground() as telegram:
        trial = await _try(zygote, tmp_path, "polling", telegram)
        evening = trial.evening
        evening.say("Lin", "before")
        evening.say("Lin", RAISES)
        evening.say("Lin", "after")
        evening.say("Bo", RAISES_TWICE)
        evening.say("Bo", "after")

        assert await trial.live(POISON) == 0

        ((_, error),) = trial.dead()
        assert error.startswith("Hurt at poison.py:")
        assert trial.answers() == {"Lin": 2, "Bo": 2}
        trial.assert_nothing_is_lost_or_doubled()
        trial.assert_each_fans_order()
