"""The scripted evening: five fans, two groups, words, commands, buttons, a language, a due job.

It is told in waves. The acts of a wave happen at once; the next wave begins when the bot has
taken in and answered everything, however often it had to be restarted for that.
"""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from bot.playground import BotAccount, Chat, Clock, Message, Playground, User

NOON = datetime(2030, 1, 2, 4, 0, tzinfo=UTC)  # in Shanghai; no run may cross a midnight
CHECK_IN, ENGLISH = "签到", "English"

Wave = Callable[["Evening"], None]


def evening_clock() -> Clock:
    return Clock(NOON)


@dataclass(slots=True)
class Evening:
    """Who is there. Made before the bot starts, so that its first updates wait for it."""

    telegram: Playground
    bot: BotAccount = field(init=False)
    owner: User = field(init=False)
    fans: dict[str, User] = field(init=False)
    group: Chat = field(init=False)
    deaf: Chat = field(init=False)
    first_update: int = field(init=False)

    def __post_init__(self) -> None:
        world = self.telegram.world
        self.owner = world.add_user("小鹿")
        self.fans = {name: world.add_user(name) for name in ("Lin", "Ann", "Bo", "Eve")}
        self.fans["Mia"] = world.add_user("Mia", language_code="en")
        # Several runs may share a Redis, where a bot is known by its number.
        token = f"{random.SystemRandom().randrange(10**9, 10**10)}:{'A' * 35}"
        self.bot = world.add_bot("小鹿的小助手", "lulu_renqing_bot", token=token)
        world.start(self.owner, self.bot)  # she hears in private what happens to her groups
        members = [self.fans[name] for name in ("Lin", "Ann", "Bo", "Mia")]
        self.group = world.make_supergroup("林间小屋", self.owner, members, [self.bot])
        world.promote(self.group, self.bot, can_delete_messages=True)
        self.first_update = min(world.updates.queue(self.bot).pending)
        self.deaf = world.make_supergroup("听不见的群", self.owner, (), [self.bot])

    @property
    def update_ids(self) -> range:
        """The numbers of all updates that Telegram ever made for the bot."""
        return range(self.first_update, self.bot.last_update_id + 1)

    def door(self, name: str) -> Chat:
        """A fan's private chat."""
        return self.telegram.world.private(self.fans[name], self.bot)

    def say(self, name: str, words: str, chat: Chat | None = None) -> Message:
        return self.telegram.world.say(self.fans[name], chat or self.bot, words)

    def press(self, name: str, label: str, template_at: int = 0) -> None:
        """Press a button under a message of the bot in the private chat, the first that has it."""
        for message in self.telegram.world.messages(self.door(name)):
            rows = (message.markup or {}).get("inline_keyboard", [])
            labels = [button["text"] for row in rows for button in row]
            chosen = [text for text in labels if label in text]
            if chosen:
                self.telegram.world.press(self.fans[name], message, chosen[0])
                return
        raise AssertionError(f"nothing in {name}'s private chat has a button {label!r}")


def _morning(e: Evening) -> None:
    world = e.telegram.world
    e.say("Lin", CHECK_IN, e.group)
    e.say("Mia", "/checkin", e.group)
    e.say("Lin", "今天的歌真好听", e.group)
    e.say("Ann", "打卡！", e.group)
    world.send_media(e.fans["Bo"], e.group, "photo", caption="今晚的月亮")


def _doors(e: Evening) -> None:
    world = e.telegram.world
    world.start(e.fans["Lin"], e.bot)
    e.say("Lin", "/help")
    e.say("Bo", "你好呀")
    e.say("Lin", "/about")
    world.start(e.fans["Ann"], e.bot)
    e.say("Bo", "/help")


def _buttons(e: Evening) -> None:
    e.press("Ann", CHECK_IN)  # for the second time today
    e.press("Bo", CHECK_IN)  # for the first
    e.press("Lin", ENGLISH)


def _comings(e: Evening) -> None:
    world = e.telegram.world
    e.say("Lin", "/checkin")  # after the language: answered in English
    world.join(e.fans["Eve"], e.group)
    e.say("Eve", CHECK_IN, e.group)
    e.say("Mia", "打卡", e.group)
    first = next(m for m in world.messages(e.group) if m.text == CHECK_IN)
    world.react(e.fans["Ann"], first, "❤")
    world.edit(e.fans["Lin"], first, "签到啦")
    world.leave(e.fans["Ann"], e.group)


def _a_minute_later(e: Evening) -> None:
    e.telegram.clock.advance(61)
    e.telegram.world.start(e.fans["Eve"], e.bot)


def _goings(e: Evening) -> None:
    world = e.telegram.world
    world.block(e.fans["Bo"], e.bot)
    world.start(e.fans["Bo"], e.bot)
    e.say("Ann", "语言")
    e.say("Mia", CHECK_IN)
    e.say("Ann", CHECK_IN)


WAVES: tuple[Wave, ...] = (_morning, _doors, _buttons, _comings, _a_minute_later, _goings)

CREDITED = ("Ann", "Bo", "Eve", "Lin", "Mia")

LETTERS: dict[tuple[str, str], list[tuple[str, str]]] = {
    ("group", "小鹿"): [("groups/introduced", "zh")],
    ("group", "Lin"): [("checkin/checked_in", "zh")],
    ("group", "Mia"): [("checkin/checked_in", "en"), ("checkin/already_checked_in", "en")],
    ("group", "Ann"): [("checkin/checked_in", "zh")],
    ("group", "Eve"): [("checkin/checked_in", "zh")],
    ("deaf", "小鹿"): [("groups/introduced", "zh")],
    ("deaf", ""): [("groups/cannot_hear", "zh")],
    ("owner", "小鹿"): [("help/started", "zh"), ("groups/cannot_hear", "zh")],
    ("Lin", "Lin"): [
        ("help/started", "zh"),
        ("help/helped", "zh"),
        ("help/about", "zh"),
        ("checkin/already_checked_in", "en"),
    ],
    ("Bo", "Bo"): [("help/lost", "zh"), ("help/helped", "zh"), ("help/started", "zh")],
    ("Ann", "Ann"): [
        ("help/started", "zh"),
        ("fans/language_asked", "zh"),
        ("checkin/already_checked_in", "zh"),
    ],
    ("Eve", "Eve"): [("help/started", "zh")],
    ("Mia", "Mia"): [("checkin/already_checked_in", "en")],
}
"""By chat and fan, in order: every letter that the evening causes, each exactly once."""

BY_CHANCE = ("groups/set_up",)
"""Said only where the owner's /start came before her groups: a webhook's queues run abreast."""


async def tell(evening: Evening, quiet: Callable[[], Awaitable[Any]]) -> None:
    """Let everything happen; *quiet* returns when the bot has nothing left to do."""
    await quiet()
    for wave in WAVES:
        wave(evening)
        await quiet()
