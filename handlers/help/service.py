"""First words, step by step."""

from __future__ import annotations

from handlers.help import rules
from storage import fans, touches
from storage.database import Connection
from storage.records import Fan, Moment, Reach, Touch


def start(db: Connection, fan: Fan, now: Moment, payload: str) -> rules.Started | rules.Helped:
    """Pressing Start opens the door for letters; in a group it asks what we can do."""
    if not now.place.private:
        return rules.Helped(fan.name)
    community = now.face.community.id
    fans.set_reach(db, community, fan.id, Reach.OPEN)
    if payload:
        touches.note(db, community, fan.id, Touch("start", payload, now.stamp))
    return rules.Started(fan.name)


def explain(_db: Connection, fan: Fan, _now: Moment) -> rules.Helped:
    return rules.Helped(fan.name)


def tell_about(_db: Connection, fan: Fan, _now: Moment) -> rules.About:
    return rules.About(fan.name)


def wonder(_db: Connection, fan: Fan, now: Moment) -> rules.Lost | None:
    """Only in private: in a group nobody likes to hear that he was not understood."""
    return rules.Lost(fan.name) if now.place.private else None
