"""What Telegram hands to a Mini App: the signed words that say who opened it."""

from __future__ import annotations

import hashlib
import hmac
import json
from urllib.parse import urlencode

from bot.playground import render
from bot.playground.records import BotAccount, Chat, User
from bot.playground.world import World


def init_data(
    world: World,
    user: User,
    bot: BotAccount,
    *,
    chat: Chat | None = None,
    start_param: str | None = None,
    auth_date: int | None = None,
) -> str:
    """The `initData` of a Mini App that the person opens now, signed with the bot's token.

    Another `auth_date` makes an old one, for tests of replay.
    """
    who = render.user(user) | {"allows_write_to_pm": True}
    del who["is_bot"]
    fields = {
        "query_id": f"AAH{world.random.randrange(10**16, 10**17)}",
        "user": json.dumps(who, ensure_ascii=False, separators=(",", ":")),
        "auth_date": str(world.date() if auth_date is None else auth_date),
    }
    if chat is not None:
        fields["chat_instance"] = world.chat_instance(chat)
        fields["chat_type"] = "sender" if chat.bot is bot else chat.type
    if start_param is not None:
        fields["start_param"] = start_param
    secret = hmac.digest(b"WebAppData", bot.token.encode(), "sha256")
    lines = "\n".join(f"{name}={fields[name]}" for name in sorted(fields))
    fields["hash"] = hmac.new(secret, lines.encode(), hashlib.sha256).hexdigest()
    return urlencode(fields)
