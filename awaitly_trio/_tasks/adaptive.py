"""A concurrency limit that finds out by itself how many calls a service can bear.

The laws are in ``_policies.adaptive``, the places and the line in ``slots``.
"""

from __future__ import annotations

import math
from functools import partial, update_wrapper
from typing import TYPE_CHECKING, Any, TypeVar, final

import trio
from typing_extensions import ParamSpec

from awaitly_trio._policies.layers import Layer
from awaitly_trio._tasks.slots import ConcurrencyStatistics, SlotQueue
from awaitly_trio._tasks.timeline import Timeline
from awaitly_trio._values.duration import Duration, seconds
from awaitly_trio._values.errors import QueueFull, RateLimited, TimedOut
from awaitly_trio._values.result import Err, Ok

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from awaitly_trio._policies.adaptive import LimitLaw

P = ParamSpec("P")
T = TypeVar("T")
E = TypeVar("E")


def is_overload(error: Any) -> bool:
    """Tell whether an error or an exception is a sign of too much load.

    Timeouts are, and so are refusals for want of capacity.
    """
    return isinstance(error, (TimedOut, RateLimited, QueueFull, trio.TooSlowError))


@final
class AdaptiveLimiter:
    """Let as many calls run at once as the service seems to bear; the others wait in line.

    A success teaches by the time it took.  A failure teaches only if it is a sign
    of too much load; any other says nothing of the load, and neither does
    ``Cancelled``.

    It may be made at import time and serve one run after another.  It is not thread-safe.

    Args:
      name: What its refusals are called.
      law: How the limit follows the answers, such as ``Aimd()`` or ``Gradient()``.
      max_queue: The most callers that wait, first come, first served; 0 to let
        nobody wait.
      max_wait: How long a caller may wait, in seconds or any other duration.
      overload: Tells from the error of an ``Err``, or from an exception, whether it
        is a sign of too much load.

    Raises:
      ValueError: ``max_queue`` is negative.
    """

    __slots__ = ("_law", "_limit", "_max_wait", "_overload", "_slots", "_time", "name")

    def __init__(
        self,
        name: str,
        law: LimitLaw,
        *,
        max_queue: float,
        max_wait: Duration = math.inf,
        overload: Callable[[Any], bool] = is_overload,
    ) -> None:
        if not max_queue >= 0:
            raise ValueError(f"max_queue must be 0 or more waiting callers, not {max_queue!r}")
        self.name = name
        self._law = law
        self._limit = law.state()
        self._max_wait = seconds(max_wait, "max_wait")
        self._overload = overload
        self._slots = SlotQueue(name, int(self._limit.limit), max_queue)
        self._time = Timeline()

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
            return Err(QueueFull(self.name, self._slots.max_queue))
        with slot:
            started = self._time.now()
            running = self._slots.running
            try:
                result = await fn(*args, **kwargs)
            except Exception as error:
                self._learn_from(error)
                raise
            if isinstance(result, Err):
                self._learn_from(result.error)
            else:
                self._limit.succeeded(self._time.now() - started, running)
            self._slots.resize(int(self._limit.limit))
        return result

    def wrap(
        self, fn: Callable[P, Awaitable[Ok[T] | Err[E]]]
    ) -> Callable[P, Awaitable[Ok[T] | Err[E | QueueFull]]]:
        """Return the function limited by this limiter."""
        return update_wrapper(partial(self, fn), fn)

    @property
    def layer(self) -> Layer[QueueFull]:
        """What an adaptive limiter is as a layer of a policy."""
        text = f"adaptive limiter {self.name!r}: {self._law!r}, {self._slots.max_queue} waiting"
        return Layer("concurrency limiter", text, (QueueFull,))

    def fresh(self) -> AdaptiveLimiter:
        """Return an unused limiter with the same law, which has learnt nothing yet."""
        return AdaptiveLimiter(
            self.name,
            self._law,
            max_queue=self._slots.max_queue,
            max_wait=self._max_wait,
            overload=self._overload,
        )

    def _learn_from(self, error: object) -> None:
        if self._overload(error):
            self._limit.dropped()
            self._slots.resize(int(self._limit.limit))

    def statistics(self) -> ConcurrencyStatistics:
        """Return a record of the places and the line; the limit is that of now."""
        return self._slots.statistics()

    def __repr__(self) -> str:
        """Say how many run and wait."""
        return f"<{type(self).__name__} {self.statistics()}>"
