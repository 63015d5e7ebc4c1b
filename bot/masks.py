"""What may never be printed: bot tokens, passwords and other secrets, masked in any text."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from urllib.parse import quote, quote_plus

HIDDEN = "***"
SHORTEST = 6  # a shorter literal would mask ordinary words; URLs and named fields cover those

# Every repetition is bounded: a hostile line of a megabyte must not stop the process.
# A colon may come as it is, URL-encoded (once or more often), or escaped by repr or JSON.
_COLON = r"(?::|%(?:25){0,4}3[aA]|\\{1,4}x3a|\\{1,4}u003a)"
_TOKEN = re.compile(rf"(\d{{1,20}}{_COLON})[A-Za-z0-9_-]{{30,}}")
_BOT_PATH = re.compile(rf"(/bot\d{{1,20}}{_COLON})[^/\s\"'\\]+")
_URL_PASSWORD = re.compile(
    r"(\b[A-Za-z][A-Za-z0-9+.-]{0,20}://[^\s/:@\"'<>]{0,100}:)[^\s\"'<>]{0,300}(?=@)"
)
_NAMES = r"""(?:pass(?:word|wd)|(?<![a-z])(?:pass|pwd)|secret(?:[-_ ]?(?:token|key))?
    |api[-_ ]?key|authorization)"""
_NAMED = re.compile(
    rf"""({_NAMES}(?:\\{{0,4}}["'])?\s{{0,4}}(?:=>|[:=])\s{{0,4}}(?:(?:bearer|basic)\s{{1,4}})?)
        (?:(\\{{0,4}}["']).{{0,300}}?\2|[^\s"',;&)}}\]]+)""",
    re.IGNORECASE | re.VERBOSE,
)
_SENSITIVE_KEY = re.compile(
    rf"(?:{_NAMES}|(?<![a-z])(?:token|cookie))$", re.IGNORECASE | re.VERBOSE
)
# Errors of pydantic and of SQLAlchemy repeat what they were given, which may be a fan's words.
_PYDANTIC_INPUT = re.compile(r"input_value=.{0,500}?, input_type=", re.DOTALL)
_SQL_PARAMETERS = re.compile(r"\[parameters: .{0,4000}?\]$", re.DOTALL | re.MULTILINE)


class Masks:
    """Masks every secret it knows by shape, and the literal *secrets* of one configuration.

    Literals are found as they stand and as repr, JSON or a URL would write them.
    """

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        written = {form for secret in secrets for form in _forms(secret)}
        # The longest first, so that no part of a secret survives a shorter one inside it.
        longest_first = sorted(written, key=len, reverse=True)
        self._literals = (
            re.compile("|".join(map(re.escape, longest_first))) if longest_first else None
        )

    def text(self, text: str) -> str:
        """Return *text* with every secret replaced; the bot's id before a token stays readable."""
        text = _TOKEN.sub(rf"\1{HIDDEN}", text)
        text = _BOT_PATH.sub(rf"\1{HIDDEN}", text)
        text = _URL_PASSWORD.sub(rf"\1{HIDDEN}", text)
        text = _NAMED.sub(rf"\1\2{HIDDEN}\2", text)  # with its quotes: JSON stays JSON
        if self._literals is not None:
            text = self._literals.sub(HIDDEN, text)
        return text

    def error(self, text: str) -> str:
        """Like `text`, and the input that libraries repeat in their errors is taken out too."""
        text = _PYDANTIC_INPUT.sub(f"input_value={HIDDEN}, input_type=", text)
        return self.text(_SQL_PARAMETERS.sub(f"[parameters: {HIDDEN}]", text))


def sensitive(key: str) -> bool:
    """Whether the value of a field with this name is a secret whatever it looks like."""
    return _SENSITIVE_KEY.search(key) is not None


def _forms(secret: str) -> Iterable[str]:
    if len(secret) < SHORTEST:
        return
    yield secret
    yield quote(secret, safe="")
    yield quote_plus(secret)
    for quoted in (json.dumps(secret), json.dumps(secret, ensure_ascii=False), repr(secret)):
        yield quoted[1:-1]
