"""The playground: a Telegram of our own on localhost, strict and stateful, for tests and for play.

    async with Playground() as telegram:
        bot = telegram.world.add_bot("Lulu", "lulu_bot")
        mia = telegram.world.add_user("Mia")
        ...  # run a bot with api_base=telegram.url and token=bot.token
        telegram.world.start(mia, bot)
        await telegram.until(lambda: telegram.history.calls("sendMessage"))

It imports nothing of ours, so it can judge us.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path
from random import Random
from types import TracebackType
from typing import Self, TypeVar

from aiohttp import web

from bot.playground import contracts
from bot.playground.clock import Clock
from bot.playground.faults import Fault, Faults
from bot.playground.flood import Flood
from bot.playground.journal import Call, History, Keeper, Lint, StateFile
from bot.playground.methods import Desk
from bot.playground.records import (
    Answer,
    BotAccount,
    Chat,
    InlineQuery,
    InviteLink,
    JoinRequest,
    Member,
    Message,
    Press,
    StoredFile,
    User,
)
from bot.playground.refusals import CannotAct, Refusal
from bot.playground.server import Door
from bot.playground.updates import Updates
from bot.playground.world import Subscription, World

T = TypeVar("T")
_log = logging.getLogger(__name__)
_FLUSH_EVERY = 0.5
_LOOK_EVERY = 0.02


class Playground:
    """A Bot API server with a world behind it; `url` is what a bot takes as its api_base.

    `state_file` keeps everything, so that the next playground on the same file goes on where this
    one stopped, even when it was killed. `flood=None` means Telegram's limits, `Flood.off()` none.
    `webhook_pace` shortens the pauses between tries of a webhook. With `lint_fails` leaving the
    `async with` raises when a bot sent what Telegram would have ignored.
    """

    def __init__(
        self,
        *,
        state_file: Path | None = None,
        seed: int = 0,
        host: str = "127.0.0.1",
        port: int = 0,
        flood: Flood | None = None,
        clock: Clock | None = None,
        lint_fails: bool = False,
        webhook_pace: float = 1.0,
        history_limit: int | None = None,
    ) -> None:
        random = Random(seed)
        self.host, self.port = host, port
        self.clock = clock or Clock()
        self.flood = flood or Flood()
        self.faults = Faults(Random(seed + 1))
        self.history = History(history_limit)
        self._lint_fails = lint_fails
        file = StateFile(state_file) if state_file is not None else None
        self._keeper = Keeper(file)
        updates = Updates(self.clock, self._keeper, self.faults, random, webhook_pace=webhook_pace)
        self.world = World(self.clock, self._keeper, updates, random)
        if file is not None:
            self._restore(file, history_limit)
        self._desk = Desk(self.world)
        self.door = Door(self.world, self._desk, self.history, self.faults, self.flood, self.clock)
        updates.run_answer = self.door.run_answer
        updates.on_change = lambda: self.world.emit("update")
        #: Called with the application before it starts; others mount their pages here.
        self.on_build: list[Callable[[web.Application], None]] = []
        self.app: web.Application = web.Application(client_max_size=64 << 20)
        self._runner: web.AppRunner | None = None
        self._flusher: asyncio.Task[None] | None = None

    @property
    def lint(self) -> list[Lint]:
        """What bots sent that Telegram would have ignored, in order; may be cleared."""
        return self._desk.lint

    @property
    def unanswered(self) -> list[Press]:
        """Presses that reached a bot and got no answer: the fan's button still spins."""
        return [p for p in self.world.presses.values() if p.bot is not None and p.answer is None]

    @property
    def url(self) -> str:
        """The address that a bot takes as its api_base."""
        return f"http://{self.host}:{self.port}"

    async def __aenter__(self) -> Self:
        contracts.load()
        self.app.add_routes(self.door.routes())
        for build in self.on_build:
            build(self.app)
        # A bot that hangs up must not leave its long poll behind.
        self._runner = web.AppRunner(
            self.app, handler_cancellation=True, access_log=None, shutdown_timeout=0.2
        )
        await self._runner.setup()
        site = web.TCPSite(self._runner, self.host, self.port, reuse_address=True)
        try:
            await site.start()
        except OSError:
            await self._runner.cleanup()
            raise
        self.port = self._runner.addresses[0][1]
        self.world.updates.open()
        for bot in self.world.bots.values():
            self.world.updates.aim(bot)
        self._flusher = asyncio.create_task(self.keep())
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._flusher is not None:
            self._flusher.cancel()
            await asyncio.gather(self._flusher, return_exceptions=True)
        await self.world.updates.close()
        if self._runner is not None:
            await self._runner.cleanup()
        self.close()
        if kind is None and self._lint_fails and self.lint:
            raise AssertionError("\n".join(str(remark) for remark in self.lint))

    async def until(self, condition: Callable[[], T | None], within: float = 5.0) -> T:
        """Wait until `condition()` is true and return what it returned.

        It is asked again after every change in the world, and now and then besides, so that it
        may look elsewhere too. After `within` real seconds an AssertionError tells the last calls.
        """
        loop = asyncio.get_running_loop()
        changed = asyncio.Event()
        stop = self.world.listen(changed.set)
        end = loop.time() + within
        try:
            while True:
                changed.clear()
                late = loop.time() >= end
                if value := condition():
                    return value
                if late:
                    raise AssertionError(
                        f"it did not happen within {within} s; the last calls were\n"
                        f"{self.history.tail()}"
                    )
                wake = loop.call_later(_LOOK_EVERY, changed.set)
                # A condition that itself changes something must not starve everybody else.
                await asyncio.sleep(0)
                await changed.wait()
                wake.cancel()
        finally:
            stop()

    def close(self) -> None:
        """Write the state file for the last time and close it; leaving the `async with` does it."""
        self.flush()
        if self._keeper.file is not None:
            self._keeper.file.close()

    def flush(self) -> None:
        """Bring the state file up to date now."""
        self._keeper.flush(
            self.history, {"clock": self.clock.freeze(), "calls": self.history.count}
        )

    async def keep(self) -> None:
        """Bring the state file up to date twice a second, for ever; runs while we serve."""
        while True:
            await asyncio.sleep(_FLUSH_EVERY)
            try:
                self.flush()
            except Exception as error:
                # What could not be written is still gathered; the next round tries it again.
                _log.exception("the playground's state file was not written")
                self._desk.remark("", "", f"the playground broke: {error!r}")

    def _restore(self, file: StateFile, history_limit: int | None) -> None:
        facts = file.facts()
        if "clock" in facts:
            self.clock.thaw(facts["clock"])
        self.world.restore(file.records())
        for bot, number, state in file.updates():
            self.world.updates.restore(self.world.bots[bot], number, state)
        self.history.restore(file.calls(history_limit), facts.get("calls", 0))


__all__ = [
    "Answer",
    "BotAccount",
    "Call",
    "CannotAct",
    "Chat",
    "Clock",
    "Fault",
    "Faults",
    "Flood",
    "History",
    "InlineQuery",
    "InviteLink",
    "JoinRequest",
    "Lint",
    "Member",
    "Message",
    "Playground",
    "Press",
    "Refusal",
    "StoredFile",
    "Subscription",
    "User",
    "World",
]
