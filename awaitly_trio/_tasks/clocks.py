"""Wall-clock time for what is saved or shown; under a ``MockClock`` it follows virtual time.

Delays, limits and durations use ``trio.current_time()``, which starts at a
random offset and must never be saved.
"""

from __future__ import annotations

import sys
import time
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

import trio

if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from typing import TypeAlias

    WallClock: TypeAlias = Callable[[], float]

VIRTUAL_EPOCH = 946_684_800.0
"""Where wall time starts under a ``MockClock``: 2000-01-01, in seconds since 1970."""

_given: ContextVar[WallClock | None] = ContextVar("awaitly_trio.wall_clock", default=None)


def wall_clock() -> WallClock:
    """Return the wall clock of the current task: a function that gives seconds since 1970.

    It is the clock given by ``wall_clock_set``; otherwise the ``wall_time`` of
    the run's clock, where that has one; otherwise one that follows a
    ``MockClock`` from ``VIRTUAL_EPOCH``; otherwise the system's.
    """
    given = _given.get()
    if given is not None:
        return given
    if trio.lowlevel.in_trio_run():
        clock: Any = trio.lowlevel.current_clock()
        follower: WallClock | None = getattr(clock, "wall_time", None)
        if follower is not None:
            return follower
        # Nobody runs under a MockClock without trio.testing being loaded, and
        # loading it here would slow every import of the library.
        testing = sys.modules.get("trio.testing")
        if testing is not None and isinstance(clock, testing.MockClock):
            return lambda: VIRTUAL_EPOCH + clock.current_time()
    return time.time  # noqa: TID251  # the one place that owns it


def wall_clock_ns() -> Callable[[], int]:
    """Return the wall clock of the current task in whole nanoseconds since 1970."""
    clock = wall_clock()
    if clock is time.time:  # noqa: TID251  # as above
        return time.time_ns
    return lambda: int(clock() * 1_000_000_000)


@contextmanager
def wall_clock_set(clock: WallClock) -> Generator[None]:
    """Make a function the wall clock of the block and of the tasks it starts."""
    token = _given.set(clock)
    try:
        yield
    finally:
        _given.reset(token)
