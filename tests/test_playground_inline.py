"""Inline mode, polls and Mini Apps in the playground: shared results, votes, signed words."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from aiogram.utils.web_app import check_webapp_signature, safe_parse_webapp_init_data

from bot.playground import BotAccount, CannotAct, Flood, Playground, Refusal
from bot.playground.inline import ask, choose, vote
from bot.playground.updates import KINDS
from bot.playground.webapp import init_data

_ARTICLE = {
    "type": "article",
    "id": "a",
    "title": "Draw",
    "input_message_content": {"message_text": "<b>Join</b>", "parse_mode": "HTML"},
    "reply_markup": {"inline_keyboard": [[{"text": "Join", "callback_data": "join"}]]},
}


@pytest.fixture
def telegram() -> Playground:
    return Playground(flood=Flood.off())


async def call(telegram: Playground, bot: BotAccount, method: str, **params: Any) -> Any:
    """The result of a call."""
    return json.loads(await telegram.door.call(bot, method, params, {}))["result"]


def told(telegram: Playground, bot: BotAccount, kind: str) -> list[dict[str, Any]]:
    """The updates of one kind that wait for the bot."""
    pending = telegram.world.updates.queue(bot).pending.values()
    return [msgspec.json.decode(p.raw) for p in pending if p.kind == kind]


async def test_a_fan_shares_a_result_and_others_press_its_button(telegram: Playground) -> None:
    world = telegram.world
    bot = world.add_bot("B", "b_bot", inline=True, inline_feedback=True)
    mia, lin = world.add_user("Mia"), world.add_user("Lin")
    elsewhere = world.make_supergroup("Elsewhere", mia, [lin])
    query = ask(world, mia, bot, "draw", chat=elsewhere)
    [update] = told(telegram, bot, "inline_query")
    assert (update["query"], update["chat_type"]) == ("draw", "supergroup")
    with pytest.raises(CannotAct, match="not answered"):
        choose(world, query, elsewhere)
    answer = {"inline_query_id": query.id, "results": [_ARTICLE], "cache_time": 0}
    assert await call(telegram, bot, "answerInlineQuery", **answer) is True
    shared = choose(world, query, elsewhere, "a")
    assert (shared.html, shared.sender, shared.via_bot) == ("<b>Join</b>", mia, bot)
    [chosen] = told(telegram, bot, "chosen_inline_result")
    press = world.press(lin, shared, "Join")
    [pressed] = told(telegram, bot, "callback_query")
    assert pressed["inline_message_id"] == chosen["inline_message_id"]
    assert "message" not in pressed
    assert pressed["chat_instance"] == world.chat_instance(elsewhere)
    await call(telegram, bot, "answerCallbackQuery", callback_query_id=press.id)
    number = {"inline_message_id": chosen["inline_message_id"]}
    assert await call(telegram, bot, "editMessageText", **number, text="Closed") is True
    assert shared.text == "Closed"
    with pytest.raises(Refusal, match="MESSAGE_ID_INVALID"):
        await call(telegram, bot, "editMessageText", inline_message_id="AAM0", text="x")


async def test_an_inline_query_waits_thirty_seconds_and_takes_fifty_results(
    telegram: Playground,
) -> None:
    world = telegram.world
    bot, mia = world.add_bot("B", "b_bot", inline=True), world.add_user("Mia")
    query = ask(world, mia, bot)
    many = [{**_ARTICLE, "id": str(n)} for n in range(51)]
    with pytest.raises(Refusal, match="RESULTS_TOO_MUCH"):
        await call(telegram, bot, "answerInlineQuery", inline_query_id=query.id, results=many)
    with pytest.raises(Refusal, match="RESULT_ID_DUPLICATE"):
        await call(
            telegram, bot, "answerInlineQuery", inline_query_id=query.id, results=[_ARTICLE] * 2
        )
    telegram.clock.advance(31)
    with pytest.raises(Refusal, match="query is too old"):
        await call(telegram, bot, "answerInlineQuery", inline_query_id=query.id, results=[])
    with pytest.raises(CannotAct, match="no inline mode"):
        ask(world, mia, world.add_bot("C", "c_bot"))


async def test_votes_are_counted_and_told(telegram: Playground) -> None:
    world = telegram.world
    bot, mia, lin = world.add_bot("B", "b_bot"), world.add_user("Mia"), world.add_user("Lin")
    bot.allowed_updates = list(KINDS)
    group = world.make_supergroup("G", mia, [lin], [bot])
    options = [{"text": "Tea"}, {"text": "Coffee"}]
    sent = await call(telegram, bot, "sendPoll", chat_id=group.id, question="What?",
                      options=options, is_anonymous=False)  # fmt: skip
    poll = world.messages(group)[-1]
    vote(world, mia, poll, [0])
    vote(world, lin, poll, [1])
    vote(world, lin, poll, [0])
    with pytest.raises(CannotAct, match="one answer"):
        vote(world, mia, poll, [0, 1])
    assert [a["option_ids"] for a in told(telegram, bot, "poll_answer")] == [[0], [1], [0]]
    last = told(telegram, bot, "poll")[-1]
    assert [option["voter_count"] for option in last["options"]] == [2, 0]
    here = {"chat_id": group.id, "message_id": sent["message_id"]}
    stopped = await call(telegram, bot, "stopPoll", **here)
    assert stopped["is_closed"]
    with pytest.raises(CannotAct, match="closed"):
        vote(world, mia, poll, [])
    with pytest.raises(Refusal, match="already been closed"):
        await call(telegram, bot, "stopPoll", **here)


def test_an_edit_of_a_channel_post_reaches_its_copy_in_the_discussion(
    telegram: Playground,
) -> None:
    world = telegram.world
    owner = world.add_user("O")
    group = world.make_supergroup("Talk", owner)
    channel = world.make_channel("News", owner, discussion=group)
    post = world.say(owner, channel, "frist")
    world.edit(owner, post, "first")
    assert [m.text for m in world.messages(group) if m.automatic_forward] == ["first"]


def test_a_mini_app_gets_words_that_the_bot_can_check(telegram: Playground) -> None:
    world = telegram.world
    bot, mia = world.add_bot("B", "b_bot"), world.add_user("Mia & 林")
    data = init_data(world, mia, bot, chat=world.private(mia, bot), start_param="draw_7")
    assert check_webapp_signature(bot.token, data)
    parsed = safe_parse_webapp_init_data(bot.token, data)
    assert parsed.user is not None
    assert (parsed.user.id, parsed.user.first_name) == (mia.id, "Mia & 林")
    assert (parsed.start_param, parsed.chat_type) == ("draw_7", "sender")
    assert not check_webapp_signature(world.add_bot("C", "c_bot").token, data)
    old = init_data(world, mia, bot, auth_date=1)
    assert safe_parse_webapp_init_data(bot.token, old).auth_date.year == 1970
