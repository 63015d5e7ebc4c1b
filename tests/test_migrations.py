"""The way up: from empty to newest, on both engines, and there the tables are those of the code."""

from __future__ import annotations

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection

from storage.database import Database, opened, upgrade
from storage.schema import metadata


def differences(db: Connection) -> list[object]:
    return list(compare_metadata(MigrationContext.configure(db), metadata))


async def test_the_newest_database_has_exactly_the_tables_of_the_code(
    each_database: Database,
) -> None:
    assert await each_database.work(differences) == []


async def test_climbing_twice_changes_nothing(each_url: str) -> None:
    async with opened(each_url) as database:
        await upgrade(database)
        before, after = await upgrade(database)
    assert before == after
