"""Fans, as Telegram sees them."""

from __future__ import annotations

from aiogram.types import CallbackQuery, Message

from handlers.doors import Door, Due, React
from handlers.fans import card, cities, privacy, rules, service, zones
from storage.records import Late


async def on_language(_: Message, react: React) -> None:
    """A fan wants to be spoken to in another language."""
    await react(service.ask_language)


async def on_language_chosen(_: CallbackQuery, react: React, key: str) -> None:
    """One of the languages under the question was tapped."""
    await react(service.set_language, key.removeprefix("language_"))


async def on_me(_: Message, react: React) -> None:
    """Who am I here?"""
    await react(service.show_me)


async def on_zone(_: Message, react: React, argument: str) -> None:
    """Which clock is mine? With a city after it (or 我在东京), that one."""
    if argument:
        await react(zones.choose, argument)
    else:
        await react(zones.ask)


async def on_zone_chosen(_: CallbackQuery, react: React, key: str) -> None:
    """One of the clocks under the question."""
    await react(zones.choose, key)


async def on_zone_skipped(_: CallbackQuery, react: React) -> None:
    """They would rather not say."""
    await react(zones.skip)


async def on_privacy(_: Message, react: React) -> None:
    """What do you keep of me?"""
    await react(privacy.show)


async def on_my_data(_: Message | CallbackQuery, react: React) -> None:
    """All of it, please."""
    await react(privacy.hand_over)


async def on_forget(_: Message | CallbackQuery, react: React) -> None:
    """Somebody wants to be forgotten: ask once."""
    await react(privacy.ask)


async def on_forget_agreed(_: CallbackQuery, react: React, argument: str) -> None:
    """For good, then."""
    await react(privacy.agree, argument)


async def on_forget_not(_: CallbackQuery, react: React) -> None:
    """They thought again."""
    await react(privacy.keep)


DOOR = Door(
    commands={
        "language": on_language,
        "me": on_me,
        "zone": on_zone,
        "privacy": on_privacy,
        "forget": on_forget,
    },
    private_words={
        **dict.fromkeys(("语言", "語言", "language"), on_language),
        **dict.fromkeys(("我的", "me"), on_me),
        **dict.fromkeys(("时区", "時區", "zone"), on_zone),
        **dict.fromkeys(("隐私", "隱私", "privacy"), on_privacy),
        **dict.fromkeys(("我的资料", "我的資料", "my data"), on_my_data),
        **dict.fromkeys(("删除我的资料", "刪除我的資料", "delete my data"), on_forget),
    },
    patterns={cities.said(): on_zone},
    buttons={
        **dict.fromkeys(cities.OFFERED, on_zone_chosen),
        "zone_skip": on_zone_skipped,
        **{f"language_{locale}": on_language_chosen for locale in rules.LANGUAGES},
        "my_data": on_my_data,
        "forget_me": on_forget,
        "forget_yes": on_forget_agreed,
        "forget_no": on_forget_not,
    },
    jobs={
        zones.ASK: Due(zones.ask_when_due, Late.SKIP),
        privacy.ERASE: Due(privacy.erase_anyway),
        privacy.SWEEP: Due(privacy.sweep),
    },
    thens={"erase": privacy.erase},
    pictures={"me": card.draw},
)
