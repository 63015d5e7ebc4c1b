"""A webhook's queues run side by side: news of a block may arrive behind a word that came later."""

from __future__ import annotations

import pytest

from storage import inbox, interactions
from storage.database import Connection, Database
from storage.records import Arrival, ChatKind, ChatSeen, Class, FanSeen, Kind
from tests.stores import lay

BO, DOOR = FanSeen(77, "Bo"), ChatSeen(77, ChatKind.PRIVATE)
AT = 1_900_000_000_000_000


@pytest.mark.parametrize(
    ("kind", "number", "other", "later", "overtaken"),
    [
        (Kind.BLOCK, 5, Kind.COMMAND, 6, True),
        (Kind.BLOCK, 5, Kind.UNBLOCK, 6, True),
        (Kind.BLOCK, 6, Kind.COMMAND, 5, False),
        (Kind.UNBLOCK, 5, Kind.BLOCK, 6, True),
        (Kind.UNBLOCK, 6, Kind.BLOCK, 5, False),
        (Kind.UNBLOCK, 5, Kind.COMMAND, 6, False),
    ],
)
async def test_what_telegram_numbered_later_counts_however_late_the_earlier_arrives(
    each_database: Database, kind: Kind, number: int, other: Kind, later: int, overtaken: bool
) -> None:
    ground = await lay(each_database)

    def tell(db: Connection) -> bool:
        arrivals = [
            Arrival(later, other, Class.VOLUNTARY, AT, chat=DOOR, fan=BO),
            Arrival(number, kind, Class.PASSIVE, AT, chat=DOOR, fan=BO),
        ]
        kept = inbox.keep(db, ground.bot, arrivals, inbox.Acquaintances.none(), AT)
        fan, chat = kept.people[77][0], kept.chats[77][0]
        return interactions.overtaken(db, fan, chat, AT, kind)

    assert await each_database.work(tell) is overtaken
