"""Random lives: nobody's row of days breaks unfairly, and no day is credited twice."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from handlers.checkin import rules
from storage.records import Life, Mark, Marked, micros
from tests.lives.lives import ZONES, live

LIVES = 2_000


@pytest.mark.parametrize("first", [0, LIVES // 2])
def test_no_life_is_treated_unfairly(first: int) -> None:
    """The judge is in tests/lives; ``python -m tests.lives`` asks it a million times."""
    seen: Counter[str] = Counter()
    for seed in range(first, first + LIVES // 2):
        seen += live(seed)
    for what in ("again", "broken", "saved", "outage", "travel", "joined", "made up", "flight"):
        assert seen[what] > 20, f"these lives know no {what}: they prove nothing about it"


def instant(zone: str, year: int, month: int, day: int, hour: int) -> int:
    return micros(datetime(year, month, day, hour, tzinfo=ZoneInfo(zone)))


def after(life: Life, at: int, zone: str, zones: Sequence[str] = ()) -> Life:
    credit = rules.check(life, at, zone, zones=zones)
    return credit.life if credit is not None else life


@settings(max_examples=60, deadline=None)
@given(
    zone=st.sampled_from(ZONES),
    start=st.dates(date(2011, 11, 1), date(2030, 12, 31)),
    length=st.integers(1, 500),
    hour=st.integers(0, 23),
)
def test_so_many_days_in_a_row_are_a_streak_of_so_many(
    zone: str, start: date, length: int, hour: int
) -> None:
    life, noon = Life(), datetime(start.year, start.month, start.day, hour, tzinfo=ZoneInfo(zone))
    for n in range(length):
        at = (noon + timedelta(days=n)).astimezone(UTC)
        life = after(life, micros(at), zone)
    credited = {(noon + timedelta(days=n)).astimezone(UTC).astimezone(ZoneInfo(zone)).date()
                for n in range(length)}  # fmt: skip
    assert life.streak == life.days == len(credited)


@settings(max_examples=200, deadline=None)
@given(
    hops=st.lists(st.tuples(st.sampled_from(ZONES), st.integers(0, 3600)), min_size=1, max_size=80)
)
def test_changing_zones_mints_nothing(hops: list[tuple[str, int]]) -> None:
    """Within an hour, in as many zones as one likes, a fan gets two days at most... the date line
    is 26 hours wide, so three dates exist at once."""
    life, now = Life(), instant("UTC", 2030, 1, 1, 12)
    for zone, seconds in hops:
        life = after(life, now + seconds * 1_000_000, zone, zones=list(ZONES))
    assert life.days <= 3


def test_a_flight_over_the_date_line_costs_nothing() -> None:
    """From Los Angeles to Tokyo a whole local date passes over the ocean."""
    west, east = "America/Los_Angeles", "Asia/Tokyo"
    life = after(Life(), instant(west, 2030, 1, 5, 20), west)
    life = after(life, instant(east, 2030, 1, 7, 9), east, zones=[west])
    assert (life.streak, life.days) == (2, 2)


def test_whoever_stayed_at_home_that_long_has_missed_a_day() -> None:
    east = "Asia/Tokyo"
    life = after(Life(), instant(east, 2030, 1, 5, 20), east)
    life = after(life, instant(east, 2030, 1, 7, 9), east)
    assert life.streak == 1


def test_a_date_that_never_was_is_not_missed() -> None:
    """Samoa went from 29 to 31 December 2011."""
    zone = "Pacific/Apia"
    life = after(Life(), instant(zone, 2011, 12, 29, 12), zone)
    assert after(life, instant(zone, 2011, 12, 31, 12), zone).streak == 2


def test_the_twenty_ninth_of_february_is_a_day_like_any() -> None:
    zone, life = "Europe/Berlin", Life()
    for day in ((2, 28), (2, 29), (3, 1)):
        life = after(life, instant(zone, 2028, day[0], day[1], 8), zone)
    assert life.streak == 3
    assert after(Life(last=date(2028, 2, 28), at=instant(zone, 2028, 2, 28, 8), streak=9),
                 instant(zone, 2028, 3, 1, 8), zone).streak == 1  # fmt: skip


def test_an_outage_of_ours_breaks_nobody_s_row() -> None:
    """Down from noon of the 2nd to noon of the 4th: the 2nd, 3rd and 4th are nobody's fault."""
    zone = "Asia/Shanghai"
    down = (instant(zone, 2030, 1, 2, 12), instant(zone, 2030, 1, 4, 12))
    life = after(Life(), instant(zone, 2030, 1, 1, 12), zone)
    credit = rules.check(life, instant(zone, 2030, 1, 5, 9), zone, outages=[down])
    assert credit is not None
    assert (credit.life.streak, credit.life.days, credit.excused) == (2, 2, 3)
    later = rules.check(life, instant(zone, 2030, 1, 6, 9), zone, outages=[down])
    assert later is not None
    assert later.life.streak == 1  # the 5th was a day like any other


def test_an_outage_does_not_mend_what_was_broken_otherwise() -> None:
    """The 3rd was ours, the 2nd was not: nobody is told that nothing broke."""
    zone = "Asia/Shanghai"
    down = (instant(zone, 2030, 1, 3, 10), instant(zone, 2030, 1, 3, 12))
    life = after(Life(), instant(zone, 2030, 1, 1, 12), zone)
    credit = rules.check(life, instant(zone, 2030, 1, 4, 9), zone, outages=[down])
    assert credit is not None
    assert (credit.life.streak, credit.excused, credit.missed) == (1, 0, (date(2030, 1, 2),))
    log = {date(2030, 1, 1): Mark.CHECKED, **{m.day: m.mark for m in credit.marks}}
    made = rules.make_up(credit.life, log, date(2030, 1, 2), 0)
    assert made is not None
    assert made[0].streak == 3  # made up, it joins over the outage


def test_savers_are_earned_by_weeks_held_to_two_and_spent_by_themselves() -> None:
    zone, life = "Asia/Shanghai", Life()
    for day in range(1, 22):
        life = after(life, instant(zone, 2030, 1, day, 12), zone)
    assert (life.streak, life.freezes) == (21, 2)
    credit = rules.check(life, instant(zone, 2030, 1, 24, 12), zone)  # the 22nd and 23rd missed
    assert credit is not None
    assert (credit.life.streak, credit.life.freezes, credit.spent) == (22, 0, 2)
    assert [m.mark for m in credit.marks] == [Mark.FROZEN, Mark.FROZEN, Mark.CHECKED]


def test_savers_are_not_wasted_on_a_row_that_breaks_anyway() -> None:
    zone = "Asia/Shanghai"
    at = instant(zone, 2030, 1, 1, 12)
    life = Life(last=date(2030, 1, 1), at=at, streak=9, best=9, days=9, freezes=2)
    credit = rules.check(life, instant(zone, 2030, 1, 5, 12), zone)
    assert credit is not None
    assert (credit.life.streak, credit.life.freezes, credit.spent) == (1, 2, 0)


def test_making_up_joins_the_rows_again() -> None:
    """Two days were missed: the first made up does not yet join, the second does."""
    log = {date(2030, 1, day): Mark.CHECKED for day in (1, 2, 3, 6)}
    life = Life(last=date(2030, 1, 6), streak=1, best=3, days=4, week_days=1)
    assert rules.open_day(log, date(2030, 1, 6)) == date(2030, 1, 5)
    made = rules.make_up(life, log, date(2030, 1, 5), 0)
    assert made is not None
    life, mark = made
    log[mark.day] = mark.mark
    assert (life.streak, life.days) == (2, 5)
    made = rules.make_up(life, log, date(2030, 1, 4), 0)
    assert made is not None
    assert (made[0].streak, made[0].best, made[0].days) == (6, 6, 6)


def test_what_cannot_be_made_up() -> None:
    log = {date(2030, 1, day): Mark.CHECKED for day in (8, 9, 20)}
    life = Life(last=date(2030, 1, 20), streak=1, best=2, days=3)
    for day in (date(2030, 1, 12), date(2030, 1, 20), date(2030, 1, 21), date(2030, 1, 7)):
        assert rules.make_up(life, log, day, 0) is None
    assert rules.open_day({date(2030, 1, 20): Mark.CHECKED}, date(2030, 1, 20)) is None


def test_the_log_tells_the_life_in_whatever_order_it_is_read() -> None:
    monday, zone = date(2030, 1, 7), "UTC"
    log = [
        Marked(monday, Mark.CHECKED, monday, 1),
        Marked(date(2030, 1, 9), Mark.CHECKED, date(2030, 1, 9), 2),
        Marked(date(2030, 1, 8), Mark.MADE_UP, date(2030, 1, 9), 3),
    ]
    told = Life(last=date(2030, 1, 9), at=2, streak=3, best=3, days=3, week_days=3, zone=zone)
    assert rules.recount(log) == rules.recount(reversed(log)) == told
