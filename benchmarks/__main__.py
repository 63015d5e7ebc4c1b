"""``python -m benchmarks``: measure the figures of the house and print them, or say why not."""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import logging
import sys
import tempfile
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

import structlog

from benchmarks import processes, road, sending
from benchmarks.measures import Figure, machine
from benchmarks.road import FULL, QUICK, Size

FIGURES: Final[Mapping[str, Callable[[Path, Size], Awaitable[list[Figure]]]]] = {
    "chatter": road.chatter,
    "mix": road.mix,
    "check-in": road.check_in,
    "outage": road.outage,
    "row": road.row,
    "answer": processes.answers,
    "start": processes.start,
    "memory": processes.memory,
    "sending": sending.rate,
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit code 0 when every figure was reached, 1 when one was missed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("figures", nargs="*", metavar="FIGURE", help=", ".join(FIGURES))
    parser.add_argument("--quick", action="store_true", help="less of everything, a minute in all")
    parser.add_argument("--json", action="store_true", help="one JSON object on standard output")
    asked = parser.parse_args(arguments)
    if unknown := set(asked.figures) - set(FIGURES):
        parser.error(f"no such figure: {', '.join(sorted(unknown))}")
    _be_quiet()
    gc.freeze()  # as the bot does when it starts to run
    size, found = QUICK if asked.quick else FULL, []
    if not asked.json:
        for name, value in machine().items():
            print(f"{name:10} {value}")
        print()
    for name in asked.figures or FIGURES:
        with tempfile.TemporaryDirectory(prefix="renqing-bench-") as folder:
            figures = _run(FIGURES[name](Path(folder), size))
        found += figures
        if not asked.json:
            for figure in figures:
                _print(figure)
    if asked.json:
        report = {"machine": machine(), "quick": asked.quick, "figures": [f.shown() for f in found]}
        print(json.dumps(report, indent=2, ensure_ascii=False))
    return 0 if all(figure.reached for figure in found) else 1


def _run(work: Awaitable[list[Figure]]) -> list[Figure]:
    """On the loop that the bot runs on."""

    async def awaited() -> list[Figure]:
        return await work

    if sys.platform == "win32":
        return asyncio.run(awaited())
    import uvloop

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(awaited())


def _be_quiet() -> None:
    logging.basicConfig(level=logging.ERROR)
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))


def _print(figure: Figure) -> None:
    verdict = "reached" if figure.reached else "MISSED "
    bound = "≥" if figure.at_least else "≤"
    value = f"{figure.value:.2f} {figure.unit}"
    print(f"{verdict}  {figure.name:10} {value:>12}  ({bound} {figure.wanted:g})  {figure.says}")
    for name, fact in figure.facts.items():
        print(f"{'':21}{name.replace('_', ' ')}: {fact:,.2f}")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
