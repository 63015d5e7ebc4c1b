"""Setting a group up, step by step: what it is for, how loud the bot is there, what it minds."""

from __future__ import annotations

from collections.abc import Iterable

from handlers.doors import Result, Say
from handlers.groups import people, rules
from storage import audit, chats, checkin_cards, communities, due
from storage.checkin_cards import Loud
from storage.database import Connection
from storage.records import Fan, LetterClass, Moment, Place, Purpose, Standing

CARD = "checkin.card"  # the job that posts the check-in card of a group


def open_here(
    db: Connection, fan: Fan, now: Moment, rights: Iterable[str] | None, standing: Standing | None
) -> Result:
    """/setup: in a group its card, in private the list of groups. *rights* and *standing* are what
    Telegram just told of the bot's place here, None where it was not asked or did not answer."""
    if not communities.owners(db, now.face.community.id):
        return rules.NobodyOwns(fan.name)
    if people.role(db, now, fan.id) not in rules.SETTERS:
        return rules.StaffOnly(fan.name)
    if now.place.private:
        return rules.list_groups(chats.groups(db, now.face.id))
    if rights is not None:
        chats.set_rights(db, now.place.id, rights)
    if standing is not None:
        chats.stand(db, now.place.id, standing)
    return card(db, now, chats.place(db, now.place.id))


def card(db: Connection, now: Moment, place: Place) -> rules.SetUp:
    """What the bot is and may do in a group, as of now."""
    settings = communities.settings(db, now.face.community.id)
    loud = _loudness(db, place.id, settings.loud)
    return rules.set_up(place, settings, loud=loud, hears_all=now.face.hears_all)


def _loudness(db: Connection, chat: int, otherwise: str) -> str:
    kept = checkin_cards.of_chat(db, chat)
    if kept is None:
        return otherwise
    if kept.loud is Loud.REPLY:
        return "reply"
    return "reaction" if kept.on else "quiet"


def open_one(db: Connection, fan: Fan, now: Moment, chat: int) -> Result:
    """One of the list: its card, where the list was asked for."""
    place = _allowed(db, fan, now, chat)
    if not isinstance(place, Place):
        return place
    return Say(
        card(db, now, place),
        chat=now.place.id,
        fan=fan,
        cls=LetterClass.REPLY,
        key=f"open{place.id}",
    )


def set_purpose(
    db: Connection, fan: Fan, now: Moment, chat: int, purpose: Purpose, message: int | None
) -> Result:
    """Say what a group or channel is for; one for fans begins with the settings of the house."""
    place = _allowed(db, fan, now, chat)
    if not isinstance(place, Place):
        return place
    if (place.kind == "channel") is not (
        purpose is Purpose.CHANNEL
    ) and purpose is not Purpose.NONE:
        return rules.StaleButton(fan.name)
    chats.set_purpose(db, now.face.id, chat, purpose)
    _note(db, fan, now, "set the purpose of a chat", chat=chat, purpose=purpose.value)
    if purpose is Purpose.FANS:
        _be_loud(db, now, chat, communities.settings(db, now.face.community.id).loud)
    elif place.purpose is Purpose.FANS:
        _be_loud(db, now, chat, "reply")
    told = rules.Changed(purpose.value or "none", on=True, title=place.title)
    return _with_card(db, fan, now, chat, told, message)


def set_loudness(
    db: Connection, fan: Fan, now: Moment, chat: int, loud: str, message: int | None
) -> Result:
    """How typed check-ins are answered: by words, by a reaction beside a card of the day, or by a
    reaction alone."""
    place = _allowed(db, fan, now, chat)
    if not isinstance(place, Place):
        return place
    _be_loud(db, now, chat, loud)
    communities.change(db, now.face.community.id, loud=loud)
    _note(db, fan, now, "set how loud the bot is", chat=chat, loud=loud)
    told = rules.Changed(loud, on=True, title=place.title)
    return _with_card(db, fan, now, chat, told, message)


def _be_loud(db: Connection, now: Moment, chat: int, loud: str) -> None:
    on = loud == "reaction"
    manner = Loud.REPLY if loud == "reply" else Loud.REACTION
    checkin_cards.settle(db, now.face.community.id, chat, on=on, loud=manner)
    if on:
        due.put(db, CARD, str(chat), now.stamp, bot=now.face.id, facts={"chat": chat})
    else:
        due.take_back(db, CARD, str(chat))


def switch(
    db: Connection, fan: Fan, now: Moment, chat: int, what: str, message: int | None
) -> Result:
    """Turn the welcome, the question at the door or the filter on or off, for all groups."""
    place = _allowed(db, fan, now, chat)
    if not isinstance(place, Place):
        return place
    settings = communities.settings(db, now.face.community.id)
    on = not getattr(settings, what)
    communities.change(db, now.face.community.id, **{what: on})
    _note(db, fan, now, "switched a setting", switch=what, on=on)
    told = rules.Changed(what, on=on, title=place.title)
    return _with_card(db, fan, now, chat, told, message)


def set_door(db: Connection, fan: Fan, now: Moment, text: str) -> Result:
    """/door: another question for those who knock, and the answers to choose from."""
    if people.role(db, now, fan.id) not in rules.SETTERS:
        return rules.StaffOnly(fan.name)
    own = text.strip().lower() in ("off", "default", "默认", "預設")
    asked = ("", (), -1) if own else rules.read_door(text)
    if asked is None:
        return rules.HowToSetDoor(fan.name)
    question, answers, right = asked
    communities.change(
        db,
        now.face.community.id,
        gate_question=question,
        gate_answers=answers,
        gate_right=right,
    )
    _note(db, fan, now, "set the question at the door", answers=len(answers))
    first, second, third = (*answers, "", "", "")[:3]
    return rules.DoorSet(question, first, second, third)


def _allowed(
    db: Connection, fan: Fan, now: Moment, chat: int
) -> Place | rules.StaffOnly | rules.StaleButton:
    """The group under a button, for whoever may set it up at this moment; another community's is
    not even named."""
    if people.role(db, now, fan.id) not in rules.SETTERS:
        return rules.StaffOnly(fan.name)
    return people.own_place(db, now, chat) or rules.StaleButton(fan.name)


def _with_card(
    db: Connection,
    fan: Fan,
    now: Moment,
    chat: int,
    told: rules.Changed,
    message: int | None,
) -> Result:
    """The toast, and the card brought up to date where it stands."""
    if message is None:
        return told
    fresh = Say(
        card(db, now, chats.place(db, chat)),
        chat=now.place.id,
        fan=fan,
        cls=LetterClass.REPLY,
        edit=message,
    )
    return (told, fresh)


def _note(db: Connection, fan: Fan, now: Moment, what: str, **facts: object) -> None:
    audit.note(db, now.face.community.id, fan.id, what, now.stamp, facts)
