"""Commands about how the persona talks: touch points, previews, the lint, and her file."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bot.commands.terminal import ConfigOption, say, say_wrong, settled, wait_for

if TYPE_CHECKING:
    from bot.config import Settings
    from templates import Voice


class Locale(StrEnum):
    """A language that there are words in."""

    zh = "zh"
    en = "en"
    zh_tw = "zh-TW"


PersonaOption = Annotated[
    str,
    typer.Option(
        "--persona",
        "-p",
        metavar="KEY|FILE",
        help="A persona by her key, or her file; else the one of the settings.",
    ),
]
LocaleOption = Annotated[
    list[Locale] | None, typer.Option("--locale", "-l", help="Only this language; may be repeated.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="One JSON document for scripts.")]
CommunityOption = Annotated[
    str,
    typer.Option(
        "--community", metavar="NAME", help="Whose persona; else the one of the settings."
    ),
]

voice = typer.Typer(
    help="Show what the persona says and when, look for what she would not say, pass her on.",
    invoke_without_command=True,
    pretty_exceptions_enable=False,
)


@voice.callback()
def touch_points(
    context: typer.Context,
    persona: PersonaOption = "",
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """List where she meets somebody: who makes it happen, why, in how many ways, and when."""
    if context.invoked_subcommand is not None:
        return
    with settled(config) as settings:
        from bot import rehearsal
        from templates import Voice

        speaker = Voice()
        found = rehearsal.parts(speaker, _who(speaker, settings, persona))
        if as_json:
            _print_json([asdict(part) for part in found])
            return
        rows = [
            (
                part.template,
                part.point.by,
                part.point.cls,
                part.point.said,
                *(_count(part.variants, part.own, locale.value) for locale in Locale),
                part.note,
            )
            for part in found
        ]
        heads = ("template", "by", "class", "said", *(one.value for one in Locale), "when")
        _print_table(heads, rows)
        say(f"{len(found)} touch points; * marks words of her own, the others are the house's.")


@voice.command()
def preview(
    name: Annotated[
        str, typer.Argument(metavar="[NAME]", help="A template or a room; without, all of them.")
    ] = "",
    persona: PersonaOption = "",
    locale: LocaleOption = None,
    hour: Annotated[
        int | None, typer.Option(min=0, max=23, help="The hour where the fan is.")
    ] = None,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Say everything to a sample fan called Lin, as she would read it."""
    with settled(config) as settings:
        from bot import rehearsal
        from templates import Voice, markup

        speaker = Voice()
        who = _who(speaker, settings, persona)
        chosen = [
            template
            for template in rehearsal.outcomes()
            if template == name or template.startswith(f"{name}/") or not name
        ]
        if not chosen:
            say_wrong(f"No template and no room is called {name}; `voice` lists them.")
            raise typer.Exit(1)
        said = {
            f"{at}/{template}": [
                markup.plain(html) for html in rehearsal.readings(speaker, template, at, who, hour)
            ]
            for template in chosen
            for at in _locales(locale)
            if speaker.knows(template, at)
        }
        if as_json:
            _print_json(said)
            return
        for place, ways in said.items():
            typer.secho(place, bold=True)
            for number, words in enumerate(ways, 1):
                typer.echo(f"{number:3}  " + words.replace("\n", "\n     "))
            typer.echo()


@voice.command()
def check(
    persona: PersonaOption = "",
    locale: LocaleOption = None,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Read every text for what no persona says and for what is missing; exit 1 with findings.

    Without --persona all shipped ones and the words of the house are read.
    """
    with settled(config) as settings:
        from bot import rehearsal
        from templates import Voice

        speaker = Voice()
        cast: list[Mapping[str, Any]] = [{"key": key} for key in sorted(speaker.cast())]
        cast = [_who(speaker, settings, persona)] if persona else [*cast, {"name": "小鹿"}]
        found = dict.fromkeys(
            finding
            for who in cast
            for finding in rehearsal.findings(speaker, who, _locales(locale))
        )
        if as_json:
            _print_json({"ok": not found, "findings": [asdict(finding) for finding in found]})
        else:
            for finding in found:
                place = f"{finding.file}:{finding.variant}" if finding.variant else finding.file
                typer.secho(f"{place}: {finding.reason}", fg="yellow")
                if finding.words:
                    typer.echo("    " + finding.words.replace("\n", "\n    "))
            say(f"{len(found)} findings." if found else "Nothing to find fault with.")
        raise typer.Exit(1 if found else 0)


@voice.command("export")
def export_persona(
    persona: PersonaOption = "",
    community: CommunityOption = "",
    out: Annotated[
        Path | None, typer.Option("--out", "-o", metavar="FILE", help="Else standard output.")
    ] = None,
    config: ConfigOption = None,
) -> None:
    """Write a persona as a file: a shipped one, or the one that a community has."""
    with settled(config) as settings:
        from templates import Voice, personas

        speaker = Voice()
        who = _who(speaker, settings, persona) if persona else _row(settings, community)
        if who is None:
            say_wrong(f"There is no community called {_name(settings, community)} yet.")
            raise typer.Exit(1)
        text = personas.write(personas.whole(who, speaker.cast().get(str(who.get("key")), {})))
        if out is None:
            typer.echo(text, nl=False)
            return
        part = out.with_name(f"{out.name}.part")
        part.write_text(text, encoding="utf-8")
        os.replace(part, out)
        say(f"Written to {out}")


@voice.command("import")
def import_persona(
    file: Annotated[Path, typer.Argument(help="A persona's file.", show_default=False)],
    community: CommunityOption = "",
    config: ConfigOption = None,
) -> None:
    """Give a community the persona of a file; the bot speaks so from its next start."""
    with settled(config) as settings:
        from storage import communities
        from storage.database import opened, upgrade
        from templates import Voice, personas

        who = personas.read(file.read_text(encoding="utf-8"))
        words, cast = str(who.get("words") or who["key"]), Voice().cast()
        if "words" in who and words not in cast:
            raise personas.BadPersona([f"words must be one of {', '.join(sorted(cast))}."])
        name = _name(settings, community)

        async def give() -> bool:
            async with opened(settings.storage.url) as database:
                await upgrade(database)
                return await database.work(
                    lambda db: communities.give_persona(db, name, who), durable=True
                )

        if not wait_for(give):
            say_wrong(f"There is no community called {name} yet: start the bot once.")
            raise typer.Exit(1)
        whose = f"the words of {words}" if words in cast else "the words of the house"
        say(f"{name} has a new persona with {whose}. The bot speaks so from its next start.")


def _who(speaker: Voice, settings: Settings, persona: str) -> Mapping[str, Any]:
    """The persona of an option: her key, her file, or whom the settings name."""
    from templates import personas

    if not persona:
        faces = settings.faces()
        return faces[0].persona.words() if faces else settings.persona.words()
    if persona in speaker.cast():
        return {"key": persona}
    if not Path(persona).exists():
        known = ", ".join(sorted(speaker.cast()))
        raise personas.BadPersona([f"{persona} is neither a persona ({known}) nor a file."])
    return personas.read(Path(persona).read_text(encoding="utf-8"))


def _name(settings: Settings, community: str) -> str:
    faces = settings.faces()
    return community or (faces[0].community.name if faces else settings.community.name)


def _row(settings: Settings, community: str) -> Mapping[str, Any] | None:
    from storage import communities
    from storage.database import opened, upgrade

    async def look() -> Mapping[str, Any] | None:
        async with opened(settings.storage.url) as database:
            await upgrade(database)
            name = _name(settings, community)
            return await database.read(lambda db: communities.persona_of(db, name))

    return wait_for(look)


def _locales(chosen: Sequence[Locale] | None) -> list[str]:
    return [locale.value for locale in chosen or Locale]


def _count(variants: Mapping[str, int], own: Sequence[str], locale: str) -> str:
    return f"{variants.get(locale, 0)}{'*' if locale in own else ''}"


def _print_json(document: object) -> None:
    typer.echo(json.dumps(document, ensure_ascii=False, indent=2))


def _print_table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """A table for people; lines with tabs for programs."""
    if not sys.stdout.isatty():
        for row in rows:
            typer.echo("\t".join(row))
        return
    from rich.console import Console
    from rich.table import Table

    table = Table(*heads, box=None, header_style="bold")
    for row in rows:
        table.add_row(*row)
    Console().print(table)
