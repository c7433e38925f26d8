"""Runs one test many times, each time as a plan says, and tells what happened.

Starting Trio costs four times what a small test costs, so many attempts
share one ``trio.run``: each is a task of its own with its own context, clock
and seed of chance, and leaves nothing behind, or else the next gets a new run.
"""

from __future__ import annotations

import gc
import random
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, TypeVar, final

import outcome
import trio
import trio.lowlevel

from awaitly_trio._tasks.sources import seeded
from awaitly_trio._values.exits import BaseExceptionGroup
from awaitly_trio.testing._clock import VirtualClock, virtual_clock
from awaitly_trio.testing._errors import LivelockError
from awaitly_trio.testing._run_loop import order_decided_by
from awaitly_trio.testing._scheduler import Chooser, Scheduler, Trace
from awaitly_trio.testing._tree import tree_of_tasks
from awaitly_trio.testing._watchdog import Watchdog

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Generator
    from typing import TypeAlias

R = TypeVar("R")

PER_RUN = 200
"""Attempts that share a run: more gain no speed, and fewer keep less of what a test forgets."""


PER_COLLECTION = 20
"""Attempts after which their garbage is collected."""

FINDINGS = (Exception, BaseExceptionGroup, trio.Cancelled)
"""What may leave a test as its failure."""


class Plan(NamedTuple):
    """How to run the test once.

    ``chance`` seeds its randomness.  ``alone`` gives it a run of Trio of its
    own.  ``instrument`` watches its steps, ``profile`` the functions it calls.
    """

    chooser: Chooser
    chance: str
    alone: bool = False
    instrument: trio.abc.Instrument | None = None
    profile: Callable[[Any, str, Any], None] | None = None


class Attempt(NamedTuple):
    """What one run of the test did: its outcome, who ran, and its virtual seconds."""

    ended: outcome.Outcome[Any]
    trace: Trace
    seconds: float

    @property
    def failure(self) -> BaseException | None:
        """Return the exception that the test left with."""
        return self.ended.error if isinstance(self.ended, outcome.Error) else None


Search: TypeAlias = "Generator[Plan, Attempt, R]"
"""Yields plans, is sent what became of each, and returns what it found."""


@final
class Session(Generic[R]):
    """Does what a search asks for, until the search is over.

    Args:
      test: The async function to run.
      search: Decides each next plan.
      max_steps: Steps after which an attempt is a livelock.
      patience: Real seconds an attempt may take.
      jitter: Virtual seconds by which its timers may be late.
    """

    def __init__(
        self,
        test: Callable[[], Awaitable[Any]],
        search: Search[R],
        *,
        max_steps: int,
        patience: float,
        jitter: float = 0.0,
    ) -> None:
        self._test, self._search = test, search
        self._max_steps, self._patience = max_steps, patience
        self.scheduler = Scheduler()
        self._clock: VirtualClock = virtual_clock(jitter=jitter)
        self._plan: Plan | None = None
        self._result: R | None = None

    def run(self) -> R:
        """Return what the search found.

        Raises:
          SchedulerUnavailableError: Schedules cannot be decided under this Trio.
          SchedulerBusyError: Another exploration is under way.
          RuntimeError: It was called inside a run of Trio.
        """
        with (
            order_decided_by(self.scheduler),
            _garbage_kept(),
            Watchdog(self._clock.guard, self._patience) as watchdog,
        ):
            if trio.lowlevel.in_trio_run():
                raise RuntimeError(
                    "explore and sweep start Trio themselves: call them from a plain function"
                )
            self._next(None)
            while self._plan is not None:
                try:
                    watchdog.interpret(lambda: trio.run(self._serve, watchdog, clock=self._clock))
                except Exception as error:
                    # Anything but a stuck attempt is a mistake of the harness itself.
                    if error is not self._clock.guard.error:
                        raise
                    self._next(self._attempt_ended(outcome.Error(error)))
        return self._result  # type: ignore[return-value]

    def _next(self, attempt: Attempt | None) -> None:
        try:
            self._plan = next(self._search) if attempt is None else self._search.send(attempt)
        except StopIteration as over:
            self._plan, self._result = None, over.value

    async def _serve(self, watchdog: Watchdog) -> None:
        watchdog.enter_run()
        served = 0
        while self._plan is not None and not (served and self._plan.alone):
            plan = self._plan
            watchdog.beat()
            attempt = await self._attempt(plan)
            served += 1
            if served % PER_COLLECTION == 0:
                gc.collect(1)
            self._next(attempt)
            if plan.alone or served == PER_RUN or _leaves_tasks():
                return

    async def _attempt(self, plan: Plan) -> Attempt:
        guard = self._clock.guard
        self._clock.reset(plan.chance)
        ended: outcome.Outcome[Any] = outcome.Value(None)

        async def first() -> None:
            nonlocal ended
            with seeded(random.Random(plan.chance)):
                ended = await outcome.acapture(self._test)

        if plan.instrument is not None:
            trio.lowlevel.add_instrument(plan.instrument)
        # A profiler or a coverage tool that is at work keeps its hook.
        profile = plan.profile if sys.getprofile() is None else None
        try:
            async with trio.open_nursery() as nursery:
                guard.watch(nursery.cancel_scope)
                nursery.start_soon(first, name=self._test)
                self.scheduler.begin(
                    plan.chooser, limit=self._max_steps, on_limit=self._stop_livelock
                )
                if profile is not None:
                    sys.setprofile(profile)
        finally:
            if profile is not None:
                sys.setprofile(None)
            guard.watch(None)
            if plan.instrument is not None:
                trio.lowlevel.remove_instrument(plan.instrument)
        return self._attempt_ended(ended)

    def _attempt_ended(self, ended: outcome.Outcome[Any]) -> Attempt:
        error = ended.error if isinstance(ended, outcome.Error) else None
        stopped = self._clock.guard.error
        if stopped is not None and error is not stopped:
            stopped.__cause__ = error
            ended = outcome.Error(stopped)
        elif error is not None and not isinstance(error, FINDINGS):
            # An interrupt, or what a test framework ends a test with.
            raise error
        return Attempt(ended, self.scheduler.end(), self._clock.current_time())

    def _stop_livelock(self) -> None:
        # The work gets as many steps again to clean up.
        self.scheduler.allow(2 * self._max_steps)
        self._clock.guard.stop(LivelockError(self._max_steps, tree_of_tasks()))


@contextmanager
def _garbage_kept() -> Generator[None]:
    """Keep the collector from running finalisers in the middle of an attempt.

    It strikes after so many allocations of the whole process, which no seed decides.
    """
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def _leaves_tasks() -> bool:
    # Trio's first task, its task for callbacks, and ours.
    return trio.lowlevel.current_statistics().tasks_living > 3  # noqa: PLR2004
