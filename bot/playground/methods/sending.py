"""Bot API methods that send: texts, files, albums, copies and forwards, ephemeral messages."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from bot.playground import render
from bot.playground.methods import keyboards
from bot.playground.methods.desk import (
    Desk,
    Method,
    Params,
    chat_of,
    dialect,
    done,
    found,
    words,
    writable,
)
from bot.playground.records import BotAccount, Chat, Json, Message, Press
from bot.playground.refusals import Refusal, bad
from bot.playground.world import EPHEMERAL_REPLY_LIFE, MEDIA_KINDS, QUERY_LIFE, measured

_PERMISSION = {
    "photo": "can_send_photos", "video": "can_send_videos", "audio": "can_send_audios",
    "voice": "can_send_voice_notes", "video_note": "can_send_video_notes",
    "document": "can_send_documents", "poll": "can_send_polls",
    "animation": "can_send_other_messages", "sticker": "can_send_other_messages",
    "dice": "can_send_other_messages",
}  # fmt: skip
_CALLED = {"audio": "music", "voice": "voice notes", "video_note": "video notes"}
_NO_CAPTION = frozenset({"video_note", "sticker"})
_DICE = {"🎲": 6, "🎯": 6, "🎳": 6, "🏀": 5, "⚽": 5, "⚽️": 5, "🎰": 64}
_ACTIONS = frozenset(
    {"typing", "upload_photo", "record_video", "upload_video", "record_voice", "upload_voice",
     "record_audio", "upload_audio", "upload_document", "choose_sticker", "find_location",
     "record_video_note", "upload_video_note"}
)  # fmt: skip
MAX_PHOTO = 10 << 20
MAX_FILE = 50 << 20


def drafted(desk: Desk, bot: BotAccount, chat: Chat, p: Params) -> Message:
    """A message of the bot's with everything but its content."""
    world = desk.world
    message = Message(chat, 0, world.date(), sender=bot)
    if chat.type == "channel":
        message.sender, message.sender_chat = None, chat
    else:
        member = chat.member(bot)
        if member is not None and member.is_anonymous:
            message.sender_chat = chat
    message.extra["author"] = bot.id
    shown: Json = {}
    if p.get("protect_content"):
        message.extra["protected"] = True
        shown["has_protected_content"] = True
    if p.get("link_preview_options"):
        shown["link_preview_options"] = p["link_preview_options"]
    if p.get("message_effect_id"):
        if chat.type != "private":
            raise bad("message effects can be used only in private chats")
        shown["effect_id"] = p["message_effect_id"]
    if p.get("has_spoiler"):
        shown["has_media_spoiler"] = True
    if p.get("show_caption_above_media"):
        shown["show_caption_above_media"] = True
    if shown:
        message.extra["shown"] = shown
    message.markup, message.keyboard = keyboards.under(p.get("reply_markup"), chat)
    if message.markup is not None:
        message.extra["keyboard_of"] = bot.id
    _thread(chat, message, p.get("message_thread_id"))
    _reply(desk, bot, message, p)
    return message


def _thread(chat: Chat, message: Message, thread: int | None) -> None:
    if not thread:
        return
    if chat.is_forum:
        topic = chat.topics.get(str(thread))
        if topic is None:
            raise bad("message thread not found")
        if topic.get("closed"):
            raise bad("TOPIC_CLOSED")
    elif chat.type != "supergroup" or thread not in chat.log:
        raise bad("message thread not found")
    message.thread = thread


def _reply(desk: Desk, bot: BotAccount, message: Message, p: Params) -> None:
    parameters = p.get("reply_parameters")
    if parameters is None:
        number = p.get("reply_to_message_id")
        if not number:
            return
        parameters = {
            "message_id": number,
            "allow_sending_without_reply": p.get("allow_sending_without_reply"),
        }
    if parameters.get("ephemeral_message_id"):
        above = message.chat.ephemeral.get(int(parameters["ephemeral_message_id"]))
        if above is None or above.deleted or above.ephemeral_for is not bot:
            raise bad("message to be replied not found")
        if desk.world.date() - above.date > EPHEMERAL_REPLY_LIFE:
            raise bad("message to be replied not found")
        message.reply_to = above
        return
    elsewhere = parameters.get("chat_id")
    chat = chat_of(desk, bot, elsewhere) if elsewhere else message.chat
    number = parameters.get("message_id")
    above = desk.world.find(chat, bot, int(number)) if number else None
    if above is None:
        if parameters.get("allow_sending_without_reply") and chat is message.chat:
            return
        raise bad("message to be replied not found")
    message.reply_to = above
    if parameters.get("quote"):
        text, entities = dialect(
            parameters["quote"],
            parameters.get("quote_parse_mode"),
            parameters.get("quote_entities"),
        )
        at = above.words.find(text)
        if at < 0:
            raise bad("QUOTE_TEXT_INVALID")
        message.quote = {"text": text, "position": at, "is_manual": True}
        if entities:
            message.quote["entities"] = entities


def send(desk: Desk, bot: BotAccount, p: Params, message: Message) -> Json:
    """Post a filled message, or whisper it where it is ephemeral; the answer to the bot."""
    whisper = p.get("ephemeral_message_parameters")
    if whisper is None and p.get("receiver_user_id"):
        whisper = {
            "receiver_user_id": p["receiver_user_id"],
            "callback_query_id": p.get("callback_query_id"),
        }
    above = message.reply_to
    if whisper is None:
        if above is not None and above.ephemeral_id is not None:
            raise bad("a reply to an ephemeral message must be an ephemeral message")
        desk.world.post(message)
        return done(desk, bot, message)
    chat = message.chat
    if not chat.is_group:
        raise bad("ephemeral messages can be sent only to groups")
    reader = desk.world.users.get(int(whisper["receiver_user_id"]))
    if reader is None or not chat.inside(reader) or isinstance(reader, BotAccount):
        raise bad("USER_NOT_PARTICIPANT")
    if whisper.get("callback_query_id"):
        press = living(desk, bot, str(whisper["callback_query_id"]))
        if press.user is not reader or press.message.chat is not chat:
            raise bad("query is too old and response timeout expired or query ID is invalid")
        if whisper.get("replace_callback_query_message"):
            if press.message.ephemeral_id is not None:
                raise bad("ephemeral messages must be edited")
            message.replaces = press.message
    desk.world.number_ephemeral(message, reader)
    return done(desk, bot, message)


def living(desk: Desk, bot: BotAccount, number: str) -> Press:
    """The press that a callback query id names, while it can be answered."""
    press = desk.world.presses.get(number)
    if press is None or press.bot is not bot or desk.world.clock.seconds() - press.at > QUERY_LIFE:
        raise bad("query is too old and response timeout expired or query ID is invalid")
    return press


def send_message(desk: Desk, bot: BotAccount, p: Params) -> Json:
    """sendMessage"""
    # Telegram looks at the text before it looks at the chat.
    text, entities = words(desk, p)
    message = drafted(desk, bot, writable(desk, bot, p.get("chat_id")), p)
    message.text, message.entities = text, entities
    return send(desk, bot, p, message)


def attached(desk: Desk, bot: BotAccount, kind: str, source: Any, p: Params, facts: Json) -> Json:
    """What `Message.media` says of a file given as an upload, a file id or an address."""
    text = str(source or "")
    if text.startswith("attach://"):
        upload = p.uploads.get(text.removeprefix("attach://"))
        if upload is None:
            raise bad(f"there is no file with the name {text.removeprefix('attach://')}")
        if not upload.data:
            raise bad("file must be non-empty")
        if kind == "photo" and measured(upload.data) is None:
            raise bad("IMAGE_PROCESS_FAILED")
        size = len(upload.data)
        if size > MAX_FILE:
            raise Refusal(413, "Request Entity Too Large")
        if kind == "photo" and size > MAX_PHOTO:
            raise bad(
                f"file of size {size} bytes is too big for a photo; the maximum size is"
                f" {MAX_PHOTO} bytes"
            )
        return desk.world.attach(kind, upload.data, name=upload.name, **facts)
    if text.startswith(("http://", "https://")):
        raise bad("failed to get HTTP URL content")
    known = render.read_file_id(bot.id, text)
    if known is None or known[0] not in desk.world.files:
        raise bad(
            "wrong file identifier/HTTP URL specified"
            if text
            else f"there is no {kind} in the request"
        )
    if known[1] != kind:
        raise bad(f"can't use file of type {known[1].title()} as {kind.title()}")
    return {
        "kind": kind,
        "file": known[0],
        "facts": facts or dict(desk.world.files[known[0]].facts),
    }


def _facts(p: Json) -> Json:
    names = ("duration", "width", "height", "length", "performer", "title", "emoji")
    return {name: p[name] for name in names if p.get(name) is not None}


def _send_file(kind: str) -> Method:
    def method(desk: Desk, bot: BotAccount, p: Params) -> Json:
        chat = writable(
            desk, bot, p.get("chat_id"), _PERMISSION[kind], _CALLED.get(kind, f"{kind}s")
        )
        media = attached(desk, bot, kind, p.get(kind), p, _facts(p))
        message = drafted(desk, bot, chat, p)
        message.media = media
        if kind not in _NO_CAPTION:
            caption, message.entities = words(desk, p, "caption")
            message.caption = caption or None
        return send(desk, bot, p, message)

    return method


def send_media_group(desk: Desk, bot: BotAccount, p: Params) -> list[Json]:
    """sendMediaGroup"""
    chat = writable(desk, bot, p.get("chat_id"))
    items = p["media"]
    if not isinstance(items, list) or not items:
        raise bad("there are no messages to send")
    if len(items) > 10:
        raise bad("too many messages to send as an album")
    if len(items) < 2:
        desk.remark("sendMediaGroup", "media", "an album has 2-10 parts; Telegram sends one alone")
    kinds = {item.get("type") for item in items}
    for alone in ("audio", "document"):
        if alone in kinds and len(kinds) > 1:
            raise bad(f"{alone} can't be mixed with other media types")
    drafts: list[Message] = []
    for item in items:
        kind = item.get("type")
        if kind not in ("photo", "video", "audio", "document"):
            raise bad("wrong InputMedia type for an album")
        message = drafted(desk, bot, chat, p)
        message.media = attached(desk, bot, kind, item.get("media"), p, _facts(item))
        caption, message.entities = words(desk, p, "caption", source=item)
        message.caption = caption or None
        if item.get("has_spoiler"):
            message.extra.setdefault("shown", {})["has_media_spoiler"] = True
        drafts.append(message)
    name = str(desk.world.random.randrange(10**16, 10**17)) if len(items) > 1 else None
    for message in drafts:
        message.album = name
        desk.world.post(message)
    return [done(desk, bot, message) for message in drafts]


def send_dice(desk: Desk, bot: BotAccount, p: Params) -> Json:
    """sendDice"""
    emoji = p.get("emoji") or "🎲"
    if emoji not in _DICE:
        raise bad("wrong dice emoji")
    message = drafted(
        desk, bot, writable(desk, bot, p.get("chat_id"), _PERMISSION["dice"], "dice"), p
    )
    value = desk.world.random.randint(1, _DICE[emoji])
    message.media = {"kind": "dice", "value": {"emoji": emoji, "value": value}}
    return send(desk, bot, p, message)


def _send_place(kind: str) -> Method:
    names = {
        "location": ("latitude", "longitude", "horizontal_accuracy", "live_period"),
        "contact": ("phone_number", "first_name", "last_name", "vcard"),
    }[kind]

    def method(desk: Desk, bot: BotAccount, p: Params) -> Json:
        message = drafted(desk, bot, writable(desk, bot, p.get("chat_id")), p)
        message.media = {"kind": kind, "value": {n: p[n] for n in names if p.get(n) is not None}}
        return send(desk, bot, p, message)

    return method


def send_poll(desk: Desk, bot: BotAccount, p: Params) -> Json:
    """sendPoll: a poll can be shown and closed; votes come with a later part."""
    chat = writable(desk, bot, p.get("chat_id"), _PERMISSION["poll"], "polls")
    if chat.user is not None and p.get("is_anonymous") is False:
        desk.remark(
            "sendPoll", "is_anonymous", "polls in private chats are seen by one person only"
        )
    question = str(p.get("question") or "")
    if not 1 <= len(question) <= 300:
        raise bad(
            "poll question must be non-empty"
            if not question
            else "poll question length must not exceed 300"
        )
    options = p.get("options") or []
    if not 1 <= len(options) <= 12:
        raise bad(
            "poll must have at least 1 option"
            if not options
            else "poll can't have more than 12 options"
        )
    texts = [str(o.get("text", "") if isinstance(o, dict) else o) for o in options]
    if any(not 1 <= len(text) <= 100 for text in texts):
        raise bad("poll options length must not exceed 100")
    message = drafted(desk, bot, chat, p)
    message.media = {
        "kind": "poll",
        "value": {
            "id": str(desk.world.random.randrange(10**17, 10**18)),
            "question": question,
            "options": [
                {"persistent_id": str(n), "text": text, "voter_count": 0}
                for n, text in enumerate(texts)
            ],
            "total_voter_count": 0,
            "is_closed": bool(p.get("is_closed")),
            "is_anonymous": p.get("is_anonymous", True),
            "type": p.get("type") or "regular",
            "allows_multiple_answers": bool(p.get("allows_multiple_answers")),
            "allows_revoting": bool(p.get("allows_revoting", True)),
            "members_only": bool(p.get("members_only")),
        },
    }
    return send(desk, bot, p, message)


def send_chat_action(desk: Desk, bot: BotAccount, p: Params) -> bool:
    """sendChatAction"""
    chat = writable(desk, bot, p.get("chat_id"))
    if p.get("action") not in _ACTIONS:
        raise bad("wrong parameter action in request")
    desk.world.emit("action", chat=chat.key, bot=bot.id, action=p["action"])
    return True


def _source(desk: Desk, bot: BotAccount, p: Params, number: Any, verb: str) -> Message:
    chat = chat_of(desk, bot, p.get("from_chat_id"), name="from_chat_id")
    message = found(desk, bot, chat, number, f"message to {verb}")
    if message.service is not None or message.extra.get("protected"):
        raise bad(f"the message can't be {'copied' if verb == 'copy' else 'forwarded'}")
    return message


def forward_message(desk: Desk, bot: BotAccount, p: Params) -> Json:
    """forwardMessage"""
    chat = writable(desk, bot, p.get("chat_id"))
    source = _source(desk, bot, p, p["message_id"], "forward")
    message = desk.world.post(desk.world.copied(source, drafted(desk, bot, chat, p)))
    return done(desk, bot, message)


def copy_message(desk: Desk, bot: BotAccount, p: Params) -> Json:
    """copyMessage"""
    chat = writable(desk, bot, p.get("chat_id"))
    source = _source(desk, bot, p, p["message_id"], "copy")
    message = desk.world.copied(source, drafted(desk, bot, chat, p), origin=False)
    if p.get("caption") is not None and source.text is None:
        caption, message.entities = words(desk, p, "caption")
        message.caption = caption or None
    desk.world.post(message)
    return {"message_id": message.id_for(bot)}


def _many(verb: str) -> Method:
    def method(desk: Desk, bot: BotAccount, p: Params) -> list[Json]:
        numbers = p["message_ids"]
        if not isinstance(numbers, list) or not 1 <= len(numbers) <= 100:
            raise bad(
                "too many messages to forward"
                if numbers
                else "message identifiers are not specified"
            )
        if any(b <= a for a, b in pairwise(numbers)):
            raise bad("message identifiers must be in a strictly increasing order")
        chat = writable(desk, bot, p.get("chat_id"))
        origin = chat_of(desk, bot, p.get("from_chat_id"), name="from_chat_id")
        world = desk.world
        sources = [world.find(origin, bot, number) for number in numbers]
        usable = [
            s
            for s in sources
            if s is not None and s.service is None and not s.extra.get("protected")
        ]
        if not usable:
            raise bad("there are no messages to forward")
        out: list[Json] = []
        albums: dict[str, str] = {}
        for source in usable:
            message = world.copied(source, drafted(desk, bot, chat, p), origin=verb == "forward")
            if source.album:
                fresh = str(world.random.randrange(10**16, 10**17))
                message.album = albums.setdefault(source.album, fresh)
            if verb == "copy" and p.get("remove_caption") and message.caption is not None:
                message.caption, message.entities = None, []
            world.post(message)
            out.append({"message_id": message.id_for(bot)})
        return out

    return method


METHODS: dict[str, Method] = {
    "sendMessage": send_message,
    **{
        "send" + "".join(word.title() for word in kind.split("_")): _send_file(kind)
        for kind in MEDIA_KINDS
    },
    "sendMediaGroup": send_media_group,
    "sendDice": send_dice,
    "sendLocation": _send_place("location"),
    "sendContact": _send_place("contact"),
    "sendPoll": send_poll,
    "sendChatAction": send_chat_action,
    "forwardMessage": forward_message,
    "forwardMessages": _many("forward"),
    "copyMessage": copy_message,
    "copyMessages": _many("copy"),
}
