"""Values loaded in batches."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from awaitly_trio._tasks.cached import cached
from awaitly_trio._tasks.loader import Loader
from awaitly_trio._values.errors import MissingKey
from awaitly_trio._values.result import Err, Ok, Result

if TYPE_CHECKING:
    from collections.abc import Mapping


class Table:
    """Knows the squares of the numbers below a hundred, and which batches were asked for."""

    def __init__(self, duration: float = 0) -> None:
        self.batches: list[list[int]] = []
        self.duration = duration
        self.error: Any = None

    async def load(self, keys: list[int]) -> Result[Mapping[int, int], str]:
        self.batches.append(keys)
        await trio.sleep(self.duration)
        if isinstance(self.error, Exception):
            raise self.error
        if self.error is not None:
            return Err(self.error)
        return Ok({key: key * key for key in keys if key < 100})


async def load_each(loader: Loader[int, int, str], *keys: int) -> dict[int, Any]:
    """Return what a task for each key got; those of equal keys got the same."""
    seen: dict[int, Any] = {}

    async def load(key: int) -> None:
        try:
            seen[key] = await loader.load(key)
        except OSError as error:
            seen[key] = error

    async with trio.open_nursery() as nursery:
        for key in keys:
            nursery.start_soon(load, key)
    return seen


async def test_tasks_share_a_batch(autojump_clock: MockClock) -> None:
    """What they ask for in one pass of the scheduler is loaded at once, each key once."""
    table = Table()
    loader = Loader(table.load)

    seen = await load_each(loader, 3, 4, 3, 5)

    assert seen == {3: Ok(9), 4: Ok(16), 5: Ok(25)}
    assert [sorted(batch) for batch in table.batches] == [[3, 4, 5]]
    assert (loader.statistics().asked, loader.statistics().loaded) == (4, 3)


async def test_a_later_pass_is_a_new_batch(autojump_clock: MockClock) -> None:
    """Nothing is remembered, and a batch under way takes no more keys."""
    table = Table(duration=1)
    loader = Loader(table.load)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(loader.load, 3)
        await wait_all_tasks_blocked()
        nursery.start_soon(loader.load, 3)

    assert table.batches == [[3], [3]]


async def test_a_batch_has_its_largest_size(autojump_clock: MockClock) -> None:
    """What does not fit is loaded in further batches at the same time."""
    table = Table(duration=1)
    loader = Loader(table.load, max_batch=2)
    origin = trio.current_time()

    await load_each(loader, 1, 2, 3, 4, 5)

    assert sorted(map(len, table.batches)) == [1, 2, 2]
    assert trio.current_time() - origin == pytest.approx(1)


@pytest.mark.parametrize("max_batch", [2, 100])
async def test_many_keys_keep_their_order(max_batch: int, autojump_clock: MockClock) -> None:
    """The values come as often and in the order as they were asked for."""
    table = Table()
    loader = Loader(table.load, max_batch=max_batch)

    assert await loader.load_many([5, 3, 5, 4]) == Ok([25, 9, 25, 16])
    assert sorted(key for batch in table.batches for key in batch) == [3, 4, 5]


async def test_no_keys_load_nothing(autojump_clock: MockClock) -> None:
    """It is a checkpoint all the same."""
    table = Table()

    assert await Loader(table.load).load_many([]) == Ok([])
    with trio.CancelScope() as scope:
        scope.cancel(reason="test")
        await Loader(table.load).load_many([])

    assert (table.batches, scope.cancelled_caught) == ([], True)


async def test_a_key_without_a_value_is_a_typed_error(autojump_clock: MockClock) -> None:
    """The others of its batch have theirs."""
    loader = Loader(Table().load)

    seen = await load_each(loader, 3, 100)

    assert seen == {3: Ok(9), 100: Err(MissingKey(100))}
    assert await loader.load_many([3, 100]) == Err(MissingKey(100))


@pytest.mark.parametrize("error", ["down", OSError("down")], ids=["Err", "exception"])
async def test_a_failed_batch_fails_all_of_it(error: Any, autojump_clock: MockClock) -> None:
    """And the next batch is a new one."""
    table = Table()
    loader = Loader(table.load)
    table.error = error

    seen = await load_each(loader, 3, 4)
    table.error = None

    expected = Err(error) if error == "down" else error
    assert seen == {3: expected, 4: expected}
    assert await loader.load(3) == Ok(9)


async def test_a_failed_part_fails_the_whole(autojump_clock: MockClock) -> None:
    """Of several batches the first error is returned."""
    table = Table()
    table.error = "down"

    assert await Loader(table.load, max_batch=1).load_many([1, 2]) == Err("down")


@pytest.mark.parametrize("duration", [0, 1])
async def test_a_cancelled_leader_does_not_fail_the_others(
    duration: float, autojump_clock: MockClock
) -> None:
    """Those who wait are loaded in a new batch, before or while theirs is loaded."""
    table = Table(duration=1)
    loader = Loader(table.load)
    leaders: list[trio.CancelScope] = []
    values: list[Any] = []

    async def caller(key: int) -> None:
        with trio.CancelScope() as scope:
            leaders.append(scope)
            values.append(await loader.load(key))

    async with trio.open_nursery() as nursery:
        for key in (3, 4, 5):
            nursery.start_soon(caller, key)
        await trio.sleep(0.5 * duration)
        await trio.lowlevel.checkpoint()
        if leaders:
            leaders[0].cancel(reason="test")

    assert len(values) == 2
    assert len(table.batches[-1]) == 2


async def test_a_cached_loader_remembers(autojump_clock: MockClock) -> None:
    """The two primitives compose."""
    table = Table()
    load = cached(ttl=60)(Loader(table.load).load)

    await load(3)

    assert await load(3) == Ok(9)
    assert table.batches == [[3]]


def test_a_batch_without_room_is_refused() -> None:
    """The message shows the value."""
    with pytest.raises(ValueError, match="max_batch must be at least 1 key, not 0"):
        Loader(Table().load, max_batch=0)
