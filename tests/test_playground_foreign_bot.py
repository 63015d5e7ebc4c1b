"""A bot that is not ours, written as aiogram's manual says, runs on the playground unchanged."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from functools import partial
from random import Random

import pytest
from aiogram import Bot, Dispatcher, F
from aiogram.client.default import DefaultBotProperties
from aiogram.client.session.aiohttp import AiohttpSession
from aiogram.client.telegram import TelegramAPIServer
from aiogram.filters import Command, CommandStart
from aiogram.types import (
    BufferedInputFile,
    CallbackQuery,
    ChatMemberUpdated,
    KeyboardButton,
    Message,
    ReplyKeyboardMarkup,
)
from aiogram.utils.keyboard import InlineKeyboardBuilder

from bot.playground import BotAccount, Flood, Playground, User
from bot.playground import Message as Said
from bot.playground.world import painted

PHOTO_WORDS = "a photo"


def foreign_bot() -> Dispatcher:
    """Thirty lines of somebody else's bot: keyboards, callbacks, files."""
    dp = Dispatcher()

    @dp.message(CommandStart())
    async def on_start(message: Message) -> None:
        menu = [[KeyboardButton(text=PHOTO_WORDS), KeyboardButton(text="count")]]
        await message.answer(
            "<b>Hello</b>", reply_markup=ReplyKeyboardMarkup(keyboard=menu, resize_keyboard=True)
        )

    @dp.message(F.text == "count")
    async def on_count(message: Message) -> None:
        keyboard = InlineKeyboardBuilder()
        keyboard.button(text="0", callback_data="up:0")
        await message.answer("Press me", reply_markup=keyboard.as_markup())

    @dp.callback_query(F.data.startswith("up:"))
    async def on_press(query: CallbackQuery) -> None:
        count = int((query.data or "").partition(":")[2]) + 1
        keyboard = InlineKeyboardBuilder()
        keyboard.button(text=str(count), callback_data=f"up:{count}")
        assert isinstance(query.message, Message)
        await query.message.edit_text(f"Pressed {count}", reply_markup=keyboard.as_markup())
        await query.answer("counted")

    @dp.message(F.text == PHOTO_WORDS)
    async def on_photo_wish(message: Message) -> None:
        await message.answer_photo(BufferedInputFile(_PICTURE, "sun.png"), caption="<i>sun</i>")

    @dp.message(F.photo)
    async def on_photo(message: Message, bot: Bot) -> None:
        assert message.photo
        got = await bot.download(message.photo[-1])
        assert got is not None
        await message.reply(f"{len(got.read())} bytes")

    @dp.message(Command("members"))
    async def on_members(message: Message) -> None:
        await message.answer(str(await message.chat.get_member_count()))

    @dp.my_chat_member()
    async def on_added(event: ChatMemberUpdated) -> None:
        if event.new_chat_member.status == "member" and event.chat.type != "private":
            await event.answer("thanks for having me")

    return dp


_PICTURE = painted(Random(1))


@pytest.fixture
async def telegram() -> AsyncIterator[Playground]:
    async with Playground(lint_fails=True, flood=Flood.off()) as playground:
        yield playground


@pytest.fixture
async def account(telegram: Playground) -> AsyncIterator[BotAccount]:
    account = telegram.world.add_bot("Foreign", "foreign_bot")
    session = AiohttpSession(api=TelegramAPIServer.from_base(telegram.url))
    bot = Bot(account.token, session=session, default=DefaultBotProperties(parse_mode="HTML"))
    dp = foreign_bot()
    polling = asyncio.create_task(dp.start_polling(bot, handle_signals=False, polling_timeout=10))
    yield account
    await dp.stop_polling()
    await polling


async def test_a_foreign_bot_answers_with_keyboards_callbacks_and_files(
    telegram: Playground, account: BotAccount
) -> None:
    world = telegram.world
    mia = world.add_user("Mia", language_code="en")

    world.start(mia, account)
    hello = await telegram.until(lambda: _last(telegram, account, mia, "Hello"))
    assert hello.html == "<b>Hello</b>"
    assert hello.keyboard is not None
    assert hello.keyboard["keyboard"][0][0]["text"] == "a photo"

    world.say(mia, account, "count")
    counter = await telegram.until(lambda: _last(telegram, account, mia, "Press me"))
    for expected in (1, 2):
        press = world.press(mia, counter, 0)
        await telegram.until(partial(getattr, press, "answer"))
        assert press.answer is not None
        assert press.answer.text == "counted"
        assert counter.text == f"Pressed {expected}"
        assert counter.buttons[0]["text"] == str(expected)

    world.say(mia, account, "a photo")
    photo = await telegram.until(
        lambda: next((m for m in world.messages(account, of=mia) if m.caption == "sun"), None)
    )
    assert photo.media is not None
    assert world.files[photo.media["file"]].data == _PICTURE

    sent = world.send_media(mia, account, "photo", data=_PICTURE + b"tail")
    answer = await telegram.until(lambda: _last(telegram, account, mia, "bytes"))
    assert answer.text == f"{len(_PICTURE) + 4} bytes"
    assert answer.reply_to is sent


async def test_a_foreign_bot_is_added_to_a_group(telegram: Playground, account: BotAccount) -> None:
    world = telegram.world
    mia, lin = world.add_user("Mia"), world.add_user("Lin")
    group = world.make_supergroup("Friends", mia, [lin])
    world.add_member(group, account)
    await telegram.until(
        lambda: any(m.text == "thanks for having me" for m in world.messages(group))
    )
    world.say(lin, group, "nobody but us hears this")
    world.say(lin, group, "/members")
    await telegram.until(lambda: [m for m in world.messages(group) if m.text == "3"])
    assert not telegram.lint


def _last(telegram: Playground, bot: BotAccount, user: User, part: str) -> Said | None:
    found = [
        m for m in telegram.world.messages(bot, of=user) if m.sender is bot and part in m.words
    ]
    return found[-1] if found else None
