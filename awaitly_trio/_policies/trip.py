"""When a circuit breaker trips: rules over its latest calls, as values.

A rule is frozen and may be shared; ``window`` gives the memory that one breaker keeps.
"""

from __future__ import annotations

import math
from typing import Protocol, final

import msgspec
from msgspec.structs import force_setattr

from awaitly_trio._policies.window import (
    LastCalls,
    LatestTime,
    RecentFailures,
    Streak,
    Window,
)
from awaitly_trio._values.duration import Duration, seconds


class TripRule(Protocol):
    """A rule that decides from a window whether a breaker trips."""

    @property
    def slow_after(self) -> Duration:
        """How long a call may take before it is slow; ``math.inf`` where it does not matter."""
        ...

    def window(self) -> Window:
        """Return the memory of one breaker, empty."""
        ...

    def trips(self, window: Window) -> bool:
        """Tell whether what is remembered trips the breaker."""
        ...


class _Untimed:
    """A rule that does not ask how long a call took."""

    slow_after = math.inf


@final
class FailureCount(_Untimed, msgspec.Struct, frozen=True):
    """Trip at so many failures within a time, however many successes lie between.

    Args:
      failures: At this many the breaker trips.
      within: A failure counts until it is this old, in seconds or any other duration.

    Raises:
      ValueError: ``failures`` is below one, or ``within`` is not above zero.
    """

    failures: int
    within: Duration = math.inf

    def __post_init__(self) -> None:
        _check_count("failures", self.failures)
        force_setattr(self, "within", _positive("within", self.within))

    def window(self) -> Window:
        """Return the memory of one breaker, empty."""
        return RecentFailures(self.failures, seconds(self.within))

    def trips(self, window: Window) -> bool:
        """Tell whether there are enough failures."""
        return window.failures >= self.failures


@final
class ConsecutiveFailures(_Untimed, msgspec.Struct, frozen=True):
    """Trip at so many failures in a row.

    Raises:
      ValueError: ``failures`` is below one.
    """

    failures: int

    def __post_init__(self) -> None:
        _check_count("failures", self.failures)

    def window(self) -> Window:
        """Return the memory of one breaker, empty."""
        return Streak()

    def trips(self, window: Window) -> bool:
        """Tell whether the row is long enough."""
        return window.failures >= self.failures


class _Rates(msgspec.Struct, frozen=True, kw_only=True):
    """The shares at which a rule trips, once its window holds enough calls to judge by."""

    minimum: int
    failure_rate: float = 0.5
    slow_rate: float = 1.0
    slow_after: Duration = math.inf

    def __post_init__(self) -> None:
        _check_count("minimum", self.minimum)
        for name, rate in (("failure_rate", self.failure_rate), ("slow_rate", self.slow_rate)):
            if not 0 < rate <= 1:
                raise ValueError(f"{name} must be above 0 and at most 1, not {rate!r}")
        force_setattr(self, "slow_after", _positive("slow_after", self.slow_after))

    def trips(self, window: Window) -> bool:
        """Tell whether there are enough calls, and too many failed or were slow."""
        # A quotient equals the decimal that a user wrote; 0.07 * 100 is above 7.
        calls = window.calls
        return calls >= self.minimum and (
            window.failures / calls >= self.failure_rate
            or (window.slow > 0 and window.slow / calls >= self.slow_rate)
        )


@final
class RateOfCalls(_Rates, frozen=True, kw_only=True):
    """Trip when too large a share of the last so many calls failed, or was slow.

    Args:
      calls: How many calls are remembered.
      minimum: With fewer calls remembered the breaker never trips.
      failure_rate: The share of failures, above 0 and at most 1, at which it trips.
      slow_rate: The share of slow calls at which it trips.
      slow_after: A call is slow when it takes longer; by default none is.

    Raises:
      ValueError: An argument is out of its range, or ``minimum`` is above ``calls``.
    """

    calls: int

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.minimum > self.calls:
            raise ValueError(
                f"minimum is {self.minimum}, but only {self.calls} calls are remembered: "
                "it could never trip"
            )

    def window(self) -> Window:
        """Return the memory of one breaker, empty."""
        return LastCalls(self.calls)


@final
class RateOverTime(_Rates, frozen=True, kw_only=True):
    """Trip when too large a share of the calls of the latest time failed, or was slow.

    Args:
      within: How far the memory reaches back, in seconds or any other duration.
      minimum: With fewer calls in that time the breaker never trips.
      failure_rate: The share of failures, above 0 and at most 1, at which it trips.
      slow_rate: The share of slow calls at which it trips.
      slow_after: A call is slow when it takes longer; by default none is.
      steps: In how many steps the memory forgets: a call is forgotten together
        with all others of its step, at most one step early.

    Raises:
      ValueError: An argument is out of its range, or ``within`` is infinite.
    """

    within: Duration
    steps: int = 10

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_count("steps", self.steps)
        within = _positive("within", self.within)
        if within == math.inf:
            raise ValueError("within must be finite: to judge by all calls, use RateOfCalls")
        force_setattr(self, "within", within)

    def window(self) -> Window:
        """Return the memory of one breaker, empty."""
        return LatestTime(seconds(self.within) / self.steps, self.steps)


def _check_count(name: str, count: int) -> None:
    if count < 1:
        raise ValueError(f"{name} must be at least 1, not {count!r}")


def _positive(name: str, duration: Duration) -> float:
    length = seconds(duration, name)
    if not length:
        raise ValueError(f"{name} must be above 0 seconds, not {duration!r}")
    return length
