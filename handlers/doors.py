"""What a room offers to the road: its triggers in one table, and what its steps look like.

Knows no aiogram: handlers are coroutine functions whose first argument is the Telegram object and
whose other arguments are filled in by name (``react``, ``bot``, ``argument``).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cache
from typing import Any, Concatenate, ParamSpec, Protocol

from storage.database import Connection
from storage.records import Fan, Job, Kind, Late, LetterClass, Moment, Role

P = ParamSpec("P")
# An outcome is a frozen dataclass of some room's rules: its class names its template, its fields
# are the template's facts, and its class variable ``buttons`` holds rows of button keys ("enter"
# of its own room, "checkin.check_in" of another, "keep:{chat}" with one of its facts; where that
# fact is "" the button is left out).
Outcome = Any
Handler = Callable[..., Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Say:
    """An outcome that goes another way than the plain answer to whoever acted.

    Without ``chat`` it is still the answer (``fan`` then says in whose language); with it, a
    letter to that chat of ours. ``key`` tells several letters of one act apart and makes letters
    of different acts the same: where it starts with "=" it is the whole idem key. Times are
    microseconds UTC on the ruling clock. ``edit`` is Telegram's number of a message of ours in
    that chat whose words and buttons are replaced; ``quiet`` makes no sound; ``then`` as in Do.
    """

    outcome: Outcome
    chat: int | None = None
    fan: Fan | None = None
    cls: LetterClass = LetterClass.SERVICE
    key: str = ""
    not_before: int = 0
    not_after: int | None = None
    edit: int | None = None
    quiet: bool = False
    then: str = ""


@dataclass(frozen=True, slots=True)
class Do:
    """A call that says nothing (leave, pin, react), with Telegram's own parameters.

    ``then`` is ``room.name:argument`` of the step that waits for Telegram's answer (see Door);
    after ``not_after`` (as in Say) it is worthless and is not done.
    """

    method: str
    chat: int
    payload: Mapping[str, Any] = field(default_factory=dict)
    cls: LetterClass = LetterClass.SERVICE
    key: str = ""
    then: str = ""
    not_after: int | None = None


Result = Outcome | Say | Do | tuple[Outcome | Say | Do, ...] | None


class React(Protocol):
    """One transaction for one act: remember the fan, run the step, put what it says, close the
    task. A press is answered by a toast, everything else by a letter."""

    async def __call__(
        self,
        step: Callable[Concatenate[Connection, Fan, Moment, P], Result],
        *args: P.args,
        **kw: P.kwargs,
    ) -> Result: ...

    async def house(
        self,
        step: Callable[Concatenate[Connection, Moment, P], Result],
        *args: P.args,
        **kw: P.kwargs,
    ) -> Result:
        """The same for what happened to a chat and was nobody's act."""


@dataclass(frozen=True, slots=True)
class Due:
    """How a due job of some kind is done, and what happens when its hour has long passed."""

    step: Callable[[Connection, Job, Moment], Result]
    late: Late = Late.RUN
    grace: timedelta = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Answer:
    """What Telegram answered to a letter with a ``then``; *argument* is what followed its colon.

    *result* is the JSON of Telegram's answer: an object, or what a method gives (True, a link). It
    is None where *ok* is False, with Telegram's sentence in *error*, and where it could not be
    read. Of a letter that was dropped with its chat nobody hears.
    """

    argument: str
    ok: bool
    result: Any = None
    error: str = ""


Then = Callable[[Connection, Moment, Answer], Result]
# From an outcome's facts and a locale to an SVG; pure.
Draw = Callable[[Mapping[str, Any], str], str]


@dataclass(frozen=True, slots=True)
class Door:
    """What a room reacts to. Names must be unique in the house; the road checks it.

    ``words`` are plain words that count in groups too; ``private_words`` only in private chats.
    ``patterns`` are regular expressions for whole private texts and for what follows /start.
    ``buttons`` are keys without the room's name in front. ``events`` are kinds of the log.
    ``thens`` are steps that wait for what Telegram answers to a letter, once each; names are, as
    those of buttons, without the room's in front.
    ``pictures`` are what outcomes with a class variable ``picture`` show above their words; where
    none can be drawn, their words stand alone and may use a fact ``grid``.
    ``staff`` names the commands and buttons that not everybody may use, and the roles that may: the
    steps refuse everybody else, and menus and tests know it from here. ``groups`` are the commands
    that the menu of a group offers to fans.
    ``otherwise`` answers private words that nobody else knows; one room may have it.
    """

    commands: Mapping[str, Handler] = field(default_factory=dict)
    words: Mapping[str, Handler] = field(default_factory=dict)
    private_words: Mapping[str, Handler] = field(default_factory=dict)
    patterns: Mapping[str, Handler] = field(default_factory=dict)
    buttons: Mapping[str, Handler] = field(default_factory=dict)
    events: Mapping[Kind, Handler] = field(default_factory=dict)
    otherwise: Handler | None = None
    jobs: Mapping[str, Due] = field(default_factory=dict)
    thens: Mapping[str, Then] = field(default_factory=dict)
    staff: Mapping[str, frozenset[Role]] = field(default_factory=dict)
    groups: frozenset[str] = frozenset()
    pictures: Mapping[str, Draw] = field(default_factory=dict)


def template_of(outcome: type[Any]) -> str:
    """The template that an outcome speaks through.

    ``handlers.checkin.rules.CheckedIn`` → ``checkin/checked_in``
    """
    return _template(outcome.__module__, outcome.__name__)


@cache
def _template(module: str, name: str) -> str:
    room = module.split(".")[1]
    words = "".join("_" + c.lower() if c.isupper() else c for c in name).strip("_")
    return f"{room}/{words}"
