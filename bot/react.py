"""One act, one transaction: remember the fan, run the step, put what it says, close the task."""

from __future__ import annotations

import dataclasses
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final
from zoneinfo import ZoneInfo

from handlers.doors import Do, Outcome, Result, Say, template_of
from handlers.groups.rules import CatchingUp
from storage import bags, chats, fans, inbox, outbox
from storage.database import Connection, Database
from storage.records import (
    NOWHERE,
    Face,
    Fan,
    Letter,
    LetterClass,
    Moment,
    Place,
    Task,
    moment,
)
from templates import Voice, locale_of, markup

LATE: Final = 5 * 60 * 1_000_000  # an answer older than this is no answer any more
GATHER: Final = 20 * 1_000_000  # a digest after an outage waits so long for more to count
TOAST: Final = 200

Toast = Callable[[str, str], Awaitable[None]]


class AlreadyClosed(Exception):
    """The task left the inbox in an earlier run whose commit nobody heard of; nothing to do."""


@dataclass(frozen=True, slots=True)
class Speech:
    """Turns outcomes into letters, checked before they are stored."""

    voice: Voice

    def words(
        self,
        outcome: Outcome,
        locale: str,
        face: Face,
        *,
        variant: int = 0,
        hour: int | None = None,
    ) -> str:
        """Telegram HTML that the strict parser accepts; raises templates.markup.Unsendable."""
        html = self.voice.render(
            template_of(type(outcome)),
            facts_of(outcome),
            locale=locale,
            persona=persona(face),
            variant=variant,
            hour=hour,
        )
        markup.parse(html)
        return html

    def toast(
        self,
        db: Connection,
        outcome: Outcome,
        locale: str,
        face: Face,
        fan: Fan | None,
        now: Moment,
    ) -> str:
        """Plain words for whoever pressed a button: in a group they alone see them, so they have a
        bag of their own."""
        name = template_of(type(outcome))
        count = self.voice.variants(name, locale, persona(face))
        alone = fan.id if fan is not None and not now.place.private else 0
        variant = bags.draw(db, now.place.id, name, locale, count, alone)
        html = self.words(outcome, locale, face, variant=variant, hour=now.at.hour)
        return markup.plain(html, TOAST)

    def letter(
        self,
        outcome: Outcome,
        *,
        face: Face,
        chat: int,
        idem: str,
        locale: str,
        fan: int | None = None,
        cls: LetterClass = LetterClass.REPLY,
        reply_to: int | None = None,
        not_before: int = 0,
        not_after: int | None = None,
        edit: int | None = None,
    ) -> Letter:
        self.words(outcome, locale, face)
        template = template_of(type(outcome))
        room = template.partition("/")[0]
        facts = facts_of(outcome)
        payload: dict[str, Any] = {} if edit is None else {"message_id": edit}
        if rows := _keyboard(outcome, room, facts):
            payload["buttons"] = rows
        if picture := getattr(outcome, "picture", ""):
            payload["picture"] = f"{room}.{picture}"
        return Letter(
            bot=face.id,
            chat=chat,
            idem=idem,
            method="sendMessage" if edit is None else "editMessageText",
            template=template,
            facts=facts,
            payload=payload,
            cls=cls,
            fan=fan,
            locale=locale,
            reply_to=reply_to,
            not_before=not_before,
            not_after=not_after,
        )


def _keyboard(outcome: Outcome, room: str, facts: Mapping[str, Any]) -> list[list[str]]:
    """The rows of button keys under an outcome, without those that have nothing to say."""
    rows = [
        [(key if "." in key else f"{room}.{key}").format_map(facts) for key in row]
        for row in outcome.buttons
    ]
    full = [[key for key in row if not key.endswith(":")] for row in rows]
    return [row for row in full if row]


def facts_of(outcome: Outcome) -> dict[str, Any]:
    return {f.name: getattr(outcome, f.name) for f in dataclasses.fields(outcome)}


def outbox_topic(face: Face) -> str:
    """What the sender of this bot waits for; by Telegram's id, since two installations that share
    a Redis number their bots alike."""
    return f"outbox:{face.telegram_id}"


def persona(face: Face) -> Mapping[str, Any]:
    return face.community.persona


@dataclass(slots=True)
class Reaction:
    """The ``react`` of one task. *callback* is the id of the press that must be answered.

    ``done`` tells whether the task was closed (a handler that never reacts leaves that to its
    caller), ``spoke`` whether letters were put.
    """

    database: Database
    speech: Speech
    face: Face
    task: Task
    now: int
    toast: Toast
    callback: str | None = None
    message: int | None = None
    done: bool = False
    spoke: bool = False

    async def __call__(self, step: Callable[..., Result], *args: Any, **kw: Any) -> Result:
        """Run *step* as the fan's own act; without a fan (an anonymous admin, a channel) nothing
        is done, since nobody can be credited."""
        if self.task.fan is None:
            return await self.house(_nothing)

        def transaction(db: Connection) -> tuple[Result, str | None]:
            place = self._open(db)
            fan = self._fan(db)
            now = self._moment(place, fan.zone)
            result = step(db, fan, now, *args, **kw)
            return result, self._speak(db, result, fan, now)

        return await self._commit(transaction)

    async def house(self, step: Callable[..., Result], *args: Any, **kw: Any) -> Result:
        """Run *step* as something that happened to a chat: ``step(db, now, *args, **kw)``."""

        def transaction(db: Connection) -> tuple[Result, str | None]:
            now = self._moment(self._open(db), self.face.community.zone)
            result = step(db, now, *args, **kw)
            return result, self._speak(db, result, None, now)

        return await self._commit(transaction)

    async def _commit(
        self, transaction: Callable[[Connection], tuple[Result, str | None]]
    ) -> Result:
        try:
            result, toast = await self.database.work(transaction)
        except AlreadyClosed:
            self.done = True
            return None
        self.done = True
        if self.callback is not None:
            await self.toast(self.callback, toast or "")
        return result

    def _open(self, db: Connection) -> Place:
        if not inbox.close(db, self.task.id):
            raise AlreadyClosed
        if self.task.chat is None:
            fan = self.task.fan
            door = chats.private_door(db, self.face.id, fan) if fan is not None else None
            return chats.place(db, door) if door is not None else NOWHERE
        return chats.place(db, self.task.chat)

    def _fan(self, db: Connection) -> Fan:
        assert self.task.fan is not None
        known = fans.remember(db, self.face.community, self.task.fan, self.task.at)
        return dataclasses.replace(
            known, locale=locale_of(known.locale, self.face.community.locale)
        )

    def _moment(self, place: Place, zone: str) -> Moment:
        at = moment(self.task.at).astimezone(ZoneInfo(zone))
        return Moment(at, f"t{self.task.id}", self.face, place, self.message)

    def _speak(self, db: Connection, result: Result, fan: Fan | None, now: Moment) -> str | None:
        """Put every letter; give the toast where the act was a press."""
        toast = None
        for n, said in enumerate(_each(result)):
            if isinstance(said, Do) or (isinstance(said, Say) and said.chat is not None):
                put_aside(db, self.speech, self.face, said, now, n)
                self.spoke = True
            elif said is not None:
                toast = self._answer(db, said, fan, now)
        return toast

    def _answer(self, db: Connection, said: Any, fan: Fan | None, now: Moment) -> str | None:
        outcome = said.outcome if isinstance(said, Say) else said
        listener = (said.fan if isinstance(said, Say) else None) or fan
        locale = listener.locale if listener else self.face.community.locale
        late = self.now - self.task.at > LATE
        self.spoke = True
        if self.callback is not None and not late:
            return self.speech.toast(db, outcome, locale, self.face, listener, now)
        if late and not now.place.private:
            self._count(db, now)
            return None
        idem = now.cause
        if late:  # one answer of each kind is enough for somebody who wrote the same five times
            idem = f"late:{now.place.id}:{template_of(type(outcome))}:{self.now // GATHER}"
        outbox.put(
            db,
            self.speech.letter(
                outcome,
                face=self.face,
                chat=now.place.id,
                idem=idem,
                locale=locale,
                fan=listener.id if listener else None,
                reply_to=None if now.place.private else now.message,
            ),
        )
        return None

    def _count(self, db: Connection, now: Moment) -> None:
        """After an outage a group hears one line, not one answer for each who wrote meanwhile."""
        minutes = max(1, (self.now - self.task.at) // 60_000_000)
        letter = self.speech.letter(
            CatchingUp(1, minutes),
            face=self.face,
            chat=now.place.id,
            idem=f"late:{now.place.id}:{self.now // (6 * LATE)}",
            locale=self.face.community.locale,
            cls=LetterClass.SERVICE,
            not_before=self.now + GATHER,
        )
        outbox.add_up(db, letter, "count")


def _each(result: Result) -> tuple[Any, ...]:
    return result if isinstance(result, tuple) else (result,)


def put_aside(
    db: Connection, speech: Speech, face: Face, said: Say | Do, now: Moment, number: int
) -> None:
    """Put what goes another way than as the answer to whoever acted."""
    idem = f"{now.cause}:{number}{said.key}" if said.key[:1] != "=" else said.key[1:]
    if isinstance(said, Do):
        outbox.put(db, call(said, face, idem))
        return
    assert said.chat is not None
    letter = speech.letter(
        said.outcome,
        face=face,
        chat=said.chat,
        idem=idem,
        locale=said.fan.locale if said.fan else face.community.locale,
        fan=said.fan.id if said.fan else None,
        cls=said.cls,
        not_before=said.not_before,
        not_after=said.not_after,
        edit=said.edit,
    )
    if said.quiet:
        payload = {**letter.payload, "disable_notification": True}
        letter = dataclasses.replace(letter, payload=payload)
    outbox.put(db, dataclasses.replace(letter, then=said.then))


def speak_for(db: Connection, speech: Speech, face: Face, result: Result, now: Moment) -> bool:
    """Put the letters of a due job, where nobody acted; True when there were any.

    Raises ValueError for an outcome without a chat: there is nobody to answer.
    """
    said = [one for one in _each(result) if one is not None]
    for n, one in enumerate(said):
        if not isinstance(one, Do) and not (isinstance(one, Say) and one.chat is not None):
            raise ValueError(f"{type(one).__name__} has no chat to go to")
        put_aside(db, speech, face, one, now, n)
    return bool(said)


def call(said: Do, face: Face, idem: str) -> Letter:
    """A letter without words: the method and Telegram's own parameters."""
    return Letter(
        bot=face.id,
        chat=said.chat,
        idem=idem,
        method=said.method,
        payload=said.payload,
        cls=said.cls,
        then=said.then,
        not_after=said.not_after,
    )


def _nothing(_db: Connection, _now: Moment) -> None:
    """What is done for somebody who is nobody."""
