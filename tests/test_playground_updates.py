"""Updates reach a bot by Telegram's rules: offsets, time-outs, conflicts, kinds, webhooks."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from bot.playground import BotAccount, Flood, Playground, User


@dataclass
class Line:
    """A bot's line to the playground over real HTTP."""

    telegram: Playground
    bot: BotAccount
    fan: User
    session: aiohttp.ClientSession

    async def post(self, method: str, **params: Any) -> dict[str, Any]:
        """The whole answer to a call."""
        url = f"{self.telegram.url}/bot{self.bot.token}/{method}"
        async with self.session.post(url, json=params) as answer:
            body: dict[str, Any] = await answer.json()
            assert answer.status == body.get("error_code", 200)
            return body

    async def updates(self, **params: Any) -> list[dict[str, Any]]:
        """What getUpdates gives."""
        body = await self.post("getUpdates", **params)
        result: list[dict[str, Any]] = body["result"]
        return result

    def say(self, *texts: str) -> None:
        """The fan writes to the bot."""
        for text in texts:
            self.telegram.world.say(self.fan, self.bot, text)


def texts(updates: list[dict[str, Any]]) -> list[str]:
    """The texts of message updates."""
    return [update["message"]["text"] for update in updates]


@pytest.fixture
async def line() -> AsyncIterator[Line]:
    async with (
        Playground(flood=Flood.off(), webhook_pace=0.01) as telegram,
        aiohttp.ClientSession() as session,
    ):
        world = telegram.world
        yield Line(telegram, world.add_bot("L", "l_bot"), world.add_user("Mia"), session)


async def test_updates_wait_until_an_offset_confirms_them(line: Line) -> None:
    line.say("1", "2", "3")
    first = await line.updates(timeout=5)
    assert texts(first) == ["1", "2", "3"]
    ids = [update["update_id"] for update in first]
    assert ids == [ids[0], ids[0] + 1, ids[0] + 2]
    assert texts(await line.updates(offset=ids[1], timeout=5)) == ["2", "3"]
    assert texts(await line.updates(offset=0, timeout=5)) == ["2", "3"]
    assert texts(await line.updates(offset=ids[0], limit=1)) == ["2"]
    assert texts(await line.updates(offset=-1)) == ["3"]
    assert line.telegram.world.updates.waiting(line.bot) == 1


async def test_an_offset_from_nowhere_confirms_nothing(line: Line) -> None:
    line.say("1")
    [update] = await line.updates()
    number = update["update_id"]
    assert texts(await line.updates(offset=number + 1000)) == ["1"]
    assert texts(await line.updates(offset=5)) == ["1"]
    waiting = asyncio.create_task(line.updates(offset=number + 1, timeout=10))
    await line.telegram.until(lambda: line.telegram.world.updates.waiting(line.bot) == 0)
    line.say("2")
    assert texts(await waiting) == ["2"]


async def test_the_same_offset_again_at_once_gives_one_update(line: Line) -> None:
    line.say("1", "2")
    assert len(await line.updates(offset=7, timeout=5)) == 2
    assert len(await line.updates(offset=7, timeout=5)) == 1


async def test_at_most_a_hundred_at_once(line: Line) -> None:
    line.say(*map(str, range(130)))
    first = await line.updates(limit=1000)
    assert len(first) == 100
    rest = await line.updates(offset=first[-1]["update_id"] + 1)
    assert texts(rest) == list(map(str, range(100, 130)))


async def test_an_answer_holds_four_megabytes_at_most(line: Line) -> None:
    line.say(*["签" * 4096] * 400)
    first = await line.updates(limit=100)
    assert len(first) == 100
    for _ in range(100):
        line.telegram.world.updates.inject(line.bot, {"text": "x" * 60_000})
    second = await line.updates(offset=-100, limit=100)
    assert len(second) < 100
    assert sum(len(json.dumps(update)) for update in second) < 4 << 20


async def test_a_second_poller_ends_the_first(line: Line) -> None:
    first = asyncio.create_task(line.post("getUpdates", timeout=30))
    queue = line.telegram.world.updates.queue(line.bot)
    await line.telegram.until(lambda: queue.poll)
    second = asyncio.create_task(line.post("getUpdates", offset=1, timeout=30))
    ended = await first
    assert ended["error_code"] == 409
    assert ended["description"].startswith("Conflict: terminated by other getUpdates request")
    line.say("for the second")
    assert texts((await second)["result"]) == ["for the second"]


async def test_kinds_that_a_bot_has_to_ask_for(line: Line) -> None:
    world = line.telegram.world
    owner = world.add_user("Owner")
    group = world.make_supergroup("G", owner, [line.fan], [line.bot])
    world.promote(group, line.bot)
    message = world.say(line.fan, group, "hi")
    world.react(line.fan, message, "👍")
    world.leave(line.fan, group)
    kinds = [next(k for k in update if k != "update_id") for update in await line.updates()]
    assert "message_reaction" not in kinds
    assert "chat_member" not in kinds
    wanted = ["message", "chat_member", "message_reaction", "no_such_kind"]
    await line.updates(offset=-1, allowed_updates=wanted)
    world.join(line.fan, group)
    world.react(line.fan, message, None)
    updates = await line.updates(offset=-3)
    assert [next(k for k in update if k != "update_id") for update in updates] == [
        "chat_member", "message", "message_reaction",
    ]  # fmt: skip
    assert updates[0]["chat_member"]["invite_link"]["is_primary"]
    assert updates[2]["message_reaction"]["old_reaction"] == [{"type": "emoji", "emoji": "👍"}]
    # The choice is remembered: nothing named means nothing changed.
    assert (await line.post("getWebhookInfo"))["result"]["allowed_updates"] == wanted[:3]


async def test_updates_die_of_age(line: Line) -> None:
    line.say("old")
    line.telegram.clock.advance(timedelta(hours=25))
    line.say("new")
    updates = await line.updates()
    assert texts(updates) == ["new"]
    line.telegram.clock.advance(timedelta(days=8))
    line.say("after a silent week")
    [update] = await line.updates(offset=0)
    assert update["update_id"] != updates[0]["update_id"] + 1


async def test_a_press_dies_after_150_seconds(line: Line) -> None:
    world = line.telegram.world
    line.say("hi")
    keyboard = {"inline_keyboard": [[{"text": "go", "callback_data": "x"}]]}
    await line.post("sendMessage", chat_id=line.fan.id, text="a", reply_markup=keyboard)
    world.press(line.fan, world.messages(line.bot, of=line.fan)[-1], 0)
    assert len(await line.updates(offset=-1)) == 1
    line.telegram.clock.advance(151)
    assert world.updates.waiting(line.bot) == 0


async def test_a_poll_that_hangs_up_loses_nothing(line: Line) -> None:
    polling = asyncio.create_task(line.updates(timeout=30))
    queue = line.telegram.world.updates.queue(line.bot)
    await line.telegram.until(lambda: queue.poll)
    polling.cancel()
    await asyncio.gather(polling, return_exceptions=True)
    line.say("still there")
    assert texts(await line.updates(timeout=5)) == ["still there"]


async def test_unruly_updates_come_twice_and_carry_strange_things(line: Line) -> None:
    unruly = line.telegram.faults.updates
    unruly.duplicate = unruly.unknown_field = unruly.unknown_kind = 1.0
    line.say("1")
    first = await line.updates()
    assert any("sunset_over_lake" in update for update in first)
    assert any("mood_of_the_sender" in update.get("message", {}) for update in first)
    line.say("2")
    second = await line.updates(offset=first[-1]["update_id"] + 1)
    assert {update["update_id"] for update in first} & {update["update_id"] for update in second}


async def test_a_poison_update_can_be_injected(line: Line) -> None:
    number = line.telegram.world.updates.inject(line.bot, b'{"message_id":"what","date":[]}')
    [update] = await line.updates()
    assert update == {"update_id": number, "message": {"message_id": "what", "date": []}}


# Webhooks


@dataclass
class Hook:
    """A web server that a bot runs for its webhook."""

    url: str = ""
    got: list[dict[str, Any]] = field(default_factory=list)
    secrets: list[str | None] = field(default_factory=list)
    answers: list[web.Response] = field(default_factory=list)
    inside: list[int] = field(default_factory=list)
    crowds: int = 0

    async def on_post(self, request: web.Request) -> web.Response:
        """Keep what came; answer what was prepared, else 200."""
        update = await request.json()
        sender = update["message"]["from"]["id"]
        self.crowds += sender in self.inside
        self.inside.append(sender)
        # Long enough for an impatient server to send the chat's next update.
        await asyncio.sleep(0.002)
        self.inside.remove(sender)
        self.got.append(update)
        self.secrets.append(request.headers.get("X-Telegram-Bot-Api-Secret-Token"))
        return self.answers.pop(0) if self.answers else web.Response()


@pytest.fixture
async def hook() -> AsyncIterator[Hook]:
    made = Hook()
    app = web.Application()
    app.router.add_post("/hook", made.on_post)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    made.url = f"http://127.0.0.1:{runner.addresses[0][1]}/hook"
    yield made
    await runner.cleanup()


async def test_a_webhook_gets_what_waited_with_its_secret(line: Line, hook: Hook) -> None:
    line.say("before")
    await line.post("setWebhook", url=hook.url, secret_token="s3cret", max_connections=1)
    line.say("after")
    await line.telegram.until(lambda: len(hook.got) == 2)
    assert texts(hook.got) == ["before", "after"]
    assert hook.secrets == ["s3cret", "s3cret"]
    refusal = await line.post("getUpdates")
    assert refusal["error_code"] == 409
    assert "while webhook is active" in refusal["description"]
    await line.telegram.until(lambda: line.telegram.world.updates.waiting(line.bot) == 0)
    await line.post("deleteWebhook")
    line.say("polled again")
    assert texts(await line.updates()) == ["polled again"]


async def test_a_chat_waits_for_its_refused_update_while_others_go_on(
    line: Line, hook: Hook
) -> None:
    world = line.telegram.world
    lin = world.add_user("Lin")
    await line.post("setWebhook", url=hook.url)
    hook.answers = [web.Response(status=500) for _ in range(3)]
    line.say("1", "2", "3")
    await line.telegram.until(lambda: len(hook.got) >= 1)
    world.say(lin, line.bot, "from Lin")
    await line.telegram.until(lambda: world.updates.waiting(line.bot) == 0)
    mine = [t["message"]["text"] for t in hook.got if t["message"]["from"]["id"] == line.fan.id]
    assert [text for n, text in enumerate(mine) if text not in mine[:n]] == ["1", "2", "3"]
    assert hook.crowds == 0
    # A refusal may have hit Lin's message; then it came again, too.
    assert len(hook.got) == 4 + 3
    info = (await line.post("getWebhookInfo"))["result"]
    assert (
        info["last_error_message"] == "Wrong response from the webhook: 500 Internal Server Error"
    )


async def test_retry_after_is_honoured_on_the_playgrounds_clock(line: Line, hook: Hook) -> None:
    line.telegram.clock.set_speed(0)
    await line.post("setWebhook", url=hook.url)
    hook.answers = [web.Response(status=503, headers={"Retry-After": "60"})]
    line.say("1")
    await line.telegram.until(lambda: len(hook.got) == 1)
    await line.post("getMe")
    assert len(hook.got) == 1
    line.telegram.clock.advance(60)
    await line.telegram.until(lambda: line.telegram.world.updates.waiting(line.bot) == 0)
    assert len(hook.got) == 2


async def test_a_method_can_be_the_answer_to_a_webhook(line: Line, hook: Hook) -> None:
    await line.post("setWebhook", url=hook.url)
    answer = {"method": "sendMessage", "chat_id": line.fan.id, "text": "by return"}
    hook.answers = [web.json_response(answer), web.json_response({"method": "getMe"})]
    line.say("1", "2")
    await line.telegram.until(lambda: line.telegram.history.calls("sendMessage"))
    await line.telegram.until(lambda: line.telegram.world.updates.waiting(line.bot) == 0)
    [call] = line.telegram.history.calls("sendMessage")
    assert (call.via, call.status) == ("webhook", 200)
    assert not line.telegram.history.calls("getMe")


async def test_a_webhook_that_is_not_there_loses_nothing(line: Line) -> None:
    await line.post("setWebhook", url="http://127.0.0.1:9/nobody")
    line.say("1")
    queue = line.telegram.world.updates.queue(line.bot)
    await line.telegram.until(lambda: queue.last_error)
    await line.post("deleteWebhook")
    assert texts(await line.updates())[0] == "1"


async def test_a_webhook_outlives_the_playground(tmp_path: Path, hook: Hook) -> None:
    kept = tmp_path / "world.sqlite3"
    async with Playground(state_file=kept, webhook_pace=0.01) as telegram:
        world = telegram.world
        bot, fan = world.add_bot("L", "l_bot"), world.add_user("Mia")
        await telegram.door.call(bot, "setWebhook", {"url": "http://127.0.0.1:9/down"}, {})
        world.say(fan, bot, "1")
        await telegram.until(lambda: world.updates.queue(bot).last_error)
        # The next playground must aim at the new address by itself.
        bot.webhook = {"url": hook.url, "secret_token": "kept", "max_connections": 1}
        world.touch(bot)
    assert hook.got == []
    async with Playground(state_file=kept) as telegram:
        world = telegram.world
        world.say(world.users[fan.id], world.bots[bot.id], "2")
        await telegram.until(lambda: world.updates.waiting(world.bots[bot.id]) == 0)
    assert texts(hook.got) == ["1", "2"]
    assert hook.secrets == ["kept", "kept"]
    assert hook.got[1]["update_id"] == hook.got[0]["update_id"] + 1
