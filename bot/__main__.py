"""The command line: ``python -m bot …``, installed as ``renqing``."""

from __future__ import annotations

import typer

from bot.commands import checking, running, snapshots, store, voice


def commands() -> typer.Typer:
    """Return the command line with all its commands; nothing heavy is imported before one runs."""
    cli = typer.Typer(
        name="renqing",
        help="Renqing (人情): a fan community manager for Telegram.",
        no_args_is_help=True,
        add_completion=False,
        # Their frames show local variables, and with them what must never be shown.
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    for command in (
        running.run,
        running.play,
        checking.check,
        store.migrate,
        store.export,
        store.replay,
        snapshots.backup,
        snapshots.restore,
        snapshots.resume,
    ):
        cli.command()(command)
    cli.add_typer(voice.voice, name="voice")
    return cli


def main() -> None:
    """Run one command and exit with its code."""
    commands()()


if __name__ == "__main__":
    main()
