"""Groups: who brings the bot, what it can hear there, who owns it, and who counts as a fan."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

import pytest

from bot.app import App
from bot.playground import Chat, User
from handlers.groups.rules import TRIES, Claimed, NotTheCode, claim, digest
from storage import chats, communities, fans, ledger, outbox
from storage.database import Connection
from storage.records import Reach, Role, Standing
from tests.engines import sqlite_url
from tests.house import Scene, running, settings_for


async def spoken(house: App, *, to: Chat | User | None = None) -> list[str]:
    """The templates of all letters, or of those to one chat, in the order they were put."""
    query = outbox.table.select().order_by(outbox.table.c.id)

    def read(db: Connection) -> list[str]:
        rows = db.execute(query).all()
        if to is None:
            return [row.template for row in rows]
        return [row.template for row in rows if chats.address(db, row.chat) == to.id]

    return await house.database.read(read)


async def points(house: App, who: User) -> int:
    (station,) = house.stations.values()

    def read(db: Connection) -> int:
        return ledger.balance(db, station.face.community.id, fans.number_of(db, who.id) or 0)

    return await house.database.read(read)


async def heard_all(house: App, scene: Scene) -> None:
    """Wait until everything that happened was received and reacted to."""
    await scene.telegram.until(lambda: not scene.telegram.world.updates.waiting(scene.bot))
    door = scene.telegram.world.private(scene.owner, scene.bot)
    count = len(scene.messages_of_bot(door))
    scene.telegram.world.say(scene.owner, scene.bot, "/about")
    await scene.telegram.until(lambda: len(scene.messages_of_bot(door)) > count, within=10)


# Coming in


async def test_an_owner_brings_the_bot_into_a_group(house: App, scene: Scene) -> None:
    group = scene.telegram.world.make_supergroup("新家", scene.owner, bots=[scene.bot])
    await scene.telegram.until(lambda: scene.said(group))
    assert await spoken(house, to=group) == ["groups/introduced"]
    (message,) = scene.messages_of_bot(group)
    assert message.markup is not None


async def test_a_stranger_is_thanked_and_the_owner_is_asked(house: App, scene: Scene) -> None:
    world = scene.telegram.world
    world.start(scene.owner, scene.bot)
    stranger = world.add_user("路人")
    group = world.make_supergroup("别人家", stranger, bots=[scene.bot])
    await scene.telegram.until(lambda: scene.said(group))
    door = world.private(scene.owner, scene.bot)
    await scene.telegram.until(lambda: any("别人家" in text for text in scene.said(door)))
    assert await spoken(house, to=group) == ["groups/not_mine"]
    question = scene.messages_of_bot(door)[-1]
    press = world.press(scene.owner, question, 1)
    await scene.telegram.until(lambda: not group.inside(scene.bot))
    assert press.bot is scene.bot


async def test_only_an_owner_decides_whether_the_bot_stays(house: App, scene: Scene) -> None:
    """The owner's question, forwarded to somebody else, is a question with dead buttons."""
    world = scene.telegram.world
    world.start(scene.owner, scene.bot)
    world.start(scene.fan, scene.bot)
    stranger = world.add_user("路人")
    group = world.make_supergroup("别人家", stranger, bots=[scene.bot])
    door = world.private(scene.owner, scene.bot)
    await scene.telegram.until(lambda: any("别人家" in text for text in scene.said(door)))
    leave = scene.messages_of_bot(door)[-1].markup["inline_keyboard"][0][1]["callback_data"]  # type: ignore[index]  # the question has buttons
    card = scene.messages_of_bot(world.private(scene.fan, scene.bot))[0]
    press = world.forge_press(scene.fan, card, leave)
    await scene.telegram.until(lambda: press.answer)
    assert group.inside(scene.bot)
    (station,) = house.stations.values()
    assert len(await house.database.read(
        lambda db: communities.owners(db, station.face.community.id))) == 1  # fmt: skip


async def test_before_anybody_owns_it_nobody_is_a_stranger(scene: Scene, tmp_path: Path) -> None:
    settings = settings_for(scene, sqlite_url(tmp_path), telegram={"owners": []})
    async with running(settings) as app:
        await scene.introduce()
        assert (await spoken(app, to=scene.group))[0] == "groups/introduced"


async def test_who_is_put_out_says_nothing_more_there(house: App, scene: Scene) -> None:
    world = scene.telegram.world
    group = world.make_supergroup("新家", scene.owner, bots=[scene.bot])
    await scene.telegram.until(lambda: scene.said(group))
    world.kick(group, scene.bot)
    await heard_all(house, scene)
    places = await house.database.read(lambda db: chats.groups(db, 1))
    (place,) = [place for place in places if place.title == "新家"]
    assert place.standing is Standing.LEFT


# Privacy mode


async def test_a_deaf_bot_says_so_after_a_minute_and_once(house: App, scene: Scene) -> None:
    telegram = scene.telegram
    group = telegram.world.make_supergroup("新家", scene.owner, bots=[scene.bot])
    await telegram.until(lambda: scene.said(group))
    telegram.clock.advance(30)
    await heard_all(house, scene)
    assert await spoken(house, to=group) == ["groups/introduced"]
    telegram.clock.advance(40)
    said = await telegram.until(lambda: scene.said(group, count=2))
    assert "/setprivacy" in said[1]
    telegram.world.promote(group, scene.bot)
    telegram.world.demote(group, scene.bot)
    await heard_all(house, scene)
    telegram.clock.advance(300)
    await heard_all(house, scene)
    assert (await spoken(house, to=group)).count("groups/cannot_hear") == 1


async def test_a_bot_that_is_promoted_within_the_minute_complains_of_nothing(
    house: App, scene: Scene
) -> None:
    telegram = scene.telegram
    group = telegram.world.make_supergroup("新家", scene.owner, bots=[scene.bot])
    await telegram.until(lambda: scene.said(group))
    telegram.clock.advance(30)
    telegram.world.promote(group, scene.bot)
    await heard_all(house, scene)
    telegram.clock.advance(3600)
    await heard_all(house, scene)
    assert await spoken(house, to=group) == ["groups/introduced"]


async def test_a_place_that_an_anonymous_admin_gave_is_remembered(house: App, scene: Scene) -> None:
    """Telegram says that the group's own mask promoted us: nobody to greet, but we can hear."""
    telegram = scene.telegram
    group = telegram.world.make_supergroup("新家", scene.owner, bots=[scene.bot])
    await telegram.until(lambda: scene.said(group))
    mask = telegram.world.users[1087968824]
    telegram.world.promote(group, scene.bot, by=mask)
    await heard_all(house, scene)
    telegram.clock.advance(3600)
    await heard_all(house, scene)
    assert await spoken(house, to=group) == ["groups/introduced"]


# The owner


async def printed_code(capsys: pytest.CaptureFixture[str]) -> str:
    """The code that the first start printed to the console."""
    printed = ""
    for _ in range(200):
        printed += capsys.readouterr().err
        if found := re.search(r"[A-Z2-9]{4}-[A-Z2-9]{4}-[A-Z2-9]{4}", printed):
            return found.group()
        await asyncio.sleep(0.01)
    raise AssertionError(printed)


async def role(app: App, who: User) -> Role | None:
    (station,) = app.stations.values()

    def read(db: Connection) -> Role | None:
        fan = fans.number_of(db, who.id)
        return communities.role_of(db, station.face.community.id, fan) if fan else None

    return await app.database.read(read)


@pytest.mark.parametrize("way", ["words", "small letters", "deep link"])
async def test_the_printed_code_makes_its_first_sender_the_owner(
    scene: Scene, tmp_path: Path, capsys: pytest.CaptureFixture[str], way: str
) -> None:
    world = scene.telegram.world
    settings = settings_for(scene, sqlite_url(tmp_path), telegram={"owners": []})
    async with running(settings) as app:
        code = await printed_code(capsys)
        if way == "deep link":
            world.start(scene.owner, scene.bot, code)
        else:
            world.say(
                scene.owner, scene.bot, code.lower() if way == "small letters" else f" {code} "
            )
        door = world.private(scene.owner, scene.bot)
        await scene.telegram.until(lambda: scene.said(door))
        assert await role(app, scene.owner) is Role.OWNER
        world.say(scene.fan, scene.bot, code)
        other = world.private(scene.fan, scene.bot)
        await scene.telegram.until(lambda: scene.said(other))
        assert await role(app, scene.fan) is None
        assert (await spoken(app, to=scene.fan)) == ["groups/not_the_code"]
    async with running(settings):
        assert not re.search(r"[A-Z2-9]{4}-[A-Z2-9]{4}-", capsys.readouterr().err)


def test_after_five_wrong_codes_the_right_one_is_wrong_too() -> None:
    kept = digest("AAAA-BBBB-CCCC")
    for tries in range(TRIES):
        assert claim("Lin", "AAAA-BBBB-CCCC", kept, tries) == Claimed("Lin")
    assert claim("Lin", "AAAA-BBBB-CCCC", kept, TRIES) == NotTheCode("Lin")
    assert claim("Lin", "AAAA-BBBB-CCCC", None, 0) == NotTheCode("Lin")
    assert claim("Lin", "AAAA-BBBB-CCCD", kept, 0) == NotTheCode("Lin")


async def test_a_guesser_is_shut_out_and_tomorrow_is_another_day(
    scene: Scene, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    world = scene.telegram.world
    settings = settings_for(scene, sqlite_url(tmp_path), telegram={"owners": []})
    async with running(settings) as app:
        code = await printed_code(capsys)
        for _ in range(TRIES):
            world.say(scene.fan, scene.bot, "AAAA-AAAA-AAAA")
        world.say(scene.fan, scene.bot, code)
        await scene.telegram.until(lambda: not world.updates.waiting(scene.bot))
        door = world.private(scene.fan, scene.bot)
        await scene.telegram.until(lambda: scene.said(door, count=TRIES + 1), within=15)
        assert await role(app, scene.fan) is None
        assert await spoken(app, to=scene.fan) == ["groups/not_the_code"] * (TRIES + 1)
        scene.telegram.clock.advance(86_400)
        world.say(scene.fan, scene.bot, code)
        await scene.telegram.until(lambda: scene.said(door, count=TRIES + 2), within=15)
        assert await role(app, scene.fan) is Role.OWNER


async def test_a_code_in_a_group_is_no_key(
    scene: Scene, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = settings_for(scene, sqlite_url(tmp_path), telegram={"owners": []})
    async with running(settings) as app:
        await scene.introduce()
        code = await printed_code(capsys)
        scene.telegram.world.say(scene.fan, scene.group, code)
        scene.telegram.world.say(scene.fan, scene.group, f"/start {code}")
        await heard_all(app, scene)
        assert await role(app, scene.fan) is None


# Doors


async def test_blocking_and_unblocking_close_and_open_the_door(house: App, scene: Scene) -> None:
    world = scene.telegram.world
    (station,) = house.stations.values()

    async def reach() -> Reach:
        def read(db: Connection) -> Reach:
            fan = fans.number_of(db, scene.fan.id) or 0
            return fans.reach_of(db, station.face.community.id, fan)

        await heard_all(house, scene)
        return await house.database.read(read)

    world.say(scene.fan, scene.group, "签到")
    assert await reach() is Reach.NEVER_STARTED
    world.start(scene.fan, scene.bot)
    assert await reach() is Reach.OPEN
    world.block(scene.fan, scene.bot)
    assert await reach() is Reach.BLOCKED
    world.unblock(scene.fan, scene.bot)
    assert await reach() is Reach.OPEN


# Who counts as a fan


async def test_an_anonymous_admin_is_nobody_who_could_be_credited(house: App, scene: Scene) -> None:
    world = scene.telegram.world
    world.promote(scene.group, scene.fan, is_anonymous=True, can_pin_messages=True)
    world.say(scene.fan, scene.group, "签到")
    world.say(scene.fan, scene.group, "/checkin")
    await heard_all(house, scene)
    assert scene.said() == []
    assert await points(house, scene.fan) == 0


async def test_channels_speak_without_being_credited_and_commenters_with(
    house: App, scene: Scene
) -> None:
    world = scene.telegram.world
    channel = world.make_channel("小鹿频道", scene.owner, discussion=scene.group)
    world.promote(channel, scene.bot)
    world.say(scene.owner, channel, "签到")
    world.say(scene.owner, channel, "/checkin")
    world.say(scene.owner, scene.group, "签到", as_chat=channel)
    await heard_all(house, scene)
    assert scene.said() == []
    assert await points(house, scene.owner) == 0
    post = next(m for m in world.messages(scene.group) if m.automatic_forward)
    world.say(scene.fan, scene.group, "签到", reply_to=post)
    await scene.telegram.until(lambda: scene.said())
    assert await points(house, scene.fan) > 0


async def test_a_command_for_another_bot_is_none_of_our_business(house: App, scene: Scene) -> None:
    world = scene.telegram.world
    for words in ("/checkin@other_bot", "/checkin@lulu_renqing_botx", "/check in", "／checkin"):
        world.say(scene.fan, scene.group, words)
    await heard_all(house, scene)
    assert scene.said() == []
    world.say(scene.fan, scene.group, "/CheckIn@LULU_renqing_bot")
    await scene.telegram.until(lambda: scene.said())


async def test_an_edited_message_checks_nobody_in(house: App, scene: Scene) -> None:
    world = scene.telegram.world
    message = world.say(scene.fan, scene.group, "早")
    world.edit(scene.fan, message, "签到")
    await heard_all(house, scene)
    assert scene.said() == []
    assert await points(house, scene.fan) == 0


async def test_words_that_only_contain_the_word_are_talk(house: App, scene: Scene) -> None:
    world = scene.telegram.world
    for words in ("签到了吗", "我要签到", "签到 签到", "签 到", "帮助", "help", "积分"):
        world.say(scene.fan, scene.group, words)
    await heard_all(house, scene)
    assert scene.said() == []
