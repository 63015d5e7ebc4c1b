"""The clock's hand: does what is due, once, even when its hour came while nobody was here."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Final, Protocol
from zoneinfo import ZoneInfo

import structlog

from bot.clock import Clock
from bot.lanes import describe
from bot.react import Speech, outbox_topic, speak_for
from handlers.doors import Due
from storage import due, inbox, interactions, levels
from storage.coordination import Coordination
from storage.database import Connection, Database, DatabaseAway, DatabaseFull
from storage.records import NOWHERE, Face, Job, Late, Moment, moment

log = structlog.get_logger(__name__)

LOOK: Final = 1.0  # the longest that something due may be noticed late
TRIES: Final = 5
HOUR: Final = 3600 * 1_000_000
RETRY: Final = 60 * 1_000_000


class HasFace(Protocol):
    face: Face


@dataclass(slots=True)
class Agenda:
    """Runs due jobs in order of their time; one process at a time does it."""

    database: Database
    coordination: Coordination
    clock: Clock
    speech: Speech
    jobs: Mapping[str, Due]
    stations: Mapping[int, HasFace]
    text_days: int

    async def run(self) -> None:
        """Look whenever something is due, and at once when the clock is moved."""
        kept_house = 0
        while True:
            try:
                await self.do_pending()
                if abs(self.clock.now() - kept_house) >= HOUR:
                    kept_house = self.clock.now()
                    await self.keep_house(kept_house)
            except (DatabaseAway, DatabaseFull) as error:
                log.error("due jobs wait for the database", why=str(error))
            await self.clock.moved(LOOK)

    async def keep_house(self, now: int) -> None:
        """Forget which updates were seen, once Telegram cannot repeat them any more, and what
        fans wrote, once its days are over; note how near fans have come."""
        await self.database.work(lambda db: inbox.forget_seen(db, now - inbox.KEPT_HOURS * HOUR))
        if self.text_days:
            before = now - self.text_days * 24 * HOUR
            more = True
            while more:  # in pieces, so that nobody waits behind a year of words
                more = await self.database.work(lambda db: interactions.forget_text(db, before))
                await asyncio.sleep(0)
        more = True
        while more:
            more = await self.database.work(lambda db: levels.keep_up(db, now))
            await asyncio.sleep(0)

    async def do_pending(self) -> int:
        """Do all that is due now; gives how many jobs were done, skipped or put to somebody."""
        done = 0
        while jobs := await self.database.read(lambda db: due.pending(db, self.clock.now())):
            for job in jobs:
                await self._do(job)
            done += len(jobs)
        return done

    async def _do(self, job: Job) -> None:
        rule, now = self.jobs.get(job.kind), self.clock.now()
        station = self.stations.get(job.bot)
        if rule is None or (station is None and job.bot):
            await self.database.work(lambda db: due.fail(db, job, None, "nobody does this"))
            log.error("a due job that nobody does", kind=job.kind, job=job.id)
            return
        late = now - job.at > rule.grace // timedelta(microseconds=1)
        if late and rule.late is not Late.RUN:
            log.warning("a due job is late", kind=job.kind, job=job.id, policy=rule.late.value)
            step: Callable[[Connection, Job], object] = (
                due.ask if rule.late is Late.ASK else due.close
            )
            await self.database.work(lambda db: step(db, job))
            return
        face = station.face if station is not None else next(iter(self.stations.values())).face
        try:
            spoke = await self.database.work(lambda db: self._step(db, rule, job, face, now))
        except (DatabaseAway, DatabaseFull):
            raise
        except Exception as error:
            last = job.attempts + 1 >= TRIES
            log.exception("a due job failed", kind=job.kind, job=job.id, given_up=last)
            words, again = describe(error), None if last else now + RETRY
            await self.database.work(lambda db: due.fail(db, job, again, words))
            return
        if spoke:
            await self.coordination.wake(outbox_topic(face))

    def _step(self, db: Connection, rule: Due, job: Job, face: Face, now: int) -> bool:
        if not due.close(db, job):
            return False
        at = moment(now).astimezone(ZoneInfo(face.community.zone))
        here = Moment(at, f"j{job.id}", face, NOWHERE)
        return speak_for(db, self.speech, face, rule.step(db, job, here), here)
