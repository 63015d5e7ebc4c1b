"""Fans, step by step: the language they read."""

from __future__ import annotations

from handlers.doors import Say
from handlers.fans import rules
from storage import fans
from storage.database import Connection
from storage.records import Fan, Moment


def ask_language(_db: Connection, fan: Fan, _now: Moment) -> rules.LanguageAsked:
    return rules.LanguageAsked(fan.name)


def set_language(db: Connection, fan: Fan, now: Moment, locale: str) -> rules.LanguageAsked | Say:
    """Keep the language; the answer already speaks it."""
    outcome = rules.choose(fan.name, locale)
    if isinstance(outcome, rules.LanguageAsked):
        return outcome
    fans.set_locale(db, now.face.community.id, fan.id, locale)
    return Say(outcome, fan=Fan(fan.id, fan.name, locale, fan.zone, fan.reach))
