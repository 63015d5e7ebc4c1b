"""The long proofs, as ``make prove`` runs them: every kill at every hit, on every ground.

What was proven is noted in ``.proofs/`` under a fingerprint of the product's sources, so that a
run that was stopped goes on where it was, and a changed product is proven anew. The report,
``docs/proofs/part1.md``, holds counts and no times.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import random
import sys
import tempfile
import threading
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from tests.crash.grounds import GROUNDS, Ground, Stage, chains
from tests.crash.power import Cut, cut_power, power_zygote
from tests.crash.runs import Evenings, Kill
from tests.crash.zygote import Zygote
from tests.engines import postgres_template

ROOT = Path(__file__).parents[1]
REPORT = ROOT / "docs" / "proofs" / "part1.md"
PRODUCT = ("bot", "handlers", "storage", "templates")
CUTS = 500


def fingerprint() -> str:
    """Of everything that runs in production; tests may change without voiding a proof."""
    digest = hashlib.sha256()
    for folder in PRODUCT:
        for path in sorted((ROOT / folder).rglob("*")):
            if path.suffix in {".py", ".j2"}:
                digest.update(f"{path.relative_to(ROOT)}\0".encode() + path.read_bytes())
    return digest.hexdigest()[:12]


@dataclass(frozen=True, slots=True)
class Proof:
    """One evening to be played: kills on a ground, or a seeded power cut."""

    ground: str
    kind: str
    kills: tuple[Kill, ...] = ()
    seed: int = 0

    @property
    def key(self) -> str:
        return json.dumps([self.ground, self.kind, self.kills, self.seed])


@dataclass(slots=True)
class Notebook:
    """What is proven already, one line each, appended at once."""

    path: Path
    found: dict[str, dict[str, Any]] = field(default_factory=dict)
    failed: set[str] = field(default_factory=set)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @classmethod
    def open(cls, path: Path) -> Notebook:
        path.parent.mkdir(exist_ok=True)
        notebook = cls(path)
        if path.exists():
            for line in path.read_text().splitlines():
                notebook._read(json.loads(line))
        return notebook

    def note(self, proof: Proof, **facts: Any) -> None:
        entry = {"key": proof.key, "ground": proof.ground, "kind": proof.kind, **facts}
        self._write(entry)

    def note_failure(self, proof: Proof, why: str) -> None:
        """A failure is noted at once too, and stands until the same proof succeeds."""
        self._write({"key": proof.key, "failed": why})

    def _write(self, entry: dict[str, Any]) -> None:
        with self._lock, self.path.open("a") as file:
            file.write(json.dumps(entry) + "\n")
            self._read(entry)

    def _read(self, entry: dict[str, Any]) -> None:
        if "failed" in entry:
            self.failed.add(entry["key"])
            return
        self.failed.discard(entry["key"])
        self.found[entry["key"]] = entry


@dataclass(slots=True)
class Hands:
    """Stages that threads borrow, each made once: a zygote serves one evening at a time."""

    template: str
    stack: ExitStack
    _idle: dict[str, list[Any]] = field(default_factory=lambda: defaultdict(list))
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @contextmanager
    def stage(self, ground: Ground) -> Iterator[Stage]:
        with self._borrowed(ground.name, lambda: self._stage(ground)) as stage:
            yield stage

    @contextmanager
    def power(self) -> Iterator[Evenings]:
        with self._borrowed("power", self._power) as evenings:
            yield evenings

    @contextmanager
    def _borrowed(self, name: str, make: Callable[[], Any]) -> Iterator[Any]:
        with self._lock:
            taken = self._idle[name].pop() if self._idle[name] else make()
        try:
            yield taken
        finally:
            with self._lock:
                self._idle[name].append(taken)

    def _stage(self, ground: Ground) -> Stage:
        zygote = self.stack.enter_context(Zygote())
        return Stage(ground, Evenings(zygote, self._folder()), self.template)

    def _power(self) -> Evenings:
        folder = self._folder()
        return Evenings(self.stack.enter_context(power_zygote(folder)), folder)

    def _folder(self) -> Path:
        return Path(self.stack.enter_context(tempfile.TemporaryDirectory(prefix="renqing-prove-")))


def kills_of(ground: Ground, counts: dict[str, int]) -> list[Proof]:
    """Every hit of every moment, and every chain."""
    proofs = [
        Proof(ground.name, "kill", ((name, hit),))
        for name, count in counts.items()
        for hit in range(1, count + 1)
    ]
    return proofs + [Proof(ground.name, "second kill", chain) for chain in chains()]


def prove(proof: Proof, hands: Hands, notebook: Notebook) -> None:
    """Play it and note what was counted; raises ``tests.crash.runs.Failed``."""
    if proof.kind == "power cut":
        with hands.power() as evenings:
            cut: Cut = cut_power(evenings, proof.seed)
        notebook.note(
            proof, deaths=cut.cuts, said=cut.said, updates=cut.updates, letters=cut.letters
        )
        return
    ground = next(ground for ground in GROUNDS if ground.name == proof.ground)
    with hands.stage(ground) as stage:
        survived = stage.play(proof.kills)
    counts = survived.counts
    notebook.note(
        proof,
        name=proof.kills[0][0],
        deaths=survived.deaths,
        said=counts.said,
        updates=counts.updates,
        letters=counts.letters,
    )


def report(notebook: Notebook, planned: int, mark: str) -> str:
    """The counts, as a page; what failed stands in it by name."""
    entries = list(notebook.found.values())
    lines = [
        "# Part 1: what was proven",
        "",
        "Written by `make prove`; counts only. The process is killed with SIGKILL at a named",
        "moment of a scripted evening (five fans, two groups, words, commands, buttons, a",
        "language, a due job), restarted, and left to finish. Then every update, check-in, point",
        "and message is counted in the database and in Telegram's history. What is counted as",
        "proven had 0 updates lost, 0 doubled, 0 effects doubled, each fan's order kept, every",
        "reply said at least once and repeated at most once per kill. After a power cut, besides,",
        "everything that Telegram shows as said was still true before the bot started again.",
        "",
        f"Sources: `{mark}`. Proven: {len(entries):,} of {planned:,}. "
        f"Failed: {len(notebook.failed):,}.",
        *(f"- failed: `{key}`" for key in sorted(notebook.failed)),
        "",
        "| where | what | evenings | deaths | updates | letters | said twice |",
        "|---|---|--:|--:|--:|--:|--:|",
    ]
    groups: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    for entry in entries:
        counted = groups[entry["ground"], entry["kind"]]
        counted["evenings"] += 1
        for name in ("deaths", "updates", "letters", "said"):
            counted[name] += entry[name]
    for (ground, kind), c in sorted(groups.items()):
        again = c["said"] - c["letters"]
        lines.append(
            f"| {ground} | {kind} | {c['evenings']:,} | {c['deaths']:,} | {c['updates']:,} "
            f"| {c['letters']:,} | {again:,} |"
        )
    lines += ["", "## Kills by moment", "", "| moment | kills |", "|---|--:|"]
    moments = Counter(e["name"] for e in entries if e["kind"] == "kill" and e["deaths"])
    lines += [f"| {name} | {count:,} |" for name, count in sorted(moments.items())]
    return "\n".join(lines) + "\n"


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.prove", description=__doc__)
    parser.add_argument("--jobs", type=int, default=2, help="evenings side by side")
    parser.add_argument("--share", type=float, default=1.0, help="only a part, spread evenly")
    parser.add_argument("--only", default="", help="only grounds whose name contains this")
    options = parser.parse_args()
    console, mark = Console(stderr=True), fingerprint()
    notebook = Notebook.open(ROOT / ".proofs" / f"{mark}.jsonl")
    grounds = [ground for ground in GROUNDS if options.only in ground.name]
    with ExitStack() as stack:
        postgres = any(ground.postgres for ground in grounds)
        template = stack.enter_context(postgres_template()) if postgres else ""
        hands = Hands(template, stack)
        planned = []
        for ground in grounds:
            with hands.stage(ground) as stage:
                planned += kills_of(ground, stage.counts())
        if options.only in "power cut":
            planned += [Proof("power cut", "power cut", seed=seed) for seed in range(CUTS)]
        everything = len(planned)
        if options.share < 1:
            planned = random.Random(0).sample(planned, max(1, int(len(planned) * options.share)))
        todo = [proof for proof in planned if proof.key not in notebook.found]
        failed = _work(todo, hands, notebook, options.jobs, console)
    REPORT.parent.mkdir(parents=True, exist_ok=True)
    page = report(notebook, everything, mark)
    REPORT.write_text(page, encoding="utf-8")
    for proof, error in failed:
        console.print(f"[red]{proof.key}[/]\n{error}", markup=True, highlight=False)
    console.print(f"{len(notebook.found):,} proven, {len(failed)} failed; see {REPORT.name}")
    return 1 if failed else 0


def _work(
    todo: list[Proof], hands: Hands, notebook: Notebook, jobs: int, console: Console
) -> list[tuple[Proof, Exception]]:
    failed: list[tuple[Proof, Exception]] = []
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with (
        Progress(*columns, TimeRemainingColumn(), console=console) as progress,
        ThreadPoolExecutor(jobs) as threads,
    ):
        bar = progress.add_task("proving", total=len(todo))
        asked = {threads.submit(prove, proof, hands, notebook): proof for proof in todo}
        try:
            for done in as_completed(asked):
                error = done.exception()
                if isinstance(error, Exception):
                    failed.append((asked[done], error))
                    notebook.note_failure(asked[done], str(error))
                    progress.update(bar, description=f"[red]{len(failed)} failed")
                progress.advance(bar)
        except KeyboardInterrupt:
            threads.shutdown(wait=False, cancel_futures=True)
            raise
    return failed


if __name__ == "__main__":
    sys.exit(main())
