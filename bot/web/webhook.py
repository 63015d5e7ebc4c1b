"""The webhook: an update is answered with 200 only after it is kept.

Whoever posts must know the secret; nothing else about a request is trusted, X-Forwarded-For least
of all. Garbage is answered 400 and never costs more than reading it.
"""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import structlog
from aiohttp import web

from bot.inbox import Keeper
from bot.intake import Undecodable, read, update_id_in
from storage.database import DatabaseAway, DatabaseFull

log = structlog.get_logger(__name__)

SECRET_HEADER: Final = "X-Telegram-Bot-Api-Secret-Token"
LARGEST: Final = 4 * 1024 * 1024  # the largest answer that Telegram itself ever builds
BODY_SECONDS: Final = 30.0  # Telegram sends at once; who dribbles keeps no connection for ever
COME_BACK: Final = "5"  # seconds, for Telegram's own retry


@dataclass(frozen=True, slots=True)
class Hook:
    """One bot's end of the webhook."""

    keeper: Keeper
    secret: str

    async def receive(self, request: web.Request) -> web.Response:
        """Keep what was posted; 200 kept, 400 no update, 401 wrong secret, 413 too large, 503 come
        back later."""
        given = request.headers.getall(SECRET_HEADER, [])
        right = [hmac.compare_digest(_bytes(one), self.secret.encode()) for one in given]
        if right != [True]:  # two of them, one right, are a proxy's mistake or somebody's guess
            return web.Response(status=401, text="wrong secret")
        if (request.content_length or 0) > LARGEST:
            return web.Response(status=413, text="too large for an update")
        try:
            async with asyncio.timeout(BODY_SECONDS):
                body = await _body(request)
        except TimeoutError:
            return web.Response(status=408, text="the body came too slowly")
        except web.RequestPayloadError:
            return web.Response(status=400, text="the body ended too early")
        if len(body) > LARGEST:
            return web.Response(status=413, text="too large for an update")
        if not self._is_update(body):
            return web.Response(status=400, text="this is no update")
        try:
            await self.keeper.submit(body)
        except (DatabaseAway, DatabaseFull) as error:
            log.error("cannot keep an update; Telegram will send it again", why=str(error))
            return web.Response(status=503, headers={"Retry-After": COME_BACK})
        return web.Response()

    def _is_update(self, body: bytes) -> bool:
        """Whether it can be kept: readable, or at least numbered (then it becomes a dead letter,
        since Telegram would otherwise send it for ever and nothing behind it)."""
        try:
            read(body, self.keeper.triggers, 0)
        except Undecodable:
            return body.lstrip()[:1] == b"{" and update_id_in(body[:200]) is not None
        return True


def _bytes(header: str) -> bytes:
    return header.encode("utf-8", "surrogateescape")


async def _body(request: web.Request) -> bytes:
    """The whole body, or one byte more than the largest that is taken."""
    body = bytearray()
    while len(body) <= LARGEST and not request.content.at_eof():
        body += await request.content.read(LARGEST + 1 - len(body))
    return bytes(body)


def add_hooks(app: web.Application, path: str, hooks: Mapping[int, Hook]) -> None:
    """A path per bot, by its Telegram id, below *path*."""
    for bot, hook in hooks.items():
        app.router.add_post(f"{path.rstrip('/')}/{bot}", hook.receive)
