"""One function over many items in batches, with a pause and a check between batches."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar, final

import msgspec
import trio

from awaitly_trio._tasks.listener import Listener
from awaitly_trio._tasks.mapping import check_limit, map_each
from awaitly_trio._values.callables import check_sync
from awaitly_trio._values.duration import seconds
from awaitly_trio._values.exits import check_result
from awaitly_trio._values.result import Err, Ok

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from awaitly_trio._tasks.crew import Crew
    from awaitly_trio._values.duration import Duration
    from awaitly_trio._values.result import Result

Item = TypeVar("Item")
T = TypeVar("T")
E = TypeVar("E")


@final
class BatchProgress(msgspec.Struct, frozen=True):
    """How far the batches are, after batch number ``batch`` of ``batches``."""

    batch: int
    batches: int
    done: int
    total: int

    @property
    def share(self) -> float:
        """The part of the items that is done, from 0 to 1."""
        return self.done / self.total


@final
class BatchPosition(msgspec.Struct, frozen=True):
    """Where a batch failed: the ``cause`` of its ``Err``.

    ``batch`` counts from 1.  ``index`` is the position of the item in the
    input, from 0, or ``None`` when the check after the batch failed.  ``cause``
    is what the failed result itself gave as its cause.
    """

    batch: int
    index: int | None
    cause: Any = None


async def run_batches(
    fn: Callable[[Item], Awaitable[Result[T, E]]],
    items: Sequence[Item],
    *,
    size: int,
    limit: float,
    delay: Duration = 0.0,
    after_batch: Callable[[], Awaitable[Result[Any, E]]] | None = None,
    on_progress: Callable[[BatchProgress], object] | None = None,
    crew: Callable[[], Crew] | None = None,
) -> Result[list[T], E]:
    """Work through items batch by batch, at most ``limit`` at once within a batch.

    After a batch ``on_progress`` is told, then ``after_batch`` is awaited (the
    place to save), then ``delay`` seconds pass unless it was the last.  The
    first failure cancels its batch and no other batch starts.

    Returns:
      The values in the order of the items, or the first failure with a
      ``BatchPosition`` as its cause.

    Raises:
      ValueError: ``size``, ``limit`` or ``delay`` is out of range.
      TypeError: ``items`` is no sequence, or ``on_progress`` is async.
      Exception: What a function raised, except ``on_progress``: that is logged.
    """
    check_items(items)
    _check_size(size)
    check_limit(limit)
    if on_progress is not None:
        check_sync(on_progress, "on_progress")
    progress = Listener(on_progress)
    pause = seconds(delay, "delay")
    batches = -(-len(items) // size)
    values: list[T] = []
    if not items:
        await trio.lowlevel.checkpoint_if_cancelled()
    for batch in range(1, batches + 1):
        if batch > 1 and pause:
            await trio.sleep(pause)
        start = (batch - 1) * size
        done = await _one_batch(
            fn=fn,
            items=items[start : start + size],
            limit=limit,
            start=start,
            batch=batch,
            crew=crew,
        )
        if type(done) is Err:
            return done
        values += done.value
        progress.tell(BatchProgress(batch, batches, len(values), len(items)))
        if after_batch is not None:
            checked: Result[Any, E] = check_result(await after_batch())
            if type(checked) is Err:
                return Err(checked.error, BatchPosition(batch, None, checked.cause))
    return Ok(values)


def check_items(items: object) -> None:
    """Refuse items that cannot be counted and cut into batches.

    Raises:
      TypeError: They are no sequence, such as a list.
    """
    if not (hasattr(items, "__len__") and hasattr(items, "__getitem__")) or isinstance(
        items, Mapping
    ):
        raise TypeError(
            f"items must be a sequence, got {items!r}: write list(...), or map over what is endless"
        )


def _check_size(size: object) -> None:
    if not isinstance(size, int) or isinstance(size, bool) or size < 1:
        msg = f"size must be a whole number from 1, got {size!r}"
        raise ValueError(msg)


async def _one_batch(
    *,
    fn: Callable[[Item], Awaitable[Result[T, E]]],
    items: Sequence[Item],
    limit: float,
    start: int,
    batch: int,
    crew: Callable[[], Crew] | None,
) -> Result[list[T], E]:
    async def positioned(numbered: tuple[int, Item]) -> Result[T, E]:
        index, item = numbered
        result = await fn(item)
        if type(result) is Err:
            return Err(result.error, BatchPosition(batch, index, result.cause))
        return result

    numbered = list(enumerate(items, start))
    return await map_each(positioned, numbered, limit=limit, crew=crew and crew())
