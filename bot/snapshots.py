"""Backup files: made while the bot runs, checked before they are believed, restored in silence."""

from __future__ import annotations

import contextlib
import gzip
import os
import shutil
import sqlite3
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

import msgspec

from bot.config import Settings
from storage import ledger, outbox, snapshots
from storage.database import Connection, Database, opened, parse_url
from storage.migrations import climb, knows, revisions
from storage.records import moment
from storage.snapshots import BadSnapshot

FORMAT: Final = 1
PACKED: Final = 3  # of zlib's nine levels: half the time of the usual one, a tenth more bytes


class NotABackup(ValueError):
    """Nothing was changed. Take another backup file; `python -m bot backup` makes them."""


class StoreInUse(Exception):
    """Stop the bot first, and whatever else has the store open; nothing was changed."""


class StoreNotEmpty(Exception):
    """Add --replace to put the backup in its place: the present store is kept beside it. Nothing
    was changed."""


class NothingToBackUp(Exception):
    """Check [storage] url, or start the bot once: it makes its store by itself."""


@dataclass(frozen=True, slots=True)
class Backup:
    """What a backup file says of itself; ``made`` in microseconds UTC, ``rows`` by table."""

    path: Path
    made: int
    revision: str
    rows: dict[str, int]
    digest: str

    @property
    def total(self) -> int:
        return sum(self.rows.values())


@dataclass(frozen=True, slots=True)
class Restored:
    """What was done; ``aside`` is where the former store lies now ("" if there was none)."""

    backup: Backup
    held: snapshots.Held
    aside: str


# ---------------------------------------------------------------- making one


async def back_up(settings: Settings, out: Path, now: int) -> Backup:
    """Write one consistent moment of the store to *out*, whole or not at all, readable by its
    owner only; the bot may go on meanwhile. Raises NothingToBackUp."""
    _must_exist(settings)
    async with opened(settings.storage.url) as database:
        return await database.study(lambda db: _write(db, out, now))


def _must_exist(settings: Settings) -> None:
    """Opening a SQLite file that is not there would make it."""
    path = _file(settings)
    if path is not None and not path.exists():
        raise NothingToBackUp(f"{path}: there is no store")


def _write(db: Connection, out: Path, now: int) -> Backup:
    revision, _ = revisions(db)
    if revision is None:
        raise NothingToBackUp("the store is empty")
    part = out.with_name(f"{out.name}.part")
    digest, counts = sha256(), dict[str, int]()
    head = {
        "renqing-backup": FORMAT,
        "revision": revision,
        "made": now,
        "made_at": moment(now).isoformat(),
        "engine": db.dialect.name,
    }
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            with gzip.GzipFile("", "wb", PACKED, file, mtime=0) as packed:

                def put(line: bytes) -> None:
                    digest.update(line)
                    packed.write(line)

                put(msgspec.json.encode(head) + b"\n")
                for line in snapshots.dump(db):
                    put(line)
                    if line.startswith(b'{"end"'):
                        told = msgspec.json.decode(line)
                        counts[told["end"]] = told["rows"]
                last = {"rows": sum(counts.values()), "sha256": digest.hexdigest()}
                packed.write(msgspec.json.encode(last) + b"\n")
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, out)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
    return Backup(out, now, revision, counts, digest.hexdigest())


# ---------------------------------------------------------------- reading one


def examine(path: Path) -> Backup:
    """Read the whole file and believe it only if nothing is missing or changed. Raises NotABackup
    with the reason."""
    digest, counts = sha256(), dict[str, int]()
    head: dict[str, Any] | None = None
    last: dict[str, Any] | None = None
    with _unpacked(path) as lines:
        for line in lines:
            if last is not None:
                raise NotABackup(f"{path} goes on after its end")
            if line.startswith(b'{"rows"'):
                last = _object(line)
                continue
            digest.update(line)
            if head is None:
                head = _object(line)
                if head.get("renqing-backup") != FORMAT:
                    raise NotABackup(f"{path} is no backup of ours, or of a newer version")
            elif line.startswith(b'{"end"'):
                told = _object(line)
                counts[told["end"]] = told["rows"]
    if head is None or last is None:
        raise NotABackup(f"{path} is not whole: its end is missing")
    if last["sha256"] != digest.hexdigest():
        raise NotABackup(f"{path} was damaged or changed: its checksum is another one")
    return Backup(path, head["made"], head["revision"], counts, last["sha256"])


@contextlib.contextmanager
def _unpacked(path: Path) -> Iterator[gzip.GzipFile]:
    try:
        with gzip.open(path, "rb") as lines:
            yield lines
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise NotABackup(f"{path} is no backup, or only a part of one: {error}") from error
    except (msgspec.DecodeError, UnicodeDecodeError, KeyError) as error:
        raise NotABackup(f"{path} is no backup of ours, or was damaged: {error}") from error


def _object(line: bytes) -> dict[str, Any]:
    return msgspec.json.decode(line, type=dict[str, Any])


# ---------------------------------------------------------------- restoring one


async def restore(settings: Settings, path: Path, now: int, *, replace: bool) -> Restored:
    """Put a backup in the place of the store, at this version's revision and with everything that
    waits to be said held until ``resume``. The former store is kept, if it held anything.

    Raises NotABackup, StoreInUse, StoreNotEmpty (without *replace*); then nothing was changed.
    """
    backup = examine(path)
    if (file := _file(settings)) is not None:
        return await _restore_file(file, backup, now, replace=replace)
    async with opened(settings.storage.url) as database:
        return await _restore_schema(database, backup, now, replace=replace)


def _file(settings: Settings) -> Path | None:
    """SQLite's file; None on PostgreSQL."""
    url = parse_url(settings.storage.url)
    return Path(url.database or "") if url.get_backend_name() == "sqlite" else None


async def _restore_file(file: Path, backup: Backup, now: int, *, replace: bool) -> Restored:
    filled = _closed(file)
    if filled and not replace:
        raise StoreNotEmpty(f"{file} holds {filled:,} rows")
    fresh = file.with_name(f"{file.name}.restoring")
    _forget(fresh)
    try:
        async with opened(f"sqlite:///{fresh}") as database:
            held = await database.work(lambda db: _fill(db, backup, now), durable=True)
        _alone(fresh)
        aside = _beside(file, now) if filled else None
        os.replace(fresh, file)
        _sync_folder(file)
    finally:
        _forget(fresh)
    return Restored(backup, held, str(aside) if aside is not None else "")


def _closed(file: Path) -> int:
    """How many rows the store holds that is there; afterwards it is one closed file."""
    if not file.exists():
        return 0
    _alone(file)
    with contextlib.closing(sqlite3.connect(file)) as db:
        names = [
            name
            for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
            if name not in ("marks", snapshots.VERSIONS) and not name.startswith("sqlite_")
        ]
        return sum(db.execute(f'SELECT count(*) FROM "{name}"').fetchone()[0] for name in names)


def _alone(file: Path) -> None:
    """Fold the journal into the file, which SQLite does only for who is alone with it."""
    with contextlib.closing(sqlite3.connect(file, timeout=1)) as db:
        try:
            (mode,) = db.execute("PRAGMA journal_mode=DELETE").fetchone()
        except sqlite3.OperationalError as error:
            raise StoreInUse(f"{file}: {error}") from error
        except sqlite3.DatabaseError as error:
            raise StoreNotEmpty(f"{file} is no SQLite file, or a damaged one: {error}") from error
        if mode != "delete":
            raise StoreInUse(f"{file} is open elsewhere")


def _beside(file: Path, now: int) -> Path:
    """A second name for the file, so that at no moment there is none; else a copy."""
    aside = file.with_name(f"{file.name}.before-{_stamp(now)}")
    try:
        os.link(file, aside)
    except OSError:  # a file system without hard links
        shutil.copy2(file, aside)
    return aside


def _sync_folder(file: Path) -> None:
    descriptor = os.open(file.parent, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _forget(file: Path) -> None:
    for name in (file.name, f"{file.name}-wal", f"{file.name}-shm", f"{file.name}-journal"):
        file.with_name(name).unlink(missing_ok=True)


async def _restore_schema(
    database: Database, backup: Backup, now: int, *, replace: bool
) -> Restored:
    """On PostgreSQL all in one transaction: the former schema gets another name."""
    aside = f"before_{_stamp(now)}"

    def story(db: Connection) -> tuple[snapshots.Held, str]:
        kept = ""
        if snapshots.is_there(db):
            if snapshots.others(db):
                raise StoreInUse("the house is still connected to this database")
            filled = snapshots.rows(db)
            if filled and not replace:
                raise StoreNotEmpty(f"the database holds {filled:,} rows")
            snapshots.set_aside(db, aside)
            kept = f"schema {aside}" if filled else ""
        return _fill(db, backup, now), kept

    held, kept = await database.work(story, durable=True, patience=5.0)
    return Restored(backup, held, kept)


def _fill(db: Connection, backup: Backup, now: int) -> snapshots.Held:
    """The backup's revision, its rows, then the way up to ours; checked before it counts."""
    if not knows(db, backup.revision):
        raise NotABackup(
            f"{backup.path} stands at revision {backup.revision}, which this version does not "
            "know: it was made by a newer one"
        )
    climb(db, backup.revision)
    try:
        with _unpacked(backup.path) as lines:
            loaded = snapshots.load(db, _body(iter(lines)))
    except BadSnapshot as error:
        raise NotABackup(f"{backup.path}: {error}") from error
    if loaded != backup.rows:
        raise NotABackup(f"{backup.path} changed while it was read")
    climb(db)
    if wrong := ledger.verify(db):
        raise NotABackup(f"{backup.path}: points do not add up: {wrong[0]}")
    return snapshots.quiet(db, backup.made, now)


def _body(lines: Iterator[bytes]) -> Iterator[bytes]:
    """Between the head and the seal."""
    next(lines)
    for line in lines:
        if not line.startswith(b'{"rows"'):
            yield line


def _stamp(now: int) -> str:
    return f"{moment(now):%Y%m%d_%H%M%S}"


def file_name(now: int) -> str:
    """What a backup is called that nobody gave a name.

    >>> file_name(0)
    'renqing-19700101_000000.backup'
    """
    return f"renqing-{_stamp(now)}.backup"


async def resume(settings: Settings) -> int | None:
    """Let what waits be said; gives how many letters that are, None when nothing was held."""
    _must_exist(settings)

    def story(db: Connection) -> int | None:
        return outbox.tally(db)["waiting"] if outbox.let_go(db) else None

    async with opened(settings.storage.url) as database:
        return await database.work(story, durable=True)
