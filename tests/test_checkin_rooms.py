"""The check-in room as fans meet it: boards, the month, the group's card, reminders, outages."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from zoneinfo import ZoneInfo

from bot.app import App
from bot.pictures import Pictures
from bot.playground import Chat, Message, Playground
from bot.playground.methods import messages_in
from bot.playground.methods.desk import Params
from handlers.checkin import card
from storage import chats, checkin_cards, checkins, heartbeats, ledger
from storage.checkin_cards import Loud
from storage.database import Connection
from storage.records import Face, Moment, micros, moment
from tests.engines import sqlite_url
from tests.house import Scene, make_scene, running, settings_for

SHANGHAI = ZoneInfo("Asia/Shanghai")
MORNING = datetime(2030, 1, 8, 9, 0, tzinfo=SHANGHAI)


def face_of(house: App) -> Face:
    return next(iter(house.stations.values())).face


async def switch_on(house: App, scene: Scene, loud: Loud = Loud.REACTION) -> int:
    """What /setup does for a group that wants a card; gives our number of the group."""
    face = face_of(house)

    def step(db: Connection) -> int:
        place = chats.groups(db, face.id)[0]
        at = moment(scene.telegram.clock.micros()).astimezone(SHANGHAI)
        card.switch(db, Moment(at, "t0", face, place), place.id, on=True, loud=loud)
        return place.id

    chat = await house.database.work(step)
    await house.agenda.do_pending()
    await house.coordination.wake(next(iter(house.stations.values())).sender.topic)
    return chat


async def the_card(scene: Scene) -> Message:
    """The pinned card of the day."""
    world = scene.telegram.world
    number = await scene.telegram.until(lambda: scene.group.pinned and scene.group.pinned[-1])
    return next(m for m in world.messages(scene.group) if m.message_id == number)


def at_least(scene: Scene, chat: Chat, count: int) -> list[Message]:
    """What the bot wrote there; empty until there are so many."""
    found = scene.messages_of_bot(chat)
    return found if len(found) >= count else []


async def arrive(house: App, scene: Scene, at: datetime) -> None:
    """Move the clock, wait until the house has heard of it, and let it do what is due."""
    scene.telegram.clock.set(at)
    await scene.telegram.until(lambda: house.clock.now() >= micros(at))
    await house.agenda.do_pending()
    await house.coordination.wake(next(iter(house.stations.values())).sender.topic)


async def test_the_board_of_the_day_names_who_came_first(house: App, scene: Scene) -> None:
    world = scene.telegram.world
    mia = world.add_user("Mia", language_code="zh-hans")
    world.join(mia, scene.group)
    world.say(mia, scene.group, "签到")
    await scene.telegram.until(lambda: scene.said(count=1))
    world.say(scene.fan, scene.group, "签到")
    await scene.telegram.until(lambda: scene.said(count=2))
    world.say(scene.fan, scene.group, "/rank")
    *_, said = await scene.telegram.until(lambda: scene.said(count=3))
    lines = said.splitlines()
    assert lines[1:3] == ["1. Mia", "2. Lin"]
    assert "2" in lines[-1]
    board = scene.messages_of_bot()[-1]
    press = world.press(mia, board, 2)
    await scene.telegram.until(lambda: press.answer)
    assert press.answer is not None
    assert "1" in press.answer.text


async def test_a_board_in_private_turns_by_its_buttons(house: App, scene: Scene) -> None:
    world = scene.telegram.world
    world.start(scene.fan, scene.bot)
    door = world.private(scene.fan, scene.bot)
    world.say(scene.fan, door, "签到")
    world.say(scene.fan, door, "排行榜")
    *_, board = await scene.telegram.until(lambda: at_least(scene, door, 3))
    before = board.words
    world.press(scene.fan, board, 2)
    await scene.telegram.until(lambda: board.words != before)
    assert "1. Lin" in board.words
    assert len(scene.messages_of_bot(door)) == 3


async def test_the_month_is_a_picture(house: App, scene: Scene) -> None:
    world = scene.telegram.world
    pictures = next(iter(house.stations.values())).sender.pictures
    world.start(scene.fan, scene.bot)
    door = world.private(scene.fan, scene.bot)
    world.say(scene.fan, door, "签到")
    _, checked = await scene.telegram.until(lambda: at_least(scene, door, 2))
    world.press(scene.fan, checked, 0)
    *_, month = await scene.telegram.until(lambda: at_least(scene, door, 3))
    assert "1" in month.words
    if pictures.can("checkin.month"):
        assert scene.telegram.history.calls("sendPhoto")
        assert "1x" not in month.words


async def test_where_no_picture_can_be_drawn_the_month_is_text(house: App, scene: Scene) -> None:
    world = scene.telegram.world
    next(iter(house.stations.values())).sender.pictures = Pictures({}, None)
    scene.telegram.clock.set(MORNING)
    world.start(scene.fan, scene.bot)
    door = world.private(scene.fan, scene.bot)
    world.say(scene.fan, door, "签到")
    world.say(scene.fan, door, "日历")
    *_, month = await scene.telegram.until(lambda: scene.said(door, count=3))
    assert " 8x" in month
    assert not scene.telegram.history.calls("sendPhoto")


async def test_a_card_is_pinned_counted_and_renewed(house: App, scene: Scene) -> None:
    """One card a day: pressed, it answers by a toast; its count follows half a minute later."""
    telegram, world = scene.telegram, scene.telegram.world
    telegram.clock.set(MORNING)
    await switch_on(house, scene)
    pinned = await the_card(scene)
    press = world.press(scene.fan, pinned, 0)
    await telegram.until(lambda: press.answer)
    assert press.answer is not None
    assert "签到成功" in press.answer.text
    telegram.clock.advance(61)
    await telegram.until(lambda: telegram.history.calls("editMessageText"))
    assert "1" in pinned.words.splitlines()[1]
    telegram.clock.set(MORNING + timedelta(days=1))
    await telegram.until(
        lambda: scene.group.pinned and pinned.message_id not in scene.group.pinned, within=15
    )
    fresh = await the_card(scene)
    assert fresh.message_id != pinned.message_id


async def test_a_typed_check_in_gets_a_reaction_where_a_card_hangs(
    house: App, scene: Scene
) -> None:
    telegram, world = scene.telegram, scene.telegram.world
    telegram.clock.set(MORNING)
    await switch_on(house, scene)
    await the_card(scene)
    before = len(scene.said())
    typed = world.say(scene.fan, scene.group, "签到")
    await telegram.until(lambda: typed.reactions.get(scene.bot.id))
    assert typed.reactions[scene.bot.id] == [card.FIRST]
    again = world.say(scene.fan, scene.group, "/checkin")
    await telegram.until(lambda: again.reactions.get(scene.bot.id))
    assert again.reactions[scene.bot.id] == [card.AGAIN]
    assert len(scene.said()) == before


async def test_without_a_card_a_typed_check_in_is_answered_in_words(
    house: App, scene: Scene
) -> None:
    face = face_of(house)

    def settle(db: Connection) -> None:
        chat = chats.groups(db, face.id)[0].id
        checkin_cards.settle(db, face.community.id, chat, on=True, loud=Loud.REPLY)

    await house.database.work(settle)
    scene.telegram.world.say(scene.fan, scene.group, "签到")
    (said,) = await scene.telegram.until(lambda: scene.said())
    assert "签到成功" in said


async def test_two_thousand_check_ins_do_not_flood_the_group(tmp_path: Path) -> None:
    """In ten minutes, half of them typed, half by the button: the group's limit hardly notices,
    and everybody is credited."""
    async with Playground(lint_fails=True) as telegram:
        telegram.clock.set(MORNING)
        telegram.flood.monotonic = telegram.clock.seconds
        scene = make_scene(telegram)
        world = telegram.world
        people = [world.add_user(f"F{n}", language_code="zh-hans") for n in range(2_000)]
        for one in people:
            world.join(one, scene.group)
        async with running(settings_for(scene, sqlite_url(tmp_path))) as house:
            await scene.introduce()
            await switch_on(house, scene)
            pinned = await the_card(scene)
            first = len(telegram.history.calls())
            face, at_once = face_of(house), 100
            for begin in range(0, len(people), at_once):
                for n, one in enumerate(people[begin : begin + at_once]):
                    if n % 2:
                        world.say(one, scene.group, "签到")
                    else:
                        world.press(one, pinned, 0)
                done = begin + at_once
                await telegram.until(partial(_credited, house, face, done), within=30)
                telegram.clock.advance(30)
            for _ in range(20):  # the sender's own pace is real: let both clocks pass
                telegram.clock.advance(31)
                with suppress(AssertionError):
                    await telegram.until(lambda: "2000" in pinned.words, within=2)
                    break
            assert "2000" in pinned.words
            counted = [
                call
                for call in telegram.history.calls()[first:]
                if call.chat == str(scene.group.id)
                and messages_in(call.method, Params(call.params, {}))
            ]
            assert len(counted) < 40
            assert not [call for call in telegram.history.calls() if call.status == 429]
            total = await house.database.read(lambda db: ledger.verify(db))
            assert total == []


def _credited(house: App, face: Face, done: int) -> bool:
    """Whether so many have checked in today, read beside the house's own connections."""
    engine = house.database
    assert engine.dialect == "sqlite"
    reader = engine._engine("NORMAL", begin="BEGIN")  # type: ignore[attr-defined]  # a look inside
    with reader.connect() as db, db.begin():
        return checkins.count(db, face.community.id, MORNING.date()) >= done


async def test_a_reminder_comes_only_on_open_days(house: App, scene: Scene) -> None:
    telegram, world = scene.telegram, scene.telegram.world
    telegram.clock.set(MORNING)
    world.start(scene.fan, scene.bot)
    door = world.private(scene.fan, scene.bot)
    world.say(scene.fan, door, "/checkin remind 20:00")
    *_, told = await telegram.until(lambda: scene.said(door, count=2))
    assert "20:00" in told
    world.say(scene.fan, door, "签到")
    await telegram.until(lambda: scene.said(door, count=3))
    await arrive(house, scene, MORNING.replace(hour=20, minute=1))
    await arrive(house, scene, MORNING.replace(hour=20, minute=1) + timedelta(days=1))
    *_, reminded = await telegram.until(lambda: scene.said(door, count=4))
    assert "签到" in reminded or "签" in reminded or "格" in reminded
    assert len(scene.said(door)) == 4


async def test_a_reminder_is_asked_for_in_a_group_but_comes_in_private(
    house: App, scene: Scene
) -> None:
    """Who never opened the door is told how; nothing is promised that could not arrive."""
    telegram, world = scene.telegram, scene.telegram.world
    world.say(scene.fan, scene.group, "/checkin remind 8:30")
    (told,) = await telegram.until(lambda: scene.said())
    assert "私" in told
    assert "8:30" not in told


async def test_reminders_end_by_themselves_and_by_a_word(house: App, scene: Scene) -> None:
    telegram, world = scene.telegram, scene.telegram.world
    telegram.clock.set(MORNING)
    world.start(scene.fan, scene.bot)
    door = world.private(scene.fan, scene.bot)
    world.say(scene.fan, door, "/checkin remind")
    *_, offered = await telegram.until(lambda: at_least(scene, door, 2))
    press = world.press(scene.fan, offered, 1)
    await telegram.until(lambda: press.answer)
    count = len(scene.said(door))
    for day in range(8):
        await arrive(house, scene, MORNING.replace(hour=20, minute=1) + timedelta(days=day))
        await telegram.until(partial(scene.said, door, count + day + 1), within=10)
    assert "remind" in scene.said(door)[-1]
    await arrive(house, scene, MORNING.replace(hour=20, minute=1) + timedelta(days=9))
    assert len(scene.said(door)) == count + 8


async def test_a_restart_after_two_days_costs_nobody_a_streak(scene: Scene, tmp_path: Path) -> None:
    telegram, world = scene.telegram, scene.telegram.world
    settings = settings_for(scene, sqlite_url(tmp_path))
    async with running(settings) as house:
        await scene.introduce()
        await arrive(house, scene, MORNING)
        await house.heartbeat.beat(0.0)
        world.say(scene.fan, scene.group, "签到")
        await telegram.until(lambda: scene.said(count=1))
    telegram.clock.advance(timedelta(days=3))
    async with running(settings) as house:
        world.say(scene.fan, scene.group, "签到")
        *_, said = await telegram.until(lambda: scene.said(count=2), within=10)
        assert "连续 2 天" in said
        span = await house.database.read(lambda db: heartbeats.outages(db, 0, 2**62))
        assert len(span) == 1


async def test_a_clock_that_is_moved_is_no_outage(house: App, scene: Scene) -> None:
    telegram, world = scene.telegram, scene.telegram.world
    telegram.clock.set(datetime(2030, 1, 7, 1, tzinfo=UTC))
    world.say(scene.fan, scene.group, "签到")
    await telegram.until(lambda: scene.said(count=1))
    telegram.clock.advance(timedelta(days=3))
    await house.heartbeat.beat(60.0)
    world.say(scene.fan, scene.group, "签到")
    *_, said = await telegram.until(lambda: scene.said(count=2))
    assert "连续 1 天" in said


async def test_a_process_that_slept_was_away(house: App, scene: Scene) -> None:
    """A suspended machine: real time has passed without a beat."""
    await house.heartbeat.beat(3 * 3600.0)
    spans = await house.database.read(lambda db: heartbeats.outages(db, 0, 2**62))
    assert [until - since for since, until in spans] == [3 * 3600 * 1_000_000]
