"""Whose clock rules a fan's day: asked once after the first check-in, changed at a word."""

from __future__ import annotations

import re
from zoneinfo import ZoneInfo

import pytest

from bot.app import App
from handlers.fans import cities
from handlers.fans.cities import OFFERED, _known, city_said, zone_of_city
from storage import checkins, fans
from tests.house import Scene


def test_every_city_has_a_clock_that_exists() -> None:
    for zone in {*_known().values(), *OFFERED.values()}:
        ZoneInfo(zone)


@pytest.mark.parametrize(
    ("said", "zone"),
    [
        ("我在东京", "Asia/Tokyo"),
        ("我住在伦敦。", "Europe/London"),
        ("I'm in New York", "America/New_York"),
        ("i live in Seattle!", "America/Los_Angeles"),
        ("上海市", "Asia/Shanghai"),
        ("Europe/Oslo", "Europe/Oslo"),
        ("我在开会", None),
    ],
)
def test_a_city_is_understood(said: str, zone: str | None) -> None:
    assert zone_of_city(city_said(said)) == zone


@pytest.mark.parametrize(
    ("words", "meant"),
    [("我在东京", True), ("I'M IN NEW YORK", True), ("我在想你", False), ("我在", False)],
)
def test_only_a_place_that_we_know_is_an_answer(words: str, meant: bool) -> None:
    assert bool(re.fullmatch(cities.said(), words.upper())) is meant


async def test_a_fan_is_asked_once_and_may_answer_in_words(house: App, scene: Scene) -> None:
    world, chat = scene.telegram.world, scene.telegram.world.private(scene.fan, scene.bot)
    world.say(scene.fan, chat, "签到")
    await scene.telegram.until(lambda: scene.said(chat, 1))
    scene.telegram.clock.advance(130)
    question = (await scene.telegram.until(lambda: scene.messages_of_bot(chat)[1:]))[0]
    assert "/zone" in question.words
    world.say(scene.fan, chat, "我在东京")
    said = await scene.telegram.until(lambda: scene.said(chat, 3))
    assert ":" in said[2]
    number = await house.database.read(lambda db: fans.number_of(db, scene.fan.id))
    assert number is not None
    assert await house.database.read(lambda db: fans.zone_of(db, 1, number)) == "Asia/Tokyo"
    left = await house.database.read(lambda db: checkins.zones_since(db, 1, number, 0))
    assert left == ["Asia/Shanghai"]
    press = world.press(scene.fan, question, (4, 0))
    await scene.telegram.until(lambda: press.answer)
    assert await house.database.read(lambda db: fans.zone_of(db, 1, number)) == "Asia/Tokyo"
    scene.telegram.clock.advance(24 * 3600)
    world.say(scene.fan, chat, "签到")
    await scene.telegram.until(lambda: scene.said(chat, 4))
    scene.telegram.clock.advance(300)
    world.say(scene.fan, chat, "/zone 没有这个地方")
    said = await scene.telegram.until(lambda: scene.said(chat, 5))
    assert "没有这个地方" in said[4]


async def test_who_checks_in_in_a_group_is_asked_nothing(house: App, scene: Scene) -> None:
    scene.telegram.world.say(scene.fan, scene.group, "签到")
    await scene.telegram.until(lambda: scene.said())
    scene.telegram.clock.advance(600)
    scene.telegram.world.say(scene.fan, scene.group, "签到")
    await scene.telegram.until(lambda: scene.said(count=2))
    chat = scene.telegram.world.private(scene.fan, scene.bot)
    assert scene.messages_of_bot(chat) == []
