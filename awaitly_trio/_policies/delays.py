"""The schedules that others are made of: no delay, the same, growing, listed, or computed."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from typing_extensions import TypeVar

from awaitly_trio._policies.schedule import Schedule, check_count
from awaitly_trio._policies.series import (
    DOUBLE,
    Every,
    Exponential,
    Fibonacci,
    Linear,
    Listed,
    Spaced,
    Unfold,
    check_finite,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from awaitly_trio._policies.jitter import Jitter
    from awaitly_trio._policies.moves import Plan
    from awaitly_trio._values.duration import Duration

S = TypeVar("S")
In = TypeVar("In")
Out = TypeVar("Out")


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


def every(interval: Duration, *, attempts: float = math.inf) -> Schedule[Any, int]:
    """Go on at the multiples of an interval since the start, whatever the calls take.

    Multiples that pass during a call are skipped.  The output is the number of the multiple.

    Args:
      interval: From one start to the next.
      attempts: Calls in all, the first included: 1 or more.

    Raises:
      ValueError: The interval is zero, negative, NaN or infinite, or ``attempts`` below 1.
    """
    found = check_finite(interval, "interval")
    if not found:
        raise ValueError("interval is 0: write one above zero, or forever() for no delay")
    return _finish(Every(found), math.inf, "none", attempts)


def exponential(
    initial: Duration,
    *,
    factor: float = DOUBLE,
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
