"""How we measure: contenders take turns in slices of one run, CPU time counts, medians decide."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import sqlite3
import statistics
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

LIBRARIES: Final = ("aiogram", "aiohttp", "msgspec", "pydantic", "sqlalchemy", "uvloop")


@dataclass(frozen=True, slots=True)
class Spent:
    """What one slice took: seconds of CPU and of wall time, for so many updates."""

    count: int
    cpu: float
    wall: float

    @property
    def rate(self) -> float:
        """Updates in a second of one core."""
        return self.count / self.cpu


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of the report. ``value`` is compared with ``wanted`` by ``at_least`` or not."""

    name: str
    says: str
    value: float
    wanted: float
    unit: str = "×"
    at_least: bool = True
    facts: dict[str, float] = field(default_factory=dict)

    @property
    def reached(self) -> bool:
        return self.value >= self.wanted if self.at_least else self.value <= self.wanted

    def shown(self) -> dict[str, Any]:
        return {
            "figure": self.name,
            "says": self.says,
            "value": round(self.value, 4),
            "wanted": f"{'>=' if self.at_least else '<='} {self.wanted:g}",
            "unit": self.unit,
            "reached": self.reached,
            "facts": {name: round(value, 4) for name, value in self.facts.items()},
        }


async def timed(count: int, work: Callable[[], Awaitable[None]]) -> Spent:
    """One slice. CPU time of all threads of this process, since what others do here is not ours."""
    cpu, wall = time.process_time(), time.perf_counter()
    await work()
    return Spent(count, time.process_time() - cpu, time.perf_counter() - wall)


def ratio(ours: Sequence[Spent], theirs: Sequence[Spent]) -> float:
    """The median over rounds of our rate by theirs; the first round was the warm-up."""
    return statistics.median(
        mine.rate / other.rate for mine, other in zip(ours[1:], theirs[1:], strict=True)
    )


def rates(ours: Sequence[Spent], theirs: Sequence[Spent]) -> dict[str, float]:
    """The absolute numbers behind a ratio, which hold for this machine and this minute only."""
    return {
        "ours_per_core_second": statistics.median(s.rate for s in ours[1:]),
        "bare_per_core_second": statistics.median(s.rate for s in theirs[1:]),
        "ours_wall_over_cpu": statistics.median(s.wall / s.cpu for s in ours[1:]),
    }


def quantile(values: Sequence[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def machine() -> dict[str, str]:
    """Where this was measured, and with what."""
    facts = {
        "machine": f"{_processor()}, {os.cpu_count()} cores, {platform.system()}",
        "load": " ".join(f"{load:.1f}" for load in os.getloadavg()),
        "python": platform.python_version(),
        "sqlite": sqlite3.sqlite_version,
    }
    return facts | {name: importlib.metadata.version(name) for name in LIBRARIES}


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.machine()
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.machine())
