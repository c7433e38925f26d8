"""Percentiles of the latest durations."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from awaitly_trio._policies.percentile import RecentDurations


@given(
    durations=st.lists(st.sampled_from([0.0, 0.5, 1.0, 2.5]) | st.floats(0, 9), min_size=1),
    memory=st.integers(1, 20),
    share=st.floats(0.01, 0.99),
)
def test_it_is_the_nearest_rank_of_the_latest(
    durations: list[float], memory: int, share: float
) -> None:
    """Of the latest durations, sorted by hand, it is the one at that rank."""
    recent = RecentDurations(memory)

    for duration in durations:
        recent.add(duration)

    latest = sorted(durations[-memory:])
    assert len(recent) == len(latest)
    assert recent.percentile(share) == latest[math.ceil(share * len(latest)) - 1]


def test_of_nothing_there_is_no_percentile() -> None:
    """Nothing is made up."""
    with pytest.raises(IndexError):
        RecentDurations(20).percentile(0.5)
