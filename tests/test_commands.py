"""The command line: quick to answer, clear about what did not work, quiet about secrets."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from bot.__main__ import commands
from bot.commands import running, terminal
from bot.config import ConfigError

ROOT = Path(__file__).parent.parent
TOKEN = "123456789:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw9"


def type_in(*words: str, folder: Path, **environ: str) -> subprocess.CompletedProcess[str]:
    """Run a command in *folder* in a process of its own."""
    clean = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("RENQING_") and name != "BOT_TOKEN"
    }
    return subprocess.run(
        [sys.executable, "-m", "bot", *words],
        cwd=folder,
        env={**clean, "PYTHONPATH": str(ROOT), "NO_COLOR": "1", **environ},
        capture_output=True,
        text=True,
        encoding="utf-8",
        stdin=subprocess.DEVNULL,
        timeout=60,
        check=False,
    )


def test_help_imports_nothing_heavy() -> None:
    """aiogram alone costs four seconds; help is asked for by people who wait."""
    script = (
        "import sys\n"
        "sys.argv = ['renqing', '--help']\n"
        "from bot.__main__ import main\n"
        "try:\n"
        "    main()\n"
        "finally:\n"
        "    heavy = {'aiogram', 'aiohttp', 'sqlalchemy', 'pydantic', 'structlog', 'jinja2'}\n"
        "    print('heavy:', sorted(heavy & set(sys.modules)), file=sys.stderr)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=ROOT,
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
    )
    assert done.returncode == 0
    assert "heavy: []" in done.stderr


@pytest.mark.parametrize("command", ["run", "play", "check", "migrate", "export", "replay"])
def test_every_command_explains_itself(command: str) -> None:
    said = CliRunner().invoke(commands(), [command, "--help"])
    assert said.exit_code == 0
    assert "--config" in said.output


def test_without_a_command_the_commands_are_listed() -> None:
    said = CliRunner().invoke(commands(), [])
    assert "export" in said.output


@pytest.mark.parametrize(
    "words", [["frobnicate"], ["export"], ["export", "wishes"], ["run", "--confg", "x"]]
)
def test_a_command_called_wrongly_exits_with_two(words: list[str]) -> None:
    assert CliRunner().invoke(commands(), words).exit_code == 2


def test_without_a_token_run_says_how_to_get_one(tmp_path: Path) -> None:
    done = type_in("run", folder=tmp_path)
    assert done.returncode == 1
    assert "@BotFather" in done.stderr
    assert "python -m bot play" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_mistake_in_the_settings_is_a_sentence_and_no_traceback(tmp_path: Path) -> None:
    done = type_in("run", folder=tmp_path, RENQING_TELEGRAM__TOKN=TOKEN)
    assert done.returncode == 1
    assert done.stderr.strip() == (
        "RENQING_TELEGRAM__TOKN is not a setting; did you mean RENQING_TELEGRAM__TOKEN?"
    )
    done = type_in("run", "--config", "nowhere.toml", folder=tmp_path)
    assert done.returncode == 1
    assert done.stderr.strip() == "nowhere.toml is not there, or is not a file"


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (ConfigError("web.port must be a whole number"), "web.port must be a whole number"),
        (FileNotFoundError(2, "No such file or directory", "out.csv"), "out.csv: No such file"),
        (ExceptionGroup("tasks", [ExceptionGroup("", [ConfigError("inner")])]), "inner"),
    ],
)
def test_an_expected_error_is_told_without_a_traceback(
    error: Exception, said: str, capsys: pytest.CaptureFixture[str], quiet_logs: None
) -> None:
    with pytest.raises(typer.Exit) as left, terminal.settled(None):
        raise error
    assert left.value.exit_code == 1
    err = capsys.readouterr().err
    assert said in err
    assert "Traceback" not in err


def test_a_surprise_is_shown_whole_but_masked(
    capsys: pytest.CaptureFixture[str], quiet_logs: None
) -> None:
    with pytest.raises(typer.Exit) as left, terminal.settled(None):
        raise RuntimeError(f"unforeseen at https://api.telegram.org/bot{TOKEN}/getMe")
    assert left.value.exit_code == 1
    err = capsys.readouterr().err
    assert "Traceback" in err
    assert "unforeseen" in err
    assert TOKEN[12:] not in err


def test_ctrl_c_exits_as_shells_expect(quiet_logs: None) -> None:
    with pytest.raises(typer.Exit) as left, terminal.settled(None):
        raise KeyboardInterrupt
    assert left.value.exit_code == 130


def test_with_or_play_a_missing_token_opens_the_playground(
    monkeypatch: pytest.MonkeyPatch, quiet_logs: None
) -> None:
    opened: list[bool] = []
    monkeypatch.setattr(running, "_play", lambda *_, browser: opened.append(browser))
    assert CliRunner().invoke(commands(), ["run", "--or-play"]).exit_code == 0
    assert opened == [False]


@pytest.fixture
def quiet_logs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Leave this process's log alone, and its settings at their defaults."""
    monkeypatch.setattr("bot.logs.configure", lambda *_: None)
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith("RENQING_")]:
        monkeypatch.delenv(name)
    monkeypatch.delenv("BOT_TOKEN", raising=False)
