"""Keyboards under messages: what Telegram accepts, and its sentences for what it does not."""

from __future__ import annotations

import json
from typing import Any

from bot.playground.html import checked_link
from bot.playground.records import Chat, Json
from bot.playground.refusals import bad

_ACTIONS = (
    "url", "callback_data", "web_app", "login_url", "switch_inline_query",
    "switch_inline_query_current_chat", "switch_inline_query_chosen_chat", "copy_text",
    "callback_game", "pay", "disabled",
)  # fmt: skip
MAX_BUTTONS = 100
MAX_BYTES = 10_240


def inline(markup: Any, chat: Chat | None = None) -> Json | None:
    """An inline keyboard as it will stand under a message; None for one without buttons."""
    if markup is None:
        return None
    if not isinstance(markup, dict) or "inline_keyboard" not in markup:
        is_object = isinstance(markup, dict)
        raise bad("inline keyboard expected" if is_object else "object expected as reply markup")
    rows = _rows(markup["inline_keyboard"], "inline keyboard button")
    kept = [[_inline_button(button, chat) for button in row] for row in rows]
    kept = [row for row in kept if row]
    if not kept:
        return None
    count = sum(len(row) for row in kept)
    # Found by people, not documented: more buttons or more bytes than this are refused.
    if (
        count > MAX_BUTTONS
        or len(json.dumps(kept, ensure_ascii=False).encode(errors="replace")) > MAX_BYTES
    ):
        raise bad("reply markup is too long")
    return {"inline_keyboard": kept}


def _rows(rows: Any, what: str) -> list[list[Any]]:
    if not isinstance(rows, list) or any(not isinstance(row, list) for row in rows):
        raise bad(f"can't parse {what}: Array of Arrays expected")
    return rows


def _inline_button(button: Any, chat: Chat | None) -> Json:
    what = "can't parse inline keyboard button"
    if not isinstance(button, dict):
        raise bad(f"{what}: Object expected")
    if "text" not in button:
        raise bad(f'{what}: Can\'t find field "text"')
    if not isinstance(button["text"], str):
        raise bad(f'{what}: Field "text" must be of type String')
    actions = [name for name in _ACTIONS if button.get(name) not in (None, False)]
    if not actions:
        raise bad(f"{what}: Text buttons are unallowed in the inline keyboard")
    if not button["text"].strip():
        raise bad("inline keyboard button text must be non-empty")
    if len([name for name in actions if name != "disabled"]) > 1:
        raise bad(f"{what}: only one action may be set")
    _check_action(button, chat)
    return {k: v for k, v in button.items() if v is not None}


def _check_action(button: Json, chat: Chat | None) -> None:
    data = button.get("callback_data")
    if data is not None and not 1 <= len(str(data).encode("utf-8", "surrogatepass")) <= 64:
        raise bad("BUTTON_DATA_INVALID")
    url = button.get("url")
    if url is not None:
        target = checked_link(str(url))
        if target is None:
            raise bad(f"inline keyboard button URL '{url}' is invalid: Wrong HTTP URL")
        if isinstance(target, int):
            button["url"] = f"tg://user?id={target}"
    app = button.get("web_app")
    if app is not None:
        if chat is not None and chat.type != "private":
            raise bad("BUTTON_TYPE_INVALID")
        if not str(app.get("url", "")).startswith("https://"):
            raise bad(
                f"inline keyboard button Web App URL '{app.get('url', '')}' is invalid:"
                " Only HTTPS links are allowed"
            )


def under(markup: Any, chat: Chat | None) -> tuple[Json | None, Json | None]:
    """Inline keyboard and reply keyboard (or its removal, or a forced reply) of a new message.

    Without a chat only what does not depend on it is checked.
    """
    if markup is None:
        return None, None
    if not isinstance(markup, dict):
        raise bad("object expected as reply markup")
    if "inline_keyboard" in markup:
        return inline(markup, chat), None
    if chat is not None and chat.type == "channel":
        raise bad("reply keyboards can't be sent to channels")
    if "keyboard" in markup:
        for row in _rows(markup["keyboard"], "keyboard button"):
            for button in row:
                text = button.get("text", "") if isinstance(button, dict) else button
                if not isinstance(text, str) or not text.strip():
                    raise bad("keyboard button text must be non-empty")
        return None, markup
    if markup.get("remove_keyboard") or markup.get("force_reply"):
        return None, markup
    return None, None
