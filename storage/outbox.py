"""Letters: what we will say, written in the transaction that it tells about, and what was said.

A letter waits, is claimed (its text committed with the claim, so that exactly this text is
repeated after a crash), and ends sent, failed, dropped or unknown. The table ``letters`` keeps
each message as Telegram numbered it, so that a reply or a reaction finds the letter it answers.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    ForeignKey,
    Index,
    Integer,
    SmallInteger,
    String,
    Table,
    Text,
    UniqueConstraint,
    bindparam,
    func,
    select,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite

from storage import chats, fans, marks
from storage.database import metadata
from storage.records import ChatKind, Letter, LetterClass, LetterState, Waiting
from storage.statements import Prepared

table = Table(
    "outbox",
    metadata,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    Column("bot", SmallInteger, nullable=False),
    Column("chat", Integer, ForeignKey("chats.id"), nullable=False),
    Column("fan", BigInteger),
    Column("idem", String(96), nullable=False),
    Column("class", SmallInteger, nullable=False),
    Column("method", String(48), nullable=False),
    Column("template", String(96), nullable=False),
    Column("locale", String(16), nullable=False),
    Column("facts", Text, nullable=False),
    Column("payload", Text, nullable=False),
    Column("reply_to", BigInteger),
    Column("not_before", BigInteger, nullable=False),
    Column("not_after", BigInteger),
    Column("then", String(64), nullable=False),
    Column("state", SmallInteger, nullable=False, server_default="0"),
    Column("next_at", BigInteger, nullable=False, server_default="0"),
    Column("attempts", SmallInteger, nullable=False, server_default="0"),
    Column("part", SmallInteger, nullable=False, server_default="0"),
    Column("parts", Text),
    Column("error", Text),
    UniqueConstraint("bot", "idem"),
)
Index(
    "ix_outbox_open",
    table.c.bot,
    table.c["class"],
    table.c.id,
    sqlite_where=table.c.state < 2,
    postgresql_where=table.c.state < 2,
)

said = Table(
    "letters",
    metadata,
    Column("bot", SmallInteger, primary_key=True, autoincrement=False),
    Column("chat", Integer, primary_key=True, autoincrement=False),
    Column("message", BigInteger, primary_key=True, autoincrement=False),
    Column("letter", BigInteger, nullable=False),
    Column("part", SmallInteger, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("text", Text),
)

stops = Table(
    "stops",
    metadata,
    Column("bot", SmallInteger, primary_key=True, autoincrement=False),
    Column("bucket", BigInteger, primary_key=True, autoincrement=False),
    Column("until", BigInteger, nullable=False),
)


def put(db: Connection, letter: Letter) -> bool:
    """Put a letter once; a repeated idem key changes nothing and gives False.

    The text was checked by whoever put it (``bot.react``): this floor cannot render.
    """
    values = {
        "bot": letter.bot,
        "chat": letter.chat,
        "fan": letter.fan,
        "idem": letter.idem,
        "class": int(letter.cls),
        "method": letter.method,
        "template": letter.template,
        "locale": letter.locale,
        "facts": _dump(letter.facts),
        "payload": _dump(letter.payload),
        "reply_to": letter.reply_to,
        "not_before": letter.not_before,
        "not_after": letter.not_after,
        "then": letter.then,
    }
    return bool(_PUT.run(db, **values))


# PostgreSQL's form of "on conflict do nothing", which SQLite understands as well.
_PUT = Prepared(
    postgresql.insert(table).on_conflict_do_nothing(),
    (
        "bot",
        "chat",
        "fan",
        "idem",
        "class",
        "method",
        "template",
        "locale",
        "facts",
        "payload",
        "reply_to",
        "not_before",
        "not_after",
        "then",
    ),
)


def add_up(db: Connection, letter: Letter, field: str) -> None:
    """Put a letter, or, while it still waits, add its number *field* to the one that is there."""
    if put(db, letter):
        return
    query = select(table.c.id, table.c.facts).where(
        table.c.bot == letter.bot,
        table.c.idem == letter.idem,
        table.c.state == LetterState.WAITING,
    )
    row = db.execute(query).first()
    if row is not None:
        facts = _load(row.facts)
        facts[field] += letter.facts[field]
        db.execute(update(table).where(table.c.id == row.id).values(facts=_dump(facts)))


_encode = json.JSONEncoder(ensure_ascii=False).encode  # json.dumps would make an encoder each time


def _dump(value: Mapping[str, Any]) -> str:
    return _encode(dict(value)) if value else ""


def _load(value: str) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(value) if value else {}
    return loaded


_WAITING = select(
    table,
    chats.ADDRESS.label("address"),
    chats.table.c.kind.label("chat_kind"),
).select_from(
    table.join(chats.table, chats.table.c.id == table.c.chat).outerjoin(
        fans.table, fans.table.c.id == chats.table.c.fan
    )
)


_READY = Prepared(
    _WAITING.where(
        table.c.bot == bindparam("bot"),
        table.c.state == int(LetterState.WAITING),
        table.c.not_before <= bindparam("now"),
        table.c.next_at <= bindparam("real"),
    )
    .order_by(table.c["class"], table.c.id)
    .limit(bindparam("most"))
)
_NAMES = tuple(_WAITING.selected_columns.keys())


def _waiting(r: Mapping[str, Any]) -> Waiting:
    return Waiting(
        id=r["id"],
        letter=Letter(
            bot=r["bot"],
            chat=r["chat"],
            idem=r["idem"],
            method=r["method"],
            template=r["template"],
            facts=_load(r["facts"]),
            payload=_load(r["payload"]),
            cls=LetterClass(r["class"]),
            fan=r["fan"],
            locale=r["locale"],
            reply_to=r["reply_to"],
            not_before=r["not_before"],
            not_after=r["not_after"],
            then=r["then"],
        ),
        address=r["address"] or 0,
        group=r["chat_kind"] != ChatKind.PRIVATE.value,
        attempts=r["attempts"],
        part=r["part"],
        parts=tuple(json.loads(r["parts"])) if r["parts"] else (),
        state=LetterState(r["state"]),
    )


def waiting(
    db: Connection,
    bot: int,
    *,
    now: int,
    real: int,
    most: int,
    without: Iterable[int] = (),
) -> list[Waiting]:
    """Letters that may leave now, by class and age; at most one per chat needs to be taken.

    *now* is the ruling clock (not_before), *real* the wall clock (next_at, which a 429 sets);
    chats in *without* have one in flight.
    """
    busy = list(without)
    if not busy:
        rows = _READY.rows(db, bot=bot, now=now, real=real, most=most)
        return [_waiting(dict(zip(_NAMES, row, strict=True))) for row in rows]
    query = (
        _WAITING.where(
            table.c.bot == bot,
            table.c.state == LetterState.WAITING,
            table.c.not_before <= now,
            table.c.next_at <= real,
            table.c.chat.not_in(busy),
        )
        .order_by(table.c["class"], table.c.id)
        .limit(most)
    )
    return [_waiting(row._asdict()) for row in db.execute(query)]


def in_flight(db: Connection, bot: int) -> list[Waiting]:
    """Letters whose fate a crash left open."""
    query = _WAITING.where(table.c.bot == bot, table.c.state == LetterState.SENDING)
    return [_waiting(row._asdict()) for row in db.execute(query.order_by(table.c.id))]


def claim(db: Connection, letter: int, parts: Sequence[str]) -> bool:
    """Commit to these words: from here on exactly they are said or repeated. False when the
    letter was ended meanwhile."""
    changed = db.execute(
        update(table)
        .where(table.c.id == letter, table.c.state == LetterState.WAITING)
        .values(
            state=int(LetterState.SENDING),
            parts=json.dumps(list(parts), ensure_ascii=False) if parts else None,
        )
    )
    return bool(changed.rowcount)


def end(db: Connection, letter: int, state: LetterState, error: str | None = None) -> None:
    """Close a letter for good; its facts are no longer needed and go."""
    db.execute(
        update(table)
        .where(table.c.id == letter)
        .values(state=int(state), error=error, facts="", payload="", parts=None)
    )


def note_said(
    db: Connection,
    waiting: Waiting,
    part: int,
    message: int | None,
    at: int,
    words: str | None,
) -> None:
    """Keep what was said and Telegram's number for it; the part is done."""
    db.execute(update(table).where(table.c.id == waiting.id).values(part=part + 1))
    if message is None:
        return
    dialect = sqlite if db.dialect.name == "sqlite" else postgresql
    row = {
        "bot": waiting.letter.bot,
        "chat": waiting.letter.chat,
        "message": message,
        "letter": waiting.id,
        "part": part,
        "at": at,
        "text": words,
    }
    statement = dialect.insert(said).values(**row)
    db.execute(
        statement.on_conflict_do_update(
            index_elements=["bot", "chat", "message"],
            set_={"letter": waiting.id, "part": part, "at": at, "text": words},
        )
    )


def postpone(db: Connection, letter: int, until: int, *, counted: bool, error: str | None) -> None:
    """Let a letter wait again until a wall-clock time; its fixed words stay."""
    db.execute(
        update(table)
        .where(table.c.id == letter)
        .values(
            state=int(LetterState.WAITING),
            next_at=until,
            attempts=table.c.attempts + int(counted),
            error=error,
        )
    )


def hold_chat(db: Connection, chat: int, until: int) -> None:
    """Nothing waiting for this chat leaves before *until* (wall clock)."""
    db.execute(
        update(table)
        .where(
            table.c.chat == chat,
            table.c.state == LetterState.WAITING,
            table.c.next_at < until,
        )
        .values(next_at=until)
    )


HELD = "held"
_HELD = Prepared(select(marks.table.c.value).where(marks.table.c.name == bindparam("name")))


def hold_all(db: Connection, why: str) -> None:
    """Nothing is said by any bot until ``let_go``, over restarts too."""
    marks.write(db, HELD, why)


def let_go(db: Connection) -> bool:
    """What waits may leave again; False when nothing was held."""
    was = held(db) is not None
    marks.erase(db, HELD)
    return was


def held(db: Connection) -> str | None:
    """Why nothing is said at present, if so; asked before every round of sending."""
    why: str | None = _HELD.value(db, name=HELD)
    return why


def drop_chat(db: Connection, chat: int, reason: str) -> int:
    """Nothing that waits for this chat can arrive any more; says how many letters that ended."""
    return db.execute(
        update(table)
        .where(table.c.chat == chat, table.c.state == LetterState.WAITING)
        .values(
            state=int(LetterState.DROPPED),
            error=reason,
            facts="",
            payload="",
            parts=None,
        )
    ).rowcount


def follow(db: Connection, bot: int, old: int, new: int) -> int | None:
    """A group moved (Telegram's ids): letters that wait for it go to its new address, whichever
    of its ids they were put for. Gives our number of the group, None when it was never seen."""
    known = chats.migrate(db, bot, old, new)
    if not known:
        return None
    number, *gone = known
    if gone:
        db.execute(
            update(table)
            .where(table.c.chat.in_(gone), table.c.state < int(LetterState.SENT))
            .values(chat=number)
        )
    return number


def stop(db: Connection, bot: int, bucket: int, until: int) -> None:
    """Persist a 429: *bucket* is our chat number, or 0 for the whole bot."""
    dialect = sqlite if db.dialect.name == "sqlite" else postgresql
    statement = dialect.insert(stops).values(bot=bot, bucket=bucket, until=until)
    db.execute(
        statement.on_conflict_do_update(
            index_elements=["bot", "bucket"], set_={"until": statement.excluded.until}
        )
    )


def stopped(db: Connection, bot: int, real: int) -> dict[int, int]:
    """The buckets that a 429 still holds, with the wall-clock time that frees them."""
    db.execute(stops.delete().where(stops.c.until <= real))
    query = select(stops.c.bucket, stops.c.until).where(stops.c.bot == bot)
    return {row.bucket: row.until for row in db.execute(query)}


def answered(db: Connection, bot: int, chat: int, message: int) -> int | None:
    """The letter behind a message of ours, for replies and reactions to it."""
    query = select(said.c.letter).where(
        said.c.bot == bot, said.c.chat == chat, said.c.message == message
    )
    value: int | None = db.execute(query).scalar()
    return value


def tally(db: Connection) -> dict[str, int]:
    """How many letters stand in each state, by its name."""
    query = select(table.c.state, func.count()).group_by(table.c.state)
    counts: dict[int, int] = {row[0]: row[1] for row in db.execute(query)}
    return {state.name.lower(): counts.get(int(state), 0) for state in LetterState}


def unknown(db: Connection) -> list[dict[str, Any]]:
    """Letters of which nobody can say whether they arrived, for the operator to decide."""
    query = select(table.c.id, table.c.bot, table.c.chat, table.c.template).where(
        table.c.state == LetterState.UNKNOWN
    )
    return [dict(row._mapping) for row in db.execute(query.order_by(table.c.id))]
