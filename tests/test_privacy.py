"""What a fan is shown of what we hold, and what is left of them when they asked to be forgotten."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, inspect, select, text

from bot.app import App
from bot.playground import Chat, Message, User
from storage import (
    audit,
    due,
    erasure,
    fans,
    inbox,
    interactions,
    ledger,
    outbox,
    roster,
    touches,
)
from storage.database import Database
from storage.erasure import Passed
from storage.inbox import Acquaintances
from storage.records import (
    Arrival,
    ChatKind,
    ChatSeen,
    Class,
    FanSeen,
    Kind,
    Letter,
    LetterState,
    Touch,
)
from tests.engines import sqlite_url
from tests.house import Scene, running, settings_for
from tests.stores import GROUP, Ground, lay

NAME, USERNAME, TELEGRAM_ID = "Zaphodine Quux", "zaphodine_quux", 6_912_345_678
WORDS = "nobody else would ever say floccinaucinihilipilification"
WHO = FanSeen(TELEGRAM_ID, NAME, USERNAME, "en")
TRACES = (NAME, USERNAME, str(TELEGRAM_ID), WORDS)


def spelled(traces: Iterable[str]) -> list[bytes]:
    """How the traces look on disk: as text, and the id as SQLite writes an integer."""
    return [trace.encode() for trace in traces] + [TELEGRAM_ID.to_bytes(6, "big")]


def found_in_files(path: Path, traces: Iterable[str]) -> list[tuple[str, bytes]]:
    files = [path, path.with_name(path.name + "-wal")]
    return [
        (file.name, trace)
        for file in files
        if file.exists()
        for trace in spelled(traces)
        if trace in file.read_bytes()
    ]


def found_in_rows(db: Connection, traces: Iterable[str]) -> list[tuple[str, str]]:
    """Every table as the database itself names it, every row, every column."""
    found = []
    for table in inspect(db).get_table_names():
        for row in db.execute(text(f'SELECT * FROM "{table}"')):
            shown = " ".join(
                bytes(v).decode("utf-8", "replace") if isinstance(v, bytes | memoryview) else str(v)
                for v in row
            )
            found += [(table, trace) for trace in traces if trace in shown]
    return found


def live(db: Connection, ground: Ground) -> int:
    """A fan who left traces wherever there can be any; gives our number."""
    known = Acquaintances.none()
    door = ChatSeen(TELEGRAM_ID, ChatKind.PRIVATE)
    raw = json.dumps({"from": {"id": TELEGRAM_ID, "first_name": NAME}, "text": WORDS}).encode()
    arrivals = [
        Arrival(1, Kind.MESSAGE, Class.VOLUNTARY, 1, GROUP, WHO, 5, text=WORDS),
        Arrival(2, Kind.COMMAND, Class.VOLUNTARY, 2, door, WHO, 6, text=WORDS, raw=raw),
        Arrival(
            3, Kind.MESSAGE, Class.VOLUNTARY, 3, GROUP, FanSeen(501, "Lin"), 7,
            text=f"thank you @{USERNAME.upper()}",
        ),
        Arrival(4, Kind.MESSAGE, Class.VOLUNTARY, 4, GROUP, FanSeen(501, "Lin"), 8, text="hello"),
    ]  # fmt: skip
    inbox.keep(db, ground.bot, arrivals, known, 10)
    fan = fans.number_of(db, TELEGRAM_ID)
    assert fan is not None
    fans.remember(db, ground.community, fan, 10)
    community = ground.community.id
    ledger.earn(db, community, fan, 10, reason="check-in", idem="a", at=1)
    ledger.adjust(
        db, community, fan, 5, reason=ledger.Reason.GIVEN, words=f"for {NAME}", actor=ground.lin,
        idem="b", at=2,
    )  # fmt: skip
    audit.note(db, community, ground.lin, "gave", 3, {"fan": fan, "name": NAME, "by": "staff"})
    due.put(db, "checkin.remind", f"{community}:{fan}", 99, facts={"fan": fan, "note": WORDS})
    for n, (chat, for_whom) in enumerate(((ground.group, fan), (ground.group, ground.lin))):
        letter = Letter(ground.bot, chat, f"said{n}", template="x/y", facts={"n": 1}, fan=for_whom)
        outbox.put(db, letter)
    for waiting in outbox.waiting(db, ground.bot, now=100, real=100, most=9):
        outbox.claim(db, waiting.id, [f"{NAME} came first"])
        outbox.note_said(db, waiting, 0, 100 + waiting.id, 50, f"<b>{NAME}</b> came first")
        outbox.end(db, waiting.id, LetterState.SENT)
    facts = {"name": NAME, "words": WORDS}
    outbox.put(db, Letter(ground.bot, ground.group, "open", template="x/y", facts=facts, fan=fan))
    inbox.keep_undecodable(db, ground.bot, 77, raw + b"\xff", 11)
    touches.note(db, community, fan, Touch("start", f"by_{USERNAME}", 1))
    fsm_row = {"bot": 7001, "key": f"{TELEGRAM_ID}::{TELEGRAM_ID}::default", "data": "{}"}
    db.execute(text("INSERT INTO fsm (bot, key, data) VALUES (:bot, :key, :data)"), fsm_row)
    return fan


def sweep(db: Connection, fan: int, words: list[str]) -> None:
    passed: Passed | None = Passed()
    while passed is not None:
        passed = erasure.sweep(db, fan, words, passed)


async def forget(database: Database, fan: int) -> None:
    words = await database.work(lambda db: erasure.erase(db, fan))
    await database.work(lambda db: sweep(db, fan, words))


async def test_everything_is_shown_to_whom_it_is_about(each_database: Database) -> None:
    ground = await lay(each_database)
    fan = await each_database.work(lambda db: live(db, ground))
    shown = await each_database.read(lambda db: erasure.shown(db, fan))
    assert (shown["telegram_id"], shown["name"], shown["username"]) == (TELEGRAM_ID, NAME, USERNAME)
    assert [one["text"] for one in shown["interactions"]] == [WORDS, WORDS]
    (community,) = shown["communities"]
    assert community["points"] == 15
    assert [line["amount"] for line in community["points_history"]] == [5, 10]
    assert [one["kind"] for one in shown["waiting"]] == ["checkin.remind"]
    json.dumps(shown)


async def test_of_a_forgotten_fan_no_row_tells(each_database: Database) -> None:
    """On both engines: not the id, not a name, not a word; the ledger still adds up."""
    ground = await lay(each_database)
    fan = await each_database.work(lambda db: live(db, ground))
    seen = {trace for _, trace in await each_database.read(lambda db: found_in_rows(db, TRACES))}
    assert seen == set(TRACES)
    await forget(each_database, fan)
    assert await each_database.read(lambda db: found_in_rows(db, TRACES)) == []
    assert await each_database.read(lambda db: found_in_rows(db, [USERNAME.upper()])) == []
    assert await each_database.read(ledger.verify) == []
    exported = await each_database.read(
        lambda db: [*interactions.exported(db), *roster.exported(db), *ledger.exported(db)]
    )
    assert not [trace for trace in TRACES if trace in str(exported)]
    kept = await each_database.read(lambda db: found_in_rows(db, ["hello"]))
    assert [table for table, _ in kept] == ["interactions"]


async def test_the_file_and_its_journal_hold_no_byte_of_a_forgotten_fan(
    database: Database, tmp_path: Path
) -> None:
    ground = await lay(database)
    fan = await database.work(lambda db: live(db, ground))
    path = tmp_path / "renqing.db"
    assert {trace for _, trace in found_in_files(path, TRACES)} == set(spelled(TRACES))
    await forget(database, fan)
    assert found_in_files(path, TRACES) == []


async def test_among_thousands_who_come_and_rename_themselves_no_byte_stays(
    database: Database, tmp_path: Path
) -> None:
    """Pages that split and merge must not keep what once stood on them."""
    ground = await lay(database)
    fan = await database.work(lambda db: live(db, ground))

    def crowd(db: Connection, turn: int) -> None:
        known = Acquaintances.none()
        people = [
            FanSeen(6_000_000_000 + n * 7_919_317 % 1_999_999_973, f"f{n * turn}", f"u{n}")
            for n in range(1, 1500)
        ]
        base = 1000 + turn * 2000
        arrivals = [
            Arrival(base + n, Kind.MESSAGE, Class.VOLUNTARY, base + n, GROUP, who, n, text=f"t{n}")
            for n, who in enumerate([*people, WHO])
        ]
        inbox.keep(db, ground.bot, arrivals, known, 10)

    for turn in (1, 2):
        await database.work(lambda db, turn=turn: crowd(db, turn))  # type: ignore[misc]  # mypy and default arguments of lambdas
    await forget(database, fan)
    assert found_in_files(tmp_path / "renqing.db", TRACES) == []


async def test_a_reader_only_delays_the_cutting_of_the_journal(
    database: Database, tmp_path: Path
) -> None:
    ground = await lay(database)
    fan = await database.work(lambda db: live(db, ground))
    path, loop = tmp_path / "renqing.db", asyncio.get_running_loop()
    reading, go_on = asyncio.Event(), asyncio.Event()

    def linger(db: Connection) -> None:
        db.execute(select(fans.table)).all()
        loop.call_soon_threadsafe(reading.set)
        asyncio.run_coroutine_threadsafe(go_on.wait(), loop).result()

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(database.study(linger))
        await reading.wait()
        await forget(database, fan)
        assert found_in_files(path, TRACES)
        go_on.set()
    until = loop.time() + 10
    while found_in_files(path, TRACES) and loop.time() < until:
        await asyncio.sleep(0.05)
        await database.work(lambda db: None)
    assert found_in_files(path, TRACES) == []


async def test_who_comes_back_is_somebody_new(each_database: Database) -> None:
    """Also for a receiver that knew them by heart."""
    ground = await lay(each_database)
    known = Acquaintances.none()

    async def say(update_id: int) -> None:
        arrival = Arrival(update_id, Kind.MESSAGE, Class.VOLUNTARY, 1, GROUP, WHO, 5, text="hi")
        kept = await each_database.work(
            lambda db: inbox.keep(db, ground.bot, [arrival], known, update_id)
        )
        known.learn(kept.people, kept.chats)

    await say(1)
    before = await each_database.read(lambda db: fans.number_of(db, TELEGRAM_ID))
    assert before is not None
    await forget(each_database, before)
    await say(2)
    after = await each_database.read(lambda db: fans.number_of(db, TELEGRAM_ID))
    assert after not in (None, before)


async def test_being_forgotten_twice_is_nothing_new(database: Database) -> None:
    ground = await lay(database)
    fan = await database.work(lambda db: live(db, ground))
    await forget(database, fan)
    assert await database.work(lambda db: erasure.erase(db, fan)) == []


# ---------------------------------------------------------------- through the whole road


def private(scene: Scene, who: User) -> Chat:
    return scene.telegram.world.private(who, scene.bot)


async def asked(scene: Scene, who: User, words: str, count: int) -> list[Message]:
    """Say something in private and wait for so many messages of the bot's there."""
    chat = private(scene, who)
    scene.telegram.world.say(who, chat, words)
    return await scene.telegram.until(
        lambda: found if len(found := scene.messages_of_bot(chat)) >= count else None
    )


async def test_a_fan_takes_their_data_home(house: App, scene: Scene) -> None:
    chat = private(scene, scene.fan)
    await asked(scene, scene.fan, "签到", 1)
    shown = (await asked(scene, scene.fan, "/privacy", 2))[-1]
    scene.telegram.world.press(scene.fan, shown, 0)
    messages = await scene.telegram.until(
        lambda: found if len(found := scene.messages_of_bot(chat)) >= 3 else None
    )
    assert messages[-1].media is not None
    file = messages[-1].media["file"]
    content: dict[str, Any] = json.loads(scene.telegram.world.files[file].data)
    assert content["telegram_id"] == scene.fan.id
    assert "签到" in [one["text"] for one in content["interactions"]]
    assert content["communities"][0]["points"] == 10


async def test_privacy_is_no_talk_for_the_group(house: App, scene: Scene) -> None:
    scene.telegram.world.say(scene.fan, scene.group, "/privacy")
    (said,) = await scene.telegram.until(lambda: scene.said())
    assert "私" in said


async def test_a_fan_who_thinks_again_stays(house: App, scene: Scene) -> None:
    question = (await asked(scene, scene.fan, "/forget", 1))[-1]
    press = scene.telegram.world.press(scene.fan, question, 1)
    await scene.telegram.until(lambda: press.answer)
    number = await house.database.read(lambda db: fans.number_of(db, scene.fan.id))
    assert number is not None


async def test_who_works_here_is_not_forgotten(house: App, scene: Scene) -> None:
    (said,) = await asked(scene, scene.owner, "/forget", 1)
    assert "/staff" in said.words or "/forget" in said.words


async def test_a_fan_is_forgotten_after_a_goodbye(
    scene: Scene, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Goodbye first, then nothing: not in the file, not in its journal, not in the logs."""
    world = scene.telegram.world
    who = world.add_user("Zaphodine", username=USERNAME, language_code="en")
    world.add_member(scene.group, who)
    chat = private(scene, who)
    traces = ("Zaphodine", USERNAME, str(who.id), WORDS)
    path = tmp_path / "renqing.db"

    def on_disk() -> list[tuple[str, bytes]]:
        return found_in_files(path, traces)

    async with running(settings_for(scene, sqlite_url(tmp_path))) as app:
        await scene.introduce()
        world.say(who, scene.group, WORDS)
        world.say(who, scene.group, "签到")
        await scene.telegram.until(lambda: scene.said())
        question = (await asked(scene, who, "/forget", 1))[-1]
        assert on_disk()
        before = await app.database.read(lambda db: fans.number_of(db, who.id))
        world.press(who, question, 0)
        goodbye = await scene.telegram.until(
            lambda: found if len(found := scene.said(chat)) >= 2 else None
        )
        assert "thank" in goodbye[-1].lower()

        async def gone() -> bool:
            return await app.database.read(
                lambda db: fans.number_of(db, who.id) is None and due.next_at(db) is None
            )

        async with asyncio.timeout(30):
            while not await gone() or on_disk():
                scene.telegram.clock.advance(10)
                await asyncio.sleep(0.1)
        assert await app.database.read(ledger.verify) == []
        told = capfd.readouterr()
        assert not [trace for trace in traces if trace in told.out + told.err]
        world.say(who, chat, "签到")
        await scene.telegram.until(lambda: len(scene.said(chat)) >= 3)
        after = await app.database.read(lambda db: fans.number_of(db, who.id))
        assert after not in (None, before)
