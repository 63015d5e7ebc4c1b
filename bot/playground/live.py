"""The stream of events that keeps the open pages up to date."""

from __future__ import annotations

import asyncio
import secrets
from collections import deque
from typing import Any

import msgspec
from aiohttp import web

from bot.playground.guard import HEADERS
from bot.playground.wishes import number_of

#: So many events can be caught up by a page that was away; one that missed more reloads.
KEPT_EVENTS = 3_000
HEARTBEAT = 15.0


class Live:
    """The stream of events that open pages follow; one that was away catches up by number."""

    def __init__(self) -> None:
        self._epoch = secrets.token_hex(4)
        self._events: deque[tuple[int, bytes]] = deque(maxlen=KEPT_EVENTS)
        self._count = 0
        self._changed = asyncio.Event()
        self._closing = False
        self.readers = 0

    def publish(self, kind: str, **fields: Any) -> None:
        """Tell every page."""
        self._count += 1
        body = msgspec.json.encode({"type": kind, **fields})
        frame = b"id: %s-%d\ndata: %s\n\n" % (self._epoch.encode(), self._count, body)
        self._events.append((self._count, frame))
        self._wake()

    def close(self) -> None:
        """Let every stream end."""
        self._closing = True
        self._wake()

    def _wake(self) -> None:
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()

    def _start(self, last_id: str) -> tuple[int, bool]:
        """After which event a reader goes on, and whether it has missed some."""
        epoch, _, number = last_id.partition("-")
        if not last_id:
            return self._count, False
        oldest = self._events[0][0] if self._events else self._count + 1
        seen = number_of(number)
        if epoch != self._epoch or seen is None or not oldest - 1 <= seen <= self._count:
            return self._count, True
        return seen, False

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """One page's stream (text/event-stream)."""
        answer = web.StreamResponse(
            headers={**HEADERS, "Content-Type": "text/event-stream", "Cache-Control": "no-store"}
        )
        await answer.prepare(request)
        after, missed = self._start(request.headers.get("Last-Event-ID", ""))
        await answer.write(b"retry: 1500\n\n")
        if missed:
            await answer.write(
                b'id: %s-%d\ndata: {"type":"reset"}\n\n' % (self._epoch.encode(), after)
            )
        self.readers += 1
        try:
            while not self._closing:
                changed = self._changed
                fresh = [frame for number, frame in self._events if number > after]
                if fresh:
                    after = self._count
                    await answer.write(b"".join(fresh))
                    continue
                try:
                    async with asyncio.timeout(HEARTBEAT):
                        await changed.wait()
                except TimeoutError:
                    await answer.write(b": still here\n\n")
        except ConnectionError:
            pass
        finally:
            self.readers -= 1
        return answer
