"""Power cuts: the bot dies at a random moment and every write that nobody waited for is gone.

A small library (``power.c``), loaded before the C library, notes what has reached the disk. After
a death the database's files are replaced by that, now and then with some of the unsynced pages
mixed in, as a disk that writes in any order would leave them; then everything that Telegram's
history shows as said must still be true.
"""

from __future__ import annotations

import asyncio
import random
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import text

from storage.database import Connection, opened
from tests.crash.points import NAMES
from tests.crash.runs import Evenings, Kill, survive
from tests.crash.scenario import Evening
from tests.crash.zygote import Zygote

PAGE = 4096
CUTS_AN_EVENING = 4
LATEST_HIT = 14
SOURCE = Path(__file__).with_name("power.c")


class CannotSimulate(Exception):
    """There is no C compiler, or this is not Linux: install gcc or clang."""


@dataclass(frozen=True, slots=True)
class Cut:
    """An evening with power cuts that undid nothing that was said."""

    cuts: int
    updates: int
    letters: int
    said: int


def power_zygote(folder: Path) -> Zygote:
    """A zygote whose children's databases in *folder* can lose power; raises CannotSimulate."""
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if compiler is None or sys.platform != "linux":
        raise CannotSimulate
    library = folder / "power.so"
    subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-o", library, SOURCE, "-ldl"], check=True)
    database_folder(folder).mkdir(exist_ok=True)
    environment = {"LD_PRELOAD": str(library), "POWER_CUT_FOLDER": f"{database_folder(folder)}/"}
    return Zygote(environment)


def database_folder(folder: Path) -> Path:
    return folder.resolve() / "disk"


def cut_power(evenings: Evenings, seed: int, kills: Sequence[Kill] = ()) -> Cut:
    """One evening with power cuts at *kills*, else at four moments that *seed* chooses.

    Raises ``tests.crash.runs.Failed`` when something that was said is not true any more.
    """
    chance = random.Random(seed)
    disk = database_folder(evenings.folder)
    shutil.rmtree(disk)
    disk.mkdir()
    kills = kills or [
        (chance.choice(NAMES), chance.randint(1, LATEST_HIT)) for _ in range(CUTS_AN_EVENING)
    ]

    async def on_death(evening: Evening) -> None:
        restore(disk, chance)
        await still_true(disk, evening)

    survived = asyncio.run(
        survive(
            evenings,
            f"sqlite:///{disk}/renqing.db",
            "webhook" if seed % 2 else "polling",
            kills,
            on_death=on_death,
        )
    )
    counts = survived.counts
    return Cut(survived.deaths, counts.updates, counts.letters, counts.said)


def restore(disk: Path, chance: random.Random) -> None:
    """Put back what has reached the disk, perhaps with some pages of what had not."""
    kept = chance.choice((0.0, 0.0, 0.5, 0.9))
    for path in list(disk.iterdir()):
        if path.name.endswith((".durable", ".copying")):
            continue
        durable = path.with_name(f"{path.name}.durable")
        if path.name.endswith("-shm") or not durable.exists():
            path.unlink()
            continue
        mixed = _mix(durable.read_bytes(), path.read_bytes(), kept, chance)
        path.write_bytes(mixed)
        durable.write_bytes(mixed)
    for leftover in disk.glob("*.copying"):
        leftover.unlink()


def _mix(old: bytes, new: bytes, kept: float, chance: random.Random) -> bytes:
    """The old content, with each page that was written since in its new form by *kept*."""
    if not kept:
        return old
    pages = []
    for at in range(0, max(len(old), len(new)), PAGE):
        was, is_ = old[at : at + PAGE], new[at : at + PAGE]
        pages.append(is_ if chance.random() < kept and is_ else was or bytes(len(is_)))
    return b"".join(pages)


async def still_true(disk: Path, evening: Evening) -> None:
    """Raise AssertionError for a word, a toast or a confirmation that the database denies."""
    with tempfile.TemporaryDirectory() as folder:
        # A copy: opening it repairs it, and that is for the next life to do.
        shutil.copytree(
            disk, folder, ignore=shutil.ignore_patterns("*.durable"), dirs_exist_ok=True
        )
        if not (disk / "renqing.db").exists():
            assert not _said(evening), "something was said and the database is not there"
            return
        async with opened(f"sqlite:///{folder}/renqing.db") as database:
            await database.work(lambda db: _check(db, evening))


def _said(evening: Evening) -> list[tuple[str, str]]:
    """Every message that Telegram shows: chat and text."""
    calls = evening.telegram.history.calls("sendMessage", ok=True)
    return [(str(call.params["chat_id"]), str(call.params["text"])) for call in calls]


def _check(db: Connection, evening: Evening) -> None:
    def rows(query: str) -> list[tuple[Any, ...]]:
        return [tuple(row) for row in db.execute(text(query))]

    assert rows("PRAGMA integrity_check") == [("ok",)], "the file is damaged"
    tables = {name for (name,) in rows("SELECT name FROM sqlite_master WHERE type = 'table'")}
    if "interactions" not in tables:
        assert not _said(evening), "something was said and the tables are not there"
        return
    waiting = set(evening.telegram.world.updates.queue(evening.bot).pending)
    confirmed = set(evening.update_ids) - waiting
    kept = {number for (number,) in rows("SELECT update_id FROM interactions")}
    assert confirmed <= kept, f"confirmed and lost: {sorted(confirmed - kept)}"

    known = _known_words(rows)
    credited = {name for (name,) in rows("SELECT f.name FROM checkins c JOIN fans f ON f.id=c.fan")}
    for chat, words in _said(evening):
        assert (chat, words) in known, f"said and forgotten: {words!r} in {chat}"
    for fan, template in rows(
        "SELECT f.name, o.template FROM outbox o JOIN fans f ON f.id = o.fan WHERE o.state > 0"
    ):
        if template == "checkin/checked_in":
            assert fan in credited, f"{fan} heard of a check-in that is gone"
    english = rows("SELECT f.name FROM memberships m JOIN fans f ON f.id=m.fan WHERE locale='en'")
    for press in evening.telegram.world.presses.values():
        if press.answer is None or not press.answer.text:
            continue
        name = press.user.first_name
        if "English" in press.answer.text:
            assert (name,) in english, f"{name} was told that English is set"
        else:
            assert name in credited, f"{name} saw a toast of a check-in that is gone"


def _known_words(rows: Any) -> set[tuple[str, str]]:
    """Chat and text of what the database knows as said, or as being said."""
    query = (
        "SELECT coalesce(c.telegram_id, d.telegram_id), {} FROM outbox o"
        " JOIN chats c ON c.id = o.chat LEFT JOIN fans d ON d.id = c.fan {}"
    )
    noted = rows(query.format("s.text", "JOIN letters s ON s.letter = o.id"))
    claimed = rows(query.format("p.value", "JOIN json_each(o.parts) p WHERE o.parts IS NOT NULL"))
    return {(str(chat), str(words)) for chat, words in noted + claimed}
