"""Limits on how many calls run at once.

The places and the line are in ``slots``.  A ``ConcurrencyLimiter`` lets everybody
wait; a ``Bulkhead`` sends away whom its line has no room for.
"""

from __future__ import annotations

import math
from functools import update_wrapper
from typing import TYPE_CHECKING, TypeVar, final

import trio
from typing_extensions import ParamSpec

from awaitly_trio._policies.layers import Layer
from awaitly_trio._tasks.slots import ConcurrencyStatistics, Slot, SlotQueue
from awaitly_trio._values.duration import Duration, format_duration, seconds
from awaitly_trio._values.errors import QueueFull
from awaitly_trio._values.refusals import CallRefusedError
from awaitly_trio._values.result import Err, Ok

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from typing_extensions import Never

P = ParamSpec("P")
T = TypeVar("T")
E = TypeVar("E")


class _Places:
    """What both limiters share: the places, taken and given back."""

    __slots__ = ("_slots", "name")

    _max_wait = math.inf

    def __init__(self, name: str, limit: int, max_queue: float) -> None:
        if not limit >= 1:
            raise ValueError(f"limit must be at least 1 call at once, not {limit!r}")
        self.name = name
        self._slots = SlotQueue(name, limit, max_queue)

    def acquire_nowait(self) -> Slot:
        """Take a place now; use it as a ``with`` block or release it.

        Raises:
          trio.WouldBlock: None is free, or somebody waits for it.
        """
        slot = self._slots.take_nowait()
        if slot is None:
            raise trio.WouldBlock
        return slot

    @property
    def is_full(self) -> bool:
        """Whether a call now would be refused."""
        return self._slots.is_full(self._max_wait)

    def reset(self) -> None:
        """Forget who holds a place, and admit those who wait, as far as there are places.

        Calls under way are not stopped, so more than the limit may run for a while.
        What they give back does not count.
        """
        self._slots.reset()

    def statistics(self) -> ConcurrencyStatistics:
        """Return a record of the places and the line."""
        return self._slots.statistics()

    def __repr__(self) -> str:
        """Say how many run and wait."""
        return f"<{type(self).__name__} {self.statistics()}>"


@final
class ConcurrencyLimiter(_Places):
    """Let no more than so many calls run at once; the others wait, first come, first served.

    It may be made at import time and serve one run after another.  It is not thread-safe.

    Args:
      name: What it is called.
      limit: The most calls that run at once.

    Raises:
      ValueError: ``limit`` is below one.
    """

    __slots__ = ()

    def __init__(self, name: str, limit: int) -> None:
        super().__init__(name, limit, math.inf)

    async def __call__(
        self, fn: Callable[P, Awaitable[T]], /, *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Call an async function, of whatever kind, when there is a place.

        A call that need not wait adds no checkpoint of its own.  A caller who is
        cancelled while waiting leaves the line.

        Raises:
          SelfWaitError: There is no place, and the task itself holds one.
        """
        slot = self._slots.take_nowait() or await self._slots.wait()
        try:
            return await fn(*args, **kwargs)
        finally:
            self._slots.release(slot)

    def wrap(self, fn: Callable[P, Awaitable[T]]) -> Callable[P, Awaitable[T]]:
        """Return the function limited by this limiter."""

        async def limited(*args: P.args, **kwargs: P.kwargs) -> T:
            return await self(fn, *args, **kwargs)

        return update_wrapper(limited, fn)

    @property
    def layer(self) -> Layer[Never]:
        """What a concurrency limiter is as a layer of a policy."""
        limit = int(self.statistics().limit)
        return Layer("concurrency limiter", f"concurrency limiter {self.name!r}: {limit} at once")

    def fresh(self) -> ConcurrencyLimiter:
        """Return an unused limiter with the same limit."""
        return ConcurrencyLimiter(self.name, int(self.statistics().limit))

    async def acquire(self) -> Slot:
        """Wait for a place and take it, as in ``with await limiter.acquire():``.

        Always a checkpoint.  Whoever is cancelled while waiting holds nothing.

        Raises:
          SelfWaitError: There is no place, and the task itself holds one.
        """
        await trio.lowlevel.checkpoint_if_cancelled()
        slot = self._slots.take_nowait()
        if slot is None:
            return await self._slots.wait()
        await trio.lowlevel.cancel_shielded_checkpoint()
        return slot


@final
class Bulkhead(_Places):
    """Let no more than so many calls run at once, and no more than so many wait.

    It may be made at import time and serve one run after another.  It is not thread-safe.

    Args:
      name: What its refusals are called.
      limit: The most calls that run at once.
      max_queue: The most callers that wait, first come, first served; 0 to let
        nobody wait.
      max_wait: How long a caller may wait, in seconds or any other duration.

    Raises:
      ValueError: ``limit`` is below one, or ``max_queue`` is negative.
    """

    __slots__ = ("_max_wait",)

    def __init__(
        self, name: str, limit: int, *, max_queue: float, max_wait: Duration = math.inf
    ) -> None:
        if not max_queue >= 0:
            raise ValueError(f"max_queue must be 0 or more waiting callers, not {max_queue!r}")
        super().__init__(name, limit, max_queue)
        self._max_wait = seconds(max_wait, "max_wait")

    async def __call__(
        self, fn: Callable[P, Awaitable[Ok[T] | Err[E]]], /, *args: P.args, **kwargs: P.kwargs
    ) -> Ok[T] | Err[E | QueueFull]:
        """Call a function that returns a result, when there is a place in time.

        A refusal is a cancellation point; a call that need not wait adds none of its
        own.  A caller who is cancelled while waiting leaves the line.

        Raises:
          SelfWaitError: There is no place, and the task itself holds one.
        """
        slot = self._slots.take_nowait() or await self._slots.wait_at_most(self._max_wait)
        if slot is None:
            return Err(self._refusal())
        try:
            return await fn(*args, **kwargs)
        finally:
            self._slots.release(slot)

    def wrap(
        self, fn: Callable[P, Awaitable[Ok[T] | Err[E]]]
    ) -> Callable[P, Awaitable[Ok[T] | Err[E | QueueFull]]]:
        """Return the function limited by this bulkhead."""

        async def limited(*args: P.args, **kwargs: P.kwargs) -> Ok[T] | Err[E | QueueFull]:
            return await self(fn, *args, **kwargs)

        return update_wrapper(limited, fn)

    @property
    def layer(self) -> Layer[QueueFull]:
        """What a bulkhead is as a layer of a policy."""
        places = f"{self.statistics().limit:g} at once, {self._slots.max_queue} waiting"
        text = f"bulkhead {self.name!r}: {places} up to {format_duration(self._max_wait)}"
        return Layer("concurrency limiter", text, (QueueFull,))

    def fresh(self) -> Bulkhead:
        """Return an unused bulkhead with the same limits."""
        limit, queue = int(self.statistics().limit), self._slots.max_queue
        return Bulkhead(self.name, limit, max_queue=queue, max_wait=self._max_wait)

    async def acquire(self) -> Slot:
        """Wait for a place and take it, as in ``with await bulkhead.acquire():``.

        Always a checkpoint.  Whoever is cancelled while waiting holds nothing.

        Raises:
          CallRefusedError: There is no place in time.
          SelfWaitError: There is no place, and the task itself holds one.
        """
        await trio.lowlevel.checkpoint_if_cancelled()
        slot = self._slots.take_nowait()
        if slot is not None:
            await trio.lowlevel.cancel_shielded_checkpoint()
            return slot
        slot = await self._slots.wait_at_most(self._max_wait)
        if slot is None:
            raise CallRefusedError(self._refusal())
        return slot

    def _refusal(self) -> QueueFull:
        return QueueFull(self.name, self._slots.max_queue)
