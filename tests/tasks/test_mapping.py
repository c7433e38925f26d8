"""One function over many items, without a workflow around it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import trio
from dependencies import Tally, give
from hypothesis import given
from hypothesis import strategies as st
from trio.testing import MockClock

from awaitly_trio import Err, Ok
from awaitly_trio._tasks.mapping import map_each

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator

    import pytest


async def timed(item: tuple[float, bool]) -> Any:
    """Take as long as the item says, and end as it says."""
    seconds, good = item
    await trio.sleep(seconds)
    return Ok(item) if good else Err(item)


async def later(items: list[Any]) -> AsyncGenerator[Any, None]:
    """Yield items one by one."""
    for item in items:
        yield item


@given(
    st.lists(st.tuples(st.integers(0, 5).map(float), st.booleans()), max_size=12),
    st.sampled_from([1, 2, 3, 50, math.inf]),
    st.booleans(),
)
def test_a_map_gives_all_values_or_the_first_failure(
    items: list[tuple[float, bool]], limit: float, as_async: bool
) -> None:
    """For any durations, failures and limits, and both kinds of iterables."""
    # No two items end at one instant.
    unique = [(seconds + 2.0 ** -(i + 1), good) for i, (seconds, good) in enumerate(items)]
    tally = Tally()

    async def main() -> Any:
        source: Any = later(unique) if as_async else unique
        return await map_each(tally.counting(timed), source, limit=limit)

    result = trio.run(main, clock=MockClock(autojump_threshold=0))

    assert tally.running == 0
    assert tally.peak <= limit
    assert tally.order == unique[: len(tally.order)]
    if all(good for _, good in unique):
        assert result == Ok(unique)
    else:
        assert isinstance(result, Err)
        assert result.error in [item for item in unique if not item[1]]


async def test_nothing_begins_after_a_failure(autojump_clock: MockClock) -> None:
    """Not even in a worker that succeeds at the same instant."""
    tally = Tally()

    async def one(item: int) -> Any:
        with trio.CancelScope(shield=True, deadline=9):
            await trio.sleep(1)
        return Err(item) if item == 0 else Ok(item)

    for _ in range(20):
        await map_each(tally.counting(one), range(9), limit=2)

    assert set(tally.order) <= {0, 1, 2}


async def test_progress_is_told_after_each_item() -> None:
    """By the number of those that have succeeded."""
    told: list[int] = []

    await map_each(give, range(3), limit=1, on_done=told.append)

    assert told == [1, 2, 3]


async def test_progress_that_raises_changes_nothing(caplog: pytest.LogCaptureFixture) -> None:
    """It is logged."""

    def broken(done: int) -> None:
        raise KeyError("progress bar")

    assert await map_each(give, range(2), limit=1, on_done=broken) == Ok([0, 1])
    assert caplog.text.count("KeyError: 'progress bar'") == 2


async def test_an_async_iterator_without_close_is_fine() -> None:
    """Only generators have to be closed."""

    class Numbers:
        def __init__(self) -> None:
            self._left = 3

        def __aiter__(self) -> AsyncIterator[int]:
            return self

        async def __anext__(self) -> int:
            await trio.lowlevel.checkpoint()
            if not self._left:
                raise StopAsyncIteration
            self._left -= 1
            return self._left

    assert await map_each(give, Numbers(), limit=2) == Ok([2, 1, 0])


async def test_a_generator_that_will_not_close_is_cut_off(autojump_clock: MockClock) -> None:
    """After five seconds the map ends without it."""

    async def stuck() -> AsyncGenerator[tuple[float, bool], None]:
        try:
            yield (99.0, True)
        finally:
            await trio.sleep_forever()

    with trio.move_on_after(2) as scope:
        await map_each(timed, stuck(), limit=1)

    assert scope.cancelled_caught
    assert trio.current_time() == 7


async def test_an_async_map_of_a_slow_source_overlaps_work_with_waiting(
    autojump_clock: MockClock,
) -> None:
    """Items are worked on while the next one is awaited."""

    async def slow() -> AsyncGenerator[tuple[float, bool], None]:
        for _ in range(3):
            await trio.sleep(1)
            yield (1.0, True)

    await map_each(timed, slow(), limit=2)

    assert trio.current_time() == 4
