"""The shared words: what a row means. Standard library only, so that rules may speak them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from enum import IntEnum, StrEnum
from typing import Any, Final, NamedTuple
from zoneinfo import ZoneInfo

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def micros(moment: datetime) -> int:
    """Whole microseconds since 1970 UTC, exact (a float would lose the last digits).

    >>> micros(datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC))
    1000000
    """
    return (moment - EPOCH) // timedelta(microseconds=1)


def moment(at: int) -> datetime:
    """The aware UTC datetime of *at* microseconds.

    >>> moment(1_000_000).isoformat()
    '1970-01-01T00:00:01+00:00'
    """
    return EPOCH + timedelta(microseconds=at)


class Kind(IntEnum):
    """What an interaction was; the number is stored and never given to another meaning."""

    OTHER = 0
    MESSAGE = 1
    COMMAND = 2
    REPLY = 3
    MEDIA = 4
    FORWARD = 5
    EDIT = 6
    CHANNEL_POST = 7
    CHANNEL_EDIT = 8
    COMMENT = 9
    PRESS = 10
    INLINE_QUERY = 11
    INLINE_CHOSEN = 12
    REACTION = 13
    REACTION_COUNT = 14
    VOTE = 15
    POLL = 16
    JOIN = 17
    LEAVE = 18
    MEMBER = 19
    JOIN_REQUEST = 20
    BLOCK = 21
    UNBLOCK = 22
    BOT_MEMBER = 23
    SERVICE = 24
    MIGRATION = 25
    BOOST = 26
    UNBOOST = 27
    PAYMENT = 28


class Class(IntEnum):
    """Whose act it was (KPI.md: *voluntary* is what counts as active)."""

    PASSIVE = 0
    VOLUNTARY = 1
    MACHINE = 2


class ChatKind(StrEnum):
    PRIVATE = "private"
    GROUP = "group"
    SUPERGROUP = "supergroup"
    CHANNEL = "channel"


class Standing(StrEnum):
    """The bot's own place in a chat, or a fan's door to it in private."""

    UNKNOWN = "unknown"
    MEMBER = "member"
    ADMIN = "administrator"
    LEFT = "left"
    KICKED = "kicked"


class Reach(StrEnum):
    """Whether a private letter can arrive (MISSION E-7)."""

    NEVER_STARTED = "never_started"
    OPEN = "open"
    BLOCKED = "blocked"
    DEACTIVATED = "deactivated"
    STOPPED = "stopped"


class Level(StrEnum):
    """How near somebody has come, from afar to close (KPI.md, 5)."""

    VISITOR = "visitor"
    GUEST = "guest"
    FAN = "fan"
    FRIEND = "friend"
    CUSTOMER = "customer"
    MEMBER = "member"


class Role(StrEnum):
    OWNER = "owner"
    ADMIN = "admin"
    INFLUENCER = "influencer"
    MODERATOR = "moderator"


class Purpose(StrEnum):
    """What a group or channel is for its community; NONE as long as nobody has said."""

    NONE = ""
    FANS = "fans"
    CHANNEL = "channel"
    PROOF = "proof"
    DISCUSSION = "discussion"
    DESK = "desk"


class LetterClass(IntEnum):
    """Why a letter leaves; the order is the sender's priority."""

    REPLY = 0
    DRAW = 1
    SERVICE = 2
    CARE = 3
    NEWS = 4
    PROMO = 5


class LetterState(IntEnum):
    WAITING = 0
    SENDING = 1
    SENT = 2
    FAILED = 3
    DROPPED = 4
    UNKNOWN = 5


class Late(StrEnum):
    """What a due job does when its hour has passed by more than its grace."""

    RUN = "run"
    SKIP = "skip"
    ASK = "ask"


class Mark(IntEnum):
    """How a day counts in a fan's row of days; the number is stored and never changes meaning.

    Only the first two make the row longer; the others keep it from breaking.
    """

    CHECKED = 1
    MADE_UP = 2
    FROZEN = 3
    OUTAGE = 4
    TRAVEL = 5


@dataclass(frozen=True, slots=True)
class Life:
    """A fan's check-ins so far, as kept beside the log of them; always equal to its recount.

    ``last`` is the newest day that a check-in credited, at the instant ``at`` (microseconds UTC)
    and in ``zone`` (which the log does not tell and so is not compared); ``streak`` ends with it.
    ``week`` is the Monday of its week and ``week_days`` the days credited since.
    """

    last: date | None = None
    at: int = 0
    streak: int = 0
    best: int = 0
    days: int = 0
    freezes: int = 0
    week_days: int = 0
    zone: str = field(default="", compare=False)

    @property
    def week(self) -> date | None:
        return monday(self.last) if self.last is not None else None


@dataclass(frozen=True, slots=True)
class Marked:
    """One day of the log; ``made_on`` is the check-in day in whose course the mark was set."""

    day: date
    mark: Mark
    made_on: date
    at: int


def monday(day: date) -> date:
    """The first day of the week.

    >>> monday(date(2030, 1, 2)).isoformat()
    '2029-12-31'
    """
    return day - timedelta(days=day.weekday())


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a level follows from; times are microseconds UTC, None for never.

    ``acted`` is the last voluntary act, ``open`` whether a private letter can arrive,
    ``befriended`` the last answer to something that a person gave, ``dealt`` the last purchase,
    ``boosts`` whether a boost is running.
    """

    acted: int | None = None
    open: bool = False
    befriended: int | None = None
    dealt: int | None = None
    boosts: bool = False


@dataclass(frozen=True, slots=True)
class Touch:
    """What led somebody to us: ``by`` "start" (``what`` is the payload of the link to the bot) or
    "invite" (the invite link's name, else the link), at microseconds UTC."""

    by: str
    what: str
    at: int


DAY: Final = 24 * 3600 * 1_000_000


def level_of(seen: Evidence, now: int) -> tuple[Level, int | None]:
    """The highest level that is current, and when it ends if nothing else happens.

    >>> level_of(Evidence(acted=0), 90 * DAY - 1)
    (<Level.GUEST: 'guest'>, 7776000000000)
    >>> level_of(Evidence(acted=0, open=True), 400 * DAY)
    (<Level.FAN: 'fan'>, None)
    >>> level_of(Evidence(acted=0), 90 * DAY)
    (<Level.VISITOR: 'visitor'>, None)
    """
    if seen.boosts:
        return Level.MEMBER, None
    for level, since, days in (
        (Level.CUSTOMER, seen.dealt, 180),
        (Level.FRIEND, seen.befriended, 90),
    ):
        if since is not None and now < since + days * DAY:
            return level, since + days * DAY
    if seen.open:
        return Level.FAN, None
    if seen.acted is not None and now < seen.acted + 90 * DAY:
        return Level.GUEST, seen.acted + 90 * DAY
    return Level.VISITOR, None


@dataclass(frozen=True, slots=True)
class Community:
    """One persona's people; *id* is our own number."""

    id: int
    name: str
    zone: str
    locale: str
    persona: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class CommunitySettings:
    """What a community's owner may set; the defaults are what a new one begins with.

    Quiet hours are local hours of the day. ``loud`` is how a typed check-in is answered in a group
    that becomes one for fans (storage.checkin_cards.Loud). ``warnings`` lead to a mute of
    ``mute_hours``. A newcomer is one who joined less than ``new_hours`` ago; more than ``flood``
    messages in ten seconds are a flood. Without ``gate_answers`` the question at the door is the
    house's own; ``gate_right`` is the answer that lets in, -1 for any.
    """

    languages: tuple[str, ...] = ("zh", "en", "zh-TW")
    quiet_from: int = 23
    quiet_until: int = 8
    loud: str = "reply"
    welcome: bool = True
    gate: bool = False
    filters: bool = False
    warnings: int = 3
    mute_hours: int = 24
    new_hours: int = 24
    flood: int = 8
    gate_question: str = ""
    gate_answers: tuple[str, ...] = ()
    gate_right: int = -1


@dataclass(frozen=True, slots=True)
class Face:
    """One bot of the installation: the face of one community's persona."""

    id: int
    telegram_id: int
    username: str
    community: Community
    hears_all: bool


@dataclass(frozen=True, slots=True)
class Fan:
    """One person as this community knows them; *id* is our own number, never Telegram's.

    ``name`` is "" when there is none that may be said; ``zone`` and ``locale`` are already
    resolved (the fan's own, else the community's).
    """

    id: int
    name: str
    locale: str
    zone: str
    reach: Reach = Reach.NEVER_STARTED


@dataclass(frozen=True, slots=True)
class Place:
    """A chat as the road knows it; *id* is our own number.

    ``rights`` are the bot's own there, by Telegram's names, as far as we heard.
    """

    id: int
    kind: ChatKind
    title: str = ""
    standing: Standing = Standing.UNKNOWN
    purpose: Purpose = Purpose.NONE
    rights: frozenset[str] = frozenset()

    @property
    def private(self) -> bool:
        return self.kind is ChatKind.PRIVATE


NOWHERE: Final = Place(0, ChatKind.PRIVATE)  # where the clock acts


@dataclass(frozen=True, slots=True)
class Moment:
    """When and where somebody acted.

    ``at`` is aware, in the zone that rules this fan's day. ``cause`` is the idem key of the act:
    "t<task>" for an update (whose own ids come again after a silent week), "j<job>" for the
    clock; unique per act and stable over repetition, so that every effect may be keyed by it.
    """

    at: datetime
    cause: str
    face: Face
    place: Place
    message: int | None = None

    @property
    def day(self) -> date:
        return self.at.date()

    @property
    def stamp(self) -> int:
        """Microseconds since 1970 UTC."""
        return micros(self.at)

    def seen_from(self, zone: str) -> Moment:
        """The same instant on another clock."""
        return Moment(
            self.at.astimezone(ZoneInfo(zone)),
            self.cause,
            self.face,
            self.place,
            self.message,
        )


@dataclass(frozen=True, slots=True)
class Letter:
    """Something to be said or done at Telegram, as it is put into the outbox.

    ``chat`` is our own number. With a ``template`` the text is rendered from ``facts`` when it
    leaves; without, ``payload`` holds the method's parameters as they are. ``idem`` makes a
    repeated put harmless. Times are microseconds UTC on the ruling clock.
    """

    bot: int
    chat: int
    idem: str
    method: str = "sendMessage"
    template: str = ""
    facts: Mapping[str, Any] = field(default_factory=dict)
    payload: Mapping[str, Any] = field(default_factory=dict)
    cls: LetterClass = LetterClass.REPLY
    fan: int | None = None
    locale: str = ""
    reply_to: int | None = None
    not_before: int = 0
    not_after: int | None = None
    then: str = ""


@dataclass(frozen=True, slots=True)
class Waiting:
    """A letter that the sender has in its hands, with Telegram's address."""

    id: int
    letter: Letter
    address: int
    group: bool
    attempts: int
    part: int
    parts: tuple[str, ...]
    state: LetterState = LetterState.WAITING


# The three below are named tuples and not dataclasses, since every update makes them: a frozen
# dataclass costs three times as much to make.


class ChatSeen(NamedTuple):
    telegram_id: int
    kind: ChatKind
    title: str = ""
    username: str = ""


class FanSeen(NamedTuple):
    telegram_id: int
    name: str
    username: str = ""
    language: str = ""


class Arrival(NamedTuple):
    """One update as the log needs it, decoded by the road, not yet stored.

    Ids are Telegram's here; the store turns them into our own numbers. ``fan`` is the one
    concerned (who joined, not who let him in). ``raw`` is kept only when somebody must react;
    ``at`` is microseconds UTC.
    """

    update_id: int
    kind: Kind
    cls: Class
    at: int
    chat: ChatSeen | None = None
    fan: FanSeen | None = None
    message: int | None = None
    ref: int | None = None
    text: str | None = None
    raw: bytes | None = None


@dataclass(frozen=True, slots=True)
class Task:
    """An inbox row that waits for its reaction; ids are our own numbers.

    ``update_id`` is None for a task of our own making: the answer that a letter's ``then`` wants.
    """

    id: int
    bot: int
    update_id: int | None
    lane: int
    fan: int | None
    chat: int | None
    at: int
    raw: bytes
    attempts: int
    failures: int


@dataclass(frozen=True, slots=True)
class Job:
    """Something due at a time: one row, run once."""

    id: int
    kind: str
    key: str
    bot: int
    at: int
    facts: Mapping[str, Any]
    attempts: int
