"""Check-ins: at most one per community, fan and local day; the primary key keeps that promise."""

from __future__ import annotations

from datetime import date

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Date,
    Integer,
    Table,
    func,
    insert,
    select,
    update,
)

from storage import fans
from storage.database import metadata

table = Table(
    "checkins",
    metadata,
    Column("community", Integer, primary_key=True),
    Column("fan", BigInteger, primary_key=True, autoincrement=False),
    Column("day", Date, primary_key=True),
    Column("at", BigInteger, nullable=False),
)


def latest(db: Connection, community: int, fan: int) -> tuple[date | None, int, int]:
    """The last credited day, the streak that it ended, and all days so far."""
    m = fans.memberships.c
    row = db.execute(
        select(m.checked_in, m.streak, m.days).where(m.community == community, m.fan == fan)
    ).first()
    return (row.checked_in, row.streak, row.days) if row else (None, 0, 0)


def add(db: Connection, community: int, fan: int, day: date, at: int, streak: int) -> None:
    """Credit a day and keep the streak at hand; raises IntegrityError for a day credited before."""
    db.execute(insert(table).values(community=community, fan=fan, day=day, at=at))
    m = fans.memberships
    db.execute(
        update(m)
        .where(m.c.community == community, m.c.fan == fan)
        .values(checked_in=day, streak=streak, days=m.c.days + 1)
    )


def days(db: Connection, community: int, fan: int) -> list[date]:
    """Every credited day, in order: what the streak can always be counted anew from."""
    query = select(table.c.day).where(table.c.community == community, table.c.fan == fan)
    return list(db.execute(query.order_by(table.c.day)).scalars())


def count(db: Connection, community: int, day: date) -> int:
    """How many checked in on a day."""
    query = select(func.count()).where(table.c.community == community, table.c.day == day)
    return int(db.execute(query).scalar_one())
