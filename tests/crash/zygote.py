"""A warm process that has imported the whole house and forks one child for each life of the bot.

Importing aiogram takes seconds, a fork takes milliseconds: that is what makes thousands of kills
affordable. Between the fork and the start a child is armed (``tests.crash.points`` and others);
nothing in the product knows of it.
"""

from __future__ import annotations

import asyncio
import gc
import importlib
import json
import os
import signal
import subprocess
import sys
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
WARM = ("bot.app", "bot.commands.terminal", "storage.coordination.shared", "storage.migrations")


@dataclass(frozen=True, slots=True)
class Order:
    """One life of the bot.

    *settings* as ``bot.config.Settings`` takes them; *arms* are functions by dotted name
    ("package.module:function") with their arguments, called in the child before it starts; what
    the child prints is appended to *log*.
    """

    settings: Mapping[str, Any]
    log: Path
    arms: Sequence[tuple[str, Sequence[Any]]] = field(default_factory=tuple)


@dataclass(slots=True)
class Life:
    """A running child; ``end`` is how it ended: 0, an exit code, or minus the signal."""

    pid: int
    end: asyncio.Future[int]

    def signal(self, number: int) -> None:
        """Send a signal, unless it is over already."""
        if not self.end.done():
            os.kill(self.pid, number)


class Zygote:
    """The parent's handle; one child lives at a time. Use as a context manager."""

    def __init__(self, environment: Mapping[str, str] | None = None) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.crash.zygote"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=ROOT,
            env={**os.environ, **(environment or {})},
            text=True,
        )

    def __enter__(self) -> Zygote:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.communicate()

    async def start(self, order: Order) -> Life:
        """Fork a child that runs the bot; the one before must have ended."""
        loop = asyncio.get_running_loop()
        pid = int(await loop.run_in_executor(None, self._ask, order))
        return Life(pid, loop.run_in_executor(None, self._answer))

    def _ask(self, order: Order) -> int:
        assert self._process.stdin is not None
        line = {"settings": order.settings, "log": str(order.log), "arms": list(order.arms)}
        self._process.stdin.write(json.dumps(line) + "\n")
        self._process.stdin.flush()
        return self._answer()

    def _answer(self) -> int:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError("the zygote has died; its words are on the standard error")
        return int(line)


def _live(order: dict[str, Any]) -> None:
    """The child: speak into the log, be armed, run the bot as ``python -m bot run`` does."""
    log = os.open(order["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    for number in (1, 2):
        os.dup2(log, number)
    code = 1
    try:
        from bot import app, logs
        from bot.commands.terminal import wait_for
        from bot.config import Settings

        for name, arguments in order["arms"]:
            module, _, function = name.partition(":")
            getattr(importlib.import_module(module), function)(*arguments)
        settings = Settings(**order["settings"])
        logs.configure(settings.log, settings.secrets())
        wait_for(lambda: app.run(settings), fast=True)
        code = 0
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def main() -> None:
    """Import everything, then fork as ordered: one line in, the pid out, and how it ended."""
    for name in WARM:
        importlib.import_module(name)
    importlib.import_module("handlers").doors()
    gc.collect()
    gc.freeze()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent, which ends us
    for line in sys.stdin:
        pid = os.fork()
        if not pid:
            _live(json.loads(line))
        print(pid, flush=True)
        print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)


if __name__ == "__main__":
    main()
