"""The persona rehearses each touch point with facts made up: what is missing, what sounds wrong."""

from __future__ import annotations

import dataclasses
import importlib
import pkgutil
import types
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from functools import cache
from typing import Any, Final, Union, get_args, get_origin, get_type_hints

import handlers
from handlers.doors import template_of
from templates import HERE, LOCALES, Voice, lint, touchpoints
from templates.lint import Finding
from templates.touchpoints import TouchPoint

POINTS: Final = HERE / "touchpoints.toml"
# How a fact is called says what it is; all others are made up by their type.
KNOWN: Final[Mapping[str, object]] = {
    "name": "Lin",
    "title": "林间小屋",
    "language": "English",
    "streak": 7,
    "points": 10,
    "total": 120,
    "minutes": 7,
    "hour": "20:00",
    "day": "2026-05-04",
    "month": 5,
    "date": 4,
    "year": 2026,
}
MAY_BE_MISSING: Final = ("name", "title")
OF_THE_HOUSE: Final = 2  # ways to say it; a shipped persona needs as many as its touch point says


@dataclass(frozen=True, slots=True)
class Part:
    """One touch point as the persona knows it: ``variants`` by language, ``own`` where the words
    are hers and not the house's, ``note`` what the author says about it."""

    template: str
    note: str
    point: TouchPoint
    variants: Mapping[str, int]
    own: tuple[str, ...]


@cache
def outcomes() -> Mapping[str, type[Any]]:
    """What the rooms can answer, by template: dataclasses of their rules that say which buttons
    they carry."""
    found: dict[str, type[Any]] = {}
    for module in pkgutil.walk_packages(handlers.__path__, "handlers."):
        if module.name.endswith(".rules"):
            for value in vars(importlib.import_module(module.name)).values():
                if (
                    isinstance(value, type)
                    and dataclasses.is_dataclass(value)
                    and value.__module__ == module.name
                    and hasattr(value, "buttons")
                ):
                    found[template_of(value)] = value
    return dict(sorted(found.items()))


def samples(voice: Voice, name: str) -> list[dict[str, object]]:
    """Facts of a template as they can come: the ordinary fan first, then one without a name, then
    one of everything; each once."""
    ordinary = _facts(outcomes()[name], voice.columns(name))
    nameless = {k: "" if k in MAY_BE_MISSING else v for k, v in ordinary.items()}
    single = {k: 1 if type(v) is int else v for k, v in ordinary.items()}
    other = {k: not v if isinstance(v, bool) else v for k, v in nameless.items()}
    all_of_them = (ordinary, nameless, single, other)
    return [one for n, one in enumerate(all_of_them) if one not in all_of_them[:n]]


def _facts(outcome: type[Any], columns: Set[str]) -> dict[str, object]:
    hints = get_type_hints(outcome)
    return {
        field.name: KNOWN.get(field.name, _made_up(hints[field.name], columns))
        for field in dataclasses.fields(outcome)
    }


def _made_up(kind: Any, columns: Set[str]) -> Any:
    """Some value of a type, as JSON knows it; a row of a table has all *columns*."""
    origin, inside = get_origin(kind), get_args(kind)
    if origin in (Union, types.UnionType):
        return _made_up(next(one for one in inside if one is not type(None)), columns)
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return {**dict.fromkeys(columns, 12), **{key: KNOWN[key] for key in columns & KNOWN.keys()}}
    if isinstance(origin, type) and issubclass(origin, Sequence):
        return [_made_up(inside[0], columns) for _ in range(3)]
    if isinstance(kind, type) and dataclasses.is_dataclass(kind):
        return _facts(kind, columns)
    plain: dict[Any, object] = {str: "一二三", int: 12, float: 1.5, bool: True}
    return plain.get(kind, "一二三")


def special() -> dict[str, TouchPoint]:
    """The touch points that are not ordinary, by template."""
    return touchpoints.read(POINTS)


def parts(voice: Voice, persona: Mapping[str, Any]) -> list[Part]:
    """Every touch point, sorted by template."""
    known = special()
    found = []
    for name in outcomes():
        spoken = [locale for locale in LOCALES if voice.knows(name, locale)]
        sources = {locale: voice.source(name, locale, persona) for locale in spoken}
        found.append(
            Part(
                name,
                voice.note(name) if spoken else "",
                known.get(name, TouchPoint()),
                {locale: voice.variants(name, locale, persona) for locale in spoken},
                tuple(at for at, source in sources.items() if source.startswith("personas/")),
            )
        )
    return found


def readings(
    voice: Voice, name: str, locale: str, persona: Mapping[str, Any], hour: int | None = None
) -> list[str]:
    """All ways to say one template to a sample fan, as Telegram HTML."""
    facts = samples(voice, name)[0]
    return [
        voice.render(name, facts, locale=locale, persona=persona, variant=variant, hour=hour)
        for variant in range(voice.variants(name, locale, persona))
    ]


def findings(voice: Voice, persona: Mapping[str, Any], locales: Sequence[str]) -> list[Finding]:
    """What is missing and what a persona would not say, over all touch points."""
    found = list(_missing(voice, persona, locales))
    for part in parts(voice, persona):
        facts = samples(voice, part.template)
        for locale in locales:
            found += lint.examine(
                voice, part.template, part.point, locale=locale, persona=persona, samples=facts
            )
    return found


def _missing(voice: Voice, persona: Mapping[str, Any], locales: Sequence[str]) -> Iterator[Finding]:
    """Outcomes without words, words without an outcome, and too few ways to say it."""
    known, key = outcomes(), str(persona.get("words") or persona.get("key") or "")
    for name in special().keys() - known.keys():
        yield Finding("touchpoints.toml", 0, f"nothing is called {name}")
    for file in voice.sources():
        room, outcome = file.removesuffix(".j2").split("/")[-2:]
        if not outcome.startswith("_") and f"{room}/{outcome}" not in known:
            yield Finding(file, 0, "nobody says these words: there is no such outcome")
    for part in parts(voice, persona):
        if part.variants and not part.note:
            yield Finding(f"zh/{part.template}.j2", 0, "no touch point: open it with a comment")
        fields = {field.name for field in dataclasses.fields(known[part.template])}
        for locale in locales:
            if locale not in part.variants:
                continue  # the lint says that there are no words
            file = voice.source(part.template, locale, persona)
            few = part.point.fewest(locale) if key in voice.cast() else OF_THE_HOUSE
            count = part.variants[locale]
            if count < min(few, part.point.fewest(locale)):
                yield Finding(file, 0, f"{count} ways to say it; {part.point.said} needs {few}")
            for fact in sorted(voice.used(part.template, locale, persona) - fields):
                yield Finding(file, 0, f"asks for {fact}, which the outcome does not carry")
