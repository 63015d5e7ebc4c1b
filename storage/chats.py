"""Chats: groups, channels and private doors, each as one bot sees it.

``chats.id`` is our own number; Telegram's id of a group stands only here, and a private chat has
none of its own (its address is the fan's), so that a migration or an erasure changes one row.
"""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Connection,
    ForeignKey,
    Integer,
    SmallInteger,
    String,
    Table,
    Text,
    UniqueConstraint,
    bindparam,
    func,
    insert,
    select,
    update,
)

from storage import fans
from storage.database import metadata
from storage.records import ChatKind, ChatSeen, Place, Purpose, Standing
from storage.statements import Prepared

table = Table(
    "chats",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("bot", SmallInteger, ForeignKey("bots.id"), nullable=False),
    Column("telegram_id", BigInteger),
    Column("fan", BigInteger, ForeignKey("fans.id")),
    Column("kind", String(16), nullable=False),
    Column("title", Text, nullable=False),
    Column("username", String(64), nullable=False),
    Column("standing", String(16), nullable=False),
    Column("told_deaf", Boolean, nullable=False, server_default="0"),
    Column("purpose", String(16), nullable=False, server_default=""),
    Column("rights", Text, nullable=False, server_default=""),
    UniqueConstraint("bot", "telegram_id"),
    UniqueConstraint("bot", "fan"),
)

_PLACE = select(
    table.c.id,
    table.c.kind,
    table.c.title,
    table.c.standing,
    table.c.purpose,
    table.c.rights,
)

_PLACE_OF = Prepared(_PLACE.where(table.c.id == bindparam("chat")))
_DOOR_OF = Prepared(
    select(table.c.id).where(table.c.bot == bindparam("bot"), table.c.fan == bindparam("fan"))
)


def place(db: Connection, chat: int) -> Place:
    return _placed(*_PLACE_OF.one(db, chat=chat))


def _placed(number: int, kind: str, title: str, standing: str, purpose: str, rights: str) -> Place:
    known = frozenset(rights.split()) if rights else frozenset()
    return Place(number, ChatKind(kind), title, Standing(standing), Purpose(purpose), known)


def place_of(db: Connection, bot: int, chat: int) -> Place | None:
    """A group or channel of this bot's; None for another's, whatever number was asked for."""
    query = _PLACE.where(
        table.c.id == chat, table.c.bot == bot, table.c.kind != ChatKind.PRIVATE.value
    )
    row = db.execute(query).first()
    return _placed(*row) if row is not None else None


def enter(db: Connection, bot: int, seen: ChatSeen) -> int:
    """Our own number of a group or channel, made or renewed."""
    query = select(table.c.id).where(table.c.bot == bot, table.c.telegram_id == seen.telegram_id)
    known: int | None = db.execute(query).scalar()
    values = {"kind": seen.kind.value, "title": seen.title, "username": seen.username}
    if known is not None:
        db.execute(update(table).where(table.c.id == known).values(**values))
        return known
    made = db.execute(
        insert(table).values(
            bot=bot,
            telegram_id=seen.telegram_id,
            standing=Standing.UNKNOWN.value,
            **values,
        )
    )
    (key,) = made.inserted_primary_key or (0,)
    return int(key)


def private_door(db: Connection, bot: int, fan: int) -> int:
    """Our own number of the private chat between a bot and a fan, made on first use."""
    known: int | None = _DOOR_OF.value(db, bot=bot, fan=fan)
    if known is not None:
        return known
    made = db.execute(
        insert(table).values(
            bot=bot,
            fan=fan,
            kind=ChatKind.PRIVATE.value,
            title="",
            username="",
            standing=Standing.UNKNOWN.value,
        )
    )
    (key,) = made.inserted_primary_key or (0,)
    return int(key)


ADDRESS = func.coalesce(table.c.telegram_id, fans.table.c.telegram_id)


def address(db: Connection, chat: int) -> int | None:
    """Telegram's id of a chat; None when the fan behind it was erased."""
    query = (
        select(ADDRESS)
        .select_from(table.outerjoin(fans.table, fans.table.c.id == table.c.fan))
        .where(table.c.id == chat)
    )
    value: int | None = db.execute(query).scalar()
    return value


def fan_behind(db: Connection, chat: int) -> int | None:
    """Our number of the fan whose private chat this is."""
    value: int | None = db.execute(select(table.c.fan).where(table.c.id == chat)).scalar()
    return value


def stand(db: Connection, chat: int, standing: Standing) -> None:
    """Remember the bot's own place in a chat."""
    db.execute(update(table).where(table.c.id == chat).values(standing=standing.value))


def told_deaf(db: Connection, chat: int) -> bool:
    """Whether the group was already told that the bot cannot hear it; remembers that it is now."""
    changed = db.execute(
        update(table).where(table.c.id == chat, table.c.told_deaf.is_(False)).values(told_deaf=True)
    )
    return not changed.rowcount


def migrate(db: Connection, bot: int, old: int, new: int) -> list[int]:
    """A group became the supergroup *new* (Telegram's ids): its one row changes, rows that point
    at it stay. Gives our number first, then those that no longer have an address (what waits for
    them must follow: ``outbox.follow``); nothing when the group was never seen.

    Telegram tells both sides, in any order, and a refused letter may have told us before either:
    so both ids may have a row. The elder is the group; the younger keeps its number for what
    already points at it but has no address.
    """
    query = (
        select(table.c.id)
        .where(table.c.bot == bot, table.c.telegram_id.in_((old, new)))
        .order_by(table.c.id)
    )
    known: list[int] = list(db.execute(query).scalars())
    if not known:
        return []
    number, *younger = known
    db.execute(
        update(table)
        .where(table.c.id.in_(younger))
        .values(telegram_id=None, standing=Standing.LEFT.value)
    )
    db.execute(
        update(table)
        .where(table.c.id == number)
        .values(telegram_id=new, kind=ChatKind.SUPERGROUP.value)
    )
    return known


def groups(db: Connection, bot: int) -> list[Place]:
    """The groups and channels that a bot has seen, in the order of first sight."""
    query = _PLACE.where(table.c.bot == bot, table.c.telegram_id.is_not(None))
    return [_placed(*row) for row in db.execute(query.order_by(table.c.id))]


def set_rights(db: Connection, chat: int, rights: Iterable[str]) -> None:
    """Remember what the bot may do in a chat, by Telegram's names."""
    db.execute(update(table).where(table.c.id == chat).values(rights=" ".join(sorted(rights))))


def set_purpose(db: Connection, bot: int, chat: int, purpose: Purpose) -> None:
    """Say what a chat is for. There may be many groups for fans; of each other kind there is one,
    and who had it before has none."""
    if purpose not in (Purpose.NONE, Purpose.FANS):
        db.execute(
            update(table)
            .where(table.c.bot == bot, table.c.purpose == purpose.value)
            .values(purpose=Purpose.NONE.value)
        )
    db.execute(
        update(table).where(table.c.bot == bot, table.c.id == chat).values(purpose=purpose.value)
    )


def with_purpose(db: Connection, bot: int, purpose: Purpose) -> list[Place]:
    """The chats of a bot that are for this, in the order of first sight."""
    return [one for one in groups(db, bot) if one.purpose is purpose]
