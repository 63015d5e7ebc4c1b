"""Who sees what in the playground, what bots are told, and that its state survives a kill."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import pytest

from bot.playground import BotAccount, CannotAct, Chat, Flood, Playground, User


@dataclass
class Stage:
    """A world without a server: updates are read straight from the queues."""

    telegram: Playground
    owner: User
    fan: User

    def told(self, bot: BotAccount, kind: str | None = None) -> list[dict[str, Any]]:
        """What the bot has been told and not confirmed, of one kind."""
        pending = self.telegram.world.updates.queue(bot).pending.values()
        return [msgspec.json.decode(p.raw) for p in pending if kind in (None, p.kind)]

    def kinds(self, bot: BotAccount) -> list[str]:
        """The kinds of all that waits for the bot."""
        return [p.kind for p in self.telegram.world.updates.queue(bot).pending.values()]

    def heard(self, bot: BotAccount) -> list[str]:
        """The texts that reached the bot."""
        return [m["text"] for m in self.told(bot, "message") if "text" in m]


@pytest.fixture
def stage() -> Stage:
    telegram = Playground(flood=Flood.off())
    world = telegram.world
    return Stage(telegram, world.add_user("小鹿", username="lulu"), world.add_user("Mia"))


def test_privacy_mode_hides_what_is_not_meant_for_the_bot(stage: Stage) -> None:
    world = stage.telegram.world
    shy = world.add_bot("Shy", "shy_bot")
    open_ = world.add_bot("Open", "open_bot", privacy=False)
    admin = world.add_bot("Admin", "admin_bot")
    group = world.make_supergroup("G", stage.owner, [stage.fan], [shy, open_, admin])
    world.promote(group, admin)
    for text in ("签到", "/checkin", "/checkin@SHY_bot", "/checkin@open_bot"):
        world.say(stage.fan, group, text)
    assert stage.heard(open_) == ["签到", "/checkin", "/checkin@SHY_bot", "/checkin@open_bot"]
    assert stage.heard(admin) == stage.heard(open_)
    assert stage.heard(shy) == ["/checkin", "/checkin@SHY_bot"]


async def test_a_bare_command_is_for_the_bot_that_spoke_last(stage: Stage) -> None:
    world = stage.telegram.world
    bots = [world.add_bot(name, f"{name}_bot") for name in ("first", "second")]
    group = world.make_supergroup("G", stage.owner, [stage.fan], bots)
    for bot in bots:
        hello = {"chat_id": group.id, "text": "hello"}
        await stage.telegram.door.call(bot, "sendMessage", hello, {})
        world.say(stage.fan, group, f"/after_{bot.first_name}")
    assert [stage.heard(bot) for bot in bots] == [["/after_first"], ["/after_second"]]


async def test_bots_do_not_hear_bots_and_replies_reach_the_shy_one(stage: Stage) -> None:
    world = stage.telegram.world
    shy = world.add_bot("Shy", "shy_bot")
    other = world.add_bot("Other", "other_bot", privacy=False)
    group = world.make_supergroup("G", stage.owner, [stage.fan], [shy, other])
    await stage.telegram.door.call(shy, "sendMessage", {"chat_id": group.id, "text": "hello"}, {})
    hello = world.messages(group)[-1]
    world.say(stage.fan, group, "to the bot", reply_to=hello)
    world.say(stage.fan, group, "to nobody")
    assert stage.heard(other) == ["to the bot", "to nobody"]
    assert stage.heard(shy) == ["to the bot"]
    [message] = [m for m in stage.told(shy, "message") if "text" in m]
    assert message["reply_to_message"]["text"] == "hello"
    assert message["message_thread_id"] == hello.message_id


def test_anonymous_admins_and_channels_speak_under_other_names(stage: Stage) -> None:
    world = stage.telegram.world
    bot = world.add_bot("Admin", "admin_bot")
    group = world.make_supergroup("G", stage.owner, [stage.fan], [bot])
    world.promote(group, bot)
    channel = world.make_channel("News", stage.owner)
    world.say(stage.owner, group, "as the group", as_chat=group)
    world.say(stage.owner, group, "as the channel", as_chat=channel)
    anonymous, spoken = [m for m in stage.told(bot, "message") if "text" in m]
    assert anonymous["from"]["id"] == 1087968824
    assert anonymous["sender_chat"]["id"] == group.id
    assert spoken["from"]["id"] == 136817688
    assert spoken["sender_chat"]["id"] == channel.id
    with pytest.raises(CannotAct, match="anonymously"):
        world.say(stage.fan, group, "me too", as_chat=group)


def test_channel_posts_are_forwarded_into_the_discussion(stage: Stage) -> None:
    world = stage.telegram.world
    bot = world.add_bot("Admin", "admin_bot")
    group = world.make_supergroup("Talk", stage.owner, [stage.fan], [bot])
    world.promote(group, bot)
    channel = world.make_channel("News", stage.owner, bots=[bot], discussion=group)
    post = world.say(stage.owner, channel, "New song")
    [told] = stage.told(bot, "channel_post")
    assert told["sender_chat"]["id"] == channel.id
    assert "from" not in told
    [copy] = [m for m in stage.told(bot, "message") if "text" in m]
    assert copy["is_automatic_forward"]
    assert copy["from"]["id"] == 777000
    assert copy["forward_origin"] == {
        "type": "channel",
        "date": post.date,
        "chat": {"id": channel.id, "type": "channel", "title": "News"},
        "message_id": post.message_id,
    }


def test_comings_and_goings_are_told_with_the_link_that_led_in(stage: Stage) -> None:
    world = stage.telegram.world
    bot = world.add_bot("Admin", "admin_bot")
    bot.allowed_updates = ["message", "chat_member", "my_chat_member", "chat_join_request"]
    group = world.make_supergroup("G", stage.owner, (), [bot])
    world.promote(group, bot)
    mine = world.make_link(group, bot, name="spring")
    world.join(stage.fan, group, mine)
    world.kick(group, stage.fan)
    told = stage.told(bot, "chat_member")
    statuses = [(t["old_chat_member"]["status"], t["new_chat_member"]["status"]) for t in told]
    assert statuses == [("left", "member"), ("member", "kicked"), ("kicked", "left")]
    assert told[0]["invite_link"]["name"] == "spring"
    assert told[0]["from"]["id"] == stage.fan.id
    services = [m for m in stage.told(bot, "message") if "text" not in m]
    marks = ("new_chat_members", "left_chat_member")
    assert [next(mark for mark in marks if mark in m) for m in services] == [*marks[:1], *marks]
    hers = world.make_link(group, stage.owner, by_request=True, name="theirs")
    world.join(stage.fan, group, hers)
    [request] = stage.told(bot, "chat_join_request")
    assert request["user_chat_id"] == stage.fan.id
    assert request["invite_link"]["invite_link"].endswith("…")
    world.approve(group, stage.fan)
    assert stage.told(bot, "chat_member")[-1]["via_join_request"] is True


def test_a_bot_hears_of_its_own_fate(stage: Stage) -> None:
    world = stage.telegram.world
    bot = world.add_bot("B", "b_bot")
    group = world.make_group("Small", stage.owner, (), [bot])
    world.promote(group, bot)
    world.ban(group, bot)
    world.start(stage.fan, bot)
    world.block(stage.fan, bot)
    world.unblock(stage.fan, bot)
    fate = [(t["chat"]["type"], t["new_chat_member"]["status"])
            for t in stage.told(bot, "my_chat_member")]  # fmt: skip
    assert fate == [
        ("group", "member"),
        ("group", "administrator"),
        ("group", "kicked"),
        ("private", "kicked"),
        ("private", "member"),
    ]


def test_ids_look_like_telegrams(stage: Stage) -> None:
    world = stage.telegram.world
    bot = world.add_bot("B", "b_bot")
    assert stage.owner.id > 2**32
    small = world.make_group("Small", stage.owner, [stage.fan], [bot])
    big = world.make_supergroup("Big", stage.owner, [stage.fan], [bot])
    assert -5_000_000_000 < small.id < 0
    assert str(big.id).startswith("-100")
    assert len(str(big.id)) == 14
    # A bot numbers the messages of its private chats and basic groups in one sequence.
    first = world.say(stage.fan, bot, "1").id_for(bot)
    second = world.say(stage.fan, small, "2").id_for(bot)
    third = world.say(stage.fan, bot, "3").id_for(bot)
    assert (second, third) == (first + 1, first + 2)
    assert world.find(small, bot, second) is world.messages(small)[-1]


def test_an_upgrade_is_told_in_both_chats(stage: Stage) -> None:
    world = stage.telegram.world
    bot = world.add_bot("B", "b_bot")
    group = world.make_group("Small", stage.owner, [stage.fan], [bot])
    new = world.upgrade(group)
    moves = [m for m in stage.told(bot, "message") if "migrate_to_chat_id" in m
             or "migrate_from_chat_id" in m]  # fmt: skip
    assert [(m["chat"]["id"], m.get("migrate_to_chat_id"), m.get("migrate_from_chat_id"))
            for m in moves] == [(group.id, new.id, None), (new.id, None, group.id)]  # fmt: skip
    assert world.say(stage.fan, group, "where am I?").chat is new


def test_forwards_carry_their_origin(stage: Stage) -> None:
    world = stage.telegram.world
    bot = world.add_bot("B", "b_bot")
    group = world.make_supergroup("G", stage.owner, [stage.fan])
    world.start(stage.fan, bot)
    shy = world.add_user("Shy", hides_forwards=True)
    world.add_member(group, shy)
    world.forward(stage.fan, world.say(stage.owner, group, "open"), bot)
    world.forward(stage.fan, world.say(shy, group, "hidden"), bot)
    world.forward(stage.fan, world.say(stage.owner, group, "anon", as_chat=group), bot)
    origins = [m["forward_origin"] for m in stage.told(bot, "message") if "forward_origin" in m]
    assert [origin["type"] for origin in origins] == ["user", "hidden_user", "chat"]
    assert origins[1]["sender_user_name"] == "Shy"


def test_an_ephemeral_command_is_seen_by_the_bot_alone(stage: Stage) -> None:
    world = stage.telegram.world
    bot = world.add_bot("B", "b_bot")
    group = world.make_supergroup("G", stage.owner, [stage.fan], [bot])
    bot.commands["x"] = [{"command": "checkin", "description": "签到", "is_ephemeral": True}]
    said = world.say(stage.fan, group, "/checkin")
    assert said.ephemeral_id == 1
    assert world.sees(stage.fan, said)
    assert not world.sees(stage.owner, said)
    told = [m for m in stage.told(bot, "message") if "text" in m]
    assert told[-1]["message_id"] == 0
    assert told[-1]["ephemeral_message_id"] == 1


def test_what_a_restricted_fan_may_not_do(stage: Stage) -> None:
    world = stage.telegram.world
    group = world.make_supergroup("G", stage.owner, [stage.fan])
    world.restrict(group, stage.fan, can_send_messages=True)
    world.say(stage.fan, group, "words are fine")
    with pytest.raises(CannotAct, match="not allowed"):
        world.send_media(stage.fan, group, "photo")
    world.restrict(group, stage.fan, until=world.date() + 60)
    with pytest.raises(CannotAct, match="not allowed"):
        world.say(stage.fan, group, "no words now")
    stage.telegram.clock.advance(61)
    world.say(stage.fan, group, "again")
    assert group.members[stage.fan.id].status == "member"


def test_a_link_for_two_lets_in_two(stage: Stage) -> None:
    world = stage.telegram.world
    group = world.make_supergroup("G", stage.owner)
    link = world.make_link(group, stage.owner, member_limit=2)
    for name in ("A", "B"):
        world.join(world.add_user(name), group, link)
    with pytest.raises(CannotAct, match="expired"):
        world.join(stage.fan, group, link)


async def test_an_edit_is_told_and_shows_its_time(stage: Stage) -> None:
    world = stage.telegram.world
    bot = world.add_bot("B", "b_bot")
    world.start(stage.fan, bot)
    message = world.say(stage.fan, bot, "frist")
    world.edit(stage.fan, message, "first")
    [edited] = stage.told(bot, "edited_message")
    assert edited["text"] == "first"
    assert edited["edit_date"] >= edited["date"]
    world.delete(stage.fan, message)
    assert message not in world.messages(bot, of=stage.fan)
    with pytest.raises(CannotAct, match="gone"):
        world.edit(stage.fan, message, "again")


async def test_events_stream_to_lookers_on(stage: Stage) -> None:
    world = stage.telegram.world
    bot = world.add_bot("B", "b_bot")
    events = world.subscribe()
    world.start(stage.fan, bot)
    await stage.telegram.door.call(bot, "getMe", {}, {})
    seen = []
    async for event in events:
        seen.append(event["type"])
        if event["type"] == "call":
            break
    events.close()
    assert seen == ["chat", "message", "update", "call"]


# Keeping


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    return tmp_path / "world.sqlite3"


async def test_a_world_comes_back_from_its_file(kept: Path) -> None:
    async with Playground(state_file=kept, flood=Flood.off()) as telegram:
        world = telegram.world
        owner, fan = world.add_user("小鹿"), world.add_user("Mia", language_code="en")
        bot = world.add_bot("B", "b_bot")
        group = world.make_supergroup("G", owner, [fan], [bot])
        world.promote(group, bot)
        small = world.make_group("Small", owner, [fan], [bot])
        little = world.say(fan, small, "in the small one")
        world.start(fan, bot)
        to = {"chat_id": group.id, "text": "<b>hi</b>", "parse_mode": "HTML"}
        await telegram.door.call(bot, "sendMessage", to, {})
        world.react(fan, world.messages(group)[-1], "🔥")
        world.say(fan, group, "reply", reply_to=world.messages(group)[-1])
        link = world.make_link(group, bot, by_request=True, name="door")
        guest = world.add_user("Guest")
        world.join(guest, group, link)
        world.send_media(fan, bot, "photo", caption="look")
        telegram.clock.advance(86_400)
        before = _portrait(telegram, group, bot)
        waiting = world.updates.waiting(bot)
        now = telegram.clock.seconds()
    async with Playground(state_file=kept) as telegram:
        world = telegram.world
        again = world.chats[group.key]
        assert _portrait(telegram, again, world.bots[bot.id]) == before
        assert world.updates.waiting(world.bots[bot.id]) == waiting
        assert telegram.clock.seconds() >= now
        assert again.requests[guest.id].link is again.links[link.url]
        said = world.messages(again)[-1]
        assert said.reply_to is world.messages(again)[-2]
        assert world.bot_by_token(bot.token) is world.bots[bot.id]
        assert [call.method for call in telegram.history] == ["sendMessage"]
        assert telegram.history.count == 1
        body = {"chat_id": group.id, "text": "on we go"}
        await telegram.door.call(world.bots[bot.id], "sendMessage", body, {})
        assert world.messages(again)[-1].message_id == said.message_id + 1
        same = world.find(world.chats[small.key], world.bots[bot.id], little.id_for(bot))
        assert same is not None
        assert same.text == "in the small one"


def _portrait(telegram: Playground, chat: Chat, bot: BotAccount) -> list[Any]:
    world = telegram.world
    said = [world.render.message(message, bot) for message in world.messages(chat)]
    private = [world.render.message(m, bot) for c in world.chats.values() if c.bot is bot
               for m in world.messages(c)]  # fmt: skip
    standing = {m.user.id: m.picture() for m in chat.members.values()}
    reactions = [message.reactions for message in world.messages(chat)]
    return [said, private, standing, reactions]


async def test_torn_names_and_texts_survive_too(kept: Path) -> None:
    async with Playground(state_file=kept) as telegram:
        world = telegram.world
        bot, fan = world.add_bot("B", "b_bot"), world.add_user("\ud800evil")
        fan.photos.append([1])
        world.send_media(fan, bot, "document", data=b"\x00\xff", caption="fine")
        world.say(fan, bot, "half \udfff")
        telegram.flush()
        assert not telegram.lint
    async with Playground(state_file=kept) as telegram:
        again = telegram.world.users[fan.id]
        assert (again.first_name, again.photos) == ("\ud800evil", [[1]])
        account = telegram.world.bots[bot.id]
        assert telegram.world.messages(account, of=again)[-1].text == "half \udfff"
        assert telegram.world.files[1].data == b"\x00\xff"
        assert telegram.world.updates.waiting(account) == 2


_CHILD = """
import asyncio, sys
from pathlib import Path
from bot.playground import Flood, Playground

async def main() -> None:
    # Nobody calls this Bot API, so the seconds that its start takes are spared.
    telegram = Playground(state_file=Path(sys.argv[1]), flood=Flood.off())
    keeping = asyncio.create_task(telegram.keep())
    world = telegram.world
    bot, fan = world.add_bot("B", "b_bot"), world.add_user("Mia")
    number = 0
    while not keeping.done():
        number += 1
        world.say(fan, bot, str(number))
        print(number, flush=True)
        await asyncio.sleep(0.001)

asyncio.run(main())
"""


async def test_a_killed_playground_loses_at_most_its_last_second(kept: Path) -> None:
    child = await asyncio.to_thread(
        subprocess.Popen,
        [sys.executable, "-c", _CHILD, str(kept)],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parent.parent)},
    )
    assert child.stdout is not None
    said: list[int] = []
    marks: list[float] = []
    loop = asyncio.get_running_loop()
    while not said or said[-1] < 900:
        said.append(int(await asyncio.to_thread(child.stdout.readline)))
        marks.append(loop.time())
    child.send_signal(signal.SIGKILL)
    rest = (await asyncio.to_thread(child.communicate))[0].split()
    said += map(int, rest)
    marks += [loop.time()] * len(rest)
    async with Playground(state_file=kept) as telegram:
        world = telegram.world
        [bot] = world.bots.values()
        [fan] = [user for user in world.users.values() if user.first_name == "Mia"]
        messages = [int(m.text or "") for m in world.messages(bot, of=fan)]
        # Nothing in between is missing, and the end is at most a second old.
        assert messages == list(range(1, len(messages) + 1))
        assert world.updates.waiting(bot) == len(messages)
        assert marks[-1] - marks[len(messages) - 1] < 1.0


async def test_a_limited_history_stays_small_on_disk_too(kept: Path) -> None:
    async with Playground(state_file=kept, history_limit=3) as telegram:
        bot = telegram.world.add_bot("B", "b_bot")
        for _ in range(5):
            await telegram.door.call(bot, "getMe", {}, {})
    async with Playground(state_file=kept) as telegram:
        assert [call.n for call in telegram.history] == [3, 4, 5]
        await telegram.door.call(telegram.world.bots[bot.id], "getMe", {}, {})
        assert [call.n for call in telegram.history][-1] == 6
