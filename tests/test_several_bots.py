"""Two personas in one installation: what one knows, says or suffers never reaches the other."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest

from bot.app import App, Station
from bot.playground import BotAccount, Chat, Message, User
from storage import communities, fans, interactions, ledger
from storage.database import Connection
from storage.records import Role
from tests.engines import sqlite_url
from tests.house import Scene, running, settings_for


@dataclass(slots=True)
class Two:
    """The house with 小鹿's bot and Mira's, each with a group; Lin is in both."""

    app: App
    scene: Scene
    mira: BotAccount
    owner: User
    group: Chat

    def station(self, bot: BotAccount) -> Station:
        return next(s for s in self.app.stations.values() if s.face.telegram_id == bot.id)

    def by(self, bot: BotAccount, chat: Chat) -> list[Message]:
        messages = self.scene.telegram.world.messages(chat)
        return [m for m in messages if m.sender is not None and m.sender.id == bot.id]

    async def points(self, bot: BotAccount, who: User) -> int:
        community = self.station(bot).face.community.id

        def read(db: Connection) -> int:
            return ledger.balance(db, community, fans.number_of(db, who.id) or 0)

        return await self.app.database.read(read)


@pytest.fixture
async def two(scene: Scene, tmp_path: Path) -> AsyncIterator[Two]:
    world = scene.telegram.world
    mira = world.add_bot("Mira's helper", "mira_renqing_bot")
    owner = world.add_user("Mira", language_code="en")
    group = world.make_supergroup("Mira's harbour", owner, members=[scene.fan], bots=[mira])
    world.promote(group, mira)
    more = {
        "token": mira.token,
        "community": {"name": "Mira's harbour", "zone": "America/New_York", "locale": "en"},
        "persona": {"name": "Mira", "self": "I", "calls_fans": "sailors"},
    }
    telegram = {"bots": [more], "owners": [scene.owner.id, owner.id]}
    async with running(settings_for(scene, sqlite_url(tmp_path), telegram=telegram)) as app:
        await scene.introduce()
        made = Two(app, scene, mira, owner, group)
        await scene.telegram.until(lambda: made.by(mira, group))
        yield made


async def test_each_persona_speaks_in_its_own_name_to_its_own_people(two: Two) -> None:
    world, scene = two.scene.telegram.world, two.scene
    mia = world.add_user("Mia", language_code="en")
    for bot in (scene.bot, two.mira):
        world.say(mia, bot, "/about")
    here, there = (world.private(mia, bot) for bot in (scene.bot, two.mira))
    await scene.telegram.until(lambda: two.by(scene.bot, here) and two.by(two.mira, there))
    lulu, mira = two.by(scene.bot, here)[0].words, two.by(two.mira, there)[0].words
    assert "Mira" in mira
    assert "Mira" not in lulu
    assert "小鹿" not in mira


async def test_a_check_in_here_counts_nothing_there(two: Two) -> None:
    world, scene = two.scene.telegram.world, two.scene
    world.say(scene.fan, scene.group, "签到")
    await scene.telegram.until(lambda: scene.said())
    assert await two.points(scene.bot, scene.fan) > 0
    assert await two.points(two.mira, scene.fan) == 0
    before = len(two.by(two.mira, two.group))
    world.say(scene.fan, two.group, "/checkin")
    await scene.telegram.until(lambda: len(two.by(two.mira, two.group)) > before)
    assert await two.points(two.mira, scene.fan) > 0
    names = {station.face.community.name for station in two.app.stations.values()}
    rows = await two.app.database.read(lambda db: list(interactions.exported(db)))
    told = {(row["community"], row["text"]) for row in rows if row["text"] in ("签到", "/checkin")}
    assert {community for community, _ in told} == names
    assert len(told) == 2


async def test_a_language_chosen_here_is_not_spoken_there(two: Two) -> None:
    world, scene = two.scene.telegram.world, two.scene
    for bot in (scene.bot, two.mira):
        world.start(scene.fan, bot)
    here, there = (world.private(scene.fan, bot) for bot in (scene.bot, two.mira))
    await scene.telegram.until(lambda: two.by(scene.bot, here) and two.by(two.mira, there))
    press = world.press(scene.fan, two.by(scene.bot, here)[0], "English")
    await scene.telegram.until(lambda: press.answer)
    for bot in (scene.bot, two.mira):
        world.say(scene.fan, bot, "/help")
    await scene.telegram.until(
        lambda: len(two.by(scene.bot, here)) > 1 and len(two.by(two.mira, there)) > 1
    )
    assert "签到" in two.by(two.mira, there)[-1].words
    assert "person" in two.by(scene.bot, here)[-1].words.lower() or "somebody" in (
        two.by(scene.bot, here)[-1].words
    )


async def test_a_button_of_one_bot_opens_nothing_at_the_other(two: Two) -> None:
    world, scene = two.scene.telegram.world, two.scene
    world.start(scene.fan, two.mira)
    door = world.private(scene.fan, two.mira)
    (card,) = await scene.telegram.until(lambda: two.by(two.mira, door))
    stolen = two.station(scene.bot).seal.sign("checkin.check_in")
    press = world.forge_press(scene.fan, card, stolen)
    await scene.telegram.until(lambda: press.answer)
    assert press.answer is not None
    assert "/help" in press.answer.text
    assert await two.points(two.mira, scene.fan) == 0


async def test_a_bot_whose_token_was_revoked_stops_alone(two: Two) -> None:
    world, scene = two.scene.telegram.world, two.scene
    two.mira.token = f"{two.mira.id}:AAE{'x' * 32}"
    world.say(scene.fan, two.mira, "/about")
    door = world.private(scene.fan, scene.bot)
    for _ in range(3):
        telling = len(two.by(scene.bot, door)) + 1
        world.say(scene.fan, scene.bot, "/about")
        await scene.telegram.until(partial(has_said, two, door, telling))


def has_said(two: Two, door: Chat, count: int) -> bool:
    return len(two.by(two.scene.bot, door)) >= count


async def test_a_flood_wait_of_one_bot_is_not_the_others(two: Two) -> None:
    world, scene = two.scene.telegram.world, two.scene
    people = [world.add_user(f"fan {n}") for n in range(3)]
    scene.telegram.faults.add("sendMessage", "429", bot=two.mira, times=3, retry_after=30)
    for person in people:
        world.say(person, two.mira, "/about")
    calls = scene.telegram.history.calls
    await scene.telegram.until(lambda: len(calls("sendMessage", bot=two.mira, ok=False)) == 3)
    world.say(scene.fan, scene.bot, "/about")
    door = world.private(scene.fan, scene.bot)
    await scene.telegram.until(lambda: two.by(scene.bot, door))


async def test_each_community_has_its_own_staff(two: Two) -> None:
    """`owners` of the settings own all; a role given later belongs to one community."""
    lulu, mira = (two.station(bot).face.community.id for bot in (two.scene.bot, two.mira))

    def appoint(db: Connection) -> tuple[object, object]:
        fan = fans.number_of(db, two.scene.fan.id) or 0
        communities.appoint(db, lulu, fan, Role.MODERATOR)
        return communities.role_of(db, lulu, fan), communities.role_of(db, mira, fan)

    two.scene.telegram.world.say(two.scene.fan, two.scene.bot, "/about")
    door = two.scene.telegram.world.private(two.scene.fan, two.scene.bot)
    await two.scene.telegram.until(lambda: two.by(two.scene.bot, door))
    assert await two.app.database.work(appoint) == (Role.MODERATOR, None)
