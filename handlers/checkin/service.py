"""Check-in, step by step: read, decide, remember."""

from __future__ import annotations

from datetime import date

from handlers.checkin import card, rules
from handlers.doors import Result, Say
from handlers.fans import zones
from storage import checkins, heartbeats, ledger
from storage.database import Connection
from storage.records import Fan, LetterClass, Life, Mark, Moment


def check_in(db: Connection, fan: Fan, now: Moment) -> Result:
    """Credit the fan's local day of the message (of a press: of its receipt)."""
    community = now.face.community.id
    life = checkins.life(db, community, fan.id)
    credit = _decide(db, fan, now, life)
    if credit is None:
        again = rules.AlreadyCheckedIn(fan.name, life.streak)
        return card.instead(db, now, again) or again
    ledger.earn(
        db,
        community,
        fan.id,
        credit.points,
        reason="check-in",
        idem=f"checkin:{fan.id}:{credit.life.last}",
        at=now.stamp,
    )
    if life.zone and life.zone != fan.zone:
        checkins.leave_zone(db, community, fan.id, life.zone, now.stamp)
    checkins.credit(db, community, fan.id, life, credit.life, credit.marks)
    card.notice(db, now)
    if not life.days:
        zones.ask_later(db, fan, now)
    outcome = rules.tell(fan.name, credit)
    return card.instead(db, now, outcome) or outcome


def _decide(db: Connection, fan: Fan, now: Moment, life: Life) -> rules.Credit | None:
    """Ask for zones and outages only where a day lies between, which is rare."""
    if not rules.has_gap(life, rules.day_in(now.stamp, fan.zone)):
        return rules.check(life, now.stamp, fan.zone)
    community = now.face.community.id
    zones = checkins.zones_since(db, community, fan.id, now.stamp - rules.TRAVEL_TIME)
    if life.zone:
        zones.append(life.zone)
    outages = heartbeats.outages(db, life.at, now.stamp)
    return rules.check(life, now.stamp, fan.zone, zones=zones, outages=outages)


def offer_make_up(db: Connection, fan: Fan, now: Moment) -> Result:
    """Which missed day can be made up, and what that costs."""
    community = now.face.community.id
    life = checkins.life(db, community, fan.id)
    if not _is_here_today(fan, now, life):
        return rules.CheckInFirst(fan.name)
    assert life.last is not None
    day = rules.open_day(_recent(db, community, fan, life.last), life.last)
    if day is None:
        return rules.NothingToMakeUp(fan.name, life.streak)
    balance = ledger.balance(db, community, fan.id)
    if balance < rules.COST:
        return rules.TooFewPoints(fan.name, rules.COST, balance)
    return rules.MakeUpOffered(fan.name, str(day), day.month, day.day, rules.COST, balance)


def offer_make_up_by_button(db: Connection, fan: Fan, now: Moment) -> Result:
    """The same for a press: an offer carries a button, which no toast can."""
    told = offer_make_up(db, fan, now)
    if isinstance(told, rules.MakeUpOffered) and now.place.private:
        return Say(told, chat=now.place.id, fan=fan, cls=LetterClass.REPLY, key="makeup")
    return told


def make_up(db: Connection, fan: Fan, now: Moment, day: date) -> Result:
    """Make up one missed day for points; the rows on both sides of it become one."""
    community = now.face.community.id
    life = checkins.life(db, community, fan.id)
    if not _is_here_today(fan, now, life):
        return rules.CheckInFirst(fan.name)
    log = {each.day: each.mark for each in checkins.log(db, community, fan.id)}
    made = rules.make_up(life, log, day, now.stamp)
    if made is None:
        return rules.NothingToMakeUp(fan.name, life.streak)
    after, mark = made
    paid = ledger.spend(
        db,
        community,
        fan.id,
        rules.COST,
        reason="make-up",
        idem=f"makeup:{fan.id}:{day}",
        at=now.stamp,
    )
    if not paid:
        return rules.TooFewPoints(fan.name, rules.COST, ledger.balance(db, community, fan.id))
    checkins.amend(db, community, fan.id, life, after, [mark])
    return rules.MadeUp(fan.name, day.month, day.day, after.streak, rules.COST)


def _is_here_today(fan: Fan, now: Moment, life: Life) -> bool:
    return life.last is not None and life.last >= rules.day_in(now.stamp, fan.zone)


def _recent(db: Connection, community: int, fan: Fan, last: date) -> dict[date, Mark]:
    """The marks that decide what can be made up: those of the window, and the first one ever."""
    begin = last - rules.WINDOW * rules.DAY
    found = checkins.marks_between(db, community, fan.id, begin, last)
    first = checkins.first_day(db, community, fan.id)
    return found if first is None else {first: Mark.CHECKED, **found}
