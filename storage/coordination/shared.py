"""Coordination between processes through Redis, which goes on alone while Redis is away."""

from __future__ import annotations

import asyncio
import json
import math
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Final, TypeVar

import structlog
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import NoScriptError, RedisError

from storage.coordination.local import ROUNDING, Local
from storage.coordination.port import GLOBAL, Ask, Bucket, Lease, Limits
from storage.coordination.scripts import LOCK, NOTE, PACE, RELEASE, RENEW, STOP, WAKE, Script

T = TypeVar("T")
log = structlog.get_logger(__name__)

PATIENCE: Final = 0.75
"""Seconds for one answer, connecting included; then we go on alone."""
TRY_AGAIN: Final = (1.0, 5.0)
"""First and longest pause between two tries to reach a Redis that is away, in seconds."""
TRY: Final = 0.25
"""Seconds for such a try; it is one call's own, which is then answered from memory."""
LISTEN: Final = 0.4
"""Seconds of one blocking read: well within the patience, so that silence is noticed."""
WAKE_KEPT: Final = 3600.0
"""Seconds for which a wake is kept for who has not heard it yet."""


class BadRedisUrl(ValueError):
    """``[redis] url`` is not ``redis://…``, ``rediss://…`` or ``unix://…``."""


class RedisAway(Exception):
    """Redis did not answer; the call is to be answered from this process's own memory."""


def connect(url: str) -> Redis:
    """A client that gives up within the patience; connects on first use. Raises BadRedisUrl."""
    try:
        return Redis.from_url(
            url,
            socket_connect_timeout=PATIENCE / 2,
            socket_timeout=PATIENCE,
            retry=Retry(NoBackoff(), 1),  # a connection that Redis closed meanwhile is no outage
            protocol=2,
        )
    except ValueError:
        # Not chained: the cause may quote a part of the address, and with it the password.
        raise BadRedisUrl("[redis] url must look like redis://host:6379/0") from None


class Shared:
    """The port over Redis; its own ``Local`` knows what this process did, for when Redis forgets.

    After FLUSHALL the pace goes on from what the asking processes remember, leases are restored
    by their holders, and the rest is made again as it is used.
    """

    def __init__(
        self,
        url: str,
        limits: Limits | None = None,
        *,
        prefix: str = "renqing",
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._limits = limits or Limits()
        self._local = Local(self._limits, clock=clock)
        self._redis = connect(url)
        self._command: Callable[..., Awaitable[Any]] = self._redis.execute_command
        self._prefix = prefix
        self._clock = clock
        gauges = self._limits.whole, self._limits.chat, self._limits.group
        self._gauges = [number for gauge in gauges for number in gauge]
        self._up = True
        self._try_at = 0.0
        self._pause = TRY_AGAIN[0]
        self._turns = 0  # how often Redis went or came back
        self._heard: dict[str, tuple[str, int]] = {}  # topic: newest wake heard, and turns known

    @property
    def up(self) -> bool:
        return self._up

    async def pace(self, bot: int, asks: Sequence[Ask], now: float) -> list[float]:
        if not asks:
            return []
        at = round(now * 1e6)
        pacer = self._local.pacer(bot)
        for bucket, until in pacer.settle(at).items():
            await self._store_stop(bot, bucket, until, shorten=True)
        words: list[int] = [at, *self._gauges, pacer.met(at)]
        for ask in asks:
            words += (ask.chat, *pacer.known(ask, at))
        try:
            *waits, stored = await self._run(PACE, [self._key("pace", bot)], words)
        except RedisAway:
            return pacer.pace(asks, at)
        pacer.charge((ask for ask, wait in zip(asks, waits, strict=True) if not wait), at)
        for name, until in zip(stored[::2], stored[1::2], strict=True):
            pacer.stop(_bucket(name), int(until))
        pacer.settle(at)
        answers = [wait / 1e6 for wait in waits]
        stops = pacer.stops()
        if stops:  # Redis may have forgotten what we know
            everywhere = stops.get(GLOBAL, at)
            for i, ask in enumerate(asks):
                clear = max(everywhere, stops.get(ask.chat, at))
                if clear > at + ROUNDING:
                    answers[i] = max(answers[i], (clear - at) / 1e6)
        return answers

    async def stop(self, bot: int, bucket: Bucket, until: float) -> None:
        await self._local.stop(bot, bucket, until)
        await self._store_stop(bot, bucket, round(until * 1e6))

    async def _store_stop(
        self, bot: int, bucket: Bucket, until: int, shorten: bool = False
    ) -> None:
        key = self._key("pace", bot) + "stops"
        try:
            await self._run(STOP, [key], [bucket, until, int(shorten)])
        except RedisAway:
            return  # remembered in this process

    async def stops(self, bot: int) -> dict[Bucket, float]:
        key = self._key("pace", bot) + "stops"
        known = await self._local.stops(bot)
        try:
            stored = await self._hash(key)
        except RedisAway:
            return known
        for name, until in stored.items():
            bucket = _bucket(name)
            known[bucket] = max(known.get(bucket, 0.0), int(until) / 1e6)
        return known

    async def lock(self, name: str, ttl: float) -> Lease | None:
        if self._local.holds(name):
            return None
        until = self._clock() + ttl  # from before the asking, so that we never hold on too long
        keys = [self._key("lock", name), self._key("token", name)]
        try:
            token = await self._run(LOCK, keys, [_milliseconds(ttl), self._local.last_token])
        except RedisAway:
            return await self._local.lock(name, ttl)
        if not token:
            return None
        lease = Lease(name, int(token))
        self._local.adopt(lease, until)
        return lease

    async def renew(self, lease: Lease, ttl: float) -> bool:
        if not await self._local.renew(lease, ttl):
            return False
        keys = [self._key("lock", lease.name), self._key("token", lease.name)]
        try:
            kept = await self._run(RENEW, keys, [lease.token, _milliseconds(ttl)])
        except RedisAway:
            return True
        if not kept:
            await self._local.release(lease)
        return bool(kept)

    async def release(self, lease: Lease) -> bool:
        if not await self._local.release(lease):
            return False
        try:
            return bool(await self._run(RELEASE, [self._key("lock", lease.name)], [lease.token]))
        except RedisAway:
            return True

    async def wake(self, topic: str) -> None:
        try:
            await self._run(WAKE, [self._key("wake", topic)], [_milliseconds(WAKE_KEPT)])
        except RedisAway:
            await self._local.wake(topic)

    async def woken(
        self,
        topic: str,
        timeout: float,  # noqa: ASYNC109 - False is an answer here, not an error
    ) -> bool:
        until = self._clock() + timeout
        last, turns = self._heard.setdefault(topic, ("0", self._turns))
        while turns == self._turns:
            left = min(until - self._clock(), LISTEN)
            try:
                # A try must answer soon, even if nobody wakes us.
                newest = await self._listen(topic, last, left if self._up else min(left, TRY / 5))
            except RedisAway:
                if await self._local.woken(topic, left):
                    return True
            else:
                if newest is not None:
                    self._heard[topic] = (newest, self._turns)
                    return True
            if self._clock() >= until and turns == self._turns:
                return False
        # Redis went or came back since: a wake may have been missed on either side.
        self._heard[topic] = (last, self._turns)
        return True

    async def _listen(self, topic: str, last: str, seconds: float) -> str | None:
        """The newest wake after *last*, waited for; None when there was none."""
        words = "COUNT", 1, "BLOCK", _milliseconds(seconds), "STREAMS", self._key("wake", topic)
        heard = await self._reach(lambda: self._command("XREAD", *words, last))
        newest: bytes | None = heard[0][1][-1][0] if heard else None
        return newest.decode() if newest is not None else None

    async def note(self, key: str, fields: Mapping[str, int | str], ttl: float = 3600.0) -> None:
        await self._local.note(key, fields, ttl)
        words = [part for field, value in fields.items() for part in (field, json.dumps(value))]
        try:
            await self._run(NOTE, [self._key("progress", key)], [_milliseconds(ttl), *words])
        except RedisAway:
            return  # noted in this process

    async def progress(self, key: str) -> dict[str, int | str]:
        own = await self._local.progress(key)
        try:
            stored = await self._hash(self._key("progress", key))
        except RedisAway:
            return own
        return own | {field.decode(): json.loads(value) for field, value in stored.items()}

    async def _hash(self, key: str) -> dict[bytes, bytes]:
        stored: dict[bytes, bytes] = await self._reach(lambda: self._command("HGETALL", key))
        return stored

    async def close(self) -> None:
        await self._local.close()
        await self._redis.aclose()

    def _key(self, kind: str, name: int | str) -> str:
        return f"{self._prefix}:{kind}:{{{name}}}:"

    async def _run(self, script: Script, keys: list[str], words: Sequence[int | str]) -> Any:
        async def step() -> Any:
            try:
                return await self._command("EVALSHA", script.sha, len(keys), *keys, *words)
            except NoScriptError:  # Redis was restarted or flushed; this loads it as well
                return await self._command("EVAL", script.text, len(keys), *keys, *words)

        return await self._reach(step)

    async def _reach(self, step: Callable[[], Awaitable[T]]) -> T:
        patience = PATIENCE
        if not self._up:
            if self._clock() < self._try_at:
                raise RedisAway
            self._wait()  # the others go on alone while we try
            patience = TRY
        try:
            async with asyncio.timeout(patience):
                result = await step()
        except (RedisError, OSError, TimeoutError) as error:
            if self._up:
                self._turn(up=False)
                self._pause = TRY_AGAIN[0]
                self._wait()
                # Only the kind of error: its text may hold the address.
                log.warning("redis_away", reason=type(error).__name__, goes_on="alone")
            raise RedisAway from error
        if not self._up:
            self._turn(up=True)
            log.info("redis_back", goes_on="together")
        return result

    def _turn(self, *, up: bool) -> None:
        self._up = up
        self._turns += 1

    def _wait(self) -> None:
        self._try_at = self._clock() + self._pause
        self._pause = min(2 * self._pause, TRY_AGAIN[1])


def _milliseconds(seconds: float) -> int:
    return max(1, math.ceil(seconds * 1000))


def _bucket(name: bytes) -> Bucket:
    return GLOBAL if name == GLOBAL.encode() else int(name)
