"""Time that goes on from one run to the next."""

from __future__ import annotations

import gc
import weakref
from time import perf_counter
from typing import TYPE_CHECKING

import pytest
import trio
from trio.testing import MockClock

from awaitly_trio._tasks.timeline import Timeline

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator


def virtual(start: float = 0) -> MockClock:
    """Return a virtual clock that does not start at zero, as a system clock does not."""
    clock = MockClock(autojump_threshold=0)
    clock.jump(start)
    return clock


def test_time_passes_within_a_run() -> None:
    """A timeline follows the clock of the run, virtual or not."""
    timeline = Timeline()

    async def main() -> float:
        start = timeline.now()
        await trio.sleep(5)
        return timeline.now() - start

    assert trio.run(main, clock=virtual()) == pytest.approx(5)


def test_no_time_passes_between_runs() -> None:
    """The next run goes on where the last one ended, although its clock starts elsewhere."""
    timeline = Timeline()

    async def last(duration: float) -> tuple[float, float]:
        start = timeline.now()
        await trio.sleep(duration)
        return start, timeline.now()

    first = trio.run(last, 3, clock=virtual(1000))
    second = trio.run(last, 4, clock=virtual(2000))
    third = trio.run(last, 5, clock=virtual(50))

    assert [*first, *second, *third] == pytest.approx([1000, 1003, 1003, 1007, 1007, 1012])


def test_reading_outside_a_run_is_refused() -> None:
    """There is no clock to read, and none is guessed."""
    timeline = Timeline()

    with pytest.raises(RuntimeError, match="async context"):
        timeline.now()


def test_outside_a_run_the_latest_time_is_that_of_the_end_of_the_last() -> None:
    """What is shown between two runs is what was true when the first ended."""
    timeline = Timeline()
    before = timeline.latest()

    async def main() -> float:
        await trio.sleep(2)
        return timeline.latest()

    end = trio.run(main, clock=virtual())

    assert (before, timeline.latest()) == (0.0, end)


@pytest.mark.parametrize("bound", [True, False])
def test_time_can_be_read_while_the_run_closes(bound: bool) -> None:
    """An async generator that a run finalises last of all still finds the time."""
    timeline = Timeline()
    readings: list[float] = []
    kept: list[AsyncGenerator[None, None]] = []

    async def late() -> AsyncGenerator[None, None]:
        try:
            yield
        finally:
            readings.extend((timeline.now(), timeline.now()))

    async def main() -> None:
        if bound:
            timeline.now()
        kept.append(late())
        await kept[0].asend(None)
        await trio.sleep(1)

    trio.run(main, clock=virtual())

    assert readings[0] == readings[1] == timeline.latest()


def test_the_system_clock_is_a_counter_plus_a_constant() -> None:
    """The short way to Trio's own clock is still open, and leads to the same time."""

    async def offset() -> tuple[float, float]:
        before = perf_counter()
        time = trio.current_time()
        return time - perf_counter(), time - before

    async def main() -> None:
        timeline = Timeline()
        timeline.now()
        lowest, highest = await offset()
        await trio.sleep(0.01)
        lowest_later, highest_later = await offset()

        assert timeline.now is perf_counter
        assert max(lowest, lowest_later) <= min(highest, highest_later) + 1e-9

    trio.run(main)


def test_a_run_keeps_no_timeline_alive() -> None:
    """A limiter made for one request is freed with it, not with the run."""

    async def main() -> None:
        timelines = [Timeline() for _ in range(100)]
        for timeline in timelines:
            timeline.now()
        del timeline
        kept = [weakref.ref(each) for each in timelines]
        del timelines
        gc.collect()

        assert not any(each() for each in kept)

    trio.run(main)
