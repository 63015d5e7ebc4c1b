"""Inline mode: a fan types @bot in any chat, chooses a result, and it is sent in her name."""

from __future__ import annotations

from typing import Any

from bot.playground import render
from bot.playground.records import BotAccount, Chat, InlineQuery, Json, Message, User
from bot.playground.refusals import CannotAct
from bot.playground.world import World

ANSWER_LIFE = 30


def ask(
    world: World,
    user: User,
    bot: BotAccount,
    text: str = "",
    *,
    chat: Chat | None = None,
    offset: str = "",
) -> InlineQuery:
    """Type `@bot text` in a chat; `results` of what is returned are set when the bot answers."""
    if not bot.inline:
        raise CannotAct(f"@{bot.username} has no inline mode")
    number = str(world.random.randrange(10**17, 10**18))
    query = InlineQuery(number, user, bot, text, world.clock.seconds())
    world.queries[number] = query
    body: Json = {"id": number, "from": render.user(user), "query": text, "offset": offset}
    if chat is not None:
        body["chat_type"] = "sender" if chat.bot is bot else chat.type
    world.updates.put(bot, "inline_query", body, lane=f"inline_query:{user.id}")
    return query


def choose(
    world: World, query: InlineQuery, chat: Chat | BotAccount, result: int | str = 0
) -> Message:
    """Send one of the results (its position or its id) into a chat, in the fan's name.

    A bot with inline feedback is told; with a keyboard the message can be edited by its
    inline id, which presses of its buttons carry instead of the message.
    """
    if query.results is None:
        raise CannotAct("the bot has not answered yet")
    chosen = next((r for n, r in enumerate(query.results) if result in (n, r["id"])), None)
    if chosen is None:
        raise CannotAct(f"there is no result {result!r}")
    message = world.drafted_by(query.user, chat)
    message.via_bot = query.bot
    content: Json = chosen["content"]
    message.text, message.caption = content.get("text"), content.get("caption")
    message.entities = [dict(entity) for entity in content["entities"]]
    message.media = content.get("media")
    body: Json = {
        "result_id": chosen["id"],
        "from": render.user(query.user),
        "query": query.text,
    }
    if chosen.get("markup") is not None:
        number = f"AAM{world.random.randrange(16**24):024x}"
        message.markup = chosen["markup"]
        message.extra |= {"keyboard_of": query.bot.id, "inline_id": number}
        world.inline_messages[number] = message
        body["inline_message_id"] = number
    world.post(message)
    if query.bot.inline_feedback:
        lane = f"chosen_inline_result:{query.user.id}"
        world.updates.put(query.bot, "chosen_inline_result", body, lane=lane)
    return message


def vote(world: World, user: User, message: Message, options: list[int]) -> None:
    """Vote in a poll, change the vote, or take it back (no options)."""
    poll: Any = (message.media or {}).get("value", {})
    if (message.media or {}).get("kind") != "poll" or message.deleted:
        raise CannotAct("this is no poll")
    if poll["is_closed"]:
        raise CannotAct("the poll is closed")
    if not world.sees(user, message):
        raise CannotAct("this person can't see the poll")
    if len(options) > 1 and not poll["allows_multiple_answers"]:
        raise CannotAct("this poll takes one answer")
    if any(not 0 <= option < len(poll["options"]) for option in options):
        raise CannotAct("the poll has no such option")
    votes: dict[int, list[int]] = message.extra.setdefault("votes", {})
    if options:
        votes[user.id] = sorted(set(options))
    else:
        votes.pop(user.id, None)
    for number, option in enumerate(poll["options"]):
        option["voter_count"] = sum(number in chosen for chosen in votes.values())
    poll["total_voter_count"] = len(votes)
    world.edited(message, mark=False, tell=False)
    author = world.bots.get(message.extra.get("author", 0))
    if author is None:
        return
    if not poll["is_anonymous"]:
        chosen = votes.get(user.id, [])
        body = {
            "poll_id": poll["id"],
            "user": render.user(user),
            "option_ids": chosen,
            "option_persistent_ids": [poll["options"][n]["persistent_id"] for n in chosen],
        }
        world.updates.put(author, "poll_answer", body, lane=f"poll_answer:{user.id}")
    world.updates.put(author, "poll", poll, lane=f"poll:{poll['id']}")
