"""What the page asks for, read field by field, and the sentence for what cannot be."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any


class BadWish(Exception):
    """The page (or whoever plays it) asked for what cannot be; the sentence says what to do."""


class Wish:
    """The fields of one act; reading one that is missing or of the wrong kind raises `BadWish`."""

    def __init__(self, fields: Any) -> None:
        if not isinstance(fields, dict):
            raise BadWish("Send one JSON object with the act and its fields.")
        self._fields: dict[str, Any] = fields

    def text(self, name: str, *, longest: int = 20_000, empty: bool = False) -> str:
        """A text field."""
        value = self._fields.get(name)
        if not isinstance(value, str) or len(value) > longest or not (empty or value.strip()):
            raise BadWish(f"“{name}” must be a text of 1 to {longest} characters.")
        return value

    def number(self, name: str, low: float, high: float) -> float:
        """A number within bounds."""
        value = self._fields.get(name)
        if (
            isinstance(value, bool)
            or not isinstance(value, int | float)
            or not low <= value <= high
        ):
            raise BadWish(f"“{name}” must be a number from {low:g} to {high:g}.")
        return value

    def whole(self, name: str, low: int, high: int) -> int:
        """A whole number within bounds."""
        value = self._fields.get(name)
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise BadWish(f"“{name}” must be a whole number from {low} to {high}.")
        return value

    def flag(self, name: str) -> bool:
        """True or false."""
        value = self._fields.get(name)
        if not isinstance(value, bool):
            raise BadWish(f"“{name}” must be true or false.")
        return value

    def choice(self, name: str, options: Iterable[str]) -> str:
        """One of a few words."""
        names = list(options)
        value = self._fields.get(name)
        if value not in names:
            raise BadWish(f"“{name}” must be one of {', '.join(names)}.")
        return str(value)

    def get(self, name: str) -> Any:
        """Whatever is there, or None."""
        return self._fields.get(name)


def id_of(value: Any) -> int:
    """An id as JSON brings it; 0, which nobody has, for anything else."""
    return value if isinstance(value, int) and not isinstance(value, bool) else 0


def number_of(text: str | None) -> int | None:
    """The number that a text spells; None for everything else (superscripts are digits, too)."""
    plain = text is not None and text.isascii() and text.isdigit() and len(text) < 18
    return int(text) if plain and text is not None else None
