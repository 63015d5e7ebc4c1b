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


def choose(name: str, locale: str) -> LanguageSet | LanguageAsked:
    """An unknown language is asked again rather than guessed.

    >>> choose("Lin", "en")
    LanguageSet(name='Lin', language='English')
    """
    if locale not in LANGUAGES:
        return LanguageAsked(name)
    return LanguageSet(name, LANGUAGES[locale])
