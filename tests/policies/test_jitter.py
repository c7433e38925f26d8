"""Jitter: the range of each strategy, and the published simulation that compares them."""

from __future__ import annotations

import heapq
import math
import random
from statistics import mean
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from awaitly_trio._policies.delays import exponential, spaced

if TYPE_CHECKING:
    from awaitly_trio._policies.jitter import Jitter
    from awaitly_trio._policies.schedule import Schedule

MANY = 2000


@pytest.mark.parametrize(
    ("strategy", "least", "most"),
    [("none", 1000, 1000), ("full", 0, 1000), ("equal", 500, 1000), ("proportional", 800, 1200)],
)
def test_each_strategy_fills_its_range(strategy: Jitter, least: float, most: float) -> None:
    """Delays lie in the documented range, reach both its ends, and vary around its middle."""
    delays = spaced(1000).jitter(strategy).delays(MANY)

    assert least <= min(delays) <= least + 5
    assert most - 5 <= max(delays) <= most
    assert mean(delays) == pytest.approx((least + most) / 2, rel=0.05)


def test_proportional_jitter_takes_a_share() -> None:
    """The share is how far a delay may move to either side."""
    delays = spaced(1000).jitter("proportional", share=0.5).delays(MANY)

    assert 500 <= min(delays) < 510
    assert 1490 < max(delays) <= 1500


@given(st.floats(0, 1e6), st.integers())
def test_decorrelated_jitter_triples_at_most(first: float, seed: int) -> None:
    """Each delay lies between the first one and three times the one before."""
    delays = spaced(first).jitter("decorrelated").delays(20, rng=random.Random(seed))

    before = first
    for delay in delays:
        assert first <= delay <= max(before * 3, first)
        before = delay


def test_decorrelated_jitter_remembers_the_capped_delay() -> None:
    """A cap is part of the memory, so delays keep varying below it instead of sticking to it."""
    delays = spaced(1).jitter("decorrelated").cap(10).delays(MANY)

    assert max(delays) == 10
    assert sum(delay < 9 for delay in delays) > MANY / 10


def test_a_cap_written_after_full_jitter_does_not_herd() -> None:
    """The delay is capped before it is spread, or nearly all would wait exactly the cap."""
    schedule = exponential(1).jitter("full").cap(10)

    delays = [schedule.delays(10, rng=random.Random(seed))[-1] for seed in range(MANY)]

    assert mean(delays) == pytest.approx(5, rel=0.1)


def test_jitter_of_an_overflown_delay_stays_below_the_cap() -> None:
    """Growth past the largest float does not turn into NaN when it is spread."""
    schedule = exponential(1, factor=1e200).jitter("full").cap(3)

    assert all(0 <= delay <= 3 for delay in schedule.delays(50))
    assert all(map(math.isfinite, exponential(1, factor=1e200).jitter("full").delays(50)))


def contend(schedule: Schedule[Any, Any], seed: int, clients: int = 60) -> tuple[int, float]:
    """Let clients write one optimistically locked row until each has succeeded once.

    The model of the article: a client reads, then writes one network trip later, and fails if
    another wrote in between.  Returns the number of calls and the time of the last success.
    """
    chance = random.Random(seed)
    drivers = [schedule.start(chance) for _ in range(clients)]
    agenda = [(trip(chance), n, "read", -1) for n in range(clients)]
    heapq.heapify(agenda)
    version, calls, now = 0, 0, 0.0
    while agenda:
        now, client, doing, seen = heapq.heappop(agenda)
        if doing == "read":
            heapq.heappush(agenda, (now + 2 * trip(chance), client, "write", version))
            continue
        calls += 1
        if seen == version:
            version += 1
            continue
        tick = drivers[client].next(None)
        assert tick is not None
        heapq.heappush(agenda, (now + tick.delay + 2 * trip(chance), client, "read", -1))
    return calls, now


def trip(chance: random.Random) -> float:
    """Return the milliseconds of one network trip: ten, give or take two."""
    return abs(chance.normalvariate(10, 2))


@pytest.fixture(scope="module")
def contention() -> dict[str, tuple[float, float]]:
    """Return the mean number of calls and the mean completion time for each strategy."""
    strategies: list[Jitter] = ["none", "full", "equal", "decorrelated"]
    backoff = exponential(5, cap=2000)
    schedules = {str(strategy): backoff.jitter(strategy) for strategy in strategies}
    schedules["no backoff"] = spaced(0)
    return {name: average(schedule) for name, schedule in schedules.items()}


def average(schedule: Schedule[Any, Any]) -> tuple[float, float]:
    """Return the means of the simulation over seeds, since one run is mostly noise."""
    calls, times = zip(*(contend(schedule, seed) for seed in range(20)), strict=True)
    return mean(calls), mean(times)


def test_published_order_of_calls(contention: dict[str, tuple[float, float]]) -> None:
    """Back-off saves calls, jitter saves far more, and full jitter saves most.

    Source: "Exponential Backoff And Jitter", AWS Architecture Blog, 2015: "Equal Jitter is the
    loser. It does slightly more work than Full Jitter"; full "uses less work" than decorrelated.
    """
    calls = {name: found[0] for name, found in contention.items()}

    assert calls["no backoff"] > calls["none"] > 1.4 * calls["equal"]
    assert calls["equal"] > calls["full"]
    assert calls["decorrelated"] > calls["full"]


def test_published_order_of_completion_times(contention: dict[str, tuple[float, float]]) -> None:
    """Back-off without jitter takes by far the longest, and equal jitter far longer than full.

    Source: as above: equal jitter "takes much longer" than full, and full jitter uses "slightly
    more time" than decorrelated.
    """
    times = {name: found[1] for name, found in contention.items()}

    assert times["none"] > 2 * times["equal"]
    assert times["equal"] > 1.5 * times["full"]
    assert times["full"] > times["decorrelated"]
