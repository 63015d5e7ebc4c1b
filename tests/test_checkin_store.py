"""Check-ins as steps over a real database: what is kept beside the log is what the log tells."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from random import Random

import pytest

from handlers.checkin import boards, calendar, card, rules, service
from storage import chats, checkin_cards, checkins, communities, due, fans, heartbeats, ledger
from storage.checkin_cards import Card, Loud
from storage.database import Connection, Database
from storage.records import (
    ChatKind,
    ChatSeen,
    Fan,
    FanSeen,
    Life,
    Mark,
    Moment,
    Place,
    micros,
    monday,
)

ZONE = "Asia/Shanghai"
START = datetime(2030, 1, 7, 4, tzinfo=UTC)  # a Monday, at noon in Shanghai


class House:
    """A community in one transaction, where fans act on the day that is named."""

    def __init__(self, db: Connection) -> None:
        self.db = db
        community = communities.found(db, "林间", zone=ZONE, locale="zh", persona={})
        self.face = communities.put_on(db, 77, "lulu_bot", community, hears_all=True)
        self.acts = 0

    def fan(self, number: int, name: str = "Lin") -> Fan:
        meet = fans.meet(self.db, FanSeen(5_000_000_000 + number, name), 1)
        return replace(fans.remember(self.db, self.face.community, meet, 1), locale="zh")

    def now(self, fan: Fan, at: datetime) -> Moment:
        self.acts += 1
        door = chats.private_door(self.db, self.face.id, fan.id)
        place: Place = chats.place(self.db, door)
        return Moment(at, f"t{self.acts}", self.face, place)

    def check(self, fan: Fan, day: int, *, hour: int = 0) -> object:
        at = START + timedelta(days=day, hours=hour)
        return service.check_in(self.db, fan, self.now(fan, at))

    def life(self, fan: Fan) -> Life:
        return checkins.life(self.db, self.face.community.id, fan.id)

    def recount(self, fan: Fan) -> Life:
        return rules.recount(checkins.log(self.db, self.face.community.id, fan.id))

    def balance(self, fan: Fan) -> int:
        return ledger.balance(self.db, self.face.community.id, fan.id)


Step = Callable[[House], None]


async def play(database: Database, step: Step) -> None:
    def transaction(db: Connection) -> None:
        step(House(db))

    await database.work(transaction)


async def test_a_month_of_check_ins_is_kept_as_the_log_tells(each_database: Database) -> None:
    """Daily, then two days missed with savers, then a gap that breaks the row."""

    def step(house: House) -> None:
        lin = house.fan(1)
        told = [house.check(lin, day) for day in (*range(14), 16, *range(17, 20), 25)]
        kinds = Counter(type(one).__name__ for one in told)
        assert kinds == {
            "CheckedIn": 15,
            "MilestoneReached": 1,
            "SaverEarned": 1,
            "StreakSaved": 1,
            "StartedAnew": 1,
        }
        assert house.life(lin) == house.recount(lin)
        assert house.life(lin).best == 18
        assert house.balance(lin) == 19 * 10 + 2 * 20
        assert isinstance(house.check(lin, 25, hour=1), rules.AlreadyCheckedIn)
        assert house.balance(lin) == 19 * 10 + 2 * 20

    await play(each_database, step)


async def test_a_missed_day_is_made_up_for_points(each_database: Database) -> None:
    def step(house: House) -> None:
        lin = house.fan(1)
        for day in (0, 1, 2, 3, 5):
            house.check(lin, day)
        now = house.now(lin, START + timedelta(days=5, hours=1))
        offered = service.offer_make_up(house.db, lin, now)
        assert offered == rules.MakeUpOffered("Lin", "2030-01-11", 1, 11, 30, 50)
        made = service.make_up(house.db, lin, now, date(2030, 1, 11))
        assert made == rules.MadeUp("Lin", 1, 11, 6, 30)
        assert house.balance(lin) == 20
        assert house.life(lin) == house.recount(lin)
        again = service.make_up(house.db, lin, now, date(2030, 1, 11))
        assert isinstance(again, rules.NothingToMakeUp)
        assert house.balance(lin) == 20
        house.check(lin, 7)
        later = house.now(lin, START + timedelta(days=7, hours=1))
        assert service.offer_make_up(house.db, lin, later) == rules.MakeUpOffered(
            "Lin", "2030-01-13", 1, 13, 30, 30
        )

    await play(each_database, step)


async def test_making_up_needs_today_and_points(each_database: Database) -> None:
    def step(house: House) -> None:
        lin = house.fan(1)
        house.check(lin, 0)
        house.check(lin, 2)
        tomorrow = house.now(lin, START + timedelta(days=3))
        assert isinstance(service.offer_make_up(house.db, lin, tomorrow), rules.CheckInFirst)
        today = house.now(lin, START + timedelta(days=2, hours=1))
        poor = service.offer_make_up(house.db, lin, today)
        assert poor == rules.TooFewPoints("Lin", 30, 20)
        refused = service.make_up(house.db, lin, today, date(2030, 1, 8))
        assert refused == rules.TooFewPoints("Lin", 30, 20)
        assert house.life(lin) == house.recount(lin)
        assert house.balance(lin) == 20

    await play(each_database, step)


async def test_an_outage_of_ours_costs_no_streak(each_database: Database) -> None:
    def step(house: House) -> None:
        lin = house.fan(1)
        house.check(lin, 0)
        house.check(lin, 1)
        since = micros(START + timedelta(days=1, hours=2))
        assert heartbeats.wake(house.db, since) is None
        back = micros(START + timedelta(days=3, hours=2))
        assert heartbeats.wake(house.db, back) == (since, back)
        told = house.check(lin, 4)
        assert told == rules.OutageForgiven("Lin", 3, 10, 3, 2)
        assert house.life(lin) == house.recount(lin)
        month = calendar.show(house.db, lin, house.now(lin, START + timedelta(days=4)))
        assert isinstance(month, rules.MonthShown)
        assert month.cells == {
            "7": Mark.CHECKED, "8": Mark.CHECKED, "9": Mark.OUTAGE, "10": Mark.OUTAGE,
            "11": Mark.CHECKED,
        }  # fmt: skip

    await play(each_database, step)


@pytest.mark.parametrize(("gap", "noted"), [(9.9, False), (10.0, True)])
async def test_ten_minutes_make_an_outage(database: Database, gap: float, noted: bool) -> None:
    def step(db: Connection) -> None:
        heartbeats.wake(db, 0)
        assert (heartbeats.wake(db, int(gap * 60e6)) is not None) is noted
        assert heartbeats.wake(db, int(gap * 60e6) - 1) is None  # the clock went back

    await database.work(step)


async def test_a_zone_that_is_left_keeps_its_days(each_database: Database) -> None:
    """Lin checks in at home in Los Angeles, flies to Tokyo and misses no day there."""

    def step(house: House) -> None:
        lin = replace(house.fan(1), zone="America/Los_Angeles")
        west = datetime(2030, 1, 6, 4, tzinfo=UTC)  # 20:00 on the 5th
        assert isinstance(service.check_in(house.db, lin, house.now(lin, west)), rules.CheckedIn)
        lin = replace(lin, zone="Asia/Tokyo")
        east = datetime(2030, 1, 7, 0, tzinfo=UTC)  # 9:00 on the 7th
        told = service.check_in(house.db, lin, house.now(lin, east))
        assert told == rules.CheckedIn("Lin", 2, 10, 2)
        assert house.life(lin) == house.recount(lin)

    await play(each_database, step)


async def test_the_boards_rank_as_a_count_over_all_lives_would(each_database: Database) -> None:
    """Many random lives; every rank read from the tallies is the one that counting gives."""

    def step(house: House) -> None:
        dice = Random(7)
        people = [house.fan(n, f"F{n}") for n in range(12)]
        for day in range(24):
            for fan in dice.sample(people, dice.randrange(3, 12)):
                house.check(fan, day, hour=dice.randrange(10))
                if dice.random() < 0.3:
                    now = house.now(fan, START + timedelta(days=day, hours=11))
                    offer = service.offer_make_up(house.db, fan, now)
                    if isinstance(offer, rules.MakeUpOffered):
                        service.make_up(house.db, fan, now, date.fromisoformat(offer.day))
        community, today = house.face.community.id, (START + timedelta(days=23)).date()
        lives = {fan.id: house.life(fan) for fan in people}
        assert lives == {fan.id: house.recount(fan) for fan in people}
        for fan in people:
            life = lives[fan.id]
            better = [
                one for one in lives.values() if (one.days, one.streak) > (life.days, life.streak)
            ]
            assert checkins.rank_of_all(house.db, community, life) == 1 + len(better)
            peers = [one for one in lives.values() if one.week == life.week]
            ahead = [
                one for one in peers if (one.week_days, one.streak) > (life.week_days, life.streak)
            ]
            assert checkins.rank_of_week(house.db, community, life) == 1 + len(ahead)
        order = sorted(lives.values(), key=lambda one: (-one.days, -one.streak, one.at))
        best = checkins.best_of_all(house.db, community, 12)
        assert [(s.days, s.streak) for s in best] == [(one.days, one.streak) for one in order]
        assert [lives[s.fan] for s in best] == order
        week = checkins.best_of_week(house.db, community, monday(today), 12)
        assert [s.fan for s in week] == _by_week(lives, monday(today))
        first = checkins.first_today(house.db, community, today, 12)
        assert [s.place for s in first] == list(range(1, len(first) + 1))
        assert checkins.count(house.db, community, today) == len(first)

    await play(each_database, step)


def _by_week(lives: dict[int, Life], week: date) -> Sequence[int]:
    here = {fan: life for fan, life in lives.items() if life.week == week}
    return sorted(here, key=lambda f: (-here[f].week_days, -here[f].streak, here[f].at))


async def test_a_board_ends_with_the_fan_s_own_line(each_database: Database) -> None:
    def step(house: House) -> None:
        lin, mia, tom = house.fan(1), house.fan(2, "Mia"), house.fan(3, "Tom")
        house.check(mia, 0)
        house.check(mia, 1)
        house.check(lin, 1)
        now = house.now(lin, START + timedelta(days=1))
        told = boards.rank(house.db, lin, now, "all")
        assert told.leaders == [
            {"place": 1, "name": "Mia", "days": 2, "streak": 2},
            {"place": 2, "name": "Lin", "days": 1, "streak": 1},
        ]
        assert (told.place, told.days) == (2, 1)
        today = boards.rank(house.db, lin, now, "today")
        assert (today.place, today.count) == (2, 2)
        assert boards.rank(house.db, tom, house.now(tom, START), "week").place == 0
        tomorrow = house.now(tom, START + timedelta(days=9))
        assert isinstance(boards.rank(house.db, tom, tomorrow, "week"), rules.NobodyYet)

    await play(each_database, step)


async def test_a_group_keeps_one_card_and_knows_what_it_shows(each_database: Database) -> None:
    def step(house: House) -> None:
        db, community = house.db, house.face.community.id
        chat = chats.enter(db, house.face.id, ChatSeen(-100_123, ChatKind.SUPERGROUP, "林间"))
        assert checkin_cards.of_chat(db, chat) is None
        for loud in (Loud.REPLY, Loud.REACTION):
            checkin_cards.settle(db, community, chat, on=True, loud=loud)
        day = START.date()
        checkin_cards.begin(db, chat, day, 3, 10)
        checkin_cards.pinned(db, chat, day - rules.DAY, 55)  # an older card's answer comes late
        assert checkin_cards.of_chat(db, chat) == Card(chat, Loud.REACTION, True, day, None, 3, 10)
        checkin_cards.pinned(db, chat, day, 56)
        checkin_cards.count_shown(db, chat, 4, 20)
        assert checkin_cards.of_chat(db, chat) == Card(chat, Loud.REACTION, True, day, 56, 4, 20)
        assert checkin_cards.on_in(db, community) == [chat]
        house.check(house.fan(1), 0)
        job = next(job for job in due.pending(db, 2**62) if job.kind == card.COUNT)
        assert job.key == str(chat)
        assert 0 < job.at - micros(START) <= card.PAUSE
        checkin_cards.settle(db, community, chat, on=False, loud=Loud.REPLY)
        assert checkin_cards.on_in(db, community) == []

    await play(each_database, step)
