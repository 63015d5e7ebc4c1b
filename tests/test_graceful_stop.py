"""SIGTERM and SIGINT: the real program, asked to stop in the middle of its work, loses nothing."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path

import pytest

from bot.playground import Flood, Playground
from storage import checkins, inbox, outbox
from storage.database import Connection, opened
from tests.engines import sqlite_url
from tests.house import Scene, make_scene

FANS = 60


async def start_program(scene: Scene, url: str) -> asyncio.subprocess.Process:
    """``python -m bot run`` as an operator would start it."""
    environment = {
        **{k: v for k, v in os.environ.items() if not k.startswith(("RENQING_", "BOT_TOKEN"))},
        "RENQING_TELEGRAM__TOKEN": scene.bot.token,
        "RENQING_TELEGRAM__API_BASE": scene.telegram.url,
        "RENQING_TELEGRAM__OWNERS": f"[{scene.owner.id}]",
        "RENQING_STORAGE__URL": url,
        "RENQING_WEB__PORT": "0",
    }
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bot", "run", env=environment, stderr=asyncio.subprocess.PIPE
    )


def owed(db: Connection) -> tuple[int, int, int]:
    """Tasks and letters that are still to be done, and letters whose fate nobody knows."""
    tasks, letters = inbox.tally(db), outbox.tally(db)
    return (
        tasks["waiting"] + tasks["taken"] + tasks["dead"],
        letters["waiting"] + letters["sending"],
        letters["unknown"] + letters["failed"],
    )


@pytest.mark.timeout(240)  # two starts of the real program
async def test_asked_to_stop_in_the_middle_it_finishes_and_the_next_start_does_the_rest(
    tmp_path: Path,
) -> None:
    url = sqlite_url(tmp_path)
    async with Playground(flood=Flood.off(), lint_fails=True) as telegram:
        scene = make_scene(telegram)
        fans = [telegram.world.add_user(f"fan {n}") for n in range(FANS)]
        program = await start_program(scene, url)
        await telegram.until(lambda: telegram.history.calls("sendMessage"), within=60)
        for fan in fans:
            telegram.world.say(fan, telegram.world.private(fan, scene.bot), "签到")
        await telegram.until(lambda: len(answers(scene)) > 5, within=30)
        program.send_signal(signal.SIGTERM)
        _, log = await asyncio.wait_for(program.communicate(), 40)
        assert program.returncode == 0, log.decode()
        assert b"nothing is lost" in log
        assert b"Traceback" not in log

        async with opened(url) as database:
            _, _, doubtful = await database.read(owed)
        assert doubtful == 0

        program = await start_program(scene, url)
        telegram.world.say(scene.fan, scene.group, "打卡")
        await telegram.until(lambda: len(answers(scene)) >= FANS + 1, within=60)
        program.send_signal(signal.SIGINT)
        await asyncio.wait_for(program.communicate(), 40)

        async with opened(url) as database:
            assert await database.read(owed) == (0, 0, 0)
            assert await database.read(lambda db: len(everybody(db))) == FANS + 1
        assert len(answers(scene)) == FANS + 1  # each was answered, and only once


def answers(scene: Scene) -> list[str]:
    """The check-ins that were confirmed, in whatever chat."""
    said = scene.telegram.history.calls("sendMessage")
    return [call.params["text"] for call in said if "+10" in call.params["text"]]


def everybody(db: Connection) -> list[object]:
    return list(db.execute(checkins.table.select()))
