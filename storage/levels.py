"""How near fans have come: six levels (KPI.md, 5), decided by what happened and kept beside it.

The log is read behind a bookmark, so that chatter pays nothing for it; what is kept is at any time
what a count from the beginning would give (``rebuild``). A level that ends by itself, because
nothing happened for so long, is looked at again when that time has come.
"""

from __future__ import annotations

from sqlalchemy import Connection, select, update
from sqlalchemy.dialects import postgresql

from storage import communities, fans, interactions, ledger, marks
from storage.records import Class, Evidence, Kind, Level, Reach, level_of

BOOKMARK = "levels"
ANSWERED_WITHIN = 14 * 24 * 3600 * 1_000_000
GIFTS = 5  # the newest gifts that are looked at

_m = fans.memberships.c


def of(db: Connection, community: int, fan: int, now: int) -> Level:
    """A fan's level at this moment, from the log itself."""
    return level_of(evidence(db, community, fan), now)[0]


def kept(db: Connection, community: int, fan: int) -> Level:
    """The level as it is kept; up to an hour behind."""
    query = select(_m.level).where(_m.community == community, _m.fan == fan)
    return Level(db.execute(query).scalar() or Level.VISITOR)


def evidence(db: Connection, community: int, fan: int) -> Evidence:
    """What a fan's level follows from."""
    log = interactions.table.c
    faces = select(communities.bots.c.id).where(communities.bots.c.community == community)
    mine = (log.fan == fan, log.bot.in_(faces))

    def last(*what: object) -> int | None:
        query = select(log.at).where(*mine, *what)  # type: ignore[arg-type]  # clauses
        value: int | None = db.execute(query.order_by(log.at.desc()).limit(1)).scalar()
        return value

    boost = db.execute(
        select(log.kind)
        .where(*mine, log.kind.in_((int(Kind.BOOST), int(Kind.UNBOOST))))
        .order_by(log.at.desc(), log.id.desc())
        .limit(1)
    ).scalar()
    return Evidence(
        acted=last(log["class"] == int(Class.VOLUNTARY)),
        open=fans.reach_of(db, community, fan) is Reach.OPEN,
        befriended=_befriended(db, community, fan),
        dealt=last(log.kind == int(Kind.PAYMENT), log["class"] == int(Class.PASSIVE)),
        boosts=boost == int(Kind.BOOST),
    )


def _befriended(db: Connection, community: int, fan: int) -> int | None:
    """When the fan last answered to something that a person gave them."""
    log, t, e, a = (
        interactions.table.c,
        ledger.transactions.c,
        ledger.entries.c,
        ledger.accounts.c,
    )
    given = (
        select(t.at)
        .select_from(
            ledger.transactions.join(ledger.entries, e.transaction == t.id).join(
                ledger.accounts, a.id == e.account
            )
        )
        .where(a.community == community, a.fan == fan, a.kind == ledger.Account.FAN.value)
        .where(t.reason == ledger.Reason.GIVEN.value, e.amount > 0)
        .order_by(t.at.desc())
        .limit(GIFTS)
    )
    for at in db.execute(given).scalars().all():
        answer: int | None = db.execute(
            select(log.at)
            .where(log.fan == fan, log.at > at, log.at <= at + ANSWERED_WITHIN)
            .where(log["class"] == int(Class.VOLUNTARY))
            .order_by(log.at)
            .limit(1)
        ).scalar()
        if answer is not None:
            return answer
    return None


def keep_up(db: Connection, now: int, most: int = 500) -> bool:
    """Bring the kept levels up to the log's next *most* rows and to the time; True while there may
    be more."""
    log, bots = interactions.table.c, communities.bots.c
    passed = int(marks.read(db, BOOKMARK) or 0)
    rows = db.execute(
        select(log.id, bots.community, log.fan, log.at)
        .select_from(interactions.table.join(communities.bots, bots.id == log.bot))
        .where(log.id > passed)
        .order_by(log.id)
        .limit(most)
    ).all()
    met = {(row.community, row.fan): row.at for row in reversed(rows) if row.fan is not None}
    for (community, fan), at in sorted(met.items()):
        _join(db, community, fan, at)
    ending = db.execute(select(_m.community, _m.fan).where(_m.level_until <= now).limit(most)).all()
    for community, fan in sorted({*met, *((row.community, row.fan) for row in ending)}):
        _keep(db, community, fan, now)
    if rows:
        marks.write(db, BOOKMARK, str(rows[-1].id))
    return len(rows) == most or len(ending) == most


def behind(db: Connection) -> dict[tuple[int, int], Level]:
    """The levels, as of the log's last row, of those whose news is not yet in what is kept."""
    log, bots = interactions.table.c, communities.bots.c
    passed = int(marks.read(db, BOOKMARK) or 0)
    now: int = db.execute(select(log.at).order_by(log.id.desc()).limit(1)).scalar() or 0
    news = (
        select(bots.community, log.fan)
        .select_from(interactions.table.join(communities.bots, bots.id == log.bot))
        .where(log.id > passed, log.fan.is_not(None))
        .distinct()
    )
    ending = select(_m.community, _m.fan).where(_m.level_until <= now)
    found = {(row[0], row[1]) for query in (news, ending) for row in db.execute(query)}
    return {one: of(db, *one, now) for one in found}


def rebuild(db: Connection, now: int) -> int:
    """Count all levels anew; says how many were kept wrong, which should be none but those of
    fans whose news the bookmark has not reached."""
    members = db.execute(select(_m.community, _m.fan)).all()
    return sum(_keep(db, row.community, row.fan, now) for row in members)


def _join(db: Connection, community: int, fan: int, at: int) -> None:
    """Who was only ever heard in a group has a place in the community as well."""
    row = {"community": community, "fan": fan, "joined": at, "reach": Reach.NEVER_STARTED.value}
    db.execute(postgresql.insert(fans.memberships).values(**row).on_conflict_do_nothing())


def _keep(db: Connection, community: int, fan: int, now: int) -> bool:
    """Note the level as it is now; True when another one was kept."""
    level, until = level_of(evidence(db, community, fan), now)
    before = kept(db, community, fan)
    db.execute(
        update(fans.memberships)
        .where(_m.community == community, _m.fan == fan)
        .values(level=level.value, level_until=until)
    )
    return before is not level
