"""What the benchmarks measure is right: their updates are read, and mean what they say."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import pytest

from benchmarks.updates import GROUPS, Crowd
from bot.intake import Triggers, read
from storage.records import Kind

ASKING = {"/checkin", "/help", "/language", "签到"}
TRIGGERS = Triggers(42, "lulu_bot", frozenset({"checkin", "help", "language"}), frozenset({"签到"}))


def kind_of(**parts: Any) -> tuple[Kind, bool]:
    """How a group message with these parts is logged, and whether somebody reacts to it."""
    message = {
        "message_id": 1,
        "date": 1,
        "chat": {"id": GROUPS[0], "type": "supergroup"},
        "from": {"id": 7, "is_bot": False, "first_name": "Lin"},
        **parts,
    }
    arrival = read(json.dumps({"update_id": 1, "message": message}).encode(), TRIGGERS, 1)
    return arrival.kind, arrival.raw is not None


@pytest.mark.parametrize(
    "kind", ["photo", "video", "voice", "video_note", "audio", "animation", "document", "sticker"]
)
def test_media_is_read_whatever_it_carries(kind: str) -> None:
    """A picture is a list, a sticker an object: both are chatter, and neither a dead letter."""
    for content in ([{"file_id": "A", "width": 90}], {"file_id": "A", "duration": 3}):
        assert kind_of(**{kind: content}) == (Kind.MEDIA, False)


def test_a_forward_is_read_and_reacted_to() -> None:
    origin = {"type": "user", "date": 1, "sender_user": {"id": 8, "first_name": "Mia"}}
    assert kind_of(text="look", forward_origin=origin) == (Kind.FORWARD, True)


def test_a_pinned_message_and_a_payment_are_read() -> None:
    assert kind_of(pinned_message={"message_id": 3, "date": 0}) == (Kind.SERVICE, False)
    assert kind_of(successful_payment={"currency": "XTR"}) == (Kind.PAYMENT, True)


def test_a_poll_is_read() -> None:
    arrival = read(b'{"update_id":1,"poll":{"id":"1","options":[]}}', TRIGGERS, 1)
    assert arrival.kind is Kind.POLL


def test_the_real_mix_is_what_it_claims() -> None:
    """90 % chatter, 5 % presses, 3 % commands and words, 2 % joins and reactions, by a tenth."""
    crowd = Crowd(500, 42, "lulu_bot")
    read_ = [read(raw, TRIGGERS, 1) for raw in crowd.mix(20_000, lambda data: data)]
    kinds = Counter(arrival.kind for arrival in read_)
    presses, asked = kinds[Kind.PRESS], [a for a in read_ if a.text in ASKING]
    newcomers, hearts = kinds[Kind.JOIN], kinds[Kind.REACTION]
    assert 900 < presses < 1_100
    assert 160 < newcomers < 240
    assert 160 < hearts < 240
    assert 540 < len(asked) < 660
    assert all(arrival.raw is not None for arrival in asked)
    assert len({arrival.update_id for arrival in read_}) == 20_000
