"""Telegram's HTML: what is read, what is refused, and where long texts are cut."""

from __future__ import annotations

import html as stdlib
import itertools
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from templates import markup
from templates.markup import BadMarkup, EmptyText, Entity, TooLong

FAMILY = "👨‍👩‍👧‍👦"
CLUSTERS = (
    *("a", "好", " ", "\n", "。", "! ", "\n\n", "é", "e\u0301", "z\u0351\u0324\u0489\u036f"),
    *(FAMILY, "🇨🇳", "🇯🇵", "👍🏽", "1️⃣", "🏴\U000e0067\U000e0062\U000e007f", "한", "각", "क्षि"),
    *(
        "\u1112\u1161\u11ab",
        "\u1100\u1100\u1161",
        "ｶﾞ",
        "😀",
        "ي",
        "&",
        "<",
        ">",
        '"',
        "&lt;",
        "</b>",
    ),
)

SEAMLESS = tuple(
    c for c in CLUSTERS if not re.search(r"[\s。!;]", c) and len(c) < 12 and c != "</b>"
)

texts = st.text(st.characters(exclude_categories=["Cs", "Cc"]) | st.sampled_from("\n\t"))
clustered = st.lists(st.sampled_from(CLUSTERS), max_size=120)


def dressed(depth: int = 0) -> st.SearchStrategy[str]:
    """Well-formed HTML of the dialect, tags in tags."""
    leaf = clustered.map(lambda parts: stdlib.escape("".join(parts[:12])))
    if depth > 2:
        return leaf
    inner = st.deferred(lambda: dressed(depth + 1))
    styled = st.builds(
        lambda tag, body: f"<{tag}>{body}</{tag}>", st.sampled_from(["b", "i", "u", "s"]), inner
    )
    sealed = st.builds(
        lambda tag, body: f"<{tag}>{body}</{tag}>", st.sampled_from(["code", "pre"]), leaf
    )
    spoiler = inner.map(lambda body: f'<span class="tg-spoiler">{body}</span>')
    kinds = leaf | styled | sealed | spoiler
    if depth == 0:
        kinds = (
            kinds
            | leaf.map(lambda body: f'<a href="https://a.example/?x=1&amp;y=2">{body}</a>')
            | leaf.map(lambda body: f"<blockquote expandable>{body}</blockquote>")
        )
    return st.lists(kinds, max_size=4).map("".join)


def worn(html: str) -> list[tuple[str, frozenset[tuple[str, str]]]]:
    """Every character that can be seen, with the look that it has."""
    parsed = markup.parse(html)
    seen, at = [], 0
    for letter in parsed.text:
        look = frozenset(
            (e.kind, e.value) for e in parsed.entities if e.offset <= at < e.offset + e.length
        )
        if markup.visible(letter):
            seen.append((letter, look))
        at += markup.length(letter)
    return seen


@pytest.mark.parametrize(
    ("html", "text", "entities"),
    [
        ("plain > simple", "plain > simple", []),
        ("<b>a</b><STRONG>b</STRONG>", "ab", [("bold", 0, 1), ("bold", 1, 1)]),
        ("<i>a</i><em>b</em>", "ab", [("italic", 0, 1), ("italic", 1, 1)]),
        ("<u>a</u><ins>b</ins>", "ab", [("underline", 0, 1), ("underline", 1, 1)]),
        ("<s>a</s><del>b</del>", "ab", [("strikethrough", 0, 1), ("strikethrough", 1, 1)]),
        ("<strike >a</strike >", "a", [("strikethrough", 0, 1)]),
        ("<tg-spoiler>a</tg-spoiler>", "a", [("spoiler", 0, 1)]),
        ("<span class=tg-spoiler>a</span>", "a", [("spoiler", 0, 1)]),
        ("<code>a</code>", "a", [("code", 0, 1)]),
        ("😀<b>😀<i>好</i></b>", "😀😀好", [("bold", 2, 3), ("italic", 4, 1)]),
        ("<b></b>a", "a", []),
        ("<blockquote>a</blockquote>", "a", [("blockquote", 0, 1)]),
        ("<blockquote expandable>a</blockquote>", "a", [("expandable_blockquote", 0, 1)]),
        ("<a href='https://x.y'>a</a>", "a", [("text_link", 0, 1, "https://x.y")]),
        ('<a href="x.y/?a=1&amp;b=2">a</a>', "a", [("text_link", 0, 1, "x.y/?a=1&b=2")]),
        ('<a href="tg://user?id=7">a</a>', "a", [("text_mention", 0, 1, "7")]),
        ("<pre>a</pre>", "a", [("pre", 0, 1)]),
        ("<pre><code>a</code></pre>", "a", [("pre", 0, 1)]),
        (
            '<pre><code class="language-py">a</code></pre>b<code>c</code>',
            "abc",
            [("pre", 0, 1, "py"), ("code", 2, 1)],
        ),
        ('<tg-emoji emoji-id="5">👍</tg-emoji>', "👍", [("custom_emoji", 0, 2, "5")]),
        ('<tg-time unix="9" format="wDT">x</tg-time>', "x", [("date_time", 0, 1, "9", "wDT")]),
    ],
)
def test_telegram_s_tags_become_entities(
    html: str, text: str, entities: list[tuple[str, int, int]]
) -> None:
    parsed = markup.parse(html)
    assert parsed.text == text
    assert list(parsed.entities) == [Entity(*entity) for entity in entities]


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("&lt;b&gt; &amp; &quot;", '<b> & "'),
        ("&#39;&#x4f60;&#128512;", "'你😀"),
        ("&lt &#65", "< A"),
        ("&nbsp;&apos;&LT;&;&#;&#x;&", "&nbsp;&apos;&LT;&;&#;&#x;&"),
        ("&#0;&#1114111;&#X41;&#123456789;", "&#0;&#1114111;&#X41;&#123456789;"),
        ("&lthello", "&lthello"),
    ],
)
def test_references_are_read_as_telegram_reads_them(html: str, text: str) -> None:
    assert markup.parse(html).text == text


@pytest.mark.parametrize(
    ("html", "reason", "offset"),
    [
        ("a<b>", "never closed", 1),
        ("a</b>", "closes nothing", 1),
        ("<b><i>a</b></i>", "</i> is expected", 7),
        ("a < b", "no tag of Telegram's", 2),
        ("<p>a</p>", "no tag of Telegram's", 0),
        ("<br/>", "no tag of Telegram's", 0),
        ("<", "no tag of Telegram's", 0),
        ("</", "an end tag looks like", 0),
        ("<b", "no tag of Telegram's", 0),
        ("<b >a</b", "an end tag looks like", 5),
        ("<b onclick=x>a</b>", '"onclick" has no place', 3),
        ('<a href="x.y" href="x.z">a</a>', '"href" has no place', 14),
        ("<a href=x.y/z>a</a>", "not written to its end", 0),
        ('<a href="x.y>a</a>', "not written to its end", 0),
        ("<a>a</a>", "no link of the address ''", 0),
        ('<a href="javascript:alert(1)">a</a>', "no link", 0),
        ('<a href="two words.example">a</a>', "no link", 0),
        ("<span>a</span>", 'needs class="tg-spoiler"', 0),
        ("<tg-emoji>a</tg-emoji>", "needs a number", 0),
        ("<tg-emoji emoji-id=٥>a</tg-emoji>", "not written to its end", 0),
        ("<tg-time>a</tg-time>", "needs Unix seconds", 0),
        ('<tg-time unix="1" format="x">a</tg-time>', "no format", 0),
        ("<code><b>a</b></code>", "<code> holds no other tags", 6),
        ("<pre>a<i>b</i></pre>", "<pre> holds no other tags", 6),
        ("<pre>a<code>b</code></pre>", "must begin with it", 6),
        ("<pre><code>a</code>b</pre>", "must end with it", 12),
        ("<code class=language-py>a</code>", "belongs to <pre>", 0),
        ("<pre><code class=py>a</code></pre>", "looks like", 5),
        ("<blockquote>a<b><blockquote>b</blockquote></b></blockquote>", "in another", 16),
        ('<a href="x.y"><a href="x.z">a</a></a>', "inside a link", 14),
        ('<a href="x.y"><code>a</code></a>', "inside a link", 14),
        ("<tg-emoji emoji-id=5><b>a</b></tg-emoji>", "holds no other tags", 21),
        ("a\x00b", "U+0000 cannot be sent", 1),
        ("a\ud800", "U+D800 cannot be sent", 1),
        ("a\rb", "U+000D cannot be sent", 1),
        ("&#7;", "cannot be sent", 0),
        ("&#xd800;", "cannot be sent", 0),
    ],
)
def test_what_telegram_would_refuse_or_mend_is_refused_here(
    html: str, reason: str, offset: int
) -> None:
    with pytest.raises(BadMarkup, match=re.escape(reason)) as caught:
        markup.parse(html)
    assert caught.value.offset == offset


@given(texts)
def test_escaped_text_comes_back_as_it_was(text: str) -> None:
    assert markup.parse(stdlib.escape(text)) == markup.Parsed(text, ())


@given(st.text() | st.text(st.sampled_from('<>/&;#xab"= \n=-pre')))
def test_any_string_is_parsed_or_refused_and_nothing_else(html: str) -> None:
    try:
        offset = markup.length(markup.parse(html).text)
    except BadMarkup as refusal:
        offset = refusal.offset
    assert 0 <= offset <= markup.length(html)


@given(dressed())
def test_entities_lie_inside_the_text_and_inside_each_other(html: str) -> None:
    parsed = markup.parse(html)
    spans = [(e.offset, e.offset + e.length) for e in parsed.entities]
    assert all(0 <= start < end <= markup.length(parsed.text) for start, end in spans)
    for start, end in spans:
        for other_start, other_end in spans:
            assert (
                end <= other_start
                or other_end <= start
                or (
                    (start <= other_start and other_end <= end)
                    or (other_start <= start and end <= other_end)
                )
            )


def test_a_megabyte_of_open_brackets_is_refused_at_once() -> None:
    for unit in ("<", "<b>", "<b ", "<b a", "&", "&#", '<a href="', "</"):
        hostile = unit * (1_000_000 // len(unit))
        try:
            markup.parse(hostile)
        except BadMarkup:
            continue
        assert unit.startswith("&")


def test_a_letter_is_checked_for_length_emptiness_and_weight() -> None:
    markup.check("<b>" + "好" * 4096 + "</b>")
    markup.check("😀" * 2048)
    with pytest.raises(TooLong, match="4097 characters where 4096 fit"):
        markup.check("a" * 4097)
    with pytest.raises(TooLong):
        markup.check("😀" * 2049)
    with pytest.raises(TooLong):
        markup.check("a" * 201, markup.TOAST_LIMIT)
    with pytest.raises(TooLong, match="bytes of HTML"):
        markup.check("<b><i>a</i></b>" * 2300)
    for nothing in ("", " \n", "<b> </b>", "\u200b\u200d\u2060", "\u3164", "&#x2800;"):
        with pytest.raises(EmptyText):
            markup.check(nothing)
    with pytest.raises(BadMarkup):
        markup.check("<b>")


def test_what_telegram_cannot_carry_is_cleaned_away() -> None:
    assert markup.clean("a\x00b\ud800c\r\nd\te\x1bf") == "abc\nd\tef"
    assert markup.clean("\ud83d\ude00") == "😀"
    assert markup.clean("\ude00\ud83d") == ""


@given(st.text(st.characters()))
def test_cleaned_text_is_always_sendable_and_cleaning_twice_changes_nothing(text: str) -> None:
    cleaned = markup.clean(text)
    assert markup.clean(cleaned) == cleaned
    assert markup.parse(stdlib.escape(cleaned)).text == cleaned
    cleaned.encode()


def test_a_toast_is_plain_and_cut_between_graphemes() -> None:
    assert markup.plain("<b>a</b> &lt;3 \x00\ud800") == "a <3"
    assert markup.plain(FAMILY * 3, 23) == FAMILY * 2 + "…"
    assert markup.plain("a " * 200, 200) == ("a " * 100).strip() + "…"
    assert markup.plain("a" * 200, 200) == "a" * 200
    assert markup.shorten("z" + "\u0300" * 500, 10) == "z" + "\u0300" * 8 + "…"


@given(clustered, st.integers(1, 60))
def test_a_toast_never_exceeds_its_limit(parts: list[str], limit: int) -> None:
    text = "".join(parts).strip()
    short = markup.plain(stdlib.escape(text), limit)
    assert markup.length(short) <= limit
    assert short == text or text.startswith(short.removesuffix("…"))


def test_a_long_text_is_cut_where_it_hurts_least() -> None:
    assert markup.split("a" * 10 + "\n\n" + "b c. " * 3, 20) == ["a" * 10, "b c. b c. b c."]
    assert markup.split("one two.\nthree four five", 20) == ["one two.", "three four five"]
    assert markup.split("Well now. One two three", 20) == ["Well now.", "One two three"]
    assert markup.split("好呀。" * 8, 16) == ["好呀。" * 5, "好呀。" * 3]
    assert markup.split("aa bb cc dd ee ff gg", 16) == ["aa bb cc dd ee", "ff gg"]
    assert markup.split("ab " + "c" * 20, 16) == ["ab", "c" * 16, "cccc"]
    assert markup.split("c" * 20, 16) == ["c" * 16, "cccc"]


def test_open_tags_are_closed_at_a_seam_and_opened_again() -> None:
    html = '<b>aaaa <a href="https://x.y">bbbb cccc dddd</a></b> e'
    assert markup.split(html, 16) == [
        '<b>aaaa <a href="https://x.y">bbbb cccc</a></b>',
        '<b><a href="https://x.y">dddd</a></b> e',
    ]


def test_a_time_and_an_emoji_of_one_s_own_stay_in_one_part() -> None:
    for whole in (
        '<tg-time unix="9" format="r">in two hours</tg-time>',
        '<tg-emoji emoji-id="5">👍👍👍</tg-emoji>',
    ):
        parts = markup.split("a" * 12 + whole + "b" * 12, 16)
        assert sum(whole in part for part in parts) == 1


def test_nothing_to_see_makes_no_message() -> None:
    assert markup.split(" <b>\n</b>\u200b", 16) == []
    assert markup.split("a" * 16 + "\n" + "\u200b" * 40 + "\n" + "b" * 16, 16) == [
        "a" * 16,
        "b" * 16,
    ]


def test_a_bare_ampersand_at_a_seam_makes_no_reference() -> None:
    """`&ltabcdef` is no reference, but `&lt` alone would be one."""
    parts = markup.split("a" * 13 + "&ltabcdef", 16)
    assert "".join(markup.parse(part).text for part in parts) == "a" * 13 + "&ltabcdef"


def test_a_text_heavy_with_tags_still_fits_the_servers_appetite() -> None:
    link = f'<a href="https://x.example/{"y" * 300}">a</a> '
    parts = markup.split(link * 2000)
    assert all(len(part.encode()) <= markup.RAW_LIMIT for part in parts)
    assert sum(markup.parse(part).text.count("a") for part in parts) == 2000
    with pytest.raises(TooLong, match="bytes of HTML"):
        markup.split(f'<a href="https://x.example/{"y" * 40_000}">a</a>')


@given(dressed(), st.integers(16, 64))
def test_the_parts_together_say_and_show_what_the_whole_did(html: str, limit: int) -> None:
    parts = markup.split(html, limit)
    for part in parts:
        markup.check(part, limit)
    joined = [letter for part in parts for letter in worn(part)]
    assert joined == worn(html)


@given(
    st.lists(st.sampled_from(SEAMLESS), min_size=20, max_size=120),
    st.integers(24, 40),
    st.data(),
)
def test_no_seam_tears_a_letter_or_an_emoji(
    parts: list[str], limit: int, data: st.DataObject
) -> None:
    """Without spaces or full stops every cut has to find its place between graphemes."""
    repeated = parts + [data.draw(st.sampled_from(SEAMLESS))] * 30
    text = "".join(repeated)
    boundaries = {0, *itertools.accumulate(len(cluster) for cluster in repeated)}
    at = 0
    for part in (markup.parse(part).text for part in markup.split(stdlib.escape(text), limit)):
        assert at in boundaries
        assert text.startswith(part, at)
        at += len(part)
    assert at == len(text)


def test_a_hundred_thousand_combining_marks_are_cut_all_the_same() -> None:
    parts = markup.split("z" + "\u0300" * 20_000)
    assert [markup.length(part) for part in parts] == [4096, 4096, 4096, 4096, 3617]
