"""The schedules that others are made of: no delay, the same, growing, listed, or computed."""

from __future__ import annotations

import math
from itertools import count
from typing import TYPE_CHECKING, Any

from typing_extensions import TypeVar

from awaitly_trio._policies.moves import Move, Plan, shown
from awaitly_trio._policies.schedule import Schedule, check_count, check_finite

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from awaitly_trio._policies.jitter import Jitter
    from awaitly_trio._policies.moves import Play, Sources
    from awaitly_trio._values.duration import Duration

S = TypeVar("S")
In = TypeVar("In")
Out = TypeVar("Out")


class Series(Plan, frozen=True):
    """A plan whose moves do not depend on what happens."""

    def moves(self) -> Iterator[Move]:
        """Yield the moves in order."""
        raise NotImplementedError

    def begin(self, sources: Sources) -> Play:  # noqa: ARG002
        """Return a play that takes one move after the other."""
        moves = self.moves()
        return lambda _given, _elapsed, _at_least: next(moves, None)


class Spaced(Plan, frozen=True):
    """The same delay for ever; the output counts from zero."""

    delay: float

    def begin(self, sources: Sources) -> Play:  # noqa: ARG002
        """Return a play that counts; it is the commonest, so it does without an iterator."""
        delay, number = self.delay, -1

        def play(given: object, elapsed: float, at_least: float) -> Move:  # noqa: ARG001
            nonlocal number
            number += 1
            return Move(delay, number)

        return play

    def __repr__(self) -> str:
        return f"spaced({self.delay!r})" if self.delay else "forever()"


class Exponential(Series, frozen=True):
    """Delays that grow by a factor; the output is the delay before bounds and jitter."""

    initial: float
    factor: float

    def moves(self) -> Iterator[Move]:
        """Yield products; past the largest float they stay infinite, without an overflow."""
        delay = self.initial
        while True:
            yield Move(delay, delay)
            delay *= self.factor

    def __repr__(self) -> str:
        factor = "" if self.factor == _DOUBLE else f", factor={self.factor!r}"
        return f"exponential({self.initial!r}{factor})"


class Linear(Series, frozen=True):
    """Delays that grow by an increment; the output is the delay before bounds and jitter."""

    initial: float
    increment: float

    def moves(self) -> Iterator[Move]:
        """Yield each delay from its number, since a running sum of 0.1 would drift."""
        for n in count():
            delay = self.initial + n * self.increment
            yield Move(delay, delay)

    def __repr__(self) -> str:
        increment = "" if self.increment == self.initial else f", increment={self.increment!r}"
        return f"linear({self.initial!r}{increment})"


class Fibonacci(Series, frozen=True):
    """Delays of which each is the sum of the two before."""

    initial: float

    def moves(self) -> Iterator[Move]:
        """Yield multiples of the first delay; past the largest float they stay infinite."""
        delay, following = self.initial, self.initial
        while True:
            yield Move(delay, delay)
            delay, following = following, delay + following

    def __repr__(self) -> str:
        return f"fibonacci({self.initial!r})"


class Listed(Series, frozen=True):
    """The given delays, and then the end; the output counts from zero."""

    delays: tuple[float, ...]

    def moves(self) -> Iterator[Move]:
        """Yield the delays as given."""
        return (Move(delay, n) for n, delay in enumerate(self.delays))

    def __repr__(self) -> str:
        return f"delays_of({list(self.delays)!r})"


class Unfold(Plan, frozen=True):
    """Delays that a function computes from its own state and the input."""

    initial: Any
    step: Callable[[Any, Any], tuple[Duration, Any, Any] | None]

    def begin(self, sources: Sources) -> Play:  # noqa: ARG002
        """Return a play that holds the function's state."""
        state, step = self.initial, self.step

        def play(given: Any, elapsed: float, at_least: float) -> Move | None:  # noqa: ARG001
            nonlocal state
            found = step(state, given)
            if found is None:
                return None
            delay, output, state = found
            return Move(check_finite(delay, f"the delay of {shown(step)}"), output)

        return play

    def __repr__(self) -> str:
        return f"unfold({self.initial!r}, {shown(self.step)})"


_DOUBLE = 2.0


def forever() -> Schedule[Any, int]:
    """Go on at once, without end; the output counts from zero."""
    return Schedule(Spaced(0.0))


def recurs(times: int) -> Schedule[Any, int]:
    """Go on at once, so many times; a retry makes one call more."""
    return forever().up_to(check_count(times, "times", least=0))


def once() -> Schedule[Any, int]:
    """Go on at once, one time."""
    return recurs(1)


def stop() -> Schedule[Any, int]:
    """Never go on."""
    return recurs(0)


def spaced(
    delay: Duration, *, jitter: Jitter = "none", attempts: float = math.inf
) -> Schedule[Any, int]:
    """Wait the same time between calls; the output counts from zero.

    Args:
      delay: From the end of a call to the start of the next.
      jitter: See ``Schedule.jitter``.
      attempts: Calls in all, the first included: 1 or more.

    Raises:
      ValueError: The delay is negative, NaN or infinite, or ``attempts`` below 1.
    """
    return _finish(Spaced(check_finite(delay, "delay")), math.inf, jitter, attempts)


def exponential(
    initial: Duration,
    *,
    factor: float = _DOUBLE,
    cap: Duration = math.inf,
    jitter: Jitter = "none",
    attempts: float = math.inf,
) -> Schedule[Any, float]:
    """Wait ``initial``, and each time ``factor`` times as long as before.

    Args:
      initial: The first delay.
      factor: Above zero; below 1 the delays shrink.
      cap: The longest delay, jitter included.
      jitter: See ``Schedule.jitter``.
      attempts: Calls in all, the first included: 1 or more.

    Raises:
      ValueError: A number is negative, NaN, or infinite where it may not be.
    """
    if isinstance(factor, bool) or not 0 < factor < math.inf:
        raise ValueError(f"factor is {factor!r}: it must be above zero and finite, such as 2")
    plan = Exponential(check_finite(initial, "initial"), float(factor))
    return _finish(plan, cap, jitter, attempts)


def linear(
    initial: Duration,
    *,
    increment: Duration | None = None,
    cap: Duration = math.inf,
    jitter: Jitter = "none",
    attempts: float = math.inf,
) -> Schedule[Any, float]:
    """Wait ``initial``, and each time ``increment`` longer than before.

    Args:
      initial: The first delay.
      increment: The growth; ``initial`` unless given.
      cap: The longest delay, jitter included.
      jitter: See ``Schedule.jitter``.
      attempts: Calls in all, the first included: 1 or more.

    Raises:
      ValueError: A number is negative, NaN, or infinite where it may not be.
    """
    first = check_finite(initial, "initial")
    growth = first if increment is None else check_finite(increment, "increment")
    return _finish(Linear(first, growth), cap, jitter, attempts)


def fibonacci(
    initial: Duration,
    *,
    cap: Duration = math.inf,
    jitter: Jitter = "none",
    attempts: float = math.inf,
) -> Schedule[Any, float]:
    """Wait ``initial`` twice, and from then on the sum of the last two delays: 1, 1, 2, 3, 5.

    Args:
      initial: The first delay.
      cap: The longest delay, jitter included.
      jitter: See ``Schedule.jitter``.
      attempts: Calls in all, the first included: 1 or more.

    Raises:
      ValueError: A number is negative, NaN, or infinite where it may not be.
    """
    return _finish(Fibonacci(check_finite(initial, "initial")), cap, jitter, attempts)


def delays_of(delays: Iterable[Duration]) -> Schedule[Any, int]:
    """Wait the given delays one after the other, and then stop.

    Raises:
      ValueError: A delay is negative, NaN or infinite.
    """
    checked = (check_finite(delay, f"delay {n}") for n, delay in enumerate(delays))
    return Schedule(Listed(tuple(checked)))


def unfold(
    initial: S, step: Callable[[S, In], tuple[Duration, Out, S] | None]
) -> Schedule[In, Out]:
    """Build a schedule of your own from a function.

    Args:
      initial: The state that every use starts from; treat it as immutable.
      step: Takes the state and what the call led to; returns the delay, the output and
        the next state, or ``None`` to stop.
    """
    return Schedule(Unfold(initial, step))


def _finish(plan: Plan, cap: Duration, jitter: Jitter, attempts: float) -> Schedule[Any, Any]:
    schedule: Schedule[Any, Any] = Schedule(plan)
    if cap != math.inf:
        schedule = schedule.cap(cap)
    schedule = schedule.jitter(jitter)
    if attempts != math.inf:
        schedule = schedule.up_to(check_count(attempts, "attempts", least=1) - 1)
    return schedule
