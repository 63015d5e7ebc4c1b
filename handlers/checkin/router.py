"""Check-in, as Telegram sees it."""

from __future__ import annotations

from datetime import date

from aiogram.types import CallbackQuery, Message

from handlers.checkin import boards, calendar, calendar_picture, card, reminders, service
from handlers.doors import Door, Due, React

REMIND = frozenset({"remind", "提醒"})


async def on_check_in(_: Message, react: React, argument: str) -> None:
    """A fan signs in for the day, or asks to be reminded of it (/checkin remind 20:00)."""
    words = argument.split(maxsplit=1)
    if words and words[0].lower() in REMIND:
        await react(reminders.ask, " ".join(words[1:]))
    else:
        await react(service.check_in)


async def on_press(_: CallbackQuery, react: React) -> None:
    """The same by a button; the answer is a toast."""
    await react(service.check_in)


async def on_make_up(_: Message, react: React) -> None:
    """Which day is open, and what it costs."""
    await react(service.offer_make_up)


async def on_make_up_wanted(_: CallbackQuery, react: React) -> None:
    """The same by the button under a row that began anew."""
    await react(service.offer_make_up_by_button)


async def on_make_up_agreed(_: CallbackQuery, react: React, argument: str) -> None:
    """The day under the button is made up."""
    await react(service.make_up, date.fromisoformat(argument))


async def on_month(_: Message, react: React) -> None:
    """The calendar of this month."""
    await react(calendar.show)


async def on_month_wanted(_: CallbackQuery, react: React) -> None:
    """The same by a button: in a group only a line, for the presser alone."""
    await react(calendar.show_by_button)


async def on_rank(_: Message, react: React, argument: str) -> None:
    """Who came today; with a word after the command, this week or ever."""
    await react(boards.rank, boards.board_of(argument))


async def on_board(press: CallbackQuery, react: React, key: str) -> None:
    """Another board."""
    message = press.message.message_id if press.message is not None else None
    await react(boards.turn, key.removeprefix("rank_"), message)


async def on_remind_words(_: Message, react: React) -> None:
    """A fan would like to be reminded."""
    await react(reminders.ask, "")


async def on_remind_hour(_: CallbackQuery, react: React, key: str) -> None:
    """One of the hours that were offered, or none."""
    text = key.removeprefix("remind_")
    await react(reminders.ask, f"{text[:2]}:{text[2:]}" if text != "off" else text)


DOOR = Door(
    commands={"checkin": on_check_in, "makeup": on_make_up, "rank": on_rank},
    words=dict.fromkeys(("签到", "簽到", "打卡"), on_check_in),
    private_words={
        **dict.fromkeys(("补签", "補簽", "makeup"), on_make_up),
        **dict.fromkeys(("日历", "日曆", "月历", "月曆", "calendar"), on_month),
        **dict.fromkeys(("排行", "排行榜", "排名", "rank"), on_rank),
        **dict.fromkeys(("签到提醒", "簽到提醒"), on_remind_words),
    },
    buttons={
        "check_in": on_press,
        "make_up_offer": on_make_up_wanted,
        "make_up": on_make_up_agreed,
        "month": on_month_wanted,
        **dict.fromkeys(("rank_today", "rank_week", "rank_all"), on_board),
        **dict.fromkeys(("remind_1200", "remind_2000", "remind_2200"), on_remind_hour),
        "remind_off": on_remind_hour,
    },
    jobs={
        card.NEW: Due(card.post),
        card.COUNT: Due(card.count),
        reminders.KIND: Due(reminders.remind),
    },
    thens={"carded": card.pin, "counted": card.recount},
    groups=frozenset({"checkin", "rank"}),
    pictures={"month": calendar_picture.draw},
)
