"""Who of the staff did what, and when."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Integer,
    String,
    Table,
    Text,
    insert,
)

from storage.database import metadata

table = Table(
    "audit",
    metadata,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    Column("at", BigInteger, nullable=False),
    Column("community", Integer, nullable=False),
    Column("fan", BigInteger),
    Column("what", String(64), nullable=False),
    Column("facts", Text, nullable=False),
)


def note(
    db: Connection,
    community: int,
    fan: int | None,
    what: str,
    at: int,
    facts: Mapping[str, Any],
) -> None:
    db.execute(
        insert(table).values(
            at=at,
            community=community,
            fan=fan,
            what=what,
            facts=json.dumps(dict(facts)),
        )
    )
