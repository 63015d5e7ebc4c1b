"""The playground as a parent process: it serves Telegram and the page, and keeps the bot alive."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import signal
import socket
import sys
import time
import webbrowser
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from bot.playground import Playground, seed
from bot.playground.control import Control
from bot.playground.simulate import Simulation

State = Literal["none", "starting", "running", "killed", "crashed", "stopping", "stopped"]

#: How many ports above the asked one are tried when it is taken.
NEIGHBOURS = 20
#: Seconds a bot may take to stop after SIGTERM.
PATIENCE = 15.0
#: A bot that ran this long is healthy: its next crash is again answered at once.
HEALTHY = 30.0
LONGEST_WAIT = 30.0
#: So many calls of the Bot API are kept for the page.
HISTORY = 5_000


class PortTaken(Exception):
    """Name another port, or stop the program that listens there."""


class AlreadyOpen(Exception):
    """Use that one, or close it first (Ctrl+C where it runs)."""


class NotThisMachine(Exception):
    """Take 127.0.0.1: whoever reaches the page is everybody in it."""


class BotProcess:
    """The bot as a child process: started, watched, killed, started again.

    `state` is what the page shows. A bot that dies without being asked is started again after
    a short wait that doubles with every quick death (1 s to 30 s). What is in `on_change` is
    called after every change of state, what is in `on_lines` with each new piece of its log.
    """

    def __init__(
        self,
        command: Sequence[str],
        environment: Mapping[str, str],
        *,
        log_file: Path | None = None,
        first_wait: float = 1.0,
        patience: float = PATIENCE,
    ) -> None:
        self._command = list(command)
        self._environment = dict(environment)
        self._log_file = log_file
        self._first_wait = first_wait
        self._patience = patience
        self._child: asyncio.subprocess.Process | None = None
        self._wanted = asyncio.Event()
        self._wanted.set()
        self._asked = asyncio.Event()
        self._killed_by_us = False
        self.state: State = "starting"
        self.since = time.time()
        self.restarts = 0
        self.exit_code: int | None = None
        self.lines: deque[str] = deque(maxlen=400)
        self.on_change: list[Callable[[], None]] = []
        self.on_lines: list[Callable[[list[str]], None]] = []

    @property
    def pid(self) -> int | None:
        """The child's process id while it lives."""
        return self._child.pid if self._child is not None else None

    def picture(self) -> dict[str, Any]:
        """What the page shows of it; `since` in milliseconds since the epoch."""
        return {
            "state": self.state,
            "pid": self.pid,
            "restarts": self.restarts,
            "exit": self.exit_code,
            "since": round(self.since * 1000),
        }

    def noticed(self) -> None:
        """The bot called Telegram: it is up."""
        if self.state == "starting" and self._child is not None:
            self._become("running")

    def kill(self) -> bool:
        """kill -9; False when nothing runs. It is started again after a moment."""
        if self._child is None:
            return False
        self._killed_by_us = True
        self._signal(signal.SIGKILL)
        return True

    def stop(self) -> bool:
        """Ask it to stop (SIGTERM) and leave it stopped; False when it was stopped already."""
        was_wanted = self._wanted.is_set()
        self._wanted.clear()
        self._asked.set()
        if self._child is not None:
            self._become("stopping")
            self._signal(signal.SIGTERM)
        elif was_wanted:
            self._become("stopped")
        return was_wanted

    def start(self) -> bool:
        """Start it when it was stopped, or at once while it waits; False when it runs already."""
        if self._wanted.is_set() and self._child is not None:
            return False
        self._wanted.set()
        self._asked.set()
        return True

    async def run(self) -> None:
        """Keep it alive until cancelled; then stop it gracefully, and by force after a while."""
        wait = self._first_wait
        try:
            while True:
                if not self._wanted.is_set():
                    self._become("stopped")
                    await self._wanted.wait()
                began = time.monotonic()
                self._killed_by_us = False
                await self._live()
                if not self._wanted.is_set():
                    continue
                if self._killed_by_us:
                    self._become("killed")
                    wait = self._first_wait
                else:
                    self._become("crashed")
                    self._note(f"— the bot ended with code {self.exit_code} —")
                    if time.monotonic() - began > HEALTHY:
                        wait = self._first_wait
                await self._rest(wait)
                if not self._killed_by_us:
                    wait = min(wait * 2, LONGEST_WAIT)
                self.restarts += 1
        finally:
            await self._end()

    async def _rest(self, seconds: float) -> None:
        """Wait before the next start; a stop or a start in the meantime ends the wait."""
        self._asked.clear()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._asked.wait()

    async def _live(self) -> None:
        self._become("starting")
        self.exit_code = None
        try:
            self._child = await asyncio.create_subprocess_exec(
                *self._command,
                env=self._environment,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
                # A session of its own: Ctrl+C in the terminal reaches the bot through us alone,
                # and kill -9 takes whatever it has started with it.
                start_new_session=True,
                preexec_fn=_death_with_parent(),
            )
        except OSError as problem:
            self.exit_code = 127
            self._note(f"— {self._command[0]} cannot be started: {problem.strerror} —")
            return
        self._tell()
        # When this is cancelled the child stays known: `_end` stops it.
        await self._read(self._child)
        self.exit_code = await self._child.wait()
        self._child = None

    async def _read(self, child: asyncio.subprocess.Process) -> None:
        assert child.stdout is not None
        rest = b""
        # A line may be longer than the reader's limit, hence pieces rather than readline.
        while piece := await child.stdout.read(65536):
            *lines, rest = (rest + piece).split(b"\n")
            self._note(*(line.decode("utf-8", "replace").rstrip() for line in lines))
        if rest:
            self._note(rest.decode("utf-8", "replace"))

    async def _end(self) -> None:
        child = self._child
        if child is None:
            return
        self._become("stopping")
        self._signal(signal.SIGTERM)
        try:
            async with asyncio.timeout(self._patience):
                await self._read(child)
                self.exit_code = await child.wait()
        except TimeoutError:
            self._signal(signal.SIGKILL)
            self.exit_code = await child.wait()
        finally:
            self._child = None
        self._become("stopped")

    def _signal(self, which: signal.Signals) -> None:
        assert self._child is not None
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._child.pid, which)

    def _become(self, state: State) -> None:
        self.state = state
        self.since = time.time()
        self._tell()

    def _note(self, *lines: str) -> None:
        kept = [line[:4000] for line in lines]
        if not kept:
            return
        self.lines.extend(kept)
        if self._log_file is not None:
            with self._log_file.open("a", encoding="utf-8") as file:
                file.writelines(f"{line}\n" for line in kept)
        for listener in self.on_lines:
            listener(kept)

    def _tell(self) -> None:
        for listener in self.on_change:
            listener()


def _death_with_parent() -> Callable[[], None] | None:
    """On Linux the bot gets SIGTERM when the playground dies, so that no orphan keeps the port.

    The returned function runs between fork and exec, where nothing may be imported or loaded.
    """
    if sys.platform != "linux":
        return None
    import ctypes

    prctl, set_death_signal = ctypes.CDLL(None).prctl, 1
    return lambda: prctl(set_death_signal, int(signal.SIGTERM))


def free_port(host: str, wanted: int, *, exactly: bool = False) -> int:
    """`wanted`, or the next port above it that nobody uses; `exactly` looks no further."""
    for port in range(wanted, wanted + (1 if exactly else NEIGHBOURS)):
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, port))
            except OSError as problem:
                if problem.errno not in (errno.EADDRINUSE, errno.EACCES):
                    raise
                continue
            return port
    if exactly:
        raise PortTaken(f"Port {wanted} on {host} is taken.")
    raise PortTaken(f"Ports {wanted} to {wanted + NEIGHBOURS - 1} on {host} are all taken.")


async def play(
    *,
    host: str = "127.0.0.1",
    port: int = 8090,
    state_dir: Path,
    bot_command: Sequence[str],
    bot_env: Mapping[str, str],
    web_port: int = 8080,
    open_browser: bool = False,
    exact_port: bool = False,
    say: Callable[[str], None] = print,
) -> None:
    """Run the playground and the bot until SIGINT or SIGTERM.

    Everything lies in `state_dir`: the world, the bot's database and its log. `bot_env` is added
    to this process's environment for the bot. A taken port is replaced by the next free one, and
    said; with `exact_port` it raises `PortTaken`. Raises `AlreadyOpen` for a folder in which
    another playground runs, and `NotThisMachine` for a host that is not loopback.
    """
    if host not in ("127.0.0.1", "localhost"):
        raise NotThisMachine(f"The playground listens on this machine only, not on {host}.")
    state_dir = await asyncio.to_thread(_folder, state_dir)
    with _alone(state_dir) as note:
        chosen = free_port(host, port, exactly=exact_port)
        web = free_port(host, web_port if web_port != chosen else web_port + 1)
        playground = Playground(
            state_file=state_dir / "world.db", host=host, port=chosen, history_limit=HISTORY
        )
        people = seed.cast(playground.world) or seed.plant(playground.world, playground.clock)
        process = BotProcess(
            bot_command,
            _environment(f"http://{host}:{chosen}", people, state_dir, web, host, bot_env),
            log_file=state_dir / "bot.log",
        )
        simulation = Simulation(playground.world, people, clock=playground.clock)
        control = Control(
            playground,
            process=process,
            simulation=simulation,
            remembered_url=f"http://{host}:{web}/remembered",
        )
        control.mount(playground.app)
        process.on_change.append(lambda: _tell(process, say))
        stop = _signals()
        async with playground:
            note(f"{playground.url}/")
            if chosen != port:
                say(f"端口 {port} 被占用，改用 {chosen}。Port {port} is taken; using {chosen}.")
            page = f"{playground.url}/"
            say(
                "\n  人情 · 游乐场已经开门    Renqing: the playground is open\n"
                f"  在浏览器里打开 / open     {page}\n"
                f"  数据放在 / its data       {state_dir}\n"
                "  按 Ctrl+C 关门            Ctrl+C closes it\n"
            )
            if open_browser:
                await asyncio.to_thread(webbrowser.open, page)
            await _until(stop, process.run(), control.run(), simulation.run())
            say("\n  已经收好，下次接着玩。      Closed. Everything is kept for the next time.")


@contextlib.contextmanager
def _alone(state_dir: Path) -> Iterator[Callable[[str], None]]:
    """Keep a second playground out of the folder; the given function notes our address for it."""
    if sys.platform == "win32":
        yield lambda address: None
        return
    import fcntl

    with (state_dir / "open-at").open("a+", encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            where = file.read().strip() or "a place not yet known"
            raise AlreadyOpen(
                f"The playground in {state_dir} is open already, at {where}."
            ) from None

        def note(address: str) -> None:
            file.truncate(0)
            file.write(address)
            file.flush()

        yield note


def _folder(path: Path) -> Path:
    """The folder by its full name, made where it was missing."""
    path.mkdir(parents=True, exist_ok=True)
    return path.resolve()


def _environment(
    url: str, people: seed.Cast, state_dir: Path, web_port: int, host: str, extra: Mapping[str, str]
) -> dict[str, str]:
    ours = {
        "RENQING_TELEGRAM__TOKEN": people.bot.token,
        "RENQING_TELEGRAM__API_BASE": url,
        "RENQING_TELEGRAM__OWNERS": f"[{people.influencer.id}]",
        "RENQING_CLOCK__URL": f"{url}/clock",
        "RENQING_STORAGE__URL": f"sqlite:///{state_dir / 'renqing.db'}",
        "RENQING_WEB__HOST": host,
        "RENQING_WEB__PORT": str(web_port),
        "RENQING_WEB__REMEMBERED": "true",
        "PYTHONUNBUFFERED": "1",
    }
    inherited = {name: value for name, value in os.environ.items() if name != "BOT_TOKEN"}
    return inherited | ours | dict(extra)


def _signals() -> asyncio.Event:
    """An event that SIGINT and SIGTERM set."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for which in (signal.SIGINT, signal.SIGTERM):
        with contextlib.suppress(NotImplementedError):
            loop.add_signal_handler(which, stop.set)
    return stop


async def _until(stop: asyncio.Event, *jobs: Any) -> None:
    """Run the jobs side by side until `stop`; an exception in one of them ends all."""
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(job) for job in jobs]
        await stop.wait()
        for task in tasks:
            task.cancel()


def _tell(process: BotProcess, say: Callable[[str], None]) -> None:
    """Say in the terminal what became of the bot, with the end of its log when it crashed."""
    if process.state == "running":
        say("  机器人醒了。The bot is up.")
    elif process.state == "killed":
        say("  机器人被杀死了，马上回来。The bot was killed; it comes back.")
    elif process.state == "crashed":
        tail = "\n".join(f"    {line}" for line in list(process.lines)[-12:])
        say(f"  机器人倒下了，会再试。The bot crashed and is tried again:\n{tail}")
