"""What all commands share: settings, the event loop, and errors told as sentences.

Exit codes: 0 it worked, 1 it did not (a sentence on standard error), 2 it was called wrongly,
130 somebody pressed Ctrl-C.
"""

from __future__ import annotations

import asyncio
import inspect
import os
import sys
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

if TYPE_CHECKING:
    # Reading settings costs half a second, which `--help` need not pay.
    from bot.config import Settings

T = TypeVar("T")
OURS = ("bot", "handlers", "storage", "templates")

ConfigOption = Annotated[
    Path | None,
    typer.Option(
        "--config",
        "-c",
        metavar="PATH",
        help="The settings; without it config.toml, if there is one here.",
    ),
]


@contextmanager
def settled(config: Path | None) -> Iterator[Settings]:
    """Give the settings, with the log configured, and turn errors inside into an exit code."""
    from bot import logs
    from bot.config import ConfigError, load
    from bot.masks import Masks

    try:
        settings = load(config)
    except ConfigError as error:
        say_wrong(str(error))
        raise typer.Exit(1) from None
    logs.configure(settings.log, settings.secrets())
    masks = Masks(settings.secrets())
    try:
        yield settings
    except (typer.Exit, typer.Abort):
        raise
    except KeyboardInterrupt:
        raise typer.Exit(130) from None
    except BrokenPipeError:
        # The reader went away (`… | head`); nothing more may be written, not even at the exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise typer.Exit(1) from None
    except Exception as error:
        for leaf in _leaves(error):
            sentence = _sentence(leaf)
            say_wrong(masks.error(sentence) if sentence else logs.error_text(leaf, masks))
        raise typer.Exit(1) from None


def wait_for(work: Callable[[], Coroutine[Any, Any, T]], *, fast: bool = False) -> T:
    """Run *work* on an event loop of its own and give what it returns; *fast* takes uvloop."""
    factory = None
    if fast and sys.platform != "win32":
        import uvloop

        factory = uvloop.new_event_loop
    with asyncio.Runner(loop_factory=factory) as runner:
        return runner.run(work())


def say(text: str) -> None:
    """Tell the operator *text*; standard output stays free for what a script may read."""
    typer.echo(text, err=True)


def say_wrong(text: str) -> None:
    """Tell the operator what did not work, in red where there are colours."""
    typer.secho(text, err=True, fg="red")


def _leaves(error: Exception) -> Iterator[Exception]:
    if isinstance(error, ExceptionGroup):
        for inner in error.exceptions:
            yield from _leaves(inner)
    else:
        yield error


def _sentence(error: Exception) -> str | None:
    """Return what to say about an expected error: ours, or the machine's; None for a surprise."""
    if type(error).__module__.partition(".")[0] in OURS:
        # Our errors carry in their docstring what the operator can do.
        advice = " ".join((inspect.getdoc(type(error)) or "").replace("``", "`").split())
        return f"{error}\n{advice}".strip()
    if isinstance(error, OSError):
        reason = error.strerror or str(error) or type(error).__name__
        return f"{error.filename}: {reason}" if error.filename else reason
    return None
