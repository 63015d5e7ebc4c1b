"""Garbage at the webhook: an answer that says what is wrong, the process lives, nothing is lost."""

from __future__ import annotations

import asyncio
import gzip
import io
import json
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any, Final

import aiohttp
import pytest
from structlog.testing import capture_logs

from bot.app import App
from bot.web.webhook import LARGEST, SECRET_HEADER
from storage import inbox, interactions
from tests.engines import sqlite_url
from tests.house import Scene, running, settings_for

SECRET: Final = "quiet-forest"


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """Hundreds of tracebacks, drawn in colour, would take longer than everything else."""
    with capture_logs():
        yield


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass(slots=True)
class Post:
    """Posts to the webhook, as Telegram or as somebody else."""

    app: App
    scene: Scene
    web: aiohttp.ClientSession
    port: int
    update_id: int = 700_000_000

    @property
    def path(self) -> str:
        return f"/telegram/{self.scene.bot.id}"

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}{self.path}"

    async def body(self, body: bytes, **headers: str) -> int:
        """The status of one post with the right secret."""
        given = {SECRET_HEADER: SECRET, "Content-Type": "application/json", **headers}
        async with self.web.post(self.url, data=io.BytesIO(body), headers=given) as answer:
            await answer.read()
            return answer.status

    async def update(self, **parts: Any) -> int:
        self.update_id += 1
        return await self.body(json.dumps({"update_id": self.update_id, **parts}).encode())

    async def raw(self, data: bytes, *, end: bool = False) -> bytes:
        """What the server says to these bytes, until it closes or says nothing more."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            writer.write(data)
            if end:
                writer.write_eof()
            try:
                return await asyncio.wait_for(reader.read(65536), 3)
            except TimeoutError:
                return b"(silence)"
        except ConnectionError:
            return b"(closed)"
        finally:
            writer.transport.abort()

    async def request(self, *headers: bytes, body: bytes = b"{}", line: bytes = b"") -> bytes:
        """One request, written by hand."""
        first = line or f"POST {self.path} HTTP/1.1".encode()
        length = b"Content-Length: %d" % len(body)
        return await self.raw(b"\r\n".join((first, b"Host: x", *headers, length, b"", body)))

    async def is_well(self) -> None:
        """A proper update is still kept and answered."""
        world, door = self.scene.telegram.world, None
        fan = world.add_user("Next")
        world.say(fan, self.scene.bot, "/about")
        door = world.private(fan, self.scene.bot)
        await self.scene.telegram.until(lambda: self.scene.said(door), within=10)


@asynccontextmanager
async def posting(scene: Scene, url: str) -> AsyncIterator[Post]:
    port = free_port()
    settings = settings_for(
        scene,
        url,
        telegram={"receive": "webhook", "webhook_secret": SECRET},
        web={"port": port, "public_url": f"http://127.0.0.1:{port}"},
    )
    async with running(settings) as app, aiohttp.ClientSession() as web:
        await scene.introduce()
        yield Post(app, scene, web, port)


@pytest.fixture
async def post(scene: Scene, tmp_path: Path) -> AsyncIterator[Post]:
    async with posting(scene, sqlite_url(tmp_path)) as made:
        yield made


def status(answer: bytes) -> int:
    assert answer.startswith(b"HTTP/1."), answer[:80]
    return int(answer.split()[1])


# Who may post


async def test_only_who_knows_the_secret_may_post(post: Post) -> None:
    right = f"{SECRET_HEADER}: {SECRET}".encode()
    other = f"{SECRET_HEADER}: another".encode()
    guesses = [
        (),
        (other,),
        (f"{SECRET_HEADER}:".encode(),),
        (right, other),
        (other, right),
        (right, right),
        (right + b"\xff",),
        (f"{SECRET_HEADER}: ".encode() + "静".encode(),),
        (f"{SECRET_HEADER}: {SECRET.upper()}".encode(),),
        (b"X-Forwarded-For: 149.154.167.220", b"X-Real-IP: 149.154.167.220"),
    ]
    for headers in guesses:
        answer = await post.request(*headers, body=b'{"update_id":1}')
        # Bytes that no header may hold are refused before anybody compares them.
        assert status(answer) == 401 or b"\xff" in b"".join(headers), headers
    assert status(await post.request(right, body=b'{"update_id":1}')) == 200
    await post.is_well()


# Half a request and other broken HTTP


async def test_broken_http_is_answered_or_closed_and_nothing_more(post: Post) -> None:
    secret = f"{SECRET_HEADER}: {SECRET}".encode()
    right = f"POST {post.path} HTTP/1.1".encode()
    broken = {
        "half a line": b"POS",
        "half of the headers": right + b"\r\nHost: x\r\nContent-Le",
        "HTTP/0.9": b"GET /\r\n\r\n",
        "HTTP/9.9": b"POST / HTTP/9.9\r\n\r\n",
        "no HTTP": bytes(range(256)) * 20,
        "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00" * 200,
        "a huge header": right + b"\r\nHost: x\r\nX-A: " + b"a" * 100_000 + b"\r\n\r\n",
        "many headers": right + b"\r\n" + b"X-A: a\r\n" * 5_000 + b"\r\n",
        "a huge path": b"POST /" + b"a" * 100_000 + b" HTTP/1.1\r\n\r\n",
        "a negative length": right + b"\r\nContent-Length: -1\r\n\r\n",
        "no length": right + b"\r\n" + secret + b"\r\nContent-Length: x\r\n\r\n",
        "two lengths": right + b"\r\nContent-Length: 2\r\nContent-Length: 9\r\n\r\n{}",
        "length and chunks": right
        + b"\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "a bad chunk": right
        + b"\r\n" + secret + b"\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n",
        "a short body": right + b"\r\n" + secret + b"\r\nHost: x\r\nContent-Length: 99\r\n\r\n{}",
        "no gzip": right
        + b"\r\n" + secret
        + b"\r\nHost: x\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\n{}",
    }  # fmt: skip
    for name, data in broken.items():
        answer = await post.raw(data, end=True)
        if answer and not answer.startswith(b"("):
            assert 400 <= status(answer) < 500, (name, answer[:200])
    await post.is_well()


async def test_other_ways_and_methods_lead_nowhere(post: Post) -> None:
    for line, expected in {
        b"GET %s HTTP/1.1" % post.path.encode(): 405,
        b"PATCH %s HTTP/1.1" % post.path.encode(): 405,
        b"BREW %s HTTP/1.1" % post.path.encode(): 405,
        b"POST /telegram HTTP/1.1": 404,
        b"POST /telegram/123 HTTP/1.1": 404,
        b"POST /telegram/../telegram/%0d%0a HTTP/1.1": 404,
    }.items():
        assert status(await post.request(line=line)) in (expected, 400), line
    await post.is_well()


async def test_who_dribbles_is_cut_off_and_holds_nobody_up(
    post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two hundred half requests stay open; a body that never ends is given up."""
    monkeypatch.setattr("bot.web.webhook.BODY_SECONDS", 0.3)
    head = f"POST {post.path} HTTP/1.1\r\nHost: x\r\n{SECRET_HEADER}: {SECRET}\r\n".encode()
    lines = [await asyncio.open_connection("127.0.0.1", post.port) for _ in range(200)]
    for _, writer in lines:
        writer.write(head)
    await post.is_well()
    reader, writer = lines[0]
    writer.write(b"Content-Length: 1000\r\n\r\n{")
    assert status(await asyncio.wait_for(reader.read(400), 5)) == 408
    for _, writer in lines:
        writer.transport.abort()


# Bodies


async def test_what_is_too_large_is_refused_before_it_is_read(post: Post) -> None:
    assert await post.body(b'{"update_id":1,"x":"' + b"a" * (10 << 20) + b'"}') == 413
    bomb = gzip.compress(b'{"update_id":1,"x":"' + b"a" * (64 << 20) + b'"}')
    assert await post.body(bomb, **{"Content-Encoding": "gzip"}) in (400, 413)
    secret = f"{SECRET_HEADER}: {SECRET}".encode()
    head = (f"POST {post.path} HTTP/1.1".encode(), b"Host: x", secret)
    chunked = b"\r\n".join((*head, b"Transfer-Encoding: chunked", b"", b""))
    chunk = b"10000\r\n" + b"a" * 65536 + b"\r\n"
    answer = await post.raw(chunked + chunk * (LARGEST // 65536 + 2))
    assert answer.startswith(b"(") or status(answer) == 413
    await post.is_well()


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{}",
        b"[]",
        b"null",
        b"5",
        b'"update_id"',
        b"{",
        b'{"update_id":1',
        b"\xff\xfe\x00",
        b"\xef\xbb\xbf{}",
        b"update_id=1",
        b'{"update_id":"1"}',
        b'{"update_id":1.5}',
        b'{"update_id":1e3}',
        b'{"update_id":null}',
        b'{"update_id":[1]}',
        b'{"update_id":123456789012345678901234567890}',
        b'[{"update_id":1}]',
        b"[" * 200_000,
        b'{"a":' * 100_000,
    ],
    ids=range(20),
)
async def test_what_is_no_update_is_refused(post: Post, body: bytes) -> None:
    before = await post.app.database.read(interactions.count)
    answer = await post.body(body)
    if answer == 200:  # numbered garbage would be sent for ever, so it is kept as a dead letter
        assert b'"update_id":1' in body
    else:
        assert answer == 400
        assert await post.app.database.read(interactions.count) == before


def deep(levels: int) -> bytes:
    return b"[" * levels + b"]" * levels


MESSAGE: Final[dict[str, Any]] = {
    "message_id": 5,
    "date": 1_700_000_000,
    "chat": {"id": 77, "type": "private", "first_name": "Lin"},
    "from": {"id": 77, "is_bot": False, "first_name": "Lin", "language_code": "zh-hans"},
    "text": "/about",
}
MISTYPED: Final[list[Any]] = [
    "hello",
    5,
    [],
    {},
    {"message_id": 1},
    {**MESSAGE, "message_id": "5"},
    {**MESSAGE, "message_id": 2**70},
    {**MESSAGE, "date": -1},
    {**MESSAGE, "date": 2**63},
    {**MESSAGE, "date": "yesterday"},
    {**MESSAGE, "chat": 77},
    {**MESSAGE, "chat": {"id": 2**80, "type": "private"}},
    {**MESSAGE, "chat": {"id": 77}},
    {**MESSAGE, "from": "Lin"},
    {**MESSAGE, "from": {"id": 77}},
    {**MESSAGE, "from": {"id": True, "first_name": "x"}},
    {**MESSAGE, "text": ["/about"]},
    {**MESSAGE, "text": {"html": "<b>"}},
    {**MESSAGE, "entities": "none"},
    {**MESSAGE, "reply_markup": 5},
    {**MESSAGE, "reply_to_message": {"message_id": 3, "chat": 5}},
    {**MESSAGE, "new_chat_members": [None]},
    {**MESSAGE, "photo": {"file_id": 5}},
    {**MESSAGE, "forward_origin": {"type": "of tomorrow"}},
]


@pytest.mark.parametrize("number", range(len(MISTYPED)))
async def test_mistyped_parts_are_kept_as_they_are_and_hold_nobody_up(
    post: Post, number: int
) -> None:
    assert await post.update(message=MISTYPED[number]) == 200
    await post.is_well()


async def test_updates_of_tomorrow_are_kept(post: Post) -> None:
    before = await post.app.database.read(interactions.count)
    assert await post.update() == 200
    assert await post.update(sunset_over_lake={"colour": "amber"}) == 200
    assert await post.update(message={**MESSAGE, "mood": {"depth": [1, {"x": None}]}}) == 200
    assert await post.update(callback_query={"id": "1", "from": MESSAGE["from"]}) == 200
    assert await post.update(my_chat_member={}) == 200
    number = b'{"update_id":799999999,"x":' + deep(50_000) + b"}"
    assert await post.body(number) == 200
    assert await post.app.database.read(interactions.count) == before + 6
    await post.is_well()


async def test_what_no_database_can_carry_is_mended(scene: Scene, each_url: str) -> None:
    """NUL, lone surrogates and broken UTF-8 in every field of text."""
    async with posting(scene, each_url) as post:
        before = await post.app.database.read(interactions.count)
        for odd in (rb"a\u0000b", rb"a\ud83db", rb"a\udc00b", b"a\xffb", b"a\xed\xa0\x80b"):
            post.update_id += 1
            person = b'{"id":%d,"is_bot":false,"first_name":"@","last_name":"@","username":"@",' \
                     b'"language_code":"@"}' % post.update_id  # fmt: skip
            chat = b'{"id":%d,"type":"group","title":"@","username":"@"}' % -post.update_id
            whole = (
                b'{"update_id":%d,"message":{"message_id":5,"date":1700000000,"chat":%s,"from":%s,'
                b'"text":"@"}}' % (post.update_id, chat, person)
            )
            assert await post.body(whole.replace(b"@", odd)) == 200
            post.update_id += 1
            reaction = (
                b'{"update_id":%d,"message_reaction":{"message_id":5,"date":1700000000,"chat":%s,'
                b'"user":%s,"old_reaction":[],"new_reaction":[{"type":"emoji","emoji":"@"}]}}'
                % (post.update_id, chat, person)
            )
            assert await post.body(reaction.replace(b"@", odd)) == 200
            post.update_id += 1
            member = (
                b'{"update_id":%d,"chat_member":{"date":1700000000,"chat":%s,"from":%s,'
                b'"old_chat_member":{"status":"@","user":%s},'
                b'"new_chat_member":{"status":"@","user":%s}}}'
                % (post.update_id, chat, person, person, person)
            )
            assert await post.body(member.replace(b"@", odd)) == 200
        rows = await post.app.database.read(lambda db: list(interactions.exported(db)))
        assert len(rows) == before + 15
        assert not any("\x00" in (row["text"] or "") for row in rows)
        await post.is_well()
        tasks = await post.app.database.read(inbox.dead)
        assert all(task["error"] != "undecodable" for task in tasks)


async def test_thousands_of_mutilated_updates_neither_stop_nor_confuse_it(post: Post) -> None:
    """A proper update with one to three parts replaced by junk, from a fixed seed."""
    chance = Random(7)
    junk: list[Any] = [
        None,
        True,
        -1,
        2**53,
        2**64,
        1.5,
        "",
        "签" * 5000,
        [],
        {},
        [[[]]],
        {"id": 1},
        "\u0000",
    ]
    samples: list[dict[str, Any]] = [
        {"message": MESSAGE},
        {"callback_query": {"id": "9", "from": MESSAGE["from"], "message": MESSAGE,
                            "chat_instance": "1", "data": "checkin.check_in~x"}},
        {"my_chat_member": {"chat": MESSAGE["chat"], "from": MESSAGE["from"], "date": 1,
                            "old_chat_member": {"status": "member", "user": MESSAGE["from"]},
                            "new_chat_member": {"status": "kicked", "user": MESSAGE["from"]}}},
    ]  # fmt: skip

    def mutilate(value: Any, depth: int) -> Any:
        if depth == 0 or not isinstance(value, dict) or not value:
            return chance.choice(junk)
        key = chance.choice(list(value))
        return {**value, key: mutilate(value[key], depth - 1)}

    answers: set[int] = set()
    for number in range(300):
        whole = json.dumps(chance.choice(samples)).replace("77", str(1000 + number))
        sample = json.loads(whole)
        for _ in range(chance.randint(1, 3)):
            sample = mutilate(sample, chance.randint(1, 4))
            if not isinstance(sample, dict):
                sample = {"message": sample}
        answers.add(await post.update(**sample))
    assert answers <= {200, 400}
    await post.is_well()
