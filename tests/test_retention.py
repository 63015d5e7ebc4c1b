"""What fans wrote is forgotten when its days are over; that they wrote stays."""

from __future__ import annotations

from datetime import timedelta

from bot.app import App
from storage import interactions
from tests.house import Scene


async def test_words_go_after_their_days_and_the_rest_stays(house: App, scene: Scene) -> None:
    scene.telegram.world.say(scene.fan, scene.group, "去年的悄悄话")
    old = await _texts(house, count=1)
    scene.telegram.clock.advance(timedelta(days=366))
    scene.telegram.world.say(scene.fan, scene.group, "今年的话")
    await _texts(house, count=len(old) + 1)
    await house.agenda.keep_house(house.clock.now())
    texts = await _texts(house, count=1)
    assert "今年的话" in texts
    assert "去年的悄悄话" not in texts
    assert len(texts) == len(old) + 1


async def _texts(house: App, count: int) -> list[str | None]:
    """The texts of the log, once there are *count* rows that somebody said."""
    while True:
        rows = await house.database.read(lambda db: list(interactions.exported(db)))
        said = [row["text"] for row in rows if row["kind"] == "message"]
        if len(said) >= count:
            return said
        await house.clock.moved(0.02)
