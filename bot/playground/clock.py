"""The playground's clock: it can be set, pushed forward and sped up, and tells who waits for it."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime, timedelta


class Clock:
    """Time as everybody in the playground sees it.

    It runs with the real clock until someone moves it. `version` grows with every set, advance or
    change of speed, so that a reader knows that what it computed from the old reading is void.
    """

    def __init__(self, start: datetime | None = None, *, speed: float = 1.0) -> None:
        if start is not None and start.tzinfo is None:
            raise ValueError("the clock needs an aware datetime")
        self._base = (start or datetime.now(UTC)).timestamp()
        self._mark = time.monotonic()
        self._speed = speed
        self._version = 1
        self._waiters: set[asyncio.Future[None]] = set()

    @property
    def speed(self) -> float:
        """Playground seconds per real second; 0 stands still."""
        return self._speed

    @property
    def version(self) -> int:
        """Grows whenever somebody moves the clock."""
        return self._version

    def seconds(self) -> float:
        """Seconds since the epoch, as Telegram's dates count them (with the fraction)."""
        return self._base + (time.monotonic() - self._mark) * self._speed

    def micros(self) -> int:
        """Integer microseconds since the epoch."""
        return round(self.seconds() * 1_000_000)

    def now(self) -> datetime:
        """The moment, in UTC."""
        return datetime.fromtimestamp(self.seconds(), UTC)

    def set(self, moment: datetime) -> None:
        """Jump to a moment, also backwards."""
        if moment.tzinfo is None:
            raise ValueError("the clock needs an aware datetime")
        self._rebase(moment.timestamp(), self._speed)

    def advance(self, by: float | timedelta) -> None:
        """Jump forward by seconds or a timedelta."""
        step = by.total_seconds() if isinstance(by, timedelta) else by
        self._rebase(self.seconds() + step, self._speed)

    def set_speed(self, speed: float) -> None:
        """Run `speed` times as fast as the real clock from now on."""
        if not 0 <= speed <= 1_000_000:
            raise ValueError("the speed must lie between 0 and 1,000,000")
        self._rebase(self.seconds(), speed)

    def _rebase(self, base: float, speed: float) -> None:
        self._base, self._mark, self._speed = base, time.monotonic(), speed
        self._version += 1
        waiters, self._waiters = self._waiters, set()
        for waiter in waiters:
            if not waiter.done():
                waiter.set_result(None)

    async def moved(self, within: float | None) -> bool:
        """Wait until somebody moves the clock; False when `within` real seconds passed first."""
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiters.add(waiter)
        try:
            done, _ = await asyncio.wait({waiter}, timeout=within)
            return bool(done)
        finally:
            self._waiters.discard(waiter)

    async def sleep(self, seconds: float) -> None:
        """Sleep by this clock: a jump forward ends the sleep early."""
        end = self.seconds() + seconds
        while (left := end - self.seconds()) > 0:
            await self.moved(left / self._speed if self._speed else None)

    def freeze(self) -> dict[str, float]:
        """What a later process needs to go on from here."""
        return {"now": self.seconds(), "real": time.time(), "speed": self._speed}

    def thaw(self, kept: dict[str, float]) -> None:
        """Go on from what `freeze` said: the time away has passed, at the same speed."""
        away = max(0.0, time.time() - kept["real"])
        self._rebase(kept["now"] + away * kept["speed"], kept["speed"])
