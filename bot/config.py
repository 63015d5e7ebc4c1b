"""config.toml and the environment as one frozen, typed Settings; nothing else reads either of them.

The environment wins over the file, the file over the defaults. Whatever is wrong stops the start
with one sentence per mistake, and no sentence repeats a value: it might be a secret.
"""

from __future__ import annotations

import json
import os
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from difflib import SequenceMatcher
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar, get_origin
from urllib.parse import unquote, urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic.fields import FieldInfo
from pydantic_settings import (
    BaseSettings,
    InitSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from bot.masks import Masks

DEFAULT_FILE = Path("config.toml")
PREFIX = "RENQING_"
TOKEN_VARIABLE = "BOT_TOKEN"  # what most hosts and tutorials call it

_TOKEN_SHAPE = re.compile(r"[0-9]{1,20}:[A-Za-z0-9_-]{30,64}")
_SECRET_SHAPE = re.compile(r"[A-Za-z0-9_-]{1,256}")
_TOML_PLACE = re.compile(r"\s*\(at (?:line (\d+), column (\d+)|end of document)\)$")


class ConfigError(Exception):
    """The settings cannot be used: each line names one setting and says what was expected."""


# ── what a value may be ───────────────────────────────────────────────────────────────────────


def _token(value: SecretStr) -> SecretStr:
    text = value.get_secret_value().strip()
    if text and not _TOKEN_SHAPE.fullmatch(text):
        raise ValueError(
            "does not look like a bot token: @BotFather sends one such as 123456789:AAE…, the "
            "bot's number, a colon and some 35 letters, digits, - or _; copy it whole"
        )
    return SecretStr(text)


def _secret(value: SecretStr) -> SecretStr:
    text = value.get_secret_value()
    if text and not _SECRET_SHAPE.fullmatch(text):
        raise ValueError("must be 1 to 256 letters, digits, - or _ (Telegram allows no others)")
    return value


def _web_address(text: str) -> str:
    text = text.strip().rstrip("/")
    if not text:
        return ""
    parts = urlsplit(text)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError("must be an address that starts with https:// (or http://)")
    return text


def _api_address(text: str) -> str:
    if not text.strip():
        raise ValueError(
            "must be the address of a Bot API server, such as https://api.telegram.org"
        )
    return _web_address(text)


def _database(text: str) -> str:
    scheme, found, rest = text.strip().partition("://")
    if scheme.startswith(("sqlite+", "postgresql+", "postgres+")):
        raise ValueError("names a driver; the choice of the driver is ours, leave the +… out")
    if scheme == "postgres":
        scheme = "postgresql"
    if not found or scheme not in {"sqlite", "postgresql"}:
        raise ValueError("must be sqlite:///path/to/file.db or postgresql://user@host/database")
    if scheme == "sqlite" and not (rest.startswith("/") and rest.strip("/")):
        raise ValueError("must name a file: sqlite:///renqing.db (four slashes: an absolute path)")
    return f"{scheme}://{rest}"


def _redis(text: str) -> str:
    text = text.strip()
    if text and not text.startswith(("redis://", "rediss://", "unix://")):
        raise ValueError("must be empty (no Redis) or start with redis://, rediss:// or unix://")
    return text


def _path(text: str) -> str:
    if not text.startswith("/") or any(sign in text for sign in "?# {}"):
        raise ValueError("must be a path that starts with / such as /telegram")
    return text


def _zone(text: str) -> str:
    try:
        return ZoneInfo(text).key
    except (ZoneInfoNotFoundError, ValueError, OSError):
        near = _nearest(text, available_timezones())
    hint = f"; did you mean {near}?" if near else ", such as Asia/Shanghai"
    raise ValueError(f"must be the name of a time zone{hint}")


def _lower(value: Any) -> Any:
    return value.strip().lower() if isinstance(value, str) else value


def _this_machine(host: str) -> str:
    if host not in {"127.0.0.1", "::1", "localhost"}:
        raise ValueError(
            "must be 127.0.0.1, ::1 or localhost: whoever reaches the playground is everybody in it"
        )
    return host


Token = Annotated[SecretStr, AfterValidator(_token)]
Secret = Annotated[SecretStr, AfterValidator(_secret)]
WebAddress = Annotated[str, AfterValidator(_web_address)]
Words = Annotated[str, Field(min_length=1, max_length=64)]
Name = Annotated[str, Field(max_length=64)]
Port = Annotated[int, Field(ge=0, le=65535)]
Locale = Literal["zh", "zh-TW", "en"]


# ── the sections ──────────────────────────────────────────────────────────────────────────────


class Section(BaseModel):
    """One frozen section; its repr masks passwords that stand inside of addresses."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", hide_input_in_errors=True, validate_default=True
    )

    def __repr_args__(self) -> Iterator[tuple[str | None, Any]]:
        masks = Masks()
        for name, value in super().__repr_args__():
            yield name, masks.text(value) if isinstance(value, str) else value


AnySection = TypeVar("AnySection", bound=Section)


class Community(Section):
    """A community: whose days are counted in *zone* and who is spoken to in *locale* first."""

    name: Words = Field("小鹿的林间小屋", description="how the community is called")
    zone: Annotated[str, AfterValidator(_zone)] = Field(
        "Asia/Shanghai", description="its time zone: a new day begins at midnight there"
    )
    locale: Locale = Field(
        "zh", description="its language where a fan's own is not known: zh, zh-TW or en"
    )


class Persona(Section):
    """Who speaks: a persona that has words of her own, and what shall be different about her."""

    key: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$", max_length=32)] = Field(
        "lulu", description="who speaks: lulu, kai, or another persona of templates/personas"
    )
    name: Name = Field("", description="the influencer's name, as fans say it; empty: her own")
    self: Name = Field("", description="how the persona says I; empty: her own way")
    calls_fans: Name = Field(
        "", description="what the persona calls the fans; empty: what she calls them herself"
    )

    def words(self) -> dict[str, str]:
        """Return the row that ``templates.Voice`` takes as ``persona``; what is empty is hers."""
        row = {name: str(getattr(self, name)) for name in type(self).model_fields}
        return {name: value for name, value in row.items() if value}


class MoreBot(Section):
    """One entry of ``[[telegram.bots]]``; what it leaves out it takes from the common sections."""

    token: Token = Field(description="the token of this bot")
    name: str = Field("", max_length=64, description="a short name for logs and exports")
    community: Community | None = Field(None, description="the keys of [community] that differ")
    persona: Persona | None = Field(None, description="the keys of [persona] that differ")

    @field_validator("token")
    @classmethod
    def _has_a_token(cls, token: SecretStr) -> SecretStr:
        if not token.get_secret_value():
            raise ValueError("must be the token that @BotFather gave for this bot")
        return token


class Telegram(Section):
    """How Telegram is reached, and by which bots."""

    token: Token = Field(
        SecretStr(""), description="the bot's token from @BotFather; BOT_TOKEN is accepted too"
    )
    api_base: Annotated[str, AfterValidator(_api_address)] = Field(
        "https://api.telegram.org", description="the Bot API server; any other one works as well"
    )
    owners: tuple[Annotated[int, Field(ge=1)], ...] = Field(
        (),
        description="Telegram ids of the owners; when empty, whoever sends the bot the one-time "
        "code that the first start prints",
    )
    receive: Annotated[Literal["polling", "webhook"], BeforeValidator(_lower)] = Field(
        "polling", description="polling needs nothing; webhook needs web.public_url and a secret"
    )
    webhook_path: Annotated[str, AfterValidator(_path)] = Field(
        "/telegram", description="where Telegram posts to, below web.public_url"
    )
    webhook_secret: Secret = Field(
        SecretStr(""),
        description="what Telegram must send with each post: letters, digits, - and _",
    )
    rate: int = Field(
        30, ge=1, le=1000, description="messages a second at most; Telegram allows 30"
    )
    bots: tuple[MoreBot, ...] = Field(
        (), description="more bots, each in a table of its own: token, name, community, persona"
    )


class Storage(Section):
    """Where the truth lies."""

    url: Annotated[str, AfterValidator(_database)] = Field(
        "sqlite:///renqing.db",
        description="sqlite:///path (from the folder of the start) or postgresql://user@host/name",
    )


class Redis(Section):
    """The optional helper that several processes share; nothing that must survive is in it."""

    url: Annotated[str, AfterValidator(_redis)] = Field(
        "", description="redis://host:6379/0 when several processes run; empty: not used"
    )


class Web(Section):
    """Our own web server: the webhook, health, metrics and pages."""

    host: Words = Field("127.0.0.1", description="the address that the web server listens on")
    port: Port = Field(8080, description="its port; 0 takes any free one")
    public_url: WebAddress = Field(
        "", description="how the world reaches it, such as https://fans.example.org"
    )
    remembered: bool = Field(
        False, description="show on this machine what the store remembers (the playground does)"
    )


class Playground(Section):
    """The Telegram of our own that runs on this machine."""

    host: Annotated[str, AfterValidator(_this_machine)] = Field(
        "127.0.0.1", description="the address that the playground listens on: this machine's own"
    )
    port: Port = Field(
        8090, description="its port; when taken, the next free one is used and named"
    )


class Clock(Section):
    """Whose time rules."""

    url: WebAddress = Field("", description="a playground's clock; empty: the machine's own")


class Beacon(Section):
    """Where public randomness for draws is fetched."""

    relays: tuple[Annotated[str, AfterValidator(_api_address)], ...] = Field(
        (
            "https://api.drand.sh",
            "https://api2.drand.sh",
            "https://api3.drand.sh",
            "https://drand.cloudflare.com",
        ),
        description="relays of the drand network, asked in this order; each answer is verified",
    )


class Retention(Section):
    """How long words are kept."""

    text_days: int = Field(
        365, ge=0, le=36500, description="days until what fans wrote is forgotten; 0 keeps it"
    )


class Log(Section):
    """How the log is written."""

    format: Annotated[Literal["console", "json"], BeforeValidator(_lower)] = Field(
        "console", description="console for people, json (one object a line) for machines"
    )
    level: Annotated[Literal["debug", "info", "warning", "error"], BeforeValidator(_lower)] = Field(
        "info", description="the least that is written: debug, info, warning or error"
    )


@dataclass(frozen=True, slots=True)
class Face:
    """One bot that runs: its token, and the community and persona that it speaks for."""

    token: SecretStr
    name: str
    community: Community
    persona: Persona

    @property
    def id(self) -> int:
        """The bot's Telegram id, which stands before the colon of its token."""
        return int(self.token.get_secret_value().partition(":")[0])


class Settings(BaseSettings):
    """All settings; made by `load`, or directly by a test, which reads no file, no variable."""

    model_config = SettingsConfigDict(
        frozen=True, extra="forbid", hide_input_in_errors=True, validate_default=True
    )

    telegram: Telegram = Telegram()
    storage: Storage = Storage()
    redis: Redis = Redis()
    web: Web = Web()
    playground: Playground = Playground()
    clock: Clock = Clock()
    beacon: Beacon = Beacon()
    community: Community = Community()
    persona: Persona = Persona()
    retention: Retention = Retention()
    log: Log = Log()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Read nothing but what is given: `load` brings the file and the environment itself."""
        return (init_settings,)

    @model_validator(mode="after")
    def _fit_together(self) -> Settings:
        telegram, web = self.telegram, self.web
        if telegram.receive == "webhook":
            if not web.public_url:
                raise ValueError("web.public_url is missing: a webhook needs an address to post to")
            if not telegram.webhook_secret.get_secret_value():
                raise ValueError(
                    "telegram.webhook_secret is missing: without it anybody could post updates"
                )
        if web.remembered and not _loopback(web.host):
            raise ValueError(
                "web.remembered shows what fans wrote, so web.host must be 127.0.0.1 then"
            )
        ids = [face.id for face in self.faces()]
        if len(set(ids)) < len(ids):
            raise ValueError("telegram.bots names the same bot twice: one token, one community")
        return self

    def faces(self) -> tuple[Face, ...]:
        """Return every bot to run: ``telegram.token`` first, then ``[[telegram.bots]]``."""
        faces = []
        if self.telegram.token.get_secret_value():
            faces.append(Face(self.telegram.token, "", self.community, self.persona))
        for bot in self.telegram.bots:
            community = _over(self.community, bot.community)
            faces.append(Face(bot.token, bot.name, community, _over(self.persona, bot.persona)))
        return tuple(faces)

    def secrets(self) -> tuple[str, ...]:
        """Return every secret in here, for the masks of the log."""
        tokens = [face.token.get_secret_value() for face in self.faces()]
        found = [*tokens, *(token.partition(":")[2] for token in tokens)]
        found.append(self.telegram.webhook_secret.get_secret_value())
        for url in (self.storage.url, self.redis.url):
            password = urlsplit(url).password or ""
            found += [password, unquote(password)]
        return tuple(dict.fromkeys(filter(None, found)))


# ── loading ───────────────────────────────────────────────────────────────────────────────────


def load(path: Path | None = None, environ: Mapping[str, str] | None = None) -> Settings:
    """Return the settings of *path*, or of ``config.toml`` if there is one, under *environ*.

    *environ* is the process's own environment unless a test brings another. Raises ConfigError,
    whose text is a sentence per mistake and never holds a value.
    """
    file = path or DEFAULT_FILE
    in_file = _read(file) if path is not None or file.exists() else {}
    variables, in_environment = _variables(os.environ if environ is None else environ)
    sources = (InitSettingsSource(Settings, in_environment), InitSettingsSource(Settings, in_file))
    try:
        return Settings(_build_sources=(sources, {}))
    except ValidationError as error:
        mistakes = error.errors(include_url=False, include_context=True, include_input=False)
        lines = [
            _sentence(mistake["loc"], mistake["type"], mistake["msg"], mistake.get("ctx", {}))
            + _origin(mistake["loc"], variables, in_file, file)
            for mistake in mistakes
        ]
    # Raised outside of the handler: the chained ValidationError could show more than we say.
    raise ConfigError("\n".join(dict.fromkeys(lines)))


def names() -> list[str]:
    """Return ``section.key`` of every setting, in the order of the file."""
    return [
        f"{section}.{key}"
        for section, field in Settings.model_fields.items()
        for key in _keys(field)
    ]


def _read(file: Path) -> dict[str, Any]:
    try:
        if not file.is_file():  # the TOML source passes over a missing file in silence
            raise ConfigError(f"{file} is not there, or is not a file")
        return TomlConfigSettingsSource(Settings, file).toml_data
    except OSError as error:
        reason = (error.strerror or "it cannot be read").lower()
    except UnicodeDecodeError:
        reason = "it is not UTF-8 text; save it as UTF-8"
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(_syntax(file, str(error))) from None  # the cause may quote the file
    raise ConfigError(f"{file} cannot be used: {reason}")


def _syntax(file: Path, message: str) -> str:
    place = _TOML_PLACE.search(message)
    what = _TOML_PLACE.sub("", message)
    line, column = (place[1], place[2]) if place and place[1] else (None, None)
    where = f"{file}:{line}:{column}" if line else f"{file}, at its end"
    if line == column == "1" and file.read_bytes().startswith(b"\xef\xbb\xbf"):
        what = "the file begins with a byte order mark; save it as UTF-8 without one"
    elif what.startswith(("Invalid value", "Expected newline")):
        what += '; text stands in quotes: key = "value"'
    return f"{where}: {what[:1].lower()}{what[1:]}"


def _variables(environ: Mapping[str, str]) -> tuple[dict[str, str], dict[str, Any]]:
    """Return which variable set which ``section.key``, and the values as nested tables."""
    known = {_variable(name): name for name in names()}
    wrong: list[str] = []
    variables: dict[str, str] = {}
    values: dict[str, Any] = {}
    for variable, text in environ.items():
        if not variable.upper().startswith(PREFIX):
            continue
        name = known.get(variable.upper())
        if name is None:
            meant = variable.upper().removeprefix(PREFIX).replace("__", ".").lower()
            near = _nearest(meant, known.values())
            hint = f"; did you mean {_variable(near)}?" if near else ""
            wrong.append(f"{variable} is not a setting{hint}")
            continue
        section, _, key = name.partition(".")
        try:
            value = _parsed(_field(section, key), text)
        except ValueError:
            wrong.append(f"{variable} must be a JSON list, such as [1, 2], or 1,2")
            continue
        variables[name] = variable
        values.setdefault(section, {})[key] = value
    if wrong:
        raise ConfigError("\n".join(wrong))
    token = environ.get(TOKEN_VARIABLE, "")
    if token and not values.get("telegram", {}).get("token"):
        variables["telegram.token"] = TOKEN_VARIABLE
        values.setdefault("telegram", {})["token"] = token
    return variables, values


def _variable(name: str) -> str:
    return PREFIX + name.replace(".", "__").upper()


def _parsed(field: FieldInfo, text: str) -> Any:
    """Return *text* as the field expects it: lists as JSON or with commas, all else as text."""
    if get_origin(field.annotation) is not tuple:
        return text
    if text.lstrip().startswith(("[", "{")):
        return json.loads(text)
    return [part.strip() for part in text.split(",") if part.strip()]


def _sentence(place: tuple[int | str, ...], kind: str, message: str, facts: dict[str, Any]) -> str:
    """Return what is wrong at *place*, in words, without the value."""
    name = "".join(f"[{part + 1}]" if isinstance(part, int) else f".{part}" for part in place)
    name = name.removeprefix(".")
    if kind == "extra_forbidden":
        written = name if len(place) <= 2 else str(place[-1])
        return f"{name} is not a setting{_hint(written, _neighbours(place))}"
    if kind == "value_error":
        return f"{name} {facts['error']}".strip()
    expected = {
        "int_parsing": "a whole number",
        "int_type": "a whole number",
        "int_from_float": "a whole number",
        "bool_parsing": "true or false",
        "bool_type": "true or false",
        "string_type": 'text in quotes: "…"',
        "tuple_type": "a list: […]",
        "model_type": "a table: [section] with keys below it",
        "missing": "given: it is missing",
        "greater_than_equal": f"at least {facts.get('ge')}",
        "less_than_equal": f"at most {facts.get('le')}",
        "literal_error": str(facts.get("expected", "")).replace("'", '"'),
        "string_too_short": "given: it is empty",
        "string_too_long": f"at most {facts.get('max_length')} characters long",
    }.get(kind)
    return f"{name} must be {expected}" if expected else f"{name} is not right: {message}"


def _origin(
    place: tuple[int | str, ...], variables: dict[str, str], in_file: dict[str, Any], file: Path
) -> str:
    """Return where the value at *place* came from, in brackets."""
    name = ".".join(str(part) for part in place[:2])
    if name in variables:
        return f" (set by {variables[name]})"
    return f" (in {file})" if place and place[0] in in_file else ""


def _neighbours(place: tuple[int | str, ...]) -> list[str]:
    """Return the names that could have been meant at *place*, written as it is written."""
    if len(place) == 1:
        return [*Settings.model_fields, *names()]
    parents = place[:-1]
    if len(parents) == 1:
        here = [f"{parents[0]}.{key}" for key in _keys(Settings.model_fields[str(parents[0])])]
        return [*here, *names()]
    # Inside of one of the [[telegram.bots]], or of its community or persona.
    inner: dict[int | str, type[Section]] = {"community": Community, "persona": Persona}
    return list(inner.get(parents[-1], MoreBot).model_fields)


def _hint(name: str, candidates: Iterable[str]) -> str:
    near = _nearest(name, candidates)
    return f"; did you mean {near}?" if near else ""


def _nearest(name: str, candidates: Iterable[str]) -> str | None:
    """Return what looks most like *name*, as a whole and in its last word, if anything does."""

    def likeness(candidate: str) -> float:
        # The last word counts again: a right key in a wrong section looks unlike as a whole.
        last, other = name.rpartition(".")[2], candidate.rpartition(".")[2]
        return _ratio(name, candidate) + _ratio(last, other)

    best = max(candidates, key=likeness, default="")
    return best if best and likeness(best) >= 1.2 else None


def _ratio(one: str, other: str) -> float:
    return SequenceMatcher(None, one.lower(), other.lower(), autojunk=False).ratio()


def _keys(section: FieldInfo) -> dict[str, FieldInfo]:
    model = section.annotation
    assert isinstance(model, type)
    assert issubclass(model, BaseModel)
    return model.model_fields


def _field(section: str, key: str) -> FieldInfo:
    return _keys(Settings.model_fields[section])[key]


def _over(whole: AnySection, part: AnySection | None) -> AnySection:
    return whole.model_copy(update=part.model_dump(exclude_unset=True)) if part else whole


def _loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
