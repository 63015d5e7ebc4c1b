"""What we hold of a fan, step by step: shown, handed over as a file, or forgotten for good."""

from __future__ import annotations

import json

from handlers.doors import Answer, Do, Result, Say
from handlers.fans import rules
from storage import communities, due, erasure
from storage.database import Connection
from storage.erasure import Passed
from storage.records import Fan, Job, LetterClass, Moment

ERASE, SWEEP = "fans.erase", "fans.sweep"
SECOND = 1_000_000
GOODBYE_WITHIN = 600 * SECOND  # a goodbye that cannot be said by then is not waited for
SETTLED = 5 * SECOND  # what was under way when somebody was erased has ended by then


def show(_db: Connection, fan: Fan, now: Moment) -> rules.PrivacyShown | rules.PrivacyInPrivate:
    if not now.place.private:
        return rules.PrivacyInPrivate(fan.name)
    return rules.PrivacyShown(fan.name)


def hand_over(db: Connection, fan: Fan, now: Moment) -> Result:
    """Everything that we hold of the fan, as a file in their own chat."""
    if not now.place.private:
        return rules.PrivacyInPrivate(fan.name)
    told = json.dumps(erasure.shown(db, fan.id), ensure_ascii=False, indent=1)
    file = {"name": f"my-data-{now.day}.json", "text": told}
    return (
        rules.MyDataSent(fan.name),
        Do("sendDocument", now.place.id, {"document": file}, LetterClass.REPLY, "data"),
    )


def ask(db: Connection, fan: Fan, now: Moment) -> Result:
    """Ask once before anything is erased; in a letter, since a toast carries no buttons."""
    if not now.place.private:
        return rules.PrivacyInPrivate(fan.name)
    if communities.works_anywhere(db, fan.id):
        return rules.StillOnDuty(fan.name)
    question = rules.ForgetAsked(fan.name, fan.id)
    return Say(question, chat=now.place.id, fan=fan, cls=LetterClass.REPLY, key="forget")


def keep(_db: Connection, fan: Fan, _now: Moment) -> rules.StaysRemembered:
    return rules.StaysRemembered(fan.name)


def agree(db: Connection, fan: Fan, now: Moment, asked: str) -> Result:
    """Say goodbye while there is still an address; once it is said, everything goes.

    Only for who was *asked*: an old button of somebody who came back as new asks again.
    """
    if asked != str(fan.id) or not now.place.private or communities.works_anywhere(db, fan.id):
        return ask(db, fan, now)
    due.put(db, ERASE, str(fan.id), now.stamp + GOODBYE_WITHIN, facts={"number": fan.id})
    return Say(
        rules.Forgotten(fan.name),
        chat=now.place.id,
        fan=fan,
        cls=LetterClass.REPLY,
        key=f"=forget:{fan.id}",
        then=f"fans.erase:{fan.id}",
    )


def erase(db: Connection, now: Moment, answer: Answer) -> None:
    """The goodbye was said, or will never be."""
    _erase(db, int(answer.argument), now)


def erase_anyway(db: Connection, job: Job, now: Moment) -> None:
    """Nobody heard what became of the goodbye."""
    _erase(db, int(job.facts["number"]), now)


def _erase(db: Connection, fan: int, now: Moment) -> None:
    words = erasure.erase(db, fan)
    due.take_back(db, ERASE, str(fan))
    if words:
        facts = {"number": fan, "words": words, "row": 0, "letter": [0, 0, -1]}
        due.put(db, SWEEP, str(fan), now.stamp + SETTLED, facts=facts)


def sweep(db: Connection, job: Job, now: Moment) -> None:
    """Look through the next rows; the rest comes a moment later, so that nobody waits behind it."""
    bot, chat, message = job.facts["letter"]
    fan, words = int(job.facts["number"]), job.facts["words"]
    passed = erasure.sweep(db, fan, words, Passed(job.facts["row"], (bot, chat, message)))
    if passed is not None:
        facts = {**job.facts, "row": passed.row, "letter": list(passed.letter)}
        due.put(db, SWEEP, job.key, now.stamp + 1, facts=facts)
