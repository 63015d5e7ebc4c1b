"""What an update is to the log: one row each, one fan whoever sees them, and only what concerns us
is kept for a reaction."""

from __future__ import annotations

import json
from typing import Any

import pytest

from bot.intake import ALLOWED_UPDATES, Triggers, Undecodable, clean, fold, read, split
from storage import communities, inbox, interactions
from storage.database import Database
from storage.records import Arrival, Class, Kind

TRIGGERS = Triggers(42, "lulu_bot", frozenset({"checkin"}), frozenset({"签到"}))
LIN = {"id": 7, "is_bot": False, "first_name": "林", "username": "lin", "language_code": "zh-hans"}
BOSS = {"id": 8, "is_bot": False, "first_name": "Boss"}
OURS = {"id": 42, "is_bot": True, "first_name": "Lulu", "username": "lulu_bot"}
GROUP = {"id": -1001, "type": "supergroup", "title": "fans"}
DOOR = {"id": 7, "type": "private", "first_name": "林"}
CHANNEL = {"id": -1002, "type": "channel", "title": "news"}
SAID = {"message_id": 5, "date": 1_900_000_000, "chat": GROUP, "from": LIN}


def member(status: str, user: dict[str, Any]) -> dict[str, Any]:
    return {"status": status, "user": user}


def changed(old: str, new: str, user: dict[str, Any], chat: dict[str, Any]) -> dict[str, Any]:
    return {
        "chat": chat,
        "from": BOSS if user is LIN else LIN,
        "date": 1_900_000_000,
        "old_chat_member": member(old, user),
        "new_chat_member": member(new, user),
    }


TWELVE: list[tuple[Kind, Class, dict[str, Any]]] = [
    (Kind.MESSAGE, Class.VOLUNTARY, {"message": {**SAID, "text": "hello"}}),
    (Kind.JOIN, Class.PASSIVE, {"chat_member": changed("left", "member", LIN, GROUP)}),
    (Kind.LEAVE, Class.PASSIVE, {"chat_member": changed("member", "left", LIN, GROUP)}),
    (
        Kind.REACTION,
        Class.VOLUNTARY,
        {
            "message_reaction": {
                "chat": GROUP,
                "message_id": 5,
                "date": 1_900_000_000,
                "user": LIN,
                "old_reaction": [],
                "new_reaction": [{"type": "emoji", "emoji": "❤"}],
            }
        },
    ),
    (
        Kind.VOTE,
        Class.VOLUNTARY,
        {"poll_answer": {"poll_id": "1", "user": LIN, "option_ids": [0]}},
    ),
    (
        Kind.BOOST,
        Class.VOLUNTARY,
        {
            "chat_boost": {
                "chat": CHANNEL,
                "boost": {"boost_id": "b", "source": {"source": "premium", "user": LIN}},
            }
        },
    ),
    (
        Kind.PRESS,
        Class.VOLUNTARY,
        {
            "callback_query": {
                "id": "1",
                "from": LIN,
                "chat_instance": "1",
                "data": "x",
                "message": {"message_id": 5, "date": 1_900_000_000, "chat": GROUP},
            }
        },
    ),
    (
        Kind.INLINE_QUERY,
        Class.VOLUNTARY,
        {"inline_query": {"id": "1", "from": LIN, "query": "q", "offset": ""}},
    ),
    (
        Kind.JOIN_REQUEST,
        Class.PASSIVE,
        {"chat_join_request": {"chat": GROUP, "from": LIN, "date": 1_900_000_000}},
    ),
    (Kind.BLOCK, Class.PASSIVE, {"my_chat_member": changed("member", "kicked", OURS, DOOR)}),
    (
        Kind.EDIT,
        Class.PASSIVE,
        {"edited_message": {**SAID, "text": "hallo", "edit_date": 1_900_000_060}},
    ),
    (
        Kind.REPLY,
        Class.VOLUNTARY,
        {
            "message": {
                **SAID,
                "message_id": 9,
                "text": "a comment under a post",
                "reply_to_message": {
                    **SAID,
                    "from": {"id": 777000, "is_bot": False, "first_name": "Telegram"},
                    "sender_chat": CHANNEL,
                    "is_automatic_forward": True,
                },
            }
        },
    ),
]


def raw(number: int, update: dict[str, Any]) -> bytes:
    return json.dumps({"update_id": number, **update}).encode()


async def test_twelve_kinds_of_update_are_one_fan_and_one_interaction_each(
    each_database: Database,
) -> None:
    arrivals = [read(raw(n, update), TRIGGERS, 1) for n, (_, _, update) in enumerate(TWELVE, 1)]
    assert [(a.kind, a.cls) for a in arrivals] == [(kind, cls) for kind, cls, _ in TWELVE]

    def store(db: Any) -> None:
        community = communities.found(db, "c", zone="Asia/Shanghai", locale="zh", persona={})
        face = communities.put_on(db, 42, "lulu_bot", community, hears_all=True)
        inbox.keep(db, face.id, arrivals, inbox.Acquaintances.none(), 1)

    await each_database.work(store)
    rows = await each_database.read(lambda db: list(interactions.exported(db)))
    assert [row["update_id"] for row in rows] == list(range(1, 13))
    assert {row["fan_id"] for row in rows} == {7}
    assert await each_database.read(interactions.count_fans) == 1


@pytest.mark.parametrize(
    ("text", "chat", "concerns_us"),
    [
        ("今天的歌真好听", GROUP, False),
        ("签到", GROUP, True),
        (" 签到! ", GROUP, True),
        ("我要签到", GROUP, False),
        ("/checkin", GROUP, True),
        ("/checkin@lulu_bot", GROUP, True),
        ("/checkin@LULU_BOT now", GROUP, True),
        ("/checkin@other_bot", GROUP, False),
        ("/dance", GROUP, False),
        ("/", GROUP, False),
        ("anything at all", DOOR, True),
    ],
)
def test_chatter_passes_and_what_concerns_us_is_kept(
    text: str, chat: dict[str, Any], concerns_us: bool
) -> None:
    arrival = read(raw(1, {"message": {**SAID, "chat": chat, "text": text}}), TRIGGERS, 1)
    assert (arrival.raw is not None) == concerns_us
    assert arrival.text == text


def test_a_reply_to_us_concerns_us_and_one_to_somebody_else_does_not() -> None:
    def reply_to(user: dict[str, Any]) -> Arrival:
        replied = {**SAID, "from": user}
        return read(
            raw(1, {"message": {**SAID, "text": "yes", "reply_to_message": replied}}), TRIGGERS, 1
        )

    assert reply_to(OURS).raw is not None
    assert reply_to(BOSS).raw is None


@pytest.mark.parametrize(
    "sender",
    [
        {"from": {"id": 1087968824, "is_bot": True, "first_name": "Group"}, "sender_chat": GROUP},
        {"from": {"id": 136817688, "is_bot": True, "first_name": "Ch"}, "sender_chat": CHANNEL},
        {"from": {"id": 777000, "is_bot": False, "first_name": "Telegram"}, "sender_chat": CHANNEL},
        {"from": {"id": 99, "is_bot": True, "first_name": "another bot"}},
        {"from": None},
    ],
    ids=["anonymous admin", "channel identity", "automatic forward", "bot", "nobody"],
)
def test_who_is_no_person_is_never_taken_for_a_fan(sender: dict[str, Any]) -> None:
    message = {k: v for k, v in {**SAID, "text": "签到", **sender}.items() if v is not None}
    arrival = read(raw(1, {"message": message}), TRIGGERS, 1)
    assert arrival.fan is None
    assert arrival.cls is Class.PASSIVE


def test_who_joins_is_the_one_concerned_not_who_let_them_in() -> None:
    arrival = read(raw(1, {"message": {**SAID, "new_chat_members": [BOSS]}}), TRIGGERS, 1)
    assert arrival.kind is Kind.JOIN
    assert arrival.fan is not None
    assert arrival.fan.telegram_id == BOSS["id"]


def test_an_update_of_tomorrow_is_kept_as_other() -> None:
    arrival = read(raw(3, {"hologram": {"from": LIN}}), TRIGGERS, 77)
    assert (arrival.update_id, arrival.kind, arrival.at) == (3, Kind.OTHER, 77)


def test_half_a_surrogate_and_a_nul_are_mended_and_the_rest_of_the_text_stays() -> None:
    body = rb'{"update_id": 1, "message": {"message_id": 1, "date": 5, "text": "a\u0000b\ud800c",'
    body += b'"chat": {"id": 7, "type": "private"}, "from": {"id": 7, "first_name": "L"}}}'
    arrival = read(body, TRIGGERS, 1)
    assert arrival.text == "ab\ufffdc"
    assert clean(rb'"\\u0000"') == rb'"\\u0000"'  # a backslash that a fan typed is no escape


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b'{"update_id": "one"}',
        b'{"update_id": 1, "message": 5}',
        b'{"update_id": 1e300}',
        b'{"update_id": 99999999999999999999}',
        b'{"update_id": 1, "message": {"message_id": 1, "chat": {"id": 1}}}',
        b'{"a":' * 2_000 + b"1" + b"}" * 2_000,
    ],
)
def test_what_is_no_update_is_said_to_be_none(body: bytes) -> None:
    with pytest.raises(Undecodable):
        read(body, TRIGGERS, 1)


def test_an_answer_is_cut_into_its_updates_without_reading_them() -> None:
    assert split(b'[{"update_id":1,"x":[1,{"y":"}"}]},{"update_id":2}]') == [
        b'{"update_id":1,"x":[1,{"y":"}"}]}',
        b'{"update_id":2}',
    ]


@pytest.mark.parametrize(
    ("text", "folded"), [("签到！", "签到"), (" HELP. ", "help"), ("打卡~~", "打卡"), ("!", "")]
)
def test_plain_words_are_compared_without_what_people_put_around_them(
    text: str, folded: str
) -> None:
    assert fold(text) == folded


def test_telegram_is_asked_for_what_it_does_not_send_by_itself() -> None:
    assert {"chat_member", "message_reaction", "message_reaction_count"} <= set(ALLOWED_UPDATES)
