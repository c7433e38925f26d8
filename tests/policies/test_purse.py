"""The arithmetic of retry budgets: what a purse pays for, and what it does not."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from awaitly_trio._policies.budget import PurseStatistics, SharePurse, TokenPurse, Use
from awaitly_trio._values.errors import TimedOut


def share(
    retries: float = 0.1, hedges: float = 0.1, minimum: int = 0, window: float = 10
) -> SharePurse:
    """Return a purse of shares with a few defaults."""
    return SharePurse(retries, hedges, minimum, window)


def tokens(capacity: float = 500) -> TokenPurse:
    """Return a purse of tokens with the published numbers."""
    return TokenPurse(capacity, 5, 10, 1)


def spend(purse: Any, now: float = 0, use: Use = "retry", error: object = "busy") -> bool:
    """Pay if the purse can, and return whether it could."""
    if purse.can_afford(use, error, now):
        purse.pay(use, error, now)
        return True
    return False


def test_retries_are_a_share_of_the_calls() -> None:
    """At a tenth, twenty calls pay for two retries."""
    purse = share()
    for _ in range(20):
        purse.count_call(0)

    assert [spend(purse) for _ in range(4)] == [True, True, False, False]


def test_the_minimum_needs_no_calls() -> None:
    """A client that has just started may retry all the same."""
    purse = share(minimum=2)

    assert [spend(purse) for _ in range(3)] == [True, True, False]


def test_retries_and_hedges_are_counted_apart() -> None:
    """Spending on retries leaves the share of hedges alone."""
    purse = share(retries=0, hedges=0.5)
    for _ in range(2):
        purse.count_call(0)

    assert not spend(purse, use="retry")
    assert spend(purse, use="hedge")
    assert not spend(purse, use="hedge")


def test_what_calls_earned_expires() -> None:
    """Calls that lie a window back pay for nothing any more."""
    purse = share(window=10)
    for _ in range(100):
        purse.count_call(0)

    assert spend(purse, now=9)
    assert not spend(purse, now=10)


def test_what_was_spent_expires_too() -> None:
    """The minimum is there again in the next window."""
    purse = share(minimum=1)

    assert [spend(purse, now) for now in (0, 5, 10)] == [True, False, True]


def test_an_endless_window_forgets_nothing() -> None:
    """With an infinite window the share is of all calls ever."""
    purse = share(window=math.inf)
    for _ in range(10):
        purse.count_call(0)

    assert spend(purse, now=1e12)
    assert not spend(purse, now=2e12)


def test_a_clock_of_another_run_starts_afresh() -> None:
    """A clock that stands earlier than before is another run's; the past is dropped."""
    purse = share(minimum=1)
    spend(purse, now=1000)

    assert spend(purse, now=5)


def test_purses_keep_totals() -> None:
    """Statistics tell what was paid for and what was refused."""
    for purse in (share(minimum=1), tokens(10)):
        purse.count_call(0)
        spend(purse)
        spend(purse, use="hedge")
        purse.refuse()

        assert purse.statistics() == PurseStatistics(calls=1, retries=1, hedges=1, refused=1)


@given(
    st.floats(0, 2),
    st.integers(0, 5),
    st.lists(st.tuples(st.floats(0, 3), st.booleans()), max_size=80),
)
def test_retries_never_exceed_their_share_of_the_window(
    most: float, minimum: int, events: list[tuple[float, bool]]
) -> None:
    """Whenever a retry is paid for, the retries of the window are within share and minimum.

    The window is made of ten slots, so it reaches back between nine and ten tenths of its length.
    """
    purse = share(retries=most, minimum=minimum, window=10)
    now, calls, paid = 0.0, [], []
    for wait, is_call in events:
        now += wait
        if is_call:
            purse.count_call(now)
            calls.append(now)
        elif spend(purse, now):
            paid.append(now)
            since = math.floor(now) - 9
            recent = sum(time >= since for time in paid)
            assert recent <= minimum + most * sum(time >= since for time in calls) + 1e-9


PUBLISHED_QUOTA = [
    ("a retry costs 5", ["retry"], 495),
    ("a retry after a timeout costs 10", ["timeout"], 490),
    ("a success returns the price of its last retry", ["retry", "retry", "success"], 495),
    ("after a timeout that is 10", ["timeout", "success"], 500),
    ("a success without retry earns 1", ["retry", "done", "success"], 496),
    ("never above the capacity", ["success"], 500),
    ("a hundred retries, and no more", ["retry"] * 101, 0),
]


@pytest.mark.parametrize(("claim", "events", "left"), PUBLISHED_QUOTA)
def test_published_retry_quota(claim: str, events: list[str], left: int) -> None:
    """The quota of the AWS SDKs' standard mode.

    Source: "Retry behavior", AWS SDKs and Tools Reference Guide: 500 tokens, 5 for a retry, 10
    after a timeout, 1 for a success without one.
    """
    purse = tokens()
    price: float | None = None
    for event in events:
        error = TimedOut("call", 1) if event == "timeout" else "busy"
        if event == "success":
            purse.refund(price)
        elif event == "done":
            price = None
        elif purse.can_afford("retry", error, 0):
            price = purse.pay("retry", error, 0)

    assert purse.tokens == left, claim


def test_pythons_own_timeouts_cost_more_too() -> None:
    """An exception that is a ``TimeoutError`` is a timeout."""
    purse = tokens(10)

    assert spend(purse, error=TimeoutError())
    assert purse.tokens == 0


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: share(retries=-0.1), "retries is -0.1: write a share"),
        (lambda: share(hedges=math.nan), "hedges is nan"),
        (lambda: share(retries=True), "retries is True"),
        (lambda: share(minimum=-1), "minimum is -1"),
        (lambda: share(window=0), "window is 0: choose one above zero"),
        (lambda: share(window=-1), "window is -1"),
        (lambda: tokens(math.inf), "capacity is inf: write a number of tokens"),
        (lambda: tokens(-1), "capacity is -1"),
        (lambda: TokenPurse(1, math.nan, 1, 1), "retry_cost is nan"),
        (lambda: TokenPurse(1, 1, -1, 1), "timeout_cost is -1"),
        (lambda: TokenPurse(1, 1, 1, -1), "earned is -1"),
    ],
)
def test_wrong_numbers_are_refused(build: Any, message: str) -> None:
    """Negative numbers, NaN and bools are refused with the value shown."""
    with pytest.raises(ValueError, match=message):
        build()
