"""What we hold of one person: shown to them whole, or gone from every table.

Erasing leaves the fan's row as a number without a name, so that the log, the ledger and the boards
still add up. What is the fan's own goes at once; what names them elsewhere (letters to others,
messages that mention them) is looked for in pieces by ``sweep``, since that means reading all.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from html import escape
from typing import Any, Final

from sqlalchemy import (
    ColumnElement,
    Connection,
    and_,
    delete,
    false,
    func,
    or_,
    select,
    text,
    tuple_,
    update,
)

from storage import (
    audit,
    chats,
    checkins,
    communities,
    due,
    fans,
    fsm,
    inbox,
    interactions,
    ledger,
    order,
    outbox,
    touches,
)
from storage.database import scrub_after
from storage.records import Kind, LetterState, Mark, Reach, moment

PIECE: Final = 20_000  # rows that one step of a sweep reads
ALL_LINES: Final = 1_000_000
# Names shorter than these are found in words that mean nobody; ASCII letters say less each.
TELLING, TELLING_ASCII = 3, 5

_doors = chats.table.alias("doors")


@dataclass(frozen=True, slots=True)
class Passed:
    """How far a sweep has come: the last row of the log, and the last letter by its key."""

    row: int = 0
    letter: tuple[int, int, int] = (0, 0, -1)


def words_of(db: Connection, fan: int) -> list[str]:
    """What points at a person when it is written somewhere: id, name, username, where known."""
    f = fans.table.c
    row = db.execute(select(f.telegram_id, f.name, f.username).where(f.id == fan)).one()
    return [str(word) for word in row if word]


# ---------------------------------------------------------------- gone


def erase(db: Connection, fan: int) -> list[str]:
    """Forget a person, everywhere and for good; gives the words that a ``sweep`` must look for.

    Empty for who was erased before. Who comes back is somebody new.
    """
    _wait_for_receivers(db)
    words = words_of(db, fan)
    _forget_own(db, fan)
    _redact_audit(db, fan, words)
    db.execute(delete(inbox.table).where(inbox.table.c.id.in_(_dead_with(db, words))))
    for telegram_id in words[:1]:
        keys = fsm.table.c.key
        mine = or_(keys.like(f"{telegram_id}:%"), keys.like(f"%:{telegram_id}:%"))
        db.execute(delete(fsm.table).where(mine))
    db.execute(
        update(fans.table)
        .where(fans.table.c.id == fan)
        .values(telegram_id=None, name="", username="", language="")
    )
    db.execute(
        update(fans.memberships)
        .where(fans.memberships.c.fan == fan)
        .values(zone=None, locale=None, checked_zone=None, reach=Reach.NEVER_STARTED.value)
    )
    inbox.forget_people(db)
    scrub_after(db)
    return words


def sweep(db: Connection, fan: int, words: Sequence[str], passed: Passed) -> Passed | None:
    """Look through the next rows for what names an erased person; None when all are looked at.

    Begins with the fan's own once more: what was under way while they were erased.
    """
    if passed == Passed():
        _forget_own(db, fan)
    row = _sweep_log(db, fan, words, passed.row)
    letter = _sweep_letters(db, fan, words, passed.letter)
    scrub_after(db)
    if row is None and letter is None:
        return None
    return Passed(row or passed.row, letter or passed.letter)


def _wait_for_receivers(db: Connection) -> None:
    """On PostgreSQL several processes receive; none may keep a message under the old number after
    this (storage.inbox takes the same locks). SQLite lets one write at a time anyway."""
    if db.dialect.name == "postgresql":
        db.execute(text("SELECT pg_advisory_xact_lock(726974, id) FROM bots ORDER BY id"))


def _doors_of(fan: int) -> Any:
    return select(_doors.c.id).where(_doors.c.fan == fan)


def _forget_own(db: Connection, fan: int) -> None:
    """Everything that is kept under the fan's own number."""
    log, box, said = interactions.table, outbox.table, outbox.said
    db.execute(update(log).where(log.c.fan == fan, log.c.text.is_not(None)).values(text=None))
    db.execute(
        delete(inbox.table).where(
            or_(inbox.table.c.fan == fan, inbox.table.c.chat.in_(_doors_of(fan)))
        )
    )
    db.execute(
        update(box)
        .where(box.c.state == LetterState.WAITING)
        .where(or_(box.c.fan == fan, box.c.chat.in_(_doors_of(fan))))
        .values(state=int(LetterState.DROPPED), error="erased", facts="", payload="", parts=None)
    )
    bots = select(communities.bots.c.id)
    db.execute(
        update(said)
        .where(said.c.bot.in_(bots), said.c.chat.in_(_doors_of(fan)), said.c.text.is_not(None))
        .values(text=None)
    )
    _forget_jobs(db, fan)
    touched = (
        select(ledger.entries.c.transaction)
        .join(ledger.accounts, ledger.accounts.c.id == ledger.entries.c.account)
        .where(ledger.accounts.c.fan == fan)
    )
    notes = ledger.notes
    db.execute(update(notes).where(notes.c.transaction.in_(touched)).values(words=""))
    for table, column in (
        (order.table, "reason"),
        (order.gates, "answer"),
        (order.removals, "text"),
    ):
        db.execute(update(table).where(table.c.fan == fan).values({column: ""}))
    db.execute(delete(touches.table).where(touches.table.c.fan == fan))
    zones = checkins.zones_left
    db.execute(delete(zones).where(zones.c.fan == fan))


def _forget_jobs(db: Connection, fan: int) -> None:
    """Reminders and whatever else waits for its hour; the sweep itself has no such fact."""
    jobs = due.table
    query = select(jobs.c.id, jobs.c.facts).where(jobs.c.facts.contains(f'"fan": {fan}'))
    mine = [row.id for row in db.execute(query) if json.loads(row.facts).get("fan") == fan]
    if mine:
        db.execute(delete(jobs).where(jobs.c.id.in_(mine)))


def _redact_audit(db: Connection, fan: int, words: Sequence[str]) -> None:
    """The acts of the staff stay; names in them go."""
    table = audit.table
    found = _names(table.c.facts, [json.dumps(word)[1:-1] for word in words])
    for row in db.execute(select(table.c.id, table.c.facts).where(found)).all():
        facts = _without(json.loads(row.facts), words)
        db.execute(update(table).where(table.c.id == row.id).values(facts=json.dumps(facts)))


def _without(value: Any, words: Sequence[str]) -> Any:
    """The same JSON where no text holds any of the words.

    >>> _without({"who": "Lin", "id": 501, "n": [1, "to Lin"]}, ["501", "Lin"])
    {'who': '', 'id': None, 'n': [1, '']}
    """
    if isinstance(value, dict):
        return {key: _without(item, words) for key, item in value.items()}
    if isinstance(value, list):
        return [_without(item, words) for item in value]
    if isinstance(value, str):
        return "" if any(word.lower() in value.lower() for word in words) else value
    return None if not isinstance(value, bool) and str(value) in words else value


def _dead_with(db: Connection, words: Sequence[str]) -> list[int]:
    """Dead letters that somebody else's update made, and that show this person."""
    raws = inbox.table
    spelled = [word.encode() for word in words] + [
        json.dumps(word)[1:-1].encode() for word in words
    ]
    query = select(raws.c.id, raws.c.raw).where(raws.c.state == inbox.DEAD)
    return [row.id for row in db.execute(query) if any(one in row.raw for one in spelled)]


def _names(column: Any, words: Sequence[str]) -> ColumnElement[bool]:
    """The text holds one of the words, however it is capitalized."""
    return or_(false(), *(column.icontains(word, autoescape=True) for word in words))


def is_telling(word: str) -> bool:
    """Whether a word in somebody's message can only mean the person.

    >>> is_telling("Lin"), is_telling("张小明"), is_telling("lin_of_the_woods")
    (False, True, True)
    """
    return len(word) >= (TELLING_ASCII if word.isascii() else TELLING)


def _sweep_log(db: Connection, fan: int, words: Sequence[str], passed: int) -> int | None:
    """Messages of others that name them, and what was said behind their own door."""
    log = interactions.table
    piece = select(log.c.id).where(log.c.id > passed).order_by(log.c.id).limit(PIECE).subquery()
    last: int | None = db.execute(select(func.max(piece.c.id))).scalar()
    if last is None:
        return None
    telling = _names(log.c.text, [word for word in words if is_telling(word)])
    db.execute(
        update(log)
        .where(log.c.id > passed, log.c.id <= last, log.c.text.is_not(None))
        .where(or_(telling, log.c.chat.in_(_doors_of(fan))))
        .values(text=None)
    )
    return last


def _sweep_letters(
    db: Connection, fan: int, words: Sequence[str], passed: tuple[int, int, int]
) -> tuple[int, int, int] | None:
    """What we said in groups to them, and what we said to others about them."""
    said, box = outbox.said, outbox.table
    key = tuple_(said.c.bot, said.c.chat, said.c.message)
    after = key > tuple_(*passed)
    query = select(said.c.bot, said.c.chat, said.c.message).where(after)
    rows = db.execute(query.order_by(said.c.bot, said.c.chat, said.c.message).limit(PIECE)).all()
    if not rows:
        return None
    last = (int(rows[-1].bot), int(rows[-1].chat), int(rows[-1].message))
    to_them = select(box.c.id).where(box.c.id == said.c.letter, box.c.fan == fan).exists()
    spelled = sorted({*words, *(escape(word) for word in words)})
    db.execute(
        update(said)
        .where(and_(after, key <= tuple_(*last)), said.c.text.is_not(None))
        .where(or_(_names(said.c.text, spelled), to_them))
        .values(text=None)
    )
    return last


# ---------------------------------------------------------------- shown


def shown(db: Connection, fan: int) -> dict[str, Any]:
    """All that we hold of a person, in every community of this installation, for their own eyes;
    times as ISO 8601 in UTC."""
    f = fans.table.c
    row = db.execute(select(fans.table).where(f.id == fan)).one()
    return {
        "telegram_id": row.telegram_id,
        "name": row.name,
        "username": row.username,
        "language": row.language,
        "first_seen": _iso(row.first_seen),
        "communities": list(_communities(db, fan)),
        "interactions": list(_interactions(db, fan)),
        "letters": list(_letters(db, fan)),
        "waiting": list(_jobs(db, fan)),
    }


def _iso(at: int) -> str:
    return moment(at).isoformat()


def _communities(db: Connection, fan: int) -> Iterator[dict[str, Any]]:
    m, c = fans.memberships.c, communities.communities.c
    query = (
        select(fans.memberships, c.name.label("called"))
        .join(communities.communities, c.id == m.community)
        .where(m.fan == fan)
    )
    for row in db.execute(query.order_by(m.community)).all():
        lines = ledger.history(db, row.community, fan, ALL_LINES)
        touch = touches.first(db, row.community, fan)
        yield {
            "community": row.called,
            "joined": _iso(row.joined),
            "first_touch": asdict(touch) | {"at": _iso(touch.at)} if touch is not None else None,
            "level": row.level,
            "reach": row.reach,
            "zone": row.zone,
            "language": row.locale,
            "streak": row.streak,
            "best_streak": row.best,
            "days": row.days,
            "savers": row.freezes,
            "points": ledger.balance(db, row.community, fan),
            "check_ins": [
                {"day": str(one.day), "mark": Mark(one.mark).name.lower(), "at": _iso(one.at)}
                for one in checkins.log(db, row.community, fan)
            ],
            "points_history": [
                {
                    "at": _iso(line.at),
                    "amount": line.amount,
                    "reason": line.reason,
                    "words": line.words,
                }
                for line in lines
            ],
            "orders": [
                {"at": _iso(one.at), "what": one.what, "reason": one.reason}
                for one in db.execute(
                    select(order.table.c.at, order.table.c.what, order.table.c.reason)
                    .where(order.table.c.community == row.community, order.table.c.fan == fan)
                    .order_by(order.table.c.id)
                )
            ],
        }


def _interactions(db: Connection, fan: int) -> Iterator[dict[str, Any]]:
    log, place = interactions.table.c, chats.table.c
    query = (
        select(log.at, log.kind, log.text, place.title)
        .select_from(
            interactions.table.outerjoin(chats.table, place.id == interactions.table.c.chat)
        )
        .where(log.fan == fan)
        .order_by(log.at, log.id)
    )
    for row in db.execute(query):
        kind = Kind(row.kind).name.lower()
        yield {"at": _iso(row.at), "kind": kind, "where": row.title or "", "text": row.text}


def _letters(db: Connection, fan: int) -> Iterator[dict[str, Any]]:
    said = outbox.said.c
    query = select(said.at, said.text).where(
        said.bot.in_(select(communities.bots.c.id)), said.chat.in_(_doors_of(fan))
    )
    for row in db.execute(query.order_by(said.at, said.message)):
        yield {"at": _iso(row.at), "text": row.text}


def _jobs(db: Connection, fan: int) -> Iterator[dict[str, Any]]:
    jobs = due.table.c
    query = select(jobs.at, jobs.kind, jobs.facts).where(jobs.facts.contains(f'"fan": {fan}'))
    for row in db.execute(query.order_by(jobs.at)):
        if json.loads(row.facts).get("fan") == fan:
            yield {"at": _iso(row.at), "kind": row.kind}
