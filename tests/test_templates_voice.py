"""The voice: which file speaks, what it may see, and how its mistakes are told."""

from __future__ import annotations

from pathlib import Path

import pytest
from markupsafe import Markup

from templates import LOCALES, BadTemplate, NoWords, Voice, locale_of, markup

LULU = {"name": "小鹿", "self": "鹿鹿", "calls_fans": "小树苗"}


def voice(root: Path, **files: str) -> Voice:
    """A voice with files of its own; `zh__room__said` is `zh/room/said.j2`."""
    for name, words in files.items():
        path = root / (name.replace("__", "/").replace("zh_TW", "zh-TW") + ".j2")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(words, encoding="utf-8")
    return Voice(root)


def say(speaker: Voice, locale: str = "zh", variant: int = 0, **facts: object) -> str:
    return speaker.render("room/said", facts, locale=locale, persona=LULU, variant=variant)


@pytest.mark.parametrize(
    ("code", "locale"),
    [
        *(("zh", "zh"), ("zh-hans", "zh"), ("zh-CN", "zh"), ("zh_SG", "zh"), ("zh-Hans-HK", "zh")),
        *(("zh-hant", "zh-TW"), ("zh-TW", "zh-TW"), ("zh-hk", "zh-TW"), ("zh-MO", "zh-TW")),
        *(("yue", "zh-TW"), ("zh-Hant-CN", "zh-TW"), ("zh-hans-raw", "zh"), ("ZH-HANS", "zh")),
        *(("en", "en"), ("en-GB", "en"), ("fr", "en"), ("pt-br", "en"), ("x" * 99, "en")),
        *((None, "zh-TW"), ("", "zh-TW")),
    ],
)
def test_telegram_s_language_codes_find_a_language_of_ours(code: str | None, locale: str) -> None:
    assert locale_of(code, community="zh-TW") == locale


def test_a_fan_falls_back_to_the_nearest_language(tmp_path: Path) -> None:
    speaker = voice(tmp_path, zh__room__said="中", en__room__said="E", en__room__only="only")
    assert [say(speaker, locale) for locale in ("zh", "zh-TW", "en")] == ["中", "中", "E"]
    assert speaker.render("room/only", {}, locale="zh-TW", persona=LULU) == "only"
    assert speaker.names() == ["room/only", "room/said"]


def test_whoever_asks_for_words_that_nobody_wrote_is_told(tmp_path: Path) -> None:
    speaker = voice(tmp_path, zh__room__said="中")
    assert speaker.knows("room/said")
    assert speaker.knows("room/said", "zh-TW")
    assert not speaker.knows("room/said", "en")
    assert not speaker.knows("room/other")
    with pytest.raises(NoWords, match="no words for room/said in en"):
        say(speaker, "en")
    with pytest.raises(NoWords, match="in klingon"):
        say(speaker, "klingon")
    for escape in ("../room/said", "/etc/passwd", "", "room/_buttons"):
        with pytest.raises(NoWords):
            speaker.render(escape, {}, locale="zh", persona=LULU)


def test_variants_are_parted_by_lines_of_three_dashes_and_count_round(tmp_path: Path) -> None:
    words = "{# when #}\none --- still one\n---\n\n two \n--- \n---\nthree\n"
    speaker = voice(tmp_path, zh__room__said=words)
    assert speaker.variants("room/said", "zh-TW") == 3
    said = [say(speaker, variant=i) for i in (0, 1, 2, 3, -1)]
    assert said == ["one --- still one", "two \n---", "three", "one --- still one", "three"]


def test_only_facts_and_persona_are_in_scope(tmp_path: Path) -> None:
    speaker = voice(
        tmp_path,
        zh__room__said="{{ persona.self }}{{ persona.calls_fans }}{{ name }}",
        zh__room__global="{{ range(3) }}",
        zh__room__typo="\n{{ nmae }}",
        zh__room__persona="{{ persona.nmae }}",
    )
    assert say(speaker, name="Lin", persona="nobody") == "鹿鹿小树苗Lin"
    assert speaker.used("room/said", "zh") == {"name"}
    for name in ("global", "typo", "persona"):
        with pytest.raises(BadTemplate, match=r"undefined|no attribute"):
            speaker.render(f"room/{name}", {"name": ""}, locale="zh", persona=LULU)


def test_a_persona_without_details_still_says_i(tmp_path: Path) -> None:
    words = "{{ persona.self }}[{{ persona.calls_fans }}]"
    speaker = voice(tmp_path, zh__room__said=words, en__room__said=words)
    assert [
        speaker.render("room/said", {}, locale=locale, persona={"name": "Lulu"})
        for locale in LOCALES
    ] == ["我[]", "I[]", "我[]"]


@pytest.mark.parametrize(
    ("words", "line", "reason"),
    [
        ("ok\n---\nok\n---\n\n{{ missing }}", 6, "'missing' is undefined"),
        ("ok\n---\n{% if %}", 3, "Expected an expression"),
        ("{{ name.__class__.__mro__ }}", 1, "unsafe"),
        ("{{ ''.join(name) ~ name.format }}{{ name|safe }}", 1, "No filter named 'safe'"),
        ("{{ 1 // 0 }}", 1, "by zero"),
        ("\n{{ name|round }}", 2, "round"),
        ("{% include 'zh/room/said.j2' %}", 1, "no loader"),
    ],
)
def test_a_mistake_in_the_words_names_file_and_line(
    tmp_path: Path, words: str, line: int, reason: str
) -> None:
    speaker = voice(tmp_path, zh__room__said=words)
    with pytest.raises(BadTemplate, match=reason) as caught:
        say(speaker, "zh-TW", 2, name="Lin")
    assert (caught.value.name, caught.value.locale) == ("room/said", "zh")
    assert caught.value.line == line
    assert str(caught.value).startswith(f"zh/room/said.j2, line {line}: ")


def test_facts_are_never_markup(tmp_path: Path) -> None:
    speaker = voice(tmp_path, zh__room__said='<b>{{ name }}</b>{{ more|join("、") }}{{ deep.x }}')
    said = say(
        speaker, name=Markup("<i>x</i>"), more=["<u>", Markup("<s>")], deep={"x": "\x00</b>"}
    )
    assert markup.parse(said).text == "<i>x</i><u>、<s></b>"
    assert [entity.kind for entity in markup.parse(said).entities] == ["bold"]


def test_a_fan_whose_name_cannot_be_seen_has_none(tmp_path: Path) -> None:
    speaker = voice(tmp_path, zh__room__said="{% if name %}{{ name }}, {% endif %}hello")
    for name in ("", None, "\u200b\u2060", "\u3164", " ", "\ud800", "\u202e"):
        assert say(speaker, name=name) == "hello"


def test_a_name_written_right_to_left_does_not_turn_the_sentence(tmp_path: Path) -> None:
    speaker = voice(tmp_path, zh__room__said="{{ name }} 签到成功")
    assert say(speaker, name="يوسف") == "\u2068يوسف\u2069 签到成功"
    assert say(speaker, name="\u202eevil\u2066") == "evil 签到成功"


@pytest.mark.parametrize(
    ("name", "seen"),
    [
        *(("t.me/spam", "t.\u2060me/spam"), ("@durov", "@\u2060durov")),
        *(("/start now", "/\u2060start now"), ("buy #coin $TON", "buy #\u2060coin $\u2060TON")),
        *(("Mr. Li", "Mr. Li"), ("J.R.R. Tolkien", "J.R.R. Tolkien"), ("A/B", "A/B")),
        *(("^_^", "^_^"), ("陈屿", "陈屿"), ("3.5分", "3.5分")),
    ],
)
def test_a_name_advertises_nothing(tmp_path: Path, name: str, seen: str) -> None:
    """Telegram makes links of addresses, mentions and commands by itself; not of a fan's name."""
    assert say(voice(tmp_path, zh__room__said="{{ name }}"), name=name) == seen


def test_labels_come_from_every_room_and_are_plain(tmp_path: Path) -> None:
    speaker = voice(
        tmp_path,
        zh__room__said="x",
        zh__room___buttons="{# why #}\n\nenter = 参与 <3\nno-2 = 第 {{ n }} 个\n"
        "ask = 给{{ persona.name }}留言",
        en__room___buttons="enter = Enter",
        zh__shop___buttons="buy = {{ thing }}",
    )

    def labels(locale: str = "zh", **facts: object) -> dict[str, str]:
        return speaker.buttons("room/said", facts, locale=locale, persona=LULU)

    assert labels() == {
        "enter": "参与 <3",
        "room.enter": "参与 <3",
        "ask": "给小鹿留言",
        "room.ask": "给小鹿留言",
    }
    assert labels(n=2)["no-2"] == "第 2 个"
    assert "buy" not in labels(thing="x")
    assert labels(thing="好" * 99)["shop.buy"] == "好" * 63 + "…"
    assert labels("en") == {"enter": "Enter", "room.enter": "Enter"}


@pytest.mark.parametrize("line", ["enter", "= x", "enter =", "Enter now = x"])
def test_a_label_that_is_none_is_a_mistake(tmp_path: Path, line: str) -> None:
    speaker = voice(tmp_path, zh__room__said="x", zh__room___buttons=f"a = b\n{line}")
    with pytest.raises(BadTemplate, match="line 2: a button is written"):
        speaker.buttons("room/said", {}, locale="zh", persona=LULU)
