"""Who speaks: a persona as a file that people can read, write, check and pass on."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final
from zoneinfo import available_timezones

LOCALES: Final = ("zh", "en", "zh-TW")
FALLBACK: Final = {"zh-TW": ("zh-TW", "zh", "en"), "zh": ("zh", "en"), "en": ("en",)}

# The parts of a day, each from its first hour on.
DAYPARTS: Final = ((5, "morning"), (11, "noon"), (14, "afternoon"), (18, "evening"), (23, "night"))

_COMMON: Final = {
    "key": "a short name in small letters",
    "words": "the key of the persona whose written words she uses",
    "zone": "her time zone",
    "hours": "when she is awake, as two times of day",
    "emoji": "the pictures that she uses",
}
_SPOKEN: Final = {
    "name": "her name",
    "self": "how she says I",
    "calls_fans": "how she calls her fans",
    "catch_phrases": "what she likes to say",
    "taboo": "what she never says",
    "greetings": "how she greets by the hour",
}
_KEY: Final = re.compile(r"[a-z][a-z0-9_]{0,31}")
_TIME: Final = re.compile(r"([01]\d|2[0-3]):[0-5]\d")
_HAN: Final = re.compile("[\u3400-\u9fff]")
_LONGEST: Final = 64


class BadPersona(ValueError):
    """A persona's file is not right; ``sentences`` say what, one mistake each.

    Correct the file and bring it again; nothing was changed.
    """

    def __init__(self, sentences: Sequence[str]) -> None:
        super().__init__("\n".join(sentences))
        self.sentences = tuple(sentences)


def shipped(root: Path) -> dict[str, Mapping[str, Any]]:
    """The personas that lie under *root*, by their key; raises BadPersona."""
    return {
        path.parent.name: read(path.read_text(encoding="utf-8"))
        for path in sorted(root.glob("*/persona.toml"))
    }


def read(text: str) -> dict[str, Any]:
    """A persona from her file; raises BadPersona with a sentence for each mistake."""
    try:
        persona = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise BadPersona([f"This is no TOML file: {error}."]) from error
    if sentences := list(mistakes(persona)):
        raise BadPersona(sentences)
    return persona


def mistakes(persona: Mapping[str, Any]) -> Iterator[str]:
    """What is wrong with a persona, a sentence each; nothing when she is fine.

    >>> list(mistakes({"key": "Mia", "zh": {"name": "", "self": "我"}}))[0]
    'key must be a short name in small letters, such as "mia".'
    """
    if not isinstance(persona.get("key"), str) or not _KEY.fullmatch(persona["key"]):
        yield 'key must be a short name in small letters, such as "mia".'
    for name in persona.keys() - _COMMON.keys() - set(LOCALES):
        yield f"{name} is not known; a persona has {', '.join((*_COMMON, *LOCALES))}."
    if not isinstance(persona.get("words", ""), str):
        yield 'words must be the key of a persona, such as "lulu".'
    if persona.get("zone", "UTC") not in available_timezones():
        yield 'zone must be a time zone, such as "Asia/Shanghai".'
    hours = persona.get("hours", ["00:00", "00:00"])
    if not (
        isinstance(hours, list)
        and len(hours) == 2
        and all(isinstance(hour, str) and _TIME.fullmatch(hour) for hour in hours)
    ):
        yield 'hours must be two times of day, such as ["08:00", "23:00"].'
    yield from _list_mistakes("emoji", persona.get("emoji", []))
    spoken = [locale for locale in LOCALES if locale in persona]
    if not spoken:
        yield "She speaks no language: write a [zh] or an [en] table."
    for locale in spoken:
        yield from _tongue_mistakes(locale, persona[locale])


def _tongue_mistakes(locale: str, tongue: object) -> Iterator[str]:
    if not isinstance(tongue, Mapping):
        yield f"{locale} must be a table, written [{locale}]."
        return
    for name in tongue.keys() - _SPOKEN.keys():
        yield f"{locale}.{name} is not known; a language has {', '.join(_SPOKEN)}."
    for name in ("name", "self"):
        if not tongue.get(name):
            yield f"{locale}.{name} is missing: {_SPOKEN[name]}."
    for name in ("name", "self", "calls_fans"):
        yield from _word_mistakes(f"{locale}.{name}", tongue.get(name, ""))
    for name in ("catch_phrases", "taboo"):
        yield from _list_mistakes(f"{locale}.{name}", tongue.get(name, []))
    greetings = tongue.get("greetings", {})
    parts = [part for _, part in DAYPARTS]
    if not isinstance(greetings, Mapping) or greetings.keys() - set(parts):
        yield f"{locale}.greetings must be a table of {', '.join(parts)}."
        return
    for part, word in greetings.items():
        yield from _word_mistakes(f"{locale}.greetings.{part}", word)
    said = " ".join(_said(tongue)).lower()
    for word in tongue.get("taboo", []):
        if isinstance(word, str) and word and word.lower() in said:
            yield f"{locale} says “{word}” herself, and lists it under taboo."


def _said(tongue: Mapping[str, Any]) -> Iterator[str]:
    for name in ("name", "self", "calls_fans"):
        yield str(tongue.get(name, ""))
    for phrases in (tongue.get("catch_phrases", []), tongue.get("greetings", {}).values()):
        yield from map(str, phrases)


def _word_mistakes(place: str, word: object) -> Iterator[str]:
    if not isinstance(word, str):
        yield f"{place} must be text in quotation marks."
    elif len(word) > _LONGEST or "\n" in word or re.search(r"[<>{}]", word):
        yield f"{place} must be one line of at most {_LONGEST} characters without < > {{ }}."


def _list_mistakes(place: str, words: object) -> Iterator[str]:
    if not isinstance(words, list):
        yield f'{place} must be a list, such as ["one", "two"].'
        return
    for word in words:
        yield from _word_mistakes(place, word)


def write(persona: Mapping[str, Any]) -> str:
    """The persona's file: what `read` reads."""
    lines = []
    for name, meaning in _COMMON.items():
        if persona.get(name):
            lines += [f"# {meaning}", f"{name} = {_toml(persona[name])}"]
    for locale in LOCALES:
        if locale not in persona:
            continue
        lines += ["", f"[{locale}]"]
        for name, meaning in _SPOKEN.items():
            if name in persona[locale] and name != "greetings":
                lines += [f"# {meaning}", f"{name} = {_toml(persona[locale][name])}"]
        if greetings := persona[locale].get("greetings"):
            lines += ["", f"[{locale}.greetings]"]
            lines += [f"{part} = {_toml(word)}" for part, word in greetings.items()]
    return "\n".join(lines) + "\n"


def _toml(value: str | Sequence[str]) -> str:
    if isinstance(value, str):
        return '"' + "".join(_ESCAPES.get(letter, letter) for letter in value) + '"'
    return "[" + ", ".join(map(_toml, value)) + "]"


_ESCAPES: Final = {
    '"': '\\"',
    "\\": "\\\\",
    **{chr(code): f"\\u{code:04x}" for code in (*range(0x20), 0x7F)},
}


def daypart(hour: int) -> str:
    """The part of the day that an hour of the clock belongs to.

    >>> [daypart(hour) for hour in (4, 5, 12, 17, 22, 23)]
    ['night', 'morning', 'noon', 'afternoon', 'evening', 'night']
    """
    parts = [part for first, part in DAYPARTS if hour >= first]
    return parts[-1] if parts else "night"


def tongue(
    persona: Mapping[str, Any], shipped_one: Mapping[str, Any], locale: str, hour: int | None
) -> dict[str, Any]:
    """How she speaks in a language: what templates know as ``persona``.

    A community's row says what it wants to have its own way, for all languages ("name") or for
    one ({"zh": {"name": …}}); the rest comes from *shipped_one*. How she says I and how she calls
    her fans are not carried over into the other script. ``greeting`` is "" without an *hour*.
    """
    spoken: dict[str, Any] = {
        "name": "",
        "self": "I" if locale == "en" else "我",
        "calls_fans": "",
        "greetings": {},
        **_nearest(shipped_one, locale),
    }
    spoken |= {
        name: value
        for name, value in persona.items()
        if isinstance(value, str) and value and not _is_foreign(name, value, locale)
    }
    spoken |= _nearest(persona, locale)
    greeting = spoken.pop("greetings").get(daypart(hour), "") if hour is not None else ""
    return {**spoken, "greeting": greeting}


def whole(row: Mapping[str, Any], shipped_one: Mapping[str, Any]) -> dict[str, Any]:
    """A community's row as a file of its own: all that she is, the shipped one's part included."""
    common = {name: value for one in (shipped_one, row) for name, value in one.items()}
    found = {name: common[name] for name in _COMMON if common.get(name)}
    for locale in LOCALES:
        if locale in shipped_one or locale in row:
            greetings = {
                **shipped_one.get(locale, {}).get("greetings", {}),
                **row.get(locale, {}).get("greetings", {}),
            }
            spoken = tongue(row, shipped_one, locale, None)
            found[locale] = {name: spoken[name] for name in _SPOKEN if spoken.get(name)}
            if greetings:
                found[locale]["greetings"] = greetings
    return found


def _nearest(persona: Mapping[str, Any], locale: str) -> Mapping[str, Any]:
    """Her own words for the nearest language; what a dialect leaves out it takes from the next,
    but nothing out of the other script."""
    found: dict[str, Any] = {}
    for at in reversed(FALLBACK.get(locale, ())):
        if isinstance(persona.get(at), Mapping):
            carried = persona[at] if (at == "en") == (locale == "en") else _names(persona[at])
            found |= carried
    return found


def _names(spoken: Mapping[str, Any]) -> Mapping[str, Any]:
    return {"name": spoken["name"]} if spoken.get("name") else {}


def _is_foreign(name: str, value: str, locale: str) -> bool:
    """Whether a word that belongs to a language belongs to another one than this."""
    return name in ("self", "calls_fans") and bool(_HAN.search(value)) == (locale == "en")
