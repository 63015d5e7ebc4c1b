"""Personas: a file says who speaks, her own words come first, and each language has its own."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from templates import HERE, LOCALES, Voice, personas

MIA = """
key = "mia"
words = "lulu"
zone = "Europe/Madrid"
hours = ["09:00", "23:00"]
[zh]
name = "米娅"
self = "米米"
calls_fans = "夜猫子"
[en]
name = "Mia"
self = "I"
[en.greetings]
night = "Up late"
"""


def voice(root: Path, **files: str) -> Voice:
    """`zh` is the house's file, `kai__zh` that of a persona."""
    for place, words in files.items():
        key, _, locale = place.rpartition("__")
        home = root / "personas" / key / locale if key else root / locale
        (home / "room").mkdir(parents=True, exist_ok=True)
        (home / "room" / "said.j2").write_text(words, encoding="utf-8")
    for key in {place.partition("__")[0] for place in files if "__" in place}:
        text = MIA.replace('"mia"', f'"{key}"').replace('words = "lulu"', "")
        (root / "personas" / key / "persona.toml").write_text(text, encoding="utf-8")
    return Voice(root)


def test_her_own_words_come_before_the_house_s_in_each_language(tmp_path: Path) -> None:
    speaker = voice(tmp_path, zh="house", en="house en", kai__zh="kai", zh_TW="x")
    (tmp_path / "zh-TW" / "room").mkdir(parents=True)
    (tmp_path / "zh-TW" / "room" / "said.j2").write_text("house tw", encoding="utf-8")
    speaker = Voice(tmp_path)

    def said(locale: str, **persona: str) -> str:
        return speaker.render("room/said", {}, locale=locale, persona=persona)

    assert [said(locale, key="kai") for locale in LOCALES] == ["kai", "house en", "house tw"]
    assert [said(locale) for locale in LOCALES] == ["house", "house en", "house tw"]
    assert said("zh", key="nobody") == "house"
    assert said("zh", key="mia", words="kai") == "kai"
    assert speaker.source("room/said", "zh", {"key": "kai"}) == "personas/kai/zh/room/said.j2"


def test_a_persona_s_mistake_names_her_file(tmp_path: Path) -> None:
    speaker = voice(tmp_path, zh="x", kai__zh="one\n---\n{{ missing }}")
    with pytest.raises(ValueError, match=r"personas/kai/zh/room/said\.j2, line 3: 'missing'"):
        speaker.render("room/said", {}, locale="zh", persona={"key": "kai"}, variant=1)


def test_the_row_of_a_community_changes_what_it_names_and_no_other_language() -> None:
    lulu = Voice().cast()["lulu"]

    def tongue(locale: str, **row: object) -> dict[str, object]:
        return personas.tongue(row, lulu, locale, None)

    assert tongue("zh")["name"] == "小鹿"
    assert tongue("en")["name"] == "Lulu"
    assert tongue("en")["calls_fans"] == "little sprouts"
    assert tongue("zh-TW")["calls_fans"] == "小樹苗"
    assert tongue("en", name="Mia", calls_fans="夜猫子")["name"] == "Mia"
    assert tongue("en", name="Mia", calls_fans="夜猫子")["calls_fans"] == "little sprouts"
    assert tongue("zh", self="I", calls_fans="夜猫子")["self"] == "我"
    assert tongue("zh", calls_fans="夜猫子")["calls_fans"] == "夜猫子"
    own = {"zh": {"name": "米娅", "self": "米米"}}
    assert tongue("zh-TW", **own)["self"] == "米米"
    assert tongue("en", **own)["self"] == "I"


@pytest.mark.parametrize(
    ("hour", "zh", "en"),
    [
        *((4, "夜深啦", "It's late"), (5, "早呀", "Morning"), (12, "中午好呀", "Hello there")),
        *((15, "下午好", "Good afternoon"), (22, "晚上好", "Good evening"), (None, "", "")),
    ],
)
def test_she_greets_by_the_hour(hour: int | None, zh: str, en: str) -> None:
    cast = Voice().cast()
    assert personas.tongue({}, cast["lulu"], "zh", hour)["greeting"] == zh
    assert personas.tongue({}, cast["lulu"], "en", hour)["greeting"] == en
    assert personas.tongue({}, {}, "zh", hour)["greeting"] == ""


def test_every_hour_has_a_greeting_in_every_persona() -> None:
    for persona in Voice().cast().values():
        for locale in LOCALES:
            assert all(personas.tongue({}, persona, locale, hour)["greeting"] for hour in range(24))


@pytest.mark.parametrize("key", ["lulu", "kai"])
def test_the_shipped_personas_are_right_and_named_as_their_folder(key: str) -> None:
    text = (HERE / "personas" / key / "persona.toml").read_text(encoding="utf-8")
    assert personas.read(text)["key"] == key


def test_a_persona_survives_being_written_and_read() -> None:
    for shipped in [*Voice().cast().values(), personas.read(MIA)]:
        assert personas.read(personas.write(shipped)) == shipped


@given(st.text(max_size=40), st.lists(st.text(max_size=20), max_size=4))
def test_whatever_the_words_are_the_file_can_be_read_again(word: str, phrases: list[str]) -> None:
    persona = {"key": "mia", "zh": {"name": word or "x", "self": "我", "catch_phrases": phrases}}
    assert tomllib.loads(personas.write(persona))["zh"] == persona["zh"]


def test_a_community_s_row_becomes_a_file_of_its_own() -> None:
    lulu = Voice().cast()["lulu"]
    whole = personas.whole({"key": "lulu", "name": "Mia", "given": True}, lulu)
    assert not list(personas.mistakes(whole))
    assert (whole["zh"]["name"], whole["en"]["name"]) == ("Mia", "Mia")
    assert whole["zh"]["greetings"] == lulu["zh"]["greetings"]
    same = personas.whole({"key": "lulu"}, lulu)
    assert (same["zh"], same["en"], same["emoji"]) == (lulu["zh"], lulu["en"], lulu["emoji"])


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (('key = "mia"', 'key = "Mia!"'), "key must be a short name in small letters"),
        (('key = "mia"', 'key = "mia"\nage = 3'), "age is not known; a persona has key, words"),
        (('"Europe/Madrid"', '"Mars"'), 'zone must be a time zone, such as "Asia/Shanghai".'),
        (('"09:00", "23:00"', '"9", "25:00"'), "hours must be two times of day"),
        (('"09:00", "23:00"', '"09:00"'), "hours must be two times of day"),
        (('name = "Mia"', 'nmae = "Mia"'), "en.nmae is not known; a language has name, self"),
        (('name = "Mia"', ""), "en.name is missing: her name."),
        (('self = "米米"', ""), "zh.self is missing: how she says I."),
        (('name = "Mia"', "name = 3"), "en.name must be text in quotation marks."),
        (('name = "Mia"', 'name = "<b>"'), "en.name must be one line of at most 64 characters"),
        (('name = "Mia"', f'name = "{"x" * 65}"'), "en.name must be one line of at most 64"),
        (('name = "Mia"', 'name = "Mia"\ntaboo = "x"'), "en.taboo must be a list"),
        (('name = "Mia"', 'name = "Mia"\ntaboo = [1]'), "en.taboo must be text"),
        (('name = "Mia"', 'name = "Mia"\ntaboo = ["late"]'), "en says “late” herself"),
        (("night", "midnight"), "en.greetings must be a table of morning, noon"),
        (("[zh]", "[zh"), "This is no TOML file"),
        (('words = "lulu"', "words = 1"), 'words must be the key of a persona, such as "lulu".'),
    ],
)
def test_a_mistake_in_a_persona_is_told_in_a_sentence(
    change: tuple[str, str], sentence: str
) -> None:
    with pytest.raises(personas.BadPersona) as caught:
        personas.read(MIA.replace(*change, 1))
    assert any(one.startswith(sentence) for one in caught.value.sentences), caught.value.sentences
    assert all(one.endswith(".") for one in caught.value.sentences)


def test_a_persona_without_a_language_says_nothing() -> None:
    assert list(personas.mistakes({"key": "mia"})) == [
        "She speaks no language: write a [zh] or an [en] table."
    ]
    assert "zh must be a table, written [zh]." in list(personas.mistakes({"key": "m", "zh": 3}))


def test_all_mistakes_are_told_at_once() -> None:
    wrong = MIA.replace('"mia"', "3").replace('"Europe/Madrid"', "7").replace('name = "Mia"', "")
    with pytest.raises(personas.BadPersona) as caught:
        personas.read(wrong)
    assert len(caught.value.sentences) == 3
