"""How loud check-ins are in a group: the card of the day, and answers by word or by reaction."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Connection,
    Date,
    ForeignKey,
    Integer,
    String,
    Table,
    bindparam,
    select,
    update,
)
from sqlalchemy.dialects import postgresql

from storage.database import metadata
from storage.statements import Prepared

table = Table(
    "checkin_cards",
    metadata,
    Column("chat", Integer, ForeignKey("chats.id"), primary_key=True, autoincrement=False),
    Column("community", Integer, nullable=False, index=True),
    Column("loud", String(16), nullable=False),
    Column("on", Boolean, nullable=False),
    Column("day", Date),
    Column("message", BigInteger),
    Column("shown", Integer, nullable=False, server_default="0"),
    Column("edited", BigInteger, nullable=False, server_default="0"),
)


class Loud(StrEnum):
    """How a typed check-in is answered in a group."""

    REPLY = "reply"
    REACTION = "reaction"


@dataclass(frozen=True, slots=True)
class Card:
    """A group's card: ``message`` is Telegram's number of the pinned one, made for ``day``;
    ``shown`` is the count that it tells since ``edited`` (microseconds UTC)."""

    chat: int
    loud: Loud
    on: bool
    day: date | None
    message: int | None
    shown: int
    edited: int


_CARD = select(
    table.c.chat,
    table.c.loud,
    table.c.on,
    table.c.day,
    table.c.message,
    table.c.shown,
    table.c.edited,
)
_OF_CHAT = Prepared(_CARD.where(table.c.chat == bindparam("chat")))
_ON = Prepared(
    select(table.c.chat).where(table.c.community == bindparam("community"), table.c.on.is_(True))
)


def of_chat(db: Connection, chat: int) -> Card | None:
    """The settings and the card of a group; None where nobody has set any."""
    row = _OF_CHAT.first(db, chat=chat)
    if row is None:
        return None
    number, loud, on, day, message, shown, edited = row
    return Card(number, Loud(loud), on, day, message, shown, edited)


def on_in(db: Connection, community: int) -> list[int]:
    """Our numbers of the groups of a community that have a card."""
    return [int(row[0]) for row in _ON.rows(db, community=community)]


def settle(db: Connection, community: int, chat: int, *, on: bool, loud: Loud) -> None:
    """Set whether a group has a card and how typed check-ins are answered there."""
    values = {"community": community, "on": on, "loud": loud.value}
    fresh = postgresql.insert(table).values(chat=chat, **values)
    db.execute(fresh.on_conflict_do_update(index_elements=["chat"], set_=values))


def begin(db: Connection, chat: int, day: date, shown: int, now: int) -> None:
    """A new card is on its way; ``pinned`` tells its number once Telegram has given one."""
    values = {"day": day, "message": None, "shown": shown, "edited": now}
    db.execute(update(table).where(table.c.chat == chat).values(**values))


def pinned(db: Connection, chat: int, day: date, message: int) -> None:
    db.execute(
        update(table).where(table.c.chat == chat, table.c.day == day).values(message=message)
    )


def count_shown(db: Connection, chat: int, shown: int, now: int) -> None:
    db.execute(update(table).where(table.c.chat == chat).values(shown=shown, edited=now))
