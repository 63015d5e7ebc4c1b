"""What must be true after any number of kills: counted from the database and Telegram's history."""

from __future__ import annotations

import asyncio
import sqlite3
from collections import Counter
from dataclasses import dataclass
from typing import Any

import asyncpg
from sqlalchemy import text

from storage.database import Connection, opened
from tests.crash.scenario import BY_CHANCE, CREDITED, LETTERS, Evening

OPEN_WORK = (
    "SELECT (SELECT count(*) FROM inbox WHERE state < 2)"
    " + (SELECT count(*) FROM outbox WHERE state < 2)"
)


class Glance:
    """Looks whether the bot has something left to do, without disturbing what a kill left."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._connection: asyncpg.Connection | None = None

    async def open_work(self) -> int | None:
        """How many tasks and letters are open; None while there are no tables yet."""
        if self._url.startswith("sqlite"):
            return self._sqlite()
        try:
            if self._connection is None or self._connection.is_closed():
                self._connection = await asyncpg.connect(self._url)
            return int(await self._connection.fetchval(OPEN_WORK))
        except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError):
            return None

    def _sqlite(self) -> int | None:
        # Read-only: the last connection to close would otherwise fold the log into the file, and
        # the next child would not have to recover what the killed one left.
        path = self._url.removeprefix("sqlite:///")
        try:
            connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=0.2)
        except sqlite3.OperationalError:
            return None
        try:
            return int(connection.execute(OPEN_WORK).fetchone()[0])
        except sqlite3.OperationalError:
            return None
        finally:
            connection.close()

    async def close(self) -> None:
        if self._connection is not None:
            await self._connection.close()

    async def quiet(self, evening: Evening, within: float = 40.0) -> None:
        """Return when every update is confirmed and nothing is left to do or to say."""
        loop = asyncio.get_running_loop()
        end = loop.time() + within
        while True:
            waiting = evening.telegram.world.updates.waiting(evening.bot)
            left = await self.open_work() if not waiting else None
            if left == 0:
                return
            if loop.time() > end:
                raise AssertionError(
                    f"no peace after {within} s: {waiting} updates unconfirmed, {left} tasks and "
                    f"letters open; the last calls were\n{evening.telegram.history.tail()}"
                )
            await asyncio.sleep(0.015)  # the database tells nobody; asking is the only way


@dataclass(frozen=True, slots=True)
class Counts:
    """What was counted: nothing in it is a fault, faults raise."""

    updates: int
    letters: int
    said: int

    @property
    def repeated(self) -> int:
        """How many messages were said a second time."""
        return self.said - self.letters


def _rows(db: Connection, query: str) -> list[tuple[Any, ...]]:
    return [tuple(row) for row in db.execute(text(query))]


async def judge(url: str, evening: Evening, deaths: int) -> Counts:
    """Raise AssertionError with what is lost, doubled or out of order; else the counts."""
    async with opened(url) as database:
        return await database.read(lambda db: _judge(db, evening, deaths))


def _judge(db: Connection, evening: Evening, deaths: int) -> Counts:
    _log(db, evening)
    _effects(db, evening)
    letters = _letters(db, evening)
    said = _said(db, evening, letters, deaths)
    _toasts(evening)
    return Counts(len(evening.update_ids), len(letters), said)


def _log(db: Connection, evening: Evening) -> None:
    """Every update has exactly one row, and nothing waits or lies dead."""
    rows = Counter(row[0] for row in _rows(db, "SELECT update_id FROM interactions"))
    lost = set(evening.update_ids) - set(rows)
    doubled = {number for number, count in rows.items() if count > 1}
    strange = set(rows) - set(evening.update_ids)
    assert not lost, f"lost updates: {sorted(lost)}"
    assert not doubled, f"doubled updates: {sorted(doubled)}"
    assert not strange, f"rows of no update: {strange}"
    assert _rows(db, "SELECT id, state, error FROM inbox") == []
    now = int(evening.telegram.clock.seconds() * 1e6)
    due = _rows(db, "SELECT kind, key, state, at FROM due")
    assert [row for row in due if row[2] or row[3] <= now] == [], "a due job was left behind"


def _effects(db: Connection, evening: Evening) -> None:
    """Each act has had its effect once: days, points, languages, doors."""
    credited = _rows(
        db, "SELECT f.name, c.day FROM checkins c JOIN fans f ON f.id = c.fan ORDER BY f.name"
    )
    assert [(name, str(day)) for name, day in credited] == [(n, "2030-01-02") for n in CREDITED]
    streaks = _rows(
        db,
        "SELECT f.name, m.streak, m.days FROM memberships m JOIN fans f ON f.id = m.fan "
        "WHERE m.days > 0 ORDER BY f.name",
    )
    assert streaks == [(name, 1, 1) for name in CREDITED], streaks
    points = _rows(
        db,
        "SELECT f.name, count(*), sum(e.amount) FROM ledger_entries e "
        "JOIN accounts a ON a.id = e.account JOIN fans f ON f.id = a.fan "
        "WHERE a.kind = 'fan' GROUP BY f.name ORDER BY f.name",
    )
    assert [(n, c, int(s)) for n, c, s in points] == [(n, 1, 10) for n in CREDITED], points
    ((total,),) = _rows(db, "SELECT sum(amount) FROM ledger_entries")
    assert int(total) == 0, f"the ledger sums to {total}"
    chosen = _rows(
        db,
        "SELECT f.name, m.locale FROM memberships m JOIN fans f ON f.id = m.fan "
        "WHERE m.locale IS NOT NULL",
    )
    assert chosen == [("Lin", "en")], chosen
    doors = dict(_rows(db, "SELECT f.name, m.reach FROM memberships m JOIN fans f ON f.id = m.fan"))
    assert doors["Bo"] == "open", "Bo blocked the bot, and then started it again"


@dataclass(frozen=True, slots=True)
class Said:
    """One letter as the database knows it, with Telegram's address."""

    id: int
    where: tuple[str, str]
    words: tuple[str, str]
    chat: str
    text: str
    reply_to: int | None


def _letters(db: Connection, evening: Evening) -> list[Said]:
    """Every letter that had to be written, once each, in the order of its fan's acts."""
    names = {evening.group.id: "group", evening.deaf.id: "deaf"}
    names |= {fan.id: name for name, fan in evening.fans.items()}
    names[evening.owner.id] = "owner"
    rows = _rows(
        db,
        "SELECT o.id, coalesce(c.telegram_id, d.telegram_id), coalesce(f.name, ''), o.template,"
        " o.locale, o.state, o.reply_to, s.text FROM outbox o JOIN chats c ON c.id = o.chat"
        " LEFT JOIN fans d ON d.id = c.fan LEFT JOIN fans f ON f.id = o.fan"
        " LEFT JOIN letters s ON s.letter = o.id ORDER BY o.id",
    )
    found: dict[tuple[str, str], list[tuple[str, str]]] = {}
    letters: list[Said] = []
    for number, address, fan, template, locale, state, reply_to, words in rows:
        assert state == 2, f"letter {number} ({template}) ended in state {state}"
        assert words is not None, f"nobody noted what letter {number} ({template}) said"
        where = (names.get(address, str(address)), fan)
        if template not in BY_CHANCE:
            found.setdefault(where, []).append((template, locale))
        letters.append(Said(number, where, (template, locale), str(address), words, reply_to))
    missing = {key: LETTERS.get(key) for key in LETTERS if found.get(key) != LETTERS[key]}
    assert found == LETTERS, f"expected {missing}, found {found}"
    return letters


def _said(db: Connection, evening: Evening, letters: list[Said], deaths: int) -> int:
    """Each letter was said, at most once more for each death, and in each fan's order."""
    by_words: dict[tuple[str, str, int | None], int] = {}
    for letter in letters:
        key = (letter.chat, letter.text, letter.reply_to)
        assert key not in by_words, f"two letters look the same: {letter}"
        by_words[key] = letter.id
    times: Counter[int] = Counter()
    first: list[int] = []
    for call in evening.telegram.history.calls("sendMessage", ok=True):
        reply = (call.params.get("reply_parameters") or "").partition('"message_id":')[2]
        quoted = int(reply.split("}")[0].split(",")[0]) if reply else None
        key = (str(call.params["chat_id"]), call.params["text"], quoted)
        assert key in by_words, f"a message that no letter stands behind: {call}"
        times[by_words[key]] += 1
        if times[by_words[key]] == 1:
            first.append(by_words[key])
    for letter in letters:
        count = times[letter.id]
        assert count >= 1, f"never said: {letter}"
        assert count <= 1 + deaths, f"said {count} times with {deaths} deaths: {letter}"
    for where in LETTERS:
        order = [letter.id for letter in letters if letter.where == where]
        spoken = [number for number in first if number in order]
        assert spoken == order, f"out of order in {where}: {spoken} instead of {order}"
    return sum(times.values())


def _toasts(evening: Evening) -> None:
    """No press was answered twice with success; each was answered or its toast died with us."""
    answered = Counter(
        str(call.params["callback_query_id"])
        for call in evening.telegram.history.calls("answerCallbackQuery", ok=True)
    )
    assert all(count == 1 for count in answered.values()), answered
