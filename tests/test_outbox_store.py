"""The outbox as a store, on both engines: put once, claimed once, said and remembered."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest

from storage import outbox
from storage.database import Database
from storage.records import Letter, LetterClass, LetterState, Waiting
from tests.stores import HOUR, LIN, Ground, lay


@pytest.fixture
async def ground(each_database: Database) -> Ground:
    return await lay(each_database)


def letter(ground: Ground, idem: str = "t1", **facts: Any) -> Letter:
    given: dict[str, Any] = {"chat": ground.door, "template": "help/helped", **facts}
    return Letter(bot=ground.bot, idem=idem, locale="zh", **given)


async def put(database: Database, one: Letter) -> bool:
    return await database.work(lambda db: outbox.put(db, one))


async def ready(
    database: Database, ground: Ground, now: int = HOUR, real: int = HOUR, **more: Any
) -> list[Waiting]:
    return await database.read(
        lambda db: outbox.waiting(db, ground.bot, now=now, real=real, most=100, **more)
    )


async def test_a_letter_comes_out_as_it_was_put(each_database: Database, ground: Ground) -> None:
    put_in = letter(
        ground,
        facts={"name": "Lin\u2028🌱", "streak": 7},
        payload={"buttons": [["checkin.check_in"]]},
        fan=ground.lin,
        reply_to=2**40,
        then="invite",
        not_after=2 * HOUR,
    )
    assert await put(each_database, put_in)
    (waiting,) = await ready(each_database, ground)
    assert waiting.letter == put_in
    assert waiting.address == LIN.telegram_id
    assert (waiting.group, waiting.attempts, waiting.part, waiting.parts) == (False, 0, 0, ())


async def test_the_same_key_is_put_once_and_stays_what_it_was(
    each_database: Database, ground: Ground
) -> None:
    assert await put(each_database, letter(ground, facts={"name": "first"}))
    assert not await put(each_database, letter(ground, facts={"name": "second"}))
    (waiting,) = await ready(each_database, ground)
    assert waiting.letter.facts == {"name": "first"}


async def test_a_key_stays_taken_after_the_letter_was_sent(
    each_database: Database, ground: Ground
) -> None:
    await put(each_database, letter(ground))
    (waiting,) = await ready(each_database, ground)
    await each_database.work(lambda db: outbox.end(db, waiting.id, LetterState.SENT))
    assert not await put(each_database, letter(ground))
    assert await ready(each_database, ground) == []


async def test_a_number_is_added_up_while_the_letter_waits(
    each_database: Database, ground: Ground
) -> None:
    one = letter(ground, facts={"count": 1, "minutes": 5})
    for _ in range(3):
        await each_database.work(lambda db: outbox.add_up(db, one, "count"))
    (waiting,) = await ready(each_database, ground)
    assert waiting.letter.facts == {"count": 3, "minutes": 5}
    await each_database.work(lambda db: outbox.claim(db, waiting.id, ["3"]))
    await each_database.work(lambda db: outbox.add_up(db, one, "count"))
    (claimed,) = await each_database.read(lambda db: outbox.in_flight(db, ground.bot))
    assert claimed.letter.facts["count"] == 3


async def test_a_letter_is_claimed_by_one(each_database: Database, ground: Ground) -> None:
    await put(each_database, letter(ground))
    (waiting,) = await ready(each_database, ground)
    assert await each_database.work(lambda db: outbox.claim(db, waiting.id, ["你好", "再见"]))
    assert not await each_database.work(lambda db: outbox.claim(db, waiting.id, ["else"]))
    assert await ready(each_database, ground) == []
    (claimed,) = await each_database.read(lambda db: outbox.in_flight(db, ground.bot))
    assert claimed.parts == ("你好", "再见")
    assert claimed.state is LetterState.SENDING


async def test_what_was_dropped_cannot_be_claimed(each_database: Database, ground: Ground) -> None:
    await put(each_database, letter(ground))
    (waiting,) = await ready(each_database, ground)
    assert await each_database.work(lambda db: outbox.drop_chat(db, ground.door, "blocked")) == 1
    assert not await each_database.work(lambda db: outbox.claim(db, waiting.id, ["你好"]))


async def test_a_postponed_letter_keeps_its_words_and_its_part(
    each_database: Database, ground: Ground
) -> None:
    await put(each_database, letter(ground))
    (waiting,) = await ready(each_database, ground)
    await each_database.work(lambda db: outbox.claim(db, waiting.id, ["一", "二"]))
    await each_database.work(lambda db: outbox.note_said(db, waiting, 0, 77, HOUR, "一"))
    await each_database.work(
        lambda db: outbox.postpone(db, waiting.id, 3 * HOUR, counted=True, error="500")
    )
    assert await ready(each_database, ground, real=2 * HOUR) == []
    (again,) = await ready(each_database, ground, real=3 * HOUR)
    assert (again.parts, again.part, again.attempts) == (("一", "二"), 1, 1)


async def test_the_class_goes_before_the_age_and_times_are_kept(
    each_database: Database, ground: Ground
) -> None:
    await put(each_database, letter(ground, "news", cls=LetterClass.NEWS))
    await put(each_database, letter(ground, "care", cls=LetterClass.CARE, not_before=2 * HOUR))
    await put(each_database, letter(ground, "reply"))
    await put(each_database, letter(ground, "reply 2"))
    now = [w.letter.idem for w in await ready(each_database, ground)]
    assert now == ["reply", "reply 2", "news"]
    later = [w.letter.idem for w in await ready(each_database, ground, now=2 * HOUR)]
    assert later == ["reply", "reply 2", "care", "news"]


async def test_busy_chats_are_left_out(each_database: Database, ground: Ground) -> None:
    await put(each_database, letter(ground, "a"))
    await put(each_database, letter(ground, "b", chat=ground.group))
    rest = await ready(each_database, ground, without={ground.door})
    assert [(w.letter.idem, w.group) for w in rest] == [("b", True)]


async def test_a_held_chat_waits_and_others_do_not(each_database: Database, ground: Ground) -> None:
    await put(each_database, letter(ground, "a"))
    await put(each_database, letter(ground, "b", chat=ground.group))
    await each_database.work(lambda db: outbox.hold_chat(db, ground.group, 5 * HOUR))
    assert [w.letter.idem for w in await ready(each_database, ground)] == ["a"]
    await each_database.work(lambda db: outbox.hold_chat(db, ground.group, 2 * HOUR))
    late = await ready(each_database, ground, real=4 * HOUR)
    assert [w.letter.idem for w in late] == ["a"], "a shorter hold must not free it"
    assert len(await ready(each_database, ground, real=5 * HOUR)) == 2


async def test_dropping_a_chat_ends_what_waits_and_nothing_else(
    each_database: Database, ground: Ground
) -> None:
    for idem in ("under way", "waits"):
        await put(each_database, letter(ground, idem))
    await put(each_database, letter(ground, "elsewhere", chat=ground.group))
    first = (await ready(each_database, ground))[0]
    await each_database.work(lambda db: outbox.claim(db, first.id, ["x"]))
    assert await each_database.work(lambda db: outbox.drop_chat(db, ground.door, "kicked")) == 1
    tally = await each_database.read(outbox.tally)
    assert (tally["waiting"], tally["sending"], tally["dropped"]) == (1, 1, 1)


async def test_a_stop_is_kept_until_its_hour(each_database: Database, ground: Ground) -> None:
    for bucket, until in ((0, 5), (ground.door, 8), (0, 9)):
        await each_database.work(
            partial(outbox.stop, bot=ground.bot, bucket=bucket, until=until * HOUR)
        )

    async def stopped(real: int) -> dict[int, int]:
        return await each_database.work(lambda db: outbox.stopped(db, ground.bot, real * HOUR))

    assert await stopped(7) == {0: 9 * HOUR, ground.door: 8 * HOUR}
    assert await stopped(8) == {0: 9 * HOUR}
    assert await stopped(9) == {}


async def test_a_reply_finds_the_letter_by_the_message(
    each_database: Database, ground: Ground
) -> None:
    await put(each_database, letter(ground))
    (waiting,) = await ready(each_database, ground)
    await each_database.work(lambda db: outbox.claim(db, waiting.id, ["你好"]))
    for message in (41, 42):  # said again after a crash: both messages are this letter's
        await each_database.work(
            partial(
                outbox.note_said, waiting=waiting, part=0, message=message, at=HOUR, words="你好"
            )
        )

    async def behind(message: int) -> int | None:
        return await each_database.read(
            lambda db: outbox.answered(db, ground.bot, ground.door, message)
        )

    assert await behind(41) == await behind(42) == waiting.id
    assert await behind(43) is None


async def test_the_same_message_noted_twice_is_one_row(
    each_database: Database, ground: Ground
) -> None:
    await put(each_database, letter(ground))
    (waiting,) = await ready(each_database, ground)
    for words in ("你好", "你好呀"):
        await each_database.work(
            partial(outbox.note_said, waiting=waiting, part=0, message=41, at=HOUR, words=words)
        )
    found = await each_database.read(lambda db: outbox.answered(db, ground.bot, ground.door, 41))
    assert found == waiting.id


async def test_the_unknown_are_listed_for_a_person(each_database: Database, ground: Ground) -> None:
    await put(each_database, letter(ground, cls=LetterClass.CARE))
    (waiting,) = await ready(each_database, ground)
    await each_database.work(lambda db: outbox.end(db, waiting.id, LetterState.UNKNOWN, "lost"))
    (listed,) = await each_database.read(outbox.unknown)
    assert (listed["id"], listed["template"]) == (waiting.id, "help/helped")


async def test_an_ended_letter_remembers_no_facts(each_database: Database, ground: Ground) -> None:
    from sqlalchemy import text

    await put(each_database, letter(ground, facts={"name": "Lin"}))
    (waiting,) = await ready(each_database, ground)
    await each_database.work(lambda db: outbox.end(db, waiting.id, LetterState.SENT))
    row = await each_database.read(
        lambda db: db.execute(text("SELECT facts, payload, parts FROM outbox")).one()
    )
    assert tuple(row) == ("", "", None)
