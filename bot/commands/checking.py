"""The command that looks whether everything is as it must be, before fans notice that it is not."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Annotated

import typer

from bot.commands.terminal import ConfigOption, settled, wait_for

SIGNS = {"ok": ("✓", "green"), "warning": ("!", "yellow"), "error": ("✗", "red")}


def check(
    config: ConfigOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object for scripts.")] = False,
) -> None:
    """Examine settings, database, Redis, Telegram and groups; exit 1 if something is wrong."""
    with settled(config) as settings:
        from bot import doctor

        findings = wait_for(lambda: doctor.examine(settings))
        healthy = all(finding.level != "error" for finding in findings)
        if as_json:
            report = {"ok": healthy, "findings": [asdict(finding) for finding in findings]}
            typer.echo(json.dumps(report, ensure_ascii=False, indent=2))
        else:
            for finding in findings:
                sign, colour = SIGNS[finding.level]
                typer.secho(f"{sign} {finding.what}: {finding.sentence}", fg=colour)
                if finding.advice:
                    typer.echo(f"    {finding.advice}")
        raise typer.Exit(0 if healthy else 1)
