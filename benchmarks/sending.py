"""The road out: letters to many chats against the rate that Telegram permits."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Final

from benchmarks.contenders import open_house
from benchmarks.measures import Figure
from benchmarks.road import QUICK, Size
from benchmarks.telegram import OURS
from handlers.help.rules import Helped
from storage import chats, fans, outbox
from storage.database import Connection
from storage.records import FanSeen

RATE: Final = 30
CHATS: Final = 300


async def rate(folder: Path, size: Size) -> list[Figure]:
    """Letters to so many private chats, each sent as soon as the pacer lets it go."""
    rounds = 1 if size is QUICK else 3
    async with open_house(folder) as house:
        sender, face = house.station.sender, house.station.face
        sent: list[float] = []
        all_sent = asyncio.Event()

        def on_send(_chat: int, at: float) -> None:
            sent.append(at)
            if len(sent) == rounds * CHATS:
                all_sent.set()

        house.telegram.accounts[OURS].on_send = on_send

        def write(db: Connection) -> None:
            for number in range(CHATS):
                fan = fans.meet(db, FanSeen(5_200_000_000 + number, f"Fan {number}"), 1)
                door = chats.private_door(db, face.id, fan)
                for letter in range(rounds):
                    outbox.put(
                        db,
                        house.app.speech.letter(
                            Helped(f"Fan {number}"),
                            face=face,
                            chat=door,
                            idem=f"bench:{number}:{letter}",
                            locale="zh",
                            fan=fan,
                        ),
                    )

        await house.app.database.work(write, durable=True)
        cpu, began = time.process_time(), time.perf_counter()
        sending = asyncio.create_task(sender.run())
        await asyncio.wait_for(all_sent.wait(), 10 + 2 * rounds * CHATS / RATE)
        wall, cpu = time.perf_counter() - began, time.process_time() - cpu
        sender.stop()
        await house.app.coordination.wake(sender.topic)
        await sending
    steady = sorted(sent)[2 * RATE :]  # after what may leave at once
    reached = (len(steady) - 1) / (steady[-1] - steady[0])
    facts = {"letters_per_second": reached, "share_of_a_core": cpu / wall}
    return [Figure("sending", f"letters at {RATE}/s permitted", reached / RATE, 0.97, facts=facts)]
