"""Reminders, step by step: only for who asked, in private, and on days that are still open."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import datetime, time, timedelta

from handlers.checkin import rules
from handlers.doors import Result, Say
from storage import chats, checkins, due, fans
from storage.database import Connection
from storage.records import Fan, Job, LetterClass, Moment, Reach, micros
from templates import locale_of

KIND = "checkin.remind"
OFF = frozenset({"off", "stop", "关", "關", "关闭", "關閉"})
PATIENCE = 2 * 3600 * 1_000_000  # an hour that has passed by more is not made up for
UNANSWERED = 7
_HOUR = re.compile(r"([01]?\d|2[0-3])[:：]?([0-5]\d)?")


def hour_of(text: str) -> time | None:
    """The time of day that somebody wrote.

    >>> hour_of("20:00"), hour_of("8"), hour_of("25:00")
    (datetime.time(20, 0), datetime.time(8, 0), None)
    """
    found = _HOUR.fullmatch(text.strip())
    return time(int(found[1]), int(found[2] or 0)) if found else None


def ask(db: Connection, fan: Fan, now: Moment, text: str) -> Result:
    """Set, end or offer the fan's reminder; *text* is an hour, a word for "off", or neither."""
    key = f"{now.face.community.id}:{fan.id}"
    if text.strip().lower() in OFF:
        due.take_back(db, KIND, key)
        return rules.ReminderOff(fan.name)
    hour = hour_of(text)
    if hour is None:
        return rules.ReminderAsked(fan.name)
    if fan.reach is not Reach.OPEN:
        if not now.place.private:
            return rules.DoorClosed(fan.name)
        fans.set_reach(
            db, now.face.community.id, fan.id, Reach.OPEN
        )  # who writes can be written to
    facts = {"fan": fan.id, "hour": f"{hour:%H:%M}", "unanswered": 0}
    due.put(db, KIND, key, _next(hour, now, fan.zone), bot=now.face.id, facts=facts)
    return rules.ReminderSet(fan.name, f"{hour:%H:%M}")


def _next(hour: time, now: Moment, zone: str) -> int:
    """The next time that the fan's clock shows *hour*."""
    here = now.seen_from(zone).at
    at = datetime.combine(here.date(), hour, here.tzinfo)
    if at <= here:
        at = datetime.combine(here.date() + timedelta(days=1), hour, here.tzinfo)
    return micros(at)


def remind(db: Connection, job: Job, now: Moment) -> Say | None:
    """Say the word if the day is still open, and look again tomorrow."""
    community = now.face.community
    fan = fans.remember(db, community, int(job.facts["fan"]), now.stamp)
    fan = replace(fan, locale=locale_of(fan.locale, community.locale))
    hour = hour_of(job.facts["hour"])
    if hour is None or fan.reach is not Reach.OPEN:
        return None  # who closed the door has ended it; it is asked for anew
    life = checkins.life(db, community.id, fan.id)
    today = rules.day_in(now.stamp, fan.zone)
    unanswered = int(job.facts["unanswered"])
    if life.last is not None and life.last >= today - rules.DAY:
        unanswered = 0
    open_today = life.last is None or life.last < today
    speak = open_today and now.stamp - job.at <= PATIENCE
    door = chats.private_door(db, now.face.id, fan.id)
    if speak and unanswered >= UNANSWERED:
        return Say(rules.ReminderRested(fan.name), chat=door, fan=fan, cls=LetterClass.CARE)
    facts = {**job.facts, "unanswered": unanswered + speak}
    due.put(db, KIND, job.key, _next(hour, now, fan.zone), bot=job.bot, facts=facts)
    if not speak:
        return None
    outcome = rules.Reminded(fan.name, job.facts["hour"], life.streak)
    return Say(outcome, chat=door, fan=fan, cls=LetterClass.CARE, not_after=now.stamp + PATIENCE)
