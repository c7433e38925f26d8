"""Schedules: immutable values that say how long to wait before the next time, and when to stop.

A schedule holds no state and no clock.  ``start`` gives a driver, which holds the
state of one use; whoever waits tells it what happened and how long it took.
"""

from __future__ import annotations

import math
import random
from typing import TYPE_CHECKING, Any, Generic, final

import msgspec
from typing_extensions import TypeVar

from awaitly_trio._policies.jitter import DEFAULT_SHARE, Jittered, check_jitter
from awaitly_trio._policies.moves import Plan, Sources
from awaitly_trio._policies.schedule_algebra import (
    Cap,
    Floor,
    Mapped,
    Tapped,
    UpTo,
    UpToElapsed,
    WhileInput,
    WhileOutput,
)
from awaitly_trio._policies.schedule_pairs import AndThen, Intersect, Union
from awaitly_trio._policies.series import check_finite
from awaitly_trio._values.duration import Duration, seconds

if TYPE_CHECKING:
    from collections.abc import Callable

    from awaitly_trio._policies.jitter import Jitter
    from awaitly_trio._policies.moves import Play

In_contra = TypeVar("In_contra", contravariant=True)
Out_co = TypeVar("Out_co", covariant=True)
In = TypeVar("In")
# The default answers for a lambda, whose parameter has no type to infer from.
Seen = TypeVar("Seen", default=Any)
Out = TypeVar("Out")


@final
class Tick(msgspec.Struct, Generic[Out_co], frozen=True):
    """Wait ``delay`` seconds, then go on.

    ``attempt`` is the number of the call that has just ended, from 1, and
    ``output`` what the schedule made of it.
    """

    delay: float
    output: Out_co
    attempt: int


@final
class Driver(Generic[In_contra, Out_co]):
    """One use of a schedule.  Made by ``Schedule.start``."""

    __slots__ = ("_attempt", "_play")

    def __init__(self, play: Play) -> None:
        self._play: Play | None = play
        self._attempt = 0

    def next(
        self, given: In_contra, elapsed: float = 0.0, *, at_least: float = 0.0
    ) -> Tick[Out_co] | None:
        """Return what to do after a call, or ``None`` to stop.

        Once it has said stop, it says so for ever.  It also stops where a
        delay has grown beyond any float.

        Args:
          given: What the call led to: an error in a retry, a result in a repetition.
          elapsed: Seconds since the first call began, by the caller's clock.
          at_least: Seconds that the world demands to wait (``Retry-After``).  No cap shortens
            them; a limit of elapsed time that they would break stops the schedule.
        """
        if self._play is None:
            return None
        move = self._play(given, elapsed, at_least)
        if move is None:
            self._play = None
            return None
        delay = move.settle()
        if at_least:
            delay = max(delay, at_least)
        if delay == math.inf:
            self._play = None
            return None
        self._attempt += 1
        return Tick(delay, move.output, self._attempt)


@final
class Schedule(msgspec.Struct, Generic[In_contra, Out_co], frozen=True):
    """When to try or do something again: an immutable value that combines with others.

    Schedules compare and hash by what they are built of, pickle when their functions
    do, and may be used any number of times at once.
    """

    plan: Plan

    def start(
        self, rng: random.Random, wall: Callable[[], float] | None = None
    ) -> Driver[In_contra, Out_co]:
        """Return a driver in its first state.

        Args:
          rng: Where jitter draws from.
          wall: Tells the seconds since 1970; only schedules of fixed times need it.
        """
        return Driver(self.plan.begin(Sources(rng, wall)))

    def delays(
        self,
        n: int = 100,
        *,
        rng: random.Random | None = None,
        now: float | None = None,
        given: Any = None,
    ) -> list[float]:
        """Return the first delays, to look at or to test.

        Calls are taken to need no time, so that the elapsed time is the sum of the delays.

        Args:
          n: How many at most.
          rng: Where jitter draws from; the default has a fixed seed.
          now: Seconds since 1970 at the start, for schedules of fixed times.
          given: What every call leads to.
        """
        found: list[float] = []
        wall = None if now is None else lambda: now + sum(found)
        driver = self.start(rng or random.Random(0), wall)
        while len(found) < n and (tick := driver.next(given, sum(found))):
            found.append(tick.delay)
        return found

    @property
    def is_timed(self) -> bool:
        """Whether ``elapsed`` matters, so that others need not read the clock."""
        return self.plan.is_timed

    def up_to(self, times: float) -> Schedule[In_contra, Out_co]:
        """Stop after so many delays: zero or more, ``math.inf`` for no limit.

        A retry makes one call more than that; ``attempts=`` of the constructors counts calls.
        """
        if times == math.inf:
            return self
        return Schedule(UpTo(self.plan, check_count(times, "times", least=0)))

    def up_to_elapsed(self, limit: Duration) -> Schedule[In_contra, Out_co]:
        """Stop instead of a delay that would end later than ``limit`` after the start.

        It never overshoots: the last delay is not shortened to fit, it is not begun.  Jitter
        that is written outside is held within what is left.  The calls themselves are not
        cut off; a time limit around them does that.
        """
        return Schedule(UpToElapsed(self.plan, seconds(limit, "limit")))

    def cap(self, limit: Duration) -> Schedule[In_contra, Out_co]:
        """Let no delay exceed ``limit``, whether jitter and floor are written before or after."""
        return Schedule(Cap(self.plan, seconds(limit, "cap")))

    def floor(self, limit: Duration) -> Schedule[In_contra, Out_co]:
        """Let no delay be shorter than ``limit``, jitter included; a lower cap wins."""
        return Schedule(Floor(self.plan, check_finite(limit, "floor")))

    def jitter(
        self, strategy: Jitter = "full", *, share: float | None = None
    ) -> Schedule[In_contra, Out_co]:
        """Spread the delays by chance.

        Args:
          strategy: ``"full"`` draws from 0 to the delay, ``"equal"`` from half of it to all of it,
            ``"proportional"`` from ``share`` less to ``share`` more. ``"decorrelated"`` draws from
            the first delay to three times its own last one, and takes no more from the schedule.
            ``"none"`` leaves the schedule as it is.
          share: For proportional jitter: above 0, up to 1; 0.2 unless given.

        Raises:
          ValueError: The strategy is unknown, or the share out of range or out of place.
        """
        check_jitter(strategy, share)
        if strategy == "none":
            return self
        return Schedule(Jittered(self.plan, strategy, DEFAULT_SHARE if share is None else share))

    def while_input(self, predicate: Callable[[Seen], bool]) -> Schedule[Seen, Out_co]:
        """Stop at the first call whose outcome fails the predicate."""
        return Schedule(WhileInput(self.plan, predicate, wanted=True))

    def until_input(self, predicate: Callable[[Seen], bool]) -> Schedule[Seen, Out_co]:
        """Stop at the first call whose outcome passes the predicate."""
        return Schedule(WhileInput(self.plan, predicate, wanted=False))

    def while_output(self, predicate: Callable[[Out_co], bool]) -> Schedule[In_contra, Out_co]:
        """Stop instead of the first tick whose output fails the predicate."""
        return Schedule(WhileOutput(self.plan, predicate, wanted=True))

    def until_output(self, predicate: Callable[[Out_co], bool]) -> Schedule[In_contra, Out_co]:
        """Stop instead of the first tick whose output passes the predicate."""
        return Schedule(WhileOutput(self.plan, predicate, wanted=False))

    def map(self, fn: Callable[[Out_co], Out]) -> Schedule[In_contra, Out]:
        """Replace each output by what ``fn`` makes of it."""
        return Schedule(Mapped(self.plan, fn))

    def tap(self, fn: Callable[[Out_co], object]) -> Schedule[In_contra, Out_co]:
        """Call ``fn`` with each output, for its effect."""
        return Schedule(Tapped(self.plan, fn))

    def and_then(
        self: Schedule[In, Out_co], following: Schedule[In, Out]
    ) -> Schedule[In, Out_co | Out]:
        """Follow this schedule to its end and then another, which counts and times from there."""
        return Schedule(AndThen(self.plan, following.plan))

    def union(
        self: Schedule[In, Out_co], other: Schedule[In, Out]
    ) -> Schedule[In, tuple[Out_co | None, Out | None]]:
        """Go on while either does, at the shorter delay; ``None`` is the output of the ended one.

        Also written ``a | b``.  Its cap is the lower of the two.
        """
        return Schedule(Union(self.plan, other.plan))

    def intersect(
        self: Schedule[In, Out_co], other: Schedule[In, Out]
    ) -> Schedule[In, tuple[Out_co, Out]]:
        """Go on while both do, at the longer delay.

        Also written ``a & b``.  Its cap is the higher of the two.
        """
        return Schedule(Intersect(self.plan, other.plan))

    __or__ = union
    __and__ = intersect

    def __repr__(self) -> str:
        return repr(self.plan)


def check_count(value: float, name: str, *, least: int) -> int:
    """Return a whole number, or refuse it.

    Raises:
      TypeError: It is no integer.
      ValueError: It is below ``least``.
    """
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError(f"{name} is {value!r}: write a whole number, or math.inf for no limit")
    if value < least:
        raise ValueError(f"{name} is {value}: it must be {least} or more")
    return value
