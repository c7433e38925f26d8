"""Rate limits shared by tasks.

The waiting is in ``rate_queue``, the arithmetic below it in ``_policies``.  This
module is the ways to call through a limiter.
"""

from __future__ import annotations

import math
from functools import update_wrapper
from typing import TYPE_CHECKING, Any, TypeVar, final, overload

import trio
from typing_extensions import ParamSpec

from awaitly_trio._policies.bucket import Bucket
from awaitly_trio._policies.layers import Layer
from awaitly_trio._policies.rate import RateRule, check_cost
from awaitly_trio._tasks.rate_queue import RateQueue, RateStatistics
from awaitly_trio._values.duration import Duration, format_duration, seconds
from awaitly_trio._values.errors import RateLimited
from awaitly_trio._values.refusals import CallRefusedError
from awaitly_trio._values.result import Err, Ok

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from types import TracebackType

    from typing_extensions import Never

P = ParamSpec("P")
T = TypeVar("T")
E = TypeVar("E")


class _Limiter:
    """What the two kinds of limiter share: a line, and the cost that is paid each time."""

    __slots__ = ("_cost", "_queue", "name")

    _max_wait = math.inf

    def __init__(self, queue: RateQueue, cost: float) -> None:
        self.name = queue.name
        self._queue = queue
        self._cost = check_cost(cost, queue.rule.capacity)

    async def acquire(self) -> None:
        """Wait for a turn and take it; always a checkpoint.

        Whoever is cancelled while waiting takes nothing.
        """
        await trio.lowlevel.checkpoint_if_cancelled()
        if self._queue.take_nowait(self._cost):
            await trio.lowlevel.cancel_shielded_checkpoint()
            return
        remaining = await self._queue.take(self._cost, self._max_wait)
        if remaining is not None:
            raise CallRefusedError(RateLimited(self.name, remaining))

    def acquire_nowait(self) -> None:
        """Take a turn now.

        Raises:
          trio.WouldBlock: There is none, or somebody waits for it.
        """
        if not self._queue.take_nowait(self._cost):
            raise trio.WouldBlock

    async def __aenter__(self) -> None:
        await self.acquire()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Do nothing: what is limited is the start."""

    def reset(self) -> None:
        """Forget every start; those who wait go on in their order, as far as there is room."""
        self._queue.reset()

    def statistics(self) -> RateStatistics:
        """Return a record of what is left, and of the line."""
        return self._queue.statistics()

    def __repr__(self) -> str:
        """Say what is left and who waits."""
        now = self.statistics()
        return (
            f"<{type(self).__name__} {self.name!r}, {now.available:.3g} of {now.capacity:g} "
            f"available, {now.waiting} waiting>"
        )

    def _limited(self, fn: Callable[P, Awaitable[Any]]) -> Callable[P, Awaitable[Any]]:
        queue = self._queue
        state = queue.state
        cost = self._cost
        if not isinstance(state, Bucket):

            def limited(*args: P.args, **kwargs: P.kwargs) -> Awaitable[Any]:
                if queue.take_nowait(cost):
                    return fn(*args, **kwargs)
                return self._wait(fn, *args, **kwargs)

            return limited

        time = queue.time
        price = cost * state.interval
        slack = state.depth - price

        # ``take_nowait`` of a bucket, written out for speed.
        def limited_by_bucket(*args: P.args, **kwargs: P.kwargs) -> Awaitable[Any]:
            now = time.now()
            full_at = state.full_at
            if full_at <= now:
                full_at = now
            elif full_at - now > slack:
                return self._wait(fn, *args, **kwargs)
            if queue.waiting:
                return self._wait(fn, *args, **kwargs)
            state.full_at = full_at + price
            # Passing an empty dictionary on would cost a fifth of a bare await.
            return fn(*args, **kwargs) if kwargs else fn(*args)  # type: ignore[call-arg]

        return limited_by_bucket

    async def _wait(
        self, fn: Callable[P, Awaitable[Any]], *args: P.args, **kwargs: P.kwargs
    ) -> Any:
        remaining = await self._queue.take(self._cost, self._max_wait)
        if remaining is not None:
            return Err(RateLimited(self.name, remaining))
        return await fn(*args, **kwargs)


@final
class RateLimiter(_Limiter):
    """Let calls start in order of arrival, no faster than a rule allows.

    A call waits as long as it takes; see ``options`` for one that does not.  The
    turn is taken when the limiter is called or acquired: await at once what it
    returns.  What a call does afterwards, failing for example, gives nothing back.

    A limiter may be made at import time, be shared by all tasks of a run, and serve
    one run after another; between runs its time stands still.  It is not thread-safe.

    Args:
      name: What its refusals are called.
      rule: How many starts are allowed, such as ``TokenBucket(10, burst=20)``.
    """

    __slots__ = ()

    def __init__(self, name: str, rule: RateRule) -> None:
        super().__init__(RateQueue(name, rule), 1)

    def __call__(
        self, fn: Callable[P, Awaitable[T]], /, *args: P.args, **kwargs: P.kwargs
    ) -> Awaitable[T]:
        """Call an async function, of whatever kind, when its turn has come.

        A call that need not wait adds no checkpoint of its own.
        """
        return self._limited(fn)(*args, **kwargs)

    def wrap(self, fn: Callable[P, Awaitable[T]]) -> Callable[P, Awaitable[T]]:
        """Return the function limited by this limiter, for those who call it often."""
        return update_wrapper(self._limited(fn), fn)

    @property
    def layer(self) -> Layer[Never]:
        """What a rate limiter is as a layer of a policy."""
        return Layer("rate limiter", f"rate limiter {self.name!r}: {self._queue.rule!r}")

    def fresh(self) -> RateLimiter:
        """Return an unused limiter with the same rule and cost."""
        return RateLimiter(self.name, self._queue.rule).options(cost=self._cost)

    @overload
    def options(self, *, cost: float = 1) -> RateLimiter: ...
    @overload
    def options(self, *, max_wait: Duration, cost: float = 1) -> RefusingRateLimiter: ...
    def options(
        self, *, cost: float = 1, max_wait: Duration | None = None
    ) -> RateLimiter | RefusingRateLimiter:
        """Return a view of this limiter, which shares its rate and its line.

        Args:
          cost: How many starts a call through the view is worth.
          max_wait: How long a call may wait, in seconds or any other duration; 0 to
            never wait.  A call that would wait longer is refused as soon as that is known.

        Raises:
          ValueError: ``cost`` is not above zero, or more than can ever start at once.
        """
        if max_wait is not None:
            return RefusingRateLimiter(self._queue, cost, seconds(max_wait, "max_wait"))
        view = RateLimiter.__new__(RateLimiter)
        _Limiter.__init__(view, self._queue, cost)
        return view


@final
class RefusingRateLimiter(_Limiter):
    """A view of a rate limiter that sends away whoever would have to wait too long.

    As a block or by ``acquire`` it raises ``CallRefusedError``, which carries
    the ``RateLimited`` that a call returns.
    """

    __slots__ = ("_max_wait",)

    def __init__(self, queue: RateQueue, cost: float, max_wait: float) -> None:
        super().__init__(queue, cost)
        self._max_wait = max_wait

    def __call__(
        self, fn: Callable[P, Awaitable[Ok[T] | Err[E]]], /, *args: P.args, **kwargs: P.kwargs
    ) -> Awaitable[Ok[T] | Err[E | RateLimited]]:
        """Call a function that returns a result, if its turn comes in time.

        A refusal is a cancellation point; a call that need not wait adds none of its own.
        """
        return self._limited(fn)(*args, **kwargs)

    def wrap(
        self, fn: Callable[P, Awaitable[Ok[T] | Err[E]]]
    ) -> Callable[P, Awaitable[Ok[T] | Err[E | RateLimited]]]:
        """Return the function limited by this limiter, for those who call it often."""
        return update_wrapper(self._limited(fn), fn)

    @property
    def layer(self) -> Layer[RateLimited]:
        """What a rate limiter is as a layer of a policy."""
        wait = f"waits up to {format_duration(self._max_wait)}"
        text = f"rate limiter {self.name!r}: {self._queue.rule!r}, {wait}"
        return Layer("rate limiter", text, (RateLimited,))

    def fresh(self) -> RefusingRateLimiter:
        """Return an unused limiter with the same rule, cost and patience."""
        queue = RateQueue(self.name, self._queue.rule)
        return RefusingRateLimiter(queue, self._cost, self._max_wait)
