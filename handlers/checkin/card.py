"""The card of the day in a group, step by step: posted, pinned, counted, and never a flood."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from handlers.checkin import rules
from handlers.doors import Answer, Do, Result, Say
from storage import checkin_cards, checkins, due
from storage.checkin_cards import Loud
from storage.database import Connection
from storage.records import Job, LetterClass, Moment, micros

NEW, COUNT = "checkin.card", "checkin.count"
PAUSE = 30 * 1_000_000  # a card's count is edited at most this often
REACTED_WITHIN = 2 * 60 * 1_000_000  # a reaction that comes later is worth nothing
PASSED = "its hour has passed"  # what the sender says of a letter after its ``not_after``
FIRST, AGAIN, GLAD = "👍", "👌", "🎉"


def switch(db: Connection, now: Moment, chat: int, *, on: bool, loud: Loud = Loud.REACTION) -> None:
    """Turn a group's card on or off, and say how typed check-ins are answered there. For whoever
    sets the group up; the first card comes at once."""
    checkin_cards.settle(db, now.face.community.id, chat, on=on, loud=loud)
    if on:
        due.put(db, NEW, str(chat), now.stamp, bot=now.face.id, facts={"chat": chat})
    else:
        due.take_back(db, NEW, str(chat))
        due.take_back(db, COUNT, str(chat))


def post(db: Connection, job: Job, now: Moment) -> Result:
    """Post the card of the day, quietly; at the community's next midnight comes another."""
    chat = int(job.facts["chat"])
    card = checkin_cards.of_chat(db, chat)
    if card is None or not card.on:
        return None
    due.put(db, NEW, job.key, _midnight_after(now), bot=job.bot, facts=job.facts)
    if card.day == now.day:
        return None
    count = checkins.count(db, now.face.community.id, now.day)
    checkin_cards.begin(db, chat, now.day, count, now.stamp)
    said = Say(
        rules.CardShown(now.day.month, now.day.day, count),
        chat=chat,
        key=f"=card:{chat}:{now.day}",
        then=f"checkin.carded:{chat}:{now.day}",
        quiet=True,
    )
    if card.message is None:
        return said
    return (said, Do("unpinChatMessage", chat, {"message_id": card.message}))


def _midnight_after(now: Moment) -> int:
    zone = ZoneInfo(now.face.community.zone)
    return micros(datetime.combine(now.day + timedelta(days=1), time(0), zone))


def pin(db: Connection, _now: Moment, answer: Answer) -> Do | None:
    """Telegram took the card: keep its number and pin it, without a sound."""
    chat, _, day = answer.argument.partition(":")
    if not answer.ok or not answer.result:
        return None
    message = int(answer.result["message_id"])
    checkin_cards.pinned(db, int(chat), date.fromisoformat(day), message)
    quietly = {"message_id": message, "disable_notification": True}
    return Do("pinChatMessage", int(chat), quietly)


def notice(db: Connection, now: Moment) -> None:
    """Somebody checked in: every card of the community will tell, half a minute later at most."""
    at = (now.stamp // PAUSE + 1) * PAUSE
    for chat in checkin_cards.on_in(db, now.face.community.id):
        due.put(db, COUNT, str(chat), at, bot=now.face.id, facts={"chat": chat})


def count(db: Connection, job: Job, now: Moment) -> Say | None:
    """Bring a card's count up to date; however many checked in, that is one edit."""
    chat = int(job.facts["chat"])
    card = checkin_cards.of_chat(db, chat)
    if card is None or not card.on or card.day is None:
        return None
    if card.message is None or 0 <= now.stamp - card.edited < PAUSE:  # not yet posted, or too soon
        again = max(card.edited, now.stamp) + PAUSE if card.message is None else card.edited + PAUSE
        due.put(db, COUNT, job.key, again, bot=job.bot, facts=job.facts)
        return None
    shown = checkins.count(db, now.face.community.id, card.day)
    if shown == card.shown:
        return None
    checkin_cards.count_shown(db, chat, shown, now.stamp)
    return Say(
        rules.CardShown(card.day.month, card.day.day, shown),
        chat=chat,
        key=f"count{shown}",
        edit=card.message,
        not_after=now.stamp + 2 * PAUSE,  # a newer count is on its way by then
        then=f"checkin.counted:{chat}",
    )


def recount(db: Connection, now: Moment, answer: Answer) -> None:
    """An edit had to wait so long that it was given up: the card still shows an older count."""
    if answer.ok or answer.error != PASSED:
        return
    chat = int(answer.argument)
    checkin_cards.count_shown(db, chat, -1, now.stamp)
    due.put(db, COUNT, str(chat), now.stamp + PAUSE, bot=now.face.id, facts={"chat": chat})


def instead(db: Connection, now: Moment, outcome: object) -> Do | None:
    """The reaction that answers a typed check-in where the group wants no replies."""
    if now.place.private or now.message is None:
        return None
    card = checkin_cards.of_chat(db, now.place.id)
    if card is None or card.loud is not Loud.REACTION:
        return None
    emoji = GLAD
    if isinstance(outcome, rules.CheckedIn):
        emoji = FIRST
    elif isinstance(outcome, rules.AlreadyCheckedIn):
        emoji = AGAIN
    return Do(
        "setMessageReaction",
        now.place.id,
        {"message_id": now.message, "reaction": [{"type": "emoji", "emoji": emoji}]},
        cls=LetterClass.NEWS,
        not_after=now.stamp + REACTED_WITHIN,
    )
