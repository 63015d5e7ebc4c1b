"""What newcomers post, step by step: links, forwards and floods are taken down, kept and reviewed.

Nothing is lost: the words stay until somebody of the staff has looked, and one tap brings them
back.
"""

from __future__ import annotations

from typing import Final

from handlers.doors import Answer, Do, Result, Say
from handlers.groups import people, rules
from storage import audit, communities, due, interactions, order
from storage.database import Connection
from storage.records import Fan, Job, LetterClass, Moment, Purpose

HOUR: Final = 3600 * 1_000_000
TEN: Final = 10 * 1_000_000
NOTICE: Final = 60 * 1_000_000
FADE: Final = "groups.fade"


def look(db: Connection, fan: Fan, now: Moment, why: str, text: str) -> Result:
    """A message with a link, or a forwarded one, or one of a flood: of a newcomer it is taken down
    where the community wants that. Staff and those who have been here longer say what they like."""
    settings = communities.settings(db, now.face.community.id)
    if not settings.filters or now.place.purpose is not Purpose.FANS or now.message is None:
        return None
    if why == "flood" and _lately(db, fan, now, now.message) <= settings.flood:
        return None
    since = order.joined(db, now.place.id, fan.id)
    new = since is not None and now.stamp - since < settings.new_hours * HOUR
    if not new or people.role(db, now, fan.id) is not None:
        return None
    community = now.face.community.id
    number = order.take_down(db, community, now.place.id, fan.id, now.stamp, why, text)
    review = rules.Review(fan.name, now.place.title, why, text[:1000], number)
    return (
        Do("deleteMessage", now.place.id, {"message_id": now.message}, cls=LetterClass.REPLY),
        Say(
            rules.TakenDown(fan.name, why),
            chat=now.place.id,
            fan=fan,
            quiet=True,
            # One short notice a minute for one fan, however much they post.
            key=f"=down:{now.place.id}:{fan.id}:{now.stamp // NOTICE}",
            then=f"groups.noticed:{now.place.id}",
        ),
        *people.tell_desk(db, now, review, "review"),
    )


def _lately(db: Connection, fan: Fan, now: Moment, message: int) -> int:
    """How much a fan wrote here in the ten seconds up to this message."""
    return interactions.count_lately(db, fan.id, now.place.id, now.stamp - TEN, message)


def notice(db: Connection, now: Moment, answer: Answer) -> None:
    """The short notice fades after a minute."""
    if not answer.ok or not answer.result:
        return
    message = int(answer.result["message_id"])
    facts = {"chat": int(answer.argument), "message": message}
    key = f"{answer.argument}:{message}"
    due.put(db, FADE, key, now.stamp + NOTICE, bot=now.face.id, facts=facts)


def fade(_db: Connection, job: Job, _now: Moment) -> Result:
    return Do("deleteMessage", int(job.facts["chat"]), {"message_id": int(job.facts["message"])})


def restore(db: Connection, fan: Fan, now: Moment, number: int) -> Result:
    """The way back: the words return to the group, said to be the fan's; once."""
    if people.role(db, now, fan.id) not in rules.KEEPERS:
        return rules.StaffOnly(fan.name)
    found = order.removal(db, now.face.community.id, number)
    if found is None:
        return rules.StaleButton(fan.name)
    author = people.known(db, now, found.fan)
    if not order.restore(db, found.id):
        return rules.Reviewed(author.name, again=True)
    facts = {"fan": found.fan, "chat": found.chat, "removal": found.id}
    audit.note(db, now.face.community.id, fan.id, "restored a message", now.stamp, facts)
    back = Say(rules.Restored(author.name, found.text), chat=found.chat, key="back")
    return (rules.Reviewed(author.name, again=False), back)
