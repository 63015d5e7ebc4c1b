"""When does a check-in count, and what is it worth?"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import ClassVar

WEEK = 7
DAILY, WEEKLY = 10, 20


@dataclass(frozen=True, slots=True)
class CheckedIn:
    """The day is credited; ``total`` counts all days so far."""

    buttons: ClassVar = ()
    name: str
    streak: int
    points: int
    total: int


@dataclass(frozen=True, slots=True)
class AlreadyCheckedIn:
    """The day was credited before: answered, not rewarded."""

    buttons: ClassVar = ()
    name: str
    streak: int


def check_in(
    name: str, last_day: date | None, streak: int, total: int, today: date
) -> CheckedIn | AlreadyCheckedIn:
    """One check-in per calendar day; a missed day starts the streak again; each full week in a
    row adds a little. Credited days strictly increase: a clock or a zone that goes back earns
    nothing twice.

    >>> check_in("Lin", date(2030, 1, 1), 6, 6, date(2030, 1, 2))
    CheckedIn(name='Lin', streak=7, points=30, total=7)
    """
    if last_day is not None and today <= last_day:
        return AlreadyCheckedIn(name, streak)
    streak = streak + 1 if last_day == today - timedelta(days=1) else 1
    return CheckedIn(name, streak, DAILY + (WEEKLY if streak % WEEK == 0 else 0), total + 1)
