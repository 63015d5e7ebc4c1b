"""The voice on the road: what fans hear over days, from two personas, at any hour."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from bot import rehearsal
from bot.app import App, NobodyOfThatName
from bot.playground import Chat, Message
from storage import bags, communities
from storage.database import Connection, opened, upgrade
from templates import Voice, markup
from tests.engines import sqlite_url
from tests.house import Scene, running, settings_for

VOICE = Voice()


def ways(key: str, name: str, locale: str, hour: int | None = None) -> list[str]:
    """What may be said to the fan called Lin."""
    found = rehearsal.readings(VOICE, name, locale, {"key": key}, hour)
    return [markup.plain(html) for html in found]


async def ask(scene: Scene, words: str, times: int) -> list[str]:
    """Say the same to the bot in private, each time after its answer."""
    world = scene.telegram.world
    door = world.private(scene.fan, scene.bot)
    before = len(scene.said(door))
    for count in range(before + 1, before + times + 1):
        world.say(scene.fan, door, words)
        await heard(scene, door, count)
    return scene.said(door)[before:]


async def heard(scene: Scene, door: Chat, count: int) -> None:
    await scene.telegram.until(lambda: len(scene.said(door)) == count)


async def press(scene: Scene, message: Message) -> str:
    """Press the first button; gives the toast."""
    pressed = scene.telegram.world.press(scene.fan, message, 0)
    answer = await scene.telegram.until(lambda: pressed.answer)
    return answer.text


async def test_no_sentence_comes_back_within_half_of_the_pool(house: App, scene: Scene) -> None:
    said = await ask(scene, "/about", 15)
    pool = ways("lulu", "help/about", "zh")
    assert set(said) == set(pool)
    last: dict[str, int] = {}
    for number, words in enumerate(said):
        assert number - last.get(words, -99) > len(pool) / 2
        last[words] = number


async def test_a_restart_does_not_start_the_bag_again(scene: Scene, tmp_path: Path) -> None:
    settings = settings_for(scene, sqlite_url(tmp_path))
    said: list[str] = []
    for _ in range(3):
        async with running(settings):
            said += await ask(scene, "/about", 2)
    assert len(set(said)) == 6


async def test_toasts_vary_too(house: App, scene: Scene) -> None:
    world = scene.telegram.world
    world.start(scene.fan, scene.bot)
    door = world.private(scene.fan, scene.bot)
    (message,) = await scene.telegram.until(lambda: scene.messages_of_bot(door))
    first = await press(scene, message)
    assert "签到成功" in first
    again = [await press(scene, message) for _ in range(13)]
    assert set(again) <= {
        words.replace("7", "1") for words in ways("lulu", "checkin/already_checked_in", "zh")
    }
    assert len(set(again)) == len(again)


async def test_another_persona_is_another_person(scene: Scene, tmp_path: Path) -> None:
    settings = settings_for(scene, sqlite_url(tmp_path), persona={"key": "kai"})
    async with running(settings):
        mia = scene.telegram.world.add_user("Mia", language_code="en")
        door = scene.telegram.world.private(mia, scene.bot)
        said = await ask(scene, "/about", 3)
        scene.telegram.world.say(mia, door, "/about")
        await heard(scene, door, 1)
        (english,) = scene.said(door)
    assert set(said) <= set(ways("kai", "help/about", "zh"))
    assert english.replace("Mia", "Lin") in ways("kai", "help/about", "en")


@pytest.mark.parametrize(("hour", "greeting"), [(9, "早呀"), (23, "夜深啦")])
async def test_she_greets_by_the_fan_s_own_hour(
    house: App, scene: Scene, hour: int, greeting: str
) -> None:
    """Of twelve ways to ask for a language one begins by the hour; of forty fans some hear it."""
    telegram, world = scene.telegram, scene.telegram.world
    telegram.clock.set(datetime(2030, 1, 2, hour, 10, tzinfo=ZoneInfo("Asia/Shanghai")))
    lins = [world.add_user("Lin", language_code="zh-hans") for _ in range(40)]
    for lin in lins:
        world.say(lin, world.private(lin, scene.bot), "/language")
    for lin in lins:
        await heard(scene, world.private(lin, scene.bot), 1)
    said = [words for lin in lins for words in scene.said(world.private(lin, scene.bot))]
    assert set(said) <= set(ways("lulu", "fans/language_asked", "zh", hour))
    assert any(words.startswith(greeting) for words in said)


async def test_a_persona_given_to_a_community_outlasts_the_settings(
    scene: Scene, tmp_path: Path
) -> None:
    """`voice import` wins over [persona], and can be taken back."""
    url = sqlite_url(tmp_path)
    settings = settings_for(scene, url)
    mia = {"key": "mia", "words": "kai", "zh": {"name": "米娅", "self": "米米"}}

    async def give(persona: Mapping[str, Any] | None) -> None:
        async with opened(url) as database:
            name = settings.community.name
            assert await database.work(lambda db: communities.give_persona(db, name, persona))

    async with running(settings):
        first = await ask(scene, "/about", 2)
    await give(mia)
    async with running(settings):
        given = await ask(scene, "/about", 2)
    await give(None)
    async with running(settings):
        again = await ask(scene, "/about", 2)
    assert all("小鹿" in words for words in first + again)
    assert all("米娅" in words and "我" not in words for words in given)
    assert all(one != other for one, other in pairwise(first + given + again))


async def test_a_community_that_nobody_knows_gets_no_persona(tmp_path: Path) -> None:
    async with opened(sqlite_url(tmp_path)) as database:
        await upgrade(database)
        assert not await database.work(lambda db: communities.give_persona(db, "x", {"key": "a"}))
        assert await database.read(lambda db: communities.persona_of(db, "x")) is None


async def test_a_persona_that_does_not_exist_stops_the_start(scene: Scene, tmp_path: Path) -> None:
    settings = settings_for(scene, sqlite_url(tmp_path), persona={"key": "nobody"})
    with pytest.raises(NobodyOfThatName, match="nobody is called nobody"):
        async with running(settings):
            pass


async def test_two_hundred_fans_hear_sixty_days_without_a_sentence_coming_back_too_soon(
    tmp_path: Path,
) -> None:
    """Each checks in daily, some twice; numbers apart, no sentence returns within half its pool."""
    rows = [{"key": "lulu"}, {"key": "kai"}]
    names = ("checkin/checked_in", "checkin/already_checked_in")

    def live(db: Connection) -> None:
        for fan in range(200):
            persona, locale = rows[fan % 2], ("zh", "en", "zh-TW")[fan % 3]
            last: dict[str, int] = {}
            for number in range(60):
                for name in names[: 1 + (number + fan) % 2]:
                    pool = VOICE.variants(name, locale, persona)
                    words = VOICE.render(
                        name,
                        {"name": "Lin", "streak": 7, "points": 10, "total": 7},
                        locale=locale,
                        persona=persona,
                        variant=bags.draw(db, fan, name, locale, pool),
                    )
                    # Who hears the second answer every other day hears it half as often.
                    gap = pool / 2 if name == names[0] else pool
                    assert number - last.get(words, -99) > gap
                    last[words] = number

    async with opened(sqlite_url(tmp_path)) as database:
        await upgrade(database)
        await database.work(live)
