"""When a breaker trips: the rules, and the windows that they judge by."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from awaitly_trio._policies.trip import (
    ConsecutiveFailures,
    FailureCount,
    RateOfCalls,
    RateOverTime,
    TripRule,
)

if TYPE_CHECKING:
    from awaitly_trio._policies.window import Window

# Whether each call failed, one a second.
OUTCOMES = st.lists(st.tuples(st.booleans(), st.booleans(), st.sampled_from([0, 0.5, 1, 3])))


def after(rule: TripRule, outcomes: str, every: float = 1.0) -> Window:
    """Return the rule's window after calls that end one by one: ``F``, ``S``low or ``.``."""
    window = rule.window()
    for i, outcome in enumerate(outcomes):
        window.record(i * every, outcome == "F", outcome == "S")
    return window


@pytest.mark.parametrize(
    ("rule", "outcomes", "trips"),
    [
        (FailureCount(3), "F.F.", False),
        (FailureCount(3), "F.F.F", True),
        (FailureCount(3, within=3), "FF.F", False),
        (FailureCount(3, within=3.1), "FF.F", True),
        (ConsecutiveFailures(3), "FF.FF", False),
        (ConsecutiveFailures(3), "FF.FFF", True),
        (RateOfCalls(calls=4, minimum=4), "FFF", False),
        (RateOfCalls(calls=4, minimum=4), "FF..", True),
        (RateOfCalls(calls=4, minimum=4), "FF...", False),
        (RateOfCalls(calls=4, minimum=2, failure_rate=1.0), "F", False),
        (RateOfCalls(calls=4, minimum=2, failure_rate=1.0), "FF", True),
        (RateOfCalls(calls=4, minimum=4, slow_rate=0.5, slow_after=1), "S..S", True),
        (RateOfCalls(calls=4, minimum=4, slow_rate=0.75, slow_after=1), "S.FS", False),
        (RateOverTime(within=4, steps=4, minimum=3), "FFF", True),
        (RateOverTime(within=4, steps=4, minimum=4), "FF....", False),
        (RateOverTime(within=4, steps=4, minimum=4), "....FF", True),
        (RateOverTime(within=4, steps=4, minimum=1, slow_rate=1.0, slow_after=1), "SS.", False),
        (RateOverTime(within=4, steps=4, minimum=1, slow_rate=1.0, slow_after=1), "SS", True),
    ],
)
def test_a_rule_trips_when_it_says(rule: TripRule, outcomes: str, trips: bool) -> None:
    """Each rule counts what its name says, and judges at its limit, not beyond."""
    window = after(rule, outcomes)

    assert rule.trips(window) is trips


@pytest.mark.parametrize("share", [7, 29, 57, 58])
def test_a_share_is_compared_as_it_is_written(share: int) -> None:
    """Seven failures of a hundred reach 0.07, although 0.07 * 100 is above 7."""
    rule = RateOfCalls(calls=100, minimum=100, failure_rate=share / 100)

    assert rule.trips(after(rule, "F" * share + "." * (100 - share)))


def test_a_failure_is_forgotten_at_the_end_of_its_time() -> None:
    """A failure counts until it is as old as the window, and then no more."""
    window = after(FailureCount(5, within=10), "FF")

    window.forget(10.0)

    assert window.failures == 1


def test_a_window_over_time_forgets_by_steps() -> None:
    """A call is forgotten with all others of its step."""
    window = RateOverTime(within=10, steps=5, minimum=1).window()
    for now in (0.0, 1.9, 2.0):
        window.record(now, True, False)

    counts: list[int] = []
    for now in (9.9, 10.0, 12.0):
        window.forget(now)
        counts.append(window.calls)

    assert counts == [3, 1, 0]


@pytest.mark.parametrize(
    "rule",
    [
        FailureCount(3),
        ConsecutiveFailures(3),
        RateOfCalls(calls=4, minimum=1),
        RateOverTime(within=4, minimum=1),
    ],
)
def test_a_cleared_window_is_as_new(rule: TripRule) -> None:
    """Nothing of the past shows after a breaker closed."""
    window = after(rule, "FSF")

    window.clear()
    window.forget(3.0)

    assert (window.calls, window.failures, window.slow) == (0, 0, 0)


@given(outcomes=OUTCOMES, size=st.integers(1, 5))
def test_a_window_of_calls_holds_the_last_ones(
    outcomes: list[tuple[bool, bool, float]], size: int
) -> None:
    """The running sums are those of the last calls, counted by hand."""
    window = RateOfCalls(calls=size, minimum=1).window()

    for failed, slow, _ in outcomes:
        window.record(0.0, failed, slow)

    last = outcomes[-size:]
    assert (window.calls, window.failures, window.slow) == (
        len(last),
        sum(failed for failed, _, _ in last),
        sum(slow for _, slow, _ in last),
    )


@given(outcomes=OUTCOMES, steps=st.integers(1, 5))
def test_a_window_over_time_holds_the_latest_steps(
    outcomes: list[tuple[bool, bool, float]], steps: int
) -> None:
    """The running sums are those of the steps that still count, counted by hand."""
    window = RateOverTime(within=steps, steps=steps, minimum=1).window()
    now = 0.0
    seen: list[tuple[int, bool, bool]] = []

    for failed, slow, pause in outcomes:
        now += pause
        window.record(now, failed, slow)
        seen.append((int(now), failed, slow))

    latest = [each for each in seen if each[0] > int(now) - steps]
    assert (window.calls, window.failures, window.slow) == (
        len(latest),
        sum(failed for _, failed, _ in latest),
        sum(slow for _, _, slow in latest),
    )


@pytest.mark.parametrize(
    ("rule", "options", "message"),
    [
        (FailureCount, {"failures": 0}, "failures must be at least 1, not 0"),
        (FailureCount, {"failures": 1, "within": 0}, "within must be above 0 seconds, not 0"),
        (FailureCount, {"failures": 1, "within": "soon"}, "within is 'soon'"),
        (ConsecutiveFailures, {"failures": -1}, "failures must be at least 1, not -1"),
        (RateOfCalls, {"calls": 9, "minimum": 10}, "minimum is 10, but only 9 calls"),
        (RateOfCalls, {"calls": 9, "minimum": 0}, "minimum must be at least 1, not 0"),
        (
            RateOfCalls,
            {"calls": 9, "minimum": 1, "failure_rate": 0},
            "failure_rate must be above 0 and at most 1, not 0",
        ),
        (
            RateOverTime,
            {"within": 1, "minimum": 1, "slow_rate": 1.1},
            "slow_rate must be above 0 and at most 1, not 1.1",
        ),
        (
            RateOverTime,
            {"within": 1, "minimum": 1, "failure_rate": math.nan},
            "failure_rate must be above 0 and at most 1, not nan",
        ),
        (RateOverTime, {"within": math.inf, "minimum": 1}, "within must be finite"),
        (RateOverTime, {"within": 1, "minimum": 1, "steps": 0}, "steps must be at least 1"),
        (RateOverTime, {"within": 1, "minimum": 1, "slow_after": 0}, "slow_after must be above 0"),
    ],
)
def test_a_rule_that_makes_no_sense_is_refused(
    rule: type, options: dict[str, Any], message: str
) -> None:
    """The message shows the value and what is allowed."""
    with pytest.raises(ValueError, match=message):
        rule(**options)


def test_durations_may_be_written_out() -> None:
    """A rule is the same rule, however its durations were written."""
    assert FailureCount(5, within="1m") == FailureCount(5, within=60)
    assert RateOverTime(within="10s", minimum=1) == RateOverTime(within=10.0, minimum=1)
