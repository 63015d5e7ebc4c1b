"""The words themselves: every outcome can be said in every language, and nobody winces."""

from __future__ import annotations

import dataclasses
import importlib
import itertools
import pkgutil
import re
import unicodedata
from collections.abc import Iterator
from typing import Any

import pytest

import handlers
from handlers.doors import template_of
from templates import HERE, LOCALES, Voice, markup

VOICE = Voice()
PERSONA = {"name": "小鹿", "self": "我", "calls_fans": "小树苗"}
FACTS: dict[str, object] = {
    "name": "Lin",
    "streak": 7,
    "points": 10,
    "total": 120,
    "title": "林间小屋",
    "language": "English",
    "count": 12,
    "minutes": 7,
    "chat": 3,
    "fan": 5,
    "level": "Momo",
    "together": 40,
    "zone": "Asia/Tokyo",
    "city": "Momo",
    "memory": "OK",
    "amount": 50,
    "change": "-20",
    "staff": "Mo",
    "who": "lin",
    "word": "50x",
    "words": "OK",
    "most": "1,000,000",
    "older": "7",
    "lines": [
        {"month": 1, "day": 2, "change": "+10", "reason": reason, "words": words}
        for reason, words in (("check-in", ""), ("make-up", ""), ("given", "OK"), ("given", ""))
    ],
}
FACTS |= {
    "savers": 2,
    "spent": 1,
    "excused": 2,
    "missed": 1,
    "away": 12,
    "month": 11,
    "date": 8,
    "day": "2030-11-08",
    "year": 2030,
    "today": 8,
    "cells": {"8": 1},
    "cost": 30,
    "balance": 80,
    "board": "week",
    "place": 3,
    "days": 20,
    "hour": "20:00",
    "leaders": [
        {"place": 1, "name": "Mia", "days": 6, "streak": 9},
        {"place": 2, "name": "", "days": 1, "streak": 1},
    ],
    "grid": "1x 2+",
}

# Of groups: what the card of a group tells, who works here, who comes.
FACTS |= {
    "purpose": "fans",
    "hears": True,
    "rights": [
        {"right": right, "ok": ok}
        for right in ("delete", "restrict", "invite", "pin")
        for ok in (True, False)
    ],
    "lost": [{"right": "delete"}, {"right": "pin"}],
    "loud": "reply",
    **dict.fromkeys(("welcomes", "gates", "filtering", "on", "muted", "let_in", "again"), True),
    **dict.fromkeys(("plain", "fans", "channel", "other", "used"), "3"),
    **{f"c{n}": "3" for n in range(1, 9)},
    "places": [
        {"number": 1, "title": "Cabin", "purpose": "fans", "away": False, "lacks": 2},
        {"number": 2, "title": "", "purpose": "", "away": True, "lacks": 0},
    ],
    "more": 2,
    "team": [{"name": "Mo", "role": "owner"}, {"name": "", "role": "moderator"}],
    "role": "admin",
    "what": "warn",
    "order": 5,
    "span": 2,
    "unit": "hours",
    "people": [{"name": "Mia"}, {"name": "Tom"}],
    "question": "",
    **dict.fromkeys(("first", "second", "third"), "Momo"),
    **dict.fromkeys(("one", "two", "three"), "5"),
    "gate": 5,
    "tries": 1,
    "why": "link",
    "removal": 5,
}


def outcomes() -> list[type[Any]]:
    """What the rooms can answer: dataclasses of their rules that say which buttons they carry."""
    found: list[type[Any]] = []
    for module in pkgutil.walk_packages(handlers.__path__, "handlers."):
        if module.name.endswith(".rules"):
            found += [
                value
                for value in vars(importlib.import_module(module.name)).values()
                if dataclasses.is_dataclass(value)
                and isinstance(value, type)
                and value.__module__ == module.name
                and hasattr(value, "buttons")
            ]
    return found


OUTCOMES = {
    template_of(outcome): {field.name for field in dataclasses.fields(outcome)}
    for outcome in outcomes()
}
FEWEST = {
    "checkin/checked_in": 8,
    "checkin/already_checked_in": 6,
    "groups/cannot_hear": 2,
    "checkin/card_shown": 1,  # its date chooses the words
    "points/points_shown": 12,
}
# Characters that exist in one of the two scripts only, from everyday words.
SIMPLIFIED = set(
    "签连续积这们个为时间说话发记见还没对请给谢谁点开关语种欢设员进群听读写总让软张单觉业"
)
SIMPLIFIED -= set("没群")  # both are at home in traditional text too
TRADITIONAL = set("簽連續積這們個為時間說話發記見還對請給謝誰點開關語種歡設員進聽讀寫總讓單覺業")


def said(
    outcome: str, locale: str, persona: dict[str, str] | None = None, /, **facts: object
) -> list[str]:
    """All ways to say it, as the fan reads them."""
    known = {key: FACTS[key] for key in OUTCOMES[outcome]} | facts
    speaker = persona or PERSONA
    return [
        markup.plain(VOICE.render(outcome, known, locale=locale, persona=speaker, variant=variant))
        for variant in range(VOICE.variants(outcome, locale))
    ]


def everything() -> Iterator[str]:
    for name, locale in itertools.product(OUTCOMES, LOCALES):
        for facts in (FACTS, FACTS | {"name": "", "title": "", "streak": 1, "count": 1}):
            yield from said(name, locale, **facts)


@pytest.mark.parametrize("outcome", outcomes(), ids=template_of)
def test_what_a_room_answers_can_be_said(outcome: type[Any]) -> None:
    """The template asks only for facts that the outcome carries, and its buttons have labels."""
    name = template_of(outcome)
    fields = {field.name for field in dataclasses.fields(outcome)}
    keys = {key.partition(":")[0] for row in outcome.buttons for key in row}
    for locale in LOCALES:
        assert VOICE.knows(name, locale), f"write templates/{locale}/{name}.j2"
        assert VOICE.used(name, locale) <= fields
        labels = VOICE.buttons(name, FACTS, locale=locale, persona=PERSONA)
        assert keys <= labels.keys()


@pytest.mark.parametrize("locale", LOCALES)
@pytest.mark.parametrize("name", OUTCOMES)
def test_every_language_has_its_own_words_in_variety(name: str, locale: str) -> None:
    assert (HERE / locale / f"{name}.j2").exists()
    assert VOICE.used(name, locale) <= OUTCOMES[name]
    assert VOICE.variants(name, locale) >= FEWEST.get(name, 3)
    ways = said(name, locale)
    assert len(set(ways)) == len(ways)


def test_there_are_no_words_that_nobody_says() -> None:
    assert set(VOICE.names()) == set(OUTCOMES)


@pytest.mark.parametrize("name", OUTCOMES)
def test_every_way_to_say_it_is_a_letter_that_telegram_takes(name: str) -> None:
    for locale in LOCALES:
        for facts in ({}, dict.fromkeys(("name", "title"), "")):
            for variant in range(VOICE.variants(name, locale)):
                words = VOICE.render(
                    name, FACTS | facts, locale=locale, persona=PERSONA, variant=variant
                )
                markup.check(words)
                assert words == words.strip()


def test_a_check_in_is_told_as_agreed() -> None:
    assert said("checkin/checked_in", "zh", name="")[0] == "签到成功！连续 7 天，积分 +10"
    assert said("checkin/checked_in", "zh")[0] == "Lin 签到成功！连续 7 天，积分 +10"
    assert said("checkin/checked_in", "zh-TW", name="")[0] == "簽到成功！連續 7 天，積分 +10"
    assert said("checkin/checked_in", "en", name="")[0] == "You're in! 7 days in a row, +10 points"
    assert said("checkin/already_checked_in", "zh")[0].startswith("Lin 今天已经签过啦")
    for words in said("checkin/checked_in", "zh"):
        assert "签到成功" in words
        assert "连续 7 天" in words
        assert "积分 +10" in words
    for words in said("checkin/checked_in", "zh-TW"):
        assert "簽到成功" in words
        assert "連續 7 天" in words
        assert "積分 +10" in words
    for words in said("checkin/checked_in", "en"):
        assert "ou're in" in words
        assert "7 days in a row" in words
        assert "+10 points" in words
    for locale, name in itertools.product(LOCALES, ("", "Lin")):
        for words in said("checkin/already_checked_in", locale, name=name):
            assert "7" in words


def test_one_of_something_is_not_many() -> None:
    for name in OUTCOMES:
        for words in said(name, "en", **{key: 1 for key, v in FACTS.items() if isinstance(v, int)}):
            assert not re.search(r"\b1 (days|minutes|check-ins|points|messages)\b", words) or (
                "+1 points" in words
            )


def test_answers_to_a_press_fit_into_a_toast() -> None:
    for name in ("checkin/checked_in", "checkin/already_checked_in", "groups/stale_button"):
        for locale in LOCALES:
            for words in said(name, locale, name="N" * 64):
                assert markup.length(words) <= markup.TOAST_LIMIT


def test_whoever_has_no_name_is_not_addressed_by_a_gap() -> None:
    for words in everything():
        assert not re.search(r"None|\(\)|「」|  |，，|^[，、。,.]|[，,]\s*[。！!]|\s[，。,]", words)


def test_nobody_shouts_sells_or_hurries() -> None:
    for words in everything():
        assert len(re.findall(r"[!！]", words)) <= 1
        assert not re.search(
            r"亲[,，爱]|尊敬|用户|机器人|機器人|转人工|系统|赶快|马上就要|购买", words
        )
        assert not re.search(r"(?i)\b(dear|user|hurry up|buy|bot|system|last chance)\b", words)
        assert "……" not in words
        for line in words.splitlines():
            pictures = [letter for letter in line if unicodedata.category(letter) == "So"]
            assert len(pictures) <= 1


def test_each_script_keeps_to_itself() -> None:
    for name in OUTCOMES:
        plain = {"name": "", "title": "", "language": "English"}
        persona = {"name": "Lulu", "self": "我", "calls_fans": ""}
        assert not SIMPLIFIED & set("".join(said(name, "zh-TW", persona, **plain)))
        assert not TRADITIONAL & set("".join(said(name, "zh", persona, **plain)))
        english = "".join(said(name, "en", persona, **plain)).replace("签到", "")
        assert not re.search(r"[\u3000-\u9fff\uff00-\uffef]", english)


def test_the_persona_says_i_in_her_own_way() -> None:
    """A persona that calls herself by name never falls back to 我, which would be somebody else."""
    persona = {"name": "小鹿", "self": "鹿鹿", "calls_fans": ""}
    for name, locale in itertools.product(OUTCOMES, ("zh", "zh-TW")):
        assert not any("我" in words for words in said(name, locale, persona))


def test_labels_are_short_and_every_language_has_the_same_ones() -> None:
    rooms = {name.partition("/")[0] for name in OUTCOMES}
    for room in rooms:
        found = [
            VOICE.buttons(f"{room}/x", FACTS, locale=locale, persona=PERSONA) for locale in LOCALES
        ]
        assert found[0].keys() == found[1].keys() == found[2].keys()
        for label in itertools.chain.from_iterable(labels.values() for labels in found):
            assert 0 < markup.length(label) <= 24
            assert not re.search(r"[<>&{}]", label)


def test_help_names_what_works_and_that_a_person_reads() -> None:
    for words in said("help/helped", "zh"):
        assert {"/checkin", "/language"} <= set(re.findall(r"/\w+", words))
        assert "签到" in words
        assert re.search(r"有人(看|读)", words)
    for words in said("help/helped", "en"):
        assert {"/checkin", "/language"} <= set(re.findall(r"/\w+", words))
        assert re.search(r"(?i)person|somebody", words)


def test_about_is_honest() -> None:
    for words in said("help/about", "zh"):
        assert "助手" in words
        assert "小鹿" in words
        assert re.search(r"准备好|写好", words)
        assert "人" in words
    for words in said("help/about", "en"):
        assert "assistant" in words
        assert "person" in words


def test_a_deaf_group_hears_every_way_out() -> None:
    for locale in LOCALES:
        for words in said("groups/cannot_hear", locale):
            assert {"/setprivacy", "/checkin"} <= set(re.findall(r"/\w+", words))
            assert "Disable" in words
            assert re.search(r"管理员|管理員|admin", words)
