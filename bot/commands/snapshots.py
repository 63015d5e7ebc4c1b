"""Commands about backups: make one, put one back in silence, and speak again."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bot.commands.terminal import ConfigOption, say, settled, wait_for

if TYPE_CHECKING:
    from bot.snapshots import Restored

TOLD = """\
{name} is restored: {rows:,} rows as they were on {made} UTC.{aside}
What nobody can know:
- What Telegram delivered from {made} to {now} UTC, and the bot confirmed, is not in this store;
  Telegram will not deliver it again.
- What the bot said in that time is not known either: messages of those hours stand in the chats,
  but a reply to them is a reply to a stranger.
Nothing is said for now: {held} letters wait, {dropped} were too old and are dropped, {unknown} were
under way when the backup was made and may have arrived (they are not said again).
Start the bot, look around, then: python -m bot resume

{name} 已恢复：{rows:,} 行，是 {made} UTC 那一刻的样子。{aside_zh}
有些事谁也不知道：
- 从 {made} 到 {now} UTC，Telegram 送来、已经确认收到的消息不在这份存档里，也不会再送一次。
- 这段时间里说过的话，这里同样没有记录：群里看得到，但回复那些话的人，这里认不出是在回哪一句。
现在一句话也不会发：{held} 封信在等，{dropped} 封太旧已作废，{unknown} 封在备份那一刻正要发出，
可能已经送到（不会再发一遍）。
先启动看一看，没问题再运行：python -m bot resume"""


def backup(
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", metavar="FILE", help="Where to; else a file here, by date."),
    ] = None,
    config: ConfigOption = None,
) -> None:
    """Write everything that is remembered into one file, while the bot may go on."""
    with settled(config) as settings:
        from bot import snapshots

        now = time.time_ns() // 1000
        path = out or Path(snapshots.file_name(now))
        made = wait_for(lambda: snapshots.back_up(settings, path, now))
        size = path.stat().st_size / 1_000_000
        say(f"{made.total:,} rows in {path} ({size:.1f} MB), SHA-256 {made.digest}")
        say("It holds what fans wrote and who they are: keep it as safe as the store itself.")


def restore(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A file that `backup` made.")],
    replace: Annotated[
        bool, typer.Option("--replace", help="Even if there is a store; it is kept beside it.")
    ] = False,
    config: ConfigOption = None,
) -> None:
    """Put a backup in the place of the store; the bot says nothing until `resume`."""
    with settled(config) as settings:
        from bot import snapshots

        now = time.time_ns() // 1000
        done = wait_for(lambda: snapshots.restore(settings, file, now, replace=replace))
        say(told(done, now))


def told(done: Restored, now: int) -> str:
    """What was done, and what nobody can know, in both languages."""
    from storage.records import moment

    held = done.held
    return TOLD.format(
        name=done.backup.path.name,
        rows=done.backup.total,
        made=f"{moment(done.backup.made):%Y-%m-%d %H:%M:%S}",
        now=f"{moment(now):%Y-%m-%d %H:%M:%S}",
        aside=f" What was there before is kept as {done.aside}." if done.aside else "",
        aside_zh=f"原来的存档还在，叫 {done.aside}。" if done.aside else "",
        held=held.held,
        dropped=held.dropped,
        unknown=held.unknown,
    )


def resume(config: ConfigOption = None) -> None:
    """After a restore: let the bot speak again. A running bot notices by itself."""
    with settled(config) as settings:
        from bot import snapshots

        waiting = wait_for(lambda: snapshots.resume(settings))
        if waiting is None:
            say("Nothing was held: the bot speaks as it is.")
        else:
            say(f"The bot speaks again; {waiting} letters wait to leave.")
