"""Points, step by step: show them, and let staff give or correct them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any
from zoneinfo import ZoneInfo

from handlers.doors import Result, Say
from handlers.points import rules
from storage import audit, chats, communities, fans, ledger, roster
from storage.database import Connection
from storage.ledger import Reason
from storage.records import Fan, LetterClass, Moment, Reach, moment
from templates import locale_of


def show(db: Connection, fan: Fan, now: Moment) -> rules.PointsShown:
    """The balance; how it came only in private, where nobody else reads it."""
    community = now.face.community.id
    points = ledger.balance(db, community, fan.id)
    lines, older = _page(db, fan, now, None) if now.place.private else ((), "")
    return rules.PointsShown(fan.name, points, lines, older)


def turn(db: Connection, fan: Fan, now: Moment, before: int | None, message: int | None) -> Result:
    """Another page in the place of the one under which the button was pressed; *before* is the
    last line of it, None asks for the newest. Always the presser's own lines."""
    if not now.place.private or message is None:
        return None
    if before is None:
        return Say(show(db, fan, now), **_there(fan, now, message))
    lines, older = _page(db, fan, now, before)
    return Say(rules.OlderShown(fan.name, lines, older), **_there(fan, now, message))


def _there(fan: Fan, now: Moment, message: int) -> dict[str, Any]:
    return {"chat": now.place.id, "fan": fan, "cls": LetterClass.REPLY, "edit": message}


def _page(
    db: Connection, fan: Fan, now: Moment, before: int | None
) -> tuple[Sequence[dict[str, Any]], str]:
    """One page of lines, and where the next one begins ("" at the end)."""
    found = ledger.history(db, now.face.community.id, fan.id, rules.LINES + 1, before)
    page = found[: rules.LINES]
    zone = ZoneInfo(fan.zone)
    lines = [
        rules.told_line(moment(line.at).astimezone(zone), line.amount, line.reason, line.words)
        for line in page
    ]
    return lines, str(page[-1].id) if len(found) > len(page) else ""


def give(db: Connection, fan: Fan, now: Moment, text: str, answered: int | None) -> Result:
    """Staff gives points; *answered* is the Telegram id of the one whom the message answers."""
    return _move(db, fan, now, text, answered, Reason.GIVEN)


def correct(db: Connection, fan: Fan, now: Moment, text: str, answered: int | None) -> Result:
    """Staff corrects points, up or down; never below zero."""
    return _move(db, fan, now, text, answered, Reason.CORRECTED)


def _move(
    db: Connection, staff: Fan, now: Moment, text: str, answered: int | None, reason: Reason
) -> Result:
    community = now.face.community.id
    if not rules.may_move(communities.role_of(db, community, staff.id)):
        return rules.StaffOnly(staff.name)
    order = rules.read_order(
        text, named=answered is not None, correcting=reason is Reason.CORRECTED
    )
    if not isinstance(order, rules.Order):
        return order
    found = _whom(db, now, order.who, answered)
    if found is None:
        return rules.FanUnknown(order.who)
    fan = _known(db, now, found)
    made = ledger.adjust(
        db,
        community,
        fan.id,
        order.amount,
        reason=reason,
        words=order.words,
        actor=staff.id,
        idem=f"{reason.value}:{now.cause}",
        at=now.stamp,
    )
    points = ledger.balance(db, community, fan.id)
    if made is None:
        return rules.TooFewToTake(fan.name, points)
    facts = {"fan": fan.id, "amount": order.amount, "transaction": made}
    audit.note(db, community, staff.id, f"{reason.value} points", now.stamp, facts)
    answer: rules.PointsGiven | rules.PointsCorrected
    if reason is Reason.GIVEN:
        answer = rules.PointsGiven(fan.name, order.amount, points)
    else:
        answer = rules.PointsCorrected(fan.name, rules.signed(order.amount), points)
    return (
        answer,
        *_tell_fan(db, now, staff, fan, order, points, reason),
        *_tell_owners(db, now, staff, fan, order),
    )


def _whom(db: Connection, now: Moment, who: str, answered: int | None) -> int | None:
    """Our number of the one meant; None who was never seen: by name in this community, else, where
    Telegram itself shows us who is meant, anywhere."""
    if who:
        return roster.named(db, now.face.community.id, who)
    return fans.number_of(db, answered) if answered is not None else None


def _known(db: Connection, now: Moment, number: int) -> Fan:
    """A fan who did not act, in a language that we have words in."""
    community = now.face.community
    fan = fans.remember(db, community, number, now.stamp)
    return replace(fan, locale=locale_of(fan.locale, community.locale))


def _tell_fan(
    db: Connection,
    now: Moment,
    staff: Fan,
    fan: Fan,
    order: rules.Order,
    points: int,
    reason: Reason,
) -> list[Say]:
    """In private, where a letter can arrive; who moves their own points knows."""
    if fan.id == staff.id or fan.reach is not Reach.OPEN:
        return []
    told: rules.GiftTold | rules.CorrectionTold
    if reason is Reason.GIVEN:
        told = rules.GiftTold(fan.name, order.amount, points, order.words)
    else:
        change = rules.signed(order.amount)
        told = rules.CorrectionTold(fan.name, change, points, order.words)
    return [Say(told, chat=chats.private_door(db, now.face.id, fan.id), fan=fan, key="fan")]


def _tell_owners(
    db: Connection, now: Moment, staff: Fan, fan: Fan, order: rules.Order
) -> list[Say]:
    """Every owner but the one who did it."""
    if not rules.is_told_to_owners(order.amount, own=fan.id == staff.id):
        return []
    told = rules.OwnerTold(fan.name, staff.name, rules.signed(order.amount), order.words)
    return [
        Say(
            told,
            chat=chats.private_door(db, now.face.id, owner),
            fan=_known(db, now, owner),
            key=f"o{owner}",
        )
        for owner in communities.owners(db, now.face.community.id)
        if owner != staff.id
    ]
