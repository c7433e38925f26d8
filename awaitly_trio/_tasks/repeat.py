"""Doing again what went well: repetition, and the ticks of a schedule."""

from __future__ import annotations

from functools import wraps
from typing import TYPE_CHECKING, Any, Generic, final

import trio
from typing_extensions import ParamSpec, Self, TypeVar

from awaitly_trio._tasks.clocks import wall_clock
from awaitly_trio._tasks.sources import chance
from awaitly_trio._values.result import Err, Ok

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine

    from awaitly_trio._policies.schedule import Driver, Schedule, Tick

P = ParamSpec("P")
R = TypeVar("R")
Out_co = TypeVar("Out_co", covariant=True)


@final
class Ticks(Generic[Out_co]):
    """The ticks of one use of a schedule, each after its delay.  Made by ``ticks``."""

    __slots__ = ("_driver", "_schedule", "_started")

    def __init__(self, schedule: Schedule[Any, Out_co]) -> None:
        self._schedule = schedule
        self._driver: Driver[Any, Out_co] | None = None
        self._started = 0.0

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Tick[Out_co]:
        """Wait for the next tick; always a checkpoint."""
        if self._driver is None:
            self._started = trio.current_time()
            self._driver = self._schedule.start(chance(), wall_clock())
        tick = self._driver.next(None, trio.current_time() - self._started)
        if tick is None:
            await trio.lowlevel.checkpoint()
            raise StopAsyncIteration
        await trio.sleep(tick.delay)
        return tick


def ticks(schedule: Schedule[Any, Out_co]) -> Ticks[Out_co]:
    """Return the ticks of a schedule, to be looped over with ``async for``.

    Each comes after its delay, the first too, and the delays begin when the loop asks.  Leaving
    the loop early leaves nothing behind.

    Args:
      schedule: When to tick; its input is ``None``.
    """
    return Ticks(schedule)


def repeat(
    fn: Callable[P, Awaitable[R]], schedule: Schedule[Any, Any]
) -> Callable[P, Coroutine[Any, Any, R]]:
    """Return an async function that calls another until the schedule stops or a call fails.

    It returns what the last call returned.  An ``Err`` or an exception ends the repetition
    at once; to repeat in spite of failures, repeat a function that retries.

    Args:
      fn: The function, called anew with the same arguments each time.
      schedule: When to call again.  Its inputs are the values returned, so
        ``until_input`` waits for the right one.
    """

    @wraps(fn)
    async def repeated(*args: P.args, **kwargs: P.kwargs) -> R:
        started = trio.current_time()
        driver = schedule.start(chance(), wall_clock())
        while True:
            result = await fn(*args, **kwargs)
            value: Any = result
            if value.__class__ is Err:
                return result
            if value.__class__ is Ok:
                value = value.value
            tick = driver.next(value, trio.current_time() - started)
            if tick is None:
                return result
            await trio.sleep(tick.delay)

    return repeated
