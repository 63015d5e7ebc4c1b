"""Every Bot API call of a scenario fails in turn, in every way: nothing lost, nothing said twice.

`make test` runs a share, each call and each kind of failure somewhere in it; with PROVE=1 in the
environment every call fails in every way.
"""

from __future__ import annotations

import asyncio
import os
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, get_args

import pytest

from bot.app import App
from bot.playground import Chat, Fault, User
from bot.playground.faults import AFTER, FaultKind
from storage import chats, fans, inbox, ledger, outbox
from storage.database import Connection
from storage.records import FanSeen, Letter, LetterClass, LetterState
from tests.engines import sqlite_url
from tests.house import Scene, running, settings_for

CALLS: Final = 12  # of the scenario, as `test_the_scenario_is_as_long_as_it_is_thought_to_be` says
SHARE: Final = 4
OUR_FAILURES: Final[tuple[FaultKind, ...]] = tuple(
    kind for kind in get_args(FaultKind) if kind != "slow"
)
REFUSED: Final = frozenset({"403", "400"})
ONCE: Final = (LetterClass.NEWS, LetterClass.CARE)


@dataclass(slots=True)
class Cast:
    """People and chats of one run, met by nobody before."""

    lin: User
    mia: User
    reader: User
    news: User
    care: User
    group: Chat
    second: Chat

    def rooms(self, scene: Scene) -> dict[str, list[Chat]]:
        """Where the bot may speak; a group that was upgraded counts with what it became."""
        world = scene.telegram.world
        people = {"lin": self.lin, "reader": self.reader, "news": self.news, "care": self.care}
        places = {name: [world.private(who, scene.bot)] for name, who in people.items()}
        for name, group in (("group", self.group), ("second", self.second)):
            moved = world.chats.get(str(group.migrated_to))
            places[name] = [group, *([moved] if moved else [])]
        return places

    def said(self, scene: Scene) -> Counter[str]:
        """How much the bot said, by room."""
        return Counter(
            {
                name: sum(len(scene.messages_of_bot(chat)) for chat in rooms)
                for name, rooms in self.rooms(scene).items()
            }
        )


async def gather_cast(app: App, scene: Scene, number: int) -> Cast:
    """New people, who have written to the bot, and two groups; nothing goes wrong yet."""
    world = scene.telegram.world
    names = ("Lin", "Mia", "Reader", "News", "Care")
    lin, mia, reader, news, care = people = [world.add_user(f"{n} {number}") for n in names]
    for person in people:
        world.start(person, scene.bot)
    group = world.make_group(f"group {number}", scene.owner, [lin, mia], [scene.bot])
    world.promote(group, scene.bot)
    cast = Cast(lin, mia, reader, news, care, group, group)
    doors = [world.private(person, scene.bot) for person in people]
    await scene.telegram.until(
        lambda: all(scene.messages_of_bot(chat) for chat in (*doors, group)), within=10
    )
    await settled(app)
    cast.second = world.make_group(f"second {number}", scene.owner)
    return cast


def act(cast: Cast, scene: Scene, number: int) -> list[str]:
    """Everything that fans do and the letters of our own that go beside it: twelve calls."""
    world = scene.telegram.world
    first = scene.messages_of_bot(world.private(cast.lin, scene.bot))[0]
    world.press(cast.lin, first, 0)
    world.say(cast.lin, scene.bot, "/help")
    world.say(cast.lin, scene.bot, "/language")
    world.press(
        cast.reader, scene.messages_of_bot(world.private(cast.reader, scene.bot))[0], "English"
    )
    world.say(cast.lin, cast.group, "/about")
    world.say(cast.mia, cast.group, "签到")
    world.add_member(cast.second, scene.bot)
    world.promote(cast.second, scene.bot)
    return [f"news {number}", f"care {number}", f"long {number}"]


async def put_letters(app: App, cast: Cast, idems: list[str]) -> None:
    """A broadcast, a care text, and an answer in three parts."""
    (bot,) = app.stations
    face = app.stations[bot].face

    def door(db: Connection, who: User) -> int:
        return chats.private_door(db, bot, fans.meet(db, FanSeen(who.id, who.name), 0))

    def put(db: Connection) -> None:
        for idem, who, cls in zip(
            idems, (cast.news, cast.care, cast.reader), (*ONCE, LetterClass.REPLY), strict=True
        ):
            text, parts = {"text": idem}, idem.startswith("long")
            letter = Letter(
                face.id, door(db, who), idem, payload={} if parts else text, cls=cls, locale="zh"
            )
            assert outbox.put(db, letter)
            if parts:  # in parts already, as a long text is after its claim
                values = {"parts": '["one", "two", "three"]'}
                db.execute(
                    outbox.table.update().where(outbox.table.c.idem == idem).values(**values)
                )

    await app.database.work(put)
    await app.coordination.wake(app.stations[bot].sender.topic)


async def settled(app: App) -> None:
    """Wait until nobody has anything left to do or to say."""
    quiet = 0
    for _ in range(1500):
        await asyncio.sleep(0.01)
        counts = await app.database.read(lambda db: (inbox.tally(db), outbox.tally(db)))
        busy = sum(counts[0][s] for s in ("waiting", "taken")) + sum(
            counts[1][s] for s in ("waiting", "sending")
        )
        quiet = (
            0 if busy or any(s.toasts._queue.qsize() for s in app.stations.values()) else quiet + 1
        )
        if quiet > 3:
            return
    raise AssertionError(f"it never became quiet: {counts}")


async def play(
    app: App, scene: Scene, number: int, kind: FaultKind, after: int
) -> tuple[Cast, Counter[str], Fault]:
    """One run of the scenario in which one call fails; gives the cast and what was said in it."""
    cast = await gather_cast(app, scene, number)
    before = cast.said(scene)
    fault = scene.telegram.faults.add(None, kind, after=after)
    idems = act(cast, scene, number)
    await put_letters(app, cast, idems)
    waiting = scene.telegram.world.updates.waiting
    await scene.telegram.until(lambda: not waiting(scene.bot), within=10)
    await settled(app)
    scene.telegram.faults.clear()
    said = cast.said(scene)
    said.subtract(before)
    return cast, said, fault


@asynccontextmanager
async def house_for_faults(
    scene: Scene, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[App]:
    monkeypatch.setattr("bot.app.CALL_SECONDS", 1.5)  # a busy machine is no fault
    async with running(settings_for(scene, sqlite_url(folder))) as app:
        await scene.introduce()
        yield app


CLEAN = Counter({"lin": 2, "reader": 3, "news": 1, "care": 1, "group": 2, "second": 1})


async def test_the_scenario_is_as_long_as_it_is_thought_to_be(
    scene: Scene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with house_for_faults(scene, tmp_path, monkeypatch) as app:
        _, said, fault = await play(app, scene, 0, "500", after=10_000)
        assert 10_000 - fault.after == CALLS
        assert said == CLEAN


@pytest.mark.parametrize("kind", OUR_FAILURES)
async def test_any_call_may_fail_in_any_way(
    scene: Scene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: FaultKind
) -> None:
    mine = OUR_FAILURES.index(kind) % SHARE
    share = [n for n in range(CALLS) if os.environ.get("PROVE") or n % SHARE == mine]
    async with house_for_faults(scene, tmp_path, monkeypatch) as app:
        for number in share:
            where = f"{kind} at call {number}"
            cast, said, fault = await play(app, scene, number, kind, after=number)
            assert fault.hits == 1, where
            await everything_is_remembered(app, cast, where)
            await every_letter_came_to_an_end(app, number, kind, where)
            surplus, missing = said - CLEAN, CLEAN - said
            if kind in AFTER - {"wrong_json"}:
                assert surplus.total() <= 1, (where, surplus)
                assert not surplus["news"], where
                assert not surplus["care"], where
            else:
                assert not surplus, (where, surplus)
            if kind not in REFUSED | {"migrate"}:
                # What may not be repeated may be missing, and is then listed; nothing else.
                assert set(missing) <= {"news", "care"}, (where, missing)
            assert missing.total() <= (CALLS if kind in REFUSED | {"migrate"} else 1), where


async def everything_is_remembered(app: App, cast: Cast, where: str) -> None:
    """No update was lost, and no check-in credited twice."""
    (station,) = app.stations.values()

    def read(db: Connection) -> tuple[list[int], dict[str, int]]:
        numbers = [fans.number_of(db, who.id) for who in (cast.lin, cast.mia)]
        community = station.face.community.id
        return [ledger.balance(db, community, n or 0) for n in numbers], inbox.tally(db)

    (lin, mia), tasks = await app.database.read(read)
    assert lin == mia > 0, where
    assert not any(tasks.values()), (where, tasks)


async def every_letter_came_to_an_end(app: App, number: int, kind: str, where: str) -> None:
    query = outbox.table.select().order_by(outbox.table.c.id)
    rows = await app.database.read(lambda db: db.execute(query).all())
    states = {row.idem: LetterState(row.state) for row in rows}
    ended = (LetterState.SENT, LetterState.FAILED, LetterState.DROPPED, LetterState.UNKNOWN)
    assert all(state in ended for state in states.values()), where
    for idem in (f"news {number}", f"care {number}"):
        if states[idem] is LetterState.UNKNOWN:
            assert kind not in REFUSED | {"429", "migrate", "wrong_json"}, where
            listed = await app.database.read(outbox.unknown)
            assert listed, where
    if kind not in REFUSED | {"migrate"}:
        lost = [i for i, s in states.items() if s in (LetterState.FAILED, LetterState.DROPPED)]
        assert not lost, (where, lost)
