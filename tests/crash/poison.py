"""Messages that hurt: armed in a child, a private message of certain words kills or raises."""

from __future__ import annotations

import functools
import os
import signal
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any

KILLS, RAISES, RAISES_TWICE = "this one kills", "this one raises", "this one raises twice"

_raw: ContextVar[bytes] = ContextVar("raw", default=b"")


class Hurt(Exception):
    """What the poisoned handler raises."""


def arm() -> None:
    """Wrap the answer to private words: it hurts in the middle of its transaction, when the reply
    is decided and nothing is committed."""
    from bot.road import Road
    from handlers.help import service

    walk = Road.walk
    wonder = service.wonder
    raised: list[bytes] = []

    @functools.wraps(walk)
    async def poisoned_walk(self: Road, bot: Any, react: Any, *rest: Any) -> None:
        _raw.set(react.task.raw)
        await walk(self, bot, react, *rest)

    @functools.wraps(wonder)
    def poisoned(*args: Any) -> Any:
        result, raw = wonder(*args), _raw.get()
        if KILLS.encode() in raw:
            os.kill(os.getpid(), signal.SIGKILL)
        if RAISES_TWICE.encode() in raw:
            raised.append(raw)
            if len(raised) <= 2:
                raise Hurt
        elif RAISES.encode() in raw:
            raise Hurt
        return result

    _put(Road, "walk", poisoned_walk)
    _put(service, "wonder", poisoned)


def _put(owner: Any, name: str, function: Callable[..., Any]) -> None:
    setattr(owner, name, function)
