"""How the playground says no: Telegram's refusals, and acts that a person cannot do."""

from __future__ import annotations

from typing import Any


class Refusal(Exception):
    """The answer `ok: false`; `code` is also the HTTP status, `text` Telegram's sentence."""

    def __init__(self, code: int, text: str, **parameters: Any) -> None:
        super().__init__(text)
        self.code = code
        self.text = text
        self.parameters = parameters

    def body(self) -> dict[str, Any]:
        """The JSON object that Telegram would send."""
        answer: dict[str, Any] = {"ok": False, "error_code": self.code, "description": self.text}
        if self.parameters:
            answer["parameters"] = self.parameters
        return answer


class CannotAct(Exception):
    """A person tried what Telegram's app would not let her do; the sentence says why."""


def bad(sentence: str) -> Refusal:
    """400 with Telegram's prefix."""
    return Refusal(400, f"Bad Request: {sentence}")


def forbidden(sentence: str) -> Refusal:
    """403 with Telegram's prefix."""
    return Refusal(403, f"Forbidden: {sentence}")


def conflict(sentence: str) -> Refusal:
    """409 with Telegram's prefix."""
    return Refusal(409, f"Conflict: {sentence}")


def too_many(seconds: int) -> Refusal:
    """429: the caller has to wait that many seconds."""
    return Refusal(429, f"Too Many Requests: retry after {seconds}", retry_after=seconds)


def migrated(new_id: int) -> Refusal:
    """400 for a basic group that became a supergroup; the new id rides along."""
    return Refusal(
        400,
        "Bad Request: group chat was upgraded to a supergroup chat",
        migrate_to_chat_id=new_id,
    )
