"""Due things: one row each, run once, even when the process was away at their hour."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Index,
    Integer,
    SmallInteger,
    String,
    Table,
    Text,
    UniqueConstraint,
    delete,
    select,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite

from storage.database import metadata
from storage.records import Job

PENDING, ASKED, FAILED = 0, 1, 2

table = Table(
    "due",
    metadata,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    Column("kind", String(48), nullable=False),
    Column("key", String(96), nullable=False),
    Column("bot", SmallInteger, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("facts", Text, nullable=False),
    Column("state", SmallInteger, nullable=False, server_default="0"),
    Column("attempts", SmallInteger, nullable=False, server_default="0"),
    Column("error", Text),
    UniqueConstraint("kind", "key"),
    Index("ix_due_state_at", "state", "at"),
    sqlite_autoincrement=True,  # "j<id>" is a cause: no two jobs may ever share one
)


def put(
    db: Connection,
    kind: str,
    key: str,
    at: int,
    *,
    bot: int = 0,
    facts: Mapping[str, Any] = {},
) -> None:
    """Let *kind* happen at *at*; the same (kind, key) put again moves it."""
    dialect = sqlite if db.dialect.name == "sqlite" else postgresql
    statement = dialect.insert(table).values(
        kind=kind, key=key, bot=bot, at=at, facts=json.dumps(dict(facts)), state=PENDING
    )
    db.execute(
        statement.on_conflict_do_update(
            index_elements=["kind", "key"],
            set_={
                "at": statement.excluded.at,
                "facts": statement.excluded.facts,
                "state": PENDING,
                "attempts": 0,
            },
        )
    )


def take_back(db: Connection, kind: str, key: str) -> None:
    """It will not happen."""
    db.execute(delete(table).where(table.c.kind == kind, table.c.key == key))


def pending(db: Connection, now: int, most: int = 100) -> list[Job]:
    """What is due by *now*, the longest overdue first."""
    query = (
        select(
            table.c.id,
            table.c.kind,
            table.c.key,
            table.c.bot,
            table.c.at,
            table.c.facts,
            table.c.attempts,
        )
        .where(table.c.state == PENDING, table.c.at <= now)
        .order_by(table.c.at, table.c.id)
        .limit(most)
    )
    return [
        Job(r.id, r.kind, r.key, r.bot, r.at, json.loads(r.facts), r.attempts)
        for r in db.execute(query)
    ]


def next_at(db: Connection) -> int | None:
    query = select(table.c.at).where(table.c.state == PENDING).order_by(table.c.at).limit(1)
    value: int | None = db.execute(query).scalar()
    return value


def close(db: Connection, job: Job) -> bool:
    """The job is done, in the transaction of its work; False when it was moved or done before."""
    return bool(
        db.execute(
            delete(table).where(
                table.c.id == job.id, table.c.state == PENDING, table.c.at == job.at
            )
        ).rowcount
    )


def ask(db: Connection, job: Job) -> None:
    """Too late to do by itself: it stands until somebody decides."""
    db.execute(update(table).where(table.c.id == job.id).values(state=ASKED))


def fail(db: Connection, job: Job, retry_at: int | None, error: str) -> None:
    """Try again at *retry_at*, or give up when that is None (listed by ``check``)."""
    values: dict[str, Any] = {"attempts": table.c.attempts + 1, "error": error}
    values |= {"state": FAILED} if retry_at is None else {"at": retry_at}
    db.execute(update(table).where(table.c.id == job.id).values(**values))


def stuck(db: Connection) -> list[dict[str, Any]]:
    """Jobs that were given up or wait for somebody's word."""
    columns = ("id", "kind", "key", "at", "state", "error")
    query = select(*(table.c[name] for name in columns)).where(table.c.state != PENDING)
    return [dict(row._mapping) for row in db.execute(query.order_by(table.c.id))]
