"""A fan asks for their points, staff gives some and puts mistakes right."""

from __future__ import annotations

import json

import pytest
from sqlalchemy import select

from bot.app import App
from bot.playground import Chat, Message, User
from handlers.points import rules
from handlers.points.rules import (
    HowToCorrect,
    HowToGive,
    NotANumber,
    NothingToMove,
    Order,
    ReasonMissing,
    TooManyPoints,
)
from storage import audit, communities, fans, ledger
from storage.database import Connection
from storage.records import Role
from tests.house import Scene


@pytest.mark.parametrize(
    ("text", "named", "outcome"),
    [
        ("@lin 50 画得真好", False, Order("lin", 50, "画得真好")),
        ("@lin +1,000分 画得真好 谢谢", False, Order("lin", 1000, "画得真好 谢谢")),
        ("50 画得真好", True, Order("", 50, "画得真好")),
        ("５０ 画得真好", True, Order("", 50, "画得真好")),
        ("", True, HowToGive()),
        ("@lin", False, HowToGive()),
        ("50 画得真好", False, HowToGive()),
        ("-5 记重了", True, HowToCorrect()),
        ("@lin 很多 画得真好", False, NotANumber("很多")),
        ("0 没什么", True, NothingToMove()),
        ("1000001 太多了", True, TooManyPoints("1,000,000")),
        ("9" * 300 + " 太多了", True, TooManyPoints("1,000,000")),
        ("@lin 50", False, ReasonMissing()),
    ],
)
def test_what_staff_writes_is_read_or_explained(text: str, named: bool, outcome: object) -> None:
    assert rules.read_order(text, named=named, correcting=False) == outcome


def test_a_correction_goes_up_or_down() -> None:
    for text, amount in (("-20 记重了", -20), ("－20 记重了", -20), ("20 漏记了", 20)):
        order = rules.read_order(text, named=True, correcting=True)
        assert order == Order("", amount, text.split()[1])


async def points_of(house: App, fan: User) -> int:
    def ask(db: Connection) -> int:
        number = fans.number_of(db, fan.id)
        return ledger.balance(db, 1, number) if number is not None else 0

    return await house.database.read(ask)


async def earn(house: App, fan: User, times: int) -> None:
    """Days of check-ins, as far as the ledger is concerned."""

    def story(db: Connection) -> None:
        number = fans.number_of(db, fan.id)
        assert number is not None
        for day in range(times):
            ledger.earn(
                db, 1, number, 10, reason="check-in", idem=f"d{day}", at=day * 86_400_000_000
            )

    await house.database.work(story)


async def met(scene: Scene, fan: User) -> Chat:
    """The fan has opened the private door and was greeted."""
    world = scene.telegram.world
    world.start(fan, scene.bot)
    door = world.private(fan, scene.bot)
    await scene.telegram.until(lambda: scene.messages_of_bot(door))
    return door


async def answer(
    scene: Scene, chat: Chat, who: User, text: str, reply_to: Message | None = None
) -> str:
    """What the bot says to it, in the same chat."""
    before = len(scene.messages_of_bot(chat))
    where = chat if chat.type != "private" else scene.bot
    scene.telegram.world.say(who, where, text, reply_to=reply_to)
    await scene.telegram.until(lambda: len(scene.messages_of_bot(chat)) > before)
    return scene.messages_of_bot(chat)[before].words


@pytest.mark.parametrize("words", ["/points", "积分", "積分", "points"])
async def test_a_fan_sees_the_balance_and_how_it_came(house: App, scene: Scene, words: str) -> None:
    door = await met(scene, scene.fan)
    await earn(house, scene.fan, 2)
    said = await answer(scene, door, scene.fan, words)
    assert "20" in said
    assert said.count("签到") >= 2
    assert "check-in" not in said


async def test_in_a_group_only_the_balance_is_said(house: App, scene: Scene) -> None:
    await met(scene, scene.fan)
    await earn(house, scene.fan, 2)
    said = await answer(scene, scene.group, scene.fan, "/points")
    assert "20" in said
    assert "\n" not in said


async def test_a_long_history_is_turned_like_a_book(house: App, scene: Scene) -> None:
    """Pages take each other's place; the last has no button further back."""
    world = scene.telegram.world
    door = await met(scene, scene.fan)
    await earn(house, scene.fan, 25)
    await answer(scene, door, scene.fan, "/points")
    page = scene.messages_of_bot(door)[-1]
    count = len(scene.messages_of_bot(door))
    first = page.words
    assert first.count("+10") == 10

    for lines in (10, 5):
        was = page.words
        press = world.press(scene.fan, page, "更早的")
        await scene.telegram.until(lambda was=was: page.words != was)  # type: ignore[misc]  # bound
        await scene.telegram.until(lambda press=press: press.answer)  # type: ignore[misc]  # bound
        assert page.words.count("+10") == lines
    assert "更早的" not in json.dumps(page.markup, ensure_ascii=False)
    world.press(scene.fan, page, "回到最新")
    await scene.telegram.until(lambda: page.words.count("+10") == 10)
    assert "250" in page.words
    assert len(scene.messages_of_bot(door)) == count


async def test_the_owner_gives_points_and_the_fan_hears_why(house: App, scene: Scene) -> None:
    world = scene.telegram.world
    door = await met(scene, scene.fan)
    drawing = world.say(scene.fan, scene.group, "今天画的")
    said = await answer(scene, scene.group, scene.owner, "/give 50 画得真好", reply_to=drawing)
    assert "Lin" in said
    assert "50" in said
    told = await scene.telegram.until(lambda: scene.said(door, count=2))
    assert "画得真好" in told[-1]
    assert await points_of(house, scene.fan) == 50
    history = await answer(scene, door, scene.fan, "积分")
    assert "画得真好" in history

    rows = await house.database.read(
        lambda db: list(db.execute(select(audit.table.c.what, audit.table.c.facts)))
    )
    assert ("given points", 50) in [(row.what, json.loads(row.facts).get("amount")) for row in rows]
    assert not any("画得真好" in row.facts for row in rows)


async def test_a_fan_is_named_by_username(house: App, scene: Scene) -> None:
    world = scene.telegram.world
    mia = world.add_user("Mia", username="Mia_paints", language_code="en")
    world.join(mia, scene.group)
    world.say(mia, scene.group, "/checkin")
    await scene.telegram.until(lambda: scene.said(count=1))
    before = await points_of(house, mia)
    said = await answer(scene, scene.group, scene.owner, "/give @mia_PAINTS 50 谢谢帮忙")
    assert "Mia" in said
    assert await points_of(house, mia) == before + 50


async def test_a_fan_who_tries_to_give_is_told_kindly(house: App, scene: Scene) -> None:
    said = await answer(scene, scene.group, scene.fan, "/give @lin 50 给我自己")
    assert "管理员" in said
    assert await points_of(house, scene.fan) == 0


async def test_who_is_unknown_is_explained(house: App, scene: Scene) -> None:
    said = await answer(scene, scene.group, scene.owner, "/give @nobody_here 50 谢谢")
    assert "@nobody_here" in said


async def test_who_only_talks_is_known_by_name_too(house: App, scene: Scene) -> None:
    """Somebody who never used the bot can be thanked all the same."""
    world = scene.telegram.world
    mia = world.add_user("Mia", username="mia_paints", language_code="zh-hans")
    world.join(mia, scene.group)
    world.say(mia, scene.group, "今天帮大家画了头像")
    await answer(scene, scene.group, scene.owner, "/give @mia_paints 5 头像真好看")
    assert await points_of(house, mia) == 5


async def test_a_correction_never_goes_below_zero(house: App, scene: Scene) -> None:
    door = await met(scene, scene.fan)
    await earn(house, scene.fan, 3)
    hello = scene.telegram.world.say(scene.fan, scene.group, "早上好")
    too_much = await answer(scene, scene.group, scene.owner, "/correct -31 记重了", reply_to=hello)
    assert "30" in too_much
    assert await points_of(house, scene.fan) == 30
    done = await answer(scene, scene.group, scene.owner, "/correct -20 记重了", reply_to=hello)
    assert "-20" in done
    assert await points_of(house, scene.fan) == 10
    told = await scene.telegram.until(lambda: scene.said(door, count=2))
    assert "记重了" in told[-1]
    assert await house.database.read(ledger.verify) == []


async def test_the_owner_hears_of_much_and_of_an_admins_own_purse(house: App, scene: Scene) -> None:
    world = scene.telegram.world
    helper = world.add_user("Mo", language_code="zh-hans")
    world.join(helper, scene.group)
    owners_door = await met(scene, scene.owner)
    hello = world.say(helper, scene.group, "我来帮忙")
    await met(scene, helper)

    def appoint(db: Connection) -> None:
        number = fans.number_of(db, helper.id)
        assert number is not None
        communities.appoint(db, 1, number, Role.ADMIN)

    await house.database.work(appoint)
    thanks = world.say(scene.fan, scene.group, "谢谢大家")
    for text, to in (
        ("/give 500 活动", thanks),
        ("/give 501 活动", thanks),
        ("/give 1 喝水", hello),
    ):
        await answer(scene, scene.group, helper, text, reply_to=to)
    told = await scene.telegram.until(lambda: scene.said(owners_door, count=3))
    assert "+501" in told[-2]
    assert "+1" in told[-1]
    assert len(told) == 3
