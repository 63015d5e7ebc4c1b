"""Button data that nobody else can have written: a short keyed hash behind each."""

from __future__ import annotations

import base64
import hmac
from dataclasses import dataclass

LONGEST = 64  # bytes; Telegram refuses longer button data
MARK = "~"


class ButtonTooLong(ValueError):
    """The room, key and arguments of a button do not fit into Telegram's 64 bytes; shorten them."""


@dataclass(frozen=True, slots=True)
class Seal:
    """Signs for one bot: data of another bot, or of another installation, does not open.

    >>> seal = Seal(b"k", 7)
    >>> seal.open(seal.sign("checkin.check_in"))
    'checkin.check_in'
    >>> seal.open("checkin.check_in~AAAAAAAA") is None
    True
    """

    key: bytes
    bot: int

    def sign(self, data: str) -> str:
        signed = f"{data}{MARK}{self._tag(data)}"
        if len(signed.encode()) > LONGEST:
            raise ButtonTooLong(data)
        return signed

    def open(self, signed: str) -> str | None:
        """What was signed, or None for anything that we did not write."""
        data, mark, tag = signed.rpartition(MARK)
        right = self._tag(data).encode()
        return data if mark and hmac.compare_digest(right, tag.encode()) else None

    def _tag(self, data: str) -> str:
        digest = hmac.digest(self.key, f"{self.bot}:{data}".encode(), "sha256")
        return base64.urlsafe_b64encode(digest[:6]).decode()
