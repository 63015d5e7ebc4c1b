"""Where an evening is played: engine and way of receiving, with a fresh database for each."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.crash.points import NAMES
from tests.crash.runs import Evenings, Kill, Receive, Survived, survive
from tests.engines import postgres_copy

REDIS = os.environ.get("TEST_REDIS_URL", "redis://127.0.0.1:6379/15")


@dataclass(frozen=True, slots=True)
class Ground:
    """One of the four: SQLite or PostgreSQL, polling or webhook. PostgreSQL with a webhook also
    has a Redis, as an installation of several processes would."""

    name: str
    postgres: bool
    receive: Receive
    redis: str = ""


GROUNDS = (
    Ground("sqlite, polling", False, "polling"),
    Ground("sqlite, webhook", False, "webhook"),
    Ground("postgresql, polling", True, "polling"),
    Ground("postgresql and redis, webhook", True, "webhook", REDIS),
)


@dataclass(slots=True)
class Stage:
    """Plays evenings on one ground. *template* is a migrated PostgreSQL database to copy."""

    ground: Ground
    evenings: Evenings
    template: str = ""
    _counts: dict[str, int] = field(default_factory=dict)

    def play(self, kills: Sequence[Kill] = (), counts: Path | None = None) -> Survived:
        """One evening; raises ``tests.crash.runs.Failed``."""
        with self._fresh() as url:
            return asyncio.run(
                survive(
                    self.evenings,
                    url,
                    self.ground.receive,
                    kills,
                    redis=self.ground.redis,
                    counts=counts,
                )
            )

    def counts(self) -> dict[str, int]:
        """How often an evening without kills passes each point, in the order of the points."""
        if not self._counts:
            path = self.evenings.folder / "counts.json"
            self.play(counts=path)
            found = json.loads(path.read_text())
            self._counts = {name: found[name] for name in NAMES if name in found}
        return self._counts

    @contextmanager
    def _fresh(self) -> Iterator[str]:
        if self.ground.postgres:
            with postgres_copy(self.template) as url:
                yield url
            return
        path = self.evenings.folder / "renqing.db"
        for leftover in self.evenings.folder.glob("renqing.db*"):
            leftover.unlink()
        yield f"sqlite:///{path}"


def chains() -> list[tuple[Kill, Kill]]:
    """Deaths while the bot recovers from a death: a first kill, then one at each step back up."""
    firsts = [
        ("after one task", 5),
        ("before walking an update", 8),
        ("work is committed", 20),
        ("Telegram did sendMessage, its answer is unread", 6),
        ("one letter is noted", 7),
    ]
    seconds = [
        ("after the upgrade", 1),
        ("an attempt is counted", 1),
        ("before walking an update", 1),
        ("after looking at suspects", 1),
        ("before settling what was in flight", 1),
        ("after settling what was in flight", 1),
        ("before sendMessage is sent", 1),
        ("durable work is committed", 3),
    ]
    return [(first, second) for first in firsts for second in seconds]
