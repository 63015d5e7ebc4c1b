"""What a person sees of the playground, as the JSON that the page draws."""

from __future__ import annotations

import contextlib
import json
from datetime import datetime, timedelta
from typing import Any

import msgspec

from bot.playground import seed
from bot.playground.journal import Call
from bot.playground.records import (
    BotAccount,
    Chat,
    Json,
    Member,
    Message,
    User,
)
from bot.playground.world import World

#: The community's zone; the page shows all times in it.
ZONE_NAME, ZONE_SHIFT = "Asia/Shanghai", timedelta(hours=8)
#: So many messages of a chat are shown, the newest.
SHOWN = 120
LONGEST_PARAM = 400


def is_person(account: User) -> bool:
    """People whom a visitor can be: no bots, none of Telegram's own accounts, nobody deleted."""
    return not account.is_bot and account.id > 1_000_000 and not account.deleted


def key_of(chat: Chat) -> str:
    """How the page calls a chat: `b<bot>` for one's own talk with a bot, else its id."""
    return f"b{chat.bot.id}" if chat.bot is not None else chat.key


def id_of(message: Message) -> str:
    """How the page calls a message: its number, with an `e` before those only one person sees."""
    if message.ephemeral_id is not None:
        return f"e{message.ephemeral_id}"
    return str(message.message_id)


def author_id(message: Message) -> int | None:
    """The person who wrote it, also behind a channel or anonymity."""
    author = message.extra.get("author")
    if isinstance(author, int):
        return author
    return message.sender.id if message.sender is not None else None


def name_of(account: User) -> str:
    """A name to show; deleted accounts have none of their own."""
    return account.name or "Deleted Account"


def person(world: World, account: User) -> Json:
    """One of the people in the left column."""
    return {
        "id": account.id,
        "name": name_of(account),
        "username": account.username,
        "language": account.language_code or "en",
        "role": role(world, account),
        "visitor": account.id == seed.VISITOR,
    }


def role(world: World, account: User) -> str:
    """`influencer` who owns a channel, `admin` who helps in a group, else `fan`."""
    found = "fan"
    for chat in world.chats.values():
        member = chat.member(account) if chat.type != "private" else None
        if member is None:
            continue
        if member.status == "creator" and chat.type == "channel":
            return "influencer"
        if member.is_admin:
            found = "admin"
    return found


# Lists of chats


def dialogs(world: World, viewer: User) -> list[Json]:
    """The chats in a person's list, the liveliest first."""
    rows = [dialog(world, chat, viewer) for chat in world.chats_of(viewer)]
    return sorted(rows, key=lambda row: -(row["last"]["at"] if row["last"] else 0))


def places(world: World, viewer: User) -> list[Json]:
    """Where a person could go: public groups and channels, and bots she has not started."""
    rows = [
        dialog(world, chat, viewer)
        for chat in world.chats.values()
        if chat.type != "private"
        and chat.username is not None
        and chat.migrated_to is None
        and not chat.inside(viewer)
    ]
    strangers = [bot for bot in world.bots.values() if f"{viewer.id}:{bot.id}" not in world.chats]
    empty = [Chat(viewer.id, "private", user=viewer, bot=bot) for bot in strangers]
    return [*rows, *(dialog(world, chat, viewer) for chat in empty)]


def dialog(world: World, chat: Chat, viewer: User) -> Json:
    """A row of the list."""
    last = world.visible(viewer, chat)[-1:]
    return {
        "key": key_of(chat),
        "type": chat.type,
        "title": title(chat),
        "username": chat.bot.username if chat.bot is not None else chat.username,
        "avatar": chat.bot.id if chat.bot is not None else chat.id,
        "photo": photo(chat),
        "member": _member(chat, viewer),
        "last": brief(last[0], world) if last else None,
    }


def title(chat: Chat) -> str:
    """The chat's name as the person sees it; for a private chat the bot's."""
    if chat.bot is not None:
        return name_of(chat.bot)
    return chat.title or "?"


def photo(chat: Chat | None) -> str | None:
    """Where the page finds the chat's picture."""
    return f"file/{chat.photo}" if chat is not None and chat.photo is not None else None


def _member(chat: Chat, viewer: User) -> bool:
    if chat.bot is not None:
        return bool(chat.log) and chat.bot.id not in viewer.blocked
    return chat.inside(viewer)


# One chat


def chat(world: World, of: Chat, viewer: User) -> Json:
    """A chat as that person sees it now: messages, and what she may do there."""
    mine = of.member(viewer)
    shown = world.visible(viewer, of)[-SHOWN:]
    pinned = next((m for n in reversed(of.pinned) if (m := of.log.get(n)) and not m.deleted), None)
    private = of.bot is not None
    blocked = of.bot is not None and of.bot.id in viewer.blocked
    return {
        "key": key_of(of),
        "type": of.type,
        "title": title(of),
        "username": of.bot.username if of.bot is not None else of.username,
        "avatar": of.bot.id if of.bot is not None else of.id,
        "photo": photo(of),
        "bot": of.bot.id if of.bot is not None else None,
        "members": sum(1 for member in of.members.values() if member.inside),
        "people": [] if private else [_listed(one) for one in _ranked(of)],
        "member": _member(of, viewer),
        "status": mine.status if mine is not None else "left",
        "about": _about(of, viewer),
        "started": private and bool(of.log),
        "blocked": blocked,
        "can_say": _may_say(of, viewer, blocked),
        "can_pin": private or (mine is not None and may_pin(of, mine)),
        "can_delete": private or (mine is not None and mine.may("can_delete_messages")),
        "can_add": may_add(of, viewer),
        "can_promote": mine is not None and mine.may("can_promote_members"),
        "can_kick": mine is not None and mine.may("can_restrict_members"),
        "voices": voices(world, of, viewer),
        "requests": _knocking(of, viewer),
        "pinned": {"id": id_of(pinned), **brief(pinned, world)} if pinned else None,
        "keyboard": keyboard(shown, viewer),
        "commands": commands(of, viewer),
        "messages": [message(one, viewer, world) for one in shown],
    }


def _about(of: Chat, viewer: User) -> str:
    """What stands in an empty chat with a bot: its description, in her language if there is one."""
    if of.bot is None:
        return of.description
    language = (viewer.language_code or "").split("-")[0]
    texts = of.bot.texts
    return texts.get(f"description:{language}") or texts.get("description:") or ""


def _ranked(of: Chat) -> list[Member]:
    order = {"creator": 0, "administrator": 1}
    inside = [member for member in of.members.values() if member.inside]
    return sorted(inside, key=lambda member: order.get(member.status, 2))


def voices(world: World, of: Chat, viewer: User) -> list[Json]:
    """As whom she may speak in a group besides herself: the group (anonymously), her channels."""
    member = of.member(viewer)
    if not of.is_group or member is None or not member.is_admin:
        return []
    own = [
        chat
        for chat in world.chats.values()
        if chat.type == "channel" and (m := chat.member(viewer)) is not None and m.is_admin
    ]
    return [{"key": chat.key, "title": title(chat), "photo": photo(chat)} for chat in (of, *own)]


def _knocking(of: Chat, viewer: User) -> list[Json]:
    """Who waits at the door, for those who may open it."""
    member = of.member(viewer)
    if member is None or not member.may("can_invite_users"):
        return []
    people = [request.user for request in of.requests.values()]
    return [{"id": one.id, "name": name_of(one)} for one in people]


def _listed(member: Member) -> Json:
    return {
        "id": member.user.id,
        "name": name_of(member.user),
        "status": member.status,
        "tag": member.custom_title or member.tag,
        "bot": member.user.is_bot,
    }


def _may_say(of: Chat, viewer: User, blocked: bool) -> bool:
    if of.bot is not None:
        return bool(of.log) and not blocked
    member = of.member(viewer)
    if member is None or not member.inside:
        return False
    if of.type == "channel":
        return member.may("can_post_messages")
    if member.is_admin:
        return True
    everybody = "can_send_messages" in of.permissions
    return everybody and (
        member.status != "restricted" or "can_send_messages" in member.permissions
    )


def may_pin(of: Chat, member: Member) -> bool:
    """Whether Telegram's app would offer her to pin messages."""
    right = "can_edit_messages" if of.type == "channel" else "can_pin_messages"
    return member.may(right) or (member.inside and right in of.permissions)


def may_add(of: Chat, viewer: User) -> bool:
    """Whether Telegram's app would let her add somebody by hand."""
    member = of.member(viewer)
    if of.type == "private" or member is None or not member.inside:
        return False
    if member.is_admin:
        return member.may("can_invite_users")
    return of.is_group and "can_invite_users" in of.permissions


def keyboard(shown: list[Message], viewer: User) -> list[list[str]]:
    """The rows of the reply keyboard under the chat as she has it; empty where there is none."""
    for one in reversed(shown):
        markup = one.keyboard
        if not markup or (markup.get("selective") and not _meant(one, viewer)):
            continue
        if "keyboard" in markup:
            rows: list[list[Any]] = markup["keyboard"]
            return [
                [key if isinstance(key, str) else str(key["text"]) for key in row] for row in rows
            ]
        if markup.get("remove_keyboard"):
            return []
    return []


def _meant(one: Message, viewer: User) -> bool:
    return one.reply_to is not None and one.reply_to.sender is viewer


def commands(of: Chat, viewer: User) -> list[Json]:
    """The menu behind “/”: of each bot here the list for the nearest scope and her language."""
    found: list[Json] = []
    for bot in of.bots():
        for one in _nearest(bot, of, viewer):
            if all(one["command"] != other["command"] for other in found):
                found.append({"command": one["command"], "description": one["description"]})
    return found


def _nearest(bot: BotAccount, of: Chat, viewer: User) -> list[Json]:
    """Telegram's order: the chat's own scope before the kind of chat before the default.

    Within each scope the list in her language goes before the one for everybody.
    """
    member = of.member(viewer)
    admin = member is not None and member.is_admin
    here = str(of.id)
    scopes: list[tuple[str, ...]]
    if of.type == "private":
        scopes = [("chat", here), ("all_private_chats",), ("default",)]
    else:
        scopes = [("chat_member", here, str(viewer.id))]
        scopes += [("chat_administrators", here)] if admin else []
        scopes += [("chat", here)]
        scopes += [("all_chat_administrators",)] if admin else []
        scopes += [("all_group_chats",), ("default",)]
    language = (viewer.language_code or "").split("-")[0].lower()
    lists = {
        tuple(map(str, msgspec.json.decode(key))): known for key, known in bot.commands.items()
    }
    for scope in scopes:
        for suffix in (language, ""):
            if known := lists.get((*scope, suffix)):
                return known
    return []


# One message


def message(of: Message, viewer: User, world: World) -> Json:
    """A message in a chat as that person sees it; times in milliseconds."""
    own = author_id(of) == viewer.id
    return {
        "id": id_of(of),
        "at": of.date * 1000,
        "edited": of.edit_date is not None,
        "sender": sender(of),
        "mine": own and of.chat.type != "channel",
        "own": own,
        "text": of.words,
        "entities": of.entities,
        "reply": None if of.reply_to is None else _quoted(of.reply_to, world),
        "forward": {"name": origin(of.forward_origin, world)} if of.forward_origin else None,
        "media": media(of, world),
        "service": None if of.service is None else service(of, world),
        "buttons": buttons(of),
        "reactions": reactions(of, viewer),
        "ephemeral": of.ephemeral_id is not None,
    }


def sender(of: Message) -> Json:
    """Who a message is shown from; `tag` is what stands beside the name."""
    if of.sender_chat is not None:
        return _speaking(of.sender_chat, of.author_signature)
    if of.sender is None:
        return _speaking(of.chat, None)
    member = of.chat.member(of.sender)
    return {
        "id": of.sender.id,
        "name": name_of(of.sender),
        "kind": "bot" if of.sender.is_bot else "user",
        "tag": (member.custom_title or member.tag) if member is not None else None,
        "rank": member.status if member is not None and member.is_admin else None,
    }


def _speaking(where: Chat, signature: str | None) -> Json:
    """A chat that speaks for itself."""
    return {
        "id": where.id,
        "name": title(where),
        "kind": "chat",
        "tag": signature,
        "photo": photo(where),
    }


def brief(of: Message, world: World) -> Json:
    """A message in one line: for lists, quotes and pins."""
    return {
        "at": of.date * 1000,
        "sender": sender(of)["name"],
        "text": of.words[:200],
        "media": media(of, world),
        "service": None if of.service is None else service(of, world),
    }


def _quoted(of: Message, world: World) -> Json:
    if of.deleted:
        return {"id": None, "name": "", "text": "", "media": None, "service": None}
    return {"id": id_of(of), "name": sender(of)["name"], **brief(of, world)}


def origin(of: Json, world: World) -> str:
    """The name that stands behind “forwarded from”."""
    match of["type"]:
        case "user":
            account = world.users.get(of["user"])
            return name_of(account) if account is not None else "Deleted Account"
        case "hidden_user":
            return str(of["name"])
        case _:
            known = world.chats.get(of["chat"])
            return title(known) if known is not None else "?"


def media(of: Message, world: World) -> Json | None:
    """What is attached, with the address of a picture that the page can show."""
    if of.media is None:
        return None
    kind = of.media["kind"]
    out: Json = {"kind": kind}
    if "value" in of.media:
        value = of.media["value"]
        if kind == "dice":
            out |= {"emoji": value.get("emoji"), "value": value.get("value")}
        elif kind == "poll":
            options = [str(option.get("text", "")) for option in value.get("options", [])]
            out |= {"name": str(value.get("question", "")), "options": options}
        return out
    kept = world.files.get(of.media["file"])
    if kept is not None:
        out |= {"name": kept.name, "size": len(kept.data), "url": f"file/{kept.no}"}
    if kind == "sticker":
        out["emoji"] = of.media.get("facts", {}).get("emoji")
    return out


def service(of: Message, world: World) -> Json:
    """What a service line tells: the kind, who did it, whom or what it concerns."""
    assert of.service is not None
    kind: str = of.service["kind"]
    value: Any = of.service.get("value")
    out: Json = {"kind": "other", "by": sender(of)["name"], "who": [], "text": kind}
    match kind:
        case "new_chat_members":
            out |= {"kind": "joined", "who": [_called(world, number) for number in value]}
        case "left_chat_member":
            out |= {"kind": "left", "who": [_called(world, value)]}
        case "pinned_message":
            about = of.chat.log.get(value)
            out |= {"kind": "pinned", "text": about.words[:60] if about is not None else ""}
        case "new_chat_title":
            out |= {"kind": "title", "text": str(value)}
        case "group_chat_created" | "supergroup_chat_created" | "channel_chat_created":
            out |= {"kind": "created", "text": title(of.chat)}
        case "migrate_to_chat_id" | "migrate_from_chat_id":
            out |= {"kind": "upgraded"}
        case "new_chat_photo":
            out |= {"kind": "photo"}
        case _:
            pass
    return out


def _called(world: World, number: int) -> str:
    account = world.users.get(number)
    return name_of(account) if account is not None else str(number)


def buttons(of: Message) -> list[list[Json]]:
    """The inline keyboard; `kind` says what pressing does."""
    rows: list[list[Json]] = (of.markup or {}).get("inline_keyboard", [])
    return [[_button(one) for one in row] for row in rows]


def _button(one: Json) -> Json:
    kind = "other"
    for name, field in (("callback", "callback_data"), ("url", "url"), ("copy", "copy_text")):
        if field in one:
            kind = name
    out: Json = {"text": one["text"], "kind": kind, "disabled": bool(one.get("disabled"))}
    if "url" in one:
        out["url"] = one["url"]
    if kind == "copy":
        out["copy"] = one["copy_text"].get("text", "")
    if one.get("style") in ("danger", "primary", "success"):
        out["style"] = one["style"]
    return out


def reactions(of: Message, viewer: User) -> list[Json]:
    """Counted reactions, the first given first."""
    counts: dict[str, int] = {}
    for given in of.reactions.values():
        for emoji in given:
            counts[emoji] = counts.get(emoji, 0) + 1
    mine = of.reactions.get(viewer.id, [])
    return [{"emoji": e, "count": count, "mine": e in mine} for e, count in counts.items()]


# Behind the curtain


def call(of: Call, world: World) -> Json:
    """A call of the Bot API for the right column; long values are cut."""
    place = None if of.chat is None else world.chats.get(of.chat)
    number = of.chat if of.chat is not None else str(of.params.get("user_id", ""))
    account = world.users.get(int(number)) if number.isdecimal() and number.isascii() else None
    return {
        "n": of.n,
        "at": of.clock * 1000,
        "method": of.method,
        "where": title(place) if place is not None else name_of(account) if account else None,
        "params": {name: _short(value) for name, value in of.params.items()},
        "ok": of.status == 200,
        "code": of.status,
        "error": of.description,
        "injected": of.fault,
    }


def _short(value: Any) -> str:
    if isinstance(value, bytes):
        return f"({len(value)} bytes)"
    if isinstance(value, dict | list):
        value = json.dumps(value, ensure_ascii=False, default=str)
    text = str(value)
    if "\\u" in text and text[:1] in "[{":
        # Objects travel as JSON; a reader wants 签到 rather than its escapes.
        with contextlib.suppress(ValueError):
            text = json.dumps(json.loads(text), ensure_ascii=False)
    return text if len(text) <= LONGEST_PARAM else f"{text[:LONGEST_PARAM]}…"


def remembered(row: Any, world: World) -> Json:
    """A row that the bot's store keeps, with a name for the fan; ValueError for what is none."""
    if not isinstance(row, dict):
        raise ValueError("a remembered row must be an object")
    fan = world.users.get(row.get("fan_id") or 0)
    text = row.get("text")
    return {
        "id": row["id"],
        "kind": str(row.get("kind", "")),
        "who": name_of(fan) if fan is not None else None,
        "fan_id": row.get("fan_id"),
        "at_ms": _moment(row.get("at")),
        "text": str(text)[:LONGEST_PARAM] if text else None,
    }


def _moment(at: Any) -> float | None:
    """Milliseconds from ISO 8601 or from integer microseconds."""
    if isinstance(at, str):
        return datetime.fromisoformat(at).timestamp() * 1000
    return at / 1000 if isinstance(at, int) else None
