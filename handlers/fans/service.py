"""Fans, step by step: the language they read, and their card."""

from __future__ import annotations

from zoneinfo import ZoneInfo

from handlers.doors import Say
from handlers.fans import rules
from handlers.fans.card import level_name
from storage import checkins, fans, ledger, levels, touches
from storage.database import Connection
from storage.records import Fan, Moment, moment

MEMORY = 60  # signs of the first words that a card shows


def ask_language(_db: Connection, fan: Fan, _now: Moment) -> rules.LanguageAsked:
    return rules.LanguageAsked(fan.name)


def set_language(db: Connection, fan: Fan, now: Moment, locale: str) -> rules.LanguageAsked | Say:
    """Keep the language; the answer already speaks it."""
    outcome = rules.choose(fan.name, locale)
    if isinstance(outcome, rules.LanguageAsked):
        return outcome
    fans.set_locale(db, now.face.community.id, fan.id, locale)
    return Say(outcome, fan=Fan(fan.id, fan.name, locale, fan.zone, fan.reach))


def show_me(db: Connection, fan: Fan, now: Moment) -> rules.MeShown | rules.MeTold:
    """The fan's card; in a group one line of it."""
    community, zone = now.face.community.id, ZoneInfo(fan.zone)
    life = checkins.life(db, community, fan.id)
    came = moment(fans.joined(db, community, fan.id)).astimezone(zone).date()
    level = level_name(levels.of(db, community, fan.id, now.stamp), fan.locale)
    together = (now.seen_from(fan.zone).day - came).days + 1
    points = ledger.balance(db, community, fan.id)
    if not now.place.private:
        return rules.MeTold(fan.name, level, together, life.streak, points)
    words = " ".join(touches.first_words(db, community, fan.id).split())
    return rules.MeShown(
        name=fan.name,
        level=level,
        together=together,
        streak=life.streak,
        points=points,
        memory=words if len(words) <= MEMORY else words[: MEMORY - 1] + "…",
        year=came.year,
        month=came.month,
        date=came.day,
    )
