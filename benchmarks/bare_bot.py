"""The bot of every tutorial: stock aiogram, long polling, a handler that answers at once."""

from __future__ import annotations

import asyncio
import sys

from aiogram import Bot, Dispatcher
from aiogram.client.session.aiohttp import AiohttpSession
from aiogram.client.telegram import TelegramAPIServer
from aiogram.types import Message


async def on_message(message: Message) -> None:
    if message.chat.type == "private":
        await message.answer("签到成功！连续 1 天，积分 +10")


async def main(base: str, token: str) -> None:
    bot = Bot(token, AiohttpSession(api=TelegramAPIServer.from_base(base)))
    dispatcher = Dispatcher()
    dispatcher.message.register(on_message)
    await dispatcher.start_polling(bot)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
