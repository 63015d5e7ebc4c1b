"""The floors of the house, checked: imports only point down, and each library has one home."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parent.parent
FLOORS = {"templates": 0, "storage": 0, "handlers": 1, "bot": 2}
HOMES = {
    "sqlalchemy": {"storage"},
    "alembic": {"storage"},
    "redis": {"storage"},
    "jinja2": {"templates"},
    "aiohttp": {"bot"},
    "aiogram": {"bot", "handlers"},
    "aiogram_dialog": {"handlers"},
}
TELEGRAM_DOORS = (".router", ".dialogs")  # the only modules of a room that see aiogram
SHARED_ROOMS = {"fans", "doors"}  # all rooms may use these two
PURE_OF_OURS = ("storage.records", "handlers.fans.rules")  # values that rules may know
VAGUE = {"utils", "util", "helpers", "helper", "misc", "common", "manager", "base", "data", "info"}
# Elsewhere a loose task is a message that may never be sent. The inbox races a request against the
# stop and awaits both; a barrier of the database is shared by all who wait for it.
TASKS_START_IN = ("bot.app", "bot.inbox", "bot.playground", "storage.database")


class Module(NamedTuple):
    """A module of ours: its dotted name and its file."""

    name: str
    path: Path

    @property
    def floor(self) -> str:
        return self.name.partition(".")[0]

    @property
    def room(self) -> str:
        """The room (or lone module) of ``handlers`` that it belongs to, else an empty string."""
        parts = self.name.split(".")
        return parts[1] if self.floor == "handlers" and len(parts) > 1 else ""

    @property
    def tree(self) -> ast.Module:
        return parsed(self.path)


@cache
def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def modules() -> Iterator[Module]:
    for floor in FLOORS:
        for path in sorted((ROOT / floor).rglob("*.py")):
            name = ".".join(path.relative_to(ROOT).with_suffix("").parts)
            yield Module(name.removesuffix(".__init__"), path)


def imported(module: Module) -> Iterator[str]:
    """Every dotted name that the module imports, at its top or inside of a function."""
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{module.name}: relative imports hide the floor"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def is_in(name: str, *packages: str) -> bool:
    return any(name == package or name.startswith(f"{package}.") for package in packages)


ALL = list(modules())
each = pytest.mark.parametrize("module", ALL, ids=lambda module: module.name)


def test_all_floors_are_looked_at() -> None:
    """A check over nothing passes: the rest of this file needs modules to look at."""
    assert {module.floor for module in ALL} == set(FLOORS)


@each
def test_imports_point_down(module: Module) -> None:
    for target in imported(module):
        floor = target.partition(".")[0]
        if floor in FLOORS and floor != module.floor:
            assert FLOORS[floor] < FLOORS[module.floor], f"{module.name} must not import {target}"


@each
def test_each_library_has_one_home(module: Module) -> None:
    for target in imported(module):
        library = target.partition(".")[0]
        homes = HOMES.get(library, {module.floor})
        assert module.floor in homes, f"{library} lives in {homes}, not in {module.name}"
        if library in {"aiogram", "aiogram_dialog"} and module.floor == "handlers":
            assert module.name.endswith(TELEGRAM_DOORS), f"{module.name} must not know Telegram"


@each
def test_rooms_do_not_reach_into_each_other(module: Module) -> None:
    for target in imported(module):
        other = target.split(".")[1] if is_in(target, "handlers") and "." in target else ""
        if module.room and other:
            assert other in {module.room, *SHARED_ROOMS}, f"{module.name} reaches into {target}"


@each
def test_the_playground_knows_nothing_of_ours(module: Module) -> None:
    if is_in(module.name, "bot.playground"):
        for target in imported(module):
            ours = target.partition(".")[0] in FLOORS
            assert not ours or is_in(target, "bot.playground"), f"{module.name} knows {target}"


@pytest.mark.parametrize(
    "module",
    [module for module in ALL if module.name.endswith((".rules", "storage.records"))],
    ids=lambda module: module.name,
)
def test_rules_are_pure(module: Module) -> None:
    for target in imported(module):
        standard = target.partition(".")[0] in sys.stdlib_module_names
        assert standard or is_in(target, *PURE_OF_OURS), f"{module.name} must not import {target}"
    for node in ast.walk(module.tree):
        assert not isinstance(node, ast.AsyncFunctionDef | ast.Await), f"{module.name} waits"


@each
def test_services_never_wait(module: Module) -> None:
    """A service runs inside of one transaction, where nothing may be waited for."""
    if module.room and module.name.endswith(".service"):
        for node in ast.walk(module.tree):
            assert not isinstance(node, ast.AsyncFunctionDef | ast.Await), module.name


@each
def test_tasks_are_started_in_few_places(module: Module) -> None:
    if is_in(module.name, *TASKS_START_IN):
        return
    for node in ast.walk(module.tree):
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
            continue
        owner = ast.unparse(node.func.value)
        loose = node.func.attr == "ensure_future" or (
            node.func.attr == "create_task" and (owner == "asyncio" or "loop" in owner)
        )
        assert not loose, f"{module.name}:{node.lineno} starts a loose task; use a task group"


@each
def test_a_module_says_in_one_sentence_what_it_is_for(module: Module) -> None:
    words = ast.get_docstring(module.tree) or ""
    first = words.split("\n\n")[0]
    assert first, f"{module.name} has no docstring"
    assert first.endswith((".", "?", "``")), f"{module.name}: {first}"


@each
def test_a_module_is_named_for_what_it_holds(module: Module) -> None:
    assert not VAGUE & set(module.name.split(".")), module.name
