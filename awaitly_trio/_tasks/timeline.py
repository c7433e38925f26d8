"""Time for what outlives a run: it goes on in the next run where the last one left it.

A breaker made at import time serves several ``trio.run``s, whose clocks start at
random offsets.  Between runs no time passes on a timeline: a breaker that was to
stay open for ten more seconds stays open for ten seconds of the next run.

Reading a clock through Trio costs more than all the rest of an admitted call.
So a timeline keeps the clock's own function while a run lasts, and a system
task, one for each run, takes it away at the end.  Trio's own clock is
``time.perf_counter`` plus a constant, and a timeline has an origin of its own:
there the function is ``perf_counter`` itself.
"""

from __future__ import annotations

from time import perf_counter
from typing import TYPE_CHECKING, final
from weakref import WeakSet

import trio

if TYPE_CHECKING:
    from collections.abc import Callable


@final
class Timeline:
    """Seconds since some instant, which never run backwards and do not care for runs.

    It serves one run at a time and is not thread-safe, as everything built on it.
    """

    __slots__ = ("__weakref__", "_reached", "now")

    now: Callable[[], float]
    """Read the time; raises ``RuntimeError`` outside a run."""

    def __init__(self) -> None:
        self._reached: float | None = None
        self.now = self._begin

    def latest(self) -> float:
        """Return the time, or outside a run the time at which the last one left off."""
        if trio.lowlevel.in_trio_run():
            return self.now()
        return self._reached or 0.0

    def _begin(self) -> float:
        """Read the time for the first time in a run, and directly from then on."""
        clock = _function_of(trio.lowlevel.current_clock())
        read = clock
        if self._reached is not None:
            shift = self._reached - clock()

            def read() -> float:
                return clock() + shift

        if _enrol(self):
            self.now = read
        else:
            self._reached = read()
        return read()

    def leave_run(self) -> None:
        """Keep the time reached, to go on from it in the next run."""
        self._reached = self.now()
        self.now = self._begin


def _function_of(clock: trio.abc.Clock) -> Callable[[], float]:
    kind = type(clock)
    # The class is private: should it be renamed, its function is merely slower.
    if kind.__name__ == "SystemClock" and kind.__module__.startswith("trio."):
        return perf_counter
    return clock.current_time


_enrolled: trio.lowlevel.RunVar[WeakSet[Timeline] | None] = trio.lowlevel.RunVar(
    "awaitly_trio.timelines"
)


def _enrol(timeline: Timeline) -> bool:
    """See to it that the timeline is told of the end of the run; ``False`` when it is over."""
    try:
        timelines = _enrolled.get()
    except LookupError:
        timelines = _first_in_run()
    if timelines is None:
        return False
    timelines.add(timeline)
    return True


def _first_in_run() -> WeakSet[Timeline] | None:
    timelines = WeakSet[Timeline]()
    try:
        trio.lowlevel.spawn_system_task(_end_with_run, timelines, name="awaitly_trio.timeline")
    except RuntimeError:
        # Async generators are finalised when no system task can be started any more.
        _enrolled.set(None)
        return None
    _enrolled.set(timelines)
    return timelines


async def _end_with_run(timelines: WeakSet[Timeline]) -> None:
    try:
        await trio.sleep_forever()
    finally:
        _enrolled.set(None)
        for timeline in list(timelines):
            timeline.leave_run()
