"""Levels: decided by what happened, kept as we go, and always what a recount gives."""

from __future__ import annotations

import random

import pytest

from storage import fans, inbox, ledger, levels, roster
from storage.database import Connection, Database
from storage.inbox import Acquaintances
from storage.records import (
    DAY,
    Arrival,
    ChatKind,
    ChatSeen,
    Class,
    Evidence,
    FanSeen,
    Kind,
    Level,
    Reach,
    level_of,
)
from tests.stores import GROUP, LIN, Ground, lay

NOW = 500 * DAY


@pytest.mark.parametrize(
    ("seen", "level", "ends"),
    [
        (Evidence(), Level.VISITOR, None),
        (Evidence(acted=NOW - 89 * DAY), Level.GUEST, NOW + DAY),
        (Evidence(acted=NOW - 90 * DAY), Level.VISITOR, None),
        (Evidence(acted=NOW, open=True), Level.FAN, None),
        (Evidence(acted=NOW, open=True, befriended=NOW), Level.FRIEND, NOW + 90 * DAY),
        (Evidence(acted=NOW, open=True, befriended=NOW - 90 * DAY), Level.FAN, None),
        (Evidence(befriended=NOW, dealt=NOW - 179 * DAY), Level.CUSTOMER, NOW + DAY),
        (Evidence(dealt=NOW - 180 * DAY), Level.VISITOR, None),
        (Evidence(boosts=True, dealt=NOW), Level.MEMBER, None),
    ],
)
def test_a_level_and_when_it_ends(seen: Evidence, level: Level, ends: int | None) -> None:
    assert level_of(seen, NOW) == (level, ends)


def happen(
    db: Connection, ground: Ground, number: int, kind: Kind, cls: Class, at: int, who: FanSeen = LIN
) -> None:
    chat = ChatSeen(LIN.telegram_id, ChatKind.PRIVATE) if kind is Kind.PAYMENT else GROUP
    arrival = Arrival(number, kind, cls, at, chat, who, number)
    inbox.keep(db, ground.bot, [arrival], Acquaintances.none(), at)


def level(db: Connection, ground: Ground, now: int) -> Level:
    while levels.keep_up(db, now):
        pass
    kept = levels.kept(db, ground.community.id, ground.lin)
    assert kept is levels.of(db, ground.community.id, ground.lin, now)
    return kept


async def test_a_fan_climbs_and_slips(each_database: Database) -> None:
    """From a face in the crowd to one of us, and back where nothing happens for long."""
    ground = await lay(each_database)
    community = ground.community.id

    def life(db: Connection) -> list[Level]:
        seen = []
        happen(db, ground, 1, Kind.JOIN, Class.PASSIVE, DAY)
        seen.append(level(db, ground, DAY))
        happen(db, ground, 2, Kind.MESSAGE, Class.VOLUNTARY, 2 * DAY)
        seen.append(level(db, ground, 2 * DAY))
        seen.append(level(db, ground, 92 * DAY))
        fans.set_reach(db, community, ground.lin, Reach.OPEN)
        seen.append(level(db, ground, 93 * DAY))
        ledger.adjust(
            db, community, ground.lin, 5, reason=ledger.Reason.GIVEN, words="x", actor=1,
            idem="a", at=94 * DAY,
        )  # fmt: skip
        seen.append(level(db, ground, 94 * DAY))
        happen(db, ground, 3, Kind.REPLY, Class.VOLUNTARY, 95 * DAY)
        seen.append(level(db, ground, 95 * DAY))
        happen(db, ground, 4, Kind.PAYMENT, Class.PASSIVE, 96 * DAY)
        seen.append(level(db, ground, 96 * DAY))
        happen(db, ground, 5, Kind.BOOST, Class.VOLUNTARY, 97 * DAY)
        seen.append(level(db, ground, 97 * DAY))
        happen(db, ground, 6, Kind.UNBOOST, Class.PASSIVE, 98 * DAY)
        seen.append(level(db, ground, 98 * DAY))
        seen.append(level(db, ground, 276 * DAY))
        fans.set_reach(db, community, ground.lin, Reach.BLOCKED)
        seen.append(level(db, ground, 277 * DAY))
        return seen

    assert await each_database.work(life) == [
        Level.VISITOR, Level.GUEST, Level.VISITOR, Level.FAN, Level.FAN, Level.FRIEND,
        Level.CUSTOMER, Level.MEMBER, Level.CUSTOMER, Level.FAN, Level.VISITOR,
    ]  # fmt: skip


async def test_an_answer_to_a_gift_after_two_weeks_makes_no_friend(database: Database) -> None:
    ground = await lay(database)

    def life(db: Connection) -> Level:
        happen(db, ground, 1, Kind.MESSAGE, Class.VOLUNTARY, DAY)
        ledger.adjust(
            db, ground.community.id, ground.lin, 5, reason=ledger.Reason.GIVEN, words="x", actor=1,
            idem="a", at=DAY + 1,
        )  # fmt: skip
        happen(db, ground, 2, Kind.MESSAGE, Class.VOLUNTARY, 16 * DAY)
        return level(db, ground, 16 * DAY)

    assert await database.work(life) is Level.GUEST


@pytest.mark.parametrize("seed", range(5))
async def test_what_is_kept_is_what_a_recount_gives(each_database: Database, seed: int) -> None:
    """However often levels were kept up in between, and in whatever order things were heard."""
    ground = await lay(each_database)
    chance = random.Random(seed)
    people = [FanSeen(600 + n, f"f{n}") for n in range(12)]

    def lives(db: Connection) -> int:
        now = DAY
        for number in range(1, 160):
            now += chance.randrange(3 * DAY)
            kind, cls = chance.choice(
                [
                    (Kind.MESSAGE, Class.VOLUNTARY),
                    (Kind.JOIN, Class.PASSIVE),
                    (Kind.BOOST, Class.VOLUNTARY),
                    (Kind.UNBOOST, Class.PASSIVE),
                    (Kind.SERVICE, Class.PASSIVE),
                ]
            )
            happen(
                db, ground, number, kind, cls, now - chance.randrange(DAY), chance.choice(people)
            )
            who = fans.number_of(db, chance.choice(people).telegram_id)
            if who is not None and chance.random() < 0.2:
                reach = chance.choice([Reach.OPEN, Reach.BLOCKED])
                fans.set_reach(db, ground.community.id, who, reach)
            if chance.random() < 0.1:
                levels.keep_up(db, now, most=7)
        while levels.keep_up(db, now):
            pass
        return levels.rebuild(db, now)

    assert await each_database.work(lives) == 0


async def test_the_export_tells_the_level_of_this_moment(each_database: Database) -> None:
    """Also before what is kept has caught up."""
    ground = await lay(each_database)
    await each_database.work(lambda db: happen(db, ground, 1, Kind.MESSAGE, Class.VOLUNTARY, DAY))
    (line,) = await each_database.read(lambda db: list(roster.exported(db)))
    assert line["level"] == "guest"
