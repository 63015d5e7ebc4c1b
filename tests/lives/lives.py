"""One random life after the other through the law of check-ins, judged by a second opinion.

The judge knows no streaks and no marks: for each check-in it asks, with plain arithmetic on
instants, whether some local day lay wholly between it and the one before, in every zone used and
outside of every outage. Only such a day may cost a saver or break a row.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from random import Random
from zoneinfo import ZoneInfo

from handlers.checkin import rules
from storage.records import Life, Mark, Marked, micros

HOUR = 3600 * 1_000_000
DAY = 24 * HOUR
ZONES = (
    *("Asia/Shanghai", "Asia/Taipei", "America/New_York", "America/Los_Angeles", "Europe/Berlin"),
    *("Pacific/Auckland", "Pacific/Kiritimati", "Pacific/Pago_Pago", "Pacific/Apia"),
    *("Asia/Kathmandu", "Australia/Lord_Howe", "America/St_Johns", "America/Sao_Paulo", "UTC"),
    *("Africa/Cairo", "Asia/Tehran", "America/Havana", "Antarctica/Troll", "Asia/Beirut"),
)
STARTS = (
    datetime(2011, 12, 20, tzinfo=UTC),  # Samoa has no 30 December
    datetime(2018, 10, 25, tzinfo=UTC),  # São Paulo's midnight is skipped
    datetime(2023, 12, 20, tzinfo=UTC),
    datetime(2024, 2, 20, tzinfo=UTC),  # a leap day
    datetime(2026, 3, 1, tzinfo=UTC),  # the clocks change, in America and in Europe
    datetime(2026, 10, 20, tzinfo=UTC),
    datetime(2028, 2, 25, tzinfo=UTC),
)
HABITS = ("daily", "often", "seldom", "eager")


class Unfair(AssertionError):
    """The law was broken; the seed of the life stands in the message."""


@dataclass(slots=True)
class Told:
    """What happened in one life; the record that is checked at its end."""

    life: Life = field(default_factory=Life)
    log: list[Marked] = field(default_factory=list)
    marks: dict[date, Mark] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)
    torn: tuple[int, date, set[date]] | None = None  # a broken row: its length, new start, holes


@lru_cache(maxsize=200_000)
def begins(day: date, zone: str) -> int:
    """The instant at which a local date begins: the first one whose clock shows it, or a later
    one where the date does not exist."""
    low = micros(datetime.combine(day, time(0), UTC)) - 16 * HOUR
    high = low + 34 * HOUR
    place = ZoneInfo(zone)
    while high - low > 1:  # the local date never goes back by more than the hour of a change
        middle = (low + high) // 2
        if _date(middle, place) >= day:
            high = middle
        else:
            low = middle
    return high


def _date(at: int, place: ZoneInfo) -> date:
    return datetime.fromtimestamp(at // 1_000_000, place).date()


def live(seed: int) -> Counter[str]:
    """One life; gives what happened how often, raises Unfair where the law was broken."""
    dice = Random(seed)
    told, zone = Told(), dice.choice(ZONES)
    zones: dict[str, int] = {}  # left until
    now = micros(dice.choice(STARTS)) + dice.randrange(DAY)
    habit, outages = dice.choice(HABITS), _outages(dice, now)
    for _ in range(dice.randrange(5, 60)):
        now += _pause(dice, habit)
        if dice.random() < 0.12:
            zones[zone] = now
            zone = dice.choice(ZONES)
            told.counts["flight"] += 1
        at = now if dice.random() > 0.05 else now - dice.randrange(3 * DAY)  # late, or a clock step
        if any(begin <= at < end for begin, end in outages):
            continue  # nobody hears it
        used = [z for z, until in zones.items() if until >= at - rules.TRAVEL_TIME]
        _check(told, seed, at, zone, used, [o for o in outages if o[1] <= at])
        if dice.random() < 0.1:
            _check(told, seed, at, zone, used, outages)  # the same again: delivered twice
        if dice.random() < 0.06:
            _make_up(told, seed, dice, at)
    recounted = rules.recount(dice.sample(told.log, len(told.log)))
    if recounted != told.life:
        raise Unfair(f"life {seed}: recount {recounted} is not {told.life}")
    return told.counts


def _outages(dice: Random, now: int) -> list[tuple[int, int]]:
    found, at = list[tuple[int, int]](), now
    for _ in range(dice.choice((0, 0, 1, 3))):
        at += dice.randrange(10 * DAY)
        end = at + dice.choice((HOUR // 6, 5 * HOUR, 2 * DAY, 12 * DAY))
        if dice.random() < 0.3:
            end = begins(_date(end, ZoneInfo("UTC")), dice.choice(ZONES))  # to the very midnight
        if end > at:
            found.append((at, end))
            at = end
    return found


def _pause(dice: Random, habit: str) -> int:
    match habit:
        case "eager":
            return dice.randrange(1, 14 * HOUR)
        case "daily":
            return dice.randrange(20 * HOUR, 28 * HOUR)
        case "often":
            return dice.choice((20 * HOUR, DAY, DAY, 26 * HOUR, 50 * HOUR))
        case _:
            return dice.choice((DAY, 3 * DAY, 9 * DAY, 40 * DAY)) + dice.randrange(DAY)


def _check(
    told: Told, seed: int, at: int, zone: str, used: list[str], outages: list[tuple[int, int]]
) -> None:
    before = told.life
    day = datetime.fromtimestamp(at // 1_000_000, ZoneInfo(zone)).date()
    zones = [*used, before.zone] if before.zone else used
    credit = rules.check(before, at, zone, zones=zones, outages=outages)
    if credit is None:
        if before.last is None or day > before.last:
            raise Unfair(f"life {seed}: {day} was not credited")
        told.counts["again"] += 1
        return
    after = credit.life
    if before.last is not None and day <= before.last:
        raise Unfair(f"life {seed}: {day} was credited after {before.last}")
    if after.days != before.days + 1 or credit.points not in (10, 30):
        raise Unfair(f"life {seed}: one check-in on {day} gave more than one day")
    for each in credit.marks:
        if each.day in told.marks:
            raise Unfair(f"life {seed}: {each.day} was marked twice")
        told.marks[each.day] = each.mark
    told.log += credit.marks
    told.life = after
    _judge(told, seed, before, credit, {zone, *zones}, outages)


def _judge(
    told: Told,
    seed: int,
    before: Life,
    credit: rules.Credit,
    zones: set[str],
    outages: list[tuple[int, int]],
) -> None:
    """The second opinion on what lay between two check-ins."""
    after = credit.life
    assert after.last is not None
    told.counts["check-in"] += 1
    if before.last is None:
        return
    holes, day = set[date](), before.last + timedelta(days=1)
    while day < after.last and len(holes) <= rules.WINDOW:
        if all(_lay_between(day, zone, before.at, after.at) for zone in zones) and not any(
            _touched(day, zone, outages) for zone in zones
        ):
            holes.add(day)
        day += timedelta(days=1)
    lost = len(holes)
    told.torn = (before.streak, after.last, holes)
    broken = after.streak != before.streak + 1
    if broken != (lost > before.freezes):
        raise Unfair(f"life {seed}: {lost} lost days, {before.freezes} savers, broken: {broken}")
    if not broken and credit.spent != lost:
        raise Unfair(f"life {seed}: {credit.spent} savers for {lost} lost days")
    told.counts["broken"] += broken
    told.counts["saved"] += bool(credit.spent)
    told.counts["outage"] += bool(credit.excused)
    told.counts["travel"] += any(each.mark is Mark.TRAVEL for each in credit.marks)


def _lay_between(day: date, zone: str, since: int, until: int) -> bool:
    begin, end = begins(day, zone), begins(day + timedelta(days=1), zone)
    return begin < end and since < begin and end <= until


def _touched(day: date, zone: str, outages: list[tuple[int, int]]) -> bool:
    begin, end = begins(day, zone), begins(day + timedelta(days=1), zone)
    return any(begin < stop and start < end for start, stop in outages)


def _make_up(told: Told, seed: int, dice: Random, at: int) -> None:
    last = told.life.last
    if last is None:
        return
    day = last - timedelta(days=dice.randrange(-1, 10))
    offered = rules.open_day(told.marks, last)
    if offered is not None and dice.random() < 0.7:
        day = offered
    made = rules.make_up(told.life, told.marks, day, at)
    may = (
        0 < (last - day).days <= rules.WINDOW
        and day not in told.marks
        and any(other < day for other in told.marks)
    )
    if (made is not None) != may or (offered is not None and day == offered and not may):
        raise Unfair(f"life {seed}: {day} made up: {made is not None}, may be: {may}")
    if made is None:
        return
    after, mark = made
    if after.streak < told.life.streak or after.days != told.life.days + 1:
        raise Unfair(f"life {seed}: making up {day} cost something")
    if told.torn is not None and after.last == told.torn[1]:
        length, start, holes = told.torn
        whole = holes <= {*told.marks, day}
        if whole and day in holes and after.streak != length + 1 + len(holes):
            raise Unfair(f"life {seed}: every hole before {start} is made up, yet two rows")
        told.counts["joined"] += whole and day in holes
    told.life = after
    told.marks[mark.day] = mark.mark
    told.log.append(mark)
    told.counts["made up"] += 1
