"""Who may use the page: this browser's own page, and no other web site through it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import msgspec
from aiohttp import web

from bot.playground.refusals import CannotAct
from bot.playground.wishes import BadWish

LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
HEADERS = {
    "Cache-Control": "no-cache",
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:;"
        " connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


def json_answer(body: Any, status: int = 200) -> web.Response:
    """An answer that no cache keeps and no other site may show."""
    return web.Response(
        body=msgspec.json.encode(body),
        status=status,
        content_type="application/json",
        headers={**HEADERS, "Cache-Control": "no-store"},
    )


def _foreign(request: web.Request) -> str | None:
    """Why the request must not be served, if it comes by another web site; None for our own page.

    A site in the same browser can point its own name at this machine (DNS rebinding: its name
    stands in Host) or post forms here (its name stands in Origin).
    """
    if not _is_ours(request):
        return "The playground answers only under 127.0.0.1 or localhost."
    origin = request.headers.get("Origin")
    if origin is not None and _place_of(origin) != request.headers["Host"]:
        return "Only the playground's own page may do that."
    if request.headers.get("Sec-Fetch-Site") == "cross-site" and request.method != "GET":
        return "Only the playground's own page may do that."
    return None


def _place_of(origin: str) -> str | None:
    """Host and port of a plain origin; None for what is no web address."""
    try:
        parts = urlsplit(origin)
    except ValueError:
        return None
    return parts.netloc if parts.scheme == "http" else None


def _name_of(host: str) -> str | None:
    try:
        return urlsplit(f"//{host}").hostname
    except ValueError:
        return None


@web.middleware
async def shut_browsers_out(
    request: web.Request, handler: Callable[[web.Request], Any]
) -> web.StreamResponse:
    """Outside the page no browser has business here: bots send no Origin and name us rightly."""
    inside = request.path.startswith("/play")
    if not inside and ("Origin" in request.headers or not _is_ours(request)):
        return json_answer({"error": "The playground's Bot API is for bots on this machine."}, 403)
    answer: web.StreamResponse = await handler(request)
    return answer


def _is_ours(request: web.Request) -> bool:
    return (_name_of(request.headers.get("Host", "")) or "") in LOOPBACK


@web.middleware
async def guard(request: web.Request, handler: Callable[[web.Request], Any]) -> web.StreamResponse:
    """Refuse other sites, and answer what cannot be done with 400 and a sentence."""
    reason = _foreign(request)
    if reason is not None:
        return json_answer({"error": reason}, 403)
    try:
        answer: web.StreamResponse = await handler(request)
    except (BadWish, CannotAct) as refusal:
        sentence = str(refusal)
        return json_answer({"error": sentence[:1].upper() + sentence[1:]}, 400)
    except web.HTTPRequestEntityTooLarge:
        return json_answer({"error": "That is too large."}, 413)
    return answer
