"""A fan's month as a picture (SVG) or, where none can be drawn, as lines of text."""

from __future__ import annotations

import calendar
from collections.abc import Mapping
from html import escape
from typing import Any, Final, NamedTuple

from storage.records import Mark

SIZE: Final = 96  # one day
GAP: Final = 10
EDGE: Final = 48
TOP: Final = 200
FOOT: Final = 96
ROW: Final = 7
WIDTH: Final = 2 * EDGE + ROW * SIZE + (ROW - 1) * GAP


class Look(NamedTuple):
    """How a mark is drawn: its ground, its ink, its sign in text."""

    ground: str
    ink: str
    sign: str


LOOKS: Final[Mapping[int, Look]] = {
    Mark.CHECKED: Look("#3f9d6b", "#ffffff", "x"),
    Mark.MADE_UP: Look("#bfe3cd", "#1f5f3c", "+"),
    Mark.FROZEN: Look("#cfe4f7", "#22577f", "*"),
    Mark.OUTAGE: Look("#ece7dd", "#6b6355", "o"),
    Mark.TRAVEL: Look("#ece7dd", "#6b6355", "o"),
}
EMPTY: Final = Look("#f3f5f3", "#8a938d", " ")
INK, SOFT, PAPER, RING = "#233229", "#66736b", "#ffffff", "#e0863a"

WORDS: Final[Mapping[str, Mapping[str, Any]]] = {
    "zh": {
        "title": "{year} 年 {month} 月",
        "line": "签到 {days} 天 · 连续 {streak} 天",
        "week": "一二三四五六日",
        "legend": ("签到", "补签", "保护卡", "免责"),
    },
    "zh-TW": {
        "title": "{year} 年 {month} 月",
        "line": "簽到 {days} 天 · 連續 {streak} 天",
        "week": "一二三四五六日",
        "legend": ("簽到", "補簽", "保護卡", "免責"),
    },
    "en": {
        "title": "{name} {year}",
        "line": "{days} checked in · {streak} in a row",
        "week": ("Mo", "Tu", "We", "Th", "Fr", "Sa", "Su"),
        "legend": ("Checked in", "Made up", "Saver", "Excused"),
    },
}
SHOWN: Final = (Mark.CHECKED, Mark.MADE_UP, Mark.FROZEN, Mark.OUTAGE)
MONTHS: Final = (
    *("January", "February", "March", "April", "May", "June", "July", "August"),
    *("September", "October", "November", "December"),
)


def as_text(year: int, month: int, cells: Mapping[str, int]) -> str:
    """The month in lines of equal length, a sign behind each day that counts.

    >>> print(as_text(2030, 2, {"1": 1, "2": 2}))
                     1x  2+  3
     4   5   6   7   8   9  10
    11  12  13  14  15  16  17
    18  19  20  21  22  23  24
    25  26  27  28
    """
    lines = []
    for week in calendar.Calendar().monthdayscalendar(year, month):
        days = (
            f"{day:2}{LOOKS.get(cells.get(str(day), 0), EMPTY).sign}" if day else "   "
            for day in week
        )
        lines.append(" ".join(days).rstrip())
    return "\n".join(lines)


def draw(facts: Mapping[str, Any], locale: str) -> str:
    """The SVG of a month; *facts* are those of MonthShown. Nothing in it was written by a fan."""
    words = WORDS.get(locale, WORDS["en"])
    weeks = calendar.Calendar().monthdayscalendar(facts["year"], facts["month"])
    height = TOP + len(weeks) * (SIZE + GAP) + FOOT
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" '
        f'viewBox="0 0 {WIDTH} {height}" font-family="sans-serif">',
        f'<rect width="{WIDTH}" height="{height}" rx="36" fill="{PAPER}"/>',
        *_head(facts, words),
    ]
    for row, week in enumerate(weeks):
        for column, day in enumerate(week):
            if day:
                parts += _cell(facts, day, _left(column), TOP + row * (SIZE + GAP))
    parts += [*_legend(words["legend"], height - FOOT // 2), "</svg>"]
    return "\n".join(parts)


def _left(column: int) -> int:
    return EDGE + column * (SIZE + GAP)


def _head(facts: Mapping[str, Any], words: Mapping[str, Any]) -> list[str]:
    said = {**{k: facts[k] for k in ("year", "month", "days", "streak")}}
    title = words["title"].format(**said, name=MONTHS[facts["month"] - 1])
    parts = [
        _text(title, EDGE, 78, 48, INK, weight=700),
        _text(words["line"].format(**said), EDGE, 126, 30, SOFT),
    ]
    for column, name in enumerate(words["week"]):
        parts.append(_text(name, _left(column) + SIZE // 2, 182, 28, SOFT, anchor="middle"))
    return parts


def _cell(facts: Mapping[str, Any], day: int, left: int, top: int) -> list[str]:
    mark = facts["cells"].get(str(day), 0)
    look = LOOKS.get(mark, EMPTY)
    today = facts["today"] == day
    ring = f' stroke="{RING}" stroke-width="6"' if today else ""
    middle = left + SIZE // 2
    parts = [
        f'<rect x="{left}" y="{top}" width="{SIZE}" height="{SIZE}" rx="22" '
        f'fill="{look.ground}"{ring}/>',
        _text(
            str(day), middle, top + 60, 36, look.ink, anchor="middle", weight=700 if today else 500
        ),
    ]
    # Colour alone would leave out those who cannot tell these colours apart.
    if mark == Mark.MADE_UP:
        parts.append(_line(middle - 12, top + 78, middle + 12, top + 78, look.ink))
        parts.append(_line(middle, top + 68, middle, top + 88, look.ink))
    elif mark == Mark.FROZEN:
        for dx, dy in ((12, 0), (6, 10), (6, -10)):
            parts.append(_line(middle - dx, top + 78 - dy, middle + dx, top + 78 + dy, look.ink))
    elif mark in (Mark.OUTAGE, Mark.TRAVEL):
        parts.append(
            f'<circle cx="{middle}" cy="{top + 78}" r="8" fill="none" stroke="{look.ink}" '
            'stroke-width="4"/>'
        )
    return parts


def _line(x1: int, y1: int, x2: int, y2: int, ink: str) -> str:
    return (
        f'<line x1="{x1}" y1="{y1}" x2="{x2}" y2="{y2}" stroke="{ink}" stroke-width="4" '
        'stroke-linecap="round"/>'
    )


def _legend(names: tuple[str, ...], middle: int) -> list[str]:
    parts, step = [], (WIDTH - 2 * EDGE) // len(names)
    for n, (mark, name) in enumerate(zip(SHOWN, names, strict=True)):
        left = EDGE + n * step
        parts.append(
            f'<rect x="{left}" y="{middle - 16}" width="30" height="30" rx="8" '
            f'fill="{LOOKS[mark].ground}"/>'
        )
        parts.append(_text(name, left + 42, middle + 9, 26, SOFT))
    return parts


def _text(
    words: str, x: int, y: int, size: int, ink: str, *, anchor: str = "start", weight: int = 400
) -> str:
    return (
        f'<text x="{x}" y="{y}" font-size="{size}" fill="{ink}" text-anchor="{anchor}" '
        f'font-weight="{weight}">{escape(words)}</text>'
    )
