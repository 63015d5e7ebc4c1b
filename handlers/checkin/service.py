"""Check-in, step by step: read, decide, remember."""

from __future__ import annotations

from handlers.checkin import rules
from storage import checkins, ledger
from storage.database import Connection
from storage.records import Fan, Moment


def check_in(db: Connection, fan: Fan, now: Moment) -> rules.CheckedIn | rules.AlreadyCheckedIn:
    """Credit the fan's local day of the message (of a press: of its receipt)."""
    here = now.seen_from(fan.zone)
    community = now.face.community.id
    last_day, streak, total = checkins.latest(db, community, fan.id)
    outcome = rules.check_in(fan.name, last_day, streak, total, here.day)
    if isinstance(outcome, rules.CheckedIn):
        checkins.add(db, community, fan.id, here.day, now.stamp, outcome.streak)
        ledger.earn(
            db,
            community,
            fan.id,
            outcome.points,
            reason="check-in",
            idem=f"checkin:{fan.id}:{here.day}",
            at=now.stamp,
        )
    return outcome
