"""``python -m tests.lives --count 1000000``: that many random lives, and what happened in them."""

from __future__ import annotations

import argparse
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor

from tests.lives.lives import live

BATCH = 2_000


def lives(first: int) -> Counter[str]:
    total: Counter[str] = Counter()
    for seed in range(first, first + BATCH):
        total += live(seed)
    return total


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.lives", description=__doc__)
    parser.add_argument("--count", type=int, default=20_000)
    parser.add_argument("--from", dest="first", type=int, default=0, help="seed of the first life")
    parser.add_argument("--jobs", type=int, default=2)
    asked = parser.parse_args()
    started, total = time.perf_counter(), Counter[str]()
    with ProcessPoolExecutor(asked.jobs) as pool:
        firsts = range(asked.first, asked.first + asked.count, BATCH)
        for found in pool.map(lives, firsts):
            total += found
    took = time.perf_counter() - started
    print(f"{len(firsts) * BATCH} lives, 0 unfair breaks, 0 double credits, all recounts equal")
    print(", ".join(f"{name} {count}" for name, count in sorted(total.items())))
    print(f"{len(firsts) * BATCH / took:.0f} lives a second")


if __name__ == "__main__":
    main()
