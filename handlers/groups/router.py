"""Groups, as Telegram sees them."""

from __future__ import annotations

from typing import Final

import structlog
from aiogram import Bot
from aiogram.exceptions import AiogramError
from aiogram.types import (
    CallbackQuery,
    ChatJoinRequest,
    ChatMemberUnion,
    ChatMemberUpdated,
    Message,
    ResultChatMemberUnion,
)

from handlers.doors import Door, Due, React
from handlers.groups import comings, order, rules, service, setup, sieve, team
from handlers.groups.service import Own
from storage.order import What
from storage.records import Kind, Purpose, Reach, Standing

log = structlog.get_logger(__name__)

STANDINGS = {
    "member": Standing.MEMBER,
    "restricted": Standing.MEMBER,
    "administrator": Standing.ADMIN,
    "creator": Standing.ADMIN,
    "kicked": Standing.KICKED,
}


def own(member: ChatMemberUnion | ResultChatMemberUnion) -> Own:
    """The bot's place and rights, as Telegram words them."""
    rights = (right for right in rules.RIGHTS if getattr(member, right, False))
    return Own(STANDINGS.get(member.status, Standing.LEFT), frozenset(rights))


async def on_own_place(change: ChatMemberUpdated, react: React, bot: Bot) -> None:
    """The bot itself was added to a chat, promoted, demoted or removed."""
    was, now = own(change.old_chat_member), own(change.new_chat_member)
    if change.from_user.id == bot.id:  # it left, as it was told to
        await react.house(service.note_place, now)
    elif change.from_user.is_bot:  # an anonymous admin, or another bot
        await react.house(service.stand_anonymous, was, now)
    else:
        await react(service.stand, was, now)


async def on_blocked(_: ChatMemberUpdated, react: React) -> None:
    await react(service.open_door, Reach.BLOCKED)


async def on_unblocked(_: ChatMemberUpdated, react: React) -> None:
    await react(service.open_door, Reach.OPEN)


async def on_migration(message: Message, react: React) -> None:
    """A group was upgraded; Telegram tells the old side and the new one, in any order."""
    old = message.migrate_from_chat_id or message.chat.id
    new = message.migrate_to_chat_id or message.chat.id
    await react.house(service.move, old, new)


async def on_code(_: Message, react: React, argument: str) -> None:
    """Somebody sends the code that the console printed."""
    await react(service.claim, argument)


async def on_keep(_: CallbackQuery, react: React, argument: str) -> None:
    """The owner knows the group that a stranger put us into."""
    await react(service.settle, int(argument), stay=True)


async def on_leave(_: CallbackQuery, react: React, argument: str) -> None:
    """The owner does not."""
    await react(service.settle, int(argument), stay=False)


async def on_setup(message: Message, react: React, bot: Bot) -> None:
    """The owner asks what the bot is here; Telegram is asked first what it may do."""
    rights, standing = None, None
    if message.chat.type != "private":
        try:
            place = own(await bot.get_chat_member(message.chat.id, bot.id))
            rights, standing = place.rights, place.standing
        except AiogramError as error:
            log.warning("cannot ask for our own rights", error=type(error).__name__)
    await react(setup.open_here, rights, standing)


async def on_open(_: CallbackQuery, react: React, argument: str) -> None:
    """One of the groups in the list."""
    await react(setup.open_one, int(argument))


async def on_purpose(press: CallbackQuery, react: React, key: str, argument: str) -> None:
    """What the group is for."""
    word = key.removeprefix("as_")
    purpose = Purpose.NONE if word == "none" else Purpose(word)
    await react(setup.set_purpose, int(argument), purpose, _number(press))


async def on_loudness(press: CallbackQuery, react: React, key: str, argument: str) -> None:
    """How typed check-ins are answered."""
    await react(setup.set_loudness, int(argument), key.removeprefix("loud_"), _number(press))


async def on_switch(press: CallbackQuery, react: React, key: str, argument: str) -> None:
    """The welcome, the question at the door, the sieve."""
    await react(setup.switch, int(argument), key, _number(press))


async def on_door(_: Message, react: React, argument: str) -> None:
    """Another question at the door."""
    await react(setup.set_door, argument)


async def on_staff(message: Message, react: React, argument: str) -> None:
    """Who helps, and who shall."""
    await react(team.manage, argument, _answered(message))


async def _order(message: Message, react: React, what: What, argument: str) -> None:
    """Telegram lets only those who run a group speak as the group."""
    speaker = message.sender_chat
    if speaker is None:
        await react(order.command, what, argument, _answered(message))
    elif speaker.id == message.chat.id:
        await react.house(order.command_anonymous, what, argument, _answered(message))


async def on_warn(message: Message, react: React, argument: str) -> None:
    await _order(message, react, What.WARN, argument)


async def on_mute(message: Message, react: React, argument: str) -> None:
    await _order(message, react, What.MUTE, argument)


async def on_unmute(message: Message, react: React, argument: str) -> None:
    await _order(message, react, What.UNMUTE, argument)


async def on_ban(message: Message, react: React, argument: str) -> None:
    await _order(message, react, What.BAN, argument)


async def on_unban(message: Message, react: React, argument: str) -> None:
    await _order(message, react, What.UNBAN, argument)


async def on_lift(_: CallbackQuery, react: React, argument: str) -> None:
    """The way back from what was ordered."""
    await react(order.lift, int(argument))


async def on_join(came: ChatMemberUpdated | Message, react: React) -> None:
    """Somebody came in; who looks, the lane says: the one who joined."""
    link = came.invite_link if isinstance(came, ChatMemberUpdated) else None
    await react(comings.arrive, (link.name or link.invite_link) if link is not None else "")


async def on_gone(_: ChatMemberUpdated | Message, react: React) -> None:
    await react(comings.leave)


async def on_knock(_: ChatJoinRequest, react: React) -> None:
    """Somebody asks to come in."""
    await react(comings.knock)


async def on_gate(_: CallbackQuery, react: React, key: str, argument: str) -> None:
    """An answer to the question at the door."""
    await react(comings.answer, int(argument), int(key.removeprefix("gate_")) - 1)


async def on_gate_person(_: CallbackQuery, react: React, argument: str) -> None:
    """They would rather have a person look."""
    await react(comings.ask_person, int(argument))


async def on_gate_decided(_: CallbackQuery, react: React, key: str, argument: str) -> None:
    """Somebody of the staff has looked."""
    await react(comings.decide, int(argument), let_in=key == "gate_open")


async def on_suspect(message: Message, react: React) -> None:
    """A forwarded message in a group, or one with a link, or one too many."""
    words = message.text or message.caption or ""
    why = "link"
    if message.forward_origin is not None:
        why = "forward"
    elif not has_link(message):
        why = "flood"
    await react(sieve.look, why, words)


async def on_restore(_: CallbackQuery, react: React, argument: str) -> None:
    """The words go back to the group."""
    await react(sieve.restore, int(argument))


LINKS: Final = frozenset({"url", "text_link"})


def has_link(message: Message) -> bool:
    entities = message.entities or message.caption_entities or ()
    return any(entity.type in LINKS for entity in entities)


def _number(press: CallbackQuery) -> int | None:
    return press.message.message_id if press.message is not None else None


def _answered(message: Message) -> int | None:
    """Telegram's id of the person whose message is answered; a channel or a bot is nobody."""
    reply = message.reply_to_message
    # Everything in a topic "answers" the service message that opened it.
    if reply is None or reply.forum_topic_created is not None or reply.sender_chat is not None:
        return None
    author = reply.from_user
    return author.id if author is not None and not author.is_bot else None


DOOR = Door(
    commands={
        "setup": on_setup,
        "staff": on_staff,
        "door": on_door,
        "warn": on_warn,
        "mute": on_mute,
        "unmute": on_unmute,
        "ban": on_ban,
        "unban": on_unban,
    },
    buttons={
        "keep": on_keep,
        "leave": on_leave,
        **{f"open_{n}": on_open for n in range(1, rules.SLOTS + 1)},
        "look": on_open,
        **{f"as_{purpose.value or 'none'}": on_purpose for purpose in Purpose},
        **{f"loud_{loud}": on_loudness for loud in rules.LOUDNESS},
        **dict.fromkeys(rules.SWITCHES, on_switch),
        "lift": on_lift,
        **{f"gate_{n}": on_gate for n in range(1, rules.GATE_ANSWERS + 1)},
        "gate_person": on_gate_person,
        **dict.fromkeys(("gate_open", "gate_shut"), on_gate_decided),
        "restore": on_restore,
    },
    patterns={rules.CODE: on_code},
    events={
        Kind.BOT_MEMBER: on_own_place,
        Kind.BLOCK: on_blocked,
        Kind.UNBLOCK: on_unblocked,
        Kind.MIGRATION: on_migration,
        Kind.JOIN: on_join,
        Kind.LEAVE: on_gone,
        Kind.JOIN_REQUEST: on_knock,
        Kind.FORWARD: on_suspect,
    },
    jobs={
        "groups.confess": Due(service.confess_when_due),
        comings.WELCOME: Due(comings.greet),
        sieve.FADE: Due(sieve.fade),
    },
    thens={"ordered": order.told, "welcomed": comings.replace, "noticed": sieve.notice},
    staff={
        **dict.fromkeys(("keep", "leave", "staff"), rules.OWNERS),
        **dict.fromkeys(("setup", "door", "look", *rules.SWITCHES), rules.SETTERS),
        **{f"open_{n}": rules.SETTERS for n in range(1, rules.SLOTS + 1)},
        **{f"as_{purpose.value or 'none'}": rules.SETTERS for purpose in Purpose},
        **{f"loud_{loud}": rules.SETTERS for loud in rules.LOUDNESS},
        **dict.fromkeys(("warn", "mute", "unmute", "ban", "unban", "lift"), rules.KEEPERS),
        **dict.fromkeys(("gate_open", "gate_shut", "restore"), rules.KEEPERS),
    },
)
