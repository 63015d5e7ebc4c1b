"""The smallest Bot API that a bot can run against: hands out updates, takes calls, keeps nothing.

Less than the playground on purpose: what it costs itself must not drown what is measured.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import parse_qs

from aiohttp import web

OURS: Final = "7000000002:BENCHMARK-of-the-house-good-nowhere-else"
BARE: Final = "7000000003:BENCHMARK-of-a-bare-bot-good-nowhere-else"


@dataclass(slots=True)
class Account:
    """One bot at this server: what waits for it, and what it called."""

    username: str
    waiting: deque[bytes] = field(default_factory=deque)
    filled: asyncio.Event = field(default_factory=asyncio.Event)
    ready: asyncio.Event = field(default_factory=asyncio.Event)
    on_send: Callable[[int, float], None] = lambda _chat, _at: None
    body: Callable[[], bytes | None] | None = None
    asked: int = 0

    def give(self, update: bytes) -> None:
        self.waiting.append(update)
        self.filled.set()


@dataclass(slots=True)
class Telegram:
    """The server; ``accounts`` by token."""

    accounts: dict[str, Account]
    url: str = ""
    _messages: int = 0

    async def answer(self, request: web.Request) -> web.Response:
        account = self.accounts[request.match_info["token"]]
        method = request.match_info["method"].lower()
        fields = parse_qs((await request.read()).decode())
        if method == "getupdates":
            return _json(await self._updates(account, int(fields.get("timeout", ["0"])[0])))
        if method.startswith("send"):
            at = time.perf_counter()
            chat = int(fields["chat_id"][0])
            account.on_send(chat, at)
            return _json(self._sent(chat, fields))
        if method == "getme":
            number = int(request.match_info["token"].partition(":")[0])
            me = {"id": number, "is_bot": True, "first_name": "B", "username": account.username}
            return _json(_ok({**me, "can_read_all_group_messages": False}))
        return _json(b'{"ok":true,"result":true}')

    async def _updates(self, account: Account, seconds: int) -> bytes:
        account.ready.set()
        account.asked += 1
        if account.body is not None and (body := account.body()) is not None:
            return body
        if not account.waiting:
            account.filled.clear()
            try:
                await asyncio.wait_for(account.filled.wait(), seconds)
            except TimeoutError:
                return b'{"ok":true,"result":[]}'
        updates = [account.waiting.popleft() for _ in range(min(100, len(account.waiting)))]
        return b'{"ok":true,"result":[' + b",".join(updates) + b"]}"

    def _sent(self, chat: int, fields: dict[str, list[str]]) -> bytes:
        self._messages += 1
        return _ok(
            {
                "message_id": self._messages,
                "date": int(time.time()),
                "chat": {"id": chat, "type": "private", "first_name": "F"},
                "text": fields.get("text", [""])[0],
            }
        )


def _ok(result: Any) -> bytes:
    return json.dumps({"ok": True, "result": result}).encode()


def _json(body: bytes) -> web.Response:
    return web.Response(body=body, content_type="application/json")


@asynccontextmanager
async def open_telegram() -> AsyncIterator[Telegram]:
    """The server on a free port of this machine."""
    telegram = Telegram({OURS: Account("lulu_house_bot"), BARE: Account("bare_bot")})
    app = web.Application(client_max_size=8 << 20)
    app.router.add_route("*", "/bot{token}/{method}", telegram.answer)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.2, handler_cancellation=True)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        telegram.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        yield telegram
    finally:
        await runner.cleanup()
