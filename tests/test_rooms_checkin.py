"""A first check-in, through the whole road: Telegram, the store, the persona, and back."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from zoneinfo import ZoneInfo

import pytest

from bot.app import App
from handlers.checkin.rules import (
    CameBack,
    CheckedIn,
    MilestoneReached,
    SaverEarned,
    StartedAnew,
    check,
    tell,
)
from storage import interactions
from storage.records import Life, micros
from tests.house import Scene


@pytest.mark.parametrize(
    ("last_day", "streak", "outcome"),
    [
        (None, 0, CheckedIn("Lin", 1, 10, 7)),
        (date(2030, 1, 1), 5, CheckedIn("Lin", 6, 10, 7)),
        (date(2030, 1, 1), 6, MilestoneReached("Lin", 7, 30, 7)),
        (date(2030, 1, 1), 13, SaverEarned("Lin", 14, 30, 7, 1)),
        (date(2029, 12, 31), 6, StartedAnew("Lin", 1, 10, 7, 1)),
        (date(2029, 12, 20), 6, CameBack("Lin", 1, 10, 7, 12)),
        (date(2030, 1, 2), 7, None),
        (date(2030, 1, 3), 7, None),
    ],
)
def test_a_streak(last_day: date | None, streak: int, outcome: object) -> None:
    """A day in a row lengthens it, a gap restarts it, a second try or an earlier day adds none."""
    last_noon = datetime.combine(last_day or date(2030, 1, 1), time(12), UTC)
    life = Life(last_day, micros(last_noon), streak, streak, 6)
    credit = check(life, micros(datetime(2030, 1, 2, 12, tzinfo=UTC)), "UTC")
    assert (tell("Lin", credit) if credit is not None else None) == outcome


@pytest.mark.parametrize("words", ["签到", "簽到", "打卡", " 签到！", "/checkin"])
async def test_a_fan_checks_in_with_whatever_words(house: App, scene: Scene, words: str) -> None:
    scene.telegram.world.say(scene.fan, scene.group, words)
    (said,) = await scene.telegram.until(lambda: scene.said())
    assert "签到成功" in said
    assert "连续 1 天" in said
    assert "+10" in said


async def test_a_fan_checks_in_twice(house: App, scene: Scene) -> None:
    """The second check-in of a day is answered, not rewarded."""
    world = scene.telegram.world
    world.say(scene.fan, scene.group, "签到")
    world.say(scene.fan, scene.group, "/checkin")
    first, second = await scene.telegram.until(lambda: scene.said(count=2))
    assert "+10" in first
    assert "+10" not in second


async def test_the_button_is_answered_by_a_toast(house: App, scene: Scene) -> None:
    world = scene.telegram.world
    world.start(scene.fan, scene.bot)
    door = world.private(scene.fan, scene.bot)
    (message,) = await scene.telegram.until(lambda: scene.messages_of_bot(door))
    first = world.press(scene.fan, message, 0)
    await scene.telegram.until(lambda: first.answer)
    second = world.press(scene.fan, message, 0)
    await scene.telegram.until(lambda: second.answer)
    assert first.answer is not None
    assert second.answer is not None
    assert "签到成功" in first.answer.text
    assert "+10" not in second.answer.text


async def test_an_english_fan_is_answered_in_english(house: App, scene: Scene) -> None:
    mia = scene.telegram.world.add_user("Mia", language_code="en")
    scene.telegram.world.join(mia, scene.group)
    scene.telegram.world.say(mia, scene.group, "/checkin")
    (said,) = await scene.telegram.until(lambda: scene.said())
    assert "+10" in said
    assert "签到" not in said


async def test_the_day_is_the_one_of_the_communitys_midnight(house: App, scene: Scene) -> None:
    """Two check-ins around midnight are two days, and a streak of two."""
    telegram, world = scene.telegram, scene.telegram.world
    telegram.clock.set(datetime(2030, 1, 1, 23, 59, tzinfo=ZoneInfo("Asia/Shanghai")))
    world.say(scene.fan, scene.group, "签到")
    await telegram.until(lambda: len(scene.said()) == 1)
    telegram.clock.advance(120)
    world.say(scene.fan, scene.group, "签到")
    said = await telegram.until(lambda: scene.said(count=2))
    assert "2 天" in said[1]


async def test_everything_is_remembered(house: App, scene: Scene) -> None:
    """Talk that nobody answers is kept as well as what is."""
    world = scene.telegram.world
    world.say(scene.fan, scene.group, "今天的歌真好听")
    world.say(scene.fan, scene.group, "签到")
    await scene.telegram.until(lambda: scene.said())
    rows = await house.database.read(lambda db: list(interactions.exported(db)))
    texts = [row["text"] for row in rows]
    assert "今天的歌真好听" in texts
    assert "签到" in texts
    assert all(row["fan_id"] == scene.fan.id for row in rows if row["text"] == "签到")


async def test_forwarding_somebodys_words_checks_nobody_in(house: App, scene: Scene) -> None:
    world = scene.telegram.world
    friend = world.add_user("Mia", language_code="zh-hans")
    world.join(friend, scene.group)
    words = world.say(friend, scene.group, "签到")
    await scene.telegram.until(lambda: scene.said(count=1))
    world.forward(scene.fan, words, scene.group)
    world.say(scene.fan, scene.group, "/checkin")
    said = await scene.telegram.until(lambda: scene.said(count=2))
    assert "+10" in said[1]  # the fan's own first word of the day
