"""How points are told, and what staff must say to give some or to take them back."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar, Final

from storage.records import Role

LINES: Final = 10  # on one page of a history
MOST: Final = 1_000_000  # in one act
TOLD: Final = 500  # the owners hear of what staff moves above this
WORDS: Final = 200  # characters of a reason that are kept

MAY: Final = frozenset({Role.OWNER, Role.ADMIN})
_NAME: Final = re.compile(r"@([A-Za-z0-9_]{3,32})")
_NUMBER: Final = re.compile(r"([+-]?)(\d[\d,]*)(?:分|积分|積分|点|點|points?|pts?)?", re.IGNORECASE)
_SIGNS: Final = str.maketrans("，－−＋", ",--+")


@dataclass(frozen=True, slots=True)
class PointsShown:
    """What a fan owns, and in private the last ``lines`` of how it came: each with ``month``,
    ``day``, ``change`` ("+10"), ``reason`` and staff's ``words``; ``older`` is "" at the end."""

    buttons: ClassVar = (("older:{older}",),)
    name: str
    points: int
    lines: Sequence[Mapping[str, Any]]
    older: str


@dataclass(frozen=True, slots=True)
class OlderShown:
    """A further page of the same lines, in the place of the page before."""

    buttons: ClassVar = (("older:{older}", "newest"),)
    name: str
    lines: Sequence[Mapping[str, Any]]
    older: str


@dataclass(frozen=True, slots=True)
class PointsGiven:
    """To staff: the fan ``name`` was given ``amount`` and owns ``points`` now."""

    buttons: ClassVar = ()
    name: str
    amount: int
    points: int


@dataclass(frozen=True, slots=True)
class PointsCorrected:
    """To staff: the fan's points were changed by ``change`` ("-20")."""

    buttons: ClassVar = ()
    name: str
    change: str
    points: int


@dataclass(frozen=True, slots=True)
class GiftTold:
    """To the fan, in private: somebody of the staff gave ``amount``, and why (``words``)."""

    buttons: ClassVar = ()
    name: str
    amount: int
    points: int
    words: str


@dataclass(frozen=True, slots=True)
class CorrectionTold:
    """To the fan, in private: a correction by ``change``, and why (``words``)."""

    buttons: ClassVar = ()
    name: str
    change: str
    points: int
    words: str


@dataclass(frozen=True, slots=True)
class OwnerTold:
    """To an owner: ``staff`` moved many points of the fan ``name``, or some of their own."""

    buttons: ClassVar = ()
    name: str
    staff: str
    change: str
    words: str


@dataclass(frozen=True, slots=True)
class StaffOnly:
    """A fan tried what only the owner and admins may do."""

    buttons: ClassVar = ()
    name: str


@dataclass(frozen=True, slots=True)
class HowToGive:
    """Nobody was named, or nothing was said."""

    buttons: ClassVar = ()


@dataclass(frozen=True, slots=True)
class HowToCorrect:
    """The same for corrections; also the answer to a gift below zero."""

    buttons: ClassVar = ()


@dataclass(frozen=True, slots=True)
class FanUnknown:
    """Nobody of that name was ever seen here; ``who`` is "" for a reply to somebody unseen."""

    buttons: ClassVar = ()
    who: str


@dataclass(frozen=True, slots=True)
class NotANumber:
    buttons: ClassVar = ()
    word: str


@dataclass(frozen=True, slots=True)
class NothingToMove:
    """Zero points."""

    buttons: ClassVar = ()


@dataclass(frozen=True, slots=True)
class TooManyPoints:
    buttons: ClassVar = ()
    most: str


@dataclass(frozen=True, slots=True)
class ReasonMissing:
    """Staff must say why: the fan reads it."""

    buttons: ClassVar = ()


@dataclass(frozen=True, slots=True)
class TooFewToTake:
    """The fan ``name`` owns only ``points``; nothing was taken."""

    buttons: ClassVar = ()
    name: str
    points: int


Refusal = HowToGive | HowToCorrect | NotANumber | NothingToMove | TooManyPoints | ReasonMissing


@dataclass(frozen=True, slots=True)
class Order:
    """What staff wants: ``who`` is a username, or "" for the one whom they answered."""

    who: str
    amount: int
    words: str


def may_move(role: Role | None) -> bool:
    """Who gives and corrects.

    >>> may_move(Role.ADMIN), may_move(Role.MODERATOR), may_move(None)
    (True, False, False)
    """
    return role in MAY


def read_order(text: str, *, named: bool, correcting: bool) -> Order | Refusal:
    """What follows /give or /correct; *named* tells that the message answers somebody.

    >>> read_order("@lin 50 画得真好", named=False, correcting=False)
    Order(who='lin', amount=50, words='画得真好')
    >>> read_order("-1,000 记重了", named=True, correcting=True)
    Order(who='', amount=-1000, words='记重了')
    >>> read_order("50 画得真好", named=False, correcting=False)
    HowToGive()
    >>> read_order("@lin 很多 画得真好", named=False, correcting=False)
    NotANumber(word='很多')
    """
    usage = HowToCorrect() if correcting else HowToGive()
    first, rest = _cut(text)
    name = _NAME.fullmatch(first)
    if name is not None:
        first, rest = _cut(rest)
    if not first or (name is None and not named):
        return usage
    number = _NUMBER.fullmatch(first.translate(_SIGNS))
    if number is None:
        return NotANumber(first[:32])
    amount = int(number[2].replace(",", "")[:20]) * (-1 if number[1] == "-" else 1)
    if amount == 0:
        return NothingToMove()
    if amount < 0 and not correcting:
        return HowToCorrect()
    if abs(amount) > MOST:
        return TooManyPoints(f"{MOST:,}")
    if not rest:
        return ReasonMissing()
    return Order(name[1] if name is not None else "", amount, rest[:WORDS])


def _cut(text: str) -> tuple[str, str]:
    """The first word, and what follows it."""
    words = text.split(maxsplit=1)
    return (words[0] if words else "", words[1].strip() if len(words) > 1 else "")


def signed(amount: int) -> str:
    """As it stands in a list.

    >>> signed(10), signed(-20)
    ('+10', '-20')
    """
    return f"{amount:+d}"


def told_line(at: datetime, amount: int, reason: str, words: str) -> dict[str, Any]:
    """One line of a history as the templates see it; *at* in the fan's zone.

    >>> told_line(datetime(2030, 1, 2), -20, "make-up", "")
    {'month': 1, 'day': 2, 'change': '-20', 'reason': 'make-up', 'words': ''}
    """
    return {
        "month": at.month,
        "day": at.day,
        "change": signed(amount),
        "reason": reason,
        "words": words,
    }


def is_told_to_owners(amount: int, *, own: bool) -> bool:
    """Much, or staff's own purse.

    >>> is_told_to_owners(500, own=False), is_told_to_owners(-501, own=False)
    (False, True)
    >>> is_told_to_owners(1, own=True)
    True
    """
    return own or abs(amount) > TOLD
