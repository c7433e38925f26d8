"""One function over many items, a limited number at a time, results in input order."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import AsyncIterable, AsyncIterator, Sized
from typing import TYPE_CHECKING, Any, Generic, TypeVar, final

import trio

from awaitly_trio._tasks.crew import HELD, Crew
from awaitly_trio._tasks.listener import Listener
from awaitly_trio._values.exits import check_result
from awaitly_trio._values.result import Err, Ok

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable

    from awaitly_trio._values.result import Result

Item = TypeVar("Item")
T = TypeVar("T")
E = TypeVar("E")

CLOSE_ALLOWANCE = 5.0
"""Seconds that an async iterator gets to close when the map ends before it does."""


async def map_each(
    fn: Callable[[Item], Awaitable[Result[T, E]]],
    items: Iterable[Item] | AsyncIterable[Item],
    *,
    limit: float,
    on_done: Callable[[int], object] | None = None,
    crew: Crew | None = None,
) -> Result[list[T], E]:
    """Call a function for each item, at most ``limit`` at once, and collect the values.

    Items are taken in their order and when a place is free, never earlier, so an
    endless or slow iterable is fine.  The first failure cancels the rest, and no
    item is begun after it.

    Args:
      fn: Called with one item; returns a Result.
      items: A sync or async iterable.  An async generator is closed at the end.
      limit: How many items are worked on at once; ``math.inf`` for all.
      on_done: Called with the number of items that have succeeded, after each.
        What it raises is logged and changes nothing.
      crew: A crew of the caller's that tells afterwards who ended it.

    Returns:
      The values in the order of the items, or the failure that came first.

    Raises:
      ValueError: ``limit`` is not a whole number from 1, or ``math.inf``.
      TypeError: The function did not return a Result.
      Exception: What the function or the iterable raised.
    """
    check_limit(limit)
    async with crew or Crew() as members:
        mapped = _Mapped(fn, members, None if on_done is None else Listener(on_done))
        if isinstance(items, AsyncIterable):
            await _feed_async(items, limit, mapped)
        else:
            # Also without a limit there are workers: tasks that are started
            # together begin in any order, but each takes the next item.
            taken = list(items) if math.isinf(limit) else items
            _start_workers(taken, limit, mapped)
    result = mapped.result()
    if type(result) is Ok and not result.value:
        await trio.lowlevel.checkpoint_if_cancelled()
    return result


@final
class _Mapped(Generic[Item, T, E]):
    """What has come of the items so far."""

    __slots__ = ("_failed", "_fn", "_progress", "_values", "members")

    def __init__(
        self,
        fn: Callable[[Item], Awaitable[Result[T, E]]],
        members: Crew,
        progress: Listener[int] | None,
    ) -> None:
        self.members = members
        self._fn = fn
        self._progress = progress
        self._failed: Err[E] | None = None
        self._values: dict[int, T] = {}

    async def work(self, numbered: Iterable[tuple[int, Item]]) -> None:
        """Work on items, one after the other, until they or the map end."""
        fn, members, values, progress = self._fn, self.members, self._values, self._progress
        at: int | None = None
        try:
            for index, item in numbered:
                at = index
                result = await fn(item)
                if type(result) is not Ok:
                    # Taken for a failure, ``None`` would look as if there were none.
                    self._end(index, check_result(result))
                    return
                values[index] = result.value
                if progress is not None:
                    progress.tell(len(values))
                # A worker that succeeds in the very moment in which another one fails
                # would otherwise begin one more item.
                if members.why is not None:
                    return
                at = None
        except HELD as exc:
            members.fail(exc, at, "the iterable failed" if at is None else f"item {at} failed")

    def _end(self, index: int, failed: Result[T, E]) -> None:
        if type(failed) is Err:
            self._failed = self._failed or failed
        self.members.end("sibling_failed", index, f"item {index} failed")

    def result(self) -> Result[list[T], E]:
        """Return the values in the order of the items, or the failure that came first."""
        if self._failed is not None:
            return self._failed
        return Ok([self._values[index] for index in range(len(self._values))])


def check_limit(limit: float, name: str = "limit") -> None:
    """Refuse a number of things at once that is not a whole number from 1 or ``math.inf``.

    Raises:
      ValueError: It is not.
    """
    whole = isinstance(limit, int) and not isinstance(limit, bool) and limit >= 1
    if not whole and limit != math.inf:
        msg = f"{name} must be a whole number from 1, or math.inf, got {limit!r}"
        raise ValueError(msg)


def _start_workers(items: Iterable[Any], limit: float, mapped: _Mapped[Any, Any, Any]) -> None:
    """Start a fixed pool over one shared iterator: cheaper than a task for each item."""
    numbered = enumerate(items)
    size = len(items) if isinstance(items, Sized) else limit
    for _ in range(int(min(limit, size))):
        mapped.members.nursery.start_soon(mapped.work, numbered)


async def _feed_async(
    items: AsyncIterable[Any], limit: float, mapped: _Mapped[Any, Any, Any]
) -> None:
    """Take from an async iterable when a place is free, and start a task for each item."""
    places = trio.Semaphore(int(limit)) if limit != math.inf else None

    waiting: deque[tuple[int, Any]] = deque()

    async def placed() -> None:
        # Taken from the left, because tasks begin in any order.
        await mapped.work((waiting.popleft(),))
        if places is not None:
            places.release()

    source: AsyncIterator[Any] = items.__aiter__()
    index = 0
    try:
        while True:
            if places is not None:
                await places.acquire()
            try:
                item = await source.__anext__()
            except StopAsyncIteration:
                return
            waiting.append((index, item))
            mapped.members.nursery.start_soon(placed)
            index += 1
    finally:
        close = getattr(source, "aclose", None)
        if close is not None:
            # Without a shield a cancelled generator would be left to the
            # garbage collector; with the deadline it cannot hold up the end.
            with trio.move_on_after(CLOSE_ALLOWANCE, shield=True):
                await close()
