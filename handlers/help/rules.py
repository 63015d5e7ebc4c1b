"""What we say to somebody who looks around."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True, slots=True)
class Started:
    buttons: ClassVar = (("checkin.check_in",), ("fans.language_zh", "fans.language_en"))
    name: str


@dataclass(frozen=True, slots=True)
class Helped:
    buttons: ClassVar = (("checkin.check_in",),)
    name: str


@dataclass(frozen=True, slots=True)
class About:
    buttons: ClassVar = ()
    name: str


@dataclass(frozen=True, slots=True)
class Lost:
    """Words in private that no room knows."""

    buttons: ClassVar = (("checkin.check_in",),)
    name: str
