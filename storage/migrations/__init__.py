"""The way from any earlier database to the newest: forward only, never edited after a release."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

HERE = Path(__file__).parent


def climb(db: Connection, to: str = "head") -> tuple[str | None, str]:
    """Bring the database up to a revision, else the newest, inside the caller's transaction; gives
    the revision before and the newest one."""
    config = _config(db)
    before = MigrationContext.configure(db).get_current_revision()
    command.upgrade(config, to)
    after = ScriptDirectory.from_config(config).get_current_head()
    return before, after or ""


def revisions(db: Connection) -> tuple[str | None, str]:
    """The revision that the database stands at (None: it is empty) and the newest one."""
    head = ScriptDirectory.from_config(_config(db)).get_current_head()
    return MigrationContext.configure(db).get_current_revision(), head or ""


def knows(db: Connection, revision: str) -> bool:
    """Whether a revision is one that this version can climb from."""
    script = ScriptDirectory.from_config(_config(db))
    return revision in {step.revision for step in script.walk_revisions()}


def _config(db: Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", str(HERE))
    config.attributes["connection"] = db
    return config
