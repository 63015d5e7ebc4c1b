"""When the house was awake: a mark renewed each minute, and a row for each time that it was not."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Connection, Integer, Table, insert, select

from storage import marks
from storage.database import metadata

table = Table(
    "outages",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("since", BigInteger, nullable=False),
    Column("until", BigInteger, nullable=False),
)

MARK = "heartbeat"
GAP = 10 * 60 * 1_000_000


def beat(db: Connection, now: int) -> None:
    """The house is awake at *now* (microseconds UTC on the ruling clock)."""
    marks.write(db, MARK, str(now))


def wake(db: Connection, now: int) -> tuple[int, int] | None:
    """The house awakes: notes an outage where ten minutes or more are missing, and gives it."""
    kept = marks.read(db, MARK)
    beat(db, now)
    if kept is None or now - int(kept) < GAP:
        return None
    note(db, int(kept), now)
    return int(kept), now


def note(db: Connection, since: int, until: int) -> None:
    """Nobody could reach us in this time."""
    db.execute(insert(table).values(since=since, until=until))


def outages(db: Connection, since: int, until: int) -> list[tuple[int, int]]:
    """The outages that touch a span of time, the oldest first."""
    query = select(table.c.since, table.c.until).where(table.c.since < until, table.c.until > since)
    return [(r.since, r.until) for r in db.execute(query.order_by(table.c.since))]
