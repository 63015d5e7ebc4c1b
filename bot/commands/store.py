"""Commands about what is remembered: upgrade it, export it, and run again what had failed."""

from __future__ import annotations

import os
import sys
from enum import StrEnum
from io import TextIOWrapper
from pathlib import Path
from typing import Annotated

import typer

from bot.commands.terminal import ConfigOption, say, settled, wait_for


class What(StrEnum):
    """What can be exported."""

    interactions = "interactions"
    fans = "fans"
    ledger = "ledger"
    draws = "draws"


class Form(StrEnum):
    """How lines are written: one JSON object each, or comma-separated under a header."""

    jsonl = "jsonl"
    csv = "csv"


def migrate(config: ConfigOption = None) -> None:
    """Bring the database to this version; `run` does the same by itself."""
    with settled(config) as settings:
        from storage.database import migrate as upgrade

        upgrade(settings.storage.url)
        say("The database is up to date.")


def export(
    what: Annotated[What, typer.Argument(help="What to write out.", show_default=False)],
    form: Annotated[Form, typer.Option("--format", help="How to write it.")] = Form.jsonl,
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", metavar="FILE", help="Where to; else to standard output."),
    ] = None,
    config: ConfigOption = None,
) -> None:
    """Write out what is remembered, with Telegram's ids; times are ISO 8601 in UTC."""
    with settled(config) as settings:
        from bot import exports

        if out is None:
            if isinstance(sys.stdout, TextIOWrapper):
                sys.stdout.reconfigure(encoding="utf-8", newline="\n")
            wait_for(lambda: exports.export(settings, what.value, form.value, sys.stdout))
            sys.stdout.flush()
            return
        # A half-written export must never be taken for a whole one.
        part = out.with_name(f"{out.name}.part")
        with part.open("w", encoding="utf-8", newline="\n") as file:
            lines = wait_for(lambda: exports.export(settings, what.value, form.value, file))
        os.replace(part, out)
        say(f"{lines:,} {what.value} written to {out}")


def replay(
    ids: Annotated[
        list[int] | None,
        typer.Argument(metavar="[ID]…", help="Which ones, by the number that the list shows."),
    ] = None,
    dead: Annotated[bool, typer.Option("--dead", help="All of them.")] = False,
    config: ConfigOption = None,
) -> None:
    """List the updates that failed for good; with ids or --dead hand them to the bot again."""
    with settled(config) as settings:
        from bot import replays

        if not ids and not dead:
            letters = wait_for(lambda: replays.dead(settings))
            for letter in letters:
                typer.echo(f"{letter.id}\t{letter.kind}\t{letter.at}\t{letter.error}")
            say(f"{len(letters)} dead letters" if letters else "There are no dead letters.")
            return
        revived = wait_for(lambda: replays.replay(settings, ids or None))
        if revived:
            say(f"{revived} will be run again by the bot: now if it runs, else at its next start.")
        else:
            say("There is nothing to run again: see the list without --dead and ids.")
        if ids and revived < len(set(ids)):
            raise typer.Exit(1)
