"""Whole processes side by side, as they are started in earnest: time to ready, memory, answers."""

from __future__ import annotations

import asyncio
import os
import statistics
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import psutil

from benchmarks.measures import Figure, quantile
from benchmarks.road import QUICK, Size
from benchmarks.telegram import BARE, OURS, Account, Telegram, open_telegram
from benchmarks.updates import Crowd, bodies

ROOT: Final = Path(__file__).parent.parent
PATIENCE: Final = 60.0
TALKERS: Final = 100  # fans who write in private, in turn
A_SECOND: Final = 20
BARE_FED: Final = 20_000  # a bare bot keeps nothing: more would not change what it weighs


@dataclass(slots=True)
class Running:
    """One bot process at our little Telegram."""

    process: asyncio.subprocess.Process
    account: Account
    began: float
    ready_wall: float = 0.0
    ready_cpu: float = 0.0

    def measured(self) -> psutil.Process:
        return psutil.Process(self.process.pid)

    @property
    def cpu(self) -> float:
        spent = self.measured().cpu_times()
        return float(spent.user + spent.system)

    @property
    def megabytes(self) -> float:
        return float(self.measured().memory_info().rss) / 2**20


async def start(folder: Path, _size: Size) -> list[Figure]:
    """From the command to the first question for updates; bare and ours in turn."""
    spent: dict[str, list[Running]] = {OURS: [], BARE: []}
    for _ in range(3):
        for token in (BARE, OURS):
            async with open_telegram() as telegram, _running(telegram, token, folder) as one:
                spent[token].append(one)
    ours, bare = spent[OURS], spent[BARE]
    pairs = list(zip(ours, bare, strict=True))
    cpu = statistics.median(one.ready_cpu / other.ready_cpu for one, other in pairs)
    facts = {
        "wall": statistics.median(one.ready_wall / other.ready_wall for one, other in pairs),
        "ours_seconds": statistics.median(one.ready_wall for one in ours),
        "bare_seconds": statistics.median(one.ready_wall for one in bare),
    }
    return [Figure("start", "from the start to ready, CPU time", cpu, 1.5, "×", False, facts)]


async def memory(folder: Path, size: Size) -> list[Figure]:
    """What a process weighs after a long time in talkative groups."""
    fed = {OURS: 100_000 if size is QUICK else 1_000_000, BARE: BARE_FED}
    weight: dict[str, float] = {}
    async with open_telegram() as telegram:
        for token in (BARE, OURS):
            async with _running(telegram, token, folder) as one:
                await _feed(one.account, fed[token])
                weight[token] = one.megabytes
    facts = {"ours_megabytes": weight[OURS], "bare_megabytes": weight[BARE]}
    says = f"memory after {fed[OURS]:,} interactions"
    return [Figure("memory", says, weight[OURS] / weight[BARE], 1.5, "×", False, facts)]


async def answers(folder: Path, size: Size) -> list[Figure]:
    """From an update to its answer at Telegram, twenty a second; the two bots take turns."""
    rounds, seconds = (3, 4) if size is QUICK else (6, 10)
    waits: dict[str, list[float]] = {OURS: [], BARE: []}
    async with (
        open_telegram() as telegram,
        _running(telegram, BARE, folder),
        _running(telegram, OURS, folder),
    ):
        crowd = Crowd(TALKERS, int(OURS.partition(":")[0]), "lulu_house_bot")
        for number in range(rounds):
            for token in (BARE, OURS):
                told = await _ask(telegram.accounts[token], crowd, seconds * A_SECOND)
                if number:  # the first round lets everybody be met, and warms up
                    waits[token] += told
    ours, bare = (quantile(waits[token], 0.95) for token in (OURS, BARE))
    facts = {
        "ours_p95_ms": 1e3 * ours,
        "bare_p95_ms": 1e3 * bare,
        "ours_median_ms": 1e3 * quantile(waits[OURS], 0.5),
        "bare_median_ms": 1e3 * quantile(waits[BARE], 0.5),
    }
    says = "from an update to its answer at 20/s, p95"
    return [Figure("answer", says, ours / bare, 2.0, "×", False, facts)]


async def _ask(account: Account, crowd: Crowd, count: int) -> list[float]:
    """Let fans write one after another; gives the seconds until each was answered."""
    asked: dict[int, float] = {}
    waits: list[float] = []
    everybody = asyncio.Event()

    def on_send(chat: int, at: float) -> None:
        if (since := asked.pop(chat, None)) is not None:
            waits.append(at - since)
        if len(waits) == count:
            everybody.set()

    account.on_send = on_send
    for number in range(count):
        message = crowd.private(number % TALKERS, "签到")
        update = crowd.update("message", message)
        asked[message["chat"]["id"]] = time.perf_counter()
        account.give(update)
        await asyncio.sleep(1 / A_SECOND)
    await asyncio.wait_for(everybody.wait(), PATIENCE)
    return waits


async def _feed(account: Account, count: int) -> None:
    """Hand out chatter as fast as it is taken; returns when all of it was confirmed."""
    crowd = Crowd(100_000, 1, account.username)
    left, confirmed = count, asyncio.Event()

    def body() -> bytes | None:
        nonlocal left
        if left <= 0:
            confirmed.set()
            return None
        left -= 100
        return next(bodies(crowd.chatter(100)))

    account.body = body
    account.filled.set()
    await confirmed.wait()
    await asyncio.sleep(1)  # what a bare bot still has in hands


@asynccontextmanager
async def _running(telegram: Telegram, token: str, folder: Path) -> AsyncIterator[Running]:
    """A bot in a process of its own, from its start to its end; ready when it is given."""
    account = telegram.accounts[token]
    if token == BARE:
        command = ["-m", "benchmarks.bare_bot", telegram.url, BARE]
        settings: dict[str, str] = {}
    else:
        command = ["-m", "bot", "run"]
        settings = {
            "RENQING_TELEGRAM__TOKEN": OURS,
            "RENQING_TELEGRAM__API_BASE": telegram.url,
            "RENQING_TELEGRAM__OWNERS": "1",
            "RENQING_STORAGE__URL": f"sqlite:///{folder}/process.db",
            "RENQING_WEB__PORT": "0",
        }
    began = time.perf_counter()
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *command,
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), **settings},
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    one = Running(process, account, began)
    try:
        await asyncio.wait_for(account.ready.wait(), PATIENCE)
        one.ready_wall, one.ready_cpu = time.perf_counter() - began, one.cpu
        yield one
    finally:
        process.terminate()
        try:
            await asyncio.wait_for(process.wait(), 15)
        except TimeoutError:
            process.kill()
            await process.wait()
