"""How somebody came to us first: what led them here, kept for ever, and what they said first."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Connection, Integer, String, Table, select
from sqlalchemy.dialects import postgresql

from storage import communities, interactions
from storage.database import metadata
from storage.records import Class, Kind, Touch

table = Table(
    "first_touches",
    metadata,
    Column("community", Integer, primary_key=True, autoincrement=False),
    Column("fan", BigInteger, primary_key=True, autoincrement=False),
    Column("at", BigInteger, nullable=False),
    Column("by", String(16), nullable=False),
    Column("what", String(256), nullable=False),
)

LONGEST = 256
SPOKEN = (int(Kind.MESSAGE), int(Kind.REPLY))


def note(db: Connection, community: int, fan: int, touch: Touch) -> bool:
    """Keep what led somebody here; only the first of it, so that False is the usual answer."""
    row = {"by": touch.by, "what": touch.what[:LONGEST], "at": touch.at}
    statement = postgresql.insert(table).values(community=community, fan=fan, **row)
    return bool(db.execute(statement.on_conflict_do_nothing()).rowcount)


def first(db: Connection, community: int, fan: int) -> Touch | None:
    """What led them here, where we know."""
    query = select(table.c.by, table.c.what, table.c.at).where(
        table.c.community == community, table.c.fan == fan
    )
    row = db.execute(query).first()
    return Touch(row.by, row.what, row.at) if row is not None else None


def first_words(db: Connection, community: int, fan: int, most: int = 200) -> str:
    """The first words of theirs that are still kept, no commands; "" where there are none among
    their first *most* acts."""
    log = interactions.table.c
    faces = select(communities.bots.c.id).where(communities.bots.c.community == community)
    earliest = (
        select(log.kind, log.text)
        .where(log.fan == fan, log.bot.in_(faces), log["class"] == int(Class.VOLUNTARY))
        .order_by(log.at)
        .limit(most)
        .subquery()
    )
    query = select(earliest.c.text).where(
        earliest.c.kind.in_(SPOKEN), earliest.c.text.is_not(None), earliest.c.text != ""
    )
    return str(db.execute(query.limit(1)).scalar() or "")
