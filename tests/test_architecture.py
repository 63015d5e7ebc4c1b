"""The floors of the house, checked: imports only point down, and each library has one home."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

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
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def all_imports() -> Iterator[tuple[Module, str]]:
    for module in ALL:
        for target in imported(module):
            yield module, target


def is_in(name: str, *packages: str) -> bool:
    return any(name == package or name.startswith(f"{package}.") for package in packages)


ALL = list(modules())


def test_all_floors_are_looked_at() -> None:
    """A check over nothing passes: the rest of this file needs modules to look at."""
    assert {module.floor for module in ALL} == set(FLOORS)


def test_no_import_is_relative() -> None:
    assert not [
        module.name
        for module in ALL
        for node in ast.walk(module.tree)
        if isinstance(node, ast.ImportFrom) and node.level
    ]


def test_imports_point_down() -> None:
    assert not [
        f"{module.name} imports {target}"
        for module, target in all_imports()
        if (floor := target.partition(".")[0]) in FLOORS
        if floor != module.floor and FLOORS[floor] >= FLOORS[module.floor]
    ]


def test_each_library_has_one_home() -> None:
    assert not [
        f"{module.name} imports {target}, whose home is {HOMES[library]}"
        for module, target in all_imports()
        if (library := target.partition(".")[0]) in HOMES and module.floor not in HOMES[library]
    ]


def test_rooms_see_telegram_only_through_their_doors() -> None:
    assert not [
        f"{module.name} imports {target}"
        for module, target in all_imports()
        if module.floor == "handlers" and not module.name.endswith(TELEGRAM_DOORS)
        if is_in(target, "aiogram", "aiogram_dialog")
    ]


def test_rooms_do_not_reach_into_each_other() -> None:
    assert not [
        f"{module.name} imports {target}"
        for module, target in all_imports()
        if module.room and is_in(target, "handlers") and "." in target
        if target.split(".")[1] not in {module.room, *SHARED_ROOMS}
    ]


def test_the_playground_knows_nothing_of_ours() -> None:
    assert not [
        f"{module.name} imports {target}"
        for module, target in all_imports()
        if is_in(module.name, "bot.playground") and is_in(target, *FLOORS)
        if not is_in(target, "bot.playground")
    ]


def test_rules_are_pure() -> None:
    pure = [module for module in ALL if module.name.endswith((".rules", "storage.records"))]
    assert len(pure) > 1
    assert not [
        f"{module.name} imports {target}"
        for module, target in all_imports()
        if module in pure and target.partition(".")[0] not in sys.stdlib_module_names
        if not is_in(target, *PURE_OF_OURS)
    ]


def test_rules_and_services_never_wait() -> None:
    """They run inside of one transaction, where nothing may be waited for."""
    assert not [
        f"{module.name}:{node.lineno}"
        for module in ALL
        if module.room and module.name.endswith((".rules", ".service"))
        for node in ast.walk(module.tree)
        if isinstance(node, ast.AsyncFunctionDef | ast.Await)
    ]


def test_tasks_are_started_in_few_places() -> None:
    """Elsewhere a task group starts them: what it started it also waits for."""
    assert not [
        f"{module.name}:{node.lineno}"
        for module in ALL
        if not is_in(module.name, *TASKS_START_IN)
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
        if is_loose(node.func)
    ]


def is_loose(function: ast.Attribute) -> bool:
    owner = ast.unparse(function.value)
    if function.attr == "create_task":
        return owner == "asyncio" or "loop" in owner
    return function.attr == "ensure_future"


def test_a_module_says_in_one_sentence_what_it_is_for() -> None:
    firsts = {
        module.name: (ast.get_docstring(module.tree) or "").split("\n\n")[0] for module in ALL
    }
    assert not [name for name, first in firsts.items() if not first.endswith((".", "?", "``"))]


def test_a_module_is_named_for_what_it_holds() -> None:
    assert not [module.name for module in ALL if VAGUE & set(module.name.split("."))]


def test_a_start_without_telegram_does_not_pay_for_its_library() -> None:
    """Commands, migrations and exports import no aiogram, whose import takes seconds."""
    roots = ("bot.commands", "bot.config", "bot.logs", "bot.exports", "bot.replays", "handlers")
    script = (
        "import importlib, sys\n"
        f"for name in {roots!r}: importlib.import_module(name)\n"
        "import bot.commands.running, bot.commands.store, storage.schema, templates\n"
        "sys.exit('aiogram' in sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, check=False)
    assert done.returncode == 0
