"""What lies around the code agrees with it: docs, settings, commands, locks, licence."""

from __future__ import annotations

import doctest
import importlib
import re
import subprocess
import sys
import tomllib
from functools import cache
from pathlib import Path

import pytest
from pydantic import SecretStr

from bot.__main__ import commands
from bot.config import Settings, names

ROOT = Path(__file__).parent.parent
OPERATE = ROOT / "docs" / "operate.md"
LOCKS = sorted((ROOT / "requirements").glob("*.txt"))
# Written apart, so that this file does not hold what it looks for.
REGISTRIES = ("py" + "pi.org", "python" + "hosted.org", "npm" + "js.", "deb." + "debian.org")
TOKEN = re.compile(r"\b\d{8,10}:AA[A-Za-z0-9_-]{33}\b")  # all that Telegram gives out look so
MANUAL = "AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw"  # the example of Telegram's own manual


@cache
def committed() -> list[Path]:
    """Every file of the repository that is text, as git lists it."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=False,
    )
    if listed.returncode:
        pytest.skip("this is no git checkout")
    files = [ROOT / name for name in listed.stdout.decode().split("\0") if name]
    return [file for file in files if file.is_file() and b"\0" not in file.read_bytes()[:8000]]


def text_of(file: Path) -> str:
    return file.read_text(encoding="utf-8", errors="replace")


# ── docs ──────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("name", names())
def test_every_setting_is_documented_with_its_default(name: str) -> None:
    rows = [line for line in text_of(OPERATE).splitlines() if line.startswith(f"| `{name}` |")]
    assert len(rows) == 1, f"docs/operate.md needs one row for {name}"
    _, _, default, meaning, _ = rows[0].split("|")
    section, key = name.split(".")
    field = type(getattr(Settings(), section)).model_fields[key]
    value = field.default
    if isinstance(value, SecretStr):
        value = value.get_secret_value()
    if isinstance(value, str):
        assert default.strip() == f'`"{value}"`'
    elif not isinstance(value, tuple):
        assert default.strip() == f"`{str(value).lower()}`"
    assert meaning.strip() == field.description


def test_no_setting_is_documented_that_does_not_exist() -> None:
    told = re.findall(r"^\| `([a-z_]+\.[a-z_]+)` \|", text_of(OPERATE), re.MULTILINE)
    assert told == names()
    variables = set(re.findall(r"RENQING_[A-Z_]+__[A-Z_]+", text_of(OPERATE)))
    known = {f"RENQING_{name.replace('.', '__').upper()}" for name in names()}
    assert variables <= known


def test_every_command_is_documented_and_no_other() -> None:
    section = text_of(OPERATE).partition("\n## Commands\n")[2].partition("\n## ")[0]
    told = re.findall(r"^\| `([a-z]+)` \|", section, re.MULTILINE)
    callbacks = [command.callback for command in commands().registered_commands]
    families = [family.name for family in commands().registered_groups]
    assert told == [*(call.__name__ for call in callbacks if call is not None), *families]


@pytest.mark.parametrize(
    "page",
    [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))],
    ids=lambda page: str(page.relative_to(ROOT)),
)
def test_every_link_in_the_docs_leads_somewhere(page: Path) -> None:
    text = text_of(page)
    headings = {
        re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-")
        for heading in re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    }
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if target.startswith("#"):
            assert target[1:] in headings, target
        elif not target.startswith(("http://", "https://")):
            assert (page.parent / target.partition("#")[0]).exists(), target


def test_the_make_targets_that_the_docs_name_exist() -> None:
    makefile = text_of(ROOT / "Makefile")
    targets = set(re.findall(r"^([a-z]+):", makefile, re.MULTILINE))
    assert {"run", "test", "check", "bench", "prove", "lock", "help"} <= targets
    pages = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", OPERATE]
    told = {name for page in pages for name in re.findall(r"`make ([a-z]+)`", text_of(page))}
    assert told <= targets


# ── what is locked ────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.name)
def test_a_lock_file_holds_hashes_and_no_address(lock: Path) -> None:
    text = text_of(lock)
    assert "://" not in text
    assert "--index-url" not in text
    assert "--find-links" not in text
    for requirement in re.split(r"\n(?=\S)", text.strip()):
        assert re.match(r"[a-z0-9._-]+(\[[a-z,]+\])?==\S+", requirement), requirement
        assert "--hash=sha256:" in requirement, requirement.splitlines()[0]


def pins(lock: Path) -> dict[str, str]:
    return dict(re.findall(r"^([a-z0-9._-]+)(?:\[[a-z,]+\])?==(\S+)", text_of(lock), re.MULTILINE))


def test_the_environment_of_the_tests_is_that_of_the_bot_and_more() -> None:
    run, dev = pins(ROOT / "requirements/run.txt"), pins(ROOT / "requirements/dev.txt")
    assert run.items() <= dev.items()


def test_every_declared_dependency_is_locked() -> None:
    project = tomllib.loads(text_of(ROOT / "pyproject.toml"))
    declared = [*project["project"]["dependencies"], *project["dependency-groups"]["dev"]]
    locked = pins(ROOT / "requirements/dev.txt")
    for line in declared:
        name = re.match(r"[A-Za-z0-9._-]+", line)
        assert name is not None
        assert name[0].lower() in locked, line


# ── what may not be committed ─────────────────────────────────────────────────────────────────


def test_no_address_of_a_registry_is_committed() -> None:
    found = [
        f"{file.relative_to(ROOT)}: {host}"
        for file in committed()
        for host in REGISTRIES
        if host in text_of(file).lower()
    ]
    assert not found


def test_no_lock_file_with_addresses_is_committed() -> None:
    assert not [file for file in committed() if file.name in {"uv.lock", "pylock.toml"}]


def test_no_token_is_committed() -> None:
    found = [
        f"{file.relative_to(ROOT)}: {token[:12]}…"
        for file in committed()
        for token in TOKEN.findall(text_of(file))
        if MANUAL not in token
    ]
    assert not found


def test_no_work_is_put_off_in_the_code() -> None:
    later = re.compile(r"\b(?:" + "TO" + "DO|FIX" + "ME|X" + "XX)\\b")
    found = [
        str(file.relative_to(ROOT))
        for file in committed()
        if file.suffix == ".py" and later.search(text_of(file))
    ]
    assert not found


def test_a_check_that_is_switched_off_says_why() -> None:
    bare = re.compile(r"# (?:type: ignore|noqa)(?:\[[a-z-]+(?:, ?[a-z-]+)*\]|: ?[A-Z0-9, ]+)?\s*$")
    found = [
        f"{file.relative_to(ROOT)}:{number}"
        for file in committed()
        if file.suffix == ".py"
        for number, line in enumerate(text_of(file).splitlines(), 1)
        if bare.search(line)
    ]
    assert not found


# ── the rest ──────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "file",
    [
        file
        for floor in ("bot", "handlers", "storage", "templates")
        for file in sorted((ROOT / floor).rglob("*.py"))
        if ">>> " in text_of(file)
    ],
    ids=lambda file: str(file.relative_to(ROOT)),
)
def test_the_examples_in_docstrings_are_true(file: Path) -> None:
    name = ".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
    result = doctest.testmod(importlib.import_module(name))
    assert result.attempted
    assert not result.failed


def test_the_licence_is_named_alike_everywhere() -> None:
    assert text_of(ROOT / "LICENSE").startswith("MIT License")
    assert tomllib.loads(text_of(ROOT / "pyproject.toml"))["project"]["license"] == "MIT"


def test_the_changelog_knows_this_version() -> None:
    version = tomllib.loads(text_of(ROOT / "pyproject.toml"))["project"]["version"]
    assert f"\n## {version}" in text_of(ROOT / "CHANGELOG.md")


@pytest.mark.skipif(sys.platform == "win32", reason="the script is for Debian")
def test_what_ci_runs_is_executable_and_fails_on_the_first_error() -> None:
    script = ROOT / ".ci" / "run"
    assert script.stat().st_mode & 0o111
    assert "set -euo pipefail" in text_of(script)
    for command in ("make test", "make check"):
        assert command in text_of(script)


def test_the_image_copies_every_floor_and_runs_as_nobody_special() -> None:
    image = text_of(ROOT / "Dockerfile")
    for floor in ("bot", "handlers", "storage", "templates"):
        assert f"COPY {floor} /app/{floor}" in image
    assert "\nUSER renqing\n" in image
    variables = set(re.findall(r"RENQING_[A-Z_]+__[A-Z_]+", image + text_of(ROOT / "compose.yaml")))
    assert variables <= {f"RENQING_{name.replace('.', '__').upper()}" for name in names()}
