"""The house, running in this process against a playground: what room and fault tests stand on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from bot.app import App, open_app
from bot.config import Settings
from bot.playground import BotAccount, Chat, Message, Playground, User


@dataclass(slots=True)
class Scene:
    """A playground with one fan group: its owner, the bot as an admin in it, and a fan."""

    telegram: Playground
    bot: BotAccount
    owner: User
    fan: User
    group: Chat
    introduced: int = 0

    def messages_of_bot(self, chat: Chat | None = None) -> list[Message]:
        """What the bot wrote in a chat, oldest first; in the group, since it introduced itself."""
        messages = self.telegram.world.messages(chat or self.group)
        ours = [m for m in messages if m.sender is not None and m.sender.id == self.bot.id]
        return ours[self.introduced :] if chat in (None, self.group) else ours

    def said(self, chat: Chat | None = None, count: int = 0) -> list[str]:
        """The same as texts; empty until there are *count* of them."""
        texts = [m.words for m in self.messages_of_bot(chat)]
        return texts if len(texts) >= count else []

    async def introduce(self) -> None:
        """Let the bot say its first words in the group, and count only what follows."""
        queue = self.telegram.world.updates.queue(self.bot)
        await self.telegram.until(self.messages_of_bot, within=10)
        await self.telegram.until(lambda: not queue.pending, within=10)
        self.introduced = len(self.messages_of_bot())


def make_scene(telegram: Playground) -> Scene:
    world = telegram.world
    owner = world.add_user("小鹿", language_code="zh-hans")
    fan = world.add_user("Lin", language_code="zh-hans")
    bot = world.add_bot("小鹿的小助手", "lulu_renqing_bot")
    group = world.make_supergroup("小鹿的林间小屋", owner, members=[fan], bots=[bot])
    world.promote(group, bot, can_delete_messages=True, can_pin_messages=True)
    return Scene(telegram, bot, owner, fan, group)


def settings_for(scene: Scene, url: str, **sections: Any) -> Settings:
    """Settings of one bot in the scene; *sections* replace or extend."""
    telegram = {
        "token": scene.bot.token,
        "api_base": scene.telegram.url,
        "owners": [scene.owner.id],
        **sections.pop("telegram", {}),
    }
    return Settings(
        **{
            "telegram": telegram,
            "storage": {"url": url},
            "web": {"port": 0, "remembered": True},
            "clock": {"url": f"{scene.telegram.url}/clock"},
            **sections,
        }
    )


@asynccontextmanager
async def running(settings: Settings) -> AsyncIterator[App]:
    """The whole house, stopped gracefully at the end."""
    async with open_app(settings) as app, asyncio.TaskGroup() as tasks:
        work = tasks.create_task(app.run())
        try:
            yield app
        finally:
            app.stop()
            await work
