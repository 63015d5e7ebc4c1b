"""Groups, step by step: the bot's own place, its owner, and what an outage left behind."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date

from handlers.doors import Do, Result, Say
from handlers.groups import people, rules, setup
from storage import audit, chats, communities, due, fans, interactions, marks, outbox
from storage.database import Connection
from storage.records import Fan, Job, Kind, Moment, Place, Reach, Role, Standing

INSIDE = (Standing.MEMBER, Standing.ADMIN)
PATIENCE = 60 * 1_000_000


@dataclass(frozen=True, slots=True)
class Own:
    """The bot's own place in a chat as Telegram tells it: ``rights`` by Telegram's names."""

    standing: Standing
    rights: frozenset[str] = frozenset()

    def of(self, place: Place) -> Place:
        """The chat, with this known of it."""
        return replace(place, standing=self.standing, rights=self.rights)


def stand(db: Connection, fan: Fan, now: Moment, was: Own, own: Own) -> Result:
    """The bot was added, promoted, demoted or removed; *fan* is who did it."""
    note_place(db, now, own)
    if own.standing not in INSIDE or was.standing in INSIDE:
        return _tell_loss(db, now, was, own, fan)
    place, face = now.place, now.face
    role = communities.role_of(db, face.community.id, fan.id)
    owned = bool(communities.owners(db, face.community.id))
    first_words = Say(rules.arrived(place.title, role, owned=owned), chat=place.id, fan=fan)
    if isinstance(first_words.outcome, rules.NotMine):
        question = rules.OwnerAsked(place.title, fan.name, place.id)
        return (first_words, *people.tell_owners(db, now, question, ""))
    if role in rules.SETTERS and fan.reach is Reach.OPEN:
        door = chats.private_door(db, face.id, fan.id)
        return (first_words, Say(setup.card(db, now, own.of(place)), chat=door, fan=fan))
    return first_words


def stand_anonymous(db: Connection, now: Moment, was: Own, own: Own) -> Result:
    """The same by an anonymous admin, whom we could neither greet nor ask."""
    note_place(db, now, own)
    return _tell_loss(db, now, was, own, None)


def _tell_loss(db: Connection, now: Moment, was: Own, own: Own, fan: Fan | None) -> Result:
    """The owners hear of what the bot lost, but not who took it, who knows."""
    if was.standing not in INSIDE:
        return None
    place, by, but = now.place, fan.name if fan else "", fan.id if fan else None
    if own.standing not in INSIDE:
        out = rules.PutOut(place.title, by)
        return tuple(people.tell_owners(db, now, out, "out", but=but))
    gone = rules.lost(was.rights, own.rights)
    if not gone:
        return None
    less = rules.RightsLost(place.title, by, gone, place.id)
    return tuple(people.tell_owners(db, now, less, "less", but=but))


def settle(
    db: Connection, fan: Fan, now: Moment, chat: int, *, stay: bool
) -> rules.StaffOnly | rules.StaleButton | rules.Kept | tuple[rules.Left | Do, ...]:
    """An owner says whether the bot stays in a group; who may say so is looked up at the press."""
    if communities.role_of(db, now.face.community.id, fan.id) is not Role.OWNER:
        return rules.StaffOnly(fan.name)
    place = people.own_place(db, now, chat)
    if place is None:
        return rules.StaleButton(fan.name)
    what = "kept the bot in a group" if stay else "took the bot out of a group"
    audit.note(db, now.face.community.id, fan.id, what, now.stamp, {"chat": chat})
    if stay:
        return rules.Kept(place.title)
    return (rules.Left(place.title), Do("leaveChat", chat))


def open_door(db: Connection, fan: Fan, now: Moment, reach: Reach) -> None:
    """A fan blocked or unblocked us: the same state that a refused letter leads to. News that
    were overtaken by a later word of the fan change nothing."""
    kind = Kind.UNBLOCK if reach is Reach.OPEN else Kind.BLOCK
    if interactions.overtaken(db, fan.id, now.place.id, now.stamp, kind):
        return
    fans.set_reach(db, now.face.community.id, fan.id, reach)
    if reach is not Reach.OPEN:
        outbox.drop_chat(db, now.place.id, reach.value)


def note_place(db: Connection, now: Moment, own: Own) -> None:
    """Remember what we may do and hear in a chat, whoever changed it. Who adds a bot makes it an
    admin a moment later: leave time for that."""
    standing = own.standing
    chats.stand(db, now.place.id, standing)
    chats.set_rights(db, now.place.id, own.rights)
    key = str(now.place.id)
    if standing in INSIDE and rules.is_deaf(standing, hears_all=now.face.hears_all):
        facts = {"chat": now.place.id}
        due.put(db, "groups.confess", key, now.stamp + PATIENCE, bot=now.face.id, facts=facts)
    else:
        due.take_back(db, "groups.confess", key)
    if standing not in INSIDE:
        outbox.drop_chat(db, now.place.id, standing.value)


def confess_when_due(db: Connection, job: Job, now: Moment) -> Result:
    """Who adds a bot makes it an admin a moment later: complain only if that did not happen, to
    the group and to the owners."""
    place = chats.place(db, job.facts["chat"])
    if not rules.is_deaf(place.standing, hears_all=now.face.hears_all):
        return None
    outcome = confess(db, place)
    if outcome is None:
        return None
    return (Say(outcome, chat=place.id), *people.tell_owners(db, now, outcome, "deaf"))


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


def move(db: Connection, now: Moment, old: int, new: int) -> Result:
    """A group became a supergroup: Telegram's ids *old* and *new*. Both sides tell it, in any
    order; the owners hear of it once."""
    number = outbox.follow(db, now.face.id, old, new)
    if number is None:
        return None
    told = rules.Upgraded(chats.place(db, number).title)
    return tuple(people.tell_owners(db, now, told, f"=upgraded:{now.face.id}:{number}:"))
