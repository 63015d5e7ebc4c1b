"""The database is held, full, or not ours to write: nothing is confirmed that is not kept, the
process lives, and it goes on by itself."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from bot.app import App
from storage import interactions
from tests.engines import sqlite_url
from tests.house import Scene, running, settings_for

ROOT = Path(__file__).parent.parent
TOKEN = "123456789:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw9"


@pytest.fixture
async def kept(scene: Scene, tmp_path: Path) -> AsyncIterator[App]:
    async with running(settings_for(scene, sqlite_url(tmp_path))) as app:
        await scene.introduce()
        yield app


async def texts(app: App) -> list[str]:
    rows = await app.database.read(lambda db: list(interactions.exported(db)))
    return [row["text"] for row in rows if row["text"]]


async def test_a_database_that_another_process_holds_is_waited_for(
    kept: App, scene: Scene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Held longer than the inbox is patient: Telegram keeps what is written meanwhile."""
    monkeypatch.setattr("bot.inbox.PATIENCE", 0.5)
    world = scene.telegram.world
    with capture_logs() as told:
        holder = sqlite3.connect(tmp_path / "renqing.db", isolation_level=None)
        holder.execute("BEGIN IMMEDIATE")
        try:
            for number in range(20):
                world.say(scene.fan, scene.group, f"一句 {number}")
            world.say(scene.fan, scene.bot, "/about")
            for _ in range(1000):
                if any("cannot keep updates" in line["event"] for line in told):
                    break
                await asyncio.sleep(0.01)
            assert world.updates.waiting(scene.bot) == 21
        finally:
            holder.close()
        door = world.private(scene.fan, scene.bot)
        await scene.telegram.until(lambda: scene.said(door), within=15)
    said = [text for text in await texts(kept) if text.startswith("一句")]
    assert said == [f"一句 {number}" for number in range(20)]
    reasons = [line.get("why", "") for line in told if "cannot keep updates" in line["event"]]
    assert reasons
    assert "locked" in reasons[0]


async def test_work_in_hands_survives_a_held_database(
    kept: App, scene: Scene, tmp_path: Path
) -> None:
    """A lock within everybody's patience is not even noticed."""
    world = scene.telegram.world
    holder = sqlite3.connect(tmp_path / "renqing.db", isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    try:
        world.say(scene.fan, scene.bot, "/about")
        await asyncio.sleep(0.8)  # the length of the lock, which is what is tested
    finally:
        holder.close()
    door = world.private(scene.fan, scene.bot)
    await scene.telegram.until(lambda: scene.said(door), within=10)
    assert len(scene.said(door)) == 1


async def test_a_full_disk_confirms_nothing_and_is_survived(kept: App, scene: Scene) -> None:
    """``max_page_count`` at what is used already, then raised again."""
    from storage.database import Sqlite

    assert isinstance(kept.database, Sqlite)
    connections = list(kept.database._open.values())
    for connection in connections:
        raw = connection.connection.driver_connection
        assert raw is not None
        pages = raw.execute("PRAGMA page_count").fetchone()[0]
        raw.execute(f"PRAGMA max_page_count={pages}")
    world = scene.telegram.world
    with capture_logs() as told:
        for number in range(400):
            world.say(scene.fan, scene.group, f"{number} " + "很长的一句。" * 60)
        world.say(scene.fan, scene.bot, "/about")
        for _ in range(1000):
            if any("cannot keep updates" in line["event"] for line in told):
                break
            await asyncio.sleep(0.01)
        assert any("full" in line.get("why", "") for line in told)
        stored = [text for text in await texts(kept) if "很长" in text]
        assert world.updates.waiting(scene.bot) >= 401 - len(stored)
        for connection in connections:
            raw = connection.connection.driver_connection
            assert raw is not None
            raw.execute("PRAGMA max_page_count=1073741823")
        door = world.private(scene.fan, scene.bot)
        await scene.telegram.until(lambda: scene.said(door), within=20)
    stored = [text for text in await texts(kept) if "很长" in text]
    assert [text.split()[0] for text in stored] == [str(number) for number in range(400)]


# At the start, in a process of its own


def start(folder: Path, url: str) -> subprocess.Popen[str]:
    clean = {n: v for n, v in os.environ.items() if not n.startswith("RENQING_")}
    ours = {
        "PYTHONPATH": str(ROOT),
        "NO_COLOR": "1",
        "BOT_TOKEN": TOKEN,
        "RENQING_STORAGE__URL": url,
    }
    return subprocess.Popen(
        [sys.executable, "-m", "bot", "run"],
        cwd=folder,
        env={**clean, **ours},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
        stdin=subprocess.DEVNULL,
    )


def test_a_database_that_cannot_be_is_named_at_the_start(tmp_path: Path) -> None:
    """A folder that is not there, a file that is no database, a folder in the file's place, and
    a folder that may only be read; side by side, since each imports the whole house."""
    (tmp_path / "list.db").write_bytes(b"a shopping list, " * 100)
    (tmp_path / "folder.db").mkdir()
    read_only = tmp_path / "read-only"
    read_only.mkdir(mode=0o500)
    wrong = {
        "sqlite:////nowhere/at/all/renqing.db": "/nowhere/at/all",
        "sqlite:///list.db": "not a database",
        "sqlite:///folder.db": "folder.db",
    }
    if os.geteuid() != 0:  # root may write everywhere
        wrong["sqlite:///read-only/renqing.db"] = "read-only"
    begun = {url: start(tmp_path, url) for url in wrong}
    for url, process in begun.items():
        _, said = process.communicate(timeout=90)
        assert process.returncode == 1, url
        assert wrong[url] in said
        assert "[storage] url" in said or "The operator should see" in said
        assert "Traceback" not in said
        assert TOKEN not in said
