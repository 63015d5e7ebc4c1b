"""Commands that stay: the bot itself, and the playground around it."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bot.commands.terminal import ConfigOption, say, say_wrong, settled, wait_for

if TYPE_CHECKING:
    from bot.config import Settings

PLAYGROUND_FOLDER = Path(".playground")

NO_TOKEN = """\
There is no bot token yet, so there is no bot to run.
  To look around first:     python -m bot play   (a Telegram of our own, in your browser)
  To run a bot of your own: write /newbot to @BotFather in Telegram, then
                            BOT_TOKEN=123456789:AAE… python -m bot run"""


def run(
    config: ConfigOption = None,
    or_play: Annotated[
        bool, typer.Option("--or-play", help="Without a token open the playground instead.")
    ] = False,
) -> None:
    """Run the bot until it is stopped; the database is upgraded by itself."""
    with settled(config) as settings:
        if settings.faces():
            import structlog

            structlog.get_logger("bot").info("starting", bots=len(settings.faces()))
            # Its import takes seconds; whoever waits has seen the line above.
            from bot import app

            wait_for(lambda: app.run(settings), fast=True)
        elif or_play:
            say("No bot token is set, so this is the playground (BOT_TOKEN=… runs the bot).")
            _play(settings, config, browser=False)
        else:
            say_wrong(NO_TOKEN)
            raise typer.Exit(1)


def play(
    config: ConfigOption = None,
    browser: Annotated[bool, typer.Option("--open", help="Open the page in a browser.")] = False,
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Forget the last playground and begin anew.")
    ] = False,
) -> None:
    """Open the playground: a Telegram of our own with a seeded community, on this machine only."""
    with settled(config) as settings:
        if fresh and PLAYGROUND_FOLDER.exists():
            shutil.rmtree(PLAYGROUND_FOLDER)
        _play(settings, config, browser=browser)


def _play(settings: Settings, config: Path | None, *, browser: bool) -> None:
    from bot.config import Playground, Storage
    from bot.playground import parent

    bot_command = [sys.executable, "-m", "bot", "run"]
    if config is not None:
        bot_command += ["--config", str(config)]
    bot_env = {}
    if settings.storage != Storage():  # else the playground keeps its store in its own folder
        bot_env["RENQING_STORAGE__URL"] = settings.storage.url
    # Not on uvloop: it cannot give the bot a process group of its own.
    wait_for(
        lambda: parent.play(
            host=settings.playground.host,
            port=settings.playground.port,
            state_dir=PLAYGROUND_FOLDER,
            bot_command=bot_command,
            bot_env=bot_env,
            web_port=settings.web.port,
            open_browser=browser,
            # A port that somebody chose is the one that he will look at.
            exact_port=settings.playground.port != Playground().port,
        )
    )
