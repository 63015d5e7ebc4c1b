"""What tests of the stores start from: a community, its bot, a group, and a fan."""

from __future__ import annotations

from dataclasses import dataclass

from storage import chats, communities, fans
from storage.database import Connection, Database
from storage.records import ChatKind, ChatSeen, Community, Face, FanSeen

HOUR = 3600 * 1_000_000
GROUP = ChatSeen(-1001, ChatKind.SUPERGROUP, "林间小屋")
LIN = FanSeen(501, "Lin", "lin", "zh-hans")


@dataclass(frozen=True, slots=True)
class Ground:
    """Our own numbers of what ``lay`` put into the database."""

    community: Community
    face: Face
    group: int
    lin: int
    door: int

    @property
    def bot(self) -> int:
        return self.face.id


def _lay(db: Connection) -> Ground:
    community = communities.found(db, "林间小屋", zone="Asia/Shanghai", locale="zh", persona={})
    face = communities.put_on(db, 7001, "lulu_bot", community, hears_all=False)
    lin = fans.meet(db, LIN, at=0)
    group = chats.enter(db, face.id, GROUP)
    return Ground(community, face, group, lin, chats.private_door(db, face.id, lin))


async def lay(database: Database) -> Ground:
    """The least that a store's rows may point at."""
    return await database.work(_lay)
