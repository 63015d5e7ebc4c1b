"""Fresh databases for tests: SQLite files, and PostgreSQL databases copied from a migrated one.

PostgreSQL and Redis are required where CI=true; elsewhere a missing one is named and skipped.
"""

from __future__ import annotations

import asyncio
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import asyncpg
import pytest

from storage import database

POSTGRES = os.environ.get("TEST_POSTGRES_URL", "postgresql://root@127.0.0.1:5432/postgres")
REQUIRED = os.environ.get("CI") == "true"


def missing(what: str, how: str) -> None:
    """Skip where the service may be absent, fail where it must be there."""
    sentence = f"{what} does not answer; {how}"
    if REQUIRED:
        pytest.fail(sentence)
    pytest.skip(sentence)


async def _say(statement: str) -> None:
    connection = await asyncpg.connect(POSTGRES, timeout=5)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


def _url(name: str) -> str:
    return f"{POSTGRES.rsplit('/', 1)[0]}/{name}"


@contextmanager
def postgres_template() -> Iterator[str]:
    """A migrated database to copy from, for one test process."""
    name = f"renqing_template_{os.getpid()}_{secrets.token_hex(3)}"
    try:
        asyncio.run(_say(f"CREATE DATABASE {name}"))
    except OSError:
        missing("PostgreSQL", "start it, or set TEST_POSTGRES_URL")
    try:
        database.migrate(_url(name))
        yield name
    finally:
        asyncio.run(_say(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)"))


@contextmanager
def postgres_copy(template: str) -> Iterator[str]:
    """The URL of a fresh, migrated database; gone afterwards."""
    name = f"renqing_{os.getpid()}_{secrets.token_hex(4)}"
    asyncio.run(_say(f"CREATE DATABASE {name} TEMPLATE {template}"))
    try:
        yield _url(name)
    finally:
        asyncio.run(_say(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)"))


def sqlite_url(folder: Path) -> str:
    return f"sqlite:///{folder}/renqing.db"
