"""The outcome of every branch, without a workflow around them."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import trio
from dependencies import crash, fail, forever, give
from hypothesis import given
from hypothesis import strategies as st
from trio.testing import MockClock

from awaitly_trio import Err, Ok, UnexpectedError
from awaitly_trio._tasks.settle import Abandoned, Settled, settle

if TYPE_CHECKING:
    from typing import Any


async def test_every_outcome_is_reported(autojump_clock: MockClock) -> None:
    """In the order of the branches; a defect is a failure."""
    bug = ValueError("a bug")

    branches: list[Any] = [partial(give, 1, after=1), partial(fail, "e"), partial(crash, bug)]

    settled: Settled[Any, Any] = await settle(branches)

    assert settled == Settled(
        (Ok(1), Err("e"), Err(UnexpectedError(bug), bug)), "all finished", True
    )


async def test_it_may_end_before_all_have_finished(autojump_clock: MockClock) -> None:
    """What was cut off says why."""
    branches: list[Any] = [forever, partial(give, 1, after=1)]

    settled: Settled[Any, Any] = await settle(branches, min_ok=1)

    assert settled.results == (Abandoned("enough succeeded"), Ok(1))
    assert (settled.values, settled.errors) == ([1], [])


def run_settle(ends: list[bool], **limits: Any) -> Settled[int, int]:
    """Settle branches that end one second after the other, as told."""

    async def main() -> Settled[int, Any]:
        branches = [
            partial(give if good else fail, index, after=index) for index, good in enumerate(ends)
        ]
        return await settle(branches, **limits)

    return trio.run(main, clock=MockClock(autojump_threshold=0))


@given(st.lists(st.booleans(), min_size=1, max_size=6), st.data())
def test_it_ends_as_soon_as_the_outcome_is_known(ends: list[bool], data: st.DataObject) -> None:
    """Neither a branch too early nor one too late, for every pair of limits."""
    bound = st.none() | st.integers(0, len(ends))
    min_ok, max_errors = data.draw(bound), data.draw(bound)

    settled = run_settle(ends, min_ok=min_ok, max_errors=max_errors)

    finished = [each for each in settled.results if not isinstance(each, Abandoned)]
    before = ends[: len(finished) - 1]
    seen = ends[: len(finished)]
    allowed = len(ends) - (min_ok or 0)
    if max_errors is not None:
        allowed = min(allowed, max_errors)
    bounded = min_ok is not None or max_errors is not None
    assert [isinstance(each, Ok) for each in finished] == seen
    if before and min_ok is not None:
        assert before.count(True) < min_ok
    if before and bounded:
        assert before.count(False) <= allowed
    enough = min_ok is not None and seen.count(True) >= min_ok
    too_many = bounded and seen.count(False) > allowed
    assert settled.ended == (
        "enough succeeded" if enough else "too many errors" if too_many else "all finished"
    )
    assert settled.is_ok is (not too_many or enough)
    assert enough or too_many or len(finished) == len(ends)


@given(st.integers(1, 200), st.integers(0, 200))
def test_a_share_is_the_count_it_stands_for(size: int, count: int) -> None:
    """``count / size`` of ``size`` branches is ``count``, whatever floats make of it."""
    count = min(count, size)
    ends = [True] * size

    settled = run_settle_at_once(ends, min_ok=count / size)

    assert sum(isinstance(each, Ok) for each in settled.results) >= count
    assert settled.is_ok


def run_settle_at_once(ends: list[bool], **limits: Any) -> Settled[int, int]:
    """Settle branches that end without waiting."""

    async def good() -> Any:
        return Ok(1)

    async def main() -> Settled[int, Any]:
        return await settle([good for _ in ends], **limits)

    return trio.run(main)
