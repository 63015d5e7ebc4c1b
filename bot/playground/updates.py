"""Updates on their way to the bots: queues with Telegram's offset rules, long poll and webhook."""

from __future__ import annotations

import asyncio
import json
import time
from collections import OrderedDict, deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from random import Random
from typing import Any

import aiohttp
import msgspec

from bot.playground.clock import Clock
from bot.playground.faults import Faults
from bot.playground.journal import Keeper
from bot.playground.records import BotAccount, Json
from bot.playground.refusals import conflict

KINDS = (
    "message", "edited_message", "channel_post", "edited_channel_post", "business_connection",
    "business_message", "edited_business_message", "deleted_business_messages", "guest_message",
    "message_reaction", "message_reaction_count", "inline_query", "chosen_inline_result",
    "callback_query", "shipping_query", "pre_checkout_query", "purchased_paid_media", "poll",
    "poll_answer", "my_chat_member", "chat_member", "chat_join_request", "chat_boost",
    "removed_chat_boost", "managed_bot", "subscription", "stopped_message_generation",
)  # fmt: skip
#: A bot gets these only when it asks for them.
OPT_IN = frozenset({"chat_member", "message_reaction", "message_reaction_count"})
LIFETIME = {
    "callback_query": 150,
    "shipping_query": 150,
    "pre_checkout_query": 150,
    "inline_query": 30,
    "chosen_inline_result": 600,
}
DAY = 86_400
MAX_QUEUED = 100_000
MAX_ANSWER = 4 << 20
_encoder = msgspec.json.Encoder()


def encode(value: Any) -> bytes:
    """JSON; texts with lone surrogates, which UTF-8 cannot hold, are written as escapes."""
    try:
        return _encoder.encode(value)
    except UnicodeEncodeError:
        return json.dumps(value, ensure_ascii=True).encode()


@dataclass(slots=True)
class Pending:
    """An update that waits: its number, its JSON, when it dies, and what it queues behind."""

    id: int
    kind: str
    raw: bytes
    dies_at: float
    lane: str

    def state(self) -> list[Any]:
        """What the state file keeps of it."""
        return [self.kind, self.raw, self.dies_at, self.lane]


@dataclass(slots=True)
class Queue:
    """What one bot has not confirmed yet."""

    bot: BotAccount
    pending: OrderedDict[int, Pending] = field(default_factory=OrderedDict)
    lanes: dict[str, deque[int]] = field(default_factory=dict)
    next_death: float = float("inf")
    poll: asyncio.Future[None] | None = None
    offset: int = 0
    asked_at: float = -10.0
    wake: asyncio.Event = field(default_factory=asyncio.Event)
    spent: list[bytes] = field(default_factory=list)
    pump: asyncio.Task[None] | None = None
    last_error: tuple[int, str] | None = None
    dropped: int = 0


class Updates:
    """All queues. Synchronous to put, asynchronous to take."""

    def __init__(
        self, clock: Clock, keeper: Keeper, faults: Faults, random: Random, *, webhook_pace: float
    ) -> None:
        self._clock = clock
        self._keeper = keeper
        self._faults = faults
        self._random = random
        self._pace = webhook_pace
        self._queues: dict[int, Queue] = {}
        self._session: aiohttp.ClientSession | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        #: Runs a method that a webhook gave as its answer.
        self.run_answer: Callable[[BotAccount, Json], Awaitable[None]] | None = None
        self.on_change: Callable[[], None] = lambda: None

    def queue(self, bot: BotAccount) -> Queue:
        """The bot's queue."""
        found = self._queues.get(bot.id)
        if found is None:
            found = self._queues[bot.id] = Queue(bot)
        return found

    # Putting

    def wants(self, bot: BotAccount, kind: str) -> bool:
        """Whether the bot asked for this kind, or did not exclude it by naming others."""
        if bot.allowed_updates:
            return kind in bot.allowed_updates
        return kind not in OPT_IN

    def put(self, bot: BotAccount, kind: str, body: Json, *, lane: str) -> int | None:
        """Queue an update; its number, or None for a kind that the bot does not get."""
        if not self.wants(bot, kind) or bot.logged_out:
            return None
        return self._put(bot, kind, encode(body), lane)

    def inject(self, bot: BotAccount, body: bytes | Json, *, kind: str = "message") -> int:
        """Queue anything at all as the `kind` part of an update: for poison and for the future."""
        raw = body if isinstance(body, bytes) else encode(body)
        return self._put(bot, kind, raw, "injected")

    def _put(self, bot: BotAccount, kind: str, raw: bytes, lane: str) -> int:
        queue = self.queue(bot)
        now = self._clock.seconds()
        unruly = self._faults.updates
        if unruly.unknown_kind and self._random.random() < unruly.unknown_kind:
            self._append(queue, "sunset_over_lake", b'{"colour":"amber","seen_by":[1,2]}', now, "x")
        if unruly.unknown_field and self._random.random() < unruly.unknown_field:
            raw = raw[:-1] + b',"mood_of_the_sender":{"kind":"calm","depth":7}}'
        number = self._append(queue, kind, raw, now, lane)
        queue.wake.set()
        self.on_change()
        return number

    def _append(self, queue: Queue, kind: str, raw: bytes, now: float, lane: str) -> int:
        bot = queue.bot
        if not bot.last_update_id or now - bot.last_update_at > 7 * DAY:
            # Telegram starts somewhere else after a silent week, perhaps lower than before.
            bot.last_update_id = self._random.randrange(100_000_000, 900_000_000)
        bot.last_update_id += 1
        bot.last_update_at = now
        number = bot.last_update_id
        dies_at = now + LIFETIME.get(kind, DAY)
        pending = Pending(number, kind, raw, dies_at, lane)
        if len(queue.pending) >= MAX_QUEUED:
            self._forget(queue, next(iter(queue.pending)))
            queue.dropped += 1
        self._add(queue, pending)
        self._keeper.touch(bot)
        self._keeper.queued(bot.id, number, pending.state())
        return number

    def restore(self, bot: BotAccount, number: int, state: list[Any]) -> None:
        """Take back what the state file kept."""
        kind, raw, dies_at, lane = state
        self._add(self.queue(bot), Pending(number, kind, raw, dies_at, lane))

    @staticmethod
    def _add(queue: Queue, pending: Pending) -> None:
        queue.pending[pending.id] = pending
        queue.lanes.setdefault(pending.lane, deque()).append(pending.id)
        queue.next_death = min(queue.next_death, pending.dies_at)

    # Taking

    def waiting(self, bot: BotAccount) -> int:
        """How many updates the bot has not confirmed."""
        queue = self.queue(bot)
        self._expire(queue)
        return len(queue.pending)

    def drop_all(self, bot: BotAccount) -> None:
        """Forget everything that waits, as `drop_pending_updates` does."""
        queue = self.queue(bot)
        for number in list(queue.pending):
            self._forget(queue, number)

    def _forget(self, queue: Queue, number: int) -> None:
        pending = queue.pending.pop(number, None)
        if pending is None:
            return
        lane = queue.lanes[pending.lane]
        if lane[0] == number:
            lane.popleft()
        else:
            lane.remove(number)
        if not lane:
            del queue.lanes[pending.lane]
        self._keeper.confirmed(queue.bot.id, number)
        if self._faults.updates.duplicate:
            queue.spent.append(_whole(pending))
            del queue.spent[:-50]

    def _expire(self, queue: Queue) -> None:
        now = self._clock.seconds()
        if now < queue.next_death:
            return
        for number in [n for n, pending in queue.pending.items() if pending.dies_at <= now]:
            self._forget(queue, number)
        queue.next_death = min((p.dies_at for p in queue.pending.values()), default=float("inf"))

    def _confirm(self, queue: Queue, offset: int) -> None:
        """Forget what the offset confirms; an offset from far away confirms nothing."""
        if not queue.pending:
            return
        tail = queue.bot.last_update_id + 1
        if offset < 0:
            for number in list(queue.pending)[: max(0, len(queue.pending) + offset)]:
                self._forget(queue, number)
            return
        if offset > tail + 10 or offset < tail - 2 * MAX_QUEUED:
            return
        while queue.pending and (number := next(iter(queue.pending))) < offset:
            self._forget(queue, number)

    async def poll(
        self, bot: BotAccount, offset: int, limit: int, wait: int, allowed: list[str] | None
    ) -> bytes:
        """getUpdates: the JSON array, after at most `wait` real seconds.

        A second caller ends the first one's wait with 409, as Telegram does.
        """
        queue = self.queue(bot)
        if bot.webhook is not None:
            raise conflict(
                "can't use getUpdates method while webhook is active; use deleteWebhook to delete"
                " the webhook first"
            )
        if queue.poll is not None and not queue.poll.done():
            queue.poll.set_exception(
                conflict(
                    "terminated by other getUpdates request; make sure that only one bot instance"
                    " is running"
                )
            )
        if allowed is not None:
            bot.allowed_updates = allowed_kinds(allowed)
            self._keeper.touch(bot)
        limit = limit if 1 <= limit <= 100 else 100
        wait = min(max(wait, 0), 50)
        started = time.monotonic()
        if offset == queue.offset and started < queue.asked_at + 3 and wait < 3:
            wait = 3
        if offset == queue.offset and started < queue.asked_at + 0.5:
            limit = 1
        queue.offset, queue.asked_at = offset, started
        self._confirm(queue, offset)
        ended = asyncio.get_running_loop().create_future()
        queue.poll = ended
        try:
            until = started + wait
            while True:
                self._expire(queue)
                if queue.pending or queue.spent:
                    return self._batch(queue, limit)
                left = until - time.monotonic()
                if left <= 0:
                    return b"[]"
                queue.wake.clear()
                wake = asyncio.ensure_future(queue.wake.wait())
                try:
                    await asyncio.wait(
                        {wake, ended}, timeout=left, return_when=asyncio.FIRST_COMPLETED
                    )
                finally:
                    wake.cancel()
                if ended.done():
                    ended.result()
        finally:
            if not ended.done():
                ended.cancel()
            elif not ended.cancelled():
                ended.exception()
            if queue.poll is ended:
                queue.poll = None

    def _batch(self, queue: Queue, limit: int) -> bytes:
        parts: list[bytes] = []
        size = 2
        if queue.spent and self._random.random() < self._faults.updates.duplicate:
            parts.append(self._random.choice(queue.spent))
        for pending in queue.pending.values():
            whole = _whole(pending)
            if len(parts) >= limit or (parts and size + len(whole) > MAX_ANSWER):
                break
            parts.append(whole)
            size += len(whole) + 1
        return b"[" + b",".join(parts) + b"]"

    # Webhook

    def open(self) -> None:
        """Start delivering; needs a running loop."""
        self._session = aiohttp.ClientSession(
            timeout=aiohttp.ClientTimeout(total=60), cookie_jar=aiohttp.DummyCookieJar()
        )

    async def close(self) -> None:
        """Stop delivering; what is not confirmed stays queued."""
        tasks = list(self._tasks)
        for queue in self._queues.values():
            if queue.poll is not None and not queue.poll.done():
                queue.poll.cancel()
            if queue.pump is not None:
                tasks.append(queue.pump)
                queue.pump = None
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._session is not None:
            await self._session.close()
            self._session = None

    def aim(self, bot: BotAccount) -> None:
        """Deliver to the bot's webhook from now on, or stop when it has none."""
        queue = self.queue(bot)
        if queue.pump is not None:
            queue.pump.cancel()
            queue.pump = None
        if bot.webhook is not None and self._session is not None:
            if queue.poll is not None and not queue.poll.done():
                queue.poll.set_exception(conflict("terminated by setWebhook request"))
            queue.pump = asyncio.create_task(self._pump(queue, self._session))

    async def _pump(self, queue: Queue, session: aiohttp.ClientSession) -> None:
        """Keep up to max_connections lanes busy; in a lane one update at a time, in order."""
        busy: dict[str, asyncio.Task[None]] = {}
        try:
            while True:
                queue.wake.clear()
                self._expire(queue)
                hook = queue.bot.webhook
                if hook is None:
                    return
                for lane in list(queue.lanes):
                    if len(busy) >= hook["max_connections"]:
                        break
                    if lane not in busy:
                        task = asyncio.create_task(self._drive(queue, session, lane))
                        busy[lane] = task
                        task.add_done_callback(lambda _: queue.wake.set())
                await queue.wake.wait()
                for lane in [lane for lane, task in busy.items() if task.done()]:
                    task = busy.pop(lane)
                    if not task.cancelled():
                        task.result()
        finally:
            for task in busy.values():
                task.cancel()
            await asyncio.gather(*busy.values(), return_exceptions=True)

    async def _drive(self, queue: Queue, session: aiohttp.ClientSession, lane: str) -> None:
        """Deliver a lane until it is empty; a refused update is tried again, later and later."""
        pause = 1.0
        while True:
            waiting = queue.lanes.get(lane)
            if not waiting or queue.bot.webhook is None:
                return
            pending = queue.pending[waiting[0]]
            if pending.dies_at <= self._clock.seconds():
                self._forget(queue, pending.id)
                continue
            asked = await self._deliver(queue, session, pending)
            if asked is None:
                twice = self._random.random() < self._faults.updates.duplicate
                if twice and await self._deliver(queue, session, pending) is not None:
                    continue
                self._forget(queue, pending.id)
                self.on_change()
                pause = 1.0
                continue
            await self._clock.sleep((asked or pause) * self._pace)
            pause = min(pause * 2, self._random.uniform(60, 120))

    async def _deliver(
        self, queue: Queue, session: aiohttp.ClientSession, pending: Pending
    ) -> float | None:
        """One POST. None when the bot took it, else the seconds it asked for (0: it did not)."""
        hook = queue.bot.webhook
        if hook is None:
            return 0.0
        headers = {"Content-Type": "application/json"}
        if hook.get("secret_token"):
            headers["X-Telegram-Bot-Api-Secret-Token"] = hook["secret_token"]
        try:
            async with session.post(hook["url"], data=_whole(pending), headers=headers) as answer:
                body = await answer.read()
                if 200 <= answer.status < 300:
                    if body.strip() and self.run_answer is not None:
                        await self._answered(queue.bot, answer.content_type, body)
                    return None
                self._failed(
                    queue, f"Wrong response from the webhook: {answer.status} {answer.reason}"
                )
                asked = answer.headers.get("Retry-After", "")
                return float(min(int(asked), 3600)) if asked.isdigit() else 0.0
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            self._failed(queue, f"Connection failed: {type(error).__name__}")
            return 0.0

    async def _answered(self, bot: BotAccount, content_type: str, body: bytes) -> None:
        """A method as the answer to a webhook; what is no JSON object is ignored."""
        try:
            params = msgspec.json.decode(body)
        except msgspec.DecodeError:
            return
        if isinstance(params, dict) and "method" in params and self.run_answer is not None:
            await self.run_answer(bot, params)

    def _failed(self, queue: Queue, sentence: str) -> None:
        queue.last_error = (int(self._clock.seconds()), sentence)


def allowed_kinds(names: list[str]) -> list[str] | None:
    """What the bot asked for, without unknown names; None means the default set."""
    return [name for name in names if name in KINDS] or None


def _whole(pending: Pending) -> bytes:
    return b'{"update_id":%d,"%s":%s}' % (pending.id, pending.kind.encode(), pending.raw)
