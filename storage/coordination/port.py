"""The port: what the house may ask of its coordination, whichever form it has."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal, NamedTuple, Protocol, TypeAlias

Bucket: TypeAlias = Literal["global"] | int
"""What a limit counts: all calls of a bot, or those into one chat (by its number)."""

GLOBAL: Final = "global"


@dataclass(frozen=True, slots=True)
class Ask:
    """Leave to make one call into *chat*; a group has a limit by the minute as well."""

    chat: int
    group: bool


class Lease(NamedTuple):
    """A lock that was granted; a later lease of the same name has a greater token."""

    name: str
    token: int


class Gauge(NamedTuple):
    """One bucket's law, in microseconds: a call each *interval*, up to *tolerance* too early."""

    interval: int
    tolerance: int

    @property
    def reach(self) -> int:
        """How far ahead of now a bucket can honestly be; further means that the clock went back."""
        return self.interval + self.tolerance


@dataclass(frozen=True, slots=True)
class Limits:
    """What Telegram lets one bot send; the intervals are chosen so that no window holds more.

    >>> Limits().whole.interval, Limits().chat.interval, Limits().group.interval
    (33890, 1000000, 4000000)
    """

    rate: float = 30.0
    """Calls per second of the whole bot; a paid broadcast may have 1,000."""
    slack: float = 0.015
    """Seconds that a sender may wake too late without losing a place."""
    chat_rate: float = 1.0
    """Calls per second into one chat, in the long run."""
    chat_burst: int = 3
    group_rate: float = 20.0
    """Calls within any minute into one group."""
    group_burst: int = 5

    def __post_init__(self) -> None:
        if not (self.rate >= 1 and 0 <= self.slack < 1 and self.chat_rate > 0):
            raise ValueError("limits: rate must be at least 1, slack 0 to 1, chat_rate above 0")
        if not (self.chat_burst >= 1 and 1 <= self.group_burst < self.group_rate):
            raise ValueError("limits: bursts must be at least 1, group_burst below group_rate")

    @property
    def whole(self) -> Gauge:
        # A closed second holds floor((1 + slack) / interval) + 1 calls: the little that is taken
        # off the rate keeps that at the rate and never one above it.
        interval = math.ceil(1e6 * (1 + self.slack) / (self.rate - 0.05))
        return Gauge(interval, round(1e6 * self.slack))

    @property
    def chat(self) -> Gauge:
        interval = math.ceil(1e6 / self.chat_rate)
        return Gauge(interval, interval * (self.chat_burst - 1))

    @property
    def group(self) -> Gauge:
        # The burst comes on top of the steady rate, so that much is taken off the rate first.
        interval = math.ceil(60e6 / (self.group_rate - self.group_burst))
        return Gauge(interval, interval * (self.group_burst - 1))


class Coordination(Protocol):
    """Pacing, leases, wake-ups and progress; no call fails because a server is away."""

    @property
    def up(self) -> bool:
        """Whether what is agreed on here is agreed on with all other processes."""

    async def pace(self, bot: int, asks: Sequence[Ask], now: float) -> list[float]:
        """For each ask in order 0.0 (granted and counted) or the seconds to wait (not counted).

        *now* is seconds since 1970. A refusal does not stop later asks of the list that have
        room. When the clock goes back nobody waits longer than one interval for it.
        """

    async def stop(self, bot: int, bucket: Bucket, until: float) -> None:
        """Let nothing through a bucket before *until* (Telegram answered 429).

        An earlier *until* than the one in force changes nothing. When the clock goes back by
        more than a few seconds, a stop lasts no longer than it lasted when it was first met.
        """

    async def stops(self, bot: int) -> dict[Bucket, float]:
        """The stops to remember over a restart; some may have ended since the last ``pace``."""

    async def lock(self, name: str, ttl: float) -> Lease | None:
        """A lease for *ttl* seconds, or None while somebody holds one.

        While Redis is away every process agrees with itself only: what must never happen twice
        is claimed in the database, and a late writer is told apart by the lease's token.
        """

    async def renew(self, lease: Lease, ttl: float) -> bool:
        """Hold on for *ttl* seconds from now; False when the lease ended or is not ours."""

    async def release(self, lease: Lease) -> bool:
        """Give the lock back; False, and nothing happens, when the lease ended or is not ours."""

    async def wake(self, topic: str) -> None:
        """Tell all who wait for *topic*, here and in other processes, to look again."""

    async def woken(
        self,
        topic: str,
        timeout: float,  # noqa: ASYNC109 - False is an answer here, not an error
    ) -> bool:
        """True once *topic* was woken since this process last heard of it, False after *timeout*.

        Many wakes are heard as one, and one wake reaches all who wait. A wake may be heard
        without cause (after a start, or when Redis came or went), and one of another process
        may be missed while Redis is away: look at the database in both cases.
        """

    async def note(self, key: str, fields: Mapping[str, int | str], ttl: float = 3600.0) -> None:
        """Show progress: the fields are merged into what stands there, for *ttl* seconds more."""

    async def progress(self, key: str) -> dict[str, int | str]:
        """What was last noted, empty when nothing was or it faded."""

    async def close(self) -> None:
        """Give connections back; leases end by themselves."""
