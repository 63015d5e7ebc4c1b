"""Named moments at which a child kills itself, put around product functions by their dotted names.

The product knows nothing of it: the functions are wrapped in the child, after the fork and before
anything runs.
"""

from __future__ import annotations

import functools
import importlib
import inspect
import json
import os
import signal
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

When = Literal["before", "after", "inside"]
Condition = Callable[[tuple[Any, ...], dict[str, Any]], bool]


def _always(_args: tuple[Any, ...], _kw: dict[str, Any]) -> bool:
    return True


def _durable(_args: tuple[Any, ...], kw: dict[str, Any]) -> bool:
    return bool(kw.get("durable"))


def _plain(args: tuple[Any, ...], kw: dict[str, Any]) -> bool:
    return not _durable(args, kw)


def _call(name: str) -> Condition:
    """A call of aiogram's client of that method."""
    return lambda args, _kw: type(args[2]).__name__ == name


def _answer(name: str) -> Condition:
    """An HTTP answer to that method, of which only the head was read."""
    return lambda args, _kw: str(args[0].url).endswith(f"/{name}")


@dataclass(frozen=True, slots=True)
class Point:
    """A moment: before or after *target* runs ("module:Class.function" or "module:function").

    ``inside`` is for the two ``work`` of the database: when the step has run and the commit has
    not; it kills with everything written and nothing promised.
    """

    name: str
    target: str
    when: When
    only: Condition = _always


DATABASES = ("storage.database:Sqlite.work", "storage.database:Postgres.work")
SESSION = "aiogram.client.session.aiohttp:AiohttpSession.make_request"
RESPONSE = "aiohttp.client_reqrep:ClientResponse.start"


def _points() -> list[Point]:
    points: list[Point] = []
    for target in DATABASES:
        points += [
            Point("work begins", target, "before"),
            Point("work is done, not committed", target, "inside", _plain),
            Point("durable work is done, not committed", target, "inside", _durable),
            Point("work is committed", target, "after", _plain),
            Point("durable work is committed", target, "after", _durable),
        ]
    around = {
        "the start": "bot.app:open_database",
        "the upgrade": "bot.app:upgrade",
        "keeping a batch": "bot.inbox:Keeper.keep",
        "a webhook's post": "bot.web.webhook:Hook.receive",
        "one task": "bot.lanes:Lanes.do",
        "walking an update": "bot.road:Road.walk",
        "one act": "bot.react:Reaction._commit",
        "claiming letters": "bot.sender:Sender._claim",
        "one call of a letter": "bot.sender:Sender._send",
        "noting what was said": "bot.sender:Sender._note",
        "a due job": "bot.due:Agenda._do",
        "looking at suspects": "bot.lanes:Lanes._try_suspects",
        "settling what was in flight": "bot.sender:Sender._settle_in_flight",
    }
    for name, target in around.items():
        points += [
            Point(f"before {name}", target, "before"),
            Point(f"after {name}", target, "after"),
        ]
    for target in ("storage.database:Sqlite.barrier", "storage.database:Postgres.barrier"):
        points.append(Point("before a barrier", target, "before"))
        points.append(Point("after a barrier", target, "after"))
    within = {
        "the answer of a poll is here": "bot.inbox:Poller._ask",
        "tasks are taken": "storage.inbox:take",
        "a task is closed": "storage.inbox:close",
        "an attempt is counted": "storage.inbox:attempt",
        "a letter is put": "storage.outbox:put",
        "a check-in is credited": "storage.checkins:credit",
        "points are booked": "storage.ledger:earn",
        "a language is set": "storage.fans:set_locale",
        "a job is put": "storage.due:put",
        "a job is closed": "storage.due:close",
        "one letter is claimed": "storage.outbox:claim",
        "one letter is noted": "storage.outbox:note_said",
        "one letter is ended": "storage.outbox:end",
        "a toast is put": "bot.toasts:Toasts.put",
    }
    points += [Point(name, target, "after") for name, target in within.items()]
    for method, what in (("SendMessage", "sendMessage"), ("AnswerCallbackQuery", "a toast")):
        points.append(Point(f"before {what} is sent", SESSION, "before", _call(method)))
        points.append(Point(f"after {what} is answered", SESSION, "after", _call(method)))
    for method in ("sendMessage", "answerCallbackQuery", "getUpdates"):
        points.append(
            Point(
                f"Telegram did {method}, its answer is unread", RESPONSE, "after", _answer(method)
            )
        )
    return points


POINTS = tuple(_points())
NAMES = tuple(dict.fromkeys(point.name for point in POINTS))


def arm(kills: Sequence[tuple[str, int]], counts: str = "") -> None:
    """Wrap every function that *kills* names, to end this process at the given hit.

    With a path *counts* all points are wrapped, none kills, and their hits are written there when
    the process ends by itself.
    """
    wanted = dict(kills)
    hits: Counter[str] = Counter()
    _let_reads_pass()
    for point in POINTS:
        if counts or point.name in wanted:
            _wrap(point, functools.partial(_hit, hits, point.name, wanted.get(point.name, 0)))
    if counts:
        _write_at_end(Path(counts), hits)


def _hit(hits: Counter[str], name: str, deadly: int) -> None:
    hits[name] += 1
    if hits[name] == deadly:
        os.kill(os.getpid(), signal.SIGKILL)


def _owner(target: str) -> tuple[Any, str]:
    module, _, path = target.partition(":")
    owner: Any = importlib.import_module(module)
    *parents, name = path.split(".")
    for parent in parents:
        owner = getattr(owner, parent)
    return owner, name


def _wrap(point: Point, hit: Callable[[], None]) -> None:
    owner, name = _owner(point.target)
    function = getattr(owner, name)

    def enter(args: tuple[Any, ...], kw: dict[str, Any]) -> tuple[Any, ...]:
        if not point.only(args, kw):
            return args
        if point.when == "before":
            hit()
        elif point.when == "inside":
            return (args[0], _then(args[1], hit), *args[2:])
        return args

    def leave(args: tuple[Any, ...], kw: dict[str, Any]) -> None:
        if point.when == "after" and point.only(args, kw):
            hit()

    if inspect.iscoroutinefunction(function):

        @functools.wraps(function)
        async def later(*args: Any, **kw: Any) -> Any:
            result = await function(*enter(args, kw), **kw)
            leave(args, kw)
            return result

        setattr(owner, name, later)
        return

    @functools.wraps(function)
    def now(*args: Any, **kw: Any) -> Any:
        result = function(*enter(args, kw), **kw)
        leave(args, kw)
        return result

    setattr(owner, name, now)


def _then(step: Callable[..., Any], hit: Callable[[], None]) -> Callable[..., Any]:
    def both(*args: Any) -> Any:
        result = step(*args)
        hit()
        return result

    return both


def _let_reads_pass() -> None:
    """On PostgreSQL a read is a ``work``; a kill in a read proves nothing and would be counted."""
    from storage.database import Postgres

    work = Postgres.work

    async def read(self: Any, step: Any, *, patience: float = 30.0) -> Any:
        return await work(self, step, patience=patience)

    Postgres.read = read  # type: ignore[method-assign]  # wrapping is what this module is for


def _write_at_end(path: Path, hits: Counter[str]) -> None:
    from bot import app

    run = app.run

    async def counted(settings: Any) -> None:
        await run(settings)
        with path.open("w") as file:
            json.dump(hits, file)

    app.run = counted


def unhurried() -> None:
    """Letters leave as fast as they can: the pace has its own tests, here it would only cost."""
    from bot import app
    from storage.coordination import Limits

    def limits(rate: float) -> Limits:
        return Limits(
            rate=1000.0, chat_rate=1000.0, chat_burst=100, group_rate=100_000.0, group_burst=1000
        )

    vars(app)["Limits"] = limits
