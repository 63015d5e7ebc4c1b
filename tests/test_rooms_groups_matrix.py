"""Who may do what: every staff action of the doors, by every role, in every kind of chat, at their
own community's things and at another's. No hole."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from functools import partial

import pytest
from sqlalchemy import func, select

from bot.app import App
from bot.playground import Chat, Press, User
from handlers import doors
from handlers.groups.rules import StaffOnly, StaleButton
from handlers.points.rules import StaffOnly as PointsStaffOnly
from storage import audit, chats, communities, fans, order, outbox
from storage.database import Connection
from storage.order import What
from storage.records import ChatKind, ChatSeen, Role
from templates import markup
from tests.house import Scene

HOUSE = doors()
COMMANDS = {(room, name): may for room, d in HOUSE.items() for name, may in d.staff.items()
            if name in d.commands}  # fmt: skip
BUTTONS = {(room, name): may for room, d in HOUSE.items() for name, may in d.staff.items()
           if name in d.buttons}  # fmt: skip
ROLES = (*Role, None)
OPEN_TO_ALL = ("gate_1", "gate_2", "gate_3", "gate_person")


@dataclass
class Stage:
    """The people, each with a role, and things that belong to another community."""

    people: dict[Role | None, User]
    stranger_chat: int
    order: int
    gate: int
    removal: int

    def argument(self, key: str) -> int:
        """A number of another community, of the kind that this button carries."""
        kinds = {"lift": self.order, "restore": self.removal}
        return kinds.get(key, self.gate if key.startswith("gate_") else self.stranger_chat)


async def stage(house: App, scene: Scene) -> Stage:
    world = scene.telegram.world
    people: dict[Role | None, User] = {Role.OWNER: scene.owner, None: scene.fan}
    for role in (Role.ADMIN, Role.INFLUENCER, Role.MODERATOR):
        people[role] = world.add_user(role.value.title(), language_code="zh-hans")
        world.add_member(scene.group, people[role])
    for person in people.values():
        world.start(person, scene.bot)
        door = world.private(person, scene.bot)
        await scene.telegram.until(partial(scene.messages_of_bot, door), within=20)

    def prepare(db: Connection) -> Stage:
        for role, person in people.items():
            number = fans.number_of(db, person.id)
            assert number is not None
            if role is not None:
                communities.appoint(db, 1, number, role)
        other = communities.found(db, "another", zone="UTC", locale="en", persona={})
        face = communities.put_on(db, 4242, "another_bot", other, hears_all=True)
        chat = chats.enter(db, face.id, ChatSeen(-100777, ChatKind.SUPERGROUP, "theirs"))
        fan = fans.number_of(db, scene.fan.id)
        assert fan is not None
        warning = order.give(db, other.id, chat, fan, None, What.WARN, 1, stage=order.Stage.DONE)
        gate = order.knock(db, other.id, chat, fan, 1)
        removal = order.take_down(db, other.id, chat, fan, 1, "link", "theirs")
        return Stage(people, chat, warning, gate, removal)

    return await house.database.work(prepare)


def noted(db: Connection) -> int:
    return int(db.execute(select(func.count()).select_from(audit.table)).scalar_one())


def templates(db: Connection) -> list[str]:
    rows = db.execute(select(outbox.table.c.template).order_by(outbox.table.c.id))
    return [template for (template,) in rows if template]


def _all_answered(presses: list[Press]) -> bool:
    return all(press.answer is not None for press in presses)


def toasts(house: App, outcome: type[StaffOnly] | type[StaleButton], name: str) -> set[str]:
    """Every way to say it."""
    (station,) = house.stations.values()
    speech, said = house.speech, set()
    for variant in range(40):
        html = speech.words(outcome(name), "zh", station.face, variant=variant)
        said.add(markup.plain(html, 200))
    return said


def test_everything_that_changes_a_community_is_in_the_matrix() -> None:
    """A new command or button of these rooms is staff's or everybody's, and somebody has said."""
    groups = HOUSE["groups"]
    everybody = (set(groups.commands) | set(groups.buttons)) - set(groups.staff)
    assert everybody == set(OPEN_TO_ALL)
    for door in HOUSE.values():
        assert set(door.staff) <= set(door.commands) | set(door.buttons)
        assert all(None not in may and Role.OWNER in may for may in door.staff.values())


@pytest.mark.parametrize("private", [True, False], ids=["private", "group"])
async def test_every_button_is_refused_to_whoever_may_not_and_to_all_for_anothers_things(
    house: App, scene: Scene, private: bool
) -> None:
    telegram, world = scene.telegram, scene.telegram.world
    (station,) = house.stations.values()
    there = await stage(house, scene)
    before = await house.database.read(noted)
    calls = len(telegram.history.calls("leaveChat"))
    keys = [*BUTTONS, *(("groups", key) for key in OPEN_TO_ALL)]
    for role in ROLES:
        person = there.people[role]
        chat: Chat = world.private(person, scene.bot) if private else scene.group
        message = scene.telegram.world.messages(chat)
        target = next(m for m in message if m.sender is not None and m.sender.id == scene.bot.id)
        made = {}
        for room, key in keys:
            data = station.seal.sign(f"{room}.{key}:{there.argument(key)}")
            made[room, key] = world.forge_press(person, target, data)
        await telegram.until(partial(_all_answered, list(made.values())), within=60)
        staff_only = toasts(house, StaffOnly, person.name)
        stale = toasts(house, StaleButton, person.name)
        for (room, key), press in made.items():
            assert press.answer is not None
            text = press.answer.text or ""
            may = BUTTONS.get((room, key))
            expected = stale if may is None or role in may else staff_only
            assert text in expected, (role, room, key, text)
    assert await house.database.read(noted) == before
    assert len(telegram.history.calls("leaveChat")) == calls


@pytest.mark.parametrize("private", [True, False], ids=["private", "group"])
async def test_every_command_is_refused_to_whoever_may_not(
    house: App, scene: Scene, private: bool
) -> None:
    world = scene.telegram.world
    there = await stage(house, scene)
    before = await house.database.read(noted)
    refusals = {"groups/staff_only", "points/staff_only"}
    assert {StaffOnly.__name__, PointsStaffOnly.__name__} == {"StaffOnly"}
    for role in ROLES:
        person = there.people[role]
        for (room, command), may in COMMANDS.items():
            known = await house.database.read(templates)
            world.say(person, scene.bot if private else scene.group, f"/{command}")
            count = len(known)

            said: list[str] = []
            async with asyncio.timeout(20):
                while not said:
                    await asyncio.sleep(0.01)
                    said = (await house.database.read(templates))[count:]
            assert (said[0] in refusals) is (role not in may), (role, room, command, said)
    assert await house.database.read(noted) == before
