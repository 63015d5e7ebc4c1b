"""Who may do what, and what a group must know about its bot."""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from hashlib import sha256
from typing import ClassVar

from storage.records import Role, Standing

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
