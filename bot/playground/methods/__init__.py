"""The Bot API methods that the playground answers, by their lower-case names."""

from __future__ import annotations

from bot.playground.methods import chats, editing, inline, profile, sending
from bot.playground.methods.desk import Desk, Method, Params, Upload

METHODS: dict[str, Method] = {
    name.lower(): method
    for table in (profile.METHODS, sending.METHODS, editing.METHODS, chats.METHODS, inline.METHODS)
    for name, method in table.items()
}


def messages_in(method: str, params: Params) -> int:
    """How many messages the call costs of the flood budget; 0 for what Telegram does not count."""
    name = method.lower()
    if name in ("sendmediagroup", "copymessages", "forwardmessages"):
        many = params.get("media") or params.get("message_ids") or ()
        return max(1, len(many))
    if name == "sendchataction":
        return 0
    counted = name.startswith(("send", "editmessage", "editephemeral", "copy", "forward"))
    return 1 if counted or name == "createforumtopic" else 0


__all__ = ["METHODS", "Desk", "Method", "Params", "Upload", "messages_in"]
