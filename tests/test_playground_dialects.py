"""The playground reads Telegram's HTML and MarkdownV2 as Telegram does, errors included."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.playground import html


@pytest.mark.parametrize(
    ("source", "text", "kinds"),
    [
        ("plain & simple", "plain & simple", []),
        ("<b>签到</b>成功", "签到成功", [("bold", 0, 2)]),
        ("🐟<i>鱼</i>", "🐟鱼", [("italic", 2, 1)]),
        ("<b>a<i>b</i></b>", "ab", [("bold", 0, 2), ("italic", 1, 1)]),
        ("&lt;b&gt; &amp; &quot; &#39; &#x4eba; &nbsp;", "<b> & \" ' 人 &nbsp;", []),
        ('<span class="tg-spoiler">x</span>', "x", [("spoiler", 0, 1)]),
        ("<blockquote expandable>q</blockquote>", "q", [("expandable_blockquote", 0, 1)]),
        ("<b></b>empty", "empty", []),
        ("<B>up</b>", "up", [("bold", 0, 2)]),
        ("<b>anonymous end</>", "anonymous end", [("bold", 0, 13)]),
    ],
)
def test_html_becomes_text_and_entities(
    source: str, text: str, kinds: list[tuple[str, int, int]]
) -> None:
    got, entities = html.parse_html(source)
    assert got == text
    assert [(e["type"], e["offset"], e["length"]) for e in entities] == kinds


@pytest.mark.parametrize(
    ("source", "sentence"),
    [
        ("<x>", 'Unsupported start tag "x" at byte offset 0'),
        ("签<x>", 'Unsupported start tag "x" at byte offset 3'),
        ("a < b", 'Unsupported start tag "" at byte offset 2'),
        ("<b>", 'Can\'t find end tag corresponding to start tag "b"'),
        ("</b>", "Unexpected end tag at byte offset 0"),
        ("<b>x</i>", 'Unmatched end tag at byte offset 4, expected "</b>", found "</i>"'),
        ("<b", "Unclosed start tag at byte offset 0"),
        ("<a href=", 'Unclosed start tag "a" at byte offset 0'),
        ("<b>x</b", "Unclosed end tag at byte offset 4"),
        ("<span>x</span>", 'Tag "span" must have class "tg-spoiler" at byte offset 0'),
        ('<tg-emoji emoji-id="x">x</tg-emoji>', "Invalid custom emoji identifier specified"),
    ],
)
def test_broken_html_is_refused_in_telegrams_words(source: str, sentence: str) -> None:
    with pytest.raises(html.ParseError) as refusal:
        html.parse_html(source)
    assert str(refusal.value) == sentence


def test_links_are_checked_as_telegram_checks_them() -> None:
    assert html.checked_link("example.org") == "http://example.org/"
    assert html.checked_link("tg://user?id=5000000001") == 5_000_000_001
    assert html.checked_link("javascript:alert(1)") is None
    assert html.checked_link("no host") is None
    _, entities = html.parse_html('<a href="javascript:x">text stays</a>')
    assert entities == []


def test_a_coloured_block_of_code_knows_its_language() -> None:
    text, entities = html.parse_html('<pre><code class="language-python">x = 1</code></pre>')
    assert text == "x = 1"
    assert entities == [{"type": "pre", "offset": 0, "length": 5, "language": "python"}]


def test_markdown_is_read_and_refused() -> None:
    text, entities = html.parse_markdown("*b _i_* `c` [l](https://x.org) \\.")
    assert text == "b i c l ."
    assert [e["type"] for e in entities] == ["bold", "italic", "code", "text_link"]
    with pytest.raises(html.ParseError, match="is reserved and must be escaped"):
        html.parse_markdown("end.")
    with pytest.raises(html.ParseError, match="Can't find end of Bold entity at byte offset 0"):
        html.parse_markdown("*b")


def test_the_old_markdown_of_old_bots_is_read_too() -> None:
    text, entities = html.parse_old_markdown("*b* _i_ `c` [l](https://x.org) a\\_b (x.y!)")
    assert text == "b i c l a_b (x.y!)"
    assert [(e["type"], e["offset"]) for e in entities] == [
        ("bold", 0), ("italic", 2), ("code", 4), ("text_link", 6),
    ]  # fmt: skip
    text, entities = html.parse_old_markdown("```python\nx = 1```")
    assert (text, entities[0]["language"]) == ("x = 1", "python")
    with pytest.raises(html.ParseError, match="end of the entity starting at byte offset 4"):
        html.parse_old_markdown("签 _a")


def test_telegram_finds_commands_mentions_and_hashtags_by_itself() -> None:
    found = html.find_entities("/start@lulu_bot 你好 @mia_99 #签到 https://x.org/a。", [])
    assert [e["type"] for e in found] == ["bot_command", "mention", "hashtag", "url"]
    assert html.find_entities("a/b 12:30 x@", []) == []


def test_blanks_around_a_text_go_and_entities_move_along() -> None:
    text, entities = html.parse_html("  <b> x </b> ")
    assert html.trimmed(text, entities) == ("x", [{"type": "bold", "offset": 0, "length": 1}])


@given(st.text())
def test_escaped_text_comes_back_unchanged(text: str) -> None:
    escaped = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    assert html.parse_html(escaped) == (text, [])


@given(st.text(alphabet="ab签🐟<>&/b=\"' ", max_size=40))
def test_any_text_is_parsed_or_refused_and_what_is_parsed_renders_back(source: str) -> None:
    try:
        text, entities = html.parse_html(source)
    except html.ParseError:
        return
    rendered = html.render(text, entities)
    assert html.parse_html(rendered)[0] == text


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["bold", "italic", "underline", "spoiler"]),
            st.integers(0, 20),
            st.integers(1, 20),
        ),
        max_size=6,
    )
)
def test_crossing_entities_render_as_well_formed_html(marks: list[tuple[str, int, int]]) -> None:
    text = "签到🐟abcdefghijklmnopqrstuvwxyz0123456789"
    # An entity that cuts an emoji in half is something Telegram never sends.
    if any(3 in (offset, offset + length) for _, offset, length in marks):
        return
    entities = [{"type": kind, "offset": o, "length": n} for kind, o, n in marks]
    assert html.parse_html(html.render(text, entities))[0] == text
