"""Virtual time: a clock that stands still while tasks run and jumps when all of them wait."""

from __future__ import annotations

import math
import random
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar, final

import trio
import trio.abc
import trio.lowlevel
from trio.testing import MockClock, active_thread_count, wait_all_tasks_blocked
from typing_extensions import TypeVarTuple, Unpack

from awaitly_trio._tasks.clocks import VIRTUAL_EPOCH
from awaitly_trio._values.duration import seconds as in_seconds
from awaitly_trio.testing._errors import ClockTrapError, DeadlockError
from awaitly_trio.testing._guard import Guard
from awaitly_trio.testing._run_loop import is_waiting_for_idle
from awaitly_trio.testing._tree import tree_of_tasks
from awaitly_trio.testing._watchdog import Watchdog

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Generator
    from datetime import timedelta

T = TypeVar("T")
Args = TypeVarTuple("Args")

FOREVER = 86_400.0
"""Real seconds to wait for input while time stands still; Trio wakes at least that often."""


@final
class VirtualClock(trio.abc.Clock):
    """A clock for tests; see ``virtual_clock``.

    ``autojump`` may be switched while a test runs.
    """

    def __init__(self, *, autojump: bool, start: float, epoch: float, jitter: float) -> None:
        self.autojump = autojump
        self.guard = Guard()
        self._start, self._epoch = start, epoch
        self._jitter, self._random = jitter, random.Random(0)
        self._now = start
        self._next = math.inf
        self._pins = 0
        self._looked = False

    def __repr__(self) -> str:
        kind = "autojump" if self.autojump else "manual"
        return f"<VirtualClock at {self._now:g} s, {kind}>"

    def reset(self, seed: str) -> None:
        """Go back to the start; for a clock whose run has ended.  ``seed`` decides its jitter."""
        if self._jitter:
            self._random.seed(seed)
        self._now, self._next, self._pins = self._start, math.inf, 0
        self._looked = False

    def start_clock(self) -> None:
        """Do nothing: time begins where it was set."""

    def current_time(self) -> float:
        """Return the virtual seconds since the beginning."""
        return self._now

    def wall_time(self) -> float:
        """Return the wall time that follows this clock, in seconds since 1970."""
        return self._epoch + self._now - self._start

    def deadline_to_sleep_time(self, deadline: float) -> float:
        """Jump to the next deadline, or tell the run loop to wait for input.

        The run loop asks only when no task can run.
        """
        self._next = deadline
        if deadline <= self._now:
            return 0
        if self._pins or is_waiting_for_idle():
            return FOREVER
        threads = active_thread_count()
        may_jump = self.autojump and deadline < math.inf
        if threads:
            return self._wait_for_threads(threads, may_jump=may_jump)
        if may_jump:
            self._now = deadline + self._jitter * self._random.random()
            return 0
        if not self.guard.is_watching or waits_for_input():
            return FOREVER
        self._stuck(deadline)
        return 0

    def jump(self, seconds: float) -> None:
        """Move time on at once; what falls due runs when the caller next waits.

        Raises:
          ValueError: ``seconds`` is negative.
        """
        if not seconds >= 0:
            raise ValueError(f"time cannot go back by {seconds!r} s; make a new clock instead")
        self._now += seconds

    async def settle(self) -> None:
        """Wait until every other task waits; time stands still meanwhile."""
        await wait_all_tasks_blocked()

    async def advance(self, duration: float | timedelta | str) -> None:
        """Move time on, let all that falls due run, and return when every task waits.

        A task that sleeps again within the span wakes again within it, as it
        would in real time.

        Raises:
          ValueError: The duration is negative or not a duration.
        """
        await self.advance_to(self._now + in_seconds(duration, "duration"))

    async def advance_to(self, time: float) -> None:
        """Move time on to an instant of ``trio.current_time()``; see ``advance``.

        Raises:
          ValueError: The instant has passed.
        """
        if not time >= self._now:
            raise ValueError(f"time is at {self._now!r} and cannot go back to {time!r}")
        await self.settle()
        while self._next_deadline() <= time:
            self._now = max(self._now, self._next_deadline())
            await self.settle()
        self._now = time
        await self.settle()

    @contextmanager
    def pinned(self) -> Generator[None]:
        """Hold time still in the block; blocks may overlap, in any order."""
        self._pins += 1
        try:
            yield
        finally:
            self._pins -= 1

    def run(
        self,
        work: Callable[[Unpack[Args]], Awaitable[T]],
        *args: Unpack[Args],
        patience: float = 30.0,
    ) -> T:
        """Run an async function under this clock and return its value.

        Raises:
          DeadlockError: Every task waits for another.
          ClockTrapError: Time would have jumped past a thread at work.
          HungError: The run took longer than ``patience`` real seconds.
        """

        async def guarded() -> T:
            watchdog.enter_run()
            return await self.guard.run(lambda: work(*args))

        with Watchdog(self.guard, patience) as watchdog:
            return watchdog.interpret(lambda: trio.run(guarded, clock=self))

    def _next_deadline(self) -> float:
        left = trio.lowlevel.current_statistics().seconds_to_next_deadline
        # The run loop told the instant itself; the difference to it is rounded.
        return self._next if self._next - self._now == left else self._now + left

    def _wait_for_threads(self, threads: int, *, may_jump: bool) -> float:
        if may_jump and self.guard.error is None:
            self.guard.stop(ClockTrapError(threads, tree_of_tasks()))
            return 0
        return FOREVER

    def _stuck(self, deadline: float) -> None:
        # A thread that is not Trio's may have called in just now: the run loop
        # looks for that once more before the verdict.
        self._looked = not self._looked
        if self._looked:
            return
        why = "deadlock: every task waits, and none of them for time, input or a thread"
        if deadline < math.inf:
            why = (
                "every task waits and the clock is manual: keep a task that awaits "
                "clock.advance(...), or use autojump"
            )
        self.guard.stop(DeadlockError(why, tree_of_tasks()))


def virtual_clock(
    *,
    autojump: bool = True,
    start: float = 0.0,
    epoch: float = VIRTUAL_EPOCH,
    jitter: float = 0.0,
) -> VirtualClock:
    """Return a clock for ``trio.run(..., clock=clock)`` or, better, for ``clock.run(...)``.

    With ``autojump`` time jumps to the next deadline whenever every task
    waits; otherwise only ``advance``, ``advance_to`` and ``jump`` move it.
    With ``clock.run`` a run in which nothing can happen any more ends with
    ``DeadlockError``.

    Args:
      autojump: Whether time moves by itself.
      start: ``trio.current_time()`` at the beginning, in seconds.
      epoch: Wall time at the beginning, in seconds since 1970.
      jitter: Seconds by which a jump may overshoot its deadline, as real timers
        do; the same in each run.  Deadlines that are closer fall due together.

    Raises:
      ValueError: A number is not finite, or ``jitter`` is negative.
    """
    for name, value in (("start", start), ("epoch", epoch), ("jitter", jitter)):
        if not math.isfinite(value):
            raise ValueError(f"{name} must be a finite number of seconds, not {value!r}")
    return VirtualClock(
        autojump=autojump, start=start, epoch=epoch, jitter=in_seconds(jitter, "jitter")
    )


@contextmanager
def clock_pinned() -> Generator[None]:
    """Hold the current run's virtual time in the block, for threads and real input.

    A real clock goes on.  Blocks of several tasks may overlap.
    """
    clock = trio.lowlevel.current_clock()
    if isinstance(clock, VirtualClock):
        with clock.pinned():
            yield
    elif isinstance(clock, MockClock):
        with _held(clock):
            yield
    else:
        yield


_holds: dict[MockClock, tuple[int, float]] = {}


@contextmanager
def _held(clock: MockClock) -> Generator[None]:
    count, threshold = _holds.get(clock, (0, clock.autojump_threshold))
    _holds[clock] = count + 1, threshold
    clock.autojump_threshold = math.inf
    try:
        yield
    finally:
        count = _holds[clock][0] - 1
        if count:
            _holds[clock] = count, threshold
        else:
            del _holds[clock]
            clock.autojump_threshold = threshold


def waits_for_input() -> bool:
    """Tell whether a task waits for a socket, a pipe or a process."""
    statistics = trio.lowlevel.current_statistics().io_statistics
    waiting = sum(
        value
        for name in dir(statistics)
        if name.startswith("tasks_waiting") and isinstance(value := getattr(statistics, name), int)
    )
    # One task of Trio itself always waits for the pipe that wakes the run loop.
    return waiting > 1
