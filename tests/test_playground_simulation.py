"""The simulated fans: the same seed does the same, the talk looks real, the switch works."""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import suppress

import pytest

from bot.playground import Playground, chatter, seed
from bot.playground.simulate import Simulation, language_of


def planted(number: int = 0, deeds: int = 0) -> tuple[Playground, seed.Cast, Simulation]:
    """A seeded world in which the simulated fans have done so many deeds."""
    playground = Playground(seed=3)
    people = seed.plant(playground.world, playground.clock)
    simulation = Simulation(playground.world, people, clock=playground.clock, seed=number)
    for _ in range(deeds):
        simulation.step()
    return playground, people, simulation


async def test_the_same_seed_does_the_same_and_another_something_else() -> None:
    def words(number: int) -> list[str]:
        playground, people, _ = planted(number, 150)
        return [one.words for one in playground.world.messages(people.group)]

    assert words(1) == words(1)
    assert words(1) != words(2)


async def test_a_days_worth_of_deeds_reads_like_a_fan_group() -> None:
    """Talk in several languages, mostly Chinese; check-ins, answers, reactions, forwards, joins."""
    playground, people, _ = planted(0, 600)
    group = people.group
    new = [m for m in playground.world.messages(group) if m.date >= playground.world.date() - 60]
    said = [m for m in new if m.text]
    languages = Counter(language_of(m.sender) for m in said if m.sender is not None)
    assert languages.most_common(1)[0][0] == "zh"
    assert len(languages) >= 5
    assert sum(m.reply_to is not None for m in said) > 30
    assert sum(m.forward_origin is not None for m in new) > 3
    assert sum(bool(m.reactions) for m in new) > 20
    assert any((m.service or {}).get("kind") == "new_chat_members" for m in new)
    checked = [
        m.sender.id for m in said if m.sender and m.text in ("签到", "簽到", "打卡", "/checkin")
    ]
    assert checked
    assert max(Counter(checked).values()) == 1, "a fan checks in by word once a day"
    most_said = Counter(m.text for m in said if m.text and len(m.text) > 8).most_common(1)[0][1]
    assert most_said <= 6


async def test_only_simulated_fans_act() -> None:
    """The visitor, the influencer and the admin do nothing by themselves."""
    playground, people, simulation = planted(0)
    before = {m.key for m in playground.world.messages(people.group)}
    for _ in range(300):
        simulation.step()
    new = [m for m in playground.world.messages(people.group) if m.key not in before]
    own = {people.visitor.id, people.influencer.id, people.admin.id, people.bot.id}
    assert new
    assert not [m for m in new if m.sender is not None and m.sender.id in own]


async def test_they_press_a_check_in_button_where_there_is_one() -> None:
    playground, people, simulation = planted(0)
    markup = {"inline_keyboard": [[{"text": "签到", "callback_data": "c"}]]}
    said = playground.world.say(people.admin, people.group, "x")
    said.sender, said.markup = people.bot, markup
    for _ in range(200):
        simulation.step()
    assert playground.world.presses


async def test_an_admin_who_mutes_everybody_does_not_break_them() -> None:
    _, people, simulation = planted(0)
    people.group.permissions.clear()
    for _ in range(100):
        simulation.step()
    assert simulation.done == 100


async def test_the_switch_starts_and_stops_them_at_once() -> None:
    playground, _, simulation = planted(0)
    task = asyncio.create_task(simulation.run())
    await asyncio.sleep(0)
    assert simulation.done == 0
    simulation.switch(True, 600)
    await playground.until(lambda: simulation.done >= 3, within=10)
    simulation.switch(False)
    await asyncio.sleep(0)
    done = simulation.done
    with pytest.raises(AssertionError):
        await playground.until(lambda: simulation.done > done, within=0.3)
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


def test_there_is_enough_to_say() -> None:
    """Enough lines that an evening does not repeat itself; every slot that a line names exists."""

    def lines(language: str) -> list[str]:
        talk = [line for one in chatter.TALKS[language] for line in (one.opening, *one.answers)]
        others = [chatter.MORNING, chatter.NIGHT, chatter.SHORT, chatter.TO_PERSONA]
        others += [chatter.HELLO, chatter.WELCOME, chatter.TO_BOT]
        return talk + [line for table in others for line in table.get(language, ())]

    assert len(set(lines("zh"))) >= 150
    assert len(set(lines("en"))) >= 80
    for language in chatter.TALKS:
        slots = chatter.SLOTS.get(language, chatter.SLOTS["en"])
        for line in lines(language):
            line.format(**{name: values[0] for name, values in slots.items()})
