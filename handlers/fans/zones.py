"""Whose clock rules a fan's day, step by step: asked once, gently, and changed at a word."""

from __future__ import annotations

from handlers.doors import Result, Say
from handlers.fans import rules
from handlers.fans.cities import OFFERED, city_said, zone_of_city
from storage import checkins, due, fans
from storage.database import Connection
from storage.records import Fan, Job, Moment
from templates import locale_of

ASK = "fans.ask_zone"
BREATH = 120 * 1_000_000  # let the first check-in be enjoyed before anything is asked


def ask_later(db: Connection, fan: Fan, now: Moment) -> None:
    """Ask a little later, where the fan has not chosen: for who checked in for the first time, in
    private. Being called once is what makes it once."""
    if now.place.private and fans.zone_of(db, now.face.community.id, fan.id) is None:
        facts = {"fan": fan.id, "chat": now.place.id}
        due.put(db, ASK, f"{now.face.community.id}:{fan.id}", now.stamp + BREATH,
                bot=now.face.id, facts=facts)  # fmt: skip


def ask_when_due(db: Connection, job: Job, now: Moment) -> Say | None:
    """The question, if it is still one."""
    community, number = now.face.community, int(job.facts["fan"])
    if fans.zone_of(db, community.id, number) is not None:
        return None
    known = fans.remember(db, community, number, now.stamp)
    locale = locale_of(known.locale, community.locale)
    fan = Fan(known.id, known.name, locale, known.zone, known.reach)
    return Say(rules.ZoneAsked(fan.name), chat=int(job.facts["chat"]), fan=fan, key="zone")


def ask(_db: Connection, fan: Fan, _now: Moment) -> rules.ZoneAsked:
    return rules.ZoneAsked(fan.name)


def skip(_db: Connection, fan: Fan, now: Moment) -> rules.ZoneSkipped:
    """The community's clock goes on ruling."""
    return rules.ZoneSkipped(fan.name)


def choose(db: Connection, fan: Fan, now: Moment, said: str) -> Result:
    """One of the buttons, a city, or a zone's own name."""
    zone = OFFERED.get(said) or zone_of_city(city_said(said))
    if zone is None:
        return rules.ZoneUnknown(fan.name, city_said(said)[:40])
    if zone != fan.zone:  # a day is missed only where it was missed on both clocks
        checkins.leave_zone(db, now.face.community.id, fan.id, fan.zone, now.stamp)
    fans.set_zone(db, now.face.community.id, fan.id, zone)
    here = now.seen_from(zone).at
    return rules.ZoneSet(fan.name, zone, f"{here:%H:%M}")
