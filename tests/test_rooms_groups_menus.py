"""The menus of commands: everybody sees what they may use, in their language, sent once."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from bot.app import App
from bot.menus import LANGUAGES, listed, menus
from handlers import doors
from storage.communities import Worker
from storage.records import Reach, Role
from templates import LOCALES, Voice
from tests.engines import sqlite_url
from tests.house import Scene, running, settings_for

VOICE = Voice()


def calls(scene: Scene) -> list[dict[str, Any]]:
    made = [dict(call.params) for call in scene.telegram.history.calls("setMyCommands", ok=True)]
    for call in made:
        for name in ("scope", "commands"):
            if isinstance(call[name], str):
                call[name] = json.loads(call[name])
    return made


def test_every_command_is_described_in_every_language() -> None:
    """A command without words in `_commands.j2` is in no menu; words without a command are none."""
    for room, door in doors().items():
        for locale in LOCALES:
            told = VOICE.commands(room, locale)
            asked = set(door.commands) - {"start"}
            assert set(told) == asked, f"templates/{locale}/{room}/_commands.j2"
            assert all(0 < len(words) <= 256 for words in told.values())


def test_fans_are_not_shown_what_only_staff_may_use() -> None:
    house = doors()
    staff = {command for door in house.values() for command in door.staff}
    for group in (False, True):
        shown = {command for _, command in listed(house, role=None, group=group)}
        assert shown
        assert not shown & staff
    owner = {command for _, command in listed(house, role=Role.OWNER, group=False)}
    moderator = {command for _, command in listed(house, role=Role.MODERATOR, group=False)}
    assert {"setup", "give", "warn"} <= owner
    assert "warn" in moderator
    assert not {"setup", "give"} & moderator


def test_a_chosen_language_rules_the_menu_of_staff() -> None:
    mo = Worker(1, "Mo", Role.OWNER, 77, "zh-TW", Reach.OPEN)
    shut = Worker(2, "Al", Role.OWNER, 78, "en", Reach.NEVER_STARTED)
    made = menus(doors(), VOICE, [mo, shut])
    (own,) = [menu for menu in made if menu.scope.get("chat_id")]
    assert own.scope["chat_id"] == 77
    assert dict(own.commands)["checkin"] == "簽到"
    assert {menu.language for menu in made} == set(LANGUAGES)
    assert len({menu.key for menu in made}) == len(made)


async def test_menus_are_sent_once_and_the_owner_s_when_the_door_opens(
    scene: Scene, house: App
) -> None:
    telegram = scene.telegram
    await telegram.until(lambda: len(calls(scene)) >= 6)
    (station,) = house.stations.values()
    assert await station.menus.refresh() == 0
    telegram.world.start(scene.owner, scene.bot)
    await telegram.until(
        lambda: scene.messages_of_bot(telegram.world.private(scene.owner, scene.bot))
    )
    assert await station.menus.refresh() == 1
    assert calls(scene)[-1]["scope"]["chat_id"] == scene.owner.id
    commands = [c["command"] for c in calls(scene)[-1]["commands"]]
    assert {"checkin", "setup"} <= set(commands)


async def test_a_restart_sends_no_menu_again(scene: Scene, tmp_path: Path) -> None:
    settings = settings_for(scene, sqlite_url(tmp_path))
    async with running(settings):
        await scene.telegram.until(lambda: len(calls(scene)) >= 6)
    told = len(calls(scene))
    async with running(settings) as again:
        (station,) = again.stations.values()
        assert await station.menus.refresh() == 0
    assert len(calls(scene)) == told
