"""A rate limit and a concurrency limit in one."""

from __future__ import annotations

from functools import partial, update_wrapper
from typing import TYPE_CHECKING, Any, TypeVar, final

from typing_extensions import ParamSpec

from awaitly_trio._policies.layers import Layer
from awaitly_trio._values.errors import QueueFull, RateLimited

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from awaitly_trio._tasks.bulkhead import Bulkhead, ConcurrencyLimiter
    from awaitly_trio._tasks.limiter import RateLimiter, RefusingRateLimiter
    from awaitly_trio._tasks.rate_queue import RateStatistics
    from awaitly_trio._tasks.slots import ConcurrencyStatistics, Slot
    from awaitly_trio._values.result import Err, Ok

P = ParamSpec("P")
T = TypeVar("T")
E = TypeVar("E")


@final
class CombinedLimiter:
    """Let a call start when the rate allows it and there is a place for it, in this order.

    The place is taken last, so that nobody holds one while waiting for a turn.
    Nobody takes a turn either who would be sent away for want of a place.

    Args:
      rate: How often calls may start.
      concurrency: How many may run at once.
    """

    __slots__ = ("_run", "_start", "concurrency", "rate")

    def __init__(
        self,
        rate: RateLimiter | RefusingRateLimiter,
        concurrency: ConcurrencyLimiter | Bulkhead,
    ) -> None:
        self.rate = rate
        self.concurrency = concurrency
        # Either limiter calls any function; which errors it adds is for the caller to know.
        self._start: Callable[..., Awaitable[Any]] = rate
        self._run: Callable[..., Awaitable[Any]] = concurrency

    async def __call__(
        self, fn: Callable[P, Awaitable[Ok[T] | Err[E]]], /, *args: P.args, **kwargs: P.kwargs
    ) -> Ok[T] | Err[E | RateLimited | QueueFull]:
        """Call a function that returns a result, when both limiters let it.

        A caller who is cancelled while waiting for its turn has taken nothing; one
        who is cancelled while waiting for a place has lost its turn.
        """
        result: Ok[T] | Err[E | RateLimited | QueueFull]
        if self.concurrency.is_full:
            result = await self._run(fn, *args, **kwargs)
        else:
            result = await self._start(self._run, fn, *args, **kwargs)
        return result

    def wrap(
        self, fn: Callable[P, Awaitable[Ok[T] | Err[E]]]
    ) -> Callable[P, Awaitable[Ok[T] | Err[E | RateLimited | QueueFull]]]:
        """Return the function limited by both limiters."""
        return update_wrapper(partial(self, fn), fn)

    @property
    def layer(self) -> Layer[RateLimited | QueueFull]:
        """What both limiters are as one layer of a policy."""
        text = f"{self.rate.layer.text}; {self.concurrency.layer.text}"
        return Layer("combined limiter", text, (RateLimited, QueueFull))

    def fresh(self) -> CombinedLimiter:
        """Return an unused limiter with the same limits."""
        return CombinedLimiter(self.rate.fresh(), self.concurrency.fresh())

    async def acquire(self) -> Slot:
        """Wait for a turn and a place, as in ``with await limiter.acquire():``.

        Raises:
          CallRefusedError: One of the two limiters refuses.
        """
        if not self.concurrency.is_full:
            await self.rate.acquire()
        return await self.concurrency.acquire()

    def statistics(self) -> tuple[RateStatistics, ConcurrencyStatistics]:
        """Return the records of both limiters."""
        return self.rate.statistics(), self.concurrency.statistics()

    def __repr__(self) -> str:
        """Show both limiters."""
        return f"<CombinedLimiter of {self.rate!r} and {self.concurrency!r}>"
