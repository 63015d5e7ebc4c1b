"""Garbage among the updates that Telegram hands out, and presses of buttons nobody made."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from bot.app import App
from bot.playground import Message, Press
from bot.seals import Seal
from storage import inbox, interactions
from tests.engines import sqlite_url
from tests.house import Scene, running, settings_for

POISON = [
    b"not json at all",
    b'{"message_id":1',
    b'"\\ud83d"',
    b"\xff\xfe\xfd",
    b"[" * 20_000 + b"]" * 20_000,
    b'{"message_id":99999999999999999999999999}',
    b'{"message_id":5,"date":"soon","chat":7}',
    b"null",
    b'{"message_id":5,"date":1,"chat":{"id":1,"type":"private"},"text":"\\u0000\\ud800"}',
]


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    with capture_logs():
        yield


@pytest.mark.parametrize("poison", POISON, ids=range(len(POISON)))
async def test_one_bad_update_among_a_hundred_holds_up_nobody(
    scene: Scene, tmp_path: Path, poison: bytes
) -> None:
    """It stands in the middle of what waited while we were away."""
    world = scene.telegram.world
    url = sqlite_url(tmp_path)
    async with running(settings_for(scene, url)):
        await scene.introduce()
    for number in range(50):
        world.say(scene.fan, scene.group, f"前 {number}")
    world.updates.inject(scene.bot, poison)
    for number in range(49):
        world.say(scene.fan, scene.group, f"后 {number}")
    world.say(scene.fan, scene.bot, "/about")
    async with running(settings_for(scene, url)) as app:
        door = world.private(scene.fan, scene.bot)
        await scene.telegram.until(lambda: scene.said(door), within=15)
        await scene.telegram.until(lambda: not world.updates.waiting(scene.bot))
        rows = await app.database.read(lambda db: list(interactions.exported(db)))
        texts = [row["text"] for row in rows if row["text"]]
        assert [t for t in texts if t[0] in "前后"] == [
            *(f"前 {n}" for n in range(50)),
            *(f"后 {n}" for n in range(49)),
        ]
        dead = await app.database.read(inbox.dead)
        assert len(dead) <= 1


async def test_news_of_tomorrow_are_kept_and_hold_up_nobody(house: App, scene: Scene) -> None:
    scene.telegram.faults.updates.unknown_kind = 1.0
    scene.telegram.faults.updates.unknown_field = 1.0
    world = scene.telegram.world
    for _ in range(3):
        world.say(scene.fan, scene.bot, "/about")
    door = world.private(scene.fan, scene.bot)
    await scene.telegram.until(lambda: len(scene.said(door)) == 3, within=10)
    assert await house.database.read(inbox.dead) == []


# Forged presses


@pytest.fixture
async def card(house: App, scene: Scene) -> Message:
    """A message of the bot with buttons, in the fan's private chat."""
    scene.telegram.world.start(scene.fan, scene.bot)
    door = scene.telegram.world.private(scene.fan, scene.bot)
    (message,) = await scene.telegram.until(lambda: scene.messages_of_bot(door))
    return message


async def answered(scene: Scene, press: Press) -> str:
    await scene.telegram.until(lambda: press.answer)
    assert press.answer is not None
    return press.answer.text


def forgeries(house: App) -> dict[str, str]:
    """Data of buttons that this bot never made, or does not make any more."""
    (station,) = house.stations.values()
    genuine = station.seal.sign("checkin.check_in")
    return {
        "unsigned": "checkin.check_in",
        "an empty seal": "checkin.check_in~",
        "a guess": "checkin.check_in~AAAAAAAA",
        "another's seal": Seal(b"another installation", 1).sign("checkin.check_in"),
        "another bot's": Seal(station.seal.key, station.seal.bot + 1).sign("checkin.check_in"),
        "changed": genuine.replace("check_in", "check_inn"),
        "more behind": genuine + "x",
        "long": "x" * 64,
        "longer than Telegram allows": "x" * 5000,
        "not ASCII": "签到~签到签到",
        "a button of last year": station.seal.sign("jukebox.play:7"),
        "nothing": "~",
    }


async def test_a_button_that_we_did_not_make_is_answered_kindly_and_does_nothing(
    house: App, scene: Scene, card: Message
) -> None:
    world = scene.telegram.world
    before = len(scene.messages_of_bot(card.chat))
    for name, data in forgeries(house).items():
        press = world.forge_press(scene.fan, card, data)
        assert "/help" in await answered(scene, press), name
    assert len(scene.messages_of_bot(card.chat)) == before
    assert await house.database.read(inbox.dead) == []
    genuine = world.press(scene.fan, card, 0)
    assert "/help" not in await answered(scene, genuine)


async def test_a_button_without_data_or_message_is_answered_too(
    house: App, scene: Scene, card: Message
) -> None:
    """A game's button, and one under a message that is too old to be shown."""
    body = {
        "id": "4711",
        "from": {"id": scene.fan.id, "is_bot": False, "first_name": "Lin"},
        "chat_instance": "1",
    }
    for more in ({"game_short_name": "chess"}, {"data": "old"}, {"inline_message_id": "AAA"}):
        scene.telegram.world.updates.inject(scene.bot, {**body, **more}, kind="callback_query")
    calls = scene.telegram.history.calls
    await scene.telegram.until(lambda: len(calls("answerCallbackQuery")) == 3)
    assert all("/help" in call.params.get("text", "") for call in calls("answerCallbackQuery"))
