"""A fan's card, drawn (SVG): who they are here, and since when."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Any, Final

WIDTH, HEIGHT, EDGE = 840, 460, 56
INK, SOFT, PAPER, GREEN, PALE = "#233229", "#66736b", "#ffffff", "#3f9d6b", "#eef6f1"
LONGEST: Final = 18  # of a name, in full-width signs

# The warm names of the levels; who bought something and who belongs for good are one of us alike.
LEVELS: Final[Mapping[str, Mapping[str, str]]] = {
    "zh": {
        "visitor": "新面孔",
        "guest": "常客",
        "fan": "铁粉",
        "friend": "老朋友",
        "customer": "自己人",
        "member": "自己人",
    },
    "zh-TW": {
        "visitor": "新面孔",
        "guest": "常客",
        "fan": "鐵粉",
        "friend": "老朋友",
        "customer": "自己人",
        "member": "自己人",
    },
    "en": {
        "visitor": "New face",
        "guest": "Regular",
        "fan": "Fan",
        "friend": "Old friend",
        "customer": "One of us",
        "member": "One of us",
    },
}
WORDS: Final[Mapping[str, tuple[str, str, str]]] = {
    "zh": ("相识天数", "连续签到", "积分"),
    "zh-TW": ("相識天數", "連續簽到", "積分"),
    "en": ("days together", "days in a row", "points"),
}


def level_name(level: str, locale: str) -> str:
    """How a level is called to fans.

    >>> level_name("guest", "en")
    'Regular'
    """
    return LEVELS.get(locale, LEVELS["en"])[level]


def draw(facts: Mapping[str, Any], locale: str) -> str:
    """The SVG of a card; *facts* are those of MeShown."""
    figures = (facts["together"], facts["streak"], facts["points"])
    column = (WIDTH - 2 * EDGE) // len(figures)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{HEIGHT}" '
        f'viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif">',
        f'<rect width="{WIDTH}" height="{HEIGHT}" rx="36" fill="{PAPER}"/>',
        f'<rect width="{WIDTH}" height="24" fill="{GREEN}"/>',
        _text(_shown(facts["name"]), EDGE, 128, 60, INK, weight=700),
        _text(facts["level"], EDGE, 188, 34, GREEN, weight=700),
    ]
    labels = WORDS.get(locale, WORDS["en"])
    for n, (figure, label) in enumerate(zip(figures, labels, strict=True)):
        left = EDGE + n * column
        parts += [
            f'<rect x="{left}" y="240" width="{column - 20}" height="164" rx="24" fill="{PALE}"/>',
            _text(f"{figure:,}", left + (column - 20) // 2, 328, 56, INK, weight=700, middle=True),
            _text(label, left + (column - 20) // 2, 376, 26, SOFT, middle=True),
        ]
    return "\n".join([*parts, "</svg>"])


def _shown(name: str) -> str:
    """A name without what no XML may hold and no picture can show, cut where it would not fit."""
    printable = "".join(one for one in name if one.isprintable())
    wide = 0.0
    for n, one in enumerate(printable):
        wide += 0.55 if ord(one) < 0x2E80 else 1
        if wide > LONGEST / 1.5:
            return printable[:n] + "…"
    return printable


def _text(
    words: str, x: int, y: int, size: int, ink: str, *, weight: int = 400, middle: bool = False
) -> str:
    anchor = "middle" if middle else "start"
    return (
        f'<text x="{x}" y="{y}" font-size="{size}" fill="{ink}" text-anchor="{anchor}" '
        f'font-weight="{weight}">{escape(words)}</text>'
    )
