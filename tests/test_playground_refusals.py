"""What Telegram refuses the playground refuses, with Telegram's sentences."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from random import Random
from typing import Any

import pytest

from bot.playground import BotAccount, CannotAct, Chat, Flood, Playground, Refusal, User
from bot.playground.methods import Upload
from bot.playground.world import painted


@dataclass
class Scene:
    """A bot, its admin, a fan, a group where the bot is an administrator, and the fan's chat."""

    telegram: Playground
    bot: BotAccount
    owner: User
    fan: User
    group: Chat

    async def call(self, method: str, **params: Any) -> Any:
        """The result of a call, or Telegram's refusal."""
        uploads = {n: v for n, v in params.items() if isinstance(v, Upload)}
        raw = {n: v for n, v in params.items() if not isinstance(v, Upload)}
        body = await self.telegram.door.call(self.bot, method, raw, uploads)
        return json.loads(body)["result"]

    async def refused(self, method: str, **params: Any) -> Refusal:
        """The refusal of a call that must not succeed."""
        with pytest.raises(Refusal) as refusal:
            await self.call(method, **params)
        return refusal.value


@pytest.fixture
async def scene() -> AsyncIterator[Scene]:
    async with Playground(flood=Flood.off()) as telegram:
        world = telegram.world
        bot = world.add_bot("Lulu", "lulu_bot")
        owner, fan = world.add_user("小鹿"), world.add_user("Mia")
        group = world.make_supergroup("林间小屋", owner, [fan], [bot])
        world.promote(
            group,
            bot,
            can_delete_messages=True,
            can_restrict_members=True,
            can_invite_users=True,
            can_pin_messages=True,
            can_manage_tags=True,
        )
        world.start(fan, bot)
        yield Scene(telegram, bot, owner, fan, group)


async def test_chats_that_a_bot_cannot_reach(scene: Scene) -> None:
    world, fan = scene.telegram.world, scene.fan
    stranger, member = world.add_user("Stranger"), world.add_user("Member")
    world.add_member(scene.group, member)
    other = world.add_bot("Other", "other_bot")

    async def says(chat_id: Any) -> tuple[int, str]:
        refusal = await scene.refused("sendMessage", chat_id=chat_id, text="hi")
        return refusal.code, refusal.text

    assert await says("") == (400, "Bad Request: chat_id is empty")
    assert await says(123) == (400, "Bad Request: chat not found")
    assert await says(-100123) == (400, "Bad Request: chat not found")
    assert await says("@nobody_here") == (400, "Bad Request: chat not found")
    assert await says(stranger.id) == (400, "Bad Request: chat not found")
    assert await says(member.id) == (
        403,
        "Forbidden: bot can't initiate conversation with a user",
    )
    assert await says(other.id) == (403, "Forbidden: bots can't send messages to bots")
    world.block(fan, scene.bot)
    assert await says(fan.id) == (403, "Forbidden: bot was blocked by the user")
    world.start(fan, scene.bot)
    await scene.call("sendMessage", chat_id=fan.id, text="hi")
    world.delete_account(fan)
    assert await says(fan.id) == (403, "Forbidden: user is deactivated")
    assert (await scene.refused("sendMessage", text="hi")).text == "Bad Request: chat_id is empty"


async def test_a_bot_outside_a_group_is_told_why(scene: Scene) -> None:
    world = scene.telegram.world
    world.ban(scene.group, scene.bot)
    refusal = await scene.refused("sendMessage", chat_id=scene.group.id, text="hi")
    assert (refusal.code, refusal.text) == (
        403,
        "Forbidden: bot was kicked from the supergroup chat",
    )
    world.unban(scene.group, scene.bot)
    refusal = await scene.refused("sendMessage", chat_id=scene.group.id, text="hi")
    assert refusal.text == "Forbidden: bot is not a member of the supergroup chat"
    channel = world.make_channel("News", scene.owner, bots=[scene.bot])
    world.promote(channel, scene.bot, can_delete_messages=True)
    refusal = await scene.refused("sendMessage", chat_id=channel.id, text="hi")
    assert refusal.text == "Bad Request: need administrator rights in the channel chat"


async def test_a_group_that_became_a_supergroup_names_its_new_id(scene: Scene) -> None:
    world = scene.telegram.world
    group = world.make_group("Small", scene.owner, [scene.fan], [scene.bot])
    new = world.upgrade(group)
    refusal = await scene.refused("sendMessage", chat_id=group.id, text="hi")
    assert refusal.body() == {
        "ok": False,
        "error_code": 400,
        "description": "Bad Request: group chat was upgraded to a supergroup chat",
        "parameters": {"migrate_to_chat_id": new.id},
    }
    await scene.call("sendMessage", chat_id=new.id, text="hi")


@pytest.mark.parametrize(
    ("params", "sentence"),
    [
        ({"text": ""}, "message text is empty"),
        ({}, "message text is empty"),
        ({"text": "  \n "}, "text must be non-empty"),
        ({"text": "<b></b>", "parse_mode": "HTML"}, "text must be non-empty"),
        ({"text": "x" * 4097}, "message is too long"),
        ({"text": "x" * 32769}, "text is too long"),
        ({"text": "\ud800"}, "strings must be encoded in UTF-8"),
        ({"text": "a", "parse_mode": "BBCode"}, "unsupported parse_mode"),
        (
            {"text": "<x>", "parse_mode": "HTML"},
            'can\'t parse entities: Unsupported start tag "x" at byte offset 0',
        ),
        ({"text": "a", "reply_to_message_id": 99}, "message to be replied not found"),
        ({"text": "a", "message_thread_id": 99}, "message thread not found"),
        ({"text": "a", "reply_markup": "{"}, "can't parse reply keyboard markup JSON object"),
        ({"text": "a", "reply_markup": "[]"}, "object expected as reply markup"),
    ],
)
async def test_texts_that_cannot_be_sent(
    scene: Scene, params: dict[str, Any], sentence: str
) -> None:
    refusal = await scene.refused("sendMessage", chat_id=scene.fan.id, **params)
    assert refusal.text == f"Bad Request: {sentence}"


async def test_the_longest_text_is_counted_after_parsing(scene: Scene) -> None:
    text = f"<b>{'签' * 4096}</b>"
    sent = await scene.call("sendMessage", chat_id=scene.fan.id, text=text, parse_mode="HTML")
    assert len(sent["text"]) == 4096


@pytest.mark.parametrize(
    ("button", "sentence"),
    [
        ({"text": "a"}, "can't parse inline keyboard button: Text buttons are unallowed in the"
                        " inline keyboard"),
        ({"callback_data": "a"}, "can't parse inline keyboard button: Can't find field \"text\""),
        ({"text": " ", "callback_data": "a"}, "inline keyboard button text must be non-empty"),
        ({"text": "a", "callback_data": "x" * 65}, "BUTTON_DATA_INVALID"),
        ({"text": "a", "callback_data": "签" * 22}, "BUTTON_DATA_INVALID"),
        ({"text": "a", "url": "no url"}, "inline keyboard button URL 'no url' is invalid:"
                                         " Wrong HTTP URL"),
        ({"text": "a", "web_app": {"url": "https://x.org"}}, "BUTTON_TYPE_INVALID"),
    ],
)  # fmt: skip
async def test_buttons_that_telegram_refuses(
    scene: Scene, button: dict[str, Any], sentence: str
) -> None:
    refusal = await scene.refused(
        "sendMessage",
        chat_id=scene.group.id,
        text="a",
        reply_markup={"inline_keyboard": [[button]]},
    )
    assert refusal.text == f"Bad Request: {sentence}"


async def test_a_keyboard_with_too_many_buttons_is_refused(scene: Scene) -> None:
    rows = [[{"text": str(n), "callback_data": "x"}] for n in range(101)]
    refusal = await scene.refused(
        "sendMessage", chat_id=scene.fan.id, text="a", reply_markup={"inline_keyboard": rows}
    )
    assert refusal.text == "Bad Request: reply markup is too long"


async def test_edits_and_deletions_that_cannot_be(scene: Scene) -> None:
    world, fan = scene.telegram.world, scene.fan
    sent = await scene.call("sendMessage", chat_id=fan.id, text="<b>a</b>", parse_mode="HTML")
    where = {"chat_id": fan.id, "message_id": sent["message_id"]}
    refusal = await scene.refused("editMessageText", **where, text="<b>a</b>", parse_mode="HTML")
    assert refusal.text.startswith("Bad Request: message is not modified: specified new message")
    await scene.call("editMessageText", **where, text="a")
    gone = {"chat_id": fan.id, "message_id": 999}
    refusal = await scene.refused("editMessageText", **gone, text="b")
    assert refusal.text == "Bad Request: message to edit not found"
    refusal = await scene.refused("deleteMessage", **gone)
    assert refusal.text == "Bad Request: message to delete not found"
    hers = world.say(fan, scene.bot, "mine")
    refusal = await scene.refused(
        "editMessageText", chat_id=fan.id, message_id=hers.message_id, text="yours"
    )
    assert refusal.text == "Bad Request: message can't be edited"
    photo = await scene.call(
        "sendPhoto", chat_id=fan.id, photo=Upload("a.png", "image/png", painted(Random(1)))
    )
    refusal = await scene.refused(
        "editMessageText", chat_id=fan.id, message_id=photo["message_id"], text="b"
    )
    assert refusal.text == "Bad Request: there is no text in the message to edit"
    refusal = await scene.refused("editMessageCaption", **where, caption="b")
    assert refusal.text == "Bad Request: there is no caption in the message to edit"
    scene.telegram.clock.advance(timedelta(hours=49))
    refusal = await scene.refused("deleteMessage", **where)
    assert refusal.text == "Bad Request: message can't be deleted for everyone"
    assert await scene.call("deleteMessages", chat_id=fan.id, message_ids=[999]) is True


async def test_reactions_pins_and_forwards_of_what_is_not_there(scene: Scene) -> None:
    gone = {"chat_id": scene.group.id, "message_id": 999}
    reaction = [{"type": "emoji", "emoji": "👍"}]
    refusal = await scene.refused("setMessageReaction", **gone, reaction=reaction)
    assert refusal.text == "Bad Request: message to react not found"
    refusal = await scene.refused("pinChatMessage", **gone)
    assert refusal.text == "Bad Request: message to pin not found"
    there = {"chat_id": scene.fan.id, "from_chat_id": scene.group.id, "message_id": 999}
    assert (await scene.refused("forwardMessage", **there)).text.endswith("forward not found")
    assert (await scene.refused("copyMessage", **there)).text.endswith("copy not found")
    message = scene.telegram.world.say(scene.fan, scene.group, "hi")
    here = {"chat_id": scene.group.id, "message_id": message.message_id}
    many = [*reaction, {"type": "emoji", "emoji": "🔥"}]
    refusal = await scene.refused("setMessageReaction", **here, reaction=many)
    assert refusal.text == "Bad Request: REACTIONS_TOO_MANY"
    refusal = await scene.refused(
        "setMessageReaction", **here, reaction=[{"type": "emoji", "emoji": "🦖"}]
    )
    assert refusal.text == "Bad Request: REACTION_INVALID"


async def test_a_press_can_be_answered_for_150_seconds(scene: Scene) -> None:
    world = scene.telegram.world
    keyboard = {"inline_keyboard": [[{"text": "go", "callback_data": "x"}]]}
    await scene.call("sendMessage", chat_id=scene.fan.id, text="a", reply_markup=keyboard)
    message = world.messages(scene.bot, of=scene.fan)[-1]
    press = world.press(scene.fan, message, "go")
    scene.telegram.clock.advance(151)
    refusal = await scene.refused("answerCallbackQuery", callback_query_id=press.id, text="late")
    sentence = "query is too old and response timeout expired or query ID is invalid"
    assert refusal.text == f"Bad Request: {sentence}"
    press = world.press(scene.fan, message, (0, 0))
    refusal = await scene.refused("answerCallbackQuery", callback_query_id=press.id, text="x" * 201)
    assert refusal.text == "Bad Request: MESSAGE_TOO_LONG"
    await scene.call("answerCallbackQuery", callback_query_id=press.id, text="ok", show_alert=True)
    assert press.answer is not None
    assert press.answer.show_alert


async def test_albums_and_files(scene: Scene) -> None:
    picture = Upload("a.png", "image/png", painted(Random(1)))
    item = {"type": "photo", "media": "attach://one"}
    where = {"chat_id": scene.fan.id, "one": picture}
    refusal = await scene.refused("sendMediaGroup", **where, media=[item] * 11)
    assert refusal.text == "Bad Request: too many messages to send as an album"
    refusal = await scene.refused(
        "sendMediaGroup", **where, media=[item, {"type": "document", "media": "attach://one"}]
    )
    assert refusal.text == "Bad Request: document can't be mixed with other media types"
    sent = await scene.call("sendMediaGroup", **where, media=[item] * 3)
    assert len({message["media_group_id"] for message in sent}) == 1
    assert not scene.telegram.lint
    refusal = await scene.refused(
        "sendPhoto", chat_id=scene.fan.id, photo=Upload("a.png", "image/png", b"no picture")
    )
    assert refusal.text == "Bad Request: IMAGE_PROCESS_FAILED"
    refusal = await scene.refused("sendPhoto", chat_id=scene.fan.id, photo="nonsense")
    assert refusal.text == "Bad Request: wrong file identifier/HTTP URL specified"
    again = sent[0]["photo"][-1]["file_id"]
    await scene.call("sendPhoto", chat_id=scene.fan.id, photo=again, caption="x" * 1024)
    refusal = await scene.refused(
        "sendPhoto", chat_id=scene.fan.id, photo=again, caption="x" * 1025
    )
    assert refusal.text == "Bad Request: message caption is too long"
    refusal = await scene.refused("sendDocument", chat_id=scene.fan.id, document=again)
    assert refusal.text == "Bad Request: can't use file of type Photo as Document"
    other = scene.telegram.world.add_bot("Other", "other_bot")
    scene.telegram.world.start(scene.fan, other)
    with pytest.raises(Refusal, match="wrong file identifier"):
        await scene.telegram.door.call(
            other, "sendPhoto", {"chat_id": scene.fan.id, "photo": again}, {}
        )


async def test_numbers_of_copies_must_rise(scene: Scene) -> None:
    there = {"chat_id": scene.fan.id, "from_chat_id": scene.group.id}
    refusal = await scene.refused("copyMessages", **there, message_ids=[2, 1])
    assert refusal.text.endswith("message identifiers must be in a strictly increasing order")


async def test_rights_are_checked_where_they_are_needed(scene: Scene) -> None:
    world, group, fan = scene.telegram.world, scene.group, scene.fan
    admin = world.add_user("Admin")
    world.add_member(group, admin)
    world.promote(group, admin)

    async def says(method: str, user: User) -> str:
        refusal = await scene.refused(method, chat_id=group.id, user_id=user.id)
        return refusal.text

    assert await says("banChatMember", scene.owner) == "Bad Request: can't remove chat owner"
    assert await says("banChatMember", admin) == (
        "Bad Request: user is an administrator of the chat"
    )
    assert await says("promoteChatMember", fan) == (
        "Bad Request: not enough rights to promote members"
    )
    assert await says("getChatMember", world.add_user("Unknown")) == (
        "Bad Request: PARTICIPANT_ID_INVALID"
    )
    await scene.call("banChatMember", chat_id=group.id, user_id=fan.id)
    with pytest.raises(CannotAct, match="not in the chat"):
        world.say(fan, group, "still here")
    world.demote(group, scene.bot)
    assert await says("banChatMember", admin) == (
        "Bad Request: not enough rights to restrict/unrestrict chat member"
    )
    refusal = await scene.refused("createChatInviteLink", chat_id=group.id)
    assert refusal.text == "Bad Request: not enough rights to manage chat invite link"
    world.restrict(group, scene.bot)
    refusal = await scene.refused("sendMessage", chat_id=group.id, text="hi")
    assert refusal.text == "Bad Request: not enough rights to send text messages to the chat"
    picture = Upload("a.png", "image/png", painted(Random(1)))
    refusal = await scene.refused("sendPhoto", chat_id=group.id, photo=picture)
    assert refusal.text == "Bad Request: not enough rights to send photos to the chat"


async def test_a_tag_stands_beside_the_name_and_has_its_limits(scene: Scene) -> None:
    where = {"chat_id": scene.group.id, "user_id": scene.fan.id}
    await scene.call("setChatMemberTag", **where, tag="铁粉")
    message = scene.telegram.world.say(scene.fan, scene.group, "hi")
    shown = scene.telegram.world.render.message(message, scene.bot)
    assert shown["sender_tag"] == "铁粉"
    refusal = await scene.refused("setChatMemberTag", **where, tag="x" * 17)
    assert refusal.text == "Bad Request: TAG_INVALID"
    assert (await scene.refused("setChatMemberTag", **where, tag="🔥")).text.endswith("NOT_ALLOWED")


async def test_what_telegram_would_ignore_becomes_lint(scene: Scene) -> None:
    await scene.call("sendMessage", chat_id=scene.fan.id, text="a", color="red")
    keyboard = {"inline_keyboard": [[{"text": "a", "callback_data": "x", "colour": 1}]]}
    await scene.call("sendMessage", chat_id=scene.fan.id, text="a", reply_markup=keyboard)
    refusal = await scene.refused("sendInvoice", chat_id=scene.fan.id, title="t", description="d",
                                  payload="p", currency="XTR", prices=[])  # fmt: skip
    assert refusal.code == 404
    refusal = await scene.refused("makeCoffee")
    assert refusal.text == "Not Found: method not found"
    assert [(lint.method, lint.name) for lint in scene.telegram.lint] == [
        ("sendMessage", "color"),
        ("sendMessage", "reply_markup.inline_keyboard.colour"),
        ("sendInvoice", ""),
    ]


async def test_lint_can_end_a_test() -> None:
    async def careless() -> None:
        async with Playground(lint_fails=True) as telegram:
            bot = telegram.world.add_bot("Lulu", "lulu_bot")
            await telegram.door.call(bot, "getMe", {"bogus": "1"}, {})

    with pytest.raises(AssertionError, match="bogus"):
        await careless()


async def test_links_requests_and_who_came_by_them(scene: Scene) -> None:
    world, group, bot = scene.telegram.world, scene.group, scene.bot
    link = await scene.call(
        "createChatInviteLink", chat_id=group.id, name="Mia", creates_join_request=True
    )
    refusal = await scene.refused(
        "createChatInviteLink", chat_id=group.id, creates_join_request=True, member_limit=3
    )
    assert refusal.text.endswith("links requiring administrator approval")
    guest = world.add_user("Guest")
    world.join(guest, group, link["invite_link"])
    assert not group.inside(guest)
    # Who knocks may be written to for five minutes, though she never started the bot.
    await scene.call("sendMessage", chat_id=guest.id, text="Why do you want to join?")
    await scene.call("approveChatJoinRequest", chat_id=group.id, user_id=guest.id)
    assert group.inside(guest)
    refusal = await scene.refused("approveChatJoinRequest", chat_id=group.id, user_id=guest.id)
    assert refusal.text == "Bad Request: USER_ALREADY_PARTICIPANT"
    refusal = await scene.refused("declineChatJoinRequest", chat_id=group.id, user_id=scene.fan.id)
    assert refusal.text == "Bad Request: HIDE_REQUESTER_MISSING"
    await scene.call("revokeChatInviteLink", chat_id=group.id, invite_link=link["invite_link"])
    with pytest.raises(CannotAct, match="expired"):
        world.join(world.add_user("Late"), group, link["invite_link"])
    assert bot.id in group.met_bots


async def test_an_ephemeral_message_is_for_one_fan(scene: Scene) -> None:
    world, group = scene.telegram.world, scene.group
    whisper = {"receiver_user_id": scene.fan.id}
    sent = await scene.call(
        "sendMessage", chat_id=group.id, text="psst", ephemeral_message_parameters=whisper
    )
    assert sent["message_id"] == 0
    assert [m.text for m in world.visible(scene.fan, group)][-1] == "psst"
    assert "psst" not in [m.text for m in world.visible(scene.owner, group)]
    number = {"chat_id": group.id, "receiver_user_id": scene.fan.id,
              "ephemeral_message_id": sent["ephemeral_message_id"]}  # fmt: skip
    assert await scene.call("editEphemeralMessageText", **number, text="psst!") is True
    assert await scene.call("deleteEphemeralMessage", **number) is True
    refusal = await scene.refused("editEphemeralMessageText", **number, text="gone")
    assert refusal.text == "Bad Request: message to edit not found"
    refusal = await scene.refused(
        "sendMessage", chat_id=scene.fan.id, text="psst", ephemeral_message_parameters=whisper
    )
    assert refusal.code == 400


async def test_a_bot_that_logged_out_is_not_served(scene: Scene) -> None:
    await scene.call("logOut")
    assert (await scene.refused("getMe")).text == "Bad Request: Logged out"
