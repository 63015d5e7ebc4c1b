"""Check-ins: the log of marked days, each fan's life beside it, and the boards that rank them.

The primary key keeps the promise of at most one mark per community, fan and local day. What is
kept beside the log (the life in ``memberships``, the tallies) changes in the same transaction, so
that no rank and no streak is ever counted by walking over rows; ``log`` gives what everything can
be counted anew from.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Date,
    Index,
    Integer,
    SmallInteger,
    String,
    Table,
    bindparam,
    func,
    insert,
    select,
    update,
)
from sqlalchemy.dialects import postgresql

from storage import fans
from storage.database import metadata
from storage.records import Life, Mark, Marked
from storage.statements import Prepared, driver

table = Table(
    "checkins",
    metadata,
    Column("community", Integer, primary_key=True),
    Column("fan", BigInteger, primary_key=True, autoincrement=False),
    Column("day", Date, primary_key=True),
    Column("mark", SmallInteger, nullable=False),
    Column("made_on", Date, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("place", Integer),
    Index("ix_checkins_community_day_place", "community", "day", "place"),
)

# How many fans stand at each score of a board: what a rank is read from.
tallies = Table(
    "tallies",
    metadata,
    Column("community", Integer, primary_key=True),
    Column("board", String(16), primary_key=True),
    Column("days", Integer, primary_key=True, autoincrement=False),
    Column("streak", Integer, primary_key=True, autoincrement=False),
    Column("count", Integer, nullable=False),
)

zones_left = Table(
    "zones_left",
    metadata,
    Column("community", Integer, primary_key=True),
    Column("fan", BigInteger, primary_key=True, autoincrement=False),
    Column("zone", String(64), primary_key=True),
    Column("until", BigInteger, nullable=False),
)

ALL: Final = "all"
FINE: Final = "+"  # behind a board's name: not by days alone, but by days and streak
_m = fans.memberships.c


# ---------------------------------------------------------------- one fan's life

_LIFE = Prepared(
    select(
        _m.checked_in,
        _m.earliness,
        _m.streak,
        _m.best,
        _m.days,
        _m.freezes,
        _m.week_days,
        _m.checked_zone,
    ).where(_m.community == bindparam("community"), _m.fan == bindparam("fan"))
)
_ADD = Prepared(insert(table), ("community", "fan", "day", "mark", "made_on", "at", "place"))
_KEEP = Prepared(
    update(fans.memberships)
    .where(_m.community == bindparam("of_community"), _m.fan == bindparam("of_fan"))
    .values(
        checked_in=bindparam("new_last"),
        earliness=bindparam("new_earliness"),
        streak=bindparam("new_streak"),
        best=bindparam("new_best"),
        days=bindparam("new_days"),
        freezes=bindparam("new_freezes"),
        week=bindparam("new_week"),
        week_days=bindparam("new_week_days"),
        checked_zone=bindparam("new_zone"),
    )
)
_fresh_tally = postgresql.insert(tallies)
_PLACE = Prepared(
    _fresh_tally.on_conflict_do_update(
        index_elements=["community", "board", "days", "streak"],
        set_={"count": tallies.c.count + 1},
    ).returning(tallies.c.count),
    ("community", "board", "days", "streak", "count"),
)


def life(db: Connection, community: int, fan: int) -> Life:
    """A fan's check-ins so far; a fresh life for who never checked in."""
    row = _LIFE.first(db, community=community, fan=fan)
    if row is None or row[0] is None:
        return Life()
    last, earliness, streak, best, days, freezes, week_days, zone = row
    return Life(last, -earliness, streak, best, days, freezes, week_days, zone or "")


def credit(
    db: Connection, community: int, fan: int, before: Life, after: Life, marks: Iterable[Marked]
) -> int:
    """Write a check-in's marks and keep what stands beside them; gives the fan's place among
    those who checked in on that day, from 1.

    Raises IntegrityError for a day that was marked before.
    """
    assert after.last is not None
    board = str(after.last)
    place: int = _PLACE.value(db, community=community, board=board, days=0, streak=0, count=1)
    _write(db, community, fan, marks, place)
    _keep(db, community, fan, before, after)
    return place


def amend(
    db: Connection, community: int, fan: int, before: Life, after: Life, marks: Iterable[Marked]
) -> None:
    """Write marks for days gone by (made up): nobody's place of those days changes."""
    _write(db, community, fan, marks, None)
    _keep(db, community, fan, before, after)


def _write(
    db: Connection, community: int, fan: int, marks: Iterable[Marked], place: int | None
) -> None:
    for each in marks:
        _ADD.run(
            db,
            community=community,
            fan=fan,
            day=each.day,
            mark=int(each.mark),
            made_on=each.made_on,
            at=each.at,
            place=place if each.mark is Mark.CHECKED else None,
        )


def _keep(db: Connection, community: int, fan: int, before: Life, after: Life) -> None:
    _KEEP.run(
        db,
        of_community=community,
        of_fan=fan,
        new_last=after.last,
        new_earliness=-after.at,
        new_streak=after.streak,
        new_best=after.best,
        new_days=after.days,
        new_freezes=after.freezes,
        new_week=after.week,
        new_week_days=after.week_days,
        new_zone=after.zone,
    )
    _tally(db, community, before, after)


def log(db: Connection, community: int, fan: int) -> list[Marked]:
    """Every marked day in order: what the life can always be counted anew from."""
    query = select(table.c.day, table.c.mark, table.c.made_on, table.c.at).where(
        table.c.community == community, table.c.fan == fan
    )
    return [
        Marked(r.day, Mark(r.mark), r.made_on, r.at)
        for r in db.execute(query.order_by(table.c.day))
    ]


def marks_between(
    db: Connection, community: int, fan: int, first: date, last: date
) -> dict[date, Mark]:
    """How the days from *first* to *last* count."""
    query = select(table.c.day, table.c.mark).where(
        table.c.community == community, table.c.fan == fan, table.c.day.between(first, last)
    )
    return {r.day: Mark(r.mark) for r in db.execute(query)}


def first_day(db: Connection, community: int, fan: int) -> date | None:
    """The day of the fan's first check-in."""
    query = select(func.min(table.c.day)).where(table.c.community == community, table.c.fan == fan)
    value: date | None = db.execute(query).scalar()
    return value


def days(db: Connection, community: int, fan: int) -> list[date]:
    """Every day on which the fan checked in, in order."""
    query = select(table.c.day).where(
        table.c.community == community, table.c.fan == fan, table.c.mark == int(Mark.CHECKED)
    )
    return list(db.execute(query.order_by(table.c.day)).scalars())


# ---------------------------------------------------------------- zones

_zone_row = postgresql.insert(zones_left)
_LEAVE = Prepared(
    _zone_row.on_conflict_do_update(
        index_elements=["community", "fan", "zone"], set_={"until": _zone_row.excluded.until}
    ),
    ("community", "fan", "zone", "until"),
)


def leave_zone(db: Connection, community: int, fan: int, zone: str, at: int) -> None:
    """Remember that a fan used *zone* until now: a day counts as missed only if it was missed
    there too. Call it wherever a fan's zone changes."""
    _LEAVE.run(db, community=community, fan=fan, zone=zone, until=at)


def zones_since(db: Connection, community: int, fan: int, since: int) -> list[str]:
    """The zones that a fan left at *since* or later."""
    z = zones_left.c
    query = select(z.zone).where(z.community == community, z.fan == fan, z.until >= since)
    return list(db.execute(query.order_by(z.zone)).scalars())


# ---------------------------------------------------------------- boards


@dataclass(frozen=True, slots=True)
class Standing:
    """One line of a board; ``place`` starts at 1 and is shared by those who are level."""

    place: int
    fan: int
    name: str
    days: int
    streak: int


def _tally(db: Connection, community: int, before: Life, after: Life) -> None:
    """Move a fan from one score to the other on every board, in one go and in a fixed order."""
    moves: dict[tuple[str, int, int], int] = {}
    for kept, by in ((before, -1), (after, 1)):
        if kept.week is None:
            continue
        scores = [(ALL, kept.days)]
        if kept.week == after.week:  # a week gone by stays as it ended
            scores.append((week_board(kept.week), kept.week_days))
        for board, score in scores:
            for line in ((board, score, 0), (board + FINE, score, kept.streak)):
                moves[line] = moves.get(line, 0) + by
    _move(db, [(community, *score, by) for score, by in sorted(moves.items()) if by])


def week_board(week: date) -> str:
    return f"w{week}"


_INTO = 'INSERT INTO tallies (community, board, days, streak, "count")'
_ADD_UP = (
    "ON CONFLICT (community, board, days, streak) "
    'DO UPDATE SET "count" = tallies."count" + excluded."count"'
)


def _move(db: Connection, rows: Sequence[tuple[int, str, int, int, int]]) -> None:
    """One statement on either engine: a check-in must not pay for six."""
    if db.dialect.name == "sqlite":
        driver(db).executemany(f"{_INTO} VALUES (?, ?, ?, ?, ?) {_ADD_UP}", rows)
        return
    arrays = "$1::int[], $2::text[], $3::int[], $4::int[], $5::int[]"
    columns = tuple(list(column) for column in zip(*rows, strict=True))
    db.exec_driver_sql(f"{_INTO} SELECT * FROM unnest({arrays}) {_ADD_UP}", columns)


def count(db: Connection, community: int, day: date) -> int:
    """How many checked in on a day."""
    t = tallies.c
    query = select(t.count).where(
        t.community == community, t.board == str(day), t.days == 0, t.streak == 0
    )
    return int(db.execute(query).scalar() or 0)


def first_today(db: Connection, community: int, day: date, most: int) -> list[Standing]:
    """Who came first on a day."""
    query = (
        select(table.c.place, table.c.fan, fans.table.c.name, _m.days, _m.streak)
        .select_from(
            table.join(fans.table, fans.table.c.id == table.c.fan).join(
                fans.memberships, (_m.community == table.c.community) & (_m.fan == table.c.fan)
            )
        )
        .where(table.c.community == community, table.c.day == day, table.c.place.is_not(None))
        .order_by(table.c.place)
        .limit(most)
    )
    return [Standing(*row) for row in db.execute(query)]


def place_today(db: Connection, community: int, fan: int, day: date) -> int | None:
    """The fan's place among those who checked in on a day; None who did not."""
    query = select(table.c.place).where(
        table.c.community == community, table.c.fan == fan, table.c.day == day
    )
    value: int | None = db.execute(query).scalar()
    return value


def best_of_week(db: Connection, community: int, week: date, most: int) -> list[Standing]:
    """Most days in the week that begins on *week*; then the longer row, then who was earlier."""
    query = (
        select(_m.fan, fans.table.c.name, _m.week_days, _m.streak)
        .join(fans.table, fans.table.c.id == _m.fan)
        .where(_m.community == community, _m.week == week)
        .order_by(_m.week_days.desc(), _m.streak.desc(), _m.earliness.desc())
        .limit(most)
    )
    return _ranked([tuple(row) for row in db.execute(query)])


def best_of_all(db: Connection, community: int, most: int) -> list[Standing]:
    """Most days ever; then the longer row, then who was earlier."""
    query = (
        select(_m.fan, fans.table.c.name, _m.days, _m.streak)
        .join(fans.table, fans.table.c.id == _m.fan)
        .where(_m.community == community, _m.days > 0)
        .order_by(_m.days.desc(), _m.streak.desc(), _m.earliness.desc())
        .limit(most)
    )
    return _ranked([tuple(row) for row in db.execute(query)])


_t = tallies.c
_TOTAL = select(func.coalesce(func.sum(_t.count), 0)).where(
    _t.community == bindparam("community", type_=Integer)
)
_MORE = _TOTAL.where(
    _t.board == bindparam("coarse", type_=String), _t.days > bindparam("days", type_=Integer)
).scalar_subquery()
_LONGER = _TOTAL.where(
    _t.board == bindparam("fine", type_=String),
    _t.days == bindparam("days", type_=Integer),
    _t.streak > bindparam("streak", type_=Integer),
).scalar_subquery()
_AHEAD = Prepared(select((_MORE + _LONGER).label("ahead")))


def _ranked(rows: Sequence[tuple[int, str, int, int]]) -> list[Standing]:
    standings: list[Standing] = []
    for n, (fan, name, day_count, streak) in enumerate(rows, 1):
        level = standings[-1] if standings else None
        same = level is not None and (level.days, level.streak) == (day_count, streak)
        place = level.place if level is not None and same else n
        standings.append(Standing(place, fan, name, day_count, streak))
    return standings


def rank_of_week(db: Connection, community: int, kept: Life) -> int:
    """The place of a fan in the week of their last check-in: behind those with more days, and
    those of as many with a longer row."""
    assert kept.week is not None
    return _rank(db, community, week_board(kept.week), kept.week_days, kept.streak)


def rank_of_all(db: Connection, community: int, kept: Life) -> int:
    """The place of a fan among all, in the same way."""
    return _rank(db, community, ALL, kept.days, kept.streak)


def _rank(db: Connection, community: int, board: str, days: int, streak: int) -> int:
    ahead: int = _AHEAD.value(
        db, community=community, coarse=board, fine=board + FINE, days=days, streak=streak
    )
    return 1 + ahead
