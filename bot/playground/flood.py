"""Telegram's flood limits on the real clock: for a chat, a group's minute, and a bot as a whole."""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass(slots=True)
class Flood:
    """Who may send how much; sends and edits share the budget, a rate of 0 switches a limit off.

    `per_chat` and `everywhere` are messages a second, with a burst that may come at once;
    `per_group` counts messages within any 60 seconds in a group, supergroup or channel.
    """

    per_chat: float = 1.0
    chat_burst: int = 5
    per_group: int = 20
    everywhere: float = 30.0
    burst: int = 30
    enabled: bool = True
    monotonic: Callable[[], float] = time.monotonic
    _chats: dict[tuple[int, str], float] = field(default_factory=dict)
    _groups: dict[tuple[int, str], deque[float]] = field(default_factory=dict)
    _bots: dict[int, float] = field(default_factory=dict)
    _closed: dict[tuple[int, str], float] = field(default_factory=dict)

    @classmethod
    def off(cls) -> Flood:
        """No limit at all, for tests that are not about limits."""
        return cls(enabled=False)

    def forget(self) -> None:
        """Start again with full budgets."""
        for ledger in (self._chats, self._groups, self._bots, self._closed):
            ledger.clear()

    def wait(self, bot: int, chat: str, group: bool, messages: int = 1) -> int:
        """Whole seconds until so many messages may go there; 0 means now. Takes nothing."""
        if not self.enabled:
            return 0
        now = self.monotonic()
        left = self._closed.get((bot, chat), 0.0) - now
        if self.per_chat:
            left = max(
                left, _late(self._chats.get((bot, chat)), now, self.per_chat, self.chat_burst)
            )
        if self.everywhere:
            left = max(left, _late(self._bots.get(bot), now, self.everywhere, self.burst))
        if group and self.per_group:
            recent = self._groups.get((bot, chat), deque())
            while recent and recent[0] <= now - 60:
                recent.popleft()
            # An album larger than what is left waits for the oldest messages to fall out.
            over = len(recent) + min(messages, self.per_group) - self.per_group
            if over > 0:
                left = max(left, recent[over - 1] + 60 - now)
        if left <= 0:
            return 0
        seconds = max(1, math.ceil(left))
        # Telegram keeps a refused chat closed for as long as it said.
        self._closed[(bot, chat)] = max(self._closed.get((bot, chat), 0.0), now + left)
        return seconds

    def take(self, bot: int, chat: str, group: bool, messages: int = 1) -> None:
        """Note that so many messages went there."""
        if not self.enabled:
            return
        now = self.monotonic()
        if self.per_chat:
            self._chats[(bot, chat)] = (
                max(self._chats.get((bot, chat), now), now) + messages / self.per_chat
            )
        if self.everywhere:
            self._bots[bot] = max(self._bots.get(bot, now), now) + messages / self.everywhere
        if group and self.per_group:
            self._groups.setdefault((bot, chat), deque()).extend([now] * messages)


def _late(free_at: float | None, now: float, rate: float, burst: int) -> float:
    """Seconds until a bucket (kept as the time when it is full again) has room for one more."""
    return 0.0 if free_at is None else free_at - (burst - 1) / rate - now
