"""Who comes, step by step: one greeting for many, and one question at the door."""

from __future__ import annotations

from typing import Final

from handlers.doors import Answer, Do, Result, Say
from handlers.groups import people, rules
from storage import audit, chats, communities, due, order, touches
from storage.database import Connection
from storage.order import Gate, Knock
from storage.records import Fan, Job, LetterClass, Moment, Place, Purpose, Touch

WELCOME: Final = "groups.welcome"
GATHER: Final = 20 * 1_000_000
WEEK: Final = 7 * 24 * 3600 * 1_000_000


# ---------------------------------------------------------------- the greeting


def arrive(db: Connection, fan: Fan, now: Moment, link: str) -> None:
    """Somebody joined, by an invite *link* or without one: remember since when and what led them
    here, and greet them with all who come in these seconds."""
    if link:
        touches.note(db, now.face.community.id, fan.id, Touch("invite", link, now.stamp))
    again = not order.arrive(db, now.place.id, fan.id, now.stamp, again=WEEK)
    if again or not _greets(db, now, now.place):
        return
    at = (now.stamp // GATHER + 1) * GATHER
    facts = {"chat": now.place.id}
    due.put(db, WELCOME, str(now.place.id), at, bot=now.face.id, facts=facts)


def _greets(db: Connection, now: Moment, place: Place) -> bool:
    on = communities.settings(db, now.face.community.id).welcome
    return on and place.purpose is Purpose.FANS


def leave(db: Connection, fan: Fan, now: Moment) -> None:
    order.leave(db, now.place.id, fan.id)


def greet(db: Connection, job: Job, now: Moment) -> Result:
    """One message for all who came; the one before it goes once Telegram has taken this one."""
    place = chats.place(db, int(job.facts["chat"]))
    names = order.greet(db, place.id)
    if not names or not _greets(db, now, place):
        return None
    return Say(
        rules.welcome(names, place.title),
        chat=place.id,
        quiet=True,
        then=f"groups.welcomed:{place.id}",
        not_after=now.stamp + 60 * GATHER,
    )


def replace(db: Connection, _now: Moment, answer: Answer) -> Result:
    """The new greeting stands, so the old one is no longer needed: never a wall of them."""
    if not answer.ok or not answer.result:
        return None
    chat = int(answer.argument)
    before = order.welcomed(db, chat, int(answer.result["message_id"]))
    if before is None:
        return None
    return Do("deleteMessage", chat, {"message_id": before}, key="old")


# ---------------------------------------------------------------- the door


def knock(db: Connection, fan: Fan, now: Moment) -> Result:
    """Somebody asks to come in: where the community wants that, they are asked one question, in
    the private chat that Telegram opens for it; elsewhere people decide, as ever."""
    settings = communities.settings(db, now.face.community.id)
    if not settings.gate or now.place.purpose is not Purpose.FANS:
        return None
    number = order.knock(db, now.face.community.id, now.place.id, fan.id, now.stamp)
    asked = rules.ask_at_door(fan.name, now.place.title, settings, number)
    door = chats.private_door(db, now.face.id, fan.id)
    return Say(asked, chat=door, fan=fan, cls=LetterClass.REPLY, key="gate")


def answer(db: Connection, fan: Fan, now: Moment, number: int, chosen: int) -> Result:
    """An answer was tapped, by nobody but who was asked: it opens the door, or there is another
    try, and after the third a person looks."""
    gate = _open_gate(db, fan, now, number)
    if gate is None:
        return rules.StaleButton(fan.name)
    title = chats.place(db, gate.chat).title
    settings = communities.settings(db, now.face.community.id)
    if rules.lets_in(settings, chosen):
        order.answer(db, gate.id, Knock.LET_IN, tries=gate.tries, words=str(chosen))
        return (rules.LetIn(fan.name, title), *_decide(db, now, gate, let_in=True))
    tries = gate.tries + 1
    if tries >= rules.GATE_TRIES:
        return _to_person(db, fan, now, gate, tries)
    order.answer(db, gate.id, Knock.ASKED, tries=tries)
    again = rules.ask_at_door(fan.name, title, settings, gate.id, again=True)
    return Say(again, chat=now.place.id, fan=fan, cls=LetterClass.REPLY, key="again")


def ask_person(db: Connection, fan: Fan, now: Moment, number: int) -> Result:
    """Who cannot or will not answer is looked at by a person."""
    gate = _open_gate(db, fan, now, number)
    if gate is None:
        return rules.StaleButton(fan.name)
    return _to_person(db, fan, now, gate, gate.tries)


def _open_gate(db: Connection, fan: Fan, now: Moment, number: int) -> Gate | None:
    gate = order.gate(db, now.face.community.id, number)
    if gate is None or gate.fan != fan.id or gate.state is not Knock.ASKED:
        return None
    return gate


def _to_person(db: Connection, fan: Fan, now: Moment, gate: Gate, tries: int) -> Result:
    order.answer(db, gate.id, Knock.PERSON, tries=tries)
    title = chats.place(db, gate.chat).title
    needed = rules.PersonNeeded(fan.name, title, tries, gate.id)
    return (rules.PersonAsked(fan.name, title), *people.tell_desk(db, now, needed, "gate"))


def decide(db: Connection, fan: Fan, now: Moment, number: int, *, let_in: bool) -> Result:
    """Somebody of the staff opens the door, or does not; who may is asked at the press."""
    if people.role(db, now, fan.id) not in rules.KEEPERS:
        return rules.StaffOnly(fan.name)
    gate = order.gate(db, now.face.community.id, number)
    if gate is None:
        return rules.StaleButton(fan.name)
    guest = people.known(db, now, gate.fan)
    if gate.state not in (Knock.PERSON, Knock.ASKED):
        return rules.DoorAnswered(guest.name, gate.state is Knock.LET_IN)
    state = Knock.LET_IN if let_in else Knock.TURNED_AWAY
    order.answer(db, gate.id, state, tries=gate.tries)
    what = "let somebody in" if let_in else "turned somebody away"
    facts = {"fan": gate.fan, "chat": gate.chat}
    audit.note(db, now.face.community.id, fan.id, what, now.stamp, facts)
    told: list[Say] = []
    if let_in:
        welcome = rules.LetIn(guest.name, chats.place(db, gate.chat).title)
        told = list(people.tell_fan(db, now, guest, welcome, "in"))
    done = rules.DoorAnswered(guest.name, let_in)
    return (done, *_decide(db, now, gate, let_in=let_in), *told)


def _decide(db: Connection, now: Moment, gate: Gate, *, let_in: bool) -> list[Do]:
    person = people.telegram_id(db, now, gate.fan)
    if person is None:
        return []
    method = "approveChatJoinRequest" if let_in else "declineChatJoinRequest"
    return [Do(method, gate.chat, {"user_id": person}, cls=LetterClass.REPLY, key="gate")]
