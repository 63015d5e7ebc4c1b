"""Who came, how often and how early, step by step: the leaderboards and a fan's own place."""

from __future__ import annotations

from collections.abc import Sequence

from handlers.checkin import rules
from handlers.doors import Outcome, Result, Say
from storage import checkins
from storage.checkins import Standing
from storage.database import Connection
from storage.records import Fan, Life, Moment, monday

TOP = 10
WEEK = frozenset({"week", "周", "週", "本周", "本週", "周榜", "週榜"})
ALL = frozenset({"all", "总", "總", "总榜", "總榜", "全部"})


def board_of(text: str) -> str:
    """Which board somebody asks for; today's where it is not said.

    >>> board_of("week"), board_of("总榜"), board_of("")
    ('week', 'all', 'today')
    """
    word = text.strip().lower()
    return "week" if word in WEEK else "all" if word in ALL else "today"


def rank(db: Connection, fan: Fan, now: Moment, board: str) -> Outcome:
    """The first ten of a board, and the fan's own place at its end."""
    community = now.face.community.id
    life = checkins.life(db, community, fan.id)
    place = _own(db, fan, now, board, life)
    today = rules.day_in(now.stamp, fan.zone)
    if board == "week":
        lines = _lines(checkins.best_of_week(db, community, monday(today), TOP))
        found: Outcome = rules.RankedWeek(fan.name, lines, place, life.week_days if place else 0)
    elif board == "all":
        lines = _lines(checkins.best_of_all(db, community, TOP))
        found = rules.RankedAll(fan.name, lines, place, life.days)
    else:
        lines = _lines(checkins.first_today(db, community, today, TOP))
        count = checkins.count(db, community, today)
        found = rules.RankedToday(fan.name, lines, place, count)
    return found if lines else rules.NobodyYet(fan.name)


def turn(db: Connection, fan: Fan, now: Moment, board: str, message: int | None) -> Result:
    """Another board by its button: in private the message itself turns into it; in a group, where
    others are reading, only the presser's own place is told."""
    if now.place.private and message is not None:
        found = rank(db, fan, now, board)
        return Say(found, chat=now.place.id, fan=fan, key="turn", edit=message)
    life = checkins.life(db, now.face.community.id, fan.id)
    place = _own(db, fan, now, board, life)
    days = life.week_days if board == "week" else life.days
    return rules.OwnPlace(fan.name, board, place, days if place else 0, life.streak)


def _own(db: Connection, fan: Fan, now: Moment, board: str, life: Life) -> int:
    """The fan's place, 0 for none; read from tallies, however many fans there are."""
    community, today = now.face.community.id, rules.day_in(now.stamp, fan.zone)
    if board == "today":
        return checkins.place_today(db, community, fan.id, today) or 0
    if life.last is None or (board == "week" and life.week != monday(today)):
        return 0
    if board == "week":
        return checkins.rank_of_week(db, community, life)
    return checkins.rank_of_all(db, community, life)


def _lines(standings: Sequence[Standing]) -> list[dict[str, object]]:
    return [
        {"place": s.place, "name": s.name, "days": s.days, "streak": s.streak} for s in standings
    ]
