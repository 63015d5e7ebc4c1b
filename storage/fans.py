"""Fans, once per person, and their membership in a community.

``fans.id`` is our own number; Telegram's id and the names stand only here, so that "forget me"
is one row.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Date,
    ForeignKey,
    Index,
    Integer,
    SmallInteger,
    String,
    Table,
    Text,
    bindparam,
    insert,
    select,
    update,
)

from storage.database import metadata
from storage.records import Community, Fan, FanSeen, Level, Reach
from storage.statements import Prepared

table = Table(
    "fans",
    metadata,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    Column("telegram_id", BigInteger, unique=True),
    Column("name", Text, nullable=False),
    Column("username", String(64), nullable=False),
    Column("language", String(16), nullable=False),
    Column("first_seen", BigInteger, nullable=False),
)

memberships = Table(
    "memberships",
    metadata,
    Column("community", Integer, ForeignKey("communities.id"), primary_key=True),
    Column("fan", BigInteger, ForeignKey("fans.id"), primary_key=True, autoincrement=False),
    Column("joined", BigInteger, nullable=False),
    Column("reach", String(16), nullable=False),
    Column("zone", String(64)),
    Column("locale", String(16)),
    Column("streak", Integer, nullable=False, server_default="0"),
    Column("checked_in", Date),
    Column("days", Integer, nullable=False, server_default="0"),
    Column("best", Integer, nullable=False, server_default="0"),
    Column("freezes", SmallInteger, nullable=False, server_default="0"),
    Column("week", Date),
    Column("week_days", SmallInteger, nullable=False, server_default="0"),
    # The last check-in's instant below zero, so that one index read backwards is the board.
    Column("earliness", BigInteger, nullable=False, server_default="0"),
    Column("checked_zone", String(64)),
    Column("level", String(16), nullable=False, server_default=Level.VISITOR.value),
    Column("level_until", BigInteger),  # when it ends by itself
    Index("ix_memberships_level_until", "level_until"),
    Index("ix_memberships_days", "community", "days", "streak", "earliness"),
    Index("ix_memberships_week", "community", "week", "week_days", "streak", "earliness"),
)


_NUMBER = Prepared(select(table.c.id).where(table.c.telegram_id == bindparam("telegram_id")))
_RENEW = Prepared(
    update(table)
    .where(table.c.id == bindparam("fan"))
    .values(
        name=bindparam("their_name"),
        username=bindparam("their_username"),
        language=bindparam("their_language"),
    )
)
_MEET = Prepared(
    insert(table).returning(table.c.id),
    ("telegram_id", "name", "username", "language", "first_seen"),
)
_REMEMBER = Prepared(
    select(
        table.c.name,
        table.c.language,
        memberships.c.fan,
        memberships.c.zone,
        memberships.c.locale,
        memberships.c.reach,
    )
    .select_from(
        table.outerjoin(
            memberships,
            (memberships.c.fan == table.c.id) & (memberships.c.community == bindparam("community")),
        )
    )
    .where(table.c.id == bindparam("fan"))
)
_JOIN = Prepared(insert(memberships), ("community", "fan", "joined", "reach"))


def number_of(db: Connection, telegram_id: int) -> int | None:
    """Our own number of a Telegram user, if he was ever seen."""
    number: int | None = _NUMBER.value(db, telegram_id=telegram_id)
    return number


def meet(db: Connection, seen: FanSeen, at: int) -> int:
    """Our own number of a person, made or renewed."""
    known = number_of(db, seen.telegram_id)
    if known is not None:
        _RENEW.run(
            db,
            fan=known,
            their_name=seen.name,
            their_username=seen.username,
            their_language=seen.language,
        )
        return known
    return int(
        _MEET.value(
            db,
            telegram_id=seen.telegram_id,
            name=seen.name,
            username=seen.username,
            language=seen.language,
            first_seen=at,
        )
    )


def remember(db: Connection, community: Community, fan: int, at: int) -> Fan:
    """The fan as this community knows them; the first act makes the membership.

    ``locale`` is the fan's choice, else Telegram's language code as it is, else the community's.
    """
    row = _REMEMBER.one(db, community=community.id, fan=fan)
    name, language, member, zone, locale, reach = row
    if member is None:
        reach = Reach.NEVER_STARTED.value
        _JOIN.run(db, community=community.id, fan=fan, joined=at, reach=reach)
    return Fan(
        id=fan,
        name=name,
        locale=locale or language or community.locale,
        zone=zone or community.zone,
        reach=Reach(reach),
    )


def set_reach(db: Connection, community: int, fan: int, reach: Reach) -> None:
    """Both roads to "cannot be written to" (403 and my_chat_member) end here."""
    db.execute(
        update(memberships)
        .where(memberships.c.community == community, memberships.c.fan == fan)
        .values(reach=reach.value, level_until=0)  # the level may follow (storage.levels)
    )


def reach_of(db: Connection, community: int, fan: int) -> Reach:
    """Whether a private letter can arrive, as far as we heard."""
    query = select(memberships.c.reach).where(
        memberships.c.community == community, memberships.c.fan == fan
    )
    value = db.execute(query).scalar()
    return Reach(value) if value else Reach.NEVER_STARTED


def joined(db: Connection, community: int, fan: int) -> int:
    """When a community first saw a fan, microseconds UTC: of a member, their membership's first
    moment."""
    query = select(memberships.c.joined).where(
        memberships.c.community == community, memberships.c.fan == fan
    )
    return int(db.execute(query).scalar_one())


def zone_of(db: Connection, community: int, fan: int) -> str | None:
    """The zone that a fan has chosen."""
    query = select(memberships.c.zone).where(
        memberships.c.community == community, memberships.c.fan == fan
    )
    value: str | None = db.execute(query).scalar()
    return value


def set_zone(db: Connection, community: int, fan: int, zone: str) -> None:
    """The clock that rules the fan's day from now on; whoever calls tells storage.checkins which
    one they left."""
    db.execute(
        update(memberships)
        .where(memberships.c.community == community, memberships.c.fan == fan)
        .values(zone=zone)
    )


def set_locale(db: Connection, community: int, fan: int, locale: str) -> None:
    db.execute(
        update(memberships)
        .where(memberships.c.community == community, memberships.c.fan == fan)
        .values(locale=locale)
    )
