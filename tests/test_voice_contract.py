"""The contract of outcome, template, language and persona; the shipped words, read by the lint."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from bot import rehearsal
from templates import LOCALES, Voice, markup

VOICE = Voice()
HOUSE: Mapping[str, Any] = {"name": "小鹿"}
CAST: dict[str, Mapping[str, Any]] = {
    "house": HOUSE,
    **{key: {"key": key} for key in VOICE.cast()},
}
BOTH = ("lulu", "kai")
SPOKEN = [(key, locale) for key in ("lulu", "kai") for locale in LOCALES]
OWN_ROOMS = ("checkin", "fans", "groups", "help")
EVERYDAY = [
    name
    for name, point in rehearsal.special().items()
    if point.said in ("daily", "often") and name.partition("/")[0] in OWN_ROOMS
]
ASKED = {
    "zh": {
        "checkin/checked_in": ("签到成功", "连续 7 天", "积分 +10"),
        "checkin/saver_earned": ("签到成功", "连续 7 天", "积分 +10", "断签保护卡"),
        "checkin/milestone_reached": ("签到成功", "连续 7 天", "积分 +10"),
        "checkin/streak_saved": ("签到成功", "连续 7 天", "积分 +10", "保护卡"),
        "checkin/started_anew": ("签到成功", "连续 7 天", "积分 +10", "补"),
        "checkin/came_back": ("签到成功", "连续 7 天", "积分 +10"),
        "checkin/reminded": ("签到",),
        "checkin/already_checked_in": ("今天", "签过", "连续 7 天"),
        "help/started": ("签到", "/help", "有人"),
        "help/helped": (
            "签到",
            "/checkin",
            "/makeup",
            "/points",
            "/rank",
            "/language",
            "/about",
            "有人",
        ),
        "help/about": ("助手", "写好", "人"),
        "help/lost": ("签到", "/help"),
        "fans/language_set": ("English",),
        "groups/introduced": ("签到", "/checkin"),
        "groups/catching_up": ("7 分钟", "12 条"),
        "groups/stale_button": ("/help",),
        "groups/staff_only": ("/help",),
    },
    "zh-TW": {
        "checkin/checked_in": ("簽到成功", "連續 7 天", "積分 +10"),
        "checkin/saver_earned": ("簽到成功", "連續 7 天", "積分 +10", "斷簽保護卡"),
        "checkin/milestone_reached": ("簽到成功", "連續 7 天", "積分 +10"),
        "checkin/streak_saved": ("簽到成功", "連續 7 天", "積分 +10", "保護卡"),
        "checkin/started_anew": ("簽到成功", "連續 7 天", "積分 +10", "補"),
        "checkin/came_back": ("簽到成功", "連續 7 天", "積分 +10"),
        "checkin/reminded": ("簽到",),
        "checkin/already_checked_in": ("今天", "簽過", "連續 7 天"),
        "help/started": ("簽到", "/help", "有人"),
        "help/helped": (
            "簽到",
            "/checkin",
            "/makeup",
            "/points",
            "/rank",
            "/language",
            "/about",
            "有人",
        ),
        "help/about": ("助手", "寫好", "人"),
        "help/lost": ("簽到", "/help"),
        "fans/language_set": ("English",),
        "groups/introduced": ("簽到", "/checkin"),
        "groups/catching_up": ("7 分鐘", "12 則"),
        "groups/stale_button": ("/help",),
        "groups/staff_only": ("/help",),
    },
    "en": {
        "checkin/checked_in": ("ou're in", "7 days in a row", "+10 points"),
        "checkin/saver_earned": ("ou're in", "7 days in a row", "+10 points", "streak saver"),
        "checkin/milestone_reached": ("ou're in", "7 days in a row", "+10 points"),
        "checkin/streak_saved": ("ou're in", "7 days in a row", "+10 points", "saver"),
        "checkin/started_anew": ("ou're in", "7 days in a row", "+10 points", "make it up|made up"),
        "checkin/came_back": ("ou're in", "7 days in a row", "+10 points"),
        "checkin/reminded": ("check",),
        "checkin/already_checked_in": ("oday", "7 days in a row"),
        "help/started": ("/checkin", "/help", "person"),
        "help/helped": ("/checkin", "/makeup", "/points", "/rank", "/language", "/about"),
        "help/about": ("assistant", "person", "prepared"),
        "help/lost": ("/checkin", "/help", "person"),
        "fans/language_set": ("English",),
        "groups/introduced": ("/checkin",),
        "groups/catching_up": ("7 minutes", "12 check-ins"),
        "groups/stale_button": ("/help",),
        "groups/staff_only": ("/help",),
    },
}
# Written differently in a few variants, and just as well.
ALSO = {
    "make it up|made up": "make it up|made up",
    "有人": r"有人|真人",
    "写好": r"写好|准备好",
    "prepared": r"prepared|in advance|ahead of time",
}


def said(key: str, name: str, locale: str) -> list[str]:
    return [markup.plain(html) for html in rehearsal.readings(VOICE, name, locale, CAST[key])]


def everything(key: str, locale: str) -> Iterator[str]:
    """All words of a persona's own in a language."""
    for file in VOICE.sources():
        if file.startswith(f"personas/{key}/{locale}/"):
            name = file.removeprefix(f"personas/{key}/{locale}/").removesuffix(".j2")
            yield from said(key, name, locale)


@pytest.mark.parametrize("key", CAST)
def test_the_lint_finds_nothing(key: str) -> None:
    """Every outcome has words for every persona, enough of them, and none that nobody would say."""
    found = rehearsal.findings(VOICE, CAST[key], LOCALES)
    assert not [f"{one.file}:{one.variant} {one.reason}: {one.words}" for one in found]


@pytest.mark.parametrize(("key", "locale"), SPOKEN)
def test_everyday_texts_are_the_persona_s_own(key: str, locale: str) -> None:
    for name in EVERYDAY:
        assert VOICE.source(name, locale, CAST[key]).startswith(f"personas/{key}/{locale}/"), name


@pytest.mark.parametrize(("key", "locale"), SPOKEN)
def test_every_way_to_say_it_says_what_must_be_said(key: str, locale: str) -> None:
    for name, pieces in ASKED[locale].items():
        for words in said(key, name, locale):
            for piece in pieces:
                assert re.search(f"(?i:{ALSO.get(piece, re.escape(piece))})", words), (name, words)


def test_what_must_be_said_is_agreed_for_every_everyday_text() -> None:
    asked_by_buttons = {"fans/language_asked"}
    for locale in LOCALES:
        assert ASKED[locale].keys() | asked_by_buttons >= set(EVERYDAY)
        assert ASKED[locale].keys() == ASKED["zh"].keys()


def test_the_first_words_of_a_check_in_are_the_agreed_ones() -> None:
    for key in ("house", "lulu"):
        assert said(key, "checkin/checked_in", "zh")[0] == "Lin 签到成功！连续 7 天，积分 +10"
    assert said("kai", "checkin/checked_in", "zh")[0] == "Lin 签到成功。连续 7 天，积分 +10。稳"


@pytest.mark.parametrize("locale", ["zh", "en"])
def test_two_personas_are_two_people(locale: str) -> None:
    """They share no sentence, and each has pictures and emoji that the other never uses."""
    lulu, kai = (
        [words.replace("林间小屋", "") for words in everything(key, locale)] for key in BOTH
    )
    assert not set(lulu) & set(kai)
    forest = r"林|树|叶|苗|果子|小径" if locale == "zh" else r"leaf|leaves|tree|wood|forest|cabin"
    stage = (
        r"鼓|拍|排练|胶卷|前排|底片|乐队"
        if locale == "zh"
        else r"beat|band|drum|film|front row|set list|track|encore|bar\b|seat|ticket|string|show"
        r"|stage|click|kick|rehears|cable|tripod|exposure|tune|subtitle|playback|manual|roll call"
    )
    assert sum(bool(re.search(forest, words)) for words in lulu) > len(lulu) / 6
    assert sum(bool(re.search(stage, words)) for words in kai) > len(kai) / 8
    assert not any(re.search(forest, words) for words in kai)
    pictures = [
        {one for words in spoken for one in words if one in "🌱🌿🍃☀✨🌙🍂🎨🥁📷🎞🎧🌶🛵🍜✌"}
        for spoken in (lulu, kai)
    ]
    assert all(pictures)
    assert not pictures[0] & pictures[1]


@pytest.mark.parametrize("key", BOTH)
def test_a_persona_uses_only_her_own_emoji(key: str) -> None:
    own = set("".join(VOICE.cast()[key]["emoji"]))
    for words in itertools.chain(everything(key, "zh"), everything(key, "en")):
        assert {
            one for one in words if ord(one) > 0x2600 and ord(one) not in range(0x2E80, 0xFFEF)
        } <= own


@pytest.mark.parametrize(("key", "locale"), SPOKEN)
def test_a_persona_keeps_to_one_script(key: str, locale: str) -> None:
    traditional = set(
        "簽連續積這們個為時間說話發記見還對請給謝誰點開關語種歡設員進聽讀寫總讓單覺業"
    )
    simplified = set(
        "签连续积这们个为时间说话发记见还对请给谢谁点开关语种欢设员进听读写总让软张单觉业"
    )
    for words in everything(key, locale):
        plain = words.replace("林间小屋", "")
        if locale == "en":
            assert not re.search(r"[\u3000-\u9fff\uff00-\uffef]", plain), words
        else:
            assert not (traditional if locale == "zh" else simplified) & set(plain), words


def test_a_persona_with_another_name_is_never_called_by_the_old_one() -> None:
    """Who takes Lulu's words for her own community is not called Lulu in them."""
    for key, locale in itertools.product(BOTH, ("zh", "en")):
        names = {VOICE.cast()[key][at]["name"] for at in ("zh", "en")}
        row = {"key": key, "name": "Mia", "self": "米米", "calls_fans": "夜猫子"}
        for name in EVERYDAY:
            for html in rehearsal.readings(VOICE, name, locale, row):
                assert not any(old in html for old in names), html
                assert locale == "en" or "我" not in markup.plain(html)


def test_one_of_something_is_not_many_in_english() -> None:
    for key, name in itertools.product(BOTH, EVERYDAY):
        ordinary, *_ = rehearsal.samples(VOICE, name)
        single = {k: 1 if type(v) is int else v for k, v in ordinary.items()}
        for variant in range(VOICE.variants(name, "en", CAST[key])):
            words = markup.plain(
                VOICE.render(name, single, locale="en", persona=CAST[key], variant=variant)
            )
            assert not re.search(r"\b1 (days|minutes|check-ins|messages)\b", words), words


def test_nobody_claims_to_sit_at_the_keyboard() -> None:
    """What is prepared is never passed off as typed (MISSION D11)."""
    for key, locale in itertools.product(BOTH, ("zh", "en")):
        for words in everything(key, locale):
            assert not re.search(r"正在输入|正在打字|打字中|我在打字|\b(?:I'm|I am) typing", words)
