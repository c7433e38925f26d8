"""The arithmetic of rate limits: token buckets, GCRA, fixed and sliding windows."""

from __future__ import annotations

import math
import pickle
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from awaitly_trio._policies.bucket import API_RATE, EXTERNAL_RATE, Gcra, TokenBucket
from awaitly_trio._policies.rate import RateRule, RateState, check_cost
from awaitly_trio._policies.rate_window import FixedWindow, SlidingWindow

PAUSES = st.lists(st.sampled_from([0.0, 0.05, 0.1, 0.3, 0.7, 1.0, 4.0]), max_size=60)
COSTS = st.sampled_from([1, 1, 1, 2, 0.5])
RULES = st.sampled_from(
    [
        TokenBucket(2, burst=3),
        TokenBucket(3, burst=2, per=2),
        Gcra(0.25, 0.6),
        FixedWindow(3, per=1),
        SlidingWindow(3, per=1),
    ]
)


def greedy(rule: RateRule, pauses: list[float], cost: float = 1) -> list[float]:
    """Return when starts happen if one is tried after each pause and only some are allowed."""
    state, now, starts = rule.state(), 0.0, []
    for pause in pauses:
        now += pause
        if state.ready_at(now, cost) <= now:
            state.take(now, cost)
            starts.append(now)
    return starts


def most_within(starts: list[float], span: float) -> int:
    """Return the most starts that lie in any half-open time of this length."""
    return max(
        (sum(first <= each < first + span for each in starts) for first in starts), default=0
    )


@given(rate=st.sampled_from([0.5, 1, 3]), burst=st.integers(1, 5), pauses=PAUSES)
def test_a_bucket_never_exceeds_its_rate(rate: float, burst: int, pauses: list[float]) -> None:
    """In any time there are no more starts than the burst and the rate of that time."""
    starts = greedy(TokenBucket(rate, burst), pauses)

    for i, first in enumerate(starts):
        for j, last in enumerate(starts[i:], 1):
            assert j <= burst + rate * (last - first) + 1e-9


@given(limit=st.integers(1, 5), pauses=PAUSES)
def test_a_sliding_window_holds_wherever_it_is_laid(limit: int, pauses: list[float]) -> None:
    """No time of its length holds more starts than the limit."""
    starts = greedy(SlidingWindow(limit, per=1), pauses)

    assert most_within(starts, 1 - 1e-9) <= limit


@given(limit=st.integers(1, 5), pauses=PAUSES)
def test_a_fixed_window_holds_from_its_start(limit: int, pauses: list[float]) -> None:
    """From the first start on, each window of the length holds no more than the limit."""
    starts = greedy(FixedWindow(limit, per=1), pauses)

    while starts:
        window = [each for each in starts if each < starts[0] + 1]
        assert len(window) <= limit
        starts = starts[len(window) :]


def test_around_its_end_a_fixed_window_lets_twice_the_limit_through() -> None:
    """This is its known weakness, which the sliding window does not have."""
    pauses = [0.0, 0.9, 0.0, 0.1, 0.0, 0.0]

    fixed = greedy(FixedWindow(3, per=1), pauses)
    sliding = greedy(SlidingWindow(3, per=1), pauses)

    assert most_within(fixed, 0.5) == 5
    assert most_within(sliding, 1) == 3


@given(rule=RULES, pauses=PAUSES, cost=COSTS)
def test_what_is_foreseen_comes_true(rule: RateRule, pauses: list[float], cost: float) -> None:
    """A start is allowed at the instant named before, and not earlier."""
    assume(cost <= rule.capacity)
    state, now = rule.state(), 1000.0

    for pause in pauses:
        now += pause
        ready = state.ready_at(now, cost)
        if ready > now:
            assert state.ready_at((now + ready) / 2, cost) == pytest.approx(ready)
        assert state.ready_at(ready, cost) == pytest.approx(ready)
        now = max(now, ready)
        state.take(now, cost)


@given(rule=RULES, pauses=PAUSES)
def test_what_is_available_can_be_taken(rule: RateRule, pauses: list[float]) -> None:
    """It is between nothing and the capacity, and a whole start of it is allowed."""
    state, now = rule.state(), 0.0

    for pause in pauses:
        now += pause
        available = state.available(now)
        assert -1e-9 <= available <= rule.capacity + 1e-9
        if available >= 1 + 1e-9:
            assert state.ready_at(now, 1) == now
            state.take(now, 1)


@given(rule=RULES, pauses=PAUSES, queued=st.integers(1, 9))
def test_a_queue_is_foreseen_as_it_is_served(
    rule: RateRule, pauses: list[float], queued: int
) -> None:
    """The last of many in a line starts when the sum of all costs says so."""
    state, now = rule.state(), 0.0
    for pause in pauses:
        now += pause
        if state.ready_at(now, 1) <= now:
            state.take(now, 1)

    foreseen = state.ready_at(now, queued)
    for _ in range(queued):
        now = state.ready_at(now, 1)
        state.take(now, 1)

    # A bucket of 3.4 starts nothing at the moment at which it holds 0.4 of one.
    assert foreseen <= now + 1e-9
    if rule.capacity == int(rule.capacity):
        assert foreseen == pytest.approx(now)


@pytest.mark.parametrize(
    "rule", [TokenBucket(2, burst=3), FixedWindow(3, per=1), SlidingWindow(3, per=1)]
)
def test_reset_forgets_every_start(rule: RateRule) -> None:
    """Afterwards the whole capacity can start."""
    state: RateState = rule.state()
    state.take(0.0, 3)

    assert state.available(0.0) == pytest.approx(0)

    state.reset()

    assert state.ready_at(0.0, 3) == 0.0


def test_a_bucket_refills_as_time_passes() -> None:
    """After two starts a tenth of a second at ten a second gives one back."""
    state = API_RATE.state()
    for _ in range(2):
        state.take(5.0, 1)

    assert (state.available(5.0), state.available(5.1)) == pytest.approx((18, 19))
    assert state.available(1e6) == pytest.approx(20)


@pytest.mark.parametrize(
    ("interval", "tolerance", "back_to_back"),
    [(4.5, 0.5, 1), (4.5, 1.5, 1), (4.5, 3.5, 2), (4.5, 7, 3), (2, 3, 4), (10, 0, 1)],
)
def test_gcra_lets_as_many_cells_through_as_published(
    interval: float, tolerance: float, back_to_back: int
) -> None:
    """At the speed of the link, floor(1 + tau / (T - 1)) cells conform back to back.

    Source: ATM Forum, User-Network Interface Specification 3.1, "maximum burst size".
    """
    starts = greedy(Gcra(interval, tolerance), [0.0, *[1.0] * 40])

    run = next(i for i, start in enumerate([*starts, math.inf]) if start != i)
    assert run == back_to_back == math.floor(1 + tolerance / (interval - 1))


@given(
    interval=st.integers(1, 8),
    tolerance=st.integers(0, 20),
    gaps=st.lists(st.integers(0, 12), max_size=60),
)
def test_gcra_is_the_leaky_bucket_of_the_standard(
    interval: int, tolerance: int, gaps: list[int]
) -> None:
    """The virtual scheduling algorithm is equivalent to the continuous-state leaky bucket.

    Source: ITU-T I.371, annex A, which gives both as definitions of the GCRA.
    """
    content, last, now = 0, 0, 0
    expected: list[float] = []
    for gap in gaps:
        now += gap
        left = max(0, content - (now - last))
        if left <= tolerance:
            content, last = left + interval, now
            expected.append(now)

    assert greedy(Gcra(interval, tolerance), [float(gap) for gap in gaps]) == expected


@given(pauses=PAUSES)
def test_a_bucket_is_a_gcra(pauses: list[float]) -> None:
    """Four a second with a burst of three are GCRA(1/4, 2/4)."""
    assert greedy(TokenBucket(4, burst=3), pauses) == greedy(Gcra(0.25, 0.5), pauses)


def test_presets() -> None:
    """The presets have the figures that their documentation names."""
    assert TokenBucket(10, 20) == API_RATE
    assert TokenBucket(5, 10) == EXTERNAL_RATE


def test_rules_are_values() -> None:
    """Durations may be written out, and a rule survives pickling."""
    rule = SlidingWindow(100, per="1m")

    assert rule == SlidingWindow(100, per=60)
    assert pickle.loads(pickle.dumps(rule)) == rule
    assert (TokenBucket(1, 2).capacity, Gcra(1, 0.5).capacity) == (2, 1.5)


@pytest.mark.parametrize(
    ("rule", "arguments", "message"),
    [
        (TokenBucket, (0, 1), "rate must be above 0 and finite, not 0"),
        (TokenBucket, (math.nan, 1), "rate must be above 0 and finite, not nan"),
        (TokenBucket, (math.inf, 1), "rate must be above 0 and finite, not inf"),
        (TokenBucket, (1, 0.5), "burst must be at least 1 and finite, not 0.5"),
        (TokenBucket, (1, math.inf), "burst must be at least 1 and finite, not inf"),
        (TokenBucket, (1, 1, 0), "per must be above 0 seconds and finite, not 0"),
        (Gcra, (0,), "interval must be above 0 seconds and finite, not 0"),
        (Gcra, (1, math.inf), "tolerance must be finite"),
        (Gcra, (1, -1), "tolerance is -1"),
        (FixedWindow, (0, 1), "limit must be at least 1 and finite, not 0"),
        (FixedWindow, (1, math.inf), "per must be above 0 seconds and finite, not inf"),
        (SlidingWindow, (math.nan, 1), "limit must be at least 1 and finite, not nan"),
        (SlidingWindow, (1, "soon"), "per is 'soon'"),
    ],
)
def test_a_rule_that_makes_no_sense_is_refused(
    rule: type, arguments: tuple[Any, ...], message: str
) -> None:
    """The message shows the value and what is allowed."""
    with pytest.raises(ValueError, match=message):
        rule(*arguments)


@pytest.mark.parametrize("cost", [0, -1, math.nan])
def test_a_cost_not_above_zero_is_refused(cost: float) -> None:
    """A negative cost would make capacity, and NaN would pass every comparison."""
    with pytest.raises(ValueError, match=f"cost must be above 0, not {cost!r}"):
        check_cost(cost, 10)


def test_a_cost_above_the_capacity_is_refused() -> None:
    """Its turn would never come."""
    with pytest.raises(ValueError, match="cost is 11, but no more than 10 can ever start"):
        check_cost(11, 10)
