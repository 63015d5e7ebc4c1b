"""A fan's card, and what led them here: from the fans' own chat down to the store and back."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

from bot.app import App
from handlers.fans import card
from storage import fans, touches
from storage.database import Database
from storage.records import Touch
from tests.engines import sqlite_url
from tests.house import Scene, running, settings_for
from tests.stores import lay

FACTS = {
    "name": "Lin",
    "level": "常客",
    "together": 400,
    "streak": 7,
    "points": 12345,
    "memory": "",
    "year": 2030,
    "month": 1,
    "date": 2,
}


@pytest.mark.parametrize("locale", ["zh", "zh-TW", "en"])
@pytest.mark.parametrize("name", ["", "Lin", "<b>&\x00\u202e" + "很长的名字" * 30, "A" * 200])
def test_a_card_is_a_picture_whoever_it_is_of(locale: str, name: str) -> None:
    drawn = ElementTree.fromstring(card.draw({**FACTS, "name": name}, locale))
    said = [element.text for element in drawn.iter() if element.text and element.text.strip()]
    assert "12,345" in said
    assert len(max(said, key=len)) < 30


def test_every_level_has_a_warm_name_in_every_language() -> None:
    assert all(len(set(names.values())) == 5 for names in card.LEVELS.values())
    assert card.level_name("fan", "zh") == "铁粉"


async def test_a_fan_asks_who_they_are_here(house: App, scene: Scene) -> None:
    """Every figure is one that the store can account for; the memory is what they said first."""
    world, chat = scene.telegram.world, scene.telegram.world.private(scene.fan, scene.bot)
    world.say(scene.fan, scene.group, "hello, I am new here")
    world.say(scene.fan, scene.group, "签到")
    await scene.telegram.until(lambda: scene.said())
    world.say(scene.fan, scene.group, "/me")
    told = (await scene.telegram.until(lambda: scene.said(count=2)))[-1]
    assert "常客" in told
    assert "hello" not in told
    world.say(scene.fan, chat, "/start")
    world.say(scene.fan, chat, "我的")
    shown = (
        await scene.telegram.until(
            lambda: found if len(found := scene.messages_of_bot(chat)) >= 2 else None
        )
    )[-1]
    words = shown.words
    assert "铁粉" in words
    assert "连续" in words
    assert "10" in words
    assert "hello, I am new here" in words


@pytest.mark.parametrize("by", ["start", "invite"])
async def test_what_led_a_fan_here_is_kept_for_ever(scene: Scene, tmp_path: Path, by: str) -> None:
    """The first of it, also after a restart."""
    world, settings = scene.telegram.world, settings_for(scene, sqlite_url(tmp_path))
    who = world.add_user("Mia")
    chat = world.private(who, scene.bot)
    async with running(settings) as app:
        await scene.introduce()
        if by == "start":
            world.say(who, chat, "/start from_poster_7")
            await scene.telegram.until(lambda: scene.said(chat))
        else:
            link = world.make_link(scene.group, scene.owner, name="from_poster_7")
            world.join(who, scene.group, link)
            world.say(who, chat, "/help")
            await scene.telegram.until(lambda: scene.said(chat))
        number = await app.database.read(lambda db: fans.number_of(db, who.id))
        assert number is not None
    async with running(settings) as app:
        world.say(who, chat, "/start something_else")
        await scene.telegram.until(lambda: scene.said(chat, 2))
        touch = await app.database.read(lambda db: touches.first(db, 1, number))
    assert touch is not None
    assert (touch.by, touch.what) == (by, "from_poster_7")


async def test_the_first_touch_stays_the_first(each_database: Database) -> None:
    ground = await lay(each_database)
    community = ground.community.id

    for number in (1, 2):
        kept = await each_database.work(
            lambda db, n=number: touches.note(db, community, ground.lin, Touch("start", f"p{n}", n))  # type: ignore[misc]  # mypy and default arguments of lambdas
        )
        assert kept is (number == 1)
    first = await each_database.read(lambda db: touches.first(db, community, ground.lin))
    assert first == Touch("start", "p1", 1)
    assert await each_database.read(lambda db: touches.first(db, community, 99)) is None
