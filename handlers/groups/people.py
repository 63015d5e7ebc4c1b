"""Who is meant and who must hear of it: fans who did not act themselves, as letters need them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from handlers.doors import Outcome, Say
from storage import chats, communities, fans, roster
from storage.database import Connection
from storage.records import Fan, LetterClass, Moment, Place, Purpose, Reach, Role
from templates import locale_of


def known(db: Connection, now: Moment, number: int) -> Fan:
    """A fan who did not act, in a language that we have words in."""
    community = now.face.community
    fan = fans.remember(db, community, number, now.stamp)
    return replace(fan, locale=locale_of(fan.locale, community.locale))


def meant(db: Connection, now: Moment, who: str, answered: int | None) -> Fan | None:
    """The one named by username, else the one whose message was answered (Telegram's id); None
    for who was never seen in this community."""
    if who:
        number = roster.named(db, now.face.community.id, who)
    else:
        number = fans.number_of(db, answered) if answered is not None else None
    return known(db, now, number) if number is not None else None


def telegram_id(db: Connection, now: Moment, fan: int) -> int | None:
    """Telegram's number of a fan; None where they asked to be forgotten."""
    return chats.address(db, chats.private_door(db, now.face.id, fan))


def role(db: Connection, now: Moment, fan: int) -> Role | None:
    return communities.role_of(db, now.face.community.id, fan)


def own_place(db: Connection, now: Moment, chat: int) -> Place | None:
    """A group of this bot's; whatever number a button carried, another's is none."""
    return chats.place_of(db, now.face.id, chat)


def tell_owners(
    db: Connection, now: Moment, outcome: Outcome, key: str, *, but: int | None = None
) -> list[Say]:
    """A private letter to every owner to whom one can arrive, as far as we know."""
    return [
        _to(db, now, owner, outcome, key)
        for owner in communities.owners(db, now.face.community.id)
        if owner != but
    ]


def tell_desk(db: Connection, now: Moment, outcome: Outcome, key: str) -> list[Say]:
    """To the desk where there is one, else to the owners."""
    desks = chats.with_purpose(db, now.face.id, Purpose.DESK)
    if not desks:
        return tell_owners(db, now, outcome, key)
    return [Say(outcome, chat=desk.id, key=f"{key}d{desk.id}") for desk in desks]


def tell_fan(db: Connection, now: Moment, fan: Fan, outcome: Outcome, key: str) -> Iterable[Say]:
    """In private, where a letter can arrive."""
    return [_to(db, now, fan.id, outcome, key)] if fan.reach is Reach.OPEN else []


def _to(db: Connection, now: Moment, number: int, outcome: Outcome, key: str) -> Say:
    door = chats.private_door(db, now.face.id, number)
    listener = known(db, now, number)
    # A key that is the whole idem key must still tell the readers apart.
    return Say(outcome, chat=door, fan=listener, cls=LetterClass.SERVICE, key=f"{key}o{number}")
