"""Telegram is away, does not know us, or gives our updates to somebody else: told in words, and
nothing is lost."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from structlog.testing import capture_logs

from bot.app import TokenRefused, open_app
from bot.playground.faults import FaultKind
from storage import interactions
from tests.engines import sqlite_url
from tests.house import Scene, running, settings_for


@dataclass(slots=True)
class Wire:
    """A way to Telegram that can be cut, and mended at the same address."""

    port: int
    own: int = 0
    _server: asyncio.Server | None = None
    _lines: set[asyncio.StreamWriter] = field(default_factory=set)

    async def mend(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.own)
        self.own = self._server.sockets[0].getsockname()[1]

    async def cut(self) -> None:
        """Refuse connections and break those that are open."""
        assert self._server is not None
        self._server.close()
        for line in self._lines:
            line.transport.abort()
        await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, onward = await asyncio.open_connection("127.0.0.1", self.port)
        self._lines |= {writer, onward}
        with contextlib.suppress(ConnectionError):
            await asyncio.gather(self._pump(reader, onward), self._pump(there, writer))
        self._lines -= {writer, onward}

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
        writer.close()


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pauses as long as a test may wait, not as an operator's patience."""
    monkeypatch.setattr("bot.app.CALL_SECONDS", 1.0)
    monkeypatch.setattr("bot.inbox.REFUSED_PAUSE", 1.0)
    monkeypatch.setattr("bot.sender.REVOKED_PAUSE", 1.0)


@pytest.fixture
def told() -> Iterator[list[Any]]:
    with capture_logs() as lines:
        yield lines


async def heard(scene: Scene, lines: list[Any], words: str) -> None:
    """Wait until the log says it."""
    for _ in range(600):
        if any(words in f"{line['event']} {line}" for line in lines):
            return
        await asyncio.sleep(0.01)
    raise AssertionError(f"{words!r} is not in {lines}")


async def test_a_network_that_is_away_for_a_while_loses_nothing(
    scene: Scene, tmp_path: Path, told: list[Any]
) -> None:
    """What fans write meanwhile waits at Telegram, what we have to say waits at home."""
    wire = Wire(scene.telegram.port)
    await wire.mend()
    world = scene.telegram.world
    telegram = {"api_base": f"http://127.0.0.1:{wire.own}"}
    async with running(settings_for(scene, sqlite_url(tmp_path), telegram=telegram)) as app:
        await scene.introduce()
        await wire.cut()
        for _ in range(3):
            world.say(scene.fan, scene.bot, "/about")
        await heard(scene, told, "Telegram cannot be reached")
        await wire.mend()
        door = world.private(scene.fan, scene.bot)
        await scene.telegram.until(lambda: len(scene.said(door)) == 3, within=15)
        kept = await app.database.read(lambda db: list(interactions.exported(db)))
        assert [row["text"] for row in kept].count("/about") == 3
    await wire.cut()


async def test_answers_wait_for_the_network_each_said_once(scene: Scene, tmp_path: Path) -> None:
    """The line breaks after the update was heard and before it was answered."""
    wire = Wire(scene.telegram.port)
    await wire.mend()
    world = scene.telegram.world
    telegram = {"api_base": f"http://127.0.0.1:{wire.own}"}
    async with running(settings_for(scene, sqlite_url(tmp_path), telegram=telegram)) as app:
        await scene.introduce()
        (station,) = app.stations.values()
        station.sender._pause_until = 2e9 * 2  # nothing leaves
        world.say(scene.fan, scene.bot, "/about")
        await scene.telegram.until(lambda: not world.updates.waiting(scene.bot))
        await wire.cut()
        station.sender._pause_until = 0
        await app.coordination.wake(station.sender.topic)
        await asyncio.sleep(0)
        await wire.mend()
        door = world.private(scene.fan, scene.bot)
        await scene.telegram.until(lambda: scene.said(door), within=15)
        assert len(scene.said(door)) == 1
    await wire.cut()


@pytest.mark.parametrize("kind", ["500", "429", "timeout_before", "drop_before", "wrong_json"])
async def test_the_start_waits_for_a_telegram_in_trouble(
    scene: Scene, tmp_path: Path, kind: FaultKind
) -> None:
    for method in ("getMe", "deleteWebhook"):
        scene.telegram.faults.add(method, kind, times=2)
    async with running(settings_for(scene, sqlite_url(tmp_path))):
        await scene.introduce()


async def test_a_token_that_telegram_does_not_know_stops_the_start(
    scene: Scene, tmp_path: Path
) -> None:
    token = f"{scene.bot.id}:AAE{'x' * 32}"
    with pytest.raises(TokenRefused) as refused:
        async with open_app(settings_for(scene, sqlite_url(tmp_path), telegram={"token": token})):
            pass
    assert "x" * 32 not in str(refused.value)


async def test_a_token_that_is_revoked_while_we_run_is_told_and_nothing_is_lost(
    scene: Scene, tmp_path: Path, told: list[Any]
) -> None:
    world, token = scene.telegram.world, scene.bot.token
    async with running(settings_for(scene, sqlite_url(tmp_path))) as app:
        await scene.introduce()
        (station,) = app.stations.values()
        scene.bot.token = f"{scene.bot.id}:AAE{'y' * 32}"
        world.say(scene.fan, scene.bot, "/about")  # ends the poll under way, which still answers
        await heard(scene, told, "does not know this token any more (401)")
        await heard(scene, told, "letters wait")
        scene.bot.token = token
        world.say(scene.fan, scene.bot, "/about")
        door = world.private(scene.fan, scene.bot)
        await scene.telegram.until(lambda: len(scene.said(door)) == 2, within=15)
        assert station.poller is not None
    assert token.partition(":")[2] not in str(told)


async def test_a_second_poller_is_told_in_words_and_survived(
    scene: Scene, tmp_path: Path, told: list[Any]
) -> None:
    async with running(settings_for(scene, sqlite_url(tmp_path))), aiohttp.ClientSession() as web:
        await scene.introduce()
        url = f"{scene.telegram.url}/bot{scene.bot.token}/getUpdates"
        async with web.post(url, json={"timeout": 0}) as other:
            assert other.status == 200
        await heard(scene, told, "somebody else receives for this bot (409)")
        scene.telegram.world.say(scene.fan, scene.bot, "/about")
        door = scene.telegram.world.private(scene.fan, scene.bot)
        await scene.telegram.until(lambda: scene.said(door), within=10)


async def test_a_webhook_that_somebody_sets_while_we_poll_is_told_in_words(
    scene: Scene, tmp_path: Path, told: list[Any]
) -> None:
    async with running(settings_for(scene, sqlite_url(tmp_path))):
        await scene.introduce()
        door = scene.telegram.door
        await door.call(scene.bot, "setWebhook", {"url": "https://127.0.0.1:9/x"}, {})
        await heard(scene, told, "or a webhook is set")
        await door.call(scene.bot, "deleteWebhook", {}, {})
        scene.telegram.world.say(scene.fan, scene.bot, "/about")
        private = scene.telegram.world.private(scene.fan, scene.bot)
        await scene.telegram.until(lambda: scene.said(private), within=10)


async def test_updates_that_are_given_out_twice_count_once(house: Any, scene: Scene) -> None:
    scene.telegram.faults.updates.duplicate = 1.0
    world = scene.telegram.world
    for number in range(20):
        world.say(scene.fan, scene.group, f"一句 {number}")
    await scene.telegram.until(lambda: not world.updates.waiting(scene.bot))
    rows = await house.database.read(lambda db: list(interactions.exported(db)))
    texts = [row["text"] for row in rows if (row["text"] or "").startswith("一句")]
    assert texts == [f"一句 {number}" for number in range(20)]
