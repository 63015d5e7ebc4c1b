"""Check-in, as Telegram sees it."""

from __future__ import annotations

from aiogram.types import CallbackQuery, Message

from handlers.checkin import service
from handlers.doors import Door, React


async def on_check_in(_: Message, react: React) -> None:
    """A fan signs in for the day."""
    await react(service.check_in)


async def on_press(_: CallbackQuery, react: React) -> None:
    """The same by a button; the answer is a toast."""
    await react(service.check_in)


DOOR = Door(
    commands={"checkin": on_check_in},
    words=dict.fromkeys(("签到", "簽到", "打卡"), on_check_in),
    buttons={"check_in": on_press},
)
