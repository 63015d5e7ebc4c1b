"""kill -9 at named moments, a share of what ``make prove`` does: every moment once, somewhere."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.crash.grounds import GROUNDS, REDIS, Ground, Stage, chains
from tests.crash.points import NAMES
from tests.crash.runs import Evenings
from tests.crash.zygote import Zygote
from tests.engines import missing, postgres_template

pytestmark = pytest.mark.timeout(300)  # many lives on a busy machine; each ends within seconds


@pytest.fixture(params=range(len(GROUNDS)), ids=[ground.name for ground in GROUNDS])
def number(request: pytest.FixtureRequest) -> int:
    chosen: int = request.param
    return chosen


@pytest.fixture
def stage(number: int, tmp_path: Path) -> Iterator[Stage]:
    ground = GROUNDS[number]
    with ExitStack() as stack:
        template = stack.enter_context(postgres_template()) if ground.postgres else ""
        _ask_redis(ground)
        zygote = stack.enter_context(Zygote())
        yield Stage(ground, Evenings(zygote, tmp_path), template)


def _ask_redis(ground: Ground) -> None:
    if not ground.redis:
        return
    import redis

    with redis.Redis.from_url(ground.redis, socket_connect_timeout=2) as client:
        try:
            client.ping()
        except redis.RedisError:
            missing("Redis", "start it on port 6379")


SHARES = (0, 1, 0, 1, 2, 0, 1, 3)
"""Which ground takes the next moment: SQLite is the quicker one."""


def test_killed_at_any_moment_it_loses_nothing(stage: Stage, number: int) -> None:
    """Each moment on one of the four grounds, at one of its hits."""
    counts = stage.counts()
    for at, name in enumerate(NAMES):
        if SHARES[at % len(SHARES)] == number and name in counts:
            survived = stage.play([(name, 1 + at * 37 % counts[name])])
            assert survived.deaths <= 1


def test_a_poller_that_was_killed_makes_room_for_the_next(tmp_path: Path) -> None:
    """With Redis one process polls, by a lease; what a dead one holds must soon be free."""
    ground = Ground("sqlite and redis, polling", False, "polling", REDIS)
    _ask_redis(ground)
    with Zygote() as zygote:
        stage = Stage(ground, Evenings(zygote, tmp_path))
        assert stage.play([("after one task", 3)]).deaths == 1


def test_killed_while_it_recovers_it_loses_nothing(stage: Stage, number: int) -> None:
    """A second death on the way up from the first."""
    for chain in chains()[number :: len(GROUNDS) * 5]:
        stage.play(chain)
