"""Bot API methods that change what was said: edits, deletions, reactions, pins, and answers."""

from __future__ import annotations

from typing import Any

from bot.playground.methods import keyboards
from bot.playground.methods.desk import (
    Desk,
    Method,
    Params,
    chat_of,
    done,
    found,
    words,
    writable,
)
from bot.playground.methods.sending import attached, living
from bot.playground.records import Answer, BotAccount, Chat, Json, Message
from bot.playground.refusals import bad

_NOT_MODIFIED = (
    "message is not modified: specified new message content and reply markup are exactly the same"
    " as a current content and reply markup of the message"
)
_TWO_DAYS = 48 * 3600
#: What Telegram lets people and bots react with where a chat does not say otherwise.
REACTIONS = frozenset((
    "❤", "👍", "👎", "🔥", "🥰", "👏", "😁", "🤔", "🤯", "😱",
    "🤬", "😢", "🎉", "🤩", "🤮", "💩", "🙏", "👌", "🕊", "🤡",
    "🥱", "🥴", "😍", "🐳", "❤\u200d🔥", "🌚", "🌭", "💯", "🤣", "⚡",
    "🍌", "🏆", "💔", "🤨", "😐", "🍓", "🍾", "💋", "🖕", "😈",
    "😴", "😭", "🤓", "👻", "👨\u200d💻", "👀", "🎃", "🙈", "😇", "😨",
    "🤝", "✍", "🤗", "🫡", "🎅", "🎄", "☃", "💅", "🤪", "🗿",
    "🆒", "💘", "🙉", "🦄", "😘", "💊", "🙊", "😎", "👾", "🤷\u200d♂",
    "🤷", "🤷\u200d♀", "😡",
))  # fmt: skip


def _to_edit(desk: Desk, bot: BotAccount, p: Params) -> Message:
    if p.get("inline_message_id"):
        shared = desk.world.inline_messages.get(str(p["inline_message_id"]))
        if shared is None or shared.deleted or shared.via_bot is not bot:
            raise bad("MESSAGE_ID_INVALID")
        return shared
    if p.get("chat_id") is None or p.get("message_id") is None:
        raise bad("message identifier is not specified")
    chat = chat_of(desk, bot, p["chat_id"])
    message = found(desk, bot, chat, p["message_id"], "message to edit")
    own = message.extra.get("author") == bot.id
    if not own and chat.type == "channel":
        member = chat.member(bot)
        own = member is not None and member.may("can_edit_messages")
    if not own or message.service is not None or message.forward_origin is not None:
        raise bad("message can't be edited")
    if message.keyboard is not None:
        raise bad("message can't be edited")
    writable(desk, bot, p["chat_id"])
    return message


def _whispered(desk: Desk, bot: BotAccount, p: Params) -> Message:
    chat = chat_of(desk, bot, p.get("chat_id"))
    message = chat.ephemeral.get(p["ephemeral_message_id"])
    reader = message.ephemeral_for if message is not None else None
    if (
        message is None
        or message.deleted
        or message.extra.get("author") != bot.id
        or reader is None
        or reader.id != p["receiver_user_id"]
    ):
        raise bad("message to edit not found")
    return message


def _change(desk: Desk, bot: BotAccount, message: Message, p: Params, new: Json) -> None:
    """Put new content and keyboard into a message, unless nothing would change."""
    markup = keyboards.inline(p.get("reply_markup"), message.chat)
    new = {**new, "markup": markup}
    if all(_same(getattr(message, name), value) for name, value in new.items()):
        raise bad(_NOT_MODIFIED)
    only_buttons = all(
        name == "markup" or _same(getattr(message, name), value) for name, value in new.items()
    )
    for name, value in new.items():
        setattr(message, name, value)
    if markup is not None:
        message.extra["keyboard_of"] = bot.id
    desk.world.edited(message, by=bot, mark=not only_buttons)


def _same(old: Any, new: Any) -> bool:
    if isinstance(old, dict) and isinstance(new, dict) and "file" in old and "file" in new:
        return bool(old["kind"] == new["kind"] and old["file"] == new["file"])
    return bool(old == new)


def _edited_text(desk: Desk, bot: BotAccount, p: Params, message: Message) -> None:
    text, entities = words(desk, p)
    if message.text is None:
        raise bad("there is no text in the message to edit")
    if p.get("link_preview_options"):
        message.extra.setdefault("shown", {})["link_preview_options"] = p["link_preview_options"]
    _change(desk, bot, message, p, {"text": text, "entities": entities})


def _edited_caption(desk: Desk, bot: BotAccount, p: Params, message: Message) -> None:
    if message.media is None or message.media["kind"] in ("sticker", "dice", "video_note", "poll"):
        raise bad("there is no caption in the message to edit")
    caption, entities = words(desk, p, "caption")
    _change(desk, bot, message, p, {"caption": caption or None, "entities": entities})


def _edited_media(desk: Desk, bot: BotAccount, p: Params, message: Message) -> None:
    item = p["media"]
    kind = item.get("type")
    if kind not in ("photo", "video", "audio", "document", "animation"):
        raise bad("wrong InputMedia type")
    mixes = message.album and kind not in ("photo", "video")
    if mixes and message.media is not None and kind != message.media["kind"]:
        raise bad("message can't be edited: the album holds other media")
    caption, entities = words(desk, p, "caption", source=item)
    media = attached(desk, bot, kind, item.get("media"), p, {})
    new = {"media": media, "caption": caption or None, "entities": entities, "text": None}
    _change(desk, bot, message, p, new)


def _edited_markup(desk: Desk, bot: BotAccount, p: Params, message: Message) -> None:
    _change(desk, bot, message, p, {})


_EDITS = {
    "Text": _edited_text,
    "Caption": _edited_caption,
    "Media": _edited_media,
    "ReplyMarkup": _edited_markup,
}


def _edit(what: str) -> Method:
    def method(desk: Desk, bot: BotAccount, p: Params) -> Json | bool:
        if what == "Text":
            words(desk, p)
        message = _to_edit(desk, bot, p)
        _EDITS[what](desk, bot, p, message)
        return True if message.via_bot is not None else done(desk, bot, message)

    return method


def _edit_whisper(what: str) -> Method:
    def method(desk: Desk, bot: BotAccount, p: Params) -> bool:
        _EDITS[what](desk, bot, p, _whispered(desk, bot, p))
        return True

    return method


def delete_whisper(desk: Desk, bot: BotAccount, p: Params) -> bool:
    """deleteEphemeralMessage"""
    desk.world.removed(_whispered(desk, bot, p))
    return True


def _deletable(desk: Desk, bot: BotAccount, chat: Chat, message: Message) -> bool:
    own = message.extra.get("author") == bot.id or message.sender is bot
    member = chat.member(bot)
    if member is not None and member.may("can_delete_messages"):
        return True
    if desk.world.date() - message.date > _TWO_DAYS:
        return False
    kind = (message.service or {}).get("kind")
    if kind in ("supergroup_chat_created", "channel_chat_created", "migrate_from_chat_id"):
        return False
    return own or chat.type == "private"


def delete_message(desk: Desk, bot: BotAccount, p: Params) -> bool:
    """deleteMessage"""
    chat = chat_of(desk, bot, p.get("chat_id"))
    message = found(desk, bot, chat, p["message_id"], "message to delete")
    if not _deletable(desk, bot, chat, message):
        late = desk.world.date() - message.date > _TWO_DAYS
        raise bad("message can't be deleted for everyone" if late else "message can't be deleted")
    desk.world.removed(message)
    return True


def delete_messages(desk: Desk, bot: BotAccount, p: Params) -> bool:
    """deleteMessages: what cannot be found or deleted is skipped, as Telegram does."""
    numbers = p["message_ids"]
    if not isinstance(numbers, list) or not numbers:
        raise bad("message identifiers are not specified")
    if len(numbers) > 100:
        raise bad("too many message identifiers specified")
    chat = chat_of(desk, bot, p.get("chat_id"))
    for number in numbers:
        message = desk.world.find(chat, bot, number)
        if message is not None and _deletable(desk, bot, chat, message):
            desk.world.removed(message)
    return True


def set_message_reaction(desk: Desk, bot: BotAccount, p: Params) -> bool:
    """setMessageReaction"""
    chat = chat_of(desk, bot, p.get("chat_id"))
    message = found(desk, bot, chat, p["message_id"], "message to react")
    wanted = p.get("reaction") or []
    if len(wanted) > 1:
        raise bad("REACTIONS_TOO_MANY")
    emoji: list[str] = []
    for reaction in wanted:
        name = str(reaction.get("emoji", "")).replace("\ufe0f", "")
        if reaction.get("type") != "emoji" or name not in REACTIONS:
            raise bad("REACTION_INVALID")
        emoji.append(name)
    if message.service is not None:
        raise bad("REACTION_INVALID")
    if message.album:
        # The reactions to an album are those to its first message.
        message = next(m for m in chat.log.values() if m.album == message.album and not m.deleted)
    desk.world.reacted(message, bot, emoji)
    return True


def _pinning(desk: Desk, bot: BotAccount, p: Params) -> Chat:
    chat = chat_of(desk, bot, p.get("chat_id"))
    if chat.type == "private":
        return writable(desk, bot, p["chat_id"])
    right = "can_edit_messages" if chat.type == "channel" else "can_pin_messages"
    member = chat.member(bot)
    if member is None or not (
        member.may(right) or (member.inside and chat.is_group and right in chat.permissions)
    ):
        raise bad("not enough rights to manage pinned messages in the chat")
    return chat


def pin_chat_message(desk: Desk, bot: BotAccount, p: Params) -> bool:
    """pinChatMessage"""
    chat = _pinning(desk, bot, p)
    message = found(desk, bot, chat, p["message_id"], "message to pin")
    if message.service is not None:
        raise bad("message can't be pinned")
    desk.world.pinned(message, bot)
    return True


def unpin_chat_message(desk: Desk, bot: BotAccount, p: Params) -> bool:
    """unpinChatMessage: the named message, or the newest pin"""
    chat = _pinning(desk, bot, p)
    if p.get("message_id") is not None:
        message = found(desk, bot, chat, p["message_id"], "message to unpin")
        if message.message_id in chat.pinned:
            chat.pinned.remove(message.message_id)
    elif chat.pinned:
        chat.pinned.pop()
    else:
        raise bad("message to unpin not found")
    desk.world.touch(chat)
    desk.world.emit("chat", chat=chat.key)
    return True


def unpin_all(desk: Desk, bot: BotAccount, p: Params) -> bool:
    """unpinAllChatMessages"""
    chat = _pinning(desk, bot, p)
    chat.pinned.clear()
    desk.world.touch(chat)
    desk.world.emit("chat", chat=chat.key)
    return True


def answer_callback_query(desk: Desk, bot: BotAccount, p: Params) -> bool:
    """answerCallbackQuery"""
    text = str(p.get("text") or "")
    if len(text) > 200:
        raise bad("MESSAGE_TOO_LONG")
    press = living(desk, bot, str(p["callback_query_id"]))
    url = p.get("url")
    if url and not str(url).startswith((f"https://t.me/{bot.username}", "tg://")):
        raise bad("URL_INVALID")
    if press.answer is None:
        press.answer = Answer(text, bool(p.get("show_alert")), url)
        desk.world.emit(
            "press",
            chat=press.message.chat.key,
            message=press.message.message_id,
            user=press.user.id,
            press=press.id,
            answered=True,
        )
    return True


METHODS: dict[str, Method] = {
    **{f"editMessage{what}": _edit(what) for what in _EDITS},
    **{f"editEphemeralMessage{what}": _edit_whisper(what) for what in _EDITS},
    "deleteEphemeralMessage": delete_whisper,
    "deleteMessage": delete_message,
    "deleteMessages": delete_messages,
    "setMessageReaction": set_message_reaction,
    "pinChatMessage": pin_chat_message,
    "unpinChatMessage": unpin_chat_message,
    "unpinAllChatMessages": unpin_all,
    "answerCallbackQuery": answer_callback_query,
}
