"""The road between bot and Telegram: transport, faults on demand, flood limits, the clock."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp
import pytest

from bot.playground import BotAccount, Clock, Flood, Playground, Refusal, User
from bot.playground.faults import FaultKind


@dataclass
class Line:
    """A bot's line to the playground over real HTTP, with a fan at the other end."""

    telegram: Playground
    bot: BotAccount
    fan: User
    session: aiohttp.ClientSession

    @property
    def base(self) -> str:
        """Where the bot's methods are."""
        return f"{self.telegram.url}/bot{self.bot.token}"

    async def say(self, text: str = "hi") -> tuple[int, str]:
        """Send a message: HTTP status and raw body."""
        form = {"chat_id": str(self.fan.id), "text": text}
        async with self.session.post(f"{self.base}/sendMessage", data=form) as answer:
            return answer.status, await answer.text()

    def said(self) -> list[str | None]:
        """What the bot said to the fan."""
        messages = self.telegram.world.messages(self.bot, of=self.fan)
        return [message.text for message in messages if message.sender is self.bot]


@pytest.fixture
async def line() -> AsyncIterator[Line]:
    async with (
        Playground(flood=Flood.off()) as telegram,
        aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=0.3)) as session,
    ):
        bot, fan = telegram.world.add_bot("L", "l_bot"), telegram.world.add_user("Mia")
        telegram.world.start(fan, bot)
        yield Line(telegram, bot, fan, session)


# Transport


async def test_a_method_may_be_called_in_every_way_and_any_case(line: Line) -> None:
    url = f"{line.base}/SENDmessage"
    params = {"chat_id": str(line.fan.id), "text": "签到 & 打卡"}
    form = aiohttp.FormData(params)
    form.add_field("ignored", b"", filename="empty")
    ways: list[dict[str, Any]] = [
        {"method": "GET", "params": params},
        {"method": "POST", "params": params},
        {"method": "POST", "data": params},
        {"method": "POST", "json": params},
        {"method": "POST", "json": {**params, "chat_id": line.fan.id}},
        {"method": "POST", "data": form},
    ]
    for way in ways:
        async with line.session.request(url=url, **way) as answer:
            assert answer.status == 200, await answer.text()
            assert (await answer.json())["result"]["text"] == "签到 & 打卡"
    assert len(line.said()) == len(ways)
    assert not line.telegram.lint


@pytest.mark.parametrize(
    ("path", "status", "description"),
    [
        ("/bot1:AAAAAAAAAAAA/getMe", 401, "Unauthorized"),
        ("/botnonsense/getMe", 404, "Not Found"),
        ("/bot{token}/noSuchMethod", 404, "Not Found: method not found"),
        ("/file/bot{token}/photos/file_9.png", 404, "Not Found"),
    ],
)
async def test_strangers_and_strange_paths(
    line: Line, path: str, status: int, description: str
) -> None:
    async with line.session.get(line.telegram.url + path.format(token=line.bot.token)) as answer:
        assert answer.status == status
        assert await answer.json() == {
            "ok": False,
            "error_code": status,
            "description": description,
        }


@pytest.mark.parametrize("body", [b"{", b"[1]", b"\xff\xfe", b"null"])
async def test_garbage_is_answered_with_400(line: Line, body: bytes) -> None:
    headers = {"Content-Type": "application/json"}
    async with line.session.post(f"{line.base}/getMe", data=body, headers=headers) as answer:
        assert answer.status == 400


async def test_a_file_can_be_fetched_after_getfile(line: Line) -> None:
    form = aiohttp.FormData({"chat_id": str(line.fan.id), "document": "attach://a"})
    form.add_field("a", b"the bytes", filename="letter.txt")
    async with line.session.post(f"{line.base}/sendDocument", data=form) as answer:
        document = (await answer.json())["result"]["document"]
    assert document["file_name"] == "letter.txt"
    async with line.session.get(
        f"{line.base}/getFile", params={"file_id": document["file_id"]}
    ) as answer:
        path = (await answer.json())["result"]["file_path"]
    async with line.session.get(f"{line.telegram.url}/file/bot{line.bot.token}/{path}") as answer:
        assert await answer.read() == b"the bytes"


# Faults


@pytest.mark.parametrize(
    ("kind", "status"), [("429", 429), ("500", 500), ("502", 502), ("403", 403), ("400", 400)]
)
async def test_a_refusal_on_demand_happens_before_the_effect(
    line: Line, kind: FaultKind, status: int
) -> None:
    line.telegram.faults.add("sendMessage", kind, retry_after=7)
    got, body = await line.say("first")
    assert got == status
    if kind == "429":
        assert json.loads(body)["parameters"] == {"retry_after": 7}
    assert await line.say("second") == (200, line_text(line, "second"))
    assert line.said() == ["second"]
    assert [call.fault for call in line.telegram.history.calls("sendMessage")] == [kind, None]


def line_text(line: Line, text: str) -> str:
    """The answer to a message that was sent."""
    message = next(m for m in line.telegram.world.messages(line.bot, of=line.fan) if m.text == text)
    shown = line.telegram.world.render.message(message, line.bot)
    return json.dumps({"ok": True, "result": shown}, ensure_ascii=False, separators=(",", ":"))


@pytest.mark.parametrize("kind", ["timeout_before", "drop_before"])
async def test_a_call_can_be_lost_before_the_effect(line: Line, kind: FaultKind) -> None:
    line.telegram.faults.add("sendMessage", kind)
    with pytest.raises((TimeoutError, aiohttp.ClientError)):
        await line.say("lost")
    assert line.said() == []
    assert not line.telegram.history.calls("sendMessage")[0].ok


@pytest.mark.parametrize("kind", ["timeout_after", "lost_answer"])
async def test_an_answer_can_be_lost_after_the_effect(line: Line, kind: FaultKind) -> None:
    line.telegram.faults.add("sendMessage", kind)
    with pytest.raises((TimeoutError, aiohttp.ClientError)):
        await line.say("done")
    assert line.said() == ["done"]
    [call] = line.telegram.history.calls("sendMessage")
    assert call.ok
    assert call.status != 200
    assert call.result_ids == [2]


async def test_an_answer_can_be_no_json_though_the_message_was_sent(line: Line) -> None:
    line.telegram.faults.add("sendMessage", "wrong_json")
    status, body = await line.say("done")
    assert status == 200
    with pytest.raises(json.JSONDecodeError):
        json.loads(body)
    assert line.said() == ["done"]


async def test_faults_can_wait_and_can_be_for_one_chat_only(line: Line) -> None:
    faults = line.telegram.faults
    faults.add("sendMessage", "500", after=1)
    assert [(await line.say())[0] for _ in range(3)] == [200, 500, 200]
    faults.add("sendMessage", "500", chat=-100, times=None)
    assert (await line.say())[0] == 200
    fault = faults.add(None, "500", chat=line.fan, times=None)
    assert (await line.say())[0] == 500
    faults.remove(fault)
    assert (await line.say())[0] == 200
    with pytest.raises(ValueError, match="no fault is called"):
        faults.add("sendMessage", "explosion")  # type: ignore[arg-type]  # what a page may send


async def test_the_answer_to_getupdates_can_be_lost_too(line: Line) -> None:
    line.telegram.faults.add("getUpdates", "lost_answer")
    url = f"{line.base}/getUpdates"
    with pytest.raises(aiohttp.ClientError):
        await line.session.post(url, data={"offset": "0"})
    async with line.session.post(url, data={"offset": "1"}) as answer:
        assert len((await answer.json())["result"]) == 1


async def test_a_migration_on_demand_moves_the_group(line: Line) -> None:
    world = line.telegram.world
    group = world.make_group("Small", world.add_user("O"), [line.fan], [line.bot])
    line.telegram.faults.add("sendMessage", "migrate", times=2)
    assert (await line.say())[0] == 200
    with pytest.raises(Refusal) as refusal:
        await line.telegram.door.call(
            line.bot, "sendMessage", {"chat_id": group.id, "text": "a"}, {}
        )
    assert refusal.value.parameters == {"migrate_to_chat_id": group.migrated_to}


# Flood limits


@dataclass
class Ticker:
    """A clock for flood limits that a test moves."""

    at: float = 1000.0

    def __call__(self) -> float:
        return self.at


def test_a_private_chat_takes_a_burst_and_then_one_a_second() -> None:
    ticker = Ticker()
    flood = Flood(chat_burst=3, monotonic=ticker)
    for _ in range(3):
        assert flood.wait(1, "5", False) == 0
        flood.take(1, "5", False)
    assert flood.wait(1, "5", False) == 1
    assert flood.wait(1, "6", False) == 0
    ticker.at += 1
    assert flood.wait(1, "5", False) == 0


def test_a_group_takes_twenty_in_any_minute() -> None:
    ticker = Ticker()
    flood = Flood(monotonic=ticker)
    for _ in range(20):
        assert flood.wait(1, "-100", True) == 0
        flood.take(1, "-100", True)
        ticker.at += 1.5
    assert flood.wait(1, "-100", True) == 30
    ticker.at += 29
    assert flood.wait(1, "-100", True) == 1
    ticker.at += 1
    assert flood.wait(1, "-100", True) == 0


def test_a_bot_sends_thirty_a_second_to_all_together() -> None:
    ticker = Ticker()
    flood = Flood(monotonic=ticker)
    sent = 0
    for tick in range(100):
        ticker.at = 1000 + tick / 10
        for fan in range(20):
            if flood.wait(1, f"{tick}.{fan}", False) == 0:
                flood.take(1, f"{tick}.{fan}", False)
                sent += 1
    assert 30 * 10 <= sent <= 30 * 10 + 30
    assert flood.wait(2, "5", False) == 0


async def test_sends_and_edits_share_the_limit_and_answers_to_presses_are_free() -> None:
    ticker = Ticker()
    async with Playground(flood=Flood(chat_burst=2, monotonic=ticker)) as telegram:
        world = telegram.world
        bot, fan = world.add_bot("L", "l_bot"), world.add_user("Mia")
        world.start(fan, bot)
        keyboard = {"inline_keyboard": [[{"text": "go", "callback_data": "x"}]]}
        to = {"chat_id": fan.id}
        await telegram.door.call(
            bot, "sendMessage", {**to, "text": "a", "reply_markup": keyboard}, {}
        )
        message = world.messages(bot, of=fan)[-1]
        edit = {**to, "message_id": message.message_id, "text": "b", "reply_markup": keyboard}
        await telegram.door.call(bot, "editMessageText", edit, {})
        with pytest.raises(Refusal) as refusal:
            await telegram.door.call(bot, "sendMessage", {**to, "text": "c"}, {})
        assert refusal.value.body()["parameters"] == {"retry_after": 1}
        for _ in range(20):
            press = world.press(fan, message)
            await telegram.door.call(
                bot, "answerCallbackQuery", {"callback_query_id": press.id}, {}
            )
        ticker.at += 1
        await telegram.door.call(bot, "sendMessage", {**to, "text": "c"}, {})


# The clock


async def test_the_clock_tells_who_waits_that_it_was_moved(line: Line) -> None:
    url = f"{line.telegram.url}/clock"

    async def read(**params: Any) -> dict[str, Any]:
        async with line.session.get(
            url, params=params, timeout=aiohttp.ClientTimeout(total=5)
        ) as answer:
            reading: dict[str, Any] = await answer.json()
            return reading

    first = await read()
    assert first["version"] == 1
    assert isinstance(first["now"], int)
    waiting = asyncio.create_task(read(after=1, timeout=5))
    await line.telegram.until(lambda: line.telegram.clock._waiters)
    line.telegram.clock.set(datetime(2030, 1, 1, tzinfo=UTC))
    second = await waiting
    assert second["version"] == 2
    assert second["now"] // 1_000_000 == 1_893_456_000
    line.telegram.clock.set_speed(60)
    assert (await read(after=2, timeout=5))["speed"] == 60
    assert (await read(after=3, timeout=0.05))["version"] == 3
    line.telegram.world.say(line.fan, line.bot, "in the future")
    assert line.telegram.world.messages(line.bot, of=line.fan)[-1].date >= 1_893_456_000


async def test_a_jump_of_the_clock_ends_a_sleep() -> None:
    clock = Clock(speed=0)
    sleeping = asyncio.create_task(clock.sleep(3600))
    await asyncio.sleep(0)
    clock.advance(timedelta(minutes=30))
    await asyncio.sleep(0)
    assert not sleeping.done()
    clock.advance(timedelta(minutes=31))
    await asyncio.wait_for(sleeping, 1)


async def test_a_failed_wait_tells_the_last_calls(line: Line) -> None:
    await line.say("hello")
    with pytest.raises(AssertionError, match=r"#1 sendMessage .*'hello' → ok"):
        await line.telegram.until(lambda: False, within=0.05)
