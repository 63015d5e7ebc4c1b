"""The picture of a month: drawn beside the loop, kept, legible; and the text where none can be."""

from __future__ import annotations

import asyncio
import calendar
import os
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from bot.pictures import Fonts, Pictures, find_fonts, font_folders
from handlers.checkin.calendar_picture import as_text, draw
from handlers.doors import Draw
from storage.records import Mark
from templates import LOCALES

FACTS: dict[str, Any] = {
    "name": '<script>"Lin"&',
    "year": 2030,
    "month": 6,
    "days": 12,
    "streak": 7,
    "savers": 1,
    "today": 21,
    "cells": {str(day): int(mark) for day, mark in enumerate(Mark, start=1)},
}


def pictures() -> Pictures:
    opened = Pictures.open({"checkin.month": draw})
    if not opened.can("checkin.month"):
        pytest.skip("this machine has no Chinese font, or resvg-py is missing")
    return opened


def pictures_of(drawn: Draw) -> Pictures:
    return Pictures({"broken": drawn}, pictures().fonts)


@pytest.mark.parametrize("locale", LOCALES)
@pytest.mark.parametrize("month", range(1, 13))
def test_every_day_of_a_month_is_drawn_once(month: int, locale: str) -> None:
    tree = ElementTree.fromstring(draw(FACTS | {"month": month, "year": 2028}, locale))
    texts = [node.text or "" for node in tree.iter() if node.tag.endswith("text")]
    days = [int(text) for text in texts if text.isdigit()]
    assert days == list(range(1, calendar.monthrange(2028, month)[1] + 1))
    assert "script" not in "".join(texts)


def test_every_mark_but_the_plain_one_has_a_sign_besides_its_colour() -> None:
    """Who cannot tell the colours apart sees a cross, a star, a ring."""
    plain = draw(FACTS | {"cells": {"5": 1}}, "zh")
    drawn = {mark: draw(FACTS | {"cells": {"5": int(mark)}}, "zh") for mark in Mark}
    for mark in (Mark.MADE_UP, Mark.FROZEN, Mark.OUTAGE, Mark.TRAVEL):
        assert drawn[mark].count("\n") > plain.count("\n")


def test_the_month_in_text_has_a_column_for_each_day_of_the_week() -> None:
    lines = as_text(2030, 6, FACTS["cells"]).splitlines()
    assert lines[0].split() == ["1x", "2+"]
    assert lines[1].split()[:3] == ["3*", "4o", "5o"]
    assert len({len(line) for line in lines[1:4]}) == 1
    assert lines[0].index("1x") == lines[1].index("8", 20)


def _spent() -> float:
    """Seconds of the processor, those of painters that are done included."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


async def test_a_picture_costs_little_and_the_loop_goes_on() -> None:
    """A tenth of a second of the processor, off the loop, and nothing the second time."""
    easel = pictures()
    await easel.paint("checkin.month", FACTS, "zh")  # the first one warms the font
    beats, done = 0, False

    async def beat() -> None:
        nonlocal beats
        while not done:
            beats += 1
            await asyncio.sleep(0.001)

    task = asyncio.ensure_future(beat())
    before = _spent()
    png = await easel.paint("checkin.month", FACTS | {"days": 13}, "zh")
    spent = _spent() - before
    done = True
    await task
    assert png.startswith(b"\x89PNG")
    assert spent < 0.4  # 0.1 on a machine at rest
    assert beats > 10
    children = os.times().children_user
    assert await easel.paint("checkin.month", FACTS | {"days": 13}, "zh") is png
    assert os.times().children_user == children


async def test_chinese_is_drawn_and_not_boxed() -> None:
    """With the wrong script the picture would be the same for any characters."""
    easel = pictures()
    zh = await easel.paint("checkin.month", FACTS, "zh")
    tw = await easel.paint("checkin.month", FACTS, "zh-TW")
    assert zh != tw


def test_no_font_is_no_promise(tmp_path: Path) -> None:
    assert find_fonts([tmp_path, tmp_path / "missing"]) is None
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "NotoSansCJK-Regular.ttc").touch()
    (tmp_path / "deep" / "NotoSansCJK-Bold.ttc").touch()
    (tmp_path / "wqy-zenhei.ttc").touch()
    found = find_fonts([tmp_path])
    assert found is not None
    assert found.family == "Noto Sans CJK SC"
    assert [Path(file).name for file in found.files] == [
        "NotoSansCJK-Regular.ttc",
        "NotoSansCJK-Bold.ttc",
    ]
    assert list(font_folders())


async def test_what_cannot_be_drawn_is_refused() -> None:
    assert not Pictures({"checkin.month": draw}, None).can("checkin.month")
    with pytest.raises(ValueError, match="root node"):
        await pictures_of(lambda _facts, _locale: "<svg").paint("broken", {}, "zh")
    with pytest.raises(ValueError, match="nobody draws"):
        await Pictures({}, Fonts("x", ())).paint("checkin.month", FACTS, "zh")
