"""The hour: the machine's own, or the one that ``[clock] url`` rules (the playground's)."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import Final, Protocol

import aiohttp
import msgspec
import structlog

log = structlog.get_logger(__name__)

LISTEN: Final = 25.0
PAUSE: Final = 1.0


class Clock(Protocol):
    """Microseconds since 1970 UTC, on the clock that rules days and due times.

    Pacing and back-off run on the machine's own time, whatever this clock says.
    """

    def now(self) -> int: ...

    async def moved(self, within: float) -> bool:
        """True as soon as the clock was set, False after *within* seconds of real time."""

    async def run(self) -> None:
        """Follow the ruling clock until cancelled."""


class MachineClock:
    def now(self) -> int:
        return time.time_ns() // 1000

    async def moved(self, within: float) -> bool:
        await asyncio.sleep(within)
        return False

    async def run(self) -> None:
        return


class _Told(msgspec.Struct):
    now: int
    speed: float
    version: int


@dataclass(slots=True)
class RuledClock:
    """Follows a playground's clock: asks once for the hour, then waits to be told of changes.

    Between answers it goes on by itself at the told speed; when the playground is gone, too.
    """

    url: str
    _base: int
    _since: float
    _speed: float = 1.0
    _version: int = -1
    _moved: asyncio.Event | None = None

    @classmethod
    def at(cls, url: str) -> RuledClock:
        return cls(url, time.time_ns() // 1000, time.monotonic())

    def now(self) -> int:
        return self._base + int((time.monotonic() - self._since) * 1e6 * self._speed)

    async def moved(self, within: float) -> bool:
        if self._moved is None:
            self._moved = asyncio.Event()
        try:
            await asyncio.wait_for(self._moved.wait(), within)
        except TimeoutError:
            return False
        self._moved.clear()
        return True

    async def ask(self, session: aiohttp.ClientSession, wait: float) -> None:
        """One question; returns when the clock was changed or after *wait* seconds."""
        query = {"after": str(self._version), "timeout": str(wait)}
        limit = aiohttp.ClientTimeout(total=wait + 10)
        async with session.get(self.url, params=query, timeout=limit) as answer:
            told = msgspec.json.decode(await answer.read(), type=_Told)
        if told.version != self._version:
            changed = self._version != -1
            self._base, self._since = told.now, time.monotonic()
            self._speed, self._version = told.speed, told.version
            if changed and self._moved is not None:
                self._moved.set()

    async def run(self) -> None:
        async with aiohttp.ClientSession() as session:
            while True:
                try:
                    await self.ask(session, LISTEN)
                except (aiohttp.ClientError, TimeoutError, OSError, msgspec.MsgspecError) as error:
                    log.warning("the ruling clock does not answer", error=type(error).__name__)
                    await asyncio.sleep(PAUSE)


async def open_clock(url: str) -> Clock:
    """The clock of the settings; a ruled one has asked for the hour before it is given."""
    if not url:
        return MachineClock()
    clock = RuledClock.at(url)
    async with aiohttp.ClientSession() as session:
        for attempt in range(5):
            try:
                await clock.ask(session, 0)
                return clock
            except (aiohttp.ClientError, TimeoutError, OSError, msgspec.MsgspecError):
                await asyncio.sleep(0.2 * (attempt + 1))
    log.warning("the ruling clock does not answer; starting with the machine's hour")
    return clock
