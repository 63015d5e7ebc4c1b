"""The road out: what the sender does with letters, and how it obeys Telegram."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from bot.app import App
from bot.playground import Chat, Flood, Playground, User
from bot.react import Speech
from bot.sender import _was_done
from handlers.doors import Answer
from storage import chats, fans, outbox
from storage.database import Connection
from storage.records import (
    ChatKind,
    ChatSeen,
    FanSeen,
    Letter,
    LetterClass,
    LetterState,
    Moment,
    Reach,
    Standing,
)
from templates import Voice, markup
from tests.engines import sqlite_url
from tests.house import Scene, make_scene, running, settings_for

QUICK = 1.0  # seconds until a call counts as timed out, instead of twenty


@dataclasses.dataclass(slots=True)
class Desk:
    """Where a test hands in letters and looks at what became of them."""

    app: App
    scene: Scene

    @property
    def bot(self) -> int:
        return next(iter(self.app.stations))

    async def chat(self, where: Chat | User) -> int:
        """Our own number of a group or of a person's private chat."""

        def number(db: Connection) -> int:
            if isinstance(where, User):
                fan = fans.meet(db, FanSeen(where.id, where.name), 0)
                fans.remember(db, self.app.stations[self.bot].face.community, fan, 0)
                return chats.private_door(db, self.bot, fan)
            (place,) = [p for p in chats.groups(db, self.bot) if p.title == where.title]
            return place.id

        return await self.app.database.work(number)

    async def put(
        self, where: Chat | User, text: str = "", cls: LetterClass = LetterClass.REPLY, **more: Any
    ) -> str:
        """Put one letter; without a template *text* is said as it is."""
        return (await self.put_all([(where, text, cls)], **more))[0]

    async def put_all(
        self, said: list[tuple[Chat | User, str, LetterClass]], **more: Any
    ) -> list[str]:
        """Put several in one transaction, so that the sender sees all of them at once."""
        letters = []
        for number, (where, text, cls) in enumerate(said):
            given: dict[str, Any] = {
                "bot": self.bot,
                "chat": await self.chat(where),
                "idem": f"test:{text}:{number}:{len(more)}",
                "cls": cls,
                **({"payload": {"text": text}} if text else {}),
                **more,
            }
            letters.append(Letter(**given))

        def put(db: Connection) -> None:
            for letter in letters:
                assert outbox.put(db, letter)

        await self.app.database.work(put)
        await self.app.coordination.wake(self.app.stations[self.bot].sender.topic)
        return [letter.idem for letter in letters]

    async def state(self, idem: str) -> tuple[LetterState, str]:
        query = outbox.table.select().where(outbox.table.c.idem == idem)
        row = await self.app.database.read(lambda db: db.execute(query).one())
        return LetterState(row.state), row.error or ""

    async def ended(self, idem: str, state: LetterState) -> str:
        """Wait until a letter ended that way; gives the reason that was kept."""
        for _ in range(600):
            found, reason = await self.state(idem)
            if found is state:
                return reason
            assert found in (LetterState.WAITING, LetterState.SENDING), (found, reason)
            await asyncio.sleep(0.01)
        raise AssertionError(f"{idem} is still {await self.state(idem)}")

    def speak(self, folder: Path, words: Mapping[str, str]) -> None:
        """Give the sender templates of the test's own."""
        for name, text in words.items():
            file = folder / "zh" / "test" / f"{name}.j2"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8")
        self.app.stations[self.bot].sender.speech = Speech(Voice(folder))

    def said(self) -> list[str]:
        """What Telegram took, in order, without the first words in the group."""
        calls = self.scene.telegram.history.calls("sendMessage", ok=True)
        return [c.params["text"] for c in calls][self.scene.introduced :]

    def calls(self, text: str, method: str = "sendMessage") -> list[Any]:
        """Every attempt to say it, in order."""
        history = self.scene.telegram.history
        return [c for c in history.calls(method) if c.params.get("text") == text]


@pytest.fixture(autouse=True)
def quick_timeouts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bot.app.CALL_SECONDS", QUICK)


@pytest.fixture
async def desk(scene: Scene, tmp_path: Path) -> AsyncIterator[Desk]:
    meet(scene, scene.fan)
    async with desk_in(scene, tmp_path) as made:
        yield made


def meet(scene: Scene, *people: User) -> None:
    """Let people have written to the bot once, long ago."""
    for person in people:
        scene.telegram.world.say(person, scene.bot, "…")
        scene.telegram.world.updates.drop_all(scene.bot)
    # The bot still has to hear that it was brought into the group.
    scene.telegram.world.demote(scene.group, scene.bot)
    scene.telegram.world.kick(scene.group, scene.bot)
    scene.telegram.world.add_member(scene.group, scene.bot)
    scene.telegram.world.promote(scene.group, scene.bot, can_delete_messages=True)


@asynccontextmanager
async def desk_in(scene: Scene, folder: Path) -> AsyncIterator[Desk]:
    async with running(settings_for(scene, sqlite_url(folder))) as app:
        made = Desk(app, scene)
        if not scene.introduced:
            await scene.introduce()
        yield made


# What Telegram asks for


async def test_a_flood_wait_stops_its_chat_and_no_other(desk: Desk) -> None:
    telegram, group, fan = desk.scene.telegram, desk.scene.group, desk.scene.fan
    telegram.faults.add("sendMessage", "429", chat=group, retry_after=2)
    first = await desk.put(group, "to the group")
    await telegram.until(lambda: desk.calls("to the group"))
    second = await desk.put(group, "behind it")
    await desk.ended(await desk.put(fan, "to the fan"), LetterState.SENT)
    assert (await desk.state(first))[0] is LetterState.WAITING
    await desk.ended(second, LetterState.SENT)
    refused, done = desk.calls("to the group")
    assert done.at - refused.at >= 2
    assert desk.calls("behind it")[0].n > done.n
    assert desk.calls("to the fan")[0].at < refused.at + 2


async def test_three_floods_within_a_second_stop_the_whole_bot(desk: Desk) -> None:
    world = desk.scene.telegram.world
    people = [world.add_user(f"fan {n}") for n in range(4)]
    meet(desk.scene, *people)
    desk.scene.telegram.faults.add("sendMessage", "429", times=3, retry_after=2)
    await desk.put_all([(person, "hello", LetterClass.REPLY) for person in people[:3]])
    await desk.scene.telegram.until(lambda: len(desk.calls("hello")) == 3)
    third = desk.calls("hello")[2]
    stops = await _until(
        lambda: desk.app.database.read(lambda db: outbox.stopped(db, desk.bot, 0)),
        lambda found: 0 in found,
    )
    assert stops
    await desk.ended(await desk.put(people[3], "also"), LetterState.SENT)
    assert desk.calls("also")[0].at - third.at >= 1.9


async def test_a_flood_wait_outlives_a_restart(scene: Scene, tmp_path: Path) -> None:
    async with desk_in(scene, tmp_path) as desk:
        scene.telegram.faults.add("sendMessage", "429", retry_after=3)
        idem = await desk.put(scene.group, "patience")
        await scene.telegram.until(lambda: desk.calls("patience"))
    async with desk_in(scene, tmp_path) as desk:
        behind = await desk.put(scene.group, "new after the restart")
        await desk.ended(behind, LetterState.SENT)
        await desk.ended(idem, LetterState.SENT)
        refused, done = desk.calls("patience")
        assert done.at - refused.at >= 3
        assert desk.calls("new after the restart")[0].n > done.n


async def test_a_burst_never_meets_a_flood_limit(tmp_path: Path) -> None:
    """200 letters to 40 chats with Telegram's limits on: none is refused, and none waits long."""
    async with Playground(flood=Flood(), lint_fails=True) as telegram:
        scene = make_scene(telegram)
        people = [telegram.world.add_user(f"fan {n}") for n in range(36)]
        groups = [
            telegram.world.make_supergroup(f"group {n}", scene.owner, bots=[scene.bot])
            for n in range(4)
        ]
        meet(scene, *people)
        async with desk_in(scene, tmp_path) as desk:

            def enter(db: Connection) -> None:
                for group in groups:
                    seen = ChatSeen(group.id, ChatKind.SUPERGROUP, str(group.title))
                    chats.enter(db, desk.bot, seen)

            await desk.app.database.work(enter)
            everywhere: list[Chat | User] = [*people, *groups]
            await desk.put_all(
                [(where, f"{n}", LetterClass.REPLY) for n in range(5) for where in everywhere]
            )
            await telegram.until(
                lambda: len(telegram.history.calls("sendMessage", ok=True)) >= 200, within=25
            )
            calls = telegram.history.calls("sendMessage")
            assert [c for c in calls if c.status == 429] == []
            times = sorted(c.at for c in calls[:200])
            assert times[-1] - times[0] < 200 / 30 * 1.25 + 1


# Order


async def test_an_answer_leaves_before_the_news(desk: Desk) -> None:
    fan = desk.scene.fan
    others = [desk.scene.telegram.world.add_user(f"fan {n}") for n in range(8)]
    meet(desk.scene, *others)
    news = [(who, f"news {n}", LetterClass.NEWS) for n, who in enumerate((fan, *others))]
    idems = await desk.put_all([*news, (fan, "the answer", LetterClass.REPLY)])
    for idem in idems:
        await desk.ended(idem, LetterState.SENT)
    assert desk.said()[0] == "the answer"


@pytest.mark.parametrize("kind", ["500", "502", "drop_before", "timeout_before"])
async def test_what_has_to_be_repeated_is_not_overtaken(desk: Desk, kind: Any) -> None:
    desk.scene.telegram.faults.add("sendMessage", kind)
    fan = desk.scene.fan
    idems = await desk.put_all([(fan, str(n), LetterClass.REPLY) for n in range(3)])
    for idem in idems:
        await desk.ended(idem, LetterState.SENT)
    assert desk.said() == ["0", "1", "2"]


# Words


async def test_a_long_text_goes_in_parts(desk: Desk, tmp_path: Path) -> None:
    """The quote stands on the first part, the buttons under the last."""
    desk.speak(tmp_path / "words", {"long": "{{ text }}", "_buttons": "yes = 好"})
    world = desk.scene.telegram.world
    asked = world.say(desk.scene.fan, desk.scene.group, "今天说点长的")
    text = "一句不短也不长的话，说完就好。\n" * 640
    idem = await desk.put(
        desk.scene.group,
        template="test/long",
        facts={"text": text},
        payload={"buttons": [["test.yes"]]},
        locale="zh",
        reply_to=asked.message_id,
    )
    await desk.ended(idem, LetterState.SENT)
    parts = [m for m in desk.scene.messages_of_bot() if "一句不短" in m.words]
    assert len(parts) == 3
    assert "".join(m.words.replace("\n", "") for m in parts) == text.replace("\n", "")
    assert all(markup.length(m.words) <= 4096 for m in parts)
    assert [m.reply_to is asked for m in parts] == [True, False, False]
    assert [bool(m.markup) for m in parts] == [False, False, True]


async def test_a_part_that_failed_is_taken_up_where_it_stopped(desk: Desk, tmp_path: Path) -> None:
    desk.speak(tmp_path / "words", {"long": "{{ text }}"})
    desk.scene.telegram.faults.add("sendMessage", "500", after=1)
    text = "".join(f"第 {n} 句。\n" for n in range(1200))
    idem = await desk.put(desk.scene.fan, template="test/long", facts={"text": text}, locale="zh")
    await desk.ended(idem, LetterState.SENT)
    door = desk.scene.telegram.world.private(desk.scene.fan, desk.scene.bot)
    said = "".join(m.words for m in desk.scene.messages_of_bot(door))
    assert said.replace("\n", "") == text.replace("\n", "")


@pytest.mark.parametrize(
    "broken",
    [
        {"template": "test/asks", "facts": {}},
        {"template": "test/torn", "facts": {}},
        {"template": "test/nowhere", "facts": {}},
        {"template": "test/fine", "facts": {}, "payload": {"buttons": [["test.no_label"]]}},
        {"template": "test/fine", "facts": {}, "payload": {"buttons": [["test.yes:" + "x" * 64]]}},
        {"method": "sendPigeon", "payload": {"text": "coo"}},
        {"method": "sendMessage", "payload": {"text": ["no", "text"]}},
    ],
    ids=["fact", "markup", "words", "label", "data", "method", "type"],
)
async def test_a_letter_that_cannot_be_written_fails_alone(
    desk: Desk, tmp_path: Path, broken: dict[str, Any]
) -> None:
    desk.speak(
        tmp_path / "words",
        {"asks": "{{ nobody }}", "torn": "<b>", "fine": "好", "_buttons": "yes = 好"},
    )
    bad = await desk.put(desk.scene.fan, locale="zh", **broken)
    good = await desk.put(desk.scene.fan, "still here")
    assert await desk.ended(bad, LetterState.FAILED)
    await desk.ended(good, LetterState.SENT)


# Times


async def test_a_letter_waits_for_its_hour_and_not_longer_than_it_is_worth(desk: Desk) -> None:
    clock, fan = desk.scene.telegram.clock, desk.scene.fan
    now = clock.micros()
    hour = 3_600_000_000
    later = await desk.put(fan, "later", not_before=now + hour)
    never = await desk.put(
        fan, "never", not_before=now + hour, not_after=now + 2 * hour, reply_to=1
    )
    await desk.ended(await desk.put(fan, "now"), LetterState.SENT)
    assert (await desk.state(later))[0] is LetterState.WAITING
    clock.advance(3 * 3600)
    await desk.ended(later, LetterState.SENT)
    assert await desk.ended(never, LetterState.DROPPED) == "its hour has passed"
    assert desk.calls("never") == []


# Closed doors


async def reach_of(desk: Desk, who: User) -> Reach:
    def read(db: Connection) -> Reach:
        fan = fans.number_of(db, who.id)
        assert fan is not None
        return fans.reach_of(db, desk.app.stations[desk.bot].face.community.id, fan)

    return await desk.app.database.read(read)


async def test_who_blocked_us_gets_nothing_until_the_door_is_open_again(desk: Desk) -> None:
    world, fan = desk.scene.telegram.world, desk.scene.fan
    desk.scene.telegram.faults.add("sendMessage", "403")
    refused, behind = await desk.put_all(
        [(fan, "refused", LetterClass.REPLY), (fan, "behind", LetterClass.REPLY)]
    )
    assert "blocked" in await desk.ended(refused, LetterState.FAILED)
    await desk.ended(behind, LetterState.DROPPED)
    assert await reach_of(desk, fan) is Reach.BLOCKED
    await desk.ended(await desk.put(fan, "care", LetterClass.CARE), LetterState.DROPPED)
    assert desk.calls("care") == []
    world.block(fan, desk.scene.bot)
    world.unblock(fan, desk.scene.bot)
    await _until(lambda: reach_of(desk, fan), lambda reach: reach is Reach.OPEN)
    await desk.ended(await desk.put(fan, "welcome", LetterClass.CARE), LetterState.SENT)


@pytest.mark.parametrize(
    ("kind", "sentence", "reach"),
    [
        ("403", "Forbidden: user is deactivated", Reach.DEACTIVATED),
        ("403", "Forbidden: bot can't initiate conversation with a user", Reach.NEVER_STARTED),
        ("400", "Bad Request: chat not found", Reach.NEVER_STARTED),
    ],
)
async def test_a_door_that_is_closed_is_remembered_as_what_it_is(
    desk: Desk, kind: Any, sentence: str, reach: Reach
) -> None:
    desk.scene.telegram.faults.add("sendMessage", kind, description=sentence)
    await desk.ended(await desk.put(desk.scene.fan, "hello"), LetterState.FAILED)
    assert await reach_of(desk, desk.scene.fan) is reach


async def test_a_group_that_put_us_out_is_not_written_to(desk: Desk) -> None:
    desk.scene.telegram.faults.add(
        "sendMessage", "403", description="Forbidden: bot was kicked from the supergroup chat"
    )
    group = desk.scene.group
    first, behind = await desk.put_all(
        [(group, "first", LetterClass.REPLY), (group, "behind", LetterClass.NEWS)]
    )
    await desk.ended(first, LetterState.FAILED)
    await desk.ended(behind, LetterState.DROPPED)
    number = await desk.chat(group)
    place = await desk.app.database.read(lambda db: chats.place(db, number))
    assert place.standing is Standing.KICKED


async def test_a_letter_follows_its_group_to_the_new_address(desk: Desk) -> None:
    world = desk.scene.telegram.world
    group = world.make_group("small", desk.scene.owner, [desk.scene.fan], [desk.scene.bot])
    await desk.scene.telegram.until(lambda: desk.scene.said(group))
    before = await desk.chat(group)
    desk.scene.telegram.faults.add("sendMessage", "migrate", chat=group)
    await desk.ended(await desk.put(group, "follow me"), LetterState.SENT)
    new = world.chats[str(group.migrated_to)]
    assert "follow me" in desk.scene.said(new)
    # Telegram tells both sides, too; when all is heard, one group is left, with its number.
    named = await _until(
        lambda: desk.app.database.read(
            lambda db: [p.id for p in chats.groups(db, desk.bot) if p.title == "small"]
        ),
        lambda found: len(found) == 1,
    )
    assert named == [before]


async def test_a_migration_of_what_is_no_group_ends(desk: Desk) -> None:
    """Telegram never says so of a private chat; if it did, asking again would never end."""
    idem = await desk.put(desk.scene.fan, "whither", not_before=2**60)
    (waiting,) = await desk.app.database.read(
        lambda db: outbox.waiting(db, desk.bot, now=2**61, real=2**61, most=1)
    )
    await desk.app.stations[desk.bot].sender._migrate(waiting, -1_001_234_567_890)
    await desk.ended(idem, LetterState.FAILED)


async def test_nobody_is_written_to_who_asked_to_be_forgotten(desk: Desk) -> None:
    idem = await desk.put(
        desk.scene.fan, "too late", not_before=desk.scene.telegram.clock.micros() + 10**9
    )
    forget = fans.table.update().where(fans.table.c.telegram_id == desk.scene.fan.id)
    await desk.app.database.work(lambda db: db.execute(forget.values(telegram_id=None)))
    desk.scene.telegram.clock.advance(2000)
    await desk.ended(idem, LetterState.DROPPED)
    assert desk.calls("too late") == []


# What may be said twice


@pytest.mark.parametrize("kind", ["lost_answer", "timeout_after", "drop_before", "500"])
@pytest.mark.parametrize("cls", [LetterClass.CARE, LetterClass.NEWS, LetterClass.PROMO])
async def test_news_whose_fate_is_unknown_are_listed_and_not_repeated(
    desk: Desk, kind: Any, cls: LetterClass
) -> None:
    desk.scene.telegram.faults.add("sendMessage", kind)
    idem = await desk.put(desk.scene.fan, "once", cls)
    await desk.ended(idem, LetterState.UNKNOWN)
    await desk.ended(await desk.put(desk.scene.fan, "after"), LetterState.SENT)
    assert len(desk.calls("once")) == 1
    assert len(await desk.app.database.read(outbox.unknown)) == 1


async def test_an_edit_is_repeated_and_not_modified_counts_as_done(desk: Desk) -> None:
    fan = desk.scene.fan
    await desk.ended(await desk.put(fan, "before"), LetterState.SENT)
    message = desk.calls("before")[0].result_ids[0]
    desk.scene.telegram.faults.add("editMessageText", "lost_answer")
    idem = await desk.put(
        fan,
        method="editMessageText",
        payload={"message_id": message, "text": "after"},
        cls=LetterClass.NEWS,
    )
    await desk.ended(idem, LetterState.SENT)
    calls = desk.calls("after", "editMessageText")
    assert [c.status for c in calls] == [0, 400]
    assert "not modified" in (calls[1].description or "")


async def test_an_answer_that_cannot_be_read_was_given_all_the_same(desk: Desk) -> None:
    desk.scene.telegram.faults.add("sendMessage", "wrong_json")
    await desk.ended(await desk.put(desk.scene.fan, "once"), LetterState.SENT)
    assert len(desk.calls("once")) == 1


def test_the_error_page_of_a_proxy_is_no_success() -> None:
    from aiogram.exceptions import ClientDecodeError

    def read(data: Any) -> bool:
        return _was_done(ClientDecodeError("", ValueError(), data))

    assert read('{"ok":true,"result":{"mess')
    assert read({"ok": True, "result": {"of tomorrow": 1}})
    assert not read("<html><title>502 Bad Gateway</title>")
    assert not read({"ok": False})
    assert not read("")


async def test_a_method_that_an_older_server_does_not_know_stops_nobody(desk: Desk) -> None:
    odd = await desk.put(
        desk.scene.fan,
        method="sendChecklist",
        payload={
            "business_connection_id": "1",
            "checklist": {"title": "t", "tasks": [{"id": 1, "text": "x"}]},
        },
    )
    desk.scene.telegram.lint.clear()
    good = await desk.put(desk.scene.fan, "next")
    await desk.ended(good, LetterState.SENT)
    assert await desk.ended(odd, LetterState.FAILED)
    desk.scene.telegram.lint.clear()


# Answers that somebody waits for


@pytest.mark.parametrize("ok", [True, False])
async def test_who_waits_for_telegrams_answer_hears_it_once(desk: Desk, *, ok: bool) -> None:
    heard: asyncio.Queue[Answer] = asyncio.Queue()

    def note(_db: Connection, _now: Moment, answer: Answer) -> None:
        heard.put_nowait(answer)

    desk.app.road.table.thens["draws.told"] = note
    if not ok:
        desk.scene.telegram.faults.add(
            "sendMessage", "400", description="Bad Request: TOPIC_CLOSED"
        )
    else:
        desk.scene.telegram.faults.add("sendMessage", "500")
    idem = await desk.put(desk.scene.fan, "tell me", then="draws.told:17")
    await desk.ended(idem, LetterState.SENT if ok else LetterState.FAILED)
    answer = await asyncio.wait_for(heard.get(), 5)
    assert heard.empty()
    assert (answer.argument, answer.ok) == ("17", ok)
    if ok:
        assert answer.result["message_id"] == desk.calls("tell me")[-1].result_ids[0]
        assert answer.result["from"]["is_bot"] is True
    else:
        assert "TOPIC_CLOSED" in answer.error


async def _until(read: Callable[[], Any], right: Callable[[Any], bool]) -> Any:
    """Ask the database until what it says is right; nothing wakes a reader of its own."""
    for _ in range(500):
        value = await read()
        if right(value):
            return value
        await asyncio.sleep(0.01)
    raise AssertionError(f"it stayed {value}")
