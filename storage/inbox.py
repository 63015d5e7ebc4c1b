"""The road in, on disk: what Telegram delivered, kept before Telegram is told that we have it.

``keep`` stores a batch in one durable transaction: a row in the log for each new update and,
where somebody must react, the raw bytes as a task. A task leaves in the transaction of the work
that it causes. Repeated deliveries are known by exact ranges of update ids, never by a high-water
mark, since Telegram starts its numbers anew after a silent week.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Index,
    Integer,
    LargeBinary,
    SmallInteger,
    Table,
    Text,
    bindparam,
    delete,
    func,
    insert,
    select,
    text,
    update,
)

from storage import chats, fans, interactions, marks
from storage.database import metadata
from storage.records import Arrival, ChatKind, Class, FanSeen, Kind, Task
from storage.statements import Bulk, Prepared

KEPT_HOURS = 48
WAITING, TAKEN, DEAD = 0, 1, 2

table = Table(
    "inbox",
    metadata,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    Column("bot", SmallInteger, nullable=False),
    Column("update_id", BigInteger),
    Column("lane", BigInteger, nullable=False),
    Column("fan", BigInteger),
    Column("chat", Integer),
    Column("at", BigInteger, nullable=False),
    Column("raw", LargeBinary, nullable=False),
    Column("state", SmallInteger, nullable=False, server_default="0"),
    Column("attempts", SmallInteger, nullable=False, server_default="0"),
    Column("failures", SmallInteger, nullable=False, server_default="0"),
    Column("error", Text),
    Index("ix_inbox_state_id", "state", "id"),
    sqlite_autoincrement=True,  # a number is never given twice: the tasks are taken in its order
)

seen = Table(
    "seen",
    metadata,
    Column("bot", SmallInteger, primary_key=True, autoincrement=False),
    Column("last", BigInteger, primary_key=True, autoincrement=False),
    Column("first", BigInteger, nullable=False),
    Column("at", BigInteger, nullable=False),
)


@dataclass(slots=True)
class Acquaintances:
    """Our numbers of the people and chats seen lately, so that chatter costs no look-up.

    Bounded; forgotten as a whole when full, since a look-up brings anybody back. One per bot,
    changed only after the transaction that it describes is committed.
    """

    people: dict[int, tuple[int, FanSeen]]
    chats: dict[int, tuple[int, str, str]]
    most: int = 50_000
    erasures: str = ""

    @classmethod
    def none(cls) -> Acquaintances:
        return cls({}, {})

    def learn(self, people: Mapping[int, Any], chats_: Mapping[int, Any]) -> None:
        for known, news in ((self.people, people), (self.chats, chats_)):
            if len(known) + len(news) > self.most:
                known.clear()
            known.update(news)

    def forget_erased(self, erasures: str) -> None:
        """Trust nothing learned before the last erasure: that number belongs to nobody now."""
        if erasures != self.erasures:
            self.people.clear()
            self.chats.clear()
            self.erasures = erasures

    def forget_chat(self, telegram_id: int) -> None:
        self.chats.pop(telegram_id, None)


@dataclass(frozen=True, slots=True)
class Kept:
    """What one batch brought: how many were new, how many of them wait for a reaction, and what
    was learned about people and chats (to be told to Acquaintances after the commit)."""

    new: int
    tasks: int
    people: Mapping[int, tuple[int, FanSeen]]
    chats: Mapping[int, tuple[int, str, str]]


def keep(
    db: Connection,
    bot: int,
    arrivals: Sequence[Arrival],
    known: Acquaintances,
    now: int,
) -> Kept:
    """Store what is new of *arrivals*; to be called in a durable transaction."""
    fresh = _unseen(db, bot, arrivals, now)
    known.forget_erased(_ERASURES.value(db, name=ERASURES) or "")
    people: dict[int, tuple[int, FanSeen]] = {}
    rooms: dict[int, tuple[int, str, str]] = {}

    def person(who: FanSeen | None) -> int | None:
        if who is None:
            return None
        entry = people.get(who.telegram_id) or known.people.get(who.telegram_id)
        if entry is None or entry[1] != who:
            entry = people[who.telegram_id] = (fans.meet(db, who, now), who)
        return entry[0]

    def room(arrival: Arrival, fan: int | None) -> int | None:
        where = arrival.chat
        if where is None:
            return None
        if where.kind is ChatKind.PRIVATE:
            entry = rooms.get(where.telegram_id) or known.chats.get(where.telegram_id)
            if entry is None:
                if fan is None:
                    return None
                number = chats.private_door(db, bot, fan)
                entry = rooms[where.telegram_id] = (number, "", "")
            return entry[0]
        entry = rooms.get(where.telegram_id) or known.chats.get(where.telegram_id)
        if entry is None or entry[1:] != (where.title, where.username):
            number = chats.enter(db, bot, where)
            entry = rooms[where.telegram_id] = (number, where.title, where.username)
        return entry[0]

    log: list[tuple[Any, ...]] = []
    tasks: list[tuple[Any, ...]] = []
    for a in fresh:
        fan = person(a.fan)
        chat = room(a, fan)
        log.append(
            (
                bot,
                a.update_id,
                int(a.kind),
                int(a.cls),
                chat,
                fan,
                a.at,
                a.message,
                a.ref,
                a.text,
            )
        )
        if a.raw is not None:
            lane = fan if fan is not None else -(chat or 0)
            tasks.append((bot, a.update_id, lane, fan, chat, a.at, a.raw))
    _LOG.insert(db, log)
    _TASKS.insert(db, tasks)
    return Kept(len(fresh), len(tasks), people, rooms)


ERASURES = "erasures"
_ERASURES = Prepared(select(marks.table.c.value).where(marks.table.c.name == bindparam("name")))


def forget_people(db: Connection) -> None:
    """Somebody was erased: from the commit on, whoever receives for this store looks everybody up
    again, in whatever process."""
    marks.write(db, ERASURES, str(int(marks.read(db, ERASURES) or 0) + 1))


_LOG = Bulk(
    interactions.table,
    ("bot", "update_id", "kind", "class", "chat", "fan", "at", "message", "ref", "text"),
)
_TASKS = Bulk(table, ("bot", "update_id", "lane", "fan", "chat", "at", "raw"))
_SEEN = Prepared(
    select(seen.c.first, seen.c.last).where(
        seen.c.bot == bindparam("bot"),
        seen.c.last >= bindparam("lowest"),
        seen.c.first <= bindparam("highest"),
    )
)
_SEE = Prepared(insert(seen), ("bot", "first", "last", "at"))


def _unseen(db: Connection, bot: int, arrivals: Sequence[Arrival], now: int) -> list[Arrival]:
    """The arrivals of this batch that were never kept, each once, in the order of delivery."""
    if not arrivals:
        return []
    if db.dialect.name == "postgresql":  # two receivers of one bot keep one after the other
        db.execute(text("SELECT pg_advisory_xact_lock(726974, :bot)"), {"bot": bot})
    ids = [a.update_id for a in arrivals]
    ranges = _SEEN.rows(db, bot=bot, lowest=min(ids), highest=max(ids))
    fresh: dict[int, Arrival] = {}
    for a in arrivals:
        if a.update_id not in fresh and not (
            ranges and any(first <= a.update_id <= last for first, last in ranges)
        ):
            fresh[a.update_id] = a
    for span in runs(sorted(fresh)):
        _SEE.run(db, bot=bot, first=span[0], last=span[-1], at=now)
    return list(fresh.values())


def runs(numbers: Iterable[int]) -> list[list[int]]:
    """Neighbours together.

    >>> runs([1, 2, 3, 7, 8])
    [[1, 2, 3], [7, 8]]
    """
    return [
        [number for _, number in run]
        for _, run in groupby(enumerate(numbers), key=lambda pair: pair[1] - pair[0])
    ]


def forget_seen(db: Connection, before: int) -> int:
    """Drop the ranges that Telegram can no longer repeat (48 hours; it repeats for 24)."""
    return db.execute(delete(seen).where(seen.c.at < before)).rowcount


_FIELDS = (
    table.c.id,
    table.c.bot,
    table.c.update_id,
    table.c.lane,
    table.c.fan,
    table.c.chat,
    table.c.at,
    table.c.raw,
    table.c.attempts,
    table.c.failures,
)
_OLDEST = (
    select(table.c.id)
    .where(table.c.state == WAITING)
    .order_by(table.c.id)
    .limit(bindparam("most", type_=Integer))
    .with_for_update(skip_locked=True)  # two workers never hold the same task (PostgreSQL)
)
_TAKE = Prepared(
    update(table)
    .where(table.c.id.in_(_OLDEST.scalar_subquery()))
    .values(state=TAKEN)
    .returning(*_FIELDS)
)


def take(db: Connection, most: int) -> list[Task]:
    """The oldest waiting tasks, marked as taken: after a crash they are the suspects."""
    return sorted((Task(*row) for row in _TAKE.rows(db, most=most)), key=lambda task: task.id)


def suspects(db: Connection) -> list[Task]:
    """What was taken when the process ended: one of these may have killed it."""
    rows = db.execute(select(*_FIELDS).where(table.c.state == TAKEN).order_by(table.c.id))
    return [Task(**row._mapping) for row in rows]


def attempt(db: Connection, task: int) -> None:
    db.execute(update(table).where(table.c.id == task).values(attempts=table.c.attempts + 1))


def fail(db: Connection, task: int, error: str) -> None:
    """Count one exception and keep its last words (a type and a place, never a fan's text)."""
    db.execute(
        update(table).where(table.c.id == task).values(failures=table.c.failures + 1, error=error)
    )


def bury(db: Connection, task: int, error: str) -> None:
    """A dead letter: nothing tries it again until somebody says ``replay``."""
    db.execute(update(table).where(table.c.id == task).values(state=DEAD, error=error))


def keep_undecodable(db: Connection, bot: int, update_id: int | None, raw: bytes, now: int) -> bool:
    """What cannot be read at all still is kept: as a dead letter, logged as OTHER.

    Gives False when that update id was kept before.
    """
    if update_id is not None:
        arrival = Arrival(update_id, Kind.OTHER, Class.PASSIVE, now)
        if not _unseen(db, bot, [arrival], now):
            return False
    kind, cls = int(Kind.OTHER), int(Class.PASSIVE)
    _LOG.insert(db, [(bot, update_id, kind, cls, None, None, now, None, None, None)])
    db.execute(
        table.insert().values(
            bot=bot,
            update_id=update_id,
            lane=0,
            at=now,
            raw=raw,
            state=DEAD,
            error="undecodable",
        )
    )
    return True


def put(db: Connection, bot: int, lane: int, raw: bytes, now: int, *, chat: int | None) -> None:
    """A task of our own making: the answer that a letter's ``then`` waits for."""
    db.execute(table.insert().values(bot=bot, lane=lane, chat=chat, at=now, raw=raw))


def close(db: Connection, task: int) -> bool:
    """Take the task out; False when it had left before (then its work must not be done again)."""
    return bool(_CLOSE.run(db, task=task))


_CLOSE = Prepared(delete(table).where(table.c.id == bindparam("task")))


def revive(db: Connection, tasks: Sequence[int] | None = None) -> int:
    """Let dead letters wait again, all or the named; says how many."""
    query = update(table).where(table.c.state == DEAD)
    if tasks is not None:
        query = query.where(table.c.id.in_(tasks))
    return db.execute(query.values(state=WAITING, attempts=0, failures=0, error=None)).rowcount


def dead(db: Connection) -> list[dict[str, Any]]:
    """The dead letters: number, bot, update id, time, attempts, failures, last error."""
    columns = ("id", "bot", "update_id", "at", "attempts", "failures", "error")
    query = select(*(table.c[name] for name in columns)).where(table.c.state == DEAD)
    return [dict(row._mapping) for row in db.execute(query.order_by(table.c.id))]


def tally(db: Connection) -> dict[str, int]:
    """How many wait, are in hands, are dead."""
    query = select(table.c.state, func.count()).group_by(table.c.state)
    counts: dict[int, int] = {row[0]: row[1] for row in db.execute(query)}
    return {
        "waiting": counts.get(WAITING, 0),
        "taken": counts.get(TAKEN, 0),
        "dead": counts.get(DEAD, 0),
    }
