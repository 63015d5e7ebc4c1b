"""Shuffle bags: every way of saying it has its turn, and none comes back too soon."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from storage import bags
from storage.database import Connection, Database

names = st.text(alphabet="abc/-0123456789", max_size=12)


def drawn(bag: str, count: int, draws: int) -> list[int]:
    return [bags.variant(bag, number, count) for number in range(draws)]


@given(names, st.integers(1, 80), st.integers(0, 50))
def test_each_cycle_is_a_permutation(bag: str, count: int, cycle: int) -> None:
    one = [bags.variant(bag, number, count) for number in range(cycle * count, (cycle + 1) * count)]
    assert sorted(one) == list(range(count))


@given(names, st.integers(2, 60))
def test_more_than_half_of_the_pool_lies_between_two_of_a_kind(bag: str, count: int) -> None:
    """Within a cycle and over the seam of two."""
    last: dict[int, int] = {}
    for number, said in enumerate(drawn(bag, count, 6 * count)):
        if said in last:
            assert number - last[said] > count / 2
        last[said] = number
    assert all(one != other for one, other in pairwise(drawn(bag, count, 6 * count)))


@given(names, st.integers(4, 60))
def test_two_cycles_are_not_alike(bag: str, count: int) -> None:
    """Who listens for a year does not learn the order."""
    cycles = {tuple(drawn(bag, count, 8 * count)[n * count : (n + 1) * count]) for n in range(8)}
    assert len(cycles) > 1


def test_fans_hear_different_orders() -> None:
    orders = {tuple(drawn(f"{chat}/0/checkin/checked_in/zh", 31, 31)) for chat in range(200)}
    assert len(orders) == 200
    first = [bags.variant(f"{chat}/0/checkin/checked_in/zh", 0, 4) for chat in range(400)]
    assert min(first.count(one) for one in range(4)) > 60


async def test_a_bag_goes_on_where_it_stood(each_database: Database) -> None:
    def some(count: int) -> Callable[[Connection], list[int]]:
        return lambda db: [bags.draw(db, 7, "room/said", "zh", 12) for _ in range(count)]

    said = await each_database.work(some(5)) + await each_database.work(some(31))
    assert said == drawn("7/0/room/said/zh", 12, 36)


async def test_bags_do_not_know_each_other(each_database: Database) -> None:
    def draw(db: Connection) -> None:
        for chat, fan, template, locale in (
            *((1, 0, "a/b", "zh"), (2, 0, "a/b", "zh")),
            *((1, 5, "a/b", "zh"), (1, 0, "a/c", "zh"), (1, 0, "a/b", "en")),
        ):
            for number in range(9):
                said = bags.draw(db, chat, template, locale, 9, fan)
                assert said == bags.variant(f"{chat}/{fan}/{template}/{locale}", number, 9)

    await each_database.work(draw)


async def test_what_was_said_in_vain_may_be_said_again(each_database: Database) -> None:
    """A draw that is rolled back has not happened."""

    class Stop(Exception):
        pass

    def broken(db: Connection) -> None:
        bags.draw(db, 1, "room/said", "zh", 5)
        raise Stop

    def draw(db: Connection) -> int:
        return bags.draw(db, 1, "room/said", "zh", 5)

    first = await each_database.work(draw)
    with contextlib.suppress(Stop):
        await each_database.work(broken)
    assert [first, await each_database.work(draw)] == drawn("1/0/room/said/zh", 5, 2)


async def test_an_edited_pool_repeats_nothing_at_once(each_database: Database) -> None:
    """Words are added and taken away at any moment; the last sentence never comes twice."""

    def live(db: Connection) -> None:
        for chat in range(60):
            counts = [2, 2, 3, 2, 5, 4, 4, 12, 11, 31, 2, 1, 2, 2, 40, 3, 2, 7, 6, 6]
            said = [bags.draw(db, chat, "room/said", "zh", count) for count in counts]
            for (before, one), (after, other) in pairwise(zip(counts, said, strict=True)):
                assert one != other or 1 in (before, after)
                assert other < after

    await each_database.work(live)
