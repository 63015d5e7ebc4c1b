"""Bot API methods about the bot itself, its webhook, its commands, and about files."""

from __future__ import annotations

import re
from typing import Any

import msgspec

from bot.playground import render
from bot.playground.methods.desk import Desk, Method, Params, known
from bot.playground.records import BotAccount, Json
from bot.playground.refusals import bad
from bot.playground.updates import allowed_kinds

_SCOPES: dict[str, tuple[str, ...]] = {
    "default": (),
    "all_private_chats": (),
    "all_group_chats": (),
    "all_chat_administrators": (),
    "chat": ("chat_id",),
    "chat_administrators": ("chat_id",),
    "chat_member": ("chat_id", "user_id"),
}
_COMMAND = re.compile(r"[a-z0-9_]{1,32}")
_SECRET = re.compile(r"[A-Za-z0-9_-]{1,256}")
_MAX_DOWNLOAD = 20 << 20


def get_me(desk: Desk, bot: BotAccount, p: Params) -> Json:
    """getMe"""
    return render.user(bot) | {
        "can_join_groups": bot.can_join_groups,
        "can_read_all_group_messages": not bot.privacy,
        "supports_guest_queries": False,
        "supports_inline_queries": bot.inline,
        "can_connect_to_business": False,
        "has_main_web_app": False,
        "has_topics_enabled": False,
        "allows_users_to_create_topics": False,
        "can_manage_bots": False,
        "supports_join_request_queries": False,
    }


def log_out(desk: Desk, bot: BotAccount, p: Params) -> bool:
    """logOut: the cloud answers this bot no more"""
    bot.logged_out = True
    desk.world.touch(bot)
    return True


def close(desk: Desk, bot: BotAccount, p: Params) -> bool:
    """close"""
    return True


def set_webhook(desk: Desk, bot: BotAccount, p: Params) -> bool:
    """setWebhook: the playground delivers to http:// addresses too, as a local server does"""
    url = str(p.get("url") or "").strip()
    if not url:
        return delete_webhook(desk, bot, p)
    if not re.match(r"(?i)https?://[^/\s]+", url):
        raise bad("bad webhook: invalid URL specified")
    secret = str(p.get("secret_token") or "")
    if secret and not _SECRET.fullmatch(secret):
        raise bad("secret token contains unallowed characters")
    connections = int(p.get("max_connections") or 40)
    bot.webhook = {
        "url": url,
        "secret_token": secret,
        "max_connections": min(max(connections, 1), 100),
    }
    if p.get("allowed_updates") is not None:
        bot.allowed_updates = allowed_kinds(p["allowed_updates"])
    updates = desk.world.updates
    if p.get("drop_pending_updates"):
        updates.drop_all(bot)
    updates.queue(bot).last_error = None
    desk.world.touch(bot)
    updates.aim(bot)
    return True


def delete_webhook(desk: Desk, bot: BotAccount, p: Params) -> bool:
    """deleteWebhook"""
    bot.webhook = None
    if p.get("drop_pending_updates"):
        desk.world.updates.drop_all(bot)
    desk.world.touch(bot)
    desk.world.updates.aim(bot)
    return True


def get_webhook_info(desk: Desk, bot: BotAccount, p: Params) -> Json:
    """getWebhookInfo"""
    hook = bot.webhook
    out: Json = {
        "url": hook["url"] if hook else "",
        "has_custom_certificate": False,
        "pending_update_count": desk.world.updates.waiting(bot),
    }
    if hook is not None:
        out["max_connections"] = hook["max_connections"]
        error = desk.world.updates.queue(bot).last_error
        if error is not None:
            out["last_error_date"], out["last_error_message"] = error
    if bot.allowed_updates:
        out["allowed_updates"] = bot.allowed_updates
    return out


def get_file(desk: Desk, bot: BotAccount, p: Params) -> Json:
    """getFile"""
    known_file = render.read_file_id(bot.id, str(p.get("file_id") or ""))
    kept = desk.world.files.get(known_file[0]) if known_file else None
    if kept is None:
        raise bad("invalid file_id")
    if len(kept.data) > _MAX_DOWNLOAD:
        raise bad("file is too big")
    return {
        "file_id": p["file_id"],
        "file_unique_id": f"AgAD{kept.no:08x}",
        "file_size": len(kept.data),
        "file_path": kept.path,
    }


def get_user_profile_photos(desk: Desk, bot: BotAccount, p: Params) -> Json:
    """getUserProfilePhotos"""
    person = desk.world.users.get(p["user_id"])
    if person is None or not known(desk.world, bot, person):
        raise bad("user not found")
    start, limit = int(p.get("offset") or 0), int(p.get("limit") or 100)
    chosen = person.photos[start : start + min(max(limit, 1), 100)]
    photos = [desk.world.render.photo(desk.world.files[sizes[0]], bot) for sizes in chosen]
    return {"total_count": len(person.photos), "photos": photos}


def _scope(desk: Desk, p: Params) -> str:
    """What commands are kept under: scope and language in one fixed spelling."""
    scope = p.get("scope") or {"type": "default"}
    kind = scope.get("type")
    if kind not in _SCOPES:
        raise bad("unsupported BotCommandScope type specified")
    parts: list[Any] = [kind, *(scope.get(name) for name in _SCOPES[kind])]
    language = str(p.get("language_code") or "")
    if language and not re.fullmatch(r"[a-z]{2}", language):
        raise bad("invalid language code specified")
    return msgspec.json.encode([*parts, language]).decode()


def set_my_commands(desk: Desk, bot: BotAccount, p: Params) -> bool:
    """setMyCommands"""
    key = _scope(desk, p)
    commands = p["commands"]
    if len(commands) > 100:
        raise bad("BOT_COMMANDS_TOO_MUCH")
    for command in commands:
        if not _COMMAND.fullmatch(str(command.get("command", "")).removeprefix("/")):
            raise bad("BOT_COMMAND_INVALID")
        if not 1 <= len(str(command.get("description", "")).strip()) <= 256:
            raise bad("BOT_COMMAND_DESCRIPTION_INVALID")
    bot.commands[key] = [
        {**command, "command": command["command"].removeprefix("/")} for command in commands
    ]
    desk.world.touch(bot)
    desk.world.emit("bot", bot=bot.id)
    return True


def get_my_commands(desk: Desk, bot: BotAccount, p: Params) -> list[Json]:
    """getMyCommands"""
    return bot.commands.get(_scope(desk, p), [])


def delete_my_commands(desk: Desk, bot: BotAccount, p: Params) -> bool:
    """deleteMyCommands"""
    bot.commands.pop(_scope(desk, p), None)
    desk.world.touch(bot)
    desk.world.emit("bot", bot=bot.id)
    return True


def _set_text(name: str, longest: int) -> Method:
    def method(desk: Desk, bot: BotAccount, p: Params) -> bool:
        text = str(p.get(name) or "")
        if len(text) > longest:
            raise bad(f"{name.replace('_', ' ')} is too long")
        bot.texts[f"{name}:{p.get('language_code') or ''}"] = text
        if name == "name" and text and not p.get("language_code"):
            bot.first_name = text
        desk.world.touch(bot)
        desk.world.emit("bot", bot=bot.id)
        return True

    return method


def _get_text(name: str) -> Method:
    def method(desk: Desk, bot: BotAccount, p: Params) -> Json:
        language = p.get("language_code") or ""
        default = bot.first_name if name == "name" else ""
        text = bot.texts.get(f"{name}:{language}") or bot.texts.get(f"{name}:") or default
        return {name: text}

    return method


def set_menu_button(desk: Desk, bot: BotAccount, p: Params) -> bool:
    """setChatMenuButton"""
    button = p.get("menu_button") or {"type": "default"}
    if button.get("type") not in ("default", "commands", "web_app"):
        raise bad("unsupported menu button type")
    bot.menu_buttons[str(p.get("chat_id") or "")] = button
    desk.world.touch(bot)
    return True


def get_menu_button(desk: Desk, bot: BotAccount, p: Params) -> Json:
    """getChatMenuButton"""
    own = bot.menu_buttons.get(str(p.get("chat_id") or ""))
    return own or bot.menu_buttons.get("") or {"type": "commands"}


def set_default_rights(desk: Desk, bot: BotAccount, p: Params) -> bool:
    """setMyDefaultAdministratorRights"""
    key = "channels" if p.get("for_channels") else "groups"
    bot.default_rights[key] = p.get("rights") or {}
    desk.world.touch(bot)
    return True


def get_default_rights(desk: Desk, bot: BotAccount, p: Params) -> Json:
    """getMyDefaultAdministratorRights"""
    channels = bool(p.get("for_channels"))
    kept = bot.default_rights.get("channels" if channels else "groups", {})
    names = [name for name, value in kept.items() if value]
    return render.rights(names, channel=channels, anonymous=bool(kept.get("is_anonymous")))


METHODS: dict[str, Method] = {
    "getMe": get_me,
    "logOut": log_out,
    "close": close,
    "setWebhook": set_webhook,
    "deleteWebhook": delete_webhook,
    "getWebhookInfo": get_webhook_info,
    "getFile": get_file,
    "getUserProfilePhotos": get_user_profile_photos,
    "setMyCommands": set_my_commands,
    "getMyCommands": get_my_commands,
    "deleteMyCommands": delete_my_commands,
    "setMyName": _set_text("name", 64),
    "getMyName": _get_text("name"),
    "setMyDescription": _set_text("description", 512),
    "getMyDescription": _get_text("description"),
    "setMyShortDescription": _set_text("short_description", 120),
    "getMyShortDescription": _get_text("short_description"),
    "setChatMenuButton": set_menu_button,
    "getChatMenuButton": get_menu_button,
    "setMyDefaultAdministratorRights": set_default_rights,
    "getMyDefaultAdministratorRights": get_default_rights,
}
