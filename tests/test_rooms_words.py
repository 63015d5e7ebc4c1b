"""First words, help, language, and a kind answer to what nobody understood."""

from __future__ import annotations

import pytest

from bot.app import App
from bot.playground import Chat
from handlers.fans.rules import LANGUAGES, LanguageAsked, LanguageSet, choose
from storage import outbox
from tests.house import Scene


@pytest.fixture
async def door(house: App, scene: Scene) -> Chat:
    """The fan's private chat, opened with Start."""
    scene.telegram.world.start(scene.fan, scene.bot)
    private = scene.telegram.world.private(scene.fan, scene.bot)
    await scene.telegram.until(lambda: scene.said(private))
    return private


async def answer_to(house: App, scene: Scene, words: str) -> str:
    """The template of the answer to private words."""
    private = scene.telegram.world.private(scene.fan, scene.bot)
    count = len(scene.messages_of_bot(private))
    scene.telegram.world.say(scene.fan, scene.bot, words)
    await scene.telegram.until(lambda: len(scene.messages_of_bot(private)) > count)
    query = outbox.table.select().order_by(outbox.table.c.id.desc()).limit(1)
    return str((await house.database.read(lambda db: db.execute(query).one())).template)


@pytest.mark.parametrize(
    ("words", "template"),
    [
        ("/start", "help/started"),
        ("/start ref_123", "help/started"),
        ("/help", "help/helped"),
        ("帮助", "help/helped"),
        ("幫助！", "help/helped"),
        (" HELP ", "help/helped"),
        ("/about", "help/about"),
        ("/language", "fans/language_asked"),
        ("语言", "fans/language_asked"),
        ("在吗", "help/lost"),
        ("/nosuchthing", "help/lost"),
        ("/", "help/lost"),
        ("//", "help/lost"),
        ("/@", "help/lost"),
        ("。", "help/lost"),
        ("🙂", "help/lost"),
    ],
)
async def test_private_words_find_their_answer(
    house: App, scene: Scene, door: Chat, words: str, template: str
) -> None:
    assert await answer_to(house, scene, words) == template


@pytest.mark.parametrize("locale", LANGUAGES)
async def test_a_language_is_spoken_from_the_tap_on(
    house: App, scene: Scene, door: Chat, locale: str
) -> None:
    world = scene.telegram.world
    await answer_to(house, scene, "/language")
    card = scene.messages_of_bot(door)[-1]
    press = world.press(scene.fan, card, list(LANGUAGES).index(locale))
    await scene.telegram.until(lambda: press.answer)
    assert press.answer is not None
    assert LANGUAGES[locale] in press.answer.text
    await answer_to(house, scene, "/help")
    helped = scene.messages_of_bot(door)[-1].words
    wanted = {"zh": "签到", "zh-TW": "簽到", "en": "check"}[locale]
    assert wanted in helped.lower()


def test_a_language_that_nobody_speaks_is_asked_again() -> None:
    assert choose("Lin", "tlh") == LanguageAsked("Lin")
    assert choose("Lin", "en") == LanguageSet("Lin", "English")


async def test_a_group_is_not_told_that_it_was_not_understood(house: App, scene: Scene) -> None:
    world = scene.telegram.world
    for words in ("在吗", "/nosuchthing", "帮助", "语言"):
        world.say(scene.fan, scene.group, words)
    world.say(scene.fan, scene.group, "/help")
    await scene.telegram.until(lambda: scene.said())
    assert len(scene.said()) == 1
