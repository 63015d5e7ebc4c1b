"""When does a check-in count, what keeps a row of days whole, and what is it worth?"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import ClassVar
from zoneinfo import ZoneInfo

from storage.records import Life, Mark, Marked, moment, monday

WEEK = 7
DAILY, WEEKLY = 10, 20
HOLD = 2  # savers that a fan can keep
WINDOW = 7  # days back that can be made up
COST = 30
AWAY = 7
TRAVEL_TIME = 48 * 3600 * 1_000_000
MILESTONES = frozenset({7, 30, 50, 100, 200, 300, 365, 500, 730, 1000, 1500, 2000, 3000})
LENGTHENS = (Mark.CHECKED, Mark.MADE_UP)
DAY = timedelta(days=1)

Span = tuple[int, int]
"""From and until, microseconds UTC; the end does not belong to it."""


# ---------------------------------------------------------------- what a fan hears


@dataclass(frozen=True, slots=True)
class CheckedIn:
    """The day is credited; ``total`` counts all days so far."""

    buttons: ClassVar = (("month",),)
    name: str
    streak: int
    points: int
    total: int


@dataclass(frozen=True, slots=True)
class SaverEarned:
    """A full week in a row: a streak saver more; ``savers`` are now held."""

    buttons: ClassVar = (("month",),)
    name: str
    streak: int
    points: int
    total: int
    savers: int


@dataclass(frozen=True, slots=True)
class MilestoneReached:
    """A row of days that is worth a word of its own."""

    buttons: ClassVar = (("month",),)
    name: str
    streak: int
    points: int
    total: int


@dataclass(frozen=True, slots=True)
class StreakSaved:
    """Savers covered the missed days: ``spent`` of them, ``savers`` are left."""

    buttons: ClassVar = (("month",),)
    name: str
    streak: int
    points: int
    total: int
    spent: int
    savers: int


@dataclass(frozen=True, slots=True)
class OutageForgiven:
    """We were away ourselves: ``excused`` days of ours break nobody's row."""

    buttons: ClassVar = (("month",),)
    name: str
    streak: int
    points: int
    total: int
    excused: int


@dataclass(frozen=True, slots=True)
class StartedAnew:
    """A day was missed; it can still be made up, and nobody is scolded."""

    buttons: ClassVar = (("make_up_offer", "month"),)
    name: str
    streak: int
    points: int
    total: int
    missed: int


@dataclass(frozen=True, slots=True)
class CameBack:
    """Back after a week or more: ``away`` days."""

    buttons: ClassVar = (("month",),)
    name: str
    streak: int
    points: int
    total: int
    away: int


@dataclass(frozen=True, slots=True)
class AlreadyCheckedIn:
    """The day was credited before: answered, not rewarded."""

    buttons: ClassVar = ()
    name: str
    streak: int


@dataclass(frozen=True, slots=True)
class MakeUpOffered:
    """The missed day that stands between the rows, and what making it up costs."""

    buttons: ClassVar = (("make_up:{day}",),)
    name: str
    day: str
    month: int
    date: int
    cost: int
    balance: int


@dataclass(frozen=True, slots=True)
class MadeUp:
    """A missed day was made up; ``streak`` is the row as it now stands."""

    buttons: ClassVar = (("month",),)
    name: str
    month: int
    date: int
    streak: int
    cost: int


@dataclass(frozen=True, slots=True)
class NothingToMakeUp:
    buttons: ClassVar = ()
    name: str
    streak: int


@dataclass(frozen=True, slots=True)
class CheckInFirst:
    """Making up comes after today's own check-in."""

    buttons: ClassVar = (("check_in",),)
    name: str


@dataclass(frozen=True, slots=True)
class TooFewPoints:
    buttons: ClassVar = ()
    name: str
    cost: int
    balance: int


TABS = (("rank_today", "rank_week", "rank_all"),)
HOURS = (("remind_1200", "remind_2000", "remind_2200"), ("remind_off",))


@dataclass(frozen=True, slots=True)
class RankedToday:
    """Who came first today; ``leaders`` have place and name, ``place`` is the fan's own or 0."""

    buttons: ClassVar = TABS
    name: str
    leaders: Sequence[Mapping[str, object]]
    place: int
    count: int


@dataclass(frozen=True, slots=True)
class RankedWeek:
    """Most days in this week; ``leaders`` have place, name, days and streak."""

    buttons: ClassVar = TABS
    name: str
    leaders: Sequence[Mapping[str, object]]
    place: int
    days: int


@dataclass(frozen=True, slots=True)
class RankedAll:
    """Most days ever; ``leaders`` have place, name, days and streak."""

    buttons: ClassVar = TABS
    name: str
    leaders: Sequence[Mapping[str, object]]
    place: int
    days: int


@dataclass(frozen=True, slots=True)
class OwnPlace:
    """The fan's own line of the ``board`` today, week or all; ``place`` 0 where not on it."""

    buttons: ClassVar = ()
    name: str
    board: str
    place: int
    days: int
    streak: int


@dataclass(frozen=True, slots=True)
class NobodyYet:
    buttons: ClassVar = (("check_in",),)
    name: str


@dataclass(frozen=True, slots=True)
class MonthShown:
    """A month of the fan's own, as a picture where one can be drawn, else as ``grid``.

    ``cells`` are the marks by day of the month; ``today`` is 0 in another month.
    """

    buttons: ClassVar = ()
    picture: ClassVar = "month"
    name: str
    year: int
    month: int
    days: int
    streak: int
    savers: int
    today: int
    cells: Mapping[str, int]
    grid: str = ""


@dataclass(frozen=True, slots=True)
class MonthTold:
    """The same in one line, where others look on."""

    buttons: ClassVar = ()
    name: str
    month: int
    days: int
    streak: int


@dataclass(frozen=True, slots=True)
class CardShown:
    """The card of the day that a group pins; ``count`` have checked in."""

    buttons: ClassVar = (("check_in",),)
    month: int
    date: int
    count: int


@dataclass(frozen=True, slots=True)
class ReminderAsked:
    """No hour was named: a few are offered."""

    buttons: ClassVar = HOURS
    name: str


@dataclass(frozen=True, slots=True)
class ReminderSet:
    """``hour`` is the fan's local time, as "20:00"."""

    buttons: ClassVar = ()
    name: str
    hour: str


@dataclass(frozen=True, slots=True)
class ReminderOff:
    buttons: ClassVar = ()
    name: str


@dataclass(frozen=True, slots=True)
class Reminded:
    """The word that was asked for, on a day that is still open."""

    buttons: ClassVar = (("check_in",),)
    name: str
    hour: str
    streak: int


@dataclass(frozen=True, slots=True)
class ReminderRested:
    """Many reminders went unanswered: they end by themselves."""

    buttons: ClassVar = ()
    name: str


@dataclass(frozen=True, slots=True)
class DoorClosed:
    """No private letter can reach this fan yet."""

    buttons: ClassVar = ()
    name: str


# ---------------------------------------------------------------- the law


@dataclass(frozen=True, slots=True)
class Credit:
    """A day that counts: the life after it, and every mark that it sets in the log."""

    life: Life
    marks: tuple[Marked, ...]
    points: int
    away: int
    spent: int
    excused: int  # days of our outages that would have broken the row
    missed: tuple[date, ...]  # empty where the row goes on
    earned: bool


def day_in(at: int, zone: str) -> date:
    """The local date of an instant.

    >>> day_in(0, "Asia/Shanghai"), day_in(0, "America/New_York")
    (datetime.date(1970, 1, 1), datetime.date(1969, 12, 31))
    """
    return moment(at).astimezone(ZoneInfo(zone)).date()


def exists(day: date, zone: str) -> bool:
    """Whether a zone ever had this date; who moves the date line skips one.

    >>> exists(date(2011, 12, 30), "Pacific/Apia"), exists(date(2011, 12, 30), "Asia/Tokyo")
    (False, True)
    """
    noon = datetime.combine(day, time(12), ZoneInfo(zone))
    return noon.astimezone(UTC).astimezone(noon.tzinfo).date() == day


def excuse(
    day: date, *, since: int, now: int, zones: Sequence[str], outages: Iterable[Span]
) -> Mark | None:
    """Why *day*, on which nobody was credited, was not missed; None when it was.

    *since* and *now* are the instants of the check-ins before and after it. A day is missed only
    if it was missed in every one of *zones*: there it began after the one check-in and ended
    before the other. A day that an outage of ours touches is nobody's fault.
    """
    for zone in zones:
        if not day_in(since, zone) < day < day_in(now, zone) or not exists(day, zone):
            return Mark.TRAVEL
    for begin, end in outages:
        if any(day_in(begin, zone) <= day <= day_in(end - 1, zone) for zone in zones):
            return Mark.OUTAGE
    return None


def check(
    life: Life,
    at: int,
    zone: str,
    *,
    zones: Sequence[str] = (),
    outages: Sequence[Span] = (),
) -> Credit | None:
    """Credit the local day of an instant; None for a day that was credited before.

    Credited days strictly increase, so a clock or a zone that goes back earns nothing twice.
    Besides *zone*, *zones* are those that the fan used within the 48 hours before; *outages* are
    wanted only where a day lies between (see ``has_gap``). Savers are spent only where they save
    the row.
    """
    day = day_in(at, zone)
    if life.last is not None and day <= life.last:
        return None
    used = (zone, *(other for other in zones if other != zone))
    joined, excused, missed = _gap(life, day, at, used, outages)
    frozen = missed if joined else ()
    streak = life.streak + 1 if joined else 1
    earned = streak % WEEK == 0 and life.freezes - len(frozen) < HOLD
    after = Life(
        last=day,
        at=at,
        streak=streak,
        best=max(life.best, streak),
        days=life.days + 1,
        freezes=life.freezes - len(frozen) + earned,
        week_days=life.week_days + 1 if life.week == monday(day) else 1,
        zone=zone,
    )
    marks = [Marked(each, mark, day, at) for each, mark in excused]
    marks += [Marked(each, Mark.FROZEN, day, at) for each in frozen]
    marks.append(Marked(day, Mark.CHECKED, day, at))
    return Credit(
        life=after,
        marks=tuple(marks),
        points=worth(streak),
        away=(day - life.last).days - 1 if life.last is not None else 0,
        spent=len(frozen),
        excused=sum(mark is Mark.OUTAGE for _, mark in excused) if joined else 0,
        missed=() if joined else missed,
        earned=earned,
    )


def worth(streak: int) -> int:
    """The points of a check-in: each full week in a row adds a little.

    >>> worth(6), worth(7)
    (10, 30)
    """
    return DAILY + (WEEKLY if streak % WEEK == 0 else 0)


def has_gap(life: Life, day: date) -> bool:
    """Whether a day lies between the last credited one and this."""
    return life.last is not None and day - life.last > DAY


def _gap(
    life: Life, day: date, at: int, zones: Sequence[str], outages: Sequence[Span]
) -> tuple[bool, list[tuple[date, Mark]], tuple[date, ...]]:
    """Whether the row goes on, which days between are excused, and which were missed.

    Walks back and stops where nothing, not even making up, could join the row any more.
    """
    if life.last is None:
        return False, [], ()
    excused: list[tuple[date, Mark]] = []
    missed: list[date] = []
    each = day - DAY
    while each > life.last:
        why = excuse(each, since=life.at, now=at, zones=zones, outages=outages)
        if why is not None:
            excused.append((each, why))
        else:
            missed.append(each)
            if len(missed) > life.freezes and each < day - WINDOW * DAY:
                break
        each -= DAY
    return len(missed) <= life.freezes, excused, tuple(missed)


def run_ending(marks: Mapping[date, Mark], day: date) -> int:
    """How many days of a row end with *day*; days that only keep it whole are not counted."""
    count = 0
    while (mark := marks.get(day)) is not None:
        count += mark in LENGTHENS
        day -= DAY
    return count


def longest_run(marks: Mapping[date, Mark]) -> int:
    """The longest row there ever was."""
    best = count = 0
    before: date | None = None
    for day in sorted(marks):
        if before is None or day - before > DAY:
            count = 0
        count += marks[day] in LENGTHENS
        best, before = max(best, count), day
    return best


def open_day(marks: Mapping[date, Mark], last: date) -> date | None:
    """The nearest missed day that can still be made up: within the last seven days, and not from
    before the fan's first check-in.

    >>> open_day({date(2030, 1, 1): Mark.CHECKED, date(2030, 1, 3): Mark.CHECKED}, date(2030, 1, 3))
    datetime.date(2030, 1, 2)
    """
    first = min(marks, default=last)
    for back in range(1, WINDOW + 1):
        day = last - back * DAY
        if day > first and day not in marks:
            return day
    return None


def make_up(
    life: Life, marks: Mapping[date, Mark], day: date, at: int
) -> tuple[Life, Marked] | None:
    """The life after *day* was made up; None where it cannot be (see ``open_day``).

    *marks* is the whole log: what was two rows may become one. No saver is earned by it.
    """
    last = life.last
    if last is None or day in marks or not last - WINDOW * DAY <= day < last or day <= min(marks):
        return None
    joined = {**marks, day: Mark.MADE_UP}
    after = replace(
        life,
        streak=run_ending(joined, last),
        best=max(life.best, longest_run(joined)),
        days=life.days + 1,
        week_days=life.week_days + (monday(day) == life.week),
    )
    return after, Marked(day, Mark.MADE_UP, last, at)


def recount(log: Iterable[Marked]) -> Life:
    """The life that a log tells, whatever was kept beside it.

    Marks are taken by the check-in day that set them: first what joined the row, then the
    check-in, then what was made up in its course.
    """
    order = {Mark.CHECKED: 1, Mark.MADE_UP: 2}
    life, marks, spent = Life(), dict[date, Mark](), 0
    for each in sorted(log, key=lambda m: (m.made_on, order.get(m.mark, 0), m.day)):
        marks[each.day] = each.mark
        spent += each.mark is Mark.FROZEN
        if each.mark not in LENGTHENS:
            continue
        made_up = each.mark is Mark.MADE_UP
        last = life.last if made_up and life.last is not None else each.day
        streak = run_ending(marks, last)
        earned = not made_up and streak % WEEK == 0 and life.freezes - spent < HOLD
        life = Life(
            last=last,
            at=life.at if made_up else each.at,
            streak=streak,
            best=max(life.best, longest_run(marks) if made_up else streak),
            days=life.days + 1,
            freezes=life.freezes - spent + earned,
            week_days=sum(marks.get(day) in LENGTHENS for day in _week_of(last)),
        )
        spent = 0
    return life


def _week_of(day: date) -> list[date]:
    return [monday(day) + n * DAY for n in range(WEEK)]


def tell(
    name: str, credit: Credit
) -> (
    CheckedIn
    | SaverEarned
    | MilestoneReached
    | StreakSaved
    | OutageForgiven
    | StartedAnew
    | CameBack
):
    """The one thing worth saying about a check-in; what the fan may want to know goes first."""
    life = credit.life
    told = (name, life.streak, credit.points, life.days)
    if credit.away >= AWAY and not credit.excused:
        return CameBack(*told, credit.away)
    if life.streak in MILESTONES:
        return MilestoneReached(*told)
    if credit.spent:
        return StreakSaved(*told, credit.spent, life.freezes)
    if credit.excused:
        return OutageForgiven(*told, credit.excused)
    if credit.missed:
        return StartedAnew(*told, len(credit.missed))
    if credit.earned:
        return SaverEarned(*told, life.freezes)
    return CheckedIn(*told)
