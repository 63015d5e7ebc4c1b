"""One door to the truth: transactions on SQLite or PostgreSQL as plain functions over a connection.

``work`` runs a function in one transaction; ``durable=True`` makes its commit, and with it every
commit before it, survive a power cut (SQLite: ``synchronous=FULL``, PostgreSQL:
``synchronous_commit=on``). Ordinary work survives ``kill -9`` but not a power cut, which is why the
sender asks for a durable commit, or a ``barrier``, before anything is said.
"""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Protocol, TypeVar

from sqlalchemy import Connection, MetaData, create_engine, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.pool import NullPool

from storage.statements import driver, translated

T = TypeVar("T")

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

FIRST_PAUSE, LONGEST_PAUSE = 0.005, 0.25
RETRIED_STATES = frozenset({"40001", "40P01"})  # serialization failure, deadlock: run again
AWAY_STATES = ("08", "57P01", "57P02", "57P03", "53300")


class DatabaseAway(Exception):
    """The database did not answer for the whole patience: locked, stopped or out of reach.

    Nothing was changed. The operator should see whether the server runs, or which other process
    holds the file (``fuser renqing.db``); the bot goes on by itself once it answers.
    """


class DatabaseFull(Exception):
    """The disk, or the file's page limit, is full; nothing was changed. Free some space."""


class BadDatabaseUrl(ValueError):
    """``[storage] url`` is neither ``sqlite:///path`` nor ``postgresql://…``."""


class Database(Protocol):
    """What the rest of the house may ask of the truth."""

    dialect: str

    async def work(
        self,
        step: Callable[[Connection], T],
        *,
        durable: bool = False,
        patience: float = 30.0,
    ) -> T:
        """Run *step* in one transaction and give what it returns; roll back when it raises.

        It may run more than once (a deadlock, a connection lost before the commit was known), so
        everything that it does must be keyed. Raises DatabaseAway after *patience* seconds.
        """

    async def read(self, step: Callable[[Connection], T], *, patience: float = 30.0) -> T:
        """Run a short read that sees what is committed."""

    async def study(self, step: Callable[[Connection], T]) -> T:
        """Run a long read beside the loop, on one consistent snapshot."""

    async def barrier(self, *, within: float = 0.0) -> None:
        """Return when everything committed so far would survive a power cut.

        Who can spare *within* seconds waits that long for a durable commit that somebody needs
        anyway, and pays for one only if none came.
        """

    async def close(self) -> None:
        """Give back connections; what is committed stays."""


def parse_url(url: str) -> URL:
    """The SQLAlchemy URL with our driver; raises BadDatabaseUrl with what would be right."""
    try:
        parsed = make_url(url)
    except Exception:
        parsed = None
    match parsed.get_backend_name() if parsed is not None else None:
        case "sqlite" if parsed is not None:
            return parsed.set(drivername="sqlite")
        case "postgresql" if parsed is not None:
            return parsed.set(drivername="postgresql+asyncpg")
        case _:
            raise BadDatabaseUrl(
                "[storage] url must look like sqlite:///renqing.db or postgresql://user@host/name"
            )


async def open_database(url: str) -> Database:
    """Connect and give the database; does not migrate (see storage.migrations).

    Raises BadDatabaseUrl, or DatabaseAway with the reason when it cannot be opened at all.
    """
    parsed = parse_url(url)
    if parsed.get_backend_name() == "sqlite":
        return Sqlite(parsed)
    return Postgres(parsed)


def scrub_after(db: Connection) -> None:
    """After this transaction has committed, no older version of what it changed may be left in the
    file's journal (SQLite; what PostgreSQL keeps of old rows is its own affair, see VACUUM)."""
    db.info["scrub"] = True


class Sqlite:
    """A file beside us: two connections on the loop, one plain and one that fsyncs its commits.

    Everything runs inline: a commit without fsync costs less than a thread's hand-over, and no
    busy loop can starve it (NUMBERS.md). The driver is in autocommit mode and we say BEGIN
    IMMEDIATE ourselves, since the driver's own transaction mode lets DDL and released savepoints
    survive a rollback.
    """

    dialect = "sqlite"

    def __init__(self, url: URL) -> None:
        self._url = url
        self._readers: ThreadPoolExecutor | None = None
        self._barrier: asyncio.Future[None] | None = None
        self._flushed = asyncio.Event()
        path = url.database
        if path and path != ":memory:" and not Path(path).parent.is_dir():
            raise DatabaseAway(
                f"{path}: its folder does not exist; make it or change [storage] url"
            )
        self._engines = [self._engine("NORMAL"), self._engine("FULL")]
        self._open: dict[bool, Connection] = {}
        self._reader: Connection | None = None
        self._dirty = False
        self._scrub_at: float | None = None
        try:
            for durable in (False, True):
                self._connection(durable)
        except DBAPIError as error:
            raise DatabaseAway(f"{path}: {error.orig}") from error

    def _engine(self, synchronous: str, begin: str = "BEGIN IMMEDIATE") -> Any:
        engine = create_engine(
            self._url,
            poolclass=NullPool,
            connect_args={
                "timeout": 0,
                "check_same_thread": False,
                "isolation_level": None,
            },
        )

        @event.listens_for(engine, "connect")
        def on_connect(raw: sqlite3.Connection, _record: object) -> None:
            raw.execute("PRAGMA busy_timeout=2000")  # only while the file is opened and made WAL
            raw.execute("PRAGMA journal_mode=WAL")
            raw.execute(f"PRAGMA synchronous={synchronous}")
            raw.execute("PRAGMA foreign_keys=ON")
            raw.execute("PRAGMA secure_delete=ON")
            raw.execute("PRAGMA cache_size=-16000")
            raw.execute("PRAGMA temp_store=MEMORY")
            raw.execute("PRAGMA busy_timeout=0")  # waiting is done by us, off the loop

        @event.listens_for(engine, "begin")
        def on_begin(connection: Connection) -> None:
            try:
                driver(connection).execute(begin)
            except sqlite3.Error as error:
                raise translated(error, begin) from error

        return engine

    def _connection(self, durable: bool) -> Connection:
        if durable not in self._open:
            self._open[durable] = self._engines[durable].connect()
        return self._open[durable]

    async def work(
        self,
        step: Callable[[Connection], T],
        *,
        durable: bool = False,
        patience: float = 30.0,
    ) -> T:
        until, pause = time.monotonic() + patience, FIRST_PAUSE
        while True:
            try:
                connection = self._connection(durable)
                transaction = connection.begin()
            except OperationalError as error:
                if _sqlite_full(error):
                    raise DatabaseFull(str(error.orig)) from error
                if time.monotonic() > until:
                    raise DatabaseAway(f"{self._url.database}: {error.orig}") from error
                await asyncio.sleep(pause)
                pause = min(2 * pause, LONGEST_PAUSE)
                continue
            connection.info["scrub"] = False
            try:
                with transaction:
                    result = step(connection)
            except OperationalError as error:
                if _sqlite_full(error):
                    raise DatabaseFull(str(error.orig)) from error
                raise
            self._dirty = not durable
            if durable:
                self._flushed.set()
            if connection.info["scrub"]:
                self._scrub_at = 0.0
            if self._scrub_at is not None and time.monotonic() >= self._scrub_at:
                self._scrub(connection)
            return result

    def _scrub(self, connection: Connection) -> None:
        """Move the journal into the file and cut it to nothing; while somebody else reads from it
        that cannot be, and the next work tries again."""
        ((busy, *_),) = driver(connection).execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        self._scrub_at = time.monotonic() + LONGEST_PAUSE if busy else None

    async def read(self, step: Callable[[Connection], T], *, patience: float = 30.0) -> T:
        until, pause = time.monotonic() + patience, FIRST_PAUSE
        while True:
            try:
                if self._reader is None:
                    self._reader = self._engine("NORMAL", begin="BEGIN").connect()
                with self._reader.begin():
                    return step(self._reader)
            except OperationalError as error:
                # A reader waits for nobody but who repairs the file's journal after a crash.
                if "locked" not in str(error.orig):
                    raise
                if time.monotonic() > until:
                    raise DatabaseAway(f"{self._url.database}: {error.orig}") from error
                await asyncio.sleep(pause)
                pause = min(2 * pause, LONGEST_PAUSE)

    async def study(self, step: Callable[[Connection], T]) -> T:
        if self._readers is None:
            self._readers = ThreadPoolExecutor(2, "reader")
        return await asyncio.get_running_loop().run_in_executor(self._readers, self._studied, step)

    def _studied(self, step: Callable[[Connection], T]) -> T:
        engine = self._engine("NORMAL", begin="BEGIN")
        with engine.connect() as connection, connection.begin():
            return step(connection)

    async def barrier(self, *, within: float = 0.0) -> None:
        """Many who wait share one fsync: whoever comes while one is due joins it."""
        if not self._dirty:
            return
        if within:
            self._flushed.clear()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._flushed.wait(), within)
                return
        if self._barrier is None:
            self._barrier = asyncio.ensure_future(self._sync())
        await asyncio.shield(self._barrier)

    async def _sync(self) -> None:
        await asyncio.sleep(0)  # let the presses of this turn of the loop join
        self._barrier = None
        await self.work(_touch, durable=True)

    async def close(self) -> None:
        if self._readers is not None:
            self._readers.shutdown(wait=True)
        for connection in (*self._open.values(), self._reader):
            if connection is not None:
                connection.close()
        self._open.clear()
        self._reader = None


def _touch(db: Connection) -> None:
    """The smallest write that makes a commit reach the disk."""
    db.exec_driver_sql("INSERT OR REPLACE INTO marks (name, value) VALUES ('barrier', '')")


def _sqlite_full(error: DBAPIError) -> bool:
    return "is full" in str(error.orig)


class Postgres:
    """A server: two pools, one whose commits wait for the disk and one whose need not.

    A commit that waits flushes all earlier ones too, so ordinary work need not pay for it.
    """

    dialect = "postgresql"

    def __init__(self, url: URL) -> None:
        self._engines = [self._engine(url, "off"), self._engine(url, "on")]

    @staticmethod
    def _engine(url: URL, synchronous_commit: str) -> Any:
        # It brings the whole ORM along, half a second that only PostgreSQL's users pay.
        from sqlalchemy.ext.asyncio import create_async_engine

        # No ping before use: it would wait on a silent line without end, and a line that is found
        # dead in use gives up its whole pool and is tried again by ``work``.
        return create_async_engine(
            url,
            pool_size=5,
            max_overflow=5,
            connect_args={
                "timeout": 5,
                "server_settings": {
                    "synchronous_commit": synchronous_commit,
                    "application_name": "renqing",
                },
            },
        )

    async def work(
        self,
        step: Callable[[Connection], T],
        *,
        durable: bool = False,
        patience: float = 30.0,
    ) -> T:
        async def once() -> T:
            deadline: asyncio.TimerHandle | None = None
            try:
                async with self._engines[durable].begin() as connection:
                    line = (await connection.get_raw_connection()).driver_connection
                    # A server that lost its power closes no line: ours would wait for hours.
                    deadline = asyncio.get_running_loop().call_later(patience, line.terminate)
                    result: T = await connection.run_sync(step)
                return result
            finally:
                if deadline is not None:
                    deadline.cancel()

        return await self._patiently(once, patience)

    async def read(self, step: Callable[[Connection], T], *, patience: float = 30.0) -> T:
        return await self.work(step, patience=patience)

    async def study(self, step: Callable[[Connection], T]) -> T:
        await self.work(_ping)  # a dead line gives up its pool here, so that no step runs twice
        async with self._engines[False].connect() as connection:
            await connection.execution_options(isolation_level="REPEATABLE READ")
            async with connection.begin():
                result: T = await connection.run_sync(step)
        return result

    async def _patiently(self, once: Callable[[], Awaitable[T]], patience: float) -> T:
        until, pause = time.monotonic() + patience, FIRST_PAUSE
        while True:
            try:
                return await once()
            except (DBAPIError, InterfaceError, OSError) as error:
                if _sqlstate(error) == "53100":
                    raise DatabaseFull("PostgreSQL reports a full disk") from error
                away = _is_away(error)
                if not away and _sqlstate(error) not in RETRIED_STATES:
                    raise
                if time.monotonic() > until:
                    raise DatabaseAway(f"PostgreSQL does not answer: {error}") from error
            await asyncio.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE)

    async def barrier(self, *, within: float = 0.0) -> None:
        # A server's flush holds up nobody here, so there is nothing to wait for.
        await self.work(_flush, durable=True)

    async def close(self) -> None:
        for engine in self._engines:
            await engine.dispose()


def _ping(db: Connection) -> None:
    db.exec_driver_sql("SELECT 1")


def _flush(db: Connection) -> None:
    """A commit that waits for the disk needs a transaction that wrote something."""
    db.exec_driver_sql(
        "INSERT INTO marks (name, value) VALUES ('barrier', '') "
        "ON CONFLICT (name) DO UPDATE SET value = ''"
    )


def _sqlstate(error: BaseException) -> str:
    return str(getattr(getattr(error, "orig", None), "sqlstate", None) or "")


def _is_away(error: BaseException) -> bool:
    if isinstance(error, OSError):
        return True
    if isinstance(error, DBAPIError) and error.connection_invalidated:
        return True
    if isinstance(error, InterfaceError):
        return True
    return _sqlstate(error).startswith(AWAY_STATES)


@asynccontextmanager
async def opened(url: str) -> AsyncIterator[Database]:
    """The database for the length of a block."""
    database = await open_database(url)
    try:
        yield database
    finally:
        await database.close()


def migrate(url: str) -> None:
    """Bring a database to the newest revision, outside of any running loop."""
    asyncio.run(_migrate(url))


async def _migrate(url: str) -> None:
    async with opened(url) as database:
        await upgrade(database)


async def upgrade(database: Database) -> tuple[str | None, str]:
    """Climb to the newest revision in one transaction; gives the revisions before and after."""
    from storage import migrations  # Alembic costs 0.2 s, which only who climbs pays

    return await database.work(migrations.climb, durable=True, patience=120.0)
