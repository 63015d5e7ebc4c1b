"""A hundred thousand hostile names and texts change no letter but by their own letters."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

from templates import LOCALES, Voice, markup
from tests.test_templates_words import FACTS

SEED = 20261121
HOW_MANY = 100_000
PERSONA = {"name": "小鹿", "self": "我", "calls_fans": "小树苗"}
HARMLESS = "Lin"

TAGS = (
    *("<b>", "</b>", "</a>", "</blockquote>", "<pre>", "</code>", "<a href='x.y'>", '"><b>', "'>"),
    *("<script>alert(1)</script>", "<tg-spoiler>", "<!--", "-->", "<![CDATA[", "<", ">", "</", "&"),
    *("&lt;b&gt;", "&#60;b&#62;", "&#x3c;", "&amp;lt;", "&lt", "&#", "&#0;", "&#xd800;", "&nbsp;"),
    *("{{ 7 * 7 }}", "{% raw %}", "{#", "#}", "\n---\n", "---", "%}", "\\", "%s", "{0}", "${x}"),
    *('"', "'", "`", "*_~", "[x](y)", "javascript:1", "tg://user?id=1", "\" onclick='x'"),
)
SCRIPTS = (
    *("\u202e", "\u202d", "\u2066", "\u2067\u2067", "\u2069", "\u200e", "\u200f", "\u061c"),
    *("يوسف", "שלום", "\ufdfd", "\u0600", "𐤀𐤁", "\u200b", "\u200d", "\ufeff", "\u2060", "\u00ad"),
    *("z\u0300\u0351\u0489\u033f" * 9, "e\u0301", "\u20e3", "\ufe0f", "क्षि", "각", "\u1112\u1161"),
    *(
        "👨‍👩‍👧‍👦",
        "🇨🇳🇯",
        "👍🏽",
        "🏴\U000e0067\U000e007f",
        "1️⃣",
        "😀" * 40,
        "\U0010ffff",
        "\uffff",
        "\ufffd",
    ),
)
BROKEN = (
    *("\x00", "\x01\x1f", "\x7f", "\x85", "\r", "\r\n", "\t", "\n", "\u2028", "\u2029", "\x0b"),
    *("\ud800", "\udfff", "\ude00\ud83d", "\ud83d", "\ud83d\ude00"),
)
ORDINARY = (
    "Lin",
    "林小满",
    " ",
    "  ",
    "A" * 64,
    "陈屿",
    "Mia",
    "0",
    "None",
    "null",
    "-1",
    "﷐",
    "ﷺ",
)

PROBES = {
    "styled": "<b>{{ name }} <i>{{ text }}.</i></b> {{ name }}!",
    "linked": '<a href="https://a.example/?q={{ (text|urlencode)[:99] }}&amp;x=1">{{ name }}.</a>',
    "single": "<a href='https://a.example/#{{ (name|urlencode)[:99] }}'>{{ text }}.</a> end",
    "sealed": '<pre><code class="language-py">{{ text }}.</code></pre> <code>{{ name }}.</code>',
    "quoted": "<blockquote expandable>{{ name }}: {{ text }}</blockquote> end",
    "hidden": '<span class="tg-spoiler">{{ text }}.</span><tg-spoiler>{{ name }}.</tg-spoiler>',
    "listed": '{% for one in names %}<u>{{ one }}.</u>{% endfor %}{{ names|join("、") }} end',
}


def hostile(dice: random.Random) -> str:
    """One name or text; most are short, one in some hundred is longer than a message."""
    pieces = dice.choices(
        (dice.choice(TAGS), dice.choice(SCRIPTS), dice.choice(BROKEN), dice.choice(ORDINARY)),
        k=dice.choice((1, 1, 2, 3, 5, 8)),
    )
    if dice.random() < 0.2:
        pieces.append(chr(dice.randrange(0x110000)))
    dice.shuffle(pieces)
    text = "".join(pieces)
    return text * dice.randrange(100, 400) if dice.random() < 0.004 else text


def facts(name: str, text: str) -> dict[str, object]:
    """What any template may ask for; every word of it may have been written by a fan."""
    written = {key: _written(value, name) for key, value in FACTS.items()}
    return written | {"text": text, "names": [name, text], "grid": "1x 2+"}


def _written(value: object, name: str) -> object:
    if isinstance(value, list):
        return [_written(one, name) for one in value]
    if isinstance(value, dict):
        return {key: _written(one, name) for key, one in value.items()}
    return name if isinstance(value, str) else value


def ways(voice: Voice) -> Iterator[tuple[str, str, int]]:
    for name in voice.names():
        for locale in LOCALES:
            for variant in range(voice.variants(name, locale) if voice.knows(name, locale) else 0):
                yield name, locale, variant


def shape(html: str) -> list[tuple[str, str]]:
    """The entities without their places; of a link only what stands before the hostile part."""
    entities = markup.parse(html).entities
    return [(entity.kind, entity.value[:18]) for entity in entities]


def test_no_name_and_no_text_changes_the_structure_of_a_letter(tmp_path: Path) -> None:
    (tmp_path / "zh" / "probe").mkdir(parents=True)
    for name, words in PROBES.items():
        (tmp_path / "zh" / "probe" / f"{name}.j2").write_text(words, encoding="utf-8")
    stages = [(voice, *way) for voice in (Voice(), Voice(tmp_path)) for way in ways(voice)]
    # The probes stand for formatting that today's words hardly use: they get half of the load.
    probes = [stage for stage in stages if stage[1].startswith("probe/")]
    said = [stage for stage in stages if not stage[1].startswith("probe/")]
    dice = random.Random(SEED)

    expected = {}
    for voice, name, locale, variant in stages:
        calm = voice.render(
            name, facts(HARMLESS, HARMLESS), locale=locale, persona=PERSONA, variant=variant
        )
        expected[name, locale, variant] = shape(calm)
    seen = 0
    for turn in range(HOW_MANY):
        pool = (probes, said)[turn % 2]
        voice, name, locale, variant = pool[turn // 2 % len(pool)]
        evil = facts(hostile(dice), hostile(dice))
        html = voice.render(name, evil, locale=locale, persona=PERSONA, variant=variant)
        assert shape(html) == expected[name, locale, variant], (name, locale, variant, evil)
        html.encode()
        seen += 1
        if turn % 50 == 0 or len(html) > 2000:
            for part in markup.split(html, 256):
                markup.check(part, 256)
            assert markup.length(markup.plain(html, markup.TOAST_LIMIT)) <= markup.TOAST_LIMIT
            labels = voice.buttons(name, evil, locale=locale, persona=PERSONA)
            assert all(markup.length(label) <= 64 for label in labels.values())
    assert seen == HOW_MANY


def test_a_hostile_persona_is_only_a_name() -> None:
    voice, dice = Voice(), random.Random(SEED)
    for turn, (name, locale, variant) in enumerate(list(ways(voice)) * 5):
        evil = {key: hostile(dice) + str(turn) for key in ("name", "self", "calls_fans")}
        html = voice.render(name, facts(HARMLESS, ""), locale=locale, persona=evil, variant=variant)
        calm = voice.render(
            name, facts(HARMLESS, ""), locale=locale, persona=PERSONA, variant=variant
        )
        assert shape(html) == shape(calm)
