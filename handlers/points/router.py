"""Points, as Telegram sees them."""

from __future__ import annotations

from aiogram.types import CallbackQuery, Message

from handlers.doors import Door, React
from handlers.points import rules, service


async def on_points(_: Message, react: React) -> None:
    """A fan asks what they own."""
    await react(service.show)


async def on_older(press: CallbackQuery, react: React, argument: str) -> None:
    """Further back in the history."""
    await react(service.turn, int(argument), _number(press))


async def on_newest(press: CallbackQuery, react: React) -> None:
    """Back to the first page."""
    await react(service.turn, None, _number(press))


async def on_give(message: Message, react: React, argument: str) -> None:
    """Staff gives points to somebody."""
    text, answered = _meant(message, argument)
    await react(service.give, text, answered)


async def on_correct(message: Message, react: React, argument: str) -> None:
    """Staff corrects what somebody owns."""
    text, answered = _meant(message, argument)
    await react(service.correct, text, answered)


def _number(press: CallbackQuery) -> int | None:
    return press.message.message_id if press.message is not None else None


def _meant(message: Message, argument: str) -> tuple[str, int | None]:
    """The words without the mention of somebody who has no username, and the Telegram id of the
    one who is meant: mentioned so, or answered."""
    for entity in message.entities or ():
        if entity.type == "text_mention" and entity.user is not None:
            shown = entity.extract_from(message.text or "")
            return argument.replace(shown, "", 1).strip(), entity.user.id
    reply = message.reply_to_message
    # Everything in a topic "answers" the service message that opened it.
    if reply is None or reply.forum_topic_created is not None or reply.sender_chat is not None:
        return argument, None
    author = reply.from_user
    return argument, author.id if author is not None and not author.is_bot else None


DOOR = Door(
    commands={"points": on_points, "give": on_give, "correct": on_correct},
    private_words=dict.fromkeys(("积分", "積分", "points"), on_points),
    buttons={"older": on_older, "newest": on_newest},
    staff=dict.fromkeys(("give", "correct"), rules.MAY),
    groups=frozenset({"points"}),
)
