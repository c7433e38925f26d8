"""One dependency over many items: with a limit, and in batches."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import pytest
import trio
from dependencies import Declined, Tally, fail, give
from recorder import Recorder

from awaitly_trio import Err, Ok, Step, UnexpectedError, workflow
from awaitly_trio._tasks.batch import BatchPosition, BatchProgress
from awaitly_trio._values.events import Progress

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Iterator

    from trio.testing import MockClock


@workflow
async def maps(step: Step[Any], fn: Any, items: Any, limit: float) -> Any:
    """Map a dependency over items."""
    return await step.map(fn, items, limit=limit)


@workflow
async def batches(step: Step[Any], fn: Any, items: Any, options: dict[str, Any]) -> Any:
    """Work through items in batches."""
    return await step.batch(fn, items, **options)


@pytest.fixture
def map_each(observers: list[Recorder]) -> Any:
    """Return the mapping workflow, watched or not."""
    return maps.options(observers=observers)


@pytest.fixture
def batch(observers: list[Recorder]) -> Any:
    """Work through items in batches, watched or not."""

    async def one(fn: Any, items: Any, **options: Any) -> Any:
        return await batches.options(observers=observers)(fn, items, options)

    return one


async def sleeping(seconds: float) -> Any:
    """Take as long as the item says."""
    await trio.sleep(seconds)
    return Ok(seconds)


async def picky(item: Any) -> Any:
    """Fail for negative numbers, after their size."""
    await trio.sleep(abs(item))
    return Ok(item) if item >= 0 else Err(item)


LIMITS = [1, 2, 3, 100, math.inf]


# --- map


@pytest.mark.parametrize("limit", LIMITS)
async def test_values_come_in_the_order_of_the_items(
    map_each: Any, limit: float, autojump_clock: MockClock
) -> None:
    """However long each takes."""
    assert await map_each(sleeping, [3, 1, 2, 0, 1], limit) == Ok([3, 1, 2, 0, 1])


@pytest.mark.parametrize("limit", LIMITS)
async def test_no_more_items_than_the_limit_are_worked_on(
    map_each: Any, limit: float, autojump_clock: MockClock
) -> None:
    """The limit is reached, never passed; a place is taken again as soon as it is free."""
    tally = Tally()

    await map_each(tally.counting(sleeping), [1] * 6, limit)

    assert tally.peak == min(limit, 6)
    assert trio.current_time() == math.ceil(6 / min(limit, 6))


@pytest.mark.parametrize("limit", LIMITS)
@pytest.mark.parametrize("kind", ["list", "generator", "async generator"])
async def test_items_start_in_their_order(
    map_each: Any, kind: str, limit: float, autojump_clock: MockClock
) -> None:
    """Whatever kind of iterable they come from."""
    tally = Tally()

    await map_each(tally.counting(give), items_of(kind, 20), limit)

    assert tally.order == list(range(20))


@pytest.mark.parametrize("limit", LIMITS)
@pytest.mark.parametrize("kind", ["list", "generator", "async generator"])
async def test_the_scope_of_an_item_is_numbered_by_its_place(
    kind: str, limit: float, autojump_clock: MockClock
) -> None:
    """So the path of an item does not depend on the scheduler."""
    recorder = Recorder()

    await maps.options(observers=[recorder])(give, items_of(kind, 8), limit)

    recorder.check_laws()
    values = {path: recorder.outcome(path).value for path in recorder.paths[2:]}
    numbered = {f"maps/map/give#{i + 1}": i for i in range(1, 8)}
    assert values == {"maps/map/give": 0, **numbered}


@pytest.mark.parametrize("limit", LIMITS)
async def test_the_first_failure_ends_the_map(
    map_each: Any, limit: float, autojump_clock: MockClock
) -> None:
    """By time; items under way are cancelled and have ended, and no other starts."""
    tally = Tally()

    result = await map_each(tally.counting(picky), [1, 2, -1, 5, 5, 5, 5], limit)

    assert result == Err(-1)
    assert tally.running == 0
    assert tally.counts["cancelled"] + tally.counts["finished"] == len(tally.order)
    assert len(tally.order) <= 2 + limit


async def test_two_failures_give_the_earlier(map_each: Any, autojump_clock: MockClock) -> None:
    """By time, not by position."""
    assert await map_each(picky, [-3, -2], 2) == Err(-2)


async def test_a_defect_of_an_item_is_a_defect(map_each: Any) -> None:
    """It arrives as it was raised."""

    async def breaks(item: int) -> Any:
        await trio.lowlevel.checkpoint()
        return Ok(1 // item)

    result = await map_each(breaks, [1, 0], 1)

    assert isinstance(result, Err)
    assert isinstance(result.cause, ZeroDivisionError)


@pytest.mark.parametrize("limit", LIMITS)
@pytest.mark.parametrize("kind", ["list", "generator", "async generator"])
async def test_no_items_give_no_values(map_each: Any, kind: str, limit: float) -> None:
    """The dependency is not called."""
    assert await map_each(fail, items_of(kind, 0), limit) == Ok([])


@pytest.mark.parametrize("limit", LIMITS)
async def test_a_map_of_nothing_can_be_cancelled(map_each: Any, limit: float) -> None:
    """It is a cancellation point, as whatever answers without waiting."""
    with trio.CancelScope() as scope:
        scope.cancel(reason="test")
        await map_each(give, [], limit)

    assert scope.cancelled_caught


async def test_items_are_taken_when_a_place_is_free(
    map_each: Any, autojump_clock: MockClock
) -> None:
    """An endless iterable is fine, and none of it is taken for nothing."""
    taken: list[int] = []

    def endless() -> Iterator[int]:
        while True:
            taken.append(len(taken))
            yield -3 if len(taken) == 6 else 1

    result = await map_each(picky, endless(), 2)

    assert result == Err(-3)
    # Two from the start, two after each of two seconds, and the other worker's two more.
    assert len(taken) <= 9


async def test_an_async_iterable_is_taken_when_a_place_is_free(
    map_each: Any, autojump_clock: MockClock
) -> None:
    """It is closed when the map ends early."""
    closed: list[float] = []

    async def endless() -> AsyncGenerator[int, None]:
        try:
            count = 0
            while True:
                await trio.sleep(1)
                count += 1
                yield -1 if count == 3 else 0
        finally:
            await trio.lowlevel.cancel_shielded_checkpoint()
            closed.append(trio.current_time())

    assert await map_each(picky, endless(), 2) == Err(-1)
    assert closed == [4]


async def test_an_async_iterable_is_closed_after_a_cancellation(
    map_each: Any, autojump_clock: MockClock
) -> None:
    """Its clean-up may even wait a little."""
    closed: list[float] = []

    async def endless() -> AsyncGenerator[int, None]:
        try:
            while True:
                yield 1
        finally:
            await trio.sleep(0.5)
            closed.append(trio.current_time())

    with trio.move_on_after(3) as scope:
        await map_each(sleeping, endless(), 2)

    assert scope.cancelled_caught
    assert closed == [3.5]


@pytest.mark.parametrize("limit", LIMITS)
@pytest.mark.parametrize("kind", ["generator", "async generator"])
async def test_an_iterable_that_raises_is_a_defect(
    map_each: Any, kind: str, limit: float, autojump_clock: MockClock
) -> None:
    """Items under way are cancelled; the exception arrives as it was raised."""
    bug = OSError("no more")
    tally = Tally()

    result = await map_each(tally.counting(sleeping), items_of(kind, 3, bug), limit)

    assert result == Err(UnexpectedError(bug), bug)
    assert tally.running == 0


@pytest.mark.parametrize("limit", [0, -1, 1.5, math.nan, -math.inf, True, "2", None])
async def test_a_limit_that_is_no_number_of_places_is_refused(map_each: Any, limit: Any) -> None:
    """The value is shown, and nothing is called."""
    tally = Tally()

    result = await map_each(tally.counting(give), [1], limit)

    assert isinstance(result, Err)
    assert isinstance(result.cause, ValueError)
    assert f"got {limit!r}" in str(result.cause)
    assert tally.order == []


@pytest.mark.parametrize("bare", [1, None])
async def test_a_mapped_dependency_must_return_results(map_each: Any, bare: Any) -> None:
    """A bare value is refused, and the item of a forgotten ``return`` is not left out."""

    async def forgetful(item: int) -> Any:
        return Ok(item) if item < 3 else bare

    result = await map_each(forgetful, [1, 2, 3], 1)

    assert isinstance(result, Err)
    assert isinstance(result.cause, TypeError)


async def test_the_exit_of_a_step_in_an_item_ends_the_run(
    observers: list[Recorder], autojump_clock: MockClock
) -> None:
    """A step that fails inside is the failure of the run."""

    @workflow
    async def outer(step: Step[Any]) -> Any:
        async def work(item: int) -> Any:
            await step(give, item)
            return Ok(await step(fail, Declined(str(item)), after=item))

        return await step.map(work, [3, 1, 2], limit=3)

    assert await outer.options(observers=observers)() == Err(Declined("1"))


async def test_a_map_tells_its_progress(autojump_clock: MockClock) -> None:
    """After each item; the total is told where it is known."""
    recorder = Recorder()

    await maps.options(observers=[recorder])(give, [1, 2], 1)
    await maps.options(observers=[recorder])(give, iter([1, 2]), 1)

    told = [(event.path, event.done, event.total) for event in recorder.of(Progress)]
    assert told == [
        ("maps/map", 1, 2),
        ("maps/map", 2, 2),
        ("maps/map", 1, None),
        ("maps/map", 2, None),
    ]


# --- batch


async def test_a_batch_gives_all_values_in_order(batch: Any, autojump_clock: MockClock) -> None:
    """However long each takes."""
    assert await batch(sleeping, [3, 1, 2], size=2, limit=2) == Ok([3, 1, 2])


async def test_a_batch_of_nothing_gives_nothing(batch: Any) -> None:
    """Neither dependency nor callbacks are called."""
    told: list[Any] = []

    assert await batch(fail, [], size=2, limit=2, on_progress=told.append) == Ok([])
    assert told == []


async def test_batches_follow_each_other(batch: Any, autojump_clock: MockClock) -> None:
    """The next one starts when the last item of the one before has ended."""
    tally = Tally()

    await batch(tally.counting(sleeping), [1, 5, 1, 1], size=2, limit=2)

    assert trio.current_time() == 6


async def test_a_batch_respects_its_limit(batch: Any, autojump_clock: MockClock) -> None:
    """Within a batch no more items are worked on at once."""
    tally = Tally()

    await batch(tally.counting(sleeping), [1] * 10, size=5, limit=2)

    assert tally.peak == 2
    assert tally.order == [1] * 10
    assert trio.current_time() == 6


async def test_progress_is_told_after_each_batch(batch: Any) -> None:
    """With the number of the batch and of the items done."""
    told: list[BatchProgress] = []

    await batch(give, range(5), size=2, limit=2, on_progress=told.append)

    assert told == [BatchProgress(1, 3, 2, 5), BatchProgress(2, 3, 4, 5), BatchProgress(3, 3, 5, 5)]
    assert [each.share for each in told] == [0.4, 0.8, 1.0]


async def test_a_hundred_items_make_five_batches_of_twenty(batch: Any) -> None:
    """The check after a batch is made after the last one too."""
    checks: list[int] = []

    async def check() -> Any:
        checks.append(1)
        return Ok(None)

    await batch(give, range(100), size=20, limit=3, after_batch=check)

    assert len(checks) == 5


async def test_the_check_follows_the_progress(batch: Any) -> None:
    """Progress is told when the items are done, before they are saved."""
    order: list[str] = []

    async def check() -> Any:
        order.append("check")
        return Ok(None)

    await batch(
        give,
        [1],
        size=1,
        limit=1,
        after_batch=check,
        on_progress=lambda _: order.append("progress"),
    )

    assert order == ["progress", "check"]


async def test_a_failing_item_ends_the_batch(batch: Any, autojump_clock: MockClock) -> None:
    """The cause says where it failed; no queued item starts, and no other batch."""
    tally = Tally()

    result = await batch(tally.counting(picky), [0, 0, 0, -1, 5, 5, 0], size=3, limit=1)

    assert result == Err(-1, BatchPosition(batch=2, index=3))
    assert len(tally.order) == 4


async def test_the_cause_of_a_failing_item_is_kept(batch: Any) -> None:
    """Beside its position."""

    async def failing(item: int) -> Any:
        return Err("e", "why")

    assert await batch(failing, [1], size=1, limit=1) == Err("e", BatchPosition(1, 0, "why"))


async def test_a_failing_check_ends_the_batches(batch: Any) -> None:
    """It has the number of its batch, and no item."""
    tally = Tally()

    async def check() -> Any:
        return Err("disk full") if len(tally.order) == 4 else Ok(None)

    result = await batch(tally.counting(give), range(9), size=2, limit=1, after_batch=check)

    assert result == Err("disk full", BatchPosition(batch=2, index=None))
    assert tally.order == [0, 1, 2, 3]


async def test_a_check_must_return_a_result(batch: Any) -> None:
    """A forgotten result is not taken for a success."""

    async def check() -> Any:
        return None

    result = await batch(give, [1], size=1, limit=1, after_batch=check)

    assert isinstance(result, Err)
    assert isinstance(result.cause, TypeError)


async def test_a_pause_between_batches(batch: Any, autojump_clock: MockClock) -> None:
    """Between, not after the last."""
    await batch(give, range(4), size=2, limit=2, delay="50ms")

    assert trio.current_time() == pytest.approx(0.05)


async def test_a_pause_can_be_cancelled(batch: Any, autojump_clock: MockClock) -> None:
    """A cancelled caller does not wait for the next batch."""
    tally = Tally()

    with trio.move_on_after(1) as scope:
        await batch(tally.counting(give), range(4), size=2, limit=2, delay=100)

    assert scope.cancelled_caught
    assert tally.order == [0, 1]


async def test_a_progress_callback_that_raises_changes_nothing(
    batch: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """It is logged, and the batches go on."""

    def broken(progress: BatchProgress) -> None:
        raise KeyError("progress bar")

    assert await batch(give, [1, 2], size=1, limit=1, on_progress=broken) == Ok([1, 2])
    assert "progress" in caplog.text


@pytest.mark.parametrize(
    "items", [iter([1]), {1, 2}, {0: "a"}, 3], ids=["iterator", "set", "mapping", "number"]
)
async def test_what_cannot_be_cut_into_batches_is_refused(batch: Any, items: Any) -> None:
    """The message says what to write instead."""
    result = await batch(give, items, size=1, limit=1)

    assert isinstance(result, Err)
    assert isinstance(result.cause, TypeError)
    assert f"items must be a sequence, got {items!r}: write list(...)" in str(result.cause)


async def test_an_async_progress_callback_is_refused(batch: Any) -> None:
    """Nobody would await it."""

    async def told(progress: BatchProgress) -> None:
        pass

    result = await batch(give, [1], size=1, limit=1, on_progress=told)

    assert isinstance(result, Err)
    assert isinstance(result.cause, TypeError)
    assert "on_progress" in str(result.cause)


BAD = [0, -1, 1.5, math.nan, True, "2"]


@pytest.mark.parametrize("size", [*BAD, math.inf])
async def test_a_size_that_is_no_count_is_refused(batch: Any, size: Any) -> None:
    """Also when there is nothing to do."""
    for items in ([], [1]):
        result = await batch(give, items, size=size, limit=1)

        assert isinstance(result, Err)
        assert isinstance(result.cause, ValueError)
        assert f"size must be a whole number from 1, got {size!r}" in str(result.cause)


@pytest.mark.parametrize("limit", BAD)
async def test_a_batch_limit_that_is_no_count_is_refused(batch: Any, limit: Any) -> None:
    """Also when there is nothing to do."""
    for items in ([], [1]):
        result = await batch(give, items, size=1, limit=limit)

        assert isinstance(result, Err)
        assert "limit must be a whole number from 1" in str(result.cause)


async def test_the_size_is_checked_first(batch: Any) -> None:
    """One message at a time, always the same."""
    result = await batch(give, [1], size=0, limit=0)

    assert isinstance(result, Err)
    assert "size" in str(result.cause)


async def test_an_item_of_a_batch_is_a_step(autojump_clock: MockClock) -> None:
    """Observers see each, under the batch, numbered by its place."""
    recorder = Recorder()

    await batches.options(observers=[recorder])(give, [7, 8, 9], {"size": 2, "limit": 2})

    recorder.check_laws()
    values = {path: recorder.outcome(path).value for path in recorder.paths[2:]}
    assert values == {"batches/batch/give": 7, "batches/batch/give#2": 8, "batches/batch/give#3": 9}
    assert [(e.done, e.total) for e in recorder.of(Progress)] == [(2, 3), (3, 3)]


def items_of(kind: str, count: int, end: Exception | None = None) -> Any:
    """Return the numbers below ``count`` as a kind of iterable, which may end by raising."""
    if kind == "list":
        return list(range(count))

    def sync() -> Iterator[int]:
        yield from range(count)
        if end is not None:
            raise end

    async def later() -> AsyncGenerator[int, None]:
        for i in range(count):
            yield i
        if end is not None:
            raise end

    return sync() if kind == "generator" else later()
