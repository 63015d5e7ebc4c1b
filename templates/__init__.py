"""How the persona talks: one object that turns an outcome and its facts into words."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cache, lru_cache
from itertools import product
from pathlib import Path
from typing import Any

from jinja2 import StrictUndefined, Template, TemplateSyntaxError, meta, nodes
from jinja2.sandbox import ImmutableSandboxedEnvironment

from templates import markup, personas

HERE = Path(__file__).parent
LOCALES = personas.LOCALES
"""The languages that we have words in, in the order in which a fan is offered them."""

BUTTON_LIMIT = 64
_ANOTHER_VARIANT = re.compile(r"^---$", re.MULTILINE)
_BUTTONS = "_buttons"
_COMMANDS = "_commands"
_PERSONAS = "personas"
_SPEAKERS = 1024
_NOBODY: Mapping[str, object] = {}
_COMMENT = re.compile(r"\s*\{#-?\s*(.*?)\s*-?#\}", re.DOTALL)
_KEY = re.compile(r"[a-z][\w-]*", re.ASCII)
# Few filters, and none that could switch the escaping off: words need no more.
_FILTERS = {
    *("abs", "batch", "capitalize", "default", "first", "groupby", "join", "last", "length"),
    *(
        "list",
        "lower",
        "replace",
        "round",
        "sort",
        "sum",
        "trim",
        "truncate",
        "unique",
        "upper",
        "urlencode",
    ),
}

_RIGHT_TO_LEFT = re.compile(
    "[\u0590-\u08ff\u200f\ufb1d-\ufdff\ufe70-\ufefc\U00010800-\U00010fff\U0001e800-\U0001efff]"
)
_DIRECTIONS = re.compile("[\u202a-\u202e\u2066-\u2069]")
_WORD_JOINER = "\u2060"
_LURE = re.compile(r"(?<=[@#$])(?=\w)|(?<![\w/<].)(?<=/)(?=\w)|(?<=\w\.)(?=[^\W\d_]{2})|(?<=://)")
_ISOLATED = 128


class NoWords(LookupError):
    """Nobody wrote words for this outcome: add `templates/<locale>/<name>.j2`."""

    def __init__(self, name: str, locale: str | None) -> None:
        super().__init__(f"there are no words for {name} in {locale or 'any language'}")
        self.name = name
        self.locale = locale


class BadTemplate(ValueError):
    """A file of words cannot be read, or asks for a fact that its outcome does not carry."""

    def __init__(self, name: str, locale: str, line: int, reason: str) -> None:
        super().__init__(f"{locale}/{name}.j2, line {line}: {reason}")
        self.name = name
        self.locale = locale
        self.line = line
        self.reason = reason


def locale_of(language_code: str | None, community: str = "zh") -> str:
    """The one of `LOCALES` for the language that Telegram names; `community` if it names none.

    >>> locale_of("zh-hans"), locale_of("zh-HK"), locale_of("en-GB"), locale_of("fr")
    ('zh', 'zh-TW', 'en', 'en')
    """
    if not language_code:
        return community
    language, *rest = language_code.lower().replace("_", "-").split("-")
    if language not in {"zh", "yue"}:
        return "en"
    if "hans" in rest or (language == "zh" and not {"hant", "tw", "hk", "mo"} & set(rest)):
        return "zh"
    return "zh-TW"


class Voice:
    """All words of one installation, read once and compiled when first used.

    A template's `name` is `<room>/<outcome>`. It sees the outcome's facts (plain values as JSON
    knows them; a fact that is None or cannot be seen is "") and `persona`, nothing else: her
    `name`, `self` (how she says "I": 我, 鹿鹿), `calls_fans` (for example 小树苗) and `greeting`
    (by the hour). The last two may be "", and so must be asked for with `{% if %}`, as must a
    fan's `name`.

    The `persona` that is passed in is a community's row: its `key` names the shipped persona whose
    words she speaks with (`personas/<key>/<locale>/<room>/<outcome>.j2`, else the house's), unless
    `words` names another; the rest is what the community wants to have its own way, see
    `personas.tongue`. Without a key she speaks with the words of the house.

    Facts are never trusted: they are cleaned and escaped, a name that runs right to left is
    isolated so that it does not turn the sentence around it, and a `name` that looks like a link,
    a mention or a command is made to look only.
    """

    def __init__(self, root: Path = HERE) -> None:
        self._files = {
            (locale, path.relative_to(root / locale).with_suffix("").as_posix()): path
            for locale in LOCALES
            for path in sorted((root / locale).rglob("*.j2"))
        }
        self._personas = personas.shipped(root / _PERSONAS)
        for key, locale in product(self._personas, LOCALES):
            at = f"{_PERSONAS}/{key}/{locale}"
            for path in sorted((root / at).rglob("*.j2")):
                self._files[at, path.relative_to(root / at).with_suffix("").as_posix()] = path
        self._words = _stage(escape=True)
        self._labels = _stage(escape=False)
        self._speakers: dict[tuple[int, str, int | None], tuple[Mapping[str, object], object]] = {}
        # One cache per object: two voices in a test do not share words.
        self._variants = cache(self._read_variants)
        self._buttons = cache(self._read_buttons)
        self._greets = cache(self._reads_the_clock)

    def knows(self, name: str, locale: str | None = None) -> bool:
        """Whether a fan of this locale gets an answer, be it in a language she falls back to."""
        return any((at, name) in self._files for at in personas.FALLBACK.get(locale or "", LOCALES))

    def names(self) -> list[str]:
        """Every outcome that has words in some language, sorted."""
        lists = (f"/{_BUTTONS}", f"/{_COMMANDS}")
        return sorted({name for _, name in self._files if not name.endswith(lists)})

    def cast(self) -> Mapping[str, Mapping[str, Any]]:
        """The shipped personas by their key."""
        return self._personas

    def speaker(
        self, persona: Mapping[str, object], locale: str, hour: int | None = None
    ) -> dict[str, Any]:
        """What templates know as `persona` in a language, see `personas.tongue`."""
        known = self._personas.get(str(persona.get("key", "")), _NOBODY)
        return personas.tongue(persona, known, locale, hour)

    def source(self, name: str, locale: str, persona: Mapping[str, object] = _NOBODY) -> str:
        """The file that she speaks from, such as `personas/lulu/zh/checkin/checked_in.j2`."""
        at, _ = self._find(name, locale, _words_of(persona))
        return f"{at}/{name}.j2"

    def sources(self) -> list[str]:
        """Every file of words that there is, sorted."""
        return sorted(f"{at}/{name}.j2" for at, name in self._files)

    def note(self, name: str) -> str:
        """What the author says about an outcome in the comment that opens its file; "" without."""
        _, path = self._find(name, "zh", "")
        comment = _COMMENT.match(path.read_text(encoding="utf-8"))
        return " ".join(comment[1].split()) if comment else ""

    def variants(self, name: str, locale: str, persona: Mapping[str, object] = _NOBODY) -> int:
        """How many ways there are to say it."""
        return len(self._variants(name, locale, _words_of(persona)))

    def greets(self, name: str, locale: str, persona: Mapping[str, object] = _NOBODY) -> bool:
        """Whether some way to say it begins by the hour, which `render` must then be told."""
        return self._greets(name, locale, _words_of(persona))

    def used(self, name: str, locale: str, persona: Mapping[str, object] = _NOBODY) -> set[str]:
        """The facts that the words ask for, over all variants; `persona` is not counted."""
        at, path = self._find(name, locale, _words_of(persona))
        found: set[str] = set()
        for source in _sources(path):
            try:
                found |= meta.find_undeclared_variables(self._words.parse(source))
            except TemplateSyntaxError as error:
                raise BadTemplate(name, at, error.lineno, error.message or "") from error
        return found - {"persona"}

    def columns(self, name: str) -> set[str]:
        """What the words of any language ask of facts that are tables, by the columns' names."""
        return {
            node.attr
            for locale in LOCALES
            if self.knows(name, locale)
            for source in _sources(self._find(name, locale)[1])
            for node in self._words.parse(source).find_all(nodes.Getattr)
            if not (isinstance(node.node, nodes.Name) and node.node.name == "persona")
        }

    def render(
        self,
        name: str,
        facts: Mapping[str, object],
        *,
        locale: str,
        persona: Mapping[str, object],
        variant: int = 0,
        hour: int | None = None,
    ) -> str:
        """Telegram HTML for the outcome, without white space around it; `variant` counts round.

        `hour` is the hour of the day where the fan is; without it she greets nobody by it. Raises
        `NoWords`, or `BadTemplate` where the words and the facts do not fit.
        """
        variants = self._variants(name, locale, _words_of(persona))
        template = variants[variant % len(variants)]
        return self._say(template, self._scope(facts, persona, locale, hour)).strip()

    def buttons(
        self,
        name: str,
        facts: Mapping[str, object],
        *,
        locale: str,
        persona: Mapping[str, object],
    ) -> dict[str, str]:
        """The labels that the outcome may set under it, plain text of at most 64 characters.

        Those of its own room stand under their bare key, those of every room under `<room>.<key>`.
        A label that speaks of a fact which this outcome does not carry is left out: it belongs to
        another outcome.
        """
        ready, asking = self._buttons(name.partition("/")[0], locale)
        labels = dict(ready)
        if asking:
            scope = self._scope(facts, persona, locale, None)
            for key, needs, label in asking:
                if needs <= scope.keys():
                    labels[key] = _label(self._say(label, scope))
        return labels

    def commands(self, room: str, locale: str) -> dict[str, str]:
        """What a menu says of a room's commands (`_commands.j2`), plain text."""
        lines = self._labels_of(room, locale, _COMMANDS)
        return {key: _label(self._say(label, {})) for key, _, label in lines}

    def _find(self, name: str, locale: str, words: str = "") -> tuple[str, Path]:
        """The file: in each language first the persona's own, then the house's."""
        for at in personas.FALLBACK.get(locale, ()):
            for home in (f"{_PERSONAS}/{words}/{at}", at) if words else (at,):
                if path := self._files.get((home, name)):
                    return home, path
        raise NoWords(name, locale)

    def _read_variants(self, name: str, locale: str, words: str) -> Sequence[Template]:
        at, path = self._find(name, locale, words)
        return tuple(_compiled(self._words, source, name, at) for source in _sources(path))

    def _reads_the_clock(self, name: str, locale: str, words: str) -> bool:
        return "persona.greeting" in self._find(name, locale, words)[1].read_text(encoding="utf-8")

    def _read_buttons(
        self, room: str, locale: str
    ) -> tuple[Mapping[str, str], Sequence[tuple[str, set[str], Template]]]:
        """The labels that are always the same, and those that need facts to be written."""
        ready: dict[str, str] = {}
        asking: list[tuple[str, set[str], Template]] = []
        for home in sorted({name.partition("/")[0] for _, name in self._files}):
            for key, written, label in self._labels_of(home, locale):
                needs = meta.find_undeclared_variables(self._labels.parse(written))
                for full in (f"{home}.{key}", key)[: 2 if home == room else 1]:
                    if needs:
                        asking.append((full, needs, label))
                    else:
                        ready[full] = _label(self._say(label, {}))
        return ready, tuple(asking)

    def _labels_of(
        self, room: str, locale: str, file: str = _BUTTONS
    ) -> Iterator[tuple[str, str, Template]]:
        name = f"{room}/{file}"
        try:
            at, path = self._find(name, locale)
        except NoWords:
            return
        for line, written in enumerate(path.read_text(encoding="utf-8").splitlines()):
            if not written.strip() or written.startswith("{#"):
                continue
            key, equals, label = (part.strip() for part in written.partition("="))
            if not (_KEY.fullmatch(key) and equals and label):
                raise BadTemplate(name, at, line + 1, "a button is written `key = label`")
            yield key, label, _compiled(self._labels, "\n" * line + label, name, at)

    def _scope(
        self,
        facts: Mapping[str, object],
        persona: Mapping[str, object],
        locale: str,
        hour: int | None,
    ) -> dict[str, object]:
        scope = {key: _tame(value) for key, value in facts.items()}
        name = scope.get("name")
        if isinstance(name, str) and name:
            scope["name"] = _LURE.sub(_WORD_JOINER, name)
        scope["persona"] = self._tamed_speaker(persona, locale, hour)
        return scope

    def _tamed_speaker(
        self, persona: Mapping[str, object], locale: str, hour: int | None
    ) -> object:
        """The speaker as templates may see her. Remembered as long as it is the same mapping that
        is passed: she speaks in every letter, and a community's row is read once."""
        at = (id(persona), locale, hour)
        known = self._speakers.get(at)
        if known is not None and known[0] is persona:
            return known[1]
        tamed = _tame(self.speaker(persona, locale, hour))
        if len(self._speakers) >= _SPEAKERS:
            self._speakers.clear()
        self._speakers[at] = (persona, tamed)
        return tamed

    def _say(self, template: Template, scope: Mapping[str, object]) -> str:
        try:
            return template.render(scope)
        except Exception as error:
            # Whatever a template raises is a fault in the words, and their author needs the line.
            at, room, outcome = (template.name or "").rsplit("/", 2)
            raise BadTemplate(
                f"{room}/{outcome}", at, _line(error, template), str(error)
            ) from error


def _stage(*, escape: bool) -> ImmutableSandboxedEnvironment:
    stage = ImmutableSandboxedEnvironment(
        undefined=StrictUndefined,
        autoescape=escape,
        trim_blocks=True,
        cache_size=0,
    )
    stage.globals.clear()
    stage.filters = {name: stage.filters[name] for name in _FILTERS}
    return stage


def _sources(path: Path) -> Iterator[str]:
    """Each variant of a file, pushed down to its own lines so that errors name the right one."""
    line = 0
    for source in _ANOTHER_VARIANT.split(path.read_text(encoding="utf-8")):
        yield "\n" * line + source
        line += source.count("\n")


def _compiled(
    stage: ImmutableSandboxedEnvironment, source: str, name: str, locale: str
) -> Template:
    place = f"{locale}/{name}"
    try:
        code = stage.compile(source, name=place, filename=f"{place}.j2")
    except TemplateSyntaxError as error:
        raise BadTemplate(name, locale, error.lineno, error.message or "") from error
    return Template.from_code(stage, code, {})


def _label(rendered: str) -> str:
    return markup.shorten(" ".join(rendered.split()), BUTTON_LIMIT)


def _line(error: Exception, template: Template) -> int:
    """The line of the words at which rendering stopped."""
    line, step = 1, error.__traceback__
    while step:
        if step.tb_frame.f_code.co_filename == template.filename:
            line = step.tb_lineno
        step = step.tb_next
    return line


def _words_of(persona: Mapping[str, object]) -> str:
    return str(persona.get("words") or persona.get("key") or "")


def _tame(value: object) -> object:
    """A fact as templates may see it: nothing that Telegram refuses or that turns a line."""
    if isinstance(value, str):
        return _tamed(value)
    if isinstance(value, Mapping):
        tamed = {key: _tame(item) for key, item in value.items()}
        if isinstance(name := tamed.get("name"), str):
            tamed["name"] = _LURE.sub(_WORD_JOINER, name)  # a line of a list, such as a board's
        return tamed
    if isinstance(value, (list, tuple)):
        return [_tame(item) for item in value]
    return "" if value is None else value


@lru_cache(maxsize=1024)  # the persona's own words come with every letter
def _tamed(text: str) -> str:
    if type(text) is not str:
        # A string that calls itself safe markup becomes a plain one again.
        text = "".join(text)
    text = _DIRECTIONS.sub("", markup.clean(text))
    if not markup.visible(text):
        return ""
    if len(text) <= _ISOLATED and "\n" not in text and _RIGHT_TO_LEFT.search(text):
        return f"\u2068{text}\u2069"
    return text
