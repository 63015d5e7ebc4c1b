"""One contract for coordination in one process and through Redis, and life without Redis."""

from __future__ import annotations

import asyncio
import os
import random
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Self

import pytest
import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

from storage.coordination import GLOBAL, Ask, Bucket, Coordination, Lease, Limits, Local
from storage.coordination.shared import BadRedisUrl, Shared

REDIS_URL = os.environ.get("TEST_REDIS_URL", "redis://127.0.0.1:6379/15")
NOON = 1_900_000_000.0
OPEN = Limits(rate=1000)  # so wide that only the chats' own limits are felt


async def eventually(holds: Callable[[], Awaitable[bool]], patience: float = 15.0) -> bool:
    until = time.monotonic() + patience
    while time.monotonic() < until:
        if await holds():
            return True
        await asyncio.sleep(0.01)
    return False


@pytest.fixture
async def redis() -> AsyncIterator[Redis]:
    """A real Redis; required in CI, elsewhere a missing one is named and skipped."""
    client = Redis.from_url(REDIS_URL, protocol=2)
    try:
        await client.ping()
    except (RedisError, OSError) as error:
        await client.aclose()
        if os.environ.get("CI") == "true":
            raise
        pytest.skip(f"no Redis at {REDIS_URL} ({type(error).__name__}); set TEST_REDIS_URL")
    yield client
    await client.aclose()


@pytest.fixture
async def prefix(redis: Redis) -> AsyncIterator[str]:
    name = f"test-{uuid.uuid4().hex}"
    yield name
    await forget(redis, name)


async def forget(redis: Redis, prefix: str) -> None:
    """What FLUSHALL does to us, without hurting whoever else uses this Redis."""
    keys = [key async for key in redis.scan_iter(match=f"{prefix}:*", count=1000)]
    if keys:
        await redis.delete(*keys)
    await redis.script_flush()


@dataclass(frozen=True, slots=True)
class Houses:
    """Two parts of an installation that must agree; in one process they are the same."""

    here: Coordination
    there: Coordination


@asynccontextmanager
async def houses_of(
    form: str, request: pytest.FixtureRequest, limits: Limits
) -> AsyncIterator[Houses]:
    if form == "local":
        one = Local(limits)
        yield Houses(one, one)
        await one.close()
        return
    prefix = request.getfixturevalue("prefix")
    here, there = (Shared(REDIS_URL, limits, prefix=prefix) for _ in range(2))
    yield Houses(here, there)
    together = here.up and there.up
    await here.close()
    await there.close()
    assert together, "a contract test ran without Redis"


FORMS = ["local", pytest.param("shared", marks=pytest.mark.redis)]


@pytest.fixture(params=FORMS)
def form(request: pytest.FixtureRequest) -> str:
    if request.param == "shared":
        request.getfixturevalue("prefix")
    return str(request.param)


@pytest.fixture
async def houses(form: str, request: pytest.FixtureRequest) -> AsyncIterator[Houses]:
    async with houses_of(form, request, OPEN) as both:
        yield both


@pytest.fixture
async def strict(form: str, request: pytest.FixtureRequest) -> AsyncIterator[Houses]:
    async with houses_of(form, request, Limits()) as both:
        yield both


def fan(number: int) -> Ask:
    return Ask(number, group=False)


def group(number: int) -> Ask:
    return Ask(-number, group=True)


# Pacing


async def test_a_chat_takes_a_burst_of_three_and_then_one_a_second(houses: Houses) -> None:
    first, second, third, fourth = [
        (await houses.here.pace(1, [fan(7)], NOON + 0.01 * i))[0] for i in range(4)
    ]
    assert (first, second, third) == (0, 0, 0)
    assert fourth == pytest.approx(0.97)
    assert await houses.here.pace(1, [fan(7)], NOON + 1.0) == [0]
    assert (await houses.here.pace(1, [fan(7)], NOON + 1.0))[0] == pytest.approx(1.0)


async def test_a_group_never_gets_more_than_twenty_in_any_minute(houses: Houses) -> None:
    """A sender that asks ten times a second for five minutes."""
    sent: list[float] = []
    for i in range(3000):
        now = NOON + i / 10
        if await houses.here.pace(1, [group(7)], now) == [0]:
            sent.append(now)
    most = max(sum(start <= at < start + 60 for at in sent) for start in sent)
    assert most in (19, 20)
    assert sum(at < NOON + 4 for at in sent) == 5
    assert len(sent) >= 5 + 15 * 5 - 1


async def test_no_second_holds_more_than_the_rate_and_little_of_it_is_lost(strict: Houses) -> None:
    """A sender that always wakes up to 12 ms later than it was told to."""
    chance, now = random.Random(1), NOON
    sent: list[float] = []
    while now < NOON + 20:
        (wait,) = await strict.here.pace(1, [fan(len(sent))], now)
        if wait == 0:
            sent.append(now)
        now += wait + (chance.random() * 0.012 if wait else 0.0001)
    most = max(
        sum(start <= at <= start + 1 for at in sent[i : i + 40]) for i, start in enumerate(sent)
    )
    assert most == 30
    assert len(sent) >= 0.97 * 30 * 20


async def test_a_paid_rate_is_reached_by_a_sender_that_asks_every_five_milliseconds(
    houses: Houses,
) -> None:
    sent: list[float] = []
    for i in range(400):
        now = NOON + i * 0.005
        answers = await houses.here.pace(1, [fan(50 * i + n) for n in range(50)], now)
        sent += [now] * answers.count(0)
    assert 0.97 * 1000 <= sum(at < NOON + 1 for at in sent) <= 1000
    assert 0.97 * 1000 <= sum(NOON + 0.5 <= at < NOON + 1.5 for at in sent) <= 1000


async def test_a_refused_call_is_not_counted_and_does_not_hold_up_the_others(
    houses: Houses,
) -> None:
    asks = [fan(1)] * 5 + [fan(2)]
    answers = await houses.here.pace(1, asks, NOON)
    assert answers[:3] == [0, 0, 0]
    assert answers[3] == answers[4] == pytest.approx(1.0)
    assert answers[5] == 0
    for _ in range(20):
        assert await houses.here.pace(1, [fan(1)], NOON) == [pytest.approx(1.0)]
    assert await houses.here.pace(1, [fan(1)], NOON + 1) == [0]


async def test_a_group_keeps_the_limit_of_every_chat_too(houses: Houses) -> None:
    answers = await houses.here.pace(1, [group(9)] * 5, NOON)
    assert answers == [0, 0, 0, pytest.approx(1.0), pytest.approx(1.0)]


async def test_who_waits_as_long_as_told_is_let_through(strict: Houses) -> None:
    chance, now = random.Random(2), NOON
    for _ in range(300):
        ask = group(chance.randrange(3)) if chance.random() < 0.5 else fan(chance.randrange(3))
        (wait,) = await strict.here.pace(1, [ask], now)
        if wait:
            now += wait
            assert await strict.here.pace(1, [ask], now) == [0]
        now += chance.random() * 0.2


async def test_bots_do_not_share_their_limits(strict: Houses) -> None:
    assert await strict.here.pace(1, [fan(1)], NOON) == [0]
    assert (await strict.here.pace(1, [fan(2)], NOON))[0] > 0
    assert await strict.here.pace(2, [fan(2)], NOON) == [0]


async def test_both_parts_of_an_installation_share_one_limit(houses: Houses) -> None:
    sent = 0
    for i in range(10):
        who = houses.here if i % 2 else houses.there
        sent += (await who.pace(1, [group(1)], NOON + i)).count(0)
    assert sent == 5 + 2


async def test_asking_for_nothing_gives_nothing(houses: Houses) -> None:
    assert await houses.here.pace(1, [], NOON) == []


async def test_a_list_of_ten_thousand_is_answered_at_once(houses: Houses) -> None:
    answers = await houses.here.pace(1, [group(n) for n in range(10_000)], NOON)
    assert len(answers) == 10_000
    assert answers.count(0) == 15  # the slack of 15 ms, at a thousand a second


@pytest.mark.parametrize("back", [2.0, 3600.0, 400 * 86400.0])
async def test_a_clock_that_goes_back_holds_nobody_up_for_long(houses: Houses, back: float) -> None:
    for i in range(40):
        await houses.here.pace(1, [group(1), fan(2)], NOON + i / 10)
    waits = await houses.here.pace(1, [group(1), fan(2)], NOON + 4 - back)
    assert max(waits) <= 4.0
    assert await houses.here.pace(1, [group(1), fan(2)], NOON + 4 - back + max(waits)) == [0, 0]


@pytest.mark.redis
async def test_redis_answers_as_the_process_does(prefix: str) -> None:
    """The same thousand asks, jumps of the clock and stops among them, get the same answers."""
    chance, now = random.Random(3), NOON
    limits = Limits(rate=12)
    buckets: list[Bucket] = [GLOBAL, 1, -2]
    local, shared = Local(limits), Shared(REDIS_URL, limits, prefix=prefix)
    for step in range(400):
        asks = [
            group(chance.randrange(4)) if chance.random() < 0.5 else fan(chance.randrange(6))
            for _ in range(chance.randrange(1, 12))
        ]
        if chance.random() < 0.05:
            bucket: Bucket = chance.choice(buckets)
            until = now + chance.random() * 20
            await local.stop(1, bucket, until)
            await shared.stop(1, bucket, until)
        assert await local.pace(1, asks, now) == await shared.pace(1, asks, now), step
        now += chance.choice([0, 0.01, 0.3, 2, 2, 30, -1, -4000, 4000])
    assert shared.up
    await shared.close()


async def test_a_stopped_chat_waits_and_the_others_go_on(houses: Houses) -> None:
    await houses.here.stop(1, 7, NOON + 30)
    for who in (houses.here, houses.there):
        assert await who.pace(1, [fan(7), fan(8)], NOON) == [pytest.approx(30), 0]
    assert await houses.there.pace(1, [fan(7)], NOON + 29) == [pytest.approx(1)]
    assert await houses.there.pace(1, [fan(7)], NOON + 30) == [0]
    assert await houses.here.pace(2, [fan(7)], NOON) == [0]


async def test_a_stopped_bot_says_nothing_anywhere(houses: Houses) -> None:
    await houses.here.stop(1, GLOBAL, NOON + 30)
    await houses.here.stop(1, 7, NOON + 40)
    waits = await houses.there.pace(1, [fan(7), fan(8), group(9)], NOON)
    assert waits == [pytest.approx(40), pytest.approx(30), pytest.approx(30)]
    assert await houses.here.pace(1, [fan(7), fan(8)], NOON + 30) == [pytest.approx(10), 0]


async def test_a_stop_is_never_cut_short_by_a_shorter_one(houses: Houses) -> None:
    await houses.here.stop(1, 7, NOON + 30)
    await houses.there.stop(1, 7, NOON + 5)
    assert await houses.here.pace(1, [fan(7)], NOON) == [pytest.approx(30)]
    assert await houses.there.pace(1, [fan(7)], NOON) == [pytest.approx(30)]


async def test_stops_can_be_kept_over_a_restart(houses: Houses) -> None:
    assert await houses.here.stops(1) == {}
    await houses.here.stop(1, GLOBAL, NOON + 30)
    await houses.here.stop(1, -1007, NOON + 50.5)
    expected = {GLOBAL: NOON + 30, -1007: NOON + 50.5}
    assert await houses.here.stops(1) == expected
    assert await houses.there.stops(1) == expected
    assert await houses.here.stops(2) == {}
    await houses.here.pace(1, [fan(1)], NOON + 40)
    assert await houses.here.stops(1) == {-1007: NOON + 50.5}


async def test_a_stop_lasts_no_longer_when_the_clock_goes_back(houses: Houses) -> None:
    """The playground's visitor goes back from tomorrow to today just after a 429."""
    tomorrow = NOON + 86400
    await houses.here.stop(1, 7, tomorrow + 30)
    assert await houses.here.pace(1, [fan(7)], tomorrow) == [pytest.approx(30)]
    assert await houses.here.pace(1, [fan(7)], NOON) == [pytest.approx(30)]
    assert await houses.here.pace(1, [fan(7)], NOON + 30) == [0]


async def test_a_million_fans_cost_no_memory_for_long() -> None:
    local = Local(OPEN)
    for i in range(4000):
        await local.pace(1, [fan(n) for n in range(i * 10, i * 10 + 10)], NOON + i / 50)
    assert len(local.pacer(1).chats) < 3000


@pytest.mark.parametrize(
    "wrong", [{"rate": 0}, {"slack": -1}, {"chat_rate": 0}, {"group_burst": 20}, {"chat_burst": 0}]
)
def test_limits_that_cannot_be_kept_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="limits"):
        Limits(**wrong)  # type: ignore[arg-type]  # whole numbers go into the int fields


# Leases


async def test_one_of_two_gets_the_lock_and_the_other_gets_it_after_him(houses: Houses) -> None:
    first = await houses.here.lock("poller", 30)
    assert first is not None
    assert first.name == "poller"
    assert await houses.there.lock("poller", 30) is None
    assert await houses.here.lock("poller", 30) is None
    assert await houses.here.release(first)
    second = await houses.there.lock("poller", 30)
    assert second is not None
    assert second.token > first.token


async def test_a_lease_ends_by_itself_and_its_holder_is_told(houses: Houses) -> None:
    first = await houses.here.lock("poller", 0.1)
    assert first is not None
    second: list[Lease] = []

    async def taken() -> bool:
        lease = await houses.there.lock("poller", 30)
        second.extend([lease] if lease else [])
        return lease is not None

    assert await eventually(taken)
    assert second[0].token > first.token
    assert not await houses.here.renew(first, 30)
    assert not await houses.here.release(first)
    assert await houses.there.renew(second[0], 30)
    assert await houses.here.lock("poller", 30) is None


async def test_a_renewed_lease_holds_on(houses: Houses) -> None:
    began = time.monotonic()
    lease = await houses.here.lock("clock", 0.2)
    assert lease is not None
    assert await houses.here.renew(lease, 30)

    async def first_end_has_passed() -> bool:
        assert await houses.there.lock("clock", 30) is None
        return time.monotonic() > began + 0.3

    assert await eventually(first_end_has_passed)


async def test_nobody_releases_or_renews_the_lease_of_another(houses: Houses) -> None:
    lease = await houses.here.lock("clock", 30)
    assert lease is not None
    forged = Lease("clock", lease.token + 1)
    assert not await houses.there.release(forged)
    assert not await houses.there.renew(forged, 30)
    assert not await houses.here.release(Lease("other", lease.token))
    assert await houses.here.renew(lease, 30)


async def test_of_fifty_who_ask_at_once_one_gets_the_lock(houses: Houses) -> None:
    who = [houses.here, houses.there] * 25
    leases = await asyncio.gather(*(house.lock("draw", 30) for house in who))
    assert sum(lease is not None for lease in leases) == 1


async def test_leases_of_different_names_do_not_meet(houses: Houses) -> None:
    assert await houses.here.lock("a", 30)
    assert await houses.there.lock("b", 30)


# Wake-ups


async def test_a_wake_before_the_wait_is_not_lost(houses: Houses) -> None:
    await houses.here.wake("outbox")
    assert await houses.there.woken("outbox", 0)


async def test_many_wakes_are_heard_as_one(houses: Houses) -> None:
    for _ in range(100):
        await houses.here.wake("outbox")
    assert await houses.there.woken("outbox", 1)
    assert not await houses.there.woken("outbox", 0.05)
    await houses.here.wake("outbox")
    assert await houses.there.woken("outbox", 1)


async def test_who_waits_is_woken_long_before_the_end(houses: Houses) -> None:
    waiting = asyncio.create_task(houses.there.woken("outbox", 60))
    await asyncio.sleep(0)
    began = time.monotonic()
    await houses.here.wake("outbox")
    assert await waiting
    assert time.monotonic() - began < 5


async def test_all_who_wait_are_woken_by_one_wake(houses: Houses) -> None:
    assert not await houses.here.woken("outbox", 0)
    waiting = [
        asyncio.create_task(house.woken("outbox", 30))
        for house in (houses.here, houses.here, houses.there)
    ]
    await asyncio.sleep(0)
    await houses.there.wake("outbox")
    assert await asyncio.gather(*waiting) == [True, True, True]


async def test_a_wait_ends_without_a_wake_and_other_topics_do_not_end_it(houses: Houses) -> None:
    await houses.here.wake("inbox")
    began = time.monotonic()
    assert not await houses.there.woken("outbox", 0.6)
    assert 0.5 < time.monotonic() - began < 3


async def test_a_wake_is_kept_for_the_next_when_who_waited_was_called_off(houses: Houses) -> None:
    waiting = asyncio.create_task(houses.here.woken("outbox", 30))
    await asyncio.sleep(0)
    await houses.here.wake("outbox")
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    heard = not waiting.cancelled() and waiting.result()  # Redis may be faster than the calling off
    assert heard or await houses.here.woken("outbox", 1)


# Progress


async def test_progress_is_seen_by_all_and_keeps_its_types(houses: Houses) -> None:
    assert await houses.there.progress("broadcast 5") == {}
    await houses.here.note("broadcast 5", {"sent": 1, "of": 100, "state": "5"})
    await houses.here.note("broadcast 5", {"sent": 2, "name": "签到 🎉"})
    expected = {"sent": 2, "of": 100, "state": "5", "name": "签到 🎉"}
    assert await houses.there.progress("broadcast 5") == expected
    assert await houses.there.progress("broadcast 6") == {}


async def test_progress_fades(houses: Houses) -> None:
    await houses.here.note("short", {"sent": 1}, ttl=0.05)
    await houses.here.note("long", {"sent": 1})

    async def faded() -> bool:
        return await houses.here.progress("short") == {}

    assert await eventually(faded)
    assert await houses.here.progress("long") == {"sent": 1}


async def test_memory_for_leases_and_progress_is_given_back() -> None:
    now = [0.0]
    local = Local(clock=lambda: now[0])
    for i in range(5000):
        now[0] += 1
        await local.lock(f"fan {i}", 10)
        await local.note(f"run {i}", {"sent": i}, ttl=10)
    assert len(local._leases._entries) < 1100
    assert len(local._notes._entries) < 1100


# Redis forgets, goes away and comes back


class Wire:
    """A wire to Redis that can be cut, be dead silent, and be mended."""

    def __init__(self) -> None:
        self.port = 0
        self.silent = False
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()

    @property
    def url(self) -> str:
        database = REDIS_URL.rsplit("/", 1)[-1]
        return f"redis://127.0.0.1:{self.port}/{database}?client_name=hunter2"

    async def mend(self) -> Self:
        self._server = await asyncio.start_server(self._carry, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def cut(self) -> None:
        assert self._server is not None
        self._server.close()
        for writer in self._writers:
            writer.transport.abort()
        await self._server.wait_closed()
        await eventually(self._quiet)

    async def _quiet(self) -> bool:
        return not self._writers

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far = Redis.from_url(REDIS_URL).connection_pool.connection_kwargs
        there, back = await asyncio.open_connection(far["host"], far.get("port", 6379))
        self._writers |= {writer, back}
        try:
            await asyncio.gather(self._pump(reader, back), self._pump(there, writer))
        finally:
            for end in (writer, back):
                end.close()
                await asyncio.gather(end.wait_closed(), return_exceptions=True)
            self._writers -= {writer, back}

    async def _pump(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        try:
            while words := await source.read(65536):
                if not self.silent:
                    sink.write(words)
                    await sink.drain()
        except OSError:
            pass
        finally:
            sink.close()


@pytest.fixture
async def wire(prefix: str) -> AsyncIterator[Wire]:
    wire = await Wire().mend()
    yield wire
    await wire.cut()


async def everything(house: Coordination, now: float) -> None:
    """Every call of the port answers, and answers sensibly, within a second each."""
    unique = uuid.uuid4().hex

    async def timely(call: Awaitable[object]) -> object:
        began = time.monotonic()
        answer = await call
        assert time.monotonic() - began < 1.0
        return answer

    assert await timely(house.pace(1, [fan(int(now) % 100_000)], now)) == [0]
    await timely(house.stop(9, 5, NOON + 10))
    assert await timely(house.stops(9)) == {5: NOON + 10}
    lease = await timely(house.lock(unique, 30))
    assert isinstance(lease, Lease)
    assert await timely(house.lock(unique, 30)) is None
    assert await timely(house.renew(lease, 30))
    assert await timely(house.release(lease))
    await timely(house.wake(unique))
    assert await timely(house.woken(unique, 0.5))
    await timely(house.note(unique, {"sent": 1}))
    assert await timely(house.progress(unique)) == {"sent": 1}


@pytest.mark.redis
async def test_everything_answers_after_redis_forgot_everything(redis: Redis, prefix: str) -> None:
    house = Shared(REDIS_URL, OPEN, prefix=prefix)
    for i in range(3):
        await everything(house, NOON + 10 * i)
        await forget(redis, prefix)
    await everything(house, NOON + 100)
    assert house.up
    await house.close()


@pytest.mark.redis
async def test_a_forgetful_redis_lets_nobody_send_more(redis: Redis, prefix: str) -> None:
    """The limits and stops that a process knows of outlive a FLUSHALL at any moment."""
    here = Shared(REDIS_URL, OPEN, prefix=prefix)
    sent: list[float] = []
    for i in range(120):
        if await here.pace(1, [group(1)], NOON + i) == [0]:
            sent.append(NOON + i)
        await forget(redis, prefix)
    assert max(sum(start <= at < start + 60 for at in sent) for start in sent) <= 20
    await here.stop(1, 7, NOON + 300)
    await forget(redis, prefix)
    assert await here.pace(1, [fan(7)], NOON + 200) == [pytest.approx(100)]
    assert await here.stops(1) == {7: NOON + 300}
    await here.close()


@pytest.mark.redis
async def test_a_lease_outlives_a_forgetful_redis_unless_another_was_faster(
    redis: Redis, prefix: str
) -> None:
    here, there = (Shared(REDIS_URL, prefix=prefix) for _ in range(2))
    kept, lost = await here.lock("kept", 30), await here.lock("lost", 30)
    assert kept
    assert lost
    await forget(redis, prefix)
    assert await here.renew(kept, 30)
    assert await there.lock("kept", 30) is None
    faster = await there.lock("lost", 30)
    assert faster is not None
    assert faster.token > lost.token
    assert not await here.renew(lost, 30)
    assert not await here.release(lost)
    assert await there.renew(faster, 30)
    await here.close()
    await there.close()


@pytest.mark.redis
async def test_tokens_grow_though_the_clock_of_redis_goes_back(redis: Redis, prefix: str) -> None:
    here, there = (Shared(REDIS_URL, prefix=prefix) for _ in range(2))
    far = 5_000_000_000_000_000
    await redis.set(f"{prefix}:token:{{clock}}:", far)
    first = await here.lock("clock", 30)
    assert first == Lease("clock", far + 1)
    assert await here.release(first)
    second = await there.lock("clock", 30)
    assert second == Lease("clock", far + 2)
    await forget(redis, prefix)
    assert await there.release(second)
    assert await there.lock("clock", 30) == Lease("clock", far + 3)
    await here.close()
    await there.close()


@pytest.mark.redis
@pytest.mark.parametrize("silent", [False, True])
async def test_without_redis_a_process_goes_on_alone_and_returns_by_itself(
    wire: Wire, prefix: str, silent: bool
) -> None:
    """Cut off, or answered by silence: said once, noticed within a second, undone when mended."""
    house = Shared(wire.url, OPEN, prefix=prefix)
    with structlog.testing.capture_logs() as logs:
        await everything(house, NOON)
        if silent:
            wire.silent = True
        else:
            await wire.cut()
        for i in range(3):
            await everything(house, NOON + 10 * (i + 1))
        assert not house.up
        if silent:
            wire.silent = False
            await wire.cut()
        await wire.mend()

        async def together() -> bool:
            await house.pace(1, [fan(1)], NOON + 60)
            return house.up

        assert await eventually(together)
        await everything(house, NOON + 70)
    assert [entry["event"] for entry in logs] == ["redis_away", "redis_back"]
    assert "hunter2" not in str(logs)
    assert str(wire.port) not in str(logs)
    await house.close()


@pytest.mark.redis
async def test_limits_leases_and_stops_hold_while_redis_goes_and_comes(
    wire: Wire, prefix: str
) -> None:
    house, other = Shared(wire.url, OPEN, prefix=prefix), Shared(REDIS_URL, OPEN, prefix=prefix)
    await other.stop(1, 8, NOON + 90)
    assert (await house.pace(1, [group(1)] * 3 + [fan(8)], NOON))[:3] == [0, 0, 0]
    lease = await house.lock("poller", 30)
    assert lease is not None
    await wire.cut()
    assert await house.pace(1, [group(1)], NOON) == [pytest.approx(1.0)]
    assert await house.pace(1, [fan(8)], NOON) == [pytest.approx(90)]
    assert not house.up
    assert await house.renew(lease, 30)
    assert await house.lock("poller", 30) is None
    while_away = await house.lock("clock", 30)
    assert while_away is not None
    assert while_away.token > lease.token
    await wire.mend()

    async def together() -> bool:
        await house.stops(1)
        return house.up

    assert await eventually(together)
    assert await house.renew(lease, 30)
    assert await house.renew(while_away, 30)
    assert await other.lock("poller", 30) is None
    assert await other.lock("clock", 30) is None
    await house.close()
    await other.close()


@pytest.mark.redis
async def test_a_wake_during_an_outage_is_heard_when_it_is_over(wire: Wire, prefix: str) -> None:
    house, other = Shared(wire.url, prefix=prefix), Shared(REDIS_URL, prefix=prefix)
    assert not await house.woken("outbox", 0)
    waiting = asyncio.create_task(house.woken("outbox", 60))
    await wire.cut()
    assert await waiting  # it may have missed one
    assert not await house.woken("outbox", 0.05)
    waiting = asyncio.create_task(house.woken("outbox", 60))
    await house.wake("outbox")
    assert await waiting
    await other.wake("outbox")
    await wire.mend()
    assert await asyncio.wait_for(house.woken("outbox", 60), 20)
    await house.close()
    await other.close()


@pytest.mark.redis
async def test_a_process_that_starts_without_redis_works(wire: Wire, prefix: str) -> None:
    await wire.cut()
    house = Shared(wire.url, OPEN, prefix=prefix)
    await everything(house, NOON)
    assert not house.up
    await house.close()
    await wire.mend()


@pytest.mark.parametrize("url", ["http://host", "redis://:pass/word@host:6379/0", "redis"])
def test_a_wrong_address_is_refused_without_repeating_it(url: str) -> None:
    with pytest.raises(BadRedisUrl) as refusal:
        Shared(url)
    assert "redis://host:6379/0" in str(refusal.value)
    assert "pass" not in str(refusal.value)
    assert refusal.value.__suppress_context__
