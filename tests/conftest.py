"""What tests share: fresh databases of both engines, and the house running in a playground."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from bot.app import App
from bot.playground import Flood, Playground
from storage.database import Database, opened, upgrade
from tests.engines import postgres_copy, postgres_template, sqlite_url
from tests.house import Scene, make_scene, running, settings_for


@pytest.fixture(scope="session")
def template_database() -> Iterator[str]:
    with postgres_template() as name:
        yield name


@pytest.fixture(params=["sqlite", "postgresql"])
def each_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of an empty database, once per engine."""
    if request.param == "sqlite":
        yield sqlite_url(tmp_path)
        return
    with postgres_copy(request.getfixturevalue("template_database")) as url:
        yield url


@pytest.fixture
async def each_database(each_url: str) -> AsyncIterator[Database]:
    """A migrated database, once per engine."""
    async with opened(each_url) as database:
        await upgrade(database)
        yield database


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    """A migrated SQLite database."""
    async with opened(sqlite_url(tmp_path)) as opened_database:
        await upgrade(opened_database)
        yield opened_database


@pytest.fixture
async def scene() -> AsyncIterator[Scene]:
    """A playground without flood limits; leaving it fails when the bot sent unknown parameters."""
    async with Playground(flood=Flood.off(), lint_fails=True) as telegram:
        yield make_scene(telegram)


@pytest.fixture
async def house(scene: Scene, tmp_path: Path) -> AsyncIterator[App]:
    """The house on SQLite, running in the scene."""
    async with running(settings_for(scene, sqlite_url(tmp_path))) as app:
        await scene.introduce()
        yield app
