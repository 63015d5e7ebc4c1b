"""The power goes: what nobody waited for is lost, and nothing that was said becomes untrue."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.crash.power import CannotSimulate, cut_power, power_zygote, restore
from tests.crash.runs import Evenings
from tests.engines import missing

ENOUGH = 20


@pytest.fixture
def evenings(tmp_path: Path) -> Iterator[Evenings]:
    try:
        zygote = power_zygote(tmp_path)
    except CannotSimulate:
        missing("A C compiler", "install gcc or clang (on Linux)")
        raise
    with zygote:
        yield Evenings(zygote, tmp_path)


@pytest.mark.timeout(300)
def test_a_power_cut_undoes_nothing_that_was_said(evenings: Evenings) -> None:
    """Twenty cuts at seeded moments, in polling and webhook evenings."""
    cuts = 0
    for seed in range(100):
        cuts += cut_power(evenings, seed).cuts
        if cuts >= ENOUGH:
            return
    pytest.fail(f"only {cuts} moments were reached")


@pytest.mark.timeout(300)
def test_a_toast_is_shown_only_when_what_it_tells_is_safe(evenings: Evenings) -> None:
    """The power goes the moment a toast has reached the fan: the first, the second, the third."""
    for hit in (1, 2, 3):
        moment = ("Telegram did answerCallbackQuery, its answer is unread", hit)
        assert cut_power(evenings, hit, [moment]).cuts == 1


def test_what_was_not_synced_is_gone(tmp_path: Path) -> None:
    """The simulation itself: a file comes back as it was synced, one that never was does not."""
    for name, content in (("kept.db", b"new"), ("kept.db.durable", b"old"), ("young.db", b"x")):
        (tmp_path / name).write_bytes(content)
    never_mixed = random.Random(1)
    restore(tmp_path, never_mixed)
    assert (tmp_path / "kept.db").read_bytes() == b"old"
    assert not (tmp_path / "young.db").exists()
