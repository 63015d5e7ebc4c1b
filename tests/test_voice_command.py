"""`python -m bot voice`: what the persona says and when, what she would not say, her file."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from bot import rehearsal
from bot.__main__ import commands
from bot.commands.terminal import wait_for
from storage import communities
from storage.database import opened, upgrade
from templates import Voice, personas
from tests.engines import sqlite_url

MIA = """
key = "mia"
words = "kai"
[zh]
name = "米娅"
self = "米米"
taboo = ["敬礼"]
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of its own, with a database and without settings."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("RENQING_STORAGE__URL", sqlite_url(tmp_path))
    monkeypatch.setenv("RENQING_LOG__LEVEL", "error")
    return tmp_path


def voice(*words: str) -> Result:
    return CliRunner().invoke(commands(), ["voice", *words])


def test_every_touch_point_is_listed() -> None:
    said = voice("--persona", "kai")
    assert said.exit_code == 0
    rows = [line.split("\t") for line in said.stdout.splitlines()]
    assert [row[0] for row in rows] == list(rehearsal.outcomes())
    (row,) = [row for row in rows if row[0] == "checkin/checked_in"]
    assert row[:7] == ["checkin/checked_in", "fan", "reply", "daily", "33*", "15*", "33*"]
    assert row[7].startswith("A check-in that counts.")


def test_touch_points_are_there_for_scripts_too() -> None:
    parts = json.loads(voice("--json").stdout)
    (about,) = [part for part in parts if part["template"] == "help/about"]
    assert about["variants"]["zh"] == 12
    assert about["point"] == {"by": "fan", "cls": "reply", "said": "often", "toast": False}
    assert about["own"] == ["zh", "en", "zh-TW"]


def test_a_preview_says_everything_to_a_sample_fan() -> None:
    said = voice("preview", "help/lost", "-p", "kai", "-l", "zh")
    assert said.exit_code == 0
    assert "zh/help/lost" in said.stdout
    assert "这句超纲了，Lin" in said.stdout
    room = json.loads(voice("preview", "fans", "-p", "lulu", "--hour", "23", "--json").stdout)
    assert set(room) >= {
        f"{locale}/fans/{name}"
        for locale in ("zh", "en", "zh-TW")
        for name in ("language_asked", "language_set")
    }
    assert any(words.startswith("夜深啦") for words in room["zh/fans/language_asked"])


def test_a_preview_of_everything_needs_nothing_but_the_files() -> None:
    said = json.loads(voice("preview", "--json").stdout)
    assert len(said) >= 3 * 40
    assert all(ways for ways in said.values())


def test_a_preview_of_nothing_is_told() -> None:
    said = voice("preview", "nope")
    assert said.exit_code == 1
    assert "No template and no room is called nope" in said.stderr


def test_what_is_shipped_has_nothing_to_find_fault_with() -> None:
    said = voice("check", "-p", "lulu", "-l", "en", "--json")
    assert json.loads(said.stdout) == {"ok": True, "findings": []}
    assert said.exit_code == 0


def test_a_persona_s_own_taboo_is_found_in_the_words_that_she_borrows(folder: Path) -> None:
    (folder / "mia.toml").write_text(MIA, encoding="utf-8")
    said = voice("check", "-p", "mia.toml", "-l", "zh")
    assert said.exit_code == 1
    assert "personas/kai/zh/checkin/checked_in.j2:3: she never says: 敬礼" in said.stdout
    assert "到了就行，不用敬礼" in said.stdout
    assert "1 findings." in said.stderr


@pytest.mark.parametrize("words", [["check"], ["preview"], ["export"], []])
def test_whoever_is_nobody_is_told(words: list[str]) -> None:
    said = voice(*words, "-p", "nobody")
    assert said.exit_code == 1
    assert "nobody is neither a persona (kai, lulu) nor a file." in said.stderr


def test_a_shipped_persona_can_be_taken_away_as_a_file(folder: Path) -> None:
    assert voice("export", "-p", "lulu", "-o", "lulu.toml").exit_code == 0
    taken = personas.read((folder / "lulu.toml").read_text(encoding="utf-8"))
    assert taken["zh"] == Voice().cast()["lulu"]["zh"]
    assert voice("export", "-p", "lulu").stdout == (folder / "lulu.toml").read_text("utf-8")


def begin(folder: Path) -> None:
    """Make the community that the settings name, as the first start does."""

    async def found() -> None:
        async with opened(sqlite_url(folder)) as database:
            await upgrade(database)
            await database.work(
                lambda db: communities.found(
                    db, "小鹿的林间小屋", zone="UTC", locale="zh", persona={"key": "lulu"}
                )
            )

    wait_for(found)


def test_a_community_gets_the_persona_of_a_file_and_gives_her_back(folder: Path) -> None:
    begin(folder)
    (folder / "mia.toml").write_text(MIA, encoding="utf-8")
    said = voice("import", "mia.toml")
    assert said.exit_code == 0, said.stderr
    assert "小鹿的林间小屋 has a new persona with the words of kai." in said.stderr
    back = personas.read(voice("export").stdout)
    assert (back["key"], back["words"], back["zh"]["self"]) == ("mia", "kai", "米米")


def test_a_community_that_is_not_there_yet_is_told(folder: Path) -> None:
    (folder / "mia.toml").write_text(MIA, encoding="utf-8")
    for words in (["import", "mia.toml"], ["export"]):
        said = voice(*words, "--community", "别处")
        assert said.exit_code == 1
        assert "There is no community called 别处 yet" in said.stderr


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (MIA.replace('"kai"', '"nobody"'), "words must be one of kai, lulu."),
        (MIA.replace('name = "米娅"', ""), "zh.name is missing: her name."),
        ("{", "This is no TOML file"),
    ],
)
def test_a_wrong_file_changes_nothing_and_says_why(folder: Path, text: str, sentence: str) -> None:
    begin(folder)
    (folder / "mia.toml").write_text(text, encoding="utf-8")
    said = voice("import", "mia.toml")
    assert said.exit_code == 1
    assert sentence in said.stderr
    assert personas.read(voice("export").stdout)["key"] == "lulu"


def test_a_file_that_is_not_there_is_told() -> None:
    said = voice("import", "nothing.toml")
    assert said.exit_code == 1
    assert "nothing.toml" in said.stderr
