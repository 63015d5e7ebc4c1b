"""Whatever a bot sends, the playground answers with a refusal or a result, never with a crash."""

from __future__ import annotations

import asyncio
import json
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.playground import BotAccount, Flood, Playground, Refusal
from bot.playground.contracts import contract
from bot.playground.methods import METHODS
from bot.playground.world import painted

_ODD = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**65), 2**65),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=20),
    st.sampled_from(
        ["", "0", "-1", "@", "@lulu", "{", "[]", "{}", "null", "NaN", "[[[]]]", "\ud800"]
    ),
    st.lists(st.integers(), max_size=3),
    st.dictionaries(st.sampled_from(["type", "text", "media", "emoji"]), st.text(max_size=4)),
    st.lists(
        st.dictionaries(st.sampled_from(["type", "media", "text"]), st.integers()), max_size=2
    ),
    st.just({"inline_keyboard": [[{"text": 1}]]}),
    st.just({"inline_keyboard": [1, [2]]}),
    st.just({"keyboard": [["a"], [{"text": {}}]]}),
)


def _value(field: str, real: list[Any]) -> st.SearchStrategy[Any]:
    """Mostly what fits the parameter, so that a call gets past the first checks."""
    fitting: dict[str, st.SearchStrategy[Any]] = {
        "chat_id": st.sampled_from(real[:6]),
        "from_chat_id": st.sampled_from(real[:6]),
        "user_id": st.sampled_from(real[:6]),
        "message_id": st.integers(1, 8),
        "text": st.sampled_from(["hi", "<b>x</b>", "<b>", "*a*"]),
        "parse_mode": st.sampled_from(["HTML", "MarkdownV2"]),
        "invite_link": st.sampled_from(real[-1:]),
        "reply_parameters": st.fixed_dictionaries({"message_id": st.integers(0, 5)}),
    }
    odd = st.one_of(_ODD, st.sampled_from(real))
    return st.one_of(fitting[field], fitting[field], odd) if field in fitting else odd


@pytest.fixture(scope="module")
def crowded() -> tuple[Playground, BotAccount, list[Any]]:
    """A world with something of everything, and ids that exist in it."""
    telegram = Playground(flood=Flood.off())
    world = telegram.world
    bot, owner, fan = world.add_bot("B", "b_bot"), world.add_user("O"), world.add_user("F")
    group = world.make_supergroup("G", owner, [fan], [bot])
    world.promote(group, bot)
    channel = world.make_channel("C", owner, bots=[bot])
    small = world.make_group("S", owner, [fan], [bot])
    world.start(fan, bot)
    world.send_media(fan, bot, "photo", data=painted(Random(1)))
    for place in (group, small, channel):
        world.say(owner, place, "hi")
    link = world.make_link(group, bot).url
    ids = [fan.id, owner.id, group.id, channel.id, small.id, bot.id]
    real = [*ids, 1, 2, "hi", "HTML", "photo", link]
    return telegram, bot, real


@settings(max_examples=400, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_no_parameters_make_a_method_crash(
    crowded: tuple[Playground, BotAccount, list[Any]], data: st.DataObject
) -> None:
    telegram, bot, real = crowded
    name = data.draw(st.sampled_from(sorted(set(METHODS) - {"logout"})))
    agreed = contract(name)
    assert agreed is not None
    params: dict[str, Any] = {}
    for field, spec in agreed.model.model_fields.items():
        if spec.is_required() or data.draw(st.booleans()):
            params[field] = data.draw(_value(field, real))
    status, ok = asyncio.run(_outcome(telegram, bot, name, params))
    assert status in (200, 400, 403, 404, 413)
    assert ok is (status == 200)
    assert not [remark for remark in telegram.lint if "broke" in remark.sentence]


async def _outcome(
    telegram: Playground, bot: BotAccount, name: str, params: dict[str, Any]
) -> tuple[int, bool]:
    try:
        body = await telegram.door.call(bot, name, params, {})
    except Refusal as refusal:
        return refusal.code, refusal.body()["ok"]
    return 200, json.loads(body)["ok"]
