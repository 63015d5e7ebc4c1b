"""The playground as a parent: the bot's process is kept alive, killed and stopped; the ports."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import socket
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from itertools import groupby, pairwise
from pathlib import Path

import aiohttp
import pytest

from bot.playground.parent import (
    AlreadyOpen,
    BotProcess,
    NotThisMachine,
    PortTaken,
    free_port,
    play,
)

#: A bot that says that it is there and stops gently when it is asked to.
GENTLE = """
import signal, sys, time
def stop(*_):
    print("drained", flush=True); sys.exit(0)
signal.signal(signal.SIGTERM, stop)
print("up", flush=True)
while True: time.sleep(60)
"""
STUBBORN = """
import signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("up", flush=True)
while True: time.sleep(60)
"""
BROKEN = "print('no token'); raise SystemExit(3)"


@asynccontextmanager
async def living(
    script: str, *, log_file: Path | None = None, first_wait: float = 0.05, patience: float = 5.0
) -> AsyncIterator[tuple[BotProcess, Callable[[Callable[[], bool]], asyncio.Future[None]]]]:
    """A process that runs the script, and a way to wait until something is true of it."""
    process = BotProcess(
        [sys.executable, "-c", script],
        dict(os.environ),
        log_file=log_file,
        first_wait=first_wait,
        patience=patience,
    )
    changed = asyncio.Event()
    process.on_change.append(changed.set)
    process.on_lines.append(lambda lines: changed.set())

    async def until(condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(20):
            while not condition():
                changed.clear()
                await changed.wait()

    task = asyncio.create_task(process.run())
    try:
        yield process, lambda condition: asyncio.ensure_future(until(condition))
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def test_a_killed_bot_comes_back_and_the_page_sees_each_step() -> None:
    async with living(GENTLE) as (process, until):
        states: list[str] = []
        process.on_change.append(lambda: states.append(process.state))
        await until(lambda: "up" in process.lines)
        process.noticed()
        first = process.pid
        assert process.state == "running"
        assert process.kill()
        await until(lambda: process.lines.count("up") == 2)
        process.noticed()
        assert process.pid not in (None, first)
        assert process.restarts == 1
        seen = [state for state, _ in groupby(states)]
        assert seen[-4:] == ["running", "killed", "starting", "running"]


async def test_a_bot_that_is_stopped_stays_stopped_until_it_is_started() -> None:
    async with living(GENTLE) as (process, until):
        await until(lambda: "up" in process.lines)
        assert process.stop()
        await until(lambda: process.state == "stopped")
        assert "drained" in process.lines
        assert process.pid is None
        assert not process.kill()
        assert process.start()
        assert not process.start() or process.pid is None
        await until(lambda: process.lines.count("up") == 2)


async def test_a_bot_that_breaks_at_once_is_tried_again_ever_slower(tmp_path: Path) -> None:
    log = tmp_path / "bot.log"
    async with living(BROKEN, log_file=log, first_wait=0.1) as (process, until):
        loop = asyncio.get_running_loop()
        crashes: list[float] = []
        process.on_change.append(
            lambda: crashes.append(loop.time()) if process.state == "crashed" else None
        )
        await until(lambda: len(crashes) >= 4)
        assert process.exit_code == 3
        pauses = [later - earlier for earlier, later in pairwise(crashes)]
        assert pauses[2] > pauses[0]
        assert "no token" in await asyncio.to_thread(log.read_text)


async def test_what_cannot_be_started_says_so() -> None:
    process = BotProcess(["/nowhere/python"], {})
    task = asyncio.create_task(process.run())
    changed = asyncio.Event()
    process.on_lines.append(lambda lines: changed.set())
    async with asyncio.timeout(10):
        await changed.wait()
    assert "/nowhere/python cannot be started" in process.lines[0]
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


@pytest.mark.parametrize("script", [GENTLE, STUBBORN])
async def test_no_bot_outlives_the_playground(script: str) -> None:
    """Asked first, killed after its patience: the process is gone when `run` has ended."""
    async with living(script, patience=0.3) as (process, until):
        await until(lambda: "up" in process.lines)
        pid = process.pid
    assert pid is not None
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    assert process.state == "stopped"
    assert ("drained" in process.lines) == (script is GENTLE)


def test_a_taken_port_is_replaced_by_the_next_free_one_unless_it_was_asked_for() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert free_port("127.0.0.1", port) > port
        with pytest.raises(PortTaken, match=f"Port {port} on 127.0.0.1 is taken"):
            free_port("127.0.0.1", port, exactly=True)


async def test_the_playground_opens_only_on_this_machine(tmp_path: Path) -> None:
    with pytest.raises(NotThisMachine, match="this machine only"):
        await play(host="0.0.0.0", state_dir=tmp_path, bot_command=[], bot_env={})


async def test_play_opens_the_door_starts_the_bot_and_leaves_gently(
    tmp_path: Path, unused_tcp_port_factory: Callable[[], int]
) -> None:
    """One call: the address is said, the bot gets its settings, SIGTERM ends everything."""
    said: list[str] = []
    opened = asyncio.Event()

    def say(line: str) -> None:
        said.append(line)
        opened.set()

    script = (
        f"import os; print(*(f'{{k}}={{v}}' for k, v in os.environ.items()), sep=chr(10))\n{GENTLE}"
    )
    port = unused_tcp_port_factory()
    task = asyncio.create_task(
        play(
            port=port,
            state_dir=tmp_path / "play",
            bot_command=[sys.executable, "-c", script],
            bot_env={"RENQING_LOG__LEVEL": "debug"},
            web_port=unused_tcp_port_factory(),
            say=say,
        )
    )
    async with asyncio.timeout(60), aiohttp.ClientSession() as session:
        await opened.wait()
        url = f"http://127.0.0.1:{port}"
        assert any(f"{url}/" in line for line in said)
        async with session.get(f"{url}/play/events") as stream:
            async for raw in stream.content:
                if b'"up"' in raw:
                    break
        with pytest.raises(AlreadyOpen, match=re.escape(f"{url}/")):
            await play(port=port, state_dir=tmp_path / "play", bot_command=[], bot_env={})
        log = await asyncio.to_thread((tmp_path / "play" / "bot.log").read_text)
        os.kill(os.getpid(), signal.SIGTERM)
        await task
    assert f"RENQING_TELEGRAM__API_BASE={url}" in log
    assert "RENQING_TELEGRAM__OWNERS=[5000000001]" in log
    assert "RENQING_LOG__LEVEL=debug" in log
    assert "BOT_TOKEN=" not in log
    assert "drained" in await asyncio.to_thread((tmp_path / "play" / "bot.log").read_text)
