"""Touch points: where the persona meets somebody, who makes it happen, and how often it is said."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Final

WHO: Final = ("fan", "group", "staff", "clock")
CLASSES: Final = ("reply", "draw", "service", "care", "news", "promo")
HOW_OFTEN: Final = ("daily", "often", "sometimes", "fixed")

# So many ways to say it, by how often one person hears it; who hears it daily hears none twice a
# month.
FEWEST: Final[Mapping[str, Mapping[str, int]]] = {
    "daily": {"zh": 31, "en": 12, "zh-TW": 31},
    "often": {"zh": 12, "en": 12, "zh-TW": 12},
    "sometimes": {"zh": 2, "en": 2, "zh-TW": 2},
    "fixed": {"zh": 1, "en": 1, "zh-TW": 1},
}


@dataclass(frozen=True, slots=True)
class TouchPoint:
    """One template as fans meet it."""

    by: str = "fan"
    cls: str = "reply"
    said: str = "sometimes"
    toast: bool = False

    def fewest(self, locale: str) -> int:
        """How many ways to say it a persona needs at least."""
        return FEWEST[self.said][locale]


def read(path: Path) -> dict[str, TouchPoint]:
    """What the file says about templates that are not ordinary; raises ValueError in sentences."""
    written: dict[str, dict[str, Any]] = tomllib.loads(path.read_text(encoding="utf-8"))
    if wrong := [one for name, entry in written.items() for one in _mistakes(name, entry)]:
        raise ValueError("\n".join(wrong))
    return {
        name: TouchPoint(**{"cls" if key == "class" else key: v for key, v in entry.items()})
        for name, entry in written.items()
    }


def _mistakes(name: str, entry: Mapping[str, Any]) -> Iterator[str]:
    known: dict[str, tuple[object, ...]] = {
        "by": WHO,
        "class": CLASSES,
        "said": HOW_OFTEN,
        "toast": (True, False),
    }
    assert len(known) == len(fields(TouchPoint))
    for key, value in entry.items():
        if key not in known:
            yield f"{name}: {key} is not known."
        elif value not in known[key]:
            yield f"{name}: {key} must be one of {', '.join(map(str, known[key]))}."
