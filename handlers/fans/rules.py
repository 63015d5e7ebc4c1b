"""What we call a fan, and which language we speak to them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

LANGUAGES = {"zh": "简体中文", "zh-TW": "繁體中文", "en": "English"}


@dataclass(frozen=True, slots=True)
class LanguageAsked:
    buttons: ClassVar = (("language_zh", "language_zh-TW", "language_en"),)
    name: str


@dataclass(frozen=True, slots=True)
class LanguageSet:
    """``language`` is the language's own name."""

    buttons: ClassVar = ()
    name: str
    language: str


@dataclass(frozen=True, slots=True)
class ZoneAsked:
    """Which clock rules the fan's day; may be left unanswered."""

    buttons: ClassVar = (
        ("zone_beijing", "zone_taipei"),
        ("zone_singapore", "zone_tokyo"),
        ("zone_london", "zone_newyork"),
        ("zone_losangeles", "zone_sydney"),
        ("zone_skip",),
    )
    name: str


@dataclass(frozen=True, slots=True)
class ZoneSet:
    """``zone`` by its own name, ``hour`` what that clock shows now."""

    buttons: ClassVar = ()
    name: str
    zone: str
    hour: str


@dataclass(frozen=True, slots=True)
class ZoneSkipped:
    buttons: ClassVar = ()
    name: str


@dataclass(frozen=True, slots=True)
class ZoneUnknown:
    """Nobody here knows that ``city``."""

    buttons: ClassVar = ()
    name: str
    city: str


@dataclass(frozen=True, slots=True)
class MeShown:
    """A fan's card: ``level`` by its warm name, ``together`` the days since they were first seen
    (that day is the first), ``memory`` the first words of theirs that are kept, else ""; the date
    is the day they came."""

    buttons: ClassVar = (("checkin.month",),)
    picture: ClassVar = "me"
    name: str
    level: str
    together: int
    streak: int
    points: int
    memory: str
    year: int
    month: int
    date: int


@dataclass(frozen=True, slots=True)
class MeTold:
    """The same in a group, in one line and without what is between two."""

    buttons: ClassVar = ()
    name: str
    level: str
    together: int
    streak: int
    points: int


@dataclass(frozen=True, slots=True)
class PrivacyShown:
    """What is kept, and the two doors: all of it as a file, or all of it gone."""

    buttons: ClassVar = (("my_data",), ("forget_me",))
    name: str


@dataclass(frozen=True, slots=True)
class PrivacyInPrivate:
    """Asked in a group, where nobody's affairs are told."""

    buttons: ClassVar = ()
    name: str


@dataclass(frozen=True, slots=True)
class MyDataSent:
    buttons: ClassVar = ()
    name: str


@dataclass(frozen=True, slots=True)
class ForgetAsked:
    """The one question before it; ``fan`` ties the button to who was asked."""

    buttons: ClassVar = (("forget_yes:{fan}",), ("forget_no",))
    name: str
    fan: int


@dataclass(frozen=True, slots=True)
class StaysRemembered:
    """Thought again: nothing was done."""

    buttons: ClassVar = ()
    name: str


@dataclass(frozen=True, slots=True)
class StillOnDuty:
    """Who works here cannot be forgotten before they gave that up."""

    buttons: ClassVar = ()
    name: str


@dataclass(frozen=True, slots=True)
class Forgotten:
    """The last letter; it is sent first and everything is erased then."""

    buttons: ClassVar = ()
    name: str


def choose(name: str, locale: str) -> LanguageSet | LanguageAsked:
    """An unknown language is asked again rather than guessed.

    >>> choose("Lin", "en")
    LanguageSet(name='Lin', language='English')
    """
    if locale not in LANGUAGES:
        return LanguageAsked(name)
    return LanguageSet(name, LANGUAGES[locale])
