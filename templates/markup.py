"""Telegram's HTML dialect: read it strictly, measure it, and cut it where nobody gets hurt.

Telegram itself is lenient in places where a mistake would only be ugly (an unknown attribute, a
quote inside a quote). We are not: a letter that passes here reaches the fan with the look its
author meant. Offsets in errors count characters of the HTML; offsets and lengths of entities count
UTF-16 units of the text, as Telegram does.
"""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, takewhile
from typing import NamedTuple

TEXT_LIMIT = 4096
CAPTION_LIMIT = 1024
TOAST_LIMIT = 200
RAW_LIMIT = 32_768
"""Bytes of HTML that the server reads at most, whatever the text in it measures."""

_SMALLEST_PART = 16
_DEEPEST = 32
_ELLIPSIS = "…"

_KINDS = {
    "a": "text_link",
    "b": "bold",
    "strong": "bold",
    "i": "italic",
    "em": "italic",
    "u": "underline",
    "ins": "underline",
    "s": "strikethrough",
    "strike": "strikethrough",
    "del": "strikethrough",
    "span": "spoiler",
    "tg-spoiler": "spoiler",
    "tg-emoji": "custom_emoji",
    "tg-time": "date_time",
    "code": "code",
    "pre": "pre",
    "blockquote": "blockquote",
}
_ATTRIBUTES = {
    "a": {"href"},
    "span": {"class"},
    "tg-emoji": {"emoji-id"},
    "tg-time": {"unix", "format"},
    "code": {"class"},
    "blockquote": {"expandable"},
}
_NAMED = {"lt": "<", "gt": ">", "amp": "&", "quot": '"'}
_SEALED = frozenset({"code", "pre"})
_QUOTES = frozenset({"blockquote", "expandable_blockquote"})
_WHOLE = frozenset({"custom_emoji", "date_time"})

_RUN = re.compile(r"[^<&]+")
_REFERENCE = re.compile(r"&(?:#x(?P<hex>[0-9a-fA-F]+)|#(?P<dec>[0-9]+)|(?P<name>[A-Za-z]+));?")
_CLOSE = re.compile(r"</([A-Za-z][A-Za-z0-9-]*)\s*>")
_OPEN = re.compile(r"<([A-Za-z][A-Za-z0-9-]*)(?=[\s>])")
_ATTRIBUTE = re.compile(
    r"""\s+(?P<name>[^\s=>/"'<]+)(?:\s*=\s*(?P<value>"[^"]*"|'[^']*'|[A-Za-z0-9.-]+(?=[\s>])))?"""
)
_TAG_END = re.compile(r"\s*>")
_LINK = re.compile(
    r"(?:(?:https?|tg|ton|tonsite)://[^\s/?#]+|[^\s/?#:]+\.[^\s/?#]+)\S*", re.IGNORECASE
)
_TIME_FORMAT = re.compile(r"r|w?[dD]?[tT]?")
_PERSON = re.compile(r"tg://user\?id=(\d+)")

_UNCARRIED = re.compile("[\x00-\x08\x0b-\x1f\ud800-\udfff]")
_SURROGATE = re.compile("[\ud800-\udfff]")
_VISIBLE = re.compile(
    "[^\\s\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2028-\u202e"
    "\u2060-\u206f\u2800\u3164\ufe00-\ufe0f\ufeff\uffa0\ufffc\U000e0000-\U000e0fff]"
)

# The order is the order of preference: a cut between paragraphs hurts least.
_SEAMS = (
    re.compile(r"\n[^\S\n]*\n"),
    re.compile(r"\n"),
    re.compile(r"""[。！？…；]+[”’」』）》】"')]*|[.!?;]+["'”’)\]]*(?=\s)"""),
    re.compile(r"\s|[，、：]+"),
)


class Unsendable(ValueError):
    """Telegram would refuse this text, or show something else than its author meant."""


class BadMarkup(Unsendable):
    """The HTML is not Telegram's dialect. `offset` is the character where it goes wrong."""

    def __init__(self, reason: str, offset: int) -> None:
        super().__init__(f"{reason} (at character {offset})")
        self.reason = reason
        self.offset = offset


class TooLong(Unsendable):
    """The text does not fit into one message; `split` makes several of it."""

    def __init__(self, length: int, limit: int, unit: str = "characters") -> None:
        super().__init__(f"{length} {unit} where {limit} fit")
        self.length = length
        self.limit = limit


class EmptyText(Unsendable):
    """Nothing in the text can be seen; Telegram refuses such a message."""

    def __init__(self) -> None:
        super().__init__("there is nothing to see in this text")


@dataclass(frozen=True, slots=True)
class Entity:
    """One formatted stretch, named as the Bot API names it; offset and length in UTF-16 units.

    `value` is what the kind needs: the address of a text_link, the fan's id of a text_mention, the
    language of a pre, the id of a custom_emoji, the Unix time of a date_time (`format` beside it).
    """

    kind: str
    offset: int
    length: int
    value: str = ""
    format: str = ""


@dataclass(frozen=True, slots=True)
class Parsed:
    """What the fan sees: the text, and how it is dressed, outer entities before inner ones."""

    text: str
    entities: tuple[Entity, ...]


class _Run(NamedTuple):
    start: int
    end: int
    text: str


class _Open(NamedTuple):
    start: int
    end: int
    tag: str
    kind: str
    value: str
    format: str


class _Close(NamedTuple):
    start: int
    end: int
    tag: str


_Mark = _Run | _Open | _Close


def length(text: str) -> int:
    """How long Telegram counts a text: in UTF-16 units, so that most emoji are 2."""
    return len(text) if text.isascii() else len(text.encode("utf-16-le", "surrogatepass")) // 2


def clean(text: str) -> str:
    """The text without what Telegram cannot carry: lone surrogates, NUL and other controls.

    New lines and tabs stay. Two halves of one character that arrive separately are joined again.
    """
    if not _UNCARRIED.search(text):
        return text
    if _SURROGATE.search(text):
        text = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "ignore")
    return _UNCARRIED.sub("", text)


def visible(text: str) -> bool:
    """Whether anything of the text can be seen: zero-width and filler characters do not count."""
    return _VISIBLE.search(text) is not None


def parse(html: str) -> Parsed:
    """The text and its entities as Telegram will understand them, white space kept as written.

    Raises `BadMarkup` for what Telegram refuses and for what it would silently drop or mend.
    """
    text: list[str] = []
    entities: list[Entity] = []
    stack: list[tuple[_Open, int, int]] = []
    at = 0
    for mark in _marks(html):
        if isinstance(mark, _Run):
            text.append(mark.text)
            at += length(mark.text)
        elif isinstance(mark, _Open):
            _check_nesting(mark, [outer for outer, _, _ in stack])
            stack.append((mark, at, len(entities)))
        else:
            if not stack:
                raise BadMarkup(f"</{mark.tag}> closes nothing", mark.start)
            opened, since, place = stack.pop()
            if opened.tag != mark.tag:
                raise BadMarkup(
                    f"</{mark.tag}> stands where </{opened.tag}> is expected", mark.start
                )
            if at > since:
                entities.insert(
                    place, Entity(opened.kind, since, at - since, opened.value, opened.format)
                )
    if stack:
        raise BadMarkup(f"<{stack[-1][0].tag}> is never closed", stack[-1][0].start)
    return Parsed("".join(text), tuple(_with_languages(html, entities)))


def check(html: str, limit: int = TEXT_LIMIT) -> None:
    """Returns if Telegram will take the HTML as one message; raises an `Unsendable` if not."""
    text = parse(html).text.strip()
    if not visible(text):
        raise EmptyText
    if (size := length(text)) > limit:
        raise TooLong(size, limit)
    if (size := len(html.encode())) > RAW_LIMIT:
        raise TooLong(size, RAW_LIMIT, "bytes of HTML")


def plain(html: str, limit: int | None = None) -> str:
    """The text alone, for toasts and logs; what does not fit into `limit` UTF-16 units becomes "…".

    Forgives what `clean` removes; raises `BadMarkup` like `parse`.
    """
    text = parse(clean(html)).text.strip()
    return text if limit is None else shorten(text, limit)


def shorten(text: str, limit: int) -> str:
    """A plain text of at most `limit` UTF-16 units, cut between graphemes and ended with "…"."""
    if limit < 1:
        raise ValueError("a text needs room for at least one character")
    if length(text) <= limit:
        return text
    units = _units(text)
    top = bisect_right(units, limit - 1) - 1
    cut = next((i for i in range(top, 0, -1) if _may_part(text, i)), top)
    return text[:cut].rstrip() + _ELLIPSIS


def split(html: str, limit: int = TEXT_LIMIT) -> list[str]:
    """The HTML as messages of at most `limit` UTF-16 units each; `[]` if there is nothing to see.

    It parts between paragraphs, else lines, sentences, words, else between graphemes; tags that
    are open at a seam are closed and opened again. White space at the seams is dropped, and so are
    parts in which nothing could be seen. Custom emoji and times stay whole where they fit at all.
    Raises `BadMarkup`, and `TooLong` if an address is so long that no part could hold it.
    """
    if limit < _SMALLEST_PART:
        raise ValueError(f"a part needs room for {_SMALLEST_PART} characters")
    parsed = parse(html)
    if not visible(parsed.text):
        return []
    if length(parsed.text) <= limit and len(html.encode()) <= RAW_LIMIT:
        return [html.strip()]
    source, dress = _characters(html)

    def inseparable(i: int) -> bool:
        inner = dress[i][-1:]
        return bool(inner) and inner[0].kind in _WHOLE and inner[0] in dress[i - 1]

    parts = [
        _wear(html, source[start:end], dress[start:end])
        for start, end in _ranges(parsed.text, limit, inseparable)
        if visible(parsed.text[start:end])
    ]
    heaviest = max(len(part.encode()) for part in parts)
    if heaviest <= RAW_LIMIT:
        return parts
    if limit < 2 * _SMALLEST_PART:
        raise TooLong(heaviest, RAW_LIMIT, "bytes of HTML")
    return split(html, limit // 2)


def _marks(html: str) -> Iterator[_Mark]:
    """Runs of text and tags in order; each tag is checked by itself, their nesting is not."""
    if bad := _UNCARRIED.search(html):
        raise BadMarkup(f"U+{ord(bad[0]):04X} cannot be sent; `clean` takes it away", bad.start())
    at = 0
    while at < len(html):
        if run := _RUN.match(html, at):
            yield _Run(at, run.end(), run[0])
            at = run.end()
        elif html[at] == "&":
            reference = _REFERENCE.match(html, at)
            if reference and (character := _referred(reference)):
                yield _Run(at, reference.end(), character)
                at = reference.end()
            else:
                yield _Run(at, at + 1, "&")
                at += 1
        else:
            mark = _tag(html, at)
            yield mark
            at = mark.end


def _referred(reference: re.Match[str]) -> str | None:
    """The character behind a reference, or None where Telegram leaves the letters as they stand."""
    if reference["name"]:
        return _NAMED.get(reference["name"])
    digits = reference.end("hex") if reference["hex"] else reference.end("dec")
    if digits - reference.start() >= 10:
        return None
    code = int(reference["hex"], 16) if reference["hex"] else int(reference["dec"])
    if not 0 < code < 0x10FFFF:
        return None
    if _UNCARRIED.match(chr(code)):
        raise BadMarkup(f"{reference[0]} is a character that cannot be sent", reference.start())
    return chr(code)


def _tag(html: str, at: int) -> _Open | _Close:
    if html.startswith("</", at):
        close = _CLOSE.match(html, at)
        if not close:
            raise BadMarkup("an end tag looks like </b>", at)
        return _Close(at, close.end(), close[1].lower())
    opening = _OPEN.match(html, at)
    tag = opening[1].lower() if opening else ""
    if not opening or tag not in _KINDS:
        shown = tag or html[at + 1 : at + 17]
        raise BadMarkup(f"<{shown}> is no tag of Telegram's; a plain < is written &lt;", at)
    attributes: dict[str, str | None] = {}
    end = opening.end()
    while found := _ATTRIBUTE.match(html, end):
        name = found["name"].lower()
        if name not in _ATTRIBUTES.get(tag, ()) or name in attributes:
            raise BadMarkup(f'"{name}" has no place in <{tag}>', found.start("name"))
        attributes[name] = _value(found["value"])
        end = found.end()
    closed = _TAG_END.match(html, end)
    if not closed:
        raise BadMarkup(f"the tag <{tag}> is not written to its end", at)
    return _Open(at, closed.end(), tag, *_meaning(tag, attributes, at))


def _value(written: str | None) -> str | None:
    if written is None or written[0] not in "\"'":
        return written
    return _REFERENCE.sub(lambda found: _referred(found) or found[0], written[1:-1])


def _meaning(tag: str, attributes: dict[str, str | None], at: int) -> tuple[str, str, str]:
    """The kind, value and format of the entity that a start tag begins."""
    if tag == "a":
        return _link(attributes.get("href") or "", at)
    if tag == "span" and attributes.get("class") != "tg-spoiler":
        raise BadMarkup('<span> needs class="tg-spoiler"', at)
    if tag == "tg-emoji":
        number = attributes.get("emoji-id") or ""
        if not (number.isascii() and number.isdigit()):
            raise BadMarkup("<tg-emoji> needs a number as emoji-id", at)
        return "custom_emoji", number, ""
    if tag == "tg-time":
        moment, look = attributes.get("unix") or "", attributes.get("format") or ""
        if not (moment.isascii() and moment.isdigit()):
            raise BadMarkup("<tg-time> needs Unix seconds as unix", at)
        if not _TIME_FORMAT.fullmatch(look):
            raise BadMarkup(f'"{look}" is no format of <tg-time>', at)
        return "date_time", moment, look
    if tag == "code" and "class" in attributes:
        language = attributes["class"] or ""
        if not language.startswith("language-") or language == "language-":
            raise BadMarkup('the class of <code> looks like "language-python"', at)
        return "code", language.removeprefix("language-"), ""
    if tag == "blockquote" and "expandable" in attributes:
        return "expandable_blockquote", "", ""
    return _KINDS[tag], "", ""


def _link(address: str, at: int) -> tuple[str, str, str]:
    if person := _PERSON.fullmatch(address):
        return "text_mention", person[1], ""
    if not _LINK.fullmatch(address):
        raise BadMarkup(f"Telegram makes no link of the address {address!r}", at)
    return "text_link", address, ""


def _check_nesting(inner: _Open, outer: Sequence[_Open]) -> None:
    if len(outer) >= _DEEPEST:
        raise BadMarkup(f"more than {_DEEPEST} tags stand in each other", inner.start)
    kinds = {mark.kind for mark in outer}
    if inner.tag == "code" and outer and outer[-1].tag == "pre":
        if inner.start != outer[-1].end:
            raise BadMarkup("<code> inside <pre> must begin with it", inner.start)
        kinds -= {"pre"}
    elif inner.tag == "code" and inner.value:
        raise BadMarkup("a language belongs to <pre><code class=…>", inner.start)
    if sealed := kinds & _SEALED:
        raise BadMarkup(f"<{min(sealed)}> holds no other tags", inner.start)
    if inner.kind in _QUOTES and kinds & _QUOTES:
        raise BadMarkup("a <blockquote> does not stand in another", inner.start)
    links = {"text_link", "text_mention"}
    if inner.kind in links | _SEALED and kinds & links:
        raise BadMarkup(f"<{inner.tag}> does not stand inside a link", inner.start)
    if kinds & _WHOLE:
        raise BadMarkup("an emoji or a time holds no other tags", inner.start)


def _with_languages(html: str, entities: Sequence[Entity]) -> Iterator[Entity]:
    """`<pre><code class="language-…">` is one entity: the code tag only names the language."""
    block: Entity | None = None
    for entity in entities:
        if block and entity.kind == "code" and entity.offset == block.offset:
            if entity.length != block.length:
                raise BadMarkup("<code> inside <pre> must end with it", html.find("</code"))
            block = Entity("pre", block.offset, block.length, entity.value)
            continue
        if block:
            yield block
        block = entity if entity.kind == "pre" else None
        if not block:
            yield entity
    if block:
        yield block


def _characters(html: str) -> tuple[list[str], list[tuple[_Open, ...]]]:
    """Each character of the text as it is written in HTML, and the tags that it wears."""
    source: list[str] = []
    dress: list[tuple[_Open, ...]] = []
    worn: tuple[_Open, ...] = ()
    for mark in _marks(html):
        if isinstance(mark, _Open):
            worn = (*worn, mark)
        elif isinstance(mark, _Close):
            worn = worn[:-1]
        else:
            if mark.end - mark.start == len(mark.text):
                # A bare & is written out: a cut beside it could make a reference of it.
                source.extend("&amp;" if letter == "&" else letter for letter in mark.text)
            else:
                source.append(html[mark.start : mark.end])
            dress.extend([worn] * len(mark.text))
    return source, dress


def _wear(html: str, source: Sequence[str], dress: Sequence[tuple[_Open, ...]]) -> str:
    """A stretch of characters with its tags opened where they begin and closed at the end."""
    written: list[str] = []
    worn: tuple[_Open, ...] = ()
    for letter, wanted in zip(source, dress, strict=True):
        if wanted is not worn:
            kept = sum(
                1
                for _ in takewhile(lambda pair: pair[0] is pair[1], zip(worn, wanted, strict=False))
            )
            written.extend(f"</{mark.tag}>" for mark in reversed(worn[kept:]))
            written.extend(html[mark.start : mark.end] for mark in wanted[kept:])
            worn = wanted
        written.append(letter)
    written.extend(f"</{mark.tag}>" for mark in reversed(worn))
    return "".join(written)


def _units(text: str) -> list[int]:
    """For each place in the text, how many UTF-16 units stand before it."""
    return list(accumulate((2 if letter > "\uffff" else 1 for letter in text), initial=0))


def _ranges(text: str, limit: int, inseparable: Callable[[int], bool]) -> Iterator[tuple[int, int]]:
    """Where to cut: stretches without white space at their ends, each within the limit."""
    units = _units(text)
    start, last = len(text) - len(text.lstrip()), len(text.rstrip())
    while start < last:
        top = min(bisect_right(units, units[start] + limit) - 1, last)
        cut = top if top == last else _cut(text, start, top, inseparable)
        end = start + len(text[start:cut].rstrip())
        yield start, end
        start = cut
        while start < last and text[start].isspace():
            start += 1


def _cut(text: str, start: int, top: int, inseparable: Callable[[int], bool]) -> int:
    """The best place in (start, top] to end a part."""

    def good(i: int) -> bool:
        return start < i <= top and _may_part(text, i) and not inseparable(i)

    found = []
    for seam in _SEAMS:
        places = (
            hit.start() if hit[0].isspace() else hit.end()
            for hit in seam.finditer(text, start, top + 1)
        )
        best = max(filter(good, places), default=start)
        # A gentle seam is worth a short part, but not a part of three words.
        if best - start >= (top - start) // 4:
            return best
        found.append(best)
    if max(found) > start:
        return max(found)
    backwards = range(top, start, -1)
    whole = next(filter(good, backwards), None)
    return whole or next((i for i in backwards if _may_part(text, i)), top)


def _may_part(text: str, i: int) -> bool:
    """Whether text[i] begins a new grapheme, so that a cut before it tears no letter or emoji.

    In doubt it says no: a cut somewhere else costs nothing.
    """
    if not 0 < i < len(text):
        return True
    before, after = text[i - 1], text[i]
    if before < "\u0300" and after < "\u0300":
        return True
    if before == "\u200d" or _extends(after) or unicodedata.combining(before) == 9:
        return False
    if _is_flag_half(before) and _is_flag_half(after):
        halves = sum(1 for _ in takewhile(_is_flag_half, reversed(text[max(0, i - 512) : i])))
        return halves % 2 == 0
    return before not in _PREPENDED and not _is_one_syllable(before, after)


_PREPENDED = frozenset("\u0600\u0601\u0602\u0603\u0604\u0605\u06dd\u070f\u0890\u0891\u08e2")


def _extends(letter: str) -> bool:
    return (
        unicodedata.category(letter) in {"Mn", "Me", "Mc"}
        or letter in "\u200c\u200d\uff9e\uff9f"
        or "\U0001f3fb" <= letter <= "\U0001f3ff"
        or "\U000e0020" <= letter <= "\U000e007f"
    )


def _is_flag_half(letter: str) -> bool:
    return "\U0001f1e6" <= letter <= "\U0001f1ff"


def _is_one_syllable(before: str, after: str) -> bool:
    """Whether two Korean letters stand in one square."""
    return bool(
        (_LEADING.match(before) and _KOREAN.match(after))
        or (_KOREAN.match(before) and _FOLLOWING.match(after))
    )


_LEADING = re.compile("[\u1100-\u115f\ua960-\ua97c]")
_FOLLOWING = re.compile("[\u1160-\u11ff\ud7b0-\ud7fb]")
_KOREAN = re.compile("[\u1100-\u11ff\ua960-\ua97c\uac00-\ud7a3\ud7b0-\ud7fb]")
