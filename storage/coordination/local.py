"""Coordination inside one process: plain memory, bounded, forgotten when the process ends."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Generic, TypeVar

from storage.coordination.port import GLOBAL, Ask, Bucket, Gauge, Lease, Limits

V = TypeVar("V")

SWEEP_AT = 1024
ROUNDING = 1
"""Microseconds by which who waited as told, in floating seconds, may seem to be early."""
CLOCK_WENT_BACK = 5_000_000
"""Microseconds of disagreement between clocks that are not yet taken for a clock set back."""


class Local:
    """The whole port in memory. *clock* measures durations, *wall* only makes tokens grow."""

    up = True

    def __init__(
        self,
        limits: Limits | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._limits = limits or Limits()
        self._clock = clock
        self._wall = wall
        self._pacers: dict[int, Pacer] = {}
        self._leases: Fading[int] = Fading()
        self._notes: Fading[dict[str, int | str]] = Fading()
        self._woken: set[str] = set()
        self._waiting: dict[str, set[asyncio.Future[None]]] = {}
        self.last_token = 0

    def pacer(self, bot: int) -> Pacer:
        pacer = self._pacers.get(bot)
        if pacer is None:
            pacer = self._pacers[bot] = Pacer(self._limits)
        return pacer

    async def pace(self, bot: int, asks: Sequence[Ask], now: float) -> list[float]:
        return self.pacer(bot).pace(asks, round(now * 1e6))

    async def stop(self, bot: int, bucket: Bucket, until: float) -> None:
        self.pacer(bot).stop(bucket, round(until * 1e6))

    async def stops(self, bot: int) -> dict[Bucket, float]:
        return {bucket: until / 1e6 for bucket, until in self.pacer(bot).stops().items()}

    async def lock(self, name: str, ttl: float) -> Lease | None:
        if self.holds(name):
            return None
        lease = Lease(name, max(self.last_token + 1, round(self._wall() * 1e6)))
        self.adopt(lease, self._clock() + ttl)
        return lease

    def holds(self, name: str) -> bool:
        """Whether somebody in this process has a lease of that name."""
        return self._leases.get(name, self._clock()) is not None

    def adopt(self, lease: Lease, until: float) -> None:
        """Count a lease that was granted elsewhere as held until then, by our own clock."""
        self.last_token = max(self.last_token, lease.token)
        self._leases.put(lease.name, lease.token, until, self._clock())

    async def renew(self, lease: Lease, ttl: float) -> bool:
        if self._leases.get(lease.name, self._clock()) != lease.token:
            return False
        self.adopt(lease, self._clock() + ttl)
        return True

    async def release(self, lease: Lease) -> bool:
        if self._leases.get(lease.name, self._clock()) != lease.token:
            return False
        self._leases.drop(lease.name)
        return True

    async def wake(self, topic: str) -> None:
        waiting = self._waiting.get(topic)
        if not waiting:
            self._woken.add(topic)
            return
        for future in waiting:
            if not future.done():
                future.set_result(None)

    async def woken(
        self,
        topic: str,
        timeout: float,  # noqa: ASYNC109 - False is an answer here, not an error
    ) -> bool:
        if topic in self._woken:
            self._woken.discard(topic)
            return True
        future = asyncio.get_running_loop().create_future()
        waiting = self._waiting.setdefault(topic, set())
        waiting.add(future)
        try:
            await asyncio.wait([future], timeout=max(timeout, 0))
        except asyncio.CancelledError:
            if future.done() and len(waiting) == 1:
                self._woken.add(topic)  # who was told cannot listen any more: keep it for the next
            raise
        finally:
            waiting.discard(future)
            if not waiting and self._waiting.get(topic) is waiting:
                del self._waiting[topic]
        return future.done()

    async def note(self, key: str, fields: Mapping[str, int | str], ttl: float = 3600.0) -> None:
        now = self._clock()
        self._notes.put(key, {**(self._notes.get(key, now) or {}), **fields}, now + ttl, now)

    async def progress(self, key: str) -> dict[str, int | str]:
        return dict(self._notes.get(key, self._clock()) or {})

    async def close(self) -> None:
        self._woken.clear()


class Fading(Generic[V]):
    """A dictionary whose entries end at a time of their own and then cost no memory for long."""

    def __init__(self) -> None:
        self._entries: dict[str, tuple[V, float]] = {}
        self._sweep_at = SWEEP_AT

    def get(self, key: str, now: float) -> V | None:
        entry = self._entries.get(key)
        return entry[0] if entry is not None and now < entry[1] else None

    def put(self, key: str, value: V, until: float, now: float) -> None:
        self._entries[key] = (value, until)
        if len(self._entries) > self._sweep_at:
            self._entries = {k: entry for k, entry in self._entries.items() if now < entry[1]}
            self._sweep_at = max(SWEEP_AT, 2 * len(self._entries))

    def drop(self, key: str) -> None:
        self._entries.pop(key, None)


class Pacer:
    """One bot's buckets. Each is the time at which it is empty again (GCRA); all in microseconds.

    A call is granted when every bucket that it falls into would be empty within its tolerance;
    then each is filled by one interval. Nothing is counted for a call that is refused.
    """

    def __init__(self, limits: Limits) -> None:
        self._gauges = limits.whole, limits.chat, limits.group
        self.whole = 0
        self.chats: dict[int, int] = {}
        self.groups: dict[int, int] = {}
        self._stops: dict[Bucket, tuple[int, int | None]] = {}  # until, length when first met
        self._sweep_at = SWEEP_AT

    def pace(self, asks: Sequence[Ask], at: int) -> list[float]:
        whole_gauge, chat_gauge, group_gauge = self._gauges
        chats, groups = self.chats, self.groups
        if self._stops:
            self.settle(at)
        stops = self.stops()
        whole = self.met(at)
        answers: list[float] = []
        for ask in asks:
            chat = _met_in(chats, ask.chat, chat_gauge, at)
            group = _met_in(groups, ask.chat, group_gauge, at) if ask.group else at
            clear = max(whole - whole_gauge.tolerance, chat - chat_gauge.tolerance)
            if ask.group:
                clear = max(clear, group - group_gauge.tolerance)
            if stops:
                clear = max(clear, stops.get(GLOBAL, 0), stops.get(ask.chat, 0))
            if clear > at + ROUNDING:
                answers.append((clear - at) / 1e6)
                continue
            answers.append(0.0)
            whole += whole_gauge.interval
            chats[ask.chat] = chat + chat_gauge.interval
            if ask.group:
                groups[ask.chat] = group + group_gauge.interval
        self.whole = whole
        if len(chats) > self._sweep_at:
            self._sweep(at)
        return answers

    def met(self, at: int) -> int:
        """When the whole bot's bucket would be empty again."""
        self.whole = _met(self.whole, self._gauges[0], at)
        return self.whole

    def known(self, ask: Ask, at: int) -> tuple[int, int]:
        """When the ask's chat and group would be empty again; -1 for what is not a group."""
        _, chat, group = self._gauges
        return (
            _met_in(self.chats, ask.chat, chat, at),
            _met_in(self.groups, ask.chat, group, at) if ask.group else -1,
        )

    def charge(self, asks: Iterable[Ask], at: int) -> None:
        """Count calls that were granted elsewhere, whether or not we would have granted them."""
        whole, chat, group = self._gauges
        for ask in asks:
            self.whole = _met(self.whole, whole, at) + whole.interval
            self.chats[ask.chat] = _met_in(self.chats, ask.chat, chat, at) + chat.interval
            if ask.group:
                self.groups[ask.chat] = _met_in(self.groups, ask.chat, group, at) + group.interval
        if len(self.chats) > self._sweep_at:
            self._sweep(at)

    def stop(self, bucket: Bucket, until: int) -> None:
        known = self._stops.get(bucket)
        if known is None or until > known[0]:
            self._stops[bucket] = (until, None)

    def stops(self) -> dict[Bucket, int]:
        return {bucket: until for bucket, (until, _) in self._stops.items()}

    def settle(self, at: int) -> dict[Bucket, int]:
        """Forget stops that ended; give those cut short because the clock went back."""
        cut: dict[Bucket, int] = {}
        for bucket, (until, length) in list(self._stops.items()):
            left = until - at
            if left <= 0:
                del self._stops[bucket]
            elif length is None:
                self._stops[bucket] = (until, left)
            elif left > length + CLOCK_WENT_BACK:
                cut[bucket] = at + length
                self._stops[bucket] = (at + length, length)
        return cut

    def _sweep(self, at: int) -> None:
        """Forget chats whose buckets are empty, so that a million fans cost no memory for long."""
        _, chat, group = self._gauges
        self.chats = _full(self.chats, at, chat)
        self.groups = _full(self.groups, at, group)
        self._sweep_at = max(SWEEP_AT, 2 * len(self.chats))


def _met(full: int, gauge: Gauge, at: int) -> int:
    """When a bucket is empty again, seen from *at*: not before, and no further than it can be."""
    if full <= at:
        return at
    return min(full, at + gauge.reach)


def _met_in(buckets: dict[int, int], number: int, gauge: Gauge, at: int) -> int:
    """The same for one of many; a bucket from before the clock went back is set right."""
    full = buckets.get(number, 0)
    if full <= at:
        return at
    if full > at + gauge.reach:
        full = buckets[number] = at + gauge.reach
    return full


def _full(buckets: dict[int, int], at: int, gauge: Gauge) -> dict[int, int]:
    return {number: full for number, full in buckets.items() if at < full <= at + gauge.reach}
