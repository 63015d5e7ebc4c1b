"""First words, as Telegram sees them."""

from __future__ import annotations

from aiogram.types import Message

from handlers.doors import Door, React
from handlers.help import service


async def on_start(_: Message, react: React, argument: str) -> None:
    """Somebody opened the door; what led them here follows the command."""
    await react(service.start, argument)


async def on_help(_: Message, react: React) -> None:
    """What can I do here?"""
    await react(service.explain)


async def on_about(_: Message, react: React) -> None:
    """Who is speaking?"""
    await react(service.tell_about)


async def on_words(_: Message, react: React) -> None:
    """Something that no room understands."""
    await react(service.wonder)


DOOR = Door(
    commands={"start": on_start, "help": on_help, "about": on_about},
    private_words=dict.fromkeys(("帮助", "幫助", "help"), on_help),
    otherwise=on_words,
    groups=frozenset({"help"}),
)
