"""Fans as a list for people: who they are, how far they came, what they own."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sqlalchemy import Connection, exists, func, or_, select

from storage import communities, fans, interactions, ledger, levels
from storage.records import Level, moment


def exported(db: Connection) -> Iterator[dict[str, Any]]:
    """Each fan of each community once, by the order of first sight.

    ``streak`` is the one that the last check-in ended.
    """
    log, m = interactions.table, fans.memberships
    bots, names = communities.bots, communities.communities
    lives = (
        select(
            bots.c.community,
            log.c.fan,
            func.min(log.c.at).label("first"),
            func.max(log.c.at).label("last"),
        )
        .select_from(log.join(bots, bots.c.id == log.c.bot))
        .where(log.c.fan.is_not(None))
        .group_by(bots.c.community, log.c.fan)
        .subquery()
    )
    purses = (
        select(
            ledger.accounts.c.community,
            ledger.accounts.c.fan,
            func.sum(ledger.entries.c.amount).label("points"),
        )
        .select_from(
            ledger.entries.join(ledger.accounts, ledger.accounts.c.id == ledger.entries.c.account)
        )
        .where(ledger.accounts.c.kind == "fan")
        .group_by(ledger.accounts.c.community, ledger.accounts.c.fan)
        .subquery()
    )
    query = (
        select(
            fans.table.c.id,
            names.c.id.label("number"),
            fans.table.c.telegram_id.label("fan_id"),
            fans.table.c.name,
            fans.table.c.username,
            m.c.level,
            m.c.streak,
            lives.c.first,
            lives.c.last,
            purses.c.points,
            names.c.name.label("community"),
        )
        .select_from(
            lives.join(fans.table, fans.table.c.id == lives.c.fan)
            .join(names, names.c.id == lives.c.community)
            .outerjoin(m, (m.c.fan == lives.c.fan) & (m.c.community == lives.c.community))
            .outerjoin(
                purses,
                (purses.c.fan == lives.c.fan) & (purses.c.community == lives.c.community),
            )
        )
        .order_by(fans.table.c.id, names.c.id)
    )
    news = levels.behind(db)
    for r in db.execute(query.execution_options(yield_per=1000)):
        yield {
            "fan_id": r.fan_id,
            "name": r.name,
            "username": r.username,
            "level": str(news.get((r.number, r.id), r.level or Level.VISITOR)),
            "points": int(r.points or 0),
            "streak": r.streak or 0,
            "first_seen": moment(r.first).isoformat(),
            "last_seen": moment(r.last).isoformat(),
            "community": r.community,
        }


def named(db: Connection, community: int, username: str) -> int | None:
    """The one fan of a community, or who was only heard in its groups, who goes by a username as
    far as we know; None where that is nobody, or two of whom one has given the name away since."""
    m, log, bots = fans.memberships, interactions.table, communities.bots
    member = exists().where(m.c.fan == fans.table.c.id, m.c.community == community)
    heard = (
        select(log.c.id)
        .join(bots, bots.c.id == log.c.bot)
        .where(log.c.fan == fans.table.c.id, bots.c.community == community)
        .exists()
    )
    query = (
        select(fans.table.c.id)
        .where(func.lower(fans.table.c.username) == username.lower(), or_(member, heard))
        .limit(2)
    )
    found = list(db.execute(query).scalars())
    return found[0] if len(found) == 1 else None
