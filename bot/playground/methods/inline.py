"""Bot API methods of inline mode and polls: answering inline queries, stopping polls."""

from __future__ import annotations

from typing import Any

from bot.playground.inline import ANSWER_LIFE
from bot.playground.methods import keyboards
from bot.playground.methods.desk import Desk, Method, Params, chat_of, found, words
from bot.playground.methods.sending import attached
from bot.playground.records import BotAccount, Json
from bot.playground.refusals import bad

_CACHED = {
    kind: f"{kind}_file_id" for kind in ("photo", "document", "sticker", "video", "voice", "audio")
}


def answer_inline_query(desk: Desk, bot: BotAccount, p: Params) -> bool:
    """answerInlineQuery: articles and files that the bot sent before"""
    results = p["results"]
    if len(results) > 50:
        raise bad("RESULTS_TOO_MUCH")
    if len(str(p.get("next_offset") or "").encode()) > 64:
        raise bad("NEXT_OFFSET_INVALID")
    read = [_result(desk, bot, p, result) for result in results]
    if len({result["id"] for result in read}) < len(read):
        raise bad("RESULT_ID_DUPLICATE")
    query = desk.world.queries.get(str(p["inline_query_id"]))
    if query is None or query.bot is not bot or desk.world.clock.seconds() - query.at > ANSWER_LIFE:
        raise bad("query is too old and response timeout expired or query ID is invalid")
    query.results = read
    query.button = p.get("button")
    query.cache_time = int(p.get("cache_time", 300))
    query.is_personal = bool(p.get("is_personal"))
    desk.world.emit("inline", user=query.user.id, query=query.id, answered=True)
    return True


def _result(desk: Desk, bot: BotAccount, p: Params, result: Json) -> Json:
    """A result as it will be shown and sent."""
    number = str(result.get("id", ""))
    if not 1 <= len(number.encode("utf-8", "surrogatepass")) <= 64:
        raise bad("RESULT_ID_INVALID")
    kind: Any = result.get("type")
    content: Json = {}
    given = result.get("input_message_content")
    if given is not None:
        if "message_text" not in given:
            raise bad("the playground sends only texts and known files by inline mode yet")
        source = {**given, "text": given["message_text"]}
        content["text"], content["entities"] = words(desk, p, source=source)
    elif kind in _CACHED and _CACHED[kind] in result:
        content["media"] = attached(desk, bot, kind, result[_CACHED[kind]], p, {})
        caption, content["entities"] = words(desk, p, "caption", source=result)
        content["caption"] = caption or None
    else:
        raise bad("can't parse inline query result: message content must be specified")
    return {
        "id": number,
        "type": kind,
        "title": result.get("title") or "",
        "description": result.get("description") or "",
        "content": content,
        "markup": keyboards.inline(result.get("reply_markup")),
    }


def stop_poll(desk: Desk, bot: BotAccount, p: Params) -> Any:
    """stopPoll"""
    chat = chat_of(desk, bot, p.get("chat_id"))
    message = found(desk, bot, chat, p["message_id"], "message with poll to stop")
    media = message.media or {}
    if media.get("kind") != "poll" or message.extra.get("author") != bot.id:
        raise bad("poll can't be stopped")
    poll = media["value"]
    if poll["is_closed"]:
        raise bad("poll has already been closed")
    poll["is_closed"] = True
    message.markup = keyboards.inline(p.get("reply_markup"), chat)
    desk.world.edited(message, by=bot, mark=False)
    return poll


METHODS: dict[str, Method] = {
    "answerInlineQuery": answer_inline_query,
    "stopPoll": stop_poll,
}
