"""Eight tasks move points at random at once: nothing is lost, doubled or below zero."""

from __future__ import annotations

from sqlalchemy import Connection, event
from sqlalchemy.engine import Engine

from storage import communities, fans, ledger
from storage.database import Database
from storage.records import FanSeen
from storage.statements import driver
from tests.ledger_storm import Storm


async def test_a_storm_of_acts_adds_up(each_database: Database) -> None:
    storm = Storm(each_database, seed=3)
    await storm.blow(800)
    assert storm.moved > 200
    await storm.judge()


async def test_a_check_in_is_credited_with_four_statements(
    each_database: Database,
) -> None:
    """The price of the act that every fan does every day."""

    def story(db: Connection) -> int:
        home = communities.found(db, "home", zone="UTC", locale="zh", persona={})
        lin = fans.meet(db, FanSeen(1, "Lin"), 1)
        ledger.earn(db, home.id, lin, 10, reason="check-in", idem="a", at=1)
        said: list[str] = []
        if db.dialect.name == "sqlite":  # where they go straight to the driver
            driver(db).set_trace_callback(said.append)
            ledger.earn(db, home.id, lin, 10, reason="check-in", idem="b", at=1)
            driver(db).set_trace_callback(None)
            return len(set(said))  # a trigger is told as what fired it, again

        def listen(_c: object, _cursor: object, statement: str, *_: object) -> None:
            said.append(statement)

        engine: Engine = db.engine
        event.listen(engine, "before_cursor_execute", listen)
        ledger.earn(db, home.id, lin, 10, reason="check-in", idem="b", at=1)
        event.remove(engine, "before_cursor_execute", listen)
        return len(said)

    assert await each_database.work(story) == 4
