"""One evening with kills: run the bot, let it die where it was told to, restart it, and count."""

from __future__ import annotations

import asyncio
import signal
import socket
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from bot.playground import Flood, Playground
from tests.crash.scenario import Evening, evening_clock, tell
from tests.crash.verdict import Counts, Glance, judge
from tests.crash.zygote import Life, Order, Zygote

Receive = Literal["polling", "webhook"]
Kill = tuple[str, int]
OnDeath = Callable[[Evening], Awaitable[None]]
END = 20.0


@dataclass(frozen=True, slots=True)
class Evenings:
    """Where evenings are played: the zygote, and a folder for logs."""

    zygote: Zygote
    folder: Path


@dataclass(frozen=True, slots=True)
class Survived:
    """An evening that lost nothing. *deaths* may be fewer than were asked for: a hit can be
    missing where the loop took another turn."""

    deaths: int
    counts: Counts


class Failed(AssertionError):
    """Something was lost, doubled or said too often; the bot's own words are in it."""


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
        return port


def settings(evening: Evening, url: str, receive: Receive, redis: str = "") -> dict[str, Any]:
    """The bot's settings as plain values, for a child."""
    telegram: dict[str, Any] = {
        "token": evening.bot.token,
        "api_base": evening.telegram.url,
        "owners": [evening.owner.id],
        "receive": receive,
    }
    web: dict[str, Any] = {"port": 0}
    if receive == "webhook":
        port = free_port()
        telegram["webhook_secret"] = "a-secret-of-the-tests"
        web = {"port": port, "public_url": f"http://127.0.0.1:{port}"}
    return {
        "telegram": telegram,
        "storage": {"url": url},
        "redis": {"url": redis},
        "web": web,
        "clock": {"url": f"{evening.telegram.url}/clock"},
        "log": {"format": "json"},
    }


async def survive(
    where: Evenings,
    url: str,
    receive: Receive = "polling",
    kills: Sequence[Kill] = (),
    *,
    redis: str = "",
    counts: Path | None = None,
    on_death: OnDeath | None = None,
) -> Survived:
    """Play the evening; each of *kills* ends one life of the bot, the last life is left alone.

    Raises Failed. With *counts* nobody is killed, and the hits of all points are written there.
    *on_death* runs between a death and the next life.
    """
    log = where.folder / "bot.log"
    log.unlink(missing_ok=True)
    async with Playground(
        flood=Flood.off(), lint_fails=True, webhook_pace=0.02, clock=evening_clock()
    ) as telegram:
        evening, glance = Evening(telegram), Glance(url)
        try:
            given = settings(evening, url, receive, redis)
            deaths = await _lives(
                where.zygote, evening, glance, given, log, kills, counts, on_death
            )
            return Survived(deaths, await judge(url, evening, deaths))
        except AssertionError as error:
            words = log.read_text()[-3000:] if log.exists() else ""
            raise Failed(f"after {list(kills)}: {error}\nthe bot said\n{words}") from error
        finally:
            await glance.close()


async def _lives(
    zygote: Zygote,
    evening: Evening,
    glance: Glance,
    given: dict[str, Any],
    log: Path,
    kills: Sequence[Kill],
    counts: Path | None,
    on_death: OnDeath | None,
) -> int:
    """Live and die until the story is told and a life ended by itself; gives the deaths."""
    left = list(kills)

    def order() -> Order:
        arms: list[tuple[str, Sequence[Any]]] = [("tests.crash.points:unhurried", ())]
        if counts is not None:
            arms.append(("tests.crash.points:arm", ([], str(counts))))
        elif left:
            arms.append(("tests.crash.points:arm", ([left.pop(0)],)))
        return Order(given, log, arms)

    async def peace() -> None:
        await glance.quiet(evening)

    async def mourn() -> None:
        if on_death is not None:
            await on_death(evening)

    return await live(zygote, order, tell(evening, peace), peace, mourn)


async def live(
    zygote: Zygote,
    order: Callable[[], Order],
    story: Coroutine[Any, Any, None],
    peace: Callable[[], Coroutine[Any, Any, None]],
    on_death: Callable[[], Awaitable[None]] | None = None,
) -> int:
    """Run one life after the other, as *order* says, until *story* is told and a life has stopped
    as it was asked to; gives how many were killed. *peace* is the rest of the story where a life
    was killed while it stopped. Raises what the story raises, and AssertionError for a life that
    ended in another way."""
    telling, deaths = asyncio.ensure_future(story), 0
    try:
        while True:
            life = await zygote.start(order())
            code = await _one(life, telling)
            if code == -signal.SIGKILL:
                deaths += 1
                if on_death is not None:
                    await on_death()
                if telling.done():
                    telling = asyncio.ensure_future(peace())
            elif code != 0 or not telling.done():
                raise AssertionError(f"the bot ended by itself with {code}")
            else:
                return deaths
    finally:
        telling.cancel()


async def _one(life: Life, telling: asyncio.Future[None]) -> int:
    """How a life ended; it is asked to stop when the story is told."""
    try:
        either: set[asyncio.Future[Any]] = {telling, life.end}
        await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        if telling.done():
            telling.result()
            life.signal(signal.SIGTERM)
            return await asyncio.wait_for(asyncio.shield(life.end), END)
        return await life.end
    except BaseException:
        life.signal(signal.SIGKILL)
        await life.end
        raise
