"""Everything the playground says has the Bot API's shape: aiogram's types know every field."""

from __future__ import annotations

import json
from dataclasses import fields
from pathlib import Path
from random import Random
from typing import Any

import pytest
from aiogram.types import Update
from pydantic import BaseModel, TypeAdapter

from bot.playground import BotAccount, Chat, Flood, Playground, User
from bot.playground.contracts import contract
from bot.playground.inline import ask, choose, vote
from bot.playground.methods import METHODS, Upload
from bot.playground.updates import KINDS
from bot.playground.world import MEDIA_KINDS, painted

#: Telegram still sends these old names; aiogram has forgotten them.
OLD_NAMES = {"new_chat_participant", "new_chat_member", "left_chat_participant"}


def strangers(value: Any, path: str = "") -> list[str]:
    """Fields that aiogram's types do not know, anywhere inside."""
    if isinstance(value, list):
        return [found for item in value for found in strangers(item, f"{path}[]")]
    if not isinstance(value, BaseModel):
        return []
    extra = set(value.__pydantic_extra__ or {}) - OLD_NAMES
    out = [f"{path}.{name}" for name in extra]
    for name in value.model_fields_set - set(value.__pydantic_extra__ or {}):
        out += strangers(getattr(value, name), f"{path}.{name}")
    return out


class Tour:
    """Calls methods and checks what comes back."""

    def __init__(self, telegram: Playground) -> None:
        self.telegram = telegram
        self.called: set[str] = set()

    async def call(self, bot: BotAccount, method: str, **params: Any) -> Any:
        """The plain result of a call, after aiogram's result type has taken it."""
        uploads = {n: v for n, v in params.items() if isinstance(v, Upload)}
        raw = {n: v for n, v in params.items() if not isinstance(v, Upload)}
        result = json.loads(await self.telegram.door.call(bot, method, raw, uploads))["result"]
        agreed = contract(method)
        assert agreed is not None
        typed = TypeAdapter(agreed.model.__returning__).validate_python(result)
        assert strangers(typed, method) == []
        self.called.add(agreed.name)
        return result

    def check_updates(self, bot: BotAccount) -> set[str]:
        """The kinds of the updates that wait, after aiogram has taken them all."""
        kinds = set()
        for pending in self.telegram.world.updates.queue(bot).pending.values():
            raw = b'{"update_id":%d,"%s":%s}' % (pending.id, pending.kind.encode(), pending.raw)
            update = Update.model_validate_json(raw)
            assert strangers(update, pending.kind) == []
            assert update.event_type == pending.kind
            kinds.add(pending.kind)
        return kinds


@pytest.fixture
def picture() -> Upload:
    return Upload("a.png", "image/png", painted(Random(1)))


async def test_all_methods_answer_and_all_updates_look_as_the_bot_api_says(
    picture: Upload, tmp_path: Path
) -> None:
    """And all that happened on the way is in the state file afterwards."""
    kept = tmp_path / "world.sqlite3"
    telegram = Playground(flood=Flood.off(), state_file=kept)
    # Written at once, so that whatever changes later without saying so stays out of the file.
    telegram.world.listen(telegram.flush)
    world = telegram.world
    tour = Tour(telegram)
    bot = world.add_bot("Lulu", "lulu_bot", inline=True, inline_feedback=True)
    bot.allowed_updates = list(KINDS)
    owner = world.add_user("小鹿", "Lu", username="lulu", bio="sings")
    fan = world.add_user("Mia", language_code="en", is_premium=True)
    guest = world.add_user("Guest")
    group = world.make_supergroup("G", owner, [fan], [bot], username="lulu_fans")
    world.promote(
        group,
        bot,
        can_promote_members=True,
        can_delete_messages=True,
        can_restrict_members=True,
        can_change_info=True,
        can_invite_users=True,
        can_pin_messages=True,
        can_manage_topics=True,
        can_manage_tags=True,
    )
    channel = world.make_channel("News", owner, [fan], [bot], discussion=group)
    small = world.make_group("Small", owner, [fan], [bot])

    await _people_act(telegram, bot, owner, fan, guest)
    await _the_bot_talks(tour, bot, fan, group.id, picture)
    await _the_bot_keeps_order(tour, bot, fan, guest, group.id)
    await _the_bot_knows_itself(tour, bot, fan)

    await _the_bot_is_asked_inline(tour, bot, fan, group)

    world.say(owner, channel, "post")
    world.react(fan, world.messages(channel)[-1], "🔥")
    world.upgrade(small)
    world.block(fan, bot)
    kinds = tour.check_updates(bot)
    assert kinds == {
        "message", "edited_message", "channel_post", "my_chat_member", "chat_member",
        "callback_query", "message_reaction", "message_reaction_count", "chat_join_request",
        "edited_channel_post", "inline_query", "chosen_inline_result", "poll", "poll_answer",
    }  # fmt: skip
    left_out = {contract(name).name for name in METHODS if contract(name)} - tour.called  # type: ignore[union-attr]  # asked for in the same line
    assert left_out == {"logOut"}
    assert not telegram.lint
    telegram.close()
    reopened = Playground(state_file=kept)
    again, before = _snapshot(reopened), _snapshot(telegram)
    reopened.close()
    assert again.keys() == before.keys()
    assert [(key, again[key], state) for key, state in before.items() if again[key] != state] == []


def _snapshot(telegram: Playground) -> dict[str, dict[str, str]]:
    """Every record of the world, field by field."""
    world = telegram.world
    records: list[Any] = [*world.users.values(), *world.chats.values(), *world.files.values()]
    for chat in world.chats.values():
        for shelf in (chat.members, chat.log, chat.ephemeral, chat.links, chat.requests):
            records += shelf.values()
    return {
        f"{record.table}:{record.key}": {
            spec.name: repr(getattr(record, spec.name))
            for spec in fields(record)
            if spec.metadata.get("kept", True)
        }
        for record in records
    }


async def _people_act(
    telegram: Playground, bot: BotAccount, owner: User, fan: User, guest: User
) -> None:
    world = telegram.world
    group = next(c for c in world.chats.values() if c.title == "G")
    channel = next(c for c in world.chats.values() if c.title == "News")
    world.start(fan, bot, "payload_1")
    world.start(owner, bot)
    first = world.say(fan, group, "签到 #tag @lulu https://x.org /help")
    world.say(owner, group, "reply", reply_to=first)
    world.say(owner, group, "as nobody", as_chat=group)
    world.say(owner, group, "as the channel", as_chat=channel)
    for kind in MEDIA_KINDS:
        world.send_media(fan, bot, kind, caption="look" if kind != "sticker" else "")
    world.album(fan, group, ["photo", ("video", "second"), "photo"])
    world.forward(fan, first, bot)
    world.forward(fan, world.say(owner, channel, "origin"), bot)
    world.edit(fan, first, "edited")
    world.edit(owner, next(m for m in world.messages(channel) if m.text), "edited post")
    world.react(fan, first, "❤")
    world.pin(owner, first)
    link = world.make_link(group, bot, by_request=True, name="door")
    world.join(guest, group, link)


async def _the_bot_talks(
    tour: Tour, bot: BotAccount, fan: User, group: int, picture: Upload
) -> None:
    world = tour.telegram.world
    keyboard = {"inline_keyboard": [[{"text": "go", "callback_data": "x"}]]}
    to = {"chat_id": fan.id}
    text = (
        '<b>hi</b> <a href="tg://user?id=%d">you</a> <pre><code class="language-py">1</code></pre>'
    )
    sent = await tour.call(
        bot, "sendMessage", **to, text=text % fan.id, parse_mode="HTML", reply_markup=keyboard
    )
    here = {**to, "message_id": sent["message_id"]}
    press = world.press(fan, world.messages(bot, of=fan)[-1], 0)
    await tour.call(bot, "answerCallbackQuery", callback_query_id=press.id, text="ok")
    await tour.call(bot, "editMessageText", **here, text="b", reply_markup=keyboard)
    await tour.call(bot, "editMessageReplyMarkup", **here)
    for kind in MEDIA_KINDS:
        method = "send" + "".join(word.title() for word in kind.split("_"))
        media = await tour.call(bot, method, **to, **{kind: picture})
    photo = await tour.call(bot, "sendPhoto", **to, photo=picture, caption="a", has_spoiler=True)
    there = {**to, "message_id": photo["message_id"]}
    await tour.call(bot, "editMessageCaption", **there, caption="b")
    item = {"type": "photo", "media": "attach://new"}
    await tour.call(bot, "editMessageMedia", **there, media=item, new=picture)
    await tour.call(bot, "sendMediaGroup", **to, media=[item, item], new=picture)
    await tour.call(bot, "sendDice", **to)
    await tour.call(bot, "sendLocation", **to, latitude=1.5, longitude=2.5)
    await tour.call(bot, "sendContact", **to, phone_number="1", first_name="A")
    await tour.call(bot, "sendPoll", **to, question="?", options=[{"text": "a"}, {"text": "b"}])
    await tour.call(bot, "sendChatAction", **to, action="typing")
    copy = {"from_chat_id": fan.id, "message_id": sent["message_id"]}
    await tour.call(bot, "forwardMessage", chat_id=group, **copy)
    await tour.call(bot, "copyMessage", chat_id=group, **copy)
    many = {"from_chat_id": fan.id, "message_ids": [sent["message_id"], photo["message_id"]]}
    await tour.call(bot, "forwardMessages", chat_id=group, **many)
    await tour.call(bot, "copyMessages", chat_id=group, **many)
    like = [{"type": "emoji", "emoji": "👍"}]
    await tour.call(bot, "setMessageReaction", **here, reaction=like)
    await tour.call(bot, "getFile", file_id=photo["photo"][-1]["file_id"])
    fan.photos.append([1])
    await tour.call(bot, "getUserProfilePhotos", user_id=fan.id)
    whisper = {"ephemeral_message_parameters": {"receiver_user_id": fan.id}}
    quiet = await tour.call(bot, "sendPhoto", chat_id=group, photo=picture, **whisper)
    number = {"chat_id": group, "receiver_user_id": fan.id,
              "ephemeral_message_id": quiet["ephemeral_message_id"]}  # fmt: skip
    await tour.call(bot, "editEphemeralMessageCaption", **number, caption="c")
    await tour.call(bot, "editEphemeralMessageMedia", **number, media=item, new=picture)
    await tour.call(bot, "editEphemeralMessageReplyMarkup", **number, reply_markup=keyboard)
    said = await tour.call(bot, "sendMessage", chat_id=group, text="t", **whisper)
    number["ephemeral_message_id"] = said["ephemeral_message_id"]
    await tour.call(bot, "editEphemeralMessageText", **number, text="u", reply_markup=keyboard)
    world.press(fan, next(m for m in world.messages(world.chats[str(group)]) if m.text == "u"), 0)
    await tour.call(bot, "deleteEphemeralMessage", **number)
    await tour.call(bot, "deleteMessage", **here)
    await tour.call(bot, "deleteMessages", **to, message_ids=[media["message_id"]])


async def _the_bot_keeps_order(
    tour: Tour, bot: BotAccount, fan: User, guest: User, group: int
) -> None:
    world = tour.telegram.world
    there = {"chat_id": group}
    who = {**there, "user_id": fan.id}
    await tour.call(bot, "approveChatJoinRequest", **there, user_id=guest.id)
    await tour.call(bot, "setChatMemberTag", **who, tag="铁粉")
    for user in (fan.id, guest.id, bot.id):
        await tour.call(bot, "getChatMember", **there, user_id=user)
    await tour.call(bot, "promoteChatMember", **who, can_pin_messages=True)
    await tour.call(bot, "setChatAdministratorCustomTitle", **who, custom_title="Helper")
    await tour.call(bot, "getChatMember", **who)
    await tour.call(bot, "getChatAdministrators", **there)
    await tour.call(bot, "promoteChatMember", **who)
    await tour.call(bot, "restrictChatMember", **who, permissions={"can_send_messages": True})
    await tour.call(bot, "getChatMember", **who)
    await tour.call(bot, "banChatMember", **who)
    await tour.call(bot, "getChatMember", **who)
    await tour.call(bot, "unbanChatMember", **who)
    await tour.call(bot, "getChatMemberCount", **there)
    await tour.call(bot, "setChatPermissions", **there, permissions={"can_send_messages": True})
    await tour.call(bot, "exportChatInviteLink", **there)
    link = await tour.call(bot, "createChatInviteLink", **there, name="a", member_limit=5)
    url = {"invite_link": link["invite_link"]}
    await tour.call(bot, "editChatInviteLink", **there, **url, name="b", creates_join_request=True)
    world.join(fan, world.chats[str(group)], link["invite_link"])
    await tour.call(bot, "declineChatJoinRequest", **who)
    await tour.call(bot, "revokeChatInviteLink", **there, **url)
    await tour.call(bot, "setChatTitle", **there, title="New")
    await tour.call(bot, "setChatDescription", **there, description="About")
    message = (await tour.call(bot, "sendMessage", **there, text="pin me"))["message_id"]
    await tour.call(bot, "pinChatMessage", **there, message_id=message)
    await tour.call(bot, "getChat", **there)
    await tour.call(bot, "unpinChatMessage", **there, message_id=message)
    await tour.call(bot, "unpinAllChatMessages", **there)
    owner = next(u for u in world.users.values() if u.username == "lulu")
    forum = world.make_supergroup("Forum", owner, (), [bot], forum=True)
    world.promote(forum, bot)
    topic = await tour.call(bot, "createForumTopic", chat_id=forum.id, name="News")
    number = {"chat_id": forum.id, "message_thread_id": topic["message_thread_id"]}
    await tour.call(bot, "sendMessage", **number, text="in the topic")
    await tour.call(bot, "editForumTopic", **number, name="Old news")
    for act in ("closeForumTopic", "reopenForumTopic", "deleteForumTopic"):
        await tour.call(bot, act, **number)
    await tour.call(bot, "leaveChat", chat_id=forum.id)


async def _the_bot_is_asked_inline(tour: Tour, bot: BotAccount, fan: User, group: Chat) -> None:
    world = tour.telegram.world
    world.set_member(group, fan, actor=fan, status="member")
    await tour.call(bot, "setChatPermissions", chat_id=group.id, permissions={
        "can_send_messages": True, "can_send_other_messages": True, "can_send_polls": True,
    })  # fmt: skip
    query = ask(world, fan, bot, "draw", chat=group)
    content = {"message_text": "Join"}
    keyboard = {"inline_keyboard": [[{"text": "go", "callback_data": "x"}]]}
    article = {"type": "article", "id": "1", "title": "t", "input_message_content": content}
    results = [{**article, "reply_markup": keyboard}]
    await tour.call(bot, "answerInlineQuery", inline_query_id=query.id, results=results)
    world.press(fan, choose(world, query, group))
    poll = await tour.call(bot, "sendPoll", chat_id=group.id, question="?", is_anonymous=False,
                           options=[{"text": "a"}, {"text": "b"}])  # fmt: skip
    vote(world, fan, group.log[poll["message_id"]], [1])
    await tour.call(bot, "stopPoll", chat_id=group.id, message_id=poll["message_id"])


async def _the_bot_knows_itself(tour: Tour, bot: BotAccount, fan: User) -> None:
    await tour.call(bot, "getMe")
    await tour.call(bot, "getChat", chat_id=fan.id)
    await tour.call(
        bot, "setWebhook", url="https://x.org/hook", secret_token="a", max_connections=3
    )
    await tour.call(bot, "getWebhookInfo")
    await tour.call(bot, "deleteWebhook")
    commands = [{"command": "start", "description": "Begin"}]
    scope = {"type": "chat", "chat_id": fan.id}
    await tour.call(bot, "setMyCommands", commands=commands, scope=scope, language_code="zh")
    assert await tour.call(bot, "getMyCommands", scope=scope, language_code="zh") == commands
    assert await tour.call(bot, "getMyCommands") == []
    await tour.call(bot, "deleteMyCommands", scope=scope, language_code="zh")
    for what in ("Name", "Description", "ShortDescription"):
        name = {"Name": "name", "Description": "description"}.get(what, "short_description")
        await tour.call(bot, f"setMy{what}", **{name: "鹿"}, language_code="zh")
        assert await tour.call(bot, f"getMy{what}", language_code="zh") == {name: "鹿"}
    await tour.call(bot, "setChatMenuButton", menu_button={"type": "commands"})
    await tour.call(bot, "getChatMenuButton")
    rights = dict.fromkeys(contract_rights(), False) | {"can_invite_users": True}
    await tour.call(bot, "setMyDefaultAdministratorRights", rights=rights)
    kept = await tour.call(bot, "getMyDefaultAdministratorRights")
    assert kept["can_invite_users"]
    await tour.call(bot, "close")


def contract_rights() -> list[str]:
    """What ChatAdministratorRights must hold."""
    from aiogram.types import ChatAdministratorRights

    fields = ChatAdministratorRights.model_fields
    return [name for name, spec in fields.items() if spec.is_required()]
