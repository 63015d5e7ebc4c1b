"""Shuffle bags: which way of saying something comes next for a fan or a group, so that no sentence
comes back too soon.

A bag is one row with a counter; the order is a pure function of the bag and the counter, so that a
draw is one statement and nothing else needs to be remembered.
"""

from __future__ import annotations

from functools import lru_cache
from hashlib import blake2b
from random import Random

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Integer,
    SmallInteger,
    String,
    Table,
)
from sqlalchemy.dialects import postgresql

from storage.database import metadata
from storage.statements import Prepared

table = Table(
    "bags",
    metadata,
    Column("chat", Integer, primary_key=True, autoincrement=False),
    Column("fan", BigInteger, primary_key=True, autoincrement=False),
    Column("template", String(96), primary_key=True),
    Column("locale", String(16), primary_key=True),
    Column("drawn", Integer, nullable=False),
    Column("pool", SmallInteger, nullable=False),
    Column("was", SmallInteger, nullable=False),
)

# PostgreSQL's form, which SQLite understands as well.
_FRESH = postgresql.insert(table)
_ADVANCE = Prepared(
    _FRESH.on_conflict_do_update(
        index_elements=["chat", "fan", "template", "locale"],
        set_={"drawn": table.c.drawn + 1, "was": table.c.pool, "pool": _FRESH.excluded.pool},
    ).returning(table.c.drawn, table.c.was),
    ("chat", "fan", "template", "locale", "drawn", "pool", "was"),
)


def draw(db: Connection, chat: int, template: str, locale: str, count: int, fan: int = 0) -> int:
    """The next of *count* ways to say a template in a chat (to one fan of it, for what only they
    see), from 0.

    Where *count* has changed since the last draw, the words were edited: the new pool goes on from
    there, and only what was said last is kept from coming again at once.
    """
    bag = f"{chat}/{fan}/{template}/{locale}"
    key = {"chat": chat, "fan": fan, "template": template, "locale": locale}
    drawn, was = _advance(db, key, count)
    said = variant(bag, drawn, count)
    if was != count and count > 1 and drawn and said == variant(bag, drawn - 1, was):
        drawn, _ = _advance(db, key, count)
        said = variant(bag, drawn, count)
    return said


def _advance(db: Connection, key: dict[str, object], count: int) -> tuple[int, int]:
    """Count one draw more; gives its number and the size of the pool at the draw before it."""
    drawn, was = _ADVANCE.one(db, **key, drawn=0, pool=count, was=count)
    return drawn, was


def variant(bag: str, drawn: int, count: int) -> int:
    """What comes out of a bag of *count* at draw number *drawn*, both from 0.

    Each *count* draws are a permutation. Its first half always holds the same variants, in another
    order each time, and its second half the others: so between two times that the same one comes
    lie more than half of the pool, over the seam of two permutations too.

    >>> [variant("a", n, 4) for n in range(8)]
    [1, 2, 0, 3, 2, 1, 3, 0]
    """
    cycle, place = divmod(drawn, count)
    first = (count + 1) // 2
    half = _halves(bag, count)[place >= first]
    dice = _dice(f"{bag}/{cycle}/{place >= first}")
    order = sorted((dice.random(), one) for one in half)
    return order[place - first if place >= first else place][1]


@lru_cache(maxsize=4096)
def _halves(bag: str, count: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
    dice = _dice(bag)
    order = [one for _, one in sorted((dice.random(), one) for one in range(count))]
    first = (count + 1) // 2
    return tuple(order[:first]), tuple(order[first:])


def _dice(seed: str) -> Random:
    """Chance that falls the same in every process and every version (only ``random()`` does)."""
    return Random(int.from_bytes(blake2b(seed.encode(), digest_size=8).digest()))
