"""Runs a test under many schedules, and makes of a failure one that anyone can replay."""

from __future__ import annotations

import random
import warnings
from functools import cache
from typing import TYPE_CHECKING, Any, final

import msgspec
import trio

from awaitly_trio._values.callables import behind_partials
from awaitly_trio.testing._choosers import Script
from awaitly_trio.testing._clock import virtual_clock
from awaitly_trio.testing._errors import SchedulerUnavailableError
from awaitly_trio.testing._findings import Exploration, FailedSchedule, ScheduleError
from awaitly_trio.testing._hunt import Failed, Hunt, Order, repeated
from awaitly_trio.testing._session import Plan, Session
from awaitly_trio.testing._shrinking import Shrinker
from awaitly_trio.testing._story import Narrator
from awaitly_trio.testing._turns import read_schedule, write_schedule

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from awaitly_trio.testing._hunt import Strategy
    from awaitly_trio.testing._scheduler import Scheduler
    from awaitly_trio.testing._session import Search
    from awaitly_trio.testing._turns import Turns


class Rules(msgspec.Struct, frozen=True, kw_only=True):
    """How an exploration treats each run.

    ``twice`` runs each schedule again and compares the two.  ``max_steps``
    make a run a livelock; ``patience`` is in real seconds.  ``shrink_runs``
    may be spent on making a failure plain.  ``jitter`` lets timers be late by
    up to so many virtual seconds, another time for each seed.  ``degrade``
    repeats the test in Trio's own order where schedules cannot be decided.
    """

    twice: bool = True
    max_steps: int = 100_000
    patience: float = 30.0
    shrink_runs: int = 500
    jitter: float = 0.0
    degrade: bool = False


USUAL = Rules()


def explore(
    test: Callable[[], Awaitable[Any]],
    *,
    schedules: int = 1000,
    seed: int | None = 0,
    strategy: Strategy = "auto",
    replay: str | None = None,
    rules: Rules = USUAL,
) -> Exploration:
    """Run an async function under many interleavings of its tasks, in virtual time.

    It ends early when there are no other interleavings.  The function makes
    what it uses anew in each call and raises, or asserts, when something is wrong.

    Args:
      test: Called without arguments; ``functools.partial`` gives it some.
      schedules: The most to run, each twice unless the rules say otherwise.
      seed: Decides schedules, jitter and ids; ``None`` draws one.
      strategy: ``exhaustive`` runs each interleaving once, those with few
        preemptions first; ``random`` picks any task; ``priorities`` lets some
        tasks run far ahead; ``auto`` takes turns among them.
      replay: The text of one schedule to run instead.
      rules: The less frequent choices.

    Raises:
      ScheduleError: The test failed; the error has the plainest schedule found.
      NondeterminismError: One seed gave two different runs.
      SchedulerUnavailableError: Schedules cannot be decided under this Trio.
      SchedulerBusyError: Another exploration is under way.
      ValueError: ``schedules`` is below one, or ``strategy`` or ``replay`` is none.
    """
    __tracebackhide__ = True
    if schedules < 1:
        raise ValueError(f"schedules must be at least 1, not {schedules!r}")
    chosen = random.SystemRandom().getrandbits(32) if seed is None else seed
    try:
        canary()
    except SchedulerUnavailableError as error:
        if not rules.degrade:
            raise
        return repeat(test, schedules, chosen, error)
    explorer = Explorer(test, chosen, rules)
    if replay is not None:
        return explorer.replay(replay)
    return explorer.explore(Order(strategy, chosen), schedules)


@final
class Explorer:
    """One exploration of one test."""

    def __init__(self, test: Callable[[], Awaitable[Any]], seed: int, rules: Rules) -> None:
        self._test, self._seed, self._rules = test, seed, rules
        self._scheduler: Scheduler

    def explore(self, order: Order, schedules: int) -> Exploration:
        """Run up to so many schedules; raise for the first that fails."""
        __tracebackhide__ = True
        hunt = Hunt(order, schedules=schedules, twice=self._rules.twice)
        self._run(self._hunt(hunt))
        return Exploration(
            test=title_of(self._test),
            seed=self._seed,
            schedules=hunt.schedules,
            interleavings=hunt.interleavings,
            runs=hunt.runs,
            most_choices=hunt.most_choices,
            is_complete=order.is_complete,
        )

    def replay(self, text: str) -> Exploration:
        """Run one schedule; raise if it fails."""
        __tracebackhide__ = True
        chance, turns = read_schedule(text)
        self._run(self._told(chance, turns, found_at=1, strategy="replay"))
        return Exploration(
            test=title_of(self._test),
            seed=self._seed,
            schedules=1,
            interleavings=1,
            runs=1,
            most_choices=0,
            is_complete=False,
        )

    def _run(self, search: Search[Exception | None]) -> None:
        __tracebackhide__ = True
        rules = self._rules
        session = Session(
            self._test,
            search,
            max_steps=rules.max_steps,
            patience=rules.patience,
            jitter=rules.jitter,
        )
        self._scheduler = session.scheduler
        error = session.run()
        if isinstance(error, ScheduleError):
            raise error from error.failure
        if error is not None:
            raise error

    def _hunt(self, hunt: Hunt) -> Search[Exception | None]:
        found = yield from hunt.search()
        if not isinstance(found, Failed):
            return found
        choice = found.choice
        shrinker = Shrinker(found.attempt, chance=choice.chance, runs=self._rules.shrink_runs)
        plainest = yield from shrinker.search()
        # What anyone can replay is a run that shares nothing with those before it.
        error = yield from repeated(plainest.attempt, choice.chance, alone=True)
        if error is not None:
            error.__cause__ = plainest.attempt.failure
            return error
        return (
            yield from self._told(
                choice.chance,
                plainest.turns,
                found_at=hunt.schedules,
                strategy=choice.strategy,
                is_plainest=plainest.is_proved,
            )
        )

    def _told(
        self,
        chance: str,
        turns: Turns,
        *,
        found_at: int,
        strategy: str,
        is_plainest: bool = False,
    ) -> Search[ScheduleError | None]:
        """Run a schedule in a run of its own and tell its story if it fails."""
        narrator = Narrator(self._scheduler)
        attempt = yield Plan(Script(turns), chance, alone=True, instrument=narrator)
        if attempt.failure is None:
            return None
        schedule = FailedSchedule(
            test=title_of(self._test),
            seed=self._seed,
            replay=write_schedule(chance, turns),
            found_at=found_at,
            strategy=strategy,
            switches=attempt.trace.switches,
            preemptions=attempt.trace.preemptions,
            is_plainest=is_plainest,
            story=narrator.story(),
        )
        return ScheduleError(schedule, attempt.failure)


@cache
def canary() -> None:
    """Prove, once a process, that the order of tasks follows the chooser.

    Raises:
      SchedulerUnavailableError: It does not, in this version of Trio.
    """

    async def task() -> None:
        await trio.lowlevel.checkpoint()

    async def two_tasks() -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(task)
            nursery.start_soon(task)

    # Two tasks of two steps each interleave in exactly six ways.
    expected = 6
    found = Explorer(two_tasks, 0, USUAL).explore(Order("exhaustive", 0), 2 * expected)
    if found.interleavings != expected or not found.is_complete:
        reached = f"the order of tasks cannot be decided ({found.interleavings} of 6 reached)"
        raise SchedulerUnavailableError(trio.__version__, [reached])


def title_of(test: Callable[[], Awaitable[Any]]) -> str:
    """Return the name a test is reported under."""
    test = behind_partials(test)
    return getattr(test, "__qualname__", None) or type(test).__qualname__


def repeat(
    test: Callable[[], Awaitable[Any]], schedules: int, seed: int, why: Exception
) -> Exploration:
    """Run a test so many times in Trio's own order, and warn why."""
    warnings.warn(f"{why}; repeating the test {schedules} times instead", stacklevel=3)
    for _ in range(schedules):
        virtual_clock().run(test)
    return Exploration(
        test=title_of(test),
        seed=seed,
        schedules=schedules,
        interleavings=0,
        runs=schedules,
        most_choices=0,
        is_complete=False,
        is_decided=False,
    )
