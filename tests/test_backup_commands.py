"""What an operator types and reads when a store is backed up, restored, and speaks again."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from pathlib import Path

from storage import communities, fans, ledger, outbox
from storage.database import Connection, opened, upgrade
from storage.records import FanSeen

ROOT = Path(__file__).parent.parent


def type_in(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run a command beside the store, in a process of its own."""
    clean = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("RENQING_") and name != "BOT_TOKEN"
    }
    return subprocess.run(
        [sys.executable, "-m", "bot", *words],
        cwd=folder,
        env={
            **clean,
            "PYTHONPATH": str(ROOT),
            "NO_COLOR": "1",
            "RENQING_STORAGE__URL": "sqlite:///store.db",
        },
        capture_output=True,
        text=True,
        encoding="utf-8",
        stdin=subprocess.DEVNULL,
        timeout=60,
        check=False,
    )


def furnish(db: Connection) -> None:
    home = communities.found(db, "home", zone="UTC", locale="zh", persona={})
    lin = fans.meet(db, FanSeen(1, "Lin"), 1)
    ledger.earn(db, home.id, lin, 10, reason="=1+1", idem="a", at=1)


async def furnished(folder: Path) -> None:
    async with opened(f"sqlite:///{folder}/store.db") as database:
        await upgrade(database)
        await database.work(furnish)


async def why_held(folder: Path) -> str | None:
    async with opened(f"sqlite:///{folder}/store.db") as database:
        return await database.read(outbox.held)


def test_from_a_backup_to_the_first_word_again(tmp_path: Path) -> None:
    """Back up, refuse to overwrite, restore, stay silent, resume: each says what it did."""
    asyncio.run(furnished(tmp_path))
    made = type_in(tmp_path, "backup", "--out", "one.backup")
    assert made.returncode == 0, made.stderr
    assert "rows in one.backup" in made.stderr

    refused = type_in(tmp_path, "restore", "one.backup")
    assert refused.returncode == 1
    assert "--replace" in refused.stderr
    assert "Traceback" not in refused.stderr

    done = type_in(tmp_path, "restore", "one.backup", "--replace")
    assert done.returncode == 0, done.stderr
    for words in (
        "What nobody can know",
        "有些事谁也不知道",
        "python -m bot resume",
        "store.db.before",
    ):
        assert words in done.stderr
    assert asyncio.run(why_held(tmp_path)) == "restored"

    spoke = type_in(tmp_path, "resume")
    assert spoke.returncode == 0
    assert "speaks again" in spoke.stderr
    assert asyncio.run(why_held(tmp_path)) is None
    assert "Nothing was held" in type_in(tmp_path, "resume").stderr


def test_a_foreign_file_is_told_in_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("milk, bread", encoding="utf-8")
    for file in ("notes.txt", "nothing.backup"):
        done = type_in(tmp_path, "restore", file)
        assert done.returncode == 1
        assert file in done.stderr
        assert "Traceback" not in done.stderr
    assert not (tmp_path / "store.db").exists()
    assert type_in(tmp_path, "backup").returncode == 1


def test_an_export_for_a_spreadsheet_holds_no_formula(tmp_path: Path) -> None:
    asyncio.run(furnished(tmp_path))
    done = type_in(tmp_path, "export", "ledger", "--format", "csv", "--out", "ledger.csv")
    assert done.returncode == 0, done.stderr
    lines = (tmp_path / "ledger.csv").read_text(encoding="utf-8").splitlines()
    assert lines[0] == "id,at,account,amount,reason,transaction,community"
    assert [line.split(",")[2:5] for line in lines[1:]] == [
        ["issuer", "-10", "'=1+1"],
        ["fan:1", "10", "'=1+1"],
    ]
