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
    bindparam,
    func,
    insert,
    select,
    update,
)

from storage import fans
from storage.database import metadata
from storage.statements import Prepared

table = Table(
    "checkins",
    metadata,
    Column("community", Integer, primary_key=True),
    Column("fan", BigInteger, primary_key=True, autoincrement=False),
    Column("day", Date, primary_key=True),
    Column("at", BigInteger, nullable=False),
)


_m = fans.memberships.c
_LATEST = Prepared(
    select(_m.checked_in, _m.streak, _m.days).where(
        _m.community == bindparam("community"), _m.fan == bindparam("fan")
    )
)
_ADD = Prepared(insert(table), ("community", "fan", "day", "at"))
_KEEP_AT_HAND = Prepared(
    update(fans.memberships)
    .where(_m.community == bindparam("of_community"), _m.fan == bindparam("of_fan"))
    .values(
        checked_in=bindparam("on"),
        streak=bindparam("in_a_row", type_=Integer),
        days=_m.days + 1,
    )
)


def latest(db: Connection, community: int, fan: int) -> tuple[date | None, int, int]:
    """The last credited day, the streak that it ended, and all days so far."""
    checked_in, streak, days = _LATEST.first(db, community=community, fan=fan) or (None, 0, 0)
    return checked_in, streak, days


def add(db: Connection, community: int, fan: int, day: date, at: int, streak: int) -> None:
    """Credit a day and keep the streak at hand; raises IntegrityError for a day credited before."""
    _ADD.run(db, community=community, fan=fan, day=day, at=at)
    _KEEP_AT_HAND.run(db, of_community=community, of_fan=fan, on=day, in_a_row=streak)


def days(db: Connection, community: int, fan: int) -> list[date]:
    """Every credited day, in order: what the streak can always be counted anew from."""
    query = select(table.c.day).where(table.c.community == community, table.c.fan == fan)
    return list(db.execute(query.order_by(table.c.day)).scalars())


def count(db: Connection, community: int, day: date) -> int:
    """How many checked in on a day."""
    query = select(func.count()).where(table.c.community == community, table.c.day == day)
    return int(db.execute(query).scalar_one())
