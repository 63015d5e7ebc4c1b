"""Groups, as Telegram sees them."""

from __future__ import annotations

from aiogram.types import CallbackQuery, ChatMemberUpdated, Message

from handlers.doors import Door, Due, React
from handlers.groups import rules, service
from storage.records import Kind, Reach, Standing

STANDINGS = {
    "member": Standing.MEMBER,
    "restricted": Standing.MEMBER,
    "administrator": Standing.ADMIN,
    "creator": Standing.ADMIN,
    "kicked": Standing.KICKED,
}


async def on_own_place(change: ChatMemberUpdated, react: React) -> None:
    """The bot itself was added to a chat, promoted, demoted or removed."""
    was = STANDINGS.get(change.old_chat_member.status, Standing.LEFT)
    now = STANDINGS.get(change.new_chat_member.status, Standing.LEFT)
    if change.from_user.is_bot:  # an anonymous admin, or another bot
        await react.house(service.note_place, now)
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


DOOR = Door(
    buttons={"keep": on_keep, "leave": on_leave},
    patterns={rules.CODE: on_code},
    events={
        Kind.BOT_MEMBER: on_own_place,
        Kind.BLOCK: on_blocked,
        Kind.UNBLOCK: on_unblocked,
        Kind.MIGRATION: on_migration,
    },
    jobs={"groups.confess": Due(service.confess_when_due)},
)
