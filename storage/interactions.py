"""The fan-engagement store: one narrow, append-only row for every update.

A row never changes, except that its text may become NULL when its retention ends or its fan asks
to be forgotten. One index serves "what did this fan do lately" and "when was he last here".
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import takewhile
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Index,
    Integer,
    SmallInteger,
    Table,
    Text,
    func,
    select,
    update,
)

from storage import chats, communities, fans, marks
from storage.database import metadata
from storage.records import Kind, moment

table = Table(
    "interactions",
    metadata,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    Column("bot", SmallInteger, nullable=False),
    Column("update_id", BigInteger),
    Column("kind", SmallInteger, nullable=False),
    Column("class", SmallInteger, nullable=False),
    Column("chat", Integer),
    Column("fan", BigInteger),
    Column("at", BigInteger, nullable=False),
    Column("message", BigInteger),
    Column("ref", BigInteger),
    Column("text", Text),
    Index(None, "fan", "at"),
)


def exported(db: Connection, after: int = 0, limit: int | None = None) -> Iterator[dict[str, Any]]:
    """The log in the order it was kept, with Telegram's ids, as the export prints it.

    Rows whose *id* is above *after*; of an erased fan the id is null.
    """
    actor = fans.table.alias("actor")
    query = (
        select(
            table.c.id,
            table.c.update_id,
            communities.communities.c.name.label("community"),
            chats.ADDRESS.label("chat_id"),
            actor.c.telegram_id.label("fan_id"),
            table.c.kind,
            table.c.at,
            table.c.message.label("message_id"),
            table.c.text,
        )
        .select_from(
            table.join(communities.bots, communities.bots.c.id == table.c.bot)
            .join(
                communities.communities,
                communities.communities.c.id == communities.bots.c.community,
            )
            .outerjoin(chats.table, chats.table.c.id == table.c.chat)
            .outerjoin(fans.table, fans.table.c.id == chats.table.c.fan)
            .outerjoin(actor, actor.c.id == table.c.fan)
        )
        .where(table.c.id > after)
        .order_by(table.c.id)
        .limit(limit)
    )
    for row in db.execute(query.execution_options(yield_per=1000)):
        yield {
            **row._mapping,
            "kind": Kind(row.kind).name.lower(),
            "at": moment(row.at).isoformat(),
        }


def forget_text(db: Connection, before: int, most: int = 5_000) -> bool:
    """Let the words of the next *most* rows that are older than *before* go; True while more may.

    Rows are passed once, in their order: a bookmark remembers how far the words are gone.
    """
    passed = int(marks.read(db, "text-forgotten") or 0)
    rows = db.execute(
        select(table.c.id, table.c.at).where(table.c.id > passed).order_by(table.c.id).limit(most)
    ).all()
    old = [row.id for row in takewhile(lambda row: row.at < before, rows)]
    if not old:
        return False
    db.execute(
        update(table)
        .where(table.c.id > passed, table.c.id <= old[-1], table.c.text.is_not(None))
        .values(text=None)
    )
    marks.write(db, "text-forgotten", str(old[-1]))
    return len(old) == most


def count_lately(db: Connection, fan: int, chat: int, since: int, message: int) -> int:
    """How many messages a fan wrote in one chat after *since*, up to and with the one of that
    number: times alone, in whole seconds, do not tell what came first."""
    written = [int(kind) for kind in (Kind.MESSAGE, Kind.REPLY, Kind.MEDIA, Kind.FORWARD)]
    query = (
        select(func.count())
        .select_from(table)
        .where(table.c.fan == fan, table.c.at > since, table.c.message <= message)
        .where(table.c.chat == chat, table.c.kind.in_(written))
    )
    return int(db.execute(query).scalar_one())


SPOKEN: Final = (
    Kind.MESSAGE,
    Kind.COMMAND,
    Kind.REPLY,
    Kind.MEDIA,
    Kind.FORWARD,
    Kind.PRESS,
    Kind.UNBLOCK,
)


def overtaken(db: Connection, fan: int, chat: int, at: int, kind: Kind) -> bool:
    """Whether news of a fan's door (BLOCK or UNBLOCK, of that time) were overtaken on their way:
    Telegram numbers updates in order, but a webhook's queues deliver them side by side."""
    here = (table.c.fan == fan) & (table.c.chat == chat) & (table.c.at >= at)
    own = select(func.max(table.c.update_id)).where(here, table.c.kind == int(kind))
    against = SPOKEN if kind is Kind.BLOCK else (Kind.BLOCK,)
    later = select(table.c.id).where(
        here,
        table.c.kind.in_([int(other) for other in against]),
        table.c.update_id > own.where(table.c.at == at).scalar_subquery(),
    )
    return db.execute(later.limit(1)).first() is not None


def count(db: Connection) -> int:
    return int(db.execute(select(func.count()).select_from(table)).scalar_one())


def count_fans(db: Connection) -> int:
    return int(db.execute(select(func.count()).select_from(fans.table)).scalar_one())
