"""Order, step by step: warn, mute, ban, and the way back from each.

What Telegram must do is asked of it first; the group hears of it when Telegram has answered.
"""

from __future__ import annotations

from typing import Any, Final

from handlers.doors import Answer, Do, Result
from handlers.groups import people, rules
from storage import audit, communities, order
from storage.database import Connection
from storage.order import Order, Stage, What
from storage.records import Fan, Moment, Role

SECOND: Final = 1_000_000
MINUTE: Final = 60 * SECOND
SILENCE: Final = (
    "can_send_messages",
    "can_send_audios",
    "can_send_documents",
    "can_send_photos",
    "can_send_videos",
    "can_send_video_notes",
    "can_send_voice_notes",
    "can_send_polls",
    "can_send_other_messages",
    "can_add_web_page_previews",
)
# Only who may do all that the group allows is free again.
FREEDOM: Final = (
    *SILENCE,
    "can_react_to_messages",
    "can_edit_tag",
    "can_change_info",
    "can_invite_users",
    "can_pin_messages",
    "can_manage_topics",
)
LIFTS: Final = {What.WARN: What.WARN, What.MUTE: What.UNMUTE, What.BAN: What.UNBAN}
LIFTED: Final = {What.UNMUTE: "mute", What.UNBAN: "ban"}


def command(
    db: Connection, fan: Fan, now: Moment, what: What, text: str, answered: int | None
) -> Result:
    """One of the staff keeps order, by replying or with a username; roles as of this moment."""
    role = people.role(db, now, fan.id)
    if role not in rules.KEEPERS:
        return rules.StaffOnly(fan.name)
    return _act(db, now, fan, role, what, text, answered)


def command_anonymous(
    db: Connection, now: Moment, what: What, text: str, answered: int | None
) -> Result:
    """The same by an anonymous admin: Telegram says that somebody who runs this group speaks, and
    for order in this group that is enough."""
    return _act(db, now, None, None, what, text, answered)


def _act(
    db: Connection,
    now: Moment,
    actor: Fan | None,
    role: Role | None,
    what: What,
    text: str,
    answered: int | None,
) -> Result:
    speaker = actor.name if actor is not None else ""
    who, rest = rules.take_name(text)
    target = people.meant(db, now, who, answered)
    if target is None or now.place.private:
        return rules.HowToOrder(speaker, what.value)
    rank = rules.RANK[role] if role is not None else rules.ANONYMOUS
    theirs = people.role(db, now, target.id)
    if (actor is not None and actor.id == target.id) or not rules.outranks(rank, theirs):
        return rules.OutOfReach(target.name)
    by = actor.id if actor is not None else None
    if what is What.WARN:
        return _warn(db, now, target, by, rest[: rules.WORDS])
    minutes, reason = rules.read_span(rest, 60)
    if what is not What.MUTE:
        reason, until = rest[: rules.WORDS], None
    else:
        until = now.stamp + minutes * MINUTE
    return _ask(db, now, target, by, what, reason=reason, until=until)


def _warn(db: Connection, now: Moment, target: Fan, by: int | None, reason: str) -> Result:
    """Count it; the last of those that the settings allow is a mute, and the slate is clean."""
    community = now.face.community.id
    settings = communities.settings(db, community)
    number = order.give(
        db,
        community,
        now.place.id,
        target.id,
        by,
        What.WARN,
        now.stamp,
        reason=reason,
        stage=Stage.DONE,
    )
    count = order.warnings(db, community, target.id)
    last = count >= settings.warnings
    _note(db, now, by, "warned a fan", target.id, number)
    told = rules.Warned(target.name, reason, count, settings.warnings, last, number)
    if not last:
        return told
    order.lift_warnings(db, community, target.id)
    until = now.stamp + settings.mute_hours * 60 * MINUTE
    muted = _ask(db, now, target, by, What.MUTE, reason=reason, until=until)
    return (told, muted)


def _ask(
    db: Connection,
    now: Moment,
    target: Fan,
    by: int | None,
    what: What,
    *,
    chat: int | None = None,
    reason: str = "",
    until: int | None = None,
) -> Any:
    """Write the order down and ask Telegram for it."""
    where = chat if chat is not None else now.place.id
    person = people.telegram_id(db, now, target.id)
    if person is None:
        return rules.HowToOrder("", what.value)
    community = now.face.community.id
    number = order.give(
        db, community, where, target.id, by, what, now.stamp, until=until, reason=reason
    )
    _note(db, now, by, f"asked to {what.value} a fan", target.id, number)
    method, more = _call(what, until)
    return Do(
        method,
        where,
        {"user_id": person, **more},
        key=f"order{number}",
        then=f"groups.ordered:{number}",
    )


def _call(what: What, until: int | None) -> tuple[str, dict[str, Any]]:
    if what is What.BAN:
        return "banChatMember", {}
    if what is What.UNBAN:
        return "unbanChatMember", {"only_if_banned": True}
    speaks = what is What.UNMUTE
    more: dict[str, Any] = {
        "permissions": dict.fromkeys(FREEDOM if speaks else SILENCE, speaks),
        "use_independent_chat_permissions": True,
    }
    if until is not None:
        more["until_date"] = until // SECOND
    return "restrictChatMember", more


def told(db: Connection, now: Moment, answer: Answer) -> Result:
    """Telegram has done what was ordered, or has not: the group hears which."""
    found = order.of(db, now.face.community.id, int(answer.argument))
    if found is None or found.stage is not Stage.ASKED:
        return None
    name = people.known(db, now, found.fan).name
    if not answer.ok:
        order.settle(db, found.id, Stage.REFUSED)
        return rules.OrderRefused(name, found.what.value)
    order.settle(db, found.id, Stage.DONE)
    if found.what in LIFTED:
        return rules.Released(name, LIFTED[found.what])
    if found.what is What.BAN:
        return rules.Banned(name, found.reason, found.id)
    minutes = ((found.until or found.at) - found.at) // MINUTE
    return rules.Muted(name, found.reason, *rules.told_span(minutes), found.id)


def lift(db: Connection, fan: Fan, now: Moment, number: int) -> Result:
    """The way back, by the button under what was ordered; who may is asked at the press."""
    role = people.role(db, now, fan.id)
    if role not in rules.KEEPERS:
        return rules.StaffOnly(fan.name)
    found = order.of(db, now.face.community.id, number)
    if found is None or found.stage is not Stage.DONE or found.what not in LIFTS:
        return rules.StaleButton(fan.name)
    # What an owner has ordered is not a moderator's to lift.
    giver = people.role(db, now, found.by) if found.by is not None else None
    rank = rules.RANK[giver] if giver is not None else 0
    if found.by != fan.id and rules.RANK[role] < rank:
        return rules.OutOfReach(people.known(db, now, found.fan).name)
    return _lift(db, now, fan, found)


def _lift(db: Connection, now: Moment, fan: Fan, found: Order) -> Result:
    target = people.known(db, now, found.fan)
    order.settle(db, found.id, Stage.LIFTED)
    if found.what is What.WARN:
        _note(db, now, fan.id, "took a warning back", target.id, found.id)
        return rules.Released(target.name, "warn")
    return _ask(db, now, target, fan.id, LIFTS[found.what], chat=found.chat)


def _note(db: Connection, now: Moment, by: int | None, what: str, fan: int, number: int) -> None:
    facts = {"fan": fan, "order": number, "chat": now.place.id, "anonymous": by is None}
    audit.note(db, now.face.community.id, by, what, now.stamp, facts)
