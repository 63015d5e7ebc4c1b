"""Groups, step by step: the bot's own place, its owner, and what an outage left behind."""

from __future__ import annotations

from datetime import date

from handlers.doors import Do, Result, Say
from handlers.groups import rules
from storage import audit, chats, communities, due, fans, marks, outbox
from storage.database import Connection
from storage.records import Fan, Job, Moment, Place, Reach, Role, Standing

INSIDE = (Standing.MEMBER, Standing.ADMIN)
PATIENCE = 60 * 1_000_000


def stand(db: Connection, fan: Fan, now: Moment, was: Standing, standing: Standing) -> Result:
    """The bot was added, promoted, demoted or removed; *fan* is who did it."""
    note_place(db, now, standing)
    if standing not in INSIDE or was in INSIDE:
        return None
    place, face = now.place, now.face
    role = communities.role_of(db, face.community.id, fan.id)
    owned = bool(communities.owners(db, face.community.id))
    first_words = Say(rules.arrived(place.title, role, owned=owned), chat=place.id, fan=fan)
    if not isinstance(first_words.outcome, rules.NotMine):
        return first_words
    return (first_words, *_ask_owners(db, fan, now))


def _ask_owners(db: Connection, fan: Fan, now: Moment) -> list[Say]:
    """A letter to each owner who can be written to: shall the bot stay where a stranger put it?"""
    question = rules.OwnerAsked(now.place.title, fan.name, now.place.id)
    return [
        Say(question, chat=chats.private_door(db, now.face.id, owner), key=f"o{owner}")
        for owner in communities.owners(db, now.face.community.id)
    ]


def settle(
    db: Connection, fan: Fan, now: Moment, chat: int, *, stay: bool
) -> rules.StaffOnly | rules.Kept | tuple[rules.Left | Do, ...]:
    """An owner says whether the bot stays in a group; who may say so is looked up at the press."""
    if communities.role_of(db, now.face.community.id, fan.id) is not Role.OWNER:
        return rules.StaffOnly(fan.name)
    place = chats.place(db, chat)
    what = "kept the bot in a group" if stay else "took the bot out of a group"
    audit.note(db, now.face.community.id, fan.id, what, now.stamp, {"chat": chat})
    if stay:
        return rules.Kept(place.title)
    return (rules.Left(place.title), Do("leaveChat", chat))


def open_door(db: Connection, fan: Fan, now: Moment, reach: Reach) -> None:
    """A fan blocked or unblocked us: the same state that a refused letter leads to."""
    fans.set_reach(db, now.face.community.id, fan.id, reach)
    if reach is not Reach.OPEN:
        outbox.drop_chat(db, now.place.id, reach.value)


def note_place(db: Connection, now: Moment, standing: Standing) -> None:
    """Remember what we may hear in a chat, whoever changed it: an anonymous admin is nobody whom
    we could greet or ask. Who adds a bot makes it an admin a moment later: leave time for that."""
    chats.stand(db, now.place.id, standing)
    key = str(now.place.id)
    if standing in INSIDE and rules.is_deaf(standing, hears_all=now.face.hears_all):
        facts = {"chat": now.place.id}
        due.put(db, "groups.confess", key, now.stamp + PATIENCE, bot=now.face.id, facts=facts)
    else:
        due.take_back(db, "groups.confess", key)
    if standing not in INSIDE:
        outbox.drop_chat(db, now.place.id, standing.value)


def confess_when_due(db: Connection, job: Job, now: Moment) -> Say | None:
    """Who adds a bot makes it an admin a moment later: complain only if that did not happen."""
    place = chats.place(db, job.facts["chat"])
    if not rules.is_deaf(place.standing, hears_all=now.face.hears_all):
        return None
    outcome = confess(db, place)
    return Say(outcome, chat=place.id) if outcome is not None else None


def confess(db: Connection, place: Place) -> rules.CannotHear | None:
    """Tell a group once that 签到 does not reach us."""
    return None if chats.told_deaf(db, place.id) else rules.CannotHear(place.title)


def claim(db: Connection, fan: Fan, now: Moment, code: str) -> rules.Claimed | rules.NotTheCode:
    """The one-time code of the first start makes its sender the owner, once."""
    community = now.face.community.id
    kept = marks.read(db, code_mark(community))
    tries_so_far = tries_mark(fan.id, now.day)
    tries = int(marks.read(db, tries_so_far) or 0)
    outcome = rules.claim(fan.name, code, kept, tries)
    if isinstance(outcome, rules.Claimed):
        communities.appoint(db, community, fan.id, Role.OWNER)
        marks.erase(db, code_mark(community))
        audit.note(db, community, fan.id, "claimed the community", now.stamp, {})
    else:
        marks.write(db, tries_so_far, str(tries + 1))
    return outcome


def code_mark(community: int) -> str:
    return f"owner-code:{community}"


def tries_mark(fan: int, day: date) -> str:
    """Five tries a day: nobody guesses sixty bits, and a mistyped code is no dead end."""
    return f"owner-tries:{fan}:{day}"


def excuse(_db: Connection, fan: Fan, _now: Moment) -> rules.StaleButton:
    """Say kindly that a button does nothing any more."""
    return rules.StaleButton(fan.name)


def move(db: Connection, now: Moment, old: int, new: int) -> None:
    """A group became a supergroup: Telegram's ids *old* and *new*."""
    chats.migrate(db, now.face.id, old, new)
