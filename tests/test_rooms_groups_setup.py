"""A new owner sets a group up; order is kept, newcomers are greeted, owners hear what happened."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from functools import partial
from typing import Any

from sqlalchemy import select

from bot.app import App
from bot.playground import Chat, Message, User
from handlers.groups import rules
from storage import audit, chats, checkin_cards, communities, fans, order
from storage.database import Connection
from storage.records import ChatKind, ChatSeen, CommunitySettings, Place, Purpose, Role
from tests.house import Scene


def door_of(scene: Scene, person: User) -> Chat:
    return scene.telegram.world.private(person, scene.bot)


async def meet(scene: Scene, person: User) -> Chat:
    """The person has opened the private door."""
    scene.telegram.world.start(person, scene.bot)
    door = door_of(scene, person)
    await scene.telegram.until(lambda: scene.messages_of_bot(door), within=10)
    return door


async def says(scene: Scene, chat: Chat, who: User, text: str, **more: Any) -> Message:
    """What the bot answers in the same chat."""
    before = len(scene.messages_of_bot(chat))
    where = scene.bot if chat.type == "private" else chat
    scene.telegram.world.say(who, where, text, **more)
    await scene.telegram.until(lambda: len(scene.messages_of_bot(chat)) > before, within=10)
    return scene.messages_of_bot(chat)[before]


async def press(scene: Scene, who: User, message: Message, button: str | int) -> str:
    """The toast that answers a press."""
    made = scene.telegram.world.press(who, message, button)
    await scene.telegram.until(lambda: made.answer, within=10)
    assert made.answer is not None
    return made.answer.text or ""


async def appoint(house: App, person: User, role: Role) -> None:
    def step(db: Connection) -> None:
        number = fans.number_of(db, person.id)
        assert number is not None
        communities.appoint(db, 1, number, role)

    await house.database.work(step)


async def ours(house: App, scene: Scene) -> Place:
    """Our own idea of the scene's group."""

    def step(db: Connection) -> Place:
        (face,) = (station.face for station in house.stations.values())
        (group,) = [one for one in chats.groups(db, face.id) if one.title == scene.group.title]
        return group

    return await house.database.read(step)


async def notes(house: App) -> list[str]:
    query = select(audit.table.c.what).order_by(audit.table.c.id)
    return await house.database.read(lambda db: list(db.execute(query).scalars()))


async def make_fan_group(house: App, scene: Scene, **settings: Any) -> None:
    """As if the owner had tapped."""
    place = await ours(house, scene)

    def step(db: Connection) -> None:
        (face,) = (station.face for station in house.stations.values())
        chats.set_purpose(db, face.id, place.id, Purpose.FANS)
        communities.change(db, 1, **settings)

    await house.database.work(step)
    (station,) = house.stations.values()
    await station.watchman.refresh()


async def newcomer(scene: Scene, name: str = "Tom") -> User:
    person = scene.telegram.world.add_user(name, language_code="zh-hans")
    scene.telegram.world.add_member(scene.group, person)
    return person


def give_rights(scene: Scene) -> None:
    """The bot may do all that it can use."""
    scene.telegram.world.promote(
        scene.group,
        scene.bot,
        can_delete_messages=True,
        can_restrict_members=True,
        can_invite_users=True,
        can_pin_messages=True,
    )


# ---------------------------------------------------------------- setting up


async def test_an_owner_sets_a_group_up_with_one_tap(house: App, scene: Scene) -> None:
    """/setup says which rights are there and which are missing; one tap makes it a fan group."""
    card = await says(scene, scene.group, scene.owner, "/setup")
    assert "✓ 删除消息" in card.words
    assert "○ 限制成员" in card.words
    assert "/mute" in card.words
    assert "粉丝群" in await press(scene, scene.owner, card, "这是粉丝群")
    await scene.telegram.until(lambda: "粉丝群" in card.words)
    assert (await ours(house, scene)).purpose is Purpose.FANS
    assert "卡" in await press(scene, scene.owner, card, "卡片")
    place = await ours(house, scene)
    kept = await house.database.read(lambda db: checkin_cards.of_chat(db, place.id))
    assert kept is not None
    assert kept.on
    assert (await notes(house)) == ["set the purpose of a chat", "set how loud the bot is"]


async def test_a_quiet_group_gets_a_reaction_and_no_words(house: App, scene: Scene) -> None:
    card = await says(scene, scene.group, scene.owner, "/setup")
    await press(scene, scene.owner, card, "这是粉丝群")
    await scene.telegram.until(lambda: "安静" in labels(card))
    await press(scene, scene.owner, card, "安静")
    said = len(scene.messages_of_bot())
    here = scene.telegram.world.say(scene.fan, scene.group, "签到")
    await scene.telegram.until(lambda: here.reactions, within=10)
    assert len(scene.messages_of_bot()) == said
    assert not scene.telegram.history.calls("pinChatMessage")


async def test_a_fan_is_refused_kindly(house: App, scene: Scene) -> None:
    answer = await says(scene, scene.group, scene.fan, "/setup")
    assert "管理员" in answer.words
    assert not answer.markup
    card = await says(scene, scene.group, scene.owner, "/setup")
    assert "管理员" in await press(scene, scene.fan, card, "这是粉丝群")
    assert (await ours(house, scene)).purpose is Purpose.NONE


async def test_in_private_the_owner_sees_every_group_and_opens_one(
    house: App, scene: Scene
) -> None:
    door = await meet(scene, scene.owner)
    listed = await says(scene, door, scene.owner, "/setup")
    assert scene.group.title is not None
    assert scene.group.title in listed.words
    before = len(scene.messages_of_bot(door))
    await press(scene, scene.owner, listed, "1")
    await scene.telegram.until(lambda: len(scene.messages_of_bot(door)) > before)
    assert "用途" in scene.messages_of_bot(door)[-1].words


async def test_who_lost_the_role_since_the_card_was_shown_changes_nothing(
    house: App, scene: Scene
) -> None:
    await meet(scene, scene.fan)
    await appoint(house, scene.fan, Role.ADMIN)
    card = await says(scene, scene.group, scene.fan, "/setup")
    await appoint(house, scene.fan, Role.MODERATOR)
    assert "管理员" in await press(scene, scene.fan, card, "这是粉丝群")
    assert (await ours(house, scene)).purpose is Purpose.NONE


async def test_a_purpose_that_only_one_chat_has_moves(house: App, scene: Scene) -> None:
    place = await ours(house, scene)

    def step(db: Connection) -> list[int]:
        (face,) = (station.face for station in house.stations.values())
        seen = ChatSeen(-100555, ChatKind.SUPERGROUP, "desk")
        other = chats.enter(db, face.id, seen)
        chats.set_purpose(db, face.id, other, Purpose.DESK)
        chats.set_purpose(db, face.id, place.id, Purpose.DESK)
        return [one.id for one in chats.with_purpose(db, face.id, Purpose.DESK)]

    assert await house.database.work(step) == [place.id]


# ---------------------------------------------------------------- who helps


async def test_the_owner_appoints_by_reply(house: App, scene: Scene) -> None:
    world = scene.telegram.world
    hello = world.say(scene.fan, scene.group, "hi")
    answer = await says(scene, scene.group, scene.owner, "/staff moderator", reply_to=hello)
    assert "Lin" in answer.words
    listed = await says(scene, scene.group, scene.owner, "/staff")
    assert "版主" in listed.words
    answer = await says(scene, scene.group, scene.owner, "/staff none", reply_to=hello)
    listed = await says(scene, scene.group, scene.owner, "/staff")
    assert "版主" not in listed.words
    own = world.say(scene.owner, scene.group, "hello")
    answer = await says(scene, scene.group, scene.owner, "/staff none", reply_to=own)
    assert "设置文件" in answer.words
    assert (await notes(house)).count("appointed somebody") == 2


# ---------------------------------------------------------------- order


async def test_a_moderator_mutes_and_takes_it_back(house: App, scene: Scene) -> None:
    give_rights(scene)
    tom, world = await newcomer(scene), scene.telegram.world
    await meet(scene, scene.fan)
    await appoint(house, scene.fan, Role.MODERATOR)
    bad = world.say(tom, scene.group, "…")
    said = await says(scene, scene.group, scene.fan, "/mute 2h 刷屏", reply_to=bad)
    assert "2 小时" in said.words
    assert "刷屏" in said.words
    member = scene.group.member(tom)
    assert member is not None
    assert member.status == "restricted"
    assert member.until_date - world.date() > 7000
    await press(scene, scene.fan, said, "撤回")
    await scene.telegram.until(lambda: member.status == "member")


async def test_the_third_warning_is_a_mute_and_a_clean_slate(house: App, scene: Scene) -> None:
    give_rights(scene)
    tom, world = await newcomer(scene), scene.telegram.world
    bad = world.say(tom, scene.group, "…")
    for count in (1, 2, 3):
        said = await says(scene, scene.group, scene.owner, "/warn 广告", reply_to=bad)
        assert str(count) in said.words
    member = scene.group.member(tom)
    assert member is not None
    await scene.telegram.until(lambda: member.status == "restricted")

    def left(db: Connection) -> int:
        number = fans.number_of(db, tom.id)
        assert number is not None
        return order.warnings(db, 1, number)

    assert await house.database.read(left) == 0


def labels(message: Message) -> str:
    """The labels of a message's buttons."""
    rows = (message.markup or {}).get("inline_keyboard", [])
    return " ".join(one["text"] for row in rows for one in row)


def banned(scene: Scene) -> list[Message]:
    return [message for message in scene.messages_of_bot() if "群" in message.words]


async def test_a_ban_and_the_way_back(house: App, scene: Scene) -> None:
    give_rights(scene)
    tom, world = await newcomer(scene), scene.telegram.world
    bad = world.say(tom, scene.group, "…")
    await says(scene, scene.group, scene.owner, "/ban", reply_to=bad)
    member = scene.group.member(tom)
    assert member is not None
    assert member.status == "kicked"
    await scene.telegram.until(lambda: any("撤回" in labels(m) for m in banned(scene)))
    world.say(scene.owner, scene.group, "/unban", reply_to=bad)
    await scene.telegram.until(lambda: member.status == "left", within=10)


async def test_nobody_acts_on_equals_or_on_those_above(house: App, scene: Scene) -> None:
    give_rights(scene)
    world = scene.telegram.world
    mia = await newcomer(scene, "Mia")
    world.say(mia, scene.group, "x")
    await meet(scene, scene.fan)
    await meet(scene, mia)
    for person in (scene.fan, mia):
        await appoint(house, person, Role.MODERATOR)
    for target in (mia, scene.owner, scene.fan):
        theirs = world.say(target, scene.group, "hm")
        await says(scene, scene.group, scene.fan, "/mute", reply_to=theirs)
    assert not scene.telegram.history.calls("restrictChatMember")


async def test_telegram_s_own_admins_are_respected(house: App, scene: Scene) -> None:
    give_rights(scene)
    tom, world = await newcomer(scene), scene.telegram.world
    world.promote(scene.group, tom)
    theirs = world.say(tom, scene.group, "hm")
    said = await says(scene, scene.group, scene.owner, "/mute", reply_to=theirs)
    assert "Telegram" in said.words or "权限" in said.words
    member = scene.group.member(tom)
    assert member is not None
    assert member.status == "administrator"


async def test_an_anonymous_admin_keeps_order_and_a_channel_does_not(
    house: App, scene: Scene
) -> None:
    give_rights(scene)
    tom, world = await newcomer(scene), scene.telegram.world
    bad = world.say(tom, scene.group, "…")
    channel = world.make_channel("Tom's", tom)
    world.say(tom, scene.group, "/mute", reply_to=bad, as_chat=channel)
    said = await says(
        scene, scene.group, scene.owner, "/mute 1h", reply_to=bad, as_chat=scene.group
    )
    assert "1 小时" in said.words
    assert len(scene.telegram.history.calls("restrictChatMember")) == 1
    assert "asked to mute a fan" in await notes(house)


async def test_without_the_right_the_group_hears_why(house: App, scene: Scene) -> None:
    tom, world = await newcomer(scene), scene.telegram.world
    bad = world.say(tom, scene.group, "…")
    said = await says(scene, scene.group, scene.owner, "/ban", reply_to=bad)
    assert "权限" in said.words


# ---------------------------------------------------------------- what owners hear


async def test_owners_hear_of_lost_rights_and_of_being_put_out_once(
    house: App, scene: Scene
) -> None:
    world = scene.telegram.world
    door = await meet(scene, scene.owner)
    mo = world.add_user("Mo", language_code="zh-hans")
    world.add_member(scene.group, mo)
    world.promote(scene.group, mo, can_promote_members=True, can_restrict_members=True)

    def told() -> list[str]:
        return [message.words for message in scene.messages_of_bot(door)]

    before = len(told())
    world.promote(scene.group, scene.bot, by=mo, can_pin_messages=True)
    await scene.telegram.until(lambda: len(told()) == before + 1)
    assert "广告" in told()[-1]
    world.kick(scene.group, scene.bot, by=mo)
    await scene.telegram.until(lambda: len(told()) == before + 2)
    assert "Mo" in told()[-1] or "请出" in told()[-1]


async def test_owners_hear_once_of_an_upgrade(house: App, scene: Scene) -> None:
    world = scene.telegram.world
    door = await meet(scene, scene.owner)
    group = world.make_group("小屋", scene.owner, members=[scene.fan])
    world.add_member(group, scene.bot)
    await scene.telegram.until(lambda: scene.messages_of_bot(group))
    await scene.telegram.until(lambda: any("小屋" in m.words for m in scene.messages_of_bot(door)))
    new = world.upgrade(group)
    await scene.telegram.until(
        lambda: any("升级" in m.words or "超级群" in m.words for m in scene.messages_of_bot(door))
    )
    await says(scene, new, scene.fan, "/checkin")
    upgraded = [m for m in scene.messages_of_bot(door) if "超级群" in m.words or "升级" in m.words]
    assert len(upgraded) == 1


# ---------------------------------------------------------------- who comes


async def test_many_who_come_get_one_greeting_and_the_next_replaces_it(
    house: App, scene: Scene
) -> None:
    world, telegram = scene.telegram.world, scene.telegram
    await make_fan_group(house, scene)
    for name in ("Ann", "Bo", "Cy"):
        await newcomer(scene, name)
    await arrived(house, 3)
    telegram.clock.advance(25)
    await telegram.until(lambda: scene.said(count=1), within=10)
    (first,) = scene.messages_of_bot()
    assert all(name in first.words for name in ("Ann", "Bo", "Cy"))
    dee = await newcomer(scene, "Dee")
    await arrived(house, 4)
    telegram.clock.advance(25)
    await telegram.until(lambda: first.deleted, within=10)
    (second,) = scene.messages_of_bot()
    assert "Dee" in second.words
    world.leave(dee, scene.group)
    world.add_member(scene.group, dee)
    telegram.clock.advance(25)
    await says(scene, scene.group, scene.fan, "/help")
    assert sum("Dee" in words for words in scene.said()) == 1


async def arrived(house: App, count: int) -> None:
    """So many have been noticed."""
    query = select(order.arrivals.c.fan)
    found: list[int] = []
    async with asyncio.timeout(10):
        while len(found) < count:
            await asyncio.sleep(0.01)
            found = await house.database.read(lambda db: list(db.execute(query).scalars()))


async def test_bots_are_not_greeted(house: App, scene: Scene) -> None:
    await make_fan_group(house, scene)
    other = scene.telegram.world.add_bot("另一个", "other_bot")
    scene.telegram.world.add_member(scene.group, other)
    await newcomer(scene, "Ann")
    await arrived(house, 1)
    scene.telegram.clock.advance(25)
    await scene.telegram.until(lambda: scene.said(count=1), within=10)
    assert "另一个" not in scene.said()[0]


# ---------------------------------------------------------------- the door


async def test_who_knocks_answers_one_question_and_is_let_in(house: App, scene: Scene) -> None:
    give_rights(scene)
    await make_fan_group(house, scene, gate=True, welcome=False)
    tom = scene.telegram.world.add_user("Tom", language_code="zh-hans")
    scene.telegram.world.request_join(tom, scene.group)
    door = door_of(scene, tom)
    await scene.telegram.until(lambda: scene.messages_of_bot(door), within=10)
    (asked,) = scene.messages_of_bot(door)
    await press(scene, tom, asked, 0)
    await scene.telegram.until(lambda: scene.group.inside(tom), within=10)


async def test_three_wrong_answers_call_a_person_who_opens(house: App, scene: Scene) -> None:
    give_rights(scene)
    desk = await meet(scene, scene.owner)
    said = await says(scene, desk, scene.owner, "/door 猫叫什么？ | *团子 | 元宝")
    assert "猫叫什么" in said.words
    await make_fan_group(house, scene, gate=True, welcome=False)
    tom = scene.telegram.world.add_user("Tom", language_code="zh-hans")
    scene.telegram.world.request_join(tom, scene.group)
    door = door_of(scene, tom)
    await scene.telegram.until(lambda: scene.messages_of_bot(door), within=10)
    for _ in range(2):
        asked = len(scene.messages_of_bot(door))
        await press(scene, tom, scene.messages_of_bot(door)[-1], "元宝")
        await scene.telegram.until(partial(has_more, scene, door, asked))
    before = len(scene.messages_of_bot(desk))
    await press(scene, tom, scene.messages_of_bot(door)[-1], "元宝")
    await scene.telegram.until(lambda: len(scene.messages_of_bot(desk)) > before)
    assert not scene.group.inside(tom)
    await press(scene, scene.owner, scene.messages_of_bot(desk)[-1], "让进")
    await scene.telegram.until(lambda: scene.group.inside(tom), within=10)
    assert "let somebody in" in await notes(house)


def has_more(scene: Scene, chat: Chat, than: int) -> bool:
    return len(scene.messages_of_bot(chat)) > than


async def test_nobody_answers_for_somebody_else(house: App, scene: Scene) -> None:
    give_rights(scene)
    await make_fan_group(house, scene, gate=True, welcome=False)
    tom = scene.telegram.world.add_user("Tom", language_code="zh-hans")
    scene.telegram.world.request_join(tom, scene.group)
    door = door_of(scene, tom)
    await scene.telegram.until(lambda: scene.messages_of_bot(door), within=10)
    stolen = scene.messages_of_bot(door)[0].markup
    assert stolen is not None
    data = stolen["inline_keyboard"][0][0]["callback_data"]
    shown = await says(scene, scene.group, scene.fan, "/help")
    made = scene.telegram.world.forge_press(scene.fan, shown, data)
    await scene.telegram.until(lambda: made.answer, within=10)
    assert not scene.group.inside(tom)


# ---------------------------------------------------------------- newcomers' links


async def test_a_newcomer_s_link_is_kept_for_a_look_and_comes_back(
    house: App, scene: Scene
) -> None:
    give_rights(scene)
    desk = await meet(scene, scene.owner)
    await make_fan_group(house, scene, filters=True, welcome=False)
    tom, world = await newcomer(scene), scene.telegram.world
    await arrived(house, 1)
    before = len(scene.messages_of_bot(desk))
    post = world.say(tom, scene.group, "看看 https://example.org/spam")
    await scene.telegram.until(lambda: post.deleted, within=10)
    await scene.telegram.until(lambda: len(scene.messages_of_bot(desk)) > before)
    review = scene.messages_of_bot(desk)[-1]
    assert "example.org" in review.words
    await press(scene, scene.owner, review, "放回群里")
    await scene.telegram.until(
        lambda: any("example.org" in m.words for m in scene.messages_of_bot()), within=10
    )
    assert "restored a message" in await notes(house)


async def test_who_has_been_here_longer_posts_links(house: App, scene: Scene) -> None:
    give_rights(scene)
    await make_fan_group(house, scene, filters=True, welcome=False)
    post = scene.telegram.world.say(scene.fan, scene.group, "https://example.org/mine")
    await says(scene, scene.group, scene.fan, "/help")
    assert not post.deleted


async def test_a_newcomer_s_flood_stops(house: App, scene: Scene) -> None:
    give_rights(scene)
    await meet(scene, scene.owner)
    await make_fan_group(house, scene, filters=True, welcome=False)
    tom, world = await newcomer(scene), scene.telegram.world
    await arrived(house, 1)
    posts = [world.say(tom, scene.group, f"第 {n} 条") for n in range(12)]
    await scene.telegram.until(lambda: posts[-1].deleted, within=10)
    assert not any(post.deleted for post in posts[:8])


def test_a_card_offers_only_what_changes_something() -> None:
    place = Place(3, ChatKind.SUPERGROUP, "x")
    plain = rules.set_up(place, CommunitySettings(), loud="reply", hears_all=False)
    assert plain.plain == "3"
    assert plain.fans == plain.used == plain.channel == ""
    fans_group = replace(place, purpose=Purpose.FANS)
    used = rules.set_up(fans_group, CommunitySettings(), loud="reply", hears_all=False)
    assert used.plain == ""
    assert used.fans == used.used == "3"
