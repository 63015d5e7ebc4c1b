"""The month of a fan, step by step: which days count, and how."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from handlers.checkin import rules
from handlers.checkin.calendar_picture import as_text
from handlers.doors import Result, Say
from storage import checkins, heartbeats
from storage.database import Connection
from storage.records import Fan, LetterClass, Mark, Moment, micros


def show(db: Connection, fan: Fan, now: Moment) -> Result:
    """This month in private; in a group one line of it."""
    month = _month(db, fan, now)
    if not now.place.private:
        return rules.MonthTold(fan.name, month.month, month.days, month.streak)
    return month


def show_by_button(db: Connection, fan: Fan, now: Moment) -> Result:
    """The same for a press, whose plain answer would be a toast: a letter of its own."""
    told = show(db, fan, now)
    if isinstance(told, rules.MonthShown):
        return Say(told, chat=now.place.id, fan=fan, cls=LetterClass.REPLY, key="month")
    return told


def _month(db: Connection, fan: Fan, now: Moment) -> rules.MonthShown:
    community = now.face.community.id
    life = checkins.life(db, community, fan.id)
    today = rules.day_in(now.stamp, fan.zone)
    first = today.replace(day=1)
    marks = checkins.marks_between(db, community, fan.id, first, today)
    since = checkins.first_day(db, community, fan.id)
    for day in _outages(db, first, today, fan.zone):
        if since is not None and day >= since:
            marks.setdefault(day, Mark.OUTAGE)
    cells = {str(day.day): int(mark) for day, mark in sorted(marks.items())}
    return rules.MonthShown(
        name=fan.name,
        year=today.year,
        month=today.month,
        days=sum(mark in rules.LENGTHENS for mark in marks.values()),
        streak=life.streak,
        savers=life.freezes,
        today=today.day,
        cells=cells,
        grid=as_text(today.year, today.month, cells),
    )


def _outages(db: Connection, first: date, last: date, zone: str) -> list[date]:
    """The days that our own outages touched."""
    place = ZoneInfo(zone)
    begin = micros(datetime.combine(first, time(0), place))
    end = micros(datetime.combine(last + timedelta(days=1), time(0), place))
    days: set[date] = set()
    for since, until in heartbeats.outages(db, begin, end):
        day = max(first, rules.day_in(since, zone))
        while day <= min(last, rules.day_in(until - 1, zone)):
            days.add(day)
            day += rules.DAY
    return sorted(days)
