"""``check``: what an operator is told before the fans notice."""

from __future__ import annotations

import os
import re
import sqlite3
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from bot import doctor
from bot.config import Settings
from bot.doctor import Finding, examine
from bot.playground import Playground
from storage import due, inbox, outbox
from storage.database import Connection
from storage.records import Letter, LetterClass, LetterState
from tests.engines import sqlite_url
from tests.house import Scene, make_scene, running, settings_for


def about(findings: Sequence[Finding], words: str) -> Finding:
    """The one finding that says so."""
    said = [f for f in findings if words in f"{f.what}: {f.sentence}"]
    assert len(said) == 1, findings
    return said[0]


async def lived_in(scene: Scene, folder: Path, **sections: Any) -> None:
    """Let the house run once, until it has introduced itself."""
    async with running(settings_for(scene, sqlite_url(folder), **sections)):
        await scene.introduce()


async def test_a_healthy_house_has_nothing_to_complain_about(scene: Scene, tmp_path: Path) -> None:
    scene.telegram.world.promote(scene.group, scene.bot)
    await lived_in(scene, tmp_path)
    findings = await examine(settings_for(scene, sqlite_url(tmp_path)))
    assert {f.level for f in findings} == {"ok"}, findings
    assert about(findings, scene.group.title or "?").level == "ok"


async def test_no_question_changes_anything(scene: Scene, tmp_path: Path) -> None:
    await lived_in(scene, tmp_path)
    before = set(os.listdir(tmp_path))
    calls = len(scene.telegram.history)
    await examine(settings_for(scene, sqlite_url(tmp_path)))
    asked = {call.method for call in list(scene.telegram.history)[calls:]}
    assert asked == {"getMe", "getWebhookInfo", "getChatMember"}
    assert set(os.listdir(tmp_path)) <= before | {
        "renqing.db-wal",
        "renqing.db-shm",
    }


async def test_before_the_first_start_nothing_is_made(scene: Scene, tmp_path: Path) -> None:
    findings = await examine(settings_for(scene, sqlite_url(tmp_path)))
    assert about(findings, "does not exist yet").level == "ok"
    assert os.listdir(tmp_path) == []


async def test_a_group_where_the_bot_is_deaf_is_named_with_both_ways_out(
    scene: Scene, tmp_path: Path
) -> None:
    await lived_in(scene, tmp_path)
    scene.telegram.world.demote(scene.group, scene.bot)
    findings = await examine(settings_for(scene, sqlite_url(tmp_path)))
    deaf = about(findings, f"cannot hear 签到 in 「{scene.group.title}」")
    assert deaf.level == "warning"
    assert "/setprivacy" in deaf.advice
    assert "admin" in deaf.advice
    scene.bot.privacy = False
    findings = await examine(settings_for(scene, sqlite_url(tmp_path)))
    assert about(findings, "privacy mode is off").level == "ok"


async def test_missing_rights_are_told_with_what_each_is_for(scene: Scene, tmp_path: Path) -> None:
    scene.telegram.world.promote(scene.group, scene.bot, can_delete_messages=True)
    await lived_in(scene, tmp_path)
    found = about(await examine(settings_for(scene, sqlite_url(tmp_path))), "it lacks")
    assert "can_pin_messages (pin draws)" in found.sentence
    assert "can_delete_messages" not in found.sentence


async def test_a_group_that_put_the_bot_out_is_told(scene: Scene, tmp_path: Path) -> None:
    await lived_in(scene, tmp_path)
    scene.telegram.world.kick(scene.group, scene.bot)
    findings = await examine(settings_for(scene, sqlite_url(tmp_path)))
    (found,) = [f for f in findings if str(scene.group.title) in f.what]
    assert found.level == "warning"


async def test_a_refused_token_is_told_in_words_and_never_shown(
    scene: Scene, tmp_path: Path
) -> None:
    token = f"{scene.bot.id}:AAE{'x' * 32}"
    findings = await examine(settings_for(scene, sqlite_url(tmp_path), telegram={"token": token}))
    refused = about(findings, "does not know this token")
    assert refused.level == "error"
    assert "@BotFather" in refused.advice
    assert "x" * 32 not in str(findings)


async def test_an_address_that_does_not_answer_is_told_without_the_token(
    scene: Scene, tmp_path: Path
) -> None:
    findings = await examine(
        settings_for(scene, sqlite_url(tmp_path), telegram={"api_base": "http://127.0.0.1:9"})
    )
    assert about(findings, "cannot be reached").level == "error"
    assert scene.bot.token.partition(":")[2] not in str(findings)


async def test_a_webhook_that_takes_the_updates_away_is_noticed(
    scene: Scene, tmp_path: Path
) -> None:
    params = {"url": "https://elsewhere.example/hook"}
    await scene.telegram.door.call(scene.bot, "setWebhook", params, {})
    findings = await examine(settings_for(scene, sqlite_url(tmp_path)))
    assert about(findings, "elsewhere.example").level == "warning"


async def test_a_webhook_that_was_not_set_yet_is_noticed(scene: Scene, tmp_path: Path) -> None:
    findings = await examine(
        settings_for(
            scene,
            sqlite_url(tmp_path),
            telegram={"receive": "webhook", "webhook_secret": "s3cret"},
            web={"port": 0, "public_url": "https://fans.example.org"},
        )
    )
    assert about(findings, "no webhook is set yet").level == "warning"


async def test_a_wrong_clock_is_noticed(scene: Scene, tmp_path: Path) -> None:
    settings = settings_for(scene, sqlite_url(tmp_path))
    found = about(await examine(settings, lambda: time.time() - 7200), "machine's clock")
    assert found.level == "warning"
    assert re.search(r"7(199|200) s behind", found.sentence)


async def test_an_unowned_community_is_noticed(scene: Scene, tmp_path: Path) -> None:
    await lived_in(scene, tmp_path, telegram={"owners": []})
    settings = settings_for(scene, sqlite_url(tmp_path), telegram={"owners": []})
    assert about(await examine(settings), "nobody owns").level == "warning"


async def test_what_was_left_behind_is_counted(scene: Scene, tmp_path: Path) -> None:
    url = sqlite_url(tmp_path)
    async with running(settings_for(scene, url)) as app:
        await scene.introduce()

        def leave(db: Connection) -> None:
            inbox.keep_undecodable(db, 1, 5, b"?", 0)
            outbox.put(db, Letter(1, 1, "lost", cls=LetterClass.NEWS, not_before=2**60))
            row = db.execute(outbox.table.select().where(outbox.table.c.idem == "lost")).one()
            outbox.end(db, row.id, LetterState.UNKNOWN)
            due.put(db, "draws.close", "1", 2**60)
            (job,) = due.pending(db, 2**61)
            due.fail(db, job, None, "nobody does this")

        await app.database.work(leave)
    findings = await examine(settings_for(scene, url))
    assert about(findings, "1 updates failed for good").level == "warning"
    assert about(findings, "1 letters may or may not").level == "warning"
    assert "draws.close" in about(findings, "1 were given up").sentence


async def test_a_held_database_is_told_in_words(scene: Scene, tmp_path: Path) -> None:
    await lived_in(scene, tmp_path)
    holder = sqlite3.connect(tmp_path / "renqing.db", isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    try:
        found = about(await examine(settings_for(scene, sqlite_url(tmp_path))), "locked")
    finally:
        holder.close()
    assert found.level == "error"
    assert "which other process holds it" in found.advice


@pytest.mark.parametrize("url", ["sqlite:////nowhere/at/all.db", "postgresql://x@127.0.0.1:9/x"])
async def test_a_database_that_is_not_there_is_told_in_words(scene: Scene, url: str) -> None:
    found = [f for f in await examine(settings_for(scene, url)) if f.what == "database"]
    assert [f.level for f in found] == ["error"]
    assert found[0].advice


async def test_a_file_that_is_no_database_is_told_in_words(scene: Scene, tmp_path: Path) -> None:
    (tmp_path / "renqing.db").write_bytes(b"a shopping list, " * 100)
    findings = await examine(settings_for(scene, sqlite_url(tmp_path)))
    assert about(findings, "not a database").level == "error"


async def test_a_full_disk_is_noticed_before_it_is_full(
    scene: Scene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doctor, "LITTLE", 1 << 60)
    assert about(await examine(settings_for(scene, sqlite_url(tmp_path))), "are free").advice


async def test_a_redis_that_is_away_is_a_warning(scene: Scene, tmp_path: Path) -> None:
    away = {"url": "redis://:hush-hush@127.0.0.1:9/0"}
    findings = await examine(settings_for(scene, sqlite_url(tmp_path), redis=away))
    assert about(findings, "each process goes on alone").level == "warning"
    assert "hush-hush" not in str(findings)


async def test_without_a_token_the_first_step_is_named(tmp_path: Path) -> None:
    findings = await examine(Settings(storage={"url": sqlite_url(tmp_path)}))
    assert "/newbot" in about(findings, "there is no bot token").advice


async def test_a_telegram_in_trouble_is_a_finding_and_no_crash(tmp_path: Path) -> None:
    async with Playground() as telegram:
        scene = make_scene(telegram)
        for kind in ("500", "429", "wrong_json", "drop_before"):
            telegram.faults.clear()
            telegram.faults.add("getMe", kind, times=None)
            findings = await examine(settings_for(scene, sqlite_url(tmp_path)))
            assert [f.level for f in findings if f.what.startswith("bot ")] == ["error"], kind
