"""Fans, as Telegram sees them."""

from __future__ import annotations

from aiogram.types import CallbackQuery, Message

from handlers.doors import Door, React
from handlers.fans import rules, service


async def on_language(_: Message, react: React) -> None:
    """A fan wants to be spoken to in another language."""
    await react(service.ask_language)


async def on_language_chosen(_: CallbackQuery, react: React, key: str) -> None:
    """One of the languages under the question was tapped."""
    await react(service.set_language, key.removeprefix("language_"))


DOOR = Door(
    commands={"language": on_language},
    private_words=dict.fromkeys(("语言", "語言", "language"), on_language),
    buttons={f"language_{locale}": on_language_chosen for locale in rules.LANGUAGES},
)
