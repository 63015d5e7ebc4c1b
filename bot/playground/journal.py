"""What happened and what is kept: the list of all API calls, lint, and the state file."""

from __future__ import annotations

import sqlite3
import time
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from bot.playground.records import (
    BotAccount,
    Chat,
    InviteLink,
    JoinRequest,
    Member,
    Message,
    Record,
    StoredFile,
    User,
)

R = TypeVar("R", bound=Record)


@dataclass(slots=True)
class Call:
    """One call of the Bot API. `status` is the HTTP status; 0 when the answer never left."""

    n: int
    at: float
    clock: float
    bot: int
    method: str
    params: dict[str, Any]
    chat: str | None = None
    status: int = 0
    description: str | None = None
    fault: str | None = None
    result_ids: list[int] = field(default_factory=list)
    done: bool = False
    via: str = "http"

    @property
    def ok(self) -> bool:
        """True when the method took effect, whether or not the bot was told."""
        return self.done

    def __str__(self) -> str:
        words = " ".join(
            f"{name}={str(value)[:60]!r}" for name, value in self.params.items() if name != "offset"
        )
        outcome = "ok" if self.status == 200 else f"{self.status} {self.description or ''}"
        fault = f" [{self.fault}]" if self.fault else ""
        return f"#{self.n} {self.method} {words} → {outcome}{fault}"


@dataclass(frozen=True, slots=True)
class Lint:
    """Something that Telegram would swallow silently and a careful bot would not send."""

    method: str
    name: str
    sentence: str


class History:
    """Every API call in order; `limit` lets a long-running playground forget the oldest."""

    def __init__(self, limit: int | None = None) -> None:
        self._calls: deque[Call] = deque(maxlen=limit)
        self.limit = limit
        self.count = 0
        self.fresh: list[Call] = []

    def note(self, call: Call) -> None:
        """Keep a call; its outcome is filled in later."""
        self._calls.append(call)
        self.fresh.append(call)

    def __iter__(self) -> Iterator[Call]:
        return iter(tuple(self._calls))

    def __len__(self) -> int:
        return len(self._calls)

    def calls(
        self,
        method: str | None = None,
        chat: Any = None,
        *,
        bot: Any = None,
        ok: bool | None = None,
    ) -> list[Call]:
        """Calls of a method (any but getUpdates where none is named), in a chat, of a bot."""
        wanted = method.lower() if method else None
        where = None if chat is None else str(getattr(chat, "id", chat))
        who = None if bot is None else int(getattr(bot, "id", bot))
        return [
            call
            for call in self._calls
            if (call.method.lower() == wanted if wanted else call.method != "getUpdates")
            and (where is None or call.chat == where)
            and (who is None or call.bot == who)
            and (ok is None or call.ok == ok)
        ]

    def tail(self, count: int = 12) -> str:
        """The last calls, one a line, for messages of failed tests."""
        lines = [str(call) for call in self._calls if call.method != "getUpdates"]
        return "\n".join(lines[-count:]) or "(no calls)"

    def restore(self, calls: Iterable[Call], count: int) -> None:
        """Take back what a state file kept."""
        self._calls.extend(calls)
        self.count = count


_TABLES: dict[str, type[Record]] = {
    kind.table: kind
    for kind in (User, BotAccount, Chat, Member, Message, InviteLink, JoinRequest, StoredFile)
}
#: People share one space of ids with bots, chats another: how a reference finds its record.
_SPACE = {"bot": "user"}


class StateFile:
    """The world in one SQLite file; what changed is written in one transaction a moment later.

    Opening a file that another playground wrote brings back everybody and everything in it; what
    the last half second did may be missing after a kill, but never a part of a transaction.
    """

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._db = sqlite3.connect(path, isolation_level=None)
        # The file has to survive a killed process, not a power cut: no fsync is needed for that.
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=OFF")
        self._db.executescript(
            "CREATE TABLE IF NOT EXISTS records"
            " (at INTEGER PRIMARY KEY, kind TEXT, key TEXT, state BLOB, UNIQUE (kind, key));"
            "CREATE TABLE IF NOT EXISTS updates"
            " (bot INTEGER, id INTEGER, state BLOB, PRIMARY KEY (bot, id)) WITHOUT ROWID;"
            "CREATE TABLE IF NOT EXISTS calls (n INTEGER PRIMARY KEY, state BLOB);"
            "CREATE TABLE IF NOT EXISTS facts (name TEXT PRIMARY KEY, state BLOB);"
        )

    def write(
        self,
        changed: Iterable[Record],
        gone: Iterable[Record],
        updates: Iterable[tuple[int, int, Any]],
        confirmed: Iterable[tuple[int, int]],
        calls: Iterable[Call],
        facts: dict[str, Any],
        oldest_call: int,
    ) -> None:
        """Bring the file up to date, all or nothing; calls before `oldest_call` are forgotten."""
        db = self._db
        db.execute("BEGIN IMMEDIATE")
        try:
            db.executemany(
                "INSERT INTO records (kind, key, state) VALUES (?, ?, ?)"
                " ON CONFLICT (kind, key) DO UPDATE SET state = excluded.state",
                [(record.table, record.key, _freeze(_pack(record))) for record in changed],
            )
            db.executemany(
                "DELETE FROM records WHERE kind = ? AND key = ?",
                [(record.table, record.key) for record in gone],
            )
            db.executemany(
                "INSERT OR REPLACE INTO updates VALUES (?, ?, ?)",
                [(bot, number, _freeze(state)) for bot, number, state in updates],
            )
            db.executemany("DELETE FROM updates WHERE bot = ? AND id = ?", list(confirmed))
            db.executemany(
                "INSERT OR REPLACE INTO calls VALUES (?, ?)",
                [(call.n, _freeze(call)) for call in calls],
            )
            db.execute("DELETE FROM calls WHERE n < ?", (oldest_call,))
            db.executemany(
                "INSERT OR REPLACE INTO facts VALUES (?, ?)",
                [(name, _freeze(value)) for name, value in facts.items()],
            )
            db.execute("COMMIT")
        except BaseException:
            db.execute("ROLLBACK")
            raise

    def records(self) -> list[Record]:
        """Everything kept, references between records restored, oldest first."""
        rows = self._db.execute("SELECT kind, key, state FROM records ORDER BY at").fetchall()
        found: dict[tuple[str, str], Record] = {}
        for kind, key, _ in rows:
            blank = _TABLES[kind]
            found[_SPACE.get(kind, kind), key] = blank.__new__(blank)
        for kind, key, state in rows:
            _unpack(found[_SPACE.get(kind, kind), key], _thaw(state), found)
        return list(found.values())

    def updates(self) -> list[tuple[int, int, Any]]:
        """What no bot has confirmed: bot, number, state, in order."""
        rows = self._db.execute("SELECT bot, id, state FROM updates ORDER BY bot, id")
        return [(bot, number, _thaw(state)) for bot, number, state in rows]

    def calls(self, limit: int | None) -> list[Call]:
        """The last calls, oldest first."""
        rows = self._db.execute(
            "SELECT state FROM calls ORDER BY n DESC LIMIT ?", (-1 if limit is None else limit,)
        ).fetchall()
        return [msgspec.convert(_thaw(state), Call) for (state,) in reversed(rows)]

    def facts(self) -> dict[str, Any]:
        """Single values such as the clock's position."""
        rows = self._db.execute("SELECT name, state FROM facts")
        return {name: _thaw(state) for name, state in rows}

    def close(self) -> None:
        """Close the file."""
        self._db.close()


class Keeper:
    """Collects what changed and hands it to the state file; without a file it forgets at once."""

    def __init__(self, file: StateFile | None) -> None:
        self.file = file
        self._changed: dict[int, Record] = {}
        self._gone: dict[tuple[str, str], Record] = {}
        self._updates: dict[tuple[int, int], Any] = {}
        self._confirmed: set[tuple[int, int]] = set()

    def touch(self, record: Record) -> None:
        """The record changed."""
        if self.file is not None:
            self._changed[id(record)] = record

    def drop(self, record: Record) -> None:
        """The record is no more."""
        if self.file is not None:
            self._changed.pop(id(record), None)
            self._gone[record.table, record.key] = record

    def queued(self, bot: int, number: int, state: Any) -> None:
        """An update waits for its bot."""
        if self.file is not None:
            self._updates[bot, number] = state

    def confirmed(self, bot: int, number: int) -> None:
        """An update was confirmed or timed out."""
        if self.file is not None and self._updates.pop((bot, number), None) is None:
            self._confirmed.add((bot, number))

    def flush(self, history: History, facts: dict[str, Any]) -> None:
        """Write what has gathered. Calls whose outcome is open wait for the next time."""
        if self.file is None:
            history.fresh.clear()
            return
        ended = [call for call in history.fresh if call.status or time.time() - call.at > 60]
        changed = list(self._changed.values())
        gone = list(self._gone.values())
        updates = [(bot, number, state) for (bot, number), state in self._updates.items()]
        oldest = 0 if history.limit is None else history.count - history.limit + 1
        self.file.write(changed, gone, updates, self._confirmed, ended, facts, oldest)
        told = {call.n for call in ended}
        history.fresh = [call for call in history.fresh if call.n not in told]
        self._changed.clear()
        self._gone.clear()
        self._updates.clear()
        self._confirmed.clear()


#: Marks a text that UTF-8 cannot hold: half of a surrogate pair, as hostile fans write.
_TORN = "→torn"


def _freeze(value: Any) -> bytes:
    try:
        return msgspec.msgpack.encode(value)
    except UnicodeEncodeError:
        return msgspec.msgpack.encode(_torn(msgspec.to_builtins(value, builtin_types=(bytes,))))


def _torn(value: Any) -> Any:
    if isinstance(value, str):
        if not any("\ud800" <= character <= "\udfff" for character in value):
            return value
        return {_TORN: value.encode("utf-8", "surrogatepass")}
    if isinstance(value, dict):
        return {key: _torn(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_torn(inner) for inner in value]
    return value


def _thaw(state: bytes) -> Any:
    value = msgspec.msgpack.decode(state, strict=False)
    return _whole(value) if _TORN.encode() in state else value


def _whole(value: Any) -> Any:
    if isinstance(value, dict):
        if _TORN in value:
            return value[_TORN].decode("utf-8", "surrogatepass")
        return {key: _whole(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_whole(inner) for inner in value]
    return value


def _pack(record: Record) -> dict[str, Any]:
    state: dict[str, Any] = {}
    for spec in fields(record):  # type: ignore[arg-type]  # every record is a dataclass
        if spec.metadata.get("kept", True):
            value = getattr(record, spec.name)
            if isinstance(value, Record):
                value = {"→": [_SPACE.get(value.table, value.table), value.key]}
            state[spec.name] = value
    return state


def _unpack(record: Record, state: dict[str, Any], found: dict[tuple[str, str], Record]) -> None:
    for spec in fields(record):  # type: ignore[arg-type]  # every record is a dataclass
        if spec.name in state:
            value = state[spec.name]
            if isinstance(value, dict) and "→" in value:
                kind, key = value["→"]
                value = found.get((kind, key))
        else:
            # A field that is not kept, or that a newer version added, starts empty.
            value = spec.default_factory() if callable(spec.default_factory) else spec.default
        setattr(record, spec.name, value)
