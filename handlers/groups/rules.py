"""Who may do what, and what a group must know about its bot."""

from __future__ import annotations

import hmac
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, ClassVar, Final

from storage.records import CommunitySettings, Place, Purpose, Role, Standing

TRIES = 5
ALPHABET = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"
CODE = rf"[{ALPHABET}]{{4}}-[{ALPHABET}]{{4}}-[{ALPHABET}]{{4}}"


@dataclass(frozen=True, slots=True)
class Introduced:
    """Added to a group by somebody who may."""

    buttons: ClassVar = (("checkin.check_in",),)
    title: str


@dataclass(frozen=True, slots=True)
class CannotHear:
    """Privacy mode is on and the bot is no admin: Telegram shows it commands only."""

    buttons: ClassVar = ()
    title: str


@dataclass(frozen=True, slots=True)
class NotMine:
    """Added to a group by a stranger: the owner is asked whether to stay."""

    buttons: ClassVar = ()
    title: str


@dataclass(frozen=True, slots=True)
class OwnerAsked:
    """To an owner: somebody (``name``) brought the bot into a group (``title``)."""

    buttons: ClassVar = (("keep:{chat}", "leave:{chat}"),)
    title: str
    name: str
    chat: int


@dataclass(frozen=True, slots=True)
class Kept:
    """The owner wants the bot to stay in a group."""

    buttons: ClassVar = ()
    title: str


@dataclass(frozen=True, slots=True)
class Left:
    """The owner does not."""

    buttons: ClassVar = ()
    title: str


@dataclass(frozen=True, slots=True)
class StaffOnly:
    """A fan tried what only staff may do."""

    buttons: ClassVar = ()
    name: str


@dataclass(frozen=True, slots=True)
class StaleButton:
    """A press that no room knows: a button of long ago, or data that we never wrote."""

    buttons: ClassVar = ()
    name: str


@dataclass(frozen=True, slots=True)
class Claimed:
    """The one-time code made its sender the owner."""

    buttons: ClassVar = ()
    name: str


@dataclass(frozen=True, slots=True)
class NotTheCode:
    buttons: ClassVar = ()
    name: str


@dataclass(frozen=True, slots=True)
class CatchingUp:
    """After an outage, one line instead of ``count`` answers; ``minutes`` is its age."""

    buttons: ClassVar = ()
    count: int
    minutes: int


# ---------------------------------------------------------------- setting a group up

# What the bot can do with each right, by Telegram's name; the short names are the templates'.
RIGHTS: Final[Mapping[str, str]] = {
    "can_delete_messages": "delete",
    "can_restrict_members": "restrict",
    "can_invite_users": "invite",
    "can_pin_messages": "pin",
}
SETTERS: Final = frozenset({Role.OWNER, Role.ADMIN})
KEEPERS: Final = frozenset({Role.OWNER, Role.ADMIN, Role.INFLUENCER, Role.MODERATOR})
OWNERS: Final = frozenset({Role.OWNER})
LOUDNESS: Final = ("reply", "reaction", "quiet")
SWITCHES: Final = ("welcome", "gate", "filters")
SLOTS: Final = 8


@dataclass(frozen=True, slots=True)
class SetUp:
    """What the bot is and may do in a group (``title``, our number ``chat``).

    ``hears`` says whether plain words reach it. ``rights`` are rows of ``right`` (delete,
    restrict, invite, pin) and ``ok``. The facts from ``plain`` on hold the number of the chat
    where their button has something to do, else "".
    """

    buttons: ClassVar = (
        ("as_fans:{plain}",),
        ("loud_reply:{fans}", "loud_reaction:{fans}", "loud_quiet:{fans}"),
        ("welcome:{fans}", "gate:{fans}", "filters:{fans}"),
        ("as_channel:{channel}", "as_proof:{other}"),
        ("as_discussion:{other}", "as_desk:{other}"),
        ("as_none:{used}",),
    )
    title: str
    chat: int
    purpose: str
    hears: bool
    rights: Sequence[Mapping[str, Any]]
    loud: str
    welcomes: bool
    gates: bool
    filtering: bool
    plain: str
    fans: str
    channel: str
    other: str
    used: str


@dataclass(frozen=True, slots=True)
class Changed:
    """A setting was changed; ``what`` is a purpose, a loudness, or a switch, now on or off."""

    buttons: ClassVar = ()
    what: str
    on: bool
    title: str


@dataclass(frozen=True, slots=True)
class GroupsListed:
    """In private: the groups and channels (``places``: ``number``, ``title``, ``purpose``,
    ``away`` and how many rights are missing, ``lacks``); each can be opened by its number."""

    buttons: ClassVar = (
        tuple(f"open_{n}:{{c{n}}}" for n in range(1, 5)),
        tuple(f"open_{n}:{{c{n}}}" for n in range(5, 9)),
    )
    places: Sequence[Mapping[str, Any]]
    more: int
    c1: str = ""
    c2: str = ""
    c3: str = ""
    c4: str = ""
    c5: str = ""
    c6: str = ""
    c7: str = ""
    c8: str = ""


@dataclass(frozen=True, slots=True)
class NobodyOwns:
    """/setup before anybody has sent the one-time code."""

    buttons: ClassVar = ()
    name: str


def set_up(place: Place, settings: CommunitySettings, *, loud: str, hears_all: bool) -> SetUp:
    """The card of a group or channel: only buttons that change something."""
    here = str(place.id)
    channel = place.kind == "channel"
    plain, fans = place.purpose is Purpose.NONE, place.purpose is Purpose.FANS
    return SetUp(
        title=place.title,
        chat=place.id,
        purpose=place.purpose.value,
        hears=hears_all or place.standing is Standing.ADMIN,
        rights=[{"right": short, "ok": full in place.rights} for full, short in RIGHTS.items()],
        loud=loud,
        welcomes=settings.welcome,
        gates=settings.gate,
        filtering=settings.filters,
        plain=here if plain and not channel else "",
        fans=here if fans else "",
        channel=here if plain and channel else "",
        other=here if plain else "",
        used="" if plain else here,
    )


def list_groups(places: Iterable[Place]) -> GroupsListed:
    """The first eight, each with its number; how many are left out."""
    every = list(places)
    shown = every[:SLOTS]
    rows = [
        {
            "number": n,
            "title": place.title,
            "purpose": place.purpose.value,
            "away": place.standing in (Standing.LEFT, Standing.KICKED),
            "lacks": sum(right not in place.rights for right in RIGHTS),
        }
        for n, place in enumerate(shown, 1)
    ]
    return GroupsListed(
        rows,
        len(every) - len(shown),
        **{f"c{n}": str(place.id) for n, place in enumerate(shown, 1)},
    )


# ---------------------------------------------------------------- what an owner must know


@dataclass(frozen=True, slots=True)
class Upgraded:
    """To an owner: the group became a supergroup, and nothing of ours was lost."""

    buttons: ClassVar = ()
    title: str


@dataclass(frozen=True, slots=True)
class PutOut:
    """To an owner: somebody (``name``, "" for an anonymous admin) took the bot out of a group."""

    buttons: ClassVar = ()
    title: str
    name: str


@dataclass(frozen=True, slots=True)
class RightsLost:
    """To an owner: what the bot may do no longer; ``lost`` are rows of ``right``."""

    buttons: ClassVar = (("look:{chat}",),)
    title: str
    name: str
    lost: Sequence[Mapping[str, Any]]
    chat: int


def lost(before: Iterable[str], after: Iterable[str]) -> list[dict[str, Any]]:
    """Rights that we use and have no longer.

    >>> lost({"can_pin_messages", "can_manage_tags"}, set())
    [{'right': 'pin'}]
    """
    gone = set(before) - set(after)
    return [{"right": short} for full, short in RIGHTS.items() if full in gone]


# ---------------------------------------------------------------- who helps


@dataclass(frozen=True, slots=True)
class TeamListed:
    """Who works here: ``team`` are rows of ``name`` and ``role``."""

    buttons: ClassVar = ()
    team: Sequence[Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Appointed:
    """The fan ``name`` is now ``role`` (admin, influencer, moderator, none)."""

    buttons: ClassVar = ()
    name: str
    role: str


@dataclass(frozen=True, slots=True)
class HowToAppoint:
    buttons: ClassVar = ()
    name: str


@dataclass(frozen=True, slots=True)
class OwnerStays:
    """An owner is appointed and dismissed in the settings only."""

    buttons: ClassVar = ()
    name: str


_ROLES: Final = {
    **{role.value: role for role in (Role.ADMIN, Role.INFLUENCER, Role.MODERATOR)},
    **dict.fromkeys(("管理员", "管理員"), Role.ADMIN),
    **dict.fromkeys(("博主", "本人"), Role.INFLUENCER),
    **dict.fromkeys(("版主", "协管", "協管", "mod"), Role.MODERATOR),
}
_NAME: Final = re.compile(r"@([A-Za-z0-9_]{3,32})")


def read_appointment(text: str) -> tuple[str, Role | None] | None:
    """The username, if one was written, and the role, None to take it away; None for neither.

    >>> read_appointment("@mia moderator")
    ('mia', <Role.MODERATOR: 'moderator'>)
    """
    who, rest = take_name(text)
    word = rest.strip().lower()
    if word in ("none", "无", "無", "取消"):
        return who, None
    return (who, _ROLES[word]) if word in _ROLES else None


def take_name(text: str) -> tuple[str, str]:
    """A username in front of a text, without its sign, and the rest.

    >>> take_name("@mia 1h spam")
    ('mia', '1h spam')
    """
    found = _NAME.match(text.strip())
    if found is None:
        return "", text.strip()
    return found[1], text.strip()[found.end() :].strip()


# ---------------------------------------------------------------- warnings, mutes, bans

RANK: Final = {Role.OWNER: 3, Role.ADMIN: 2, Role.INFLUENCER: 2, Role.MODERATOR: 1}
ANONYMOUS: Final = 2  # an anonymous admin acts as an admin, in that group only
HOUR: Final = 3600 * 1_000_000
_SPAN: Final = re.compile(
    r"(\d{1,4})\s*(m|min|分钟|分鐘|分|h|小时|小時|时|時|d|天|日)(?=\s|$)\s*", re.IGNORECASE
)
_MINUTES: Final = {
    **dict.fromkeys(("m", "min", "分钟", "分鐘", "分"), 1),
    **dict.fromkeys(("h", "小时", "小時", "时", "時"), 60),
    **dict.fromkeys(("d", "天", "日"), 24 * 60),
}
LONGEST: Final = 366 * 24 * 60  # minutes; Telegram takes more for "for ever"
WORDS: Final = 200


@dataclass(frozen=True, slots=True)
class Warned:
    """In the group: the fan ``name`` was asked to mind ``words`` ("" where none were given), for
    the ``count``-th of ``most`` times; ``muted`` where that was the last."""

    buttons: ClassVar = (("lift:{order}",),)
    name: str
    words: str
    count: int
    most: int
    muted: bool
    order: int


@dataclass(frozen=True, slots=True)
class Muted:
    """In the group: the fan does not speak for ``span`` of ``unit`` (minutes, hours, days)."""

    buttons: ClassVar = (("lift:{order}",),)
    name: str
    words: str
    span: int
    unit: str
    order: int


@dataclass(frozen=True, slots=True)
class Banned:
    """In the group: the fan was put out."""

    buttons: ClassVar = (("lift:{order}",),)
    name: str
    words: str
    order: int


@dataclass(frozen=True, slots=True)
class Released:
    """In the group: what was ordered is lifted; ``what`` is warn, mute or ban."""

    buttons: ClassVar = ()
    name: str
    what: str


@dataclass(frozen=True, slots=True)
class OutOfReach:
    """Nobody acts on equals, on those above, or on oneself."""

    buttons: ClassVar = ()
    name: str


@dataclass(frozen=True, slots=True)
class HowToOrder:
    """Nobody was meant, or nobody whom we know."""

    buttons: ClassVar = ()
    name: str
    what: str


@dataclass(frozen=True, slots=True)
class OrderRefused:
    """Telegram did not do it: the fan runs the group, or we lack the right."""

    buttons: ClassVar = ()
    name: str
    what: str


def may_act(actor: Role | None, target: Role | None, *, own: bool) -> bool:
    """Whether somebody may keep order with somebody.

    >>> may_act(Role.MODERATOR, None, own=False), may_act(Role.ADMIN, Role.ADMIN, own=False)
    (True, False)
    """
    return not own and outranks(RANK.get(actor, 0) if actor else 0, target)


def outranks(rank: int, target: Role | None) -> bool:
    return rank > (RANK[target] if target is not None else 0)


def read_span(text: str, otherwise: int) -> tuple[int, str]:
    """The minutes in front of a reason, and the reason.

    >>> read_span("2h spam", 60), read_span("spam", 60)
    ((120, 'spam'), (60, 'spam'))
    """
    found = _SPAN.match(text)
    if found is None:
        return otherwise, text[:WORDS]
    minutes = int(found[1]) * _MINUTES[found[2].lower()]
    return min(max(minutes, 1), LONGEST), text[found.end() :][:WORDS]


def told_span(minutes: int) -> tuple[int, str]:
    """A time as people say it.

    >>> told_span(120), told_span(90), told_span(2880)
    ((2, 'hours'), (90, 'minutes'), (2, 'days'))
    """
    for size, unit in ((24 * 60, "days"), (60, "hours")):
        if minutes >= size and minutes % size == 0:
            return minutes // size, unit
    return minutes, "minutes"


# ---------------------------------------------------------------- who comes

MOST_NAMES: Final = 5


@dataclass(frozen=True, slots=True)
class Welcomed:
    """One greeting for all who came lately: ``people`` are rows of ``name``, ``more`` are those
    without a name of their own in it."""

    buttons: ClassVar = (("checkin.check_in",),)
    people: Sequence[Mapping[str, Any]]
    more: int
    title: str


def welcome(names: Sequence[str], title: str) -> Welcomed:
    """Names that can be said, at most five; the others are counted."""
    said = [name for name in names if name.strip()][:MOST_NAMES]
    return Welcomed([{"name": name[:32]} for name in said], len(names) - len(said), title)


# ---------------------------------------------------------------- who knocks

GATE_TRIES: Final = 3
GATE_ANSWERS: Final = 3


@dataclass(frozen=True, slots=True)
class DoorAsked:
    """To somebody who wants to come in: one ``question`` ("" for the house's own) with up to three
    answers; ``again`` after one that was not right."""

    buttons: ClassVar = (
        ("gate_1:{one}",),
        ("gate_2:{two}",),
        ("gate_3:{three}",),
        ("gate_person:{gate}",),
    )
    name: str
    title: str
    question: str
    again: bool
    first: str
    second: str
    third: str
    one: str
    two: str
    three: str
    gate: int


@dataclass(frozen=True, slots=True)
class LetIn:
    """The door is open."""

    buttons: ClassVar = ()
    name: str
    title: str


@dataclass(frozen=True, slots=True)
class PersonAsked:
    """Somebody of the staff will look."""

    buttons: ClassVar = ()
    name: str
    title: str


@dataclass(frozen=True, slots=True)
class PersonNeeded:
    """To the desk or the owners: ``name`` waits at the door of ``title``."""

    buttons: ClassVar = (("gate_open:{gate}", "gate_shut:{gate}"),)
    name: str
    title: str
    tries: int
    gate: int


@dataclass(frozen=True, slots=True)
class DoorAnswered:
    """To staff: who waited was let in, or not (``let_in``); or somebody else was faster."""

    buttons: ClassVar = ()
    name: str
    let_in: bool


def ask_at_door(
    name: str, title: str, settings: CommunitySettings, gate: int, *, again: bool = False
) -> DoorAsked:
    """The community's question, or the house's own."""
    answers = list(settings.gate_answers)[:GATE_ANSWERS]
    own = bool(settings.gate_question and answers)
    first, second, third = (
        answers[n] if own and n < len(answers) else "" for n in range(GATE_ANSWERS)
    )
    one, two, three = (
        str(gate) if not own or n < len(answers) else "" for n in range(GATE_ANSWERS)
    )
    return DoorAsked(
        name=name,
        title=title,
        question=settings.gate_question if own else "",
        again=again,
        first=first,
        second=second,
        third=third,
        one=one,
        two=two,
        three=three,
        gate=gate,
    )


def lets_in(settings: CommunitySettings, chosen: int) -> bool:
    """Whether an answer (from 0) opens the door."""
    own = bool(settings.gate_question and settings.gate_answers)
    return not own or settings.gate_right < 0 or settings.gate_right == chosen


@dataclass(frozen=True, slots=True)
class DoorSet:
    """To staff: what is asked at the door from now on; "" is the house's own question."""

    buttons: ClassVar = ()
    question: str
    first: str
    second: str
    third: str


@dataclass(frozen=True, slots=True)
class HowToSetDoor:
    buttons: ClassVar = ()
    name: str


def read_door(text: str) -> tuple[str, tuple[str, ...], int] | None:
    """A question, its answers and the one that opens (marked by a star; none for any).

    >>> read_door("What is her cat called? | *Momo | Bean")
    ('What is her cat called?', ('Momo', 'Bean'), 0)
    """
    question, *answers = (part.strip() for part in re.split(r"[|｜]", text))
    right = next((n for n, one in enumerate(answers) if one.startswith("*")), -1)
    bare = tuple(one.lstrip("*").strip()[:24] for one in answers)
    if not question or not 1 <= len(bare) <= GATE_ANSWERS or not all(bare):
        return None
    return question[:200], bare, right


# ---------------------------------------------------------------- what is taken down


@dataclass(frozen=True, slots=True)
class TakenDown:
    """In the group, for a minute: a newcomer's message waits for somebody to look at it; ``why``
    is link, forward or flood."""

    buttons: ClassVar = ()
    name: str
    why: str


@dataclass(frozen=True, slots=True)
class Review:
    """To the desk or the owners: what was taken down in ``title``, and the way back."""

    buttons: ClassVar = (("restore:{removal}",),)
    name: str
    title: str
    why: str
    words: str
    removal: int


@dataclass(frozen=True, slots=True)
class Restored:
    """In the group: somebody of the staff brought the words of ``name`` back."""

    buttons: ClassVar = ()
    name: str
    words: str


@dataclass(frozen=True, slots=True)
class Reviewed:
    """A toast to who restored: done, or done before (``again``)."""

    buttons: ClassVar = ()
    name: str
    again: bool


def digest(code: str) -> str:
    """What is kept of a one-time code.

    >>> digest("ab2c-de3f-gh4j ") == digest("AB2C-DE3F-GH4J")
    True
    """
    return sha256(b"renqing/owner\\0" + code.strip().upper().encode()).hexdigest()


def claim(name: str, code: str, kept: str | None, tries: int) -> Claimed | NotTheCode:
    """The right code, once, within five tries; every refusal sounds the same."""
    right = kept is not None and tries < TRIES and hmac.compare_digest(kept, digest(code))
    return Claimed(name) if right else NotTheCode(name)


def arrived(title: str, role: Role | None, *, owned: bool) -> Introduced | NotMine:
    """What is said when the bot comes into a group.

    Before anybody owns the installation nobody is a stranger.

    >>> arrived("fans", None, owned=True)
    NotMine(title='fans')
    """
    return Introduced(title) if role is not None or not owned else NotMine(title)


def is_deaf(standing: Standing, *, hears_all: bool) -> bool:
    """Whether 签到 in this group never reaches us.

    >>> is_deaf(Standing.MEMBER, hears_all=False), is_deaf(Standing.ADMIN, hears_all=False)
    (True, False)
    """
    return standing is Standing.MEMBER and not hears_all
