"""Batches, without a workflow around them."""

from __future__ import annotations

from typing import Any

import pytest
import trio
import trio.lowlevel
from dependencies import Tally, give
from hypothesis import given
from hypothesis import strategies as st
from trio.testing import MockClock

from awaitly_trio import Err, Ok
from awaitly_trio._tasks.batch import BatchPosition, BatchProgress, run_batches


@given(st.integers(0, 30), st.integers(1, 9), st.integers(1, 9), st.none() | st.integers(0, 40))
def test_batches_work_through_all_items_or_up_to_the_failure(
    count: int, size: int, limit: int, bad: int | None
) -> None:
    """For any sizes: order, positions, progress and the pause between batches."""
    tally = Tally()
    told: list[BatchProgress] = []

    async def work(item: int) -> Any:
        await trio.lowlevel.checkpoint()
        return Err("bad") if item == bad else Ok(item * 2)

    async def main() -> tuple[Any, float]:
        result: Any = await run_batches(
            tally.counting(work),
            range(count),
            size=size,
            limit=limit,
            delay=1,
            on_progress=told.append,
        )
        return result, trio.current_time()

    result, seconds = trio.run(main, clock=MockClock(autojump_threshold=0))

    fails = bad is not None and bad < count
    batches = -(-count // size)
    assert tally.peak <= limit
    assert tally.order == list(range(len(tally.order)))
    if fails:
        assert bad is not None
        assert result == Err("bad", BatchPosition(bad // size + 1, bad))
        assert [each.batch for each in told] == list(range(1, bad // size + 1))
        assert len(tally.order) <= (bad // size + 1) * size
    else:
        assert result == Ok([item * 2 for item in range(count)])
        assert told == [
            BatchProgress(i, batches, min(i * size, count), count) for i in range(1, batches + 1)
        ]
        assert seconds == max(batches - 1, 0)


async def test_a_batch_of_nothing_is_a_cancellation_point() -> None:
    """A loop over nothing can be stopped."""
    with trio.CancelScope() as scope:
        scope.cancel(reason="test")
        await run_batches(give, [], size=1, limit=1)

    assert scope.cancelled_caught


async def test_a_negative_pause_is_refused() -> None:
    """The value is shown."""
    with pytest.raises(ValueError, match="-1"):
        await run_batches(give, [1], size=1, limit=1, delay=-1)


async def test_an_async_listener_is_refused() -> None:
    """Before anything is worked on."""
    tally = Tally()

    async def told(progress: BatchProgress) -> None:
        pass

    with pytest.raises(TypeError, match="on_progress"):
        await run_batches(tally.counting(give), [1], size=1, limit=1, on_progress=told)
    assert tally.order == []
