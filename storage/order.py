"""Order in the groups: warnings, mutes and bans, who came and was greeted, who knocked, what was
taken down.

Every row names its community, so that a number from a button is never enough to touch another's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Connection,
    Index,
    Integer,
    SmallInteger,
    String,
    Table,
    Text,
    func,
    insert,
    select,
    update,
)
from sqlalchemy.dialects import postgresql

from storage import fans
from storage.database import metadata

_ID = BigInteger().with_variant(Integer, "sqlite")

table = Table(
    "orders",
    metadata,
    Column("id", _ID, primary_key=True),
    Column("community", Integer, nullable=False),
    Column("chat", Integer, nullable=False),
    Column("fan", BigInteger, nullable=False),
    Column("by", BigInteger),
    Column("what", String(16), nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("until", BigInteger),
    Column("reason", Text, nullable=False),
    Column("state", String(16), nullable=False),
    Index("ix_orders_community_fan", "community", "fan"),
)

arrivals = Table(
    "arrivals",
    metadata,
    Column("chat", Integer, primary_key=True, autoincrement=False),
    Column("fan", BigInteger, primary_key=True, autoincrement=False),
    Column("at", BigInteger, nullable=False),
    Column("greeted", BigInteger, nullable=False, server_default="0"),
    Column("waits", Boolean, nullable=False, server_default="0"),
)

welcomes = Table(
    "welcomes",
    metadata,
    Column("chat", Integer, primary_key=True, autoincrement=False),
    Column("message", BigInteger, nullable=False),
)

gates = Table(
    "gates",
    metadata,
    Column("id", _ID, primary_key=True),
    Column("community", Integer, nullable=False),
    Column("chat", Integer, nullable=False),
    Column("fan", BigInteger, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("tries", SmallInteger, nullable=False, server_default="0"),
    Column("state", String(16), nullable=False),
    Column("answer", Text, nullable=False, server_default=""),
    Index("ix_gates_chat_fan", "chat", "fan"),
)

removals = Table(
    "removals",
    metadata,
    Column("id", _ID, primary_key=True),
    Column("community", Integer, nullable=False),
    Column("chat", Integer, nullable=False),
    Column("fan", BigInteger, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("why", String(16), nullable=False),
    Column("text", Text, nullable=False),
    Column("state", String(16), nullable=False),
)


# ---------------------------------------------------------------- warnings, mutes, bans


class What(StrEnum):
    WARN = "warn"
    MUTE = "mute"
    BAN = "ban"
    UNMUTE = "unmute"
    UNBAN = "unban"


class Stage(StrEnum):
    """ASKED until Telegram has answered, then DONE or REFUSED; LIFTED when it counts no more."""

    ASKED = "asked"
    DONE = "done"
    REFUSED = "refused"
    LIFTED = "lifted"


@dataclass(frozen=True, slots=True)
class Order:
    """One act of order; ``by`` is None for an anonymous admin; ``until`` (microseconds UTC) is
    None for ever."""

    id: int
    community: int
    chat: int
    fan: int
    by: int | None
    what: What
    at: int
    until: int | None
    reason: str
    stage: Stage


def give(
    db: Connection,
    community: int,
    chat: int,
    fan: int,
    by: int | None,
    what: What,
    at: int,
    *,
    until: int | None = None,
    reason: str = "",
    stage: Stage = Stage.ASKED,
) -> int:
    """Write down an order; gives its number."""
    made = db.execute(
        insert(table).values(
            community=community,
            chat=chat,
            fan=fan,
            by=by,
            what=what.value,
            at=at,
            until=until,
            reason=reason,
            state=stage.value,
        )
    )
    (key,) = made.inserted_primary_key or (0,)
    return int(key)


def of(db: Connection, community: int, number: int) -> Order | None:
    """An order of this community; None for another's."""
    query = select(table).where(table.c.id == number, table.c.community == community)
    row = db.execute(query).first()
    if row is None:
        return None
    return Order(
        row.id,
        row.community,
        row.chat,
        row.fan,
        row.by,
        What(row.what),
        row.at,
        row.until,
        row.reason,
        Stage(row.state),
    )


def settle(db: Connection, number: int, stage: Stage) -> None:
    db.execute(update(table).where(table.c.id == number).values(state=stage.value))


def warnings(db: Connection, community: int, fan: int) -> int:
    """How many warnings of a fan still count."""
    query = (
        select(func.count())
        .select_from(table)
        .where(
            table.c.community == community,
            table.c.fan == fan,
            table.c.what == What.WARN.value,
            table.c.state == Stage.DONE.value,
        )
    )
    return int(db.execute(query).scalar_one())


def lift_warnings(db: Connection, community: int, fan: int) -> None:
    """The slate is clean again."""
    db.execute(
        update(table)
        .where(
            table.c.community == community,
            table.c.fan == fan,
            table.c.what == What.WARN.value,
            table.c.state == Stage.DONE.value,
        )
        .values(state=Stage.LIFTED.value)
    )


# ---------------------------------------------------------------- who came


def arrive(db: Connection, chat: int, fan: int, at: int, *, again: int) -> bool:
    """Somebody joined; True when they are to be greeted: not again within *again* microseconds."""
    row = db.execute(
        select(arrivals.c.greeted).where(arrivals.c.chat == chat, arrivals.c.fan == fan)
    ).first()
    greets = row is None or not row.greeted or at - row.greeted >= again
    # Telegram tells of one coming twice (the change and the message): the second says nothing new.
    values = {"at": at, **({"greeted": at, "waits": True} if greets else {})}
    fresh = postgresql.insert(arrivals).values(chat=chat, fan=fan, **values)
    db.execute(fresh.on_conflict_do_update(index_elements=["chat", "fan"], set_=values))
    return greets


def leave(db: Connection, chat: int, fan: int) -> None:
    """Who has gone before the greeting is not greeted."""
    db.execute(
        update(arrivals).where(arrivals.c.chat == chat, arrivals.c.fan == fan).values(waits=False)
    )


def greet(db: Connection, chat: int) -> list[str]:
    """The names of those who wait for a greeting, in the order of their coming; none waits now."""
    query = (
        select(fans.table.c.name)
        .join(arrivals, arrivals.c.fan == fans.table.c.id)
        .where(arrivals.c.chat == chat, arrivals.c.waits.is_(True))
        .order_by(arrivals.c.at, arrivals.c.fan)
    )
    names = list(db.execute(query).scalars())
    db.execute(
        update(arrivals)
        .where(arrivals.c.chat == chat, arrivals.c.waits.is_(True))
        .values(waits=False)
    )
    return names


def joined(db: Connection, chat: int, fan: int) -> int | None:
    """When a fan last came into a group; None where we did not see it."""
    query = select(arrivals.c.at).where(arrivals.c.chat == chat, arrivals.c.fan == fan)
    value: int | None = db.execute(query).scalar()
    return value


def welcomed(db: Connection, chat: int, message: int | None) -> int | None:
    """Keep Telegram's number of the newest greeting; gives the one before, which it replaces."""
    before: int | None = db.execute(
        select(welcomes.c.message).where(welcomes.c.chat == chat)
    ).scalar()
    if message is not None:
        fresh = postgresql.insert(welcomes).values(chat=chat, message=message)
        db.execute(fresh.on_conflict_do_update(index_elements=["chat"], set_={"message": message}))
    return before


# ---------------------------------------------------------------- who knocks


class Knock(StrEnum):
    ASKED = "asked"
    PERSON = "person"
    LET_IN = "let_in"
    TURNED_AWAY = "turned_away"


@dataclass(frozen=True, slots=True)
class Gate:
    """One request to join; ``tries`` are wrong answers so far."""

    id: int
    chat: int
    fan: int
    at: int
    tries: int
    state: Knock


def knock(db: Connection, community: int, chat: int, fan: int, at: int) -> int:
    """Somebody asks to be let in; gives the number of the request."""
    made = db.execute(
        insert(gates).values(
            community=community, chat=chat, fan=fan, at=at, state=Knock.ASKED.value
        )
    )
    (key,) = made.inserted_primary_key or (0,)
    return int(key)


def gate(db: Connection, community: int, number: int) -> Gate | None:
    """A request of this community; None for another's."""
    query = select(gates).where(gates.c.id == number, gates.c.community == community)
    row = db.execute(query).first()
    if row is None:
        return None
    return Gate(row.id, row.chat, row.fan, row.at, row.tries, Knock(row.state))


def answer(db: Connection, number: int, state: Knock, *, tries: int, words: str = "") -> None:
    """What became of a request."""
    db.execute(
        update(gates)
        .where(gates.c.id == number)
        .values(state=state.value, tries=tries, answer=words)
    )


# ---------------------------------------------------------------- what was taken down


@dataclass(frozen=True, slots=True)
class Removal:
    """A message that the filter took down; ``text`` is all that is left of it."""

    id: int
    chat: int
    fan: int
    at: int
    why: str
    text: str
    restored: bool


def take_down(
    db: Connection, community: int, chat: int, fan: int, at: int, why: str, text: str
) -> int:
    made = db.execute(
        insert(removals).values(
            community=community, chat=chat, fan=fan, at=at, why=why, text=text, state="kept"
        )
    )
    (key,) = made.inserted_primary_key or (0,)
    return int(key)


def removal(db: Connection, community: int, number: int) -> Removal | None:
    """What was taken down in this community; None for another's."""
    query = select(removals).where(removals.c.id == number, removals.c.community == community)
    row = db.execute(query).first()
    if row is None:
        return None
    return Removal(row.id, row.chat, row.fan, row.at, row.why, row.text, row.state != "kept")


def restore(db: Connection, number: int) -> bool:
    """The words go back; False when they already did."""
    changed = db.execute(
        update(removals)
        .where(removals.c.id == number, removals.c.state == "kept")
        .values(state="restored")
    )
    return bool(changed.rowcount)


def taken_down(db: Connection, community: int) -> Sequence[Removal]:
    """What is still down, newest first."""
    query = (
        select(removals)
        .where(removals.c.community == community, removals.c.state == "kept")
        .order_by(removals.c.id.desc())
        .limit(50)
    )
    return [
        Removal(r.id, r.chat, r.fan, r.at, r.why, r.text, restored=False) for r in db.execute(query)
    ]
