"""Who helps, step by step: the owner lists, appoints and dismisses."""

from __future__ import annotations

from handlers.doors import Result
from handlers.groups import people, rules
from storage import audit, communities
from storage.database import Connection
from storage.records import Fan, Moment, Role


def manage(db: Connection, fan: Fan, now: Moment, text: str, answered: int | None) -> Result:
    """/staff: the list; with a role in reply to somebody (Telegram's id) or after a username, an
    appointment. Owners only; owners themselves stand in the settings."""
    community = now.face.community.id
    if people.role(db, now, fan.id) is not Role.OWNER:
        return rules.StaffOnly(fan.name)
    if not text.strip():
        return rules.TeamListed(
            [
                {"name": one.name, "role": one.role.value}
                for one in communities.workers(db, community)
            ]
        )
    wanted = rules.read_appointment(text)
    if wanted is None:
        return rules.HowToAppoint(fan.name)
    who, role = wanted
    target = people.meant(db, now, who, answered)
    if target is None:
        return rules.HowToAppoint(fan.name)
    if people.role(db, now, target.id) is Role.OWNER:
        return rules.OwnerStays(target.name)
    if role is None:
        communities.dismiss(db, community, target.id)
    else:
        communities.appoint(db, community, target.id, role)
    named = role.value if role is not None else "none"
    facts = {"fan": target.id, "role": named}
    audit.note(db, community, fan.id, "appointed somebody", now.stamp, facts)
    return rules.Appointed(target.name, named)
