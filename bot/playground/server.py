"""The playground's front door: HTTP in, one Bot API call, JSON out; faults and limits between."""

from __future__ import annotations

import asyncio
import logging
import re
import time
from typing import Any
from urllib.parse import parse_qsl

import msgspec
from aiohttp import web

from bot.playground.clock import Clock
from bot.playground.contracts import contract
from bot.playground.faults import AFTER, Fault, Faults
from bot.playground.flood import Flood
from bot.playground.journal import Call, History
from bot.playground.methods import METHODS, Desk, Params, Upload, keyboards, messages_in
from bot.playground.records import BotAccount, Json
from bot.playground.refusals import Refusal, bad, migrated, too_many
from bot.playground.updates import encode
from bot.playground.world import World

_log = logging.getLogger(__name__)
_TOKEN = re.compile(r"[0-9]{1,18}:[A-Za-z0-9_-]{5,80}")
_JSON = {"Content-Type": "application/json"}
#: How long a call that shall never be answered keeps its connection open.
_NEVER = 600.0
#: What a webhook may not give as its answer.
_NOT_AS_ANSWER = frozenset({"setwebhook", "deletewebhook", "close", "logout"})


class Hang(Exception):
    """The bot shall wait for an answer that does not come."""


class Drop(Exception):
    """The connection shall break."""


class Garbage(Exception):
    """The answer shall be no JSON."""


class Door:
    """Answers Bot API calls, whether they come by HTTP or as the answer to a webhook."""

    def __init__(
        self, world: World, desk: Desk, history: History, faults: Faults, flood: Flood, clock: Clock
    ) -> None:
        self.world = world
        self.desk = desk
        self.history = history
        self.faults = faults
        self.flood = flood
        self.clock = clock

    def routes(self) -> list[web.RouteDef]:
        """What the Bot API serves, and the clock."""
        return [
            web.route("*", "/bot{token}/{method}", self.on_method),
            web.get("/file/bot{token}/{path:.+}", self.on_file),
            web.get("/clock", self.on_clock),
        ]

    # HTTP

    async def on_method(self, request: web.Request) -> web.StreamResponse:
        """One Bot API call."""
        bot, answer = self._who(request)
        if bot is None:
            return answer
        try:
            raw, uploads = await _parameters(request)
        except Refusal as refusal:
            return _reply(refusal)
        except web.HTTPRequestEntityTooLarge:
            return _reply(Refusal(413, "Request Entity Too Large"))
        try:
            body = await self.call(bot, request.match_info["method"], raw, uploads)
        except Refusal as refusal:
            return _reply(refusal)
        except Hang:
            await asyncio.sleep(_NEVER)
            raise _dropped(request) from None
        except Drop:
            raise _dropped(request) from None
        except Garbage:
            return web.Response(body=b'{"ok":true,"result":{"mess', headers=_JSON)
        return web.Response(body=body, headers=_JSON)

    def _who(self, request: web.Request) -> tuple[BotAccount | None, web.Response]:
        token = request.match_info["token"]
        if not _TOKEN.fullmatch(token):
            return None, _reply(Refusal(404, "Not Found"))
        bot = self.world.bot_by_token(token)
        if bot is None:
            return None, _reply(Refusal(401, "Unauthorized"))
        return bot, web.Response()

    async def on_file(self, request: web.Request) -> web.StreamResponse:
        """The bytes of a file whose path getFile told."""
        bot, answer = self._who(request)
        if bot is None:
            return answer
        found = re.search(r"file_([0-9]+)\.", request.match_info["path"])
        kept = self.world.files.get(int(found[1])) if found else None
        if kept is None or kept.path != request.match_info["path"]:
            return _reply(Refusal(404, "Not Found"))
        return web.Response(body=kept.data, content_type="application/octet-stream")

    async def on_clock(self, request: web.Request) -> web.StreamResponse:
        """The clock's reading; with `after` the answer waits until the clock was moved."""
        query = request.query
        try:
            after = int(query.get("after", "-1"))
            timeout = min(max(float(query.get("timeout", "25")), 0.0), 60.0)
        except ValueError:
            return _reply(bad("after and timeout must be numbers"))
        if after >= self.clock.version and timeout:
            await self.clock.moved(timeout)
        reading = {
            "now": self.clock.micros(),
            "speed": self.clock.speed,
            "version": self.clock.version,
        }
        return web.Response(body=encode(reading), headers=_JSON)

    # A call

    async def call(
        self,
        bot: BotAccount,
        method: str,
        raw: Json,
        uploads: dict[str, Upload],
        *,
        via: str = "http",
    ) -> bytes:
        """Answer one call with the JSON body; raises `Refusal`, `Hang`, `Drop` or `Garbage`."""
        self.history.count += 1
        call = Call(
            n=self.history.count,
            at=time.time(),
            clock=self.clock.seconds(),
            bot=bot.id,
            method=method,
            params=_shown(raw, uploads),
            chat=None if raw.get("chat_id") is None else str(raw["chat_id"]),
            via=via,
        )
        self.history.note(call)
        try:
            body = await self._call(bot, call, raw, uploads)
            call.status = 200
            return body
        except Refusal as refusal:
            call.status, call.description = refusal.code, refusal.text
            raise
        except (Hang, Drop, Garbage) as fault:
            call.description = type(fault).__name__.lower()
            raise
        except asyncio.CancelledError:
            call.description = "the bot hung up"
            raise
        except Exception as error:
            # A fault of ours must be seen in tests and must not end the playground.
            _log.exception("the playground broke in %s", call.method)
            self.desk.remark(call.method, "", f"the playground broke: {error!r}")
            call.status, call.description = 500, "Internal Server Error"
            raise Refusal(500, "Internal Server Error") from error
        finally:
            self.world.emit("call", call=call.n, bot=bot.id, method=call.method, status=call.status)

    async def _call(
        self, bot: BotAccount, call: Call, raw: Json, uploads: dict[str, Upload]
    ) -> bytes:
        agreed = contract(call.method)
        if agreed is None:
            raise Refusal(404, "Not Found: method not found")
        call.method = name = agreed.name
        if bot.logged_out and name not in ("logOut", "close"):
            raise bad("Logged out")
        for unknown in sorted((raw.keys() | uploads.keys()) - agreed.kinds.keys()):
            if unknown not in uploads and unknown != "method":
                self.desk.remark(name, unknown, "Telegram does not know this parameter")
        fault = self.faults.strike(name, call.chat, bot.id)
        if fault is not None:
            call.fault = fault.kind
            await self._before(fault, call)
        params = Params(agreed.read(raw, uploads.keys()), uploads)
        if "reply_markup" in params:
            # Telegram reads keyboards before anything else, and has its own words for them.
            keyboards.under(params["reply_markup"], None)
        for unknown in agreed.check(params):
            self.desk.remark(name, unknown, "Telegram does not know this field")
        if name == "getUpdates":
            whole = await self._updates(bot, call, params)
            if fault is not None and fault.kind in AFTER:
                await self._after(fault)
            return whole
        result = self._do(bot, call, name, params)
        call.done = True
        call.result_ids = _numbers(result)
        if fault is not None and fault.kind in AFTER:
            await self._after(fault)
        return b'{"ok":true,"result":' + encode(result) + b"}"

    def _do(self, bot: BotAccount, call: Call, name: str, params: Params) -> Any:
        method = METHODS.get(name.lower())
        if method is None:
            self.desk.remark(name, "", "the playground does not play this method yet")
            raise Refusal(404, f"Not Found: the playground does not play {name} yet")
        cost = messages_in(name, params)
        chat = call.chat or ""
        group = chat.startswith(("-", "@"))
        if cost:
            seconds = self.flood.wait(bot.id, chat, group, cost)
            if seconds:
                raise too_many(seconds)
        result = method(self.desk, bot, params)
        if cost:
            self.flood.take(bot.id, chat, group, cost)
        return result

    async def _updates(self, bot: BotAccount, call: Call, params: Params) -> bytes:
        whole = await self.world.updates.poll(
            bot,
            int(params.get("offset") or 0),
            int(params.get("limit") or 100),
            int(params.get("timeout") or 0),
            params.get("allowed_updates"),
        )
        call.done = True
        return b'{"ok":true,"result":' + whole + b"}"

    async def _before(self, fault: Fault, call: Call) -> None:
        """What goes wrong before the method does anything."""
        match fault.kind:
            case "429":
                raise too_many(fault.retry_after)
            case "500":
                raise Refusal(500, fault.description or "Internal Server Error")
            case "502":
                raise Refusal(502, fault.description or "Bad Gateway")
            case "403":
                raise Refusal(403, fault.description or "Forbidden: bot was blocked by the user")
            case "400":
                raise Refusal(400, fault.description or "Bad Request: chat not found")
            case "migrate":
                self._move(call.chat)
            case "timeout_before":
                raise Hang
            case "drop_before":
                raise Drop
            case "slow":
                await asyncio.sleep(fault.seconds)

    def _move(self, chat_id: str | None) -> None:
        """A basic group becomes a supergroup at this moment; other chats can't, and are let be."""
        chat = self.world.chats.get(chat_id or "")
        if chat is None or chat.type != "group":
            return
        if chat.migrated_to is None:
            self.world.upgrade(chat)
        if chat.migrated_to is not None:
            raise migrated(chat.migrated_to)

    async def _after(self, fault: Fault) -> None:
        """What goes wrong when the method already took effect."""
        match fault.kind:
            case "timeout_after":
                raise Hang
            case "lost_answer":
                raise Drop
            case "wrong_json":
                raise Garbage

    async def run_answer(self, bot: BotAccount, answer: Json) -> None:
        """A method given as the answer to a webhook: done, and its result told to nobody."""
        method = str(answer.pop("method"))
        low = method.lower()
        if low.startswith("get") or low in _NOT_AS_ANSWER:
            return
        try:
            await self.call(bot, method, answer, {}, via="webhook")
        except (Refusal, Hang, Drop, Garbage):
            # Telegram drops what goes wrong here, too; the history has it.
            return


def _reply(refusal: Refusal) -> web.Response:
    headers = dict(_JSON)
    if "retry_after" in refusal.parameters:
        headers["Retry-After"] = str(refusal.parameters["retry_after"])
    return web.Response(status=refusal.code, body=encode(refusal.body()), headers=headers)


def _dropped(request: web.Request) -> ConnectionResetError:
    if request.transport is not None:
        request.transport.abort()
    return ConnectionResetError("dropped on demand")


async def _parameters(request: web.Request) -> tuple[Json, dict[str, Upload]]:
    """Query, form or JSON body as one dict, and the files of a multipart form."""
    raw: Json = dict(request.query)
    if request.method not in ("GET", "POST"):
        raise Refusal(405, "Method Not Allowed")
    if not request.body_exists:
        return raw, {}
    kind = request.content_type
    if kind == "multipart/form-data":
        try:
            form = await request.post()
        except (ValueError, AssertionError) as error:
            raise bad("can't parse multipart form") from error
        uploads: dict[str, Upload] = {}
        for name, value in form.items():
            if isinstance(value, web.FileField):
                uploads[name] = Upload(value.filename, value.content_type, value.file.read())
            else:
                raw[name] = value if isinstance(value, str) else bytes(value).decode()
        return raw, uploads
    body = await request.read()
    if not body:
        return raw, {}
    if kind == "application/json":
        try:
            given = msgspec.json.decode(body)
        except msgspec.DecodeError as error:
            raise bad("can't parse JSON object") from error
        if not isinstance(given, dict):
            raise bad("can't parse JSON object")
        return raw | given, {}
    try:
        pairs = parse_qsl(
            body.decode(), keep_blank_values=True, strict_parsing=False, errors="strict"
        )
    except UnicodeDecodeError as error:
        raise bad("strings must be encoded in UTF-8") from error
    return raw | dict(pairs), {}


def _shown(raw: Json, uploads: dict[str, Upload]) -> Json:
    """Parameters for the history: files by name and size."""
    return raw | {
        name: f"<{upload.name}, {len(upload.data)} bytes>" for name, upload in uploads.items()
    }


def _numbers(result: Any) -> list[int]:
    items = result if isinstance(result, list) else [result]
    return [item["message_id"] for item in items if isinstance(item, dict) and "message_id" in item]
