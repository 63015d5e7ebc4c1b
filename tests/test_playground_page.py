"""The playground's page and its control API: what a visitor sees, presses and is told."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest
from aiohttp import web

from bot.playground import Playground, seed
from bot.playground.control import Control
from bot.playground.flood import Flood
from bot.playground.simulate import Simulation

if TYPE_CHECKING:
    from playwright.async_api import Browser, Locator, Page

KEYS = {"inline_keyboard": [[{"text": "签到", "callback_data": "check-in"}]]}


@dataclass
class TinyBot:
    """A bot of forty lines that checks fans in; not ours, so that the page is tested without us."""

    url: str
    days: dict[int, int] = field(default_factory=dict)

    async def run(self) -> None:
        timeout = aiohttp.ClientTimeout(total=60)
        async with aiohttp.ClientSession(timeout=timeout) as session:
            await self.call(
                session, "setMyCommands", commands=[{"command": "checkin", "description": "签到"}]
            )
            offset = 0
            kinds = ["message", "callback_query"]
            while True:
                updates = await self.call(
                    session, "getUpdates", offset=offset, timeout=20, allowed_updates=kinds
                )
                for update in updates:
                    offset = update["update_id"] + 1
                    await self.react(session, update)

    async def call(self, session: aiohttp.ClientSession, method: str, **params: Any) -> Any:
        async with session.post(f"{self.url}/{method}", json=params) as answer:
            return (await answer.json())["result"]

    async def react(self, session: aiohttp.ClientSession, update: dict[str, Any]) -> None:
        if query := update.get("callback_query"):
            text = self.check_in(query["from"])
            answer = {"callback_query_id": query["id"], "text": text}
            answer["show_alert"] = self.days[query["from"]["id"]] > 2
            await self.call(session, "answerCallbackQuery", **answer)
            return
        message = update.get("message", {})
        if "text" not in message:
            return
        chat, text = message["chat"]["id"], message["text"]
        if text == "/start":
            board = {"keyboard": [[{"text": "签到"}]], "resize_keyboard": True}
            hello = "你好，我是<b>小助手</b>，<tg-spoiler>藏着</tg-spoiler>"
            await self.call(
                session,
                "sendMessage",
                chat_id=chat,
                text=hello,
                parse_mode="HTML",
                reply_markup=board,
            )
        elif text in ("签到", "/checkin"):
            words = self.check_in(message["from"])
            await self.call(session, "sendMessage", chat_id=chat, text=words, reply_markup=KEYS)

    def check_in(self, fan: dict[str, Any]) -> str:
        self.days[fan["id"]] = self.days.get(fan["id"], 0) + 1
        return "签到成功！积分 +10" if self.days[fan["id"]] == 1 else "今天已经签过啦"


@dataclass
class Stage:
    """A seeded playground with its page, and who is who in it."""

    playground: Playground
    people: seed.Cast
    simulation: Simulation

    @property
    def page(self) -> str:
        return f"{self.playground.url}/play/"


@asynccontextmanager
async def running(
    *, bot: bool = True, state_file: Path | None = None, remembered_url: str | None = None
) -> AsyncIterator[Stage]:
    """The playground, its page and, unless told otherwise, the tiny bot; until the block ends."""
    playground = Playground(state_file=state_file, flood=Flood.off())
    people = seed.cast(playground.world) or seed.plant(playground.world, playground.clock)
    simulation = Simulation(playground.world, people, clock=playground.clock)
    control = Control(playground, simulation=simulation, remembered_url=remembered_url)
    control.mount(playground.app)
    async with playground:
        jobs = [asyncio.create_task(control.run()), asyncio.create_task(simulation.run())]
        if bot:
            tiny = TinyBot(f"{playground.url}/bot{people.bot.token}")
            jobs.append(asyncio.create_task(tiny.run()))
            await playground.until(lambda: playground.history.calls("setMyCommands", ok=True))
        try:
            yield Stage(playground, people, simulation)
        finally:
            for job in jobs:
                job.cancel()
            for job in jobs:
                with suppress(asyncio.CancelledError):
                    await job


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    async with running() as opened:
        yield opened


@pytest.fixture
async def client() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


async def act(
    client: aiohttp.ClientSession, stage: Stage, name: str, **fields: Any
) -> tuple[int, dict[str, Any]]:
    """One act over the control API: status and answer."""
    async with client.post(f"{stage.page}act", json={"act": name, **fields}) as answer:
        return answer.status, await answer.json()


async def look(client: aiohttp.ClientSession, stage: Stage, who: int, key: str) -> dict[str, Any]:
    """A chat as that person sees it."""
    async with client.get(f"{stage.page}chat/{key}", params={"as": str(who)}) as answer:
        assert answer.status == 200, await answer.text()
        seen: dict[str, Any] = await answer.json()
        return seen


# The control API


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        ({"Host": "evil.example"}, "json"),
        ({"Host": "evil.example:80", "Origin": "http://evil.example:80"}, "json"),
        ({"Origin": "https://evil.example"}, "json"),
        ({"Origin": "null"}, "json"),
        ({"Origin": "http://[::"}, "json"),
        ({"Sec-Fetch-Site": "cross-site"}, "json"),
        ({"Content-Type": "text/plain"}, "text"),
    ],
)
async def test_another_web_site_cannot_drive_the_playground(
    stage: Stage, client: aiohttp.ClientSession, headers: dict[str, str], body: str
) -> None:
    """Rebound names, foreign origins and the plain forms that need no permission are refused."""
    wish = json.dumps({"act": "join", "as": seed.VISITOR, "chat": stage.people.group.key})
    kind = {} if body == "text" else {"Content-Type": "application/json"}
    async with client.post(f"{stage.page}act", data=wish, headers={**kind, **headers}) as answer:
        assert answer.status == (400 if body == "text" else 403)
        assert (await answer.json())["error"]
    assert not stage.people.group.inside(stage.people.visitor)


async def test_the_own_page_may_act_and_is_shut_off_from_other_sites(
    stage: Stage, client: aiohttp.ClientSession
) -> None:
    headers = {"Origin": stage.playground.url, "Sec-Fetch-Site": "same-origin"}
    wish = {"act": "join", "as": seed.VISITOR, "chat": stage.people.group.key}
    async with client.post(f"{stage.page}act", json=wish, headers=headers) as answer:
        assert answer.status == 200
    async with client.get(f"{stage.playground.url}/") as answer:
        assert str(answer.url) == stage.page
        assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
        assert answer.headers["X-Frame-Options"] == "DENY"


async def test_no_web_site_plays_a_bot(stage: Stage, client: aiohttp.ClientSession) -> None:
    """The playground's token is known to everybody, so browsers are kept from the Bot API."""
    url = f"{stage.playground.url}/bot{stage.people.bot.token}/getMe"
    for headers in ({"Origin": "https://evil.example"}, {"Host": "evil.example"}):
        async with client.post(url, headers=headers) as answer:
            assert answer.status == 403
    async with client.post(url) as answer:
        assert answer.status == 200


BAD_WISHES: list[dict[str, Any]] = [
    {},
    {"act": "fly"},
    {"act": None},
    {"act": "__init__"},
    {"act": "say"},
    {"act": "say", "as": "me", "chat": "x", "text": "hi"},
    {"act": "say", "as": seed.VISITOR, "chat": "GROUP", "text": "hi"},
    {"act": "say", "as": seed.ADMIN, "chat": "GROUP", "text": ""},
    {"act": "say", "as": seed.ADMIN, "chat": "GROUP", "text": " \n"},
    {"act": "say", "as": seed.ADMIN, "chat": "GROUP", "text": "x" * 5000},
    {"act": "say", "as": seed.ADMIN, "chat": "GROUP", "text": "x", "reply_to": "e99"},
    {"act": "say", "as": 7_000_000_001, "chat": "GROUP", "text": "as the bot"},
    {"act": "say", "as": 777000, "chat": "GROUP", "text": "as Telegram"},
    {"act": "press", "as": seed.ADMIN, "chat": "GROUP", "message": "2", "row": 0, "col": 0},
    {"act": "press", "as": seed.ADMIN, "chat": "GROUP", "message": "2", "row": -1, "col": 0},
    {"act": "react", "as": seed.ADMIN, "chat": "GROUP", "message": "²", "emoji": "👍"},
    {"act": "edit", "as": seed.ADMIN, "chat": "GROUP", "message": "3", "text": "not mine"},
    {"act": "join", "as": seed.VISITOR, "chat": "-1"},
    {"act": "join", "as": seed.ADMIN, "chat": "GROUP"},
    {"act": "leave", "as": seed.VISITOR, "chat": "GROUP"},
    {"act": "promote", "as": seed.ADMIN, "chat": "GROUP", "who": seed.FIRST_FAN, "on": True},
    {"act": "kick", "as": seed.FIRST_FAN, "chat": "GROUP", "who": seed.ADMIN},
    {"act": "kick", "as": seed.ADMIN, "chat": "GROUP", "who": seed.INFLUENCER},
    {"act": "add_bot", "as": seed.VISITOR, "chat": "GROUP", "bot": 7_000_000_001},
    {"act": "make_group", "as": seed.VISITOR, "title": "", "kind": "group"},
    {"act": "make_group", "as": seed.VISITOR, "title": "x", "kind": "castle"},
    {"act": "add_person", "name": "x" * 65, "language": "zh-hans", "role": "fan"},
    {"act": "add_person", "name": "x", "language": "zh-hans", "role": "god"},
    {"act": "clock", "advance": -5},
    {"act": "clock", "advance": True},
    {"act": "clock", "speed": 10**9},
    {"act": "clock", "set": "yesterday"},
    {"act": "clock", "set": "2030-01-01T00:00:00"},
    {"act": "clock", "set": "0001-01-01T00:00:00+08:00"},
    {"act": "fault", "kind": "plague", "method": "*", "times": 1},
    {"act": "fault", "kind": "429", "method": "*", "times": 0},
    {"act": "simulation", "pace": 0},
    {"act": "simulation", "on": "yes"},
    {"act": "process", "do": "kill"},
    {"act": "start", "as": seed.VISITOR, "bot": 1},
]


async def test_what_cannot_be_done_is_answered_with_a_sentence(
    stage: Stage, client: aiohttp.ClientSession
) -> None:
    """Forty wrong wishes: each is refused with 400 and words, none changes the group."""
    before = len(stage.playground.world.messages(stage.people.group))
    for wish in BAD_WISHES:
        fields = {k: stage.people.group.key if v == "GROUP" else v for k, v in wish.items()}
        async with client.post(f"{stage.page}act", json=fields) as answer:
            body = await answer.json()
            assert answer.status == 400, (wish, body)
            assert re.search(r"\w+ \w+", body["error"]), (wish, body)
    assert len(stage.playground.world.messages(stage.people.group)) == before


async def test_garbage_never_brings_the_page_down(
    stage: Stage, client: aiohttp.ClientSession
) -> None:
    """Broken JSON, deep nesting, odd values in every field: never a 5xx."""
    random = Random(4)
    odd: list[Any] = [None, 0, -1, 1e308, True, "", "x", "\ud800", [], [[]], {}, {"a": 1}, "b0"]
    odd += [10**30, "e0", "²", "GROUP"]
    acts = re.findall(
        r"\w+",
        """say press react forward edit delete pin unpin join leave start block unblock promote kick
        make_group invite add_bot language add_person clock fault flood simulation process""",
    )
    names = re.findall(
        r"\w+",
        """chat text message row col emoji to bot who on title kind name language role advance speed
        set method times reply_to payload pace do""",
    )
    bodies = [b"", b"{", b"[" * 9000, b"\xff\xfe", b'"act"', b'{"act":' + b'{"a":' * 5000]
    for _ in range(250):
        fields: dict[str, Any] = {name: random.choice(odd) for name in random.sample(names, 8)}
        fields["act"] = random.choice(acts)
        if random.random() < 0.6:
            fields["as"] = seed.ADMIN
        bodies.append(json.dumps(fields).encode())
    for body in bodies:
        kind = {"Content-Type": "application/json"}
        async with client.post(f"{stage.page}act", data=body, headers=kind) as answer:
            assert answer.status in (200, 400), (answer.status, body[:200])
    paths = re.findall(
        r"\S+",
        """chat/x?as=1 chat/%00?as=%00 state?as=9999999999999999999 file/999999 chat/b%C2%B2?as=1
        file/99999999999999999999 chat/b1?as=5000000000 ..%2fcontrol.py x""",
    )
    for path in paths:
        async with client.get(f"{stage.page}{path}") as answer:
            assert answer.status < 500, path


async def test_each_person_sees_her_own_world(stage: Stage, client: aiohttp.ClientSession) -> None:
    """What the bot shows to one fan only is in nobody else's chat, and her “mine” is not theirs."""
    group, bot = stage.people.group, stage.people.bot
    fan, other = stage.people.fans[0], stage.people.fans[1]
    said = stage.playground.world.say(fan, group, "看看我的")
    async with client.post(
        f"{stage.playground.url}/bot{bot.token}/sendMessage",
        json={
            "chat_id": group.id,
            "text": "只给你看",
            "ephemeral_message_parameters": {"receiver_user_id": fan.id},
        },
    ) as answer:
        assert answer.status == 200, await answer.text()
    mine = await look(client, stage, fan.id, group.key)
    theirs = await look(client, stage, other.id, group.key)
    assert next(m for m in mine["messages"] if m["id"] == str(said.message_id))["mine"]
    assert not next(m for m in theirs["messages"] if m["id"] == str(said.message_id))["mine"]
    assert [m["text"] for m in mine["messages"] if m["ephemeral"]] == ["只给你看"]
    assert not [m for m in theirs["messages"] if m["ephemeral"]]


class Stream:
    """The events of the page's stream, one after another."""

    def __init__(self, answer: aiohttp.ClientResponse) -> None:
        self._answer = answer
        self.last_id = ""

    async def next(self, kind: str | None = None) -> dict[str, Any]:
        """The next event (of a kind)."""
        async for raw in self._answer.content:
            line = raw.decode().strip()
            if line.startswith("id: "):
                self.last_id = line[4:]
            if line.startswith("data: "):
                event: dict[str, Any] = json.loads(line[6:])
                if kind in (None, event["type"]):
                    return event
        raise AssertionError("the stream ended")


@asynccontextmanager
async def following(
    client: aiohttp.ClientSession, stage: Stage, last_id: str = ""
) -> AsyncIterator[Stream]:
    """The stream, opened: what happens from here on is in it."""
    headers = {"Last-Event-ID": last_id} if last_id else {}
    async with asyncio.timeout(15), client.get(f"{stage.page}events", headers=headers) as answer:
        assert (await answer.content.readline()).startswith(b"retry:")
        yield Stream(answer)


async def test_a_page_that_was_away_catches_up(stage: Stage, client: aiohttp.ClientSession) -> None:
    """The stream goes on after the last event a page saw; an unknown one means: start again."""

    async with running(bot=False) as stage:

        def talk(*numbers: int) -> None:
            for n in numbers:
                stage.playground.world.say(stage.people.admin, stage.people.group, f"第{n}句")

        async with following(client, stage) as stream:
            talk(0, 1)
            seen = [(await stream.next("touch"))["last"]["text"] for _ in range(2)]
        talk(2, 3)
        async with following(client, stage, stream.last_id) as later:
            seen += [(await later.next("touch"))["last"]["text"] for _ in range(2)]
        assert seen == ["第0句", "第1句", "第2句", "第3句"]
        for unknown in ("anotherboot-3", "nonsense", later.last_id.split("-")[0] + "-99999"):
            async with following(client, stage, unknown) as again:
                assert await again.next() == {"type": "reset"}


async def test_the_clock_can_be_moved_to_tomorrow_morning(
    stage: Stage, client: aiohttp.ClientSession
) -> None:
    before = stage.playground.clock.now()
    status, _ = await act(client, stage, "clock", to="morning")
    after = stage.playground.clock.now()
    assert status == 200
    assert after > before
    assert (after.hour + 8) % 24 == 8
    await act(client, stage, "clock", advance=86_400)
    assert (stage.playground.clock.now() - after).days == 1


async def test_an_admin_mutes_speaks_as_the_group_and_opens_the_door(
    stage: Stage, client: aiohttp.ClientSession
) -> None:
    world, group, fan = stage.playground.world, stage.people.group, stage.people.fans[0]
    here = {"as": seed.INFLUENCER, "chat": group.key}
    assert (await act(client, stage, "mute", who=fan.id, on=True, **here))[0] == 200
    said = {"as": fan.id, "chat": group.key, "text": "让我说"}
    assert (await act(client, stage, "say", **said))[0] == 400
    assert not (await look(client, stage, fan.id, group.key))["can_say"]
    assert (await act(client, stage, "mute", who=fan.id, on=False, **here))[0] == 200
    assert (await act(client, stage, "say", **said))[0] == 200
    assert (await act(client, stage, "say", text="公告", voice=group.key, **here))[0] == 200
    seen = (await look(client, stage, fan.id, group.key))["messages"][-1]
    assert (seen["text"], seen["sender"]["kind"]) == ("公告", "chat")
    assert (await act(client, stage, "say", **said, voice=group.key))[0] == 400
    door = world.make_link(group, stage.people.influencer, by_request=True)
    _, found = await act(client, stage, "open", url=door.url, **{"as": seed.VISITOR})
    assert found["chat"] == group.key
    assert not group.inside(stage.people.visitor)
    asked = (await look(client, stage, seed.ADMIN, group.key))["requests"]
    assert [one["id"] for one in asked] == [seed.VISITOR]
    let_in = {"who": seed.VISITOR, "on": True, "chat": group.key}
    assert (await act(client, stage, "approve", **let_in, **{"as": fan.id}))[0] == 400
    assert (await act(client, stage, "approve", **let_in, **{"as": seed.ADMIN}))[0] == 200
    assert group.inside(stage.people.visitor)


async def test_links_into_telegram_lead_somewhere_in_the_playground(
    stage: Stage, client: aiohttp.ClientSession
) -> None:
    """A start link starts the bot with its payload, an invitation lets in, others are refused."""
    world, people = stage.playground.world, stage.people
    key = f"b{people.bot.id}"
    who = {"as": seed.VISITOR}
    link = f"https://t.me/{people.bot.username}?start=ref_7"
    status, found = await act(client, stage, "open", url=link, **who)
    assert (status, found["chat"]) == (200, key)
    said = world.messages(world.private(people.visitor, people.bot))
    assert said[0].text == "/start ref_7"
    secret = world.make_supergroup("悄悄话", people.influencer)
    invitation = world.make_link(secret, people.influencer)
    status, found = await act(client, stage, "open", url=invitation.url, **who)
    assert status == 200
    assert secret.inside(people.visitor)
    post = f"t.me/{seed.CHANNEL_USERNAME}/2"
    status, found = await act(client, stage, "open", url=post, **who)
    assert (found["chat"], found["message"]) == (people.channel.key, "2")
    hidden = world.make_supergroup("密室", people.influencer)
    inner = f"https://t.me/c/{str(hidden.id).removeprefix('-100')}/1"
    for wrong in (inner, "https://evil.example/x", "t.me/nobody_here", "tg://resolve", "t.me/+no",
                  "https://[", "t.me/c/", "t.me/c/x/y"):  # fmt: skip
        status, _ = await act(client, stage, "open", url=wrong, **who)
        assert status == 400, wrong


async def test_faults_reach_the_bot_and_are_listed_while_they_wait(
    stage: Stage, client: aiohttp.ClientSession
) -> None:
    await act(client, stage, "fault", kind="500", method="sendMessage", times=2)
    async with client.get(f"{stage.page}state") as answer:
        state = await answer.json()
    listed = [(one["kind"], one["method"], one["times"]) for one in state["faults"]]
    assert listed == [("500", "sendMessage", 2)]
    await act(client, stage, "unruly", on=True)
    assert not stage.playground.faults.updates.quiet()
    await act(client, stage, "fault", kind="clear")
    assert stage.playground.faults.updates.quiet()
    assert not list(stage.playground.faults)


async def test_what_the_store_remembered_is_asked_from_the_bot_and_kept_while_it_is_down(
    client: aiohttp.ClientSession, unused_tcp_port: int
) -> None:
    """Rows arrive once each, and when the bot is down the page says so and keeps the totals."""
    rows: list[dict[str, Any]] = [
        {"id": n, "kind": "message", "fan_id": seed.ADMIN, "at": "2030-05-01T12:00:00+00:00"}
        | {"text": f"第{n}"}
        for n in range(1, 6)
    ]
    asked: list[int] = []

    async def remembered(request: web.Request) -> web.Response:
        after = int(request.query["after"])
        asked.append(after)
        new = [row for row in rows if row["id"] > after]
        return web.json_response({"rows": new, "totals": {"interactions": len(rows), "fans": 1}})

    app = web.Application()
    app.router.add_get("/remembered", remembered)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", unused_tcp_port).start()
    url = f"http://127.0.0.1:{unused_tcp_port}/remembered"

    async with running(bot=False, remembered_url=url) as stage:
        async with following(client, stage) as stream:
            told = await stream.next("remembered")
            assert told["up"]
            assert [row["text"] for row in told["rows"]] == [f"第{n}" for n in range(1, 6)]
            assert told["rows"][0]["who"] == stage.people.admin.name
            rows.append({**rows[-1], "id": 6, "text": "第6"})
            assert [row["text"] for row in (await stream.next("remembered"))["rows"]] == ["第6"]
            await runner.cleanup()
            assert not (await stream.next("remembered"))["up"]
        async with client.get(f"{stage.page}state") as answer:
            memory = (await answer.json())["remembered"]
    assert memory["totals"] == {"interactions": 6, "fans": 1}
    assert len(memory["rows"]) == 6
    assert asked[:2] == [0, 5]


async def test_the_seeded_community_is_found_again_after_a_restart(tmp_path: Path) -> None:
    async with running(bot=False, state_file=tmp_path / "world.db") as first:
        first.playground.world.say(first.people.admin, first.people.group, "记得我")
    async with running(bot=False, state_file=tmp_path / "world.db") as second:
        last = second.playground.world.messages(second.people.group)[-1]
        assert last.text == "记得我"
        assert last.sender is second.people.admin
        assert len(second.playground.world.bots) == 1


# The page in a browser


CHROMIUM = next(
    (p for n in ("chromium", "chromium-browser", "google-chrome") if (p := shutil.which(n))), None
)
FLAGS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
]  # fmt: skip
in_browser = pytest.mark.browser


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    if CHROMIUM is None and os.environ.get("CI") != "true":
        pytest.skip("no Chromium here; install it with: apt-get install chromium")
    assert CHROMIUM is not None, "CI needs Chromium: apt-get install chromium"
    from playwright.async_api import async_playwright

    async with async_playwright() as playwright:
        opened = await playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        try:
            yield opened
        finally:
            await opened.close()


@asynccontextmanager
async def visiting(
    browser: Browser,
    stage: Stage,
    query: str = "",
    *,
    phone: bool = False,
    locale: str = "zh-CN",
) -> AsyncIterator[Page]:
    """A visitor's tab; any error in the page's script fails the test."""
    size = {"width": 390, "height": 844} if phone else {"width": 1440, "height": 900}
    context = await browser.new_context(viewport=size, locale=locale, has_touch=phone)  # type: ignore[arg-type]  # playwright's own TypedDict
    context.set_default_timeout(15_000)
    page = await context.new_page()
    problems: list[str] = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("console", lambda line: problems.append(line.text) if line.type == "error" else None)
    await page.goto(f"{stage.page}{query}")
    await page.wait_for_selector("html[data-ready]")
    yield page
    await context.close()
    assert not problems


def _bubble(page: Page, text: str) -> Locator:
    """A message in the middle; the right column repeats its words."""
    return page.locator(".bubble", has_text=text).first


@in_browser
async def test_a_new_fan_joins_checks_in_presses_again_and_changes_language(
    stage: Stage, browser: Browser
) -> None:
    """The first visit, as the guide on the page tells it."""
    async with visiting(browser, stage) as page:
        await page.get_by_role("button", name="加入群聊").click()
        box = page.get_by_role("textbox", name="说点什么…")
        await box.fill("签到")
        await box.press("Enter")
        await _bubble(page, "签到成功！积分 +10").wait_for()
        await page.locator(".key", has_text="签到").last.click()
        await page.locator(".toast", has_text="今天已经签过啦").wait_for()
        await page.locator("#calls li", has_text="answerCallbackQuery").first.wait_for()
        await page.locator(".key", has_text="签到").last.click()
        alert = page.get_by_role("dialog")
        await alert.get_by_text("今天已经签过啦").wait_for()
        await page.keyboard.press("Escape")
        await alert.wait_for(state="hidden")
        assert await page.locator("#guide li.done").count() == 3
        await page.locator("#me select").select_option("en")
        await stage.playground.until(lambda: stage.people.visitor.language_code == "en")
        await page.locator("#language").click()
        await page.get_by_role("heading", name="What the bot did").wait_for()
        assert await page.locator("html").get_attribute("lang") == "en"


@in_browser
async def test_the_bots_private_chat_starts_and_has_a_keyboard_and_a_menu(
    stage: Stage, browser: Browser
) -> None:
    async with visiting(browser, stage) as page:
        await page.locator('#chats [data-key^="b"]').click()
        await page.get_by_role("button", name="开始", exact=True).click()
        bubble = page.locator(".message .text b", has_text="小助手")
        await bubble.wait_for()
        spoiler = page.locator(".spoiler")
        await spoiler.click()
        assert "open" in (await spoiler.get_attribute("class") or "")
        await page.locator(".board button", has_text="签到").click()
        await _bubble(page, "签到成功！积分 +10").wait_for()
        box = page.get_by_role("textbox")
        await box.fill("/")
        await page.get_by_role("option", name="/checkin").wait_for()
        await box.press("Escape")
        assert await page.locator(".commands").is_hidden()
        await box.fill("/che")
        await box.press("Enter")
        await _bubble(page, "今天已经签过啦").wait_for()


@in_browser
async def test_on_a_phone_one_column_is_shown_at_a_time_and_fingers_find_the_buttons(
    stage: Stage, browser: Browser
) -> None:
    async with visiting(browser, stage, phone=True) as page:
        assert await page.locator("#left").is_visible()
        assert await page.locator("#middle").is_hidden()
        await _fits(page)
        await page.locator("#chats button", has_text="小鹿的林间小屋").tap()
        await page.get_by_role("button", name="加入群聊").tap()
        box = page.get_by_role("textbox", name="说点什么…")
        await box.fill("签到")
        await page.get_by_role("button", name="发送").tap()
        await _bubble(page, "签到成功！积分 +10").wait_for()
        assert await page.locator("#left").is_hidden()
        await _fits(page)
        await page.get_by_role("button", name="幕后").tap()
        await page.locator("#calls li", has_text="sendMessage").first.wait_for()
        await page.locator("#panel-close").tap()
        await page.get_by_role("button", name="返回").tap()
        await page.locator("#people").wait_for()


async def _fits(page: Page) -> None:
    """Nothing sticks out sideways, and what can be pressed is at least 40 pixels high."""
    assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    small = await page.evaluate(
        """() => [...document.querySelectorAll('button, select, textarea, a.brand')]
            .filter((one) => one.checkVisibility() && one.offsetHeight < 40
                && !one.closest('.right') && !one.matches('.quote, .reaction, .text-button'))
            .map((one) => `${one.className} ${one.textContent.slice(0, 20)} ${one.offsetHeight}`)"""
    )
    assert small == []


HOSTILE = [
    "<img src=x onerror=document.title='owned'>",
    "<script>document.title='owned'</script>",
    "</bdi></span><h1>big</h1>",
    "\u202eevil gnp.exe\u202c مرحبا",
    "A" * 600,
    "z̸̧̢̛͎͍a̷̡̛͎l̵g̶o̷" * 20,
    "👨‍👩‍👧‍👦🏳️‍🌈" * 30,
    "https://example.org/" + "very-long/" * 40,
    "{{7*7}} ${alert(1)} \\u0041 &lt;b&gt;",
]


@in_browser
async def test_names_and_texts_of_any_kind_stay_text_and_stay_inside(
    stage: Stage, browser: Browser
) -> None:
    """Tags, quotes, right-to-left marks and endless words: shown as they are, in their column."""
    world, group = stage.playground.world, stage.people.group
    for text in HOSTILE:
        person = world.add_user(text[:64])
        world.join(person, group)
        world.say(person, group, text)
    async with visiting(browser, stage, f"?as={seed.ADMIN}") as page:
        await page.locator(".message", has_text="{{7*7}}").first.wait_for()
        assert await page.title() == "人情 · 游乐场"
        assert (
            await page.locator("#messages h1, #messages img[src=x], #messages script").count() == 0
        )
        assert await page.locator("#people h1, #chats h1").count() == 0
        shown = await page.locator("#messages .text").all_inner_texts()
        assert [text for text in HOSTILE if text not in shown] == []
        await _fits(page)
        assert await page.evaluate(
            """() => { const s = document.querySelector('#stream').getBoundingClientRect();
                return [...document.querySelectorAll('.bubble')]
                    .every((one) => one.getBoundingClientRect().right <= s.right + 1); }"""
        )


@in_browser
async def test_reply_react_edit_and_delete_by_the_messages_menu(
    stage: Stage, browser: Browser
) -> None:
    world, group, admin = stage.playground.world, stage.people.group, stage.people.admin
    said = world.say(stage.people.fans[0], group, "今晚有月亮")
    async with visiting(browser, stage, f"?as={seed.ADMIN}") as page:
        row = page.locator(f'.message[data-id="{said.message_id}"]')
        await row.click(button="right", position={"x": 80, "y": 30})
        await page.get_by_role("menuitem", name="回复").click()
        await page.keyboard.type("看见啦")
        await page.keyboard.press("Enter")
        answer = await stage.playground.until(
            lambda: next((m for m in world.messages(group) if m.text == "看见啦"), None)
        )
        assert answer.reply_to is said
        await row.click(button="right", position={"x": 80, "y": 30})
        await page.locator("#menu .quick button").first.click()
        await stage.playground.until(lambda: said.reactions.get(admin.id) == ["👍"])
        own = page.locator(f'.message[data-id="{answer.message_id}"]')
        await own.locator(".bubble").click(button="right")
        await page.get_by_role("menuitem", name="编辑").click()
        await page.get_by_role("textbox").fill("看见啦，好圆")
        await page.keyboard.press("Enter")
        await stage.playground.until(lambda: answer.text == "看见啦，好圆")
        await own.locator(".bubble").click(button="right")
        await page.keyboard.press("Escape")
        assert await page.locator("#menu").is_hidden()
        await own.locator(".bubble").click(button="right")
        await page.get_by_role("menuitem", name="删除").click()
        await own.wait_for(state="detached")


@in_browser
async def test_a_picture_can_be_sent_and_is_shown(stage: Stage, browser: Browser) -> None:
    async with visiting(browser, stage, f"?as={seed.ADMIN}") as page:
        await page.locator("input[type=file]").set_input_files(
            {"name": "<x>.png", "mimeType": "image/png", "buffer": seed.picture(1, 64, 48)}
        )
        shown = page.locator(".message.mine .media img").last
        await shown.wait_for()
        await shown.evaluate("(one) => one.decode()")
        assert await shown.evaluate("(one) => one.naturalWidth") == 64
