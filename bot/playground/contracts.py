"""What a Bot API call must look like: aiogram's own method classes, used as the contract."""

from __future__ import annotations

import datetime
import types
import typing
from dataclasses import dataclass
from functools import cache
from typing import Any

import msgspec

from bot.playground.refusals import Refusal, bad

_MISSING = {
    "chat_id": "chat_id is empty",
    "text": "message text is empty",
    "user_id": "invalid user_id specified",
    "message_id": "message identifier is not specified",
    "from_chat_id": "from_chat_id is empty",
    "media": "there is no media in the request",
}
_TRUE = frozenset({"true", "yes", "1"})


@dataclass(frozen=True, slots=True)
class Contract:
    """One method: its true name, aiogram's class, and how each parameter is read."""

    name: str
    model: Any
    kinds: dict[str, str]

    def read(self, raw: dict[str, Any], files: typing.Collection[str]) -> dict[str, Any]:
        """Parameters as plain values, from strings or JSON; `files` were parts of a form."""
        out: dict[str, Any] = {}
        for name, value in raw.items():
            kind = self.kinds.get(name)
            if kind is None or value is None:
                continue
            out[name] = _plain(name, kind, value)
        for name in files:
            if name in self.kinds:
                out[name] = f"attach://{name}"
        return out

    def check(self, plain: dict[str, Any]) -> list[str]:
        """Refuse what aiogram's class refuses; returns the unknown fields inside objects."""
        from pydantic import ValidationError

        try:
            model = self.model.model_validate(plain)
        except ValidationError as error:
            raise _refused(error.errors(include_url=False, include_input=False)) from error
        unknown: list[str] = []
        for name, kind in self.kinds.items():
            if kind == "json" and name in plain:
                _extras(getattr(model, name), name, unknown)
        return unknown


def _plain(name: str, kind: str, value: Any) -> Any:
    if kind == "json":
        if isinstance(value, str):
            if not value:
                return None
            try:
                return msgspec.json.decode(value)
            except (msgspec.DecodeError, UnicodeEncodeError) as error:
                what = "reply keyboard markup" if name == "reply_markup" else name
                raise bad(f"can't parse {what} JSON object") from error
        return value
    if kind == "bool":
        return value if isinstance(value, bool) else str(value).strip().lower() in _TRUE
    if kind in ("int", "float"):
        return _number(name, kind, value)
    if kind == "str" and not isinstance(value, str):
        if isinstance(value, (dict, list)):
            raise bad(f'can\'t parse "{name}": a string expected')
        return str(value)
    return value


def _number(name: str, kind: str, value: Any) -> int | float:
    try:
        number = float(value) if kind == "float" or isinstance(value, float) else int(value)
    except (ValueError, TypeError, OverflowError) as error:
        raise bad(f'can\'t parse "{name}": a number expected') from error
    if not -(2**63) <= number < 2**63:
        raise bad(f'can\'t parse "{name}": the number is out of range')
    return int(number) if kind == "int" else number


def _extras(value: Any, path: str, unknown: list[str]) -> None:
    if isinstance(value, (list, tuple)):
        for item in value:
            _extras(item, path, unknown)
        return
    extra = getattr(value, "__pydantic_extra__", None)
    if extra:
        unknown += [f"{path}.{name}" for name in extra]
    for name in getattr(value, "model_fields_set", ()):
        inner = getattr(value, name, None)
        if inner is not None and not isinstance(inner, (str, int, float)):
            _extras(inner, f"{path}.{name}", unknown)


def _refused(errors: list[Any]) -> Refusal:
    first = errors[0]
    name = str(first["loc"][0]) if first["loc"] else ""
    if first["type"] == "missing" and len(first["loc"]) == 1:
        return bad(_MISSING.get(name, f'parameter "{name}" is required'))
    where = ".".join(str(part) for part in first["loc"])
    return bad(f'can\'t parse "{where}": {first["msg"]}')


@cache
def _classes() -> dict[str, Any]:
    # aiogram takes seconds to import; only a playground that serves needs it.
    import aiogram.methods as methods
    from aiogram.methods.base import TelegramMethod

    found = (getattr(methods, name) for name in methods.__all__)
    return {
        kind.__api_method__.lower(): kind
        for kind in found
        if isinstance(kind, type)
        and issubclass(kind, TelegramMethod)
        and kind is not TelegramMethod
    }


@cache
def contract(method: str) -> Contract | None:
    """The contract of a method, in any case; None where the Bot API knows no such method."""
    model = _classes().get(method.lower())
    if model is None:
        return None
    kinds = {name: _kind(spec.annotation) for name, spec in model.model_fields.items()}
    return Contract(model.__api_method__, model, kinds)


def _kind(annotation: Any) -> str:
    parts = {part for part in _parts(annotation) if part is not type(None)}
    names = {getattr(part, "__name__", "") for part in parts}
    parts = {p for p in parts if getattr(p, "__name__", "") not in ("Default",)}
    if any(typing.get_origin(part) in (list, dict) for part in parts):
        return "json"
    if "InputFile" in names:
        return "file"
    if int in parts and str in parts:
        return "chat"
    if parts & {datetime.datetime, datetime.timedelta}:
        return "int"
    for kind in (bool, float, int, str):
        if kind in parts:
            return kind.__name__
    return "json"


def _parts(annotation: Any) -> typing.Iterator[Any]:
    origin = typing.get_origin(annotation)
    if origin is typing.Annotated:
        yield from _parts(typing.get_args(annotation)[0])
    elif origin in (typing.Union, types.UnionType):
        for part in typing.get_args(annotation):
            yield from _parts(part)
    else:
        yield annotation


def load() -> None:
    """Import aiogram now rather than during the first call."""
    _classes()
